"""The parameters of a model and what they are called: symbols, predictors, zeros, nouns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from mlm_helpers.engine.structure import Coefficient, Level2Equation, Structure
from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.text import join_words, number_short
from mlm_helpers.words.parts import (
    NO_CODE,
    Part,
    Who,
    code_phrase,
    tau_pair,
    the_one,
    versus,
    without_repeats,
)
from mlm_helpers.words.vocabulary import (
    Code,
    Factor,
    Noun,
    Predictor,
    Vocabulary,
    canonical_symbol,
    default_code,
    factors_of,
    pretty_symbol,
    random_numbers,
    tau_symbol,
    with_article,
)


class Terms:
    """A model's parameters and predictors, named with a vocabulary."""

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
                "sum" if factor.coding == "S" else "cell", p.column, p, factor, NO_CODE, mine
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
        return without_repeats(found)

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
                    having.append(code_phrase(part.predictor, what))
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
        return without_repeats(found)

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

    def _others(self, parts: Sequence[Part]) -> str:
        words = []
        for m in parts:
            _, what = self.zero(m)
            words.append(code_phrase(m.predictor, what) if isinstance(what, Code) else str(what))
        return join_words(words)

    def _is_slope(self, p: int) -> bool:
        parts = self.parts(self.equation(p).level1)
        return not (len(parts) == 1 and parts[0].is_contrast)
