"""All pairs of simple slopes or of means: which kinds of groups differ from which.

As R's emmeans compares them: each difference is tested with its own Satterthwaite df, and the p
values and intervals of the family are adjusted by Tukey's or Holm's method, or not at all. Source:
Tukey's method by the studentized range, with k means and the pair's df; Holm (1979), Scandinavian
Journal of Statistics 6, 65-70, whose intervals are Bonferroni's, as emmeans gives them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mlm_helpers.engine.inference import check_level, t_interval
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.scenes import Df, Probe, Scene, t_table
from mlm_helpers.interpret.slopes import intercept_scene, slope_scene
from mlm_helpers.text import count

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]
Adjust = Literal["tukey", "holm", "none"]

__all__ = ["intercept_pairs", "slope_pairs"]


def slope_pairs(
    fit: MLMFit,
    predictor: str,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
    adjust: Adjust = "tukey",
) -> pd.DataFrame:
    """The differences of all pairs of simple slopes, as ``pairs(emtrends(...))`` in R.

    Parameters
    ----------
    predictor, by, at, level, df : as for :func:`simple_slopes`.
    adjust : ``"tukey"``, ``"holm"`` or ``"none"``, over all pairs.

    Returns
    -------
    DataFrame, one row per pair: ``label`` ("kind = a − kind = b"), ``estimate std_error df t p
    lower upper``; p and interval adjusted. ``attrs["note"]`` says how, ``attrs["sentence"]`` what
    was found.

    Raises
    ------
    MLMError
        For fewer than two slopes, or another method.
    """
    probe = Probe(fit)
    scene = slope_scene(probe, predictor, by, at)
    return _pairs(fit, scene, probe.slopes(scene.frame, predictor), "slopes", level, df, adjust)


def intercept_pairs(
    fit: MLMFit,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
    adjust: Adjust = "tukey",
) -> pd.DataFrame:
    """The differences of all pairs of expected outcomes where the level-1 predictors are 0, which
    are means where they are centered within groups; as ``pairs(emmeans(...))`` in R.

    Parameters, table and errors as for :func:`slope_pairs` and :func:`simple_intercepts`.
    """
    probe = Probe(fit)
    scene = intercept_scene(probe, by, at)
    return _pairs(fit, scene, probe.rows(scene.frame), "means", level, df, adjust)


def _pairs(
    fit: MLMFit, scene: Scene, rows: Array, what: str, level: float, df: Df, adjust: Adjust
) -> pd.DataFrame:
    check_level(level)
    if adjust not in ("tukey", "holm", "none"):
        raise MLMError(f"adjust must be 'tukey', 'holm' or 'none'; got {adjust!r}.")
    if len(rows) < 2:
        raise MLMError(f"One of the {what} cannot be compared with itself: ask for two or more.")
    pairs = list(itertools.combinations(range(len(rows)), 2))
    weights = np.array([rows[i] - rows[j] for i, j in pairs])
    names = [f"{scene.labels[i]} − {scene.labels[j]}" for i, j in pairs]
    same = [name for name, w in zip(names, weights, strict=True) if not w.any()]
    if same:
        raise MLMError(
            f"The model gives the two of {same[0]} the same value by its form, so there is nothing "
            "to compare: leave one out, or add the product that lets them differ."
        )
    out = t_table(fit, weights, level, df)
    out.insert(0, "label", names)
    _adjust(out, len(rows), level, adjust)
    out.attrs |= scene.attrs
    out.attrs["note"] = " ".join([scene.attrs["note"], _method(adjust, len(pairs))]).strip()
    out.attrs["sentence"] = _sentence(out, what, level)
    return out


def _adjust(table: pd.DataFrame, k: int, level: float, adjust: Adjust) -> None:
    """Put adjusted p and intervals of k values' pairs in place of the plain ones."""
    m = len(table)
    estimate, se = table["estimate"].to_numpy(), table["std_error"].to_numpy()
    df, t = table["df"].to_numpy(), np.abs(table["t"].to_numpy())
    if adjust == "tukey" and k > 2:
        table["p"] = stats.studentized_range.sf(np.sqrt(2) * t, k, df)
        reach = stats.studentized_range.ppf(level, k, df) / np.sqrt(2) * se
        table["lower"], table["upper"] = estimate - reach, estimate + reach
    elif adjust == "holm":
        p = table["p"].to_numpy()
        order = np.argsort(p)
        stepped = np.maximum.accumulate((m - np.arange(m)) * p[order])
        table.loc[table.index[order], "p"] = np.minimum(stepped, 1.0)
        table["lower"], table["upper"] = t_interval(estimate, se, df, 1 - (1 - level) / m)


def _method(adjust: Adjust, m: int) -> str:
    pairs = count(m, "pair")
    if adjust == "none" or m == 1:
        return f"p-values and intervals of {pairs}, without an adjustment for their number."
    name = "Tukey" if adjust == "tukey" else "Holm (intervals: Bonferroni)"
    return f"p-values and intervals of {pairs}, adjusted by {name}."


def _sentence(table: pd.DataFrame, what: str, level: float) -> str:
    alpha = f"{1 - level:.2g}"
    apart = table.loc[table["p"] < 1 - level, "label"].tolist()
    rest = len(table) - len(apart)
    if not apart:
        return (
            f"No two of the {what} can be told apart (p < {alpha}), which does not show that they "
            "are equal."
        )
    said = f"The {what} can be told apart (p < {alpha}) in {'; '.join(apart)}"
    if rest == 0:
        return f"{said}: in every pair."
    return (
        f"{said}. For the other {count(rest, 'pair')} the data cannot tell, which does not show "
        "that they are equal."
    )
