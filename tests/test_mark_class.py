"""A class of 60 from handing out to returning the grades, by way of Canvas and of Moodle."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import nbformat
import pytest
from class_of_60 import (
    KINDS,
    NOTEBOOK,
    canvas_gradebook,
    canvas_zip,
    contents,
    groups,
    moodle_gradebook,
    moodle_zip,
    roster,
    students,
)

from mlm_helpers.authoring.__main__ import main
from mlm_helpers.authoring.handing_out import handout
from mlm_helpers.authoring.marking import mark as mark_module
from mlm_helpers.authoring.marking.command import protected
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises import exercise

ROOT = Path(__file__).resolve().parent.parent
EXERCISE = exercise("part2")


def right_cells() -> dict[str, str]:
    """An answer cell for each question: numbers as they are, words as the solution has them."""
    (path,) = (ROOT / "exercises" / "solutions").glob("part2*.ipynb")
    cells = {c["id"]: c.source for c in nbformat.read(path, as_version=4).cells}
    return {
        id: f"answer_{id} = {q.right:.4f}"
        if isinstance(getattr(q, "right", None), float)
        else cells[f"part2-{id}-answer"]
        for id, q in EXERCISE.questions.items()
    }


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Path:
    """The folder of an instructor, with what the sites gave out."""
    try:
        with protected([]):
            pass
    except MLMError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("class")
    handed_out = dict(handout())[f"exercises/{NOTEBOOK}"]
    made = contents(handed_out, right_cells(), f"answer_q5 = {EXERCISE.question('q4').right!r}")
    canvas_zip(folder / "canvas.zip", made)
    moodle_zip(folder / "moodle.zip", made)
    (folder / "canvas.csv").write_bytes(canvas_gradebook(filled=False))
    (folder / "moodle.csv").write_bytes(moodle_gradebook(filled=False))
    (folder / "roster.csv").write_text(roster(), encoding="utf-8")
    (folder / "groups.csv").write_text(groups(), encoding="utf-8")
    return folder


def mark(box: Path, site: str, capsys) -> tuple[int, str]:
    """Mark what a site gave out; the exit code and what was said."""
    column = {"canvas": "Exercise 2", "moodle": "Grade"}[site]
    code = main(
        [
            *("mark", str(box / f"{site}.zip"), "--out", str(box / site / "marks.csv")),
            *("--roster", str(box / "roster.csv"), "--groups", str(box / "groups.csv")),
            *("--gradebook", str(box / f"{site}.csv"), "--column", column, "--seconds", "10"),
            *("--jobs", "2"),
        ]
    )
    return code, capsys.readouterr().out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_class_of_60_comes_back_marked(box, capsys, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(box / "home"))
    original, calls = mark_module.run_job, []

    def counted(*job):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*job)

    # broken off, and begun again
    monkeypatch.setattr(mark_module, "run_job", counted)
    assert mark(box, "canvas", capsys)[0] == 130
    assert not (box / "canvas" / "marks.csv").exists()
    code, said = mark(box, "canvas", capsys)
    assert code == 0, said
    assert "Answers that wait for your decision: 1," in said  # three students, one answer
    assert len(calls) <= 9 + 4  # notebooks with the same answers are run once

    table = {r["student"].removeprefix("'"): r for r in rows(box / "canvas" / "marks.csv")}
    assert set(table) == {s.name for s in students()}
    for s in students():
        row, waiting = table[s.name], s.kind == "unclear"
        assert row["part2"] == ("10" if waiting else s.points or ""), (s, row)
        assert row["to decide"] == ("1" if waiting else "")
        assert ("Late." in row["notes"]) == (s.kind == "late")
        assert ("Handed in 2 times" in row["notes"]) == (s.kind == "twice")
        assert ("For group G1" in row["notes"]) == (s.kind == "group")
        assert ("Nothing handed in" in row["notes"]) == (s.kind in ("missing", "other file"))
        assert ("damaged" in row["notes"]) == (s.kind == "damaged")

    # the instructor decides, in the file; all else is known already
    decisions = box / "canvas" / "marks_decisions.toml"
    text = decisions.read_text(encoding="utf-8")
    assert text.count('credit = ""') == 1
    decisions.write_text(text.replace('credit = ""', "credit = 0.5"), encoding="utf-8")
    before = len(calls)
    code, said = mark(box, "canvas", capsys)
    assert (code, len(calls)) == (0, before)
    assert (box / "canvas" / "canvas_filled.csv").read_bytes() == canvas_gradebook(filled=True)
    assert (box / "canvas.csv").read_bytes() == canvas_gradebook(filled=False)
    assert sum("no notebook could be marked" in line for line in said.splitlines()) == 2

    # marked once more: every file the same
    first = {p: p.read_bytes() for p in (box / "canvas").rglob("*") if p.is_file()}
    mark(box, "canvas", capsys)
    assert {p: p.read_bytes() for p in (box / "canvas").rglob("*") if p.is_file()} == first

    # from Moodle, with the decision made before
    (box / "moodle").mkdir()
    (box / "moodle" / "marks_decisions.toml").write_bytes(decisions.read_bytes())
    code, said = mark(box, "moodle", capsys)
    assert code == 0, said
    assert (box / "moodle" / "moodle_filled.csv").read_bytes() == moodle_gradebook(filled=True)
    same = ("student", "part2", "total", "misconceptions")
    moodle, canvas = (
        [[r[c] for c in same] for r in rows(box / site / "marks.csv")]
        for site in ("moodle", "canvas")
    )
    assert moodle == canvas


def test_the_feedback_carries_the_names_that_the_sites_expect(box):
    there = {}
    for site in ("canvas", "moodle"):
        with zipfile.ZipFile(box / site / "marks_feedback.zip") as archive:
            there[site] = archive.namelist()
        got = 60 - KINDS["missing"][0] - KINDS["other file"][0]
        assert len(there[site]) == len(set(there[site])) == got
    twice = next(s for s in students() if s.kind == "twice")
    assert any(f"_{twice.site}_" in n and n.endswith("-1.html") for n in there["canvas"])
    with zipfile.ZipFile(box / "moodle" / "marks_feedback.zip") as archive:
        name = f"{twice.name}_{twice.site}_assignsubmission_file_/feedback.html"
        page = archive.read(name).decode()
    assert "of 11 points" in page


def test_the_class_page_lists_what_is_no_notebook(box):
    page = (box / "canvas" / "marks_pages" / "class.html").read_text(encoding="utf-8")
    assert "essay.docx" in page
    assert "Tried at the start of this run and refused" in page
    assert "decide.html" in page
