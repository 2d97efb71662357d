"""Judge submitted notebooks.

The answer cells of each submission are taken into a pristine copy of the student notebook and run
in a process of their own (``sandbox``). That process sends back the answers as plain data; they are
judged here, by the same rules as in the notebook. What a student has done to check cells, stored
outputs or the package therefore has no effect.

Verdicts stay in this process until the tables are written. Each is also written down, signed
(``store``), under the digest of what was judged: a notebook that has changed since, or a change of
the rules, is marked again; notebooks with the same answers are run once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.build import exercises_folder
from mlm_helpers.authoring.marking.isolation import Isolation
from mlm_helpers.authoring.marking.runner import Job, Limits, Outcome, end_all, run_job
from mlm_helpers.authoring.marking.store import Store, digest
from mlm_helpers.authoring.marking.submissions import Submission, pristine_notebooks
from mlm_helpers.authoring.marking.texts import clean
from mlm_helpers.authoring.marking.tree import package_folder
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.judging.plain import Plain
from mlm_helpers.exercises.session import Exercise, exercise
from mlm_helpers.lesson.files import LESSON_FILE, lesson_sources, open_lesson


@dataclass(frozen=True)
class Mark:
    """The verdict on one answer. ``state`` is what the judge said (right, wrong, unclear,
    unreadable, unanswered), or stopped (the cell did not finish), or spoiled (it cannot be told
    which cell counts). ``said`` is what the answer's text or the cell's error said."""

    question: str
    state: str
    message: str
    misconception: str = ""
    source: str = ""
    said: str = ""


@dataclass(frozen=True)
class Marked:
    """One marked submission; ``problem`` is a sentence when it could not be marked."""

    submission: Submission
    marks: tuple[Mark, ...] = ()
    problem: str = ""

    @property
    def student(self) -> str:
        """Who handed it in."""
        return self.submission.student

    @property
    def exercise(self) -> str:
        """``part1`` to ``part4``, or nothing where it cannot be told."""
        return self.submission.exercise

    @property
    def right(self) -> int:
        """Right answers."""
        return sum(m.state == "right" for m in self.marks)


class Marker:
    """Marks submissions to the exercises in one folder."""

    def __init__(self, isolation: Isolation, exercises: Path | None, limits: Limits, store: Store):
        self.isolation, self.limits, self.store = isolation, limits, store
        self.pristine = pristine_notebooks(exercises)
        if not self.pristine:
            raise MLMError("The student notebooks are missing: run the command build first.")
        # a course on other data has its lesson beside its exercises
        lesson = exercises_folder(exercises).resolve().parent / LESSON_FILE
        self.lesson = lesson if lesson.is_file() else None
        self.files = (lesson, *lesson_sources(lesson).values()) if self.lesson else ()
        self._exercises: dict[str, Exercise] = {}
        rules = (*sorted(package_folder().rglob("*.py")), *self.files)
        self._rules = digest(*(p.read_bytes() for p in rules))

    def mark(
        self, submissions: Iterable[Submission], *, jobs: int = 1, again: bool = False
    ) -> Iterator[Marked]:
        """Mark each; yields them as they are done. Nothing in one ends the marking of another."""
        waiting: dict[str, list[Submission]] = {}
        for s in submissions:
            if s.problem:
                yield Marked(s, problem=s.problem)
                continue
            known = None if again else self.store.get(self._digest(s))
            if known is None:
                waiting.setdefault(self._digest(s), []).append(s)
            else:
                yield _marked(s, known)
        for name in sorted({s.exercise for alike in waiting.values() for s in alike}):
            self._open(name)  # once, before the threads start
        with ThreadPoolExecutor(max(1, jobs)) as pool:
            futures = {pool.submit(self._judged, alike[0], d): d for d, alike in waiting.items()}
            try:
                for future in as_completed(futures):
                    for s in waiting[futures[future]]:
                        yield _marked(s, future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                end_all(self.isolation)
                raise

    # ---- one submission -----------------------------------------------------------------------
    def _digest(self, s: Submission) -> str:
        pristine = self.pristine[s.exercise].text.encode()
        how = repr((self.limits, self.isolation.way)).encode()
        return digest(s.judged, pristine, self._rules.encode(), how)

    def _judged(self, s: Submission, name: str) -> dict[str, Any]:
        try:
            outcome = run_job(Job(s.cells, s.extra, self.files), self.limits, self.isolation)
            answers = self.pristine[s.exercise].answers
            marks = [] if outcome.broken else [self._judge(q, s, outcome) for q in answers]
            content = {"marks": [asdict(m) for m in marks], "problem": outcome.broken}
        except Exception as error:  # whatever a notebook holds, the others are marked
            reason = clean(f"{type(error).__name__}: {error}")[:200]
            return {"marks": [], "problem": f"It could not be marked ({reason})."}
        if not outcome.broken:  # what failed for the machine's sake is tried again next time
            self.store.put(name, content)
        return content

    def _judge(self, question: str, s: Submission, outcome: Outcome) -> Mark:
        source = s.sources.get(question, "")
        cell = self.pristine[s.exercise].answers[question]
        if question in s.spoiled:
            return Mark(question, "spoiled", s.spoiled[question], source=source)
        if question not in s.sources:
            return Mark(question, "unanswered", "the answer cell is not in the notebook.")
        if cell in outcome.stopped:
            said = outcome.said.get(cell, "").removesuffix(")")
            return Mark(question, "stopped", outcome.stopped[cell], "", source, said)
        if cell not in outcome.answers:
            return Mark(question, "stopped", "the answer cell left no answer.", source=source)
        return self._verdict(question, outcome.answers[cell], source, s.exercise)

    def _verdict(self, question: str, answer: Plain, source: str, exercise: str) -> Mark:
        try:
            verdict = self._open(exercise).judge(question, answer)
        except Exception:  # an answer that no rule foresaw is one for the instructor to read
            return Mark(question, "unreadable", "your answer cannot be read.", "", source)
        said = answer.text if answer.kind == "text" else ""
        found = Mark(question, verdict.state, verdict.message, verdict.misconception, source, said)
        return replace(found, message=clean(found.message), said=clean(found.said))

    def _open(self, name: str) -> Exercise:
        if name not in self._exercises:
            about = None if self.lesson is None or name == "part3" else open_lesson(self.lesson)
            self._exercises[name] = exercise(name, about)
        return self._exercises[name]


def _marked(s: Submission, content: dict[str, Any]) -> Marked:
    return Marked(s, tuple(Mark(**m) for m in content["marks"]), content["problem"])
