"""Whether the data can tell the parameters apart: columns that are combinations of others, random
coefficients whose variances are, and level-2 effects that leave nothing of the groups for T."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlm_helpers.engine.design import Design, constant_column
from mlm_helpers.engine.likelihood import Sums, Template, sums
from mlm_helpers.engine.moments import Basis, Moments
from mlm_helpers.errors import MLMError
from mlm_helpers.text import join_words

Array = NDArray[np.float64]

# What is left of a column after those before it, as a share of its sum of squares. Below _NOTHING
# it is rounding (lme4 and R's lm use the same, 1e-7 of its length); below _LITTLE the columns are
# made orthogonal before their cross-products are summed, or too many digits would be lost.
_NOTHING, _LITTLE = 1e-14, 1e-7


def check_columns_differ(moments: Moments, design: Design) -> None:
    """Refuse fixed or random columns of which one is a combination of others, naming it and them.

    Raises
    ------
    MLMError
        With the redundant column and the columns it can be written in.
    """
    turn = moments.basis.x_turn
    gram_check(moments.ww[:-1, :-1], design.columns, turn)
    zz = moments.zz.sum(axis=0)
    for block in design.blocks:
        at = list(block)
        gram_check(zz[np.ix_(at, at)], tuple(design.random[k] for k in at))
    if len(design.blocks) > 1:
        _check_variances_differ(moments, design)


def gram_check(gram: Array, columns: tuple[str, ...], turn: Array | None = None) -> None:
    """Refuse columns of which one is a combination of others.

    Parameters
    ----------
    gram : (p, p) cross-products of the (shifted) columns
    turn : (p, p) by which these columns were multiplied, if they were
    """
    if not len(columns):
        return
    # cross-products of columns that were not made orthogonal do not show less than 1e-9
    nothing = 1e-9 if turn is None else _NOTHING
    turn = np.eye(len(gram)) if turn is None else turn
    back = np.linalg.inv(turn)
    given = np.sqrt(np.diag(back.T @ gram @ back))  # sizes before the turn
    for k, name in enumerate(columns):
        if not given[k] > 0:
            raise constant_column(name, columns)
    size = np.maximum(np.sqrt(np.diag(gram)), 1e-300)
    scaled = gram / np.outer(size, size)
    for k, name in enumerate(columns):
        weights = (
            np.linalg.lstsq(scaled[:k, :k], scaled[:k, k], rcond=None)[0] if k else np.zeros(0)
        )
        left = (1.0 - scaled[:k, k] @ weights) * (size[k] / given[k]) ** 2
        if left < nothing:
            combined = turn[:k, :k] @ (weights * size[k] / size[:k]) - turn[:k, k]
            shares = np.abs(combined) * given[:k] / given[k]
            partners = [columns[i] for i in range(k) if shares[i] > 1e-6]
            raise MLMError(
                f"'{name}' adds nothing to the model because it can be computed from "
                f"{', '.join(partners)}: leave one of them out."
            )


def better_basis(moments: Moments) -> Basis | None:
    """A basis whose columns of X are nearly orthogonal, where those of these moments are so nearly
    dependent that their cross-products have lost digits; else None."""
    gram = moments.ww[:-1, :-1]
    if moments.basis.x_turn is not None or not len(gram):
        return None
    size = np.sqrt(np.diag(gram))
    if not (size > 0).all():
        return None
    try:
        factor = np.linalg.cholesky(gram / np.outer(size, size))
    except np.linalg.LinAlgError:
        return None
    if np.diag(factor).min() ** 2 > _LITTLE:
        return None
    orthogonal = np.linalg.inv(factor).T * np.diag(factor)
    return moments.basis.turned(orthogonal * size[None, :] / size[:, None])


# ---- the variances --------------------------------------------------------------------------
def _symmetric_units(design: Design) -> Array:
    """(k, q, q) one direction of T for each of its free elements."""
    units = Template.of_blocks(design.blocks).units
    return (units + units.transpose(0, 2, 1)) / 2


def _check_variances_differ(moments: Moments, design: Design) -> None:
    """Refuse uncorrelated parts whose variances only occur together, such as those of ``x`` and
    ``I(2 * x)``: V, and with it the likelihood, would not know them apart."""
    t = sums(moments, np.zeros((moments.q, moments.q)), _symmetric_units(design))
    size = np.sqrt(np.diag(-t.logdet_2))
    values, vectors = np.linalg.eigh(-t.logdet_2 / np.outer(size, size))
    if values[0] > 1e-12:
        return
    template = Template.of_blocks(design.blocks)
    mixed = np.abs(vectors[:, 0]) > 1e-4
    names = dict.fromkeys(design.random[k] for k in template.rows[mixed])
    raise MLMError(
        f"The variances of {join_words(list(names))} between groups cannot be told apart, because "
        "their columns are multiples of each other: leave one of them out."
    )


class Unidentified(NamedTuple):
    """Directions of T (m, q, q) that the likelihood does not see, what they do to the variance of
    fixed effects (m, p, p), and the number of level-2 columns' worth of effects."""

    directions: Array
    slopes: Array


def unidentified(moments: Moments, design: Design) -> Unidentified:
    """Directions of T that the fixed part leaves no trace of: as many level-2 effects as groups, or
    dummies of the groups beside a random intercept.

    The information on V + Σ σ_r Z T_r Z' in what the fixed part leaves of the rows is
    tr(P Z T_r Z' P Z T_s Z')/2 with P = I - X(X'X)⁻¹X'. It is 0 where P Z T_r Z' P is, whatever V.
    """
    p, q = moments.p, moments.q
    units = _symmetric_units(design)
    t = sums(moments, np.zeros((q, q)), units)
    inverse = np.asarray(np.linalg.pinv(t.s[:p, :p], hermitian=True), dtype=np.float64)
    information = _information(t, inverse, p)
    size = np.sqrt(np.diag(-t.logdet_2))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    null = vectors[:, values < 1e-9] / size[:, None]
    directions = np.tensordot(null.T, units, axes=1)
    through = -np.tensordot(null.T, t.s_1[:, :p, :p], axes=1)  # Σ X'Z T Z'X
    return Unidentified(directions, inverse @ through @ inverse)


def _information(t: Sums, inverse: Array, p: int) -> Array:
    """tr(P Z T_r Z' P Z T_s Z') for all pairs of directions."""
    turned = inverse @ t.s_1[:, :p, :p]
    return (
        -t.logdet_2
        - np.tensordot(t.s_2[:, :, :p, :p], inverse, axes=2)
        + np.einsum("rab,sba->rs", turned, turned)
    )


def without_df(moments: Moments, found: Unidentified, scaled: Array) -> NDArray[np.bool_]:
    """(k,) which combinations of the fixed effects, given in the fitted basis (k, p), have a
    variance that rests on a direction of T that the likelihood does not see."""
    if not len(found.directions):
        return np.zeros(len(scaled), dtype=bool)
    p = moments.p
    slope = np.abs(np.einsum("ka,mab,kb->mk", scaled, found.slopes, scaled)).max(axis=0)
    inverse = np.linalg.pinv(moments.ww[:p, :p], hermitian=True)
    own = np.einsum("ka,ab,kb->k", scaled, inverse, scaled)
    reach = np.abs(np.einsum("mab,jab->mj", found.directions, moments.zz)).max()
    return slope > 1e-7 * own * reach
