"""Text that came from outside, made fit for files, pages and a terminal."""

from __future__ import annotations

import os
import re

# control characters, and those that turn the direction of writing
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shown(text: str) -> str:
    """On one line, without characters that a terminal would obey."""
    return _CONTROL.sub("\ufffd", clean(" ".join(text.split())))


def file_name(name: str) -> str:
    """A name from a folder or an archive, also one that is not UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace") if _strange(name) else name


def _strange(name: str) -> bool:
    return any("\udc80" <= c <= "\udcff" for c in name)
