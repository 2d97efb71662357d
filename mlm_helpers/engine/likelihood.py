r"""Profiled ML and REML deviance of a two-level model, with exact first and second derivatives.

Write V = I + Z D Z' for the relative covariance of one group's outcomes (D = T/σ²), A = Z'Z, b for
the coefficients of the group's own regression of [X y] on Z, and W for the cross-products of what
these regressions leave over, summed over groups. Then everything follows from

    P = Z'V⁻¹Z = (I + A D)⁻¹ A          E = Z'V⁻¹[X y] = P b
    log|V| = log|I + A D|               S = Σ [X y]'V⁻¹[X y] = W + Σ b'E

and from the two rules dP = -P dD P and dE = -P dD E, which give

    d log|V| = tr(P dD)                 d² log|V| = -tr(P dD₁ P dD₂)
    dS = -Σ E'dD E                      d²S = Σ E'dD₁ P dD₂ E + E'dD₂ P dD₁ E

The deviance is minimised in θ, the lower triangle of Λ with D = ΛΛ' (Bates, Mächler, Bolker &
Walker 2015, eq. 34 and 41, with REML as their eq. 41), by Newton's method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlm_helpers.engine.moments import Moments

Array = NDArray[np.float64]


class Sums(NamedTuple):
    """Sums over groups at one D; k directions dD, p + 1 columns [X y]."""

    logdet: float
    s: Array  # (p+1, p+1)
    p_sum: Array  # (q, q)           Σ P
    ee: Array  # (q, q, p+1, p+1)    Σ E[a,:] E[b,:]'
    logdet_1: Array  # (k,)
    s_1: Array  # (k, p+1, p+1)
    logdet_2: Array  # (k, k)
    s_2: Array  # (k, k, p+1, p+1)


def group_solutions(m: Moments, d: Array) -> tuple[Array, Array, Array]:
    """Return log|I + A D| (J,), E (J, q, p+1) and P (J, q, q) of each group."""
    return _solutions(m.zz, m.ols, d)


def _solutions(zz: Array, ols: Array, d: Array) -> tuple[Array, Array, Array]:
    q = len(d)
    if q == 1:
        inner = 1.0 + zz[:, 0, 0] * d[0, 0]
        logdet, p = np.log(inner), zz / inner[:, None, None]
    elif q == 2:  # the rule below written out, which is several times faster
        determinant = zz[:, 0, 0] * zz[:, 1, 1] - zz[:, 0, 1] * zz[:, 1, 0]
        adjugate = np.array([[d[1, 1], -d[0, 1]], [-d[1, 0], d[0, 0]]])
        inner = 1.0 + zz.reshape(-1, 4) @ d.ravel() + determinant * (adjugate[0] @ d[:, 0])
        logdet = np.log(inner)
        p = (zz + determinant[:, None, None] * adjugate) / inner[:, None, None]
    else:
        inner = (zz.reshape(-1, q) @ d).reshape(zz.shape) + np.eye(q)
        logdet = np.linalg.slogdet(inner)[1]
        p = np.asarray(np.linalg.solve(inner, zz), dtype=np.float64)
    # q sums over all groups are faster than many products of small matrices
    e = sum(p[:, :, a, None] * ols[:, a, None] for a in range(q))
    return logdet, np.asarray(e), p


class _Parts(NamedTuple):
    """Sums over groups at one D."""

    logdet: float
    s: Array  # (w, w)              Σ b'E
    p_sum: Array  # (q, q)          Σ P
    ee: Array  # (qw, qw)           Σ E E', both made flat
    pp: Array  # (q², q²)           Σ P P', both made flat
    pee: Array  # (q, q, qw, qw)    Σ P[a, b] E E', E made flat


# Groups whose intermediate arrays fit the processor's cache: more at once would be slower and,
# with half a million groups, take hundreds of megabytes.
_AT_ONCE = 4096


def _parts(m: Moments, d: Array, second: bool) -> _Parts:
    groups = len(m.zz)
    total = _block(m.zz[:_AT_ONCE], m.ols[:_AT_ONCE], d, second)
    for start in range(_AT_ONCE, groups, _AT_ONCE):
        block = slice(start, start + _AT_ONCE)
        part = _block(m.zz[block], m.ols[block], d, second)
        total = [a + b for a, b in zip(total, part, strict=True)]
    return _Parts(*total)


def _block(zz: Array, ols: Array, d: Array, second: bool) -> list[Any]:
    groups, q, w = ols.shape
    logdet, e, p = _solutions(zz, ols, d)
    flat_e = e.reshape(groups, q * w)
    s = thin_product(ols.reshape(groups * q, w), e.reshape(groups * q, w))
    out = [float(logdet.sum()), s, p.sum(axis=0), thin_product(flat_e, flat_e)]
    if not second:
        return [*out, np.zeros((0, 0)), np.zeros((0, 0))]
    flat_p = p.reshape(groups, q * q)
    pee = np.empty((q, q, q * w, q * w))
    for a in range(q):
        for b in range(a + 1):
            pee[a, b] = pee[b, a] = thin_product(flat_e * p[:, a, b, None], flat_e)
    return [*out, thin_product(flat_p, flat_p), pee]


def thin_product(a: Array, b: Array) -> Array:
    """a'b of long thin arrays, in pieces so small that BLAS starts no threads for them: on a busy
    machine these wait for each other a hundred times longer than they multiply."""
    piece = max(1, 200_000 // (a.shape[1] * b.shape[1]))
    if len(a) <= piece:
        return a.T @ b
    even = len(a) // piece * piece
    left = a[:even].reshape(-1, piece, a.shape[1]).transpose(0, 2, 1)
    return (left @ b[:even].reshape(-1, piece, b.shape[1])).sum(axis=0) + a[even:].T @ b[even:]


def sums(m: Moments, d: Array, directions: Array) -> Sums:
    """Evaluate :class:`Sums` at D along ``directions`` (k, q, q), all symmetric."""
    _, q, w = m.zw.shape
    k = len(directions)
    t = _parts(m, d, second=k > 0)
    s = m.within + t.s
    ee = t.ee.reshape(q, w, q, w).transpose(0, 2, 1, 3)
    if k == 0:
        none = np.zeros((0, w, w))
        flat = np.zeros(0), none, np.zeros((0, 0)), np.zeros((0, 0, w, w))
        return Sums(t.logdet, s, t.p_sum, ee, *flat)
    flat_d = directions.reshape(k, q * q)
    logdet_1 = flat_d @ t.p_sum.ravel()
    s_1 = -(flat_d @ ee.reshape(q * q, w * w)).reshape(k, w, w)
    # with P and dD symmetric, tr(P dD1 P dD2) = Σ_abce dD1[b,c] P[a,b] P[c,e] dD2[e,a]
    pp = t.pp.reshape(q, q, q, q).transpose(1, 2, 3, 0).reshape(q * q, q * q)
    logdet_2 = -(flat_d @ pp @ flat_d.T)
    # E'dD1 P dD2 E = Σ_abce dD1[c,a] P[a,b] dD2[b,e] E[c,:]'E[e,:]
    pee = t.pee.reshape(q, q, q, w, q, w).transpose(2, 0, 1, 4, 3, 5).reshape(q * q, -1)
    half = (flat_d @ pee).reshape(k, q * q, w * w).transpose(1, 0, 2).reshape(q * q, -1)
    s_2 = (flat_d @ half).reshape(k, k, w, w).transpose(1, 0, 2, 3)
    s_2 = s_2 + s_2.transpose(1, 0, 2, 3)
    return Sums(t.logdet, s, t.p_sum, ee, logdet_1, s_1, logdet_2, s_2)


@dataclass(frozen=True)
class Template:
    """Which entries of the q x q factor Λ are free: lower triangles of the blocks, row by row
    within a column (lme4's order of θ)."""

    q: int
    rows: NDArray[np.intp]
    cols: NDArray[np.intp]

    @classmethod
    def of_blocks(cls, blocks: tuple[tuple[int, ...], ...]) -> Template:
        pairs = [(b[i], b[j]) for b in blocks for j in range(len(b)) for i in range(j, len(b))]
        rows, cols = np.array(pairs, dtype=np.intp).T
        return cls(sum(len(b) for b in blocks), rows, cols)

    def __len__(self) -> int:
        return len(self.rows)

    def factor(self, theta: Array) -> Array:
        """Λ from θ."""
        out = np.zeros((self.q, self.q))
        out[self.rows, self.cols] = theta
        return out

    def theta(self, factor: Array) -> Array:
        """θ from Λ."""
        return factor[self.rows, self.cols]

    @property
    def units(self) -> Array:
        """dΛ/dθ as (k, q, q)."""
        out = np.zeros((len(self), self.q, self.q))
        out[np.arange(len(self)), self.rows, self.cols] = 1.0
        return out


class Point(NamedTuple):
    """The deviance at one θ, with what inference needs of it."""

    value: float
    gradient: Array  # (k,)
    hessian: Array  # (k, k)
    log_1: Array  # (k,)  first derivatives of the log-determinants
    log_2: Array  # (k, k)
    rss: float  # y'V⁻¹y after the fixed part
    rss_1: Array
    rss_2: Array
    beta: Array
    sxx_inverse: Array
    sxx_1: Array  # (k, p, p)


class Deviance:
    """-2 log-likelihood of a two-level model as a function of Λ, with σ² and γ profiled out.

    Parameters
    ----------
    moments : the data
    reml : restricted likelihood if True
    """

    def __init__(self, moments: Moments, reml: bool):
        self.m, self.reml = moments, reml
        self.dof = moments.nobs - (moments.p if reml else 0)
        basis = moments.basis
        scale = self.dof * 2 * np.log(basis.y_scale)
        if reml:
            scale += 2 * np.log(basis.x_scale).sum()
        self.constant = self.dof * np.log(2 * np.pi) + scale

    def parts(self, factor: Array, first: Array, second: Array | None = None) -> Point:
        """Log-determinants and residual sum of squares with derivatives along paths of Λ.

        ``first`` (k, q, q) are dΛ/dφ, ``second`` (k, k, q, q) are d²Λ/dφ² (None when Λ is linear
        in φ). ``value``, ``gradient`` and ``hessian`` are those of the profiled deviance.
        """
        k, q, p, dof = len(first), self.m.q, self.m.p, self.dof
        d = factor @ factor.T
        left = first @ factor.T
        d_1 = left + left.transpose(0, 2, 1)
        t = sums(self.m, d, d_1)
        d_2 = first[:, None] @ first.transpose(0, 2, 1)
        if second is not None:
            d_2 = d_2 + second @ factor.T
        d_2 = (d_2 + d_2.transpose(0, 1, 3, 2)).reshape(k * k, q * q)
        log_1 = t.logdet_1
        log_2 = t.logdet_2 + (d_2 @ t.p_sum.ravel()).reshape(k, k)
        s_2 = t.s_2 - (d_2 @ t.ee.reshape(q * q, -1)).reshape(t.s_2.shape)
        logdet = t.logdet
        inverse, half_logdet = _inverse(t.s[:p, :p])
        beta = inverse @ t.s[:p, p]
        c = np.append(-beta, 1.0)
        rss = float(c @ t.s @ c)
        s_1c = t.s_1 @ c
        rss_1 = s_1c @ c
        rss_2 = s_2 @ c @ c - 2 * s_1c[:, :p] @ inverse @ s_1c[:, :p].T
        sxx_1 = t.s_1[:, :p, :p]
        if self.reml:
            logdet += 2 * half_logdet
            turned = (inverse @ sxx_1).reshape(k, p * p)
            log_1 = log_1 + turned[:, :: p + 1].sum(axis=1)
            swapped = turned.reshape(k, p, p).transpose(0, 2, 1).reshape(k, p * p)
            log_2 = log_2 + s_2[:, :, :p, :p].reshape(k, k, p * p) @ inverse.ravel()
            log_2 = log_2 - turned @ swapped.T
        value = self.constant + logdet + dof * (1.0 + np.log(rss / dof))
        slope = rss_1 / rss
        gradient = log_1 + dof * slope
        hessian = log_2 + dof * (rss_2 / rss - np.outer(slope, slope))
        return Point(
            value, gradient, hessian, log_1, log_2, rss, rss_1, rss_2, beta, inverse, sxx_1
        )

    def cone_gradient(self, factor: Array) -> Array:
        """Gradient of the profiled deviance in D itself (q, q); at a boundary optimum it must be
        positive semi-definite on the null space of D."""
        t = sums(self.m, factor @ factor.T, np.zeros((0, self.m.q, self.m.q)))
        p = self.m.p
        inverse = _inverse(t.s[:p, :p])[0]
        c = np.append(-(inverse @ t.s[:p, p]), 1.0)
        rss = c @ t.s @ c
        out = t.p_sum - self.dof * (t.ee @ c @ c) / rss
        if self.reml and p:
            out = out - np.tensordot(t.ee[:, :, :p, :p], inverse, axes=2)
        return (out + out.T) / 2


def _inverse(sxx: Array) -> tuple[Array, float]:
    """Inverse of a positive definite matrix and half its log-determinant."""
    if not len(sxx):
        return np.zeros((0, 0)), 0.0
    chol = np.linalg.cholesky(sxx)
    inverse_chol = np.linalg.inv(chol)
    return inverse_chol.T @ inverse_chol, float(np.log(np.diag(chol)).sum())


class Optimum(NamedTuple):
    """Where Newton's method stopped."""

    theta: Array
    point: Any
    iterations: int
    converged: bool


def starting_theta(
    deviance: Deviance, template: Template, blocks: tuple[tuple[int, ...], ...]
) -> Array:
    """A method-of-moments start: one scoring step for D from D = 0, kept positive definite."""
    q = template.q
    k = len(template)
    first = template.units
    sym = (first + first.transpose(0, 2, 1)) / 2
    t = sums(deviance.m, np.zeros((q, q)), sym)
    p = deviance.m.p
    beta = np.linalg.solve(t.s[:p, :p], t.s[:p, p]) if p else np.zeros(0)
    c = np.append(-beta, 1.0)
    rss, rss_1 = c @ t.s @ c, t.s_1 @ c @ c
    gradient = t.logdet_1 + deviance.dof * rss_1 / rss
    information = -t.logdet_2 - np.outer(t.logdet_1, t.logdet_1) / deviance.m.nobs
    step = np.linalg.lstsq(information, -gradient, rcond=1e-10)[0] if k else np.zeros(0)
    d = np.tensordot(step, sym, axes=1)
    factor = np.zeros((q, q))
    for block in blocks:
        at = np.ix_(block, block)
        values, vectors = np.linalg.eigh(d[at])
        floor = 0.02 + 0.02 * max(values.max(), 0.0)
        fixed = (vectors * np.clip(values, floor, 25.0)) @ vectors.T
        factor[at] = np.linalg.cholesky(fixed)
    return template.theta(factor)


def minimise(deviance: Deviance, template: Template, start: Array) -> Optimum:
    """Minimise the profiled deviance in θ."""
    units = template.units
    return newton(lambda theta: deviance.parts(template.factor(theta), units), start)


def newton(evaluate: Callable[[Array], Any], start: Array, *, limit: int = 200) -> Optimum:
    """Minimise a smooth function whose ``value``, ``gradient`` and ``hessian`` are known.

    Directions of negative curvature are turned over, long steps are cut, and a step is halved
    until the function falls enough. Stops when the next step would lower a deviance by less than
    1e-19 (Satterthwaite df need θ to more digits than the deviance has), or when rounding stalls
    it.
    """
    theta = np.array(start, dtype=float)
    point = evaluate(theta)
    smallest, stalled = np.inf, 0
    for iteration in range(limit):
        unit = _free_of_units(point.hessian)
        values, vectors = np.linalg.eigh(point.hessian * np.outer(unit, unit))
        size = np.maximum(np.abs(values), 1e-10 * max(1.0, np.abs(values).max(initial=0.0)))
        along = vectors.T @ (unit * point.gradient)
        step = -unit * (vectors @ (along / size))
        decrement = float(along @ (along / size)) / 2
        stalled = 0 if decrement < smallest / 2 else stalled + 1
        smallest = min(smallest, decrement)
        rounding = (decrement < 1e-13 and stalled > 2) or (decrement < 1e-7 and stalled > 5)
        if decrement < 1e-19 or rounding:
            return Optimum(theta, point, iteration, True)
        longest = 1.0 + np.abs(theta).max(initial=0.0)
        step *= min(1.0, longest / max(np.abs(step).max(initial=0.0), 1e-300))
        # near the optimum the decrease drowns in rounding: trust the gradient there
        slack = 1e-9 if decrement < 1e-6 else 0.0
        for _ in range(40):
            trial = evaluate(theta + step)
            # a small share of the promised decrease (Armijo), or θ could bounce to -θ for ever
            wanted = 1e-4 * float(point.gradient @ step)
            if np.isfinite(trial.value) and trial.value <= point.value + wanted + slack:
                break
            step = step / 2
        else:
            return Optimum(theta, point, iteration, decrement < 1e-8)
        theta, point = theta + step, trial
    return Optimum(theta, point, limit, False)


def _free_of_units(hessian: Array) -> Array:
    """Steps of each parameter that make the curvatures alike: a θ of 90 and one of 0.001 would
    otherwise leave no digits for the flatter of the two."""
    curvature = np.abs(np.diag(hessian))
    return 1.0 / np.sqrt(np.maximum(curvature, 1e-12 * max(1e-300, curvature.max(initial=0.0))))
