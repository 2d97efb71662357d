"""What the definition of each parameter needs, and what contradicts it: one table.

Both are conditions on the flags that ``notions`` finds in a sentence: ``"avgses / schses cond"``
means the flag avgses, or schses together with cond; a minus sign means that a flag is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Idea:
    """Something a definition needs: what to call it, and when it is there."""

    name: str
    when: str


@dataclass(frozen=True)
class Against:
    """Something that contradicts a definition, the sentence about it, and the misconception."""

    when: str
    reply: str
    misconception: str
    sure: bool = True  # False: naming it contradicts nothing where all ideas are there as well


@dataclass(frozen=True)
class Rules:
    """What one definition needs and what contradicts it. ``jargon`` are words to do without,
    ``symbol`` the parameter that is defined."""

    needs: tuple[Idea, ...]
    against: tuple[Against, ...] = ()
    jargon: tuple[str, ...] = ()
    symbol: str = ""


# ---- the table -------------------------------------------------------------------------------
# {low} and {high} are the sectors coded 0 and 1, {context} the school mean of SES; see terms.
EXPECTED = Idea("an expected (or predicted, or average) value", "expected")
MEAN = Idea("the mean achievement of a {school}", "mean / score -slope / bslope")
SLOPE = Idea("the {slope} within {schools}", "slope")
LOW = Idea("{many_low}", "public")
AT_CONTEXT = Idea(
    "at average {context} (or with {context} held fixed)",
    "avgses / schses cond / ses cond / ses expected / model cond / regardless",
)
FIXED_CONTEXT = Idea(
    "with {context} held fixed", "schses cond / ses cond / avgses / model cond / regardless"
)
FIXED_SECTOR = Idea("with {sector} held fixed", "sector cond / model cond / regardless")
GIVEN_BOTH = Idea(
    "given {sector} and {context}",
    "sector schses / sector ses / public private schses / public private ses / model",
)
TAKEN_OUT = Idea("what is left once they are taken into account", "cond / remain / model / uncond")
DIFFERENCE = Idea("a difference", "difference / change private public / deviation private public")
BOTH = Idea(
    "{many_high} compared with {many_low}",
    "private public / private difference / sector -sectorheld",
)
DEVIATION = Idea("a deviation from an expected value", "deviation / remain schoolj -variance")
VARIANCE = Idea("a variance", "variance / sdev")
CONTEXT = Idea("{context}", "schses / ses / bslope")
CHANGE = Idea("a change (or a slope)", "change / bslope / deviation schses sectorheld apart")

TWO_AT_ONCE = Against(
    "both",
    "it speaks of means and of slopes; this parameter is about one of them",
    "parameter confused",
)
FALLING = Against(
    "decrease",
    "it speaks of a decrease: a parameter is the change upwards, and its sign says the rest",
    "sign",
)
NOT_MEAN = Against(
    "mean -slope",
    "it speaks of means; this parameter is about slopes",
    "parameter confused",
    sure=False,
)
NOT_SLOPE = Against(
    "slope",
    "it speaks of a slope; this parameter is about means",
    "parameter confused",
    sure=False,
)
NOT_BETWEEN = Against(
    "bslope",
    "a slope between {schools} compares their means; this parameter is about {students} within one",
    "between for within",
    sure=False,
)
NOT_VARIANCE = Against(
    "variance -difference / squared",
    "it speaks of a variance; this parameter is not one",
    "parameter confused",
    sure=False,
)
NOT_HIGH = Against(
    "private -public",
    "it speaks of {many_high}; which {sector} is coded 0?",
    "parameter confused",
    sure=False,
)
NOT_EVERYWHERE = Against(
    "everyschool -public",
    "it speaks of all {schools}; this value is for {sector} = 0 only",
    "main effect is overall slope",
    sure=False,
)
NOT_GAP = Against(
    "private public",
    "it speaks of both kinds of {school}; this parameter is a value for one of them",
    "parameter confused",
    sure=False,
)
NOT_DEVIATION = Against(
    "deviation",
    "it speaks of a deviation of one {school}; this parameter is shared by all of them",
    "parameter confused",
    sure=False,
)
NOT_UNCONTROLLED = Against(
    "uncond -remain",
    "it says that nothing is held fixed; Model 3 does hold the other predictor fixed",
    "conditioning forgotten",
)
REGARDLESS = Against(
    "regardless",
    "“regardless” can be read as held fixed or as left out; say which",
    "conditioning forgotten",
    sure=False,
)
NOT_REVERSED = Against(
    "reversed",
    "the difference goes the other way: {high} minus {low}",
    "direction reversed",
)
NOT_STUDENT = Against(
    "studentlevel -between -schoolj -slope / within -slope -stuses -between / "
    "studentvariance -between",
    "it speaks of {students} within a {school}; this parameter is about {schools}",
    "level confused",
    sure=False,
)
NOT_STUDENTS = Against(
    "studentsubject -mean",
    "it is about a {student}; this parameter is about the mean of {schools}",
    "level confused",
)
NOT_SD = Against(
    "sdev -squared", "it speaks of a standard deviation; τ is a variance", "sd for variance"
)
NOT_EXPLAINED = Against(
    "explained -remain",
    "it speaks of the part that is explained; τ is the part that is not",
    "share that is left",
    sure=False,
)
NOT_SWAPPED = Against(
    "swapped",
    "it makes a predictor the outcome; the outcome is {score}",
    "parameter confused",
)
NOT_SECTOR_GAP = Against(
    "gap -sector",
    "it speaks of a difference between kinds of {school}; this parameter is about single {schools}",
    "parameter confused",
    sure=False,
)
NOT_OBSERVED = Against(
    "observed",
    "u is the deviation of the true value, not of the one observed in a sample",
    "EB spread is tau",
    sure=False,
)
NOT_SHRUNKEN = Against(
    "shrunken",
    "EB residuals are shrunken: their variance is smaller than the parameter",
    "EB spread is tau",
)
NOT_SAMPLED = Against(
    "sampled",
    "τ is the variance of the true values; what is computed in each {school} by itself varies "
    "more, by sampling error, and EB estimates vary less",
    "EB spread is tau",
)
NOT_EB = Against(
    "shrunken", "the EB residual is an estimate of u, not u itself", "EB spread is tau"
)
NOT_CAUSAL = Against(
    "causal",
    "it says that the {sector} causes the difference; the data compare {schools}",
    "cause",
)
NOT_EXTREME = Against(
    "extreme",
    "it speaks of {schools} far from average {context}; this value is for average {schools}",
    "parameter confused",
)
NOT_CONTEXT_HELD = Against(
    "schsesheld -sectorheld",
    "it holds {context} fixed; here {context} changes and {sector} is held fixed",
    "parameter confused",
)
NOT_STUDENTS_SLOPE = Against(
    "studentslope / studentvariance",
    "a {student} has no slope of their own: slopes belong to {schools}",
    "level confused",
)
FROM_GRAND_MEAN = Against(
    "everyschool -sector -model",
    "the deviation is not from a mean over all {schools}, but from what {sector} and {context} "
    "lead one to expect",
    "conditioning forgotten",
)

# what speaks against any definition
EVERYWHERE = (TWO_AT_ONCE, NOT_SWAPPED, REGARDLESS)

_TABLE: dict[str, Rules] = {
    "gamma00": Rules(
        (EXPECTED, MEAN, LOW, AT_CONTEXT),
        (NOT_SLOPE, NOT_VARIANCE, NOT_HIGH, NOT_EVERYWHERE, NOT_GAP, NOT_DEVIATION,
         NOT_UNCONTROLLED, NOT_EXTREME),
    ),
    "gamma01": Rules(
        (DIFFERENCE, MEAN, BOTH, FIXED_CONTEXT),
        (
            Against(
                "slope",
                "it speaks of slopes; the difference between slopes is γ11, this one is between "
                "means",
                "interaction is a difference in means",
            ),
            NOT_VARIANCE, NOT_UNCONTROLLED, NOT_REVERSED, NOT_CAUSAL, NOT_EVERYWHERE, NOT_STUDENTS,
        ),
    ),
    "gamma02": Rules(
        (CHANGE, MEAN, CONTEXT, FIXED_SECTOR),
        (
            Against(
                "slope -bslope",
                "it speaks of the slope within {schools}; this one compares the means of {schools}",
                "within for between",
            ),
            Against(
                "stuses -slope -schses / within",
                "it speaks of the {within} of {students}; this one is about the mean of a {school}",
                "within for between",
            ),
            Against(
                "contextual",
                "that is the contextual effect, for {students} of the same {within}. γ02 compares "
                "{schools}, whose {students} differ as well: it is the between-{school} slope",
                "between is contextual",
            ),
            NOT_VARIANCE, NOT_UNCONTROLLED, NOT_CONTEXT_HELD, FALLING,
            Against("deviation schoolj -moved", NOT_DEVIATION.reply, "parameter confused"),
            Against(
                "difference private public -change",
                "it speaks of a difference of kinds of {school}; which γ moves with {context}?",
                "parameter confused",
            ),
        ),
    ),
    "u0j": Rules(
        (DEVIATION, MEAN, Idea("one {school}", "schoolj / deviation"), GIVEN_BOTH),
        (NOT_SLOPE, Against("squared", "a variance describes all {schools}; u0j is one of them",
                            "variance confused with deviation"),
         NOT_STUDENT, NOT_STUDENTS, FROM_GRAND_MEAN, NOT_UNCONTROLLED, NOT_SECTOR_GAP, NOT_OBSERVED,
         NOT_EB),
    ),
    "tau00": Rules(
        (VARIANCE, MEAN, GIVEN_BOTH, TAKEN_OUT),
        (NOT_SLOPE, NOT_SD, NOT_STUDENT, NOT_STUDENTS, NOT_EXPLAINED, NOT_UNCONTROLLED,
         NOT_SHRUNKEN, NOT_SAMPLED,
         Against("deviation -variance", "a deviation belongs to one {school}; τ00 describes all",
                 "variance confused with deviation")),
    ),
    "gamma10": Rules(
        (SLOPE, LOW, AT_CONTEXT),
        (NOT_MEAN, NOT_BETWEEN, NOT_VARIANCE, NOT_HIGH, NOT_EVERYWHERE, NOT_GAP, NOT_DEVIATION,
         NOT_UNCONTROLLED, NOT_EXTREME,
         Against("slopechange", "it speaks of a change in slopes; this parameter is a slope",
                 "parameter confused")),
    ),
    "gamma11": Rules(
        (DIFFERENCE, SLOPE, BOTH, FIXED_CONTEXT),
        (
            Against(
                "mean -slope",
                "it speaks of a difference in means; the part of {sector} in means is γ01, this "
                "one is about slopes",
                "interaction is a difference in means",
            ),
            NOT_BETWEEN, NOT_VARIANCE, NOT_UNCONTROLLED, NOT_REVERSED, NOT_CAUSAL, NOT_EVERYWHERE,
        ),
    ),
    "gamma12": Rules(
        (Idea("a change", "moved / tied schses slope"), SLOPE, CONTEXT, FIXED_SECTOR),
        (
            Against(
                "mean -slope / bslope",
                "it speaks of mean achievement; how the mean goes with {context} is γ02",
                "parameter confused",
            ),
            NOT_VARIANCE, NOT_UNCONTROLLED, NOT_CONTEXT_HELD, FALLING,
            Against("deviation -moved", NOT_DEVIATION.reply, "parameter confused"),
            Against(
                "slope -schses -ses / withsector",
                "the change is with {context}, not with something else",
                "parameter confused",
            ),
        ),
    ),
    "u1j": Rules(
        (DEVIATION, SLOPE, Idea("one {school}", "schoolj / deviation"), GIVEN_BOTH),
        (NOT_MEAN, NOT_BETWEEN,
         Against("squared", "a variance describes all {schools}; u1j is one of them",
                 "variance confused with deviation"),
         FROM_GRAND_MEAN, NOT_UNCONTROLLED, NOT_SECTOR_GAP, NOT_OBSERVED, NOT_EB,
         NOT_STUDENTS_SLOPE),
    ),
    "tau11": Rules(
        (VARIANCE, SLOPE, GIVEN_BOTH, TAKEN_OUT),
        (NOT_MEAN, NOT_SD, NOT_EXPLAINED, NOT_UNCONTROLLED, NOT_SHRUNKEN, NOT_SAMPLED,
         NOT_STUDENTS_SLOPE,
         Against("deviation -variance", "a deviation belongs to one {school}; τ11 describes all",
                 "variance confused with deviation")),
    ),
}  # fmt: skip
RULES = {
    name: replace(rules, symbol=name, against=(*rules.against, *EVERYWHERE))
    for name, rules in _TABLE.items()
}
ABOUT_MEANS = frozenset({"gamma00", "gamma01", "gamma02", "u0j", "tau00"})
