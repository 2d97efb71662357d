"""Exercises that answer back.

``exercise("part2")`` opens an exercise; its ``check`` judges an answer and raises ``NotYet`` with
one line that names the likely misunderstanding, its ``hint`` helps in stages.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {"exercise": "session", "Exercise": "session", "NotYet": "session"}
__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
