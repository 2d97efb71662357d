"""What a check, a hint and the summary show: calm boxes told apart by sign, word and colour.

The palette is Okabe and Ito's; the text keeps the notebook's own colour, so that both themes read.
"""

from __future__ import annotations

import html
import sys
from typing import Any

LOOKS = {
    "right": ("✓", "Right", "#009E73"),
    "wrong": ("✗", "Not yet", "#D55E00"),
    "unclear": ("?", "Unclear", "#0072B2"),
    "unanswered": ("○", "Open", "#767676"),
    "unreadable": ("○", "Cannot be read", "#767676"),
    "hint": ("→", "Hint", "#CC79A7"),
    "summary": ("Σ", "Summary", "#0072B2"),
}
# A check that is not passed has to raise, so that a run fails; where the page knows JupyterLab's
# classes, the error's own red block below the box is left out.
_NO_RED_BLOCK = (
    "<style>.jp-OutputArea-child:has(.mlm-verdict)~.jp-OutputArea-child:has("
    ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'])"
    "{display:none}</style>"
)


class Shown:
    """A line of text that a notebook shows as a box."""

    def __init__(self, line: str, look: str):
        self.line, self.look = line, look

    def __repr__(self) -> str:
        return self.line

    def _repr_html_(self) -> str:
        sign, word, colour = LOOKS[self.look]
        style = (
            f"border-left:4px solid {colour};padding:.3em .8em;margin:.2em 0;max-width:46em;"
            "white-space:normal;overflow-wrap:anywhere;line-height:1.45"
        )
        block = "" if self.look in ("right", "hint", "summary") else _NO_RED_BLOCK
        return (
            f'{block}<div class="mlm-verdict" role="status" style="{style}">'
            f"<strong>{sign} {word}.</strong> {html.escape(self.line)}</div>"
        )


def shell() -> Any:
    """The IPython shell that runs this notebook, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def show(shown: Shown) -> None:
    """Show a box now, where there is a notebook to show it in."""
    if shell() is not None:
        from IPython.display import display

        display(shown)
