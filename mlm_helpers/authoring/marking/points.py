"""From verdicts to points: what each question is worth, what the instructor decided, and sums."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.marking.decisions import Decisions, answer_key
from mlm_helpers.authoring.marking.mark import Mark, Marked
from mlm_helpers.errors import MLMError, suggest


@dataclass(frozen=True)
class Worth:
    """Points by (exercise, question), 1 where nothing is said, and the weight of each exercise in
    the total."""

    points: Mapping[tuple[str, str], float]
    weights: Mapping[str, float]

    def of(self, exercise: str, question: str) -> float:
        """What a right answer to this question earns."""
        return self.points.get((exercise, question), 1.0)


@dataclass(frozen=True)
class Scored:
    """An answer with its points. ``by`` says who gave them: the checks, a decision, an override;
    or ``open`` where the instructor has still to decide, which counts as 0 until then."""

    mark: Mark
    points: float
    of: float
    by: str = "checks"
    comment: str = ""


@dataclass(frozen=True)
class Result:
    """A marked submission with points."""

    marked: Marked
    scored: tuple[Scored, ...] = ()

    @property
    def points(self) -> float:
        """Points earned."""
        return sum(s.points for s in self.scored)

    @property
    def of(self) -> float:
        """Points there are."""
        return sum(s.of for s in self.scored)

    @property
    def open(self) -> int:
        """Answers that wait for a decision."""
        return sum(s.by == "open" for s in self.scored)


def score(marked: Sequence[Marked], worth: Worth, decisions: Decisions) -> list[Result]:
    """Give points to every answer."""
    return [
        Result(m, tuple(_scored(m, mark, worth, decisions) for mark in m.marks)) for m in marked
    ]


def _scored(m: Marked, mark: Mark, worth: Worth, decisions: Decisions) -> Scored:
    of = worth.of(m.exercise, mark.question)
    override = decisions.overrides.get((m.student, m.exercise, mark.question))
    if override:
        return Scored(mark, override.points, of, "override", override.comment)
    if mark.state == "unclear":
        decision = decisions.answers.get(answer_key(m.exercise, mark))
        if decision is None or decision.credit is None:
            return Scored(mark, 0.0, of, "open")
        return Scored(mark, decision.credit * of, of, "decision", decision.comment)
    return Scored(mark, of if mark.state == "right" else 0.0, of)


def unused_overrides(marked: Sequence[Marked], decisions: Decisions) -> list[str]:
    """A sentence for each override that no answer is for: nothing of theirs is lost silently."""
    there = {(m.student, m.exercise, mark.question) for m in marked for mark in m.marks}
    return [
        f"The override for {student}, {exercise}, {question} fits no answer that was marked."
        + suggest(student, sorted({s for s, _, _ in there}))
        for student, exercise, question in decisions.overrides
        if (student, exercise, question) not in there
    ]


def total(results: Sequence[Result], worth: Worth) -> float:
    """One student's total: the exercises' points by their weights."""
    return sum(r.points * worth.weights.get(r.marked.exercise, 1.0) for r in results)


# ---- points.toml --------------------------------------------------------------------------------
def read_points(path: Path | None, questions: Mapping[str, Sequence[str]]) -> Worth:
    """What ``points.toml`` says; ``questions`` are those of each exercise.

    Raises
    ------
    MLMError
        If it cannot be read, or names what does not exist, or a number is not one.
    """
    if path is None:
        return Worth({}, {})
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise MLMError(f"{path.name} cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise MLMError(f"{path.name}: {error}.") from None
    for name in data:
        _known(name, [*questions, "weights"], f"{path.name}: there is no exercise")
    weights = _numbers(data.pop("weights", {}), list(questions), path, "exercise")
    points = {}
    for exercise, table in data.items():
        for question, value in _numbers(table, questions[exercise], path, "question").items():
            points[exercise, question] = value
    return Worth(points, weights)


def _numbers(table: Any, known: Sequence[str], path: Path, what: str) -> dict[str, float]:
    if not isinstance(table, dict):
        raise MLMError(f"{path.name}: write [part2] on one line and q5 = 2 below it.")
    for name, value in table.items():
        _known(name, known, f"{path.name}: there is no {what}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < 1e6:
            raise MLMError(f"{path.name}: {name} = {value!r} is not a number of points.")
    return {name: float(value) for name, value in table.items()}


def _known(name: str, known: Sequence[str], beginning: str) -> None:
    if name not in known:
        raise MLMError(
            f"{beginning} {name!r}; there are {', '.join(known)}." + suggest(name, list(known))
        )
