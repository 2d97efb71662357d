"""Sentences about variances, covariances and residuals."""

from __future__ import annotations

import math
from typing import Any

from mlm_helpers.engine.structure import INTERCEPT
from mlm_helpers.errors import MLMError
from mlm_helpers.text import decimals_for, number
from mlm_helpers.words.sentences import FixedSentences
from mlm_helpers.words.vocabulary import (
    pretty_symbol,
    tau_symbol,
)


class SpreadSentences(FixedSentences):
    """What the estimates of the random part say."""

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
