"""Marks that several pictures share: line ends with labels, many thin lines, what a table needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from mlm_helpers.errors import MLMError
from mlm_helpers.report.plots.canvas import figure_of

Array = NDArray[np.float64]


def need(table: pd.DataFrame, columns: Iterable[str], made_by: str) -> None:
    """Refuse what is not a table with these columns, and say what makes one."""
    if not isinstance(table, pd.DataFrame):
        raise MLMError(f"This picture is drawn from a table; got {type(table).__name__}.")
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise MLMError(
            f"The table has no column {missing[0]!r}; {made_by} makes a table with what is needed."
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions as near as possible to the wanted ones, at least ``gap`` apart."""
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(order))
    placed = np.empty(len(order))
    placed[order] = isotonic_regression(np.asarray(wanted, dtype=float)[order] - steps).x + steps
    return placed.tolist()


def end_labels(
    ax: Axes,
    ends: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colors: Sequence[str],
    size: float = 13,
) -> None:
    """Labels to the right of the ends (x, y) of lines, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    height = figure_of(ax).get_size_inches()[1] * 0.78 * ax.get_position().height / 0.77
    gap = (high - low) * (size * 1.25 / 72) / height
    right = max(x for x, _ in ends)
    span = ax.get_xlim()[1] - ax.get_xlim()[0]
    places = spread([y for _, y in ends], gap)
    for at, text, color, (x, y) in zip(places, texts, colors, ends, strict=True):
        if abs(at - y) > gap / 4 or x < right - 0.01 * span:
            ax.plot([x, right + 0.018 * span], [y, at], color=color, lw=0.8, clip_on=False,
                    solid_capstyle="butt")  # fmt: skip
        ax.text(right + 0.025 * span, at, text, color=color, va="center", ha="left",
                fontsize=size, fontweight="bold", clip_on=False)  # fmt: skip


def segments(ax: Axes, x: Array, y: Array, **style: Any) -> PathPatch:
    """Many separate lines, x and y (n, 2), as one path: a small picture however many there are."""
    vertices = np.stack([x, y], axis=2).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(x))
    patch = PathPatch(Path(vertices, codes), fill=False, **style)
    ax.add_patch(patch)
    ax.update_datalim(vertices)
    ax.autoscale_view()
    return patch
