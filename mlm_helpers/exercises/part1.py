"""Part 1: define the ten parameters of Model 3 (slides 21 and 22)."""

from __future__ import annotations

import random

from mlm_helpers.exercises.judging.rules import RULES
from mlm_helpers.exercises.judging.text import TextQuestion
from mlm_helpers.exercises.questions import MatchQuestion, Question
from mlm_helpers.exercises.study import Study, lecture_study

PARAMETERS = (
    "gamma00", "gamma01", "gamma02", "u0j", "tau00",
    "gamma10", "gamma11", "gamma12", "u1j", "tau11",
)  # fmt: skip
WRITTEN = {
    p: p.replace("gamma", "γ").replace("tau", "τ").replace("u0j", "u₀ⱼ").replace("u1j", "u₁ⱼ")
    for p in PARAMETERS
}
_ORDER_SEED = 21  # any fixed number: the letters must be the same for everybody


def default_study() -> Study:
    """The lecture's data."""
    return lecture_study()


def questions(s: Study) -> tuple[Question, ...]:
    """One definition per parameter, and the matching of all ten."""
    texts = [TextQuestion(p, RULES[p], s.words, _hints(p, s)) for p in PARAMETERS]
    return (*texts, _matching(s))


def _hints(parameter: str, s: Study) -> tuple[str, ...]:
    w = s.words
    second = parameter[-1] if parameter[0] != "u" else ""
    first = {
        "g": "Find it in the level-2 equations: whose equation is it in, and what is it multiplied "
        "by?",
        "u": f"It carries a j: it belongs to one {w.school}. What is it added to in its equation?",
        "t": f"It describes how the u of all {w.schools} are spread.",
    }[parameter[0]]
    about = (
        f"The equation of β0j is about the mean of a {w.school}."
        if parameter in ("gamma00", "gamma01", "gamma02", "u0j", "tau00")
        else f"The equation of β1j is about the {w.slope} within a {w.school}."
    )
    last = {
        "0": f"A value: put {w.sector} = 0 and {w.context} at its average. Which {w.schools} are "
        "these?",
        "1": f"A difference: {w.high} minus {w.low}, with something held fixed.",
        "2": f"A change: per unit of {w.context}, with something held fixed.",
    }.get(second, f"Deviation from what? From the value one expects given {w.sector} and "
          f"{w.context}.")  # fmt: skip
    if parameter[0] == "t":
        last = (
            f"A variance: of what, and after taking account of which two things about {w.schools}?"
        )
    return first, about, last


def _matching(s: Study) -> MatchQuestion:
    letters = lettering()
    confusions = {}
    for name in PARAMETERS:
        for other in PARAMETERS:
            if name != other:
                reply, key = _confusion(name, other)
                confusions[name, letters[other]] = reply.format(**vars(s.words)), key
    return MatchQuestion(
        "matching",
        right=letters,
        confusions=confusions,
        written=WRITTEN,
        hints=(
            "Sort first: which definitions are about means, which about slopes?",
            "Then: a value, a difference, a change, a deviation of one "
            f"{s.words.school}, a variance.",
        ),
    )


def lettering() -> dict[str, str]:
    """The letter of each parameter's definition on the matching board."""
    order = list(PARAMETERS)
    random.Random(_ORDER_SEED).shuffle(order)
    return {p: "ABCDEFGHIJ"[order.index(p)] for p in PARAMETERS}


_KIND = {
    "gamma00": "value", "gamma10": "value", "gamma01": "difference", "gamma11": "difference",
    "gamma02": "change", "gamma12": "change", "u0j": "deviation", "u1j": "deviation",
    "tau00": "variance", "tau11": "variance",
}  # fmt: skip
_ABOUT = {
    p: "means" if p in ("gamma00", "gamma01", "gamma02", "u0j", "tau00") else "slopes"
    for p in PARAMETERS
}
_A_KIND = {
    "value": "a value for one kind of {school}",
    "difference": "a difference between two kinds of {school}",
    "change": "a change per unit of a predictor",
    "deviation": "the deviation of one {school}",
    "variance": "a variance over {schools}",
}


def _confusion(name: str, other: str) -> tuple[str, str]:
    """What to say when ``name`` was given the definition of ``other``."""
    if _KIND[name] == _KIND[other]:
        key = "interaction is a difference in means" if name == "gamma11" else "parameter confused"
        return (
            f"the kind is right, but this definition is about {_ABOUT[other]}; which equation is "
            "it in?",
            key,
        )
    if {_KIND[name], _KIND[other]} == {"deviation", "variance"}:
        return (
            f"this definition is {_A_KIND[_KIND[other]]}.",
            "variance confused with deviation",
        )
    return (
        f"this definition is {_A_KIND[_KIND[other]]} (in {_ABOUT[other]}).",
        "interaction is a slope"
        if name == "gamma11" and other == "gamma10"
        else "parameter confused",
    )
