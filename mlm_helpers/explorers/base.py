"""What every explorer shares: its state, what Python knows of it, and how it is shown.

An explorer is a pure ``compute(state) -> tables`` (in the module of its name) and a view in
JavaScript (``js``) that computes the same and draws it in the page: a move never leaves the
browser. Python sends once what it alone knows, and hears of the state a few times a second.
"""

from __future__ import annotations

import base64
import html
import json
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.explorers import script
from mlm_helpers.explorers.controls import Control


class Explorer:
    """Common part of all explorers.

    Attributes
    ----------
    state : what the controls stand at, as a plain dict that can be read, set, saved and loaded
    tables : the tables computed for that state
    sentence, text : the sentence and the equations shown for it; ``picture`` is the SVG file
    """

    title = ""
    kind = ""
    # a page without a kernel can move it: all that it needs is in ``data``
    moves_alone: ClassVar[bool] = True
    # slides and pages take the live explorer out of the cells that they run
    carries_page: ClassVar[bool] = False

    def __init__(
        self,
        controls: Sequence[Control],
        actions: Mapping[str, str],
        start: Mapping[str, Any],
        state: Mapping[str, Any] | None,
        data: Mapping[str, Any],
    ) -> None:
        self._controls = {c.name: c for c in controls}
        self._start = dict(start)
        self._state: dict[str, Any] = dict(start)
        self._moved: str | None = None
        self._said = ""
        self._shown: dict[str, Any] | None = None
        self._tables: Any = None
        self._live: Any = None
        self.data: dict[str, Any] = plain(
            {
                **data,
                "title": self.title,
                "alone": self.moves_alone,
                "start": self._start,
                "controls": [c.plain() for c in controls],
                "actions": [{"name": n, "label": text} for n, text in actions.items()],
            }
        )
        if state is not None:
            self._take(_mapping(state))

    def compute(self, state: Mapping[str, Any]) -> Any:
        """The tables of a state (pure)."""
        raise NotImplementedError

    # ---- state ---------------------------------------------------------------------------------
    @property
    def state(self) -> dict[str, Any]:
        """What the explorer stands at. Set it with a dict; names left out keep their value."""
        return dict(self._state)

    @state.setter
    def state(self, values: Mapping[str, Any]) -> None:
        self.set(values)

    def set(self, values: Mapping[str, Any] | None = None, **named: Any) -> None:
        """Move several controls at once."""
        before = dict(self._state)
        self._take({**_mapping(values if values is not None else {}), **named})
        self._moved_from(before)
        if self._live is not None:
            self._live.state = plain(self._state)

    def reset(self) -> None:
        """Back to the start."""
        self.set(self._start)

    def press(self, button: str) -> None:
        """Press one of the buttons, by its name in ``explorer.buttons``."""
        if button not in self.buttons:
            raise MLMError(f"There is no button {button!r}: there are {', '.join(self.buttons)}.")
        done = script.pressed(self.kind, self.data, plain(self._state), button)
        if done is None:
            self.pressed(button)
            return
        said = str(done.get("say") or "")
        if self._live is not None:
            self._live.said = said
        self.set(done["state"])
        self._said = said

    @property
    def buttons(self) -> dict[str, str]:
        """The buttons: what each says, by name."""
        return {a["name"]: a["label"] for a in self.data["actions"]}

    def save(self, path: str | Path) -> None:
        """Write the state to a JSON file."""
        text = json.dumps({"explorer": type(self).__name__, "state": self._state}, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8")

    def load(self, path: str | Path) -> None:
        """Go to the state in a file that ``save`` wrote."""
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError:
            raise MLMError(f"There is no file {Path(path).name!r} to load.") from None
        except ValueError:
            raise MLMError(
                f"{Path(path).name!r} is not a saved state: save() writes one."
            ) from None
        if not isinstance(saved, dict) or saved.get("explorer") != type(self).__name__:
            raise MLMError(
                f"{Path(path).name!r} does not hold a state of {type(self).__name__}: load it into "
                "the explorer that saved it."
            )
        self.set(saved["state"])

    def _take(self, values: Mapping[str, Any]) -> None:
        checked = {}
        for name, value in values.items():
            if name not in self._state:
                raise MLMError(
                    f"This explorer has no {name!r}; its state has {', '.join(self._state)}."
                    + suggest(str(name), self._state)
                )
            checked[name] = self.check(name, value)
        self._state.update(checked)

    def check(self, name: str, value: Any) -> Any:
        """One value of the state, refused with a sentence if it cannot be."""
        return self._controls[name].check(value)

    def _moved_from(self, before: Mapping[str, Any]) -> None:
        changed = [n for n in self._state if self._state[n] != before.get(n)]
        self._moved = changed[0] if len(changed) == 1 else None
        self._tables = self._shown = None
        self._said = ""
        self.moved()

    def moved(self) -> None:
        """What an explorer does of its own accord after a move."""

    # ---- what is shown ---------------------------------------------------------------------------
    @property
    def tables(self) -> Any:
        """The tables of the state."""
        if self._tables is None:
            self._tables = self.compute(self._state)
        return self._tables

    def page_tables(self) -> Any:
        """Tables that the page cannot compute by itself."""
        return None

    def _drawing(self) -> dict[str, Any]:
        if self._shown is None:
            data = {**self.data, "tables": plain(self.page_tables())}
            self._shown = script.made(self.kind, data, plain(self._state), self._moved)
        return self._shown

    @property
    def sentence(self) -> str:
        """What the state means, in a sentence or two."""
        return self._said or str(self._drawing()["sentence"])

    @property
    def text(self) -> str:
        """Equations and output of the state, as HTML."""
        return str(self._drawing()["text"])

    @property
    def picture(self) -> str:
        """The picture of the state, an SVG file."""
        return script.still(self._drawing())

    def describe(self) -> str:
        """What the picture shows, for those who cannot see it."""
        return str(self._drawing()["desc"])

    @property
    def widget(self) -> Any:
        """The live explorer as one widget."""
        if self._live is None:
            self._live = _live_class()(
                kind=self.kind,
                data=self.data,
                state=plain(self._state),
                tables=plain(self.page_tables()),
            )
            self._live.observe(self._heard, "state")
            self._live.on_msg(lambda _, message, __: self.pressed(str(message.get("press"))))
        return self._live

    def _heard(self, change: Mapping[str, Any]) -> None:
        """The page has moved."""
        before, self._state = self._state, {**self._state, **change["new"]}
        if before != self._state:
            self._moved_from(before)

    def pressed(self, name: str) -> None:
        """A button that the page leaves to the kernel."""

    def page(self) -> dict[str, Any]:
        """All that a page without a kernel needs to show the live explorer."""
        return {
            "kind": self.kind,
            "data": self.data,
            "state": plain(self._state),
            "tables": plain(self.page_tables()),
        }

    def _ipython_display_(self) -> None:
        from IPython.display import display

        _leave_cell(self)
        still = {"text/html": self.still_image(), "text/plain": self.describe()}
        if Explorer.carries_page:
            still["application/vnd.mlm.explorer+json"] = json.dumps(self.page())
        display(still, raw=True)
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        bundle = {
            "application/vnd.jupyter.widget-view+json": view,
            "text/html": self.still_html(),
            "text/plain": self.sentence,
        }
        display(bundle, raw=True)

    def still_image(self) -> str:
        """The picture with its description: JupyterLab gives a bare picture no alt attribute."""
        source = base64.b64encode(self.picture.encode("utf-8")).decode("ascii")
        alt = html.escape(f"{self.describe()} {self.sentence}")
        return (
            f'<img class="mlm-still" src="data:image/svg+xml;base64,{source}" alt="{alt}" '
            'style="max-width:100%;height:auto">'
        )

    def still_html(self) -> str:
        """Equations, output and sentence for a page that runs no script."""
        return (
            f"<p><b>{self.title}.</b> {self.describe()} (A still picture: its sliders move in "
            f"JupyterLab and in the slide show.)</p>{self.text}"
            f"<p>{html.escape(self.sentence)}</p>"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._state}>"

    def close(self) -> None:
        """Take the explorer off the page and free its widget."""
        if self._live is not None:
            for part in (self._live.layout, self._live):
                part.close()
            self._live = None


# Explorers on the page by notebook cell, with the run that showed them.
_IN_CELL: dict[str, tuple[str, list[weakref.ref[Explorer]]]] = {}


def _leave_cell(explorer: Explorer) -> None:
    """A cell that is run again drops its output: free what its last run had put there."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId")
    if cell is None:
        return
    run = str(parent["header"]["msg_id"])
    before, shown = _IN_CELL.get(cell, ("", []))
    if before != run:
        for old in (ref() for ref in shown):
            if old is not None:
                old.close()
        shown = []
    _IN_CELL[cell] = run, [*shown, weakref.ref(explorer)]


@lru_cache(maxsize=1)
def _live_class() -> Callable[..., Any]:
    import anywidget
    import traitlets

    class LiveExplorer(anywidget.AnyWidget):
        """An explorer in the page; everything that moves is in its script."""

        _esm = script.module()
        _css = script.style()
        kind = traitlets.Unicode().tag(sync=True)
        data = traitlets.Dict().tag(sync=True)
        state = traitlets.Dict().tag(sync=True)
        tables = traitlets.Any().tag(sync=True)
        said = traitlets.Unicode().tag(sync=True)

    return LiveExplorer


def plain(value: Any) -> Any:
    """Numbers, texts, lists and dicts only; what is not a finite number is None."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _mapping(values: Any) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise MLMError(f"The state must be a dict such as explorer.state; got {values!r}.")
    return values
