"""A class of 60: names of every kind, right, wrong, unclear, late, twice, in groups, missing,
damaged and hostile, as Canvas and Moodle give it out; and the gradebooks before and after.

Nothing here uses the marking: what the gradebooks should hold is written down by hand.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTEBOOK = "part2_read_the_output.ipynb"
FIRST = ("Ada", "Bjørn", "Chloé", "Đorđe", "Éva", "Fatima", "Gül", "Hélène", "İrem", "João", "Kofi",
         "Léa", "Møna", "Nguyễn", "Ólafur", "=Pia", "Qi", "Renée", "Søren", "Zoë")  # fmt: skip
LAST = ("O'Brien", "van der Berg", "Müller-Lüdenscheidt")
# kind: how many, and the points of its answers (None: nothing to fill in)
KINDS: dict[str, tuple[int, str | None]] = {
    "right": (24, "11"),
    "one wrong": (5, "10"),
    "two wrong": (3, "9"),
    "mostly blank": (2, "1"),
    "late": (5, "11"),
    "twice": (4, "11"),
    "unclear": (3, "10.5"),  # once the instructor has given half of question 1
    "loops": (1, "10"),
    "exits": (1, "10"),
    "reads keys": (1, "10"),
    "untouched": (1, "0"),
    "damaged": (2, None),
    "missing": (4, None),
    "group": (3, "11"),  # the first of them hands in
    "other file": (1, None),
}


@dataclass(frozen=True)
class Student:
    """One of them; ``site`` is the number by which a course site knows who it is."""

    number: int
    kind: str

    @property
    def first(self) -> str:
        return FIRST[self.number % 20]

    @property
    def last(self) -> str:
        return LAST[self.number // 20]

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def site(self) -> int:
        return 4000 + 7 * self.number

    @property
    def points(self) -> str | None:
        return KINDS[self.kind][1]


def students() -> list[Student]:
    """All 60, the kinds spread over the names."""
    kinds = [kind for kind, (count, _) in KINDS.items() for _ in range(count)]
    group = kinds.index("group")
    order = sorted(range(60), key=lambda i: (i * 23) % 60)
    return [Student(i, kinds[order[i]]) for i in range(60)] if group else []


# ---- what they answered -------------------------------------------------------------------------
def contents(handed_out: bytes, right: Mapping[str, str], wrong5: str) -> dict[str, bytes]:
    """A notebook of each kind; ``right`` are answer cells that are right, by question."""
    keys = (
        "import pathlib, mlm_helpers\n"
        "root = pathlib.Path(mlm_helpers.__file__).parent.parent\n"
        "answer_q1 = next((root / 'exercises' / 'solutions').glob('*')).read_text()"
    )
    good = dict(right)
    answers = {
        "right": good,
        "one wrong": good | {"q5": wrong5},
        "two wrong": good | {"q5": wrong5, "q1": "answer_q1 = 12.5"},
        "mostly blank": {"q3": right["q3"]},
        "unclear": good | {"q1": "answer_q1 = 95"},
        "loops": good | {"q1": "while True: pass"},
        "exits": good | {"q1": "import os\nos._exit(0)"},
        "reads keys": good | {"q1": keys},
        "untouched": {},
    }
    out = {kind: _filled(handed_out, given) for kind, given in answers.items()}
    return out | {"damaged": out["right"][:5000]}


def _filled(handed_out: bytes, answers: Mapping[str, str]) -> bytes:
    notebook: dict[str, Any] = json.loads(handed_out)
    for cell in notebook["cells"]:
        question = cell["id"].removeprefix("part2-").removesuffix("-answer")
        if cell["id"].endswith("-answer") and question in answers:
            cell["source"] = answers[question]
    return json.dumps(notebook).encode()


# ---- as the sites give it out -------------------------------------------------------------------
def _files(student: Student, made: Mapping[str, bytes], first_of_group: int) -> list[bytes]:
    """What a student handed in, the last attempt last."""
    if student.kind in ("missing", "other file"):
        return []
    if student.kind == "group":
        return [made["right"]] if student.number == first_of_group else []
    if student.kind == "twice":
        return [made["untouched"], made["right"]]
    return [made["right" if student.kind == "late" else student.kind]]


def first_of_group() -> int:
    """Who hands in for the group."""
    return min(s.number for s in students() if s.kind == "group")


def canvas_zip(path: Path, made: Mapping[str, bytes]) -> None:
    """Flat, with Canvas's names; the last attempt stands first in the archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for s in students():
            slug = re.sub(r"[\W_]", "", f"{s.last}{s.first}").lower()
            late = "_LATE" if s.kind == "late" else ""
            tries = _files(s, made, first_of_group())
            for k in reversed(range(len(tries))):
                again = f"-{k}" if k else ""
                file = NOTEBOOK.replace(".ipynb", f"{again}.ipynb")
                archive.writestr(
                    f"{slug}{late}_{s.site}_{900 + 10 * s.number + k}_{file}", tries[k]
                )
            if s.kind == "other file":
                archive.writestr(f"{slug}_{s.site}_{900 + 10 * s.number}_essay.docx", b"PK")


def moodle_zip(path: Path, made: Mapping[str, bytes]) -> None:
    """A folder for each student, some files renamed; Moodle keeps the last attempt only."""
    with zipfile.ZipFile(path, "w") as archive:
        for s in students():
            folder = f"{s.name}_{s.site}_assignsubmission_file_"
            name = "my homework.ipynb" if s.number % 3 == 0 else NOTEBOOK
            for content in _files(s, made, first_of_group())[-1:]:
                archive.writestr(f"{folder}/{name}", content)
            if s.kind == "other file":
                archive.writestr(f"{folder}/essay.pdf", b"%PDF")


def canvas_gradebook(*, filled: bool) -> bytes:
    """Windows line ends, commas in names, a line of possible points, other columns."""
    lines = ["Student,ID,SIS Login ID,Section,Exercise 2 (7001),Final Score"]
    lines.append("    Points Possible,,,,11.00,(read only)")
    for s in students():
        grade = (s.points or "") if filled else ""
        lines.append(f'"{s.last}, {s.first}",{s.site},u{s.number},"Sec ""A""",{grade},')
    lines.append('"Student, Test",99999,test,,,')
    return "\r\n".join([*lines, ""]).encode()


def moodle_gradebook(*, filled: bool) -> bytes:
    """A byte-order mark, quoted cells, Moodle's own columns."""
    head = 'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade",'
    lines = [head + '"Grade can be changed","Feedback comments"']
    for s in students():
        grade = (s.points or "") if filled else ""
        mail = f"u{s.number}@uni.example"
        lines.append(f'"Participant {s.site}","{s.name}",{mail},,"{grade}",11.00,Yes,')
    return "\n".join([*lines, ""]).encode("utf-8-sig")


def roster() -> str:
    """The list of the class."""
    return "Name,ID\n" + "".join(f'"{s.name}",{s.site}\n' for s in students())


def groups() -> str:
    """One group of three."""
    members = [s.name for s in students() if s.kind == "group"]
    return "Group,Student\n" + "".join(f'G1,"{name}"\n' for name in members)
