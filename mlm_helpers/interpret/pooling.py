"""One result from the fits to several multiply imputed files: Rubin's rules.

Sources: Rubin (1987), Multiple Imputation for Nonresponse in Surveys, pp. 76-77; the degrees of
freedom after Barnard & Rubin (1999), Biometrika 86, 948-955.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.inference import p_of_t, t_interval
from mlm_helpers.errors import MLMError
from mlm_helpers.text import count

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """The pooled fits.

    Attributes
    ----------
    fixed_effects : index coefficient; columns ``estimate std_error df t p`` as those of a fit, and
        ``within`` and ``between`` (the variance in one file, and that of the estimates between
        files), ``riv`` (relative increase of the variance by what is missing) and ``fmi`` (fraction
        of missing information)
    variance_components : index as that of a fit (``tau00``, ..., ``sigma2``); the mean over files,
        and the lowest and the highest of them. Rubin's rules for standard errors do not hold for
        variances, so there are none.
    m : number of fits
    """

    fixed_effects: pd.DataFrame
    variance_components: pd.DataFrame
    m: int

    def confint(self, level: float = 0.95) -> pd.DataFrame:
        """t intervals of the fixed effects, columns ``estimate lower upper``."""
        t = self.fixed_effects
        lower, upper = t_interval(t["estimate"], t["std_error"], t["df"], level)
        out = pd.DataFrame({"estimate": t["estimate"], "lower": lower, "upper": upper})
        out.attrs["level"] = level
        return out

    def describe(self) -> str:
        """In words: how many files, and where most is missing."""
        said = (
            f"Pooled over {count(self.m, 'imputed file')} by Rubin's rules, with Barnard-Rubin df."
        )
        fmi = self.fixed_effects["fmi"].dropna()
        if len(fmi):
            said += (
                f" The fraction of missing information is largest for {fmi.idxmax()}: "
                f"{fmi.max():.2f}. As a rule of thumb take as many files as that is in percent "
                "(White, Royston & Wood 2011)."
            )
        return said


def pool(fits: Sequence[MLMFit]) -> Pooled:
    """Rubin's rules for fits of one model to multiply imputed files.

    The imputations have to know of the groups and of the cross-level interaction: an imputation
    model without them draws both towards 0 (Enders, Mistler & Keller 2016). The df that a fit has
    with complete data are its Satterthwaite df, averaged over the files.

    Parameters
    ----------
    fits : two or more fits, of the same formula, all by REML or all by ML, with the same rows

    Raises
    ------
    MLMError
        When there are fewer than two fits, or these are not fits of one model to one set of rows.
    """
    fits = list(fits)
    _check(fits)
    tables = [f.fixed_effects for f in fits]
    estimates = np.array([t["estimate"].to_numpy() for t in tables])
    variances = np.array([t["std_error"].to_numpy() ** 2 for t in tables])
    complete = np.array([t["df"].to_numpy(dtype=float) for t in tables]).mean(axis=0)
    fixed = pd.DataFrame(rubin(estimates, variances, complete), index=tables[0].index.copy())
    components = pd.DataFrame({k: f.variance_components["variance"] for k, f in enumerate(fits)})
    spread = pd.DataFrame(
        {
            "variance": components.mean(axis=1),
            "lowest": components.min(axis=1),
            "highest": components.max(axis=1),
        }
    )
    return Pooled(fixed, spread, len(fits))


def rubin(estimates: Array, variances: Array, complete: Array) -> dict[str, Array]:
    """Rubin's rules for ``estimates`` and their ``variances`` (m, k) and the df (k,) that the
    estimates would have if nothing were missing; the columns of :attr:`Pooled.fixed_effects`."""
    m = len(estimates)
    estimate, within = estimates.mean(axis=0), variances.mean(axis=0)
    between = estimates.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    total = within + added
    share = added / total
    with np.errstate(divide="ignore"):
        old = (m - 1) / share**2  # infinite where the files agree
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    df = np.where(np.isinf(old), observed, 1 / (1 / np.where(np.isinf(old), 1, old) + 1 / observed))
    riv, t = added / within, estimate / np.sqrt(total)
    return {
        "estimate": estimate, "std_error": np.sqrt(total), "df": df, "t": t, "p": p_of_t(t, df),
        "within": within, "between": between, "riv": riv,
        "fmi": (riv + 2 / (df + 3)) / (riv + 1),
    }  # fmt: skip


def _check(fits: list[MLMFit]) -> None:
    if len(fits) < 2 or not all(isinstance(f, MLMFit) for f in fits):
        raise MLMError(
            "pool needs two or more fits, one for each imputed file: pool([fit1, fit2])."
        )
    first = fits[0]
    for k, fit in enumerate(fits[1:], start=2):
        if fit.formula != first.formula:
            raise MLMError(
                f"Fit {k} is of another model than fit 1: {fit.formula} beside {first.formula}."
            )
        if list(fit.design.columns) != list(first.design.columns):
            raise MLMError(f"Fit {k} has other coefficients than fit 1: are all categories there?")
        if fit.reml != first.reml:
            raise MLMError(f"Fit 1 and fit {k} are not both by REML or both by ML.")
        if fit.nobs != first.nobs or fit.ngroups != first.ngroups:
            raise MLMError(
                f"Fit {k} has {fit.nobs} rows in {fit.ngroups} groups, fit 1 {first.nobs} in "
                f"{first.ngroups}: imputed files have the same rows, and none is missing."
            )
