"""One predictor at two levels: within, between and contextual in one picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from mlm_helpers.report.plots.canvas import COLORS, GREY, INK, PALE, describe, one, styled
from mlm_helpers.report.plots.labels import ColumnLabels, Labels, labels_for
from mlm_helpers.report.plots.labels import short_number as number
from mlm_helpers.report.plots.marks import need


@styled
def plot_context(table: pd.DataFrame, *, ax: Axes | None = None, labels: Labels = None) -> Axes:
    """Within slope, between slope and contextual effect in one picture.

    ``table`` as from :func:`context_table`. Solid lines are the relation within groups, the dashed
    line the relation between group means; the vertical arrow is the contextual effect: between two
    members who are alike in the predictor but whose groups are not. After the idea of Raudenbush &
    Bryk (2002, p. 83).
    """
    need(table, ["mean", "height", "slope", "low", "high"], "context_table(fit, ...)")
    words, ax = labels_for(labels, table), one(ax, 8.6, 5.2)
    effects, points = table.attrs["effects"], table.attrs["points"]
    many, each = (f(table.attrs.get("group", "")) for f in (words.groups, words.group))
    sns.scatterplot(x=points["x"], y=points["y"], ax=ax, s=16, color=GREY, alpha=0.35, linewidth=0,
                    zorder=1)  # fmt: skip
    for row in table.itertuples():
        x = np.array([row.low, row.high])
        ax.plot(x, row.height + row.slope * (x - row.mean), color=COLORS[0], lw=2.6, zorder=3)
    sns.scatterplot(data=table, x="mean", y="height", ax=ax, s=75, color=COLORS[0], zorder=5)
    inner = table.iloc[[1, 2]]
    x = np.array([min(points["x"]), max(points["x"])])
    between = inner["height"].mean() + effects["between"] * (x - inner["mean"].mean())
    ax.plot(x, between, color=COLORS[1], lw=3, linestyle=(0, (6, 2)), zorder=4)
    span = float(table["high"].max() - table["low"].min())
    ax.set_xlim(table["low"].min() - 0.03 * span, table["high"].max() + 0.03 * span)
    shown = [*between, *np.quantile(points["y"], [0.005, 0.995])]
    ax.set_ylim(min(shown), max(shown) + 0.1 * (max(shown) - min(shown)))
    _gap(ax, inner, effects["contextual"], beside=0.97 if effects["between"] > 0 else 0.03)
    top = table.iloc[-1]
    ax.annotate(
        f"within a {each}:\nslope {number(effects['within'])}",
        (top["high"], top["height"] + top["slope"] * (top["high"] - top["mean"])),
        xytext=(8, 0), textcoords="offset points", color=COLORS[0], fontweight="bold",
        va="center", annotation_clip=False,
    )  # fmt: skip
    ax.annotate(
        f"between {many}:\nslope {number(effects['between'])}", (x[1], between[1]),
        xytext=(-10, 0), textcoords="offset points", color=COLORS[1], fontweight="bold",
        va="bottom", ha="right", bbox=PALE, zorder=7,
    )  # fmt: skip
    ax.set_xlabel(f"{words.level1(table.attrs['predictor'])} (lines), {each} mean (dots)")
    ax.set_ylabel(words.axis(table.attrs["outcome"]))
    held = _held(table, words)
    drawn = held or f"{len(points['x'])} {many}"
    ax.set_title(f"One predictor, two levels: {drawn}")
    describe(ax, _told(table, words, many, each))
    return ax


def _held(table: pd.DataFrame, words: ColumnLabels) -> str:
    """At which kinds and values of other predictors it is drawn; empty if there are none."""
    given = (table.attrs["predictor"], table.attrs["mean"])
    return ", ".join(words.code(n, v) for n, v in table.attrs["held"].items() if n not in given)


def _told(table: pd.DataFrame, words: ColumnLabels, many: str, each: str) -> str:
    effects, points = table.attrs["effects"], table.attrs["points"]
    held = _held(table, words)
    return (
        f"{len(points['x'])} grey dots: mean {words.name(table.attrs['outcome'])} of each {each} "
        f"against its mean of {words.name(table.attrs['predictor'])}. Four solid, nearly "
        f"parallel lines, each through the mean of one {each}, rise by "
        f"{number(effects['within'])} per unit: the slope within a {each}. A dashed line through "
        f"the four means rises by {number(effects['between'])} per unit: the slope between {many}. "
        f"A vertical arrow joins two solid lines whose {each} means are "
        f"{_apart(table.iloc[[1, 2]]):g} apart, at the same value of the predictor: the "
        f"contextual effect, between minus within, is {number(effects['contextual'])} per unit."
        + (f" Drawn for {held}." if held else "")
    )


def _apart(pair: pd.DataFrame) -> float:
    return float(pair["mean"].iloc[1] - pair["mean"].iloc[0])


def _gap(ax: Axes, pair: pd.DataFrame, contextual: float, beside: float) -> None:
    """The contextual effect as an arrow between the lines of two groups; its label stands at the
    bottom, at this share of the width: on the side where the line between groups is high."""
    at, gap = float(pair["mean"].mean()), _apart(pair)
    low, high = (row.height + row.slope * (at - row.mean) for row in pair.itertuples())
    ax.annotate(
        "", (at, high), (at, low), zorder=8,
        arrowprops={"arrowstyle": "-|>", "lw": 3.4, "color": INK, "shrinkA": 0, "shrinkB": 0,
                    "mutation_scale": 20},
    )  # fmt: skip
    per = "" if abs(gap - 1) < 1e-9 else " per unit"
    ax.annotate(
        f"contextual effect {number(contextual)}{per}\n(means {gap:g} apart)",
        (at, low + 0.62 * (high - low)),
        xytext=(beside, 0.1), textcoords="axes fraction", color=INK, fontweight="bold",
        ha="right" if beside > 0.5 else "left", va="center", zorder=9, bbox=PALE,
        arrowprops={"arrowstyle": "-", "color": INK, "lw": 1.2, "shrinkB": 3},
    )  # fmt: skip
