"""Make a course anew in its folder without losing what people have put there.

A course has a list of its files as they were made. When it is made anew, what is on the list and
unchanged gives way. Everything else stays: marks, submissions and files that an instructor has
added stay where they are, and a file of the course that somebody has changed goes to ``kept``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from mlm_helpers.errors import MLMError

LIST = ".made.json"
KEPT = "kept"


def write_list(course: Path) -> None:
    """Note the files of a course as they were made."""
    made = {_name(p, course): _digest(p) for p in _files(course)}
    text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False)
    (course / LIST).write_text(text + "\n", encoding="utf-8", newline="\n")


def keep(before: Path, course: Path) -> list[str]:
    """Copy into a new course what people have added to or changed in the one before.

    Returns
    -------
    list of str
        The changed files of the course, by their new names under ``kept``.
    """
    made, changed = _read_list(before), []
    for path in _files(before):
        name = _name(path, before)
        if name == LIST or made.get(name) == _digest(path):
            continue
        if not (course / name).exists() and name not in made:
            _copy(path, course / name)
        elif not (course / name).is_file() or _digest(path) != _digest(course / name):
            changed.append(_name(_copy(path, _free(course / KEPT / name)), course))
    for path in before.rglob("*"):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            (course / _name(path, before)).mkdir(parents=True, exist_ok=True)
    return changed


def _read_list(course: Path) -> dict[str, str]:
    """The list of a course; empty where it has none, so that all of its files are kept."""
    try:
        found = json.loads((course / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_symlink() or p.is_file())


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy(path: Path, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    except OSError as error:
        raise MLMError(
            f"{path.name} could not be kept ({error.strerror}), so nothing was replaced."
        ) from None
    return target


def _free(path: Path) -> Path:
    """The path, or with a number where it is taken."""
    number, out = 1, path
    while out.exists() or out.is_symlink():
        number += 1
        out = path.with_name(f"{path.stem} {number}{path.suffix}")
    return out
