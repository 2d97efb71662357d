"""Live explorers in a page of their own: no kernel, no network, nothing beside the file.

A notebook keeps no widget state. So its cells with explorers are run once more, and hand over what
their explorers know; script and style sheet are the ones of the widget.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import script

if TYPE_CHECKING:
    from nbformat import NotebookNode

MIME = "application/vnd.mlm.explorer+json"
_ASK = "from mlm_helpers.explorers.base import Explorer; Explorer.carries_page = True"


def explorers_of(notebook: NotebookNode, folder: Path) -> dict[int, dict[str, Any]]:
    """What the explorers of a notebook know, by the number of their cell.

    Parameters
    ----------
    notebook : cells with an explorer carry the tag ``explorer``
    folder : where the notebook lies, and runs

    Raises
    ------
    MLMError
        When a cell before the last explorer does not run.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbformat.v4 import new_code_cell

    places = [k for k, c in enumerate(notebook.cells) if "explorer" in c.metadata.get("tags", [])]
    if not places:
        return {}
    asked = copy.deepcopy(notebook)
    asked.cells = [new_code_cell(_ASK), *asked.cells[: places[-1] + 1]]
    client = NotebookClient(
        asked, timeout=600, store_widget_state=False, resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise MLMError(
            "The notebook does not run, so its explorers cannot be taken along: run it in "
            f"JupyterLab and mend it first ({error.ename}: {error.evalue})."
        ) from None
    found = {}
    for k in places:
        given = [o.data[MIME] for o in asked.cells[k + 1].outputs if MIME in o.get("data", {})]
        if given:
            found[k] = json.loads(given[-1])
    return found


def place(number: int, still: str) -> str:
    """Where an explorer will stand; the still picture until then, and where no script runs."""
    return f'<div class="mlm-place" id="mlm-place-{number}">{still}</div>'


def style() -> str:
    """The style sheet."""
    return script.style()


def code(pages: dict[int, dict[str, Any]]) -> str:
    """The script that puts explorers into their places; one that needs a kernel stays still. It
    waits for ``window.pageReady`` where a page has such a promise."""
    alone = {k: page for k, page in pages.items() if page["data"]["alone"]}
    if not alone:
        return ""
    mounted = "\n".join(
        f'  mount(document.getElementById("mlm-place-{k}"), {json.dumps(page)});'
        for k, page in alone.items()
    )
    return (
        f"{script.module()}\n"
        "await window.pageReady;\n"
        "if (!/print-pdf/.test(location.search)) {\n" + mounted + "\n}\n"
    ).replace("</", "<\\/")
