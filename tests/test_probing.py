"""Simple slopes, Johnson-Neyman regions and predictions against R and against first principles."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reference import HERE, data, fit
from scipy import stats

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.regions import SlopeLine
from mlm_helpers.interpret.scenes import Probe

R = json.loads((HERE / "values" / "probing.json").read_text(encoding="utf-8"))


@cache
def hsb() -> pd.DataFrame:
    d = mlm.load_dataset("hsb82")
    d["meanses"] = mlm.group_mean(d, "ses", "school")
    d["cses"] = mlm.center_within(d, "ses", "school")
    d["letter"] = np.where(d["sector"] == 1, "c", "p")
    d["third"] = pd.cut(d["meanses"], [-2, -0.2, 0.2, 2], labels=["low", "middle", "high"])
    return d


@cache
def model(formula: str) -> Any:
    return mlm.fit_mlm(formula, hsb())


M3 = "mathach ~ meanses * cses + sector * cses + (1 + cses | school)"
BY_MEAN = {"estimate": 1e-5, "std_error": 1e-5, "df": 1e-4, "t": 1e-5, "lower": 1e-5, "upper": 1e-5}


def agrees(ours: pd.DataFrame, reference: dict[str, list[float]]) -> None:
    for column, rel in BY_MEAN.items():
        np.testing.assert_allclose(ours[column], reference[column], rtol=rel, err_msg=column)
    # p is a tail: compare where its logarithm is
    np.testing.assert_allclose(np.log(ours["p"]), np.log(reference["p"]), rtol=1e-4)


# ---- simple slopes ------------------------------------------------------------------------
@pytest.mark.parametrize(("sector", "key"), [(1, "catholic"), (0, "public")])
def test_simple_slopes_against_r(sector: int, key: str) -> None:
    ours = mlm.simple_slopes(model(M3), "cses", by="meanses", at={"sector": sector})
    agrees(ours, R[f"slopes_by_meanses_{key}"])


def test_simple_slopes_of_catholic_schools_as_known() -> None:
    ours = mlm.simple_slopes(model(M3), "cses", by="meanses", at={"sector": 1})
    assert [f"{e:.4f}" for e in ours["estimate"]] == ["0.8657", "1.2959", "1.7261"]
    assert [f"{e:.4f}" for e in ours["std_error"]] == ["0.2350", "0.1729", "0.1876"]


def test_moderator_values_are_over_groups_not_rows() -> None:
    schools = hsb().drop_duplicates("school")["meanses"]
    ours = mlm.simple_slopes(model(M3), "cses", by="meanses")["meanses"]
    expected = schools.mean() + np.array([-1, 0, 1]) * schools.std()
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    assert abs(ours[1] - hsb()["meanses"].mean()) > 1e-3


def test_level_1_moderator_uses_rows() -> None:
    m = model("mathach ~ ses * minority * pracad + (1 | school)")
    ours = mlm.simple_slopes(m, "pracad", by="ses", at={"minority": 1})
    assert ours["ses"][1] == pytest.approx(hsb()["ses"].mean())
    assert "rows" in ours.attrs["note"]


def test_by_defaults_to_every_combination_of_moderators() -> None:
    ours = mlm.simple_slopes(model(M3), "cses")
    assert list(ours.columns[:3]) == ["meanses", "sector", "label"]
    assert len(ours) == 6
    assert ours["label"][0] == "meanses = −0.4202 (mean − SD), sector = 0"
    assert ours.attrs["held"] == {}


def test_held_moderators_are_stated() -> None:
    ours = mlm.simple_slopes(model(M3), "cses", by="sector")
    assert ours.attrs["held"] == {"meanses": 0.0}
    assert (ours["meanses"] == 0).all()
    assert "meanses = 0" in ours.attrs["note"]
    expected = model(M3).fixed_effects["estimate"]
    assert ours["estimate"][0] == pytest.approx(expected["cses"], rel=1e-12)
    held = mlm.simple_slopes(model(M3), "cses", by="sector", at={"meanses": 0.3})
    assert held.attrs["held"] == {"meanses": 0.3}


def test_a_variable_never_near_0_is_held_at_its_mean() -> None:
    m = model("mathach ~ cses * size + cses * sector + (1 | school)")
    ours = mlm.simple_slopes(m, "cses", by="sector")
    schools = hsb().drop_duplicates("school")["size"]
    assert ours.attrs["held"]["size"] == pytest.approx(schools.mean())


@pytest.mark.parametrize(
    "formula",
    [
        "mathach ~ cses * meanses + cses * sector + (1 + cses | school)",
        "mathach ~ cses + meanses + sector + meanses:cses + cses:sector + (1 + cses | school)",
        "mathach ~ cses + meanses + letter + cses:meanses + letter:cses + (1 + cses | school)",
        "mathach ~ meanses + letter + letter:cses + cses:meanses + (1 + cses | school)",
    ],
)
def test_any_coding_of_the_products_gives_the_same(formula: str) -> None:
    by, value = ("letter", "c") if "letter" in formula else ("sector", 1)
    ours = mlm.simple_slopes(model(formula), "cses", by="meanses", at={by: value})
    agrees(ours, R["slopes_by_meanses_catholic"])


def test_three_categories_against_r() -> None:
    ours = mlm.simple_slopes(fit("schools_kind_by_x"), "x", by="kind")
    assert list(ours["kind"]) == ["city", "rural", "town"]
    agrees(ours, R["slopes_by_kind"])


def test_codes_of_categories() -> None:
    d = data("schools").assign(code=lambda f: f["kind"].map({"city": 1, "rural": 2, "town": 3}))
    m = mlm.fit_mlm("y ~ x * C(code) + (1 | g)", d)
    ours = mlm.simple_slopes(m, "x", by="code")
    assert list(ours["code"]) == [1, 2, 3]
    agrees(ours, R["slopes_by_kind"])


def test_predictor_that_is_not_centered() -> None:
    m = model("mathach ~ ses * sector + (1 + ses | school)")
    agrees(mlm.simple_slopes(m, "ses", by="sector"), R["slopes_raw"])


def test_transformed_moderator() -> None:
    d = data("schools")
    m = mlm.fit_mlm("y ~ x * log(w) + (1 | g)", d)
    ours = mlm.simple_slopes(m, "x", by="w", at={"w": [1.0, 3.0]})
    g = m.fixed_effects["estimate"]
    expected = g["x"] + g["x:log(w)"] * np.log([1.0, 3.0])
    np.testing.assert_allclose(ours["estimate"], expected, rtol=1e-9)


def test_z_and_level() -> None:
    ours = mlm.simple_slopes(model(M3), "cses", by="sector", level=0.9, df="z")
    z = ours["estimate"] / ours["std_error"]
    np.testing.assert_allclose(ours["p"], 2 * stats.norm.sf(np.abs(z)), rtol=1e-8)
    np.testing.assert_allclose(
        ours["upper"] - ours["estimate"], stats.norm.ppf(0.95) * ours["std_error"], rtol=1e-12
    )
    assert np.isinf(ours["df"]).all()


# ---- simple intercepts and predictions ----------------------------------------------------
def test_simple_intercepts_against_r() -> None:
    ours = mlm.simple_intercepts(model(M3), by="sector")
    agrees(ours, R["intercepts_by_sector"])
    assert ours.attrs["held"] == {"meanses": 0.0, "cses": 0.0}


def test_prediction_grid_against_r() -> None:
    ours = mlm.prediction_grid(
        model(M3), "cses", by="sector", at={"cses": [-2, 0, 1.5], "meanses": 0.3}, level=0.9
    )
    for ours_name, name in [("predicted", "estimate"), ("std_error",) * 2, ("df",) * 2,
                            ("lower",) * 2, ("upper",) * 2]:  # fmt: skip
        np.testing.assert_allclose(ours[ours_name], R["predicted"][name], rtol=1e-4)
    assert list(ours["sector"]) == [0, 0, 0, 1, 1, 1]


def test_prediction_grid_keeps_to_the_range_of_each_category() -> None:
    ours = mlm.prediction_grid(model(M3), "meanses", by="sector", points=7)
    schools = hsb().drop_duplicates("school")
    for sector, part in ours.groupby("sector"):
        mine = schools.loc[schools["sector"] == sector, "meanses"]
        assert len(part) == 7
        assert (part["meanses"].min(), part["meanses"].max()) == (mine.min(), mine.max())


def test_prediction_grid_draws_curves() -> None:
    d = data("schools")
    m = mlm.fit_mlm("y ~ x + I(x**2) + (1 | g)", d)
    ours = mlm.prediction_grid(m, "x", points=5)
    expected = m.predict(ours.assign(g="none"), random=False)
    np.testing.assert_allclose(ours["predicted"], expected, rtol=1e-12)


# ---- Johnson-Neyman -----------------------------------------------------------------------
def test_catholic_bounds_with_z_as_known() -> None:
    jn = mlm.johnson_neyman(model(M3), "cses", "meanses", at={"sector": 1}, df="z")
    np.testing.assert_allclose(jn.roots, R["jn_catholic_z"], rtol=1e-5)
    assert [f"{r:.3f}" for r in jn.roots] == ["-3.102", "-0.692"]
    assert jn.kind == "one-sided"
    assert jn.bounds == jn.roots[1:]  # the other is far below any school
    assert jn.regions == ((jn.bounds[0], jn.observed[1]),)


def test_bounds_with_satterthwaite_against_r() -> None:
    jn = mlm.johnson_neyman(model(M3), "cses", "meanses", at={"sector": 1})
    np.testing.assert_allclose(jn.roots, R["jn_catholic_t"], rtol=1e-5)
    at_bound = mlm.simple_slopes(
        model(M3), "cses", by="meanses", at={"sector": 1, "meanses": jn.bounds}
    )
    np.testing.assert_allclose(at_bound["p"], 0.05, rtol=1e-7)


def test_search_finds_what_the_quadratic_gives() -> None:
    for sector in (0, 1):
        line = SlopeLine.through(Probe(model(M3)), "cses", "meanses", {"sector": sector})
        for level in (0.5, 0.9, 0.95, 0.999):
            closed, searched = line.roots(level, "z"), line._roots_t(level, "z")
            np.testing.assert_allclose(searched, closed, rtol=1e-8, err_msg=f"{sector} {level}")


def test_public_schools_everywhere() -> None:
    jn = mlm.johnson_neyman(model(M3), "cses", "meanses", df="z")
    assert (jn.kind, jn.bounds) == ("everywhere", ())
    np.testing.assert_allclose(jn.roots, R["jn_public_z"], rtol=1e-5)
    assert jn.table["significant"].all()
    assert jn.held == {"sector": 0}


def made(slope: float, turn: float, noise: float = 1.0, seed: int = 1) -> Any:
    """Groups whose slope is slope + turn * w exactly, for a region of a wanted kind."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(40), 12)
    w = np.repeat(np.linspace(-2, 2, 40), 12)
    x = np.tile(np.linspace(-1, 1, 12), 40)
    y = (slope + turn * w) * x + rng.normal(0, noise, 480) + np.repeat(rng.normal(0, 1, 40), 12)
    return mlm.fit_mlm("y ~ x * w + (1 | g)", pd.DataFrame({"y": y, "x": x, "w": w, "g": g}))


@pytest.mark.parametrize("df", ["z", "satterthwaite"])
def test_each_kind(df: str) -> None:
    outside = mlm.johnson_neyman(made(0.0, 1.0), "x", df=df)
    assert outside.kind == "outside"
    assert len(outside.bounds) == 2
    assert outside.regions == (
        (outside.observed[0], outside.bounds[0]),
        (outside.bounds[1], outside.observed[1]),
    )
    assert mlm.johnson_neyman(made(3.0, 0.1), "x", df=df).kind == "everywhere"
    nowhere = mlm.johnson_neyman(made(0.0, 0.0, noise=3.0), "x", df=df)
    assert (nowhere.kind, nowhere.regions) == ("nowhere", ())
    assert "cannot be told from zero" in nowhere.sentence
    assert "does not show that it is zero" in nowhere.sentence
    assert mlm.johnson_neyman(made(1.0, 0.55), "x", df=df).kind == "one-sided"
    # a small slope, known best in the middle: significant there and not at the ends
    inside = mlm.johnson_neyman(made(0.16, 0.0, seed=5), "x", df=df)
    assert inside.kind == "inside", inside
    assert inside.regions == (inside.bounds,)


def test_table_tells_the_same_as_the_region() -> None:
    jn = mlm.johnson_neyman(made(0.0, 1.0), "x")
    t, away = jn.table, ~jn.table["w"].isin(jn.bounds)
    by_interval = (t["lower"] > 0) | (t["upper"] < 0)
    assert (t["significant"] == by_interval)[away].all()
    assert set(jn.bounds) <= set(t["w"])


def test_sentence_says_range_and_warns() -> None:
    jn = mlm.johnson_neyman(model(M3), "cses", "meanses", at={"sector": 1})
    for part in ("meanses is above −0.6888", "−1.194 to 0.825", "compared with zero",
                 "68 of 70 groups with sector = 1", "without a correction"):  # fmt: skip
        assert part in jn.sentence, part
    assert "SES slope" in jn.describe({"cses": "SES slope"})
    assert str(jn) == jn.sentence
    schools = hsb().drop_duplicates("school")
    catholic = schools.loc[schools["sector"] == 1, "meanses"]
    assert jn.n_significant == (catholic > jn.bounds[0]).sum()


# ---- sentences ----------------------------------------------------------------------------
M1 = "mathach ~ cses + (1 + cses | school)"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mlm.simple_slopes(model(M1), "cses"), "one number: 2.193"),
        (lambda: mlm.simple_slopes(model(M1), "cses", by="sector"), "no predictor 'sector'"),
        (lambda: mlm.simple_slopes(model(M3), "meanses", by="sector"),
         "no product of meanses and sector"),
        (lambda: mlm.johnson_neyman(model("mathach ~ cses + meanses + (1|school)"), "cses",
                                    "meanses"), "add cses:meanses"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="sectr"), "Did you mean 'sector'"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="cses"), "its own slope"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="sector", at={"meanses": [0, 1]}),
         "needs one value"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="sector", at={"cses": 1}),
         "is the predictor"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="sector", at={"meanses": "x"}),
         "must be a number"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="meanses", at={"meanses": np.nan}),
         "finite"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="sector", level=95), "between 0 and 1"),
        (lambda: mlm.simple_slopes(model(M3), "cses", by="sector", df="kr"), "'satterthwaite'"),
        (lambda: mlm.johnson_neyman(model(M3), "cses", "sector"), "simple_slopes"),
        (lambda: mlm.johnson_neyman(model(M3), "cses", "meanses", at={"meanses": 0}),
         "leave it out"),
        (lambda: mlm.simple_slopes(
            model("mathach ~ cses * letter + (1 | school)"), "cses", by="letter",
            at={"letter": "q"}), "no category 'q'"),
        (lambda: mlm.simple_slopes(
            model("mathach ~ cses * letter + (1 | school)"), "letter", by="cses"), "categories"),
        (lambda: mlm.simple_slopes(
            model("mathach ~ (cses + I(cses**2)) * sector + (1 | school)"), "cses", by="sector"),
         "prediction_grid"),
        (lambda: mlm.simple_intercepts(model(M1)), "one intercept"),
        (lambda: mlm.prediction_grid(model(M3), "cses", by="cses"), "cannot be in by"),
        (lambda: mlm.johnson_neyman(
            mlm.fit_mlm("y ~ x * log(w) + (1 | g)", data("schools")), "x", "w"), "straight line"),
    ],
)  # fmt: skip
def test_questions_without_an_answer_get_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(MLMError, match=re.escape(said)):
        call()


def test_nothing_is_changed_in_the_fit_or_the_arguments() -> None:
    m, at = model(M3), {"sector": 1}
    before = m.data.copy()
    mlm.johnson_neyman(m, "cses", "meanses", at=at)
    mlm.prediction_grid(m, "cses", by="sector", at={"meanses": 1.0})
    pd.testing.assert_frame_equal(m.data, before)
    assert at == {"sector": 1}


# ---- contextual effect --------------------------------------------------------------------
def test_contextual_effect_is_the_same_however_ses_is_centered() -> None:
    centered = mlm.contextual_effect(
        model("mathach ~ cses + meanses + (1 | school)"), "cses", "meanses"
    )
    raw = mlm.contextual_effect(model("mathach ~ ses + meanses + (1 | school)"), "ses", "meanses")
    # the same model written in two ways
    np.testing.assert_allclose(raw["estimate"], centered["estimate"], rtol=1e-8)
    np.testing.assert_allclose(raw["std_error"], centered["std_error"], rtol=1e-6)
    g = model("mathach ~ cses + meanses + (1 | school)").fixed_effects["estimate"]
    np.testing.assert_allclose(
        centered["estimate"], [g["cses"], g["meanses"], g["meanses"] - g["cses"]], rtol=1e-12
    )


def test_contextual_effect_holds_moderators() -> None:
    ours = mlm.contextual_effect(model(M3), "cses", "meanses", at={"sector": 1})
    g = model(M3).fixed_effects["estimate"]
    catholic = g["cses"] + g[model(M3).structure.coefficient("cses:sector").column]
    assert ours.loc["within", "estimate"] == pytest.approx(catholic, rel=1e-12)
    assert ours.loc["between", "estimate"] == pytest.approx(g["meanses"], rel=1e-12)
    assert ours.attrs["held"]["sector"] == 1
    with pytest.raises(MLMError, match="level-2 variable"):
        mlm.contextual_effect(model(M3), "meanses", "cses")
