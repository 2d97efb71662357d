"""Names for columns that code and formulas can hold."""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from mlm_helpers.words.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas as pd

_FORMULA_WORDS = frozenset(["C", "I", "Q", "T", "np", "log", "exp", "sqrt", "abs", "center"])


def identifier(text: str) -> str:
    """A name that Python and formulas allow, as near to the text as ASCII letters can come."""
    text = re.sub(r"[\u2010-\u2015]", "_", text.replace("ß", "ss"))
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[\W_]+", "_", plain).strip("_")
    if not re.search(r"[A-Za-z]", name):
        return "column"
    return f"x{name}" if name[0].isdigit() else name


def safe_names(
    vocabulary: Vocabulary, data: pd.DataFrame, used: list[str]
) -> tuple[Vocabulary, pd.DataFrame, tuple[tuple[str, str], ...]]:
    """The data with their used columns under names that code and formulas can hold."""
    names: dict[str, str] = {}
    for column in used:
        usual = re.fullmatch(r"[A-Za-z_]\w*", column, re.ASCII) and not keyword.iskeyword(column)
        name = column if usual and column not in _FORMULA_WORDS else identifier(column)
        if keyword.iskeyword(name) or name in _FORMULA_WORDS:
            name += "_"
        while name in names.values() or (name != column and name in used):
            name += "_"
        names[column] = name
    attrs = dict(data.attrs)
    data = data[used].rename(columns=names)
    data.attrs.clear()
    if "name" in attrs:
        data.attrs["name"] = attrs["name"]
    predictors = {
        names[c]: replace(
            p,
            column=names[c],
            of=names.get(p.of or "", p.of),
            mean_of=names.get(p.mean_of or "", p.mean_of),
        )
        for c, p in vocabulary.predictors.items()
        if c in names
    }
    outcome = replace(vocabulary.outcome, column=names[vocabulary.outcome.column])
    renamed = replace(
        vocabulary,
        outcome=outcome,
        group_column=names[vocabulary.group_column],
        predictors=predictors,
    )
    return renamed, data, tuple((a, b) for a, b in names.items() if a != b)
