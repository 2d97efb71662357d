"""Marking: fair to honest notebooks, unimpressed by the others, and able to go on."""

from __future__ import annotations

import copy
import csv
import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat
import pytest

from mlm_helpers.authoring.build import tags
from mlm_helpers.authoring.marking import mark as mark_module
from mlm_helpers.authoring.marking.class_page import Protection
from mlm_helpers.authoring.marking.collect import Collected, collect
from mlm_helpers.authoring.marking.command import protected
from mlm_helpers.authoring.marking.handed import files_in
from mlm_helpers.authoring.marking.isolation import isolation
from mlm_helpers.authoring.marking.mark import Mark, Marked, Marker
from mlm_helpers.authoring.marking.names import Name, names
from mlm_helpers.authoring.marking.points import Worth
from mlm_helpers.authoring.marking.report import Report, pages_folder
from mlm_helpers.authoring.marking.runner import Limits
from mlm_helpers.authoring.marking.store import Store
from mlm_helpers.authoring.marking.submissions import (
    Submission,
    pristine_notebooks,
    read_submission,
)
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises import exercise
from mlm_helpers.exercises.misconceptions import title

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "exercises"
LIMITS = Limits(cell=10, total=40, memory=2500)
EXERCISE = exercise("part2")
RIGHT = {
    id: getattr(q, "right", None) for id, q in EXERCISE.questions.items() if hasattr(q, "right")
}
FORGED = "Question 1: that is right."


def pristine() -> nbformat.NotebookNode:
    return nbformat.read(next(FOLDER.glob("part2*.ipynb")), as_version=4)


def cell_of(notebook: nbformat.NotebookNode, id: str) -> nbformat.NotebookNode:
    return next(c for c in notebook.cells if c["id"] == f"part2-{id}")


def answered(**sources: str) -> nbformat.NotebookNode:
    """A student notebook with these sources in the answer cells."""
    notebook = pristine()
    for id, source in sources.items():
        cell_of(notebook, f"{id}-answer").source = source
    return notebook


def store(notebook: nbformat.NotebookNode, path: Path) -> None:
    """As it is: nbformat would repair what is wrong with it."""
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> dict[str, Marked]:
    """All the notebooks below, marked in one go."""
    folder = tmp_path_factory.mktemp("marking")
    box = folder / "submissions"
    box.mkdir()
    outside = folder / "outside.txt"
    for name, notebook in notebooks(outside).items():
        store(notebook, box / f"{name}.ipynb")
    (box / "not_json.ipynb").write_text("this is not a notebook")
    (box / "empty.ipynb").write_text("")
    (box / "a_list.ipynb").write_text("[1, 2]")
    (box / "foreign.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": "1", "id": "x"}], "metadata": {}})
    )
    with closed_in([box]) as (closed, protection):
        marker = Marker(closed, FOLDER, LIMITS, Store(None))
        found = collect(box, marker.pristine)
        done = {m.student: m for m in marker.mark(found.submissions, jobs=2)}
    assert len(done) == len(found.submissions)
    write(folder / "marks.csv", found, list(done.values()), protection)
    done["__folder__"] = folder  # type: ignore[assignment]
    return done


@contextmanager
def closed_in(private: list[Path]):
    """These notebooks are hostile: they run only where the system closes them in."""
    with ExitStack() as stack:
        try:
            closed = stack.enter_context(protected(private))
        except MLMError as error:
            pytest.skip(str(error))
        yield closed


def write(out: Path, found: Collected, marked: list[Marked], protection=None) -> Path:
    """Tables and pages; the folder of the pages."""
    protection = protection or Protection("own", ("read the keys",), ())
    report = Report(out, found, marked, ("part1", "part2"), Worth({}, {}), protection)
    report.write()
    return report.folder


def notebooks(outside: Path) -> dict[str, nbformat.NotebookNode]:
    right1, right5 = f"answer_q1 = {RIGHT['q1']:.2f}", f"answer_q5 = {RIGHT['q5']:.2f}"
    wrong5 = f"answer_q5 = {EXERCISE.question('q5').wrong[0].value!r}"
    out = {
        "untouched": pristine(),
        "honest": answered(
            q1='answer_q1 = m3.fixed_effects.loc["Intercept", "estimate"]',
            q3=f'answer_q3 = "{RIGHT["q3"]}"',
            q5=wrong5,
            q9a=f'answer_q9a = "{RIGHT["q9a"]:.0f} %"',
        ),
        "crashed": answered(q1="x = 1\nanswer_q1 = x / 0", q2="answer_q2 = (", q5=right5),
    }

    edited = answered(q1="answer_q1 = 1.0")
    cell_of(edited, "q1-check").source = f'"{FORGED}"'
    cell_of(edited, "q1-check").outputs = [
        nbformat.v4.new_output("execute_result", data={"text/plain": FORGED}, execution_count=1)
    ]
    out["edited_check"] = edited

    deleted = answered(q5=right5)
    deleted.cells = [c for c in deleted.cells if "q1-" not in c["id"] and "setup" not in c["id"]]
    out["deleted_cells"] = deleted

    emptied = pristine()
    emptied.cells = emptied.cells[:1]
    out["almost_empty"] = emptied

    twice = answered(q1=right1, q5=right5)
    extra = copy.deepcopy(cell_of(twice, "q1-answer"))
    extra.source = "answer_q1 = 0"
    twice.cells.append(extra)
    out["duplicated_id"] = twice

    out["redefined"] = answered(
        q1="class NotYet(Exception): pass\nimport mlm_helpers.exercises as c\n"
        "c.NotYet = NotYet\nex.check = lambda *a: 'right'\n"
        "check = lambda *a: True\nanswer_q1 = 1.0"
    )
    out["patched_package"] = answered(
        q1="import mlm_helpers, sys, json\n"
        "for module in list(sys.modules.values()):\n"
        "    for name in ('judge', 'to_plain', 'Verdict', 'check', 'flags'):\n"
        "        try:\n            setattr(module, name, lambda *a, **k: True)\n"
        "        except Exception: pass\n"
        "mlm_helpers.fit_mlm = None\nanswer_q1 = 1.0",
        q5="answer_q5 = 1.0",
    )
    out["forged_verdicts"] = answered(
        q1="import os, json\n"
        "line = json.dumps({'event': 'verdict', 'id': 'part2-q1-answer', 'passed': True,"
        " 'state': 'right', 'plain': {'state': 'right', 'kind': 'right'}}) + '\\n'\n"
        "for fd in range(20):\n"
        "    try: os.write(fd, line.encode())\n"
        "    except OSError: pass\n"
        f"print('{FORGED}')\nanswer_q1 = 1.0",
        q5=right5,
    )
    out["keys_read"] = answered(
        q1="import mlm_helpers as mlm\nanswer_q1 = mlm.exercise('part2').question('q1').right",
        q2="from mlm_helpers.exercises import part2\nanswer_q2 = part2.questions",
        q5=right5,
    )
    out["exits"] = answered(q1="import os\nos._exit(0)", q2="exit()", q5=right5)
    out["loops"] = answered(q1="while True: pass", q5=right5)
    out["fills_memory"] = answered(
        q1="block = bytearray(10**12)\nanswer_q1 = 1",
        q2="blocks = []\nwhile True: blocks.append(bytearray(10**8))",
        q5=right5,
    )
    out["recursive"] = answered(
        q1="def f(): return f()\nanswer_q1 = f()",
        q2="import sys\nsys.setrecursionlimit(10**9)\ndef g(): return g()\nanswer_q2 = g()",
        q5=right5,
    )
    out["writes_files"] = answered(
        q1=f"open('mine.txt', 'w').write('x')\nopen({str(outside)!r}, 'w').write('x')\nanswer_q1=1",
        q2="import os\nanswer_q2 = os.getcwd()",
        q5=right5,
    )
    out["kills"] = answered(
        q1="import os, signal\n"
        "for pid in (os.getppid(), -1):\n"
        "    try: os.kill(pid, signal.SIGTERM)\n"
        "    except OSError: pass\n"
        "answer_q1 = 1",
        q5=right5,
    )
    out["network"] = answered(
        q1="import socket\nsocket.create_connection(('127.0.0.1', 9), timeout=2)\nanswer_q1 = 1",
        q5=right5,
    )
    out["patient"] = answered(
        q1="import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        "answer_q1 = input('? ')",
        q5=right5,
    )
    out["odd_values"] = answered(
        q1="class Bad:\n    def __repr__(self): 1 / 0\nanswer_q1 = Bad()",
        q2="answer_q2 = 'x' * 10**8",
        q3="answer_q3 = [list(range(10**6))]",
        q4="def answer_q4(): pass",
        q5=right5,
    )

    own = answered(q5="answer_q5 = public + gap")
    own.cells.insert(5, nbformat.v4.new_code_cell("%time 1 + 1\nnonsense"))
    own.cells.insert(
        6,
        nbformat.v4.new_code_cell(
            "again = mlm.fit_mlm(m3.formula, ex1)\n"
            "public, gap = (again.contrast({name: 1})['estimate'].iloc[0]"
            " for name in ('gamma10', 'gamma11'))"
        ),
    )
    out["own_cells"] = own

    retyped = answered()
    retyped.cells = [c for c in retyped.cells if c["id"] != "part2-q5-answer"]
    retyped.cells.append(nbformat.v4.new_code_cell(right5))
    out["retyped"] = retyped

    broken_setup = answered(q5=right5)
    cell_of(broken_setup, "setup").source = "raise SystemExit"
    cell_of(broken_setup, "fits").source = "m3 = None"
    out["edited_setup"] = broken_setup
    return out


def verdicts(done: Marked) -> dict[str, str]:
    return {m.question: m.state for m in done.marks}


def messages(done: Marked) -> dict[str, str]:
    return {m.question: m.message for m in done.marks}


# ---- honest notebooks ---------------------------------------------------------------------------
def test_an_honest_notebook_is_marked_answer_by_answer(marked):
    done = marked["honest"]
    assert verdicts(done) == {
        **dict.fromkeys(EXERCISE.questions, "unanswered"),
        "q1": "right",
        "q3": "right",
        "q5": "wrong",
        "q9a": "right",
    }
    assert messages(done)["q5"] == EXERCISE.question("q5").wrong[0].reply
    assert done.right == 3


def test_an_untouched_notebook_is_unanswered(marked):
    assert set(verdicts(marked["untouched"]).values()) == {"unanswered"}


def test_a_crash_is_told_with_its_line_and_costs_only_its_question(marked):
    done = marked["crashed"]
    assert "ZeroDivisionError in line 2" in messages(done)["q1"]
    assert "SyntaxError" in messages(done)["q2"]
    assert verdicts(done)["q1"] == verdicts(done)["q2"] == "stopped"
    assert verdicts(done)["q5"] == "right"


def test_steps_in_cells_of_ones_own_count(marked):
    assert verdicts(marked["own_cells"])["q5"] == "right"
    assert verdicts(marked["retyped"])["q5"] == "right"


def test_the_pristine_setup_is_used(marked):
    assert verdicts(marked["edited_setup"])["q5"] == "right"


@pytest.mark.parametrize("name", ["not_json", "empty", "a_list", "foreign"])
def test_what_is_no_notebook_gets_a_sentence(marked, name):
    assert marked[name].marks == ()
    assert marked[name].problem.endswith(".")


# ---- gaming -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["edited_check", "redefined", "patched_package"])
def test_a_wrong_answer_stays_wrong(marked, name):
    assert verdicts(marked[name])["q1"] == "wrong"
    assert marked[name].right == 0


def test_forged_verdicts_are_not_believed(marked):
    done = marked["forged_verdicts"]
    assert verdicts(done)["q1"] != "right"
    assert FORGED not in json.dumps(messages(done))


def test_the_keys_are_not_there_to_be_read(marked):
    done = marked["keys_read"]
    assert verdicts(done)["q1"] != "right"
    assert verdicts(done)["q2"] != "right"
    assert verdicts(done)["q5"] == "right"


def test_deleted_cells_are_unanswered(marked):
    done = marked["deleted_cells"]
    assert verdicts(done)["q1"] == "unanswered"
    assert verdicts(done)["q5"] == "right"
    assert set(verdicts(marked["almost_empty"]).values()) == {"unanswered"}


def test_a_duplicated_id_is_said(marked):
    done = marked["duplicated_id"]
    assert verdicts(done)["q1"] == "spoiled"
    assert "2 cells carry the id" in messages(done)["q1"]
    assert verdicts(done)["q5"] == "right"


def test_ending_python_costs_only_its_question(marked):
    done = marked["exits"]
    assert messages(done)["q1"] == "the answer cell ended Python instead of leaving an answer."
    assert verdicts(done)["q2"] != "right"
    assert verdicts(done)["q5"] == "right"


def test_a_loop_without_end_is_stopped(marked):
    done = marked["loops"]
    assert "ran longer than 10 seconds" in messages(done)["q1"]
    assert verdicts(done)["q5"] == "right"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_filling_memory_is_stopped(marked):
    done = marked["fills_memory"]
    assert messages(done)["q1"] == "the answer cell ran out of memory."
    assert verdicts(done)["q2"] == "stopped"
    assert verdicts(done)["q5"] == "right"


def test_recursion_without_end_is_stopped(marked):
    done = marked["recursive"]
    assert verdicts(done)["q1"] == verdicts(done)["q2"] == "stopped"
    assert verdicts(done)["q5"] == "right"


def test_files_are_written_in_a_private_folder_only(marked):
    done = marked["writes_files"]
    folder = marked["__folder__"]
    assert verdicts(done)["q1"] == "stopped"
    assert not (folder / "outside.txt").exists()
    assert not list(folder.rglob("mine.txt"))
    assert not (ROOT / "mine.txt").exists()
    assert verdicts(done)["q2"] != "right"
    assert verdicts(done)["q5"] == "right"


def test_other_processes_are_out_of_reach(marked):
    assert verdicts(marked["kills"])["q5"] == "right"


def test_there_is_no_network_where_the_system_allows_closing_it(marked):
    done = marked["network"]
    assert verdicts(done)["q1"] == "stopped"
    assert verdicts(done)["q5"] == "right"


def test_waiting_for_input_and_leaving_children_behind_holds_nothing_up(marked):
    done = marked["patient"]
    assert verdicts(done)["q1"] == "stopped"
    assert verdicts(done)["q5"] == "right"


def test_odd_values_are_unreadable(marked):
    done = marked["odd_values"]
    assert verdicts(done) | {"q5": "right"} == verdicts(done)
    for id in ("q1", "q2", "q3", "q4"):
        assert verdicts(done)[id] in ("unreadable", "wrong", "unanswered")


# ---- reports ------------------------------------------------------------------------------------
def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_each_student(marked):
    folder = marked["__folder__"]
    wide = {r["student"]: r for r in rows(folder / "marks.csv")}
    assert set(wide) == set(marked) - {"__folder__"}
    assert wide["honest"]["part2"] == wide["honest"]["total"] == "3"
    assert title("main effect is overall slope") in wide["honest"]["misconceptions"]
    assert wide["empty"]["part2"] == ""
    assert "not a notebook" in wide["empty"]["notes"]
    long = {(r["student"], r["question"]): r for r in rows(folder / "marks_answers.csv")}
    assert long["honest", "q5"]["verdict"] == "not right"
    assert len(long) == 11 * sum(bool(m.marks) for n, m in marked.items() if n != "__folder__")


def test_each_student_has_a_page_and_the_class_has_one(marked):
    pages = pages_folder(marked["__folder__"] / "marks.csv")
    assert len(list((pages / "students").glob("*.html"))) == len(marked) - 1
    page = next((pages / "students").glob("honest_*.html")).read_text(encoding="utf-8")
    assert "3 of 11 answers are right" in page
    assert "What to talk about" in page
    assert "<caption>" in page
    right = f"{RIGHT['q5']:.2f}"
    assert right not in page
    overview = (pages / "class.html").read_text(encoding="utf-8")
    assert title("main effect is overall slope") in overview
    assert "Tried at the start of this run and refused: to read the keys" in overview


def test_the_text_of_an_error_is_not_on_the_students_page(marked):
    pages = pages_folder(marked["__folder__"] / "marks.csv")
    page = next((pages / "students").glob("crashed_*.html")).read_text(encoding="utf-8")
    assert "ZeroDivisionError in line 2." in page
    assert "division by zero" not in page
    assert "division by zero" in (marked["__folder__"] / "marks_answers.csv").read_text("utf-8-sig")


def test_pages_escape_what_students_wrote(tmp_path):
    nasty = "<script>alert(1)</script>"
    m = Mark("q1", "unclear", nasty, "other", f"answer_q1 = '{nasty}'", f"</script>{nasty}")
    s = Submission(f"=cmd()|{nasty}", "x.ipynb", Name("x"), exercise="part2")
    pages = write(tmp_path / "marks.csv", Collected([s]), [Marked(s, (m,))])
    assert {p.name for p in pages.glob("*.html")} == {"class.html", "decide.html"}
    for path in pages.rglob("*.html"):
        assert "<script>alert" not in path.read_text(encoding="utf-8")
    assert "\n'=cmd()" in (tmp_path / "marks.csv").read_text(encoding="utf-8-sig")


# ---- going on -----------------------------------------------------------------------------------
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    box = tmp_path / "submissions"
    box.mkdir()
    for k in range(4):
        store(answered(q1=f"answer_q1 = {k}"), box / f"s{k}.ipynb")
    calls: list[int] = []
    original = mark_module.run_job

    def counted(*job):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*job)

    def run() -> list[Marked]:
        with isolation("own", [box]) as closed:
            marker = Marker(closed, FOLDER, LIMITS, Store(tmp_path / "state"))
            return list(marker.mark(collect(box, marker.pristine).submissions, jobs=1))

    monkeypatch.setattr(mark_module, "run_job", counted)
    with pytest.raises(KeyboardInterrupt):
        run()
    kept = len(list((tmp_path / "state").glob("*.json")))
    assert 1 <= kept <= 3
    calls[:] = [1] * 10
    assert len(run()) == 4
    assert len(calls) == 10 + 4 - kept
    calls[:] = [1] * 10
    store(answered(q1="answer_q1 = 99"), box / "s0.ipynb")
    assert len(run()) == 4
    assert len(calls) == 11
    # what somebody else wrote into the store, or changed there, is not believed
    for entry in (tmp_path / "state").glob("*.json"):
        entry.write_text(entry.read_text().replace("wrong", "right"))
    calls[:] = [1] * 10
    assert sum(m.right for m in run()) == 0
    assert len(calls) == 14


def test_the_command_marks_a_folder(tmp_path):
    box = tmp_path / "box"
    (box / "ada").mkdir(parents=True)
    name = next(FOLDER.glob("part2*.ipynb")).name
    store(answered(q1=f"answer_q1 = {RIGHT['q1']:.1f}"), box / "ada" / name)
    store(pristine(), box / "bob.ipynb")
    done = command(str(box), "--out", str(tmp_path / "marks.csv"), "--exercises", str(FOLDER))
    assert done.returncode == 0, done.stderr
    assert "2 of 2 notebooks marked" in done.stdout
    assert [(r["student"], r["part2"]) for r in rows(tmp_path / "marks.csv")] == [
        ("ada", "1"),
        ("bob", "0"),
    ]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlm_helpers.authoring", "mark", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", "-1"], "--seconds -1: give seconds"),
        (["--memory", "10"], "--memory 10: give megabytes"),
        (["--jobs", "0"], "--jobs 0: give notebooks"),
        (["--name-regexp", "("], "--name-regexp is not a regular expression"),
        (["--name-regexp", "x"], "--name-regexp has to name the student"),
        (["--column", "x"], "--gradebook and --column go together"),
        ([], "There is no folder or zip file"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path, arguments, sentence):
    done = command(str(tmp_path / "none"), "--out", str(tmp_path / "marks.csv"), *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def read(path: Path) -> Submission:
    known = pristine_notebooks(FOLDER)
    handed = next(h for h in files_in(path.parent) if h.path.name == path.name)
    name = names([handed], {p.stem for p in known.values()})[0]
    return read_submission(handed, name, known)


def test_which_exercise_is_told_by_cells_metadata_or_name(tmp_path):
    by_cells = pristine()
    del by_cells.metadata["mlm_exercise"]
    store(by_cells, tmp_path / "x.ipynb")
    assert read(tmp_path / "x.ipynb").exercise == "part2"
    for cell in by_cells.cells:
        del cell["id"]
    store(by_cells, tmp_path / "w.ipynb")
    assert read(tmp_path / "w.ipynb").exercise == "part2"
    lied = pristine()
    lied.metadata["mlm_exercise"] = "part3"
    store(lied, tmp_path / "y.ipynb")
    assert read(tmp_path / "y.ipynb").exercise == "part2"
    bare = {"cells": [{"cell_type": "code", "source": ["answer_q1 = 1\n"], "metadata": {}}]}
    (tmp_path / "ada_part2.ipynb").write_text(json.dumps({**bare, "metadata": {}}))
    found = read(tmp_path / "ada_part2.ipynb")
    assert found.exercise == "part2"
    assert found.sources == {"q1": "answer_q1 = 1\n"}
    (tmp_path / "z.ipynb").write_text(json.dumps({**bare, "metadata": {"mlm_exercise": "part1"}}))
    assert read(tmp_path / "z.ipynb").exercise == "part1"


def test_a_notebook_on_other_data_is_refused(tmp_path):
    other = pristine()
    for cell in other.cells:
        cell.source = cell.source.replace("famsesc", "homework").replace("school", "hospital")
    store(other, tmp_path / "other.ipynb")
    assert "belongs to another course" in read(tmp_path / "other.ipynb").problem


def test_the_pristine_notebook_has_an_answer_cell_for_each_question():
    for name, p in pristine_notebooks(FOLDER).items():
        assert set(p.answers) == set(exercise(name).questions)
        notebook = nbformat.reads(p.text, as_version=4)
        assert {c["id"] for c in notebook.cells if "answer" in tags(c)} == set(p.answers.values())
