"""The search for the optimum: other starts where there may be several, and the boundary of T."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlm_helpers.engine.likelihood import Deviance, Optimum, Template, minimise, starting_theta
from mlm_helpers.engine.moments import Moments

Array = NDArray[np.float64]

# With few groups the deviance can have several minima when one of them lies on the boundary (about
# 1 in 500 simulated sets of 3 to 60 groups with a handful of rows each): other starts are tried.
_FEW_GROUPS = 500
# And with very few groups of few rows for each random effect, inside the boundary as well.
_VERY_FEW_GROUPS, _FEW_ROWS = 40, 6
# Sizes of the random coefficients, in σ, at which one looks for a second valley.
_SIZES = np.logspace(-1.5, 3.5, 11)


def optimise(
    moments: Moments,
    blocks: tuple[tuple[int, ...], ...],
    reml: bool,
    start: Array | None = None,
    thorough: bool = True,
) -> Optimum:
    """The exact optimum in θ of the well-conditioned basis, boundary included."""
    template = Template.of_blocks(blocks)
    deviance = Deviance(moments, reml)
    first = starting_theta(deviance, template, blocks) if start is None else start
    found = _descend(deviance, template, first, blocks)
    on_boundary = (found.theta[template.rows == template.cols] == 0).any()
    groups, effects = len(moments.labels), len(moments.labels) * moments.q
    very_few = thorough and groups <= _VERY_FEW_GROUPS
    doubtful = (groups <= _FEW_GROUPS and on_boundary) or (
        very_few and moments.nobs <= _FEW_ROWS * effects
    )
    if not found.converged or doubtful:
        # near a known optimum, and with more than a few groups, one start of another kind will do
        if start is None or very_few:
            others = _other_starts(template, very_few)
        else:
            others = [starting_theta(deviance, template, blocks)]
        found = _lowest(deviance, template, found, others, blocks)
    if thorough and groups <= _FEW_GROUPS:
        others = _valleys(deviance, template, found)
        found = _lowest(deviance, template, found, others, blocks)
    return found


def _lowest(
    deviance: Deviance,
    template: Template,
    found: Optimum,
    starts: list[Array],
    blocks: tuple[tuple[int, ...], ...],
) -> Optimum:
    """The lowest of ``found`` and the minima below ``starts``."""
    for start in starts:
        try:
            again = _descend(deviance, template, start, blocks)
        except np.linalg.LinAlgError:  # it leads to where nothing of σ² is left
            continue
        if again.point.value < found.point.value - 1e-9:
            found = again
    return found


def _descend(
    deviance: Deviance,
    template: Template,
    start: Array,
    blocks: tuple[tuple[int, ...], ...],
) -> Optimum:
    """The minimum below one start, boundary included."""
    found = minimise(deviance, template, start)
    for _ in range(4):
        found = _snap(deviance, template, found)
        escape = _escape(deviance, template, found, blocks)
        if escape is None:
            break
        again = minimise(deviance, template, escape)
        if again.point.value >= found.point.value - 1e-10:
            break
        found = again
    return found


def _other_starts(template: Template, many: bool) -> list[Array]:
    """A few diagonal factors: all coefficients vary alike, or one much more than the others;
    ``many`` adds extreme and correlated ones, for when there are very few groups."""
    q = template.q
    diagonals = [np.full(q, size) for size in ((0.3, 1.0, 3.0, 30.0) if many else (0.3, 1.0, 3.0))]
    contrasts = ((2.0, 0.2), (30.0, 0.01), (0.03, 10.0)) if many else ((2.0, 0.2),)
    if q > 1:
        for high, low in contrasts:
            diagonals += [np.where(np.arange(q) == k, high, low) for k in range(q)]
    starts = [template.theta(np.diag(diagonal)) for diagonal in diagonals]
    if not many:
        return starts
    rng = np.random.default_rng(1)  # correlated ones, always the same
    return [*starts, *(rng.normal(size=len(template)) * size for size in (0.1, 0.5, 2.0, 10.0) * 2)]


def _valleys(deviance: Deviance, template: Template, found: Optimum) -> list[Array]:
    """Where the deviance dips once more as all random coefficients grow or shrink together: a
    random slope without a random intercept has such dips when its predictor is far from 0. The
    values alone, on a grid, cost little."""
    here = template.factor(found.theta)
    way = here if here.any() else np.eye(template.q)
    size, none = np.linalg.norm(way, axis=1).max(), np.zeros((0, template.q, template.q))
    along = [way * (other / size) for other in _SIZES]
    values = np.array([deviance.parts(factor, none).value for factor in along])
    dips = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:])) + 1
    steps_away = np.abs(np.log(_SIZES / size)) / np.log(_SIZES[1] / _SIZES[0])
    own = steps_away < 1.1 if way is here else np.zeros(len(_SIZES), bool)  # found's own dip
    return [template.theta(along[k]) for k in dips if not own[k]]


def _snap(deviance: Deviance, template: Template, found: Optimum) -> Optimum:
    """Put a random coefficient whose variance runs to 0 exactly on the boundary, if that is at
    least as good: near 0 the deviance is flat in θ and no iteration gets there by itself."""
    theta = found.theta.copy()
    diagonal = template.rows == template.cols
    # at a clear minimum away from 0 the deviance rises by about θ²·curvature/8 towards 0
    rise = theta**2 * np.abs(np.diag(found.point.hessian)) / 8
    small = diagonal & (np.abs(theta) < 0.05) & (theta != 0) & (rise < 1e-4)
    if not small.any():
        return found
    for k in np.flatnonzero(small):
        trial = theta.copy()
        trial[template.cols == template.cols[k]] = 0.0
        held = _minimise_held(deviance, template, trial, trial == 0)
        if held.point.value <= found.point.value + 1e-9:
            theta, found = held.theta.copy(), held
    return found


def _minimise_held(
    deviance: Deviance, template: Template, start: Array, held: NDArray[np.bool_]
) -> Optimum:
    free = Template(template.q, template.rows[~held], template.cols[~held])
    best = minimise(deviance, free, start[~held])
    theta = np.zeros(len(template))
    theta[~held] = best.theta
    point = deviance.parts(template.factor(theta), template.units)
    return Optimum(theta, point, best.iterations, best.converged)


def _escape(
    deviance: Deviance,
    template: Template,
    found: Optimum,
    blocks: tuple[tuple[int, ...], ...],
) -> Array | None:
    """A start off the boundary when the deviance falls towards the inside of the cone of
    covariance matrices, else None. In θ every boundary point is stationary by symmetry."""
    factor = template.factor(found.theta)
    gradient = None
    for block in blocks:
        at = np.ix_(block, block)
        d = factor[at] @ factor[at].T
        values, vectors = np.linalg.eigh(d)
        null = vectors[:, values < 1e-8 * max(1.0, values.max(initial=0.0))]
        if not null.shape[1]:
            continue
        if gradient is None:
            gradient = deviance.cone_gradient(factor)
        slopes, turns = np.linalg.eigh(null.T @ gradient[at] @ null)
        if slopes[0] < -1e-6:
            way = null @ turns[:, 0]
            d = d + 0.05 * np.outer(way, way) + 1e-6 * np.eye(len(block))
            factor[at] = np.linalg.cholesky(d)
            return template.theta(factor)
    return None


def semi_cholesky(d: Array) -> Array:
    """Lower-triangular factor of a positive semi-definite matrix, zeros where it is singular."""
    d = d.copy()
    out = np.zeros_like(d)
    top = np.diag(d).copy()
    for k in range(len(d)):
        rest = d[k, k] - out[k, :k] @ out[k, :k]
        if rest > 1e-13 * max(top[k], 1e-300):
            out[k, k] = np.sqrt(rest)
            out[k + 1 :, k] = (d[k + 1 :, k] - out[k + 1 :, :k] @ out[k, :k]) / out[k, k]
    return out
