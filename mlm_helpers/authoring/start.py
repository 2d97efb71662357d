"""Write a first lesson file from a data file.

    python -m mlm_helpers.authoring start my_students.csv

Levels, codes and value labels are read off the data. What only the instructor can know (which
column is the outcome, what things are called) is guessed and marked with a question.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.words.vocabulary import group_word, plural, with_article

if TYPE_CHECKING:
    import pandas as pd

FEWEST_GROUPS, FEWEST_ROWS = 10, 3
MOST_CODES = 6  # a column of words or whole numbers with more values is a number, or no predictor


# ---- the command ------------------------------------------------------------------------------
def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``start``."""
    parser.add_argument("data", type=Path, help="a data file: csv, xlsx, sav, dta, parquet")
    parser.add_argument("--group", help="the column that says to which group a row belongs")
    parser.add_argument("--outcome", help="the outcome's column")
    parser.add_argument("--out", type=Path, help="the lesson file; by default beside the data")
    parser.add_argument("--encoding", help="of a text file that is not UTF-8, such as latin-1")


def run(options: argparse.Namespace) -> int:
    """Write the file and say what to do with it."""
    from mlm_helpers.data.reading import read_data

    out = options.out or options.data.with_name("my_lesson.toml")
    if out.exists():
        raise MLMError(f"{out.name} exists already: give another name with --out.")
    read = {"encoding": options.encoding} if options.encoding else {}
    data = read_data(options.data, **read)
    text = first_lesson(data, options.data.name, options.group, options.outcome, read)
    out.write_text(text, encoding="utf-8", newline="\n")
    questions = text.count("# ?")
    print(
        f"{out.as_posix()} written. Answer its {questions} questions (lines with '# ?'), then run\n"
        f"  python -m mlm_helpers.authoring adapt --check {out.as_posix()}"
    )
    return 0


# ---- what the data show ------------------------------------------------------------------------
@dataclass(frozen=True)
class Column:
    """One column: whether it is a number, its codes if it has few values, and its level."""

    name: str
    level: int
    numeric: bool
    codes: tuple[tuple[str, str], ...] = ()


def first_lesson(
    data: pd.DataFrame,
    file: str,
    group: str | None = None,
    outcome: str | None = None,
    read: dict[str, Any] | None = None,
) -> str:
    """A first lesson file for a table.

    Raises
    ------
    MLMError
        If no column can be the group, the outcome or a predictor, in a sentence.
    """
    for name in (group, outcome):
        if name is not None and name not in data:
            raise MLMError(
                f"The data have no column {name!r}.{suggest(name, list(map(str, data.columns)))}"
            )
    groups = [group] if group else list(_groups(data))
    if not groups:
        raise MLMError(
            "No column looks like groups (at least "
            f"{FEWEST_GROUPS} values, each in several rows): name it with --group."
        )
    read_off = (_column(data, c, groups[0]) for c in data.columns if c != groups[0])
    columns = [c for c in read_off if c is not None]
    if outcome is None:
        outcome = _outcome(columns)
    return "\n".join(_lines(_Found(data, file, groups, outcome, columns, read or {}))) + "\n"


@dataclass(frozen=True)
class _Found:
    data: pd.DataFrame
    file: str
    groups: list[str]
    outcome: str
    columns: list[Column]
    read: dict[str, Any]


def _groups(data: pd.DataFrame) -> Iterator[str]:
    """Columns that may be groups, the likeliest first: text and whole numbers with many values,
    each in several rows, and more other columns constant in them."""
    found = []
    for name in data.columns:
        values = data[name].dropna()
        kinds = values.nunique()
        whole = values.dtype.kind in "iuO" or str(values.dtype) in ("str", "string", "category")
        if values.dtype.kind == "f" and len(values):
            whole = bool((values == values.round()).all())
        if not whole or kinds < FEWEST_GROUPS or len(values) < FEWEST_ROWS * kinds:
            continue
        constant = sum(
            bool((data[c].groupby(data[name]).nunique() <= 1).all()) for c in data if c != name
        )
        found.append((-constant, -kinds, str(name)))
    # a column without any other that is constant in it is a score, not a group
    best = [f for f in sorted(found) if f[0] < 0]
    yield from (name for *_, name in best)


def _column(data: pd.DataFrame, name: str, group: str) -> Column | None:
    values = data[name].dropna()
    if values.nunique() < 2:
        return None
    numeric = values.dtype.kind in "iuf"
    constant = bool((values.groupby(data[group]).nunique() <= 1).all())
    labels = data.attrs.get("value_labels", {}).get(name, {})
    kinds = sorted(values.unique(), key=str) if not numeric else sorted(values.unique())
    few = len(kinds) <= MOST_CODES and (not numeric or len(kinds) == 2 or bool(labels))
    if not numeric and not few:
        return None  # names, dates, answers in words
    codes = tuple((_text(k), str(labels.get(k, _text(k)))) for k in kinds) if few else ()
    return Column(str(name), 2 if constant else 1, numeric, codes)


def _text(value: Any) -> str:
    return str(value).removesuffix(".0")


def _outcome(columns: list[Column]) -> str:
    numbers = [c.name for c in columns if c.level == 1 and c.numeric and not c.codes]
    if len(numbers) < 1:
        raise MLMError("No numeric column varies within groups: name the outcome with --outcome.")
    return numbers[-1]


# ---- the file ----------------------------------------------------------------------------------
def _lines(found: _Found) -> Iterator[str]:
    group = found.groups[0]
    others = [c for c in found.columns if c.name != found.outcome]
    level1 = [c for c in others if c.level == 1 and len(c.codes) <= 2]
    level2 = [c for c in others if c.level == 2]
    if not level1 or not level2:
        missing = "level-1 predictor" if not level1 else "level-2 predictor"
        raise MLMError(
            f"With {group!r} as the group and {found.outcome!r} as the outcome, no column can be a "
            f"{missing}: name others with --group and --outcome."
        )
    coded = [c for c in level2 if c.codes]
    moderator = (coded or level2)[0]
    numbers = [c for c in level2 if not c.codes and c is not moderator]
    yield from ("# A first lesson file. Lines with '# ?' ask what the data cannot tell.", "")
    yield f"data = {_quoted(found.file)}"
    yield 'about = ""  # ? where the data come from, in a sentence or two'
    yield from _reading(found.read)
    yield from ("", "[model]")
    yield f"predictor = {_quoted(level1[0].name)}{_choice('level 1', level1, level1[0])}"
    yield f"moderator = {_quoted(moderator.name)}{_choice('level 2', level2, moderator)}"
    if numbers:
        also_named = _choice("level 2, a number", numbers, numbers[0])
        yield f"second = {_quoted(numbers[0].name)}{also_named}"
    yield from ("", "[outcome]", f"column = {_quoted(found.outcome)}  # ? is this the outcome")
    yield f"label = {_quoted(_label(found, found.outcome))}  # ? what one unit has"
    yield 'unit = "point"  # ? one unit of it'
    yield from ("", "[unit]", 'one = "student"  # ? who or what a row is', "", "[group]")
    also = f" (or {', '.join(found.groups[1:4])})" if len(found.groups) > 1 else ""
    yield f"column = {_quoted(group)}  # ? is this the group{also}"
    yield f"one = {_quoted(group_word(group))}  # ? what a group is"
    for column in (*level1, *level2):
        yield from _predictor_lines(column, found)


def _reading(read: dict[str, Any]) -> Iterator[str]:
    if read:
        yield from ("", "[read]", *(f"{k} = {_quoted(v)}" for k, v in read.items()))


def _choice(what: str, columns: list[Column], chosen: Column) -> str:
    names = [c.name for c in columns if c is not chosen][:4]
    return f"  # ? {what}{': or ' + ', '.join(names) if names else ''}"


def _predictor_lines(column: Column, found: _Found) -> Iterator[str]:
    table = f"predictors.{_key(column.name)}"
    yield from ("", f"[{table}]", f"level = {column.level}")
    yield f"label = {_quoted(_label(found, column.name))}  # ? what readers call it"
    if not column.codes:
        yield f"unit = {_quoted('unit of ' + _label(found, column.name))}  # ? one unit of it"
        return
    noun = group_word(found.groups[0]) if column.level == 2 else "student"
    yield from ("", f"[{table}.codes]  # ? what the values stand for")
    for value, name in column.codes:
        one, many = with_article(f"{name} {noun}"), f"{name} {plural(noun)}"
        yield (
            f"{_key(value)} = {{ name = {_quoted(name)}, one = {_quoted(one)}, "
            f"many = {_quoted(many)} }}"
        )


def _label(found: _Found, name: str) -> str:
    """The file's own label for a column, or its name in words."""
    label = str(found.data.attrs.get("labels", {}).get(name, "")).strip()
    return label.replace("$", "") if label and len(label) <= 40 else name.replace("_", " ")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain else _quoted(name)
