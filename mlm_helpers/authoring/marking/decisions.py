"""What the instructor decides: credit for answers that the checks could not judge, and overrides.

Both stand in one small file that a person can edit, ``marks_decisions.toml`` beside the table. The
marking only ever adds to its end; what is written in it is never changed or taken out.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.marking.mark import Mark, Marked
from mlm_helpers.authoring.marking.store import digest
from mlm_helpers.errors import MLMError

HEAD = """\
# Your decisions. The marking adds answers at the end and changes nothing that stands here.
#
# For each answer write, after credit, a number from 0 (nothing) to 1 (all points), such as 0.5, and
# a comment for the student if you like. Then run the same command again.
#
# To change any other mark, add a block such as this one, in points:
#
#     [[override]]
#     student = "Ada Lovelace"
#     exercise = "part2"
#     question = "q5"
#     points = 1
#     comment = "You explained it to me in class."
"""


@dataclass(frozen=True)
class Decision:
    """The credit for one answer, from 0 to 1 (None: not decided yet), and a comment."""

    credit: float | None = None
    comment: str = ""


@dataclass(frozen=True)
class Override:
    """Points for one student's answer, whatever the checks said."""

    points: float
    comment: str = ""


@dataclass(frozen=True)
class Decisions:
    """What the file says: by the key of an answer, and by (student, exercise, question)."""

    answers: dict[str, Decision]
    overrides: dict[tuple[str, str, str], Override]


@dataclass(frozen=True)
class Alike:
    """An answer that waits for a decision, and everybody who gave it in the same words."""

    key: str
    exercise: str
    question: str
    text: str
    students: tuple[str, ...]


def to_decide(marked: Iterable[Marked]) -> list[Alike]:
    """The answers that the checks could not judge, the same words once."""
    found: dict[str, Alike] = {}
    for m in marked:
        for mark in m.marks:
            if mark.state == "unclear":
                key = answer_key(m.exercise, mark)
                text = mark.said or mark.source
                before = found[key].students if key in found else ()
                names = tuple(dict.fromkeys((*before, m.student)))
                found[key] = Alike(key, m.exercise, mark.question, text, names)
    return sorted(found.values(), key=lambda a: (a.exercise, a.question, a.key))


def answer_key(exercise: str, mark: Mark) -> str:
    """The same for answers in the same words, whatever their case, spaces and punctuation."""
    words = " ".join(
        re.findall(r"[\w.]*\w|[^\w\s.,;:!?'\"()]", (mark.said or mark.source).casefold())
    )
    return digest(exercise.encode(), mark.question.encode(), words.encode())[:12]


# ---- the file -----------------------------------------------------------------------------------
def read_decisions(path: Path) -> Decisions:
    """What a decisions file says; nothing where there is none yet.

    Raises
    ------
    MLMError
        If it cannot be read, or a credit is not a number from 0 to 1.
    """
    try:
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise MLMError(f"{path.name} cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise MLMError(f"{path.name}: {error}. Correct it and run the command again.") from None
    unknown = set(data) - {"answer", "override"}
    if unknown:
        raise MLMError(f"{path.name} has [[answer]] and [[override]], not {min(unknown)!r}.")
    answers = {str(e.get("id", "")): _decision(e, path) for e in _entries(data, "answer", path)}
    overrides = dict(_override(e, path) for e in _entries(data, "override", path))
    return Decisions(answers, overrides)


def _entries(data: dict[str, Any], kind: str, path: Path) -> list[dict[str, Any]]:
    found = data.get(kind, [])
    if not isinstance(found, list) or not all(isinstance(e, dict) for e in found):
        raise MLMError(f"{path.name}: write [[{kind}]] with two brackets on each side.")
    return found


def _decision(entry: dict[str, Any], path: Path) -> Decision:
    credit, comment = entry.get("credit", ""), str(entry.get("comment", ""))
    if isinstance(credit, str):
        try:
            credit = float(credit.replace(",", ".")) if credit.strip() else None
        except ValueError:
            credit = -1.0
    if credit is not None and (isinstance(credit, bool) or not 0 <= credit <= 1):
        raise MLMError(
            f"{path.name}: the credit of answer {entry.get('id')} is {entry['credit']!r}; write a "
            "number from 0 to 1."
        )
    return Decision(credit, comment)


def _override(entry: dict[str, Any], path: Path) -> tuple[tuple[str, str, str], Override]:
    missing = [k for k in ("student", "exercise", "question", "points") if k not in entry]
    if missing:
        raise MLMError(f"{path.name}: an [[override]] has no {missing[0]}.")
    points = entry["points"]
    if isinstance(points, bool) or not isinstance(points, int | float):
        raise MLMError(f"{path.name}: the points of an [[override]] are a number, not {points!r}.")
    where = (str(entry["student"]), str(entry["exercise"]), str(entry["question"]))
    return where, Override(float(points), str(entry.get("comment", "")))


def add_undecided(path: Path, alike: Iterable[Alike], known: Decisions) -> int:
    """Add what is not in the file yet to its end; returns how many answers are not decided."""
    alike = list(alike)
    new = [a for a in alike if a.key not in known.answers]
    if new:
        before = path.read_text(encoding="utf-8-sig") if path.exists() else HEAD
        before = before if before.endswith("\n") else before + "\n"
        draft = path.with_name(path.name + ".part")
        draft.write_text(before + "".join(map(_block, new)), encoding="utf-8", newline="\n")
        draft.replace(path)
    waiting = [a for a in alike if known.answers.get(a.key, Decision()).credit is None]
    return len(waiting)


def _block(a: Alike) -> str:
    fields = {"id": a.key, "exercise": a.exercise, "question": a.question, "text": a.text}
    lines = [f"{name} = {toml_text(value)}" for name, value in fields.items()]
    return "\n".join(["", "[[answer]]", *lines, 'credit = ""', 'comment = ""', ""])


def toml_text(text: str) -> str:
    """A text as TOML writes it on one line."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
