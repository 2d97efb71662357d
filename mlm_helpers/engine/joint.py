"""Tests of several coefficients at once: a moderator with three categories, a whole term.

``fit.anova()`` tests every term of the fixed part as lmerTest's ``anova`` does, ``fit.test(...)``
any set of combinations; both with Satterthwaite or Kenward-Roger denominator df.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.parser.types import Factor
from numpy.typing import NDArray
from scipy import special

from mlm_helpers.engine.inference import kenward_roger_parts, satterthwaite
from mlm_helpers.engine.structure import split_product
from mlm_helpers.errors import MLMError, suggest

if TYPE_CHECKING:
    from mlm_helpers.engine.result import MLMFit

Array = NDArray[np.float64]
Ddf = Literal["satterthwaite", "kr"]
_METHODS = {"satterthwaite": "Satterthwaite's method", "kr": "Kenward-Roger's method"}


@dataclass(frozen=True)
class Term:
    """One term of the fixed part: its factors, its columns, and which factors are categories."""

    name: str
    at: tuple[int, ...]
    factors: frozenset[str]
    categories: frozenset[str]

    def is_contained_in(self, other: Term) -> bool:
        """SAS's containment: the same numbers, and more categories than this one."""
        return (
            self.factors < other.factors
            and self.factors - self.categories == other.factors - other.categories
        )


def terms_of(fit: MLMFit) -> tuple[Term, ...]:
    """The terms of the fixed part without the intercept, in the formula's order."""
    spec = fit.design.spec
    kinds = {name: kind for name, (kind, _) in spec.encoder_state.items()}
    return tuple(
        Term(
            str(term),
            tuple(at),
            names := frozenset(str(factor) for factor in term.factors),
            frozenset(n for n in names if kinds.get(n) is Factor.Kind.CATEGORICAL),
        )
        for term, at in spec.term_indices.items()
        if str(term) != "1" and at
    )


def anova(fit: MLMFit, type: int = 3, ddf: Ddf = "satterthwaite") -> pd.DataFrame:
    """F tests of the terms of the fixed part.

    Type 3 tests each term in the presence of all others, with equal weights for the categories of
    the factors that it is averaged over; type 2 leaves those terms out of account that contain it
    (Kuznetsova, Brockhoff & Christensen 2017, sec. 3; the contrasts as in lmerTest's ``anova``).

    Returns
    -------
    DataFrame, index term; ``sum_sq mean_sq num_df den_df F p``. ``mean_sq`` is F times σ̂², as
    lmerTest prints it.
    """
    if type not in (2, 3) or isinstance(type, bool):
        raise MLMError(f"type must be 2 or 3; got {type!r}.")
    terms = terms_of(fit)
    if not terms:
        raise MLMError("The model has no predictor, so there is no term to test.")
    weights = _type3(fit, terms) if type == 3 else _type2(fit, terms)
    out = pd.concat([f_test(fit, w, t.name, ddf) for t, w in zip(terms, weights, strict=True)])
    out.insert(0, "mean_sq", out["F"] * fit.sigma2)
    out.insert(0, "sum_sq", out["mean_sq"] * out["num_df"])
    roman = {2: "II", 3: "III"}[type]
    out.attrs["heading"] = f"Type {roman} Analysis of Variance Table with {_METHODS[ddf]}"
    return out.rename_axis("term")


def joint_test(fit: MLMFit, what: Any, ddf: Ddf = "satterthwaite") -> pd.DataFrame:
    """One F test that all combinations in ``what`` are 0.

    Parameters
    ----------
    what : the name of a term (``"denomina:IQ_c"``: all its coefficients), of a coefficient or a
        list of such names; or weights as for ``contrast``: a mapping, a DataFrame, an array (k, p).

    Returns
    -------
    DataFrame with one row: ``num_df den_df F p``.
    """
    if isinstance(what, str):
        return f_test(fit, _rows_named(fit, what), what, ddf)
    if isinstance(what, (list, tuple)) and what and all(isinstance(w, str) for w in what):
        rows = np.vstack([_rows_named(fit, name) for name in what])
        return f_test(fit, rows, ", ".join(what), ddf)
    if not isinstance(what, (Mapping, pd.DataFrame, np.ndarray, list, tuple)):
        raise MLMError(
            "Say what to test: the name of a term such as 'sector:cses', a list of names, or "
            f"weights for the coefficients; got {what!r}."
        )
    return f_test(fit, fit._weights(what)[0], "weights", ddf)


def _rows_named(fit: MLMFit, name: str) -> Array:
    identity = np.eye(len(fit.design.columns))
    wanted = frozenset(split_product(name))
    for term in terms_of(fit):
        if name in (term.name, term.name.replace("`", "")) or wanted == term.factors:
            return identity[list(term.at)]
    try:
        column = fit.structure.coefficient(name).column
    except MLMError:
        known = [t.name for t in terms_of(fit)]
        raise MLMError(
            f"The model has no term or coefficient {name!r}; its terms are {', '.join(known)}."
            + suggest(name, known)
        ) from None
    return identity[[fit.design.columns.index(column)]]


def f_test(fit: MLMFit, weights: Array, name: str, ddf: Ddf) -> pd.DataFrame:
    """F test of H0: L γ = 0 for the rows L of ``weights``; redundant rows count once."""
    if ddf not in _METHODS:
        raise MLMError(f"ddf must be 'satterthwaite' or 'kr'; got {ddf!r}.")
    weights = np.atleast_2d(np.asarray(weights, dtype=float))
    if not np.isfinite(weights).all() or not weights.any():
        raise MLMError("The weights must be numbers, and not all of them 0.")
    statistic, q, df = (_satterthwaite_f if ddf == "satterthwaite" else _kenward_roger_f)(
        fit, weights
    )
    p = float(special.fdtrc(q, df, statistic)) if df > 0 else np.nan
    row = {"num_df": q, "den_df": df, "F": statistic, "p": p}
    return pd.DataFrame(row, index=[name])


def _satterthwaite_f(fit: MLMFit, weights: Array) -> tuple[float, int, float]:
    """The F of independent t's along the axes of Cov(L γ̂), with the df of Fai & Cornelius (1996)
    as in lmerTest's ``contestMD``."""
    covariance = weights @ fit.vcov.to_numpy() @ weights.T
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-12 * values[-1]
    turned = vectors[:, kept].T @ weights
    q = int(kept.sum())
    statistic = float(((turned @ fit.gamma) ** 2 / values[kept]).sum() / q)
    nu = satterthwaite(fit, turned)
    if q == 1 or np.ptp(nu) < 1e-8:
        return statistic, q, float(nu.mean())
    if not (nu > 2).all():
        return statistic, q, 2.0 if np.isfinite(nu).all() else np.nan
    e = float((nu / (nu - 2)).sum())
    return statistic, q, 2 * e / (e - q)


def _kenward_roger_f(fit: MLMFit, weights: Array) -> tuple[float, int, float]:
    """The scaled F of Kenward & Roger (1997) with its df, as in pbkrtest's ``KRmodcomp``."""
    adjusted, parts = kenward_roger_parts(fit)
    scaled = weights @ fit.to_user / fit.moments.basis.y_scale
    left, sizes, _ = np.linalg.svd(scaled @ parts.phi @ scaled.T)
    kept = sizes > 1e-12 * sizes[0]
    scaled = left[:, kept].T @ scaled
    q = int(kept.sum())
    value = left[:, kept].T @ (weights @ fit.gamma) / fit.moments.basis.y_scale
    wald = float(value @ np.linalg.solve(scaled @ adjusted @ scaled.T, value)) / q
    df, scale = parts.df_and_scale(scaled)
    return scale * wald, q, df


# ---- which hypotheses ---------------------------------------------------------------------
def _type3(fit: MLMFit, terms: tuple[Term, ...]) -> list[Array]:
    """Goodnight's type III hypotheses: over the full set of dummy columns, the columns of a term
    made orthogonal to those of the terms that contain it."""
    if not any(t.is_contained_in(other) for t in terms for other in terms):
        return [np.eye(len(fit.design.columns))[list(t.at)] for t in terms]
    formula = Formula(fit.design.spec.formula)
    full = formula.get_model_matrix(fit.design.data, ensure_full_rank=False)
    dummies = np.asarray(full, dtype=float)
    slices = {str(t): list(at) for t, at in full.model_spec.term_indices.items()}
    chosen = _treatment_columns(dummies, list(slices.values()))
    basis = dummies[:, chosen]
    hypotheses = np.linalg.lstsq(basis, dummies, rcond=None)[0].T  # (dummies, chosen)
    at = {name: [k for k, c in enumerate(chosen) if c in mine] for name, mine in slices.items()}
    for term in sorted(terms, key=lambda t: -len(t.factors)):
        above = [k for other in terms if term.is_contained_in(other) for k in at[other.name]]
        if above:
            mine, over = hypotheses[:, at[term.name]], hypotheses[:, above]
            hypotheses[:, at[term.name]] = mine - over @ np.linalg.lstsq(over, mine, rcond=None)[0]
    back = np.linalg.lstsq(basis, fit.design.x, rcond=None)[0]  # to the coding of the fit
    return [hypotheses[chosen][:, at[t.name]].T @ back for t in terms]


def _treatment_columns(dummies: Array, slices: list[list[int]]) -> list[int]:
    """The columns of treatment coding: of each term those that add something, the last first, so
    that the first category is the one left out."""
    chosen: list[int] = []
    left = np.zeros((len(dummies), 0))
    for columns in slices:
        mine = []
        for column in reversed(columns):
            rest = dummies[:, column]
            for _ in range(2):  # twice is enough for orthogonality to rounding
                rest = rest - left @ (left.T @ rest)
            size = float(np.linalg.norm(rest))
            if size > 1e-8 * max(float(np.linalg.norm(dummies[:, column])), 1e-300):
                left = np.column_stack([left, rest / size])
                mine.append(column)
        chosen += sorted(mine)
    return chosen


def _type2(fit: MLMFit, terms: tuple[Term, ...]) -> list[Array]:
    """Each term after all that do not contain it; those in none are tested as they are."""
    p = len(fit.design.columns)
    k = fit.moments.basis.to_x
    gram = k.T @ fit.moments.ww[:-1, :-1] @ k
    out = []
    for term in terms:
        above = [c for other in terms if term.is_contained_in(other) for c in other.at]
        if not above:
            out.append(np.eye(p)[list(term.at)])
            continue
        first = [c for c in range(p) if c not in above and c not in term.at]
        order = [*first, *term.at, *above]
        rows = np.linalg.cholesky(gram[np.ix_(order, order)]).T[len(first) :][: len(term.at)]
        weights = np.zeros((len(term.at), p))
        weights[:, order] = rows
        out.append(weights)
    return out
