"""The groups: their fitted lines and their EB residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Ellipse
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from mlm_helpers.errors import MLMError
from mlm_helpers.report.plots.canvas import (
    COLORS,
    GREY,
    INK,
    MARKERS,
    PALE,
    dash,
    describe,
    one,
    several,
    styled,
)
from mlm_helpers.report.plots.labels import (
    ColumnLabels,
    Labels,
    labels_for,
    percent,
)
from mlm_helpers.report.plots.labels import short_number as number
from mlm_helpers.report.plots.marks import need, segments
from mlm_helpers.report.plots.residuals import (
    coefficient,
    covariance_of,
    pair_in,
    residuals_in,
    symbol,
    tau,
)

Array = NDArray[np.float64]

_CHI2_95 = float(chdtri(2, 0.05))  # the ellipse that holds 95% of a bivariate normal


# ---- lines --------------------------------------------------------------------------------
@styled
def plot_group_lines(
    table: pd.DataFrame, *, ax: Axes | Sequence[Axes] | None = None, labels: Labels = None
) -> Any:
    """Every group's line over its own range of the predictor, and the mean of the lines.

    ``table`` as from :func:`lines_table`. With categories (``by``) there is one panel each and a
    tuple of Axes is returned, else one Axes.
    """
    need(table, ["intercept", "slope", "low", "high"], "lines_table(fit)")
    words, by = labels_for(labels, table), table.attrs.get("by")
    x_name = table.attrs.get("predictor", "predictor")
    y_name = table.attrs.get("outcome", "outcome")
    panels = list(table.groupby(by, observed=True)) if by else [(None, table)]
    if by:
        given = (ax,) if isinstance(ax, Axes) else ax
        axes = several(given, len(panels), 10.0, 4.5, sharex=True, sharey=True)
    else:
        axes = (one(ax if isinstance(ax, Axes) or ax is None else ax[0]),)
    span = float(table["low"].min()), float(table["high"].max())
    told = []
    for k, ((value, part), panel) in enumerate(zip(panels, axes, strict=True)):
        name = words.code(by, value) if by else ""
        _lines(panel, part, COLORS[k % len(COLORS)], span)
        title = f"{len(part)} {words.groups(table.attrs.get('group', ''))}"
        title = f"{name}: {title}" if name else title
        panel.set_title(title[:1].upper() + title[1:])
        panel.set_xlabel(words.axis(x_name))
        told.append(
            (f"{name}: " if name else "") + _lines_told(part, words, table.attrs.get("group", ""))
        )
    axes[0].set_ylabel(words.axis(y_name))
    describe(
        axes[0],
        f"Fitted lines of {words.name(y_name)} on {words.inline(x_name)}. " + " ".join(told),
    )
    return axes if by else axes[0]


def _lines(ax: Axes, part: pd.DataFrame, color: str, span: tuple[float, float]) -> None:
    x = part[["low", "high"]].to_numpy(dtype=float)
    y = part[["intercept"]].to_numpy() + part[["slope"]].to_numpy() * x
    # in layers, so that lines on top of each other add up to a darker tone
    layers = min(len(part), 30)
    alpha = min(0.6, max(0.22, 4 / math.sqrt(len(part))))
    for layer in range(layers):
        segments(ax, x[layer::layers], y[layer::layers], edgecolor=color, lw=1.0, alpha=alpha)
    mean = part[["intercept", "slope"]].mean()
    at = np.array(span)
    for ink, width, level in (("white", 6, 4), (INK, 3, 5)):
        sns.lineplot(x=at, y=mean["intercept"] + mean["slope"] * at, ax=ax, color=ink,
                     lw=width, zorder=level)  # fmt: skip
    rises = mean["slope"] >= 0
    ax.text(
        0.98, 0.04 if rises else 0.96, f"— average line, slope {number(mean['slope'])}",
        transform=ax.transAxes, ha="right", va="bottom" if rises else "top", fontweight="bold",
        bbox=PALE, zorder=6,
    )  # fmt: skip


def _lines_told(part: pd.DataFrame, words: ColumnLabels, group: str) -> str:
    mean = part[["intercept", "slope"]].mean()
    share = float((part["slope"] > 0).mean())
    rising = f"{percent(share)} of them rise"
    if share in (0, 1):
        rising = "all of them rise" if share else "all of them fall"
    return (
        f"{len(part)} lines, one per {words.group(group)}; their heights where the predictor is 0 "
        f"run from {number(part['intercept'].min())} to {number(part['intercept'].max())}, their "
        f"slopes from {number(part['slope'].min())} to {number(part['slope'].max())}; {rising}. "
        f"The average line has height {number(mean['intercept'])} and slope "
        f"{number(mean['slope'])}."
    )


# ---- EB residuals: two against each other -------------------------------------------------
def shared_limits(*tables: pd.DataFrame, pad: float = 0.14) -> tuple[tuple, tuple]:
    """x and y limits that hold the EB residuals of all tables, and the ellipses of their T, so that
    their pictures can be compared: ``plot_eb(t1, limits=shared_limits(t1, t3))``."""
    far = np.zeros(2)
    for table in tables:
        need(table, [], "eb_table(fit)")
        pair = pair_in(table)
        far = np.maximum(far, table[list(pair)].abs().max().to_numpy(dtype=float))
        t = covariance_of(table, pair)
        if t is not None:
            far = np.maximum(far, np.sqrt(_CHI2_95 * np.diag(t)))
    reach = [(-float(f) * (1 + pad), float(f) * (1 + pad)) for f in far]
    return reach[0], reach[1]


@styled
def plot_eb(
    table: pd.DataFrame,
    *,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    labels: Labels = None,
) -> Axes:
    """EB residuals of intercept and slope, with the ellipse that holds 95% of the true residuals.

    ``table`` as from ``eb_table(fit)``: columns ``u0``, ``u1`` (of more, the first two by number);
    ``attrs["T"]`` gives the ellipse of the normal distribution N(0, T). EB residuals are shrunken,
    so they fill less than the ellipse.
    """
    need(table, [], "eb_table(fit)")
    pair = pair_in(table)
    words, ax = labels_for(labels, table), one(ax, 7.2, 4.8)
    many = words.groups(table.attrs.get("group", ""))
    ax.axhline(0, color=GREY, lw=0.8)
    ax.axvline(0, color=GREY, lw=0.8)
    sns.scatterplot(data=table, x=pair[0], y=pair[1], ax=ax, s=26, color=COLORS[0], alpha=0.45,
                    linewidth=0)  # fmt: skip
    x_limits, y_limits = limits or shared_limits(table)
    ax.set(xlim=x_limits, ylim=y_limits)
    t = covariance_of(table, pair)
    if t is not None:
        _ellipse(ax, t)
    first, second = (coefficient(table, name) for name in pair)
    ax.set_xlabel(f"EB residual of the {first}, {symbol(pair[0])}")
    ax.set_ylabel(f"EB residual of the {second}, {symbol(pair[1])}")
    ax.set_title(title or f"{len(table)} {many}: {first} and {second}")
    describe(
        ax,
        f"{title + ': ' if title else ''}Scatter plot of {len(table)} {many}: EB residual of the "
        f"{first} {symbol(pair[0])} against that of the {second} {symbol(pair[1])}. "
        + _pair_told(table, pair, t),
    )
    return ax


def _pair_told(table: pd.DataFrame, pair: tuple[str, str], t: Array | None) -> str:
    told = ", ".join(
        f"the {coefficient(table, name)} residuals run from {number(table[name].min())} to "
        f"{number(table[name].max())} with SD {number(table[name].std())}"
        for name in pair
    )
    told = told[:1].upper() + told[1:]
    told += f"; their correlation is {number(table[pair[0]].corr(table[pair[1]]), 2)}."
    if t is None:
        return told
    sd = np.sqrt(np.diag(t))
    rho = t[0, 1] / sd.prod() if sd.prod() > 0 else float("nan")
    u = table[list(pair)].to_numpy(dtype=float)
    inside = (np.einsum("ij,jk,ik->i", u, np.linalg.pinv(t), u) <= _CHI2_95).mean()
    return (
        f"{told} A dashed ellipse shows where 95% of the true residuals lie by the model, with "
        f"standard deviations √{tau(pair[0])} = {number(sd[0])} and √{tau(pair[1])} = "
        f"{number(sd[1])} and correlation {number(rho, 2)}; {percent(float(inside))} of the points "
        "are inside it, because EB residuals are shrunken."
    )


def _ellipse(ax: Axes, t: Array) -> None:
    values, vectors = np.linalg.eigh(t)
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    width, height = 2 * np.sqrt(_CHI2_95 * np.clip(values, 0.0, None)[::-1])
    ax.add_patch(
        Ellipse((0, 0), width, height, angle=angle, fill=False, edgecolor=COLORS[1], lw=2.2,
                linestyle=(0, (6, 2)), zorder=4)
    )  # fmt: skip
    top = math.sqrt(_CHI2_95 * t[1, 1])
    at = top * t[0, 1] / t[1, 1] if t[1, 1] > 0 else 0.0
    ax.annotate(
        "95% by the model, N(0, T)", (at, top), xytext=(0, 3), textcoords="offset points",
        ha="center", va="bottom", color=COLORS[1], fontsize=12, fontweight="bold", bbox=PALE,
    )  # fmt: skip


# ---- EB residuals: by category ------------------------------------------------------------
@styled
def plot_eb_by(
    table: pd.DataFrame,
    by: str | None = None,
    *,
    ax: Sequence[Axes] | None = None,
    labels: Labels = None,
) -> tuple[Axes, ...]:
    """EB residuals within the categories of a level-2 variable: one panel for each coefficient.

    ``table`` as from ``eb_table(fit, by="sector")``. Each category has its own row: the
    distribution, a marker for the mean, a bar for the middle half.
    """
    need(table, [], "eb_table(fit, by=...)")
    by = by or table.attrs.get("by")
    if by is None:
        raise MLMError("Say by which categories: eb_table(fit, by='sector') or by='sector' here.")
    residuals = residuals_in(table)
    need(table, [by], f"eb_table(fit, by={by!r})")
    words = labels_for(labels, table)
    parts = list(table.groupby(by, observed=True))
    if len(parts) > 7:
        raise MLMError(f"{by!r} has {len(parts)} categories, too many for one picture.")
    axes = several(ax, len(residuals), 10.0, 1.9 + 1.1 * len(parts), sharey=True)
    names = [words.code(by, value) for value, _ in parts]
    for name, panel in zip(residuals, axes, strict=True):
        _rows(panel, name, [part[name].astype(float) for _, part in parts])
        what = coefficient(table, name)
        panel.set_title(f"{what[:1].upper() + what[1:]}, {symbol(name)}")
        panel.set_xlabel(f"EB residual of the {what}")
    axes[0].set_yticks(
        range(len(parts)), [f"{n}\n({len(p)})" for n, (_, p) in zip(names, parts, strict=True)]
    )
    for k, tick in enumerate(axes[0].get_yticklabels()):
        tick.set(color=COLORS[k], fontweight="bold", fontsize=14)
    told = [_rows_told(table, name, names, [p[name] for _, p in parts]) for name in residuals]
    describe(axes[0], f"Distributions by {words.name(by)}. " + " ".join(told))
    return axes


def _rows(ax: Axes, name: str, rows: list[pd.Series]) -> None:
    """One distribution standing on each row, the mean and the middle half below it."""
    ax.axvline(0, color=GREY, lw=0.9, zorder=1)
    order = list(range(len(rows)))
    for k, values in enumerate(rows):
        color, where = COLORS[k % len(COLORS)], np.full(len(values), k)
        shared: Any = {"y": where, "order": order, "orient": "h", "color": color, "ax": ax}
        if len(values) > 2 and np.ptp(values) > 0:
            sns.violinplot(x=values.to_numpy(), inner=None, cut=0.8, width=1.5, linewidth=2.2,
                           **shared)  # fmt: skip
            violin = ax.collections[-1]
            violin.set(facecolor=to_rgba(color, 0.25), edgecolor=color, linestyle=dash(k))
            outline: Any = violin.get_paths()[0].vertices  # the half above the row says it all
            outline[:, 1] = np.minimum(outline[:, 1], k)
        low, high = values.quantile([0.25, 0.75])
        ax.plot([low, high], [k + 0.09] * 2, color=color, lw=5, solid_capstyle="butt")
        sns.pointplot(x=values.to_numpy(), errorbar=None, markers=MARKERS[k % len(MARKERS)],
                      markersize=9, linestyle="none", markerfacecolor="white",
                      markeredgewidth=2.4, **shared)  # fmt: skip
        ax.lines[-1].set_ydata([k + 0.09])
        ax.annotate(
            f"mean {number(values.mean())}", (values.mean(), k - 0.08), ha="center", va="bottom",
            fontsize=12, fontweight="bold", bbox=PALE, zorder=6,
        )  # fmt: skip
    ax.set_ylim(len(rows) - 1 + 0.3, -0.98)
    ax.set_ylabel("")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _rows_told(table: pd.DataFrame, name: str, names: list[str], rows: list[pd.Series]) -> str:
    said = "; ".join(
        f"{n} ({len(r)}) mean {number(r.mean())}, SD {number(r.std())}"
        for n, r in zip(names, rows, strict=True)
    )
    told = f"EB residuals of the {coefficient(table, name)}: {said}."
    if len(rows) == 2:
        gap = rows[1].mean() - rows[0].mean()
        told += f" The second mean minus the first is {number(gap)}."
    return told


# ---- EB residuals: in order ---------------------------------------------------------------
@styled
def plot_caterpillar(
    table: pd.DataFrame,
    *,
    level: float = 0.95,
    ax: Sequence[Axes] | None = None,
    labels: Labels = None,
) -> tuple[Axes, ...]:
    """EB residuals in order, each with its interval; those whose interval leaves 0 out stand out.

    ``table`` as from ``eb_table(fit)`` or ``fit.random_effects``: columns ``u0``, ``u0_sd``, ...
    The interval is the EB residual ± z conditional SDs, for one group at a time.
    """
    need(table, [], "eb_table(fit)")
    residuals = residuals_in(table)
    need(table, [f"{r}_sd" for r in residuals], "eb_table(fit)")
    words = labels_for(labels, table)
    many = words.groups(table.attrs.get("group", ""))
    axes = several(ax, len(residuals), max(10.0, 4.4 * len(residuals)), 4.8)
    told = []
    for name, panel in zip(residuals, axes, strict=True):
        part = table.sort_values(name, kind="stable")
        u = part[name].to_numpy(dtype=float)
        half = float(ndtri(0.5 + level / 2)) * part[f"{name}_sd"].to_numpy(dtype=float)
        below, above = u + half < 0, u - half > 0
        _ordered(panel, u, half, below, above)
        what = coefficient(table, name)
        what = what[:1].upper() + what[1:]
        panel.set_title(f"{what}, {symbol(name)}")
        panel.set_xlabel(f"{many} in order")
        panel.set_ylabel(f"EB residual, {level:.0%} interval")
        told.append(
            f"{what} residuals {symbol(name)} from {number(u[0])} to {number(u[-1])}; the "
            f"{level:.0%} interval leaves 0 out for {int(below.sum() + above.sum())} of {len(u)} "
            f"{many}: {int(below.sum())} below and {int(above.sum())} above."
        )
    describe(
        axes[0],
        f"Caterpillar plots of {len(table)} {many}, ordered from the lowest to the highest EB "
        "residual, with an interval each. " + " ".join(told),
    )
    return axes


def _ordered(
    ax: Axes, u: Array, half: Array, below: NDArray[np.bool_], above: NDArray[np.bool_]
) -> None:
    rank = np.arange(1.0, len(u) + 1)
    layers = ((~(below | above), GREY, 0.7, 0.55), (below, COLORS[1], 1.1, 0.9),
              (above, COLORS[0], 1.1, 0.9))  # fmt: skip
    for keep, color, width, alpha in layers:
        if keep.any():
            x = np.column_stack([rank[keep]] * 2)
            y = np.column_stack([u[keep] - half[keep], u[keep] + half[keep]])
            segments(ax, x, y, edgecolor=color, lw=width, alpha=alpha)
    sns.lineplot(x=rank, y=u, ax=ax, color=INK, lw=2.2, errorbar=None, estimator=None)
    ax.axhline(0, color=INK, lw=1.0, linestyle=(0, (4, 3)))
    ax.margins(x=0.02)
    corners = ((below, COLORS[1], "▼ interval below", 0.97, 0.03, "right", "bottom"),
               (above, COLORS[0], "▲ interval above", 0.03, 0.97, "left", "top"))  # fmt: skip
    for keep, color, text, at_x, at_y, ha, va in corners:
        ax.text(at_x, at_y, f"{text} 0: {int(keep.sum())} of {len(u)}", transform=ax.transAxes,
                color=color, fontweight="bold", ha=ha, va=va, in_layout=False)  # fmt: skip
