"""A simple slope along a moderator: the numbers behind the explorer.

Slope and line are linear combinations of the γ̂'s whose weights are linear in the moderator, so one
position costs one small matrix product. The region is that of ``johnson_neyman``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.inference import fixed_variance, t_interval, t_table
from mlm_helpers.explorers.roles import Roles
from mlm_helpers.interpret.johnson_neyman import JohnsonNeyman, johnson_neyman

Array = NDArray[np.float64]


class Tables(NamedTuple):
    """What one state looks like.

    ``slope``: one row; estimate std_error df t p lower upper. ``line``: the expected outcome along
    the predictor; x, predicted, lower, upper. ``along``: the slope along the moderator; moderator,
    slope, lower, upper. ``region``: the Johnson-Neyman result.
    """

    slope: pd.Series
    line: pd.DataFrame
    along: pd.DataFrame
    region: JohnsonNeyman
    state: dict[str, Any]


def weights(fit: MLMFit, roles: Roles, x: Array, m: float, w: float, what: str) -> Array:
    """Weights (k, p) on the γ̂'s of the slope or of the expected outcome at ``x``."""
    at = {name: fit.design.columns.index(column) for name, column in roles.columns.items()}
    out = np.zeros((len(x), len(fit.design.columns)))
    for name, k in at.items():
        level2 = {"0": 1.0, "1": w, "2": m}[name[6]]
        if name[5] == "1":
            out[:, k] = level2 * (x if what == "outcome" else 1.0)
        elif what == "outcome":
            out[:, k] = level2
    return out


def region(fit: MLMFit, roles: Roles, high: bool, level: float) -> JohnsonNeyman:
    """The Johnson-Neyman region for one kind of group."""
    held = {roles.two: float(high)} if roles.two and "[" not in roles.two else {}
    if roles.two and "[" in roles.two:
        name, value = roles.two.rstrip("]").split("[")
        categories = fit.structure.variables[name].categories
        chosen = value.removeprefix("T.")
        held = {name: chosen if high else next(c for c in categories if c != chosen)}  # type: ignore[dict-item]
    return johnson_neyman(fit, roles.level1, roles.continuous, at=held, level=level, points=61)


def compute(
    state: Mapping[str, Any], fit: MLMFit, roles: Roles, x: Array, found: JohnsonNeyman
) -> Tables:
    """The tables of a state; ``found`` is the region for its kind and level."""
    level = state["level"] / 100
    m, w = float(state["moderator"]), float(state.get("kind") == "high")
    slope = t_table(fit, weights(fit, roles, x[:1], m, w, "slope"), [0]).iloc[0]
    low, high = t_interval(slope["estimate"], slope["std_error"], slope["df"], level)
    slope = pd.concat([slope, pd.Series({"lower": float(low), "upper": float(high)})])
    rows = t_table(fit, weights(fit, roles, x, m, w, "outcome"), list(range(len(x))))
    lower, upper = t_interval(rows["estimate"], rows["std_error"], rows["df"], level)
    line = pd.DataFrame(
        {"x": x, "predicted": rows["estimate"].to_numpy(), "lower": lower, "upper": upper}
    )
    along = found.table[[found.column, "slope", "lower", "upper", "significant"]].rename(
        columns={found.column: "moderator"}
    )
    return Tables(slope, line, along, found, dict(state))


def gradient_forms(fit: MLMFit) -> Array:
    """Forms F (number of variance parameters, p, p): the gradient of l'Cov(γ̂)l is g_i = l'F_i l."""
    p = len(fit.gamma)
    sums = np.eye(p)[:, None, :] + np.eye(p)[None, :, :]
    of_sums = fixed_variance(fit, sums.reshape(p * p, p))[1].reshape(p, p, -1)
    own = fixed_variance(fit, np.eye(p))[1]
    return ((of_sums - own[:, None, :] - own[None, :, :]) / 2).transpose(2, 0, 1)
