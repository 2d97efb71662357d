"""Everything that can be said of an estimate, and the same for somebody without statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlm_helpers.engine.structure import Coefficient
from mlm_helpers.text import number
from mlm_helpers.words.parts import (
    Part,
    tau_pair,
)
from mlm_helpers.words.sentences import Estimate
from mlm_helpers.words.spread import SpreadSentences


class Speaker(SpreadSentences):
    """The sentences of one fit."""

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
        d = rough(low[1] - high[1])
        ways = ["higher" if v >= 0 else "lower" for _, v in (low, high)]
        return (
            f"In {low[0]}, {winner} is on average about {number(abs(low[1]), d)} {self.units} "
            f"{ways[0]}; in {high[0]}, about {number(abs(high[1]), d)} {self.units} {ways[1]}."
        )

    def _how_sure(self, gap: Estimate, a: float, b: float, high: str, low: str) -> str:
        d = rough(gap.value)
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


def rough(gap: float) -> int:
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
