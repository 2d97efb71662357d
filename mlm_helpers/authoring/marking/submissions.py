"""Submitted notebooks: which exercise each is, and the answer cells in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from mlm_helpers.authoring.build import exercises_folder, tags
from mlm_helpers.exercises.cells import answers_assigned
from mlm_helpers.exercises.session import PARTS

LARGEST = 50 * 1024 * 1024  # bytes; a notebook beyond this holds something else than answers


@dataclass(frozen=True)
class Pristine:
    """A student notebook as it was handed out."""

    exercise: str
    stem: str
    cells: tuple[dict[str, str], ...]  # id, kind "given" | "answer", source, variable
    ids: frozenset[str]
    text: str

    @property
    def answers(self) -> dict[str, str]:
        """Question: id of its answer cell."""
        return {
            c["variable"].removeprefix("answer_"): c["id"]
            for c in self.cells
            if c["kind"] == "answer"
        }


@dataclass(frozen=True)
class Submission:
    """One submitted notebook. ``problem`` is a sentence when it cannot be marked at all;
    ``spoiled`` are questions whose answer cannot be taken, with the sentence why."""

    student: str
    path: Path
    exercise: str = ""
    cells: tuple[dict[str, Any], ...] = ()
    extra: tuple[dict[str, str], ...] = ()
    spoiled: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def sources(self) -> dict[str, str]:
        """Question: what the student wrote."""
        return {
            c["variable"].removeprefix("answer_"): c["source"]
            for c in self.cells
            if c["kind"] == "answer"
        }


def pristine_notebooks(folder: Path | None = None) -> dict[str, Pristine]:
    """The student notebooks of the course, by exercise."""
    out = {}
    for path in sorted(exercises_folder(folder).glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=4)
        exercise = str(notebook.metadata.get("mlm_exercise", ""))
        if exercise in PARTS:
            cells = tuple(_pristine_cell(c) for c in notebook.cells if _matters(c))
            ids = frozenset(c["id"] for c in notebook.cells)
            out[exercise] = Pristine(exercise, path.stem, cells, ids, text)
    return out


def _matters(cell: Any) -> bool:
    return cell.cell_type == "code" and not tags(cell) & {"check", "hint"}


def _pristine_cell(cell: Any) -> dict[str, str]:
    if "answer" not in tags(cell):
        return {"id": cell["id"], "kind": "given", "source": cell.source, "variable": ""}
    variable = answers_assigned(cell.source)[0]
    return {"id": cell["id"], "kind": "answer", "source": cell.source, "variable": variable}


# ---- finding ------------------------------------------------------------------------------------
def find_submissions(folder: Path, pristine: dict[str, Pristine]) -> list[Submission]:
    """Every notebook under ``folder``; the file's name is the student's, or the folder's where the
    file has kept its own name."""
    paths = [
        p
        for p in sorted(folder.rglob("*.ipynb"))
        if not any(part.startswith(".") for part in p.relative_to(folder).parts)
    ]
    stems = {p.stem for p in pristine.values()}
    out = []
    for path in paths:
        inside = path.relative_to(folder)
        kept_name = path.stem in stems and len(inside.parts) > 1
        student = inside.parts[-2] if kept_name else path.stem
        out.append(read_submission(path, student, pristine))
    return _tell_apart(out, folder)


def _tell_apart(found: list[Submission], folder: Path) -> list[Submission]:
    """Give submissions of the same name for the same exercise their folder's name as well."""
    seen: dict[tuple[str, str], int] = {}
    for s in found:
        seen[s.student, s.exercise] = seen.get((s.student, s.exercise), 0) + 1
    out = []
    for s in found:
        if seen[s.student, s.exercise] > 1:
            name = s.path.relative_to(folder).with_suffix("").as_posix()
            s = Submission(name, s.path, s.exercise, s.cells, s.extra, s.spoiled, s.problem)
        out.append(s)
    return out


def read_submission(path: Path, student: str, pristine: dict[str, Pristine]) -> Submission:
    """The answers of one notebook, put into the pristine one; never raises for a bad file."""
    try:
        if path.stat().st_size > LARGEST:
            return Submission(student, path, problem="The file is larger than 50 MB.")
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
        cells = [_as_cell(c) for c in notebook["cells"]]
    except OSError as error:
        return Submission(student, path, problem=f"The file cannot be read ({error.strerror}).")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Submission(student, path, problem="The file is not a notebook, or is damaged.")
    exercise = _which(cells, notebook.get("metadata"), path, pristine)
    if not exercise:
        return Submission(
            student, path, problem="It cannot be told which exercise this notebook is."
        )
    return _merge(student, path, cells, pristine[exercise])


def _as_cell(cell: dict[str, Any]) -> dict[str, str]:
    source = cell.get("source", "")
    name = cell.get("id") or cell.get("metadata", {}).get("id") or ""
    return {
        "id": str(name),
        "type": str(cell.get("cell_type", "")),
        "source": "".join(source) if isinstance(source, list) else str(source),
    }


def _which(
    cells: list[dict[str, str]], metadata: Any, path: Path, pristine: dict[str, Pristine]
) -> str:
    """The exercise with most of these cells; else what the metadata or the file's name say."""
    ids = {c["id"] for c in cells}
    count = {name: len(ids & p.ids) for name, p in pristine.items()}
    best = max(count, key=lambda name: count[name], default="")
    if best and count[best]:
        return best
    said = metadata.get("mlm_exercise") if isinstance(metadata, dict) else None
    if said in pristine:
        return str(said)
    return next((name for name in pristine if name in path.stem.casefold()), "")


def _merge(student: str, path: Path, cells: list[dict[str, str]], pristine: Pristine) -> Submission:
    """The pristine cells with the student's answers in them."""
    code = [c for c in cells if c["type"] == "code"]
    own = [{**c, "id": f"own-{i}"} for i, c in enumerate(code) if c["id"] not in pristine.ids]
    order = [c["id"] if c["id"] in pristine.ids else f"own-{i}" for i, c in enumerate(code)]
    merged, spoiled = [], {}
    for cell in pristine.cells:
        if cell["kind"] == "given":
            merged.append({**cell, "before": []})
            continue
        question = cell["variable"].removeprefix("answer_")
        mine = [c for c in code if c["id"] == cell["id"]]
        if len(mine) > 1:
            spoiled[question] = (
                f"{len(mine)} cells carry the id of this answer cell, so it cannot be told which "
                "one counts: keep one and delete the others."
            )
            continue
        if not mine:  # deleted; perhaps typed again into a cell of the student's own
            mine = [c for c in own if cell["variable"] in answers_assigned(c["source"])]
        if len(mine) == 1:
            at = order.index(mine[0]["id"])
            before = [name for name in order[:at] if name.startswith("own-")]
            merged.append({**cell, "source": mine[0]["source"], "before": before})
        elif len(mine) > 1:
            spoiled[question] = (
                f"{len(mine)} cells assign {cell['variable']}, and the answer cell is gone: "
                "keep one of them."
            )
    extra = tuple({"id": c["id"], "source": c["source"]} for c in own)
    return Submission(student, path, pristine.exercise, tuple(merged), extra, spoiled)
