"""γ11 in plain language: the rules for question 6b, and what only everyday sentences need."""

from __future__ import annotations

import re

from mlm_helpers.exercises.judging.notions import flags
from mlm_helpers.exercises.judging.phrases import everyday
from mlm_helpers.exercises.judging.rules import Against, Idea, Rules
from mlm_helpers.exercises.terms import Terms


def is_about_families(words: Terms) -> bool:
    """Whether the level-1 predictor is SES, so that sentences may speak of families."""
    return re.search(r"\bses\b", words.within.casefold()) is not None


def plain_language_rules(words: Terms, steeper: bool, told: bool = True) -> Rules:
    """The rules for explaining γ11 to somebody without statistics. ``steeper``: the slope is
    farther from 0 in the kind of school that is coded 1; ``told``: the data tell the two slopes
    apart. Where they do not, the honest answer says so."""
    families = is_about_families(words)
    about = Idea(
        "how well off families are" if families else "{within}", "stuses / ses / schses / within"
    )
    score = Idea("{score}", "score / outcomegap")
    both = Idea("{many_high} and {many_low} compared", "private public")
    whom = "families" if families else "{students}"
    said = _told(steeper, whom) if told else _UNTOLD
    return Rules((about, score, both, said[0]), (*said[1], *_CLAIMS), _JARGON)


def _told(steeper: bool, whom: str) -> tuple[Idea, tuple[Against, ...]]:
    way = "larger" if steeper else "smaller"
    right, wrong = ("highmore", "highless") if steeper else ("highless", "highmore")
    idea = Idea(f"that the gap is {way} in {{many_high}}", f"{right} -cannottell")
    reversed_ = Against(
        f"{wrong} -cannottell",
        f"the direction: the gap between {whom} is {way} in {{many_high}}",
        "direction reversed",
    )
    timid = Against(
        "cannottell -highless -highmore",
        "question 6a says that the two slopes differ: the data do tell which gap is larger",
        "timid",
    )
    return idea, (reversed_, timid)


_UNTOLD = (
    Idea("that these data do not tell which of the two gaps is larger", "cannottell"),
    (
        Against(
            "samegap -cannottell",
            "not significant does not mean equal: the two gaps may differ, only the data do not "
            "tell",
            "not significant is zero",
        ),
        Against(
            "highless -cannottell / highmore -cannottell",
            "it says which gap is larger as if that were known; what did question 6a say?",
            "overclaim",
        ),
    ),
)
_CLAIMS = (
    Against(
        "cause",
        "it says that the {sector} makes the gap. The data compare {schools}; they do not say why "
        "they differ",
        "cause",
    ),
    Against(
        "lowscores",
        "a smaller gap does not mean lower scores: it is about how far apart {students} of one "
        "{school} are",
        "flat is low",
    ),
)
_JARGON = (
    "slope", "interaction", "coefficient", "gamma", "γ", "significant", "significance", "variance",
    "regression", "intercept", "p value", "p-value", "hlm", "level-1", "level-2",
    "standard deviation", "parameter", "cross-level", "standardized", "standardised",
)  # fmt: skip


_SMALLER = (
    r"(?:smaller|less|weaker|narrower|flatter|lower|closer|reduced|shrinks?|more equal|more even|"
    r"more similar|more alike|not as (?:big|large|strong|wide|much|steep)|fewer|little|nearer|"
    r"not (?:\w+ )?as much|more fair|fairer|more equitable|half|"
    r"a (?:tenth|fifth|quarter|third|fraction) of)"
)
_LARGER = (
    r"(?:larger|bigger|greater|stronger|wider|steeper|more(?! (?:equal|even|similar|alike|fair|"
    r"equitable))|further|farther|higher|widens?|doubles?|more unequal|less equal|less similar)"
)
_CAUSE = re.compile(
    r"\b(?:caus\w+|leads? to|because (?:of )?(?:the )?(?:private|public|sector|they|it)|thanks to|"
    r"results? in|effect of (?:being|going|attending)|"
    r"(?:private|public|sector|they)(?: school)? (?:can |also |will |do |does )?(?:make|makes|"
    r"reduce|reduces|close|closes|shrink|shrinks|narrow|narrows|lower|lowers|weaken|weakens|"
    r"help|helps|"
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
_CANNOT_TELL = re.compile(
    r"\b(?:can not|cannot|could not|unable to|impossible to|hard to|too (?:little|few|small|"
    r"uncertain)"
    r"(?: \w+){0,3}? to) (?:\w+ ){0,3}?(?:tell|say|know|see|decide|show|judge|determine|conclude|"
    r"distinguish|be (?:told|said|known|decided|sure|certain))\b|"
    r"\b(?:do|does|did) not (?:\w+ ){0,2}?(?:tell|say|know|show|allow|let|decide|prove|answer|"
    r"reveal)\b|"
    r"\b(?:no|not enough|too little|insufficient) (?:clear |good |firm |real )?(?:evidence|"
    r"information|data|proof)\b|"
    r"\b(?:not (?:sure|certain|clear|proven|shown|known)|unclear|uncertain|inconclusive|unknown|"
    r"(?:by|pure|mere|be|due to|just|through) chance|coincidence|by accident|either way|left "
    r"open|remains open|"
    r"(?:may|might|could) (?:also |just as well |as well )?be (?:the same|equal|smaller or|"
    r"larger or|bigger or|nothing|zero))\b"
)
_SAME_GAP = re.compile(
    r"\b(?:no (?:real |clear )?difference|(?:do|does) not differ|just as (?:much|big|large|"
    r"strong\w*|wide)|"
    r"equally (?:much|big|large|strong\w*|wide)|makes no difference|"
    r"(?:gap|difference|link|distance)(?: \w+){0,4}? (?:is|are) (?:exactly |about )?(?:the same|"
    r"equal|"
    r"identical|as (?:big|large|strong))|the same (?:gap|difference|distance))\b"
)
_GAP_WORDS = re.compile(r"\b(?:gap|apart|difference|catch up|behind|ahead|matter|closer)\b")


def plain_flags(text: str, words: Terms) -> frozenset[str]:
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
    if _CANNOT_TELL.search(plain):
        found.add("cannottell")
    if _SAME_GAP.search(plain):
        found.add("samegap")
    found |= _direction(plain)
    return frozenset(found)


def _direction(plain: str) -> set[str]:
    """Whether the gap is said to be smaller (``highless``) or larger (``highmore``) in the sector
    coded 1: by the sector that the comparative belongs to."""
    out = set()
    sentences = sorted(plain.split(" . "), key=lambda s: not re.search(r"\b(?:gap|distance)\b", s))
    for sentence in sentences:
        for pattern, kind in ((_SMALLER, "less"), (_LARGER, "more")):
            for found in re.finditer(rf"\b{pattern}\b", sentence):
                owner = _owner(sentence, found.start(), found.end())
                if owner:
                    is_high = owner == "private"
                    out.add("highless" if is_high == (kind == "less") else "highmore")
        if out:
            break  # the first sentence on the gap is the statement; the rest explains it
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
