r"""Cluster-robust standard errors: what the fixed effects' errors are if the model of the variances
is wrong.

With e_j the residuals of group j from Xγ̂, M = (X'V⁻¹X)⁻¹ and W_j = V_j⁻¹, the sandwich is

    M ( Σ X_j'W_j A_j e_j e_j'A_j W_j X_j ) M

CR0 takes A_j = I; CR1 multiplies it by J / (J - 1); CR2 (Bell & McCaffrey 2002; Pustejovsky &
Tipton 2018, eq. 8) takes the A_j that makes it unbiased when the model holds,

    A_j = D_j' B_j^{-1/2} D_j    with V_j = D_j'D_j,  B_j = D_j (V_j - X_j M X_j') D_j'

Outside the span of [Z_j X_j] the matrix V_j is σ²I and A_j is I, so every group is reduced to an
orthonormal basis of that span: nothing of the size of a group squared is formed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.inference import p_of_t
from mlm_helpers.errors import MLMError

if TYPE_CHECKING:
    from mlm_helpers.engine.result import MLMFit

Array = NDArray[np.float64]
Kind = Literal["CR0", "CR1", "CR2"]


def robust(fit: MLMFit, kind: Kind = "CR2") -> pd.DataFrame:
    """Fixed effects with cluster-robust standard errors and Satterthwaite df.

    Parameters
    ----------
    kind : ``"CR2"`` (default; keep it with fewer than some fifty groups), ``"CR1"`` or ``"CR0"``.

    Returns
    -------
    DataFrame, index term; ``estimate std_error df t p`` as for ``fixed_effects``, and ``ratio``,
    the robust standard error over the model's. ``attrs["note"]`` says what a difference means.
    """
    if kind not in ("CR0", "CR1", "CR2"):
        raise MLMError(f"kind must be 'CR2', 'CR1' or 'CR0'; got {kind!r}.")
    if not fit.design.keeps_rows:
        raise MLMError(
            "Robust standard errors need the rows, and a fit to chunks keeps only their sums: fit "
            "to a DataFrame."
        )
    covariance, df = _sandwich(fit, kind)
    columns = list(fit.design.columns)
    se = np.sqrt(np.diag(covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = fit.gamma / se
        ratio = se / np.sqrt(np.diag(fit.vcov.to_numpy()))
    out = pd.DataFrame(
        {"estimate": fit.gamma, "std_error": se, "df": df, "t": t, "p": p_of_t(t, df),
         "ratio": ratio},
        index=pd.Index(columns, name="term"),
    )  # fmt: skip
    out.attrs["kind"] = kind
    out.attrs["note"] = _note(out, kind, fit)
    return out


class _Group(NamedTuple):
    """One group in an orthonormal basis of the span of its columns."""

    x: Array  # (r, p) coordinates of X_j
    e: Array  # (r,) of the residuals
    v: Array  # (r, r) of V_j


def _groups(fit: MLMFit) -> list[_Group]:
    design = fit.design
    order = np.argsort(design.codes, kind="stable")
    ends = np.cumsum(np.bincount(design.codes))[:-1]
    scale = np.sqrt(np.mean(np.hstack([design.z, design.x]) ** 2, axis=0))
    t = fit.T.to_numpy()
    residual = design.y - design.x @ fit.gamma
    out = []
    for rows in np.split(order, ends):
        x, z = design.x[rows], design.z[rows]
        left, sizes, _ = np.linalg.svd(np.hstack([z, x]) / scale, full_matrices=False)
        basis = left[:, sizes > 1e-10 * sizes[0]]
        zc = basis.T @ z
        v = zc @ t @ zc.T + fit.sigma2 * np.eye(basis.shape[1])
        out.append(_Group(basis.T @ x, basis.T @ residual[rows], v))
    return out


def _sandwich(fit: MLMFit, kind: Kind) -> tuple[Array, Array]:
    """The covariance of γ̂ (p, p) and the df of each coefficient (p,)."""
    # the fit's own scaling frees M of units
    unit = np.sqrt(np.diag(fit.vcov.to_numpy()))
    m = fit.vcov.to_numpy() / np.outer(unit, unit)
    p, groups = len(unit), _groups(fit)
    meat = np.zeros((p, p))
    ends = np.empty((len(groups), p, p))  # F_i: X_i's_i of each coefficient's s_i
    own = np.empty((len(groups), p))  # s_i'V_i s_i
    for i, g in enumerate(groups):
        x = g.x * unit
        weights = np.linalg.solve(g.v, x)  # W_j X_j
        if kind == "CR2":
            weights = _adjustment(g.v, x, m) @ weights
        score = weights.T @ g.e
        meat += np.outer(score, score)
        s = weights @ m  # a column for each coefficient
        ends[i] = x.T @ s
        own[i] = np.einsum("ac,ab,bc->c", s, g.v, s)
    if kind == "CR1":
        meat *= len(groups) / (len(groups) - 1)
    covariance = m @ meat @ m * np.outer(unit, unit)
    return covariance, np.array([_df(own[:, c], ends[:, :, c], m) for c in range(p)])


def _adjustment(v: Array, x: Array, m: Array) -> Array:
    """A_j in the basis of the group, with V^{1/2} for D: A_j is the same for every root D."""
    sizes, vectors = np.linalg.eigh(v)
    root = (vectors * np.sqrt(sizes)) @ vectors.T
    b = root @ (v - x @ m @ x.T) @ root
    smallest = 1e-10 * sizes[-1] ** 2
    sizes, vectors = np.linalg.eigh((b + b.T) / 2)
    kept = sizes > smallest  # the residuals of a group that fits itself are 0 and stay so
    power = (vectors[:, kept] / np.sqrt(sizes[kept])) @ vectors[:, kept].T
    return np.asarray(root @ power @ root)


def _df(own: Array, ends: Array, m: Array) -> float:
    """(tr P)² / tr P² with P = diag(own) - F M F', the covariance of the groups' contributions
    when the model holds."""
    product = m @ ends.T @ ends
    trace = own.sum() - np.trace(product)
    square = (own**2).sum() - 2 * own @ np.einsum("ia,ab,ib->i", ends, m, ends)
    square += np.trace(product @ product)
    return float(trace**2 / square) if square > 0 else float("nan")


def _note(table: pd.DataFrame, kind: Kind, fit: MLMFit) -> str:
    least, most = float(table["ratio"].min()), float(table["ratio"].max())
    said = (
        f"The robust standard errors ({kind}) are {least:.2f} to {most:.2f} times the model's. "
        if len(table) > 1
        else f"The robust standard error ({kind}) is {most:.2f} times the model's. "
    )
    if least < 0.8 or most > 1.25:
        said += (
            "A difference like this is a hint that the variances are not as the model has them: "
            "unequal σ² or T across groups, a slope that varies and was left fixed, or a few "
            "groups that weigh much. Look for the reason before choosing one of the two."
        )
    else:
        said += (
            "They are near each other, so little hangs on the model of the variances. Compare "
            "the p values all the same; and nearness is no test of the fixed part."
        )
    if fit.ngroups < 20:
        said += f" With {fit.ngroups} groups robust standard errors are themselves uncertain."
    return said
