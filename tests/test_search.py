"""The optimum that is found is the lowest one, also where the deviance has several dips."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

import mlm_helpers as mlm

LOG_RATIOS = np.linspace(-12, 8, 81)  # of √τ to σ


def far_from_0(seed: int) -> pd.DataFrame:
    """Three groups whose lines meet at x = 0, far from where x was seen; no random intercept."""
    rng = np.random.default_rng(seed)
    g = np.repeat([0, 1, 2], 7)
    x = rng.normal(100, 8, len(g))
    y = -14 + np.array([0.14, 0.12, 0.13])[g] * x + rng.normal(0, 0.1, len(g))
    return pd.DataFrame({"y": y, "x": x, "g": g})


def dense(frame: pd.DataFrame, log_ratio: float) -> float:
    """The REML criterion of y ~ 1 + (0 + x | g) with V written out."""
    x, y, g = (frame[c].to_numpy() for c in "xyg")
    V = np.eye(len(y)) + np.exp(2 * log_ratio) * np.outer(x, x) * (g[:, None] == g)
    one = np.ones(len(y))
    inverse = np.linalg.inv(V)
    information = one @ inverse @ one
    residual = y - (one @ inverse @ y) / information
    dof = len(y) - 1
    return float(
        np.linalg.slogdet(V)[1]
        + np.log(information)
        + dof * (1 + np.log(2 * np.pi * (residual @ inverse @ residual) / dof))
    )


@pytest.mark.parametrize("seed", [3, 4, 15, 18, 22, 40])
def test_the_lower_of_two_valleys_is_found(seed: int) -> None:
    frame = far_from_0(seed)
    values = np.array([dense(frame, at) for at in LOG_RATIOS])
    dips = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])) + 1
    assert len(dips) == 2  # or this tests nothing
    near = LOG_RATIOS[values.argmin()]
    lowest = minimize_scalar(lambda at: dense(frame, at), bounds=(near - 0.3, near + 0.3))
    fit = mlm.fit_mlm("y ~ 1 + (0 + x | g)", frame)
    assert fit.criterion == pytest.approx(lowest.fun, abs=1e-4)
