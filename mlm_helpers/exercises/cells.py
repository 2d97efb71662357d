"""Answer cells: which variable they assign, answers written as plain text, and how to say that a
cell has stopped.

A sentence needs no Python: in a cell that starts with ``%%answer q6b`` everything below that line
is the answer. ``install`` teaches a notebook's shell this magic; ``as_code`` turns such a cell into
an assignment for whoever runs it elsewhere.
"""

from __future__ import annotations

import re
import traceback
from typing import Any

_ANSWER = re.compile(r"^[ \t]*(answer_\w+)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)
_TEXT_CELL = re.compile(r"\A\s*%%answer[ \t]+(\w+)[^\n]*\n?(.*)\Z", re.DOTALL)
_QUOTES = ('"""', "'''", '"', "'", "“", "”", "„", "«", "»")


def answers_assigned(source: str) -> list[str]:
    """The answer variables that a cell assigns, in order."""
    text = _TEXT_CELL.match(source)
    if text:
        return [f"answer_{text[1]}"]
    return list(dict.fromkeys(_ANSWER.findall(source)))


def as_code(source: str) -> str:
    """A cell as Python: one that starts with ``%%answer`` becomes an assignment."""
    text = _TEXT_CELL.match(source)
    return f"answer_{text[1]} = {written(text[2])!r}\n" if text else source


def written(cell: str) -> str:
    """The answer in the text of a cell: without comment lines and the dots of an open answer, and
    without quotation marks or ``answer_... =`` where somebody has typed them all the same."""
    lines = [line for line in cell.splitlines() if not line.lstrip().startswith("#")]
    text = " ".join(" ".join(lines).split())
    text = re.sub(r"^answer_\w+\s*=\s*", "", text)
    if text not in ("...", "…"):
        text = re.sub(r"^(?:\.\.\.|…)\s*|\s*(?:\.\.\.|…)$", "", text)
    for quote in _QUOTES:
        text = text.removeprefix(quote).removesuffix(quote)
    return text.strip()


def install(shell: Any) -> None:
    """Teach an IPython shell the magic ``%%answer``."""

    def answer(line: str, cell: str = "") -> None:
        name = line.strip().split()[0] if line.strip() else ""
        shell.user_ns[f"answer_{name}"] = written(cell)

    shell.register_magic_function(answer, "cell", "answer")


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


def advice(error: BaseException, variable: str) -> str:
    """What to do about an error in an answer cell, in words."""
    name = getattr(error, "name", "") or ""
    if isinstance(error, NameError) and re.fullmatch(r"[A-Za-z]", str(name)):
        return f'Put the letter in quotation marks: {variable} = "{name}"'
    if isinstance(error, SyntaxError):
        return (
            "Python could not read this cell. A letter or a word needs quotation marks, "
            f'{variable} = "B"; a number has a point and no unit, {variable} = 95.2.'
        )
    if isinstance(error, NameError):
        return (
            f"Python does not know the name {name!r}. Text needs quotation marks; what a cell "
            "further up makes is known after that cell has been run."
        )
    return "Repair this cell and run it again, then its check."
