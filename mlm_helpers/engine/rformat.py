"""R's rules for how many digits to print: ``format``, ``format.pval`` and ``zapsmall``.

R gives a whole column the fewest decimals with which every number in it shows ``digits``
significant ones, then drops zeros that end all of them. The lecture's output follows these rules,
so that its 3.86 and 16.816 come out as printed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_EPS = 2.220446049250313e-16


def _significant(x: float, digits: int) -> tuple[int, int]:
    """Exponent of 10 and number of significant digits of x when rounded to ``digits``."""
    if x == 0 or not math.isfinite(x):
        return 0, 1
    mantissa, exponent = f"{abs(x):.{digits - 1}e}".split("e")
    return int(exponent), len(mantissa.replace(".", "").rstrip("0")) or 1


def r_format(values: Sequence[float], digits: int = 7, nsmall: int = 0) -> list[str]:
    """Format numbers together as R's ``format(x, digits, nsmall)`` does, without padding."""
    finite = [float(v) for v in values if math.isfinite(v)]
    if not finite:
        return [_special(v) for v in values]
    parts = [_significant(v, digits) for v in finite]
    decimals = max(max(sig - exp - 1, 0) for exp, sig in parts)
    left = max(max(exp + 1, 1) for exp, _ in parts)
    negative = any(v < 0 for v in finite)
    fixed_width = negative + left + (decimals + 1 if decimals else 0)
    most = max(sig for _, sig in parts)
    wide = any(abs(exp) >= 100 for exp, _ in parts)
    science_width = negative + (most + 1 if most > 1 else 1) + (5 if wide else 4)
    if fixed_width <= science_width:
        decimals = max(decimals, nsmall)
        return [f"{v:.{decimals}f}" if math.isfinite(v) else _special(v) for v in values]
    return [f"{v:.{most - 1}e}" if math.isfinite(v) else _special(v) for v in values]


def _special(v: float) -> str:
    return "NA" if math.isnan(v) else ("Inf" if v > 0 else "-Inf")


def r_pvalues(values: Sequence[float], digits: int = 3) -> list[str]:
    """Format p-values together as R's ``format.pval`` does: ``"< 2e-16"``, ``"4.49e-10"``."""
    shown = [float(v) for v in values if not math.isnan(v)]
    lowest = -4 if digits > 1 else -3
    fixed = [p for p in shown if p >= _EPS and math.floor(math.log10(p)) >= lowest]
    small = [p for p in shown if p >= _EPS and math.floor(math.log10(p)) < lowest]
    text = dict(zip(fixed, r_format(fixed, digits), strict=True))
    text |= dict(zip(small, r_format(small, digits), strict=True))
    eps_digits = max(1, digits - 2)
    separator = "" if eps_digits == 1 else " "
    if text:
        width = max(len(t) for t in text.values())
        if eps_digits > 1 and eps_digits + 6 > width:
            eps_digits = max(1, width - 7)
        separator = "" if eps_digits == 1 and width <= 6 else " "
    tiny = f"<{separator}{r_format([_EPS], eps_digits)[0]}"
    return ["NA" if math.isnan(v) else text.get(float(v), tiny) for v in values]


def zapsmall(values: Sequence[float], digits: int) -> list[float]:
    """Round to the digits that matter beside the largest value, as R's ``zapsmall`` does."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    places = max(0, math.floor(digits - math.log10(largest) + 0.5)) if largest > 0 else digits
    return [round(float(v), places) for v in values]


def stars(p: float) -> str:
    """R's significance stars."""
    for limit, mark in ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, ".")):
        if p <= limit:
            return mark
    return ""


def coefficient_cells(
    rows: Sequence[tuple[float, float, float, float, float]], digits: int = 4
) -> list[list[str]]:
    """The cells that R's ``printCoefmat`` prints for (estimate, SE, df, t, p) rows."""
    first = [v for row in rows for v in row[:3]]
    sizes = [abs(v) for v in first if math.isfinite(v) and v != 0]
    if sizes:
        low, high = (1 + math.floor(math.log10(f(sizes))) for f in (min, max))
        places = max(1, digits - low, digits - high)
    else:
        places = max(1, digits)
    shown = r_format([_rounded(v, places) for v in first], digits)
    for i, v in enumerate(first):
        if v != 0 and math.isfinite(v) and float(shown[i]) == 0:
            shown[i] = r_format([v], max(1, digits - 1))[0]
    tested = max(1, min(5, digits - 1))
    t = r_format([_rounded(row[3], tested) for row in rows], digits)
    p = r_pvalues([row[4] for row in rows], tested)
    return [[*shown[3 * i : 3 * i + 3], t[i], p[i]] for i in range(len(rows))]


def _rounded(v: float, places: int) -> float:
    return round(v, places) if math.isfinite(v) else v


def abbreviate(name: str, length: int) -> str:
    """Shorten a name as R's ``abbreviate`` does: lower-case vowels go first, from the right, then
    other lower-case letters; the first letter of each word stays."""
    letters = list(name)
    for droppable in ("aeiou", "abcdefghijklmnopqrstuvwxyz"):
        at = len(letters) - 1
        while len(letters) > length and at > 0:
            if letters[at] in droppable and letters[at - 1] not in " ":
                del letters[at]
            at -= 1
    return "".join(letters)
