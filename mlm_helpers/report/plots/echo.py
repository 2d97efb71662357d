"""Where an EB slope residual comes from: the group's own slope, and an echo of its mean."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from mlm_helpers.report.plots.canvas import (
    COLORS,
    GREY,
    MARKERS,
    PALE,
    describe,
    several,
    styled,
)
from mlm_helpers.report.plots.labels import ColumnLabels, Labels, labels_for
from mlm_helpers.report.plots.labels import short_number as number
from mlm_helpers.report.plots.marks import need
from mlm_helpers.text import decimals_for
from mlm_helpers.text import number as exact

PANELS = (
    ("own_slope", "u1_from_slope", "From its own slope", "own OLS slope − expected slope"),
    ("own_intercept", "u1_from_intercept", "Echo of its own mean", "own OLS intercept − expected"),
)


@styled
def plot_echo(
    table: pd.DataFrame, *, ax: tuple[Axes, Axes] | None = None, labels: Labels = None
) -> tuple[Axes, ...]:
    """The two parts of each group's EB slope residual, each against what it comes from.

    ``table`` as from :func:`echo_table`. Both panels have the same scale of û1j: what a group's own
    slope adds to it, and what its mean adds. With ``by`` in the table, kinds of groups have their
    own markers, and large ones are their means.
    """
    need(table, [column for panel in PANELS for column in panel[:2]], "echo_table(fit)")
    words = labels_for(labels, table)
    axes = several(ax, 2, 10.0, 4.6, sharey=True)
    by = table.attrs.get("by")
    parts = [("", table)] if by is None else [(words.code(by, v), p) for v, p in table.groupby(by)]
    # the same for all means, which are to be compared
    decimals = decimals_for(max(float(table[y].std()) for _, y, _, _ in PANELS))
    for panel, (x, y, title, axis) in zip(axes, PANELS, strict=True):
        panel.axhline(0, color=GREY, lw=0.9, zorder=1)
        panel.axvline(0, color=GREY, lw=0.9, zorder=1)
        for k, (_, part) in enumerate(parts):
            _cloud(panel, part, x, y, k, decimals if by is not None else None)
        panel.set_title(title)
        panel.set_xlabel(axis)
        panel.set_ylabel("part of the EB slope residual û1j")
    if by is not None:
        handles = axes[0].collections[::2]  # a cloud and its mean for each kind
        axes[0].legend(handles, [name for name, _ in parts], loc="upper left", frameon=False)
    describe(axes[0], _told(parts, words, table, decimals))
    return axes


def _cloud(ax: Axes, part: pd.DataFrame, x: str, y: str, k: int, decimals: int | None) -> None:
    """One kind of groups; with ``decimals`` also its mean."""
    color, marker = COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)]
    sns.scatterplot(x=part[x], y=part[y], ax=ax, s=26, color=color, marker=marker, alpha=0.55,
                    linewidth=0)  # fmt: skip
    if decimals is not None:
        sns.scatterplot(x=[part[x].mean()], y=[part[y].mean()], ax=ax, s=150, color="white",
                        marker=marker, edgecolor=color, linewidth=2.6, zorder=5)  # fmt: skip
        ax.annotate(
            f"mean {exact(part[y].mean(), decimals)}", (part[x].mean(), part[y].mean()), 
            xytext=(12, 12 if k % 2 == 0 else -22), textcoords="offset points", color=color,
            fontweight="bold", fontsize=12, bbox=PALE, zorder=6,
        )  # fmt: skip


def _told(
    parts: list[tuple[str, pd.DataFrame]], words: ColumnLabels, table: pd.DataFrame, decimals: int
) -> str:
    many, each = (f(table.attrs.get("group", "")) for f in (words.groups, words.group))
    said = []
    for _, y, title, _ in PANELS:
        means = ", ".join(f"{name} {exact(p[y].mean(), decimals)}" for name, p in parts if name)
        spread = f"SD {number(table[y].std())}" + (f"; means: {means}" if means else "")
        said.append(f"{title}: {spread}.")
    return (
        f"Two panels with {len(table)} {many}, the two parts of each slope residual û1j on one "
        f"scale: what the {each}'s own slope adds, and what its own mean adds. " + " ".join(said)
    )
