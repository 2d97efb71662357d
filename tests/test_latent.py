"""The contextual effect corrected for the error of the observed means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError


def drawn(
    rng: np.random.Generator, groups: int, size: int, unequal: bool = False, effect: float = 1.5
) -> pd.DataFrame:
    """Students sampled from schools: y depends on x and on the school's own mean of x."""
    sizes = rng.integers(4, 2 * size - 3, groups) if unequal else np.full(groups, size)
    g = np.repeat(np.arange(groups), sizes)
    w = np.arange(groups) % 2
    own = 0.5 * rng.normal(size=groups) + 0.4 * w
    d = pd.DataFrame({"g": g, "w": w[g], "x": 7 + own[g] + rng.normal(size=len(g))})
    d["kind"] = np.array(["a", "b", "c"])[g % 3]
    d["y"] = 0.5 * d.x + effect * own[g] + 0.3 * d.w + 0.7 * rng.normal(size=groups)[g]
    d["y"] += 1.5 * rng.normal(size=len(g))
    d["m"], d["xc"] = mlm.group_mean(d, "x", "g"), mlm.center_within(d, "x", "g")
    d["mc"] = d.m - d.m.mean()
    return d


def test_with_equal_sizes_it_is_the_observed_one_over_the_reliability() -> None:
    """Lüdtke et al. (2008, eq. 8), when no other level-2 predictor is in the model."""
    d = drawn(np.random.default_rng(1), 40, 9)
    fit = mlm.fit_mlm("y ~ xc + m + (1 | g)", d)
    seen = mlm.contextual_effect(fit, "xc", "m")["estimate"]
    corrected = mlm.contextual_effect(fit, "xc", "m", latent=True)
    own = mlm.fit_mlm("x ~ 1 + (1 | g)", d)
    t, s2 = float(own.T.iloc[0, 0]), own.sigma2
    reliability = t / (t + s2 / 9)
    ours = corrected["estimate"]
    assert ours["contextual"] == pytest.approx(seen["contextual"] / reliability, rel=1e-6)
    assert ours["within"] == pytest.approx(seen["within"], rel=1e-6)
    assert ours["between"] == pytest.approx(ours["within"] + ours["contextual"], rel=1e-9)
    assert f"reliability is {reliability:.2f}" in corrected.attrs["note"]
    naive = mlm.contextual_effect(fit, "xc", "m")["std_error"]["contextual"] / reliability
    assert corrected["std_error"]["contextual"] > naive


def test_it_does_not_depend_on_the_way_x_is_written() -> None:
    d = drawn(np.random.default_rng(2), 50, 8, unequal=True)
    tables = [
        mlm.contextual_effect(mlm.fit_mlm(formula, d), x, m, latent=True)
        for formula, x, m in (
            ("y ~ xc + m + w + (1 | g)", "xc", "m"),
            ("y ~ x + m + w + (1 | g)", "x", "m"),
            ("y ~ xc + mc + w + (1 | g)", "xc", "mc"),
            ("y ~ x + mc + w + (1 | g)", "x", "mc"),
        )
    ]
    for table in tables[1:]:
        for column in ("estimate", "std_error"):
            np.testing.assert_allclose(table[column], tables[0][column], rtol=1e-4)


def test_the_observed_effect_is_too_small_and_the_corrected_one_is_not() -> None:
    """60 samples of 60 schools: its mean within 3 standard errors of 1.5, the observed one not; its
    standard error is that of the samples, to the simulation's own precision."""
    rng = np.random.default_rng(7)
    seen, corrected, errors = [], [], []
    for _ in range(60):
        d = drawn(rng, 60, 9, unequal=True)
        fit = mlm.fit_mlm("y ~ xc + m + w + (1 | g)", d)
        seen.append(mlm.contextual_effect(fit, "xc", "m")["estimate"]["contextual"])
        row = mlm.contextual_effect(fit, "xc", "m", latent=True).loc["contextual"]
        corrected.append(row["estimate"])
        errors.append(row["std_error"])
    of_mean = np.std(corrected, ddof=1) / np.sqrt(len(corrected))
    assert abs(np.mean(corrected) - 1.5) < 3 * of_mean
    assert np.mean(seen) < 1.5 - 3 * of_mean
    assert 0.75 < np.mean(errors) / np.std(corrected, ddof=1) < 1.35


@pytest.mark.parametrize(
    ("formula", "rows"),
    [
        ("y ~ xc * m + xc * w + (1 + xc | g)", 2),
        ("y ~ xc * kind + m + (1 + xc | g)", 3),
        ("y ~ xc * kind + m * kind + w + (1 | g)", 3),
    ],
)
def test_products_and_kinds_have_it_too(formula: str, rows: int) -> None:
    d = drawn(np.random.default_rng(3), 60, 8, unequal=True)
    d.loc[d.index[::23], "y"] = np.nan
    fit = mlm.fit_mlm(formula, d)
    seen = mlm.contextual_effect(fit, "xc", "m")
    table = mlm.contextual_effect(fit, "xc", "m", latent=True)
    assert list(table.columns) == list(seen.columns)
    assert len(table) == 3 * rows
    assert (table["std_error"] > 0).all()
    of = table.loc["contextual", "estimate"].mean() / seen.loc["contextual", "estimate"].mean()
    assert 1 < of < 3


def test_few_groups_and_a_singular_fit() -> None:
    d = drawn(np.random.default_rng(5), 12, 25)
    d["y"] -= mlm.group_mean(d, "y", "g") - (d.m * 2).round(3)  # nothing left between groups
    fit = mlm.fit_mlm("y ~ xc + m + (1 | g)", d)
    assert fit.singular
    table = mlm.contextual_effect(fit, "xc", "m", latent=True)
    assert np.isfinite(table[["estimate", "std_error", "lower"]]).all(axis=None)


def test_means_that_do_not_differ_cannot_be_corrected() -> None:
    d = drawn(np.random.default_rng(6), 30, 10)
    x = d.x - 0.98 * (d.m - d.m.mean())
    d["m"], d["xc"] = x.groupby(d.g).transform("mean"), d.xc
    fit = mlm.fit_mlm("y ~ xc + m + (1 | g)", d)
    with pytest.raises(MLMError, match="no more than chance"):
        mlm.contextual_effect(fit, "xc", "m", latent=True)
