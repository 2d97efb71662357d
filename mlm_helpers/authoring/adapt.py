"""Make a whole course on other data: lecture, walkthrough and exercises from one lesson file.

    python -m mlm_helpers.authoring adapt --check my_lesson.toml
    python -m mlm_helpers.authoring adapt my_lesson.toml --out my_course

Everything is made and run in a folder beside the target, which takes its name only when all of it
is there: a course is either whole or not there at all.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlm_helpers.authoring.keeping import keep, write_list
from mlm_helpers.errors import MLMError
from mlm_helpers.lesson.files import (
    LESSON_FILE,
    lesson_path,
    lesson_problems,
    lesson_sources,
    open_lesson,
)
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.words.vocabulary import escape_markdown

if TYPE_CHECKING:
    from nbformat import NotebookNode

README = "README.md"
_MADE = "Made by `python -m mlm_helpers.authoring adapt`"

Say = Callable[[str], None]


# ---- the command ------------------------------------------------------------------------------
def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``adapt``."""
    parser.add_argument("lesson", help="a lesson file, or the name of a shipped lesson")
    parser.add_argument("--out", type=Path, help="the new folder of the course")
    parser.add_argument("--check", action="store_true", help="only say what is wrong, or ready")
    parser.add_argument("--replace", action="store_true", help="replace a course made before")


def run(options: argparse.Namespace) -> int:
    """Check a lesson, or make its course."""
    if options.out is None and not options.check:
        raise MLMError("Say where the course goes: --out my_course (or --check to look only).")
    problems = lesson_problems(options.lesson)
    for problem in problems:
        print(problem)
    if problems:
        return 1
    if options.check:
        from mlm_helpers.authoring.ready import ready

        print(ready(open_lesson(options.lesson), options.lesson))
        return 0
    adapt(options.lesson, options.out, replace=options.replace, say=print)
    return 0


# ---- making the course --------------------------------------------------------------------------
def adapt(
    lesson: str | Path, out: Path, *, replace: bool = False, say: Say = lambda text: None
) -> Path:
    """Make the course of a lesson file (or shipped lesson) in the new folder ``out``.

    Parameters
    ----------
    lesson : path of a lesson file, or ``"ex1"`` or ``"hsb82"``.
    out : the folder, which must not exist yet.
    replace : put the course in place of one that this command has made. What people have added to
        it stays, what they have changed in it goes to its folder ``kept``.
    say : told what is being made.

    Raises
    ------
    MLMError
        In one sentence; nothing is left behind.
    """
    out = Path(out)
    _check_target(out, replace)
    read = open_lesson(lesson)
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".adapt-") as draft:
        course = Path(draft) / "course"
        course.mkdir()
        _copy_sources(lesson_path(lesson), course)
        for folder, file, notebook in _notebooks(read):
            say(f"{folder}/{file}")
            _make(course / folder, file, notebook)
        _student_notebooks(course / "exercises")
        (course / README).write_text(_readme(read), encoding="utf-8", newline="\n")
        write_list(course)
        changed = keep(out, course) if out.exists() else []
        _move(course, out)
    for name in changed:
        say(f"You had changed a file of the course: yours is {name} now.")
    exercises = len(list((out / "exercises").glob("*.ipynb")))
    say(
        f"Made in {out.as_posix()}: a lecture, a walkthrough and {exercises} "
        f"{'exercise' if exercises == 1 else 'exercises'} with solutions, all run."
    )
    return out


def _check_target(out: Path, replace: bool) -> None:
    if not out.absolute().parent.is_dir():
        raise MLMError(f"There is no folder {out.parent.as_posix()!r} to put the course into.")
    if not out.exists():
        return
    if not replace:
        raise MLMError(
            f"{out.as_posix()!r} exists already: give another name, or --replace to make it anew."
        )
    readme = out / README
    ours = readme.is_file() and _MADE in readme.read_text(encoding="utf-8", errors="replace")
    if not ours or not (out / LESSON_FILE).is_file():
        raise MLMError(f"{out.as_posix()!r} was not made by this command, so it is not replaced.")


def _copy_sources(path: Path, course: Path) -> None:
    """The lesson file and what it names, so that the course stands on its own."""
    text = path.read_text(encoding="utf-8-sig")
    for named, source in lesson_sources(path).items():
        shutil.copy(source, course / source.name)
        if named != source.name:
            text = _renamed(text, named, source.name)
    (course / LESSON_FILE).write_text(text, encoding="utf-8", newline="\n")


def _renamed(text: str, named: str, name: str) -> str:
    """The lesson file with a file that it names beside it."""
    written = json.dumps(named, ensure_ascii=False)
    for quoted in (written, f"'{named}'"):
        text = text.replace(quoted, json.dumps(name, ensure_ascii=False))
    return text


def _notebooks(lesson: Lesson) -> Iterator[tuple[str, str, NotebookNode]]:
    from mlm_helpers.authoring.handouts import (
        EXERCISES,
        OWN,
        WALKTHROUGH,
        exercise_notebook,
        own_notebook,
        walkthrough_notebook,
    )
    from mlm_helpers.authoring.lecture import NOTEBOOK, build_lecture

    yield "lectures", NOTEBOOK, build_lecture(lesson)
    yield "walkthroughs", WALKTHROUGH, walkthrough_notebook(lesson)
    for part, file in EXERCISES.items():
        if part != "part3" and lesson.second is None:
            continue  # they ask about Model 3
        yield "exercises/solutions", file, exercise_notebook(part, lesson)
    if lesson.questions:
        yield "exercises/solutions", OWN, own_notebook(lesson)


def _make(folder: Path, file: str, notebook: NotebookNode) -> None:
    from mlm_helpers.authoring.notebooks import run_notebook, write_notebook

    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_notebook(run_notebook(notebook, folder), folder / file)
    except MLMError as error:
        raise MLMError(f"{file} could not be made on these data. {error}") from None


def _student_notebooks(folder: Path) -> None:
    import nbformat

    from mlm_helpers.authoring.build import pairs, student_notebook, text_of

    for source, target in pairs(folder):
        text = text_of(student_notebook(nbformat.read(source, as_version=4)))
        target.write_text(text, encoding="utf-8", newline="\n")


def _move(course: Path, out: Path) -> None:
    """Put the finished course in place; what was there before goes last."""
    if not out.exists():
        course.rename(out)
        return
    aside = course.with_name("before")
    out.rename(aside)
    try:
        course.rename(out)
    except OSError:
        aside.rename(out)
        raise


def _readme(lesson: Lesson) -> str:
    v = lesson.vocabulary
    title = escape_markdown(f"{lesson.title}: {lesson.topic}")
    return f"""# {title}

On {v.unit.many} in {v.group.many}. {lesson.about}

- `lectures/`: the lecture, slide by slide
- `walkthroughs/`: the same analysis, step by step
- `exercises/`: notebooks for students; `exercises/solutions/` is for you

Put this folder inside the course's own (beside `mlm_helpers`), start `python3 course.py lab` there,
and open a notebook of this folder. `python3 course.py handout` with this folder's name packs
what students need.

Every number, sentence and key follows from `{LESSON_FILE}`. Change that file, not the notebooks,
and make them anew:

    python -m mlm_helpers.authoring adapt {LESSON_FILE} --out ../another_name

To mark what students hand in:

    python -m mlm_helpers.authoring mark SUBMISSIONS --exercises exercises

{_MADE}.
"""
