"""The exercises as a student meets them in JupyterLab: the board, plain text, calm verdicts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import lab

pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())

SENTENCE = "the expected mean reading score of a public school with average school SES"
CELLS = [
    'import mlm_helpers as mlm\nex = mlm.exercise("part1")',
    "ex.board()",
    f"%%answer gamma00\n# one sentence, below this line\n{SENTENCE}",
    'ex.check("gamma00")',
    'ex.check("gamma01")',
    "answer_gamma02 = The slope between schools",
    "%%answer u0j\nthe standard deviation of something, controlling for it",
    'ex.check("u0j")',
    "ex.summary()",
]
CELL = ".jp-Notebook-cell >> nth={}"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("lab")
    lab.write_notebook(folder / "exercise.ipynb", CELLS)
    with lab.jupyterlab(folder) as address, lab.chromium() as browser:
        page = lab.Page(browser, address, "exercise.ipynb")
        for k in range(len(CELLS)):
            page.page.evaluate(
                "(k) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = k; }", k
            )
            page.command("notebook:run-cell")
            page.settle()
        page.page.wait_for_selector(".widget-dropdown select")
        yield page
        page.close()


def output(opened: Any, k: int) -> str:
    return str(opened.page.locator(CELL.format(k)).locator(".jp-OutputArea").inner_text())


def test_a_letter_typed_on_the_board_chooses_and_never_reaches_the_notebook(opened):
    page = opened.page
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
    menu = page.locator(".widget-dropdown select").first
    for key in ("a", "b", "x", "c", "v", "m"):
        menu.focus()
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    assert page.locator(".jp-Notebook-cell").count() == len(CELLS)
    page.wait_for_timeout(1500)  # a browser takes letters in quick succession for one word
    menu.focus()
    page.keyboard.press("b")
    page.wait_for_function("() => document.body.innerText.includes('gamma00=\"B\"')")


def test_a_sentence_without_quotation_marks_is_an_answer(opened):
    assert "✓ Right." in output(opened, 3)


def test_what_to_do_stands_below_a_syntax_error(opened):
    assert "needs quotation marks" in output(opened, 5)


def test_verdicts_are_calm_boxes_and_no_red_block_stands_below_them(opened):
    for k, looks in ((4, "○ Open."), (7, "✗ Not yet.")):
        assert looks in output(opened, k)
        red = opened.page.locator(CELL.format(k)).locator(
            "[data-mime-type='application/vnd.jupyter.stderr']"
        )
        assert red.count() == 1  # it has failed, as nbval must see
        assert not red.first.is_visible()
    assert "1 of 11 right" in output(opened, 8)


def test_long_replies_wrap(opened):
    widths = opened.page.evaluate(
        "() => [...document.querySelectorAll('.mlm-verdict')]"
        ".map((e) => e.scrollWidth - e.clientWidth)"
    )
    assert len(widths) >= 5
    assert max(widths) <= 1
