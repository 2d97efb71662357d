"""The reference: what each public name does, from its docstring, with an example that was run.

``templates/site/reference.md`` holds pages (``#``) and names (``##``) with their examples.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import mlm_helpers
from mlm_helpers.authoring.notebooks import run_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PART = re.compile(r"^(#{1,2}) ([^\n]+)$|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def reference_pages(text: str) -> dict[str, NotebookNode]:
    """Title to page, the examples run one after the other in one kernel."""
    book = new_notebook(cells=list(_cells(text)))
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    with tempfile.TemporaryDirectory() as folder:
        run_notebook(book, Path(folder))
    pages: dict[str, NotebookNode] = {}
    for cell in book.cells:
        if cell.source.startswith("# "):
            title = cell.source.splitlines()[0].removeprefix("# ")
            pages[title] = new_notebook(metadata=book.metadata)
        pages[title].cells.append(cell)
    return pages


def _cells(text: str) -> Iterator[NotebookNode]:
    end = 0
    for part in _PART.finditer(text):
        if between := text[end : part.start()].strip():
            yield new_markdown_cell(between)
        end = part.end()
        level, heading, code = part.groups()
        if code is not None:
            yield new_code_cell(code.strip())
        elif level == "#":
            yield new_markdown_cell(f"# {heading}")
        else:
            yield new_markdown_cell(_description(heading))


def _description(name: str) -> str:
    """Heading and docstring of ``mlm.NAME``, as Sphinx's autodoc writes it."""
    thing = mlm_helpers
    for part in name.split("."):
        thing = getattr(thing, part)
    where = f"{thing.__module__}.{thing.__name__}"
    directive = "autoclass" if isinstance(thing, type) else "autofunction"
    members = "\n   :members:" if name == "MLMFit" else ""
    return f"## mlm.{name}\n\n```{{eval-rst}}\n.. {directive}:: {where}{members}\n```"
