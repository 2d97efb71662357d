"""Fill the file that a course site exported, so that it can be imported again.

Only the cells of the named column, in the rows of students who were marked, change; every other
byte stays. A student who fits no row, or more than one, is named and not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlm_helpers.authoring.marking.people import People, Person, decoded, delimiter, person
from mlm_helpers.authoring.marking.points import Result, Worth, total
from mlm_helpers.authoring.marking.tables import by_student, number, write_file
from mlm_helpers.errors import MLMError, suggest

LOCKED = "grade can be changed"  # Moodle's column; "No" in a row that it would not import


@dataclass(frozen=True)
class Filled:
    """What became of a gradebook: how many cells were filled, and sentences on what was not."""

    cells: int
    sentences: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cell:
    """Where a cell stands in the text, and what it says."""

    start: int
    end: int
    text: str
    quoted: bool


def fill_gradebook(
    source: Path, target: Path, columns: Mapping[str, str], results: Sequence[Result], worth: Worth
) -> Filled:
    """Write ``target``: the gradebook ``source`` with the points filled in.

    Parameters
    ----------
    columns : the column's name for each exercise; under the key "" for the total

    Raises
    ------
    MLMError
        If the file cannot be read, or has no such column.
    """
    try:
        content = source.read_bytes()
    except OSError as error:
        raise MLMError(f"{source.name} cannot be read ({error.strerror}).") from None
    text, encoding = decoded(content)
    rows = [row for row in cells(text, delimiter(text)) if any(c.text for c in row)]
    if len(rows) < 2:
        raise MLMError(f"{source.name} has no rows: export the gradebook from the course site.")
    head = [c.text.lstrip("\ufeff").strip() for c in rows[0]]
    places = {key: _column(name, head, source.name) for key, name in columns.items()}
    changes: dict[int, tuple[Cell, str]] = {}
    said: list[str] = []
    people, row_of = _people(head, rows[1:])
    for student, row in _matched(results, people, row_of, said).items():
        own = [r for r in results if r.marked.student == student]
        for exercise, at in places.items():
            points = _points(own, exercise, worth)
            if points is not None and _may(student, row, head, at, said):
                changes[row[at].start] = (row[at], number(points))
    write_file(target, _spliced(text, changes).encode(encoding))
    replaced = sum(bool(cell.text.strip()) and cell.text != new for cell, new in changes.values())
    if replaced:
        said.append(f"{replaced} of the filled cells held another grade before.")
    return Filled(len(changes), said)


# ---- who ----------------------------------------------------------------------------------------
def _people(
    head: list[str], rows: list[list[Cell]]
) -> tuple[People, dict[frozenset[str], list[Cell]]]:
    """The students of the gradebook; lines about the columns themselves are none."""
    found, row_of = [], {}
    for row in rows:
        one = person({name: c.text for name, c in zip(head, row, strict=False)})
        if one is not None and one.name.casefold() not in ("points possible", "student, test"):
            found.append(one)
            row_of[_same(one)] = row
    return People(found), row_of


def _same(one: Person) -> frozenset[str]:
    return one.ids | {f"name {s}" for s in one.spellings}


def _matched(
    results: Sequence[Result],
    people: People,
    row_of: Mapping[frozenset[str], list[Cell]],
    said: list[str],
) -> dict[str, list[Cell]]:
    """The row of each student who was marked; who is left out and why goes to ``said``."""
    claimed: dict[frozenset[str], list[str]] = {}
    for student, own in by_student(results, []).items():
        if not any(r.scored for r in own):
            said.append(f"{student} is not filled in: no notebook could be marked.")
        elif sum(r.open for r in own):
            said.append(f"{student} is not filled in: answers wait for your decision.")
        else:
            users = {r.marked.submission.name.user for r in own} - {""}
            hit = people.find(student, users.pop() if len(users) == 1 else "")
            if hit.person is None:
                said.append(hit.reason.replace("in the list", "in this gradebook"))
            else:
                claimed.setdefault(_same(hit.person), []).append(student)
    for names in claimed.values():
        if len(names) > 1:
            said.append(f"{' and '.join(names)} fit the same row: none of them is filled in.")
    return {names[0]: row_of[row] for row, names in claimed.items() if len(names) == 1}


def _points(own: Sequence[Result], exercise: str, worth: Worth) -> float | None:
    marked = [r for r in own if not r.marked.problem]
    if exercise:
        return next((r.points for r in marked if r.marked.exercise == exercise), None)
    return total(marked, worth) if marked else None


# ---- where --------------------------------------------------------------------------------------
def _column(name: str, head: list[str], file: str) -> int:
    """The column of this name, or the one whose name begins so: sites add numbers to names."""
    wanted = name.strip().casefold()
    same = [i for i, h in enumerate(head) if h.casefold() == wanted]
    begins = [
        i for i, h in enumerate(head)
        if h.casefold().startswith(wanted) and not h[len(wanted):][:1].isalnum()
    ]  # fmt: skip
    for hits in (same, begins):
        if len(hits) == 1:
            return hits[0]
        if hits:
            several = ", ".join(repr(head[i]) for i in hits)
            raise MLMError(f"{file} has several columns {name!r}: {several}. Write one in full.")
    raise MLMError(
        f"{file} has no column {name!r}; it has {', '.join(h for h in head if h)}."
        + suggest(name, head)
    )


def _may(student: str, row: list[Cell], head: list[str], at: int, said: list[str]) -> bool:
    if at >= len(row):
        said.append(f"{student} is not filled in: the row is too short.")
        return False
    locked = [c.text.strip().casefold() for h, c in zip(head, row, strict=False)
              if h.casefold() == LOCKED]  # fmt: skip
    if locked and locked[0] in ("no", "0"):
        said.append(f"{student} is not filled in: the site says that this grade is locked.")
        return False
    return True


def cells(text: str, separator: str) -> list[list[Cell]]:
    """Every cell of a table with its place, as RFC 4180 reads it."""
    rows: list[list[Cell]] = [[]]
    at, size = (1, len(text)) if text.startswith("\ufeff") else (0, len(text))
    while at < size:
        start, quoted = at, text[at] == '"'
        if quoted:
            at += 1
            while at < size and (text[at] != '"' or text[at : at + 2] == '""'):
                at += 2 if text[at] == '"' else 1
            inner = text[start + 1 : at].replace('""', '"')
            at = min(at + 1, size)
        else:
            inner = ""
        rest = at
        while at < size and text[at] not in (separator, "\r", "\n"):
            at += 1
        rows[-1].append(Cell(start, at, inner + text[rest:at], quoted))
        if at < size and text[at] == separator:
            at += 1
            if at == size or text[at] in "\r\n":
                rows[-1].append(Cell(at, at, "", False))
        if at < size and text[at] in "\r\n":
            at += 2 if text[at : at + 2] == "\r\n" else 1
            rows.append([])
    return [row for row in rows if row]


def _spliced(text: str, changes: Mapping[int, tuple[Cell, str]]) -> str:
    out, done = [], 0
    for start in sorted(changes):
        cell, new = changes[start]
        out += [text[done:start], f'"{new}"' if cell.quoted else new]
        done = cell.end
    return "".join([*out, text[done:]])
