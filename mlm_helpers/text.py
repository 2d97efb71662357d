"""Lists of words and numbers for sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def join_words(words: Sequence[str], last: str = "and") -> str:
    """``"a, b and c"``."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def count(n: int, noun: str) -> str:
    """``"1 row"``, ``"3 rows"``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def shown(value: Any, width: float = math.inf) -> str:
    """A value as a label has it: four significant digits, or more where they are needed to place it
    within a hundredth of ``width``, the range of its variable (years run from 2000 to 2007)."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return str(value)
    number = float(value)
    digits = 4
    if 0 < width < math.inf and number != 0 and math.isfinite(number):
        # half a unit of the last decimal is to be at most width / 100
        decimals = math.ceil(-math.log10(width / 50))
        digits = max(digits, math.floor(math.log10(abs(number))) + 1 + decimals)
    return f"{number:.{digits}g}".replace("-", "−")
