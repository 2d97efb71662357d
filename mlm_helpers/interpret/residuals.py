"""What is left of the groups after a fit: separate OLS lines, reliabilities, EB residuals by kind
of group.

Source: Raudenbush & Bryk (2002), Hierarchical Linear Models, 2nd ed., pp. 45-51 (EB estimates and
reliability) and 78-81.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.design import term_values
from mlm_helpers.errors import MLMError, suggest

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]

__all__ = ["eb_by", "eb_table", "level2_values", "ols_by_group", "reliabilities"]

# A predictor whose spread within a group is below this share of its spread over all rows does not
# vary there: what is left is the rounding of the file.
_NO_SPREAD = 1e-7


def ols_by_group(fit: MLMFit) -> pd.DataFrame:
    """A separate ordinary regression in every group, with nothing borrowed from other groups.

    Returns
    -------
    DataFrame, index group, columns ``n``; ``b0``, ``b0_se``, ``b1``, ``b1_se``, ... (intercept and
    slopes of the level-1 predictors in the order of ``fit.structure``; a standard error uses the
    group's own residual variance and needs one row more than there are coefficients);
    ``residual_sd``; ``reason`` (empty, or why the group's numbers are missing).
    """
    names, x = _level1_columns(fit)
    spread = x.std(axis=0)
    rows = {}
    for label, at in _rows_of_groups(fit):
        rows[label] = _ols(x[at], fit.design.y[at], names, spread)
    labels = pd.Index(fit.design.labels, name=fit.design.formula.group)
    return pd.DataFrame.from_dict(rows, orient="index").reindex(labels)


def _level1_columns(fit: MLMFit) -> tuple[list[str], Array]:
    """Names and columns (n, k) of the level-1 terms, without the intercept."""
    names = list(fit.structure.level1_predictors)
    if not names:
        return [], np.empty((fit.nobs, 0))
    return names, np.column_stack([term_column(fit, name) for name in names])


def term_column(fit: MLMFit, name: str) -> Array:
    """Values (n,) of a term of the model, whether it is a column of X, of Z or of neither."""
    design = fit.design
    for columns, values in ((design.columns, design.x), (design.random, design.z)):
        if name in columns:
            return values[:, columns.index(name)]
    return term_values(design, name)


def _rows_of_groups(fit: MLMFit) -> Iterable[tuple[object, NDArray[np.intp]]]:
    codes = fit.design.codes
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))
    return zip(fit.design.labels, np.split(order, ends[:-1]), strict=True)


def _ols(x: Array, y: Array, names: list[str], spread: Array) -> dict[str, object]:
    n, k = len(y), len(names) + 1
    keys = [f"b{p}" for p in range(k)]
    out: dict[str, object] = {"n": n}
    out |= {key: np.nan for b in keys for key in (b, f"{b}_se")}
    out |= {"residual_sd": np.nan, "reason": _why_not(x, names, spread)}
    if out["reason"]:
        return out
    # centered first: sums of squares of raw values would lose the digits of a large mean
    mean = x.mean(axis=0)
    design = np.column_stack([np.ones(n), x - mean])
    b, *_ = np.linalg.lstsq(design, y, rcond=None)
    inverse = np.linalg.inv(design.T @ design)
    back = np.eye(k)
    back[0, 1:] = -mean
    out |= dict(zip(keys, back @ b, strict=True))
    if n > k:
        s2 = float(((y - design @ b) ** 2).sum()) / (n - k)
        se = np.sqrt(s2 * np.diag(back @ inverse @ back.T))
        out |= {f"{key}_se": value for key, value in zip(keys, se, strict=True)}
        out["residual_sd"] = np.sqrt(s2)
    else:
        out["reason"] = f"{n} rows fit {k} coefficients exactly, so there are no standard errors"
    return out


def _why_not(x: Array, names: list[str], spread: Array) -> str:
    n, k = len(x), len(names) + 1
    if n < k:
        return f"{n} row{'s' if n > 1 else ''} for {k} coefficients"
    within = x - x.mean(axis=0)
    flat = [
        m for m, w, s in zip(names, within.std(axis=0), spread, strict=True) if w <= _NO_SPREAD * s
    ]
    if flat:
        return f"{' and '.join(flat)} {'do' if len(flat) > 1 else 'does'} not vary in this group"
    if k > 2 and np.linalg.matrix_rank(within / spread) < k - 1:
        return f"{', '.join(names)} cannot be told apart in this group"
    return ""


def reliabilities(fit: MLMFit) -> pd.DataFrame:
    """How reliably each group's own data tell its intercept and slope from the average.

    λ_pj = τ_pp / (τ_pp + v_ppj), where v_ppj is the sampling variance of the group's OLS
    coefficient with the common σ² (Raudenbush & Bryk 2002, p. 46). 1 means no shrinkage, 0 that the
    EB residual is pulled to 0. When the model has level-2 predictors, τ is what they leave
    unexplained and λ is the conditional reliability: of telling apart groups that are alike on
    those predictors.

    Returns
    -------
    DataFrame, index group, columns ``n``, ``lambda0``, ``lambda1``, ... (numbered as τ). NaN where
    the group's data cannot give its OLS coefficients. The reliability of the model is the mean over
    groups, ``reliabilities(fit).mean()``, also in ``attrs["mean"]``.
    """
    design, t = fit.design, fit.T.to_numpy()
    sampling = np.full((fit.ngroups, t.shape[0]), np.nan)
    spread = np.where(design.z.std(axis=0) > 0, design.z.std(axis=0), 1.0)
    for j, (_, at) in enumerate(_rows_of_groups(fit)):
        z = design.z[at] / spread
        if len(at) >= z.shape[1] and np.linalg.matrix_rank(z, tol=1e-7) == z.shape[1]:
            sampling[j] = fit.sigma2 * np.diag(np.linalg.inv(z.T @ z)) / spread**2
    tau = np.diag(t)
    values = tau / (tau + sampling)
    names = [f"lambda{number}" for number in fit.tau_numbers]
    labels = pd.Index(design.labels, name=design.formula.group)
    out = pd.DataFrame(values, index=labels, columns=names)
    out.insert(0, "n", fit.moments.n)
    out.attrs["mean"] = {name: float(out[name].mean()) for name in names}
    out.attrs["conditional"] = bool(fit.structure.level2_predictors)
    return out


def level2_values(fit: MLMFit, by: str, data: pd.DataFrame | None = None) -> pd.Series:
    """The value of a level-2 variable for every group of a fit, index group.

    ``by`` may be a variable of the model; for another one give the ``data`` that hold it.

    Raises
    ------
    MLMError
        When the column is missing, or differs or is incomplete within a group.
    """
    group = fit.structure.group
    if data is None and by in fit.design.group_frame.columns:
        return fit.design.group_frame[by]
    if data is None and by not in fit.data.columns:
        raise MLMError(
            f"{by!r} is not in this model: give the table that has it, as in "
            f"eb_by(fit, {by!r}, data=...)."
        )
    source = fit.data if data is None else data
    for name in (by, group):
        if name not in source.columns:
            raise MLMError(f"The data have no column {name!r}.{suggest(name, source.columns)}")
    found = source[[group, by]].drop_duplicates()
    if found[by].isna().any():
        raise MLMError(f"{by!r} is missing in some rows: fill or drop those first.")
    if found[group].duplicated().any():
        first = found.loc[found[group].duplicated(), group].iloc[0]
        raise MLMError(
            f"{by!r} differs within {group} {first!r}: EB residuals belong to groups, so it has to "
            "be a variable with one value per group."
        )
    out = found.set_index(group)[by].reindex(fit.group_table.index)
    if out.isna().any():
        raise MLMError(f"The data have no {by!r} for {group} {out.index[out.isna()][0]!r}.")
    return out


def eb_table(fit: MLMFit, by: str | None = None, data: pd.DataFrame | None = None) -> pd.DataFrame:
    """EB residuals (``u0``, ``u0_sd``, ...) by group, with the category of ``by`` beside them.

    This is what the pictures of level-2 residuals are drawn from; ``attrs`` holds T and the names.
    """
    out = fit.random_effects.copy()
    if by is not None:
        out[by] = level2_values(fit, by, data)
    out.attrs |= {
        "T": fit.T.to_numpy().tolist(),
        "numbers": fit.tau_numbers,
        "terms": fit.structure.random,
        "by": by,
        "group": fit.structure.group,
        "outcome": fit.structure.outcome,
        "data_name": fit.data_name,
    }
    return out


def eb_by(fit: MLMFit, by: str, data: pd.DataFrame | None = None) -> pd.DataFrame:
    """EB residuals summarised within the categories of a level-2 variable.

    Parameters
    ----------
    by : a level-2 variable with categories (or few values). For one that is not in the model, as
        sector is not in Model 1, give the ``data`` it comes from.

    Returns
    -------
    DataFrame, index (``residual``, category), columns ``n mean sd median min max`` over groups.
    EB residuals are shrunken: their SD is smaller than √τ, and the difference of two categories is
    smaller than the coefficient that a model with ``by`` in it gives.
    """
    values = level2_values(fit, by, data)
    if values.nunique() > 20:
        raise MLMError(
            f"{by!r} has {values.nunique()} different values: a table by category needs a variable "
            "with a few, such as sector (pd.cut makes categories of a number)."
        )
    residuals = [f"u{number}" for number in fit.tau_numbers]
    summary = {}
    for name in residuals:
        by_category = fit.random_effects[name].groupby(values, observed=True)
        summary[name] = by_category.agg(["count", "mean", "std", "median", "min", "max"])
    out = pd.concat(summary, names=["residual", by])
    out["count"] = out["count"].astype(int)
    return out.rename(columns={"count": "n", "std": "sd"})
