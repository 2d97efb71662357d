"""The tables of marks: one row a student, and one row an answer."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from mlm_helpers.authoring.marking.collect import Collected
from mlm_helpers.authoring.marking.people import harmless
from mlm_helpers.authoring.marking.points import Result, Worth, total
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.misconceptions import title

STATES = {
    "right": ("✓", "right"),
    "wrong": ("✗", "not right"),
    "unclear": ("?", "for the instructor to read"),
    "unreadable": ("?", "cannot be read"),
    "unanswered": ("–", "not answered"),
    "stopped": ("!", "the cell did not finish"),
    "spoiled": ("!", "cannot be taken"),
}


def state(name: str) -> tuple[str, str]:
    """The sign and the words of a verdict."""
    return STATES.get(name, ("?", name))


def number(value: float) -> str:
    """Points as they are written: 9, 9.5, 9.33."""
    return f"{round(value, 2):g}"


def misconceptions(results: Iterable[Result]) -> list[str]:
    """The misconceptions found in some results, each once."""
    found = (m.misconception for r in results for m in r.marked.marks if m.state != "right")
    return [key for key in dict.fromkeys(found) if key not in ("", "other")]


def by_student(results: Sequence[Result], students: Sequence[str]) -> dict[str, list[Result]]:
    """The results of everybody, in the order of the exercises."""
    out: dict[str, list[Result]] = {name: [] for name in students}
    for r in sorted(results, key=lambda r: r.marked.exercise):
        out.setdefault(r.marked.student, []).append(r)
    return out


def notes(results: Sequence[Result]) -> list[str]:
    """What the instructor should know about a student's notebooks."""
    said = []
    for r in results:
        s = r.marked.submission
        if r.marked.problem:
            said.append(f"{s.file}: {r.marked.problem}")
        said += [f"{s.exercise or s.file}: {note}" for note in s.notes]
    return said


def write_wide(
    path: Path, collected: Collected, results: Sequence[Result], exercises: Sequence[str],
    worth: Worth,
) -> None:  # fmt: skip
    """One row a student, one column an exercise; empty where nothing could be marked."""
    head = ["student", *exercises, "total", "to decide", "misconceptions", "notes"]
    rows = []
    for student, own in by_student(results, collected.students).items():
        marked = {r.marked.exercise: r for r in own if not r.marked.problem}
        cells = [number(marked[e].points) if e in marked else "" for e in exercises]
        sums = [number(total(list(marked.values()), worth)) if marked else ""]
        waiting = sum(r.open for r in own)
        found = "; ".join(title(key) for key in misconceptions(own))
        said = notes(own) or ([] if own else ["Nothing handed in."])
        rows.append([student, *cells, *sums, waiting or "", found, " ".join(said)])
    write_table(path, head, rows)


def write_long(path: Path, results: Sequence[Result]) -> None:
    """One row an answer."""
    head = ["student", "exercise", "question", "verdict", "points", "of", "by", "comment"]
    head += ["misconception", "reply", "answer", "late", "file"]
    rows = []
    for r in sorted(results, key=lambda r: (r.marked.student.casefold(), r.marked.exercise)):
        s = r.marked.submission
        for x in r.scored:
            m = x.mark
            late = "late" if s.name.late else ""
            row = [s.student, s.exercise, m.question, state(m.state)[1], number(x.points)]
            row += [number(x.of), x.by, x.comment, title(m.misconception), m.message]
            said = f"{m.source} # {m.said}" if m.state == "stopped" and m.said else m.source
            rows.append([*row, said[:2000], late, s.file])
    write_table(path, head, rows)


def write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV that spreadsheets open rightly: whole, or not at all."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([harmless(value) for value in row] for row in rows)
    write_file(path, ("\ufeff" + text.getvalue()).encode("utf-8", "replace"))


def write_file(path: Path, content: bytes) -> None:
    """Put a file in its place when all of it is written.

    Raises
    ------
    MLMError
        If that is not possible, with the reason.
    """
    draft = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        raise MLMError(
            f"{path.name} cannot be written: {error.strerror or error}. What is marked is kept: "
            "make room, or choose another place with --out, and run the command again."
        ) from None
