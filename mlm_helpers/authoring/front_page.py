"""The front page of a course, ``START.md``: what to open, in which order.

Its links are relative, so that they open in JupyterLab, on a site and in a folder alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import nbformat

FILE = "START.md"
_FOLDERS = (
    ("lectures", "The lecture", "Read it slide by slide, and run each box with Shift+Enter."),
    ("walkthroughs", "Whole analyses, step by step", "In any order, after the lecture."),
    ("exercises", "Exercises", "Each answer is checked at once. Save, and hand in the file."),
)
_FOR_INSTRUCTORS = "You teach this course? Read [INSTRUCTORS.md](INSTRUCTORS.md).\n"


def front_page(notebooks: Iterable[tuple[str, str]], *, instructor: bool) -> str:
    """The page for these notebooks, each its path in the course and its text.

    ``instructor`` adds where instructors find their guide, which students do not get.
    """
    found = [(path, *_heading(text)) for path, text in notebooks]
    lines = ["# Start here", "", "Click on a title to open it."]
    number = 0
    for folder, heading, advice in _FOLDERS:
        here = [entry for entry in found if entry[0].startswith(f"{folder}/")]
        if not here:
            continue
        lines += ["", f"## {heading}", "", advice, ""]
        for path, title, minutes in here:
            number += 1
            lines.append(f"{number}. [{title}]({quote(path)}){minutes}")
    lines += ["", "New to notebooks? [Your first day](FIRST_DAY.md) shows how they work."]
    return "\n".join(lines) + "\n" + (f"\n{_FOR_INSTRUCTORS}" if instructor else "")


def notebooks_of(course: Path) -> list[tuple[str, str]]:
    """The notebooks of a course in the order in which they are read."""
    return [
        (path.relative_to(course).as_posix(), path.read_text(encoding="utf-8"))
        for folder, _, _ in _FOLDERS
        for path in sorted((course / folder).glob("*.ipynb"))
    ]


def _heading(text: str) -> tuple[str, str]:
    """A notebook's title, and its minutes where its first cell states them."""
    first = nbformat.reads(text, as_version=4).cells[0].source
    title = first.splitlines()[0].lstrip("# ").strip()
    title = re.sub(r"^\d+ · ", "", title)
    minutes = [int(m) for m in re.findall(r"(\d+) minutes", first)]
    return title, f" ({sum(minutes)} minutes)" if minutes else ""
