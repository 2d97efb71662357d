"""What a parameter is easily mistaken for."""

from __future__ import annotations

from collections.abc import Sequence

from mlm_helpers.engine.structure import Coefficient
from mlm_helpers.text import decimals_for, join_words, number, number_short
from mlm_helpers.words.meanings import Meanings
from mlm_helpers.words.parts import (
    Part,
    tau_pair,
)
from mlm_helpers.words.vocabulary import (
    pretty_symbol,
)


class Reader(Meanings):
    """A model's parameters, read with a vocabulary: meanings, and the remarks that go with them."""

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
