"""Degrees of freedom, intervals and tests for a fitted two-level model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlm_helpers.engine.likelihood import group_solutions
from mlm_helpers.errors import MLMError

if TYPE_CHECKING:
    from mlm_helpers.engine.result import MLMFit

Array = NDArray[np.float64]


# ---- Satterthwaite ------------------------------------------------------------------------
def satterthwaite(fit: MLMFit, weights: Array) -> Array:
    """Satterthwaite df of linear combinations of the fixed effects.

    df = 2 v² / (g' H⁻¹ g · 2) with v = l'Cov(γ̂)l, g its gradient in (θ, σ) and H the Hessian of the
    (restricted) deviance there, so that 2 H⁻¹ is the covariance of (θ̂, σ̂) (Fai & Cornelius 1996;
    Kuznetsova, Brockhoff & Christensen 2017, sec. 2). Both are exact here. Directions without
    curvature, which occur at a singular fit, are left out, as lmerTest leaves them out.

    Parameters
    ----------
    weights : (k, p) one combination per row, in the order of ``fit.fixed_effects``

    Returns
    -------
    (k,) degrees of freedom
    """
    df = satterthwaite_df(fit, *fixed_variance(fit, weights))
    return np.where(fit.without_df(weights), np.nan, df)


def fixed_variance(fit: MLMFit, weights: Array) -> tuple[Array, Array]:
    """l'Cov(γ̂)l (k,) of each combination, and its gradient in (θ, σ) (k, number of θ + 1)."""
    point = fit.optimum.point
    s2 = point.rss / fit.sigma_dof
    scaled = weights @ fit.to_user / fit.moments.basis.y_scale
    turned = scaled @ point.sxx_inverse
    # in the outcome's units, like σ
    unit2 = fit.moments.basis.y_scale**2
    variance = unit2 * s2 * np.einsum("ij,ij->i", turned, scaled)
    gradient = np.empty((len(weights), len(point.gradient) + 1))
    gradient[:, :-1] = -unit2 * s2 * np.einsum("ia,kab,ib->ik", turned, point.sxx_1, turned)
    gradient[:, -1] = 2 * variance / fit.sigma
    return variance, gradient


def satterthwaite_df(fit: MLMFit, variance: Array, gradient: Array) -> Array:
    """2 v² / Var(v̂) of variances v (k,) with these gradients in (θ, σ) (k, number of θ + 1)."""
    spread = np.einsum("ia,ab,ib->i", gradient, parameter_covariance(fit), gradient)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * variance**2 / spread


def parameter_covariance(fit: MLMFit) -> Array:
    """Covariance 2 H⁻¹ of (θ̂, σ̂), H the Hessian of the deviance; θ is that of the fitted basis."""
    point, dof = fit.optimum.point, fit.sigma_dof
    k = len(point.gradient)
    s2 = point.rss / dof
    hessian = np.empty((k + 1, k + 1))
    hessian[:k, :k] = point.log_2 + point.rss_2 / s2
    hessian[:k, k] = hessian[k, :k] = -2 * point.rss_1 / (s2 * fit.sigma)
    hessian[k, k] = 4 * dof / fit.sigma2
    # free the Hessian of units before its eigenvalues are judged
    unit = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-12 * np.abs(hessian).max()))
    values, vectors = np.linalg.eigh(hessian * np.outer(unit, unit))
    kept = values > 1e-8
    along = unit[:, None] * vectors[:, kept]
    return 2 * (along / values[kept]) @ along.T


def t_table(fit: MLMFit, weights: Array, index: list) -> pd.DataFrame:
    """Estimate, standard error, Satterthwaite df, t and two-sided p of each row of weights."""
    estimate = weights @ fit.gamma
    se = np.sqrt(np.einsum("ij,jk,ik->i", weights, fit.vcov.to_numpy(), weights))
    df = satterthwaite(fit, weights)
    return _t_frame(estimate, se, df, index)


def _t_frame(estimate: Array, se: Array, df: Array, index: list) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = estimate / se
    table = {"estimate": estimate, "std_error": se, "df": df, "t": t, "p": p_of_t(t, df)}
    return pd.DataFrame(table, index=index)


def p_of_t(t: Array, df: Array) -> Array:
    """Two-sided p of a t statistic, accurate far into the tail; an infinite df is the normal
    distribution."""
    t, df = np.asarray(t, dtype=float), np.asarray(df, dtype=float)
    known = np.where(np.isinf(df), 1.0, df)
    p = special.betainc(known / 2, 0.5, known / (known + t**2))
    return np.where(np.isinf(df), 2 * special.ndtr(-np.abs(t)), p)


def p_of_chi2(x: float, df: float) -> float:
    """Upper tail of χ² with df degrees of freedom."""
    return float(special.chdtrc(df, x)) if df > 0 else (1.0 if x <= 0 else 0.0)


def t_quantile(level: float, df: Array) -> Array:
    """The t with ``level`` of the distribution between -t and t (normal where df is infinite)."""
    return special.stdtrit(np.asarray(df, dtype=float), 0.5 + level / 2)


def t_interval(estimate: Any, std_error: Any, df: Any, level: float = 0.95) -> tuple[Array, Array]:
    """estimate ± t quantile · standard error; what has no standard error has no width."""
    check_level(level)
    estimate, std_error = np.asarray(estimate, dtype=float), np.asarray(std_error, dtype=float)
    reach = np.where(std_error == 0, 0.0, t_quantile(level, df) * std_error)
    return estimate - reach, estimate + reach


def check_level(level: float) -> None:
    """Refuse a confidence level that is none."""
    if not 0 < level < 1:
        raise MLMError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")


# ---- Kenward-Roger ------------------------------------------------------------------------
def kenward_roger(fit: MLMFit, weights: Array | None = None) -> pd.DataFrame:
    """Kenward-Roger adjusted standard errors and df (Kenward & Roger 1997; the formulas as in
    Halekoh & Højsgaard 2014, for one combination at a time).

    The variance matrix is linear in its parameters, V = Σ σ_r G_r, and the method does not depend
    on which basis of that linear space is used. Taking V itself as one of the G_r and Z T_r Z' as
    the others, every quantity follows from P = Z'V⁻¹Z and E = Z'V⁻¹X of the groups; no matrix of
    the size of the data is formed.

    Raises
    ------
    MLMError
        For an ML fit: the method is defined for REML.
    """
    adjusted, parts = kenward_roger_parts(fit)
    columns = list(fit.design.columns)
    rows = np.eye(len(columns)) if weights is None else np.atleast_2d(weights)
    scaled = rows @ fit.to_user / fit.moments.basis.y_scale
    se2 = np.einsum("ij,jk,ik->i", scaled, adjusted, scaled)
    df = np.array([parts.df_and_scale(v[None])[0] for v in scaled])
    df = np.where(fit.without_df(rows), np.nan, df)
    estimate = rows @ fit.gamma
    se = np.sqrt(se2) * fit.moments.basis.y_scale
    index = columns if weights is None else list(range(len(rows)))
    return _t_frame(estimate, se, df, index).rename_axis("term")


class KRParts(NamedTuple):
    """What the df need: Φ, and how the variance parameters move it."""

    phi: Array  # (p, p) unadjusted covariance
    w: Array  # (r, r) covariance of the variance parameters
    p: Array  # (r, p, p) dΦ⁻¹/dσ_r

    def df_and_scale(self, weights: Array) -> tuple[float, float]:
        """Denominator df and scale of the F test that ``weights`` (q, p) times γ is 0."""
        q = len(weights)
        side = self.phi @ weights.T
        theta = side @ np.linalg.solve(weights @ side, side.T)
        turned = theta @ self.p
        trace = np.einsum("kaa->k", turned)
        a1 = trace @ self.w @ trace
        a2 = float(np.einsum("kl,kab,lba->", self.w, turned, turned))
        b = (a1 + 6 * a2) / (2 * q)
        g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
        denominator = 3 * q + 2 * (1 - g)
        c1, c2, c3 = g / denominator, (q - g) / denominator, (q + 2 - g) / denominator
        e_star = 1 / (1 - a2 / q)
        v_star = 2 / q * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
        rho = v_star / (2 * e_star**2)
        df = 4 + (q + 2) / (q * rho - 1)
        return float(df), float(df / (e_star * (df - 2)))


def kenward_roger_parts(fit: MLMFit) -> tuple[Array, KRParts]:
    """The adjusted covariance of γ̂ and what its df need, in the scaled basis of the fit."""
    if not fit.reml:
        raise MLMError("Kenward-Roger needs a REML fit: use fit.refit(reml=True).")
    m, p = fit.moments, fit.moments.p
    factor = fit.template.factor(fit.optimum.theta)
    s2 = fit.optimum.point.rss / fit.sigma_dof
    phi = fit.optimum.point.sxx_inverse * s2
    template = fit.template
    units = template.units
    same = (template.rows == template.cols)[:, None, None]
    directions = np.where(same, units, units + units.transpose(0, 2, 1))
    _, e, pz = group_solutions(m, factor @ factor.T)
    e = e[:, :, :p]
    k = len(directions)
    # V has the scale s2, so Z'V⁻¹Z = pz / s2 and Z'V⁻¹X = e / s2
    u = directions[:, None] @ e  # (k, J, q, p)
    x_gx = np.einsum("jqa,kjqb->kab", e, u) / s2**2
    pu = pz @ u
    q_zz = np.einsum("kjqa,ljqb->klab", u, pu) / s2**3
    groups, q = pz.shape[0], pz.shape[1]
    flat = pz.reshape(groups, q * q)
    pp = (flat.T @ flat).reshape(q, q, q, q)
    half = np.tensordot(directions, pp, axes=([1, 2], [1, 2]))
    trace_zz = np.tensordot(half, directions, axes=([1, 2], [2, 1])) / s2**2
    trace_z = np.tensordot(directions, pz.sum(axis=0), axes=2) / s2
    inverse_phi = fit.optimum.point.sxx_inverse
    inverse_phi = np.linalg.inv(inverse_phi) / s2 if p else inverse_phi
    first = np.concatenate([-x_gx, -inverse_phi[None]])
    q_all = np.empty((k + 1, k + 1, p, p))
    q_all[:k, :k] = q_zz
    q_all[k, :k] = q_all[:k, k] = x_gx
    q_all[k, k] = inverse_phi
    trace = np.empty((k + 1, k + 1))
    trace[:k, :k] = trace_zz
    trace[k, :k] = trace[:k, k] = trace_z
    trace[k, k] = m.nobs
    turned = phi @ first
    information = (
        trace - 2 * np.einsum("ab,klba->kl", phi, q_all) + np.einsum("kab,lba->kl", turned, turned)
    )
    w = 2 * np.linalg.pinv(information, hermitian=True, rcond=1e-12)
    inner = q_all - np.einsum("kab,lbc->klac", first, turned)
    bias = np.einsum("kl,klab->ab", w, inner)
    adjusted = phi + 2 * phi @ bias @ phi
    return (adjusted + adjusted.T) / 2, KRParts(phi, w, first)


# ---- intervals ----------------------------------------------------------------------------
def wald_intervals(
    fit: MLMFit, level: float = 0.95, df: Literal["satterthwaite", "z"] = "satterthwaite"
) -> pd.DataFrame:
    """Estimate ± quantile x standard error for the fixed effects."""
    if df not in ("satterthwaite", "z"):
        raise MLMError(f"df must be 'satterthwaite' or 'z'; got {df!r}.")
    table = fit.fixed_effects
    freedom = table["df"] if df == "satterthwaite" else np.inf
    lower, upper = t_interval(table["estimate"], table["std_error"], freedom, level)
    return pd.DataFrame({"estimate": table["estimate"], "lower": lower, "upper": upper})
