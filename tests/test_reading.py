"""Text files are read so that no cell slips into another column: ragged lines are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm_helpers.data.reading import read_data
from mlm_helpers.errors import MLMError

WAYS = [
    (",", "utf-8", "\n"),
    (";", "utf-8", "\r\n"),
    ("\t", "utf-16", "\r\n"),
    ("|", "utf-8", "\n"),
    (";", "cp1252", "\r"),
    (",", "utf-8-sig", "\r\n"),
]
ROWS = [["class", "ses", "note"], ["Größe 1", "1.5", "a"], ["b", "2.5", "c"], ["d", "-3.5", "e"]]


def write(path: Path, rows: list[list[str]], sep: str, encoding: str, end: str) -> Path:
    path.write_bytes((end.join(sep.join(r) for r in rows) + end).encode(encoding))
    return path


@pytest.mark.parametrize(("sep", "encoding", "end"), WAYS)
def test_a_file_is_read_whatever_separates_its_cells(
    tmp_path: Path, sep: str, encoding: str, end: str
) -> None:
    more = {"encoding": "cp1252"} if encoding == "cp1252" else {}
    read = read_data(write(tmp_path / "a.csv", ROWS, sep, encoding, end), **more)
    assert list(read.columns) == ["class", "ses", "note"]
    assert read["class"].tolist() == ["Größe 1", "b", "d"]
    assert read["ses"].tolist() == [1.5, 2.5, -3.5]


RAGGED = {
    "one cell more in every row": ([[*r, "9"] for r in ROWS[1:]], 2, "first column a name"),
    "an empty cell more in every row": ([[*r, ""] for r in ROWS[1:]], 2, "end of the lines"),
    "one cell more in one row": ([*ROWS[1:3], [*ROWS[3], "9"]], 4, "need quotation marks"),
    "two cells more in the first row": ([[*ROWS[1], "9", "9"], *ROWS[2:]], 2, "quotation marks"),
    "a cell less": ([ROWS[1], ROWS[2][:2], ROWS[3]], 3, "cells are missing"),
    "less and more": ([ROWS[1], ROWS[2][:2], [*ROWS[3], "1"]], 3, "1 other line does"),
}


@pytest.mark.parametrize(("sep", "encoding", "end"), WAYS)
@pytest.mark.parametrize("kind", list(RAGGED))
def test_ragged_rows_are_refused_with_their_line(
    tmp_path: Path, kind: str, sep: str, encoding: str, end: str
) -> None:
    rows, line, advice = RAGGED[kind]
    more = {"encoding": "cp1252"} if encoding == "cp1252" else {}
    file = write(tmp_path / "a.txt", [ROWS[0], *rows], sep, encoding, end)
    with pytest.raises(MLMError, match=rf"^Line {line} of a\.txt has .*{advice}"):
        read_data(file, **more)


def test_line_numbers_count_the_lines_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('a,b\n"x\ny, z",1\n\n  \n"q",2,3\n', encoding="utf-8")
    with pytest.raises(MLMError, match=r"^Line 6 of"):
        read_data(file)
    file.write_text('a,b\n"x\ny, z",1\n\n"q ""r""",2\n', encoding="utf-8")
    read = read_data(file)
    assert read["a"].tolist() == ["x\ny, z", 'q "r"']
    assert read["b"].tolist() == [1, 2]


def test_a_quotation_mark_without_its_partner_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('a,b,c\n1,2,3\n"x,1,2\ny,2,3\nz,3,4\n', encoding="utf-8")
    with pytest.raises(MLMError, match=r"^Line 3 of .*not to be closed"):
        read_data(file)


def test_options_of_pandas_do_not_open_the_way_to_shifted_cells(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("made by somebody\na,b\n1,2,3\n4,5,6\n", encoding="utf-8")
    with pytest.raises(MLMError):
        read_data(file, skiprows=1)
    file.write_text("a b\n1 2 3\n4 5 6\n", encoding="utf-8")
    with pytest.raises(MLMError):
        read_data(file, sep=r"\s+")
    file.write_text("a;b\n1;2\n4;5\n", encoding="utf-8")
    assert read_data(file, delimiter=";")["b"].tolist() == [2, 5]


def test_a_title_above_the_names_is_no_header(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Our study\nid,ses\n1,2\n", encoding="utf-8")
    with pytest.raises(MLMError, match="no title above them"):
        read_data(file)
    assert read_data(file, skiprows=1)["ses"].tolist() == [2]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,ses,ses\n1,2,3\n", encoding="utf-8")
    with pytest.raises(MLMError, match="names the column 'ses' twice"):
        read_data(file)


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_decimal_commas_are_numbers(tmp_path: Path, sep: str) -> None:
    file = tmp_path / "a.txt"
    rows = [["id", "ses", "words"], ["1", "-0,5", "well, yes"], ["2", "12,25", "no"]]
    file.write_text("\n".join(sep.join(r) for r in rows), encoding="utf-8")
    assert read_data(file)["ses"].tolist() == [-0.5, 12.25]
    assert read_data(file)["words"].tolist() == ["well, yes", "no"]
