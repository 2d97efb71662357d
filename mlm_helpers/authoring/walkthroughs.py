"""Make the course's own walkthroughs from their sources, or compare the two.

    python -m mlm_helpers.authoring walkthroughs            # what has changed, executed
    python -m mlm_helpers.authoring walkthroughs --check

What is edited are the sources in ``templates/walkthroughs``, in the grammar of all templates:
``%% text``, ``%% notes`` (for the instructor) and ``%% code``, with ``tag=NAME`` where a cell has a
tag. Nothing in them is filled in: they are about the course's own data.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlm_helpers.authoring.template import TEMPLATES, blocks

if TYPE_CHECKING:
    from nbformat import NotebookNode

SOURCES = TEMPLATES / "walkthroughs"


def source_files() -> list[Path]:
    """The sources, in order."""
    return sorted(SOURCES.glob("walkthrough*.md"))


def build_walkthrough(source: Path) -> NotebookNode:
    """A walkthrough as a notebook that has not been run."""
    from nbformat.v4 import new_notebook

    return new_notebook(cells=list(_cells(source)))


def _cells(source: Path) -> Iterator[NotebookNode]:
    from nbformat.v4 import new_code_cell, new_markdown_cell

    number = source.stem.removeprefix("walkthrough").split("_")[0]
    parts = blocks(source.read_text(encoding="utf-8"))
    for k, ((kind, *rest), _, text) in enumerate(parts, start=1):
        tags = [word.removeprefix("tag=") for word in rest if word.startswith("tag=")]
        if kind == "notes":
            tags = ["instructor"]
        metadata = {"tags": tags} if tags else {}
        new = new_code_cell if kind == "code" else new_markdown_cell
        yield new(text, metadata=metadata, id=f"{number}-{k:03d}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``walkthroughs``."""
    parser.add_argument("--check", action="store_true", help="write nothing; compare only")
    parser.add_argument("--out", type=Path, default=Path("walkthroughs"), help="folder")


def run(options: argparse.Namespace) -> int:
    """Write the walkthroughs that differ from their sources, executed, or name them."""
    from mlm_helpers.authoring.notebooks import run_notebook, sources, write_notebook

    stale = []
    for source in source_files():
        made, path = build_walkthrough(source), options.out / f"{source.stem}.ipynb"
        if path.is_file() and sources(made) == sources(path):
            continue
        stale.append(path.name)
        if not options.check:
            write_notebook(run_notebook(made, options.out), path)
            print(f"{path.name} written")
    if options.check and stale:
        print(f"Out of date: {', '.join(stale)}. Run python -m mlm_helpers.authoring walkthroughs.")
        return 1
    if not stale:
        print("All walkthroughs are what their sources make.")
    return 0
