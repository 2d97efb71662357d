"""What a model predicts: lines with bands, simple slopes, regions, and the power to find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from mlm_helpers.report.plots.canvas import (
    COLORS,
    DASHES,
    GREY,
    INK,
    MARKERS,
    PALE,
    describe,
    one,
    styled,
)
from mlm_helpers.report.plots.labels import ColumnLabels, Labels, labels_for, percent, plain_value
from mlm_helpers.report.plots.labels import short_number as number
from mlm_helpers.report.plots.marks import end_labels, need

if TYPE_CHECKING:
    from mlm_helpers.interpret.johnson_neyman import JohnsonNeyman


# ---- predicted lines ----------------------------------------------------------------------
@styled
def plot_predictions(
    table: pd.DataFrame,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    labels: Labels = None,
) -> Axes:
    """Predicted lines with confidence bands, labelled at their ends.

    ``table`` as from ``prediction_grid(fit, predictor, by=...)``. The first variable of ``by``
    takes the colour, the second the line style.
    """
    need(table, ["label"], "prediction_grid(fit, ...)")
    predictor = table.attrs.get("predictor", table.columns[0])
    need(table, [predictor, "predicted", "lower", "upper"], "prediction_grid(fit, ...)")
    words, ax = labels_for(labels, table), one(ax)
    colors, dashes = _line_styles(table, list(table.attrs.get("by", ())))
    lines = list(table.groupby("label", sort=False))
    for label, part in lines:
        ax.fill_between(part[predictor].astype(float), part["lower"], part["upper"],
                        color=colors[label], alpha=0.16, lw=0)  # fmt: skip
    sns.lineplot(data=table, x=predictor, y="predicted", hue="label", style="label", ax=ax,
                 palette=colors, dashes=dashes, lw=2.8, legend=False, estimator=None,
                 sort=False)  # fmt: skip
    outcome = table.attrs.get("outcome", "outcome")
    ax.set(xlabel=words.axis(predictor), ylabel=f"Predicted {words.name(outcome)}")
    ax.margins(x=0)
    if title:
        ax.set_title(title)
    if any(label for label, _ in lines):
        ends = [(float(p[predictor].iloc[-1]), float(p["predicted"].iloc[-1])) for _, p in lines]
        short = [words.short(str(label)) for label, _ in lines]
        size = 13 if len(short) < 5 else 12
        end_labels(ax, ends, short, [colors[label] for label, _ in lines], size)
        header = words.header(str(lines[0][0]))
        if header:
            ax.text(1.03, 1.0, header, transform=ax.transAxes, va="bottom", fontsize=12, color=INK)
    described = _lines_told(table, predictor, words)
    describe(ax, f"{title + '. ' if title else ''}{described}")
    return ax


def _lines_told(table: pd.DataFrame, predictor: str, words: ColumnLabels) -> str:
    told = []
    for label, part in table.groupby("label", sort=False):
        (x0, y0), (x1, y1) = part[[predictor, "predicted"]].iloc[[0, -1]].to_numpy(dtype=float)
        told.append(
            f"{words.label(str(label)) + ': ' if label else ''}from {number(y0)} at {number(x0)} "
            f"to {number(y1)} at {number(x1)}"
        )
    held = _held(table.attrs.get("held", {}), words)
    return (
        f"Predicted {words.name(table.attrs.get('outcome', 'outcome'))} along "
        f"{words.inline(predictor)}, with {table.attrs.get('level', 0.95):.0%} bands. "
        f"{'; '.join(told)}." + (f" Held: {held}." if held else "")
    )


def _held(held: dict[str, Any], words: ColumnLabels) -> str:
    return ", ".join(
        words.code(n, v)
        if f"{n}={plain_value(v)}" in words.codes
        else f"{words.name(n)} = {number(v)}"
        for n, v in held.items()
    )


def _line_styles(
    table: pd.DataFrame, by: list[str]
) -> tuple[dict[str, str], dict[str, tuple[float, ...]]]:
    """Colour by the first variable, dash by the second; both together when there is one."""
    colors: dict[str, str] = {}
    dashes: dict[str, Any] = {}
    first: dict[Any, int] = {}
    second: dict[Any, int] = {}
    for label, part in table.groupby("label", sort=False):
        values = [number(part[name].iloc[0], 6) for name in by]
        a = first.setdefault(values[0] if by else label, len(first))
        b = second.setdefault(tuple(values[1:]), len(second)) if len(by) > 1 else a
        colors[label] = COLORS[a % len(COLORS)]
        dashes[label] = DASHES[b % len(DASHES)]
    return colors, dashes


# ---- probing ------------------------------------------------------------------------------
@styled
def plot_simple_slopes(
    table: pd.DataFrame, *, ax: Axes | None = None, labels: Labels = None
) -> Axes:
    """Simple slopes with their intervals, one row each.

    ``table`` as from ``simple_slopes(fit, predictor, by=...)``.
    """
    need(table, ["label", "estimate", "lower", "upper"], "simple_slopes(fit, ...)")
    words = labels_for(labels, table)
    ax = one(ax, 8.0, 1.6 + 0.62 * len(table))
    predictor = table.attrs.get("predictor", "the predictor")
    ax.axvline(0, color=INK, lw=1.2, linestyle=(0, (4, 3)))
    for y, row in enumerate(table.itertuples()):
        away = row.lower > 0 or row.upper < 0
        color = COLORS[0] if away else GREY
        ax.errorbar(
            row.estimate, y, xerr=[[row.estimate - row.lower], [row.upper - row.estimate]],
            color=color, lw=3, marker="o", ms=11, mfc=color if away else "white", mew=2.4,
        )  # fmt: skip
        ax.annotate(
            number(row.estimate), (row.estimate, y), xytext=(0, 9), textcoords="offset points",
            ha="center", va="bottom", fontweight="bold",
        )  # fmt: skip
    names = [words.label(t) for t in table["label"]]
    ax.set_yticks(range(len(table)), names, fontsize=13)
    ax.set_ylim(len(table) - 0.5, -0.65)
    ax.tick_params(axis="y", length=0)
    low, high = min(0.0, float(table["lower"].min())), max(0.0, float(table["upper"].max()))
    ax.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    ax.set_xlabel(f"Slope of {words.name(predictor)}, with interval")
    told = "; ".join(
        f"{name}: {number(row.estimate)} ({number(row.lower)} to {number(row.upper)})"
        for name, row in zip(names, table.itertuples(), strict=True)
    )
    describe(
        ax,
        f"Simple slopes of {words.name(predictor)} with intervals, filled dots where the interval "
        f"leaves 0 out. {told}.",
    )
    return ax


@styled
def plot_johnson_neyman(
    region: JohnsonNeyman, *, ax: Axes | None = None, labels: Labels = None
) -> Axes:
    """The simple slope along its moderator, with band, region of significance and observed values.

    ``region`` as from ``johnson_neyman(fit, ...)``. Hatched: where the slope can be told from
    zero. The ticks below are the observed values of the moderator; the picture ends with them.
    """
    words, ax = labels_for(labels, region), one(ax, 8.4, 4.8)
    table, w = region.table, region.moderator
    m, slope, lower, upper = (
        table[c].to_numpy(dtype=float) for c in (region.column, "slope", "lower", "upper")
    )
    ax.fill_between(m, lower, upper, color=GREY, alpha=0.22, lw=0)
    for low, high in region.regions:
        inside = (m >= low) & (m <= high)
        ax.fill_between(m[inside], lower[inside], upper[inside], facecolor="#0072B240",
                        edgecolor=COLORS[0], hatch="///", lw=0)  # fmt: skip
    sns.lineplot(x=m, y=slope, ax=ax, color=INK, lw=3, estimator=None, errorbar=None)
    ax.axhline(0, color=INK, lw=1.2, linestyle=(0, (4, 3)))
    floor, ceiling = min(float(lower.min()), 0.0), max(float(upper.max()), 0.0)
    span = ceiling - floor
    ax.set_ylim(floor - 0.16 * span, ceiling + 0.12 * span)
    sns.rugplot(x=region.values.to_numpy(dtype=float), ax=ax, height=0.04, color=INK, lw=0.9,
                alpha=0.55, expand_margins=False)  # fmt: skip
    for bound, text in zip(region.bounds, region.bound_texts(), strict=True):
        ax.axvline(bound, color=COLORS[1], lw=2, linestyle=(0, (5, 2)))
        ax.annotate(
            text, (bound, ceiling + 0.1 * span), xytext=(5, 0), color=COLORS[1],
            textcoords="offset points", fontweight="bold", va="top",
        )  # fmt: skip
    _region_names(ax, region, m, upper)
    ax.set_xlim(*region.observed)
    held = ", ".join(words.code(n, v) for n, v in region.held.items())
    title = "Where the slope can be told from zero" + (f" ({held})" if held else "")
    ax.set(xlabel=words.axis(w), ylabel=f"Slope of {words.name(region.predictor)}", title=title)
    names = {c: words.name(c) for c in (region.predictor, w, *region.held)}
    codes = {f"{n}={plain_value(v)}": words.code(n, v) for n, v in region.held.items()}
    names |= {key: name for key, name in codes.items() if key in words.codes}
    describe(
        ax,
        f"Simple slope of {words.name(region.predictor)} along {words.name(w)} with a "
        f"{region.level:.0%} band: from {number(slope[0])} at {number(m[0])} to "
        f"{number(slope[-1])} at {number(m[-1])}. {region.describe(names)}",
    )
    return ax


def _region_names(ax: Axes, region: JohnsonNeyman, m: Any, upper: Any) -> None:
    found = bool(region.regions)
    for low, high in region.regions or [region.observed]:
        if high - low > 0.25 * (m[-1] - m[0]):
            middle = (low + high) / 2
            ax.annotate(
                "can be told from 0" if found else "cannot be told from 0",
                (middle, float(np.interp(middle, m, upper))), xytext=(0, 12),
                textcoords="offset points", ha="center", fontweight="bold",
                color=COLORS[0] if found else INK, bbox=PALE,
            )  # fmt: skip


# ---- power --------------------------------------------------------------------------------
@styled
def plot_power(table: pd.DataFrame, *, ax: Axes | None = None, aim: float = 0.8) -> Axes:
    """Power against the number of schools, one line for each school size and interaction.

    ``table`` as in ``power(...).table``. Bands are 95% limits of the simulation's own error, the
    thin dotted lines the classical approximation, the dashed line the power aimed at.
    """
    need(table, ["groups", "size", "gamma11", "power", "power_se", "approximate"], "power(...)")
    ax = one(ax, 8.0, 5.0)
    by = [c for c in ("size", "gamma11") if table[c].nunique() > 1] or ["size"]
    written = {"size": "n = {:g}", "gamma11": "γ₁₁ = {:g}"}
    lines = table.sort_values([*by, "groups"]).assign(
        line=lambda t: [", ".join(written[c].format(r[c]) for c in by) for _, r in t.iterrows()]
    )
    names = list(lines["line"].unique())
    colors = {n: COLORS[k % len(COLORS)] for k, n in enumerate(names)}
    for name, part in lines.groupby("line", sort=False):
        error = 1.96 * part["power_se"]
        ax.fill_between(part["groups"], part["power"] - error, part["power"] + error,
                        color=colors[name], alpha=0.18, lw=0)  # fmt: skip
    shared: Any = {"data": lines, "x": "groups", "hue": "line", "palette": colors, "ax": ax}
    sns.lineplot(
        y="power", style="line", errorbar=None,
        dashes={n: DASHES[k % len(DASHES)] for k, n in enumerate(names)},
        markers={n: MARKERS[k % len(MARKERS)] for k, n in enumerate(names)}, **shared,
    )  # fmt: skip
    sns.lineplot(y="approximate", lw=1.2, linestyle=(0, (1, 2)), errorbar=None, legend=False,
                 **shared)  # fmt: skip
    ax.axhline(aim, color=GREY, lw=1.2, linestyle=(0, (6, 4)))
    ax.set(ylim=(0, 1.02), xlabel="J, number of schools", ylabel="Power")
    ax.set_xticks(sorted(table["groups"].unique()))
    ax.legend(frameon=False, loc="lower right")
    ax.set_title("Power to find the cross-level interaction")
    told = "; ".join(
        f"{name}: " + ", ".join(f"{r.power:.2f} at {r.groups}" for r in part.itertuples())
        for name, part in lines.groupby("line", sort=False)
    )
    describe(
        ax,
        f"Power against the number of schools, by simulation; a dashed line marks {percent(aim)}, "
        f"thin dotted lines the approximation. {told}.",
    )
    return ax
