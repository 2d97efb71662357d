"""The tables that pictures of a fit are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlm_helpers.engine.structure import INTERCEPT
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.contextual import contextual_effect, distance_of_means
from mlm_helpers.interpret.predictions import prediction_grid
from mlm_helpers.interpret.residuals import level2_values
from mlm_helpers.interpret.shrinkage import own_deviations, shrinkage_sources
from mlm_helpers.interpret.slopes import simple_slopes

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit


def lines_table(
    fit: MLMFit,
    predictor: str | None = None,
    by: str | None = None,
    data: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Each group's fitted (EB) line, for :func:`plot_group_lines`.

    ``predictor`` is a level-1 predictor of the model (default: the first). ``by`` names a level-2
    variable with categories, from ``data`` when it is not in the model.

    Returns
    -------
    DataFrame, index group; columns ``intercept``, ``slope``, ``low``, ``high`` (the predictor's
    range in the group), ``n`` and ``by``.
    """
    s = fit.structure
    if not s.level1_predictors:
        raise MLMError("The model has no level-1 predictor, so the groups have means and no lines.")
    predictor = s.level1_predictors[0] if predictor is None else predictor
    if predictor not in s.level1_predictors or predictor not in fit.data.columns:
        raise MLMError(
            f"{predictor!r} is not a level-1 predictor of the model; it has "
            f"{', '.join(s.level1_predictors)}."
        )
    p = s.level1_predictors.index(predictor) + 1
    b = fit.coefficients
    x = fit.data[predictor].groupby(fit.data[s.group])
    out = pd.DataFrame(
        {"intercept": b["b0"], "slope": b[f"b{p}"], "low": x.min(), "high": x.max(), "n": x.size()}
    )
    if by is not None:
        out[by] = level2_values(fit, by, data)
    out.attrs |= {
        "predictor": predictor, "outcome": s.outcome, "group": s.group, "by": by,
        "data_name": fit.data_name,
    }  # fmt: skip
    return out


def echo_table(
    fit: MLMFit, by: str | None = None, data: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What each group's EB slope residual is made of, for :func:`plot_echo`.

    Of a model with a random intercept and one random slope, û1j = (a weight) · (the deviation of
    the group's own slope) + (a weight) · (the deviation of its own intercept); the second part is
    an echo of the intercept, there where τ01 is not 0. ``by`` names a level-2 variable with
    categories, from ``data`` when it is not in the model.

    Returns
    -------
    DataFrame, index group; columns ``own_slope`` and ``own_intercept`` (how far the group's OLS
    coefficients lie from what the fixed part expects), ``u1_from_slope``, ``u1_from_intercept`` and
    ``by``.
    """
    names = fit.structure.random
    if len(names) != 2 or names[0] != INTERCEPT:
        raise MLMError(
            "The echo is that of the intercept in one slope: the model needs a random intercept "
            f"and one random slope; it has {', '.join(names)}."
        )
    sources = shrinkage_sources(fit)
    slope = f"u{fit.tau_numbers[1]}"
    own = own_deviations(fit)
    out = pd.DataFrame(
        {
            "own_slope": own[:, 1],
            "own_intercept": own[:, 0],
            "u1_from_slope": sources[f"{slope}_from_slope"],
            "u1_from_intercept": sources[f"{slope}_from_intercept"],
        },
        index=sources.index,
    )
    if by is not None:
        out[by] = level2_values(fit, by, data)
    out.attrs |= {"by": by, "predictor": names[1], "group": fit.structure.group,
                  "outcome": fit.structure.outcome, "data_name": fit.data_name}  # fmt: skip
    return out


def _of_the_kinds(fit: MLMFit, held: Mapping[str, Any]) -> pd.Series:
    """Whether each group is of the kinds at which level-2 variables with categories are held."""
    frame = fit.design.group_frame
    own = pd.Series(True, index=frame.index)
    for name, value in held.items():
        variable = fit.structure.variables.get(name)
        if variable is not None and variable.level == 2 and variable.categories:
            own &= frame[name] == value
    return own if own.any() else ~own


def context_table(
    fit: MLMFit,
    predictor: str,
    mean: str,
    at: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Within-group lines of four groups with means on a round grid, for :func:`plot_context`.

    ``predictor`` is the level-1 variable, ``mean`` the level-2 variable with its group means;
    ``at`` holds other predictors, as for ``simple_slopes``.

    Returns
    -------
    DataFrame: ``mean`` (of the group), ``height`` (expected outcome of the group's average member),
    ``slope`` (within), ``low`` and ``high`` (1.3 SDs within groups to either side). ``attrs`` holds
    the three ``effects`` and the own means (``points``) of the groups of the kinds held.
    """
    means = fit.design.group_frame[mean].astype(float)
    center, step = _middle_and_step(means)
    where = center + step * np.array([-2.0, -1.0, 1.0, 2.0])
    held = dict(at or {})
    given = {**held, predictor: 0.0}
    effects = contextual_effect(fit, predictor, mean, {**held, mean: center}, by=())
    height = prediction_grid(fit, mean, at={**given, mean: where})["predicted"].to_numpy()
    at_means = {**held, mean: list(where)}
    try:
        slopes = simple_slopes(fit, predictor, by=mean, at=at_means)["estimate"].to_numpy()
    except MLMError:  # no product with the mean: one slope for all
        slopes = np.full(len(where), effects["estimate"]["within"])
    if fit.structure.variables[predictor].centered != "group":
        height = height + slopes * (where + distance_of_means(fit, predictor, mean))
    x, groups = fit.data[predictor].astype(float), fit.data[fit.structure.group]
    spread = float((x - x.groupby(groups).transform("mean")).std())
    out = pd.DataFrame({"mean": where, "height": height, "slope": slopes})
    out["low"], out["high"] = out["mean"] - 1.3 * spread, out["mean"] + 1.3 * spread
    y = pd.Series(fit.design.y, index=fit.data.index).groupby(groups).mean().reindex(means.index)
    own = _of_the_kinds(fit, effects.attrs["held"])
    out.attrs |= {
        "effects": effects["estimate"].to_dict(),
        "points": {"x": means[own].tolist(), "y": y[own].tolist()},
        "predictor": predictor,
        "mean": mean,
        "outcome": fit.structure.outcome,
        "group": fit.structure.group,
        "held": effects.attrs["held"],
        "data_name": fit.data_name,
    }
    return out


def _middle_and_step(means: pd.Series) -> tuple[float, float]:
    """A round middle of the groups' means, and a round step of which four cover most of them."""
    low, high = np.quantile(means, [0.02, 0.98])
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = max(k * power for k in (1, 2, 2.5, 5) if k * power <= (high - low) / 4 * 1.25)
    middle = step * round(float(means.median()) / step)
    return middle, step


def residual_table(fit: MLMFit) -> pd.DataFrame:
    """Level-1 residuals for :func:`plot_level1_residuals`: ``fitted``, ``residual``, ``scaled``."""
    out = pd.DataFrame(
        {"fitted": fit.fitted, "residual": fit.residuals, "scaled": fit.scaled_residuals}
    )
    out.attrs |= {"outcome": fit.structure.outcome, "data_name": fit.data_name}
    return out
