"""What each parameter means, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlm_helpers.engine.structure import Coefficient
from mlm_helpers.text import join_words, number_short
from mlm_helpers.words.parts import (
    Part,
    article_of,
    tau_pair,
    versus,
)
from mlm_helpers.words.terms import Terms


class Meanings(Terms):
    """Definitions, read off the structure of the model."""

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
        the = article_of(noun)
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
        the = article_of(noun)
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
