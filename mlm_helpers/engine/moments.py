"""The group cross-products: all that a fit needs of the data.

A two-level likelihood looks at the rows only through Z'Z, Z'X and Z'y of each group and through
the totals X'X, X'y and y'y. All of them are sums over rows, so they add up over chunks of a file.

Two things keep their digits. Sums of squares lose digits when a column is far from 0 (a year such
as 2004, a score such as 1 000 512): the columns are shifted and scaled first, and the shift is
undone exactly in :class:`Basis`, because an intercept absorbs it. And when groups differ much more
than rows within them, y'V⁻¹y is a small difference of large numbers: it is therefore kept as what
each group's own regression on Z leaves over (``within``) plus a sum of squares of that
regression's coefficients (``ols``), in which nothing cancels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Basis:
    """The change of basis from the user's columns to well-conditioned ones.

    ``X = Xs @ to_x``, ``Z = Zs @ to_z`` and ``y = scale_y * ys + Xs[:, 0] * shift_y`` where
    Xs, Zs and ys are the shifted and scaled columns. Shapes: to_x (p, p), to_z (q, q). Columns of
    X that are nearly combinations of others are made orthogonal as well, by the unit triangular
    ``x_turn``.
    """

    x_shift: Array
    x_scale: Array
    z_shift: Array
    z_scale: Array
    y_shift: float
    y_scale: float
    x_intercept: int | None
    z_intercepts: tuple[int | None, ...]
    x_turn: Array | None = None

    def turned(self, turn: Array) -> Basis:
        """The same basis with Xs multiplied by ``turn`` (p, p)."""
        return replace(self, x_turn=turn)

    @property
    def to_x(self) -> Array:
        """K with X = Xs K, so that coefficients map as βs = K β."""
        k = np.diag(self.x_scale)
        if self.x_intercept is not None:
            k[self.x_intercept] += self.x_shift
        return k if self.x_turn is None else np.asarray(np.linalg.solve(self.x_turn, k))

    @property
    def to_z(self) -> Array:
        """K with Z = Zs K, so that random effects map as bs = K b and covariances as K D K'."""
        k = np.diag(self.z_scale)
        for column, at in enumerate(self.z_intercepts):
            if at is not None:
                k[at, column] += self.z_shift[column]
        return k

    def apply(self, x: Array, z: Array, y: Array) -> tuple[Array, Array, Array]:
        """Return the shifted and scaled columns (Zs, Xs, ys)."""
        xs = (x - self.x_shift) / self.x_scale
        return (
            (z - self.z_shift) / self.z_scale,
            xs if self.x_turn is None else xs @ self.x_turn,
            (y - self.y_shift) / self.y_scale,
        )


def choose_basis(
    x: Array,
    z: Array,
    y: Array,
    *,
    x_intercept: int | None,
    z_blocks: tuple[tuple[int, ...], ...],
    z_intercept: int | None,
) -> Basis:
    """Choose shift and scale from rows (all of them, or the first chunk).

    A column may be shifted only where an intercept absorbs the shift: X and y by the fixed
    intercept, a column of Z by a random intercept that is correlated with it.
    """
    p, q = x.shape[1], z.shape[1]
    x_shift, z_shift, y_shift = np.zeros(p), np.zeros(q), 0.0
    if x_intercept is not None:
        x_shift = x.mean(axis=0)
        x_shift[x_intercept] = 0.0
        y_shift = float(y.mean())
    z_at: list[int | None] = [None] * q
    for block in z_blocks:
        if z_intercept in block:
            for column in block:
                if column != z_intercept:
                    z_at[column] = z_intercept
                    z_shift[column] = z[:, column].mean()
    return Basis(
        x_shift=x_shift,
        x_scale=_spread(x, x_shift),
        z_shift=z_shift,
        z_scale=_spread(z, z_shift),
        y_shift=y_shift,
        y_scale=float(_spread(y[:, None], np.array([y_shift]))[0]),
        x_intercept=x_intercept,
        z_intercepts=tuple(z_at),
    )


def _spread(columns: Array, shift: Array) -> Array:
    """Root mean square about the shift, rounded to a power of two so that scaling is exact."""
    d = columns - shift
    rms = np.sqrt(np.einsum("ij,ij->j", d, d) / max(len(columns), 1))
    rms[~(rms > 0)] = 1.0
    return np.exp2(np.round(np.log2(rms)))


@dataclass(frozen=True)
class Moments:
    """Cross-products of the shifted and scaled columns, per group and in total.

    Attributes
    ----------
    labels : the J group labels, in the order of the arrays below
    n : (J,) rows per group
    zz : (J, q, q) Z'Z
    zw : (J, q, p + 1) Z'[X y]
    ww : (p + 1, p + 1) [X y]'[X y]
    basis : how to come back to the user's columns
    ols : (J, q, p + 1) b_j, the regression of [X y] on Z within each group, Z'Z b = Z'[X y]
    within : (p + 1, p + 1) Σ ([X y] - Z b_j)'([X y] - Z b_j)
    """

    labels: NDArray
    n: NDArray[np.int64]
    zz: Array
    zw: Array
    ww: Array
    basis: Basis
    ols: Array
    within: Array

    @property
    def nobs(self) -> int:
        return int(self.n.sum())

    @property
    def cancels(self) -> bool:
        """True when ``within`` is so small beside ``ww`` that subtraction has lost digits."""
        return bool(self.within[-1, -1] < 1e-3 * self.ww[-1, -1])

    @property
    def p(self) -> int:
        return self.ww.shape[0] - 1

    @property
    def q(self) -> int:
        return self.zz.shape[1]


def cross_products(
    x: Array, z: Array, y: Array, codes: NDArray[np.integer], labels: NDArray, basis: Basis
) -> Moments:
    """Sum the rows into :class:`Moments`.

    Parameters
    ----------
    x, z, y : (n, p), (n, q) and (n,) columns as the user gave them
    codes : (n,) the group of each row as a number into ``labels``
    """
    sums = add_rows(x, z, y, codes, len(labels), basis)
    out = from_sums(labels, sums, basis)
    # when the groups differ so much that the subtraction costs digits, sum squares instead
    return replace(out, within=left_over(out, x, z, y, codes)) if out.cancels else out


class GroupSums(NamedTuple):
    """The sums over rows themselves, with the shapes of :class:`Moments`."""

    n: NDArray[np.int64]
    zz: Array
    zw: Array
    ww: Array


def add_rows(
    x: Array,
    z: Array,
    y: Array,
    codes: NDArray[np.integer],
    groups: int,
    basis: Basis,
    order: NDArray[np.intp] | None = None,
) -> GroupSums:
    """Sum the rows of each of ``groups`` groups; ``order`` sorts the rows by ``codes``."""
    zs, xs, ys = basis.apply(x, z, y)
    w = np.column_stack([xs, ys])
    both = np.hstack([zs, w])
    q = z.shape[1]
    sums = np.empty((groups, q, both.shape[1]))
    if order is None:
        order = np.argsort(codes, kind="stable")
    n = np.bincount(codes, minlength=groups)
    starts = np.concatenate([[0], np.cumsum(n)])
    for a in range(q):
        weights = sparse.csr_array((zs[order, a], order, starts), shape=(groups, len(y)))
        sums[:, a] = weights @ both
    return GroupSums(n, sums[:, :, :q].copy(), sums[:, :, q:].copy(), w.T @ w)


def from_sums(labels: NDArray, sums: GroupSums, basis: Basis) -> Moments:
    """Complete the sums over all rows with what the groups' own regressions leave over."""
    ols = group_regressions(sums.zz, sums.zw)
    within = sums.ww - np.tensordot(sums.zw, ols, axes=([0, 1], [0, 1]))
    return Moments(labels, *sums, basis, ols, within)


def group_regressions(zz: Array, zw: Array) -> Array:
    """Solve Z'Z b = Z'[X y] in each group, by the pseudo-inverse where Z'Z is singular (a group
    with fewer rows than random coefficients, or without variation in a predictor)."""
    if zz.shape[1] == 1:
        return np.divide(zw, zz, out=np.zeros_like(zw), where=zz > 0)
    values, vectors = np.linalg.eigh(zz)
    kept = values > 1e-13 * values[:, -1:]
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
    turned = vectors.transpose(0, 2, 1)
    return vectors @ (inverse[:, :, None] * (turned @ zw))


def left_over(m: Moments, x: Array, z: Array, y: Array, codes: NDArray[np.integer]) -> Array:
    """(p + 1, p + 1) what the groups' own regressions leave over, summed over these rows."""
    zs, xs, ys = m.basis.apply(x, z, y)
    left = np.column_stack([xs, ys])
    for a in range(m.q):
        left = left - zs[:, a : a + 1] * m.ols[codes, a]
    return left.T @ left
