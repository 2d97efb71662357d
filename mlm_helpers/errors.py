"""One error type for everything a user can put right, and the did-you-mean behind its sentences."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
