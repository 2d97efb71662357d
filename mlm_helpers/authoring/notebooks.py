"""Run notebooks and bring them into the one form that is committed."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from mlm_helpers.errors import MLMError

TIMEOUT = 600  # seconds for one cell

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# Written by editors and by the run itself: when a cell ran, how it was folded.
PASSING_METADATA = ("execution", "ExecuteTime", "collapsed", "scrolled", "jupyter", "vscode")
RANDOM_ID = re.compile(r"[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


# ---- running ----------------------------------------------------------------------------------
def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in a fresh kernel that starts in ``folder``."""
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources=resources,
        record_timing=False,
        store_widget_state=False,
    ).execute(stderr=subprocess.DEVNULL)  # the kernel's own warnings are no news to anybody


def run_notebook(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run and normalise a notebook.

    Raises
    ------
    MLMError
        If a cell stops, in a sentence with its text and the error.
    """
    try:
        execute(notebook, folder)
    except CellExecutionError as error:
        said = " ".join(str(error.evalue).split())[:300]
        raise MLMError(
            f"A cell of the notebook stopped with {error.ename}: {said} (The cell begins with "
            f"{_stopped(notebook)!r}.)"
        ) from None
    normalise(notebook)
    return notebook


def _stopped(notebook: NotebookNode) -> str:
    """The first line of the cell that stopped."""
    for cell in code_cells(notebook):
        if any(o.output_type == "error" for o in cell.outputs):
            return str(cell.source.splitlines()[0])
    return "?"


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Store a notebook; the file is either whole or as it was."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook)
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    os.chmod(draft, 0o644)
    os.replace(draft, path)


def sources(notebook: NotebookNode | Path) -> list[tuple[str, str, tuple[str, ...], str]]:
    """What a notebook says, without what running it left: kind, id, tags and text of each cell.
    Empty for a file that is not there."""
    if isinstance(notebook, Path):
        if not notebook.is_file():
            return []
        return sources(nbformat.read(notebook, as_version=4))
    cells = notebook["cells"]
    return [(c.cell_type, c["id"], tuple(c.metadata.get("tags", ())), c.source) for c in cells]


# ---- the committed form -----------------------------------------------------------------------
def normalise(notebook: NotebookNode) -> None:
    """Take out what changes from run to run or from machine to machine.

    Widget views go too: their model exists only while a kernel runs, so a stored view shows an
    error, while the still picture or the text beside it in the same output reads everywhere.
    """
    metadata = {key: value for key, value in notebook.metadata.items() if key != "widgets"}
    metadata.update(kernelspec=KERNELSPEC, language_info=LANGUAGE)
    notebook.metadata = nbformat.from_dict(metadata)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _name_cells(notebook)
    for cell in notebook.cells:
        for key in PASSING_METADATA:
            cell.metadata.pop(key, None)
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
            if "data" in output:
                output.data.pop(WIDGET_VIEW, None)
        cell.outputs = [o for o in cell.outputs if o.get("data", True)]


def _name_cells(notebook: NotebookNode) -> None:
    """Give cells with a random or repeated id one that follows from their text."""
    seen: set[str] = set()
    for cell in notebook.cells:
        name = cell.get("id", "")
        if not name or RANDOM_ID.fullmatch(name) or name in seen:
            name = "c-" + hashlib.sha256(cell.source.encode()).hexdigest()[:10]
        stem, copy = name, 1
        while name in seen:
            copy += 1
            name = f"{stem}-{copy}"
        seen.add(name)
        cell["id"] = name


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells that run; an empty one gets no execution count."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
