"""Fixed-width text files with a dictionary: where each variable stands, and reading a few of them.

A dictionary says on which of a case's physical lines and in which columns a variable stands. Three
kinds are read: a Stata dictionary (``_line(2)``, ``_column(17) str4 S4_ID %4s``), Stata's
``infix`` (``2: str S4_ID 17-20``) and SPSS syntax (``DATA LIST RECORDS=27 /2 S4_ID 17-20 (A)``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from mlm_helpers.errors import MLMError, suggest

__all__ = ["Field", "Layout", "parse_dictionary", "read_fixed_width"]

# Files of this kind write "not applicable", "refused" and the like as -1 to -9, without decimals.
_CODES = frozenset(f"-{n}" for n in range(1, 10))


@dataclass(frozen=True)
class Field:
    """Where one variable stands: physical line (1 is the first), first column (0 is the first),
    width, and how many decimals are meant where a number has no decimal point."""

    line: int
    start: int
    width: int
    text: bool = False
    decimals: int = 0


@dataclass(frozen=True)
class Layout:
    """A whole dictionary: physical lines per case, and the fields by name in capitals."""

    lines: int
    fields: dict[str, Field]
    source: str = "the dictionary"

    def field(self, name: str) -> Field:
        """The field of a variable, in whatever case it is written.

        Raises
        ------
        MLMError
            If the dictionary has no such variable.
        """
        if name.upper() not in self.fields:
            hint = suggest(name.upper(), self.fields)
            raise MLMError(f"{self.source} has no variable {name.upper()}.{hint}")
        return self.fields[name.upper()]


# ---- dictionaries -----------------------------------------------------------------------------
def parse_dictionary(text: str, source: str = "The dictionary") -> Layout:
    """Read a dictionary; its own words tell which of the three kinds it is.

    Raises
    ------
    MLMError
        If no variable with its columns is found in it.
    """
    for looks_like, parse in _KINDS:
        found = looks_like.search(text)
        if found:
            lines, fields = parse(text[found.end() :])
            if fields:
                lines = max(lines, *(f.line for f in fields.values()))
                return Layout(lines, fields, source)
    raise MLMError(
        f"{source} names no variables with their columns: a Stata dictionary (.dct), a .do file "
        "with infix, or SPSS syntax (.sps) with DATA LIST is needed."
    )


_TYPE = r"(?:(byte|int|long|float|double|str\d*)\s+)?"
_STATA = re.compile(
    r'"[^"\n]*"|//.*|^\s*\*.*'  # labels and comments are passed over
    r"|_(lines?|column|newline|skip)\s*(?:\(\s*(\d+)\s*\))?"
    rf"|{_TYPE}\b([A-Za-z]\w*)(?::\w+)?\s+%(\d+)(?:\.(\d+))?([a-zA-Z]+)",
    re.MULTILINE | re.IGNORECASE,
)


def _parse_stata(text: str) -> tuple[int, dict[str, Field]]:
    lines, line, at, fields = 1, 1, 0, {}
    for m in _STATA.finditer(text):
        directive, number, kind, name, width, decimals, letter = m.groups()
        count = int(number or 1)
        match (directive or "").lower():
            case "lines":
                lines = count
            case "line":
                line, at = count, 0
            case "newline":
                line, at = line + count, 0
            case "column":
                at = count - 1
            case "skip":
                at += count
        if name:
            text_kind = (kind or "").startswith("str") or letter.lower() == "s"
            fields[name.upper()] = Field(line, at, int(width), text_kind, int(decimals or 0))
            at += int(width)
    return lines, fields


_INFIX = re.compile(
    r"//.*|^\s*\*.*|\busing\b.*"
    rf"|(\d+)\s+lines?\b|(\d+)\s*:|(/)(?!/)|{_TYPE}\b([A-Za-z]\w*)\s+(\d+)(?:\s*-\s*(\d+))?",
    re.MULTILINE | re.IGNORECASE,
)


def _parse_infix(text: str) -> tuple[int, dict[str, Field]]:
    lines, line, fields = 1, 1, {}
    for m in _INFIX.finditer(text):
        total, numbered, slash, kind, name, first, last = m.groups()
        if total:
            lines = int(total)
        elif numbered:
            line = int(numbered)
        elif slash:
            line += 1
        elif name:
            fields[name.upper()] = _columns(line, first, last, (kind or "").startswith("str"))
        elif m[0].startswith("using"):
            break
    return lines, fields


_SPSS = re.compile(
    r"/\s*(\d+)?(?![\w-])|([A-Za-z@#$][\w.@#$]*)\s+(\d+)(?:\s*-\s*(\d+))?(?:\s*\(([^)]*)\))?"
)


def _parse_spss(text: str) -> tuple[int, dict[str, Field]]:
    text = re.split(r"\.[ \t]*$", text, maxsplit=1, flags=re.MULTILINE)[0]
    text = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "", text)  # the file's name may hold a slash
    records = re.search(r"RECORDS\s*=\s*(\d+)", text, re.IGNORECASE)
    line, fields = 0, {}
    for m in _SPSS.finditer(text, text.find("/") if "/" in text else len(text)):
        number, name, first, last, kind = m.groups()
        if name is None:
            line = int(number) if number else line + 1
            continue
        kind = (kind or "").strip().upper()
        decimals = re.fullmatch(r"(?:F\s*,\s*)?(\d+)", kind)
        field = _columns(line, first, last, kind.startswith("A"))
        fields[name.upper()] = Field(
            field.line, field.start, field.width, field.text, int(decimals[1]) if decimals else 0
        )
    return int(records[1]) if records else 1, fields


def _columns(line: int, first: str, last: str | None, text: bool) -> Field:
    return Field(line, int(first) - 1, int(last or first) - int(first) + 1, text)


_Parser = Callable[[str], tuple[int, dict[str, Field]]]
_KINDS: tuple[tuple[re.Pattern[str], _Parser], ...] = (
    (re.compile(r"\bDATA\s+LIST\b", re.IGNORECASE), _parse_spss),
    (re.compile(r"\binfix\b", re.IGNORECASE), _parse_infix),
    (re.compile(r"\bdictionary\b[^{]*\{", re.IGNORECASE), _parse_stata),
)


# ---- the data -----------------------------------------------------------------------------------
def read_fixed_width(path: Path, layout: Layout, names: Sequence[str]) -> pd.DataFrame:
    """Read a few variables of a fixed-width file: one row per case, columns as in ``names``.

    Text comes stripped, numbers as floats with NaN for blanks. The file is read line by line, so
    that its size does not matter.

    Raises
    ------
    MLMError
        If the number of lines is no multiple of the lines per case, a line ends before a
        variable's columns, or a number is none.
    """
    fields = {name: layout.field(name) for name in names}
    cells: dict[str, list[str]] = {name: [] for name in names}
    wanted: dict[int, list[str]] = {}
    for name, field in fields.items():
        wanted.setdefault(field.line, []).append(name)
    number = 0
    with path.open("rb") as stream:
        for number, line in _numbered_lines(stream):
            for name in wanted.get((number - 1) % layout.lines + 1, ()):
                f = fields[name]
                if f.start >= len(line):
                    raise MLMError(_too_short(path, layout, name, number, len(line)))
                cells[name].append(line[f.start : f.start + f.width].decode("latin-1").strip())
    if number == 0:
        raise MLMError(f"{path.name} is empty.")
    if number % layout.lines:
        raise MLMError(
            f"{path.name} has {number} lines, but {layout.source} says that each case takes "
            f"{layout.lines}: the two do not belong together, or the file is cut off."
        )
    return pd.DataFrame(
        {n: cells[n] if f.text else _numbers(cells[n], f, n, path) for n, f in fields.items()}
    )


def _numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines from 1 without their ends; blank ones after the last are left out."""
    number, blank = 0, []
    for raw in stream:
        blank.append(raw.rstrip(b"\r\n\x1a"))
        if blank[-1].strip():
            for line in blank:
                number += 1
                yield number, line
            blank.clear()


def _too_short(path: Path, layout: Layout, name: str, number: int, length: int) -> str:
    f = layout.field(name)
    return (
        f"Line {number} of {path.name} has {length} characters, but {layout.source} puts {name} at "
        f"column {f.start + 1} of it: the two do not belong together."
    )


def _numbers(cells: list[str], field: Field, name: str, path: Path) -> pd.Series:
    texts = pd.Series(cells, dtype="str")
    texts = texts.mask(texts.isin(["", "."]))
    values = pd.to_numeric(texts, errors="coerce")
    bad = texts.notna() & values.isna()
    if bad.any():
        at = int(bad.to_numpy().argmax())
        raise MLMError(
            f"{name} of case {at + 1} in {path.name} is {texts[at]!r}, which is not a number: the "
            "dictionary belongs to another release of the data."
        )
    if field.decimals:
        meant = texts.notna() & ~texts.str.contains(".", regex=False).fillna(True)
        values = values.where(~meant | texts.isin(_CODES), values / 10**field.decimals)
    return values.astype(float)
