"""What a cross-level interaction does to schools' lines: the numbers behind the explorer.

The level-2 model is the lecture's, with one two-valued moderator W and one continuous moderator M:

    β_0j = γ00 + γ01 W_j + γ02 M_j + u_0j
    β_1j = γ10 + γ11 W_j + γ12 M_j + u_1j        (u_0j, u_1j) ~ N(0, T)

The cloud of schools uses the same standard deviates at every setting, made to have mean 0, variance
1 and no correlation in each kind of school. So what a slider does is not mixed with chance, and the
schools' mean and spread are exactly those that the γ's and τ's say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit, semi_cholesky
from mlm_helpers.engine.likelihood import sums
from mlm_helpers.engine.structure import INTERCEPT
from mlm_helpers.errors import MLMError

Array = NDArray[np.float64]

SECTOR, BOTH = "sector", "both"
LEVEL2 = ("gamma00", "gamma01", "gamma02", "gamma10", "gamma11", "gamma12")
T_NAMES = ("tau00", "tau11", "corr")
_PER_KIND = 30


@dataclass(frozen=True)
class Cloud:
    """The schools to draw: their kind w (0 or 1), their m, and standard deviates z (J, 2)."""

    w: Array
    m: Array
    z: Array
    jitter: Array


def make_cloud(two: bool, m_sd: float, seed: int = 5) -> Cloud:
    """Thirty schools of each kind (thirty in all where there is one kind)."""
    rng = np.random.default_rng(seed)
    kinds = (0.0, 1.0) if two else (0.0,)
    m = np.linspace(-1.9, 1.9, _PER_KIND)
    m = m / m.std() * m_sd
    parts = [(np.full(_PER_KIND, k), rng.permutation(m), _deviates(rng, m)) for k in kinds]
    w, ms, z = (np.concatenate([p[i] for p in parts]) for i in range(3))
    for k in kinds:
        z[w == k] = _without(z[w == k], ms[w == k])
    return Cloud(w, ms, z, rng.uniform(-0.17, 0.17, len(w)))


def _deviates(rng: np.random.Generator, like: Array) -> Array:
    return rng.normal(size=(len(like), 2))


def _without(z: Array, m: Array) -> Array:
    """Deviates with mean 0, variance 1, no correlation with each other or with m."""
    base = np.column_stack([np.ones_like(m), m]) if np.ptp(m) > 0 else np.ones((len(m), 1))
    rest = z - base @ np.linalg.lstsq(base, z, rcond=None)[0]
    root = np.linalg.cholesky(rest.T @ rest / len(rest))
    return rest @ np.linalg.inv(root).T


@dataclass(frozen=True)
class Reference:
    """A fit whose estimates one can go back to, and whose data give standard errors."""

    label: str
    fit: MLMFit
    columns: Mapping[str, str]
    level1: str

    def __post_init__(self) -> None:
        random, group = self.fit.design.random, self.fit.structure.group
        if set(random) != {INTERCEPT, self.level1}:
            named = ["intercept" if name == INTERCEPT else name for name in random]
            raise MLMError(
                "This explorer moves the variances of an intercept and of one slope, that of "
                f"{self.level1}; the fit has random {' and '.join(named)}: give it one with "
                f"(1 + {self.level1} | {group})."
            )
        missing = [n for n in ("gamma00", "gamma10") if n not in self.columns]
        if missing:
            what = "an intercept" if missing[0] == "gamma00" else f"{self.level1} by itself"
            raise MLMError(
                f"This explorer moves the average intercept and slope; the fit's fixed part lacks "
                f"{what}: fit a model with 1 + {self.level1} in its fixed part."
            )

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The γ of each column of the fit by role, "" where the explorer has none."""
        role = {column: name for name, column in self.columns.items()}
        return tuple(role.get(c, "") for c in self.fit.design.columns)

    def std_errors(self, t: Array) -> Array:
        """Standard errors of the γ̂'s, √diag σ²(X'V⁻¹X)⁻¹, for these data if T were ``t``, the
        covariance of intercept and slope in this order."""
        fit = self.fit
        order = [(INTERCEPT, self.level1).index(name) for name in fit.design.random]
        t = t[np.ix_(order, order)]
        basis = fit.moments.basis
        k = basis.to_z
        d = k @ (t / fit.sigma2) @ k.T
        p = fit.moments.p
        sxx = sums(fit.moments, d, np.zeros((0, len(d), len(d)))).s[:p, :p]
        back = np.linalg.inv(basis.to_x)
        return np.sqrt(np.diag(back @ np.linalg.inv(sxx) @ back.T) * fit.sigma2)


class Tables(NamedTuple):
    """What one state looks like.

    ``parameters``: index γ by role; estimate, std_error, t. ``schools``: one row per school; w, m,
    b0, b1. ``averages``: one row per kind of school; intercept and slope at the chosen m.
    ``state``: the state. ``t``: (2, 2) covariance of (u0, u1).
    """

    parameters: pd.DataFrame
    schools: pd.DataFrame
    averages: pd.DataFrame
    state: dict[str, Any]
    t: Array


def covariance(state: Mapping[str, Any]) -> Array:
    """T of a state."""
    cov = state["corr"] * math.sqrt(state["tau00"] * state["tau11"])
    return np.array([[state["tau00"], cov], [cov, state["tau11"]]])


def level2_means(state: Mapping[str, Any], w: Array, m: Array) -> tuple[Array, Array]:
    """Expected β_0j and β_1j of schools with these w and m. γ02, γ12 count in mode "both" only."""
    g = {name: float(state.get(name, 0.0)) for name in LEVEL2}
    if state["mode"] == SECTOR:
        g["gamma02"] = g["gamma12"] = 0.0
    b0 = g["gamma00"] + g["gamma01"] * w + g["gamma02"] * m
    return b0, g["gamma10"] + g["gamma11"] * w + g["gamma12"] * m


def compute(state: Mapping[str, Any], cloud: Cloud, references: Mapping[str, Reference]) -> Tables:
    """The tables of a state. ``state["truth"]``, when set, holds the parameters that the schools
    follow while the state's own γ's are a guess."""
    truth = {**state, **(state.get("truth") or {})}
    t = covariance(truth)
    b0, b1 = level2_means(truth, cloud.w, cloud.m)
    u = cloud.z @ semi_cholesky(t).T
    schools = pd.DataFrame({"w": cloud.w, "m": cloud.m, "b0": b0 + u[:, 0], "b1": b1 + u[:, 1]})
    kinds = np.unique(cloud.w)
    a0, a1 = level2_means(state, kinds, np.full(len(kinds), float(state.get("level2", 0.0))))
    averages = pd.DataFrame({"intercept": a0, "slope": a1}, index=pd.Index(kinds, name="w"))
    reference = references[state["mode"]]
    names = [n for n in reference.rows if n]
    estimate = np.array([state[n] for n in names])
    se = reference.std_errors(t)[[bool(n) for n in reference.rows]]
    parameters = pd.DataFrame(
        {"estimate": estimate, "std_error": se, "t": estimate / se},
        index=pd.Index(names, name="parameter"),
    )
    return Tables(parameters, schools, averages, dict(state), t)
