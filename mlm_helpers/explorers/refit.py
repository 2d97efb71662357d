"""Draw a class of schools and fit it: the numbers behind the live refit.

Each class is drawn from a two-level model whose parameters are known, and fitted with the course's
own estimator (REML, Satterthwaite df). The formula is read once; a draw only puts new columns into
that design, so a fit costs a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit, moments_of, semi_cholesky
from mlm_helpers.engine.inference import p_of_t, satterthwaite, t_interval
from mlm_helpers.explorers.cross_level import covariance
from mlm_helpers.interpret.planning import drawn_design

Array = NDArray[np.float64]

ROLES = ("gamma00", "gamma10", "gamma01", "gamma11")  # in the order of the columns
LEVEL = 0.95


class Drawn(NamedTuple):
    """One class: rows (x, w, y), the school of each row, and each school's true u's."""

    x: Array
    w: Array
    y: Array
    codes: NDArray[np.intp]
    u: Array


class Tables(NamedTuple):
    """What one class shows.

    ``fixed``: index γ; estimate std_error df t p lower upper truth. ``t``, ``t_hat``: true and
    estimated T. ``schools``: one row per school; w, b0, b1 (EB coefficients), u0, u1 (EB
    residuals). ``fit``: the fit itself.
    """

    fixed: pd.DataFrame
    t: Array
    t_hat: Array
    schools: pd.DataFrame
    fit: MLMFit
    state: dict[str, Any]


def draw_class(state: Mapping[str, Any], seed: int | Sequence[int]) -> Drawn:
    """Draw a class of J schools of n students.

    The same seed draws the same standard deviates, so that a slider changes the class and not the
    luck. The level-1 predictor is centered within schools and has the standard deviation ``x_sd``.
    """
    schools, n = int(state["J"]), int(state["n"])
    z, x, e = _deviates(seed if isinstance(seed, int) else tuple(seed), schools, n)
    private = np.floor(np.arange(1, schools + 1) * state["share"] / 100 + 1e-9)
    w = np.diff(private, prepend=0.0)
    u = z @ semi_cholesky(covariance(state)).T
    x = (x - x.mean(axis=1, keepdims=True)) * state["x_sd"]
    b0 = state["gamma00"] + state["gamma01"] * w + u[:, 0]
    b1 = state["gamma10"] + state["gamma11"] * w + u[:, 1]
    y = b0[:, None] + b1[:, None] * x + state["sigma"] * e
    codes = np.repeat(np.arange(schools), n)
    return Drawn(x.ravel(), np.repeat(w, n), y.ravel(), codes, u)


@lru_cache(maxsize=8)
def _deviates(seed: int | tuple[int, ...], schools: int, n: int) -> tuple[Array, Array, Array]:
    """Standard normal deviates by school: a school keeps its own when J or n changes."""
    z = np.random.default_rng([*np.atleast_1d(seed), 0]).normal(size=(schools, 2))
    x = np.random.default_rng([*np.atleast_1d(seed), 1]).normal(size=(n, schools)).T
    e = np.random.default_rng([*np.atleast_1d(seed), 2]).normal(size=(n, schools)).T
    return z, x, e


def fit_class(drawn: Drawn) -> MLMFit:
    """Fit a class by REML."""
    schools = int(drawn.codes[-1]) + 1
    design = drawn_design(drawn.x, drawn.w, drawn.y, drawn.codes, schools)
    return MLMFit(moments_of(design), design, reml=True)


def compute(state: Mapping[str, Any]) -> Tables:
    """Draw the class of ``state["seed"]``, fit it, and lay estimate beside truth."""
    drawn = draw_class(state, int(state["seed"]))
    fit = fit_class(drawn)
    u = fit.random_effects
    w = drawn.w[:: int(state["n"])]
    g = dict(zip(ROLES, fit.gamma.tolist(), strict=True))
    b0 = g["gamma00"] + g["gamma01"] * w + u["u0"].to_numpy()
    b1 = g["gamma10"] + g["gamma11"] * w + u["u1"].to_numpy()
    schools = pd.DataFrame(
        {"w": w, "b0": b0, "b1": b1, "u0": u["u0"].to_numpy(), "u1": u["u1"].to_numpy()}
    )
    return Tables(
        estimates(fit, state), covariance(state), fit.T.to_numpy(), schools, fit, dict(state)
    )


def _tested(fit: MLMFit, rows: slice) -> dict[str, Array]:
    """Estimates of some γ's with Satterthwaite df, t, p and 95% interval, as plain arrays."""
    weights = np.eye(len(ROLES))[rows]
    estimate = fit.gamma[rows]
    se = np.sqrt(np.diag(fit.vcov.to_numpy())[rows])
    df = satterthwaite(fit, weights)
    t = estimate / se
    lower, upper = t_interval(estimate, se, df, LEVEL)
    return {
        "estimate": estimate,
        "std_error": se,
        "df": df,
        "t": t,
        "p": p_of_t(t, df),
        "lower": lower,
        "upper": upper,
    }


def estimates(fit: MLMFit, state: Mapping[str, Any]) -> pd.DataFrame:
    """Fixed effects with 95% intervals (Satterthwaite) and the truth, by γ."""
    columns = {**_tested(fit, slice(0, 4)), "truth": [float(state[name]) for name in ROLES]}
    return pd.DataFrame(columns, index=pd.Index(ROLES, name="parameter"))


def gamma11(fixed: pd.DataFrame) -> dict[str, float]:
    """The row of γ11."""
    values = fixed.to_numpy(dtype=float)[ROLES.index("gamma11")]
    return dict(zip(fixed.columns, values.tolist(), strict=True))


def one_draw(state: Mapping[str, Any], number: int) -> dict[str, Any]:
    """What one of many classes says about γ11."""
    fit = fit_class(draw_class(state, (int(state["seed"]), 1 + number)))
    at = ROLES.index("gamma11")
    row = {name: float(v[0]) for name, v in _tested(fit, slice(at, at + 1)).items()}
    return {
        "estimate": row["estimate"],
        "lower": row["lower"],
        "upper": row["upper"],
        "p": row["p"],
        "significant": row["p"] < 1 - LEVEL,
        "covers": row["lower"] <= state["gamma11"] <= row["upper"],
        "singular": fit.singular,
    }


class Tally(NamedTuple):
    """Shares over the classes drawn so far, and the uncertainty of the first."""

    draws: int
    power: float
    power_se: float
    coverage: float
    singular: float
    mean: float


def tally(draws: pd.DataFrame) -> Tally:
    """Power (share with p < .05), coverage (share of intervals that hold the truth), singular."""
    n = len(draws)
    power = float(draws["significant"].mean())
    return Tally(
        n,
        power,
        math.sqrt(power * (1 - power) / n),
        float(draws["covers"].mean()),
        float(draws["singular"].mean()),
        float(draws["estimate"].mean()),
    )
