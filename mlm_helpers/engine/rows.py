"""The rows a model can use: complete ones, with numbers where numbers are needed.

Whatever type a column comes in (int8, booleans, float32, nullable, Arrow), its numbers are float64
before the formula computes with them: products of small integers would wrap around.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.formula import ParsedFormula
from mlm_helpers.errors import MLMError, suggest


def known_columns(data: Any, names: Iterable[str], group: str) -> None:
    """Refuse data that lack one of the columns ``names`` or have it twice."""
    columns = list(data.columns)
    counts = Counter(columns)
    for name in names:
        if not counts[name]:
            role = "grouping factor" if name == group else "column"
            raise MLMError(
                f"The data have no {role} {name!r}.{suggest(name, columns)}"
                f" Their columns are {', '.join(map(str, columns[:12]))}"
                f"{', ...' if len(columns) > 12 else ''}."
            )
        if counts[name] > 1:
            raise MLMError(f"The data have more than one column {name!r}: keep one.")


def usable_rows(
    parsed: ParsedFormula, data: pd.DataFrame, every_category: bool = False
) -> tuple[pd.DataFrame, dict[str, int], int]:
    """The complete rows with the columns of the formula, what was left out by column and in all."""
    if not isinstance(data, pd.DataFrame):
        raise MLMError(f"data must be a pandas DataFrame; got {type(data).__name__}.")
    names = list(parsed.variables)
    known_columns(data, names, parsed.group)
    if len(data) and all(_finite_numbers(data[name]) for name in names):
        return data[names], {}, 0
    if not len(data):
        raise MLMError("The data have no rows: there is nothing to fit.")
    frame, dropped, n_dropped = complete_rows(data[names])
    for name, count in dropped.items():
        if count == len(data):
            raise MLMError(
                f"Column {name!r} holds only missing values: leave it out of the formula or "
                "fill it."
            )
    if not len(frame):
        raise MLMError(
            f"Every row has a missing value in {', '.join(dropped)}: no row is left to fit."
        )
    check_columns(frame, parsed)
    return frame if every_category else used_categories(frame), dropped, n_dropped


def _finite_numbers(column: pd.Series) -> bool:
    """True for a plain numeric column without missing or infinite values: nothing to check."""
    kind = getattr(column.dtype, "kind", "O") if isinstance(column.dtype, np.dtype) else "O"
    return kind in "iub" or (kind == "f" and bool(np.isfinite(column.to_numpy()).all()))


def complete_rows(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int], int]:
    """Leave out rows with a missing value; return the rest, the count per column and in all."""
    missing = frame.isna()
    if not missing.to_numpy().any():
        return frame, {}, 0
    rows = missing.any(axis=1)
    counts = {str(name): int(n) for name, n in missing.sum().items() if n}
    return frame[~rows], counts, int(rows.sum())


def _holds_dates(column: pd.Series) -> bool:
    """Dates, times, durations or periods, of pandas', Python's or Arrow's types."""
    kinds = (
        datetime.date,
        datetime.time,
        datetime.timedelta,
        np.datetime64,
        np.timedelta64,
        pd.Period,
    )
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return bool(len(column)) and isinstance(column.iloc[0], kinds)


_LARGEST = 1e120  # products of two such sums are still finite


def check_columns(frame: pd.DataFrame, parsed: ParsedFormula) -> None:
    """Refuse infinite values, dates, and text where numbers are needed, naming the column."""
    for name in parsed.variables:
        if name != parsed.group:
            _check_column(frame[name], parsed)


def _check_column(column: pd.Series, parsed: ParsedFormula) -> None:
    name = column.name
    if pd.api.types.is_bool_dtype(column):
        return
    if pd.api.types.is_numeric_dtype(column):
        if pd.api.types.is_complex_dtype(column):
            raise MLMError(f"Column {name!r} holds complex numbers: use real ones.")
        infinite = np.isinf(column.to_numpy(dtype=float))
        if infinite.any():
            raise MLMError(
                f"Column {name!r} holds {infinite.sum()} infinite value"
                f"{'s' if infinite.sum() > 1 else ''}, the first in row "
                f"{column.index[infinite.argmax()]!r}: correct or remove them."
            )
        if np.abs(column.to_numpy(dtype=float)).max(initial=0.0) > _LARGEST:
            raise MLMError(
                f"Column {name!r} holds a number beyond {_LARGEST:g}, whose square no computer "
                "holds: correct it, or divide the column by a large number."
            )
        return
    if _holds_dates(column):
        raise MLMError(f"Column {name!r} holds dates: turn them into numbers first.")
    if isinstance(column.dtype, pd.CategoricalDtype) and name != parsed.outcome:
        return
    as_number = pd.to_numeric(column.astype(str).where(column.notna()), errors="coerce")
    number = as_number.notna()
    if name == parsed.outcome or (number.any() and not number.all()):
        bad = (
            f", the first {column[~number].iloc[0]!r} in row {column.index[~number][0]!r}"
            if not number.all()
            else ""
        )
        raise MLMError(
            f"Column {name!r} must be numeric but holds text{bad}: correct the text and convert "
            f"with pd.to_numeric(data[{str(name)!r}])."
        )
    if number.all() and f"C({name}" not in parsed.text:
        raise MLMError(
            f"Column {name!r} holds numbers stored as text: convert it with "
            f"pd.to_numeric(data[{str(name)!r}]), or write C({name}) if they are codes of "
            "categories."
        )


def is_text(column: pd.Series) -> bool:
    """Whether a column holds text or other objects that stand for categories."""
    return not (
        pd.api.types.is_numeric_dtype(column.dtype)
        or pd.api.types.is_bool_dtype(column.dtype)
        or isinstance(column.dtype, pd.CategoricalDtype)
    )


def in_plain_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers and truth values as float64, text of any kind as plain objects, categories as they
    are: what formulaic computes with."""
    changed: dict[Any, Any] = {}
    for name, kind in frame.dtypes.items():
        if kind == np.float64 or isinstance(kind, pd.CategoricalDtype):
            continue
        changed[name] = object if is_text(frame[name]) else np.float64
    return frame.astype(changed) if changed else frame


def used_categories(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without categories that no row has, as R drops unused levels."""
    unused = {
        name: frame[name].cat.remove_unused_categories()
        for name, kind in frame.dtypes.items()
        if isinstance(kind, pd.CategoricalDtype)
    }
    return frame.assign(**unused) if unused else frame


def group_codes(values: Any, group: str) -> tuple[NDArray[np.intp], NDArray]:
    """The group of each row as a number, and the sorted labels of the groups."""
    try:
        codes, labels = pd.factorize(values, sort=True)
    except TypeError:
        raise MLMError(
            f"The grouping factor {group!r} mixes values that have no order among them, such as "
            f"numbers and dates: make them one kind, with data[{group!r}].astype(str)."
        ) from None
    return codes.astype(np.intp), np.asarray(labels)
