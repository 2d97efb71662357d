"""One submitted notebook: which exercise it is, and the answer cells in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat

from mlm_helpers.authoring.build import exercises_folder, tags
from mlm_helpers.authoring.marking.handed import LARGEST, TOO_LARGE, Handed
from mlm_helpers.authoring.marking.names import Name
from mlm_helpers.authoring.marking.texts import clean, shown
from mlm_helpers.exercises.cells import answers_assigned
from mlm_helpers.exercises.session import OWN, PARTS

FEWEST_TO_COMPARE = 3  # cells of the course's own, to tell a notebook of another lesson
_SAME = {"answer", "check", "hint"}  # what students fill in, and what every lesson has alike
_OPENS = re.compile(r"(?:open_lesson|load_dataset)\([^()]*\)")
_NO_NOTEBOOK = "The file is not a notebook, or is damaged."
_UNKNOWN = "It cannot be told which exercise this notebook is."
_OTHER_LESSON = (
    "This notebook asks other questions than the exercises it would be marked by: it belongs to "
    "another course or version. Name its folder with --exercises."
)


@dataclass(frozen=True)
class Pristine:
    """A student notebook as it was handed out."""

    exercise: str
    stem: str
    cells: tuple[dict[str, str], ...]  # id, kind "given" | "answer", source, variable
    told: Mapping[str, str]  # id: text of every cell that tells or asks something
    ids: frozenset[str]
    text: str

    @property
    def answers(self) -> dict[str, str]:
        """Question: id of its answer cell."""
        return {_question(c): c["id"] for c in self.cells if c["kind"] == "answer"}


@dataclass(frozen=True)
class Submission:
    """One submitted notebook. ``problem`` is a sentence when it cannot be marked at all;
    ``spoiled`` are questions whose answer cannot be taken, with the sentence why; ``notes`` are
    sentences for the instructor."""

    student: str
    file: str
    name: Name
    time: float = 0.0
    exercise: str = ""
    cells: tuple[dict[str, Any], ...] = ()
    extra: tuple[dict[str, str], ...] = ()
    spoiled: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def sources(self) -> dict[str, str]:
        """Question: what the student wrote."""
        return {_question(c): c["source"] for c in self.cells if c["kind"] == "answer"}

    @property
    def judged(self) -> bytes:
        """All that a verdict on this notebook is made from."""
        return json.dumps([self.exercise, self.cells, self.extra, self.spoiled]).encode()

    def noted(self, note: str) -> Submission:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))


def _question(cell: Mapping[str, Any]) -> str:
    return str(cell["variable"]).removeprefix("answer_")


# ---- as it was handed out -----------------------------------------------------------------------
def pristine_notebooks(folder: Path | None = None) -> dict[str, Pristine]:
    """The student notebooks of the course, by exercise."""
    out = {}
    for path in sorted(exercises_folder(folder).glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=4)
        exercise = str(notebook.metadata.get("mlm_exercise", ""))
        if exercise in (*PARTS, OWN):
            cells = tuple(_pristine_cell(c) for c in notebook.cells if _matters(c))
            told = {c["id"]: _flat(c.source) for c in notebook.cells if not tags(c) & _SAME}
            ids = frozenset(c["id"] for c in notebook.cells)
            out[exercise] = Pristine(exercise, path.stem, cells, told, ids, text)
    return out


def _matters(cell: Any) -> bool:
    return cell.cell_type == "code" and not tags(cell) & {"check", "hint"}


def _pristine_cell(cell: Any) -> dict[str, str]:
    if "answer" not in tags(cell):
        return {"id": cell["id"], "kind": "given", "source": cell.source, "variable": ""}
    variable = answers_assigned(cell.source)[0]
    return {"id": cell["id"], "kind": "answer", "source": cell.source, "variable": variable}


def _flat(text: str) -> str:
    return " ".join(text.split())


# ---- as it came back ----------------------------------------------------------------------------
def read_submission(handed: Handed, name: Name, pristine: Mapping[str, Pristine]) -> Submission:
    """The answers of one notebook, put into the pristine one; never raises for a bad file."""
    empty = Submission(name.student, shown(handed.path.as_posix()), name, handed.time)
    if handed.problem:
        return replace(empty, problem=handed.problem)
    try:
        content = handed.read()
        if len(content) > LARGEST:
            return replace(empty, problem=TOO_LARGE)
        # json tells UTF-8, with or without a mark, from UTF-16 and UTF-32
        notebook = json.loads(content)
        cells = [_as_cell(c) for c in notebook["cells"]]
        exercise = _which(cells, notebook.get("metadata"), handed.path.stem, pristine)
    except OSError as error:
        reason = shown(error.strerror or "damaged")
        return replace(empty, problem=f"The file cannot be read ({reason}).")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError):
        return replace(empty, problem=_NO_NOTEBOOK)
    if not exercise:
        return replace(empty, problem=_UNKNOWN)
    if _of_another_lesson(cells, pristine[exercise]):
        return replace(empty, exercise=exercise, problem=_OTHER_LESSON)
    return _merge(empty, cells, pristine[exercise])


def _as_cell(cell: dict[str, Any]) -> dict[str, str]:
    source = cell.get("source", "")
    metadata = cell.get("metadata")
    name = cell.get("id") or (metadata.get("id") if isinstance(metadata, dict) else "") or ""
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return {
        "id": clean(str(name)),
        "type": str(cell.get("cell_type", "")),
        "source": clean(text.replace("\r\n", "\n").replace("\r", "\n")),
    }


def _which(
    cells: list[dict[str, str]], metadata: Any, stem: str, pristine: Mapping[str, Pristine]
) -> str:
    """The exercise with most of these cells, by id or by text; else what the metadata or the
    file's name say."""
    ids, texts = {c["id"] for c in cells}, {_flat(c["source"]) for c in cells} - {""}
    for count in (
        {name: len(ids & p.ids) for name, p in pristine.items()},
        {name: len(texts & set(p.told.values())) for name, p in pristine.items()},
    ):
        best = max(count, key=lambda name: count[name], default="")
        if best and count[best]:
            return best
    said = metadata.get("mlm_exercise") if isinstance(metadata, dict) else None
    if isinstance(said, str) and said in pristine:
        return said
    return next((name for name in pristine if name in stem.casefold()), "")


def _of_another_lesson(cells: list[dict[str, str]], pristine: Pristine) -> bool:
    """Whether the notebook's own cells open other data than those handed out, or most of what it
    tells and asks differs."""
    there = [c for c in cells if c["id"] in pristine.told]
    differ = [c for c in there if _flat(c["source"]) != pristine.told[c["id"]]]
    opened = {call for c in there for call in _OPENS.findall(c["source"])}
    known = {call for text in pristine.told.values() for call in _OPENS.findall(text)}
    other_data = opened and not opened & known and len(differ) > 1
    many = len(there) >= FEWEST_TO_COMPARE and len(differ) > len(there) / 2
    return bool(other_data or many)


def _merge(empty: Submission, cells: list[dict[str, str]], pristine: Pristine) -> Submission:
    """The pristine cells with the student's answers in them."""
    code = [c for c in cells if c["type"] == "code"]
    own = [{**c, "id": f"own-{i}"} for i, c in enumerate(code) if c["id"] not in pristine.ids]
    order = [c["id"] if c["id"] in pristine.ids else f"own-{i}" for i, c in enumerate(code)]
    merged, spoiled = [], {}
    for cell in pristine.cells:
        if cell["kind"] == "given":
            merged.append({**cell, "before": []})
            continue
        mine = _distinct([c for c in code if c["id"] == cell["id"]])
        gone = not mine
        if gone:  # perhaps typed again into a cell of the student's own
            mine = _distinct([c for c in own if cell["variable"] in answers_assigned(c["source"])])
        if len(mine) == 1:
            at = order.index(mine[0]["id"])
            before = [name for name in order[:at] if name.startswith("own-")]
            merged.append({**cell, "source": mine[0]["source"], "before": before})
        elif len(mine) > 1:
            what = f"assign {cell['variable']}, and the answer cell is gone"
            what = what if gone else "carry the id of this answer cell, and differ"
            spoiled[_question(cell)] = (
                f"{len(mine)} cells {what}, so it cannot be told which one counts: keep one and "
                "delete the others."
            )
    extra = tuple({"id": c["id"], "source": c["source"]} for c in own)
    return replace(
        empty, exercise=pristine.exercise, cells=tuple(merged), extra=extra, spoiled=spoiled
    )


def _distinct(cells: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each cell once: a copy that says the same is no second answer."""
    return list({c["source"].strip(): c for c in reversed(cells)}.values())[::-1]
