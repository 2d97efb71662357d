"""Keys typed in a widget stay in it: JupyterLab's command mode and a slide show never see them.

In JupyterLab a letter typed on a menu of an output would be a command (``a`` and ``b`` insert
cells, ``x`` cuts one), and in a slide show an arrow key on a slider would turn the page.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_BOX = "mlm-keys"
# JupyterLab leaves alone what carries the attribute; other pages hear keys only as they bubble up.
_ESM = """
export default { render({ el }) {
  el.style.display = "none";
  const find = (tries) => {
    const box = el.closest(".mlm-keys");
    if (!box) { if (tries) requestAnimationFrame(() => find(tries - 1)); return; }
    box.setAttribute("data-lm-suppress-shortcuts", "true");
    box.addEventListener("keydown", (event) => event.stopPropagation());
  };
  find(200);
} };
"""


@lru_cache(maxsize=1)
def _marker() -> type[Any]:
    import anywidget

    return type("KeysStay", (anywidget.AnyWidget,), {"_esm": _ESM})


def keep_keys(box: Any) -> Any:
    """Make a box of ipywidgets keep the keys that are typed in it; returns the box.

    Parameters
    ----------
    box : a container (``VBox``, ``HBox``, ``Box``); a marker without size joins its children.
    """
    box.add_class(_BOX)
    box.children = (*box.children, _marker()())
    return box
