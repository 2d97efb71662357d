"""Variances: what predictors explain, and where the outcome's variance comes from."""

from __future__ import annotations

import math

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from mlm_helpers.report.plots.canvas import COLORS, GREY, INK, PALE, describe, one, styled
from mlm_helpers.report.plots.labels import Labels, percent
from mlm_helpers.report.plots.labels import short_number as number
from mlm_helpers.report.plots.marks import need


@styled
def plot_variance_explained(
    table: pd.DataFrame,
    *,
    names: tuple[str, str] = ("before", "after"),
    ax: Axes | None = None,
    labels: Labels = None,
) -> Axes:
    """What is left of each variance after predictors were added.

    ``table`` as from ``variance_explained(base, full)``; ``names`` are those of the two models.
    Each bar is the variance left as a share of the first model's.
    """
    need(table, ["base", "full", "explained"], "variance_explained(base, full)")
    ax = one(ax, 8.0, 1.7 + 0.8 * len(table))
    rows = [_greek(str(p)) for p in table.index]
    left = (table["full"] / table["base"]).where(table["base"] > 0)
    sns.barplot(x=1.0, y=rows, ax=ax, width=0.62, facecolor="white", edgecolor=GREY, lw=1.2,
                hatch="///")  # fmt: skip
    sns.barplot(x=left.to_numpy(), y=rows, ax=ax, width=0.62, color=COLORS[0], saturation=1)
    told = []
    for k, (row, share) in enumerate(zip(table.itertuples(), left, strict=True)):
        known = math.isfinite(share)
        what = f"{percent(row.explained)} explained" if known else "nothing to explain"
        change = f"{number(row.base)} → {number(row.full)}"
        inside = share > 0.3
        ax.text(max(1.02, share + 0.02) if known else 1.02, k, what, va="center",
                fontweight="bold", fontsize=15)  # fmt: skip
        ax.text(0.015 if inside or not known else max(share, 0.0) + 0.015, k, change,
                va="center", fontweight="bold", color="white" if inside else INK,
                bbox=None if inside else PALE)  # fmt: skip
        told.append(f"{rows[k]} from {number(row.base)} to {number(row.full)}, {what}")
    ax.set_yticks(range(len(rows)), rows, fontsize=17)
    ax.set_xlim(0, max(1.34, float(left.max()) + 0.34))
    ax.set_xticks([0, 0.5, 1], ["0", "half", f"all of\n{names[0]}"])
    ax.set(xlabel="", ylabel="", title=f"Variance left: {names[0]} → {names[1]}")
    ax.tick_params(axis="y", length=0)
    describe(ax, f"Bars of the variance left from {names[0]} to {names[1]}: {'; '.join(told)}.")
    return ax


def _greek(name: str) -> str:
    return name.replace("sigma2", "σ²").replace("tau", "τ")


_PARTS = {
    "f1": ("level-1 predictors (f1)", COLORS[0], ""),
    "f2": ("level-2 predictors (f2)", COLORS[1], "//"),
    "f": ("all predictors (f)", COLORS[0], ""),
    "v": ("random slopes (v)", COLORS[4], ".."),
    "m": ("group means, unexplained (m)", COLORS[5], "\\\\"),
    "sigma2": ("level-1 residual (σ²)", "#D9D9D9", ""),
}


@styled
def plot_r2(table: pd.DataFrame, *, ax: Axes | None = None, labels: Labels = None) -> Axes:
    """The outcome's variance divided into its sources, in total, within and between groups.

    ``table`` as from ``variance_decomposition(fit)`` (Rights & Sterba 2019).
    """
    need(table, ["total", "within", "between"], "variance_decomposition(fit)")
    columns = [c for c in ("total", "within", "between") if table[c].notna().any()]
    ax = one(ax, 9.0, 4.6 if len(columns) > 1 else 4.2)
    told = []
    present = [p for p in _PARTS if p in table.index and table.loc[p, columns].notna().any()]
    for k, column in enumerate(columns):
        shares = table[column].dropna() / table[column].sum()
        base, said = 0.0, []
        for part in present:
            if part not in shares.index:
                continue
            share = float(shares[part])
            name, color, hatch = _PARTS[part]
            ax.bar(k, share, 0.58, bottom=base, color=color, hatch=hatch, edgecolor="white", lw=1)
            if share >= 0.045:
                ax.text(
                    k, base + share / 2, percent(share), ha="center", va="center", fontsize=14,
                    fontweight="bold",
                    bbox=PALE,
                )  # fmt: skip
            said.append(f"{name} {percent(share)}")
            base += share
        told.append(f"{column}: {', '.join(said)}")
    ax.set_xticks(range(len(columns)), columns, fontsize=15)
    ax.set_ylim(0, 1)
    ax.set_xlim(-0.45, len(columns) - 0.55 + 0.02)
    ax.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
    ax.set_ylabel("Share of the variance")
    handles = [
        Patch(facecolor=_PARTS[p][1], hatch=_PARTS[p][2], edgecolor="white", label=_PARTS[p][0])
        for p in present[::-1]
    ]
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False,
              handleheight=1.6, handlelength=1.8, labelspacing=0.9)  # fmt: skip
    note = table.attrs.get("note", "")
    describe(
        ax, f"Stacked bars of the shares of the variance. {'. '.join(t for t in told)}. {note}"
    )
    return ax
