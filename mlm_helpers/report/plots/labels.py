"""What columns, codes and units are called in a picture, and its numbers for reading."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlm_helpers.words.vocabulary import Vocabulary, load_vocabulary, shipped_vocabularies

Labels = Mapping[str, str] | Vocabulary | str | None


class ColumnLabels:
    """What columns, codes and units are called."""

    def __init__(self, labels: Labels, data_name: str = ""):
        if labels is None and data_name in shipped_vocabularies():
            labels = data_name
        if isinstance(labels, str):
            labels = load_vocabulary(labels)
        if isinstance(labels, Vocabulary):
            self._given = _labels_of(labels)
        else:
            self._given = {str(k): str(v) for k, v in (labels or {}).items()}
        self.codes = frozenset(k for k in self._given if "=" in k)

    def name(self, column: str) -> str:
        return self._given.get(column, column)

    def inline(self, column: str) -> str:
        """A column's name within a sentence, with the way it is centered."""
        return self._given.get(f"{column}:axis", self.name(column))

    def axis(self, column: str) -> str:
        """The same to stand at an axis."""
        text = self.inline(column)
        return text[:1].upper() + text[1:]

    def code(self, column: str, value: Any) -> str:
        written = f"{column} = {short_number(value)}"
        return self._given.get(f"{column}={plain_value(value)}", written)

    def label(self, text: str) -> str:
        """A label of a table, such as ``"sector = 1, meanses = 0.4 (mean + SD)"``, in words."""
        return ", ".join(self._part(part) for part in text.split(", "))

    def _part(self, part: str) -> str:
        column, _, rest = part.partition(" = ")
        value, _, what = rest.partition(" (")
        known = self._given.get(f"{column}={value}")
        if known:
            return known
        if what:
            return f"{self.name(column)} at {what.rstrip(')')}"
        return f"{self.name(column)} = {rest}" if rest else part

    def short(self, text: str) -> str:
        """A label without the names that :meth:`header` gives once."""
        parts = []
        for part in text.split(", "):
            column, _, rest = part.partition(" = ")
            value, _, what = rest.partition(" (")
            parts.append(self._given.get(f"{column}={value}") or what.rstrip(")") or rest or part)
        return ", ".join(parts)

    def header(self, text: str) -> str:
        """The names of the variables whose values :meth:`short` leaves bare."""
        columns = [part.partition(" = ")[0] for part in text.split(", ") if " = " in part]
        coded = all(
            f"{c}={part.partition(' = ')[2]}" in self._given
            for c, part in zip(columns, text.split(", "), strict=False)
        )
        if coded:
            return ""
        return ", ".join(self.name(c) for c in columns)

    def groups(self, column: str) -> str:
        return self._given.get(f"{column}:many", "groups")

    def group(self, column: str) -> str:
        return self._given.get(f"{column}:one", "group")

    def level1(self, column: str) -> str:
        """A level-1 predictor without its centering: ``"Family SES of a student"``."""
        name = self.name(column)
        unit = self._given.get(":unit")
        return name[:1].upper() + name[1:] + (f" of a {unit}" if unit else "")


def _labels_of(v: Vocabulary) -> dict[str, str]:
    out = {v.outcome.column: v.outcome.label, f"{v.group_column}:many": v.group.many}
    out[f"{v.group_column}:one"] = v.group.one
    out[":unit"] = v.unit.one
    for p in v.predictors.values():
        out[p.column] = p.label
        if p.centered == "group":
            out[f"{p.column}:axis"] = f"{p.label}, from the {v.group.one}'s mean"
        elif p.centered.startswith("grand"):
            out[f"{p.column}:axis"] = f"{p.label}, from the grand mean"
        out |= {f"{p.column}={c.value}": c.name for c in p.codes}
    return out


def labels_for(labels: Labels, table: Any = None) -> ColumnLabels:
    name = getattr(table, "data_name", None) or getattr(table, "attrs", {}).get("data_name", "")
    return ColumnLabels(labels, str(name))


def short_number(value: Any, digits: int = 3) -> str:
    """A number for reading: significant digits, no exponent for ordinary sizes, a real minus."""
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        return str(value)
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value and 1e-4 <= abs(value) < 10**digits:
        decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text and value == round(value) else text
    else:
        text = f"{value:.{digits}g}" if abs(value) < 1e-4 and value else f"{value:.0f}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    text = f"{100 * share:.1f}%"
    return "0.0%" if text == "-0.0%" else text.replace("-", "−")


def plain_value(value: Any) -> str:
    """A value as it stands in the keys of a vocabulary: ``1``, not ``1.0``."""
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)
