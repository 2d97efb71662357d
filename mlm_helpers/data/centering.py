"""Group means and the two ways to center, as new columns.

Every function takes a table with one row per unit, returns a new Series on the table's own
index, and leaves the table as it was. Missing or infinite values are refused rather than skipped:
a school mean over some of the rows is another variable than a school mean over all of them, and
which one is wanted is the analyst's decision.

Source: Raudenbush & Bryk (2002), Hierarchical Linear Models, 2nd ed., pp. 31-35 and 134-149.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from mlm_helpers.engine.variables import constant_within
from mlm_helpers.errors import MLMError, suggest

__all__ = ["center_grand", "center_within", "group_mean", "is_group_level"]


def group_mean(data: pd.DataFrame, column: str, group: str) -> pd.Series:
    """The mean of ``column`` in each row's group, named ``{column}_mean``.

    One value per row of ``data`` (so that it can be a new column), in the units of ``column``.
    Raises MLMError for a missing, non-numeric or incomplete column.
    """
    values, keys = _numbers(data, column), _keys(data, group)
    mean = values.groupby(keys, observed=True, sort=False).transform("mean")
    return mean.rename(f"{column}_mean")


def center_within(data: pd.DataFrame, column: str, group: str) -> pd.Series:
    """``column`` minus its group's mean (centering within context), named ``{column}_within``.

    What is left compares students with their schoolmates only: every group's mean is 0.
    Raises MLMError for a missing, non-numeric or incomplete column.
    """
    values = _numbers(data, column)
    return (values - group_mean(data, column, group)).rename(f"{column}_within")


def center_grand(
    data: pd.DataFrame,
    column: str,
    *,
    over: Literal["rows", "groups"] | None = None,
    group: str | None = None,
) -> pd.Series:
    """``column`` minus its grand mean, named ``{column}_grand``.

    ``over`` has to be given, because a school-level variable has two grand means:

    * ``over="rows"``: the mean over students, in which a large school counts more;
    * ``over="groups"``: the mean over schools, each counted once. ``group`` names the school
      column, and ``column`` has to be the same for everybody in a school.

    Raises MLMError when the choice is missing or impossible, or the column is missing,
    non-numeric or incomplete.
    """
    if over not in ("rows", "groups"):
        raise MLMError(
            f"Say over which units {column!r} is averaged: over='rows' (the mean of all rows, "
            "so that large groups count more) or over='groups' (each group counted once)"
            + ("." if over is None else f"; {over!r} is neither.")
        )
    values = _numbers(data, column)
    if over == "rows":
        return (values - values.mean()).rename(f"{column}_grand")
    if group is None:
        raise MLMError(
            f"over='groups' needs the column that holds the groups: "
            f"center_grand(data, {column!r}, over='groups', group=...)."
        )
    if not is_group_level(data, column, group):
        raise MLMError(
            f"{column!r} differs within groups of {group!r}, so it has no one value per group to "
            f"average: use over='rows', or center group_mean(data, {column!r}, {group!r})."
        )
    per_group = values.groupby(_keys(data, group), observed=True, sort=False).first()
    return (values - per_group.mean()).rename(f"{column}_grand")


def is_group_level(data: pd.DataFrame, column: str, group: str) -> bool:
    """Whether ``column`` has one value per group, as a level-2 variable does.

    Numbers count as one value when they differ by less than 1e-9 of the column's range.
    Text and categories work too. Raises MLMError when a column is missing or incomplete.
    """
    keys = _keys(data, group)
    series = _column(data, column)
    if not pd.api.types.is_numeric_dtype(series):
        _refuse_missing(series, column)
        return int(series.groupby(keys, observed=True).nunique().max()) <= 1
    values = _numbers(data, column)
    return constant_within(values.to_numpy(), pd.factorize(keys)[0])


def _column(data: pd.DataFrame, name: str) -> pd.Series:
    if not isinstance(data, pd.DataFrame):
        raise MLMError(f"The data must be a pandas DataFrame; this is a {type(data).__name__}.")
    if name not in data.columns:
        columns = [str(c) for c in data.columns]
        hint = suggest(str(name), columns) or f" The columns are {', '.join(columns)}."
        raise MLMError(f"There is no column {name!r} in the data.{hint}")
    found = data[name]
    if isinstance(found, pd.DataFrame):
        raise MLMError(f"The data have {found.shape[1]} columns named {name!r}: rename one.")
    if found.empty:
        raise MLMError(f"The data have no rows, so {name!r} has no values.")
    return found


def _numbers(data: pd.DataFrame, name: str) -> pd.Series:
    """The column as float64, or a sentence about the first thing that is wrong with it."""
    series = _column(data, name)
    if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_complex_dtype(series):
        raise MLMError(
            f"{name!r} holds {series.dtype} values such as {series.iloc[0]!r}, not numbers: "
            f"a mean needs numbers (pd.to_numeric turns text into numbers)."
        )
    _refuse_missing(series, name)
    values = series.astype("float64")
    infinite = int(np.isinf(values.to_numpy()).sum())
    if infinite:
        raise MLMError(
            f"{name!r} has {_count(infinite, 'infinite value')}: correct or remove those rows."
        )
    return values


def _keys(data: pd.DataFrame, group: str) -> pd.Series:
    keys = _column(data, group)
    _refuse_missing(keys, group)
    return keys


def _refuse_missing(series: pd.Series, name: str) -> None:
    missing = int(series.isna().sum())
    if missing:
        raise MLMError(
            f"{name!r} has {_count(missing, 'missing value')}: decide which rows to keep first, "
            f"for example data.dropna(subset=[{name!r}])."
        )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
