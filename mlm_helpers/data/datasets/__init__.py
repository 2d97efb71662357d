"""The data sets of the course, shipped with it: ``load_dataset`` and ``codebook``.

A data set is three things in this folder:

* its file, ``NAME.csv`` or ``NAME.csv.gz``;
* its page ``NAME.md``: a title, a first paragraph that says what the data are, and under
  ``## Variables`` a table with the columns of ``FIELDS``, one row per variable of the loaded
  table, in its order. ``type`` is one of the words of ``TYPES`` and decides the dtype;
* a line in ``SHA256SUMS`` (what ``sha256sum NAME.csv >> SHA256SUMS`` writes).

Columns that follow from others are computed when loading, see ``_DERIVED``.
"""

from __future__ import annotations

import functools
import hashlib
import html
import io
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlm_helpers.data.centering import center_grand, center_within, group_mean
from mlm_helpers.errors import MLMError, suggest

__all__ = ["Codebook", "codebook", "dataset_names", "load_dataset"]

FIELDS = ("name", "label", "level", "unit", "type", "values")
TYPES = {"identifier": "int64", "0/1": "int64", "whole number": "int64", "number": "float64"}

_HERE = Path(__file__).parent
_FILES = {"ex1": "ex1.csv.gz", "hsb82": "hsb82.csv"}


def _derive_ex1(data: pd.DataFrame) -> pd.DataFrame:
    """The centered variables of the lecture, made as its slides make them."""
    data["schses"] = group_mean(data, "famses", "schid")
    data["famsesc"] = center_within(data, "famses", "schid")
    data["schsesgdm"] = center_grand(data, "schses", over="rows")
    return data


_DERIVED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {"ex1": _derive_ex1}


def dataset_names() -> tuple[str, ...]:
    """The names that ``load_dataset`` knows."""
    return tuple(sorted(_FILES))


def load_dataset(name: str) -> pd.DataFrame:
    """The data set ``name`` as a fresh table that you may change freely.

    One row per student. What the columns are is in ``codebook(name)``. ``data.attrs["name"]``
    remembers the name. Raises MLMError for an unknown name and for a file that is missing or
    is not byte for byte the one that the course was made with.
    """
    _check_name(name)
    return _load(name).copy()


@dataclass(frozen=True, eq=False)
class Codebook:
    """What the variables of a data set mean.

    ``variables`` is a table with one row per variable: name, label, level (1 student, 2 school),
    unit, type, values. ``text`` is the whole page in Markdown, with where the data come from.
    """

    name: str
    title: str
    about: str
    variables: pd.DataFrame
    text: str

    def __str__(self) -> str:
        rows = [[str(v) for v in row] for row in self.variables.itertuples(index=False)]
        table = [list(self.variables.columns), *rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(FIELDS))]
        lines = ["  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)) for row in table]
        body = "\n".join(line.rstrip() for line in lines)
        return f"{self.title}\n\n{textwrap.fill(self.about, 88)}\n\n{body}"

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{f}</th>' for f in FIELDS)
        body = "".join(_html_row(row) for row in self.variables.itertuples(index=False))
        return (
            f"<h3>{html.escape(self.title)}</h3><p>{html.escape(self.about)}</p>"
            f"<table><caption>Variables of {html.escape(self.name)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def codebook(name: str) -> Codebook:
    """What the variables of data set ``name`` mean, and where the data come from.

    Show it in a notebook, print it, or work with its ``variables`` table.
    Raises MLMError for an unknown name.
    """
    _check_name(name)
    page = _codebook(name)
    return Codebook(page.name, page.title, page.about, page.variables.copy(), page.text)


def _html_row(row: tuple) -> str:
    name, *rest = (html.escape(str(v)) for v in row)
    cells = "".join(f'<td style="text-align:left">{v}</td>' for v in rest)
    return f'<tr><th scope="row" style="text-align:left">{name}</th>{cells}</tr>'


def _check_name(name: str) -> None:
    if name not in _FILES:
        raise MLMError(
            f"There is no data set {name!r}: the data sets are "
            f"{' and '.join(dataset_names())}.{suggest(str(name), _FILES)}"
        )


@functools.cache
def _load(name: str) -> pd.DataFrame:
    variables = _codebook(name).variables
    dtypes = {str(v): TYPES[t] for v, t in zip(variables["name"], variables["type"], strict=True)}
    file = _FILES[name]
    data = pd.read_csv(
        io.BytesIO(_verified_bytes(file)),
        compression="gzip" if file.endswith(".gz") else None,
        dtype=dtypes,
    )
    data = _DERIVED.get(name, lambda raw: raw)(data)[list(dtypes)]
    data.attrs["name"] = name
    return data


def _verified_bytes(file: str) -> bytes:
    content = _read(file)
    sums = _read("SHA256SUMS").decode().splitlines()
    expected = {path: digest for digest, path in (line.split() for line in sums if line.strip())}
    if hashlib.sha256(content).hexdigest() != expected.get(file):
        raise MLMError(
            f"The file mlm_helpers/data/datasets/{file} is not the one that this course was made "
            f"with (its checksum differs), so its numbers cannot be trusted. It was edited or "
            f"damaged: restore it with 'git checkout -- mlm_helpers/data/datasets/{file}' or get "
            "the course anew."
        )
    return content


def _read(file: str) -> bytes:
    try:
        return (_HERE / file).read_bytes()
    except OSError as error:
        raise MLMError(
            f"The file mlm_helpers/data/datasets/{file} cannot be read "
            f"({error.strerror}): get the course anew."
        ) from None


@functools.cache
def _codebook(name: str) -> Codebook:
    text = _read(f"{name}.md").decode("utf-8")
    title, about, *_ = (block.strip() for block in text.split("\n\n"))
    section = text.partition("\n## Variables\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    header, _rule, *rows = cells
    variables = pd.DataFrame(rows, columns=header)[list(FIELDS)].astype({"level": "int64"})
    about = " ".join(about.splitlines())
    return Codebook(name, title.removeprefix("# "), about, variables, text)
