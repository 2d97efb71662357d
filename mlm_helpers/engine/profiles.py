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
from mlm_helpers.engine.search import semi_cholesky
from mlm_helpers.errors import MLMError
from mlm_helpers.text import join_words

if TYPE_CHECKING:
    from mlm_helpers.engine.result import MLMFit

Array = NDArray[np.float64]
Profile = Callable[[float], float]
# (value held, start) to (deviance minimised over the rest, where)
Solve = Callable[[float, Array], tuple[float, Array]]


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
        # a search leaves its state in the problem: each side starts at the estimate
        sides = [(problems[name](ml), direction) for direction in (-1.0, 1.0)]
        ends = [_end(problem, ml.criterion, z, direction) for problem, direction in sides]
        rows[name] = (sides[0][0].estimate, *ends)
    out = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lower", "upper"])
    missing = [str(n) for n in out.index[out[["lower", "upper"]].isna().any(axis=1)]]
    if missing:
        out.attrs["notes"] = (
            f"An end of the profile interval of {join_words(missing)} could not be found: the "
            "likelihood has no clear maximum there, so that it is given as missing.",
        )
    return out.rename_axis("parameter")


class _Problem(NamedTuple):
    """One parameter to profile: its estimate, a typical step, its range, the deviance minimised
    over everything else as a function of it, and where else such a minimum may be looked for."""

    estimate: float
    step: float
    low: float
    high: float
    solve: Solve
    state: list[Array]  # where the last minimum was
    starts: list[Array]

    def profile(self, value: float) -> float:
        """The minimum below the last one, which it replaces."""
        height, self.state[0] = self.solve(value, self.state[0])
        return height

    def lowest(self, value: float) -> float:
        """The lowest of the minima from the last one and from all other starts, which becomes the
        last one."""
        found = []
        for start in (self.state[0], *self.starts):
            try:
                with np.errstate(all="ignore"):
                    found.append(self.solve(value, start))
            except (np.linalg.LinAlgError, ValueError):
                continue
        found = [one for one in found if math.isfinite(one[0])]
        if not found:
            return math.nan
        height, self.state[0] = min(found, key=lambda one: one[0])
        return height


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
    """The value on one side of the estimate whose profile deviance is z² above ``best``; NaN where
    none is found.

    The profile is followed outwards from the estimate, each point started at the one before. On the
    way it may stay on a branch that is no longer the lowest: so the end is tried again from other
    starts, and if one of them is lower, the search goes on from there.
    """
    bound = problem.high if direction > 0 else problem.low
    if problem.estimate == bound:
        return bound
    for profile in (problem.profile, problem.lowest):  # the second tries all starts everywhere
        end = _followed(problem, profile, best, z, direction, bound)
        if not math.isnan(end):
            return end
    return math.nan


def _followed(
    problem: _Problem, profile: Profile, best: float, z: float, direction: float, bound: float
) -> float:
    """The end that one way to compute the profile leads to, checked; else NaN."""
    inner, step = problem.estimate, problem.step * z
    for _ in range(_BRANCHES):
        try:
            with np.errstate(all="ignore"):
                end = _crossing(profile, best, z, inner, direction * step, bound)
        except (np.linalg.LinAlgError, ValueError):
            return math.nan
        if math.isnan(end) or end == 0.0 == bound:
            return end
        height = problem.lowest(end)
        if not height < best + z**2 - 1e-5:
            return end if end == bound or abs(height - best - z**2) < 1e-4 else math.nan
        if end == bound:
            return bound
        inner = end
    return math.nan


_BRANCHES = 8


def _crossing(
    profile: Profile, best: float, z: float, inner: float, step: float, bound: float
) -> float:
    """Where the profile that starts below z² at ``inner`` first rises through it, or ``bound``."""
    from scipy.optimize import brentq

    known: dict[float, float] = {}
    first = max(abs(step), 1e-300)

    def excess(value: float) -> float:
        # the signed root of the deviance is nearly linear, so that few steps suffice
        if value not in known:
            height = profile(value)
            known[value] = math.sqrt(max(height - best, 0.0)) - z
        return known[value]

    known[inner] = -z
    for _ in range(60):
        outer = inner + step
        if (outer - bound) * step >= 0:
            outer = bound
        if not math.isfinite(excess(outer)):
            return math.nan
        if known[outer] > 0:
            return float(brentq(excess, *sorted((inner, outer)), xtol=1e-10 * first, rtol=1e-12))
        if outer == bound:
            return bound
        inner, step = outer, step * 2
    return math.nan


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
    diagonal = fit.template.rows == fit.template.cols

    def solve(value: float, last: Array) -> tuple[float, Array]:
        c = change.copy()
        c[:, p - 1] -= value * along
        moments = replace(
            m, zw=m.zw @ c, ww=c.T @ m.ww @ c, ols=m.ols @ c, within=c.T @ m.within @ c
        )
        # a start exactly on the boundary would stay there
        start = np.where(diagonal & (np.abs(last) < 0.01), 0.05, last)
        found = minimise(Deviance(moments, False), fit.template, start)
        return found.point.value, found.theta

    step = math.sqrt(float(fit.vcov.to_numpy()[k, k]))
    theta = fit.optimum.theta
    starts = [theta, *(np.where(diagonal, size, 0.0) for size in (0.3, 1.0, 3.0))]
    return _Problem(float(fit.gamma[k]), step, -math.inf, math.inf, solve, [theta], starts)


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

    def starts(self, first: Array, free: Array) -> list[Array]:
        """Other starts for free parts of Λ and log σ: larger, smaller, alike, with more σ."""
        sigma, diagonal = math.exp(self.log_sigma), np.einsum("kaa->k", free) > 0
        more = np.append(np.zeros(len(free)), math.log(2.0))
        scaled = [first * np.append(np.full(len(free), size), 1.0) for size in (0.1, 0.5, 3.0)]
        alike = [
            np.append(np.where(diagonal, size * sigma, 0.0), self.log_sigma) for size in (0.3, 2.0)
        ]
        return [first, *scaled, first + more, first - more, *alike]

    def factor(self) -> Array:
        return semi_cholesky(self.covariance)


def _front(fit: MLMFit, *first: int) -> list[int]:
    return [*first, *(k for k in range(len(fit.design.random)) if k not in first)]


def _sd_problem(fit: MLMFit, a: int) -> _Problem:
    problem = _Absolute(fit, _front(fit, a))
    held = problem.units[:, 0, 0] == 1
    one, free = problem.units[held][0], problem.units[~held]
    factor, unit = problem.factor(), problem.unit[0]
    first = np.append(np.tensordot(free, factor, axes=2), problem.log_sigma)

    def solve(value: float, start: Array) -> tuple[float, Array]:
        return problem.minimise(value / unit * one, free, start, None)

    estimate = float(factor[0, 0] * unit)
    step = max(estimate / 4, 0.02 * math.exp(problem.log_sigma) * unit)
    return _Problem(estimate, step, 0.0, math.inf, solve, [first], problem.starts(first, free))


def _cor_problem(fit: MLMFit, a: int, b: int) -> _Problem:
    problem = _Absolute(fit, _front(fit, a, b))
    factor = problem.factor()
    sd = np.sqrt(np.diag(problem.covariance))
    second = problem.units[:, 1, :].any(axis=1)
    free = problem.units[~second]
    base = np.zeros_like(factor)
    top = int(np.flatnonzero(free[:, 0, 0] == 1)[0])
    rest = np.tensordot(free, factor, axes=2)
    first = np.concatenate([rest, [sd[1], problem.log_sigma]])

    def solve(r: float, last: Array) -> tuple[float, Array]:
        along = np.zeros_like(base)
        along[1, 0], along[1, 1] = r, math.sqrt(max(1.0 - r * r, 0.0))
        units = np.concatenate([free, along[None]])
        best, phi = problem.minimise(base, units, last, None)
        if phi[top] * phi[-2] >= 0:
            return best, phi
        # one SD wants to change its sign, which would turn the correlation over: with this
        # correlation the best fit has one of the two SDs at 0
        ends = []
        for dropped in (top, len(units) - 1):
            kept = [i for i in range(len(units)) if i != dropped]
            start = np.append(np.abs(last[:-1])[kept], last[-1])
            ends.append(problem.minimise(base, units[kept], start, None)[0])
        return min(ends), last

    starts = problem.starts(first, np.concatenate([free, np.zeros_like(factor)[None]]))
    if not sd[0] * sd[1] > 0:
        return _Problem(math.nan, 0.1, -1.0, 1.0, solve, [first], starts)
    estimate = float(np.clip(problem.covariance[0, 1] / (sd[0] * sd[1]), -1.0, 1.0))
    if 1.0 - abs(estimate) < 1e-9:
        estimate = math.copysign(1.0, estimate)
    return _Problem(estimate, 0.1, -1.0, 1.0, solve, [first], starts)


def _sigma_problem(fit: MLMFit) -> _Problem:
    problem = _Absolute(fit, _front(fit))
    y_scale = fit.moments.basis.y_scale
    base = np.zeros_like(problem.covariance)
    first = np.tensordot(problem.units, problem.factor(), axes=2)

    def solve(value: float, start: Array) -> tuple[float, Array]:
        if not value > 0:
            return math.inf, start
        return problem.minimise(base, problem.units, start, math.log(value / y_scale))

    step = fit.sigma / math.sqrt(2 * fit.nobs)
    starts = [first, *(first * size for size in (0.1, 0.5, 3.0))]
    diagonal = np.einsum("kaa->k", problem.units) > 0
    for size in math.exp(problem.log_sigma) * np.array([0.05, 0.2, 1.0, 3.0]):
        starts.append(np.where(diagonal, size, 0.0))
        # a SD that starts at 0 stays there
        starts.append(np.where(diagonal & (np.abs(first) < size), size, first))
    return _Problem(fit.sigma, step, 0.0, math.inf, solve, [first], starts)
