"""Whose a file is: read off its name, as Canvas, Moodle, Blackboard and nbgrader write names."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from mlm_helpers.authoring.marking.handed import Handed
from mlm_helpers.authoring.marking.texts import shown
from mlm_helpers.errors import MLMError

# Doe, Jane handed in twice and late: doejane_LATE_123_457_part2-1.ipynb
_CANVAS = re.compile(
    r"(?P<student>[^_/]+)(?P<late>_LATE)?_(?P<user>\d+)_(?P<order>\d+)_(?P<file>.+)"
)
# a folder for each student, or the same before the file's name
_MOODLE = re.compile(
    r"(?P<student>.+?)_(?P<user>\d+)_assignsubmission_(?:file|onlinetext)_(?P<file>.*)"
)
_BLACKBOARD = re.compile(
    r".+_(?P<user>[^_/]+)_attempt_(?P<order>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)"
)
_COPY = re.compile(r"(?:[ _-]*(?:\(\d+\)|(?:-|\b)copy\d*|-\d+|copy of ))+$", re.IGNORECASE)


@dataclass(frozen=True)
class Name:
    """What a file's name says. ``user`` is the site's number or name for the student, ``order``
    tells which of several attempts is the last, ``site`` who wrote the name."""

    student: str
    site: str = "folder"
    user: str = ""
    late: bool = False
    order: str = ""
    file: str = ""


def site_name(path: PurePosixPath) -> Name | None:
    """What a name that a course site wrote says, or None for any other name."""
    for part in reversed(path.parts):
        found = _MOODLE.fullmatch(part)
        if found:
            return Name(
                shown(found["student"]), "Moodle", found["user"], file=found["file"] or path.name
            )
    found = _BLACKBOARD.fullmatch(path.name)
    if found:
        user = shown(found["user"])
        return Name(user, "Blackboard", user, order=found["order"], file=found["file"] or "")
    found = _CANVAS.fullmatch(path.name)
    if found:
        order = found["order"].zfill(20)
        late = bool(found["late"])
        return Name(shown(found["student"]), "Canvas", found["user"], late, order, found["file"])
    return None


def pattern_name(path: PurePosixPath, pattern: re.Pattern[str]) -> Name | None:
    """What the instructor's own pattern finds in a path."""
    found = pattern.search(path.as_posix())
    if not found:
        return None
    groups = {k: v or "" for k, v in found.groupdict().items()}
    whole = " ".join(filter(None, (groups.get("first_name"), groups.get("last_name"))))
    student = groups.get("student") or groups.get("student_id") or whole
    if not student:
        return None
    return Name(
        shown(student),
        "pattern",
        groups.get("user") or groups.get("student_id") or "",
        bool(groups.get("late")),
        groups.get("attempt") or groups.get("timestamp") or "",
        path.name,
    )


def read_pattern(text: str) -> re.Pattern[str]:
    """The pattern of ``--name-regexp``.

    Raises
    ------
    MLMError
        If it is not a regular expression, or names no student.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise MLMError(f"--name-regexp is not a regular expression: {error}.") from None
    if not {"student", "student_id", "last_name"} & set(pattern.groupindex):
        raise MLMError(
            "--name-regexp has to name the student, as in (?P<student>[a-z]+)_.*; it may also name "
            "user, late and attempt."
        )
    return pattern


def names(
    handed: Sequence[Handed], stems: Collection[str], pattern: re.Pattern[str] | None = None
) -> list[Name]:
    """Whose each of these files is.

    A name of a course site says it, or the instructor's pattern. Otherwise the file's name is the
    student's, or the folder's where the files have kept the names of the exercises (``stems``).
    """
    paths = [h.path for h in handed]
    top = _common_top(paths)
    keepers = {_folder(p, top) for p in paths if _kept(p.stem, stems) and _folder(p, top)}
    out = []
    for path in paths:
        name = pattern_name(path, pattern) if pattern else site_name(path)
        if name is None:
            folder = _folder(path, top)
            grader = folder and len(path.parts) - top >= 3 and _kept(path.stem, stems)
            own = folder if folder in keepers else path.stem
            name = Name(shown(own), "nbgrader" if grader else "folder", file=path.name)
        out.append(name)
    return out


def _common_top(paths: Sequence[PurePosixPath]) -> int:
    """How many folders stand around everything, such as ``submitted``."""
    top = int(all(len(p.parts) > 2 and p.parts[0] == "submitted" for p in paths))
    if len(paths) < 2:
        return top
    while all(len(p.parts) > top + 2 for p in paths) and len({p.parts[top] for p in paths}) == 1:
        top += 1
    return top


def _folder(path: PurePosixPath, top: int) -> str:
    """The student's folder, where there is one."""
    inner = path.parts[top:]
    return inner[0] if len(inner) > 1 else ""


def _kept(stem: str, stems: Collection[str]) -> bool:
    """Whether a file has kept its exercise's name, apart from what copying adds."""
    plain = re.sub(r"^copy of ", "", _COPY.sub("", stem), flags=re.IGNORECASE)
    return plain in stems or stem in stems
