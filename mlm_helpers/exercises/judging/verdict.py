"""What became of an answer, and what is no answer at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlm_helpers.exercises.judging.plain import Plain

State = Literal["right", "wrong", "unanswered", "unreadable", "unclear"]


@dataclass(frozen=True)
class Verdict:
    """What became of an answer: ``state``, a sentence or two for the student, and the key of the
    misconception (see ``misconceptions``) where one was recognised."""

    state: State
    message: str
    misconception: str = ""

    @property
    def passed(self) -> bool:
        """True for a right answer."""
        return self.state == "right"


def not_an_answer(answer: Plain, wanted: str) -> Verdict | None:
    """What to say of something that was not given as an answer; None if it is one. ``wanted``, such
    as "a number", completes "give ..."."""
    if answer.kind == "unset":
        return Verdict("unanswered", "not answered yet.")
    if answer.kind == "missing":
        return Verdict("unanswered", "not answered yet: run the answer cell above first.")
    if answer.kind == "none":
        return Verdict(
            "unreadable",
            f"your answer is None: a function that prints returns nothing; give {wanted}.",
        )
    if answer.kind == "text" and not answer.text.strip().strip(".…"):
        return Verdict("unanswered", "not answered yet.")
    return None
