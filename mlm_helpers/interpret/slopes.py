"""What an interaction says at chosen values: simple slopes and simple intercepts.

Sources: Bauer & Curran (2005), Multivariate Behavioral Research 40, 373-400; Preacher, Curran &
Bauer (2006), Journal of Educational and Behavioral Statistics 31, 437-448.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlm_helpers.engine.inference import check_level
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.scenes import Df, Probe, Scene, t_table

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

__all__ = ["simple_intercepts", "simple_slopes"]


def simple_slopes(
    fit: MLMFit,
    predictor: str,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
) -> pd.DataFrame:
    """The slope of a predictor at chosen values of its moderators.

    Parameters
    ----------
    predictor : a numeric variable of the model, such as ``"famsesc"``.
    by : its moderator, or several (every combination is given). Default: all of them.
        A variable with categories, or with two values, is taken at each; a continuous one at its
        mean - SD, mean and mean + SD, computed over groups (each group once) for a level-2
        variable and over rows for a level-1 one.
    at : values to use instead: ``{"schsesgdm": [-0.5, 0, 0.5]}`` for a moderator in ``by``,
        ``{"sector": 1}`` for one that is held. Moderators that are held without a value are at 0
        (at their mean when 0 is not among their observed values) or at the reference category.
    level : of the intervals. df : ``"satterthwaite"``, or ``"z"`` for the normal distribution.

    Returns
    -------
    DataFrame, one row per combination: a column for each moderator and each held variable with its
    value (``t_value`` for a moderator named ``t``), ``label``, ``estimate std_error df t p lower
    upper``. ``attrs["held"]`` holds what was held and where; ``attrs["note"]`` says it in words.

    Raises
    ------
    MLMError
        When the model has no product of the predictor and a moderator (the slope is then one
        number), or the predictor enters with a curve (its slope then changes along itself).
    """
    check_level(level)
    probe = Probe(fit)
    scene = slope_scene(probe, predictor, by, at)
    out = scene.table(t_table(fit, probe.slopes(scene.frame, predictor), level, df))
    out.attrs["predictor"] = predictor
    return out


def slope_scene(
    probe: Probe, predictor: str, by: str | Sequence[str] | None, at: Mapping[str, Any] | None
) -> Scene:
    """The places at which a slope is asked for."""
    probe.need_numeric(predictor)
    moderators = probe.moderators(predictor)
    names = probe.chosen(predictor, by, moderators)
    return probe.scene(names, at, relevant=moderators, free=(predictor,))


def simple_intercepts(
    fit: MLMFit,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
) -> pd.DataFrame:
    """The expected outcome where every level-1 predictor is 0, at chosen values of ``by``.

    Parameters as for :func:`simple_slopes`; ``by`` defaults to all level-2 variables. Level-1
    predictors are at 0 (or their reference category) unless ``at`` says otherwise. With level-1
    predictors centered within groups this is the expected mean of such groups.

    Returns
    -------
    DataFrame with the columns of :func:`simple_slopes`.
    """
    check_level(level)
    probe = Probe(fit)
    scene = intercept_scene(probe, by, at)
    return scene.table(t_table(fit, probe.rows(scene.frame), level, df))


def intercept_scene(
    probe: Probe, by: str | Sequence[str] | None, at: Mapping[str, Any] | None
) -> Scene:
    """The places at which an expected outcome is asked for."""
    two = [v for v in probe.variables if probe.level(v) == 2]
    if by is None and not two:
        raise MLMError(
            "The model has no level-2 variable, so there is one intercept: see fit.fixed_effects."
        )
    names = probe.names(by) if by is not None else two
    zero = {v: probe.reference(v) for v in probe.variables if probe.level(v) == 1}
    return probe.scene(names, {**zero, **dict(at or {})}, relevant=probe.variables)
