"""What one column is: its level, its kind and which of its means are 0. The one place that decides.

A column that was centered within groups is rarely 0 in every group to the last digit: rows with a
missing outcome have been left out, the file was printed with three decimals, or the numbers are
float32. It still is that column. So the group means are compared with those that an uncentered
column cannot have: without any difference between groups, chance alone makes
Σ n_j x̄_j² / (J s²) an F with J and N - J degrees of freedom.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlm_helpers.engine.structure import VariableInfo

Array = NDArray[np.float64]

# Means of a file's values differ in their last digits; larger differences within a group are real.
SAME = 1e-9
# A mean this small beside the standard deviation is 0 but for rounding, or for printed decimals.
_ZERO, _PRINTED = 1e-6, 1e-4
# One raw column in ten thousand has group means as near to 0 as this.
_CHANCE = 1e-4
# Beyond this squared standard error a single group was not centered, whatever the others are.
_WORST = 20.0


class Centering(NamedTuple):
    """Which mean is 0 (``"group"``, ``"grand"``, ``"grand_groups"`` or ``"none"``), and for
    ``"group"`` how far from it the worst group is, in standard deviations (0: to the digit)."""

    which: str
    off: float = 0.0


def _same(least: float, most: float) -> float:
    """The difference below which two values of a column with this range are one."""
    return SAME * (most - least) + 4 * float(np.finfo(float).eps) * max(abs(least), abs(most))


def one_value_a_group(low: Array, high: Array) -> NDArray[np.bool_]:
    """For each group, whether its lowest and highest value are one value but for rounding."""
    return np.asarray(high - low <= _same(float(np.min(low)), float(np.max(high))))


def centering(level: int, n: Array, sums: Array, square: float, values: int) -> Centering:
    """How a numeric column is centered.

    Parameters
    ----------
    n, sums : (J,) rows (at least one) and sum of the column in each group
    square : sum of squares over all rows
    values : how many different values the column has (3 stands for more): a column with two is
        not what centering leaves, unless its group means are exactly 0
    """
    rows, groups = float(n.sum()), len(n)
    means, mean = sums / n, float(sums.sum()) / rows
    spread = float(np.sqrt(max(square / rows - mean**2, 0.0))) or 1e-300
    if level == 1:
        furthest = float(np.abs(means).max()) / spread
        if furthest <= _ZERO:
            return Centering("group")
        if values > 2 and rows > groups and _nearer_than_chance(n, means, square):
            return Centering("group", furthest)
    if abs(mean) <= _PRINTED * spread:
        return Centering("grand")
    if level == 2 and abs(means.mean()) <= _PRINTED * spread:
        return Centering("grand_groups")
    return Centering("none")


def _nearer_than_chance(n: Array, means: Array, square: float) -> bool:
    """Whether the group means are as near to 0 as centering alone makes them, each of them."""
    rows, groups = float(n.sum()), len(n)
    apart = n * means**2
    within = (square - float(apart.sum())) / (rows - groups)
    limit = float(special.fdtri(groups, rows - groups, _CHANCE))
    return bool(apart.sum() < limit * groups * within and apart.max() < _WORST * within)


def centering_of(values: Array, codes: NDArray[np.intp], level: int = 1) -> Centering:
    """How a numeric column (n,) is centered, given the group of each row as a number."""
    n = np.bincount(codes).astype(float)
    sums = np.bincount(codes, weights=values).astype(float)
    some = len(pd.unique(values)) if level == 1 else 3
    return centering(level, n, sums, float(values @ values), some)


def _centering_of_column(values: pd.Series, keys: pd.Series, level: int) -> Centering:
    there = (values.notna() & keys.notna()).to_numpy()
    codes = pd.factorize(keys[there])[0]
    return centering_of(values[there].to_numpy(dtype=float), codes, level)


def is_centered_within(values: pd.Series, keys: pd.Series) -> bool:
    """Whether a level-1 column was centered within the groups of ``keys``; rows where one of the
    two is missing have no say."""
    return _centering_of_column(values, keys, 1).which == "group"


def describe_variable(values: pd.Series, codes: NDArray[np.intp]) -> VariableInfo:
    """Level, kind and centering of one column, given the group code of each row."""
    name = str(values.name)
    if not pd.api.types.is_numeric_dtype(values):
        cats = pd.Categorical(values)
        level = 2 if constant_within(cats.codes.astype(float), codes) else 1
        names = tuple(str(c) for c in cats.categories)
        return VariableInfo(name, level, "categorical", names, len(names) == 2)
    v = values.to_numpy(dtype=float)
    level = 2 if constant_within(v, codes) else 1
    distinct = pd.unique(v)
    found = centering_of(v, codes, level)
    categories = tuple(f"{d:g}" for d in sorted(distinct)) if len(distinct) <= 2 else ()
    two = len(distinct) == 2
    return VariableInfo(name, level, "numeric", categories, two, found.which, found.off)


def with_all_rows(info: VariableInfo, values: pd.Series, keys: pd.Series) -> VariableInfo:
    """The same variable, its centering judged on the rows that were given and not only on those
    that a missing value in another column has left."""
    if info.kind != "numeric" or (info.centered == "group" and not info.off):
        return info
    found = _centering_of_column(values, keys, info.level)
    if found.which == "none" or (info.centered == "group" and found.off >= info.off):
        return info
    return replace(info, centered=found.which, off=found.off)


def constant_within(v: Array, codes: NDArray[np.intp]) -> bool:
    """Whether a column has one value in every group."""
    first = np.empty(codes.max() + 1)
    first[codes[::-1]] = v[::-1]
    apart = np.abs(v - first[codes]).max()
    return bool(apart <= _same(float(v.min()), float(v.max())))
