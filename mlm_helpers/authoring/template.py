"""The grammar of the templates from which notebooks are made.

A template is a row of cells. A line ``%% KIND ...`` starts one; the words after it say what becomes
of it, see :func:`cell_of` and the modules that read templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
TAGS = {"hide": "hide-input", "explorer": "explorer"}
SLIDE_TYPES = ("slide", "subslide", "fragment", "skip", "-")


@dataclass(frozen=True)
class Cell:
    """One cell of a template, before it is filled in. ``needs`` are slides that it speaks of; a
    ``verbatim`` cell is not filled in."""

    kind: str
    slide: str
    tags: tuple[str, ...]
    conditions: tuple[str, ...]
    text: str
    line: int
    needs: tuple[int, ...] = ()
    verbatim: bool = False


def blocks(template: str) -> Iterator[tuple[list[str], int, str]]:
    """The blocks of a template: the words after ``%%``, the line they stand in, and the text."""
    head: tuple[list[str], int] | None = None
    body: list[str] = []
    for number, line in enumerate([*template.splitlines(), "%% end"], start=1):
        if not line.startswith("%% "):
            body.append(line)
            continue
        if head is not None:
            yield *head, "\n".join(body).strip("\n")
        head, body = (line.split()[1:], number), []


def cell_of(words: list[str], line: int, text: str) -> Cell:
    """The cell of a block."""
    kind, *rest = words
    tags = [name for word, name in TAGS.items() if word in rest]
    conditions = tuple(w.removeprefix("if=") for w in rest if w.startswith("if="))
    slide = next((w for w in rest if w in SLIDE_TYPES), "-")
    if kind == "notes":
        tags, slide = ["instructor"], "notes"
    needs = tuple(int(w.removeprefix("needs=")) for w in rest if w.startswith("needs="))
    return Cell(kind, slide, tuple(tags), conditions, text, line, needs)


class Raw(str):
    """Text that goes into a cell as it is: code, LaTeX, Markdown made here."""


_MARKDOWN = re.compile(r"([\\`*_\[\]<>|$~#])")


def escape(value: object) -> str:
    """A word of the vocabulary for Markdown; what is already Markdown or a number stays."""
    if isinstance(value, str) and not isinstance(value, Raw):
        return _MARKDOWN.sub(r"\\\1", value)
    return str(value)
