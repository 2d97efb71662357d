"""The contextual effect, held against the predictions of two students."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError


def study(seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Classes with raw x, its mean m (about ``shift``), deviations xc, a two-valued s and a w."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(20), 8)
    d = pd.DataFrame({"g": g, "x": shift + rng.normal(size=20)[g] + rng.normal(size=160)})
    d["m"] = mlm.group_mean(d, "x", "g")
    d["xc"] = mlm.center_within(d, "x", "g")
    d["mc"] = d.m - d.m.groupby(d.g).first().mean()
    d["s"] = g % 2
    d["kind"] = np.array(["a", "b", "c"])[g % 3]
    d["w"] = rng.normal(size=20)[g]
    d["y"] = d.x * (1 + d.s - 0.5 * d.m / (1 + abs(shift))) + d.w * d.xc + d.m
    d["y"] += rng.normal(size=20)[g] + rng.normal(size=160)
    return d


def _difference(fit: mlm.MLMFit, d: pd.DataFrame, x: float, m: float, held: dict) -> float:
    """The slope in m of predictions for students with raw x, in groups with mean m."""
    step = 1e-3
    center = float(d.m.groupby(d.g).first().mean())
    rows = [
        {"x": x, "m": at, "xc": x - at, "mc": at - center, "g": 0, **held}
        for at in (m + step, m - step)
    ]
    two = fit.predict(pd.DataFrame(rows), random=False)
    return float(two.iloc[0] - two.iloc[1]) / (2 * step)


MODELS = {
    "centered, both products": ("y ~ xc * m + xc * s + (1 | g)", "xc", "m"),
    "centered, mean about its grand mean": ("y ~ xc * mc + xc * s + (1 + xc | g)", "xc", "mc"),
    "raw, both products": ("y ~ x * m + x * s + (1 | g)", "x", "m"),
    "raw, mean about its grand mean": ("y ~ x * mc + x * s + (1 | g)", "x", "mc"),
    "mean by sector": ("y ~ xc * s + m * s + (1 | g)", "xc", "m"),
    "three together": ("y ~ xc * m * s + (1 | g)", "xc", "m"),
    "product by hand": ("y ~ xc + m + I(xc * m) + xc:s + s + (1 | g)", "xc", "m"),
}


@pytest.mark.parametrize("name", list(MODELS))
@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), shift=st.sampled_from([0.0, 50.0]), share=st.floats(0.1, 0.9))
def test_it_is_the_difference_of_two_students_with_the_same_x(
    name: str, seed: int, shift: float, share: float
) -> None:
    formula, x, m = MODELS[name]
    d = study(seed, shift)
    fit = mlm.fit_mlm(formula, d)
    means = d[m].groupby(d.g).first()
    raw_means = d.m.groupby(d.g).first()
    at = float(means.quantile(share))
    group_mean = at + float((raw_means - means).mean())
    students = {"average": {}, "another": {x: float(d[x].quantile(share))}}
    for s in (0, 1):
        for place, given_x in students.items():
            found = mlm.contextual_effect(fit, x, m, at={m: at, "s": s, **given_x})["estimate"]
            raw = group_mean if place == "average" else given_x[x]
            if place == "another" and x == "xc":
                raw += group_mean
            right = _difference(fit, d, raw, group_mean, {"s": s})
            assert found["contextual"] == pytest.approx(right, rel=1e-5, abs=1e-5)
        # and the average students of two groups differ by the between slope
        held = [
            {"g": 0, "s": s, "x": v, "m": v, "xc": 0.0} for v in (group_mean, group_mean + 1e-3)
        ]
        rows = pd.DataFrame(held).assign(mc=lambda r: r.m - float(raw_means.mean()))
        two = fit.predict(rows, random=False)
        found = mlm.contextual_effect(fit, x, m, at={m: at, "s": s})["estimate"]
        assert found["between"] == pytest.approx((two[1] - two[0]) * 1e3, rel=1e-2, abs=2e-2)


def test_every_kind_of_group_has_its_own() -> None:
    d = study(3)
    fit = mlm.fit_mlm("y ~ xc * kind + m + (1 | g)", d)
    table = mlm.contextual_effect(fit, "xc", "m")
    assert list(table.index) == ["within", "between", "contextual"] * 3
    assert list(table["kind"].unique()) == ["a", "b", "c"]
    for kind in "abc":
        one = mlm.contextual_effect(fit, "xc", "m", at={"kind": kind})
        ours = table[table["kind"] == kind]
        np.testing.assert_allclose(ours[["estimate", "lower"]], one[["estimate", "lower"]])
        slope = mlm.simple_slopes(fit, "xc", at={"kind": kind})["estimate"]
        assert one.loc["within", "estimate"] == pytest.approx(float(slope.iloc[0]))
    first = mlm.contextual_effect(fit, "xc", "m", by=())
    assert (first["kind"] == "a").all()
    assert "label" not in first


def test_the_lecture_models_say_it_for_both_sectors() -> None:
    m3 = (
        "g1rscore ~ 1 + sector + schsesgdm + famsesc + sector * famsesc + schsesgdm * famsesc"
        " + (1 + famsesc | schid)"
    )
    table = mlm.contextual_effect(mlm.fit_mlm(m3, mlm.load_dataset("ex1")), "famsesc", "schsesgdm")
    assert table.loc["contextual", "estimate"].round(2).tolist() == [3.85, 7.45]
    assert (table["schsesgdm"] == 0).all()
    h = mlm.load_dataset("hsb82")
    h["cses"], h["m"] = mlm.center_within(h, "ses", "school"), mlm.group_mean(h, "ses", "school")
    fit = mlm.fit_mlm("mathach ~ m * cses + sector * cses + (1 + cses | school)", h)
    table = mlm.contextual_effect(fit, "cses", "m")
    assert table.loc["contextual", "estimate"].round(2).tolist() == [2.39, 4.03]


def test_what_is_held_is_printed_and_lies_where_groups_are() -> None:
    d = study(5, shift=50.0)
    d["w"] += 30.0
    fit = mlm.fit_mlm("y ~ xc * m + xc * w + (1 | g)", d)
    table = mlm.contextual_effect(fit, "xc", "m")
    for name in ("m", "w"):
        observed = d[name].groupby(d.g).first()
        assert observed.min() <= table[name].iloc[0] <= observed.max()
        assert f"{name} = " in table.attrs["note"]
    assert "at the mean of the group" in table.attrs["note"]
    raw = mlm.fit_mlm("y ~ x * m + x * w + (1 | g)", d)
    both = mlm.contextual_effect(raw, "x", "m")
    assert both["w"].iloc[0] == pytest.approx(table["w"].iloc[0])


def test_questions_without_an_answer() -> None:
    fit = mlm.fit_mlm("y ~ xc * s + m + (1 | g)", study(1))
    for call, said in (
        (lambda: mlm.contextual_effect(fit, "m", "xc"), "level-2 variable"),
        (lambda: mlm.contextual_effect(fit, "xc", "m", by="xc"), "cannot be in by"),
        (lambda: mlm.contextual_effect(fit, "xc", "m", by="q"), "no predictor 'q'"),
        (lambda: mlm.contextual_effect(fit, "xc", "m", level=95), "level must"),
    ):
        with pytest.raises(MLMError, match=said):
            call()


def test_a_column_that_is_not_the_mean_of_the_predictor_is_said() -> None:
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(24), 12)
    x, w = rng.normal(size=24)[g] + rng.normal(size=288), rng.normal(size=24)[g]
    y = 0.5 * x + 0.3 * w + rng.normal(size=24)[g] + rng.normal(size=288)
    data = pd.DataFrame({"y": y, "x": x, "w": w, "g": g})
    data["own"] = data.groupby("g")["x"].transform("mean")
    data["census"] = data["own"] + rng.normal(size=24)[g] * 0.8 * data["own"].std()
    means = data.groupby("g")["x"].mean()
    other = pd.Series(rng.normal(size=24))
    other -= np.polyval(np.polyfit(means, other, 1), means)  # correlation 0 with the means
    data["w"] = other.reindex(g).to_numpy()
    unrelated = mlm.fit_mlm("y ~ x + w + (1 | g)", data)
    with pytest.raises(MLMError, match="'w' does not hold the group means of 'x'"):
        mlm.contextual_effect(unrelated, "x", "w")
    census = mlm.contextual_effect(mlm.fit_mlm("y ~ x + census + (1 | g)", data), "x", "census")
    assert "census is not the mean of x in the rows fitted" in census.attrs["note"]
    own = mlm.contextual_effect(mlm.fit_mlm("y ~ x + own + (1 | g)", data), "x", "own")
    assert "is not the mean" not in own.attrs["note"]
    centred = mlm.fit_mlm("y ~ x + own + (1 | g)", data.assign(own=data["own"] - 3.0))
    assert "is not the mean" not in mlm.contextual_effect(centred, "x", "own").attrs["note"]


def test_a_predictor_with_equal_group_means_has_no_context_and_says_so_quietly() -> None:
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(20), 6), np.tile(np.arange(6.0), 20)
    w = rng.normal(size=20)[g]
    data = pd.DataFrame({"y": x + w + rng.normal(size=120), "x": x, "w": w, "g": g})
    fit = mlm.fit_mlm("y ~ x + w + (1 | g)", data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MLMError, match="does not hold the group means"):
            mlm.contextual_effect(fit, "x", "w")


def test_the_picture_at_one_kind_shows_the_groups_of_that_kind() -> None:
    h = mlm.load_dataset("hsb82")
    h["cses"] = mlm.center_within(h, "ses", "school")
    fit = mlm.fit_mlm("mathach ~ sector * cses + meanses * cses + (1 + cses | school)", h)
    schools = h.groupby("school")["sector"].first()
    for sector in (0, 1):
        table = mlm.plots.context_table(fit, "cses", "meanses", at={"sector": sector})
        assert len(table.attrs["points"]["x"]) == (schools == sector).sum()
