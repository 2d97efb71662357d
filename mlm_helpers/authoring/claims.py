"""What the lecture says about its numbers: sentences that are true for whatever the data say.

Each claim looks at significance, direction and size in the digits that are shown, and at whether
what it compares can be told apart at all.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlm_helpers.engine.compare import compare
from mlm_helpers.engine.inference import p_of_t, t_interval
from mlm_helpers.interpret.scenes import Probe
from mlm_helpers.interpret.shrinkage import shrinkage_sources
from mlm_helpers.text import join_words
from mlm_helpers.words.wording import Reader, decimals_for, number, p_value

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

_SAME = 0.01  # a variance that moved by less stayed where it was


class Claims:
    """Sentences of one lecture; ``context`` is the template's."""

    def __init__(self, context: Any):
        self.c = context
        self.alpha = context.lesson.alpha
        v, self.escape = context.v, context.escape
        self.groups, self.group = self.escape(v.group.many), self.escape(v.group.one)
        self.units, self.students = self.escape(v.outcome.units), self.escape(v.unit.many)
        self.x, self.w = self.escape(context.x.label), self.escape(context.w.label)
        self.m = self.escape(context.m.label) if context.m is not None else ""

    # ---- numbers ----
    def row(self, fit: MLMFit, symbol: str) -> pd.Series:
        """The row of a γ in the table of fixed effects."""
        return fit.fixed_effects.loc[fit.structure.coefficient(symbol).column]

    def sig(self, fit: MLMFit, symbol: str) -> bool:
        """Whether γ can be told from 0 at the lesson's level."""
        return bool(self.row(fit, symbol)["p"] < self.alpha)

    def decimals(self, fit: MLMFit, symbol: str) -> int:
        """Decimals that go with a γ's standard error, or with a variance."""
        if symbol.startswith("gamma"):
            row = self.row(fit, symbol)
            return decimals_for(float(row["estimate"]), float(row["std_error"]))
        value = self.c.estimate(fit, symbol)
        return decimals_for(value, value)

    def est(self, fit: MLMFit, symbol: str) -> str:
        """An estimate in its digits."""
        return number(float(self.c.estimate(fit, symbol)), self.decimals(fit, symbol))

    def interval(self, fit: MLMFit, symbol: str) -> str:
        """``"−1.12 to 1.83"``."""
        row, d = self.row(fit, symbol), self.decimals(fit, symbol)
        low, high = t_interval(row["estimate"], row["std_error"], row["df"], 1 - self.alpha)
        return f"{number(float(low), d)} to {number(float(high), d)}"

    def p(self, fit: MLMFit, symbol: str) -> str:
        """``"p = .012"``, kept on one line."""
        return p_value(float(self.row(fit, symbol)["p"])).replace(" ", "\N{NO-BREAK SPACE}")

    def joint_p(self, fit: MLMFit, symbols: tuple[str, ...]) -> float:
        """p of all these γ's together: of the one, or of the F test of several."""
        columns = [fit.structure.coefficient(s).column for s in symbols]
        return float(fit.test(columns)["p"].iloc[0])

    @staticmethod
    def share(value: float) -> str:
        """A proportional reduction; below 0 nothing is explained."""
        return f"{number(100 * value, 1)}%" if value >= 0.0005 else "none"

    # ---- slides 3 to 5 ----
    def pair(self) -> str:
        """Two members of one group, one unit of the predictor apart."""
        reader = Reader(self.c.fit("m1").structure, self.c.v)
        part = next(p for p in reader.level1_parts if p.key == self.c.x.column)
        return self.escape(reader.one_apart(part, f" of the same {self.c.v.group.one}"))

    def range_of_slopes(self) -> str:
        """How the fitted slopes of the groups run."""
        b = self.c.fit("m1").coefficients["b1"]
        d = decimals_for(float(b.mean()), float(b.std()))
        rise = int((b > 0).sum())
        said = f"{rise} of {len(b)} rise"
        if rise in (0, len(b)):
            said = "all of them rise" if rise else "all of them fall"
        return (
            f"The fitted slopes run from {number(float(b.min()), d)} to "
            f"{number(float(b.max()), d)}, and {said}."
        )

    @cached_property
    def gaps(self) -> tuple[str, str]:
        """The gaps in EB residuals of slide 5, in the digits of the model's differences."""
        m2, numbers = self.c.fit("m2"), self.c.names
        symbols = (self.c.names["w0"][0], self.c.names["w1"][0])
        return tuple(
            number(float(numbers[f"gap{k}"]), self.decimals(m2, s)) for k, s in enumerate(symbols)
        )  # type: ignore[return-value]

    def residual_gap(self) -> str:
        """Who has the higher residuals, by how much."""
        w = self.c.names["w"]
        said = []
        for k, what in enumerate(("an intercept residual", "a slope residual")):
            gap = self.gaps[k].lstrip("−")
            way = "higher" if self.c.names[f"gap{k}"] > 0 else "lower"
            units = f" {self.units}" if k == 0 else ""
            zero = not any(ch in "123456789" for ch in gap)
            said.append(
                f"{what} that is the same to the digits shown"
                if zero
                else f"{what} {gap}{units} {way}"
            )
        high, low = self.escape(w.high.many), self.escape(w.low.many)
        return f"On average, compared with {low}, {high} have {said[0]}, and {said[1]}."

    def reliability(self) -> str:
        """What λ says of these groups, and what follows for EB residuals."""
        n = self.c.names

        def tells(value: float) -> str:
            return "a good deal" if value > 0.6 else "something" if value > 0.3 else "little"

        return (
            f"The data of a {self.group} with about {n['per_group']:.0f} {self.students} tell "
            f"{tells(n['lambda0'])} about its mean (λ₀ = {number(n['lambda0'])}) and "
            f"{tells(n['lambda1'])} about its slope (λ₁ = {number(n['lambda1'])}). So a difference "
            f"between EB residuals is no estimate of the difference between {self.groups} behind "
            "it: usually it is **smaller**."
        )

    # ---- slide 14 ----
    def slope_depends(self) -> str:
        """Before the slopes of the kinds."""
        fit, symbols, w = self.c.fit("m2"), self.c.names["w1"], self.c.w
        p = self.joint_p(fit, symbols)
        shown = p_value(p).replace(" ", "\N{NO-BREAK SPACE}")
        if p < self.alpha:
            return f"The slope is no longer one number. It depends on {w.label} ({shown}):"
        return (
            f"The model has a slope for each {w.label}. Whether they differ in truth, these data "
            f"cannot tell ({shown}):"
        )

    def lost(self, gap: float, whole: float, d: int) -> str:
        """What became of a gap among EB residuals, beside the model's."""
        if number(whole, d).lstrip("−").strip("0.") == "":
            return "had no gap to lose"
        share = gap / whole
        if share < 0:
            return "show a gap in the other direction"
        if share > 1.005:
            return "show a gap that is not smaller"
        return f"lost {100 * (1 - share):.0f}% of their gap"

    def two_sizes(self) -> str:
        """Why the gaps in residuals are not the model's."""
        c, m2 = self.c, self.c.fit("m2")
        (s0, s1), n = (c.names["w0"][0], c.names["w1"][0]), c.names
        lost0 = self.lost(n["gap0"], c.estimate(m2, s0), self.decimals(m2, s0))
        lost1 = self.lost(n["gap1"], c.estimate(m2, s1), self.decimals(m2, s1))
        text = (
            "The model's (an estimate too). EB residuals of Model 1 were pulled towards one common "
            f"average, which knew nothing of {self.w}. "
            f"The intercepts (λ₀ = {number(n['lambda0'])}) {lost0}; "
            f"the slopes (λ₁ = {number(n['lambda1'])}) {lost1}."
        )
        own, echo = self.echo
        d = self.decimals(m2, s1)
        if abs(echo) > 0.05 * (abs(own) + abs(echo)) and c.fit("m1").T.to_numpy()[0, 1] != 0:
            text += (
                " The pull works on both at once: where intercepts and slopes go together (τ₀₁), a "
                f"{self.group}'s mean also tells something about its slope. Of the "
                f"{self.gaps[1]} between the slope residuals, {number(own, d)} comes from the "
                f"slopes and {number(echo, d)} is an echo of the means."
            )
        return (
            f"{text} A picture of residuals shows where to look; the size of a difference comes "
            "from the model."
        )

    @cached_property
    def echo(self) -> tuple[float, float]:
        """The gap between the slope residuals of the kinds: from slopes, and from means."""
        predictor = self.c.kinds
        data, codes = self.c.lesson.data, predictor.codes
        kinds = data.groupby(self.c.v.group_column, observed=True)[predictor.column].first()
        parts, kind = shrinkage_sources(self.c.fit("m1")), kinds.map(predictor.code)
        rows = [parts[(kind == code).reindex(parts.index)].mean() for code in (codes[0], codes[-1])]
        gap = rows[1] - rows[0]
        return float(gap["u1_from_slope"]), float(gap["u1_from_intercept"])

    # ---- slides 16, 24 ----
    def stayed(self, before: MLMFit, after: MLMFit) -> str:
        """What became of σ², and why."""
        moved = after.sigma2 / before.sigma2 - 1
        start = "σ² stayed where it was" if abs(moved) < _SAME else "σ² changed a little"
        if before is not self.c.fit("m1"):
            return f"{start}, for the same reason as in Model 2."
        return (
            f"{start}: it is the variance around each {self.group}'s own line, and Model 1 already "
            f"gave every {self.group} a line of its own. What {self.w} tells about slopes "
            "moves from the random part to the fixed part; what is left around the lines does not."
        )

    def became(self, s2: str, s3: str) -> str:
        """What became of a difference of Model 2 when the second moderator came in."""
        c, m2, m3 = self.c, self.c.fit("m2"), self.c.fit("m3")
        alike = f"between {self.groups} alike in {self.m}"
        first, then = self.sig(m2, s2), self.sig(m3, s3)
        if not first and not then:
            return "In neither model can it be told from 0."
        within = f"(interval {self.interval(m3, s3)})"
        if not then:
            return (
                f"{alike[0].upper()}{alike[1:]} it can no longer be told from 0 {within}; that "
                "does not show that nothing of it is left."
            )
        if not first:
            return (
                f"{alike[0].upper()}{alike[1:]} it can be told from 0 {within}, in Model 2 it "
                "could not; that is no test of the change."
            )
        share = c.estimate(m3, s3) / c.estimate(m2, s2)
        if share < 0:
            return f"{alike[0].upper()}{alike[1:]} the estimate points the other way {within}."
        if share < 0.9:
            return f"{alike[0].upper()}{alike[1:]} the estimate is smaller {within}."
        if share <= 1.1:
            return f"The estimate hardly changed {within}."
        return f"The estimate is larger {alike} {within}."

    # ---- slide 17 ----
    @cached_property
    def kinds_differ(self) -> float:
        """p of equal means of the second moderator in all kinds, groups as cases."""
        c = self.c
        first = c.lesson.data.groupby(c.v.group_column, observed=True)[
            [c.w.column, c.m.column]
        ].first()
        values, kinds = first[c.m.column].astype(float), first[c.w.column]
        if kinds.nunique() < 2 or kinds.nunique() > 12:
            r = float(np.corrcoef(pd.to_numeric(kinds, errors="coerce"), values)[0, 1])
            t = r * math.sqrt((len(values) - 2) / max(1 - r * r, 1e-300))
            return float(p_of_t(np.array(t), np.array(len(values) - 2)))
        from scipy.stats import f_oneway

        return float(f_oneway(*[v for _, v in values.groupby(kinds, observed=True)]).pvalue)

    def kinds_compared(self) -> str:
        """Whether the kinds differ in the second moderator."""
        c, w = self.c, self.c.names["w"]
        if not c.w.codes:
            return f"Do {self.w} and {self.m} go together? Their correlation over {self.groups}:"
        who = f"The kinds of {self.group}"
        if c.two:
            who = f"{self.escape(w.low.many)} and {self.escape(w.high.many)}"
        who = who[:1].upper() + who[1:]
        if self.kinds_differ < 0.05:
            return f"{who} differ in their {self.m}:"
        return f"Do {who[:1].lower()}{who[1:]} differ in their {self.m}? Look:"

    def may_belong(self) -> str:
        """What that means for Model 2."""
        if self.kinds_differ < 0.05:
            return f"So part of what Model 2 shows for {self.w} may go with {self.m} instead."
        return (
            "These data do not tell whether they do. Either way, Model 3 compares "
            f"{self.groups} alike in {self.m}."
        )

    # ---- slide 20 and 25 ----
    def mean_is_noisy(self) -> str:
        """The group mean of the predictor is itself an estimate (for the instructor)."""
        c = self.c
        x, groups = c.lesson.data[c.x.base], c.lesson.data[c.v.group_column]
        by = x.groupby(groups, observed=True)
        n, j, total = by.size(), by.ngroups, len(x)
        within = float(((x - by.transform("mean")) ** 2).sum() / (total - j))
        between = float(by.mean().var())
        typical = float(within * (1 / n).mean())
        reliability = 1 - typical / between if between > typical else 0.0
        return (
            f"A {self.group}'s mean of {self.x} is itself an estimate from its "
            f"{self.students} in the data; its reliability here is about {number(reliability)}. "
            "That pulls the between slope towards the within slope, and the contextual effect "
            "towards 0, by about what is missing to 1; `mlm.contextual_effect(..., latent=True)` "
            "corrects for it."
        )

    def context_in_m3(self) -> str:
        """Where γ02 − γ10 holds, and what it is elsewhere."""
        from mlm_helpers.interpret.contextual import contextual_effect

        c, m3 = self.c, self.c.fit("m3")
        table = contextual_effect(m3, c.x.column, c.m.column)
        rows = table.loc[["contextual"]]
        # one decimal more, as a reader needs to follow the sum of printed coefficients
        d = 1 + decimals_for(float(rows["estimate"].iloc[0]), float(rows["std_error"].iloc[0]))
        said = [
            f"{number(float(value), d)} in {self.escape(code.many)}"
            for value, code in zip(rows["estimate"], c.w.codes, strict=False)
        ]
        where = f"at {self.escape(c.names['m_zero'])}"
        if c.m.column in Probe(m3).moderators(c.x.column):  # then it changes with X too
            unit, group = (self.escape(w) for w in (c.names["unit"].many, c.names["group"].one))
            where += f", for {unit} at the mean of their {group}"
        formula = r"($\gamma_{02} - \gamma_{10}$)"
        if len(said) > 1 and len(said) == len(c.w.codes):
            said[0] += f" {formula}"
            return (
                f"The contextual effect is what it exceeds the within slope by, and that slope "
                f"depends on {self.w}: {where}, it is {join_words(said)}."
            )
        value = number(float(rows["estimate"].iloc[0]), d)
        return (
            f"The contextual effect is what it exceeds the within slope by: {where}, it is {value} "
            f"{formula}."
        )

    def means_differ(self) -> str:
        """The answer to question 3."""
        c, m2, m3 = self.c, self.c.fit("m2"), self.c.fit("m3")
        s2, s3, slopes = c.names["w0"][0], c.names["w0_3"][0], c.names["w1_3"]
        alike = f"between {self.groups} alike in {self.m}"
        if self.sig(m3, s3):
            way = "the means differ" if c.w.codes else f"means differ with {self.w}"
            return f"**Yes**, {self.p(m3, s3)}: also {alike}, {way}."
        what = "no difference in means can be shown"
        if not c.w.codes:
            what = f"it cannot be shown that means differ with {self.w}"
        text = f"**No**, {self.p(m3, s3)}: {alike}, {what} (interval {self.interval(m3, s3)})."
        if self.sig(m2, s2):
            text += (
                f" That does not make {self.w} irrelevant: the means differ as the "
                f"{self.groups} are ({self.est(m2, s2)} in Model 2)"
            )
            if self.sig(m3, slopes[0]):
                text += f", and the slopes depend on {self.w}"
            text += "."
        elif self.sig(m3, slopes[0]):
            text += f" The slopes depend on {self.w} all the same."
        return text

    def together(self, symbols: tuple[str, ...]) -> str:
        """One test for several comparisons."""
        test = self.c.fit("m3").test(
            [self.c.fit("m3").structure.coefficient(s).column for s in symbols]
        ).iloc[0]  # fmt: skip
        shown = p_value(float(test["p"])).replace(" ", "\N{NO-BREAK SPACE}")
        verdict = (
            "the kinds differ" if test["p"] < self.alpha
            else "the data cannot tell whether the kinds differ"
        )  # fmt: skip
        return (
            f"All comparisons in one test: F({int(test['num_df'])}, {test['den_df']:.1f}) = "
            f"{test['F']:.2f}, {shown}: {verdict}. Each comparison above has a test of its own."
        )

    def second_and_slopes(self) -> str:
        """The answer to question 8, and what question 7 said."""
        c, m3 = self.c, self.c.fit("m3")
        m1s, m0 = c.names["m1s"][0], c.names["m0"][0]
        if self.sig(m3, m1s):
            return f"The slope depends on {self.m}, {self.p(m3, m1s)}."
        means = (
            f"Means go with it, {self.p(m3, m0)}." if self.sig(m3, m0) else "Nor do they for means."
        )
        return (
            f"Controlling for {self.w}, these data do not tell whether slopes go with "
            f"{self.m}, {self.p(m3, m1s)}. {means}"
        )

    # ---- slides 27 and 29 ----
    def cloud(self) -> str:
        """How the cloud of residuals changed from Model 1 to Model 3."""
        ve = self.c.names["ve3"]
        a, b = float(ve["tau00"]), float(ve["tau11"])
        if max(a, b) < 0.0005:
            return "Neither variance is smaller than in Model 1, so no smaller cloud is expected."
        text = (
            f"The predictors account for {self.share(a)} of the variance of intercepts and for "
            f"{self.share(b)} of the variance of slopes"
        )
        if abs(a - b) < 0.05:
            return f"{text}: about the same share in both directions."
        way = "left to right" if a > b else "top to bottom"
        return f"{text}: the cloud has shrunk most from {way}."

    def slope_test(self, test: pd.Series, model: str) -> str:
        """What the likelihood-ratio test of the slope variance says, beside the γ's own tests."""
        c = self.c
        found = test["p_boundary"] < self.alpha
        if model == "m1":
            if found:
                return f"The slopes differ between {self.groups} beyond chance."
            text = (
                f"This test does not show slope variance. That is no proof that all {self.groups} "
                "have one slope"
            )
            if self.joint_p(c.fit("m2"), c.names["w1"]) < self.alpha:
                return (
                    f"{text}: in Model 2 the slopes do differ with {self.w}, by a test of "
                    "their own with more power."
                )
            return f"{text}: the test has little power for small variances."
        given = self.escape(c.names["predictors"])
        if found:
            return f"The slopes still differ beyond {given}."
        text = "The slope variance that is left cannot be told from 0."
        left = 1 - float(c.names["ve3"]["tau11"])
        if left > 0.05:
            kept = self.share(left)
            text += f" That is no proof that it is 0: {kept} of Model 1's estimate is still there."
        return text

    def by_reml(self) -> str:
        """The same comparison by REML, which is valid here."""
        c = self.c
        reml = compare(c.fit("m1_ri"), c.fit("m1"), refit=False).table["Chisq"].iloc[1]
        ml = c.names["cmp1"]["Chisq"]
        return f"{reml:.2f} by REML beside {ml:.2f} by ML for Model 1"
