"""Are the residuals as the model assumes? At level 1 and at level 2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from mlm_helpers.errors import MLMError
from mlm_helpers.report.plots.canvas import COLORS, GREY, INK, PALE, describe, several, styled
from mlm_helpers.report.plots.labels import Labels, labels_for
from mlm_helpers.report.plots.labels import short_number as number
from mlm_helpers.report.plots.marks import need
from mlm_helpers.report.plots.residuals import coefficient, covariance_of, residuals_in, symbol

Array = NDArray[np.float64]


@styled
def plot_level1_residuals(
    table: pd.DataFrame, *, ax: Sequence[Axes] | None = None, labels: Labels = None
) -> tuple[Axes, ...]:
    """Are the level-1 residuals even and normal? Scaled residuals against fitted values, with the
    mean and SD in ten slices, and against the quantiles of the normal distribution.

    ``table`` as from :func:`residual_table`.
    """
    need(table, ["fitted", "scaled"], "residual_table(fit)")
    words, axes = labels_for(labels, table), several(ax, 2)
    left, right = axes
    x, r = table["fitted"].to_numpy(dtype=float), table["scaled"].to_numpy(dtype=float)
    sns.histplot(x=x, y=r, bins=(36, 24), ax=left, cmap="Blues", norm=LogNorm(), vmin=None,
                 vmax=None)  # fmt: skip
    left.axhline(0, color=GREY, lw=1)
    # equal sizes by rank; rounded first, so that ties fall alike on every machine
    rank = pd.Series(np.round(x / np.ptp(x) if np.ptp(x) > 0 else x, 9)).rank(method="first")
    slices = pd.DataFrame({"x": x, "r": r}).groupby((10 * (rank - 1)) // len(x))
    sns.lineplot(x=slices["x"].transform("mean"), y=r, ax=left, errorbar="sd", err_style="bars",
                 color=COLORS[1], marker="o", ms=8, lw=2, err_kws={"capsize": 3})  # fmt: skip
    mean, sd = slices["r"].mean(), slices["r"].std()
    outcome = words.name(table.attrs.get("outcome", "value"))
    left.set(title="Same spread everywhere?", xlabel=f"Fitted {outcome}", ylabel="Residual / σ")
    left.text(
        0.02, 0.98, "● mean ± SD in ten slices", transform=left.transAxes, va="top",
        color=COLORS[1], fontweight="bold", fontsize=12, bbox=PALE,
    )  # fmt: skip
    straight = _qq(right, r, COLORS[0])
    right.set(title="Normal?", xlabel="Quantile of the normal distribution", ylabel="Residual / σ")
    describe(
        left,
        f"Two panels on {len(r)} level-1 residuals divided by σ. Left, against fitted values: in "
        f"ten slices of equal size the mean residual stays between {number(mean.min(), 2)} and "
        f"{number(mean.max(), 2)} and the SD between {number(sd.min(), 2)} and "
        f"{number(sd.max(), 2)}. Right, against normal quantiles: {straight}",
    )
    return axes


def _qq(ax: Axes, values: Array, color: str, points: int = 250) -> str:
    """A normal QQ plot; returns in words how far it strays. Many values: their quantiles."""
    ordered = np.sort(values)
    n = len(ordered)
    theory = ndtri((np.arange(1, n + 1) - 0.5) / n)
    keep = np.unique(np.r_[0:min(20, n), np.linspace(0, n - 1, points).astype(int),
                           max(n - 20, 0):n])  # fmt: skip
    reach = max(abs(theory[0]), theory[-1]) * 1.05
    ax.plot([-reach, reach], [-reach, reach], color=INK, lw=1.4, linestyle=(0, (5, 3)))
    sns.scatterplot(x=theory[keep], y=ordered[keep], ax=ax, color=color, s=28, alpha=0.7,
                    linewidth=0)  # fmt: skip
    inner = np.abs(theory) < 1.645
    off = float(np.abs(ordered - theory)[inner].max())
    low, high = ordered[0] - theory[0], ordered[-1] - theory[-1]
    return (
        f"the middle 90% stray at most {number(off, 2)} from the line; the lowest is "
        f"{number(ordered[0])} where {number(theory[0])} is expected, the highest "
        f"{number(ordered[-1])} where {number(theory[-1])} is ({_tails(low, high)})."
    )


def _tails(low: float, high: float) -> str:
    long_low, long_high = low < -0.3, high > 0.3
    short_low, short_high = low > 0.3, high < -0.3
    if long_low and long_high:
        return "tails longer than normal"
    if short_low and short_high:
        return "tails shorter than normal"
    return (
        "tails about normal"
        if not (long_low or long_high or short_low or short_high)
        else ("one tail off")
    )


@styled
def plot_level2_residuals(
    table: pd.DataFrame, *, ax: Sequence[Axes] | None = None, labels: Labels = None
) -> tuple[Axes, ...]:
    """Are the level-2 residuals normal? Each EB residual against normal quantiles, and, for two or
    more random coefficients, their Mahalanobis distances against χ².

    ``table`` as from ``eb_table(fit)``. An EB residual is divided by its own SD under the model,
    √(τ - conditional variance): those of large groups vary more than those of small ones. The
    distances take the correlation of these ratios; at a correlation of ±1 they are left out.
    """
    residuals = residuals_in(table)
    need(table, [f"{r}_sd" for r in residuals], "eb_table(fit)")
    t = covariance_of(table, residuals)
    if t is None:
        raise MLMError("The table must come from eb_table(fit), which keeps T.")
    many = labels_for(labels, table).groups(table.attrs.get("group", ""))
    own = np.diag(t) - table[[f"{r}_sd" for r in residuals]].to_numpy(dtype=float) ** 2
    there = own > 1e-12 * np.maximum(np.diag(t), 1e-300)
    for name, some in zip(residuals, there.any(axis=0), strict=True):
        if not some:
            raise MLMError(
                f"The variance of the {coefficient(table, name)} is estimated as 0: it has no "
                "residuals to look at."
            )
    scaled = table[residuals].to_numpy(dtype=float) / np.sqrt(np.where(there, own, np.nan))
    both = len(residuals) > 1 and np.linalg.cond(table[residuals].corr().to_numpy()) < 1e4
    axes = several(ax, len(residuals) + both, 10.5 if both else 6.0, 4.3)
    told = []
    for k, name in enumerate(residuals):
        what = coefficient(table, name)
        straight = _qq(axes[k], scaled[there[:, k], k], COLORS[0])
        axes[k].set(title=f"{what[:1].upper() + what[1:]}, {symbol(name)}", ylabel="")
        axes[k].set_xlabel("Normal quantile")
        told.append(f"{what} {symbol(name)}: {straight}")
    axes[0].set_ylabel("EB residual / its SD")
    if both:
        told.append(_distances(axes[-1], scaled[there.all(axis=1)], many))
    describe(
        axes[0], f"EB residuals of {len(table)} {many} against normal quantiles; {' '.join(told)}"
    )
    return axes


def _distances(ax: Axes, z: Array, many: str) -> str:
    """Squared Mahalanobis distances against χ²; returns in words how far the largest stray."""
    d2 = np.sort(np.einsum("ij,jk,ik->i", z, np.linalg.inv(np.corrcoef(z.T)), z))
    n, q = len(d2), z.shape[1]
    theory = chdtri(q, 1 - (np.arange(1, n + 1) - 0.5) / n)
    ax.plot([0, theory[-1]], [0, theory[-1]], color=INK, lw=1.4, linestyle=(0, (5, 3)))
    sns.scatterplot(x=theory, y=d2, ax=ax, color=COLORS[2], s=28, alpha=0.7, linewidth=0)
    title = "Both together" if q == 2 else "All together"
    ax.set(title=title, xlabel=f"χ² quantile ({q} df)", ylabel="Squared distance")
    far = chdtri(q, 0.001)
    return (
        f"{title.lower()}: the largest squared Mahalanobis distance is {number(d2[-1])} where "
        f"{number(theory[-1])} is expected, and {int((d2 > far).sum())} of {n} {many} lie beyond "
        f"the 99.9% point of χ² ({number(far)})."
    )
