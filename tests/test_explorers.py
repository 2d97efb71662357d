"""Explorers: what they compute, and that a moved control moves picture, text and sentence."""

from __future__ import annotations

import asyncio
import base64
import gc
import html
import json
import math
import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import centering as ce
from mlm_helpers.explorers import cross_level as cl
from mlm_helpers.explorers import probe, refit, roles
from mlm_helpers.explorers import shrinkage as sh
from mlm_helpers.explorers.base import Explorer
from mlm_helpers.explorers.controls import Slider, clean_step, positive, ranged
from mlm_helpers.interpret import planning, residuals

M2 = "mathach ~ 1 + cses + sector + sector * cses + (1 + cses | school)"
M3 = (
    "mathach ~ 1 + sector + meansesc + cses + sector * cses + meansesc * cses + (1 + cses | school)"
)
NAMES = ("cross_level", "both_moderators", "centering", "shrinkage", "refit", "probing")


@pytest.fixture(scope="module")
def hsb() -> pd.DataFrame:
    data = mlm.load_dataset("hsb82")
    data["cses"] = mlm.center_within(data, "ses", "school")
    data["meansesc"] = mlm.group_mean(data, "ses", "school") - data["ses"].mean()
    return data


@pytest.fixture(scope="module")
def m2(hsb: pd.DataFrame) -> Any:
    return mlm.fit_mlm(M2, hsb)


@pytest.fixture(scope="module")
def m3(hsb: pd.DataFrame) -> Any:
    return mlm.fit_mlm(M3, hsb)


@pytest.fixture
def make(m2: Any, m3: Any, request: pytest.FixtureRequest) -> Any:
    """A function that makes an explorer by name and closes it after the test."""
    made: list[Explorer] = []

    def build(name: str, **options: Any) -> Explorer:
        explorer = {
            "cross_level": lambda: mlm.explore_cross_level(m2, m3, **options),
            "both_moderators": lambda: mlm.explore_cross_level(None, m3, **options),
            "centering": lambda: mlm.explore_centering("hsb82", **options),
            "shrinkage": lambda: mlm.explore_shrinkage(m2, **options),
            "refit": lambda: mlm.explore_refit(m2, **options),
            "probing": lambda: mlm.explore_probing(m3, **options),
        }[name]()
        made.append(explorer)
        return explorer

    yield build
    for explorer in made:
        explorer.close()


# ---- cross-level: the numbers ----------------------------------------------------------------
def cross(m2: Any) -> tuple[dict[str, Any], cl.Cloud, dict[str, cl.Reference]]:
    parts = roles.read_roles(m2)
    state = {**roles.estimates(m2, parts), "mode": cl.SECTOR}
    cloud = cl.make_cloud(True, 0.4)
    return state, cloud, {cl.SECTOR: cl.Reference("the fit", m2, parts.columns, parts.level1)}


def test_standard_errors_at_the_estimates_are_those_of_the_fit(m2: Any) -> None:
    state, cloud, references = cross(m2)
    table = cl.compute(state, cloud, references).parameters
    by_column = dict(zip(references[cl.SECTOR].rows, m2.fixed_effects.index, strict=True))
    fitted = m2.fixed_effects.loc[[by_column[n] for n in table.index]]
    np.testing.assert_allclose(table["estimate"], fitted["estimate"], rtol=1e-12)
    np.testing.assert_allclose(table["std_error"], fitted["std_error"], rtol=1e-7)
    np.testing.assert_allclose(table["t"], fitted["t"], rtol=1e-7)


def test_more_slope_variance_makes_the_interaction_less_certain(m2: Any) -> None:
    state, cloud, references = cross(m2)
    few = cl.compute(state, cloud, references).parameters.loc["gamma11", "std_error"]
    more = cl.compute({**state, "tau11": 4.0}, cloud, references).parameters
    assert more.loc["gamma11", "std_error"] > 1.5 * few


def test_the_cloud_has_exactly_the_means_and_spread_of_the_state(m2: Any) -> None:
    state, cloud, references = cross(m2)
    state |= {"gamma11": -2.5, "tau11": 1.7, "corr": -0.4}
    tables = cl.compute(state, cloud, references)
    for kind, schools in tables.schools.groupby("w"):
        expected = [state["gamma00"] + kind * state["gamma01"], state["gamma10"] + kind * -2.5]
        np.testing.assert_allclose(schools[["b0", "b1"]].mean(), expected, rtol=1e-10)
        spread = np.cov(schools[["b0", "b1"]].T, ddof=0)
        np.testing.assert_allclose(spread, cl.covariance(state), rtol=1e-9)
    np.testing.assert_allclose(tables.averages["slope"].diff().iloc[1], -2.5)


def test_the_continuous_moderator_counts_in_its_mode_only() -> None:
    state = {n: 1.0 for n in cl.LEVEL2} | {"mode": cl.SECTOR}
    w, m = np.array([0.0, 1.0]), np.array([2.0, 2.0])
    assert cl.level2_means(state, w, m)[1].tolist() == [1.0, 2.0]
    assert cl.level2_means({**state, "mode": cl.BOTH}, w, m)[1].tolist() == [3.0, 4.0]


# ---- shrinkage: the numbers ------------------------------------------------------------------
def test_eb_residuals_are_those_of_a_fit_where_schools_are_alike() -> None:
    """With the same x in every school, EB = Λ (OLS - γ) exactly."""
    rng = np.random.default_rng(8)
    schools, n = 60, 12
    x = np.tile(np.linspace(-1, 1, n), schools)
    codes = np.repeat(np.arange(schools), n)
    u = rng.multivariate_normal([0, 0], [[9, 1], [1, 4]], size=schools)
    y = 50 + u[codes, 0] + (3 + u[codes, 1]) * x + 4 * rng.normal(size=len(x))
    fit = mlm.fit_mlm("y ~ 1 + x + (1 + x | g)", pd.DataFrame({"y": y, "x": x, "g": codes}))
    square = float(np.mean(x[:n] ** 2))
    world = sh.World(50, 0.0, 3, 9, 0, square, 0.3, *sh.make_deviates())
    t = fit.T.to_numpy()
    state = {
        "n": n,
        "tau11": t[1, 1],
        "gamma11": 0.0,
        "sigma": fit.sigma,
        "model": sh.WITH,
    }
    corr = t[0, 1] / math.sqrt(t[0, 0] * t[1, 1])
    world = sh.World(50, 0.0, 3, t[0, 0], corr, square, 0.3, *sh.make_deviates())
    weights = sh.compute(state, world).weights
    ols = residuals.ols_by_group(fit)[["b0", "b1"]].to_numpy()
    expected = (ols - fit.gamma) @ weights.T
    np.testing.assert_allclose(fit.random_effects[["u0", "u1"]].to_numpy(), expected, atol=1e-6)


def test_shrinkage_hides_the_gap_and_large_schools_bring_it_back(m2: Any) -> None:
    explorer = mlm.explore_shrinkage(m2)
    small = explorer.compute({**explorer.state, "n": 5}).gaps
    large = explorer.compute({**explorer.state, "n": 20000}).gaps
    gap = explorer.state["gamma11"]
    np.testing.assert_allclose([small["true"], small["ols"]], gap, rtol=1e-9)
    assert abs(small["u1"]) < abs(explorer.tables.gaps["u1"]) < abs(gap)
    np.testing.assert_allclose(large["u1"], gap, rtol=0.02)
    known = explorer.compute({**explorer.state, "model": sh.WITH}).gaps
    np.testing.assert_allclose([known["eb"], known["u1"]], [gap, 0], atol=1e-9)
    explorer.close()


def test_the_gap_in_the_data_is_that_of_the_smaller_model(m2: Any, hsb: pd.DataFrame) -> None:
    explorer = mlm.explore_shrinkage(m2)
    base = mlm.fit_mlm("mathach ~ 1 + cses + (1 + cses | school)", hsb)
    sector = hsb.groupby("school")["sector"].first()
    means = base.random_effects["u1"].groupby(sector).mean()
    assert explorer.observed == pytest.approx(means[1] - means[0], abs=1e-9)
    # the formula, from parameters alone, comes near to what the data show
    assert explorer.tables.gaps["u1"] == pytest.approx(explorer.observed, abs=0.1)
    explorer.close()


# ---- live refit: the numbers -----------------------------------------------------------------
STATE = {
    "J": 30, "n": 8, "share": 40, "gamma00": 50.0, "gamma01": 3.0, "gamma10": 2.0,
    "gamma11": -1.5, "tau00": 9.0, "tau11": 1.0, "corr": 0.2, "sigma": 5.0, "seed": 3, "x_sd": 0.8,
}  # fmt: skip


def test_the_lean_fit_is_the_ordinary_fit() -> None:
    drawn = refit.draw_class(STATE, 3)
    lean = refit.fit_class(drawn)
    data = pd.DataFrame({"y": drawn.y, "x": drawn.x, "w": drawn.w, "school": drawn.codes})
    full = mlm.fit_mlm(planning.FORMULA, data)
    assert lean.criterion == pytest.approx(full.criterion, abs=1e-8)
    np.testing.assert_allclose(lean.fixed_effects, full.fixed_effects, rtol=1e-6)
    np.testing.assert_allclose(lean.T, full.T, atol=1e-7)
    np.testing.assert_allclose(lean.random_effects, full.random_effects, atol=1e-6)
    assert lean.singular == full.singular


def test_a_class_is_what_its_state_says() -> None:
    drawn = refit.draw_class({**STATE, "J": 50}, 1)
    assert len(drawn.y) == 400
    assert drawn.w[::8].sum() == 20
    means = np.bincount(drawn.codes, drawn.x)
    np.testing.assert_allclose(means, 0, atol=1e-12)
    again = refit.draw_class({**STATE, "J": 50}, 1)
    other = refit.draw_class({**STATE, "J": 50}, 2)
    assert np.array_equal(drawn.y, again.y)
    assert not np.array_equal(drawn.y, other.y)
    moved = refit.draw_class({**STATE, "J": 50, "gamma00": 51.0}, 1)
    np.testing.assert_allclose(moved.y - drawn.y, 1.0)


def test_intervals_cover_and_a_true_zero_is_rarely_found() -> None:
    null = {**STATE, "gamma11": 0.0, "J": 60}
    found = refit.tally(pd.DataFrame([refit.one_draw(null, k) for k in range(60)]))
    assert 0.86 <= found.coverage <= 1.0
    assert found.power == pytest.approx(1 - found.coverage, abs=1e-9)
    strong = {**STATE, "gamma11": -6.0, "J": 60}
    assert refit.tally(pd.DataFrame([refit.one_draw(strong, k) for k in range(20)])).power == 1.0


# ---- probing: the numbers --------------------------------------------------------------------
def test_the_slope_is_that_of_simple_slopes(m3: Any, make: Any) -> None:
    explorer = make("probing", state={"kind": "high", "moderator": -0.25, "level": 90})
    expected = mlm.simple_slopes(
        m3, "cses", by="meansesc", at={"meansesc": [-0.25], "sector": 1}, level=0.9
    ).iloc[0]
    for name in ("estimate", "std_error", "df", "t", "p", "lower", "upper"):
        assert explorer.tables.slope[name] == pytest.approx(expected[name], rel=1e-7)
    region = mlm.johnson_neyman(m3, "cses", "meansesc", at={"sector": 1}, level=0.9)
    assert explorer.tables.region.bounds == pytest.approx(region.bounds)


def test_the_line_is_the_fixed_part_of_the_prediction(m3: Any, make: Any) -> None:
    explorer = make("probing", state={"kind": "high", "moderator": 0.5})
    line = explorer.tables.line
    rows = pd.DataFrame({"cses": line["x"], "meansesc": 0.5, "sector": 1, "school": 1224})
    np.testing.assert_allclose(line["predicted"], m3.predict(rows, random=False), rtol=1e-9)
    assert (line["lower"] < line["predicted"]).all()


def test_weights_of_the_outcome_and_of_its_slope_agree(m3: Any) -> None:
    parts = roles.read_roles(m3)
    x = np.array([0.0, 1.0])
    outcome = probe.weights(m3, parts, x, 0.3, 1.0, "outcome")
    slope = probe.weights(m3, parts, x[:1], 0.3, 1.0, "slope")
    np.testing.assert_allclose(outcome[1] - outcome[0], slope[0])


# ---- centering: the numbers ------------------------------------------------------------------
@pytest.fixture(scope="module")
def lab() -> ce.Lab:
    return ce.shipped_lab("hsb82")


def test_with_the_mean_the_three_centerings_are_one_model(lab: ce.Lab) -> None:
    models = lab.models(ce.NO, ce.NO).xs(ce.YES, level="mean")
    for column in ("slope", "contextual", "tau00", "sigma2", "deviance"):
        np.testing.assert_allclose(models[column], models[column].iloc[0], rtol=1e-6)
    within = models.loc[ce.WITHIN]
    assert within["mean_coef"] == pytest.approx(within["slope"] + within["contextual"])


def test_without_it_the_slope_is_a_blend_unless_centered_within(lab: ce.Lab) -> None:
    models = lab.models(ce.NO, ce.NO)
    within, between = models.loc[(ce.WITHIN, ce.YES), ["slope", "mean_coef"]]
    blend = models.loc[(ce.RAW, ce.NO), "slope"]
    assert min(within, between) < blend < max(within, between)
    assert models.loc[(ce.WITHIN, ce.NO), "slope"] == pytest.approx(within, rel=1e-6)
    assert models.loc[(ce.GRAND, ce.NO), "slope"] == pytest.approx(blend, rel=1e-9)
    assert models.loc[(ce.WITHIN, ce.NO), "tau00"] > models.loc[(ce.WITHIN, ce.YES), "tau00"]


def test_the_interaction_depends_on_the_centering(lab: ce.Lab) -> None:
    gaps = lab.models(ce.YES, ce.YES)["gap"]
    assert abs(gaps[ce.GRAND, ce.NO] - gaps[ce.WITHIN, ce.NO]) > 0.01
    assert gaps[ce.RAW, ce.NO] == pytest.approx(gaps[ce.GRAND, ce.NO], rel=1e-5)


def test_contextual_effect_is_that_of_the_probing_module(lab: ce.Lab) -> None:
    fit = lab.fit(ce.WITHIN, ce.YES, ce.NO, ce.NO)
    expected = mlm.contextual_effect(fit, "within", "mean").loc["contextual"]
    row = lab.models(ce.NO, ce.NO).loc[(ce.WITHIN, ce.YES)]
    assert row["contextual"] == pytest.approx(expected["estimate"])
    assert row["contextual_se"] == pytest.approx(expected["std_error"])


def test_the_sentence_counts_the_models_that_are_the_same(make: Any) -> None:
    explorer = make("centering", state={"centering": "within", "mean": "yes"})
    assert "2 other rows are the same model" in explorer.sentence
    assert explorer.tables.models["same"].sum() == 3
    explorer.set(random="yes")
    assert "No other row is the same model" in explorer.sentence


def test_the_lab_takes_any_data_and_names_what_is_wrong(hsb: pd.DataFrame) -> None:
    options: dict[str, Any] = {"outcome": "mathach", "predictor": "ses", "group": "school"}
    own = mlm.explore_centering(hsb.drop(columns="sector"), **options)
    assert "moderator" in own.state
    own.close()
    with pytest.raises(MLMError, match="no column 'sess'"):
        mlm.explore_centering(hsb, **{**options, "predictor": "sess"})
    with pytest.raises(MLMError, match="level-1 predictor"):
        mlm.explore_centering(hsb, **{**options, "predictor": "meanses"})
    with pytest.raises(MLMError, match="level-2 predictor"):
        mlm.explore_centering(hsb, **options, moderator="female")
    with pytest.raises(MLMError, match="outcome="):
        mlm.explore_centering(hsb)
    with pytest.raises(MLMError, match="ex1 and hsb82"):
        mlm.explore_centering("hsb")


# ---- views: everything moves -----------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_each_slider_moves_picture_and_words(make: Any, name: str) -> None:
    explorer = make(name)
    explorer.set({"mode": "both"} if name == "cross_level" else {})
    sliders = [c for c in explorer._controls.values() if isinstance(c, Slider)]
    assert sliders
    for control in sliders:
        before = explorer.picture, explorer.text, explorer.sentence
        down = explorer.state[control.name] - control.step
        up = explorer.state[control.name] + control.step
        explorer.set({control.name: down if down >= control.low else up})
        after = explorer.picture, explorer.text, explorer.sentence
        assert all(a != b for a, b in zip(after, before, strict=True)), control.name


@pytest.mark.parametrize("name", NAMES)
def test_each_choice_moves_words(make: Any, name: str) -> None:
    explorer = make(name)
    for control in explorer._controls.values():
        if isinstance(control, Slider) or len(control.options) < 2:
            continue
        before = explorer.picture, explorer.text, explorer.sentence
        now = explorer.state[control.name]
        explorer.set({control.name: next(v for v in control.options if v != now)})
        assert (explorer.picture, explorer.text, explorer.sentence) != before, control.name


DRAWN = re.compile(r'<clipPath id="\w+"><rect x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"/>'
                   r'</clipPath>.*?<g clip-path[^>]*>(.*?)</g>', re.DOTALL)  # fmt: skip
THICK = re.compile(r'<path class="[^"]*(?:thick|big|broad|wide|solid|ring)[^"]*" d="([^"]+)"')


@pytest.mark.parametrize("name", NAMES)
def test_what_moves_stays_inside_the_axes_at_both_ends_of_every_slider(
    make: Any, name: str
) -> None:
    explorer = make(name)
    explorer.set({"mode": "both"} if name == "cross_level" else {})
    start = explorer.state
    for control in explorer._controls.values():
        for end in (control.low, control.high) if isinstance(control, Slider) else ():
            explorer.set({**start, control.name: end})
            panels = DRAWN.findall(explorer.picture)
            assert panels
            for x, y, width, height, inside in panels:
                left, top = float(x), float(y)
                for path in THICK.findall(inside):
                    for px, py in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path):
                        at = (name, control.name, end, px, py)
                        assert left - 15 <= float(px) <= left + float(width) + 15, at
                        assert top - 15 <= float(py) <= top + float(height) + 15, at


def test_an_axis_that_has_grown_says_so(make: Any) -> None:
    explorer = make("cross_level")
    assert "wider axis" not in explorer.picture
    explorer.set(gamma10=explorer._controls["gamma10"].low)
    assert "(wider axis)" in explorer.picture


@pytest.mark.parametrize("name", NAMES)
def test_buttons_work(make: Any, name: str) -> None:
    explorer = make(name)
    start = explorer.state
    for button in explorer.buttons:
        explorer.press(button)
    explorer.reset()
    assert explorer.state == start
    with pytest.raises(MLMError, match="no button 'none'"):
        explorer.press("none")


def test_buttons_of_the_cross_level_explorer(make: Any, m2: Any) -> None:
    explorer = make("cross_level")
    explorer.set(gamma11=1.0, tau11=0.5)
    explorer.press(cl.SECTOR)
    column = m2.structure.coefficient("gamma11").column
    exact = m2.fixed_effects.loc[column, "estimate"]
    assert explorer.state["gamma11"] == pytest.approx(exact, rel=1e-12)
    assert f"{exact:.2f}".replace("-", "−") in explorer.sentence
    explorer.press("zero")
    assert explorer.state["gamma11"] == 0
    assert "no cross-level interaction" in explorer.sentence
    explorer.press(cl.BOTH)
    assert explorer.state["gamma12"] != 0


def test_hide_the_truth_guess_and_show_it(make: Any) -> None:
    explorer = make("cross_level")
    truth = explorer.state
    cloud = explorer.tables.schools.copy()
    explorer.press("hide")
    pd.testing.assert_frame_equal(explorer.tables.schools, cloud)
    number = f"{truth['gamma11']:.2f}".replace("-", "−")
    assert number not in explorer.text
    assert number not in explorer.sentence
    explorer.set(gamma11=-1.0)
    pd.testing.assert_frame_equal(explorer.tables.schools, cloud)
    explorer.press("hide")
    assert f"you said −1.00, it is {number}" in explorer.sentence
    assert explorer.state == truth


# ---- state -----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_state_is_plain_data_that_can_be_saved(make: Any, name: str, tmp_path: Path) -> None:
    explorer = make(name)
    slider = next(c for c in explorer._controls.values() if isinstance(c, Slider))
    explorer.set({slider.name: slider.low + slider.step})
    explorer.save(tmp_path / "state.json")
    state, picture = explorer.state, explorer.picture
    assert json.loads(json.dumps(state)) == state
    explorer.reset()
    explorer.load(tmp_path / "state.json")
    assert explorer.state == state
    other = make(name, state=state)
    assert other.picture == picture
    assert other.sentence == explorer.sentence


def test_reading_the_state_does_not_open_it(make: Any) -> None:
    explorer = make("shrinkage")
    explorer.state["n"] = 5
    assert explorer.state["n"] != 5


def test_bad_states_get_a_sentence(make: Any, tmp_path: Path) -> None:
    explorer = make("cross_level")
    before = explorer.state
    with pytest.raises(MLMError, match="Did you mean 'gamma11'"):
        explorer.state = {"gama11": 1.0}
    with pytest.raises(MLMError, match="must lie between"):
        explorer.set(gamma00=1e9)
    with pytest.raises(MLMError, match="must be a number"):
        explorer.set(gamma00="high")
    with pytest.raises(MLMError, match="must be a number"):
        explorer.set(gamma00=True)
    with pytest.raises(MLMError, match="must lie between"):
        explorer.set(gamma00=math.nan)
    with pytest.raises(MLMError, match="must be one of"):
        explorer.set(mode="sectr")
    with pytest.raises(MLMError, match="must be a dict"):
        explorer.state = 3  # type: ignore[assignment]
    with pytest.raises(MLMError, match="no file 'none"):
        explorer.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(MLMError, match="not a saved state"):
        explorer.load(tmp_path / "bad.json")
    make("shrinkage").save(tmp_path / "other.json")
    with pytest.raises(MLMError, match="does not hold a state of CrossLevelExplorer"):
        explorer.load(tmp_path / "other.json")
    assert explorer.state == before
    with pytest.raises(MLMError, match="whole number"):
        make("refit", state={"seed": 1.5})


def test_a_state_between_two_steps_is_kept_exactly(make: Any) -> None:
    explorer = make("cross_level")
    explorer.set(gamma11=-1.2345)
    assert explorer.state["gamma11"] == -1.2345
    # the page sends back the state that it was given, and only a move changes it
    explorer.widget.state = dict(explorer.widget.state)
    assert explorer.state["gamma11"] == -1.2345
    explorer.widget.state = {**explorer.widget.state, "gamma11": -1.0}
    assert explorer.state["gamma11"] == -1.0
    explorer.set(gamma11=0.5)
    assert explorer.widget.state["gamma11"] == 0.5


def test_unsuitable_fits_get_a_sentence(hsb: pd.DataFrame, m2: Any, m3: Any) -> None:
    plain = mlm.fit_mlm("mathach ~ 1 + cses + (1 | school)", hsb)
    with pytest.raises(MLMError, match="no slope that varies"):
        mlm.explore_cross_level(plain)
    with pytest.raises(MLMError, match="continuous level-2 predictor"):
        mlm.explore_probing(m2)
    only = mlm.fit_mlm("mathach ~ cses * meansesc + (1 + cses | school)", hsb)
    with pytest.raises(MLMError, match="two-valued"):
        mlm.explore_refit(only)
    with pytest.raises(MLMError, match="two-valued"):
        mlm.explore_shrinkage(only)
    many = mlm.fit_mlm("mathach ~ cses * (meansesc + size + sector) + (1 + cses | school)", hsb)
    with pytest.raises(MLMError, match="fewer level-2 predictors"):
        mlm.explore_cross_level(many)
    with pytest.raises(MLMError, match="must add a continuous moderator"):
        mlm.explore_cross_level(m2, m2)


def test_other_shapes_of_models(hsb: pd.DataFrame) -> None:
    only = mlm.fit_mlm("mathach ~ cses * meansesc + (1 + cses | school)", hsb)
    explorer = mlm.explore_cross_level(only)
    assert "gamma11" not in explorer.state
    explorer.set(gamma12=0.25)
    assert explorer.sentence
    explorer.press("zero")
    explorer.close()
    probing_only = mlm.explore_probing(only)
    assert "kind" not in probing_only.state
    probing_only.close()
    hsb = hsb.assign(kind=hsb["sector"].map({0: "public", 1: "Catholic"}))
    named = mlm.fit_mlm("mathach ~ cses * kind + cses * meansesc + (1 + cses | school)", hsb)
    explorer = mlm.explore_probing(named, state={"kind": "high"})
    expected = mlm.simple_slopes(
        named, "cses", by="meansesc", at={"meansesc": [0.0], "kind": "public"}
    )
    assert explorer.tables.slope["estimate"] == pytest.approx(expected["estimate"].iloc[0])
    assert "public" in explorer.sentence
    explorer.close()


# ---- ranges of sliders ---------------------------------------------------------------------
@pytest.mark.parametrize("center", [0.0, 94.65, -3.3, 511.0])
@pytest.mark.parametrize("reach", [0.031, 0.7, 9.0, 48.0, 900.0])
def test_ranges_hold_what_they_should(center: float, reach: float) -> None:
    for slider in (ranged("a", "a", center, reach), positive("a", "a", reach)):
        middle = center if slider.low else reach / 2
        assert slider.low <= middle <= slider.high
        assert slider.high - slider.low >= 0.99 * (2 * reach if slider.low else reach)
        count = (slider.high - slider.low) / slider.step
        assert count == round(count)
    assert clean_step(0.3) == 0.25
    assert clean_step(7) == 5
    assert clean_step(0.0) == 1.0


# ---- many classes ----------------------------------------------------------------------------
def test_many_classes_from_a_cell(make: Any) -> None:
    explorer = make("refit", state={"J": 20, "n": 5})
    before = explorer.picture
    table = explorer.run_draws(15)
    assert len(table) == 15
    assert explorer.picture != before
    assert "Of 15 such classes" in explorer.sentence
    pd.testing.assert_frame_equal(table, explorer.run_draws(15))
    explorer.set(n=6)
    assert explorer.draws == []
    assert "such classes" not in explorer.sentence


def test_many_classes_leave_the_sliders_free(make: Any) -> None:
    explorer = make("refit", state={"J": 20, "n": 5})

    async def lesson() -> tuple[int, int]:
        explorer.press("many")
        while len(explorer.draws) < 5:
            await asyncio.sleep(0.005)
        seen = len(explorer.draws)
        explorer.widget.state = {**explorer.widget.state, "n": 6}  # a slider in mid-run
        await asyncio.sleep(0.1)
        stopped = len(explorer.draws)
        explorer.press("many")
        await explorer._task
        return seen, stopped

    seen, stopped = asyncio.run(lesson())
    assert 5 <= seen < 200
    assert stopped == 0
    assert len(explorer.draws) == len(explorer.widget.tables["draws"]) == 200
    assert "Of 200 such classes" in explorer.sentence


def test_a_true_zero_is_called_a_false_alarm(make: Any) -> None:
    explorer = make("refit", state={"J": 20, "n": 5, "gamma11": 0.0})
    explorer.run_draws(5)
    assert "false alarms" in explorer.sentence
    assert "power" not in explorer.sentence


def test_a_singular_class_is_said_to_be(make: Any) -> None:
    explorer = make("refit", state={"J": 20, "n": 5, "tau11": 0.0, "corr": 0.0})
    seeds = [
        k
        for k in range(1, 12)
        if refit.fit_class(refit.draw_class({**explorer.state, "x_sd": explorer.x_sd}, k)).singular
    ]
    explorer.set(seed=seeds[0])
    assert "singular" in explorer.sentence


# ---- pictures and pages ----------------------------------------------------------------------
def captured(explorer: Explorer) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    import IPython.display as display_module

    shown: list[tuple[dict[str, Any], dict[str, Any]]] = []
    real = display_module.display
    try:
        display_module.display = lambda data, metadata=None, raw=False: shown.append(
            (data, metadata or {})
        )
        explorer._ipython_display_()
    finally:
        display_module.display = real
    return shown


@pytest.mark.parametrize("name", NAMES)
def test_the_output_carries_a_still_picture_and_its_words(make: Any, name: str) -> None:
    explorer = make(name)
    (still, _), (live, _) = captured(explorer)
    alt = re.search(r'alt="([^"]+)"', still["text/html"])
    assert alt is not None
    assert html.unescape(alt[1]) == f"{explorer.describe()} {explorer.sentence}"
    source = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', still["text/html"])
    assert source is not None
    root = ElementTree.fromstring(base64.b64decode(source[1]))
    assert root.tag.endswith("svg")
    assert set(live) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    }
    assert "<img" not in live["text/html"]  # a stored page is compared text by text
    assert explorer.describe() in still["text/plain"]


def test_1000_moves_and_50_runs_of_a_cell_leave_nothing_behind(m2: Any) -> None:
    import ipywidgets

    def move(explorer: Explorer, count: int) -> None:
        control = explorer._controls["gamma11"]
        for k in range(count):
            explorer.widget.state = {
                **explorer.widget.state,
                "gamma11": control.low + control.step * (1 + k % 40),
            }

    def runs(count: int) -> None:
        for _ in range(count):
            again = mlm.explore_shrinkage(m2)
            _ = again.widget, again.sentence
            again.close()

    explorer = mlm.explore_shrinkage(m2)
    move(explorer, 50)
    runs(40)  # until what is cached once is cached
    gc.collect()
    widgets = len(ipywidgets.widgets.widget._instances)
    tracemalloc.start()
    move(explorer, 50)
    runs(2)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    move(explorer, 1000)
    runs(50)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000
    assert len(ipywidgets.widgets.widget._instances) == widgets
    explorer.close()


def test_closing_frees_every_widget(m2: Any) -> None:
    import ipywidgets

    before = set(ipywidgets.widgets.widget._instances)
    explorer = mlm.explore_shrinkage(m2)
    _ = explorer.widget
    assert set(ipywidgets.widgets.widget._instances) - before
    explorer.close()
    assert set(ipywidgets.widgets.widget._instances) - before == set()


CELLS = [
    "import mlm_helpers as mlm\n"
    "hsb = mlm.load_dataset('hsb82')\n"
    "hsb['cses'] = mlm.center_within(hsb, 'ses', 'school')\n"
    f"m2 = mlm.fit_mlm({M2!r}, hsb)",
    "lesson = mlm.explore_cross_level(m2)\nlesson",
    "lesson.set(gamma11=0)\nprint(lesson.sentence)",
    "many = mlm.explore_refit(m2, state={'J': 20, 'n': 5})\nmany",
    "many.start_draws()",
    "print(many.state['J'])",
]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook with explorers, run and stored."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(c) for c in CELLS]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    NotebookClient(book, timeout=120, store_widget_state=False).execute()
    path = tmp_path_factory.mktemp("explorers") / "lesson.ipynb"
    nbformat.write(book, path)
    return path


def test_nbval_is_strict_and_content(notebook: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q",
               "-p", "no:cacheprovider", "-c", os.devnull, notebook.name]  # fmt: skip
    done = subprocess.run(command, cwd=notebook.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{len(CELLS)} passed" in done.stdout


def test_the_notebook_holds_no_widget_state_and_no_errors(notebook: Path) -> None:
    book = json.loads(notebook.read_text())
    assert "widgets" not in book["metadata"]
    kinds = [o["output_type"] for c in book["cells"] for o in c["outputs"]]
    assert set(kinds) <= {"display_data", "stream"}
    assert not [o for c in book["cells"] for o in c["outputs"] if o.get("name") == "stderr"]


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_an_exported_page_shows_the_still_picture_and_its_words(
    notebook: Path, template: str
) -> None:
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name=template).from_filename(str(notebook))
    assert page.count('src="data:image/svg+xml;base64,') == 2
    assert "A still picture" in page
    assert "cross-level interaction" in page.lower()
    assert 'alt="Three panels: the lines of 60 schools' in page


# ---- the lecture's own data ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def lecture() -> Any:
    """The lecture's Model 2, fitted here and now."""
    return mlm.fit_mlm(roles.EX1_MODEL2, mlm.load_dataset("ex1"))


def test_without_a_fit_the_lecture_is_where_one_starts(lecture: Any) -> None:
    gamma11 = lecture.fixed_effects.loc[lecture.structure.coefficient("gamma11").column, "estimate"]
    for build in (mlm.explore_cross_level, mlm.explore_shrinkage, mlm.explore_refit):
        explorer = build()
        assert explorer.state["gamma11"] == pytest.approx(gamma11, rel=1e-9)
        assert "private" in explorer.describe()
        explorer.close()
    explorer = mlm.explore_cross_level()
    labels = explorer.buttons.values()
    assert {"Back to Model 2's estimates", "Back to Model 3's estimates"} <= set(labels)
    explorer.close()


def test_both_data_sets_in_the_centering_lab() -> None:
    explorer = mlm.explore_centering(state={"centering": "within", "mean": "yes"})
    first = explorer.picture
    assert "family SES" in explorer.sentence
    explorer.set(data="hsb82")
    assert explorer.picture != first
    assert "mathematics" in explorer.describe()
    explorer.close()


def test_probing_the_lecture(lecture: Any) -> None:
    explorer = mlm.explore_probing(state={"kind": "high"})
    assert explorer.tables.region.kind in ("everywhere", "one-sided", "inside", "outside")
    assert "private schools" in explorer.sentence
    explorer.close()
