"""How much of the variance lies where, and how much of it a model explains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.structure import INTERCEPT
from mlm_helpers.engine.variables import Centering, centering_of
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.residuals import term_column

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]

__all__ = ["icc", "r2", "variance_decomposition", "variance_explained"]


# ---- intraclass correlation ---------------------------------------------------------------
def icc(fit: MLMFit, at: Mapping[str, float] | None = None) -> float:
    """Intraclass correlation: the share of the variance that lies between groups.

    τ00 / (τ00 + σ²) for a model whose only random coefficient is the intercept (Raudenbush & Bryk
    2002, p. 24). With predictors in the model it is the residual ICC, of what they leave over.

    With a random slope the variance between groups depends on the predictor, so there is not one
    ICC: give ``at={"famsesc": 0.0}``, and the variance between groups at that value,
    z'Tz with z = (1, famsesc), takes the place of τ00.

    Raises
    ------
    MLMError
        For a model with random slopes when ``at`` does not give their predictors.
    """
    slopes = [name for name in fit.structure.random if name != INTERCEPT]
    given = dict(at or {})
    unknown = [name for name in given if name not in slopes]
    if unknown:
        raise MLMError(
            f"{unknown[0]!r} has no random slope in this model, so the ICC does not depend on it: "
            "leave it out of at."
        )
    missing = [name for name in slopes if name not in given]
    if missing:
        example = ", ".join(f"{name!r}: 0" for name in slopes)
        raise MLMError(
            f"With a random slope of {' and '.join(missing)} the variance between groups changes "
            "with the predictor, so there is not one ICC: take a model with a random intercept "
            f"alone, or say at which value, as in icc(fit, at={{{example}}})."
        )
    z = np.array([1.0 if n == INTERCEPT else float(given[n]) for n in fit.structure.random])
    between = float(z @ fit.T.to_numpy() @ z)
    return between / (between + fit.sigma2)


# ---- variance explained between two fits --------------------------------------------------
def variance_explained(base: MLMFit, full: MLMFit) -> pd.DataFrame:
    """Variance explained: the proportional reduction of each variance from ``base`` to ``full``.

    (base - full) / base for τ00, τ11, ... and σ² (Raudenbush & Bryk 2002, p. 74 and p. 85). It
    compares two estimates, without an interval: ``mlm.bootstrap`` gives one.

    Returns
    -------
    DataFrame, index ``tau00``, ``tau11``, ..., ``sigma2`` as they are numbered in ``base``
    (``attrs["terms"]`` says whose they are; the two fits are matched by name); columns ``base``,
    ``full``, ``explained`` (a share: 0.065 is 6.5%). A share can be negative, and adding a
    predictor can lower one: each fit estimates its variances afresh. ``attrs["notes"]`` says so
    where it happens.

    Raises
    ------
    MLMError
        When the fits have other random parts, rows or criteria.
    """
    _comparable(base, full)
    mine, other = _variances(base), _variances(full)
    rows = [parameter for parameter, _ in mine.values()]
    before = np.array([value for _, value in mine.values()])
    after = np.array([other[term][1] for term in mine])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(before > 0, (before - after) / before, np.nan)
    out = pd.DataFrame(
        {"base": before, "full": after, "explained": share}, index=pd.Index(rows, name="parameter")
    )
    out.attrs |= {"notes": _notes(out, base, full), "terms": dict(zip(rows, mine, strict=True))}
    return out


def _variances(fit: MLMFit) -> dict[str, tuple[str, float]]:
    """Name and value of each variance by whose it is, the level-1 residuals' last; covariances
    explain nothing."""
    table = fit.variance_components
    table = table[table["term2"].isna()]
    terms = table["term"].where(table["term"].notna(), "residual")
    return {
        str(term): (str(name), float(value))
        for name, term, value in zip(table.index, terms, table["variance"], strict=True)
    }


def _comparable(base: MLMFit, full: MLMFit) -> None:
    def random_part(fit: MLMFit) -> set[frozenset[str]]:
        return {frozenset(fit.structure.random[k] for k in b) for b in fit.structure.blocks}

    if random_part(base) != random_part(full):
        raise MLMError(
            f"The random parts differ ({_parts(base)} and {_parts(full)}): τ means something else "
            "in each, so compare two fits with the same random part."
        )
    if base.nobs != full.nobs or base.ngroups != full.ngroups:
        raise MLMError(
            f"The fits use different rows ({base.nobs} in {base.ngroups} groups, {full.nobs} in "
            f"{full.ngroups}), probably because of missing values: fit both to the rows complete "
            "for both."
        )
    if not np.array_equal(np.sort(base.design.y), np.sort(full.design.y)):
        raise MLMError("The fits have different outcomes or rows: only fits to the same compare.")
    if base.reml != full.reml:
        raise MLMError("One fit is by REML and one by ML: refit one, as in m.refit(reml=True).")


def _parts(fit: MLMFit) -> str:
    names = ["1" if r == INTERCEPT else r for r in fit.structure.random]
    blocks = [" + ".join(names[k] for k in b) for b in fit.structure.blocks]
    return " and ".join(f"({b} | {fit.structure.group})" for b in blocks)


def _notes(table: pd.DataFrame, base: MLMFit, full: MLMFit) -> tuple[str, ...]:
    notes = []
    down = [str(name) for name in table.index[table["explained"] < 0]]
    if down:
        notes.append(
            f"{' and '.join(down)} came out larger in the fuller model, so its share is negative: "
            "the estimates are not bound to fall when a predictor is added."
        )
    if "tau00" in down and table["explained"]["sigma2"] > 0:
        notes.append(
            "tau00 is about the variance of the group means minus sigma2 / n: a level-1 predictor "
            "that lowers sigma2 lets it rise."
        )
    none = [str(name) for name in table.index[table["explained"].isna()]]
    if none:
        notes.append(f"{' and '.join(none)} is 0 in the base model: there is nothing to explain.")

    def fixed(fit: MLMFit) -> set[frozenset[str]]:
        return {frozenset(f.text for f in fit.design.parts[c]) for c in fit.design.columns}

    if not fixed(base) <= fixed(full):
        notes.append(
            "The base model has fixed effects that the full model lacks, so the shares mix what "
            "was added with what was taken out."
        )
    return tuple(notes)


# ---- Rights & Sterba ----------------------------------------------------------------------
def variance_decomposition(fit: MLMFit) -> pd.DataFrame:
    """The model-implied variance of the outcome, part by part.

    Parts (Rights & Sterba 2019, Psychological Methods 24, 309-338, eqs. 9-13 for level-1
    predictors centered within groups): ``f1`` level-1 predictors, cross-level products included,
    γ'Φγ over their columns; ``f2`` level-2 predictors; ``v`` random slopes, tr(TΣ) with Σ the
    covariance matrix of the random-coefficient columns; ``m`` differences between group means,
    z̄'T z̄, which is τ00 here; ``sigma2``. Φ and Σ are sample covariances over rows.

    Returns
    -------
    DataFrame, index ``f1 f2 v m sigma2``; columns ``total within between`` in squared units of the
    outcome, NaN where a part does not exist at that level. When some level-1 predictor is not
    centered within groups its slope mixes both levels: then index ``f v m sigma2``, and only
    ``total`` is filled. ``attrs["note"]`` says which case it is.
    """
    loose, off = _centering(fit)
    t = fit.T.to_numpy()
    z = fit.design.z
    v = float(np.trace(t @ _cov(z)))
    m = float(z.mean(axis=0) @ t @ z.mean(axis=0))
    if loose:
        f = _fixed(fit, list(range(len(fit.design.columns))))
        out = pd.DataFrame({"total": {"f": f, "v": v, "m": m, "sigma2": fit.sigma2}})
        out["within"] = out["between"] = np.nan
        out.attrs["note"] = (
            f"{', '.join(loose)} {'is' if len(loose) == 1 else 'are'} not centered within groups, "
            "so the fixed part mixes variance within and between groups: only the total can be "
            "divided. Center within groups and add the group means to see both levels."
        )
    else:
        level1 = [c.level1 is not None for c in fit.structure.coefficients]
        f1 = _fixed(fit, [k for k, one in enumerate(level1) if one])
        f2 = _fixed(fit, [k for k, one in enumerate(level1) if not one])
        none = float("nan")
        out = pd.DataFrame(
            {
                "total": [f1, f2, v, m, fit.sigma2],
                "within": [f1, none, v, none, fit.sigma2],
                "between": [none, f2, none, m, none],
            },
            index=["f1", "f2", "v", "m", "sigma2"],
        )
        out.attrs["note"] = (
            "Every level-1 predictor is centered within groups, so the variance divides exactly "
            "into within and between groups."
            if not off
            else "Every level-1 predictor was centered within groups; rows left out or rounded "
            f"values have moved group means by up to {off:.2g} standard deviations, and so much of "
            "f1 and v lies between groups."
        )
    return out.rename_axis("part")


def r2(fit: MLMFit) -> pd.DataFrame:
    """R² measures of Rights & Sterba (2019), shares of the model-implied variance.

    Returns
    -------
    DataFrame, columns ``total within between``; index ``f1`` (level-1 predictors), ``f2`` (level-2
    predictors), ``v`` (random slopes), ``m`` (differences between group means that no predictor
    explains), and the sums ``f`` = f1 + f2, ``fv`` = f + v (within groups: f1 + v), ``fvm`` =
    f + v + m. NaN where a measure does not exist; for level-1 predictors that are not centered
    within groups only the totals of ``f``, ``v``, ``m``, ``fv`` and ``fvm`` do.
    ``attrs["note"]`` says which case it is.
    """
    parts = variance_decomposition(fit)
    shares = parts / parts.sum(min_count=1)
    out = shares.reindex(["f1", "f2", "v", "m", "f", "fv", "fvm"])
    fixed = ["f"] if "f" in shares.index else ["f1", "f2"]
    out.loc["f", "total"] = shares.loc[fixed, "total"].sum()
    out.loc["fv", "total"] = shares.loc[[*fixed, "v"], "total"].sum()
    out.loc["fvm", "total"] = shares.loc[[*fixed, "v", "m"], "total"].sum()
    out.loc["fv", "within"] = out["within"][["f1", "v"]].sum(skipna=False)
    out.attrs["note"] = parts.attrs["note"]
    return out.rename_axis("measure")


def _cov(columns: Array) -> Array:
    return np.atleast_2d(np.cov(columns, rowvar=False))


def _fixed(fit: MLMFit, which: list[int]) -> float:
    """γ'Φγ over some columns: the variance of that part of the fixed prediction."""
    which = [k for k in which if fit.design.columns[k] != INTERCEPT]  # a constant has no variance
    return float(np.var(fit.design.x[:, which] @ fit.gamma[which], ddof=1))


def _centering(fit: MLMFit) -> tuple[list[str], float]:
    """The level-1 terms, fixed or random, that were not centered within groups; and how far the
    group means of the others are from 0, in standard deviations."""
    terms = dict.fromkeys(fit.structure.level1_predictors)
    terms |= dict.fromkeys(n for n in fit.design.random if n != INTERCEPT)
    loose, off = [], 0.0
    for name in terms:
        info = fit.structure.variables.get(name)
        found = (
            Centering(info.centered, info.off)
            if info
            else centering_of(term_column(fit, name), fit.design.codes)
        )
        if found.which != "group":
            loose.append(name)
        off = max(off, found.off)
    return loose, off
