"""What the deck prints, as intervals.

A printed number is a promise about an interval: "7.164" says the value lies in [7.1635, 7.1645).
Several printed numbers often say something about one quantity (a variance and its standard
deviation; AIC, BIC, log-likelihood and deviance). Their intervals are intersected here, so that
the solver sees one interval per quantity.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from scipy import stats

NUMBERS = Path(__file__).resolve().parents[2] / "tests" / "reference" / "numbers.json"


@dataclass(frozen=True)
class Interval:
    """A closed interval of values that print as the deck does."""

    low: float
    high: float

    def __and__(self, other: Interval) -> Interval:
        both = Interval(max(self.low, other.low), min(self.high, other.high))
        if both.low >= both.high:
            raise ValueError(f"nothing prints both ways: {self} and {other}")
        return both

    def shifted(self, by: float) -> Interval:
        return Interval(self.low + by, self.high + by)

    def scaled(self, by: float) -> Interval:
        ends = sorted((self.low * by, self.high * by))
        return Interval(ends[0], ends[1])

    def inner(self, share: float) -> Interval:
        """The middle `share` of the interval: the dead zone of the solver."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        return Interval(middle - share * half, middle + share * half)


def printed(text: str) -> Interval:
    """The interval of values that print as `text` (thousands commas and a % sign allowed)."""
    number = Decimal(text.replace(",", "").replace("%", ""))
    half_unit = Decimal(1).scaleb(int(number.as_tuple().exponent)) / 2
    return Interval(float(number - half_unit), float(number + half_unit))


def to_significant(value: float, digits: int) -> Interval:
    """The interval of values that round to `value` at so many significant digits."""
    half_unit = 0.5 * 10.0 ** (int(np.floor(np.log10(abs(value)))) + 1 - digits)
    return Interval(value - half_unit, value + half_unit)


def squared(interval: Interval) -> Interval:
    return Interval(interval.low**2, interval.high**2)


def t_interval_from_p(p_low: float, p_high: float, df: float, sign: float) -> Interval:
    """The t values whose two-sided p, at `df`, lies in [p_low, p_high]."""
    ends = (stats.t.isf(p_high / 2, df), stats.t.isf(p_low / 2, df))
    return Interval(*sorted((sign * ends[0], sign * ends[1])))


def read_numbers() -> dict:
    return json.loads(NUMBERS.read_text())


def variance_intervals(random: dict, r_format: bool = True) -> dict[str, Interval]:
    """Intervals of τ00, τ11, σ² and corr.

    R prints the variance column with `format(x, digits = 4)`: as many decimals as the neediest
    entry wants at four significant digits, where trailing zeros want nothing. Model 2's column
    (51.32, 3.86, 233.83) has two decimals, so its τ11 is 3.860 at four significant digits.
    """
    out = {
        "tau00": printed(random["intercept_variance"]) & squared(printed(random["intercept_sd"])),
        "tau11": printed(random["slope_variance"]) & squared(printed(random["slope_sd"])),
        "sigma2": printed(random["residual_variance"]) & squared(printed(random["residual_sd"])),
        "corr": printed(random["corr"]),
    }
    if r_format:
        out["tau11"] &= to_significant(float(random["slope_variance"]), 4)
    return out


def fixed_intervals(row: dict) -> dict[str, Interval]:
    """Intervals of one coefficient's estimate, standard error, df and t (p folded into t)."""
    t = printed(row["t"])
    if not row["p"].startswith("<"):
        small = "e" in row["p"]  # then R has dropped trailing zeros of three significant digits
        p = to_significant(float(row["p"]), 3) if small else printed(row["p"])
        t &= t_interval_from_p(p.low, p.high, float(row["df"]), np.sign(float(row["t"])))
    return {
        "estimate": printed(row["estimate"]),
        "std_error": printed(row["std_error"]),
        "df": printed(row["df"]),
        "t": t,
    }


def deviance_interval(row: dict, n: int) -> Interval:
    """The ML deviance that fits a row's AIC, BIC, logLik and deviance at once."""
    npar = int(row["npar"])
    return (
        printed(row["deviance"])
        & printed(row["AIC"]).shifted(-2 * npar)
        & printed(row["BIC"]).shifted(-npar * np.log(n))
        & printed(row["logLik"]).scaled(-2.0)
    )


def chisq_interval(row: dict) -> Interval:
    """The χ² (2 df) that fits a row's printed χ² and p."""
    p = printed(row["p"])
    return printed(row["Chisq"]) & Interval(
        float(stats.chi2.isf(p.high, 2)), float(stats.chi2.isf(p.low, 2))
    )
