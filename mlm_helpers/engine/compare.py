"""Likelihood-ratio tests between nested fits to the same rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.inference import p_of_chi2
from mlm_helpers.engine.result import MLMFit
from mlm_helpers.engine.summary import comparison_html, comparison_text
from mlm_helpers.errors import MLMError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Likelihood-ratio tests of nested fits, in the layout of R's ``anova``.

    ``table`` has one row per fit, smallest first: npar, AIC, BIC, logLik, deviance, and against
    the row above Chisq, Df, p, and ``p_boundary`` where the two differ by one random coefficient.
    ``notes`` say what was done and how to read it.
    """

    table: pd.DataFrame
    formulas: tuple[str, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        return comparison_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return comparison_html(self)


def compare(*fits: MLMFit, refit: bool = True, names: Iterable[str] | None = None) -> Comparison:
    """Likelihood-ratio tests between nested fits to the same rows.

    Parameters
    ----------
    fits : two or more fits
    refit : fit REML fits again by ML first, as R's ``anova`` does. With ``refit=False`` REML fits
        are compared as they are, which is refused unless their fixed parts are the same.
    names : row names (default: model 1, model 2, ... in the order given)

    Notes
    -----
    When the larger fit adds one random coefficient, the null hypothesis lies on the edge of what is
    possible: the variance is 0 and with it every covariance. In large samples the statistic then
    follows a 50:50 mixture of χ² with Df and Df - 1 degrees of freedom (Self & Liang 1987; Stram &
    Lee 1994); ``p`` takes χ²(Df) throughout and is too large, ``p_boundary`` takes the mixture. In
    small samples more than half of the estimates can lie on the edge (often a correlation of ±1).

    Raises
    ------
    MLMError
        For fewer than two fits, fits to different rows, outcomes or groups, models that are not
        nested, or REML fits with different fixed parts when ``refit=False``.
    """
    if len(fits) < 2:
        raise MLMError("compare needs at least two fits, such as compare(m1, m2).")
    labels = list(names) if names is not None else [f"model {i + 1}" for i in range(len(fits))]
    if len(labels) != len(fits):
        raise MLMError(f"compare got {len(fits)} fits but {len(labels)} names: give one each.")
    _check_same_data(fits, labels)
    fits, notes = _by_one_method(fits, refit)
    order = sorted(range(len(fits)), key=lambda i: fits[i].npar)
    fits, labels = tuple(fits[i] for i in order), [labels[i] for i in order]
    for i in range(1, len(fits)):
        if not is_nested(fits[i - 1], fits[i]):
            raise MLMError(
                f"{labels[i - 1]} ({fits[i - 1].formula}) is not nested in {labels[i]} "
                f"({fits[i].formula}), so there is no likelihood-ratio test between them: compare "
                "their AIC or BIC, such as m1.refit(reml=False).aic, or compare each with a model "
                "that contains both."
            )
    rows = [_row(fit, before) for before, fit in zip((None, *fits), fits, strict=False)]
    table = pd.DataFrame(rows, index=pd.Index(labels, name="model"))
    if table["p_boundary"].notna().any():
        notes.append(
            "p_boundary: a variance cannot be negative, so that many samples end at the edge (a "
            "variance of 0, a correlation of ±1); in large samples a 50:50 mixture of χ²(Df) and "
            "χ²(Df - 1) describes this. p, from χ²(Df) alone, is too large."
        )
    if (table["Chisq"] < 0).any():
        notes.append(
            "A larger model that fits worse than the smaller one has not reached its optimum: "
            "its test says nothing."
        )
    return Comparison(table, tuple(f.formula for f in fits), tuple(notes))


def _by_one_method(fits: tuple[MLMFit, ...], refit: bool) -> tuple[tuple[MLMFit, ...], list[str]]:
    """The fits by ML, or as they are if that is fair, and what is to be said of it."""
    same = len({_fixed_part(f) for f in fits}) == 1
    if refit and any(f.reml for f in fits):
        why = (
            "as R's anova does; with the same fixed effects the REML test (refit=False) is valid "
            "as well."
            if same
            else "because REML criteria of models with different fixed effects are not comparable."
        )
        by_ml = tuple(f.refit(reml=False) if f.reml else f for f in fits)
        return by_ml, [f"REML fits were fitted again by ML, {why}"]
    if len({f.reml for f in fits}) > 1:
        raise MLMError("One fit is by REML and one by ML: leave refit=True so that all are by ML.")
    if fits[0].reml and not same:
        raise MLMError(
            "REML criteria of models with different fixed effects are not comparable: leave "
            "refit=True so that the models are compared by ML."
        )
    return fits, []


def _fixed_part(fit: MLMFit) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(f.text for f in fit.design.parts[c]) for c in fit.design.columns)


# ---- the same data --------------------------------------------------------------------------
def _check_same_data(fits: tuple[MLMFit, ...], labels: list[str]) -> None:
    first = fits[0]
    for fit, label in zip(fits[1:], labels[1:], strict=True):
        if fit.nobs != first.nobs:
            raise MLMError(
                f"The fits use different rows ({labels[0]}: {first.nobs}, {label}: {fit.nobs}), "
                "probably because of missing values: fit both to the rows complete for both."
            )
        if not _same_groups(first, fit):
            raise MLMError(
                f"{labels[0]} and {label} group the rows differently "
                f"({first.design.formula.group}, {fit.design.formula.group}): only fits with the "
                "same groups can be compared."
            )
        if not _same_outcomes(first, fit):
            raise MLMError(
                f"{labels[0]} and {label} were fitted to different outcomes or different rows: "
                "only fits to the same data can be compared."
            )


def _same_groups(one: MLMFit, other: MLMFit) -> bool:
    """Whether the groups are the same, by their sizes and, where rows are kept, row by row."""
    if not np.array_equal(np.sort(one.moments.n), np.sort(other.moments.n)):
        return False
    if not _same_order(one, other):
        return True
    codes = (pd.factorize(fit.design.codes)[0] for fit in (one, other))
    return bool(np.array_equal(*codes))


def _same_order(one: MLMFit, other: MLMFit) -> bool:
    """Whether both fits kept their rows and have them in one order."""
    if not (one.design.keeps_rows and other.design.keeps_rows):
        return False
    return one.design.data.index.equals(other.design.data.index)


def _same_outcomes(one: MLMFit, other: MLMFit) -> bool:
    if not (one.design.keeps_rows and other.design.keeps_rows):
        return bool(np.allclose(_sums_of_outcome(one), _sums_of_outcome(other), rtol=1e-9))
    y, z = one.design.y, other.design.y
    if _same_order(one, other):
        return bool(np.array_equal(y, z))
    # the same rows in another order: each group has the same outcomes
    first, second = (v[np.lexsort((v, fit.design.codes))] for fit, v in ((one, y), (other, z)))
    return bool(np.array_equal(first, second))


def _sums_of_outcome(fit: MLMFit) -> tuple[float, float]:
    """Σ y² and, with an intercept, Σ y, from the cross-products."""
    m, b = fit.moments, fit.moments.basis
    total = (
        float(m.ww[b.x_intercept, -1]) if b.x_intercept is not None and b.x_turn is None else 0.0
    )
    square = b.y_scale**2 * m.ww[-1, -1] + 2 * b.y_shift * b.y_scale * total
    return float(square + m.nobs * b.y_shift**2), b.y_scale * total + m.nobs * b.y_shift


# ---- nested models --------------------------------------------------------------------------
def is_nested(small: MLMFit, large: MLMFit) -> bool:
    """Whether every mean and every covariance of the small model is one of the large one."""
    if not _columns_within(small.design.columns, large.design.columns, small, large, "x"):
        return False
    return all(
        any(
            _columns_within(_names(small, block), _names(large, other), small, large, "z")
            for other in large.design.blocks
        )
        for block in small.design.blocks
    )


def _names(fit: MLMFit, block: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(fit.design.random[k] for k in block)


def _columns_within(
    names: tuple[str, ...], others: tuple[str, ...], small: MLMFit, large: MLMFit, which: str
) -> bool:
    """Whether columns of X or Z are combinations of those of the other model: by their names, or,
    where the rows are kept, by their values."""
    if _products(small, names) <= _products(large, others):
        return True
    if not _same_order(small, large):
        return False
    wanted, known = (_columns(f, n, which) for f, n in ((small, names), (large, others)))
    size = np.linalg.norm(known, axis=0)
    scaled = known / np.where(size > 0, size, 1.0)
    left = wanted - scaled @ np.linalg.lstsq(scaled, wanted, rcond=1e-12)[0]
    return bool((np.linalg.norm(left, axis=0) <= 1e-7 * np.linalg.norm(wanted, axis=0)).all())


def _products(fit: MLMFit, names: tuple[str, ...]) -> set[frozenset[str]]:
    return {frozenset(f.text for f in fit.design.parts[n]) for n in names}


def _columns(fit: MLMFit, names: tuple[str, ...], which: str) -> Array:
    d = fit.design
    all_names, values = (d.columns, d.x) if which == "x" else (d.random, d.z)
    return values[:, [all_names.index(n) for n in names]]


# ---- the table ------------------------------------------------------------------------------
def _row(fit: MLMFit, before: MLMFit | None) -> dict[str, float]:
    out = {
        "npar": fit.npar,
        "AIC": fit.aic,
        "BIC": fit.bic,
        "logLik": fit.loglik,
        "deviance": fit.criterion,
        "Chisq": math.nan,
        "Df": math.nan,
        "p": math.nan,
        "p_boundary": math.nan,
    }
    if before is not None:
        chisq = before.criterion - fit.criterion
        if abs(chisq) < 1e-6:  # rounding of a difference that is 0
            chisq = max(chisq, 0.0)
        df = fit.npar - before.npar
        out |= {"Chisq": chisq, "Df": df, "p": p_of_chi2(chisq, df) if df else math.nan}
        added = set(fit.design.random) - set(before.design.random)
        nested = set(before.design.random) <= set(fit.design.random)
        if nested and len(added) == 1 and _fixed_part(fit) == _fixed_part(before):
            out["p_boundary"] = (p_of_chi2(chisq, df) + p_of_chi2(chisq, df - 1)) / 2
    return out
