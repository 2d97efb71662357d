"""Run the committed notebooks in place and store them in the one form that is committed.

    python tools/run_notebooks.py                          # lectures, walkthroughs, solutions
    python tools/run_notebooks.py lectures/lecture06*.ipynb

Each notebook runs in a fresh kernel in its own folder. Then everything that differs between two
runs or two machines is taken out (``normalise``), and what a reader should not meet is listed
(``problems``), which makes the run fail. ``tests/test_notebooks.py`` holds every committed
notebook to the same list.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from mlm_helpers.authoring.notebooks import (
    PASSING_METADATA,
    RANDOM_ID,
    WIDGET_VIEW,
    code_cells,
    execute,
    normalise,
)

ROOT = Path(__file__).resolve().parent.parent
RUN = ("lectures", "walkthroughs", "exercises/solutions")
ALL = (*RUN, "exercises")
LONGEST_CELL = 6  # lines, in a lecture: what a student reads at one glance
BASE64 = re.compile(r"data:[\w./+-]+;base64,[A-Za-z0-9+/=\s]+")
MACHINE_PATH = re.compile(
    r"(?<![\w./:-])/(?:home|Users|root|tmp|opt|work|usr|private|var|mnt)/[\w.-]+"
    r"|[A-Za-z]:\\+Users\b|\bsite-packages\b|\bipykernel_\d+"
)
IMG = re.compile(r"""<img\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
IMG_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
MARKDOWN_IMAGE = re.compile(r"!\[([^\]]*)\]\(")


def notebooks(folders: tuple[str, ...] = ALL) -> list[Path]:
    """The notebooks directly in these folders of the project."""
    return [path for folder in folders for path in sorted((ROOT / folder).glob("*.ipynb"))]


def is_student_notebook(path: Path) -> bool:
    """Whether it is one that students fill in (and so is not committed executed)."""
    return path.parent.name == "exercises"


def problems(notebook: NotebookNode, path: Path) -> list[str]:
    """What is wrong with a notebook as it is stored, one sentence each; an empty list is good."""
    return [
        *_notebook_problems(notebook),
        *([] if is_student_notebook(path) else _count_problems(notebook)),
        *(
            f"cell {number}: {sentence}"
            for number, cell in enumerate(notebook.cells)
            for sentence in _cell_problems(cell, lecture=path.parent.name == "lectures")
        ),
    ]


def _notebook_problems(notebook: NotebookNode) -> Iterator[str]:
    if "widgets" in notebook.metadata:
        yield "widget state is stored"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not called python3"
    if "version" in notebook.metadata.get("language_info", {}):
        yield "the version of Python is stored"
    names = [cell.get("id", "") for cell in notebook.cells]
    if len(set(names)) < len(names):
        yield "two cells have the same id"
    if any(not name or RANDOM_ID.fullmatch(name) for name in names):
        yield "a cell's id is missing or random: run tools/run_notebooks.py"


def _count_problems(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts are {counts}, not 1 to {len(counts)}"


def _cell_problems(cell: NotebookNode, lecture: bool) -> Iterator[str]:
    if any(key in cell.metadata for key in PASSING_METADATA):
        yield "its metadata tell when it ran or how it was folded"
    yield from _path_problems(cell.source)
    if cell.cell_type == "markdown":
        yield from _image_problems(cell.source)
        if any(not alt.strip() for alt in MARKDOWN_IMAGE.findall(cell.source)):
            yield "a picture in the text has no alt text"
    if cell.cell_type != "code":
        return
    if cell.source.rstrip().endswith(";"):
        yield "it ends in a semicolon, which hides its output and fails in nbval"
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if lecture and len(lines) > LONGEST_CELL:
        yield f"it has {len(lines)} lines; a lecture cell has at most {LONGEST_CELL}"
    for output in cell.outputs:
        yield from _output_problems(output)


def _output_problems(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "error":
        yield f"its output is an error: {output.ename}: {output.evalue}"
        return
    if output.output_type == "stream":
        if output.name == "stderr":
            yield f"it writes to stderr: {output.text.strip()[:200]}"
        yield from _path_problems(output.text)
        return
    if WIDGET_VIEW in output.data:
        yield "a widget view is stored, which shows nothing without its kernel"
    text = output.data.get("text/plain", "")
    page = output.data.get("text/html", "")
    for content in (text, page, output.data.get("text/markdown", "")):
        yield from _path_problems(content)
    yield from _image_problems(page)
    pictures = [kind for kind in output.data if kind.startswith("image/")]
    if pictures and not (_says_something(text) or IMG.search(page)):
        yield f"a picture ({pictures[0]}) has no alt text beside it"


def _says_something(text: str) -> bool:
    """Whether text is a description, not an object's repr such as <Figure size 640x480>."""
    text = text.strip()
    return len(text) >= 20 and " " in text and not text.startswith("<")


def _image_problems(page: str) -> Iterator[str]:
    for tag in IMG.findall(page):
        alt = IMG_ALT.search(tag)
        if alt is None or not (alt[1] or alt[2] or "").strip():
            yield "an <img> has no alt text"


def _path_problems(text: str) -> Iterator[str]:
    found = MACHINE_PATH.search(BASE64.sub("", text))
    if found:
        yield f"a path of one machine is in it: {found[0]}"


def run(path: Path) -> list[str]:
    """Execute, normalise and store one notebook; return what is wrong with it.

    A notebook that raises is left as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    try:
        execute(notebook, path.parent)
    except CellExecutionError as error:
        return [f"it stopped at a cell:\n{error}"]
    normalise(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    return problems(notebook, path)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run notebooks in place and normalise them.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="notebook")
    paths = [path.resolve() for path in parser.parse_args(argv).paths] or notebooks(RUN)
    failed = False
    for path in paths:
        found = run(path)
        failed |= bool(found)
        print(f"{path.name}: {'ok' if not found else ''}")
        for sentence in found:
            print(f"  {sentence}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
