"""Make the student notebooks from the solutions.

The solutions are made from the templates of the exercises (``solutions``, and ``adapt`` for other
data) and are the only source of the student notebooks. Their cells carry tags:

* ``answer``: the model solution; students get its leading comment and ``answer_... = ...``
* ``check`` and ``hint``: kept as they are
* ``solution``: for instructors only; left out

A student's notebook opens clean: it has no output, so nothing looks right before it is answered.
nbval needs none there: a check that is not passed raises.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from mlm_helpers.authoring.front_page import FILE, front_page, notebooks_of
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.cells import answers_assigned

COMPARED = "nbval-check-output"  # nbval compares a solution's stored line; a student has none


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``build``."""
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail when a student notebook is not what its solution makes",
    )
    parser.add_argument("--exercises", type=Path, help="the folder that holds solutions/")


def run(options: argparse.Namespace) -> int:
    """Build or compare every student notebook and the front page."""
    folder = exercises_folder(options.exercises)
    stale = []
    for source, target in pairs(folder):
        made = text_of(student_notebook(nbformat.read(source, as_version=4)))
        there = target.read_text(encoding="utf-8") if target.exists() else ""
        if made == there:
            continue
        stale.append(target.name)
        if not options.check:
            target.write_text(made, encoding="utf-8", newline="\n")
            print(f"{target.name} written")
    if options.exercises is None and not _front_page_is_up_to_date(folder.parent, options.check):
        stale.append(FILE)
    if options.check and stale:
        print(f"Out of date: {', '.join(stale)}. Run python -m mlm_helpers.authoring build.")
        return 1
    if not stale:
        print("All student notebooks and the front page are up to date.")
    return 0


def _front_page_is_up_to_date(course: Path, check: bool) -> bool:
    """Compare the course's front page with its notebooks, or write it."""
    made, page = front_page(notebooks_of(course), instructor=True), course / FILE
    if page.is_file() and page.read_text(encoding="utf-8") == made:
        return True
    if not check:
        page.write_text(made, encoding="utf-8", newline="\n")
        print(f"{FILE} written")
    return False


def exercises_folder(given: Path | None = None) -> Path:
    """The folder of the exercises: the one given, or the course's own.

    Raises
    ------
    MLMError
        If it has no folder ``solutions`` with notebooks.
    """
    import mlm_helpers

    default = Path(mlm_helpers.__file__).resolve().parent.parent / "exercises"
    folder = default if given is None else given
    if not any((folder / "solutions").glob("*.ipynb")):
        raise MLMError(f"There are no notebooks in {(folder / 'solutions').as_posix()!r}.")
    return folder


def pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each solution with the student notebook it makes."""
    for source in sorted((folder / "solutions").glob("*.ipynb")):
        yield source, folder / source.name


def student_notebook(solution: NotebookNode) -> NotebookNode:
    """What students get.

    Raises
    ------
    MLMError
        If a cell tagged ``answer`` does not assign exactly one ``answer_...`` variable.
    """
    out = copy.deepcopy(solution)
    out.cells = [c for c in out.cells if "solution" not in tags(c)]
    for cell in out.cells:
        if cell.cell_type != "code":
            continue
        cell.execution_count, cell.outputs = None, []
        if "answer" in tags(cell):
            cell.source = stub(cell)
        if COMPARED in tags(cell):
            cell.metadata["tags"] = [tag for tag in cell.metadata["tags"] if tag != COMPARED]
    return out


def stub(cell: NotebookNode) -> str:
    """An answer cell without its answer."""
    lines = cell.source.splitlines()
    names = answers_assigned(cell.source)
    if len(names) != 1:
        raise MLMError(
            f"The answer cell {cell.get('id', '?')!r} has to assign one answer_... variable; it "
            f"assigns {len(names)}."
        )
    as_text = lines[0].startswith("%%answer")
    head = lines[:1] if as_text else []
    for line in lines[len(head) :]:
        if not line.startswith("#"):
            break
        head.append(line)
    return "\n".join([*head, "..." if as_text else f"{names[0]} = ..."])


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def text_of(notebook: NotebookNode) -> str:
    """A notebook as it is stored."""
    text = nbformat.writes(notebook)
    return text if text.endswith("\n") else text + "\n"
