"""Profile-likelihood intervals for fixed effects, SDs, correlations and σ.

A profile holds one parameter and minimises the ML deviance over all others; the interval holds the
values whose profile lies at most χ²₁ above the minimum. lme4 reads the ends off a spline through a
few points of the profile; here each end is solved for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlm_helpers.engine.likelihood import Deviance, Template, minimise, newton
from mlm_helpers.errors import MLMError

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]
Profile = Callable[[float], float]


def profile_intervals(
    fit: MLMFit, level: float = 0.95, parameters: Iterable[str] | None = None
) -> pd.DataFrame:
    """Profile-likelihood intervals; a REML fit is fitted again by ML first, as in lme4.

    Parameters
    ----------
    level : confidence level
    parameters : rows to compute (all by default): ``sd(Intercept)``, ``cor(x,Intercept)``,
        ``sd(x)``, ``sigma`` and the fixed effects by their column names

    Returns
    -------
    DataFrame, index parameter, columns ``estimate lower upper`` in the units of the outcome (a SD
    whose interval reaches the boundary has the lower end 0).
    """
    ml = fit.refit(reml=False) if fit.reml else fit
    problems = _problems(ml)
    wanted = list(parameters) if parameters is not None else list(problems)
    for name in wanted:
        if name not in problems:
            raise MLMError(
                f"There is no parameter {name!r} to profile; the model has {', '.join(problems)}."
            )
    z = float(special.ndtri(0.5 + level / 2))
    rows = {}
    for name in wanted:
        problem = problems[name](ml)
        ends = [_end(problem, ml.criterion, z, direction) for direction in (-1.0, 1.0)]
        rows[name] = (problem.estimate, *ends)
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["estimate", "lower", "upper"]
    ).rename_axis("parameter")


class _Problem(NamedTuple):
    """One parameter to profile: its estimate, a typical step, its range, and the deviance
    minimised over everything else as a function of it."""

    estimate: float
    step: float
    low: float
    high: float
    profile: Profile


def _problems(fit: MLMFit) -> dict[str, Callable[[MLMFit], _Problem]]:
    random = fit.design.random
    out: dict[str, Callable[[MLMFit], _Problem]] = {}
    for block in fit.design.blocks:
        for j, a in enumerate(block):
            out[f"sd({random[a]})"] = partial(_sd_problem, a=a)
            for b in block[j + 1 :]:
                out[f"cor({random[b]},{random[a]})"] = partial(_cor_problem, a=a, b=b)
    out["sigma"] = _sigma_problem
    for k, column in enumerate(fit.design.columns):
        out[column] = partial(_gamma_problem, k=k)
    return out


def _end(problem: _Problem, best: float, z: float, direction: float) -> float:
    """The value on one side of the estimate whose profile deviance is z² above ``best``."""
    from scipy.optimize import brentq

    bound = problem.high if direction > 0 else problem.low
    if problem.estimate == bound:
        return bound

    def excess(value: float) -> float:
        # the signed root of the deviance is nearly linear, so that few steps suffice
        return math.sqrt(max(problem.profile(value) - best, 0.0)) - z

    inner, step = problem.estimate, problem.step * z
    for _ in range(60):
        outer = inner + direction * step
        if direction * (outer - bound) >= 0:
            outer = bound
        if excess(outer) > 0:
            break
        if outer == bound:
            return bound
        inner, step = outer, step * 2
    else:
        return math.nan
    tolerance = 1e-10 * max(abs(problem.step), 1e-300)
    return float(brentq(excess, *sorted((inner, outer)), xtol=tolerance, rtol=1e-12))


# ---- fixed effects --------------------------------------------------------------------------
def _gamma_problem(fit: MLMFit, k: int) -> _Problem:
    m, basis = fit.moments, fit.moments.basis
    p = m.p
    # the span of the other columns, and what the outcome changes by outside of it
    to_x = basis.to_x
    axes = np.linalg.qr(np.delete(to_x, k, axis=1), mode="complete")[0]
    outside = axes[:, -1]
    change = np.zeros((p + 1, p))
    change[:p, : p - 1] = axes[:, : p - 1]
    change[p, p - 1] = 1.0
    if k == basis.x_intercept:  # no other column absorbs the shift of the outcome
        change[:p, p - 1] = outside * (outside @ to_x[:, k]) * basis.y_shift / basis.y_scale
    along = np.append(outside * (outside @ to_x[:, k]) / basis.y_scale, 0.0)
    theta = [fit.optimum.theta]
    diagonal = fit.template.rows == fit.template.cols

    def profile(value: float) -> float:
        c = change.copy()
        c[:, p - 1] -= value * along
        moments = replace(
            m, zw=m.zw @ c, ww=c.T @ m.ww @ c, ols=m.ols @ c, within=c.T @ m.within @ c
        )
        # a start exactly on the boundary would stay there
        start = np.where(diagonal & (np.abs(theta[0]) < 0.01), 0.05, theta[0])
        found = minimise(Deviance(moments, False), fit.template, start)
        theta[0] = found.theta
        return found.point.value

    step = math.sqrt(float(fit.vcov.to_numpy()[k, k]))
    return _Problem(float(fit.gamma[k]), step, -math.inf, math.inf, profile)


# ---- variance parameters --------------------------------------------------------------------
class _Value(NamedTuple):
    value: float
    gradient: Array
    hessian: Array


class _Absolute:
    """The ML deviance in (Λ, log σ) with Λ absolute, TT = ΛΛ', so that a SD can be held.

    The columns of Z are the user's up to scale, in the order ``order``: the coefficients that are
    held come first, where a SD is Λ₀₀ and a correlation the direction of Λ's second row.
    """

    def __init__(self, fit: MLMFit, order: list[int]):
        m, basis = fit.moments, fit.moments.basis
        to_user = (basis.to_z / basis.z_scale)[:, order]
        moments = replace(
            m,
            zz=to_user.T @ m.zz @ to_user,
            zw=to_user.T @ m.zw,
            ols=np.asarray(np.linalg.solve(to_user, m.ols), dtype=np.float64),
        )
        self.deviance = Deviance(moments, False)
        self.unit = (basis.y_scale / basis.z_scale)[order]
        self.covariance = fit.T.to_numpy()[np.ix_(order, order)] / np.outer(self.unit, self.unit)
        self.log_sigma = math.log(fit.sigma / basis.y_scale)
        blocks = tuple(tuple(sorted(order.index(k) for k in block)) for block in fit.design.blocks)
        self.units = Template.of_blocks(blocks).units

    def minimise(
        self, base: Array, units: Array, start: Array, held_log_sigma: float | None
    ) -> tuple[float, Array]:
        """Minimise over Λ = base + Σ φ_i units_i and, unless held, log σ (the last φ)."""

        def evaluate(phi: Array) -> _Value:
            if held_log_sigma is None:
                return self._value(base, units, phi[:-1], float(phi[-1]), held=False)
            return self._value(base, units, phi, held_log_sigma, held=True)

        found = newton(evaluate, start)
        return found.point.value, found.theta

    def _value(self, base: Array, units: Array, phi: Array, log_sigma: float, held: bool) -> _Value:
        sigma = math.exp(log_sigma)
        relative = (base + np.tensordot(phi, units, axes=1)) / sigma
        first = units / sigma
        second = None
        k = len(units)
        if not held:
            first = np.concatenate([first, -relative[None]])
            second = np.zeros((k + 1, k + 1, *relative.shape))
            second[:k, k] = second[k, :k] = -units / sigma
            second[k, k] = relative
        d, s2 = self.deviance, sigma**2
        t = d.parts(relative, first, second)
        logdet = t.value - d.constant - d.dof * (1.0 + math.log(t.rss / d.dof))
        value = d.constant + logdet + 2 * d.dof * log_sigma + t.rss / s2
        gradient = t.log_1 + t.rss_1 / s2
        hessian = t.log_2 + t.rss_2 / s2
        if not held:
            gradient[k] += 2 * d.dof - 2 * t.rss / s2
            hessian[k] -= 2 * t.rss_1 / s2
            hessian[:, k] -= 2 * t.rss_1 / s2
            hessian[k, k] += 4 * t.rss / s2
        return _Value(value, gradient, hessian)

    def factor(self) -> Array:
        from mlm_helpers.engine.fit import semi_cholesky

        return semi_cholesky(self.covariance)


def _front(fit: MLMFit, *first: int) -> list[int]:
    return [*first, *(k for k in range(len(fit.design.random)) if k not in first)]


def _sd_problem(fit: MLMFit, a: int) -> _Problem:
    problem = _Absolute(fit, _front(fit, a))
    held = problem.units[:, 0, 0] == 1
    one, free = problem.units[held][0], problem.units[~held]
    factor, unit = problem.factor(), problem.unit[0]
    state = [np.append(np.tensordot(free, factor, axes=2), problem.log_sigma)]

    def profile(value: float) -> float:
        best, state[0] = problem.minimise(value / unit * one, free, state[0], None)
        return best

    estimate = float(factor[0, 0] * unit)
    step = max(estimate / 4, 0.02 * math.exp(problem.log_sigma) * unit)
    return _Problem(estimate, step, 0.0, math.inf, profile)


def _cor_problem(fit: MLMFit, a: int, b: int) -> _Problem:
    problem = _Absolute(fit, _front(fit, a, b))
    factor = problem.factor()
    sd = np.sqrt(np.diag(problem.covariance))
    second = problem.units[:, 1, :].any(axis=1)
    free = problem.units[~second]
    base = np.zeros_like(factor)
    top = int(np.flatnonzero(free[:, 0, 0] == 1)[0])
    rest = np.tensordot(free, factor, axes=2)
    state = [np.concatenate([rest, [sd[1], problem.log_sigma]])]

    def profile(r: float) -> float:
        along = np.zeros_like(base)
        along[1, 0], along[1, 1] = r, math.sqrt(max(1.0 - r * r, 0.0))
        units = np.concatenate([free, along[None]])
        best, phi = problem.minimise(base, units, state[0], None)
        if phi[top] * phi[-2] >= 0:
            state[0] = phi
            return best
        # one SD wants to change its sign, which would turn the correlation over: with this
        # correlation the best fit has one of the two SDs at 0
        ends = []
        for dropped in (top, len(units) - 1):
            kept = [i for i in range(len(units)) if i != dropped]
            start = np.append(np.abs(state[0][:-1])[kept], state[0][-1])
            ends.append(problem.minimise(base, units[kept], start, None)[0])
        return min(ends)

    if not sd[0] * sd[1] > 0:
        return _Problem(math.nan, 0.1, -1.0, 1.0, profile)
    estimate = float(np.clip(problem.covariance[0, 1] / (sd[0] * sd[1]), -1.0, 1.0))
    if 1.0 - abs(estimate) < 1e-9:
        estimate = math.copysign(1.0, estimate)
    return _Problem(estimate, 0.1, -1.0, 1.0, profile)


def _sigma_problem(fit: MLMFit) -> _Problem:
    problem = _Absolute(fit, _front(fit))
    y_scale = fit.moments.basis.y_scale
    base = np.zeros_like(problem.covariance)
    state = [np.tensordot(problem.units, problem.factor(), axes=2)]

    def profile(value: float) -> float:
        held = math.log(value / y_scale)
        best, state[0] = problem.minimise(base, problem.units, state[0], held)
        return best

    step = fit.sigma / math.sqrt(2 * fit.nobs)
    return _Problem(fit.sigma, step, 0.0, math.inf, profile)
