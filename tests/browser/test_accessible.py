"""What students and instructors read has no barrier that axe-core or a PDF's tags can show."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import axe
import lab

from mlm_helpers.authoring import slides

# What we write stands in these parts of a notebook; the rest is JupyterLab's.
OURS = ".jp-OutputArea-output, .jp-MarkdownOutput"
# What JupyterLab (the button that folds a heading) and pandas (a table's corner) add to it.
NOT_OURS = ("button-name", "empty-table-header")
NOTEBOOKS = [
    "lectures/lecture06_cross_level_interactions.ipynb",
    "exercises/part2_read_the_output.ipynb",
    "walkthroughs/walkthrough01_high_school_and_beyond.ipynb",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with lab.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The slide show of the lecture."""
    return slides.write_slides(slides.NOTEBOOK, tmp_path_factory.mktemp("slides"))


def test_the_slide_show_has_no_barrier(browser, show):
    page = browser.new_context(offline=True).new_page()
    page.goto(show.as_uri())
    page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
    assert axe.violations(page) == []
    page.close()


def test_the_pdf_handout_is_tagged_and_every_picture_in_it_described(show):
    found = slides.find_browser()
    assert found is not None
    with pikepdf.open(slides.write_pdf(show, found)) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang).startswith("en")
        assert str(pdf.docinfo["/Title"]).startswith("Lecture 6")
        tags = [
            part
            for part in pdf.objects
            if isinstance(part, pikepdf.Dictionary) and "/S" in part and "/P" in part
        ]
        kinds = Counter(str(tag.S) for tag in tags)
        # the tags reach beyond the first slide
        assert kinds["/H2"] > 20
        assert kinds["/Table"] > 20
        figures = [tag for tag in tags if str(tag.S) == "/Figure"]
        assert len(figures) > 10
        assert all(str(figure.get("/Alt", "")).strip() for figure in figures)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab with the course's notebooks as they are handed out."""
    folder = tmp_path_factory.mktemp("course")
    for name in NOTEBOOKS:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(lab.ROOT / name, folder / name)
    with lab.jupyterlab(folder) as running:
        yield running


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_no_barrier_of_ours(browser, address, name, theme):
    opened = lab.Page(browser, address, name)
    opened.command("apputils:change-theme", {"theme": theme})
    opened.settle()
    found = axe.violations(opened.page, OURS, NOT_OURS)
    opened.close()
    assert found == []
