"""What students get: everything they need, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from mlm_helpers.authoring.__main__ import main
from mlm_helpers.authoring.build import tags
from mlm_helpers.authoring.front_page import FILE, front_page, notebooks_of
from mlm_helpers.authoring.handing_out import TOP, handout, packed

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("walkthroughs/*.ipynb")]


@pytest.fixture(scope="module")
def unzipped(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("handout")
    assert main(["handout", "--out", str(folder / "students.zip")]) == 0
    with zipfile.ZipFile(folder / "students.zip") as archive:
        archive.extractall(folder)
    return folder / TOP


def python(course: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python so that it finds the package of the handout."""
    environment = {**os.environ, "PYTHONPATH": str(course)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=course, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def everything(course: Path, without: tuple[str, ...] = ()) -> str:
    """All text in the handout; notebooks cell by cell, so that lines stand as they are read."""
    texts = []
    for path in sorted(p for p in course.rglob("*") if p.is_file()):
        if path.relative_to(course).parts[0] in without:
            continue
        if path.suffix == ".ipynb":
            texts += [c.source for c in nbformat.read(path, as_version=4).cells]
        elif path.suffix != ".gz":
            texts.append(path.read_text(encoding="utf-8"))
    return "\n".join(texts)


# ---- nothing else -------------------------------------------------------------------------------
def test_there_are_no_solutions_tests_tools_or_templates(unzipped):
    names = {p.relative_to(unzipped).as_posix() for p in unzipped.rglob("*") if p.is_file()}
    top = {name.split("/")[0] for name in names}
    assert top == {
        *("course.py", "requirements.txt", "pyproject.toml", "LICENSE", "FIRST_DAY.md"),
        *("README.md", FILE, "mlm_helpers", "lectures", "walkthroughs", "exercises"),
    }
    assert not any("solutions" in n or "authoring" in n or "__pycache__" in n for n in names)
    assert not any(n.endswith((".j2", ".part")) for n in names)


def test_no_line_of_a_solution_is_in_it(unzipped):
    # what lecture and walkthroughs compute is taught there, and a solution may do the same
    text = everything(unzipped, without=("lectures", "walkthroughs"))
    for path in sorted((ROOT / "exercises" / "solutions").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if "answer" in tags(cell):
                for line in cell.source.splitlines():
                    solving = len(line) > 30 and not line.startswith("#")
                    assert not solving or line.strip() not in text, line


def test_no_note_for_the_instructor_is_in_it(unzipped):
    text, notes = everything(unzipped), 0
    for path in SOURCES:
        for cell in nbformat.read(path, as_version=4).cells:
            if "instructor" in tags(cell):
                notes += 1
                assert cell.source.startswith("**Instructor")  # plainly marked in the original
                assert cell.source.splitlines()[0][20:80] not in text
    assert notes > 15


def test_exercises_open_clean(unzipped):
    for path in (unzipped / "exercises").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs")


# ---- everything ---------------------------------------------------------------------------------
def test_its_own_package_runs_lecture_and_exercises(unzipped):
    run = """
import sys
from pathlib import Path
import nbformat
from nbclient import NotebookClient
import mlm_helpers
assert Path(mlm_helpers.__file__).is_relative_to(Path.cwd()), mlm_helpers.__file__
for name in sys.argv[1:]:
    book = nbformat.read(name, as_version=4)
    book.cells = [c for c in book.cells if "check" not in c.metadata.get("tags", [])]
    where = {"metadata": {"path": str(Path(name).parent)}}
    NotebookClient(book, timeout=200, kernel_name="python3", resources=where).execute()
    print(name)
"""
    books = [*unzipped.glob("lectures/*.ipynb"), *unzipped.glob("exercises/part2*.ipynb")]
    done = python(unzipped, "-c", run, *map(str, books))
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == 2


def test_its_package_can_be_installed(unzipped, tmp_path):
    pip = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    done = python(unzipped, *pip, "--wheel-dir", str(tmp_path), ".")
    if "No module named pip" in done.stderr or "setuptools" in done.stderr:
        pytest.skip("this Python comes without pip or setuptools")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(n.endswith("ex1.csv.gz") for n in names)
    assert not any("authoring" in n for n in names)


def test_its_command_knows_what_it_has(unzipped):
    said = python(unzipped, "course.py", "mark", "--here")
    assert said.returncode == 1
    assert "students' copy" in said.stderr
    assert "students' copy" not in python(unzipped, "course.py", "--help").stderr


# ---- the front page -----------------------------------------------------------------------------
def test_the_front_page_opens_everything_in_order(unzipped):
    page = (unzipped / FILE).read_text(encoding="utf-8")
    links = [unquote(link) for link in re.findall(r"\]\(([^)]+)\)", page)]
    assert all((unzipped / link).is_file() for link in links)
    books = [link for link in links if link.endswith(".ipynb")]
    assert books == [path for path, _ in notebooks_of(unzipped)]
    assert [b.split("/")[0] for b in books] == ["lectures"] + ["walkthroughs"] * 5 + [
        "exercises"
    ] * 4
    assert "INSTRUCTORS" not in page


def test_the_courses_own_front_page_is_up_to_date():
    made = front_page(notebooks_of(ROOT), instructor=True)
    assert (ROOT / FILE).read_text(encoding="utf-8") == made
    assert "INSTRUCTORS.md" in made


# ---- a course of one's own ----------------------------------------------------------------------
def test_a_course_on_other_data_takes_the_place_of_the_courses_own(tmp_path):
    course = tmp_path / "my_course"
    for name in ("lectures", "exercises/solutions", "walkthroughs"):
        (course / name).mkdir(parents=True)
    note = nbformat.v4.new_markdown_cell(
        "**Instructor.** the key to slide 3", metadata={"tags": ["instructor"]}
    )
    title = nbformat.v4.new_markdown_cell("# My lecture")
    book = nbformat.v4.new_notebook(cells=[title, note])
    for name in ("lectures/l.ipynb", "exercises/e.ipynb", "exercises/solutions/e.ipynb"):
        nbformat.write(book, course / name)
    lesson = 'data = "d.csv"\n[model]\npredictor = "x"\nmoderator = "w"\n'
    lesson += '[notes]\n3 = "the key to slide 3"\n[read]\n'
    (course / "lesson.toml").write_text(lesson, encoding="utf-8")
    (course / "d.csv").write_text("x\n1\n", encoding="utf-8")
    (course / "marks.csv").write_text("student\n", encoding="utf-8")
    files = dict(handout(course))
    own = {n for n in files if not n.startswith("mlm_helpers/")}
    assert {n for n in own if n.endswith((".ipynb", ".csv", ".toml"))} == {
        *("lectures/l.ipynb", "exercises/e.ipynb", "lesson.toml", "d.csv", "pyproject.toml"),
    }
    assert "the key to slide 3" not in json.dumps([files[n].decode() for n in own])
    assert packed(files) == packed(dict(handout(course)))


def test_what_is_no_course_is_refused(tmp_path, capsys):
    assert main(["handout", str(tmp_path), "--out", str(tmp_path / "x.zip")]) == 1
    assert "it is no course" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()
