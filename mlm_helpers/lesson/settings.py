"""What a lesson file says: its settings, its words and its table, each checked by itself."""

from __future__ import annotations

import keyword
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_helpers.errors import MLMError
from mlm_helpers.lesson.keys import check_keys
from mlm_helpers.words.vocabulary import CENTERINGS, Vocabulary, join_words

if TYPE_CHECKING:
    import pandas as pd

_VOCABULARY = ("outcome", "unit", "group", "predictors")
_STARTS = ("slopes", "intercepts")


def shipped_lessons() -> tuple[str, ...]:
    """Names of the lessons that come with the course."""
    folder = resources.files("mlm_helpers").joinpath("lesson", "lessons")
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml")))


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a lesson file, checked for what they may and must hold.

    Raises
    ------
    MLMError
        In one sentence: the file, the line, the key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        shipped = join_words(list(shipped_lessons()), "or")
        raise MLMError(
            f"There is no lesson file {path.name!r}; give the path of one, or {shipped}."
        ) from None
    except OSError as error:
        raise MLMError(f"{path.name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise MLMError(f"{path.name} is not UTF-8 text: save it with that encoding.") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MLMError(
            f"{path.name} is not valid TOML: {error}. Text needs quotation marks, and so does a "
            'column name with spaces: [predictors."a name"].'
        ) from None
    _check_settings(found, path.name)
    return found


def _check_settings(found: Mapping[str, Any], source: str) -> None:
    check_keys(found, source)
    if not found.get("data", "").strip():
        raise MLMError(f'{source} needs a line such as data = "my_students.csv".')
    name = found.get("name")
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise MLMError(
            f"'name' in {source} is what the table is called in code, such as clinics; {name!r} "
            "is not a name that Python allows."
        )
    if "model" not in found:
        raise MLMError(f"{source} has no table [model] that says which columns play which part.")
    _check_model(found["model"], f"[model] of {source}")
    for key in found.get("notes", {}):
        if not key.isdecimal():
            raise MLMError(f"[notes] of {source} has {key!r}; its keys are numbers of slides.")


def _check_model(model: Mapping[str, Any], where: str) -> None:
    for key in ("predictor", "moderator"):
        if key not in model:
            raise MLMError(f'{where} needs a line such as {key} = "...".')
    compare = model.get("compare", ["", ""])
    pair = isinstance(compare, list) and len(compare) == 2
    if not pair or not all(isinstance(c, str) for c in compare):
        raise MLMError(f"'compare' in {where} must be two names of codes in brackets.")
    if not 0 < model.get("alpha", 0.05) < 0.5:
        raise MLMError(f"'alpha' in {where} must lie between 0 and .5, such as 0.01.")
    if model.get("start", "slopes") not in _STARTS:
        raise MLMError(f'\'start\' in {where} must be "slopes" or "intercepts".')
    centered = model.get("center_controls", {})
    if not isinstance(centered, Mapping):
        raise MLMError(
            f"'center_controls' in {where} must be a table such as {{ age = \"group\" }}."
        )
    for column, how in centered.items():
        if column not in model.get("controls", []):
            raise MLMError(f"'center_controls' in {where} names {column!r}, which is no control.")
        if how not in CENTERINGS:
            raise MLMError(
                f"'center_controls' in {where} has {how!r} for {column!r}; it may be "
                f"{join_words(CENTERINGS, 'or')}."
            )


def read_words(path: Path, settings: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary: in the lesson file itself, in a file of its own, or a shipped one."""
    from mlm_helpers.words.vocabulary import load_vocabulary, shipped_vocabularies

    own = {k: settings[k] for k in _VOCABULARY if k in settings}
    words = settings.get("words")
    if words is None:
        return Vocabulary.from_mapping(own, name=path.stem)
    if own:
        raise MLMError(
            f"{path.name} has both words = {words!r} and [{next(iter(own))}]: the words stand in "
            "one place only."
        )
    if words in shipped_vocabularies():
        return load_vocabulary(words)
    return Vocabulary.from_toml(path.parent / words)


def check_words(v: Vocabulary, source: str) -> None:
    """Words go into sentences, tables, pictures and code, where some signs mean something else."""
    parts: list[Any] = [v.outcome, v.unit, v.group, *v.predictors.values()]
    parts += [code for p in v.predictors.values() for code in p.codes]
    for part in parts:
        for field in fields(part):
            text = getattr(part, field.name)
            if not isinstance(text, str) or field.name in ("column", "of", "mean_of", "value"):
                continue
            if any(unicodedata.category(sign) == "Cc" for sign in text):
                raise MLMError(
                    f"The text {text!r} in {source} has a line break or control character in it; a "
                    "backslash begins one in double quotation marks, so use single ones: 'text'."
                )
            if "$" in text:
                raise MLMError(
                    f"The text {text!r} in {source} has a dollar sign in it, which begins a "
                    "formula in notebooks and pictures: write USD or dollars instead."
                )


def read_table(
    path: Path, settings: Mapping[str, Any], data: pd.DataFrame | None
) -> tuple[str, pd.DataFrame]:
    """The name of the shipped data set (or ``""``) and a table of one's own to work on."""
    from mlm_helpers.data.datasets import dataset_names, load_dataset
    from mlm_helpers.data.reading import read_data

    named = settings["data"]
    shipped = named if named in dataset_names() else ""
    if data is not None:
        return shipped, data.copy()
    if shipped:
        return shipped, load_dataset(shipped)
    if (path.parent / named).is_dir():
        raise MLMError(f"'data' in {path.name} names the folder {named!r}; it has to be a file.")
    try:
        return "", read_data(path.parent / named, **settings.get("read", {}))
    except MLMError as error:
        if isinstance(error.__context__, UnicodeDecodeError):
            raise MLMError(
                f"{named} is not UTF-8 text: save it as UTF-8, or say its encoding in "
                f'{path.name}: a line [read] and below it encoding = "latin-1".'
            ) from None
        raise
