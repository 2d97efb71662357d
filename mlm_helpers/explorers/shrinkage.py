"""How EB slopes are pulled from their OLS values: the numbers behind the explorer.

Each school j has n students, so its OLS coefficients b_j = β_j + e_j carry noise of covariance
V = σ² diag(1/n, 1/S) with S = n times the mean square of the within-school predictor. A model
without the moderator sees coefficients that vary with T* = T + g g' p (1 - p), where g = (γ01, γ11)
and p is the share of the second kind. Its EB residuals are û_j = Λ (b_j - γ*), Λ = T* (T* + V)⁻¹
(Raudenbush & Bryk 2002, pp. 45-51 and 87). So a gap of g between the two kinds of schools is a gap
of Λ g among the EB residuals, always nearer to 0 when the noise is large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.fit import semi_cholesky
from mlm_helpers.explorers.cross_level import covariance

Array = NDArray[np.float64]

WITHOUT, WITH = "without", "with"
ALONG = np.geomspace(2, 200, 60)  # sizes of schools at which the reliability is drawn


@dataclass(frozen=True)
class World:
    """What the sliders do not move: the other parameters, and the schools that are drawn.

    ``x_square`` is the mean square of the level-1 predictor about its school means, ``share`` the
    share p of the second kind. ``deviates`` (J, 4) have mean 0, variance 1 and no correlation in
    each kind, so that the gaps in the picture are exactly those of the parameters.
    """

    gamma00: float
    gamma01: float
    gamma10: float
    tau00: float
    corr: float
    x_square: float
    share: float
    kind: Array
    deviates: Array


class Tables(NamedTuple):
    """What one state looks like.

    ``schools``: one row per school; w, true, ols, eb (slopes) and u1 (EB slope residual).
    ``gaps``: the gap between the two kinds in true, OLS and EB slopes and in EB residuals.
    ``reliability``: of an OLS slope along n; ``weights`` (2, 2) is Λ, ``t`` the T that is used.
    """

    schools: pd.DataFrame
    gaps: pd.Series
    reliability: pd.Series
    weights: Array
    t: Array
    noise: float
    state: dict[str, Any]


def make_deviates(low: int = 34, high: int = 16, seed: int = 3) -> tuple[Array, Array]:
    """The kind of each school and its standard deviates."""
    rng = np.random.default_rng(seed)
    parts = []
    for count in (low, high):
        z = rng.normal(size=(count, 4))
        z -= z.mean(axis=0)
        parts.append(z @ np.linalg.inv(np.linalg.cholesky(z.T @ z / count)).T)
    return np.repeat([0.0, 1.0], [low, high]), np.concatenate(parts)


def compute(state: Mapping[str, Any], world: World) -> Tables:
    """The tables of a state (n, tau11, gamma11, sigma, model)."""
    n, sigma2 = float(state["n"]), float(state["sigma"]) ** 2
    gap = np.array([world.gamma01, state["gamma11"]])
    t = covariance({"tau00": world.tau00, "tau11": state["tau11"], "corr": world.corr})
    p = world.share
    between = t + np.outer(gap, gap) * p * (1 - p) if state["model"] == WITHOUT else t
    noise = np.diag([sigma2 / n, sigma2 / (n * world.x_square)])
    weights = between @ np.linalg.inv(between + noise)
    w = world.kind
    own = np.array([world.gamma00, world.gamma10]) + np.outer(w, gap)
    true = own + world.deviates[:, :2] @ semi_cholesky(t).T
    ols = true + world.deviates[:, 2:] * np.sqrt(np.diag(noise))
    expected = own
    if state["model"] == WITHOUT:
        expected = np.array([world.gamma00, world.gamma10]) + p * gap + np.zeros_like(own)
    residual = (ols - expected) @ weights.T
    eb = expected + residual
    schools = pd.DataFrame(
        {"w": w, "true": true[:, 1], "ols": ols[:, 1], "eb": eb[:, 1], "u1": residual[:, 1]}
    )
    slopes = schools[["true", "ols", "eb", "u1"]]
    gaps = slopes[w == 1].mean() - slopes[w == 0].mean()
    of_slope = between[1, 1] / (between[1, 1] + sigma2 / (ALONG * world.x_square) + 1e-300)
    return Tables(
        schools,
        gaps,
        pd.Series(of_slope, index=pd.Index(ALONG, name="n")),
        weights,
        between,
        float(noise[1, 1]),
        dict(state),
    )


def reliability(tables: Tables) -> float:
    """Reliability of one OLS slope: τ11 / (τ11 + σ²/S)."""
    total = float(tables.t[1, 1]) + tables.noise
    return float(tables.t[1, 1]) / total if total > 0 else math.nan
