"""Somebody's own data: reading the usual kinds of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mlm_helpers.data.delimited import read_delimited
from mlm_helpers.errors import MLMError, needed, suggest
from mlm_helpers.text import join_words

__all__ = ["read_data"]


def read_data(path: str | Path, **options: Any) -> pd.DataFrame:
    """Read a data file; its ending says which kind it is.

    ``.csv``, ``.tsv``, ``.txt`` (separator and decimal comma are found out), ``.dta`` (Stata),
    ``.sav`` and ``.zsav`` (SPSS), ``.sas7bdat`` (SAS), ``.xlsx`` (Excel) and ``.parquet``. From
    Stata and SPSS the codes are kept as numbers; the labels of variables and of values are in
    ``data.attrs["labels"]`` and ``data.attrs["value_labels"]``.

    Parameters
    ----------
    path : the file.
    options : passed on to pandas, such as ``sheet_name="grade 1"`` or ``encoding="cp1252"``.

    Raises
    ------
    MLMError
        In one sentence: a file that is not there, of an unknown kind, or not readable as its kind;
        a line of text with more or fewer cells than the header has names.
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in _READERS:
        raise MLMError(_unknown_kind(file))
    if not file.is_file():
        near = [f.name for f in file.parent.glob("*")] if file.parent.is_dir() else []
        raise MLMError(f"There is no file {file.name!r} in that folder.{suggest(file.name, near)}")
    try:
        data = _READERS[kind](file, options)
    except MLMError:
        raise
    except UnicodeDecodeError:
        raise MLMError(
            f"{file.name} is not UTF-8 text: save it as UTF-8, or say its encoding, as in "
            f"read_data({file.name!r}, encoding='cp1252')."
        ) from None
    except Exception as error:
        # what the many readers raise has no common type; the sentence keeps the reader's words
        words = re.sub(re.escape(str(file)), file.name, str(error)).strip().split("\n")[0]
        raise MLMError(f"{file.name} could not be read as {kind[1:]}: {words}") from None
    if data.empty:
        raise MLMError(f"{file.name} has no rows.")
    data.columns = [str(c) for c in data.columns]
    return data


def _unknown_kind(file: Path) -> str:
    advice = {
        ".rds": "in R, write.csv(data, 'name.csv', row.names = FALSE) makes a file that can",
        ".rdata": "in R, write.csv(data, 'name.csv', row.names = FALSE) makes a file that can",
        ".rda": "in R, write.csv(data, 'name.csv', row.names = FALSE) makes a file that can",
        ".xls": "open it in a spreadsheet and save it as .xlsx",
        ".ods": "open it in a spreadsheet and save it as .xlsx",
        ".por": "in SPSS, save it as .sav",
    }
    kinds = join_words(sorted(_READERS), "or")
    if file.suffix.lower() in advice:
        return f"{file.name!r} cannot be read here: {advice[file.suffix.lower()]}."
    return f"{file.name!r} is not a kind of file that can be read: its name has to end in {kinds}."


def _read_stata(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    from pandas.io.stata import StataReader

    with StataReader(file, **{"convert_categoricals": False, **options}) as reader:
        data = reader.read()
        labels = reader.variable_labels()
        values = reader.value_labels()
    data.attrs["labels"] = {k: v for k, v in labels.items() if v}
    data.attrs["value_labels"] = {k: v for k, v in values.items() if k in data.columns}
    return data


def _read_spss(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    pyreadstat = needed("pyreadstat", "Reading SPSS files", "files")
    data, meta = pyreadstat.read_sav(str(file), **options)
    data.attrs["labels"] = {k: v for k, v in meta.column_names_to_labels.items() if v}
    data.attrs["value_labels"] = dict(meta.variable_value_labels)
    return data


def _read_excel(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    needed("openpyxl", "Reading Excel files", "files")
    return pd.read_excel(file, **options)


def _read_parquet(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    needed("pyarrow", "Reading Parquet files", "files")
    return pd.read_parquet(file, **options)


_READERS: dict[str, Callable[[Path, Mapping[str, Any]], pd.DataFrame]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_delimited,
    ".dta": _read_stata,
    ".sav": _read_spss,
    ".zsav": _read_spss,
    ".sas7bdat": lambda file, options: pd.read_sas(file, **{"encoding": "utf-8", **options}),
    ".xlsx": _read_excel,
    ".parquet": _read_parquet,
}
