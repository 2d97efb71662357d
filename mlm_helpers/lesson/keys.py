"""Every key of a lesson file, in one table: what it may hold, and what it says.

The check of a lesson file, the first file that ``start`` writes and the reference in the
instructors' guide all come from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlm_helpers.errors import MLMError, suggest

TEXT, COLUMN, COLUMNS, YES_NO, NUMBER, NUMBERS, WORDS = (
    "text",
    "a column",
    "columns in brackets",
    "true or false",
    "a number",
    "numbers of slides in brackets",
    "a table",
)


@dataclass(frozen=True)
class Key:
    """One key: the table it stands in (``""``: at the top), its name, what it holds, and what it
    says, as a sentence for the guide."""

    table: str
    name: str
    holds: str
    says: str
    needed: bool = False


KEYS = (
    Key("", "data", TEXT, "The data file beside this one, or a data set of the course.", True),
    Key("", "about", TEXT, "A sentence or two on where the data come from."),
    Key("", "name", TEXT, "What the table is called in code; by default the file's name."),
    Key("", "words", TEXT, "A file with the words, instead of the tables below."),
    Key("", "institution", TEXT, "On the first slide and in the notebooks' metadata."),
    Key("", "course", TEXT, "On the first slide."),
    Key("", "title", TEXT, "On the first slide, such as `Lecture 6`."),
    Key("", "topic", TEXT, "The title of the first slide."),
    Key("", "author", TEXT, "On the first slide and in the notebooks' metadata."),
    Key("", "date", TEXT, "On the first slide."),
    Key("", "next_step", TEXT, "Markdown for the last slide: where students go from here."),
    Key("model", "predictor", COLUMN, "Level 1; its slope is explained.", True),
    Key("model", "moderator", COLUMN, "Level 2, with codes or a number: Model 2 adds it.", True),
    Key(
        "model",
        "second",
        COLUMN,
        "Level 2, a number: Model 3 adds it. By default the group mean of the predictor; `false` "
        "ends the lecture with Model 2.",
    ),
    Key("model", "center_second", YES_NO, "Whether `second` is centered on its grand mean."),
    Key("model", "center_moderator", YES_NO, "The same for a moderator that is a number."),
    Key("model", "compare", WORDS, "Two names of codes that the exercises compare."),
    Key(
        "model",
        "controls",
        COLUMNS,
        "Control variables of either level. They are in every model from Model 1 on and have no "
        "slope that varies.",
    ),
    Key(
        "model",
        "center_controls",
        WORDS,
        'How each control is centered: `{ age = "group", size = "grand" }`, or `"none"`. By '
        "default level 1 within groups and numbers of level 2 on the grand mean.",
    ),
    Key("model", "beside", COLUMN, "A second level-1 predictor, centered within groups."),
    Key("model", "beside_varies", YES_NO, "Whether its slope varies between groups, too."),
    Key("model", "alpha", NUMBER, "The level of the tests; .05 by default."),
    Key(
        "model",
        "start",
        TEXT,
        '`"intercepts"` begins the lecture with a random intercept alone; `"slopes"` does not.',
    ),
    Key("slides", "leave_out", NUMBERS, "Slides that the lecture does without."),
    Key("slides", "order", NUMBERS, "Slides in another order: these take each other's places."),
    Key(
        "slides",
        "own",
        WORDS,
        'Slides of your own: `[{ after = 16, file = "my_slide.md" }]`, Markdown or a notebook.',
    ),
    Key("questions", "id", TEXT, "A question of your own starts with `[[questions]]`; its name."),
    Key("questions", "task", TEXT, "What it asks, in Markdown."),
    Key("questions", "key", TEXT, "The right answer as an expression on the fits, see below."),
    Key("questions", "decimals", NUMBER, "To how many decimals it has to be right; 2 by default."),
    Key("questions", "hints", WORDS, "Hints in brackets, one after the other."),
    Key(
        "questions",
        "wrong",
        WORDS,
        "Wrong answers that are recognised, and their replies: "
        '`[{ value = "gamma(m2, \'gamma11\')", reply = "That is the difference." }]`.',
    ),
    Key("notes", "*", TEXT, "More for the instructor; the key is the number of a slide."),
    Key(
        "read",
        "*",
        WORDS,
        'How the file is read, such as `encoding = "latin-1"` or `sheet_name = "grade 1"`.',
    ),
    Key(
        "missing",
        "*",
        WORDS,
        "Values that stand for no answer, by column: `score = [-99, 999]`.",
    ),
    Key("outcome", "column", COLUMN, "The outcome's column.", True),
    Key("outcome", "label", TEXT, "What one unit has: `test score`."),
    Key("outcome", "mean", TEXT, "What one group has; by default `mean` and the label."),
    Key("outcome", "unit", TEXT, "One unit of it: `point`."),
    Key("outcome", "units", TEXT, "Several, where adding an s is wrong."),
    Key("outcome", "symbol", TEXT, "In equations; Y by default."),
    Key("unit", "one", TEXT, "Who or what a row is: `student`."),
    Key("unit", "many", TEXT, "Several, where adding an s is wrong."),
    Key("group", "column", COLUMN, "The column that says to which group a row belongs.", True),
    Key("group", "one", TEXT, "What a group is: `school`."),
    Key("group", "many", TEXT, "Several, where adding an s is wrong."),
    Key("predictors.*", "level", NUMBER, "1 or 2.", True),
    Key("predictors.*", "label", TEXT, "What readers call it; by default the column's name."),
    Key("predictors.*", "unit", TEXT, "One unit of it: `hour of homework a week`."),
    Key("predictors.*", "symbol", TEXT, "In equations; by default the column's name."),
    Key("predictors.*", "slope", TEXT, "What its slope is called: `SES–achievement slope`."),
    Key("predictors.*", "higher", TEXT, "The one with more of it: `the better-off student`."),
    Key("predictors.*", "everyday", TEXT, "What people without statistics call it."),
    Key("predictors.*", "zero", TEXT, 'Completes "a school with …" where it is 0.'),
    Key("predictors.*", "centered", TEXT, "How the file has it: `none`, `group` or `grand`."),
    Key("predictors.*", "of", COLUMN, "The column that this one is centered from."),
    Key("predictors.*", "mean_of", COLUMN, "The level-1 column whose group means it holds."),
    Key(
        "predictors.*",
        "codes",
        WORDS,
        'What its values stand for: `1 = { name = "rural", one = "a rural school", '
        'many = "rural schools" }`. Value labels of SPSS and Stata files serve where it is left '
        "out.",
    ),
)


def names_in(table: str) -> tuple[str, ...]:
    """The keys of one table."""
    return tuple(k.name for k in KEYS if k.table == table)


def tables() -> tuple[str, ...]:
    """The tables of a lesson file."""
    found = [k.table.partition(".")[0] for k in KEYS if k.table]
    return tuple(dict.fromkeys(found))


def key(table: str, name: str) -> Key:
    """One key."""
    return next(k for k in KEYS if (k.table, k.name) == (table, name))


def check_keys(found: Mapping[str, Any], source: str) -> None:
    """Refuse unknown keys, and values of the wrong kind, of the settings that are no words.

    Raises
    ------
    MLMError
        With the first that is wrong.
    """
    _refuse_unknown(found, (*names_in(""), *tables()), source)
    for name in tables():
        if name in found and not isinstance(found[name], Mapping) and name != "questions":
            raise MLMError(f"{name!r} in {source} must be a table, which starts with [{name}].")
    _check_values(found, "", source)
    for table in ("model", "slides"):
        where = f"[{table}] of {source}"
        _refuse_unknown(found.get(table, {}), names_in(table), where)
        _check_values(found.get(table, {}), table, where)


def _check_values(found: Mapping[str, Any], table: str, where: str) -> None:
    for k in KEYS:
        if k.table != table or k.name not in found:
            continue
        if k.name == "second" and found[k.name] is False:
            continue
        ok, wanted = _KINDS.get(k.holds, (lambda value: True, ""))
        if not ok(found[k.name]):
            raise MLMError(f"{k.name!r} in {where} must be {wanted}.")


def _is_list_of(kind: type) -> Any:
    return lambda value: (
        isinstance(value, list)
        and all(isinstance(v, kind) and not isinstance(v, bool) for v in value)
    )


_KINDS: dict[str, tuple[Any, str]] = {
    TEXT: (lambda v: isinstance(v, str), "text in quotation marks"),
    COLUMN: (lambda v: isinstance(v, str), "a column name in quotes"),
    COLUMNS: (_is_list_of(str), 'column names in brackets, such as ["age", "size"]'),
    NUMBERS: (_is_list_of(int), "numbers in brackets, such as [26, 27]"),
    YES_NO: (lambda v: isinstance(v, bool), "true or false"),
    NUMBER: (
        lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
        "a number such as 0.05",
    ),
}


def _refuse_unknown(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in allowed:
            raise MLMError(
                f"{where} has an unknown key {name!r}; it may have {', '.join(allowed)}."
                f"{suggest(name, allowed)}"
            )


def reference() -> str:
    """All keys as a Markdown table for the instructors' guide."""
    lines = ["| key | what it is |", "|---|---|"]
    for k in KEYS:
        table = f"[{k.table}]" if k.table == "questions" else k.table.replace("*", "…")
        path = k.name if not k.table else f"[{table}] {k.name}"
        path = path.replace("] *", "] …")
        need = " Needed." if k.needed else ""
        lines.append(f"| `{path}` | {k.says}{need} |")
    return "\n".join(lines)
