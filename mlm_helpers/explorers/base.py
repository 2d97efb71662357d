"""What every explorer shares: controls, a kept picture, the text beside it, and its state.

An explorer is a pure ``compute(state) -> tables`` (in the module of its name) and a thin view on
this class. A move does one thing after the other: the state takes the new value, the tables are
computed, the artists that move are placed, and picture, text and sentence are written once each to
an ``Image`` and two ``HTML`` widgets. Nothing is printed, so a notebook that moves an explorer from
a later cell keeps its stored outputs.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets as w

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.explorers.controls import Choice, Control, Slider
from mlm_helpers.explorers.stage import Stage

# While the live explorer is on the page, the still picture above it is put away; without a kernel
# there is no live explorer, so this rule is not there either and the still picture shows.
_LIVE = "mlm-explorer"
_STILL = "mlm-still"
_RULES = (
    f"<style>.jp-OutputArea-child:has(img.{_STILL}):has(+ .jp-OutputArea-child ."
    f"{_LIVE}){{display:none}}"
    f".{_LIVE} :is(.widget-slider,.widget-dropdown)>.widget-label{{display:flex;height:auto;"
    "align-items:center;justify-content:flex-end;line-height:1.15;white-space:normal;"
    "overflow:visible}"
    f".{_LIVE} .noUi-handle:focus{{outline:3px solid #E69F00;outline-offset:1px}}"
    f".{_LIVE} .widget-html-content{{line-height:1.4}}"
    f".{_LIVE} img{{border-radius:4px}}</style>"
)
_UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"
_SENTENCE = (
    '<div role="status" aria-live="polite" aria-atomic="true" style="font-size:15px;'
    'line-height:1.45;border-left:4px solid #0072B2;padding:2px 0 2px 10px;margin:4px 0">{}</div>'
)


def sentence_html(sentence: str) -> str:
    """The sentence as a region that screen readers read out when it changes."""
    # an equation in a sentence is not torn apart at the end of a line
    return _SENTENCE.format(html.escape(sentence).replace(" = ", "&nbsp;=&nbsp;"))


class Words(NamedTuple):
    """The text of one state: equations and output as HTML, and the sentence as plain text."""

    text: str
    sentence: str


class Action(NamedTuple):
    """A button: its name, its label and what it does."""

    name: str
    label: str
    run: Callable[[], None]


class Explorer:
    """Common part of all explorers.

    Attributes
    ----------
    state : what the controls stand at, as a plain dict that can be read, set, saved and loaded
    tables : the tables computed for that state
    sentence, text : the sentence and the equations shown for it
    """

    title = ""
    size = (860, 350)
    columns = "1 1 350px"

    def __init__(
        self, controls: Sequence[Control], start: Mapping[str, Any], state: Mapping[str, Any] | None
    ) -> None:
        self._controls = {c.name: c for c in controls}
        # names without a control (a seed, a hidden truth) are part of the state all the same
        self._start = dict(start)
        self._state: dict[str, Any] = dict(self._start)
        self._moved: str | None = None
        self._writing = False
        self.stage = Stage(*self.size)
        self._make_widgets()
        if state is not None:
            self._take(_mapping(state))
        self._place()
        self.arrange()
        self.update()

    # ---- what each explorer says for itself ------------------------------------------------
    def compute(self, state: Mapping[str, Any]) -> Any:
        """The tables of a state (pure)."""
        raise NotImplementedError

    def arrange(self) -> None:
        """Draw axes and make the artists; again whenever the axes have to be others."""
        raise NotImplementedError

    def draw(self, tables: Any) -> None:
        """Place the artists that move."""
        raise NotImplementedError

    def words(self, tables: Any) -> Words:
        """Equations, output and sentence of the tables."""
        raise NotImplementedError

    def describe(self) -> str:
        """What the picture shows, for those who cannot see it."""
        raise NotImplementedError

    def actions(self) -> Sequence[Action]:
        """The buttons."""
        return ()

    def rearranges(self, name: str) -> bool:
        """Whether a change of this control needs other axes."""
        return False

    def is_shown(self, name: str) -> bool:
        """Whether this control has a meaning in the present state."""
        return True

    def extra(self) -> Sequence[w.Widget]:
        """Widgets below the buttons."""
        return ()

    # ---- state ---------------------------------------------------------------------------------
    @property
    def state(self) -> dict[str, Any]:
        """What the explorer stands at. Set it with a dict; names left out keep their value."""
        return dict(self._state)

    @state.setter
    def state(self, values: Mapping[str, Any]) -> None:
        self.set(values)

    def set(self, values: Mapping[str, Any] | None = None, **named: Any) -> None:
        """Move several controls at once, then draw once."""
        before = dict(self._state)
        self._take({**_mapping(values if values is not None else {}), **named})
        changed = [n for n in self._state if self._state[n] != before.get(n)]
        self._moved = changed[0] if len(changed) == 1 else None
        self._place()
        if any(self.rearranges(n) for n in changed):
            self.arrange()
        self.update()

    def reset(self) -> None:
        """Back to the start."""
        self.set(self._start)

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

    # ---- widgets -------------------------------------------------------------------------------
    def _make_widgets(self) -> None:
        self._inputs: dict[str, Any] = {}
        self._values: dict[str, w.Label] = {}
        self._rows: dict[str, w.Widget] = {}
        for control in self._controls.values():
            make = self._slider_row if isinstance(control, Slider) else self._choice_row
            self._rows[control.name] = make(control)  # type: ignore[arg-type]
        self._buttons = {}
        for action in self.actions():
            button = w.Button(description=action.label, layout=w.Layout(width="auto"))
            button.on_click(lambda _, run=action.run: run())
            self._buttons[action.name] = button
        self._image = w.Image(
            format="png",
            layout=w.Layout(width="100%", max_width=f"{self.size[0]}px", height="auto"),
        )
        self._html = w.HTML(layout=w.Layout(width="auto", margin="0"))
        self._status = w.HTML(layout=w.Layout(width="auto", margin="0"))
        self._widget: w.Widget | None = None

    def _slider_row(self, control: Slider) -> w.Widget:
        whole = control.decimals == 0
        kind = w.IntSlider if whole else w.FloatSlider
        cast = int if whole else float
        slider = kind(
            value=cast(control.on_grid(self._state[control.name])),
            min=cast(control.low),
            max=cast(control.high),
            step=cast(control.step),
            description=control.label,
            readout=False,
            readout_format="d" if whole else f".{control.decimals}f",
            style={"description_width": "150px"},
            layout=w.Layout(flex="1 1 auto", width="auto", min_width="0"),
        )
        slider.observe(lambda change, c=control: self._dragged(c, change["new"]), "value")
        value = w.Label(layout=w.Layout(width="52px", margin="2px 0 2px 2px"))
        self._inputs[control.name], self._values[control.name] = slider, value
        row = w.HBox([slider, value], layout=w.Layout(flex="1 1 300px", max_width="480px"))
        return row

    def _choice_row(self, control: Choice) -> w.Widget:
        box = w.Dropdown(
            options=[(shown, value) for value, shown in control.options.items()],
            value=self._state[control.name],
            description=control.label,
            style={"description_width": "150px"},
            layout=w.Layout(flex="1 1 300px", max_width="480px", width="auto", min_width="0"),
        )
        box.observe(lambda change, c=control: self._chosen(c, change["new"]), "value")
        self._inputs[control.name] = box
        return box

    def _dragged(self, control: Slider, value: float) -> None:
        # The page sends a handle's position back when it is placed; only a real move counts.
        here = control.on_grid(self._state[control.name])
        if self._writing or abs(value - here) < 1e-6 * control.step:
            return
        self._state[control.name] = int(value) if control.decimals == 0 else round(float(value), 10)
        self._values[control.name].value = control.text(value)
        self._moved = control.name
        if self.rearranges(control.name):
            self.arrange()
        self.update()

    def _chosen(self, control: Choice, value: str) -> None:
        if self._writing or value == self._state[control.name]:
            return
        self._state[control.name] = value
        self._moved = control.name
        self._show_rows()
        if self.rearranges(control.name):
            self.arrange()
        self.update()

    def _place(self) -> None:
        """Put every handle where the state says."""
        self._writing = True
        try:
            for name, control in self._controls.items():
                value = self._state[name]
                if isinstance(control, Slider):
                    at = control.on_grid(value)
                    self._inputs[name].value = int(at) if control.decimals == 0 else at
                    self._values[name].value = control.text(value)
                else:
                    self._inputs[name].value = value
        finally:
            self._writing = False
        self._show_rows()

    def _show_rows(self) -> None:
        for name, row in self._rows.items():
            row.layout.display = "" if self.is_shown(name) else "none"

    def update(self) -> None:
        """Compute, draw and write: one move."""
        self.tables = self.compute(self._state)
        self._refresh()

    def _refresh(self) -> None:
        """Draw and write the tables there are."""
        self.draw(self.tables)
        self.picture = self.stage.png()
        self.text, self.sentence = self.words(self.tables)
        self._image.value = self.picture
        self._html.value = self.text
        self._status.value = sentence_html(self.sentence)

    # ---- showing it ----------------------------------------------------------------------------
    @property
    def widget(self) -> w.Widget:
        """The live explorer as one widget."""
        if self._widget is None:
            rows = w.Box(
                list(self._rows.values()),
                layout=w.Layout(flex_flow="row wrap", align_items="center", width="100%"),
            )
            buttons = w.Box(
                list(self._buttons.values()), layout=w.Layout(flex_flow="row wrap", width="100%")
            )
            left = w.VBox(
                [rows, buttons, *self.extra()], layout=w.Layout(flex=self.columns, min_width="0")
            )
            right = w.VBox(
                [self._image, self._status], layout=w.Layout(flex="1000 1 560px", min_width="0")
            )
            top = w.Box(
                [left, right],
                layout=w.Layout(flex_flow="row wrap", align_items="flex-start", width="100%"),
            )
            heading = w.HTML(
                f'{_RULES}<div role="heading" aria-level="4" style="font-size:16px;'
                f'font-weight:bold">{self.title}</div>'
                # an Image widget takes no alt text, so the description stands before it
                f'<div style="{_UNSEEN}">The picture: {html.escape(self.describe())}</div>'
            )
            box = w.VBox([heading, top, self._html], layout=w.Layout(width="100%"))
            box.add_class(_LIVE)
            self._widget = box
        return self._widget

    def _ipython_display_(self) -> None:
        from IPython.display import display

        alt = f"{self.describe()} {self.sentence}"
        still = base64.b64encode(self.picture).decode("ascii")
        # JupyterLab and nbconvert give a bare PNG no alt attribute; an img of our own has one
        image = (
            f'<img class="{_STILL}" src="data:image/png;base64,{still}" alt="{html.escape(alt)}" '
            f'width="{self.size[0]}" style="max-width:100%;height:auto">'
        )
        display(
            {"text/html": image, "image/png": still, "text/plain": self.describe()},
            metadata={"image/png": {"alt": alt, "width": self.size[0]}},
            raw=True,
        )
        bundle = {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.widget.model_id,
            },
            "text/html": self.still_html(),
            "text/plain": self.sentence,
        }
        display(bundle, raw=True)

    def still_html(self) -> str:
        """Equations, output and sentence for a page without a kernel."""
        return (
            f"<p><b>{self.title}.</b> {self.describe()} (A still picture: the sliders need a "
            f"running kernel.)</p>{self.text}<p>{html.escape(self.sentence)}</p>"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._state}>"

    def close(self) -> None:
        """Take the explorer off the page and free its widgets."""
        widgets: list[Any] = [self._image, self._html, self._status, *self._buttons.values()]
        widgets += [*self._inputs.values(), *self._values.values(), *self._rows.values()]
        pending = [self._widget] if self._widget is not None else []
        while pending:
            box: Any = pending.pop()
            widgets.append(box)
            pending += list(getattr(box, "children", ()))
        for item in dict.fromkeys(widgets):
            for part in (item.layout, getattr(item, "style", None)):
                if part is not None and hasattr(part, "close"):
                    part.close()
            item.close()


def _mapping(values: Any) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise MLMError(f"The state must be a dict such as explorer.state; got {values!r}.")
    return values
