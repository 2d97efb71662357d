"""Lists of words, numbers, p-values: the one place where they become text."""

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


def decimals_for(estimate: float, std_error: float | None = None) -> int:
    """Decimals that leave the standard error two digits, at least two for numbers below 1000."""
    if abs(estimate) >= 1000:
        return 0
    ruler = abs(std_error if std_error and math.isfinite(std_error) else estimate)
    if not ruler:
        return 2
    return min(max(2, 1 - math.floor(math.log10(ruler))), 6)


def number(x: float, decimals: int = 2) -> str:
    """A number for prose: a true minus sign, no negative zero, thousands separated."""
    text = f"{x:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def p_value(p: float) -> str:
    """``p = .012`` or ``p < .001``."""
    if p < 0.001:
        return "p < .001"
    return f"p = {p:.3f}".replace("0.", ".", 1) if p < 0.9995 else "p > .999"


def number_short(x: float) -> str:
    """A number with no more digits than it needs."""
    return f"{x:.6g}".replace("-", "−")
