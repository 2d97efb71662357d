"""The web site's parts: what goes into it, how docstrings are set, which links lead nowhere."""

from __future__ import annotations

import re

import nbformat
import pytest

import mlm_helpers as mlm
from mlm_helpers.authoring import site
from mlm_helpers.authoring.site import sources
from mlm_helpers.authoring.site.docstrings import as_fields
from mlm_helpers.authoring.site.links import broken_links
from mlm_helpers.authoring.site.sphinx import settings
from mlm_helpers.errors import MLMError

REFERENCE = (sources.TEMPLATES / "reference.md").read_text(encoding="utf-8")


def test_every_public_name_is_in_the_reference():
    named = set(re.findall(r"^## (\S+)$", REFERENCE, re.MULTILINE))
    assert set(mlm.__all__) - {"__version__"} <= named


def test_a_notebook_to_read_has_no_notes_and_an_exercise_no_outputs():
    new = nbformat.v4
    book = new.new_notebook(
        cells=[
            new.new_markdown_cell("### $u_{0j}$\n\n$\\gamma_{00}$ in a sentence"),
            new.new_markdown_cell("secret", metadata={"tags": ["instructor"]}),
            new.new_code_cell("1", outputs=[new.new_output("stream", text="1")]),
        ]
    )
    read = sources.for_reading(book, exercise=True)
    text = "\n".join(cell.source for cell in read.cells)
    assert "secret" not in text
    assert "### u0j\n\n$\\gamma_{00}$ in a sentence" in text
    assert "This page is for reading" in text
    assert all(cell.get("outputs", []) == [] for cell in read.cells)


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="sub/page.html#here">1</a><a href="sub/page.html#gone">2</a><a href="no.html">3'
        '</a><img src="data:image/png;base64,x"><a href="https://example.org">4</a>'
        '<a href="../outside.html">5</a><script>"<a href=\\"x.html\\">"</script>',
        encoding="utf-8",
    )
    (tmp_path / "sub" / "page.html").write_text('<p id="here"><a href="../index.html">up</a>')
    (tmp_path.parent / "outside.html").touch()
    assert broken_links(tmp_path) == [
        "index.html: ../outside.html",
        "index.html: no.html",
        "index.html: sub/page.html#gone",
    ]


def test_docstrings_say_meanings_and_not_types():
    text = "First.\n\nParameters\n----------\na, b : of ``{1: 2}``,\n    or not.\n\n"
    text += "Raises\n------\nMLMError\n    When it cannot."
    lines = as_fields(text.split("\n"))
    assert ":param a:" in lines
    assert ":param b:" in lines
    assert "   of ``{1: 2}``," in lines
    assert lines[lines.index(":raises MLMError:") + 2] == "   When it cannot."


def test_addresses_stand_in_one_place_and_make_the_buttons(tmp_path):
    assert settings(sources.Address())["html_theme_options"].get("launch_buttons") is None
    file = tmp_path / "address.toml"
    file.write_text('repository = "https://example.org/course"\nbinder = "https://mybinder.org"\n')
    options = settings(sources.read_address(file))["html_theme_options"]
    assert options["launch_buttons"] == {"binderhub_url": "https://mybinder.org"}
    assert options["repository_url"] == "https://example.org/course"
    file.write_text("binderhub = 1\n")
    with pytest.raises(MLMError, match="names 'binderhub'; it knows repository"):
        sources.read_address(file)


def test_a_folder_without_a_lecture_is_no_course(tmp_path):
    with pytest.raises(MLMError, match="no lecture"):
        site.build_site(tmp_path, tmp_path / "out")


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(MLMError, match="holds something else"):
        site.build_site(sources.ROOT, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
