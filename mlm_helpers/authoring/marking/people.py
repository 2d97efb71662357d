"""Who is in the class: a list of students, groups, and whose name a site's short name is."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlm_helpers.authoring.marking.texts import shown
from mlm_helpers.errors import MLMError

# how sites and lists head the columns that hold a name, and those that hold something unique
FULL = ("student", "name", "full name", "fullname", "display name")
FIRST = ("first name", "firstname", "first_name", "given name", "given names")
LAST = ("last name", "lastname", "last_name", "surname", "family name")
UNIQUE = (
    *("id", "sis user id", "sis login id", "integration id", "identifier", "username", "user name"),
    *("student id", "student_id", "id number", "login", "email", "email address", "e-mail"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Person:
    """A student: the name to show, and everything by which a site may call them."""

    name: str
    ids: frozenset[str] = frozenset()
    spellings: frozenset[str] = field(default_factory=frozenset)


def flat(name: str) -> str:
    """A name without case, accents, spaces and signs, as Canvas writes it into a file's name."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in plain if c.isalnum())


def person(row: Mapping[str, str]) -> Person | None:
    """The student of one row of a table with named columns, or None without a name or number."""
    cells = {k.strip().casefold(): v.strip() for k, v in row.items() if k and isinstance(v, str)}
    whole = next((cells[c] for c in FULL if cells.get(c)), "")
    first = next((cells[c] for c in FIRST if cells.get(c)), "")
    last = next((cells[c] for c in LAST if cells.get(c)), "")
    ids = {cells[c].casefold() for c in UNIQUE if cells.get(c)}
    ids |= {i.removeprefix("participant ") for i in ids} | {i.split("@")[0] for i in ids}
    if "," in whole and not first:
        last, first = (part.strip() for part in whole.split(",", 1))
    name = whole or " ".join(filter(None, (first, last)))
    spellings = {flat(whole), flat(first + last), flat(last + first)} - {""}
    name = name or next(iter(sorted(ids)), "")
    return Person(shown(name), frozenset(ids), frozenset(spellings)) if name else None


@dataclass(frozen=True)
class Found:
    """Who a short name belongs to: exactly one person, or nobody with the reason."""

    person: Person | None
    reason: str = ""


class People:
    """A list of students that can be asked whose a name is."""

    def __init__(self, people: Iterable[Person]):
        people = list(people)
        bearers = Counter(p.name for p in people)
        self.people = [
            replace(p, name=f"{p.name} ({min(p.ids)})") if bearers[p.name] > 1 and p.ids else p
            for p in people
        ]

    def find(self, student: str, user: str = "") -> Found:
        """By the site's number or name first, then by the spelling of the name."""
        tries = [
            [p for p in self.people if user and user.casefold() in p.ids],
            [p for p in self.people if student.casefold() in p.ids],
            [p for p in self.people if flat(student) and flat(student) in p.spellings],
        ]
        for hits in tries:
            if len(hits) == 1:
                return Found(hits[0])
            if hits:
                return Found(None, f"{shown(student)} may be any of {len(hits)} students.")
        return Found(None, f"{shown(student)} is not in the list.")


# ---- tables -------------------------------------------------------------------------------------
def read_people(path: Path) -> People:
    """The students of ``--roster``: a table with a head such as Name, First name, ID, Email.

    Raises
    ------
    MLMError
        If it cannot be read, or no column holds a name.
    """
    people = [p for p in (person(row) for row in read_rows(path)) if p is not None]
    if not people:
        raise MLMError(
            f"{path.name} names no student: its first line has to head a column Name (or First "
            "name and Last name), and may head ID, Username or Email."
        )
    return People(people)


def read_groups(path: Path) -> dict[str, tuple[str, ...]]:
    """The members of each group of ``--groups``: a table with the columns Group and Student.

    Raises
    ------
    MLMError
        If it has no such columns.
    """
    groups: dict[str, list[str]] = {}
    for row in read_rows(path):
        cells = {k.strip().casefold(): v.strip() for k, v in row.items() if k and v}
        member = person(row)
        if cells.get("group") and member:
            groups.setdefault(shown(cells["group"]), []).append(member.name)
    if not groups:
        raise MLMError(f"{path.name} has to have the columns Group and Student (or Name).")
    return {name: tuple(dict.fromkeys(members)) for name, members in groups.items()}


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, whatever separates its columns and however its letters are stored."""
    try:
        text = decoded(path.read_bytes())[0]
    except OSError as error:
        raise MLMError(f"{path.name} cannot be read ({error.strerror}).") from None
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter(text), restval=""))


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a table and the encoding that gives back its bytes."""
    marks = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
    known = next((encoding for mark, encoding in marks.items() if content.startswith(mark)), "")
    for encoding in filter(None, (known, "utf-8")):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, encoding  # a byte-order mark stays in front as a character
    return content.decode("latin-1"), "latin-1"


def delimiter(text: str) -> str:
    """What separates the columns of the first line."""
    head = re.sub(r'"[^"]*"', "", text.lstrip("\ufeff").split("\n", 1)[0])
    return max(",;\t", key=head.count)


def harmless(value: object) -> str:
    """Text that a spreadsheet does not take for a formula."""
    text = shown(str(value))
    return f"'{text}" if text[:1] in _FORMULA else text


def names_of(people: Sequence[Person]) -> str:
    """Several students in one sentence."""
    return ", ".join(p.name for p in people)
