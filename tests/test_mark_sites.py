"""Names, archives, lists, decisions, gradebooks: what is around the marking and runs nothing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path, PurePosixPath

import nbformat
import pytest

from mlm_helpers.authoring.marking.collect import Collected, collect
from mlm_helpers.authoring.marking.decide_page import groups as similar
from mlm_helpers.authoring.marking.decisions import (
    Alike,
    add_undecided,
    answer_key,
    read_decisions,
    to_decide,
)
from mlm_helpers.authoring.marking.gradebook import cells, fill_gradebook
from mlm_helpers.authoring.marking.handed import files_in
from mlm_helpers.authoring.marking.mark import Mark, Marked
from mlm_helpers.authoring.marking.names import Name, pattern_name, read_pattern, site_name
from mlm_helpers.authoring.marking.people import People, Person, person, read_groups, read_people
from mlm_helpers.authoring.marking.points import Worth, read_points, score, total, unused_overrides
from mlm_helpers.authoring.marking.submissions import Submission, pristine_notebooks
from mlm_helpers.authoring.marking.texts import shown
from mlm_helpers.errors import MLMError

ROOT = Path(__file__).resolve().parent.parent
PRISTINE = pristine_notebooks(ROOT / "exercises")
STEM = PRISTINE["part2"].stem


# ---- names --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "student", "user", "late", "site"),
    [
        ("doejane_LATE_123_457_part2-1.ipynb", "doejane", "123", True, "Canvas"),
        ("doejane_123_456_part2_read.ipynb", "doejane", "123", False, "Canvas"),
        ("Jane Doe_77_assignsubmission_file_/x.ipynb", "Jane Doe", "77", False, "Moodle"),
        ("Jane Doe_77_assignsubmission_file_x.ipynb", "Jane Doe", "77", False, "Moodle"),
        ("Week 3_jdoe_attempt_2026-03-01-10-00-00_p.ipynb", "jdoe", "jdoe", False, "Blackboard"),
    ],
)
def test_names_of_course_sites_are_read(path, student, user, late, site):
    name = site_name(PurePosixPath(path))
    assert (name.student, name.user, name.late, name.site) == (student, user, late, site)


def test_other_names_are_read_by_a_pattern():
    pattern = read_pattern(r"(?P<student_id>\d+)-(?P<late>late)?-(?P<attempt>\d+)")
    name = pattern_name(PurePosixPath("box/4711-late-2.ipynb"), pattern)
    assert (name.student, name.late, name.order) == ("4711", True, "2")
    assert pattern_name(PurePosixPath("x.ipynb"), pattern) is None


def test_terminals_get_no_control_characters():
    assert shown("a\x1b[31mb\nc\u202ed") == "a\ufffd[31mb c\ufffdd"


# ---- what was handed in -------------------------------------------------------------------------
def notebook(answer: str = "answer_q1 = 1") -> bytes:
    book = nbformat.reads(PRISTINE["part2"].text, as_version=4)
    next(c for c in book.cells if c["id"] == "part2-q1-answer").source = answer
    return json.dumps(book).encode()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_folders_and_archives_of_all_sites_name_the_same_students(tmp_path):
    boxes = {
        "canvas": {"doejane_1_10_x.ipynb": b"", "doejane_1_11_x-1.ipynb": b""},
        "moodle": {"Jane Doe_1_assignsubmission_file_/my work.ipynb": b""},
        "blackboard": {"Ex_1_attempt_2026-01-01-00-00-00_a.ipynb": b"",
                       "Ex_1_attempt_2026-01-01-00-00-00.txt": b"Name: Jane Doe (1)"},
        "nbgrader": {f"submitted/1/ps1/{STEM}.ipynb": b"", "submitted/1/ps1/timestamp.txt": b""},
        "folder": {f"Jane Doe/{STEM} (1).ipynb": b""},
    }  # fmt: skip
    roster = People([Person("Jane Doe", frozenset({"1"}), frozenset({"janedoe", "doejane"}))])
    for site, files in boxes.items():
        made = {n: c or (notebook() if n.endswith(".ipynb") else b"x") for n, c in files.items()}
        with zipfile.ZipFile(tmp_path / f"{site}.zip", "w") as archive:
            for name, content in made.items():
                archive.writestr(name, content)
        for place in (put(tmp_path / site, made), tmp_path / f"{site}.zip"):
            found = collect(place, PRISTINE, roster=roster)
            assert [(s.student, s.exercise) for s in found.submissions] == [("Jane Doe", "part2")]
            assert (found.left, found.missing, found.unknown) == ([], [], [])


def test_the_last_attempt_counts_and_lateness_is_said(tmp_path):
    files = {
        "doe_5_100_part2.ipynb": notebook("answer_q1 = 1"),
        "doe_LATE_5_101_part2-1.ipynb": notebook("answer_q1 = 2"),
        "doe_5_99_part2-2.ipynb": notebook("answer_q1 = 3"),
    }
    (s,) = collect(put(tmp_path, files), PRISTINE).submissions
    assert s.sources["q1"] == "answer_q1 = 2"
    assert s.notes[-1] == "Late."
    assert "Handed in 3 times" in s.notes[0]


def test_two_of_the_same_name_stay_two(tmp_path):
    files = {f"Jane Doe_{k}_assignsubmission_file_/a.ipynb": notebook() for k in (1, 2)}
    found = collect(put(tmp_path, files), PRISTINE)
    assert [s.student for s in found.submissions] == ["Jane Doe (1)", "Jane Doe (2)"]


def test_who_handed_in_nothing_and_who_is_unknown_is_named(tmp_path):
    put(tmp_path, {"box/ann_1_2_x.ipynb": notebook(), "box/bob_3_4_x.ipynb": notebook(),
                   "box/essay.docx": b"x", "box/all.zip": b"x"})  # fmt: skip
    (tmp_path / "roster.csv").write_text("First name;Last name;ID\nAnn;Ng;1\nCid;Ro;9\n")
    found = collect(tmp_path / "box", PRISTINE, roster=read_people(tmp_path / "roster.csv"))
    assert found.students == ["Ann Ng", "bob", "Cid Ro"]
    assert found.missing == ["Cid Ro"]
    assert found.unknown == ["bob is not in the list."]
    assert [name for name, _ in found.left] == ["all.zip", "essay.docx"]


def test_one_submission_counts_for_a_group(tmp_path):
    put(tmp_path, {"box/Ann.ipynb": notebook()})
    (tmp_path / "g.csv").write_text("Group,Student\nA,Ann\nA,Bob\n")
    found = collect(tmp_path / "box", PRISTINE, groups=read_groups(tmp_path / "g.csv"))
    assert [s.student for s in found.submissions] == ["Ann", "Bob"]
    assert all("For group A, handed in by Ann." in s.notes for s in found.submissions)


@pytest.mark.parametrize("reader", [read_people, read_groups])
def test_a_list_without_names_is_refused(tmp_path, reader):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(MLMError, match=r"x\.csv"):
        reader(tmp_path / "x.csv")


def test_a_damaged_archive_costs_only_its_own_files(tmp_path):
    path = tmp_path / "box.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ann.ipynb", notebook())
        archive.writestr("bob.ipynb", notebook())
        archive.writestr("../evil.ipynb", notebook())
    content = bytearray(path.read_bytes())
    content[content.index(b"cells") + 50] ^= 0xFF
    path.write_bytes(content)
    found = {s.student: s for s in collect(path, PRISTINE).submissions}
    assert set(found) == {"ann", "bob"}
    assert "damaged in the archive" in found["ann"].problem
    assert found["bob"].problem == ""
    (tmp_path / "no.zip").write_bytes(b"PK nothing")
    with pytest.raises(MLMError, match="not a zip file that can be read"):
        files_in(tmp_path / "no.zip")


# ---- points and decisions -----------------------------------------------------------------------
def marked(student: str, said: str = "", **states: str) -> Marked:
    s = Submission(student, f"{student}.ipynb", Name(student), exercise="part2")
    return Marked(
        s, tuple(Mark(q, state, "", source=said, said=said) for q, state in states.items())
    )


def test_points_weights_decisions_and_overrides_add_up(tmp_path):
    points = tmp_path / "points.toml"
    points.write_text("[part2]\nq5 = 4\n[weights]\npart2 = 0.5\n")
    worth = read_points(points, {"part2": ["q1", "q5", "q6b"]})
    ann = marked("Ann", "It depends.", q1="right", q5="wrong", q6b="unclear")
    bob = marked("Bob", "it DEPENDS", q1="right", q5="right", q6b="unclear")
    path = tmp_path / "d.toml"
    (alike,) = to_decide([ann, bob])
    assert alike.students == ("Ann", "Bob")
    assert add_undecided(path, [alike], read_decisions(path)) == 1
    first, second = score([ann, bob], worth, read_decisions(path))
    assert (first.points, first.of, first.open, second.points) == (1, 6, 1, 5)

    # a person edits: credit, a comment of their own, an override
    text = path.read_text() + '\n[[override]]\nstudent = "Ann"\nexercise = "part2"\n'
    text += 'question = "q5"\npoints = 3\ncomment = "said in class"\n# my note\n'
    text += '[[override]]\nstudent = "An"\nexercise = "part2"\nquestion = "q5"\npoints = 1\n'
    path.write_text(text.replace('credit = ""', 'credit = "0,5"'))
    decided = read_decisions(path)
    before = path.read_text()
    assert add_undecided(path, [alike], decided) == 0
    assert path.read_text() == before
    first, second = score([ann, bob], worth, decided)
    assert (first.points, second.points, total([first], worth)) == (4.5, 5.5, 2.25)
    assert first.scored[1].comment == "said in class"
    assert "Did you mean 'Ann'?" in unused_overrides([ann, bob], decided)[0]
    # another answer comes to the end; nothing of theirs changes
    assert add_undecided(path, to_decide([marked("Cy", "other", q6b="unclear")]), decided) == 1
    assert path.read_text().startswith(before)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[answer]]\nid='x'\ncredit = 2", "a number from 0 to 1"),
        ("[[answer]]\nid='x'\ncredit = 'half'", "a number from 0 to 1"),
        ("[answer]\ncredit = 1", "two brackets"),
        ("[[override]]\nstudent='x'", "has no exercise"),
        ("[[answers]]", r"not 'answers'"),
        ("credit =", "Correct it"),
    ],
)
def test_a_slip_in_the_decisions_is_said_and_nothing_is_overwritten(tmp_path, text, sentence):
    path = tmp_path / "d.toml"
    path.write_text(text)
    with pytest.raises(MLMError, match=sentence):
        read_decisions(path)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("[part9]\nq1=1", "no exercise 'part9'"), ("[part2]\nq9=1", "no question 'q9'"),
     ("[part2]\nq1='x'", "not a number"), ("[weights]\npart2=-1", "not a number")],
)  # fmt: skip
def test_a_slip_in_points_is_said(tmp_path, text, sentence):
    (tmp_path / "points.toml").write_text(text)
    with pytest.raises(MLMError, match=sentence):
        read_points(tmp_path / "points.toml", {"part2": ["q1"]})


def test_answers_stand_together_when_alike_and_apart_when_a_sign_differs():
    def key(text: str) -> str:
        return answer_key("part2", Mark("q1", "unclear", "", said=text))

    assert key("The gap is SMALLER, there.") == key("the gap is smaller there")
    assert len({key("-0.5"), key("0.5"), key("5"), key("gap < 0"), key("gap > 0")}) == 5
    texts = ["the gap is smaller in private schools", "the gap is larger in private schools", "no"]
    found = similar([Alike(str(i), "part2", "q6b", t, ("x",)) for i, t in enumerate(texts)])
    assert [[a.text for a in g] for g in found] == [texts[:2], texts[2:]]


# ---- gradebooks ---------------------------------------------------------------------------------
def fill(tmp_path: Path, content: bytes, columns: dict[str, str], *results: Marked):
    (tmp_path / "book.csv").write_bytes(content)
    decisions = read_decisions(tmp_path / "none.toml")
    worth = Worth({}, {})
    scored = score(results, worth, decisions)
    filled = fill_gradebook(tmp_path / "book.csv", tmp_path / "out.csv", columns, scored, worth)
    return filled, (tmp_path / "out.csv").read_bytes()


def test_blackboards_table_in_utf16_is_filled_byte_for_byte(tmp_path):
    lines = '"Last Name"\t"First Name"\t"Username"\t"Exercise 2 [Total Pts: 11] |7"\r\n'
    lines += '"Ng"\t"Ann"\t"ang"\t"{}"\r\n"Ro"\t"Bob ""B"""\t"bro"\t""\r\n'
    before, after = ("\ufeff" + lines.format(g) for g in ("", "2"))
    filled, out = fill(
        tmp_path, before.encode("utf-16-le"), {"part2": "exercise 2"},
        marked("Ann Ng", q1="right", q2="right"),
    )  # fmt: skip
    assert out == after.encode("utf-16-le")
    assert (filled.cells, filled.sentences) == (1, [])


def test_nobody_is_guessed(tmp_path):
    book = "Name;ID;Grade\nJane Doe;1;\nJane Doe;2;\nAnn;3;7\nBob;4;\n"
    filled, out = fill(
        tmp_path, book.encode("latin-1"), {"": "Grade"},
        marked("Jane Doe", q1="right"), marked("Ann", q1="right"), marked("ann", q1="right"),
        marked("Zoë", q1="right"), marked("Bob", "x", q1="unclear"),
    )  # fmt: skip
    assert out == book.encode("latin-1")
    assert filled.cells == 0
    said = " ".join(filled.sentences)
    assert "Jane Doe may be any of 2 students" in said
    assert "Ann and ann fit the same row" in said
    assert "Zoë is not in this gradebook" in said
    assert "Bob is not filled in: answers wait" in said


def test_a_locked_row_and_a_grade_that_was_there_are_said(tmp_path):
    book = "Full name,Grade,Grade can be changed\nAnn,3,Yes\nBob,,No\n"
    filled, out = fill(
        tmp_path, book.encode(), {"": "Grade"}, marked("Ann", q1="right"), marked("Bob", q1="right")
    )
    assert out == book.replace("Ann,3", "Ann,1").encode()
    assert any("locked" in s for s in filled.sentences)
    assert any("another grade before" in s for s in filled.sentences)


@pytest.mark.parametrize("name", ["Exercise", "Exam"])
def test_a_column_that_is_not_one_is_refused(tmp_path, name):
    book = b"Name,Exercise 1 (7),Exercise 2 (8)\nAnn,,\n"
    with pytest.raises(MLMError, match=r"several columns|no column"):
        fill(tmp_path, book, {"": name}, marked("Ann", q1="right"))
    assert not (tmp_path / "out.csv").exists()


def test_cells_are_found_where_they_stand():
    text = '\ufeffa,"b ""c"", d",\r\n,"x\ny",z'
    found = cells(text, ",")
    assert [[c.text for c in row] for row in found] == [["a", 'b "c", d', ""], ["", "x\ny", "z"]]
    assert [text[c.start : c.end] for row in found for c in row] == [
        *("a", '"b ""c"", d"', "", "", '"x\ny"', "z"),
    ]


def test_a_person_is_known_by_every_spelling():
    ann = person({"Student": "Müller, Ann", "SIS Login ID": "Ann.M@uni.example", "ID": "12"})
    people = People([ann])
    for name in ("Ann Müller", "mullerann", "Müller, Ann", "ann.m", "ann.m@uni.example"):
        assert people.find(name).person is not None, name
    assert people.find("whoever", "12").person is not None
    assert people.find("Ann").person is None
    assert Collected([]).students == []
