"""What an EB table says of its random coefficients, matched by number and never by position."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.errors import MLMError

Array = NDArray[np.float64]


def residuals_in(table: pd.DataFrame) -> list[str]:
    """The columns with EB residuals, by number: ``u0``, ``u1``, ..."""
    names = [str(c) for c in table.columns if re.fullmatch(r"u\d+", str(c))]
    if not names:
        raise MLMError("The table has no EB residuals (u0, u1): eb_table(fit) makes one.")
    return sorted(names, key=lambda name: int(name[1:]))


def pair_in(table: pd.DataFrame) -> tuple[str, str]:
    """The two residuals of a scatter plot: the first two by number."""
    names = residuals_in(table)
    if len(names) < 2:
        raise MLMError(
            f"This picture needs two random coefficients, but the model has one ({names[0]}j): "
            "plot_caterpillar draws it."
        )
    return names[0], names[1]


def covariance_of(table: pd.DataFrame, names: list[str] | tuple[str, ...]) -> Array | None:
    """The part of T that belongs to these residuals, in their order; None where T is not kept."""
    if "T" not in table.attrs:
        return None
    t = np.array(table.attrs["T"], dtype=float)
    numbers = list(table.attrs.get("numbers", range(len(t))))
    at = [numbers.index(int(name[1:])) for name in names]
    return np.asarray(t[np.ix_(at, at)])


def coefficient(table: pd.DataFrame, name: str) -> str:
    """What a residual belongs to: ``intercept``, ``slope``, or ``slope of cses`` of several."""
    if name == "u0":
        return "intercept"
    slopes = [other for other in residuals_in(table) if other != "u0"]
    numbers, terms = table.attrs.get("numbers", ()), table.attrs.get("terms", ())
    if len(slopes) < 2 or int(name[1:]) not in numbers:
        return "slope"
    return f"slope of {terms[list(numbers).index(int(name[1:]))]}"


def symbol(name: str) -> str:
    """An EB residual is an estimate: ``û0j``."""
    return f"û{name[1:]}j"


def tau(name: str) -> str:
    """The variance of the true residual behind it: ``τ00``."""
    number = name[1:]
    return f"τ{number}{number}" if len(number) == 1 else f"τ{number},{number}"
