"""Lesson files: which data a lecture is about, and which parts their columns play.

A lesson file is TOML. It names a data file and says in words what its columns are; everything else
of the course follows from it. The shipped ``lessons/ex1.toml`` and ``lessons/hsb82.toml`` show the
short form for data of the course, INSTRUCTORS.md the form for data of your own.

``read_lesson`` turns the file into a lesson and refuses, in sentences, what cannot become a
lecture. ``keys`` lists what may stand in the file, ``settings`` reads it, ``draft`` makes its table
ready, ``problems`` says what is wrong, and ``finish`` makes the lesson.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from mlm_helpers.errors import MLMError
from mlm_helpers.lesson.draft import Draft
from mlm_helpers.lesson.finish import finished
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.lesson.problems import problems
from mlm_helpers.lesson.settings import read_settings, shipped_lessons

if TYPE_CHECKING:
    import pandas as pd

    from mlm_helpers.data.inspection import Finding

LESSON_FILE = "lesson.toml"


# ---- public ------------------------------------------------------------------------------------
def open_lesson(where: str | Path | None = None) -> Lesson:
    """The lesson of the course that a notebook belongs to.

    Parameters
    ----------
    where : a lesson file, a folder that holds ``lesson.toml``, or the name of a shipped lesson;
        by default the nearest ``lesson.toml`` in this folder or above it.

    Raises
    ------
    MLMError
        If there is none, or with the first thing that is wrong in it.
    """
    return read_lesson(lesson_path(where))


def lesson_path(where: str | Path | None = None) -> Path:
    """The lesson file that :func:`open_lesson` reads for ``where``."""
    if where is None:
        found = find_lesson_file(Path.cwd())
        if found is None:
            raise MLMError(
                f"There is no {LESSON_FILE} in this folder or above it: open the notebook from "
                "the folder of its course."
            )
        return found
    path = Path(where)
    if str(where) in shipped_lessons() and not path.exists():
        return _shipped_path(str(where))
    return path / LESSON_FILE if path.is_dir() else path


def lesson_sources(path: Path) -> dict[str, Path]:
    """The files that a lesson file names, by what it calls them: data, words, slides."""
    from mlm_helpers.data.datasets import dataset_names
    from mlm_helpers.words.vocabulary import shipped_vocabularies

    settings, shipped = read_settings(path), (*dataset_names(), *shipped_vocabularies())
    named = [settings[k] for k in ("data", "words") if k in settings]
    named += [own["file"] for own in settings.get("slides", {}).get("own", ())]
    return {name: path.parent / name for name in named if name not in shipped}


def find_lesson_file(folder: Path) -> Path | None:
    """The nearest lesson file in a folder or above it."""
    for place in (folder.resolve(), *folder.resolve().parents):
        if (place / LESSON_FILE).is_file():
            return place / LESSON_FILE
    return None


def _shipped_path(name: str) -> Path:
    return Path(str(resources.files("mlm_helpers").joinpath("lesson", "lessons", f"{name}.toml")))


def read_lesson(path: str | Path, data: pd.DataFrame | None = None) -> Lesson:
    """Read a lesson file with its data (``data`` takes the place of the table it names).

    Raises
    ------
    MLMError
        With the first thing that is wrong; :func:`lesson_problems` lists them all.
    """
    draft = Draft.read(Path(path), data)
    for problem in problems(draft):
        raise MLMError(problem)
    return finished(draft)


def lesson_problems(where: str | Path) -> list[str]:
    """What is wrong with a lesson file, one sentence each; an empty list is good."""
    try:
        draft = Draft.read(lesson_path(where))
        found = list(problems(draft))
        if not found:
            finished(draft)
    except MLMError as error:
        return [str(error)]
    return found


def lesson_findings(where: str | Path) -> tuple[Finding, ...]:
    """What an inspection of a lesson's data, as the file has them, says about the columns used."""
    from mlm_helpers.data.inspection import inspect_data

    draft = Draft.read(lesson_path(where))
    v, there = draft.vocabulary, draft.raw_columns()[2:]
    level1, level2 = ([c for c in there if v.predictors[c].level == k] for k in (1, 2))
    return inspect_data(
        draft.data, group=v.group_column, outcome=v.outcome.column, level1=level1, level2=level2
    ).findings
