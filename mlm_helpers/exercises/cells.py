"""Answer cells: which variable they assign, and how to say that one has stopped."""

from __future__ import annotations

import re
import traceback

_ANSWER = re.compile(r"^[ \t]*(answer_\w+)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


def answers_assigned(source: str) -> list[str]:
    """The answer variables that a cell assigns, in order."""
    return list(dict.fromkeys(_ANSWER.findall(source)))


def describe_error(error: BaseException) -> str:
    """An exception of a student's cell in one line: its type, its line, its text."""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    if line is None:
        frames = traceback.extract_tb(error.__traceback__)
        cell = [f for f in frames if "ipykernel" in f.filename or f.filename.startswith("<")]
        line = cell[-1].lineno if cell else None
    where = f" in line {line}" if line else ""
    try:
        text = " ".join(str(error).split())
    except Exception:  # an exception class of the student's own may not even print
        text = ""
    text = text if len(text) <= 160 else text[:157] + "..."
    return f"{type(error).__name__}{where}" + (f" ({text})" if text else "")
