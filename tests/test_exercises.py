"""The exercise notebooks: generated from the solutions, and marking themselves under nbval."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest

from mlm_helpers.authoring.__main__ import COMMANDS, main
from mlm_helpers.authoring.build import pairs, stub, student_notebook, tags, text_of
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises import exercise
from mlm_helpers.exercises.cells import answers_assigned
from mlm_helpers.exercises.questions import ChoiceQuestion, NumberQuestion
from mlm_helpers.exercises.session import PARTS, label

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "exercises"
PAIRS = list(pairs(FOLDER))
SOLUTIONS = {
    nb.metadata["mlm_exercise"]: nb
    for nb in (nbformat.read(source, as_version=4) for source, _ in PAIRS)
}
EXERCISES = {part: exercise(part) for part in PARTS}
STUDENTS = {part: student_notebook(nb) for part, nb in SOLUTIONS.items()}


def cells_by_tag(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [c for c in notebook.cells if tag in tags(c)]


# ---- generation ---------------------------------------------------------------------------------
def test_there_is_a_notebook_for_each_part():
    assert sorted(SOLUTIONS) == sorted(PARTS)


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda p: p.parent.name)
def test_student_notebooks_are_what_the_solutions_make(source, target):
    made = text_of(student_notebook(nbformat.read(source, as_version=4)))
    assert target.read_text(encoding="utf-8") == made, "run python -m mlm_helpers.authoring build"


@pytest.mark.parametrize("part", PARTS)
def test_every_question_has_its_cells_and_every_cell_a_question(part):
    notebook, questions = SOLUTIONS[part], EXERCISES[part].questions
    ids = [c["id"] for c in notebook.cells]
    for id in questions:
        assert [f"{part}-{id}-{kind}" in ids for kind in ("task", "hint", "answer", "check")] == [
            True
        ] * 4, id
    assert [answers_assigned(c.source) for c in cells_by_tag(notebook, "answer")] == [
        [f"answer_{id}"] for id in questions
    ]
    assert [c.source for c in cells_by_tag(notebook, "check")] == [
        f'ex.check("{id}")' for id in questions
    ]


def test_cell_ids_are_unique_over_all_notebooks():
    ids = [c["id"] for nb in SOLUTIONS.values() for c in nb.cells]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("part", PARTS)
def test_options_in_the_text_are_the_letters_of_the_question(part):
    notebook = SOLUTIONS[part]
    texts = {c["id"]: c.source for c in notebook.cells}
    for id, question in EXERCISES[part].questions.items():
        if isinstance(question, ChoiceQuestion):
            letters = re.findall(r"^- \*\*([A-Z])\*\* ", texts[f"{part}-{id}-task"], re.MULTILINE)
            assert tuple(letters) == question.letters


@pytest.mark.parametrize("part", PARTS)
def test_student_notebooks_hold_no_answer(part):
    student, solution = STUDENTS[part], SOLUTIONS[part]
    questions = EXERCISES[part].questions
    for mine, model in zip(
        cells_by_tag(student, "answer"), cells_by_tag(solution, "answer"), strict=True
    ):
        name = answers_assigned(mine.source)[0]
        *head, last = mine.source.splitlines()
        as_text = head and head[0] == f"%%answer {name.removeprefix('answer_')}"
        assert last == ("..." if as_text else f"{name} = ...")
        assert all(line.startswith("#") for line in head[1 if as_text else 0 :])
        body = [x for x in model.source.splitlines() if not x.startswith("#")]
        assert not any(line in text_of(student) for line in body if len(line) > 25)
    assert [c.source for c in cells_by_tag(student, "check")] == [
        f'ex.check("{id}")' for id in questions
    ]


@pytest.mark.parametrize("part", PARTS)
def test_student_notebooks_open_clean(part):
    for cell in STUDENTS[part].cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
        assert "nbval-check-output" not in tags(cell)


def test_minutes_are_stated():
    for notebook in SOLUTIONS.values():
        assert re.search(r"\d+ minutes", notebook.cells[0].source)


def test_an_answer_cell_without_one_answer_is_refused():
    cell = nbformat.v4.new_code_cell("x = 1")
    with pytest.raises(MLMError, match=r"one answer_\.\.\. variable"):
        stub(cell)


def test_the_command_compares_and_builds(tmp_path, capsys):
    folder = tmp_path / "exercises"
    (folder / "solutions").mkdir(parents=True)
    source, target = PAIRS[1]
    (folder / "solutions" / source.name).write_bytes(source.read_bytes())
    there = ["--exercises", str(folder)]
    assert main(["build", "--check", *there]) == 1
    assert "Out of date" in capsys.readouterr().out
    assert not (folder / target.name).exists()
    assert main(["build", *there]) == 0
    assert main(["build", "--check", *there]) == 0
    assert (folder / target.name).read_bytes() == target.read_bytes()
    assert main(["build", "--exercises", str(tmp_path / "nowhere")]) == 1
    assert "no notebooks" in capsys.readouterr().err


def test_the_dispatcher_lists_its_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
    with pytest.raises(SystemExit):
        main(["nonsense"])


# ---- under nbval --------------------------------------------------------------------------------
def nbval(tmp_path: Path, *notebooks: Path) -> tuple[dict[str, list[ET.Element]], str]:
    """Run nbval in its lax mode; test cases by notebook, and what it printed."""
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env"]
    command += ["--nbval-cell-timeout=120", f"--junitxml={report}", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", "-c", "/dev/null", *map(str, notebooks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        env=_environment(),
    )
    cases: dict[str, list[ET.Element]] = {}
    for case in ET.parse(report).iter("testcase"):
        name = re.sub(r".*?(part\d).*", r"\1", case.get("classname", "") + case.get("name", ""))
        cases.setdefault(name, []).append(case)
    return cases, done.stdout


def _environment() -> dict[str, str]:
    import os

    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def failed(cases: list[ET.Element]) -> list[str]:
    """The messages of the failed cells."""
    return [
        "".join(f.itertext()) + f.get("message", "") for c in cases for f in c.findall("failure")
    ]


def solved(part: str) -> nbformat.NotebookNode:
    """A student notebook with the model answers typed in."""
    notebook = copy.deepcopy(STUDENTS[part])
    answers = {c["id"]: c.source for c in cells_by_tag(SOLUTIONS[part], "answer")}
    for cell in notebook.cells:
        cell.source = answers.get(cell["id"], cell.source)
    return notebook


def test_solved_notebooks_pass_and_untouched_ones_say_not_answered_yet(tmp_path):
    paths = []
    for part in PARTS:
        paths += [tmp_path / f"{part}_solved.ipynb", tmp_path / f"{part}_untouched.ipynb"]
        nbformat.write(solved(part), paths[-2])
        nbformat.write(STUDENTS[part], paths[-1])
    for kind in ("solved", "untouched"):
        chosen = [p for p in paths if kind in p.name]
        cases, output = nbval(tmp_path, *chosen)
        assert sorted(cases) == sorted(PARTS), output[-3000:]
        for part in PARTS:
            messages = failed(cases[part])
            if kind == "solved":
                assert messages == [], messages
                continue
            assert len(messages) == len(EXERCISES[part].questions)
            assert all("not answered yet" in m for m in messages)


def test_each_known_wrong_answer_fails_with_its_own_reply(tmp_path):
    """All wrong answers of a part in one notebook, each with its check."""
    paths, expected = [], {}
    for part in PARTS:
        notebook = copy.deepcopy(STUDENTS[part])
        setup = [c for c in notebook.cells if c["id"] == f"{part}-setup"]
        cells, replies = [], []
        for id, question in EXERCISES[part].questions.items():
            for value, reply in _wrong_answers(question):
                cells.append(nbformat.v4.new_code_cell(f"answer_{id} = {value!r}"))
                cells.append(nbformat.v4.new_code_cell(f'ex.check("{id}")'))
                replies.append(f"{label(id)}: {reply}")
        notebook.cells = [*setup, *cells]
        for cell in notebook.cells:
            cell.execution_count = 1
        paths.append(tmp_path / f"{part}_wrong.ipynb")
        nbformat.write(notebook, paths[-1])
        expected[part] = replies
    cases, _ = nbval(tmp_path, *paths)
    for part in PARTS:
        messages = [" ".join(m.split()) for m in failed(cases[part])]
        assert len(messages) == len(expected[part])
        for message, reply in zip(messages, expected[part], strict=True):
            assert reply in message, (message, reply)


def _wrong_answers(question: object) -> list[tuple[object, str]]:
    if isinstance(question, NumberQuestion):
        return [(w.value, w.reply) for w in question._distinct()]
    if isinstance(question, ChoiceQuestion):
        return [(letter, reply) for letter, (reply, _) in question.replies.items()]
    return []


def test_a_failed_check_stored_as_output_still_fails(tmp_path):
    """Saving a notebook with a wrong answer, or with a faked passing line, changes nothing."""
    notebook = copy.deepcopy(STUDENTS["part2"])
    for cell in cells_by_tag(notebook, "check"):
        cell.outputs = [
            nbformat.v4.new_output("stream", name="stdout", text="Question 1: that is right.")
        ]
    path = tmp_path / "part2_faked.ipynb"
    nbformat.write(notebook, path)
    cases, _ = nbval(tmp_path, path)
    assert len(failed(cases["part2"])) == len(EXERCISES["part2"].questions)
