"""A predictor as it enters a term, and the phrases that name its kinds."""

from __future__ import annotations

from dataclasses import dataclass

from mlm_helpers.words.vocabulary import (
    Code,
    Factor,
    Predictor,
)

NO_CODE = Code("", "", "", "")


@dataclass(frozen=True)
class Part:
    """One predictor as it enters a term. ``kind``: ``two`` (two coded values), ``treatment`` /
    ``sum`` / ``cell`` (a category's column), ``number``, ``function`` (of a variable)."""

    kind: str
    key: str
    predictor: Predictor
    factor: Factor
    low: Code = NO_CODE
    high: Code = NO_CODE

    @property
    def step(self) -> float:
        """Distance between the two codes: a coefficient times this is the difference."""
        if self.kind != "two":
            return 1.0
        return (self.high.number or 0.0) - (self.low.number or 0.0)

    @property
    def is_contrast(self) -> bool:
        """True when the coefficient compares two kinds of unit."""
        return self.kind in ("two", "treatment")


@dataclass(frozen=True)
class Who:
    """The group (or student) at which the other predictors are held: its head noun with
    qualifiers, in the singular and the plural."""

    one: str
    many: str


def without_repeats(found: dict[str, Part]) -> list[Part]:
    """Leave out functions of variables that are there themselves, such as the square of one."""
    return [
        x for x in found.values() if x.kind != "function" or not set(x.factor.uses) <= set(found)
    ]


def article_of(noun: str) -> str:
    """The article after "in": none before "mean reading achievement"."""
    return "" if noun.startswith("mean ") else "the "


def versus(high: Code, low: Code) -> str:
    """``"private and public schools"``, or both in full when their last words differ."""
    a, b = high.many.split(" "), low.many.split(" ")
    if len(a) == len(b) == 2 and a[1] == b[1]:
        return f"{a[0]} and {low.many}"
    return f"{high.many} and {low.many}"


def the_one(code: Code) -> str:
    """``"the girl"`` from "a girl"; "another school" stays."""
    article, _, noun = code.one.partition(" ")
    return f"the {noun}" if article in ("a", "an") and noun else code.one


def code_phrase(p: Predictor, code: Code) -> str:
    """``"sector public"``; ``"sector = 0"`` for a code that has only its value for a name."""
    return code.name if code.name.startswith(f"{p.label} = ") else f"{p.label} {code.name}"


def tau_pair(symbol: str) -> tuple[int, int]:
    """``"tau01"`` as (0, 1)."""
    digits = symbol[3:].split(",") if "," in symbol else list(symbol[3:])
    return int(digits[0]), int(digits[1])
