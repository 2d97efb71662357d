"""The write-up table: every number in it is the fit's, in every format."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.errors import MLMError
from mlm_helpers.report.paper import FORMATS, WriteUp, write_up

M3 = "mathach ~ 1 + sector + meanses + cses + sector * cses + meanses * cses + (1 + cses | school)"


@pytest.fixture(scope="module")
def hsb() -> pd.DataFrame:
    data = mlm.load_dataset("hsb82")
    data["cses"] = mlm.center_within(data, "ses", "school")
    return data


@pytest.fixture(scope="module")
def fits(hsb: pd.DataFrame) -> tuple[MLMFit, ...]:
    formulas = (
        "mathach ~ 1 + (1 | school)",
        "mathach ~ 1 + cses + (1 + cses | school)",
        "mathach ~ 1 + cses + sector + sector * cses + (1 + cses | school)",
        M3,
    )
    return tuple(mlm.fit_mlm(f, hsb) for f in formulas)


def cell(table: WriteUp, section: str, row: str, model: int) -> str:
    """The one cell whose section and row begin with these words."""
    frame = table.frame
    found = [
        i
        for i, (s, r) in enumerate(frame.index)
        if s.startswith(section) and (r == row or r.startswith(f"{row},"))
    ]
    assert len(found) == 1, (section, row, list(frame.index))
    return str(frame.iloc[found[0], model])


def shown(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


ROWS = {
    "gamma00": ("Mean", "Intercept"),
    "gamma01": ("Mean", "Sector (Catholic = 1)"),
    "gamma02": ("Mean", "School mean SES"),
    "gamma10": ("Within-school", "Intercept"),
    "gamma11": ("Within-school", "Sector (Catholic = 1)"),
    "gamma12": ("Within-school", "School mean SES"),
}


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("symbol", list(ROWS))
def test_fixed_effects_are_the_fits(fits: tuple[MLMFit, ...], symbol: str, decimals: int) -> None:
    m3 = fits[-1]
    row = m3.fixed_effects.loc[m3.structure.coefficient(symbol).column]
    text = cell(write_up(*fits, decimals=decimals), *ROWS[symbol], 3)
    number, stars, error = re.fullmatch(r"([−\d.,]+)(\**) \(([\d.]+)\)", text).groups()  # type: ignore[union-attr]
    assert number == shown(row["estimate"], decimals)
    assert error == shown(row["std_error"], decimals)
    assert len(stars) == sum(row["p"] < limit for limit in (0.05, 0.01, 0.001))


def test_random_part_and_size_are_the_fits(fits: tuple[MLMFit, ...]) -> None:
    table, sds = write_up(*fits, decimals=3), write_up(*fits, decimals=3, random="sd")
    for k, fit in enumerate(fits):
        v = fit.variance_components
        rows = {
            "tau00": "Means",
            "tau11": "SES slopes",
            "tau01": "Covariance of means and SES slopes",
        }
        for symbol, row in rows.items():
            expected = shown(v.loc[symbol, "variance"], 3) if symbol in v.index else ""
            assert cell(table, "Variances", row, k) == expected
        assert cell(table, "Variance within", "Residual", k) == shown(fit.sigma2, 3)
        assert cell(sds, "Standard deviation within", "Residual", k) == shown(fit.sigma, 3)
        assert cell(sds, "Standard deviations", "Means", k) == shown(v.loc["tau00", "sd"], 3)
        assert cell(table, "Fit", "REML criterion", k) == f"{fit.criterion:,.1f}"
        assert cell(table, "Fit", "Parameters", k) == str(fit.npar)
        assert cell(table, "Fit", "Students", k) == "7,185"
        assert cell(table, "Fit", "Schools", k) == "160"
    correlation = fits[3].variance_components.loc["tau01", "corr"]
    assert cell(sds, "Standard dev", "Correlation of means and SES slopes", 3) == shown(
        correlation, 3
    )


def test_default_digits_leave_the_smallest_standard_error_two(fits: tuple[MLMFit, ...]) -> None:
    smallest = min(se for f in fits for se in f.fixed_effects["std_error"])
    text = cell(write_up(*fits), *ROWS["gamma10"], 3)
    decimals = len(text.split(".")[1].split("*")[0])
    assert float(f"{smallest:.{decimals}f}") == pytest.approx(smallest, rel=0.05)
    thousandths = fits[1].data.assign(mathach=fits[1].data["mathach"] / 1000)
    small = write_up(mlm.fit_mlm(fits[1].formula, thousandths))
    assert re.fullmatch(r"0\.\d{5}\*\*\* \(0\.\d{5}\)", cell(small, "Within", "Intercept", 0))


def test_ml_fits_have_deviance_aic_and_bic(fits: tuple[MLMFit, ...]) -> None:
    ml = fits[1].refit(reml=False)
    table = write_up(fits[1], ml, names=["REML", "ML"])
    assert list(table.frame.columns) == ["REML", "ML"]
    assert cell(table, "Fit", "REML criterion", 1) == ""
    for row, value in (("Deviance", ml.criterion), ("AIC", ml.aic), ("BIC", ml.bic)):
        name = "Deviance (−2 log-likelihood)" if row == "Deviance" else row
        assert cell(table, "Fit", name, 0) == ""
        assert cell(table, "Fit", name, 1) == f"{value:,.1f}"


class Cells(HTMLParser):
    """Rows of an HTML table; complains about tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "br":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def html_cells(text: str) -> list[list[str]]:
    parser = Cells()
    parser.feed(text)
    assert not parser.open
    return [r[1:] for r in parser.rows if len(r) > 1]


def latex_cells(text: str) -> list[list[str]]:
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    lines = [x for x in body.splitlines() if x.endswith(r"\\") and not x.startswith(r"\multi")]
    out = []
    for line in lines:
        cells = [c.strip() for c in line.removesuffix(r"\\").split(" & ")][1:]
        out.append([re.sub(r"\^\{(\**)\}", r"\1", c).replace("$", "") for c in cells])
    return [[c.replace("-", "−") for c in row] for row in out]


def tsv_cells(text: str) -> list[list[str]]:
    return [line.split("\t")[1:] for line in text.splitlines()]


def text_cells(text: str) -> list[list[str]]:
    lines = text.split("\n")
    rules = [i for i, line in enumerate(lines) if set(line) == {"-"}]
    return [re.split(r"\s{2,}", x.strip())[1:] for x in lines[rules[1] + 1 : rules[2]]]


READERS: dict[str, Callable[[str], list[list[str]]]] = {
    "html": html_cells,
    "latex": latex_cells,
    "tsv": tsv_cells,
    "text": text_cells,
}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_the_same_cells(fits: tuple[MLMFit, ...], format: str) -> None:
    table = write_up(*fits, format=format)  # type: ignore[arg-type]
    expected = [[c for c in row] for row in table.frame.to_numpy().tolist()]
    found = READERS[format](str(table))
    if format == "text":  # empty cells leave no trace between blanks
        expected = [[c for c in row if c] for row in expected]
    found = [row for row in found if any(row)]
    assert [row for row in found if row != list(table.columns)] == expected


def test_html_is_accessible_and_pastes_into_word(fits: tuple[MLMFit, ...]) -> None:
    table = write_up(*fits)
    text = table.html
    assert text == table._repr_html_()
    assert text.count('scope="col"') == len(fits)
    assert text.count('scope="row"') == len(table.frame)
    assert "<caption" in text
    # Word reads borders from the cells, not from a style sheet or the rows
    assert "<style" not in text
    assert "class=" not in text
    assert "border-top:1.5px solid;border-bottom:1px solid" in text
    assert "γ<sub>00</sub>" in text


def test_names_with_special_characters_stay_text(hsb: pd.DataFrame) -> None:
    odd = hsb.rename(columns={"cses": "a_b", "mathach": "score"})
    fit = mlm.fit_mlm("score ~ a_b + C(size > 1000) + (1 | school)", odd)
    table = write_up(fit, names=["<b> & 100% $x$ #1_~^\\{}"], vocabulary=None)
    assert html.escape("<b> & 100% $x$ #1_~^\\{}") in table.html
    head = r"$<$b$>$ \& 100\% \$x\$ \#1\_\textasciitilde{}\textasciicircum{}\textbackslash{}\{\}"
    assert head in table.latex
    assert "a_b" not in table.latex
    assert r"a\_b" in table.latex
    html_cells(table.html)


def test_symbols_only_where_all_models_agree(hsb: pd.DataFrame, fits: tuple[MLMFit, ...]) -> None:
    other = mlm.fit_mlm("mathach ~ meanses * cses + sector * cses + (1 + cses | school)", hsb)
    rows = [r for _, r in write_up(fits[2], other).frame.index]
    assert "Intercept, γ00" in rows
    assert "Sector (Catholic = 1)" in rows  # γ01 in one, γ02 in the other
    assert not any("γ01" in r or "γ02" in r for r in rows)
    assert "School mean SES, γ02" in [r for _, r in write_up(fits[2], fits[3]).frame.index]


def test_products_match_whichever_way_they_are_written(hsb: pd.DataFrame) -> None:
    a = mlm.fit_mlm("mathach ~ cses * sector + (1 | school)", hsb)
    b = mlm.fit_mlm("mathach ~ sector * cses + (1 | school)", hsb)
    frame = write_up(a, b).frame
    assert (frame.iloc[:, 0] == frame.iloc[:, 1]).all()


def test_notes_say_what_a_reader_must_know(hsb: pd.DataFrame, fits: tuple[MLMFit, ...]) -> None:
    notes = " ".join(write_up(*fits).notes)
    assert "SES is centered within schools" in notes
    assert "Satterthwaite" in notes
    assert "not comparable" in notes
    assert "not comparable" not in " ".join(write_up(fits[1]).notes)
    assert "p-values" not in " ".join(write_up(fits[1], stars=False).notes)
    holes = hsb.copy()
    holes.loc[holes.index[:5], "cses"] = np.nan
    less = mlm.fit_mlm("mathach ~ cses + (1 | school)", holes)
    notes = " ".join(write_up(fits[1], less).notes)
    assert "different rows" in notes
    assert "5 rows left out" in notes
    centered = hsb.assign(m=mlm.center_grand(hsb, "meanses", over="groups", group="school"))
    fit = mlm.fit_mlm("mathach ~ m + (1 | school)", centered)
    assert "m is centered on its mean over schools" in " ".join(write_up(fit).notes)


def test_categories_are_named_with_their_reference(hsb: pd.DataFrame) -> None:
    kinds = hsb.assign(kind=np.where(hsb["size"] > 1500, "large", "small"))
    fit = mlm.fit_mlm("mathach ~ cses * kind + (1 + cses | school)", kinds)
    assert "kind: small (against large), γ01" in " ".join(r for _, r in write_up(fit).frame.index)


def test_print_show_and_save(fits: tuple[MLMFit, ...], tmp_path: Path) -> None:
    table = write_up(*fits)
    assert repr(table) == table.text
    latex = write_up(*fits, format="latex")
    assert str(latex) == repr(latex) == table.latex
    assert latex._repr_html_() is None
    for ending, format in ((".html", "html"), (".tex", "latex"), (".txt", "text"), (".tsv", "tsv")):
        file = table.save(tmp_path / f"table{ending}")
        assert table.to(format) in file.read_text(encoding="utf-8")  # type: ignore[arg-type]
    assert 'charset="utf-8"' in (tmp_path / "table.html").read_text(encoding="utf-8")


def test_wrong_use_gets_one_sentence(hsb: pd.DataFrame, fits: tuple[MLMFit, ...]) -> None:
    other = mlm.fit_mlm("ses ~ 1 + (1 | school)", hsb)
    sectors = mlm.fit_mlm("mathach ~ 1 + (1 | sector)", hsb)
    wrong = [
        (lambda: write_up(), "at least one fit"),
        (lambda: write_up(fits), "got tuple"),  # type: ignore[arg-type]
        (lambda: write_up(fits[0], other), "outcome 'mathach' and fit 2 has 'ses'"),
        (lambda: write_up(fits[0], sectors), "groups 'school' and fit 2 has 'sector'"),
        (lambda: write_up(*fits, names=["a"]), "4 fits but 1 names"),
        (lambda: write_up(*fits, names="abcd"), "must be a list"),
        (lambda: write_up(*fits, format="latx"), "Did you mean 'latex'"),  # type: ignore[arg-type]
        (lambda: write_up(*fits, random="se"), "'variance' or 'sd'"),  # type: ignore[arg-type]
        (lambda: write_up(*fits, decimals=11), "whole number from 0 to 10"),
        (lambda: write_up(*fits, decimals=2.5), "whole number from 0 to 10"),  # type: ignore[arg-type]
        (lambda: write_up(*fits).save("table.docx"), ".html, .htm, .tex, .txt or .tsv"),
        (lambda: write_up(*fits).save("no/such/folder/t.tex"), "could not be written"),
    ]
    for act, words in wrong:
        with pytest.raises(MLMError) as error:
            act()
        assert words in str(error.value)
        assert "\n" not in str(error.value)
