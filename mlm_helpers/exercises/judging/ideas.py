"""The ideas a definition must hold: one table of rules, and the question type that applies it.

A rule has ideas that a definition needs and statements that contradict it. Both are conditions on
the flags that ``language`` finds in a sentence: ``"avgses / schses cond"`` means the flag avgses,
or schses together with cond; a minus sign means that a flag is absent.

The judge does not understand sentences. What it says of a definition that passes is that the ideas
are present; whether the sentence says what it should is for the group to decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlm_helpers.exercises.judging.language import canonical, everyday, flags, has_all
from mlm_helpers.exercises.judging.plain import Plain
from mlm_helpers.exercises.questions import Verdict, not_an_answer
from mlm_helpers.exercises.study import Words

LONGEST_ANSWER = 1200  # letters; whoever names everything defines nothing


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


@dataclass(frozen=True)
class Rules:
    """What one definition needs and what contradicts it. ``jargon`` are words to do without."""

    needs: tuple[Idea, ...]
    against: tuple[Against, ...] = ()
    jargon: tuple[str, ...] = ()


# ---- the table -------------------------------------------------------------------------------
# {low} and {high} are the sectors coded 0 and 1, {context} the school mean of SES; see study.Words.
EXPECTED = Idea("an expected (or predicted, or average) value", "expected")
MEAN = Idea("the mean achievement of a {school}", "mean / score -slope / bslope")
SLOPE = Idea("the {slope} within {schools}", "slope")
LOW = Idea("{low} {schools}", "public")
AT_CONTEXT = Idea(
    "at average {context} (or with {context} held fixed)",
    "avgses / schses cond / ses cond / ses expected / model cond",
)
FIXED_CONTEXT = Idea("with {context} held fixed", "schses cond / ses cond / avgses / model cond")
FIXED_SECTOR = Idea("with {sector} held fixed", "sector cond / model cond")
GIVEN_BOTH = Idea(
    "given {sector} and {context}",
    "sector schses / sector ses / public private schses / public private ses / model",
)
TAKEN_OUT = Idea("what is left once they are taken into account", "cond / remain / model / uncond")
DIFFERENCE = Idea("a difference", "difference")
BOTH = Idea(
    "{high} compared with {low} {schools}",
    "private public / private difference / sector -sectorheld",
)
DEVIATION = Idea("a deviation from an expected value", "deviation / remain schoolj -variance")
VARIANCE = Idea("a variance", "variance / sdev")
CONTEXT = Idea("{context}", "schses / ses / bslope")
CHANGE = Idea("a change (or a slope)", "change / bslope")

NOT_MEAN = Against(
    "mean -slope", "it speaks of means; this parameter is about slopes", "parameter confused"
)
NOT_SLOPE = Against(
    "slope", "it speaks of a slope; this parameter is about means", "parameter confused"
)
NOT_BETWEEN = Against(
    "bslope",
    "a slope between {schools} compares their means; this parameter is about {student}s within one",
    "between for within",
)
NOT_VARIANCE = Against(
    "variance -difference / squared",
    "it speaks of a variance; this parameter is not one",
    "parameter confused",
)
NOT_HIGH = Against(
    "private -public",
    "it speaks of {high} {schools}; which {sector} is coded 0?",
    "parameter confused",
)
NOT_EVERYWHERE = Against(
    "everyschool -public",
    "it speaks of all {schools}; this value is for {sector} = 0 only",
    "main effect is overall slope",
)
NOT_GAP = Against(
    "private public",
    "it speaks of both kinds of {school}; this parameter is a value for one of them",
    "parameter confused",
)
NOT_DEVIATION = Against(
    "deviation",
    "it speaks of a deviation of one {school}; this parameter is shared by all of them",
    "parameter confused",
)
NOT_UNCONTROLLED = Against(
    "uncond -remain",
    "it says that nothing is held fixed; Model 3 does hold the other predictor fixed",
    "conditioning forgotten",
)
NOT_REVERSED = Against(
    "reversed",
    "the difference goes the other way: {high} minus {low}",
    "direction reversed",
)
NOT_STUDENT = Against(
    "studentlevel -between -schoolj -slope / within -slope -stuses -between / "
    "studentvariance -between",
    "it speaks of {student}s within a {school}; this parameter is about {schools}",
    "level confused",
)
NOT_SD = Against(
    "sdev -squared", "it speaks of a standard deviation; τ is a variance", "sd for variance"
)
NOT_EXPLAINED = Against(
    "explained -remain",
    "it speaks of the part that is explained; τ is the part that is not",
    "share that is left",
)
NOT_SWAPPED = Against(
    "swapped",
    "it has the two sides the wrong way round: {context} comes first, the outcome follows",
    "parameter confused",
)
NOT_SECTOR_GAP = Against(
    "gap -sector",
    "it speaks of a difference between kinds of {school}; this parameter is about single {schools}",
    "parameter confused",
)
NOT_OBSERVED = Against(
    "observed",
    "u is the deviation of the true value, not of the one observed in a sample",
    "EB spread is tau",
)
NOT_SHRUNKEN = Against(
    "shrunken",
    "EB residuals are shrunken: their variance is smaller than the parameter",
    "EB spread is tau",
)
NOT_SAMPLED = Against(
    "sampled",
    "τ is the variance of the true values; what is observed or estimated varies more, by "
    "sampling error",
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

RULES: dict[str, Rules] = {
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
            NOT_VARIANCE, NOT_UNCONTROLLED, NOT_REVERSED, NOT_SWAPPED, NOT_CAUSAL,
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
                "it speaks of the {within} of {student}s; this one is about the mean of a {school}",
                "within for between",
            ),
            Against(
                "contextual",
                "that is the contextual effect, for {student}s of the same {within}. γ02 compares "
                "{schools}, whose {student}s differ as well: it is the between-{school} slope",
                "between is contextual",
            ),
            NOT_VARIANCE, NOT_UNCONTROLLED, NOT_SWAPPED, NOT_CONTEXT_HELD,
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
         NOT_STUDENT, FROM_GRAND_MEAN, NOT_UNCONTROLLED, NOT_SECTOR_GAP, NOT_OBSERVED,
         NOT_EB),
    ),
    "tau00": Rules(
        (VARIANCE, MEAN, GIVEN_BOTH, TAKEN_OUT),
        (NOT_SLOPE, NOT_SD, NOT_STUDENT, NOT_EXPLAINED, NOT_UNCONTROLLED, NOT_SHRUNKEN, NOT_SAMPLED,
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
            NOT_BETWEEN, NOT_VARIANCE, NOT_UNCONTROLLED, NOT_REVERSED, NOT_CAUSAL,
        ),
    ),
    "gamma12": Rules(
        (Idea("a change", "moved / tied schses slope"), SLOPE, CONTEXT, FIXED_SECTOR),
        (
            Against(
                "mean -slope / bslope",
                "it speaks of mean achievement; what {context} does to the mean is γ02",
                "parameter confused",
            ),
            NOT_VARIANCE, NOT_UNCONTROLLED, NOT_SWAPPED, NOT_CONTEXT_HELD,
            Against("deviation -moved", NOT_DEVIATION.reply, "parameter confused"),
            Against(
                "slope -schses -ses",
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


# ---- plain language ---------------------------------------------------------------------------
def is_about_families(words: Words) -> bool:
    """Whether the level-1 predictor is SES, so that sentences may speak of families."""
    return re.search(r"\bses\b", words.within.casefold()) is not None


def plain_language_rules(words: Words, steeper: bool) -> Rules:
    """The rules for explaining γ11 to somebody without statistics. ``steeper``: the slope is
    farther from 0 in the kind of school that is coded 1."""
    families = is_about_families(words)
    about = "how well off families are" if families else "{within}"
    whom = "families" if families else "{student}s"
    way = "larger" if steeper else "smaller"
    right, wrong = ("highmore", "highless") if steeper else ("highless", "highmore")
    return Rules(
        needs=(
            Idea(about, "stuses / ses / schses"),
            Idea("{score}", "score / outcomegap"),
            Idea("{high} and {low} {schools} compared", "private public"),
            Idea(f"that the gap is {way} in {{high}} {{schools}}", right),
        ),
        against=(
            Against(
                wrong,
                f"the direction: the gap between {whom} is {way} in {{high}} {{schools}}",
                "direction reversed",
            ),
            Against(
                "cause",
                "it says that the {sector} makes the gap. The data compare {schools}; they do not "
                "say why they differ",
                "cause",
            ),
            Against(
                "lowscores",
                "a smaller gap does not mean lower scores: it is about how far apart "
                "{student}s of one {school} are",
                "flat is low",
            ),
        ),
        jargon=(
            "slope", "interaction", "coefficient", "gamma", "γ", "significant", "significance",
            "variance", "regression", "intercept", "p value", "p-value", "hlm", "level-1",
            "level-2", "standard deviation", "parameter", "cross-level", "standardized",
            "standardised",
        ),
    )  # fmt: skip


_SMALLER = (
    r"(?:smaller|less|weaker|narrower|flatter|lower|closer|reduced|shrinks?|more equal|more even|"
    r"more similar|more alike|not as (?:big|large|strong|wide|much|steep)|fewer|little|nearer|"
    r"not (?:\w+ )?as much|more fair|fairer|more equitable|half)"
)
_LARGER = (
    r"(?:larger|bigger|greater|stronger|wider|steeper|more(?! (?:equal|even|similar|alike|fair|"
    r"equitable))|further|farther|higher|widens?|doubles?|more unequal|less equal|less similar)"
)
_CAUSE = re.compile(
    r"\b(?:caus\w+|leads? to|because (?:of )?(?:the )?(?:private|public|sector|they|it)|thanks to|"
    r"results? in|effect of (?:being|going|attending)|"
    r"(?:private|public|sector|they)(?: school)? (?:can |also |will |do |does )?(?:make|makes|"
    r"reduce|reduces|close|closes|shrink|shrinks|narrow|narrows|lower|lowers|weaken|weakens|help|helps|"
    r"fix|fixes|produce|produces|create|creates|equalize|equalizes|remove|removes|offset|offsets|"
    r"compensate|compensates|work better|works better|teach|teaches|treat|treats|give|gives)|"
    r"(?:send|move|put|switch)\w* (?:\w+ ){0,5}(?:private|public))\b"
)
_LOW_SCORES = re.compile(
    r"\bprivate(?: school)?(?: student)? (?:\w+ ){0,4}?(?:score|achieve|perform|read|do|learn)\w* "
    r"(?:\w+ ){0,3}?(?:lower|worse|less|poorly|better|higher)\b(?! in common)|"
    r"\b(?:lower|worse|higher|better) (?:mean |average )?(?:achievement|score|reading|performance|"
    r"result)\b(?: \w+){0,5} private\b"
)
_GAP_WORDS = re.compile(r"\b(?:gap|apart|difference|catch up|behind|ahead|matter|closer)\b")


def _plain_flags(text: str, words: Words) -> frozenset[str]:
    """The flags of ``language`` and those that only everyday sentences need."""
    plain = everyday(text, words)
    found = set(flags(text, words))
    if "ses" in plain or re.search(r"\b(?:family|rich|poor|wealth|income|better off)\w*", plain):
        found.add("ses")
    if _CAUSE.search(re.sub(r"\b(?:not|never|nothing|no|does not|without)\b(?: \w+){0,5}? "
                            r"(?:caus\w+|because|due to|prove\w*)", "", plain)):  # fmt: skip
        found.add("cause")
    if _LOW_SCORES.search(plain):
        found.add("lowscores")
    if _GAP_WORDS.search(plain):
        found.add("outcomegap")
    found |= _direction(plain)
    return frozenset(found)


def _direction(plain: str) -> set[str]:
    """Whether the gap is said to be smaller (``highless``) or larger (``highmore``) in the sector
    coded 1: by the sector that the comparative belongs to."""
    out = set()
    for sentence in plain.split(" . "):
        for pattern, kind in ((_SMALLER, "less"), (_LARGER, "more")):
            for found in re.finditer(rf"\b{pattern}\b", sentence):
                owner = _owner(sentence, found.start(), found.end())
                if owner:
                    is_high = owner == "private"
                    out.add("highless" if is_high == (kind == "less") else "highmore")
        if out:
            break  # the first sentence that compares is the statement; the rest explains it
    return {sorted(out)[0]} if len(out) == 1 else out


def _owner(sentence: str, start: int, end: int) -> str:
    """The sector a comparative speaks of: the nearest before it, else the first after it, leaving
    out the one that stands after "than" or "compared with"."""
    mentions = [
        (m.start(), m.group())
        for m in re.finditer(r"\b(?:private|public)\b", sentence)
        if not re.search(
            r"\b(?:than|compared (?:to|with)|versus|unlike|relative to|as opposed to|as)"
            r"(?: \w+){0,4} $",
            sentence[: m.start()],
        )
    ]
    before = [name for at, name in mentions if at < start]
    after = [name for at, name in mentions if at >= end]
    if before:
        return before[-1]
    return after[0] if after else ""


# ---- the question -----------------------------------------------------------------------------
@dataclass(frozen=True)
class TextQuestion:
    """A question answered by a sentence and judged by its ideas."""

    id: str
    rules: Rules
    words: Words
    hints: tuple[str, ...] = ()

    def judge(self, answer: Plain) -> Verdict:
        """Judge one answer."""
        early = not_an_answer(answer, "a sentence")
        if early:
            return early
        if answer.kind != "text":
            what = {"number": "a number", "truth": "True or False"}.get(answer.kind, "not a text")
            return Verdict("unreadable", f"your answer is {what}: write a sentence in quotes.")
        text = answer.text.strip()
        if len(re.findall(r"[^\W\d_]{2,}", text)) < 3:
            return Verdict("unreadable", "write a whole sentence, in quotes.")
        if len(text) > LONGEST_ANSWER:
            return Verdict("unreadable", "that is too long for a definition: one or two sentences.")
        return judge_text(text, self.rules, self.words)


def judge_text(text: str, rules: Rules, words: Words) -> Verdict:
    """Say which ideas are missing and what contradicts the definition."""
    found = _plain_flags(text, words) if rules.jargon else flags(text, words)
    said = _fill(words)
    missing = [said(i.name) for i in rules.needs if not has_all(found, i.when)]
    against = [a for a in rules.against if has_all(found, a.when)]
    jargon = [w for w in rules.jargon if re.search(rf"(?<!\w){re.escape(w)}", text.casefold())]
    if not missing and not against and not jargon:
        return Verdict(
            "right",
            "the ideas it needs are present. Whether the sentence as a whole says it is for your "
            "group to discuss.",
        )
    parts = []
    if against:
        parts.append(f"Contradicted: {said(against[0].reply)}.")
    if missing:
        parts.append(f"Missing: {'; '.join(missing)}.")
    if jargon:
        parts.append(f"Somebody without statistics would not know “{jargon[0]}”.")
    there = len(rules.needs) - len(missing)
    if there:
        parts.append(f"({there} of {len(rules.needs)} ideas are present.)")
    misconception = against[0].misconception if against else "other"
    return Verdict("wrong", " ".join(parts), misconception)


def _fill(words: Words):
    def said(text: str) -> str:
        return text.format(**vars(words))

    return said


def explain(text: str, words: Words) -> dict[str, object]:
    """What the judge sees in a sentence, for whoever tends the rules."""
    return {"tokens": canonical(text, words), "flags": sorted(flags(text, words))}
