"""Mark a folder of submitted notebooks.

The answer cells of each submission are taken by their ids into a pristine copy of the student
notebook and run in a process of their own (``sandbox``). That process sends back the answers as
plain data; they are judged here, by the same rules as in the notebook. What a student has done to
check cells, stored outputs or the package therefore has no effect.

Each judged submission is written down at once, so that a run that was interrupted goes on where it
stopped; a submission that has changed since, or a change of the rules, is marked again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.build import exercises_folder
from mlm_helpers.authoring.marking.report import write_reports
from mlm_helpers.authoring.marking.runner import Limits, Outcome, run_submission
from mlm_helpers.authoring.marking.submissions import (
    Pristine,
    Submission,
    find_submissions,
    pristine_notebooks,
)
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.questions import Verdict
from mlm_helpers.exercises.session import Exercise, exercise
from mlm_helpers.lesson.files import LESSON_FILE, lesson_sources, open_lesson


@dataclass(frozen=True)
class Mark:
    """The verdict on one answer. ``state`` is one of right, wrong, unclear, unreadable,
    unanswered, stopped (the cell did not finish) and spoiled (it cannot be told which cell)."""

    question: str
    state: str
    message: str
    misconception: str
    source: str


@dataclass(frozen=True)
class Marked:
    """One marked submission; ``problem`` is a sentence when it could not be marked."""

    student: str
    exercise: str
    file: str
    marks: tuple[Mark, ...] = ()
    problem: str = ""
    closed: tuple[str, ...] = ()

    @property
    def right(self) -> int:
        """Right answers."""
        return sum(m.state == "right" for m in self.marks)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``mark``."""
    parser.add_argument("submissions", type=Path, help="folder of notebooks; file name = student")
    parser.add_argument(
        "--out", type=Path, default=Path("marks.csv"), help="the CSV; reports go beside it"
    )
    parser.add_argument("--exercises", type=Path, help="the folder of the student notebooks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--seconds", type=float, default=60, help="limit for one answer cell")
    parser.add_argument("--memory", type=int, default=3000, help="limit in megabytes")
    parser.add_argument("--again", action="store_true", help="mark also what is marked already")


def run(options: argparse.Namespace) -> int:
    """Mark everything, with a progress bar, and write the CSV and the pages."""
    from tqdm import tqdm

    if not options.submissions.is_dir():
        raise MLMError(f"There is no folder {options.submissions.as_posix()!r}.")
    limits = Limits(options.seconds, 5 * options.seconds, options.memory)
    marker = Marker(options.out, options.exercises, limits)
    found = marker.find(options.submissions)
    if not found:
        raise MLMError(f"There are no notebooks in {options.submissions.as_posix()!r}.")
    bar = tqdm(total=len(found), unit="notebook", file=sys.stderr, desc="Marking")
    try:
        for _ in marker.mark(found, jobs=options.jobs, again=options.again):
            bar.update()
    except KeyboardInterrupt:
        bar.close()
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    bar.close()
    marked = marker.results(found)
    pages = write_reports(options.out, marked)
    unmarked = sum(bool(m.problem) for m in marked)
    print(f"{len(marked) - unmarked} of {len(marked)} notebooks marked: {options.out.as_posix()}")
    print(f"Class page: {(pages / 'class.html').as_posix()}")
    if unmarked:
        print(f"{unmarked} could not be marked; the class page says why.")
    return 0


class Marker:
    """Marks submissions and remembers what is done in ``OUT_pages/state``."""

    def __init__(self, out: Path, exercises: Path | None = None, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.pristine = pristine_notebooks(exercises)
        if not self.pristine:
            raise MLMError("The student notebooks are missing: run the command build first.")
        self.state = pages_folder(out) / "state"
        # a course on other data has its lesson beside its exercises
        lesson = exercises_folder(exercises).resolve().parent / LESSON_FILE
        self.lesson = lesson if lesson.is_file() else None
        self.files = (lesson, *lesson_sources(lesson).values()) if self.lesson else ()
        self._exercises: dict[str, Exercise] = {}
        self._rules = _digest(*(p.read_bytes() for p in (*_rule_files(), *self.files)))

    def find(self, folder: Path) -> list[Submission]:
        """The submissions in a folder."""
        return find_submissions(folder, self.pristine)

    def mark(
        self, submissions: Iterable[Submission], *, jobs: int = 1, again: bool = False
    ) -> Iterable[Marked]:
        """Mark what is not marked yet; yields each as it is done."""
        todo = []
        for s in submissions:
            done = None if again else self._load(s)
            if done is None:
                todo.append(s)
            else:
                yield done
        for name in sorted({s.exercise for s in todo if s.exercise}):
            self._open(name)  # once, before the threads start
        with ThreadPoolExecutor(max(1, jobs)) as pool:
            futures = [pool.submit(self._mark_one, s) for s in todo]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def results(self, submissions: Iterable[Submission]) -> list[Marked]:
        """What is written down for these submissions."""
        return [m for m in (self._load(s) for s in submissions) if m is not None]

    # ---- one submission -----------------------------------------------------------------------
    def _mark_one(self, s: Submission) -> Marked:
        if s.problem:
            marked = Marked(s.student, s.exercise, s.path.name, problem=s.problem)
        else:
            outcome = run_submission(s, self.limits, self.files)
            pristine = self.pristine[s.exercise]
            marks = tuple(self._judge(q, s, pristine, outcome) for q in pristine.answers)
            marked = Marked(
                s.student,
                s.exercise,
                s.path.name,
                marks if not outcome.broken else (),
                outcome.broken,
                outcome.closed,
            )
        self._save(s, marked)
        return marked

    def _judge(self, question: str, s: Submission, pristine: Pristine, outcome: Outcome) -> Mark:
        source = s.sources.get(question, "")
        cell = pristine.answers[question]
        if question in s.spoiled:
            return Mark(question, "spoiled", s.spoiled[question], "", source)
        if question not in s.sources:
            return Mark(question, "unanswered", "the answer cell is not in the notebook.", "", "")
        if cell in outcome.stopped:
            state, sentence = outcome.stopped[cell]
            return Mark(question, state, sentence, "", source)
        if cell not in outcome.answers:
            return Mark(question, "stopped", "the answer cell left no answer.", "", source)
        verdict: Verdict = self._open(s.exercise).judge(question, outcome.answers[cell])
        return Mark(question, verdict.state, verdict.message, verdict.misconception, source)

    def _open(self, name: str) -> Exercise:
        if name not in self._exercises:
            about = None if self.lesson is None or name == "part3" else open_lesson(self.lesson)
            self._exercises[name] = exercise(name, about)
        return self._exercises[name]

    # ---- what is done -------------------------------------------------------------------------
    def _key(self, s: Submission) -> str:
        pristine = self.pristine[s.exercise].text if s.exercise else ""
        content = s.path.read_bytes() if s.path.exists() else b""
        return _digest(content, pristine.encode(), self._rules.encode(), repr(self.limits).encode())

    def _file(self, s: Submission) -> Path:
        return self.state / f"{_digest(s.student.encode(), s.exercise.encode())[:20]}.json"

    def _save(self, s: Submission, marked: Marked) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        draft = self._file(s).with_suffix(".part")
        content = {"key": self._key(s), "marked": asdict(marked)}
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(self._file(s))

    def _load(self, s: Submission) -> Marked | None:
        try:
            content = json.loads(self._file(s).read_text(encoding="utf-8"))
            if content["key"] != self._key(s):
                return None
            return _marked(content["marked"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def pages_folder(out: Path) -> Path:
    """Where the pages of a CSV go: ``marks.csv`` has ``marks_pages`` beside it."""
    return out.with_name(f"{out.stem}_pages")


def _marked(data: dict[str, Any]) -> Marked:
    marks = tuple(Mark(**m) for m in data.pop("marks"))
    return Marked(**{**data, "marks": marks, "closed": tuple(data["closed"])})


def _rule_files() -> list[Path]:
    """Everything that a verdict depends on."""
    package = Path(__file__).resolve().parents[2]
    return sorted(package.rglob("*.py"))


def _digest(*parts: bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()
