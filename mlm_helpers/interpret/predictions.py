"""Expected outcomes of the fixed part along a predictor, with confidence bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlm_helpers.engine.inference import check_level
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.scenes import Df, Probe, columns_for, listed, t_table

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

__all__ = ["prediction_grid"]


def prediction_grid(
    fit: MLMFit,
    predictor: str,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    points: int = 41,
    df: Df = "satterthwaite",
) -> pd.DataFrame:
    """Expected outcomes of the fixed part along a predictor, with confidence bands.

    Parameters as for :func:`simple_slopes`; ``by`` defaults to none. The predictor runs over its
    observed range, for each category of a categorical level-2 ``by`` over the range observed there,
    in ``points`` steps (or over ``at={predictor: [...]}``). The band is for the expected outcome,
    pointwise: it holds no variation between groups or students.

    Returns
    -------
    DataFrame: the columns ``predictor``, those of ``by`` and of held variables, ``label``,
    ``predicted std_error df lower upper``.
    """
    check_level(level)
    if points < 2:
        raise MLMError(f"points must be at least 2 to draw a line; got {points!r}.")
    probe = Probe(fit)
    probe.need_numeric(predictor)
    chosen = probe.names(by) if by is not None else []
    if predictor in chosen:
        raise MLMError(f"{predictor!r} is the predictor, so it cannot be in by as well.")
    given = dict(at or {})
    along = given.pop(predictor, None)
    rest = [v for v in probe.variables if v != predictor]
    scene = probe.scene(chosen, given, relevant=rest, free=(predictor,))
    pieces = []
    for k in range(len(scene.frame)):
        x = listed(along) if along is not None else probe.range_within(predictor, scene, k, points)
        piece = pd.concat([scene.frame.iloc[[k]]] * len(x), ignore_index=True)
        pieces.append((piece.assign(**{predictor: x}), [scene.labels[k]] * len(x)))
    frame = pd.concat([piece for piece, _ in pieces], ignore_index=True)
    names = columns_for([predictor, *scene.shown])
    out = frame[list(names)].rename(columns=names)
    out["label"] = [label for _, labels in pieces for label in labels]
    table = t_table(fit, probe.rows(frame), level, df).rename(columns={"estimate": "predicted"})
    out = pd.concat([out, table[["predicted", "std_error", "df", "lower", "upper"]]], axis=1)
    out.attrs |= scene.attrs | {
        "predictor": names[predictor],
        "by": tuple(names[name] for name in chosen),
        "level": level,
        "outcome": fit.structure.outcome,
    }
    return out
