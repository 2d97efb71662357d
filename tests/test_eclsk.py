"""The reader of the ECLS-K:2011 file, on made-up children in the same formats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlm_helpers.authoring.eclsk import build as eclsk
from mlm_helpers.authoring.eclsk.fixed_width import Field, parse_dictionary, read_fixed_width
from mlm_helpers.errors import MLMError

# name: (line, first column, width, format). Three lines per child, as the real file has 27; the
# columns are nobody's but this test's.
FIELDS = {
    "CHILDID": (1, 1, 8, "s"),
    "S3_ID": (1, 9, 4, "s"),
    "S4_ID": (1, 13, 4, "s"),
    "X4RSCALK5": (2, 5, 8, "8.4f"),
    "X4PUBPRI": (2, 13, 2, "2.0f"),
    "X12SESL": (3, 1, 6, "6.2f"),
    "X4SESL_I": (3, 9, 6, "6.2f"),
}
LINES, WIDTH = 3, 40


def children() -> pd.DataFrame:
    """30 schools with 4 to 12 children, and children with every reason to be left out."""
    rng = np.random.default_rng(62)
    rows = []
    for school in range(30):
        private = school % 5 == 0
        for _ in range(4 + school % 9):
            ses = rng.normal(0.4 if private else -0.1, 0.8)
            score = 90 + 7 * ses + rng.normal(0, 12) + 3 * (school % 4)
            rows.append((f"{1001 + school}", score, 2 if private else 1, ses, ses + 0.3))
    frame = pd.DataFrame(rows, columns=["S4_ID", "X4RSCALK5", "X4PUBPRI", "X12SESL", "X4SESL_I"])
    frame["X4RSCALK5"] = frame["X4RSCALK5"].round(4)
    frame[["X12SESL", "X4SESL_I"]] = frame[["X12SESL", "X4SESL_I"]].round(2)
    frame.loc[0, "X4RSCALK5"] = -9
    frame.loc[1, "X4RSCALK5"] = -1
    frame.loc[2, "X12SESL"] = -9
    frame.loc[4, "S4_ID"] = "-9"
    frame.loc[5, "X4PUBPRI"] = -9
    frame.loc[6, "X12SESL"] = -1.0  # a value of the index, and a code elsewhere
    large = frame.index[frame["S4_ID"] == "1008"][:2]
    frame.loc[large, "X12SESL"] = -9  # X4SESL_I is there
    frame.insert(0, "CHILDID", [f"1{k:07d}" for k in range(len(frame))])
    frame.insert(1, "S3_ID", frame["S4_ID"])
    return frame


def written(value: object, kind: str, bare_codes: bool) -> str:
    if kind == "s":
        return str(value)
    if bare_codes and float(value) in (-9, -1):  # type: ignore[arg-type]
        return f"{float(value):.0f}"  # type: ignore[arg-type]
    return f"{value:{kind}}"


def write_dat(folder: Path, frame: pd.DataFrame, bare_codes: bool = True) -> None:
    lines = []
    for _, child in frame.iterrows():
        record = [[" "] * WIDTH for _ in range(LINES)]
        for name, (line, first, width, kind) in FIELDS.items():
            text = written(child[name], kind, bare_codes).rjust(width)
            assert len(text) == width
            record[line - 1][first - 1 : first - 1 + width] = text
        lines += ["".join(line) for line in record]
    (folder / "childK5p.dat").write_bytes("\r\n".join(lines).encode("latin-1") + b"\r\n")


def dct() -> str:
    out = ['dictionary using "C:/Data (new)/childK5p.dat"   {', f"      _lines({LINES})"]
    for line in range(1, LINES + 1):
        out.append(f"     _line({line})")
        for name, (at, first, width, kind) in FIELDS.items():
            stored = f"str{width}" if kind == "s" else "double"
            shown = f"%{width}s" if kind == "s" else f"%{kind}"
            if at == line:
                out.append(
                    f'  _column({first})  {stored}     {name}   {shown}   "A CHILD\'S %8s X"'
                )
    return "\r\n".join([*out, "}", ""])


def sps() -> str:
    out = ["* CHILD FILE. K5.", f"DATA LIST FILE='C:/Data/childK5p.dat' RECORDS={LINES} TABLE"]
    for line in range(1, LINES + 1):
        out.append("   /" if line == 1 else f"   /{line}")
        for name, (at, first, width, kind) in FIELDS.items():
            decimals = kind.partition(".")[2].rstrip("f")
            suffix = " (A)" if kind == "s" else f" ({decimals})" if decimals != "0" else ""
            if at == line:
                out.append(f"   {name} {first}-{first + width - 1}{suffix}")
    out += ["   .", "VARIABLE LABELS", '      S4_ID 17-20   "SPRING 2012"', "   ."]
    return "\n".join(out)


def infix() -> str:
    out = ["clear", f"infix {LINES} lines ///"]
    for line in range(1, LINES + 1):
        out.append(f"  {line}: ///")
        for name, (at, first, width, kind) in FIELDS.items():
            if at == line:
                stored = "str " if kind == "s" else "double "
                out.append(f"  {stored}{name} {first}-{first + width - 1} ///")
    return "\n".join([*out, '  using "C:/Data/childK5p.dat", clear', "label variable S4_ID 1-2"])


DICTIONARIES = {"K5PUF.dct": dct, "K5PUF.sps": sps, "K5PUF.do": infix}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "eclsk"
    place.mkdir()
    write_dat(place, children())
    (place / "K5PUF.dct").write_text(dct(), encoding="latin-1")
    return place


def run(capsys, *arguments):
    code = eclsk.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


# ---- dictionaries ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", DICTIONARIES)
def test_every_kind_of_dictionary_says_where_each_variable_stands(name):
    layout = parse_dictionary(DICTIONARIES[name](), name)
    assert layout.lines == LINES
    assert set(layout.fields) == set(FIELDS)
    for variable, (line, first, width, kind) in FIELDS.items():
        decimals = int(kind.partition(".")[2].rstrip("f") or 0) if "infix" not in name else 0
        expected = Field(line, first - 1, width, kind == "s", 0 if name == "K5PUF.do" else decimals)
        assert layout.field(variable) == expected


def test_columns_go_on_from_variable_to_variable_where_the_dictionary_leaves_them_out():
    text = "infile dictionary {\n _skip(3)\n str4 a %4s\n int b %2f _newline(2) c %5.2f }"
    layout = parse_dictionary(text)
    assert layout.fields == {
        "A": Field(1, 3, 4, True),
        "B": Field(1, 7, 2),
        "C": Field(3, 0, 5, False, 2),
    }
    assert layout.lines == 3


def test_a_slash_goes_on_to_the_next_line_in_spss():
    text = "DATA LIST FILE=x RECORDS=4\n / A 1-3 (A)\n / B 7\n /4 C 2-5 (F,2)\n.\nD 8-9"
    layout = parse_dictionary(text)
    assert layout.fields == {
        "A": Field(1, 0, 3, True),
        "B": Field(2, 6, 1),
        "C": Field(4, 1, 4, False, 2),
    }


# ---- the same children from every format -------------------------------------------------------
def expected() -> pd.DataFrame:
    frame = children()
    frame["S4_ID"] = frame["S4_ID"].replace("-9", "")
    return frame[["S4_ID", "X4PUBPRI", "X4RSCALK5", "X12SESL", "X4SESL_I"]].astype(
        {"X4PUBPRI": float}
    )


def same(found: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected(), check_dtype=False, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", DICTIONARIES)
@pytest.mark.parametrize("bare_codes", [True, False], ids=["-9", "-9.0000"])
def test_fixed_width_files_are_read(tmp_path, name, bare_codes):
    write_dat(tmp_path, children(), bare_codes)
    (tmp_path / name).write_text(DICTIONARIES[name](), encoding="latin-1")
    source = eclsk.find_source(tmp_path)
    assert source.described == f"childK5p.dat with {name}, 3 lines per child"
    same(eclsk.read_children(source))


@pytest.mark.parametrize("lower", [False, True], ids=["CAPITALS", "small"])
@pytest.mark.parametrize("kind", ["sav", "dta"])
def test_files_of_spss_and_stata_are_read(tmp_path, kind, lower):
    import pyreadstat

    frame = children()
    if lower:
        frame.columns = [c.lower() for c in frame.columns]
    write = pyreadstat.write_sav if kind == "sav" else pyreadstat.write_dta
    write(frame, str(tmp_path / f"eclsk.{kind}"))
    same(eclsk.read_children(eclsk.find_source(tmp_path)))


def test_user_missing_codes_of_spss_are_kept_as_codes(tmp_path):
    import pyreadstat

    ranges = {"X4RSCALK5": [{"lo": -9, "hi": -1}], "X12SESL": [-9]}
    pyreadstat.write_sav(children(), str(tmp_path / "x.sav"), missing_ranges=ranges)
    same(eclsk.read_children(eclsk.find_source(tmp_path)))


def test_a_number_without_its_point_gets_the_decimals_of_the_dictionary(tmp_path):
    (tmp_path / "x.dat").write_text("1234\n 5.5\n  -9\n   .\n    \n    \n 1\n")
    layout = parse_dictionary("infile dictionary { score %4.2f }")
    values = read_fixed_width(tmp_path / "x.dat", layout, ["score"])["score"]
    assert values[:4].tolist()[:3] == [12.34, 5.5, -9]
    assert np.isnan(values[3])


# ---- the table ---------------------------------------------------------------------------------
def test_everyone_left_out_is_counted_once(folder):
    raw = eclsk.read_children(eclsk.find_source(folder))
    data, left_out = eclsk.build_table(raw, eclsk.Choices("X4RSCALK5", "X12SESL", 5))
    assert list(left_out.values())[:5] == [1, 0, 1, 2, 3]
    assert len(data) + sum(left_out.values()) == len(raw)
    assert data["schid"].value_counts().min() >= 5
    assert list(data.columns) == eclsk.COLUMNS


def test_the_table_is_centered_as_the_lecture_does(folder):
    raw = eclsk.read_children(eclsk.find_source(folder))
    data, _ = eclsk.build_table(raw, eclsk.Choices("X4RSCALK5", "X12SESL"))
    assert data.groupby("schid")["famsesc"].mean().abs().max() < 1e-12
    assert abs(data["schsesgdm"].mean()) < 1e-12  # over children, not over schools
    assert abs(data.groupby("schid")["schsesgdm"].first().mean()) > 1e-3
    assert set(data["sector"]) == {0, 1}
    private = raw[raw["X4PUBPRI"] == 2]["S4_ID"].astype(int)
    assert set(data.loc[data["sector"] == 1, "schid"]) <= set(private)
    assert -1.0 in set(data["famses"])


def test_choices_not_given_are_those_nearest_to_the_deck(folder, monkeypatch):
    raw = eclsk.read_children(eclsk.find_source(folder))
    wanted = eclsk.Choices("X4RSCALK5", "X4SESL_I", 7)
    monkeypatch.setattr(eclsk, "DECK_COUNTS", eclsk.counts(eclsk.build_table(raw, wanted)[0]))
    start = eclsk.Choices("X4RSCALK5", "X12SESL")
    assert eclsk.nearest_choices(raw, start, True, True) == wanted
    assert eclsk.nearest_choices(raw, start, False, False) == start


# ---- the command -------------------------------------------------------------------------------
def test_the_report_says_what_was_found_beside_the_deck(folder, capsys):
    code, out, err = run(capsys, folder, "--ses", "X12SESL", "--min-students", "1")
    assert (code, err) == (0, "")
    n = len(children())
    assert f"Read childK5p.dat with K5PUF.dct, 3 lines per child: {n} children." in out
    rows = {line.split("  ")[0]: line.split()[-2:] for line in out.splitlines()}
    assert rows["students"] == [str(n - 7), "11,091"]
    assert rows["public schools"] == ["24", "672"]
    assert rows["private schools"] == ["6", "70"]
    assert "Not the deck's: students, schools, public, private." in out
    assert "Model 2 is not reproduced: 0 of 12 figures are the deck's." in out
    assert "family SES is X12SESL (as you asked); it might be X4SESL_I" in out
    assert "X12SESL is exactly −1 for 1 child." in out
    assert {p.name for p in folder.iterdir()} == {"K5PUF.dct", "childK5p.dat"}


def test_the_figures_of_model_2_are_those_of_the_fit(folder, capsys):
    from mlm_helpers import fit_mlm

    _, out, _ = run(capsys, folder, "--ses", "x4sesl_i", "--min-students", "6")
    raw = eclsk.read_children(eclsk.find_source(folder))
    data, _ = eclsk.build_table(raw, eclsk.Choices("X4RSCALK5", "X4SESL_I", 6))
    fit = fit_mlm(eclsk.MODEL2, data)
    row = fit.fixed_effects.loc[fit.structure.coefficient("gamma11").column]
    assert f"{row['estimate']:.4f} ({row['std_error']:.4f})" in out
    assert f"{fit.criterion:.1f}" in out


def test_a_file_that_is_the_lectures_is_recognised(tmp_path, capsys, monkeypatch):
    raw_frame = children()
    write_dat(tmp_path, raw_frame)
    (tmp_path / "K5PUF.sps").write_text(sps())
    raw = eclsk.read_children(eclsk.find_source(tmp_path))
    data, _ = eclsk.build_table(raw, eclsk.Choices("X4RSCALK5", "X12SESL", 4))
    monkeypatch.setattr(eclsk, "DECK_COUNTS", eclsk.counts(data))
    from mlm_helpers import fit_mlm

    fit = fit_mlm(eclsk.MODEL2, data)
    table = fit.fixed_effects.rename(index={"sector:famsesc": "famsesc:sector"})
    printed = {
        name: (f"{row['estimate']:.4f}", f"{row['std_error']:.4f}")
        for name, row in table.iterrows()
    }
    t = fit.T.to_numpy()
    printed |= {"τ00": (f"{t[0, 0]:.2f}", ""), "τ11": (f"{t[1, 1]:.2f}", "")}
    printed |= {"σ²": (f"{fit.sigma2:.2f}", ""), "REML criterion": (f"{fit.criterion:.1f}", "")}
    monkeypatch.setattr(eclsk, "DECK_MODEL2", printed)
    _, out, _ = run(capsys, tmp_path)
    assert "The four counts are the deck's." in out
    assert "Model 2 is reproduced: every figure is the deck's." in out


def test_the_twin_in_the_files_format_reproduces_the_deck(tmp_path, capsys):
    """ex1 was built to print the deck's figures; written as childK5p.dat it must do so again."""
    from mlm_helpers import load_dataset

    ex1 = load_dataset("ex1")
    column = {"g1rscore": "X4RSCALK5", "famses": "X12SESL"}
    lines = []
    for child in ex1[["schid", "sector", *column]].itertuples(index=False):
        lines += [f"{child.schid:>8}{1 + child.sector:2d}", f"{child.g1rscore!r:>24}"]
        lines.append(f"{child.famses!r:>24}")
    (tmp_path / "childK5p.dat").write_text("\n".join(lines) + "\n")
    (tmp_path / "K5PUF.sps").write_text(
        "DATA LIST FILE='childK5p.dat' RECORDS=3\n /1 S4_ID 1-8 (A) X4PUBPRI 9-10\n"
        " /2 X4RSCALK5 1-24 (4)\n /3 X12SESL 1-24 (2)\n.\n"
    )
    code, out, _ = run(capsys, tmp_path, "--min-students", "1")
    assert code == 0
    assert "The four counts are the deck's." in out
    assert "Model 2 is reproduced: every figure is the deck's." in out


def test_the_table_is_written_on_request_only(folder, tmp_path, capsys):
    target = tmp_path / "ex1_eclsk.csv"
    code, out, _ = run(capsys, folder, "--out", target, "--min-students", "4")
    assert code == 0
    assert "Written" in out
    data = pd.read_csv(target)
    assert list(data.columns) == eclsk.COLUMNS
    assert data["schid"].dtype == "int64"
    before = target.read_bytes()
    code, out, err = run(capsys, folder, "--out", target)
    assert (code, out) == (1, "")
    assert "exists already" in err
    assert target.read_bytes() == before


def test_it_runs_as_a_module(folder):
    command = [sys.executable, "-m", "mlm_helpers.authoring.eclsk", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "these data" in done.stdout


# ---- one sentence for what is wrong ------------------------------------------------------------
def break_lines(folder):
    path = folder / "childK5p.dat"
    path.write_bytes(path.read_bytes().rsplit(b"\r\n", 2)[0] + b"\r\n")


def break_columns(folder):
    (folder / "K5PUF.dct").write_text(dct().replace("_column(5)", "_column(9)"))


def shorten(folder):
    path = folder / "childK5p.dat"
    path.write_bytes(b"\r\n".join(line[:10] for line in path.read_bytes().split(b"\r\n")))


def rename(old, new):
    def change(folder):
        (folder / "K5PUF.dct").write_text(dct().replace(old, new))

    return change


def only(*names):
    def change(folder):
        for path in list(folder.iterdir()):
            path.unlink()
        for name in names:
            (folder / name).write_text("nothing")

    return change


def second(folder):
    (folder / "childk4p.dat").write_text("x")


def do_only(folder):
    (folder / "K5PUF.dct").unlink()
    (folder / "K5PUF.do").write_text('infile using "C:/K5PUF.dct", clear')


def no_one_left(folder):
    frame = children()
    frame["X4PUBPRI"] = -9
    write_dat(folder, frame)


def one_school(folder):
    frame = children()
    frame["S4_ID"] = "1001"
    frame["X4PUBPRI"] = 1
    write_dat(folder, frame)


WRONG = {
    "cut off": (break_lines, "each case takes 3", "cut off"),
    "other columns": (break_columns, "is not a number", "another release"),
    "short lines": (shorten, "has 10 characters", "do not belong together"),
    "no school": (rename("S4_ID", "SCH_ID"), "no variable S4_ID", ""),
    "no sector": (rename("X4PUBPRI", "X4PUBPRV"), "Did you mean 'X4PUBPRV'?", ""),
    "no score": (rename("X4RSCALK5", "X4RTHETK5"), "no reading score of grade 1", ""),
    "no SES": (rename("SESL", "INCC"), "no family SES", ""),
    "empty folder": (only(), "There is no child file", ""),
    "packed": (only("ChildK5p.zip"), "still packed", ""),
    "no dictionary": (only("childK5p.dat"), "There is no dictionary", ""),
    "not a dictionary": (only("childK5p.dat", "a.sps"), "names no variables", ""),
    "two files": (second, "may all be the child file", ""),
    "do only": (do_only, "reads them from a .dct file", ""),
    "not SPSS": (only("a.sav"), "a.sav cannot be read", ""),
    "nobody left": (no_one_left, "No child remains", "sector neither 1 nor 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(folder, capsys, tmp_path, case):
    change, *parts = WRONG[case]
    change(folder)
    target = tmp_path / "out.csv"
    code, out, err = run(capsys, folder, "--out", target)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert str(tmp_path) not in err
    for part in parts:
        assert part in err
    assert not target.exists()


def test_a_model_that_cannot_be_fitted_is_said_and_the_counts_stay(folder, capsys):
    one_school(folder)
    code, out, _ = run(capsys, folder)
    assert code == 0
    assert "Model 2 cannot be fitted to these data." in out
    assert "“school” 1001 has" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--min-students", "0"], "--min-students must be 1 or more"),
        (["--score", "X4RSCALK2"], "has no variable X4RSCALK2"),
        (["--out", "table.xlsx"], "let 'table.xlsx' end in .csv"),
        (["--out", "nowhere/table.csv"], "There is no folder 'nowhere'"),
    ],
)
def test_options_that_cannot_be_are_said(folder, capsys, arguments, said):
    code, out, err = run(capsys, folder, *arguments)
    assert (code, out) == (1, "")
    assert said in err


def test_a_folder_that_is_not_there(capsys):
    code, _, err = run(capsys, "no such folder")
    assert code == 1
    assert err == "There is no folder 'no such folder'.\n"


def test_errors_have_the_projects_type():
    with pytest.raises(MLMError):
        parse_dictionary("hello")
