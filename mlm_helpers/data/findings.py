"""What the checks of a file find, and the small words in which they say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

Check = Literal["sizes", "missing", "levels", "within", "outliers", "coding"]


@dataclass(frozen=True)
class Finding:
    """One thing to put right or to look at: which check found it, in which column, and what to do.

    ``urgent`` findings make a fit impossible or wrong; the others are decisions to make.
    """

    check: Check
    column: str
    text: str
    urgent: bool = False


class Found(list[Finding]):
    """The findings so far."""

    def say(self, check: Check, column: str, text: str, urgent: bool = False) -> None:
        """Add one."""
        self.append(Finding(check, column, text, urgent))


def is_numeric(values: pd.Series) -> bool:
    """Whether a column holds real numbers."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values)


def finite(values: pd.Series) -> pd.Series:
    """A numeric column as float64, infinite values as missing ones."""
    return values.astype("float64").replace([np.inf, -np.inf], np.nan)


def written(value: Any) -> str:
    """A value as code has it."""
    if isinstance(value, (bool, np.bool_)):
        return str(value)
    return f"{value:.6g}" if isinstance(value, (int, float, np.number)) else repr(str(value))


def have(n: int) -> str:
    """``"has"`` for one, ``"have"`` for more."""
    return "has" if n == 1 else "have"


def percent(share: float) -> str:
    """``"4.2%"``, ``"100%"``."""
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text}%"
