"""The walkthroughs say what their cells show, and their own checks can fail.

That the stored outputs are those of the present code is nbval's to check; here the sentences are
held against the outputs, and the published table against a forgery.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "walkthroughs"
NOTEBOOKS = sorted(FOLDER.glob("walkthrough*.ipynb"))
HSB = FOLDER / "walkthrough01_high_school_and_beyond.ipynb"

NUMBER = re.compile(r"(?<![\w.,])[−-]?\d[\d,]*(?:\.\d+)?(?![\w.]*\d)")
# 0.006 × 5.33 = 0.032 and 2.80 − 1.34 = 1.46
SUM = re.compile(r"([\d.]+) ([×−+]) \(?([−\d.]+)\)? = ([\d.]+)")


def value(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def shown(notebook: NotebookNode) -> list[float]:
    """Every number in the outputs and in the code."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        texts.append(cell.source)
        for output in cell.outputs:
            data = output.get("data", {})
            texts += [output.get("text", ""), *(data.get(f"text/{k}", "") for k in KINDS)]
    return [value(n) for text in texts for n in NUMBER.findall(strip_tags(text))]


KINDS = ("plain", "markdown", "html")


def strip_tags(text: str) -> str:
    return re.sub(r"<[^>]*>", " ", text)


def claims(notebook: NotebookNode) -> list[tuple[int, str, bool]]:
    """Numbers with decimals, and percentages, in the text: (cell, number, is a percentage).

    What a reader is asked to guess and what a line of arithmetic results in are left out.
    """
    out = []
    for k, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or "instructor" in cell.metadata.get("tags", []):
            continue
        text = re.sub(r"\*\*Predict\.\*\*.*|Table \d\.\d", "", cell.source)
        text = SUM.sub(r"\1 \2 \3", text)
        text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        for found in re.finditer(rf"({NUMBER.pattern})(%?)", text):
            if "." in found[1] or found[2]:
                out.append((k, found[1], bool(found[2])))
    return out


def agrees(text: str, percent: bool, numbers: list[float]) -> bool:
    decimals = len(text.partition(".")[2])
    said = abs(value(text))
    scale = 100 if percent else 1
    return any(
        round(abs(x) * scale, decimals) == said or (percent and abs(x) == said) for x in numbers
    )


def test_there_are_walkthroughs() -> None:
    assert HSB in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem[:13])
def test_numbers_in_the_text_are_in_the_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    numbers = shown(notebook)
    wrong = [
        (k, text) for k, text, percent in claims(notebook) if not agrees(text, percent, numbers)
    ]
    assert not wrong


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem[:13])
def test_arithmetic_in_the_text_is_right(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "markdown":
            continue
        for a, sign, b, c in SUM.findall(cell.source):
            x, y = value(a), value(b)
            result = {"×": x * y, "−": x - y, "+": x + y}[sign]
            assert f"{result:.{len(c.partition('.')[2])}f}" == c, f"{a} {sign} {b} = {c}"


def test_what_r_is_said_to_print_is_what_r_printed() -> None:
    """R's default for the rows model: two last digits off, as the text says."""
    text = (FOLDER / "r_output" / "hsb82_default.txt").read_text(encoding="utf-8")
    published = (FOLDER / "published_hsb82.csv").read_text(encoding="utf-8")
    for default, optimum in (("1.0393", "1.0392 (0.2989)"), ("0.1010", "0.1012")):
        assert default in text.replace("\n", " ")
        assert optimum in published


def test_the_number_check_can_fail() -> None:
    notebook = nbformat.read(HSB, as_version=4)
    numbers = shown(notebook)
    assert len(claims(notebook)) > 30
    assert agrees("2.19", False, numbers)
    assert not agrees("2.27", False, [2.19, 2.28])
    assert agrees("18%".rstrip("%"), True, [0.1804])
    assert not agrees("19", True, [0.1804])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem[:13])
def test_a_cell_can_be_read_at_one_glance(path: Path) -> None:
    """At most six lines of code, docstrings and comments aside."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            code = re.sub(r'"""[^"]*"""', "", cell.source)
            lines = [x for x in code.splitlines() if x.strip() and not x.strip().startswith("#")]
            assert len(lines) <= 6, cell.source
            assert max(map(len, cell.source.splitlines())) <= 110, cell.source


def run(folder: Path, name: str) -> None:
    notebook = nbformat.read(folder / name, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()


@pytest.mark.parametrize(
    ("true", "false"), [("12.1136", "12.1137"), ("(0.2398)", "(0.2397)"), ("0.1012", "0.1010")]
)
def test_one_wrong_published_digit_stops_walkthrough_1(
    tmp_path: Path, true: str, false: str
) -> None:
    shutil.copy(HSB, tmp_path)
    shutil.copytree(FOLDER / "r_output", tmp_path / "r_output")
    table = (FOLDER / "published_hsb82.csv").read_text(encoding="utf-8")
    assert true in table
    forged = table.replace(true, false, 1)
    (tmp_path / "published_hsb82.csv").write_text(forged, encoding="utf-8")
    with pytest.raises(CellExecutionError, match="not as published"):
        run(tmp_path, HSB.name)
