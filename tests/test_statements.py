"""What the course states as a fact, computed: on simulated models, not on one example.

Each test names the statement it stands for.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.interpret.shrinkage import shrinkage_sources

SEEDS = range(6)


@cache
def study(seed: int) -> pd.DataFrame:
    """Schools whose means and slopes go together, with a sector and a mean of the predictor."""
    rng = np.random.default_rng([seed, 77])
    sizes = rng.integers(8, 25, 70)
    g = np.repeat(np.arange(70), sizes)
    sector = (np.arange(70) % 2)[g]
    level = rng.normal(0.4 * (np.arange(70) % 2), 0.5)[g]
    x = level + rng.normal(size=len(g))
    d = pd.DataFrame({"g": g, "w": sector, "x": x})
    d["mean"] = mlm.group_mean(d, "x", "g")
    d["mc"] = d["mean"] - d["mean"].mean()
    d["xc"] = mlm.center_within(d, "x", "g")
    t = np.array([[4.0, 0.8], [0.8, 0.6]])
    u = rng.multivariate_normal([0, 0], t, size=70)
    d["y"] = (
        10 + 2 * d["w"] + 3 * d["mc"] + u[g, 0]
        + (2 - d["w"] + 0.5 * d["mc"] + u[g, 1]) * d["xc"] + rng.normal(0, 3, len(g))
    )  # fmt: skip
    return d


@cache
def fitted(seed: int, formula: str) -> Any:
    return mlm.fit_mlm(formula, study(seed))


M1 = "y ~ xc + (1 + xc | g)"
M2 = "y ~ w * xc + (1 + xc | g)"
M3 = "y ~ w + mc + w * xc + mc * xc + (1 + xc | g)"


@pytest.mark.parametrize("seed", SEEDS)
def test_contextual_effect_compares_two_students_with_the_same_x(seed: int) -> None:
    """γ02 − γ10 − γ11·W + γ12·(X − 2M): from predictions for two students, and in its place."""
    fit = fitted(seed, M3)
    gamma = dict(zip(fit.design.columns, fit.gamma, strict=True))
    center, step = study(seed)["mean"].mean(), 1e-5
    for w in (0, 1):
        for m, x in ((0.0, 0.0), (0.3, -0.2), (-0.4, 0.5)):  # from the grand mean
            rows = pd.DataFrame({"w": w, "mc": [m - step, m + step]})
            rows["xc"] = (x + center) - (rows["mc"] + center)  # the same x in both schools
            rows["g"] = fit.moments.labels[0]
            low, high = fit.predict(rows, random=False)
            product = gamma.get("mc:xc", gamma.get("xc:mc"))
            formula = (
                gamma["mc"] - gamma["xc"] - gamma.get("w:xc", gamma.get("xc:w")) * w
                + product * (x - 2 * m)
            )  # fmt: skip
            assert (high - low) / (2 * step) == pytest.approx(formula, rel=1e-5)
    table = mlm.contextual_effect(fit, "xc", "mc").loc[["contextual"], "estimate"]
    slope = gamma.get("w:xc", gamma.get("xc:w"))
    expected = [gamma["mc"] - gamma["xc"], gamma["mc"] - gamma["xc"] - slope]
    np.testing.assert_allclose(table, expected, rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_shrinkage_works_on_both_coefficients_at_once(seed: int) -> None:
    """û = Λb with Λ = T(T + V)⁻¹: the gap of EB slopes is a part of the gap of OLS slopes and an
    echo of the gap of means, and Λ is what the definition says."""
    fit = fitted(seed, M1)
    sources = shrinkage_sources(fit)
    u = fit.random_effects
    for p in ("u0", "u1"):
        total = sources[f"{p}_from_intercept"] + sources[f"{p}_from_slope"]
        np.testing.assert_allclose(total, u[p], atol=1e-9)
    t, d = fit.T.to_numpy(), fit.design
    for j in range(0, 70, 9):
        at = d.codes == j
        z = d.z[at]
        b = np.linalg.lstsq(z, d.y[at] - d.x[at] @ fit.gamma, rcond=None)[0]
        weight = t @ np.linalg.inv(t + fit.sigma2 * np.linalg.inv(z.T @ z))
        np.testing.assert_allclose(weight @ b, u.iloc[j][["u0", "u1"]], rtol=1e-6, atol=1e-9)
        assert sources["u1_from_intercept"].iloc[j] == pytest.approx(weight[1, 0] * b[0], abs=1e-9)
    assert abs(sources["u1_from_intercept"]).max() > 1e-3  # the echo is there


@pytest.mark.parametrize("seed", SEEDS)
def test_ols_slopes_vary_more_than_true_ones_and_eb_slopes_less(seed: int) -> None:
    fit = fitted(seed, M1)
    sd = float(np.sqrt(fit.T.iloc[1, 1]))
    assert mlm.ols_by_group(fit)["b1"].std() > sd > fit.random_effects["u1"].std()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_predictor_explains_of_slopes_leaves_sigma2_alone(seed: int) -> None:
    """σ² is the variance around each school's own line: Model 1 held the lines already. What the
    sector explains moves from the random to the fixed part of the within variance."""
    one, two = fitted(seed, M1), fitted(seed, M2)
    assert two.sigma2 == pytest.approx(one.sigma2, rel=0.02)
    before, after = mlm.variance_decomposition(one), mlm.variance_decomposition(two)
    assert two.T.iloc[1, 1] < one.T.iloc[1, 1]
    assert after.loc["v", "within"] < before.loc["v", "within"]
    assert after.loc["f1", "within"] > before.loc["f1", "within"]
    assert after.loc["sigma2", "within"] == pytest.approx(before.loc["sigma2", "within"], rel=0.03)


@pytest.mark.parametrize("seed", SEEDS)
def test_between_variance_is_that_of_means_less_their_sampling_error(seed: int) -> None:
    """τ̂00 is about Var(means) − σ²/n: so it rises when a level-1 predictor lowers σ²."""
    null, one = fitted(seed, "y ~ 1 + (1 | g)"), fitted(seed, "y ~ xc + (1 | g)")
    means = study(seed).groupby("g")["y"].mean()
    n = study(seed).groupby("g").size()
    for fit in (null, one):
        about = means.var() - fit.sigma2 * (1 / n).mean()
        assert fit.T.iloc[0, 0] == pytest.approx(about, rel=0.12)
    assert one.sigma2 < null.sigma2
    assert one.T.iloc[0, 0] > null.T.iloc[0, 0]


def test_a_slope_left_fixed_makes_the_cross_level_interaction_look_surer() -> None:
    """The test of γ11 without the random slope rejects a true null too often."""
    rejected = np.zeros(2)
    for seed in range(120):
        rng = np.random.default_rng([seed, 5])
        g = np.repeat(np.arange(30), 15)
        x, w = rng.normal(size=450), (np.arange(30) % 2)[g]
        u = rng.normal(size=(30, 2)) * [1.0, 0.8]
        d = pd.DataFrame({"g": g, "w": w, "x": x})
        d["y"] = u[g, 0] + (1 + u[g, 1]) * x + rng.normal(0, 1.5, 450)
        for k, part in enumerate(("(1 | g)", "(1 + x | g)")):
            fit = mlm.fit_mlm(f"y ~ w * x + {part}", d)
            rejected[k] += fit.fixed_effects.loc["w:x", "p"] < 0.05
    without, with_slope = rejected / 120
    assert without > 0.2
    assert with_slope < 0.11


def test_on_the_edge_the_statistic_is_smaller_than_its_chi_square() -> None:
    """Without slope variance the estimate lies on the edge (a variance of 0 or a correlation of ±1)
    in half of the samples or more, and χ²(2) is too strict."""
    edge, beyond = 0, np.zeros(2)
    for seed in range(150):
        rng = np.random.default_rng([seed, 9])
        g = np.repeat(np.arange(40), 12)
        x = rng.normal(size=480)
        y = rng.normal(size=40)[g] + x + rng.normal(0, 1.5, 480)
        d = pd.DataFrame({"y": y, "x": x, "g": g})
        one, slopes = (mlm.fit_mlm(f"y ~ x + {p}", d) for p in ("(1 | g)", "(1 + x | g)"))
        edge += slopes.singular
        row = mlm.compare(one, slopes).table.iloc[1]
        beyond += [row["p"] < 0.1, row["p_boundary"] < 0.1]
    assert edge / 150 > 0.4
    assert beyond[0] <= beyond[1]
    assert beyond[0] / 150 < 0.09


@pytest.mark.parametrize("seed", SEEDS)
def test_reml_compares_models_with_the_same_fixed_part(seed: int) -> None:
    """REML criteria of models that differ in the random part alone give a valid test, near ML's."""
    one, slopes = fitted(seed, "y ~ xc + (1 | g)"), fitted(seed, M1)
    by = [mlm.compare(one, slopes, refit=r).table["Chisq"].iloc[1] for r in (False, True)]
    assert by[0] == pytest.approx(by[1], rel=0.15)
    assert by[0] == pytest.approx(one.criterion - slopes.criterion)


def test_a_slope_residual_is_what_its_own_slope_and_its_mean_add() -> None:
    data = mlm.load_dataset("ex1")
    fit = mlm.fit_mlm("g1rscore ~ 1 + famsesc + (1 + famsesc | schid)", data)
    table = mlm.plots.echo_table(fit, by="sector", data=data)
    parts = table["u1_from_slope"] + table["u1_from_intercept"]
    np.testing.assert_allclose(parts, fit.random_effects["u1"], atol=1e-8)
    # the group's own regression, less what the fixed part expects of it
    own = mlm.ols_by_group(fit)[["b0", "b1"]]
    gap = own.reindex(table.index).to_numpy(dtype=float) - fit.gamma
    known = np.isfinite(gap).all(axis=1)
    np.testing.assert_allclose(table[["own_intercept", "own_slope"]][known], gap[known], atol=1e-6)
    gaps = table.groupby("sector")[["u1_from_slope", "u1_from_intercept"]].mean().diff().iloc[1]
    assert (gaps < -0.3).all()
    with pytest.raises(ValueError, match="one random slope"):
        mlm.plots.echo_table(mlm.fit_mlm("g1rscore ~ 1 + famsesc + (1 | schid)", data))
