"""Sentences about the estimates of fixed effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlm_helpers.engine.inference import t_interval
from mlm_helpers.engine.structure import Coefficient
from mlm_helpers.text import decimals_for, number, p_value
from mlm_helpers.words.parts import (
    Part,
)
from mlm_helpers.words.reader import Reader
from mlm_helpers.words.vocabulary import (
    pretty_symbol,
    with_article,
)


@dataclass(frozen=True)
class Estimate:
    """One number with its uncertainty, on the scale on which it is said."""

    value: float
    std_error: float
    lower: float
    upper: float
    p: float

    @property
    def decimals(self) -> int:
        return decimals_for(self.value, self.std_error)

    @property
    def open(self) -> bool:
        """True when the interval contains 0."""
        return self.lower <= 0 <= self.upper

    def times(self, factor: float) -> Estimate:
        """The same for a multiple of the coefficient."""
        ends = sorted((self.lower * factor, self.upper * factor))
        return Estimate(self.value * factor, self.std_error * abs(factor), ends[0], ends[1], self.p)


class FixedSentences:
    """What the estimate of a fixed effect says, with its number, unit and uncertainty."""

    def __init__(self, reader: Reader, fit: Any, level: float):
        self.r, self.fit, self.level = reader, fit, level
        self.units = reader.v.outcome.units

    def estimate(self, c: Coefficient) -> Estimate:
        row = self.fit.fixed_effects.loc[c.column]
        value, se, df = float(row["estimate"]), float(row["std_error"]), float(row["df"])
        low, high = t_interval(value, se, df, self.level)
        return Estimate(value, se, float(low), float(high), float(row["p"]))

    def _fixed(self, c: Coefficient) -> str:
        if c.level2 is None:
            return self._mean(c) if c.p == 0 else self._slope(c)
        parts = self.r.parts(c.level2)
        if len(parts) == 1 and parts[0].is_contrast:
            return self._contrast(c, parts[0])
        alone = len(parts) == 1 and parts[0].key not in self.r.entangled(c.p, parts[0].key)
        if alone and parts[0].kind == "number":
            return self._gradient(c, parts[0])
        return self._bare(c)

    def _numbers(self, c: Coefficient, e: Estimate, step: float, p: bool = True) -> str:
        d = e.decimals
        first = f"{pretty_symbol(c.symbol)} = {number(e.value / step, d)}"
        if step != 1:
            first += f", difference {number(e.value, d)}"
        interval = (
            f"standard error {number(e.std_error, d)}; {100 * self.level:g}% confidence interval "
            f"{number(e.lower, d)} to {number(e.upper, d)}"
        )
        return f"({first}; {interval}{'; ' + p_value(e.p) if p else ''})"

    def _amount(self, e: Estimate, units: str) -> str:
        """``"3.60 points lower"``."""
        way = "lower" if e.value < 0 else "higher"
        return f"{number(abs(e.value), e.decimals)} {units} {way}"

    def _verdict(self, e: Estimate, units: str) -> str:
        if not e.open:
            return ""
        d = e.decimals
        return (
            f" The interval includes 0: the data are compatible with anything from "
            f"{number(-e.lower, d)} lower to {number(e.upper, d)} {units} higher, so they leave "
            "the direction open."
        )

    def _mean(self, c: Coefficient) -> str:
        r, e = self.r, self.estimate(c)
        value = f"{number(e.value, e.decimals)} {self.units}"
        numbers = self._numbers(c, e, 1.0, p=False)
        mods = r.moderators(0)
        noun = r.noun(0)
        if r.intercept_is_mean:
            where = f"For {r.place(mods).one}" if mods else f"Averaged over all {r.v.group.many}"
            return f"{where}, the expected {noun} is {value} {numbers}."
        where = f" in {r.place(mods).one}" if mods else f", averaged over all {r.v.group.many}"
        return f"For {r.student_at_zero.one}{where}, the expected {noun} is {value} {numbers}."

    def _slope(self, c: Coefficient) -> str:
        r, parts, mods = self.r, self.r.parts(c.level1), self.r.moderators(c.p)
        part = parts[0]
        if len(parts) > 1 or part.kind not in ("number", "two", "treatment"):
            return self._bare(c)
        e = self.estimate(c).times(part.step)
        where = f"in {r.place(mods).many}" if mods else ""
        if not mods and r.equation(c.p).random:
            where = f"averaged over all {r.v.group.many}"
        where = f"{where[:1].upper()}{where[1:]}, " if where else ""
        same = f" of the same {r.v.group.one}" if r.is_within(part) else ""
        has = f"expected to have {with_article(r.v.outcome.label)} {self._amount(e, self.units)}"
        if part.is_contrast:
            alike = r._alike(c.p).removeprefix(" and")
            text = f"{where}{part.high.one} is {has} than {part.low.one}{same}{alike}"
        else:
            text = (
                f"{where}of {r.one_apart(part, same)}{r._alike(c.p)}{r.suffix(c.p)}, "
                f"{r.higher_one(part)} is {has}"
            )
        text = text[0].upper() + text[1:]
        return f"{text} {self._numbers(c, e, part.step)}.{self._verdict(e, self.units)}"

    def _contrast(self, c: Coefficient, part: Part) -> str:
        r, e = self.r, self.estimate(c).times(part.step)
        tangled = r.entangled(c.p, part.key)
        mods = [m for m in r.moderators(c.p) if m.key in tangled and m.key != part.key]
        control = r.control(c.p, {part.key} | tangled)
        units = r.slope_units(c.p)
        text = (
            f"The expected {r.noun(c.p)}{r.suffix(c.p)} is {self._amount(e, units)} in "
            f"{part.high.many} than in {part.low.many}{r.held(mods)}{control} "
            f"{self._numbers(c, e, part.step)}"
        )
        text += self._two_slopes(c, part) + "." + self._verdict(e, units)
        if e.open and control:
            text += (
                f" This compares {r.v.group.many} alike in {control.split('for ', 1)[1]}; it does "
                f"not say how {part.high.many} and {part.low.many} compare as they are."
            )
        return text

    def _two_slopes(self, c: Coefficient, part: Part) -> str:
        """``": 3.81 instead of 7.70"``: the two slopes behind a difference between slopes."""
        r = self.r
        pair = self._pair(c, part)
        if c.p == 0 or pair is None:
            return ""
        others = [m for m in r.moderators(c.p) if m.key != part.key]
        at = f" (both with {r._others(others)})" if others else ""
        d = self.estimate(c).decimals
        return f": {number(pair[1], d)} instead of {number(pair[0], d)}{at}"

    def _pair(self, c: Coefficient, part: Part) -> tuple[float, float] | None:
        """β_p at the low and the high code, other predictors of the equation at 0."""
        first = next((k for k in self.r.equation(c.p).coefficients if k.level2 is None), None)
        if first is None:
            return None
        base, slope = self.estimate(first).value, self.estimate(c).value
        if part.kind == "treatment":
            return base, base + slope
        low, high = part.low.number or 0.0, part.high.number or 0.0
        return base + low * slope, base + high * slope

    def _gradient(self, c: Coefficient, part: Part) -> str:
        r, e, p = self.r, self.estimate(c), part.predictor
        tangled = r.entangled(c.p, part.key)
        mods = [m for m in r.moderators(c.p) if m.key in tangled and m.key != part.key]
        control = r.control(c.p, {part.key} | tangled)
        units, group = r.slope_units(c.p), r.v.group
        source = r.source_of_mean(part)
        if r.is_contextual(c) and source is not None:
            text = (
                f"Of {r.context_pair(part, source)}, the one in the {group.one} with the higher "
                f"{p.label} is expected to have {with_article(r.v.outcome.label)} "
                f"{self._amount(e, units)}"
            )
        elif c.p == 0 and not r.intercept_is_mean:
            text = (
                f"Of two {group.many} one {p.unit} apart, {r.student_at_zero.many} in the one with "
                f"the higher {p.label} are expected to have {with_article(r.v.outcome.label)} "
                f"{self._amount(e, units)}"
            )
        else:
            text = (
                f"Of two {group.many} one {p.unit} apart, the one with the higher {p.label} is "
                f"expected to have {with_article(r.noun(c.p))}{r.suffix(c.p)} that is "
                f"{self._amount(e, units)}"
            )
        text += f"{r.held(mods)}{control} {self._numbers(c, e, 1.0)}."
        return text + self._verdict(e, units)

    def _bare(self, c: Coefficient) -> str:
        e = self.estimate(c)
        text = (
            f"{pretty_symbol(c.symbol)} is estimated as {number(e.value, e.decimals)} "
            f"{self._numbers(c, e, 1.0)}; it is the {self.r.meaning(c.symbol)[:1].lower()}"
            f"{self.r.meaning(c.symbol)[1:]}"
        ).replace("it is the how", "it says how")
        if e.open:
            text += (
                f" The interval includes 0: the data are compatible with values from "
                f"{number(e.lower, e.decimals)} to {number(e.upper, e.decimals)}, so they leave "
                "its sign open."
            )
        return text
