"""Every committed notebook is stored in the one form that can be compared and read.

The rules live in ``tools/run_notebooks.py``; here they are shown to catch what they are for, and
every notebook of the project is held to them.
"""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.run_notebooks import ALL, ROOT, normalise, notebooks, problems, run

LECTURE = ROOT / "lectures" / "any.ipynb"
STUDENT = ROOT / "exercises" / "any.ipynb"
ALT = "Two lines: the slope is steeper in public schools than in private ones."


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_committed_notebook(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert problems(notebook, path) == []


def test_folders_hold_notebooks():
    assert [path for path in notebooks() if path.parent.name == "walkthroughs"]


def display(**data):
    keys = {"png": "image/png", "svg": "image/svg+xml", "html": "text/html", "text": "text/plain"}
    return new_output("display_data", {keys[key]: value for key, value in data.items()})


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def one_cell(source="1 + 1", outputs=(), **metadata):
    cell = new_code_cell(source, outputs=list(outputs), metadata=metadata)
    return new_notebook(cells=[cell])


def found_in(notebook, path=LECTURE):
    normalise(notebook)
    return problems(notebook, path)


@pytest.mark.parametrize(
    "notebook",
    [
        one_cell(),
        one_cell("1\n\n2\n3\n\n4\n5\n6"),
        one_cell(outputs=[display(png="", text=ALT)]),
        one_cell(outputs=[display(png="", html=f'<img src="x" alt="{ALT} p > .05">')]),
        one_cell(outputs=[stream("See https://example.org/home/page and a/b/var/c")]),
        # an encoded picture may hold any letters
        one_cell(outputs=[display(html=f'<img alt="{ALT}" src="data:image/png;base64,+/opt/x">')]),
        new_notebook(cells=[new_markdown_cell(f"![{ALT}](picture.png)")]),
    ],
)
def test_good_notebooks_have_no_problems(notebook):
    assert found_in(notebook) == []


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        (one_cell("m;"), "semicolon"),
        (one_cell("\n".join("abcdefg")), "7 lines"),
        (one_cell(outputs=[stream("careful", "stderr")]), "stderr: careful"),
        (one_cell(outputs=[new_output("error", ename="E", evalue="v")]), "error: E: v"),
        (one_cell(outputs=[display(png="")]), "no alt text"),
        (one_cell(outputs=[display(png="", text="<Figure size 640x480 with 1 Axes>")]), "no alt"),
        (one_cell(outputs=[display(png="", text="<Axes: xlabel='ses', ylabel='y'>")]), "no alt"),
        (one_cell(outputs=[display(svg="<svg/>")]), "no alt text"),
        (one_cell(outputs=[display(html='<img src="x">')]), "<img> has no alt"),
        (one_cell(outputs=[display(html="<img src='x' alt=''>")]), "<img> has no alt"),
        (one_cell("open('/home/jo/data.csv')"), "/home/jo"),
        (one_cell(outputs=[stream(r"C:\Users\jo")]), "one machine"),
        (one_cell(outputs=[display(text="lib/python3.11/site-packages/x.py:3")]), "one machine"),
        (new_notebook(cells=[new_markdown_cell("![](picture.png)")]), "no alt text"),
        (new_notebook(cells=[new_markdown_cell('<img src="p.png">')]), "<img> has no alt"),
        (new_notebook(cells=[new_markdown_cell("in /Users/jo")]), "/Users/jo"),
    ],
)
def test_each_problem_is_found(notebook, words):
    (sentence,) = found_in(notebook)
    assert words in sentence
    assert sentence.startswith("cell 0: ")


def test_long_cells_are_a_matter_of_lectures():
    assert found_in(one_cell("\n".join("abcdefg")), ROOT / "walkthroughs" / "any.ipynb") == []


def test_what_the_run_would_mend_is_found_when_it_was_not_run():
    notebook = one_cell(execution={"iopub.execute_input": "2026-01-01T00:00:00Z"})
    notebook.metadata = nbformat.from_dict(
        {"widgets": {}, "kernelspec": {"name": "mlm"}, "language_info": {"version": "3.11.7"}}
    )
    notebook.cells[0].outputs = [
        display(text="HTML()", png="", html=f'<img alt="{ALT}">'),
    ]
    notebook.cells[0].outputs[0].data["application/vnd.jupyter.widget-view+json"] = {}
    sentences = "\n".join(problems(notebook, LECTURE))
    for words in (
        "widget state",
        "not called python3",
        "version of Python",
        "missing or random",
        "counts are [None], not 1 to 1",
        "when it ran",
        "widget view",
    ):
        assert words in sentences
    assert found_in(notebook) == []


def test_students_notebooks_are_not_executed():
    notebook = one_cell()
    normalise(notebook)
    notebook.cells[0].execution_count = None
    assert problems(notebook, STUDENT) == []
    assert problems(notebook, LECTURE) != []


def test_normalising_again_changes_nothing_and_named_cells_keep_their_names():
    notebook = new_notebook(cells=[new_code_cell("x"), new_code_cell("x"), new_markdown_cell("y")])
    notebook.cells[2]["id"] = "question-1"
    normalise(notebook)
    names = [cell["id"] for cell in notebook.cells]
    assert names[1] == f"{names[0]}-2"
    assert names[2] == "question-1"
    once = nbformat.writes(notebook)
    normalise(notebook)
    assert nbformat.writes(notebook) == once


def test_running_twice_gives_the_same_bytes(tmp_path):
    """A real kernel, a table, a picture, an empty cell and a widget."""
    picture = base64.b64encode(b"any").decode()
    path = tmp_path / "two runs.ipynb"
    cells = [
        new_code_cell("from pathlib import Path\nPath('beside.txt').write_text('here')"),
        new_code_cell(""),
        new_code_cell(
            "from IPython.display import display\n"
            f"display({{'image/png': {picture!r}, 'text/plain': {ALT!r}}}, raw=True)"
        ),
        new_code_cell("import ipywidgets\nipywidgets.IntSlider(description='slope')"),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    assert run(path) == []
    first = path.read_bytes()
    assert (tmp_path / "beside.txt").exists(), "a notebook runs in its own folder"
    assert run(path) == []
    assert path.read_bytes() == first
    counts = [cell.execution_count for cell in nbformat.read(path, as_version=4).cells]
    assert counts == [1, None, 2, 3]


def test_a_notebook_that_raises_is_reported_and_left_as_it_was(tmp_path):
    path = tmp_path / "raises.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    (sentence,) = run(path)
    assert "ZeroDivisionError" in sentence
    assert path.read_bytes() == before


def test_all_folders_of_notebooks_are_known():
    """A notebook put elsewhere would escape every check."""
    known = {ROOT / folder for folder in ALL}
    skip = {".venv", ".ipynb_checkpoints", "build", "fixtures"}
    strays = [
        path.relative_to(ROOT)
        for path in ROOT.rglob("*.ipynb")
        if path.parent not in known and not skip & set(Path(path).relative_to(ROOT).parts)
    ]
    assert strays == []
