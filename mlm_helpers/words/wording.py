"""Parameters in words: what γ, u, τ and σ² mean in a model, and what their estimates say.

The meaning of a parameter follows from the model's structure and the vocabulary alone: what the
codes of a predictor are, where each predictor has its zero, which products the model contains, and
whether the level-1 predictor is centered within groups. Sentences about estimates take the numbers
from the tables of the fit.

Terms and definitions: Raudenbush & Bryk (2002), Hierarchical Linear Models, 2nd ed., chapters 2, 4
and 5 (centering, contextual effects, intercepts and slopes as outcomes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlm_helpers.engine.inference import t_interval
from mlm_helpers.engine.structure import INTERCEPT, Coefficient, Level2Equation, Structure
from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.words.vocabulary import (
    Code,
    Factor,
    Noun,
    Predictor,
    Vocabulary,
    canonical_symbol,
    default_code,
    factors_of,
    join_words,
    pretty_symbol,
    random_numbers,
    tau_symbol,
    with_article,
    words_for,
)

if TYPE_CHECKING:
    import pandas as pd


# ---- public -----------------------------------------------------------------------------------
def define(
    model: Any, symbol: str, vocabulary: Vocabulary | str | None = None, *, note: bool = True
) -> str:
    """What a parameter of a model means.

    Parameters
    ----------
    model : a fit, or its ``structure``.
    symbol : ``"gamma11"``, ``"γ11"``, ``"u1j"``, ``"tau01"``, ``"beta0j"``, ``"r"``, ``"sigma2"``,
        or the column of a fixed effect (``"famsesc:sector"``).
    vocabulary : the words to use; by default those shipped with the data set, or column names.
    note : add the remark on what the parameter is easily mistaken for, where there is one.

    Raises
    ------
    MLMError
        If the model has no such parameter.
    """
    reader = Reader(*words_for(model, vocabulary))
    key = reader.symbol(symbol)
    meaning, remark = reader.meaning(key), reader.note(key)
    return f"{meaning} {remark}" if note and remark else meaning


def definitions(model: Any, vocabulary: Vocabulary | str | None = None) -> pd.DataFrame:
    """All parameters of a model in words: index symbol (``gamma00``, ``u0``, ``tau00``, ...),
    columns ``written`` (γ00), ``column`` (of the fixed effect, else empty), ``meaning``, ``note``.

    The order is equation by equation, as in a lecture: the γ's, u and τ of the intercept, then of
    each slope, then the covariances and level 1.
    """
    import pandas as pd

    reader = Reader(*words_for(model, vocabulary))
    rows = []
    for key in reader.symbols:
        c = reader.coefficient(key)
        rows.append(
            {
                "symbol": key,
                "written": pretty_symbol(key),
                "column": c.column if c else "",
                "meaning": reader.meaning(key),
                "note": reader.note(key),
            }
        )
    return pd.DataFrame(rows).set_index("symbol")


def say(
    fit: Any, symbol: str, vocabulary: Vocabulary | str | None = None, level: float = 0.95
) -> str:
    """What an estimate says, in one or two sentences with its number, unit and uncertainty.

    Parameters
    ----------
    fit : a fitted model.
    symbol : as for :func:`define`.
    level : of the confidence interval, which uses the df of ``fit.fixed_effects``.
    """
    _need_fit(fit, "say")
    if not 0 < level < 1:
        raise MLMError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
    reader = Reader(*words_for(fit, vocabulary))
    return _Speaker(reader, fit, level).say(reader.symbol(symbol))


def plain(fit: Any, symbol: str, vocabulary: Vocabulary | str | None = None) -> str:
    """A cross-level interaction for somebody without any statistics, from the fit's numbers."""
    _need_fit(fit, "plain")
    reader = Reader(*words_for(fit, vocabulary))
    key = reader.symbol(symbol)
    c = reader.coefficient(key)
    if c is None or not c.is_cross_level:
        crossed = [pretty_symbol(x.symbol) for x in reader.s.coefficients if x.is_cross_level]
        there = f"this model has {join_words(crossed)}" if crossed else "this model has none"
        raise MLMError(
            f"plain() explains cross-level interactions, and {pretty_symbol(key)} is not one; "
            f"{there}."
        )
    return _Speaker(reader, fit, 0.95).plain(c)


def _need_fit(fit: Any, what: str) -> None:
    if not hasattr(fit, "fixed_effects"):
        raise MLMError(f"{what}() needs a fitted model, because it reports estimates.")


# ---- numbers ----------------------------------------------------------------------------------
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


# ---- what a moderator contributes ----------------------------------------------------------------
_NO_CODE = Code("", "", "", "")


@dataclass(frozen=True)
class Part:
    """One predictor as it enters a term. ``kind``: ``two`` (two coded values), ``treatment`` /
    ``sum`` / ``cell`` (a category's column), ``number``, ``function`` (of a variable)."""

    kind: str
    key: str
    predictor: Predictor
    factor: Factor
    low: Code = _NO_CODE
    high: Code = _NO_CODE

    @property
    def step(self) -> float:
        """Distance between the two codes: a coefficient times this is the difference."""
        if self.kind != "two":
            return 1.0
        return (self.high.number or 0.0) - (self.low.number or 0.0)

    @property
    def is_contrast(self) -> bool:
        """True when the coefficient compares two kinds of unit."""
        return self.kind in ("two", "treatment")


@dataclass(frozen=True)
class Who:
    """The group (or student) at which the other predictors are held: its head noun with
    qualifiers, in the singular and the plural."""

    one: str
    many: str


class Reader:
    """A model's parameters, read with a vocabulary."""

    def __init__(self, structure: Structure, vocabulary: Vocabulary):
        self.s, self.v = structure, vocabulary

    # ---- symbols ----
    @cached_property
    def random(self) -> tuple[int, ...]:
        """p of each random coefficient."""
        return random_numbers(self.s)

    @cached_property
    def correlated(self) -> frozenset[tuple[int, int]]:
        """Pairs (a, b), a < b, of random coefficients whose covariance is estimated."""
        return frozenset(
            (min(a, b), max(a, b))
            for block in self.s.blocks
            for i, a in enumerate(self.random[k] for k in block)
            for b in [self.random[k] for k in block][:i]
        )

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Every parameter of the model in one spelling, in a lecture's order."""
        out: list[str] = []
        for e in self.s.equations:
            out += [c.symbol for c in e.coefficients]
            if e.random:
                out += [f"u{e.p}", tau_symbol(e.p, e.p)]
        out += [tau_symbol(a, b) for a, b in sorted(self.correlated)]
        return (*out, "r", "sigma2")

    def symbol(self, name: str) -> str:
        """One spelling for what the user typed; an MLMError when the model has no such thing."""
        key = canonical_symbol(name)
        betas = [f"beta{e.p}" for e in self.s.equations]
        if key in self.symbols or key in betas:
            return str(key)
        if key is None:
            return self.s.coefficient(str(name)).symbol
        if key.startswith("tau"):
            a, b = tau_pair(key)
            if a != b and a in self.random and b in self.random:
                raise MLMError(
                    f"{pretty_symbol(key)} is not a parameter of this model: it takes the two "
                    "random coefficients to be uncorrelated, so their covariance is fixed at 0."
                )
        known = [pretty_symbol(x) for x in self.symbols]
        raise MLMError(
            f"The model has no {pretty_symbol(key)}; it has {', '.join(known)}."
            + suggest(pretty_symbol(key), known)
        )

    def coefficient(self, key: str) -> Coefficient | None:
        """The fixed effect with this symbol, if it is one."""
        return next((c for c in self.s.coefficients if c.symbol == key), None)

    def equation(self, p: int) -> Level2Equation:
        """The equation of β_pj."""
        return next(e for e in self.s.equations if e.p == p)

    # ---- predictors ----
    def part(self, factor: Factor) -> Part:
        """How one factor of a term is to be read."""
        p = self.v.predictor(factor.key)
        if factor.variable is None:
            kind_p = Predictor(factor.text, factor.text, 1, factor.text, f"unit of {factor.text}")
            return Part("function", factor.text, kind_p, factor)
        noun = self.v.group if p.level == 2 else self.v.unit
        if factor.category is not None:
            mine = p.code(factor.category) or default_code(factor.category, p, noun)
            if factor.coding == "T":
                return Part("treatment", p.column, p, factor, self._reference(p, noun), mine)
            return Part(
                "sum" if factor.coding == "S" else "cell", p.column, p, factor, _NO_CODE, mine
            )
        info = self.s.variables[factor.variable]
        if info.binary and len(p.codes) == 2:
            low, high = sorted(p.codes, key=lambda c: c.number or 0.0)
            return Part("two", p.column, p, factor, low, high)
        return Part("number", p.column, p, factor)

    def _reference(self, p: Predictor, noun: Noun) -> Code:
        """The category that treatment coding leaves out."""
        named = {
            c.value
            for f in self._all_factors
            if f.variable == p.column and f.coding == "T" and (c := p.code(f.category)) is not None
        }
        left = [c for c in p.codes if c.value not in named]
        if left:
            return left[0]
        said = f"the reference category of {p.label}"
        return Code("", "reference", f"a {noun.one} in {said}", f"{noun.many} in {said}")

    @cached_property
    def _all_factors(self) -> list[Factor]:
        terms = [t for c in self.s.coefficients for t in (c.level1, c.level2) if t]
        return [f for t in terms for f in factors_of(t, self.s)]

    def parts(self, term: str | None) -> list[Part]:
        """The factors of a term, read."""
        return [self.part(f) for f in factors_of(term, self.s)] if term else []

    def moderators(self, p: int) -> list[Part]:
        """The predictors of an equation, one Part per variable, main effects first."""
        found: dict[str, Part] = {}
        terms = [c.level2 for c in self.equation(p).coefficients if c.level2]
        for term in sorted(terms, key=lambda t: len(factors_of(t, self.s))):
            for part in self.parts(term):
                found.setdefault(part.key, part)
        return _without_repeats(found)

    def entangled(self, p: int, key: str) -> set[str]:
        """Variables that share a product (or a function of the variable) with ``key`` in an
        equation, so that its coefficient holds at their zero only."""
        out: set[str] = set()
        for c in self.equation(p).coefficients:
            parts = self.parts(c.level2)
            keys = [x.key for x in parts]
            if key in keys and len(keys) > 1:
                out |= set(keys) - {key}
            if any(x.kind == "function" and key in x.factor.uses for x in parts):
                out.add(key)
        return out

    # ---- zeros ----
    def zero(self, part: Part) -> tuple[str, Code | str]:
        """Where a predictor is 0: ``("code", Code)``, ``("mix", text)`` or ``("with", text)``."""
        p = part.predictor
        noun = self.v.group if p.level == 2 else self.v.unit
        if part.kind == "treatment":
            return "code", part.low
        if part.kind == "cell":
            return "mix", f"whatever its {p.label}"
        if part.kind == "sum":
            return "mix", f"averaged equally over the categories of {p.label}"
        if part.kind == "two":
            low, high = part.low.number or 0.0, part.high.number or 0.0
            if low == 0 or high == 0:
                return "code", part.low if low == 0 else part.high
            if abs(low + high) < 1e-12:
                return "mix", f"averaged equally over {versus(part.low, part.high)}"
            if low < 0 < high:
                share = 100 * -low / (high - low)
                return "mix", (
                    f"averaged over {100 - share:.0f}% {part.low.many} and {share:.0f}% "
                    f"{part.high.many}"
                )
            return "with", (
                f"{p.label} = 0 (no {noun.one} has it: the codes are {part.low.value} and "
                f"{part.high.value})"
            )
        if p.zero:
            return "with", p.zero
        info = self.s.variables.get(p.column)
        centered = info.centered if info else "none"
        if centered == "group" or p.centered == "group":
            return "with", f"average {p.label} for their {self.v.group.one}"
        if centered == "none" and p.centered == "grand":
            centered = "grand"
        if centered in ("grand", "grand_groups"):
            return "with", f"average {p.label}"
        return "with", f"{p.label} equal to 0"

    def who(self, parts: Sequence[Part], noun: Noun) -> Who:
        """``"a public school with average school mean SES"``: a unit with these predictors at 0."""
        head: Code | None = None
        having: list[str] = []
        mixes: list[str] = []
        for part in parts:
            kind, what = self.zero(part)
            if isinstance(what, Code):
                if head is None:
                    head = what
                else:
                    having.append(_code_phrase(part.predictor, what))
            elif kind == "mix":
                mixes.append(what)
            else:
                having.append(what)
        one, many = (head.one, head.many) if head else (with_article(noun.one), noun.many)
        joint = " and " if head and " with " in head.one else " with "
        tail = (joint + join_words(having)) if having else ""
        tail += "".join(f", {m}" for m in mixes)
        return Who(one + tail, many + tail)

    def place(self, parts: Sequence[Part]) -> Who:
        """The group with these level-2 predictors at 0."""
        return self.who(parts, self.v.group)

    def held(self, parts: Sequence[Part]) -> str:
        """The same as a qualifier: ``" in public schools"``."""
        return f" among {self.place(parts).many}" if parts else ""

    def control(self, p: int, skip: set[str]) -> str:
        """``", controlling for sector"`` for the other predictors of an equation."""
        labels = [m.predictor.label for m in self.moderators(p) if m.key not in skip]
        return f", controlling for {join_words(labels)}" if labels else ""

    # ---- level 1 ----
    def kinds_behind(self, part: Part) -> tuple[Code, Code] | None:
        """The two kinds one unit of a number apart, where it is a centered 0/1 column."""
        base = self.v.predictor(part.predictor.base)
        if part.kind != "number" or part.predictor.of is None or len(base.codes) != 2:
            return None
        low, high = sorted(base.codes, key=lambda c: c.number or 0.0)
        apart = (high.number or 0.0) - (low.number or 0.0)
        return (low, high) if abs(apart - 1) < 1e-12 else None

    def one_apart(self, part: Part, same: str = "") -> str:
        """``"two students of the same school one unit of SES apart"``, or of two kinds ``"a boy
        and a girl of the same school"``."""
        kinds = self.kinds_behind(part)
        if kinds:
            return f"{kinds[0].one} and {kinds[1].one}{same}"
        return f"two {self.v.unit.many}{same} one {part.predictor.unit} apart"

    def higher_one(self, part: Part, everyday: bool = False) -> str:
        """The one of the two with more of the predictor, in everyday words where there are any."""
        kinds = self.kinds_behind(part)
        if kinds:
            return the_one(kinds[1])
        said = part.predictor.higher if everyday else None
        return said or f"the one with the higher {part.predictor.label}"

    @cached_property
    def level1_parts(self) -> list[Part]:
        """The level-1 variables of the model, one Part each."""
        found: dict[str, Part] = {}
        for term in self.s.level1_predictors:
            for part in self.parts(term):
                found.setdefault(part.key, part)
        return _without_repeats(found)

    def is_group_centered(self, part: Part) -> bool:
        """True when the predictor's mean is 0 in every group, so that only differences within
        groups are left in it."""
        info = self.s.variables.get(part.key)
        return info is not None and (info.centered == "group" or part.predictor.centered == "group")

    @cached_property
    def intercept_is_mean(self) -> bool:
        """True when β0j is the group's own mean: each level-1 term has mean 0 in each group.
        A product of centered predictors does not (its mean is their covariance)."""
        terms = [self.parts(t) for t in self.s.level1_predictors]
        return all(
            len(t) == 1 and t[0].kind != "function" and self.is_group_centered(t[0]) for t in terms
        )

    def mean_at_level2(self, part: Part) -> Part | None:
        """The level-2 predictor of the intercept that holds this predictor's group means."""
        if not any(e.p == 0 for e in self.s.equations):
            return None
        for m in self.moderators(0):
            if m.kind == "number" and m.predictor.mean_of in (part.predictor.base, part.key):
                return m
        return None

    def is_within(self, part: Part) -> bool:
        """True when the slope of this predictor compares members of one group only."""
        return self.is_group_centered(part) or self.mean_at_level2(part) is not None

    @cached_property
    def student_at_zero(self) -> Who:
        """The level-1 unit that β0j describes when it is not the group's mean."""
        return self.who(self.level1_parts, self.v.unit)

    def conditions(self, p: int) -> list[Part]:
        """Level-1 variables that share a product with this term, at whose zero its slope holds."""
        mine = self.parts(self.equation(p).level1)
        keys = {m.key for m in mine}
        found: dict[str, Part] = {}
        for term in self.s.level1_predictors:
            others = self.parts(term)
            if keys < {o.key for o in others}:
                found.update({o.key: o for o in others if o.key not in keys})
            if any(o.kind == "function" and keys & set(o.factor.uses) for o in others):
                found.update({m.key: m for m in mine if m.kind == "number"})
        return list(found.values())

    # ---- the coefficients of level 1 in words ----
    def noun(self, p: int) -> str:
        """What β_pj is: ``"mean reading achievement"``, ``"within-school SES-... slope"``."""
        if p == 0:
            return self.v.outcome.mean if self.intercept_is_mean else self.v.outcome.label
        parts = self.parts(self.equation(p).level1)
        if len(parts) > 1:
            return f"interaction of {join_words([x.predictor.label for x in parts])} at level 1"
        part = parts[0]
        prefix = f"within-{self.v.group.one} " if self.is_within(part) else ""
        if part.is_contrast:
            return f"{prefix}gap in {self.v.outcome.label} between {versus(part.high, part.low)}"
        return prefix + (part.predictor.slope or f"slope of {part.predictor.label}")

    def suffix(self, p: int) -> str:
        """For whom β_pj holds, when not for everybody: ``" for students with ..."``."""
        if p == 0:
            return "" if self.intercept_is_mean else f" for {self.student_at_zero.many}"
        mine = {m.key for m in self.parts(self.equation(p).level1)}
        conditions = self.conditions(p)
        near = [str(self.zero(c)[1]) for c in conditions if c.key in mine]
        others = [c for c in conditions if c.key not in mine]
        return (f" near {join_words(near)}" if near else "") + (
            f" for {self.who(others, self.v.unit).many}" if others else ""
        )

    def explain(self, p: int) -> str:
        """What a slope compares, or an empty text."""
        parts = self.parts(self.equation(p).level1)
        if p == 0 or len(parts) != 1:
            return ""
        part, group = parts[0], self.v.group
        same = f" of the same {group.one}" if self.is_within(part) else ""
        alike = self._alike(p)
        score = f"the difference in {self.v.outcome.label} expected between"
        if part.is_contrast:
            per = "" if part.step == 1 else f", divided by {number_short(part.step)}"
            others = f",{alike[4:]}" if alike else ""
            return (
                f"the expected {self.v.outcome.label} of {part.high.one} minus that of "
                f"{part.low.one}{same}{others}{per}"
            )
        if part.kind == "number":
            return f"{score} {self.one_apart(part, same)}{alike}"
        return ""

    def _alike(self, p: int) -> str:
        mine = {m.key for m in self.parts(self.equation(p).level1)}
        mine |= {c.key for c in self.conditions(p)}
        others = [x.predictor.label for x in self.level1_parts if x.key not in mine]
        return f" and alike in {join_words(others)}" if others else ""

    def slope_units(self, p: int) -> str:
        """Units of β_pj: ``"points per unit of SES"``."""
        units = self.v.outcome.units
        parts = self.parts(self.equation(p).level1) if p else []
        if len(parts) == 1 and parts[0].kind == "number" and not self.kinds_behind(parts[0]):
            return f"{units} per {parts[0].predictor.unit}"
        return units

    # ---- meanings ----
    def meaning(self, key: str) -> str:
        """The definition, one sentence."""
        c = self.coefficient(key)
        if c is not None:
            text = self._fixed(c)
        elif key == "r":
            text = self._residual()
        elif key == "sigma2":
            text = self._sigma2()
        elif key.startswith("beta"):
            p = int(key[4:])
            why = self.explain(p)
            text = f"true {self.noun(p)}{self.suffix(p)} in {self.v.group.one} j" + (
                f": {why}" if why else ""
            )
        elif key.startswith("u"):
            text = self._deviation(int(key[1:]))
        else:
            a, b = tau_pair(key)
            text = self._variance(a) if a == b else self._covariance(a, b)
        return text[0].upper() + text[1:] + "."

    def _fixed(self, c: Coefficient) -> str:
        return self._average(c) if c.level2 is None else self._moderated(c)

    def _average(self, c: Coefficient) -> str:
        """γ_p0: β_p at the zero of the equation's predictors."""
        p, equation = c.p, self.equation(c.p)
        why = self.explain(p)
        tail = f": {why}" if why else ""
        mods = self.moderators(p)
        noun, suffix = self.noun(p), self.suffix(p)
        if mods:
            word = "in" if suffix else "of"
            return f"expected {noun}{suffix} {word} {self.place(mods).one}{tail}"
        if equation.random:
            return (
                f"average of the true {noun}{suffix} over all {self.v.group.many}"
                f"{' (each counted once)' if p == 0 else ''}{tail}"
            )
        if p == 0:
            return f"expected {noun}{suffix}, the same in every {self.v.group.one}"
        return f"{noun}{suffix}, taken to be the same in every {self.v.group.one}{tail}"

    def _moderated(self, c: Coefficient) -> str:
        """γ_pq: how β_p differs between groups."""
        parts = self.parts(c.level2)
        noun, suffix, group = self.noun(c.p), self.suffix(c.p), self.v.group
        the = _the(noun)
        used = {x.key for x in parts}
        if len(parts) > 1:
            return self._product(c, parts)
        part = parts[0]
        tangled = self.entangled(c.p, part.key)
        mods = [m for m in self.moderators(c.p) if m.key in tangled and m.key != part.key]
        held = self.held(mods)
        control = self.control(c.p, used | tangled)
        ways = part.predictor
        if part.is_contrast:
            per = "" if part.step == 1 else f", divided by {number_short(part.step)}"
            words = [f"in {the}{noun}{suffix}", f"between {versus(part.high, part.low)}{held}"]
            if c.p and not self._is_slope(c.p):
                words.reverse()
            return (
                f"expected difference {' '.join(words)} "
                f"({part.high.name} minus {part.low.name}{per}){control}"
            )
        if part.kind == "sum":
            return (
                f"expected difference in {the}{noun}{suffix} between {part.high.many} and the "
                f"equal-weight average of all categories of {ways.label}{held}{control}"
            )
        if part.kind == "cell":
            return f"expected {noun}{suffix} of {part.high.one}{held}{control}"
        if context := self._contextual(c, part):
            return context + control
        alias = self._between_alias(c, part)
        if part.kind == "function" or part.key in tangled:
            at = f" near {self.zero(part)[1]}" if part.kind == "number" else ""
            return f"expected change in {the}{noun}{suffix} per {ways.unit}{at}{held}{control}"
        pair = f"between two {group.many} one {ways.unit} apart{held}"
        if c.p and not self._is_slope(c.p):
            return f"expected difference {pair} in {the}{noun}{suffix}{control}"
        return f"expected difference in {the}{noun}{suffix} {pair}{control}{alias}"

    def source_of_mean(self, part: Part) -> Part | None:
        """The level-1 predictor of the model whose group means a level-2 predictor holds."""
        wanted = part.predictor.mean_of
        if part.kind != "number" or wanted is None:
            return None
        for x in self.level1_parts:
            if x.kind in ("number", "two") and wanted in (x.key, x.predictor.base):
                return x
        return None

    def is_contextual(self, c: Coefficient) -> bool:
        """True for the intercept's coefficient of a group mean whose own level-1 predictor is in
        the model without being centered within groups."""
        parts = self.parts(c.level2)
        if c.p != 0 or len(parts) != 1:
            return False
        source = self.source_of_mean(parts[0])
        return source is not None and not self.is_group_centered(source)

    def is_between(self, c: Coefficient) -> bool:
        """True for the intercept's coefficient of a group mean when it is the between-group
        slope: its level-1 predictor is centered within groups, or not in the model."""
        parts = self.parts(c.level2)
        if c.p != 0 or len(parts) != 1 or parts[0].kind != "number":
            return False
        return parts[0].predictor.mean_of is not None and not self.is_contextual(c)

    def _contextual(self, c: Coefficient, part: Part) -> str:
        source = self.source_of_mean(part)
        if source is None or not self.is_contextual(c):
            return ""
        tangled = [m for m in self.moderators(0) if m.key in self.entangled(0, part.key)]
        return (
            f"contextual effect of {source.predictor.label}: the difference in "
            f"{self.v.outcome.label} expected between {self.context_pair(part, source)}"
            f"{self.held(tangled)}"
        )

    def context_pair(self, part: Part, source: Part) -> str:
        """``"two students with the same SES whose schools are one unit ... apart"``; at one value
        of SES only, when the group mean also changes the slope of SES."""
        x = source.predictor
        crossed = any(
            k.is_cross_level
            and part.key in {m.key for m in self.parts(k.level2)}
            and source.key in {m.key for m in self.parts(k.level1)}
            for k in self.s.coefficients
        )
        at = f" with the same {x.label}"
        if crossed:
            at = (
                f", both {self._others([source])},"
                if source.is_contrast
                else (f", both with {self._others([source])},")
            )
        return (
            f"two {self.v.unit.many}{at} whose {self.v.group.many} are one {part.predictor.unit} "
            "apart"
        )

    def _between_alias(self, c: Coefficient, part: Part) -> str:
        if not self.is_between(c):
            return ""
        source = self.source_of_mean(part)
        base = source.predictor if source else self.v.predictor(part.predictor.mean_of or "")
        return f"; this is the between-{self.v.group.one} {base.slope or 'slope of ' + base.label}"

    def _product(self, c: Coefficient, parts: Sequence[Part]) -> str:
        """A product of level-2 predictors: a difference of differences."""
        noun, suffix = self.noun(c.p), self.suffix(c.p)
        the = _the(noun)
        control = self.control(c.p, {x.key for x in parts})
        contrasts = [x for x in parts if x.is_contrast]
        steps = math.prod(x.step for x in parts)
        per = "" if steps == 1 else f", divided by {number_short(steps)}"
        if len(parts) == 2 and len(contrasts) == 2:
            first, second = contrasts
            return (
                f"difference between two differences: the expected difference in "
                f"{the}{noun}{suffix} between {versus(first.high, first.low)}, among "
                f"{second.high.many} minus among {second.low.many}{per}{control}"
            )
        rest = [x for x in parts if x not in contrasts]
        if len(parts) == 2 and len(contrasts) == 1:
            one = contrasts[0]
            return (
                f"how much more the expected {noun}{suffix} rises per {rest[0].predictor.unit} "
                f"among {one.high.many} than among {one.low.many} (negative: how much less)"
                f"{per}{control}"
            )
        if len(parts) == 2:
            a, b = (x.predictor for x in parts)
            return (
                f"how much more the expected {noun}{suffix} rises per {a.unit} among "
                f"{self.v.group.many} one {b.unit} higher (negative: how much less){control}"
            )
        labels = join_words([x.predictor.label for x in parts])
        return f"joint interaction of {labels} in {the}{noun}{suffix}{control}"

    def given(self, *equations: int) -> str:
        """``"sector and school mean SES"``: the predictors of these equations."""
        labels: dict[str, None] = {}
        for p in equations:
            for m in self.moderators(p):
                labels[m.predictor.label] = None
        return join_words(list(labels))

    def _deviation(self, p: int) -> str:
        given, group = self.given(p), self.v.group
        equation = self.equation(p)
        if given:
            base = f"the value expected from its {given}"
        elif equation.has_fixed:
            base = f"the average over all {group.many}"
        else:
            base = "0, because the model has no fixed part for it"
        return f"deviation of the true {self.noun(p)}{self.suffix(p)} of {group.one} j from {base}"

    def _variance(self, p: int) -> str:
        given, group = self.given(p), self.v.group
        what = f"variance between {group.many} of the true {self.noun(p)}{self.suffix(p)}"
        if given:
            return f"{what}, conditional on {given}: what remains after taking {given} into account"
        if not self.equation(p).has_fixed:
            return f"{what} around 0, because the model has no fixed part for it"
        return what

    def _covariance(self, a: int, b: int) -> str:
        given = self.given(a, b)
        condition = f", conditional on {given}" if given else ""
        return (
            f"covariance between the true {self.noun(a)}{self.suffix(a)} and the true "
            f"{self.noun(b)}{self.suffix(b)} of a {self.v.group.one}{condition}"
        )

    def _given_level1(self) -> str:
        return join_words(list(dict.fromkeys(x.predictor.label for x in self.level1_parts)))

    def _residual(self) -> str:
        unit, group, given = self.v.unit, self.v.group, self._given_level1()
        score = f"{self.v.outcome.label} of {unit.one} i in {group.one} j"
        if not given:
            return f"deviation of the {score} from the true mean of that {group.one}"
        return (
            f"deviation of the {score} from the value expected in that {group.one} for the "
            f"{unit.one}'s {given}"
        )

    def _sigma2(self) -> str:
        unit, group, given = self.v.unit, self.v.group, self._given_level1()
        around = f"the value expected in their {group.one} for their {given}"
        if not given:
            around = f"the true mean of their {group.one}"
        return (
            f"variance of the {self.v.outcome.label} of {unit.many} around {around}, taken to be "
            f"equal in all {group.many}"
        )

    # ---- notes: what is easily mistaken ----
    def note(self, key: str) -> str:
        """The remark that goes with a definition, or an empty text."""
        c = self.coefficient(key)
        if c is not None:
            found = [self._note_zero(c), *self._notes_fixed(c), self._note_no_main(c)]
            return " ".join(x for x in found if x)
        if key == "u0" or key == "beta0":
            return (
                ""
                if not self.intercept_is_mean
                else (
                    "True means free of sampling error: the mean that the model assumes behind the "
                    f"data, not that of the {self.v.unit.many} who happen to be in them."
                )
            )
        if key.startswith("tau"):
            return self._note_tau(key)
        return ""

    def _notes_fixed(self, c: Coefficient) -> list[str]:
        me, group = pretty_symbol(c.symbol), self.v.group
        mods = self.moderators(c.p)
        if c.level2 is None and c.p > 0:
            return [self._note_one_kind(c, mods), self._note_blend(c), self._note_fixed_slope(c)]
        if c.level2 is None:
            if not self.intercept_is_mean and self.level1_parts:
                return [
                    f"It is not the mean of the {group.many}, because "
                    f"{self._uncentered()} not centered within {group.many}."
                ]
            if any(self.zero(m)[0] != "mix" for m in mods):
                return [f"It is not the average over all {group.many}."]
            return []
        if c.is_cross_level:
            return [self._note_cross(c)]
        if self.is_between(c):
            return [self._note_between(c)]
        if self.is_contextual(c):
            source = self.source_of_mean(self.parts(c.level2)[0])
            slope = self._main_slope(source) if source else None
            within = f" the within-{group.one} slope" + (
                f" {pretty_symbol(slope.symbol)}" if slope else ""
            )
            return [
                f"It is not the between-{group.one} slope; that is {me} plus{within}"
                f"{self._at_zero_of(slope)}. The name 'effect' is customary; by "
                "itself it claims no cause."
            ]
        return []

    def _note_no_main(self, c: Coefficient) -> str:
        """A product without its own level-1 term fixes a slope at 0 somewhere."""
        if c.level2 is None or c.p == 0 or self.equation(c.p).has_fixed:
            return ""
        mods = self.moderators(c.p)
        if any(m.kind == "cell" for m in mods):
            return ""
        return (
            f"The model has no γ{c.p}0, so it fixes the {self.noun(c.p)} of "
            f"{self.place(mods).many} at 0."
        )

    def _uncentered(self) -> str:
        names = [x.predictor.label for x in self.level1_parts if not self.is_group_centered(x)]
        if not names:
            return "the product of level-1 predictors is"
        return f"{join_words(names)} {'is' if len(names) == 1 else 'are'}"

    def _note_zero(self, c: Coefficient) -> str:
        """Zero outside the observed range of a predictor at whose zero the coefficient holds."""
        if c.level2 is None:
            at = self.moderators(c.p)
        else:
            tangled = set().union(*(self.entangled(c.p, x.key) for x in self.parts(c.level2)))
            tangled -= {x.key for x in self.parts(c.level2)}
            at = [m for m in self.moderators(c.p) if m.key in tangled]
        if c.p == 0 and not self.intercept_is_mean:
            at = [*at, *self.level1_parts]
        elif c.p > 0:
            at = [*at, *self.conditions(c.p)]
        out = []
        for m in at:
            p = m.predictor
            if m.kind != "number" or p.low is None or p.high is None or p.low <= 0 <= p.high:
                continue
            noun = self.v.group if p.level == 2 else self.v.unit
            d = decimals_for(max(abs(p.low), abs(p.high)))
            out.append(
                f"No {noun.one} in the data has {p.label} equal to 0 (observed: "
                f"{number(p.low, d)} to {number(p.high, d)}), so this is an extrapolation; center "
                f"{p.label} to make it meaningful."
            )
        return " ".join(out)

    def _note_one_kind(self, c: Coefficient, mods: Sequence[Part]) -> str:
        if not mods:
            return ""
        word = "slope" if self._is_slope(c.p) else "gap"
        if all(self.zero(m)[0] == "mix" for m in mods):
            return f"The kinds of {self.v.group.one} count as said, however many there are of each."
        return (
            f"It is not the {word} of all {self.v.group.many} together: the model lets the {word} "
            f"depend on {self.given(c.p)}."
        )

    def _note_blend(self, c: Coefficient) -> str:
        parts = self.parts(c.level1)
        if len(parts) != 1 or self.is_within(parts[0]) or parts[0].kind == "function":
            return ""
        group, label = self.v.group.one, parts[0].predictor.label
        return (
            f"It blends the association within {self.v.group.many} with the one between them, "
            f"because {label} is not centered within {self.v.group.many} and its {group} mean is "
            "not in the model."
        )

    def _note_fixed_slope(self, c: Coefficient) -> str:
        if self.equation(c.p).random or not self.moderators(c.p):
            return ""
        return (
            f"There is no u{c.p}j: {self.v.group.many} alike in {self.given(c.p)} are taken to "
            "have the same slope."
        )

    def _note_cross(self, c: Coefficient) -> str:
        """A cross-level interaction is neither the other group's slope nor a difference in
        means."""
        parts = self.parts(c.level2)
        first = next((k for k in self.equation(c.p).coefficients if k.level2 is None), None)
        slope_word = "slopes" if self._is_slope(c.p) else "gaps"
        out = f"It compares {slope_word}, not means"
        if len(parts) == 1 and parts[0].is_contrast and first:
            part, me = parts[0], pretty_symbol(c.symbol)
            b = 1.0 if part.kind == "treatment" else (part.high.number or 0.0)
            times = "" if b == 1 else f"{number_short(b)} × "
            sign = "+" if b >= 0 else "−"
            if b:
                times = times.lstrip("−")
                others = [m for m in self.moderators(c.p) if m.key != part.key]
                at = f" (at {self._others(others)})" if others else ""
                out += (
                    f", and it is not the {slope_word[:-1]} of {part.high.many}: that is "
                    f"{pretty_symbol(first.symbol)} {sign} {times}{me}{at}"
                )
        return out + "."

    def _others(self, parts: Sequence[Part]) -> str:
        words = []
        for m in parts:
            _, what = self.zero(m)
            words.append(_code_phrase(m.predictor, what) if isinstance(what, Code) else str(what))
        return join_words(words)

    def _is_slope(self, p: int) -> bool:
        parts = self.parts(self.equation(p).level1)
        return not (len(parts) == 1 and parts[0].is_contrast)

    def _main_slope(self, part: Part) -> Coefficient | None:
        return next(
            (
                c
                for c in self.s.coefficients
                if c.level2 is None
                and c.level1
                and [x.key for x in self.parts(c.level1)] == [part.key]
            ),
            None,
        )

    def _at_zero_of(self, slope: Coefficient | None) -> str:
        mods = self.moderators(slope.p) if slope else []
        return f" (for {self.place(mods).one})" if mods else ""

    def _note_between(self, c: Coefficient) -> str:
        source = self.source_of_mean(self.parts(c.level2)[0])
        slope = self._main_slope(source) if source else None
        if slope is None:
            return ""
        return (
            f"It is not the contextual effect; that is what it exceeds the within-"
            f"{self.v.group.one} slope by, {pretty_symbol(c.symbol)} − "
            f"{pretty_symbol(slope.symbol)}{self._at_zero_of(slope)}"
            f"{self._elsewhere(slope)}."
        )

    def _elsewhere(self, slope: Coefficient) -> str:
        """The within slope differs between groups, and the contextual effect with it."""
        labels = [m.predictor.label for m in self.moderators(slope.p)]
        if not labels:
            return ""
        return f"; for other {join_words(labels, 'or')} it is another number, as the slope is"

    def _note_tau(self, key: str) -> str:
        a, b = tau_pair(key)
        if a == b == 0 and self.intercept_is_mean:
            return (
                f"It is not the variance of the observed {self.v.group.one} means, which also "
                "contains sampling error."
            )
        if a == b == 0 and any(e.random and e.p > 0 for e in self.s.equations):
            return (
                f"It holds at that point only: with a random slope, {self.v.group.many} differ by "
                f"another amount elsewhere on {self._given_level1()}."
            )
        if a == b and a > 0:
            return (
                "It is the variance of the true slopes: slopes estimated in each "
                f"{self.v.group.one} alone (OLS) vary more, because they also contain sampling "
                "error, and EB slopes vary less, because they are shrunken."
                if self._is_slope(a)
                else ""
            )
        if a != b and not self.intercept_is_mean and 0 in (a, b):
            return f"Its size and sign depend on where {self._given_level1()} has its zero."
        return ""


def _without_repeats(found: dict[str, Part]) -> list[Part]:
    """Leave out functions of variables that are there themselves, such as the square of one."""
    return [
        x for x in found.values() if x.kind != "function" or not set(x.factor.uses) <= set(found)
    ]


def _the(noun: str) -> str:
    """The article after "in": none before "mean reading achievement"."""
    return "" if noun.startswith("mean ") else "the "


def versus(high: Code, low: Code) -> str:
    """``"private and public schools"``, or both in full when their last words differ."""
    a, b = high.many.split(" "), low.many.split(" ")
    if len(a) == len(b) == 2 and a[1] == b[1]:
        return f"{a[0]} and {low.many}"
    return f"{high.many} and {low.many}"


def the_one(code: Code) -> str:
    """``"the girl"`` from "a girl"; "another school" stays."""
    article, _, noun = code.one.partition(" ")
    return f"the {noun}" if article in ("a", "an") and noun else code.one


def _code_phrase(p: Predictor, code: Code) -> str:
    """``"sector public"``; ``"sector = 0"`` for a code that has only its value for a name."""
    return code.name if code.name.startswith(f"{p.label} = ") else f"{p.label} {code.name}"


def tau_pair(symbol: str) -> tuple[int, int]:
    """``"tau01"`` as (0, 1)."""
    digits = symbol[3:].split(",") if "," in symbol else list(symbol[3:])
    return int(digits[0]), int(digits[1])


def number_short(x: float) -> str:
    """A number with no more digits than it needs."""
    return f"{x:.6g}".replace("-", "−")


# ---- sentences about estimates ------------------------------------------------------------------
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


class _Speaker:
    def __init__(self, reader: Reader, fit: Any, level: float):
        self.r, self.fit, self.level = reader, fit, level
        self.units = reader.v.outcome.units

    def estimate(self, c: Coefficient) -> Estimate:
        row = self.fit.fixed_effects.loc[c.column]
        value, se, df = float(row["estimate"]), float(row["std_error"]), float(row["df"])
        low, high = t_interval(value, se, df, self.level)
        return Estimate(value, se, float(low), float(high), float(row["p"]))

    def say(self, key: str) -> str:
        c = self.r.coefficient(key)
        if c is not None:
            return self._fixed(c)
        if key in ("r", "sigma2"):
            return self._level1()
        if key.startswith("beta"):
            return self._beta(int(key[4:]))
        if key.startswith("u"):
            return self._eb(int(key[1:]))
        a, b = tau_pair(key)
        return self._variance(a) if a == b else self._covariance(a, b)

    # ---- fixed effects ----
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

    # ---- random part ----
    def _component(self, a: str, b: str | None = None) -> Any:
        table = self.fit.variance_components
        two = table["term2"].where(table["term2"].notna(), "")
        pair = {a, b or ""}
        for key, row in table.iterrows():
            if {row["term"], two[key]} == pair:
                return row
        raise MLMError(f"The fit has no variance component for {a!r}.")

    def _name(self, p: int) -> str:
        return self.r.equation(p).level1 or INTERCEPT

    def _variance(self, p: int) -> str:
        r, row = self.r, self._component(self._name(p))
        sd, variance = float(row["sd"]), float(row["variance"])
        what, units, group = f"true {r.noun(p)}{r.suffix(p)}", r.slope_units(p), r.v.group
        me = pretty_symbol(tau_symbol(p, p))
        given = r.given(p)
        if sd < 1e-8 * float(self.fit.sigma2) ** 0.5:
            return (
                f"{me} is estimated as 0: the {what} differ between {group.many} no more than "
                "chance alone would make them seem to. That does not prove that they are equal."
            )
        d = decimals_for(sd, sd)
        base = f"the value expected from their {given}" if given else "the average"
        text = (
            f"Between {group.many}, the {what} has a standard deviation of {number(sd, d)} {units} "
            f"around {base} ({me} = {number(variance, decimals_for(variance, variance))})"
        )
        first = next((c for c in r.equation(p).coefficients if c.level2 is None), None)
        half = 1.959964 * sd
        if not given and first is not None:
            centre = self.estimate(first).value
            text += (
                f"; if it is normally distributed, about 95% of {group.many} lie between "
                f"{number(centre - half, d)} and {number(centre + half, d)}"
            )
        else:
            text += (
                f"; if the deviations are normally distributed, about 95% of {group.many} lie "
                f"within {number(half, d)} of that value"
            )
        return text + "."

    def _covariance(self, a: int, b: int) -> str:
        r, row = self.r, self._component(self._name(a), self._name(b))
        me = pretty_symbol(tau_symbol(a, b))
        cov, corr = float(row["variance"]), float(row["corr"])
        given = r.given(a, b)
        base = (
            f"once {given} {'is' if ' and ' not in given else 'are'} accounted for, "
            if (given)
            else ""
        )
        d = decimals_for(cov, cov)
        if not math.isfinite(corr):
            return (
                f"{me} is estimated as {number(cov, d)}; there is no correlation to report, "
                "because one of the two variances is estimated as 0."
            )
        numbers = f"(covariance {me} = {number(cov, d)}, correlation {number(corr, 2)})"
        if abs(corr) > 1 - 1e-6:
            return (
                f"{me} is estimated as {number(cov, d)}, a correlation of {number(corr, 2)}: the "
                "fit is singular, which says that the data cannot tell the two apart, not that "
                "they go together perfectly."
            )
        first, second = f"{r.noun(a)}{r.suffix(a)}", f"{r.noun(b)}{r.suffix(b)}"
        if abs(corr) < 0.1:
            text = (
                f"{base}the true {first} and the true {second} of a {r.v.group.one} are nearly "
                f"uncorrelated {numbers}"
            )
        else:
            way = "higher" if corr > 0 else "lower"
            text = (
                f"{base}{r.v.group.many} with a higher true {first} tend to have a {way} true "
                f"{second} {numbers}"
            )
        return text[0].upper() + text[1:] + "."

    def _level1(self) -> str:
        r, sigma2 = self.r, float(self.fit.sigma2)
        sd = math.sqrt(sigma2)
        given = r._given_level1()
        base = (
            f"the value expected in their {r.v.group.one} for their {given}"
            if given
            else f"the true mean of their {r.v.group.one}"
        )
        return (
            f"Within {r.v.group.many}, the {r.v.outcome.label} of {r.v.unit.many} has a standard "
            f"deviation of {number(sd, decimals_for(sd, sd))} {self.units} around {base} "
            f"(σ² = {number(sigma2, decimals_for(sigma2, sigma2))})."
        )

    def _eb(self, p: int) -> str:
        r = self.r
        table = self.fit.random_effects
        columns = [c for c in table.columns if not str(c).endswith("_sd")]
        values = table[columns[r.s.random.index(self._name(p))]]
        root = float(self._component(self._name(p))["sd"])
        spread = float(values.std())
        d = decimals_for(spread, spread)
        units = r.slope_units(p)
        text = (
            f"The EB residuals û{p}j of the {len(values)} {r.v.group.many} run from "
            f"{number(float(values.min()), d)} to {number(float(values.max()), d)} {units}"
        )
        if spread < root:
            text += (
                f"; their standard deviation, {number(spread, d)}, is smaller than "
                f"√τ{p}{p} = {number(root, d)}, because each is shrunken towards 0, the more the "
                f"less its {r.v.group.one}'s data say"
            )
        return text + "."

    def _beta(self, p: int) -> str:
        r = self.r
        values = self.fit.coefficients[f"b{p}"]
        d = decimals_for(float(values.mean()), float(values.std()))
        return (
            f"The EB estimates of the {r.noun(p)}{r.suffix(p)} run over the {len(values)} "
            f"{r.v.group.many} from {number(float(values.min()), d)} to "
            f"{number(float(values.max()), d)} {r.slope_units(p)}, with mean "
            f"{number(float(values.mean()), d)}."
        )

    # ---- for somebody without statistics ----
    def plain(self, c: Coefficient) -> str:
        r = self.r
        ones, twos = r.parts(c.level1), r.parts(c.level2)
        first = next((k for k in r.equation(c.p).coefficients if k.level2 is None), None)
        ends = self._ends(twos[0]) if len(twos) == 1 else None
        if len(ones) != 1 or ends is None or first is None or ones[0].kind == "function":
            return f"{r.meaning(c.symbol)} {self._bare(c)}"
        (low, low_at), (high, high_at) = ends
        x = ones[0]
        base, e = self.estimate(first).value, self.estimate(c)
        a, b = (x.step * (base + at * e.value) for at in (low_at, high_at))
        gap = e.times(x.step * (high_at - low_at))
        others = [m for m in r.moderators(c.p) if m.key != twos[0].key]
        return " ".join(
            s
            for s in (
                self._picture(x, others, c.p),
                self._two_gaps(x, (low, a), (high, b)),
                self._how_sure(gap, a, b, high, low),
                (
                    f"This describes how {r.v.group.many} differ, not what makes them differ; and "
                    f"a smaller gap between {r.v.unit.many} does not mean lower scores."
                ),
            )
            if s
        )

    def _ends(self, part: Part) -> tuple[tuple[str, float], tuple[str, float]] | None:
        """Two kinds of group to compare: the two codes, or one SD below and above the mean over
        groups."""
        noun = self.r.v.group
        if part.is_contrast:
            if part.kind == "treatment":
                return (part.low.many, 0.0), (part.high.many, 1.0)
            return (
                (part.low.many, part.low.number or 0.0),
                (part.high.many, part.high.number or 0.0),
            )
        if part.kind != "number" or part.key not in getattr(self.fit, "group_table", ()):
            return None
        values = self.fit.group_table[part.key].astype(float)
        mean, sd = float(values.mean()), float(values.std())
        label = part.predictor.label
        return (
            (f"{noun.many} with a fairly low {label}", mean - sd),
            (f"{noun.many} with a fairly high {label}", mean + sd),
        )

    def _picture(self, x: Part, others: Sequence[Part], p: int) -> str:
        r, group = self.r, self.r.v.group
        same = f" of the same {group.one}" if r.is_within(x) else ""
        alike = r._alike(p)
        place = f" Take only {r.place(others).many}." if others else ""
        if x.is_contrast:
            others_same = f",{alike[4:]}" if alike else ""
            return f"Picture {x.high.one} and {x.low.one}{same}{others_same}.{place}"
        meaning = (
            f" ({x.predictor.label} says {x.predictor.everyday})" if x.predictor.everyday else ""
        )
        pair = r.one_apart(x, same)
        return f"Picture {pair}{meaning}{alike}.{place}"

    def _two_gaps(self, x: Part, low: tuple[str, float], high: tuple[str, float]) -> str:
        label = self.r.v.outcome.label
        if x.is_contrast:
            winner = f"the {label} of {x.high.one}"
        else:
            winner = f"the {label} of {self.r.higher_one(x, everyday=True)}"
        d = _rough(low[1] - high[1])
        ways = ["higher" if v >= 0 else "lower" for _, v in (low, high)]
        return (
            f"In {low[0]}, {winner} is on average about {number(abs(low[1]), d)} {self.units} "
            f"{ways[0]}; in {high[0]}, about {number(abs(high[1]), d)} {self.units} {ways[1]}."
        )

    def _how_sure(self, gap: Estimate, a: float, b: float, high: str, low: str) -> str:
        d = _rough(gap.value)
        if gap.open:
            return (
                "These are averages from a sample, which cannot tell which of the two gaps is "
                f"larger: the one in {high} could be lower than the one in {low} by "
                f"{number(-gap.lower, d)} {self.units}, or higher by {number(gap.upper, d)}."
            )
        if a * b < 0:
            compared = f"So the gap in {high} points the other way."
        else:
            compared = f"So the gap in {high} is {ratio_words(abs(b) / abs(a))} the one in {low}."
        ends = sorted((abs(gap.lower), abs(gap.upper)))
        return (
            f"{compared} These are averages from a sample: taking chance into account, the two "
            f"gaps differ by something between {number(ends[0], d)} and {number(ends[1], d)} "
            f"{self.units}."
        )


def _rough(gap: float) -> int:
    """Decimals that still show a gap, and no more."""
    return max(1, -math.floor(math.log10(abs(gap)))) if gap else 1


_RATIOS = {
    0.05: "only a small part of",
    0.1: "about a tenth of",
    0.2: "about a fifth of",
    0.25: "about a quarter of",
    0.33: "about a third of",
    0.5: "about half",
    0.67: "about two thirds of",
    0.75: "about three quarters of",
    0.9: "a little smaller than",
    1.0: "about as large as",
    1.1: "a little larger than",
    1.33: "about a third larger than",
    1.5: "about one and a half times",
    2.0: "about twice",
    3.0: "about three times",
    5.0: "several times",
}


def ratio_words(ratio: float) -> str:
    """A ratio of two gaps in everyday words, to be followed by the other gap."""
    if not ratio > 0:
        return "only a small part of"
    return _RATIOS[min(_RATIOS, key=lambda r: abs(math.log(r / ratio)))]
