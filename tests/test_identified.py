"""What the data cannot tell is said, and what they can is fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError


def schools(groups: int, size: int = 14, seed: int = 11) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), size)
    x, w = rng.normal(size=len(g)), rng.normal(size=groups)
    frame = pd.DataFrame(
        {"g": g, "x": x, "w": w[g], "s": (np.arange(groups) % 2)[g], "v": (w**2)[g]}
    )
    frame["m"] = (rng.random(len(g)) < 0.5) * 1.0
    frame["xc"] = frame["x"] - frame.groupby("g")["x"].transform("mean")
    u = rng.normal(size=(groups, 2))[g]
    frame["y"] = 1 + x + u[:, 0] + 0.5 * u[:, 1] * x + rng.normal(size=len(g))
    return frame


SATURATED = [
    ("y ~ x + s + (1 | g)", 2, {"Intercept", "s"}),
    ("y ~ x + w + s + (1 | g)", 3, {"Intercept", "w", "s"}),
    ("y ~ xc * w + s + (1 | g)", 3, {"Intercept", "w", "s"}),
    ("y ~ 0 + x + C(g) + (1 | g)", 5, {f"C(g)[{k}]" for k in range(5)}),
    ("y ~ x + C(g) + (1 | g)", 6, {"Intercept", *(f"C(g)[T.{k}]" for k in range(1, 6))}),
    ("y ~ x * s + (1 + x | g)", 2, {"Intercept", "s", "x", "x:s"}),
    ("y ~ x + w + (0 + x | g) + (1 | g)", 2, {"Intercept", "w"}),
    ("y ~ x * C(g) + (0 + x | g)", 4, {"x", *(f"x:C(g)[T.{k}]" for k in range(1, 4))}),
]


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(("formula", "groups", "effects"), SATURATED)
def test_a_variance_that_the_fixed_part_leaves_no_trace_of_is_named(formula, groups, effects, reml):
    for seed in (3, 4, 5):
        fit = mlm.fit_mlm(formula, schools(groups, seed=seed), reml=reml)
        said = [m for m in fit.messages if m.startswith("Not identified")]
        assert len(said) == 1
        assert "have no df and no p" in said[0]
        table = fit.fixed_effects
        assert effects <= set(table.index[table["df"].isna()])
        assert table["p"].isna().equals(table["df"].isna())
        assert " NA " in str(fit)
        assert fit._repr_html_()
        assert fit.confint().loc[list(effects), ["lower", "upper"]].isna().all(axis=None)
        assert fit.refit(reml=True).fixed_effects_kr.loc[list(effects), "df"].isna().all()


def test_effects_within_groups_keep_their_df():
    fit = mlm.fit_mlm("y ~ x + s + (1 | g)", schools(2, size=40))
    row = fit.fixed_effects.loc["x"]
    assert row["df"] == pytest.approx(77, abs=0.01)
    ordinary = mlm.fit_mlm("y ~ x + (1 | g)", schools(30)).fixed_effects
    assert ordinary["df"].notna().all()


@pytest.mark.parametrize("groups", [3, 4, 5, 9])
def test_one_group_more_than_effects_is_enough(groups):
    frame = schools(groups)
    formula = {3: "y ~ x + s + (1 | g)", 4: "y ~ x + s + w + (1 | g)"}.get(
        groups, "y ~ x + s + w + v + (1 | g)"
    )
    fit = mlm.fit_mlm(formula, frame)
    assert fit.fixed_effects["df"].notna().all()
    assert not any("Not identified" in m for m in fit.messages)


def test_messages_of_a_singular_fit_do_not_call_the_fixed_effects_safe():
    frame = schools(12)
    frame["y"] = frame["x"] + np.random.default_rng(0).normal(size=len(frame))
    frame["y"] -= frame.groupby("g")["y"].transform("mean")
    (message,) = mlm.fit_mlm("y ~ x + (1 | g)", frame).messages
    assert "rest on this edge" in message
    assert "Keep the slope of a cross-level" in message


# ---- columns that are nearly combinations of others ---------------------------------------------
@pytest.mark.parametrize("far", [0, 200, 2_000, 20_000, 100_000])
@pytest.mark.parametrize("chunks", [False, True])
def test_a_moderator_far_from_0_gives_the_fit_of_a_near_one(far, chunks):
    near = schools(24)
    near["w"] = np.round(near["w"] * 0.05, 3)
    away = near.assign(w=near["w"] + far)
    expected = mlm.fit_mlm("y ~ x * w + (1 | g)", near)
    data = [away.iloc[:100], away.iloc[100:]] if chunks else away
    fit = mlm.fit_mlm("y ~ x * w + (1 | g)", data)
    assert fit.criterion == pytest.approx(expected.criterion, rel=1e-9)
    for name in ("x:w", "w"):
        row, right = fit.fixed_effects.loc[name], expected.fixed_effects.loc[name]
        if name == "x:w":
            np.testing.assert_allclose(row, right, rtol=2e-5)
        at = fit.fixed_effects.loc["x", "estimate"] + far * fit.fixed_effects.loc["x:w", "estimate"]
        assert at == pytest.approx(expected.fixed_effects.loc["x", "estimate"], rel=1e-4)


@pytest.mark.parametrize(
    "extra",
    ["I(2 * w + 3)", "I(w + s) + s", "I(x - xc)", "I(1e-6 * w)", "I(w + 1e-12 * s)", "I(s == 0)"],
)
def test_a_true_combination_is_still_refused(extra):
    frame = schools(24)
    frame["xm"] = frame["x"] - frame["xc"]
    formula = f"y ~ w + {extra} + (1 | g)"
    if extra == "I(x - xc)":
        formula = "y ~ xm + x + xc + (1 | g)"
    if extra == "I(s == 0)":
        formula = "y ~ s + I(1 - s) + (1 | g)"
    with pytest.raises(MLMError, match="adds nothing to the model because it can be computed from"):
        mlm.fit_mlm(formula, frame)


# ---- variances that can be told apart --------------------------------------------------------
def dense(frame: pd.DataFrame, x: list[str], parts: dict[str, float], reml: bool) -> float:
    """-2 (restricted) log-likelihood with V written out; ``parts`` are T's diagonal over σ²."""
    n, big_x, y = len(frame), frame[x].to_numpy(), frame["y"].to_numpy()
    same = frame["g"].to_numpy()[:, None] == frame["g"].to_numpy()
    v = np.eye(n)
    for name, ratio in parts.items():
        z = frame[name].to_numpy()
        v = v + ratio * np.outer(z, z) * same
    inverse = np.linalg.inv(v)
    xvx = big_x.T @ inverse @ big_x
    left = y - big_x @ np.linalg.solve(xvx, big_x.T @ inverse @ y)
    dof = n - (len(x) if reml else 0)
    value = np.linalg.slogdet(v)[1] + dof * (1 + np.log(2 * np.pi * (left @ inverse @ left) / dof))
    return float(value + (np.linalg.slogdet(xvx)[1] if reml else 0.0))


@pytest.mark.parametrize("reml", [True, False])
def test_dummies_of_both_kinds_may_vary_beside_the_intercept(reml):
    frame = schools(30).assign(one=1.0)
    frame["f"] = 1 - frame["m"]
    fit = mlm.fit_mlm("y ~ m + (1 | g) + (0 + m | g) + (0 + f | g)", frame, reml=reml)
    ratios = dict(zip(["one", "m", "f"], np.diag(fit.T) / fit.sigma2, strict=True))
    assert fit.criterion == pytest.approx(dense(frame, ["one", "m"], ratios, reml), abs=1e-7)
    for name in ratios:  # no step in any direction is lower
        for factor in (0.9, 1.1):
            moved = {**ratios, name: ratios[name] * factor + 1e-6}
            assert dense(frame, ["one", "m"], moved, reml) > fit.criterion - 1e-8


@pytest.mark.parametrize(
    ("formula", "works"),
    [
        ("y ~ x + (0 + x | g) + (0 + I(2 * x) | g)", False),
        ("y ~ x + (1 | g) + (0 + I(0 * x + 3) | g)", False),
        ("y ~ x + (0 + x | g) + (0 + I(-x) | g)", False),
        ("y ~ x + (1 | g) + (0 + x | g) + (0 + I(x + 1) | g)", True),
        ("y ~ m + (1 | g) + (0 + m | g)", True),
        ("y ~ m + (1 | g) + (0 + I(1 - m) | g)", True),
    ],
)
def test_variances_are_refused_only_where_they_cannot_be_told_apart(formula, works):
    frame = schools(30)
    if works:
        assert np.isfinite(mlm.fit_mlm(formula, frame).criterion)
    else:
        with pytest.raises(MLMError, match="cannot be told apart"):
            mlm.fit_mlm(formula, frame)


# ---- comparing -------------------------------------------------------------------------------
def test_models_that_are_not_nested_are_not_compared():
    frame = schools(24)
    fits = {
        f: mlm.fit_mlm(f, frame)
        for f in ("y ~ x + (1 | g)", "y ~ w + s + (1 | g)", "y ~ w + (1 + x | g)",
                  "y ~ x + (0 + x | g)", "y ~ x + (1 | g) + (0 + x | g)", "y ~ x * w + (1 | g)")
    }  # fmt: skip
    small = fits["y ~ x + (1 | g)"]
    for other in ("y ~ w + s + (1 | g)", "y ~ w + (1 + x | g)", "y ~ x + (0 + x | g)"):
        with pytest.raises(MLMError, match="is not nested in"):
            mlm.compare(small, fits[other])
    for other in ("y ~ x + (1 | g) + (0 + x | g)", "y ~ x * w + (1 | g)"):
        assert mlm.compare(small, fits[other]).table["Chisq"].iloc[1] >= 0


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("y ~ w:x + w + x + (1 | g)", "y ~ x * w * s + (1 | g)"),
        ("y ~ I(x + w) + (1 | g)", "y ~ x + w + (1 | g)"),
        ("y ~ xc + (1 + xc || g)", "y ~ xc + (1 + xc | g)"),
        ("y ~ x + (1 | g)", "y ~ x + (1 + x + m | g)"),
        ("y ~ 1 + (1 | g)", "y ~ 0 + C(m) + (1 | g)"),
    ],
)
def test_models_are_nested_whatever_their_columns_are_called(small, large):
    frame = schools(24)
    table = mlm.compare(mlm.fit_mlm(small, frame), mlm.fit_mlm(large, frame)).table
    assert (table["Chisq"].dropna() >= 0).all()
    assert table["p"].notna().sum() == 1


def test_fits_to_other_rows_outcomes_or_groups_are_not_compared():
    frame = schools(24)
    fit = mlm.fit_mlm("y ~ x + (1 | g)", frame)
    larger = "y ~ x + w + (1 | g)"
    shuffled = frame.assign(y=frame["y"].sample(frac=1, random_state=1).to_numpy())
    within = frame.assign(y=frame.groupby("g")["y"].transform(lambda v: v.to_numpy()[::-1]))
    for other in (shuffled, within, frame.assign(y=frame["y"] + 1), frame.assign(y=frame["y"] * 2)):
        with pytest.raises(MLMError, match="different outcomes or different rows"):
            mlm.compare(fit, mlm.fit_mlm(larger, other))
        pieces = [other.iloc[:90], other.iloc[90:]]
        if other is not shuffled and other is not within:
            with pytest.raises(MLMError, match="different outcomes or different rows"):
                mlm.compare(fit, mlm.fit_mlm(larger, pieces))
    regrouped = frame.assign(g=np.random.default_rng(1).permutation(frame["g"]))
    with pytest.raises(MLMError, match="group the rows differently"):
        mlm.compare(fit, mlm.fit_mlm(larger, regrouped))
    with pytest.raises(MLMError, match="different rows"):
        mlm.compare(fit, mlm.fit_mlm(larger, frame.iloc[3:]))
    again = mlm.compare(fit, mlm.fit_mlm(larger, frame.sample(frac=1, random_state=2)))
    expected = mlm.compare(fit, mlm.fit_mlm(larger, frame))
    np.testing.assert_allclose(again.table, expected.table, rtol=1e-6)
    whole = mlm.compare(fit, mlm.fit_mlm(larger, [frame.iloc[:90], frame.iloc[90:]]))
    np.testing.assert_allclose(whole.table, expected.table, rtol=1e-6)


@pytest.mark.parametrize("reml", ["ML", "REML", "False", 1, 0, None, "no"])
def test_reml_is_yes_or_no(reml):
    with pytest.raises(MLMError, match="reml must be True"):
        mlm.fit_mlm("y ~ x + (1 | g)", schools(12), reml=reml)
    if reml is not None:
        with pytest.raises(MLMError, match="reml must be True"):
            mlm.fit_mlm("y ~ x + (1 | g)", schools(12)).refit(reml=reml)


# ---- tables ----------------------------------------------------------------------------------
TABLES = ["fixed_effects", "variance_components", "vcov", "T", "random_effects", "coefficients",
          "group_table", "fixed_effects_kr", "data"]  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_changing_a_table_does_not_change_the_fit(name):
    fit = mlm.fit_mlm("y ~ x * w + (1 + x | g)", schools(24))
    printed, before = str(fit), getattr(fit, name).copy()
    mine = getattr(fit, name)
    column = mine.select_dtypes("number").columns[0]
    mine[column] = 999.0
    mine.loc[mine.index[0], column] = -1.0
    pd.testing.assert_frame_equal(getattr(fit, name), before)
    assert str(fit) == printed
    assert fit.refit().criterion == pytest.approx(fit.criterion)


def test_changing_a_series_or_the_estimates_does_not_change_the_fit():
    fit = mlm.fit_mlm("y ~ x * w + (1 + x | g)", schools(24))
    for name in ("fitted", "residuals", "scaled_residuals"):
        before = getattr(fit, name).copy()
        mine = getattr(fit, name)
        mine.iloc[:5] = 0.0
        pd.testing.assert_series_equal(getattr(fit, name), before)
    with pytest.raises(ValueError, match="read-only"):
        fit.gamma[0] = 1.0
