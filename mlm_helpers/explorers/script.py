"""The explorers' JavaScript: put together for a page, and run from Python without one.

The sources in ``js`` are plain ES modules. A widget takes one module, so they are joined in order:
shared modules first, then each explorer in a function of its own, so that names cannot meet.
Python runs the same script for still pictures and sentences, with V8 (``mini-racer``) or, where
Python itself runs in a browser, with that browser.
"""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "js"
WIDTH, FONT = 860, 13  # of a still picture, in pixels
SHARED = ("numbers", "text", "svg", "scene")
VIEWS = ("cross_level", "centering", "shrinkage", "probing", "refit")


def _source(name: str) -> str:
    text = (SOURCES / f"{name}.js").read_text(encoding="utf-8")
    text = re.sub(r"^import\b[^;]*;\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


@lru_cache(maxsize=1)
def views() -> str:
    """The script that computes and draws, without a page: ``VIEWS[kind]``."""
    parts = [_source(name) for name in SHARED]
    parts += [f"const {v}_view = (() => {{\n{_source(v)}\nreturn view;\n}})();" for v in VIEWS]
    return "\n".join([*parts, f"const VIEWS = {{{', '.join(f'{v}: {v}_view' for v in VIEWS)}}};"])


@lru_cache(maxsize=1)
def module() -> str:
    """The ES module of the live explorer, for a widget or a page."""
    return (
        f"{views()}\n{_source('frame')}\nexport {{ VIEWS, mount }};\nexport default {{ render }};\n"
    )


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet of the live explorer."""
    return _source_css("explorer") + _source_css("picture")


@lru_cache(maxsize=1)
def _engine() -> Callable[[str], Any]:
    try:
        from py_mini_racer import MiniRacer
    except ImportError:
        run: Callable[[str], Any] = importlib.import_module("pyodide.code").run_js
    else:
        run = MiniRacer().eval
    run(
        f"globalThis.mlmViews = (() => {{\n{views()}\nreturn {{ ...VIEWS, made, pressed }};\n}})();"
        "null"
    )
    return run


def compute(kind: str, data: dict[str, Any], state: dict[str, Any]) -> Any:
    """The tables of a state as the page computes them."""
    return _call(f"mlmViews.{kind}.compute", data, state)


def made(kind: str, data: dict[str, Any], state: dict[str, Any], moved: str | None) -> Any:
    """What the page shows for a state: ``svg``, ``height``, ``desc``, ``text``, ``sentence``."""
    room = {"width": WIDTH, "font": FONT, "id": "still"}
    return _call(f"(...all) => mlmViews.made(mlmViews.{kind}, ...all)", data, state, moved, room)


def pressed(kind: str, data: dict[str, Any], state: dict[str, Any], button: str) -> Any:
    """What a button leads to: ``state`` and perhaps ``say``; None where it is the kernel's."""
    return _call(f"(...all) => mlmViews.pressed(mlmViews.{kind}, ...all)", data, state, button)


def _call(function: str, *arguments: Any) -> Any:
    given = json.dumps(json.dumps(arguments))
    return json.loads(_engine()(f"JSON.stringify(({function})(...JSON.parse({given})) ?? null)"))


def still(drawing: dict[str, Any]) -> str:
    """A drawing as a picture file (SVG) of its own, in light colours."""
    colours = re.search(r"\{(.*?)\}", _source_css("explorer"), flags=re.DOTALL)
    rules = f"svg {{{colours[1] if colours else ''}}}\n{_source_css('picture')}"
    height = math.ceil(drawing["height"]) + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mlm-svg" width="{WIDTH + 16}" '
        f'height="{height}" viewBox="-8 -8 {WIDTH + 16} {height}"><style>{rules}</style>'
        f'<rect x="-8" y="-8" width="100%" height="100%" fill="#ffffff"/>{drawing["svg"]}</svg>'
    )


def _source_css(name: str) -> str:
    return (SOURCES / f"{name}.css").read_text(encoding="utf-8")
