"""The command ``handout``: one zip file with everything that students need, and nothing else.

    python3 course.py handout --out students.zip
    python3 course.py handout my_course --out students.zip

What goes in is listed here; anything else (solutions, tests, tools, templates, marks) stays out by
not being named. Notebooks go in without the instructor's notes. A course on other data takes the
place of the course's own notebooks.
"""

from __future__ import annotations

import argparse
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from mlm_helpers.authoring.build import tags, text_of
from mlm_helpers.authoring.front_page import FILE, front_page
from mlm_helpers.errors import MLMError
from mlm_helpers.lesson.files import LESSON_FILE, lesson_sources

TOP = "course"  # the one folder that unpacking makes
ROOT_FILES = ("course.py", "requirements.txt", "pyproject.toml", "LICENSE", "FIRST_DAY.md")
NOT_OF_THE_PACKAGE = ("authoring", "__pycache__")  # the tools for instructors, with the sources
FOLDERS = ("lectures", "walkthroughs", "exercises")
_WHEN = (2000, 1, 1, 0, 0, 0)  # the same course makes the same archive
_NOTES = re.compile(rb"^\[notes\].*?(?=^\[|\Z)", re.DOTALL | re.MULTILINE)
_README = """\
# {title}

You need Python 3.11 to 3.14. In a terminal, in this folder, type `python3 course.py lab` (Windows:
`py course.py lab`): the first start fetches what is needed, then a page opens in your browser.
[Your first day](FIRST_DAY.md) goes through it step by step; [Start here](START.md) says what to
open first.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``handout``."""
    parser.add_argument("course", type=Path, nargs="?", help="a course that adapt made")
    parser.add_argument("--out", type=Path, default=Path("students.zip"), help="the zip file")


def run(options: argparse.Namespace) -> int:
    """Write the archive and say what is in it."""
    from mlm_helpers.authoring.marking.tables import write_file

    files = dict(handout(options.course))
    write_file(options.out, packed(files))
    books = sum(name.endswith(".ipynb") for name in files)
    size = options.out.stat().st_size / 1e6
    print(f"{options.out.as_posix()}: {books} notebooks and the package, {size:.1f} MB.")
    print("No solutions and no notes of yours are in it.")
    return 0


def handout(course: Path | None = None) -> Iterator[tuple[str, bytes]]:
    """Every file that students get: its name in the archive, and its bytes.

    Raises
    ------
    MLMError
        If the course has no lecture or no exercises.
    """
    import mlm_helpers

    package = Path(mlm_helpers.__file__).resolve().parent
    root = package.parent
    place = root if course is None else course
    for name in ROOT_FILES:
        yield name, (root / name).read_bytes()
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if path.is_file() and not set(NOT_OF_THE_PACKAGE) & set(inside.parts):
            yield f"{package.name}/{inside.as_posix()}", _without_notes(path)
    books = []
    for name, content in _notebooks_and_data(place):
        if name.endswith(".ipynb"):
            books.append((name, content.decode("utf-8")))
        yield name, content
    if not {"lectures", "exercises"} <= {name.split("/")[0] for name, _ in books}:
        raise MLMError(f"{place.as_posix()!r} has no lecture or no exercises: it is no course.")
    title = nbformat.reads(books[0][1], as_version=4).metadata.get("title", "The course")
    yield FILE, front_page(books, instructor=False).encode()
    yield "README.md", _README.format(title=title).encode()


def _notebooks_and_data(course: Path) -> Iterator[tuple[str, bytes]]:
    """The notebooks of a course as students get them, and the files that they read."""
    lesson = course / LESSON_FILE
    if lesson.is_file():
        for path in (lesson, *lesson_sources(lesson).values()):
            yield path.relative_to(course).as_posix(), _without_notes(path)
    for folder in FOLDERS:
        below = (course / folder).glob("*" if folder == "exercises" else "**/*")
        for path in sorted(p for p in below if p.is_file()):
            name = path.relative_to(course)
            if any(part.startswith(".") for part in name.parts):
                continue
            if path.suffix == ".ipynb":
                yield name.as_posix(), student_edition(path).encode()
            elif folder != "exercises":
                yield name.as_posix(), path.read_bytes()


def _without_notes(path: Path) -> bytes:
    """A file's bytes; of a lesson file without the table of notes for the instructor."""
    content = path.read_bytes()
    return _NOTES.sub(b"", content) if path.suffix == ".toml" else content


def student_edition(path: Path) -> str:
    """A notebook without the instructor's notes."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [c for c in notebook.cells if "instructor" not in tags(c)]
    return text_of(notebook)


def packed(files: dict[str, bytes]) -> bytes:
    """The archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(f"{TOP}/{name}", _WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name == "course.py" else 0o644) << 16
            archive.writestr(entry, data)
    return content.getvalue()
