"""Make the course's own solution notebooks from their templates, or compare the two.

    python -m mlm_helpers.authoring solutions            # what has changed, executed
    python -m mlm_helpers.authoring solutions --check

What is edited are the templates in ``templates/exercises``. After this, ``build`` makes the student
notebooks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlm_helpers.authoring.build import exercises_folder
from mlm_helpers.authoring.handouts import EXERCISES, exercise_notebook


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``solutions``."""
    parser.add_argument("--check", action="store_true", help="write nothing; compare only")
    parser.add_argument("--exercises", type=Path, help="the folder that holds solutions/")


def run(options: argparse.Namespace) -> int:
    """Write the course's own solutions, executed, or compare them with their templates."""
    from mlm_helpers.authoring.notebooks import run_notebook, sources, write_notebook
    from mlm_helpers.lesson.files import open_lesson

    folder = exercises_folder(options.exercises) / "solutions"
    lesson = open_lesson("ex1")
    stale = []
    for part, file in EXERCISES.items():
        made = exercise_notebook(part, lesson)
        if sources(made) == sources(folder / file):
            continue
        stale.append(file)
        if not options.check:
            write_notebook(run_notebook(made, folder), folder / file)
            print(f"{file} written")
    if options.check and stale:
        print(f"Out of date: {', '.join(stale)}. Run python -m mlm_helpers.authoring solutions.")
        return 1
    if not stale:
        print("All solutions are what their templates make.")
    return 0
