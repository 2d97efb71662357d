"""One group at a time: what the estimates would be without it, by an exact refit.

A fit needs the data only as sums over groups, so leaving a group out is a subtraction. The refit
starts at the full fit's optimum with its curvature, which a rank-one update (Broyden 1965) turns
into the curvature of the smaller data set: a few gradients reach the optimum to all digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit, fit_moments
from mlm_helpers.engine.inference import p_of_t
from mlm_helpers.engine.likelihood import Deviance, Optimum
from mlm_helpers.engine.moments import Moments
from mlm_helpers.errors import MLMError
from mlm_helpers.text import join_words

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Influence:
    """Exact refits without each group.

    Attributes
    ----------
    table : index group; ``n``, ``cooks_distance`` (of all fixed effects), ``cov_ratio``
        (determinant of Cov(γ̂) without the group over the one with it), ``largest`` (the
        coefficient that moves most, in standard errors) and ``change_se`` (by how many)
    estimates : index group; γ's by column, then τ's and σ², without the group
    changes : ``estimates`` minus those of the full fit
    reasons : why a group could not be left out, where that is so
    """

    table: pd.DataFrame
    estimates: pd.DataFrame
    reasons: dict[object, str]
    fit: MLMFit = field(repr=False)

    @property
    def changes(self) -> pd.DataFrame:
        """Estimates without each group minus those with all groups."""
        return self.estimates - _parameters(self.fit)

    def worst(self, k: int = 5) -> pd.DataFrame:
        """The k groups with the largest Cook's distance, largest first."""
        return self.table.sort_values("cooks_distance", ascending=False, kind="stable").head(k)

    def without(self, group: object) -> MLMFit:
        """The fit without one group."""
        if group not in self.table.index:
            raise MLMError(f"There is no group {group!r} of {self.table.index.name!r} in the fit.")
        if group in self.reasons:
            raise MLMError(self.reasons[group])
        at = self.table.index.get_loc(group)
        moments = leave_out(self.fit.moments, group_products(self.fit), at)
        return fit_moments(moments, self.fit.design, self.fit.reml, self.fit.data_name)

    def describe(self, alpha: float = 0.05) -> str:
        """What the conclusion would be without the worst group, and which groups decide one."""
        full = self.fit.fixed_effects
        name = self.table.index.name
        group = self.worst(1).index[0]
        row = self.table.loc[group]
        said = (
            f"{name} {group} has the largest Cook's distance ({row['cooks_distance']:.3g}): "
            f"without it {row['largest']} moves by {row['change_se']:+.2f} standard errors, from "
            f"{full.loc[row['largest'], 'estimate']:.4g} to "
            f"{self.estimates.loc[group, row['largest']]:.4g}."
        )
        decided = self.deciding(alpha)
        if decided.empty:
            return (
                f"{said} Whichever single group is left out, every fixed effect stays on the same "
                f"side of p = {alpha:g}."
            )
        parts = [
            f"without {name} {g} the p of {term} is {p:.3f} instead of {full.loc[term, 'p']:.3f}"
            for (g, term), p in decided["p"].head(3).items()
        ]
        more = "" if len(decided) <= 3 else f" (and {len(decided) - 3} more)"
        return f"{said} One group decides whether p is below {alpha:g}: {join_words(parts)}{more}."

    def deciding(self, alpha: float = 0.05) -> pd.DataFrame:
        """Groups without which a p crosses ``alpha``; index (group, term), columns ``t``, ``p``.

        Each is judged by the Satterthwaite test of its own refit.
        """
        full = self.fit.fixed_effects
        t = self.estimates[list(full.index)] / self._std_errors
        rough = pd.DataFrame(p_of_t(t.to_numpy(), full["df"].to_numpy()), t.index, t.columns)
        near = (rough.gt(alpha / 2) & rough.lt(2 * alpha)) | (
            rough.lt(alpha) != full["p"].lt(alpha)
        )
        rows = {}
        for group in t.index[near.any(axis=1) & t.notna().all(axis=1)]:
            again = self.without(group).fixed_effects
            for term in full.index[(again["p"] < alpha) != (full["p"] < alpha)]:
                rows[(group, term)] = again.loc[term, ["t", "p"]]
        index = pd.MultiIndex.from_tuples(list(rows), names=[t.index.name, "term"])
        return pd.DataFrame(list(rows.values()), index=index if rows else None, columns=["t", "p"])

    @property
    def _std_errors(self) -> pd.DataFrame:
        return self.table.attrs["std_errors"]


def influence(fit: MLMFit) -> Influence:
    """Refit without each group, exactly.

    Cook's distance is (γ̂ - γ̂₍ⱼ₎)' Cov(γ̂)⁻¹ (γ̂ - γ̂₍ⱼ₎) / p (Cook 1977; for multilevel models
    Snijders & Berkhof 2008, sec. 3.6). There is no threshold that makes a group an outlier: look at
    the groups that stand apart from the others, and at what they change.

    Raises
    ------
    MLMError
        For a fit to chunks (the products of the single groups are needed), or two groups.
    """
    if not fit.design.keeps_rows:
        raise MLMError("Leaving groups out needs the rows: fit to a DataFrame, not to chunks.")
    if fit.ngroups < 3:
        raise MLMError("With two groups nothing is left to compare when one is taken out.")
    own = group_products(fit)
    p = len(fit.design.columns)
    columns = [*fit.design.columns, *fit.variance_components.index]
    estimates = np.full((fit.ngroups, len(columns)), np.nan)
    errors, ratio = np.full((fit.ngroups, p), np.nan), np.full(fit.ngroups, np.nan)
    reasons: dict[object, str] = {}
    logdet = np.linalg.slogdet(_covariance(fit))[1]
    for j, label in enumerate(fit.moments.labels):
        try:
            without = _refit(fit, leave_out(fit.moments, own, j))
        except (np.linalg.LinAlgError, MLMError, ValueError):
            reasons[label] = _why_not(fit, j)
            continue
        estimates[j] = _parameters(without)
        covariance = _covariance(without)
        errors[j] = np.sqrt(np.einsum("ab,bc,ac->a", fit.to_user, covariance, fit.to_user))
        ratio[j] = np.exp(np.linalg.slogdet(covariance)[1] - logdet)
    index = pd.Index(fit.moments.labels, name=fit.structure.group)
    frame = pd.DataFrame(estimates, index=index, columns=columns)
    table = _table(fit, frame, ratio)
    table.attrs["std_errors"] = pd.DataFrame(errors, index=index, columns=columns[:p])
    return Influence(table, frame, reasons, fit)


def _table(fit: MLMFit, estimates: pd.DataFrame, ratio: Array) -> pd.DataFrame:
    terms = list(fit.design.columns)
    covariance = fit.vcov.to_numpy()
    se = np.sqrt(np.diag(covariance))
    moved = (estimates[terms].to_numpy() - fit.gamma) / se
    correlation = covariance / np.outer(se, se)
    distance = np.einsum("ja,ja->j", moved, np.linalg.solve(correlation, moved.T).T) / len(terms)
    known = np.isfinite(moved).all(axis=1)
    most = np.abs(np.where(known[:, None], moved, 0.0)).argmax(axis=1)
    return pd.DataFrame(
        {
            "n": fit.moments.n,
            "cooks_distance": distance,
            "cov_ratio": ratio,
            "largest": [terms[k] if ok else None for k, ok in zip(most, known, strict=True)],
            "change_se": moved[np.arange(len(most)), most],
        },
        index=estimates.index,
    )


def _parameters(fit: MLMFit) -> Array:
    """γ̂, then the τ's and σ² in the order of ``variance_components``."""
    number, t = fit.tau_numbers, fit.relative_covariance * fit.sigma2
    taus = {
        tuple(sorted((number[a], number[b]))): t[a, b]
        for block in fit.design.blocks
        for a in block
        for b in block
    }
    return np.array([*fit.gamma, *(taus[key] for key in sorted(taus)), fit.sigma2])


def _covariance(fit: MLMFit) -> Array:
    """Cov(γ̂) in the fit's own scaling, whose determinant does not overflow."""
    point = fit.optimum.point
    return np.asarray(point.sxx_inverse * (point.rss / fit.sigma_dof))


def group_products(fit: MLMFit) -> Array:
    """(J, p + 1, p + 1) [X y]'[X y] of each group, in the fit's scaling."""
    design, basis = fit.design, fit.moments.basis
    _, xs, ys = basis.apply(design.x, design.z, design.y)
    w = np.column_stack([xs, ys])
    order = np.argsort(design.codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(fit.moments.n)[:-1]])
    sorted_w = w[order]
    return np.add.reduceat(sorted_w[:, :, None] * sorted_w[:, None, :], starts, axis=0)


def leave_out(m: Moments, own: Array, j: int) -> Moments:
    """The cross-products without group j."""
    rest = own[j] - np.einsum("qa,qb->ab", m.zw[j], m.ols[j])
    return replace(
        m,
        labels=np.delete(m.labels, j),
        n=np.delete(m.n, j),
        zz=np.delete(m.zz, j, axis=0),
        zw=np.delete(m.zw, j, axis=0),
        ols=np.delete(m.ols, j, axis=0),
        ww=m.ww - own[j],
        within=m.within - rest,
    )


def _refit(fit: MLMFit, moments: Moments) -> MLMFit:
    """The fit to other moments of the same design, from the optimum of this one."""
    if not fit.singular:
        optimum = _near_optimum(fit, moments)
        if optimum is not None:
            return MLMFit(moments, fit.design, fit.reml, fit.data_name, optimum)
    return fit_moments(moments, fit.design, fit.reml, fit.data_name)


def _near_optimum(fit: MLMFit, moments: Moments) -> Optimum | None:
    """The optimum without a group, or None where that of the full fit is no good start."""
    deviance, template = Deviance(moments, fit.reml), fit.template
    theta, inverse = fit.optimum.theta.copy(), np.linalg.inv(fit.optimum.point.hessian)

    def gradient(at: Array) -> Array:
        factor = template.factor(at)
        return 2 * (deviance.cone_gradient(factor) @ factor)[template.rows, template.cols]

    slope = gradient(theta)
    for iteration in range(12):
        step = -inverse @ slope
        if not np.isfinite(step).all() or np.abs(step).max() > 0.5:
            return None
        theta = theta + step
        before, slope = slope, gradient(theta)
        if abs(slope @ inverse @ slope) < 1e-17:
            point = deviance.parts(template.factor(theta), template.units)
            inside = np.linalg.eigvalsh(point.hessian)[0] > 0
            return Optimum(theta, point, iteration, True) if inside else None
        change = inverse @ (slope - before)
        bottom = step @ change
        if not abs(bottom) > 0:
            return None
        inverse = inverse + np.outer(step - change, step @ inverse) / bottom
    return None


def _why_not(fit: MLMFit, j: int) -> str:
    label = fit.moments.labels[j]
    return (
        f"Without {fit.structure.group} {label} the model cannot be fitted: a predictor of it does "
        "not vary in the other groups, or can be computed from the others there."
    )
