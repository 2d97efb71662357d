"""The version that runs in a browser: its notebooks and wheels. Pyodide itself is not run here."""

from __future__ import annotations

import zipfile

import nbformat
import pytest

from mlm_helpers.authoring import lite
from mlm_helpers.errors import MLMError


def test_notebooks_fetch_the_package_first_and_keep_no_notes(tmp_path):
    lite.write_contents(lite.ROOT, tmp_path)
    books = sorted(tmp_path.rglob("*.ipynb"))
    assert {path.parent.name for path in books} == set(lite.NOTEBOOKS)
    for path in books:
        book = nbformat.read(path, as_version=4)
        assert book.cells[0].source.startswith("%pip install -q mlm-helpers")
        assert not any("instructor" in c.metadata.get("tags", []) for c in book.cells)
    assert (tmp_path / "walkthroughs" / "published_hsb82.csv").is_file()


def test_the_wheel_is_pure_and_asks_for_nothing_heavier_than_pyodide_has(tmp_path):
    lite.build_wheel(tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [n for n in archive.namelist() if n.endswith("METADATA")]
        text = archive.read(metadata).decode("utf-8")
    needed = [line for line in text.splitlines() if line.startswith("Requires-Dist")]
    always = [line for line in needed if "extra ==" not in line]
    assert any("pandas>=3.0.2" in line for line in always)
    for heavy in ("pyarrow", "jupyterlab", "pyreadstat", "statsmodels", "pytest"):
        assert not any(heavy in line for line in always)


def test_a_folder_without_a_lecture_is_no_course(tmp_path):
    with pytest.raises(MLMError, match="no lecture"):
        lite.build_lite(tmp_path, tmp_path / "out")
