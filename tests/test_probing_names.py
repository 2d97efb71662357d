"""Variables of any name and kind can be probed: the tables keep their columns apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.interpret.johnson_neyman import _true_of


def study(seed: int = 2, groups: int = 30, size: int = 14) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), size)
    d = pd.DataFrame({"g": g, "x": rng.normal(size=len(g)), "w": rng.normal(size=groups)[g]})
    d["s"] = g % 2
    d["kind"] = np.array(["town", "coast", "hills"])[g % 3]
    u = rng.normal(size=(groups, 2)) * [1, 0.4]
    d["y"] = 0.4 * d.x + 0.5 * d.w * d.x + 0.3 * d.s * d.x + u[g, 0] + u[g, 1] * d.x
    d["y"] += rng.normal(size=len(g))
    return d


NAMES = [
    "t", "p", "df", "n", "label", "estimate", "std_error", "lower", "upper",
    "slope", "significant", "predicted", "effect", "t_value",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_moderator_may_have_the_name_of_a_column_of_the_tables(name: str) -> None:
    plain, named = study(), study().rename(columns={"w": name})
    a = mlm.fit_mlm("y ~ x * w + (1 + x | g)", plain)
    b = mlm.fit_mlm(f"y ~ x * {name} + (1 + x | g)", named)
    jn_a, jn_b = mlm.johnson_neyman(a, "x"), mlm.johnson_neyman(b, "x")
    assert (jn_a.kind, jn_a.n_significant) == (jn_b.kind, jn_b.n_significant)
    np.testing.assert_allclose(jn_b.table.to_numpy(float), jn_a.table.to_numpy(float))
    for first, second in (
        (mlm.simple_slopes(a, "x"), mlm.simple_slopes(b, "x")),
        (mlm.simple_intercepts(a), mlm.simple_intercepts(b)),
        (mlm.prediction_grid(a, "x", by="w"), mlm.prediction_grid(b, "x", by=name)),
        (mlm.prediction_grid(a, "w", by="x"), mlm.prediction_grid(b, name, by="x")),
    ):
        assert second.columns.is_unique
        numbers = [c for c in first if first[c].dtype.kind == "f" and c != "w"]
        np.testing.assert_allclose(second[numbers], first[numbers])
        assert [t.replace(f"{name} =", "w =") for t in second["label"]] == list(first["label"])
    assert list(b.group_table["n"]) == [14] * 30
    mlm.plots.alt_text(mlm.plots.plot_johnson_neyman(jn_b))
    mlm.plots.alt_text(mlm.plots.plot_predictions(mlm.prediction_grid(b, "x", by=name)))
    mlm.plots.alt_text(mlm.plots.plot_simple_slopes(mlm.simple_slopes(b, "x")))


def test_two_names_that_meet_get_two_columns() -> None:
    d = study().rename(columns={"w": "t"})
    d["t_value"] = d.s
    fit = mlm.fit_mlm("y ~ x * t + x * t_value + (1 | g)", d)
    table = mlm.simple_slopes(fit, "x")
    assert table.columns.is_unique
    assert set(table.columns[:2]) == {"t_value_", "t_value"}


@pytest.mark.parametrize("name", ["my group", "1st", "x.1", "C", "a-b", "true]", "T.x"])
def test_names_in_backticks_are_one_variable(name: str) -> None:
    d = study().rename(columns={"w": name})
    fit = mlm.fit_mlm(f"y ~ x * `{name}` + (1 | g)", d)
    assert mlm.simple_slopes(fit, "x", by=name).columns[0] == name
    assert mlm.johnson_neyman(fit, "x", name).kind


TWO = {
    "bool": lambda s: s.astype(bool),
    "bool with a missing value": lambda s: s.astype(bool).astype(object).mask(s.index == 3, None),
    "boolean of pandas with a missing value": lambda s: s.astype("boolean").mask(s.index == 3),
    "text": lambda s: s.map({0: "no", 1: "yes"}),
    "text of pandas with a missing value": lambda s: (
        s.map({0: "no", 1: "yes"}).astype("string").mask(s.index == 3)
    ),
    "categories with one unused": lambda s: pd.Categorical(
        s.map({0: "no", 1: "yes"}), ["perhaps", "no", "yes"]
    ),
    "ordered categories": lambda s: pd.Categorical(
        s.map({0: "no", 1: "yes"}), ["no", "yes"], ordered=True
    ),
    "whole numbers with a missing value": lambda s: s.astype("Int64").mask(s.index == 3),
}


@pytest.mark.parametrize("kind", list(TWO))
def test_a_moderator_with_two_values_of_any_type(kind: str) -> None:
    d = study()
    d["s"] = TWO[kind](d["s"])
    whole = study().loc[d["s"].notna()]
    right = mlm.simple_slopes(mlm.fit_mlm("y ~ x * s + (1 + x | g)", whole), "x")
    fit = mlm.fit_mlm("y ~ x * s + (1 + x | g)", d)
    found = mlm.simple_slopes(fit, "x")
    np.testing.assert_allclose(found["estimate"], right["estimate"], rtol=1e-6)
    np.testing.assert_allclose(found["std_error"], right["std_error"], rtol=1e-5)
    assert mlm.prediction_grid(fit, "x", by="s")["label"].nunique() == 2


# ---- Johnson-Neyman at its edges ------------------------------------------------------------
@pytest.mark.parametrize("df", ["satterthwaite", "z"])
def test_a_region_without_a_main_effect_is_all_or_nothing(df: str) -> None:
    d = study()
    weak = mlm.fit_mlm("y ~ x:w + w + (1 | g)", d.assign(y=d.y - 0.5 * d.w * d.x))
    assert mlm.johnson_neyman(weak, "x", df=df).kind == "nowhere"
    strong = mlm.johnson_neyman(mlm.fit_mlm("y ~ x:w + w + (1 | g)", d), "x", df=df)
    assert (strong.kind, strong.bounds, strong.roots) == ("everywhere", (), ())
    assert "0 by construction where w = 0" in strong.sentence
    assert np.isfinite(strong.table[["lower", "upper"]].to_numpy()).all()
    shifted = mlm.johnson_neyman(mlm.fit_mlm("y ~ x:I(w - 1) + w + (1 | g)", d), "x", df=df)
    assert "where w = 1" in shifted.sentence


def test_a_region_without_a_main_effect_but_with_another_moderator() -> None:
    fit = mlm.fit_mlm("y ~ x:w + x:s + w + s + (1 | g)", study())
    assert mlm.johnson_neyman(fit, "x", "w", at={"s": 0}).notes[-1].startswith("The model has no")
    assert "no coefficient" not in mlm.johnson_neyman(fit, "x", "w", at={"s": 1}).sentence


@pytest.mark.parametrize(
    ("start", "unit"), [(0.0, 1.0), (2000.0, 1.0), (-2010.0, 1.0), (0.0, 0.001), (2000.0, 365.25)]
)
def test_a_printed_bound_is_true_of_the_values_observed(start: float, unit: float) -> None:
    d = study(seed=6, groups=40)
    d["yr"] = start + unit * (d.g % 8)
    rng = np.random.default_rng(2)
    d["y"] = 0.12 * (d.g % 8) * d.x + 1.2 * rng.normal(size=len(d))
    jn = mlm.johnson_neyman(mlm.fit_mlm("y ~ x * yr + (1 | g)", d), "x")
    (bound,), (text,) = jn.bounds, jn.bound_texts()
    printed = float(text.replace("−", "-"))
    values = jn.values.to_numpy()
    assert ((values > printed) == (values > bound)).all()
    assert abs(printed - bound) <= 0.01 * np.ptp(values)
    assert f"above {text};" in jn.sentence
    labels = mlm.simple_slopes(mlm.fit_mlm("y ~ x * yr + (1 | g)", d), "x")
    shown = [float(t.split(" = ")[1].split(" (")[0].replace("−", "-")) for t in labels["label"]]
    np.testing.assert_allclose(shown, labels["yr"], atol=0.01 * np.ptp(values))


def test_digits_are_added_only_where_they_are_needed() -> None:
    assert _true_of(0.123456, np.array([-1.0, 1.0]), 2.0) == "0.1235"
    assert _true_of(-0.123456, np.array([-1.0, -0.12348, 1.0]), 2.0) == "−0.12346"


def test_a_false_discovery_rate_makes_regions_smaller_and_says_so() -> None:
    fit = mlm.fit_mlm("y ~ x * w + (1 + x | g)", study())
    plain, held = mlm.johnson_neyman(fit, "x"), mlm.johnson_neyman(fit, "x", fdr=True)
    assert held.p_limit < 0.05
    assert held.n_significant <= plain.n_significant
    assert "without a correction" in plain.sentence
    assert "false discovery rate" in held.sentence
    # Benjamini & Hochberg by their own words, over the same places
    grid = np.linspace(*held.observed, 1001)
    rows = mlm.simple_slopes(fit, "x", at={"w": list(grid)})
    p = np.sort(rows["p"].to_numpy())
    largest = max(k for k in range(1, 1002) if p[k - 1] <= 0.05 * k / 1001)
    assert held.p_limit == pytest.approx(0.05 * largest / 1001)
    inside = [any(a <= m <= b for a, b in held.regions) for m in grid]
    assert inside == list(rows["p"] <= p[largest - 1])


def test_no_slope_at_all_has_no_region_with_a_rate() -> None:
    rng = np.random.default_rng(1)
    fit = mlm.fit_mlm("y ~ x * w + (1 | g)", study().assign(y=lambda d: rng.normal(size=len(d))))
    assert mlm.johnson_neyman(fit, "x", fdr=True).kind == "nowhere"
