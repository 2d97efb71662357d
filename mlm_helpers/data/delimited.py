"""Text files of cells between separators, read so that no cell can slip into another column."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from mlm_helpers.errors import MLMError
from mlm_helpers.text import count

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Options of pandas that say where header and cells are in another way than the first line does.
_OTHER_LAYOUT = frozenset(
    ("header", "names", "skiprows", "skipfooter", "comment", "index_col", "on_bad_lines", "engine")
)
_DIALECT = ("quotechar", "doublequote", "escapechar", "skipinitialspace", "quoting")
_SAMPLE = 50


def read_delimited(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    """Read a ``.csv``, ``.tsv`` or ``.txt`` file, finding out encoding (UTF-8, or UTF-16 with its
    mark), separator and decimal comma unless ``options`` of pandas say them.

    Raises
    ------
    MLMError
        When a line has more or fewer cells than the header has names: pandas would move cells into
        other columns or fill up with missing values.
    """
    given = {"encoding": _encoding(file), **options}
    if "delimiter" in given:
        given["sep"] = given.pop("delimiter")
    dialect = {k: given[k] for k in _DIALECT if k in given}
    if "sep" not in given:
        given["sep"] = _separator(file, given["encoding"], dialect)
    sep = given["sep"]
    if sep in _SEPARATORS and sep != "," and "decimal" not in given:
        given["decimal"] = "," if _has_decimal_commas(file, given["encoding"], sep) else "."
    if isinstance(sep, str) and len(sep) == 1 and not _OTHER_LAYOUT & set(given):
        _refuse_ragged(file, given["encoding"], {"delimiter": sep, **dialect})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # rows longer than the names that the options give
        warnings.filterwarnings("error", "Length of header", pd.errors.ParserWarning)
        return pd.read_csv(file, **{"index_col": False, **given})


def _encoding(file: Path) -> str:
    with file.open("rb") as stream:
        start = stream.read(4)
    utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if utf16 else "utf-8-sig"


def _records(stream: TextIO, dialect: Mapping[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """The cells of each record with the number of the line it begins in; blank lines are passed
    over. A cell in quotes may hold separators and line ends."""
    reader = csv.reader(stream, **dialect)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise MLMError(f"Line {line} cannot be read: {error}.") from None


def _open(file: Path, encoding: str) -> TextIO:
    return file.open(encoding=encoding, newline="")


def _separator(file: Path, encoding: str, dialect: Mapping[str, Any]) -> str:
    """The separator that cuts the header into names, and the first lines into as many cells."""
    best, found = (0.0, 0), ","  # one column
    for sep in _SEPARATORS:
        with _open(file, encoding) as stream:
            records = _records(stream, {"delimiter": sep, **dialect})
            widths = [len(cells) for _, cells in itertools.islice(records, _SAMPLE)]
        if widths and widths[0] > 1:
            score = (sum(w == widths[0] for w in widths) / len(widths), widths[0])
            best, found = max((best, found), (score, sep), key=lambda pair: pair[0])
    return found


def _has_decimal_commas(file: Path, encoding: str, sep: str) -> bool:
    with _open(file, encoding) as stream:
        sample = stream.read(20_000)
    edge = re.escape(sep)
    return bool(re.search(rf'(?:^|{edge})"?-?\d*,\d+"?(?={edge}|\r?$)', sample, re.MULTILINE))


def _refuse_ragged(file: Path, encoding: str, dialect: Mapping[str, Any]) -> None:
    wrong, rows = [], 0
    with _open(file, encoding) as stream:
        records = _records(stream, dialect)
        header = next(records, (0, []))[1]
        for line, cells in records:
            rows += 1
            if len(cells) != len(header):
                wrong.append((line, cells))
    doubled = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if doubled:
        raise MLMError(f"{file.name} names the column {doubled[0]!r} twice: rename one.")
    if not wrong:
        return
    line, cells = wrong[0]
    more = f" (as {count(len(wrong) - 1, 'other line')} do)" if len(wrong) > 1 else ""
    if len(wrong) == 2:
        more = more.replace(" do)", " does)")
    raise MLMError(
        f"Line {line} of {file.name} has {count(len(cells), 'cell')}{more}, but the header names "
        f"{count(len(header), 'column')}: {_advice(cells, header, len(wrong) == rows, dialect)}"
    )


def _advice(cells: list[str], header: list[str], all_rows: bool, dialect: Mapping[str, Any]) -> str:
    name = _SEPARATORS.get(dialect["delimiter"], "separators")
    if any("\n" in cell for cell in cells):
        return "a quotation mark that opens there seems not to be closed."
    if len(header) == 1:
        return "the first line has to hold the names of the columns, with no title above them."
    if len(cells) < len(header):
        return "cells are missing there; an empty cell still needs its separator."
    if all_rows and len(cells) == len(header) + 1 and cells[-1] == "":
        return f"take the separator at the end of the lines away ({name} stand between cells)."
    if all_rows and len(cells) == len(header) + 1:
        return (
            "give the first column a name too (R's write.table leaves it out: "
            "write.csv(data, 'name.csv', row.names = FALSE) does not)."
        )
    return f"{name} inside a cell need quotation marks around the cell."
