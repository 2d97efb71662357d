"""One error type for everything a user can put right, and the did-you-mean behind its sentences."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from typing import Any


class MLMError(ValueError):
    """Something the caller can put right, said in one sentence.

    In a notebook the sentence alone is shown: IPython asks an exception for
    ``_render_traceback_`` and prints what it returns instead of a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def suggest(name: str, candidates: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest candidate, or an empty string."""
    options = [str(c) for c in candidates]
    by_lower = {c.lower(): c for c in options}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f" Did you mean {by_lower[close[0]]!r}?" if close else ""


def needed(module: str, purpose: str, extra: str) -> Any:
    """Import a package that the library can do without, or say how to get it.

    ``purpose`` begins the sentence (``"Reading .sav files"``); ``extra`` is the optional list of
    pyproject.toml that the package is on.

    Raises
    ------
    MLMError
        When the package is not installed. Any other error of the import is left as it is.
    """
    package = module.split(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise
    raise MLMError(
        f"{purpose} needs the package {package}, which is not installed here. In a notebook run "
        f"%pip install {package}, or in a terminal: pip install 'mlm-helpers[{extra}]'."
    )
