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

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.words.vocabulary import Vocabulary, join_words

if TYPE_CHECKING:
    import pandas as pd

_TEXTS = ("name", "data", "words", "course", "title", "topic", "about", "next_step")
_TABLES = ("model", "notes", "read", "outcome", "unit", "group", "predictors")
_VOCABULARY = ("outcome", "unit", "group", "predictors")
_MODEL = ("predictor", "moderator", "second", "center_second", "compare")


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
    _refuse_unknown(found, (*_TEXTS, *_TABLES), source)
    for key in _TEXTS:
        if key in found and not isinstance(found[key], str):
            raise MLMError(f"{key!r} in {source} must be text in quotation marks.")
    for key in _TABLES:
        if key in found and not isinstance(found[key], Mapping):
            raise MLMError(f"{key!r} in {source} must be a table, which starts with [{key}].")
    if not found.get("data", "").strip():
        raise MLMError(f'{source} needs a line such as data = "my_students.csv".')
    name = found.get("name")
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise MLMError(
            f"'name' in {source} is what the table is called in code, such as clinics; {name!r} "
            "is not a name that Python allows."
        )
    model = found.get("model")
    if model is None:
        raise MLMError(f"{source} has no table [model] that says which columns play which part.")
    _refuse_unknown(model, _MODEL, f"[model] of {source}")
    for key in ("predictor", "moderator"):
        if key not in model:
            raise MLMError(f'[model] of {source} needs a line such as {key} = "...".')
    for key in ("predictor", "moderator", "second"):
        if key in model and not isinstance(model[key], str):
            raise MLMError(f"{key!r} in [model] of {source} must be a column name in quotes.")
    if not isinstance(model.get("center_second", True), bool):
        raise MLMError(f"'center_second' in [model] of {source} must be true or false.")
    compare = model.get("compare", ["", ""])
    pair = isinstance(compare, list) and len(compare) == 2
    if not pair or not all(isinstance(c, str) for c in compare):
        raise MLMError(f"'compare' in [model] of {source} must be two names of codes in brackets.")
    for key in found.get("notes", {}):
        if not key.isdecimal():
            raise MLMError(f"[notes] of {source} has {key!r}; its keys are numbers of slides.")


def _refuse_unknown(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise MLMError(
                f"{where} has an unknown key {key!r}; it may have {', '.join(allowed)}."
                f"{suggest(key, allowed)}"
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
    return "", read_data(path.parent / named, **settings.get("read", {}))
