"""The bootstrap: the same samples as fits to drawn data, and the intervals that others report."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import distributed
import joblib
import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.engine.fit import moments_of
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret import bootstrap as module


@cache
def sleep() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).parent / "reference" / "data" / "sleep.csv")


@cache
def small() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(40), 12)
    x, w = rng.normal(size=480), (np.arange(40) % 2)[g]
    u = rng.normal(size=(40, 2)) * [1.0, 0.6]
    y = 3 + 0.8 * x + 0.5 * w - 0.4 * x * w + u[g, 0] + u[g, 1] * x + rng.normal(size=480)
    return pd.DataFrame({"y": y, "x": x, "w": w, "g": g})


@cache
def fitted(part: str = "x * w") -> Any:
    return mlm.fit_mlm(f"y ~ {part} + (1 + x | g)", small())


@pytest.mark.parametrize("kind", ["parametric", "residual", "cases"])
def test_a_sample_is_the_fit_to_its_rows(kind: str) -> None:
    """The short cut over sums gives what fit_mlm gives for the drawn rows."""
    fits = (fitted("x"), fitted())
    drawn = module._SAMPLERS[kind](fits)(np.random.default_rng(3))
    for fit, sample in zip(fits, drawn, strict=True):
        assert sample.structure.columns == fit.structure.columns
        again = mlm.fit_mlm(fit.formula, sample.data)
        np.testing.assert_allclose(sample.gamma, again.gamma, rtol=1e-7)
        np.testing.assert_allclose(sample.T, again.T, rtol=1e-5, atol=1e-8)
        assert sample.criterion == pytest.approx(again.criterion, abs=1e-7)
        np.testing.assert_allclose(sample.fitted, again.fitted, rtol=1e-5)
        rows = moments_of(sample.design)  # in a basis of its own
        np.testing.assert_array_equal(rows.n, sample.moments.n)
    assert not np.array_equal(drawn[0].design.y, fits[0].design.y)


def test_the_data_given_stay_as_they_are() -> None:
    before, y = small().copy(), fitted().design.y.copy()
    for kind in ("parametric", "residual", "cases"):
        mlm.bootstrap(fitted(), lambda f: f.sigma2, kind, n=3)
    pd.testing.assert_frame_equal(small(), before)
    np.testing.assert_array_equal(fitted().design.y, y)


def test_numbers_hang_on_the_seed_alone() -> None:
    def statistic(fit: Any) -> Any:
        return {"slope": fit.gamma[1], "tau11": fit.T.iloc[1, 1]}

    one = mlm.bootstrap(fitted(), statistic, n=45, seed=8).replicates
    pd.testing.assert_frame_equal(
        mlm.bootstrap(fitted(), statistic, n=45, seed=8, n_jobs=2).replicates, one
    )
    longer = mlm.bootstrap(fitted(), statistic, n=60, seed=8).replicates
    pd.testing.assert_frame_equal(longer.iloc[:45], one)
    other = mlm.bootstrap(fitted(), statistic, n=45, seed=9).replicates
    assert not np.allclose(other, one)


def test_a_dask_cluster_gives_the_same_numbers() -> None:
    here = mlm.bootstrap(fitted(), lambda f: f.gamma, n=40).replicates
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = mlm.bootstrap(fitted(), lambda f: f.gamma, n=40).replicates
    pd.testing.assert_frame_equal(there, here)


def test_intervals_are_those_of_lme4s_bootmer() -> None:
    fit = mlm.fit_mlm("reaction ~ days + (1 + days | subject)", sleep(), reml=False)

    def statistic(f: Any) -> dict[str, float]:
        return {"days": f.gamma[1], "sigma": f.sigma, "tau11": f.T.iloc[1, 1]}

    found = mlm.bootstrap(fit, statistic, n=1500)
    table = found.confint()
    values = Path(__file__).parent / "reference" / "values" / "bootstrap.json"
    for theirs in json.loads(values.read_text()):
        name = theirs["name"]
        assert table.loc[name, "estimate"] == pytest.approx(theirs["estimate"], rel=1e-4)
        assert found.std_error[name] == pytest.approx(theirs["sd"], rel=0.06)
        for end in ("lower", "upper"):  # the error of 1500 and of 4000 samples
            assert table.loc[name, end] == pytest.approx(theirs[end], abs=0.3 * theirs["sd"])


@pytest.mark.parametrize("kind", ["parametric", "residual", "cases"])
def test_spread_is_near_the_standard_errors(kind: str) -> None:
    found = mlm.bootstrap(fitted(), lambda f: f.gamma, kind, n=400)
    ratio = found.std_error.to_numpy() / fitted().fixed_effects["std_error"].to_numpy()
    assert (abs(np.log(ratio)) < 0.25).all()
    assert (abs(found.bias) < 0.2 * found.std_error).all()


def test_variance_explained_gets_an_interval() -> None:
    one, two = fitted("x"), fitted()
    found = mlm.bootstrap([one, two], lambda a, b: mlm.variance_explained(a, b)["explained"], n=100)
    table = found.confint()
    expected = mlm.variance_explained(one, two)["explained"]
    np.testing.assert_array_equal(table["estimate"], expected)
    assert table.loc["tau11", "lower"] < expected["tau11"] < table.loc["tau11", "upper"]
    assert "tau11: " in found.describe()


def test_bca_moves_the_tails_of_a_skewed_statistic() -> None:
    found = mlm.bootstrap(fitted(), lambda f: f.T.iloc[1, 1], "cases", n=300)
    plain, bca = found.confint(), found.confint(method="bca")
    values = found.replicates["statistic"]
    estimate = found.estimate["statistic"]
    # by hand: z0 from the share below, a from leaving out one group
    from scipy.stats import norm

    left = np.array([
        mlm.fit_mlm("y ~ x * w + (1 + x | g)", small()[small()["g"] != j]).T.iloc[1, 1]
        for j in range(40)
    ])  # fmt: skip
    away = left.mean() - left
    a = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    z0 = norm.ppf((values < estimate).mean())
    for column, z in (("lower", norm.ppf(0.025)), ("upper", norm.ppf(0.975))):
        share = norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
        expected = np.quantile(values, share)
        assert bca.loc["statistic", column] == pytest.approx(expected, rel=1e-6)
    assert not np.allclose(plain[["lower", "upper"]], bca[["lower", "upper"]])


def test_samples_without_a_number_are_counted() -> None:
    def sometimes(fit: Any) -> float:
        if fit is not fitted() and fit.gamma[1] > fitted().gamma[1]:
            raise ValueError
        return float(fit.gamma[1])

    found = mlm.bootstrap(fitted(), sometimes, n=40)
    assert 5 < found.failed < 35
    assert found.replicates["statistic"].isna().sum() == found.failed
    assert f"{found.failed} of 40 samples gave no number" in found.describe()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mlm.bootstrap(fitted(), lambda f: f.nothing), "could not be computed"),
        (lambda: mlm.bootstrap(fitted(), lambda f: "text"), "a number, or a mapping"),
        (lambda: mlm.bootstrap(fitted(), lambda f: 1, "wild"), "'cases' or 'residual'"),
        (lambda: mlm.bootstrap(fitted(), lambda f: 1, n=0), "above 0"),
        (lambda: mlm.bootstrap([], lambda: 1), "needs a fit"),
        (lambda: mlm.bootstrap(mlm.fit_mlm("y ~ x + (1 | g)", [small()]), lambda f: 1), "the rows"),
        (
            lambda: mlm.bootstrap(
                [mlm.fit_mlm("y ~ x + (1 | g)", small()[:240]), fitted()], lambda a, b: 1
            ),
            "different rows",
        ),
        (lambda: mlm.bootstrap(fitted(), lambda f: 1, n=2).confint(95), "between 0 and 1"),
        (lambda: mlm.bootstrap(fitted(), lambda f: 1, n=2).confint(method="t"), "'percentile'"),
    ],
)
def test_what_cannot_be_done_is_said(call: Any, said: str) -> None:
    with pytest.raises(MLMError, match=said):
        call()
