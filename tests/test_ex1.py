"""ex1 prints the deck: every number on the slides, compared as the string that was printed.

`reference/numbers.json` holds the strings. `reference/ex1_r.json` holds what R's lme4 and lmerTest
say about the same file; where R's own stopping error shows, the page of the data set says so, and
that table is checked here too.
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.data import datasets
from mlm_helpers.engine.rformat import r_format, r_pvalues

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "tests" / "reference"
NUMBERS = json.loads((REFERENCE / "numbers.json").read_text("utf-8"))
FROM_R = json.loads((REFERENCE / "ex1_r.json").read_text("utf-8"))
FILE = Path(datasets.__file__).parent / "ex1.csv.gz"

QUANTILES = ("min", "q1", "median", "q3", "max")
FORMULAS = {name: NUMBERS[name]["formula"] for name in ("model1", "model2", "model3")}


def as_printed(value: float, text: str) -> str:
    """`value` in the style of `text`: its decimals, its thousands commas, its percent sign."""
    if "e-" in text:
        digits = len(text.partition("e")[0].replace(".", ""))
        return f"{value:.{digits - 1}e}"
    comma = "," if abs(value) >= 1000 and "," in text else ""
    decimals = len(text.rstrip("%").partition(".")[2])
    return f"{value:{comma}.{decimals}f}" + "%" * text.endswith("%")


def leaves(tree: dict | list, path: tuple = ()) -> Iterator[tuple[tuple, str]]:
    """Every printed string with the path to it."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if key in ("about", "formula", "percent_explained_vs_model1"):
            continue
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def at(tree: dict, path: tuple) -> float:
    for key in path:
        tree = tree[key]
    return tree


@cache
def fits() -> dict[str, mlm.MLMFit]:
    ex1 = mlm.load_dataset("ex1")
    return {name: mlm.fit_mlm(formula, data=ex1) for name, formula in FORMULAS.items()}


@cache
def slope_test(name: str) -> mlm.Comparison:
    without = FORMULAS[name].replace("(1 + famsesc | schid)", "(1 | schid)")
    small = mlm.fit_mlm(without, data=mlm.load_dataset("ex1"))
    return mlm.compare(small, fits()[name])


def statistics(x: pd.Series) -> dict[str, float]:
    return {
        k: getattr(x, {"sd": "std"}.get(k, k))() for k in ("mean", "sd", "median", "min", "max")
    }


def eb_by_sector() -> dict:
    u = fits()["model1"].random_effects
    ex1 = mlm.load_dataset("ex1")
    sector = ex1.groupby("schid")["sector"].first().loc[u.index]
    return {
        effect: {
            word: statistics(u.loc[sector == code, effect])
            for code, word in ((0, "public"), (1, "private"))
        }
        for effect in ("u0", "u1")
    }


def slope_test_rows(name: str) -> list[dict]:
    rows = slope_test(name).table.to_dict("records")
    return [{k: v for k, v in row.items() if k != "p_boundary"} for row in rows]


def one_model(name: str) -> dict:
    fit = fits()[name]
    r = fit.scaled_residuals
    fixed = {}
    for term in NUMBERS[name]["fixed"]:
        column = "Intercept" if term == "(Intercept)" else term
        if column not in fit.fixed_effects.index:  # R and formulaic order a product differently
            column = ":".join(reversed(column.split(":")))
        fixed[term] = fit.fixed_effects.loc[column].to_dict()
    T = fit.T.to_numpy()
    sd = np.sqrt(np.diag(T))
    return {
        "reml_criterion": fit.criterion,
        "scaled_residuals": dict(zip(QUANTILES, r.quantile([0, 0.25, 0.5, 0.75, 1]), strict=True)),
        "random": {
            "intercept_variance": T[0, 0],
            "intercept_sd": sd[0],
            "slope_variance": T[1, 1],
            "slope_sd": sd[1],
            "corr": T[0, 1] / sd.prod(),
            "residual_variance": fit.sigma2,
            "residual_sd": fit.sigma,
        },
        "fixed": fixed,
    }


@cache
def from_ex1() -> dict:
    """The tree of numbers.json, unrounded, from the package's fits."""
    ex1 = mlm.load_dataset("ex1")
    schools = ex1.groupby("schid")["sector"].first()
    T = fits()["model1"].T.to_numpy()
    return {
        "sample": {
            "students": len(ex1),
            "schools": len(schools),
            "public_schools": int((schools == 0).sum()),
            "private_schools": int((schools == 1).sum()),
        },
        "model1": {
            "tau00": T[0, 0],
            "tau11": T[1, 1],
            "eb_by_sector": eb_by_sector(),
            "slope_variance_test_ml": slope_test_rows("model1"),
        },
        "model2": one_model("model2"),
        "model3": one_model("model3") | {"slope_variance_test_ml": slope_test_rows("model3")},
    }


def spelled(part: object) -> str:
    return "/".join(map(str, part)) if isinstance(part, tuple) else str(part)


@pytest.mark.parametrize(("path", "text"), list(leaves(NUMBERS)), ids=spelled)
def test_every_number_of_the_deck(path, text):
    value = at(from_ex1(), path)
    if text.startswith("<"):
        assert value < 2e-16
    else:
        assert as_printed(value, text) == text


def test_no_number_of_the_deck_is_left_out():
    assert len(list(leaves(NUMBERS))) == 128


@pytest.mark.parametrize("name", ["model2", "model3"])
def test_columns_as_r_formats_them(name):
    """R formats a column as a whole; so formatted, the columns are the deck's, digit for digit."""
    here, deck = from_ex1()[name], NUMBERS[name]
    for kind in ("variance", "sd"):
        keys = [f"{part}_{kind}" for part in ("intercept", "slope", "residual")]
        shown = r_format([here["random"][k] for k in keys], digits=4)
        assert shown == [deck["random"][k] for k in keys]
    shown = r_pvalues([row["p"] for row in here["fixed"].values()], digits=3)
    assert [s.replace("<2", "< 2") for s in shown] == [r["p"] for r in deck["fixed"].values()]


@pytest.mark.parametrize("name", ["model2", "model3"])
def test_printed_output_has_the_decks_rows(name):
    """`print(fit)` shows the deck's rows, whatever the spacing."""
    lines = [" ".join(line.split()) for line in str(fits()[name]).splitlines()]
    for term, row in NUMBERS[name]["fixed"].items():
        cells = " ".join([term, *row.values()])
        assert any(line.startswith(cells) for line in lines), cells
    quantiles = " ".join(NUMBERS[name]["scaled_residuals"].values())
    assert quantiles in lines
    assert f"REML criterion at convergence: {NUMBERS[name]['reml_criterion']}" in lines


def explained(full: str) -> list[str]:
    table = mlm.variance_explained(fits()["model1"], fits()[full])
    return [f"{100 * table.loc[k, 'explained']:.1f}%" for k in ("tau00", "tau11")]


def test_percentages_explained():
    printed = NUMBERS["model2"]["percent_explained_vs_model1"]
    assert explained("model2") == [printed["tau00"], printed["tau11"]]
    assert explained("model3") == ["69.4%", "17.2%"]  # less of the slope variance than Model 2


def test_what_the_slides_say_beyond_the_tables():
    p = [slope_test(name).table["p_boundary"].iloc[1] for name in ("model1", "model3")]
    assert [f"{p[0]:.3f}", f"{p[1]:.2f}"] == ["0.012", "0.13"]
    m2, m3 = (fits()[k].fixed_effects["estimate"] for k in ("model2", "model3"))
    assert f"{m3['schsesgdm'] - m3['famsesc']:.3f}" == "3.850"
    gamma11 = fits()["model2"].structure.coefficient("gamma11").column
    assert f"{m2['famsesc'] + m2[gamma11]:.3f}" == "3.811"
    assert f"{m3['famsesc'] + m3['sector:famsesc']:.3f}" == "4.094"
    assert f"{m3['Intercept'] + m3['sector']:.3f}" in ("95.522", "95.523")
    u = from_ex1()["model1"]["eb_by_sector"]
    gaps = [u[k]["private"]["mean"] - u[k]["public"]["mean"] for k in ("u0", "u1")]
    assert [f"{g:.2f}" for g in gaps] == ["5.10", "-0.67"]


def test_fits_are_plain_interior_optima():
    for fit in fits().values():
        assert fit.converged
        assert not fit.singular


# ---- the file ------------------------------------------------------------------------------


def test_file_is_small_and_written_without_time_or_name():
    content = FILE.read_bytes()
    assert len(content) < 600_000
    assert content[3] == 0  # no flags: no name of a file inside
    assert content[4:8] == bytes(4)  # no time
    header, first = gzip.decompress(content).decode().split("\n")[:2]
    assert header == "schid,famses,sector,g1rscore"
    assert first.count(",") == 3


def test_values_are_plausible():
    ex1 = mlm.load_dataset("ex1")
    n = ex1.groupby("schid").size()
    assert n.min() >= 5
    assert n.max() <= 27
    assert ex1["famses"].between(-3.2, 3.2).all()
    assert ex1["g1rscore"].between(28, 168).all()
    assert not ex1.duplicated().any()


# ---- R -------------------------------------------------------------------------------------


def differences() -> list[tuple[str, str, str, str]]:
    """Where R, at its default or tight, prints another string than the deck."""
    out = []
    for path, text in leaves({k: NUMBERS[k] for k in FORMULAS}):
        if text.startswith("<"):
            continue
        default, tight = (as_printed(at(FROM_R[k], path), text) for k in ("default", "tight"))
        if (default, tight) != (text, text):
            out.append(("/".join(map(str, path)), text, default, tight))
    return out


def test_r_with_a_tight_optimizer_prints_the_deck():
    """All of it but the df, where lmerTest's numerical derivatives leave six digits."""
    off = [path for path, text, _, tight in differences() if tight != text]
    assert all(path.endswith("/df") for path in off), off


def words(path: str) -> str:
    """A path of numbers.json in words for the page: `Model 2, famsesc, df`."""
    model, *rest = path.split("/")
    skip = {"fixed", "random", "scaled_residuals", "eb_by_sector"}
    named = {"slope_variance_test_ml": "slope variance test", "0": "without", "1": "with slope"}
    rest = [named.get(k, k.replace("_", " ")) for k in rest if k not in skip]
    return f"Model {model[-1]}, {', '.join(rest)}"


def table_of_differences() -> str:
    rows = [(words(path), *values) for path, *values in differences()]
    head = ["number", "deck and exact fit", "R by default", "R, tight optimizer"]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * 4, *rows]]
    return "\n".join(lines)


def test_page_shows_the_table_of_differences():
    assert table_of_differences() in mlm.codebook("ex1").text


@pytest.mark.parametrize("run", ["default", "tight"])
def test_r_agrees_to_its_own_stopping_error(run):
    """R's df may be off by its numerical derivatives; all else by the optimizer's last steps."""
    for path, text in leaves({k: NUMBERS[k] for k in FORMULAS}):
        ours, theirs = at(from_ex1(), path), at(FROM_R[run], path)
        if text.startswith("<"):
            assert theirs < 2e-16
        elif path[-1] == "df":
            assert theirs == pytest.approx(ours, rel=2e-4 if run == "default" else 2e-6), path
        else:
            unit = 10.0 ** -len(text.rstrip("%").partition("e")[0].partition(".")[2])
            unit *= 10.0 ** int(text.partition("e")[2] or 0)
            rel = 1e-5 if run == "default" else 0
            assert theirs == pytest.approx(ours, rel=rel, abs=unit), path


# ---- the builder: a second, independent likelihood ---------------------------------------------


@pytest.fixture
def builder(monkeypatch):
    """tools/build_ex1 as its script sees it, and gone again afterwards."""
    folder = ROOT / "tools" / "build_ex1"
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("build_ex1")
    for script in folder.glob("*.py"):
        sys.modules.pop(script.stem, None)


def test_builders_own_fit_finds_nothing_wrong(builder):
    assert builder.failures(gzip.decompress(FILE.read_bytes())) == []


def test_builder_notices_a_damaged_file(builder):
    text = gzip.decompress(FILE.read_bytes()).decode().splitlines()
    cells = text[1].split(",")
    text[1] = ",".join([*cells[:3], f"{float(cells[3]) + 1:.3f}"])
    assert "m2:df:0:1" in builder.failures("\n".join(text).encode())


def test_builders_derivatives_are_right(builder):
    """The complex step against central differences, in one school and for every kind of number."""
    model = importlib.import_module("school_model")
    d, _ = builder.summaries(gzip.decompress(FILE.read_bytes()))
    spec = builder.M3
    psi = np.array([16.8, -0.2, 3.87, 233.8])
    exact = model.evaluate(spec, d, psi).by_school
    for i, kind in enumerate(model.KINDS):
        ends = []
        for step in (1e-4, -1e-4):
            moved = getattr(d, kind).copy()
            moved[7] += step
            ends.append(model.evaluate(spec, replace(d, **{kind: moved}), psi).values)
        numeric = (ends[0] - ends[1]) / 2e-4
        scale = np.abs(exact[:, i, 7]).max()
        assert np.allclose(exact[:, i, 7], numeric, atol=1e-5 * scale)
