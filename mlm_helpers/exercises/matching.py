"""The matching board of part 1: a menu for each parameter, a letter for each definition."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from mlm_helpers.exercises.judging.plain import to_plain
from mlm_helpers.exercises.part1 import PARAMETERS, WRITTEN, lettering
from mlm_helpers.report.keys import keep_keys

if TYPE_CHECKING:
    from mlm_helpers.exercises.session import Exercise


class Lettered:
    """Lettered definitions, shown as a table or printed as lines."""

    def __init__(self, texts: dict[str, str]):
        self.texts = texts

    def __repr__(self) -> str:
        return "\n".join(f"{letter}  {text}" for letter, text in self.texts.items())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{letter}</th>'
            f'<td style="text-align:left">{html.escape(text)}</td></tr>'
            for letter, text in self.texts.items()
        )
        return (
            "<details><summary>Ten definitions: open after you have written your own</summary>"
            "<table><caption>Ten definitions</caption>"
            '<thead><tr><th scope="col">Letter</th>'
            '<th scope="col" style="text-align:left">Definition</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></details>"
        )


def definitions_table(exercise: Exercise) -> Lettered:
    """The definitions of the ten parameters in the order of their letters."""
    from mlm_helpers.words.wording import define

    study = exercise.study
    texts = {
        letter: define(study.structure, p, study.vocabulary, note=False)
        for p, letter in lettering().items()
    }
    return Lettered(dict(sorted(texts.items())))


class Board(widgets.VBox):
    """Ten menus and a status line. ``answers`` is what is chosen, ``line`` the code to hand in.

    Every control is a native menu or button: Tab moves between them, the letter keys and arrows
    choose, and no key reaches the notebook's own commands. The status line announces each change
    to screen readers.
    """

    def __init__(self, exercise: Exercise):
        self._exercise = exercise
        letters = sorted(lettering().values())
        self.menus = {
            p: widgets.Dropdown(
                options=[("choose", ""), *((letter, letter) for letter in letters)],
                description=WRITTEN[p],
                tooltip=f"Letter of the definition of {WRITTEN[p]}",
                layout=widgets.Layout(width="14em"),
            )
            for p in PARAMETERS
        }
        self.button = widgets.Button(description="How many fit?")
        self.status = widgets.HTML()
        self.button.on_click(lambda _: self._show(self._verdict()))
        for menu in self.menus.values():
            menu.observe(self._changed, names="value")
        half = len(PARAMETERS) // 2
        columns = [
            widgets.VBox([self.menus[p] for p in chosen])
            for chosen in (PARAMETERS[:half], PARAMETERS[half:])
        ]
        super().__init__([widgets.HBox(columns), self.button, self.status])
        keep_keys(self)
        self._changed()

    @property
    def answers(self) -> dict[str, str]:
        """Parameter: letter, for those chosen so far."""
        return {p: menu.value for p, menu in self.menus.items() if menu.value}

    @answers.setter
    def answers(self, chosen: dict[str, str]) -> None:
        for p, letter in chosen.items():
            self.menus[p].value = letter

    @property
    def line(self) -> str:
        """The line of code that hands in what is chosen."""
        pairs = ", ".join(f"{p}={letter!r}" for p, letter in self.answers.items())
        return f"answer_matching = dict({pairs})".replace("'", '"')

    def _verdict(self) -> str:
        return self._exercise.judge("matching", to_plain(self.answers)).message

    def _changed(self, _change: Any = None) -> None:
        chosen = len(self.answers)
        text = f"{chosen} of {len(PARAMETERS)} chosen."
        twice = [x for x in set(self.answers.values()) if list(self.answers.values()).count(x) > 1]
        if twice:
            text += f" Chosen twice: {', '.join(sorted(twice))}."
        self._show(text)

    def _show(self, text: str) -> None:
        self.status.value = (
            f'<div role="status" aria-live="polite">{html.escape(text)}<br>'
            f"To hand it in, copy this line into the answer cell below:<br>"
            f"<code>{html.escape(self.line)}</code></div>"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            names = ", ".join(WRITTEN[p] for p in PARAMETERS)
            data["text/plain"] = (
                f"Matching board: a menu with the letters A to J for each of {names}."
            )
        return bundle
