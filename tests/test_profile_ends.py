"""An end of a profile interval is where the profile, minimised from anywhere, is z² above."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.engine.profiles import _problems

Z2 = 3.841458820694124


def small(seed: int) -> tuple[str, pd.DataFrame]:
    """A design of few groups in which profiles have several branches or touch the boundary."""
    rng = np.random.default_rng((seed, 5))
    groups = int(rng.integers(4, 12))
    g = np.repeat(np.arange(groups), rng.integers(3, 9, groups))
    x, z = rng.normal(size=len(g)) * rng.choice([0.1, 1, 30]), rng.normal(size=len(g))
    spread = rng.choice([0.0, 0.3, 3.0], 2)
    u = (rng.normal(size=(groups, 2)) * spread)[g]
    y = 500 * (seed % 2) + u[:, 0] + u[:, 1] * x + rng.normal(size=len(g)) * rng.choice([1, 20])
    part = ("(1 | g)", "(1 + x | g)", "(1 + x || g)", "(0 + x + z | g)")[seed % 4]
    return f"y ~ x + z + {part}", pd.DataFrame({"y": y, "x": x, "z": z, "g": g})


@pytest.mark.parametrize("seed", range(12))
def test_each_end_is_a_root_wherever_the_search_starts(seed):
    formula, frame = small(seed)
    fit = mlm.fit_mlm(formula, frame, reml=False)
    table = fit.confint(method="profile")
    rng = np.random.default_rng(seed)
    for name, row in table.iterrows():
        assert not row["lower"] > row["upper"]
        for end in (row["lower"], row["upper"]):
            problem = _problems(fit)[name](fit)
            if math.isnan(end) or end in (problem.low, problem.high):
                continue
            problem.starts.extend(
                start + rng.normal(size=len(start)) * 0.5 for start in list(problem.starts)
            )
            assert problem.lowest(end) - fit.criterion == pytest.approx(Z2, abs=2e-4)


def test_an_end_that_is_not_found_is_missing_and_named(monkeypatch):
    formula, frame = small(1)
    fit = mlm.fit_mlm(formula, frame, reml=False)
    monkeypatch.setattr("mlm_helpers.engine.profiles._crossing", lambda *_: math.nan)
    table = fit.confint(method="profile", parameters=["sigma"])
    assert table.loc["sigma", ["lower", "upper"]].isna().all()
    assert "sigma could not be found" in table.attrs["notes"][0]
