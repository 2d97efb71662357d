"""An answer as plain data: what a check looks at, whatever the student left in the variable.

A check must not trust the object it is given: it may be a function, a table of a million cells, or
something that raises when it is printed. ``to_plain`` turns any object into a small ``Plain``,
never raises, and runs in the student's process; everything that judges sees only the ``Plain``,
which travels as JSON when notebooks are marked.
"""

from __future__ import annotations

import decimal
import fractions
import numbers
from dataclasses import asdict, dataclass, field
from typing import Any

LONGEST_TEXT = 4000
LARGEST_TABLE = 600

_ESTIMATES = ("estimate", "std_error")


@dataclass(frozen=True)
class Plain:
    """An answer without its object.

    ``kind`` is ``"unset"`` (the ``...`` of an untouched cell), ``"missing"`` (no such variable),
    ``"none"``, ``"number"``, ``"text"``, ``"truth"`` (True or False), ``"pairs"`` (a mapping of
    texts to texts), ``"table"``, ``"fit"`` or ``"other"``. ``text`` holds the number or text as
    it was typed, or the name of the type. A table has ``index``, ``columns`` and ``cells`` (rows
    of texts); a Series is a table with the one column ``""``.
    """

    kind: str
    text: str = ""
    index: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    pairs: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON-like data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Plain:
        """The inverse of ``to_json``; anything malformed becomes ``"other"``."""
        try:
            plain = cls(
                kind=_clip(data["kind"]),
                text=_clip(data["text"]),
                index=tuple(_clip(i) for i in data["index"][:LARGEST_TABLE]),
                columns=tuple(_clip(c) for c in data["columns"][:LARGEST_TABLE]),
                cells=tuple(tuple(_clip(c) for c in row) for row in data["cells"][:LARGEST_TABLE]),
                pairs={_clip(k): _clip(v) for k, v in list(data["pairs"].items())[:100]},
            )
        except (KeyError, TypeError, AttributeError, IndexError):
            return UNREADABLE
        return plain if plain.fits else UNREADABLE

    @property
    def fits(self) -> bool:
        """Whether there is a row for each name in the index and a cell for each column."""
        width = {len(row) for row in self.cells}
        return len(self.cells) == len(self.index) and width <= {len(self.columns)}


MISSING = Plain("missing")
UNREADABLE = Plain("other", "value that cannot be read")


def to_plain(value: Any) -> Plain:
    """Any object as a ``Plain``. Never raises and never changes the object."""
    try:
        plain = _plain(value)
        return plain if plain.fits else UNREADABLE
    except Exception:  # a hostile or broken object is an answer that cannot be read, no more
        return Plain("other", _type_name(value))


def _plain(value: Any) -> Plain:
    if value is ...:
        return Plain("unset")
    if value is None:
        return Plain("none")
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return Plain("truth", "yes" if value else "no")
    if isinstance(value, str):
        return Plain("text", value[:LONGEST_TEXT])
    if isinstance(value, numbers.Number | decimal.Decimal | fractions.Fraction):
        return _number(value)
    if isinstance(value, dict):
        if len(value) > 100:
            return Plain("other", "large dict")
        return Plain("pairs", pairs={_short(k): _pair_text(v) for k, v in value.items()})
    if hasattr(value, "fixed_effects") and hasattr(value, "variance_components"):
        return _fit(value)
    if hasattr(value, "answers") and isinstance(value.answers, dict):
        return _plain(value.answers)  # the matching board
    if hasattr(value, "table") and hasattr(value, "formulas"):
        return _plain(value.table)  # a comparison of fits
    return _collection(value)


def _number(value: Any) -> Plain:
    if isinstance(value, int):
        if abs(value).bit_length() > 1000:  # Python refuses to print very long integers
            return Plain("number", "inf")
        return Plain("number", str(int(value)))
    if isinstance(value, complex) or type(value).__name__.startswith("complex"):
        return Plain("other", "complex number")
    if isinstance(value, fractions.Fraction):
        return Plain("number", repr(float(value)))
    if type(value) is float or type(value).__name__ == "float64":
        return Plain("number", repr(float(value)))
    return Plain("number", _clip(str(value), 60))  # float32 and Decimal know their own digits


def _collection(value: Any) -> Plain:
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        if value.size > LARGEST_TABLE:
            return Plain("other", f"table with {value.size} cells")
        rows = tuple(tuple(_cell(c) for c in row) for row in value.to_numpy(dtype=object))
        return Plain("table", "DataFrame", _names(value.index), _names(value.columns), rows)
    if isinstance(value, pd.Series):
        if value.size > LARGEST_TABLE:
            return Plain("other", f"Series of {value.size} values")
        cells = tuple((_cell(c),) for c in value.to_numpy(dtype=object))
        return Plain("table", "Series", _names(value.index), ("",), cells)
    if isinstance(value, np.ndarray | list | tuple | set | frozenset):
        name = type(value).__name__
        size = value.size if isinstance(value, np.ndarray) else len(value)
        if size > LARGEST_TABLE:
            return Plain("other", f"{name} of {size} values")
        flat = value.ravel().tolist() if isinstance(value, np.ndarray) else list(value)
        if len(flat) == 1 and isinstance(flat[0], str) and name != "ndarray":
            return Plain("text", flat[0][:LONGEST_TEXT])
        index = tuple(str(i) for i in range(len(flat)))
        return Plain("table", name, index, ("",), tuple((_cell(c),) for c in flat))
    return Plain("other", _type_name(value))


def _fit(fit: Any) -> Plain:
    """The estimates of a fit under their symbols."""
    table = fit.fixed_effects
    symbols = [c.symbol for c in fit.structure.coefficients]
    values = [_cell(v) for v in table["estimate"]]
    components = fit.variance_components
    symbols += [str(name) for name in components.index]
    values += [_cell(v) for v in components["variance"]]
    return Plain("fit", "fit", tuple(symbols), ("estimate",), tuple((v,) for v in values))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, numbers.Number):
        return _number(value).text
    return _short(value)


def _pair_text(value: Any) -> str:
    return "..." if value is ... else _short(value)


def _names(labels: Any) -> tuple[str, ...]:
    return tuple(_short(label) for label in labels)


def _short(value: Any) -> str:
    return str(value)[:200] if isinstance(value, str | int | float) else _clip(str(value), 200)


def _clip(text: Any, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(text, str):
        raise TypeError("not text")
    # a lone half of a character pair can be held by no file and printed nowhere
    return text[:longest].encode("utf-8", "replace").decode("utf-8")


def _type_name(value: Any) -> str:
    try:
        name = type(value).__name__
    except Exception:
        return "object"
    return "function" if name in ("function", "builtin_function_or_method", "method") else name
