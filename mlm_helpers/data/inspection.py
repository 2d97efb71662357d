"""Somebody's own data: the checks a careful analyst makes before a fit.

``inspect_data`` looks at group sizes, missing values, levels, variance within and between groups,
outliers and coding, and says in sentences what to put right. It changes nothing: what to do about
a finding is the analyst's decision.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlm_helpers.data import checks, values
from mlm_helpers.data.findings import Finding, Found, finite, is_numeric, percent
from mlm_helpers.engine.summary import html_table
from mlm_helpers.errors import MLMError, suggest

__all__ = ["Finding", "Inspection", "inspect_data"]

_TITLES: dict[str, str] = {
    "sizes": "Group sizes",
    "missing": "Missing values, by level",
    "levels": "Does each variable live at its level?",
    "within": "Variance within and between groups",
    "outliers": "Values far from all others",
    "coding": "Coding",
}


@dataclass(frozen=True)
class Inspection:
    """What ``inspect_data`` saw: one table per check, and the findings as sentences."""

    tables: Mapping[str, pd.DataFrame]
    findings: tuple[Finding, ...]

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The findings that stand in the way of a fit."""
        return tuple(f for f in self.findings if f.urgent)

    def about(self, name: str) -> tuple[Finding, ...]:
        """The findings of one check (``"missing"``) or about one column."""
        found = tuple(f for f in self.findings if name in (f.check, f.column))
        if not found and name not in _TITLES and name not in self.tables["coding"].index:
            known = [*_TITLES, *self.tables["coding"].index]
            raise MLMError(f"There is no check and no column {name!r}.{suggest(name, known)}")
        return found

    def __str__(self) -> str:
        parts = []
        for check, title in _TITLES.items():
            table = _shown(self.tables[check])
            lines = _aligned([["", *table.columns], *([str(i), *r] for i, r in _rows(table))])
            notes = [f"{'!' if f.urgent else '-'} {f.text}" for f in self.about(check)]
            parts.append("\n".join([title, "=" * len(title), *lines, *(notes or ["- All fine."])]))
        return "\n\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = []
        for check, title in _TITLES.items():
            table = _shown(self.tables[check])
            rows = [[str(i), *r] for i, r in _rows(table)]
            parts.append(html_table(title, [str(table.index.name), *table.columns], rows))
            notes = "".join(f"<li>{_html(f)}</li>" for f in self.about(check))
            parts.append(f"<ul>{notes or '<li>All fine.</li>'}</ul>")
        return "".join(parts)


def _html(finding: Finding) -> str:
    mark = "<strong>Put right: </strong>" if finding.urgent else ""
    return mark + html.escape(finding.text)


def inspect_data(
    data: pd.DataFrame,
    *,
    group: str,
    outcome: str,
    level1: Sequence[str] = (),
    level2: Sequence[str] = (),
) -> Inspection:
    """Look at data as a careful analyst does before fitting a two-level model.

    Parameters
    ----------
    data : one row per level-1 unit (student).
    group : the column that says to which group (school) a row belongs.
    outcome : the outcome column.
    level1, level2 : the predictors at each level.

    Returns
    -------
    Inspection
        ``tables["sizes"]``: how many rows the groups have; ``["missing"]``: missing values of each
        variable in rows and groups; ``["levels"]``: in how many groups a variable varies;
        ``["within"]``: standard deviations within and between groups and the share of variance
        between (from a one-way analysis of variance); ``["outliers"]``: values further than 4
        robust standard deviations from the median; ``["coding"]``: types and values. ``findings``
        are the sentences.

    Raises
    ------
    MLMError
        When a column is missing or named twice, or the data have no rows.
    """
    columns = _asked(data, group, outcome, level1, level2)
    levels = {outcome: 1} | dict.fromkeys(level1, 1) | dict.fromkeys(level2, 2)
    found = Found()
    data = data.reset_index(drop=True)  # an index may have the name of a column
    used = data[columns][data[group].notna()].reset_index(drop=True)
    numbers = {c: finite(used[c]) for c in levels if is_numeric(used[c])}
    with np.errstate(all="ignore"):  # numbers too large to be squared
        tables = _tables(data, used, group, outcome, levels, numbers, found)
    order = list(_TITLES)
    return Inspection(tables, tuple(sorted(found, key=lambda f: order.index(f.check))))


def _tables(
    data: pd.DataFrame,
    used: pd.DataFrame,
    group: str,
    outcome: str,
    levels: Mapping[str, int],
    numbers: Mapping[str, pd.Series],
    found: Found,
) -> dict[str, pd.DataFrame]:
    predictors = sum(level == 1 for level in levels.values()) - 1
    return {
        "sizes": checks.sizes(data, group, predictors, found),
        "missing": checks.missing(data, group, levels, found),
        "levels": checks.levels(used, group, levels, found),
        "within": checks.within(used, group, levels, outcome, numbers, found),
        "outliers": values.outliers(used, group, levels, numbers, found),
        "coding": values.coding(data, group, levels, found),
    }


def _asked(
    data: pd.DataFrame, group: str, outcome: str, level1: Sequence[str], level2: Sequence[str]
) -> list[str]:
    for name, given in (("level1", level1), ("level2", level2)):
        if isinstance(given, str):
            raise MLMError(f"{name} must be a list of columns, such as [{given!r}].")
    columns = [group, outcome, *level1, *level2]
    known = [str(c) for c in data.columns]
    for name in columns:
        if name not in data.columns:
            raise MLMError(f"There is no column {name!r} in the data.{suggest(name, known)}")
        if columns.count(name) > 1:
            raise MLMError(f"{name!r} is named twice: each column has one role.")
        if known.count(name) > 1:
            raise MLMError(f"The data have {known.count(name)} columns named {name!r}: rename one.")
    if data.empty:
        raise MLMError("The data have no rows.")
    if data[group].isna().all():
        raise MLMError(f"{group!r} is missing in every row, so no row belongs to a group.")
    return columns


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text: shares as percentages, other numbers with four significant digits."""
    out = pd.DataFrame(index=table.index)
    for name in table.columns:
        if name.startswith("share"):
            cells = ["" if pd.isna(v) else percent(v) for v in table[name]]
        elif pd.api.types.is_float_dtype(table[name]):
            cells = ["" if pd.isna(v) else f"{v:.4g}" for v in table[name]]
        else:
            cells = [str(v) for v in table[name]]
        out[name.replace("_", " ")] = cells
    return out


def _rows(table: pd.DataFrame) -> Iterable[tuple[Any, list[str]]]:
    return zip(table.index, table.to_numpy().tolist(), strict=True)


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return [
        "  ".join(
            c.ljust(w) if k == 0 else c.rjust(w)
            for k, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
