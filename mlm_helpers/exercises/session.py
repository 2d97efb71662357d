"""An exercise in a notebook: ``check``, ``hint`` and what happens when an answer is not right."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.exercises.cells import advice, answers_assigned, describe_error, install
from mlm_helpers.exercises.judging.plain import MISSING, Plain, to_plain
from mlm_helpers.exercises.judging.verdict import Verdict
from mlm_helpers.exercises.outputs import Shown, shell, show
from mlm_helpers.exercises.questions import Question
from mlm_helpers.exercises.study import study_of
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.text import join_words

PARTS = ("part1", "part2", "part3", "part4")
OWN = "own"  # the questions that a lesson brings itself
_UNSET = object()


class NotYet(AssertionError):
    """A question that is not answered, or not right. One line, no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Exercise:
    """One part of the exercises: its questions, and what the student left as answers.

    The answer to question ``q5`` is looked for in the variable ``answer_q5`` of the notebook.
    """

    def __init__(self, name: str, questions: Sequence[Question], study: Any = None):
        self.name, self.study = name, study
        self.questions = {q.id: q for q in questions}
        self._hinted: dict[str, int] = {}
        self._crashes = _watch_crashes()

    def __repr__(self) -> str:
        return f"Exercise {self.name}: {len(self.questions)} questions"

    def question(self, id: str) -> Question:
        """The question with this id, or an MLMError that suggests one."""
        if id not in self.questions:
            raise MLMError(
                f"{self.name} has no question {id!r}; it has {', '.join(self.questions)}."
                + suggest(str(id), self.questions)
            )
        return self.questions[id]

    def judge(self, id: str, answer: Plain) -> Verdict:
        """Judge an answer that is already plain data; the marking uses this."""
        return self.question(id).judge(answer)

    def check(self, id: str, answer: Any = _UNSET) -> Shown:
        """Check the answer to one question.

        Parameters
        ----------
        id : such as ``"q5"``
        answer : the answer; by default what the notebook's variable ``answer_q5`` holds

        Raises
        ------
        NotYet
            With one line that says what is not right yet.
        """
        self.question(id)
        verdict = self._verdict(id, answer)
        line = f"{label(id)}: {verdict.message}"
        if not verdict.passed:
            show(Shown(line, verdict.state))
            raise NotYet(line)
        return Shown(line, "right")

    def _verdict(self, id: str, answer: Any = _UNSET) -> Verdict:
        """The verdict on an answer, or on what the notebook has as the answer to a question."""
        if answer is not _UNSET:
            return self.judge(id, to_plain(answer))
        variable, space = f"answer_{id}", _namespace()
        if variable not in space and variable in self._crashes:
            return Verdict(
                "unreadable",
                f"your answer cell stopped with {self._crashes[variable]}. Repair that cell and "
                "run it again.",
            )
        return self.judge(id, to_plain(space[variable]) if variable in space else MISSING)

    def summary(self) -> Shown:
        """How many questions are right and which are open. Never fails."""
        states = {id: self._verdict(id).state for id in self.questions}
        right = sum(state == "right" for state in states.values())
        parts = [f"{right} of {len(states)} right"]
        for name, state in (("not yet", "wrong"), ("unclear", "unclear")):
            found = [_short(id) for id, s in states.items() if s == state]
            parts += [f"{name}: {join_words(found)}"] if found else []
        left = [_short(id) for id, s in states.items() if s in ("unanswered", "unreadable")]
        parts += [f"open: {join_words(left)}"] if left else []
        save = "Save the notebook (Ctrl+S, on a Mac ⌘S) before you hand it in."
        return Shown(f"{'; '.join(parts)}. {save}", "summary")

    def hint(self, id: str, stage: int | None = None) -> Shown:
        """The next hint for a question: each call goes one stage further."""
        hints = self.question(id).hints
        if not hints:
            return Shown(f"{label(id)}: there is no hint for this question.", "hint")
        reached = self._hinted.get(id, 0) + 1 if stage is None else int(stage)
        reached = min(max(reached, 1), len(hints))
        self._hinted[id] = reached
        more = "run this cell again for the next" if reached < len(hints) else "the last one"
        line = f"{label(id)}, hint {reached} of {len(hints)} ({more}): {hints[reached - 1]}"
        return Shown(line, "hint")

    def definitions(self) -> Any:
        """The lettered definitions of the matching board, as a table."""
        from mlm_helpers.exercises.matching import definitions_table

        return definitions_table(self)

    def board(self) -> Any:
        """The matching board: a menu for each parameter."""
        from mlm_helpers.exercises.matching import Board

        return Board(self)


def exercise(name: str, study: Any = None) -> Exercise:
    """Open an exercise.

    Parameters
    ----------
    name : ``"part1"`` to ``"part4"``, or ``"own"`` for a lesson's own questions
    study : what the questions are computed from; by default the lecture's data (part 3: High
        School & Beyond). Parts 1, 2 and 4 take a lesson, or the study of another Model 3.

    Raises
    ------
    MLMError
        If there is no such exercise.
    """
    if name not in (*PARTS, OWN):
        raise MLMError(
            f"There is no exercise {name!r}; there are {', '.join(PARTS)}."
            + suggest(str(name), PARTS)
        )
    module = importlib.import_module(f"mlm_helpers.exercises.{name}")
    if name == OWN:
        if not isinstance(study, Lesson):
            raise MLMError("Questions of your own belong to a lesson: exercise('own', lesson).")
    elif study is None:
        study = module.default_study()
    elif name != "part3":
        study = study_of(study)
    return Exercise(name, module.questions(study), study)


def label(id: str) -> str:
    """How a question is called in replies: ``Question 5``, ``γ00``."""
    numbered = re.fullmatch(r"q(\d+[a-z]?)", id)
    if numbered:
        return f"Question {numbered.group(1)}"
    from mlm_helpers.exercises.part1 import WRITTEN

    return WRITTEN.get(id, id.capitalize())


def _short(id: str) -> str:
    """A question in the summary: ``4``, ``6b``, ``γ00``."""
    return label(id).removeprefix("Question ")


# ---- the notebook around ----------------------------------------------------------------------
def _namespace() -> Mapping[str, Any]:
    here = shell()
    return here.user_ns if here else vars(sys.modules["__main__"])


def _watch_crashes() -> dict[str, str]:
    """Remember which answer cell stopped with an error, so that the check can point at it, and say
    below the cell what to do; an earlier answer of the same cell is forgotten."""
    here = shell()
    if here is None:
        return {}
    crashes: dict[str, str] | None = getattr(here, "_mlm_crashes", None)
    if crashes is not None:
        return crashes
    found: dict[str, str] = {}
    here._mlm_crashes = found

    def after(result: Any) -> None:
        info = getattr(result, "info", None)
        names = answers_assigned(getattr(info, "raw_cell", None) or "")
        error = result.error_before_exec or result.error_in_exec
        for name in names:
            found.pop(name, None)
            if error is not None:
                here.user_ns.pop(name, None)
                found[name] = describe_error(error)
        if names and error is not None:
            show(Shown(advice(error, names[0]), "unreadable"))

    install(here)
    here.events.register("post_run_cell", after)
    return found
