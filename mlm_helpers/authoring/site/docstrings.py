"""The package's docstrings as Sphinx's fields.

They have numpydoc's sections, but say what a parameter means where numpydoc has its type, so that
numpydoc's own reader would set the meaning in italics and stumble over code in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_FIELDS = {"Parameters": "param", "Attributes": "ivar", "Raises": "raises"}


def as_fields(lines: Sequence[str]) -> list[str]:
    """Docstring lines with ``Parameters``, ``Returns`` and ``Raises`` as field lists."""
    out: list[str] = []
    for title, body in _sections(lines):
        if title in _FIELDS:
            out += ["", *_entries(_FIELDS[title], body)]
        elif title == "Returns":
            out += ["", *_field("returns", body)]
        else:
            out += [f"**{title}**", ""] if title else []
            out += body
    return out


def _sections(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of each section; the first has no title."""
    title = ""
    body: list[str] = []
    for k, line in enumerate(lines):
        if k and re.fullmatch(r"-{3,}", line) and lines[k - 1].strip():
            yield title, body[:-1]
            title, body = lines[k - 1].strip(), []
        else:
            body.append(line)
    yield title, body


def _entries(kind: str, body: Sequence[str]) -> Iterator[str]:
    """``name : text`` or ``Error`` with its indented text below, as fields."""
    starts = [k for k, line in enumerate(body) if line and not line[0].isspace()]
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        name, _, first = body[start].partition(" : ")
        for one in name.split(","):
            yield from _field(f"{kind} {one.strip()}", [first, *body[start + 1 : end]])


def _field(name: str, body: Sequence[str]) -> list[str]:
    return [f":{name}:", *(f"   {line.strip()}" if line.strip() else "" for line in body), ""]
