"""Within slope, between slope and the contextual effect, wherever they hold.

Of two students with the same X, one in a group whose mean M is a unit higher: the difference of
their expected outcomes is the contextual effect. In a model with products it depends on the place.
For Y = γ00 + γ01 W + γ02 M + (γ10 + γ11 W + γ12 M)(X - M) it is

    γ02 - γ10 - γ11 W + γ12 (X - 2M),

the derivative along M with X kept. Source of the idea: Raudenbush & Bryk (2002), Hierarchical
Linear Models, 2nd ed., pp. 139-141.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlm_helpers.engine.inference import check_level
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.latent import latent_table
from mlm_helpers.interpret.scenes import Df, Probe, Scene, t_table

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

__all__ = ["contextual_effect"]

# Means of other rows of the same groups still go with these means; another variable need not.
_RELATED, _NEAR = 0.3, 0.25
EFFECTS = ("within", "between", "contextual")


def contextual_effect(
    fit: MLMFit,
    predictor: str,
    mean: str,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
    by: str | Sequence[str] | None = None,
    latent: bool = False,
) -> pd.DataFrame:
    """Within-group slope, between-group slope and the contextual effect.

    Parameters
    ----------
    predictor : a level-1 variable, such as ``"famsesc"`` or ``"famses"``.
    mean : the level-2 variable that holds its group means, centered or not, such as
        ``"schsesgdm"``.
    at : where moderators are held, as for :func:`simple_slopes`. ``at={mean: ...}`` and
        ``at={predictor: ...}`` say for which groups and which students, where it matters; unless
        given, groups are at 0 (at the mean of all where 0 is not among the observed values) and
        students at the mean of their group.
    by : moderators for each value of which the effects are given. Default: those with categories or
        two values, such as the sector; ``by=()`` holds them at their reference.
    latent : correct for the error of the observed means where the students are a sample of their
        group (see :mod:`mlm_helpers.interpret.latent`). ``mean`` must be the mean of the rows that
        were fitted, up to a constant.

    Returns
    -------
    DataFrame, index ``effect`` (``within``, ``between``, ``contextual``, for each combination of
    ``by``); a column for each value of ``by`` and each held variable, ``label`` (``"within,
    sector = 0"``) where there are several combinations, and ``estimate std_error df t p lower
    upper``. The within slope is that in the group; the between slope compares students at the means
    of their groups; the contextual effect compares two students with the same value of the
    predictor.

    Raises
    ------
    MLMError
        When ``predictor`` is not a level-1 or ``mean`` not a level-2 variable of the model, or when
        ``mean`` has nothing to do with the group means of an uncentered ``predictor``. (Those of a
        centered one are all 0: which column holds them cannot be checked.)
    """
    check_level(level)
    probe = Probe(fit)
    _check_levels(probe, predictor, mean)
    more = [] if _is_centered(probe, predictor) else _check_is_its_mean(fit, predictor, mean)
    given = dict(at or {})
    relevant = [*probe.moderators(predictor), *probe.moderators(mean)]
    if by is None:
        chosen = [
            v for v in dict.fromkeys(relevant)
            if probe.grouped(v) and v not in given and v not in (predictor, mean)
        ]  # fmt: skip
    else:
        chosen = probe.names(by)
        if predictor in chosen:
            raise MLMError(f"{predictor!r} is the predictor, so it cannot be in by as well.")
    scene = probe.scene(chosen, given, [v for v in relevant if v != predictor])
    if predictor in scene.shown and predictor not in given:
        scene.shown.remove(predictor)
    weights = _weights(probe, scene, predictor, mean, given)
    if latent:
        shift = 0.0 if _is_centered(probe, predictor) else distance_of_means(fit, predictor, mean)
        table, reliable = latent_table(probe, predictor, mean, weights, level, df, shift)
        more.append(
            f"Corrected for the error of the observed means, whose reliability is {reliable:.2f} "
            "on average."
        )
    else:
        table = t_table(fit, weights, level, df)
    return _laid_out(
        scene, table, (predictor, mean), [*_notes(probe, predictor, mean, given), *more]
    )


def _check_levels(probe: Probe, predictor: str, mean: str) -> None:
    for name, wanted in ((predictor, 1), (mean, 2)):
        probe.need_numeric(name)
        if probe.level(name) != wanted:
            raise MLMError(
                f"{name!r} is a level-{probe.level(name)} variable; the contextual effect needs a "
                "level-1 predictor and the level-2 variable that holds its group means."
            )


def _weights(
    probe: Probe, scene: Scene, predictor: str, mean: str, given: Mapping[str, Any]
) -> np.ndarray:
    """Weights of within, between and contextual for each row of the scene, in this order."""
    frame = scene.frame
    centered = _is_centered(probe, predictor)
    if centered:
        average = pd.Series(0.0, index=frame.index)
    else:
        average = frame[mean].astype(float) + distance_of_means(probe.fit, predictor, mean)
    student = frame.assign(**{predictor: given.get(predictor, average)})
    within = probe.slopes(frame, predictor)
    at_average = probe.slopes(frame.assign(**{predictor: average}), mean)
    at_student = probe.slopes(student, mean)
    if centered:
        three = (within, at_average, at_student - within)
    else:
        three = (within, at_average + within, at_student)
    return np.stack(three, axis=1).reshape(-1, within.shape[1])


def _is_centered(probe: Probe, predictor: str) -> bool:
    return probe.structure.variables[predictor].centered == "group"


def distance_of_means(fit: MLMFit, predictor: str, mean: str) -> float:
    """How far the groups' means of the predictor lie from the column of means, which may be
    centered."""
    means, column = _two_means(fit, predictor, mean)
    return float((means - column).mean())


def _two_means(fit: MLMFit, predictor: str, mean: str) -> tuple[pd.Series, pd.Series]:
    """The groups' means of the predictor in the rows, and the column that should hold them."""
    x, keys = fit.data[predictor].astype(float), fit.data[fit.structure.group]
    means = x.groupby(keys.to_numpy(), observed=True).mean()
    column = fit.design.group_frame[mean].astype(float)
    return means, column.reindex(means.index)


def _check_is_its_mean(fit: MLMFit, predictor: str, mean: str) -> list[str]:
    """A note when the column is near the means of the rows but not they, as when rows were left out
    or it was computed from all members of a group; an error when it is another variable."""
    means, column = _two_means(fit, predictor, mean)
    gap = means - column
    around = float(((means - means.mean()) ** 2).sum())
    away = float(((gap - gap.mean()) ** 2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):  # means that are all alike: none
        related = float(np.nan_to_num(np.corrcoef(means, column)[0, 1]))
    if related < _RELATED and away > _NEAR * around:
        raise MLMError(
            f"{mean!r} does not hold the group means of {predictor!r}: their correlation is "
            f"{related:.2f}. Compute them with group_mean(data, {predictor!r}, "
            f"{fit.structure.group!r}) and use that column."
        )
    if away > _NEAR * around:
        return [
            f"{mean} is not the mean of {predictor} in the rows fitted (their correlation is "
            f"{related:.2f}): the effect is that of a context only if it is the mean of all "
            "members of the group."
        ]
    return []


def _laid_out(
    scene: Scene, table: pd.DataFrame, names: tuple[str, str], notes: list[str]
) -> pd.DataFrame:
    rows = np.repeat(np.arange(len(scene.frame)), len(EFFECTS))
    effects = EFFECTS * len(scene.frame)
    several = Scene(
        scene.frame.iloc[rows].reset_index(drop=True),
        scene.shown,
        [f"{effect}, {scene.labels[k]}" for effect, k in zip(effects, rows, strict=True)],
        scene.attrs,
    )
    out = several.table(table)
    if len(scene.frame) == 1:
        out = out.drop(columns="label")
    out.index = pd.Index(effects, name="effect")
    out.attrs |= dict(zip(("predictor", "mean"), names, strict=True))
    out.attrs["note"] = " ".join([out.attrs["note"], *notes]).strip()
    return out


def _notes(probe: Probe, predictor: str, mean: str, given: Mapping[str, Any]) -> list[str]:
    notes = []
    if mean in probe.moderators(predictor) and predictor not in given:
        notes.append(
            f"The contextual effect changes with {predictor}: it is that of somebody at the mean "
            "of the group."
        )
    off = probe.structure.variables[predictor].off
    if off:
        notes.append(
            f"{predictor} was centered within groups; rows left out or rounded values have moved "
            f"its group means by up to {off:.2g} standard deviations."
        )
    return notes
