"""Random designs fitted here and by lme4: ``python tests/benchmarks/lme4_designs.py``.

Needs R with lme4, lmerTest and jsonlite. Each design has 4 to 60 groups, one to three random
coefficients and REML or ML; R fits it with three optimizers and tight tolerances, and its best fit
counts. Printed: by how much the criterion here lies above R's best, how far γ, standard errors and
Satterthwaite df differ where both are at the same optimum, and the ends of the profile intervals.
An end that differs by more than 0.5% is put into the equation it should solve (the deviance there,
minimised over all else, lies 3.84 above the minimum): it is R's fault if R's end does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mlm_helpers as mlm
from mlm_helpers.engine import profiles
from mlm_helpers.errors import MLMError

RANDOM = ("(1 | g)", "(1 + x | g)", "(1 + x + z | g)", "(1 | g) + (0 + x | g)", "(0 + x | g)")
FIXED = ("1", "x", "x * w", "x * w + z", "x * kind")
SOLVES = ["here solves", "R solves"]
CHI = 3.841458820694124  # the 95% point of chi-square with 1 df


def draw(seed: int, number: int) -> tuple[str, bool, pd.DataFrame]:
    """A formula, whether by REML, and data."""
    rng = np.random.default_rng((seed, number))
    groups = int(rng.integers(4, 61))
    sizes = rng.integers(4, int(rng.integers(6, 30)), groups)
    g = np.repeat(np.arange(groups), sizes)
    n = len(g)
    x, z = rng.normal(size=n) * 10 ** rng.uniform(-2, 2), rng.normal(size=n)
    w, kind = rng.normal(size=groups)[g], np.array(["a", "b", "c"])[np.arange(groups) % 3][g]
    factor = np.tril(rng.normal(size=(3, 3))) * rng.choice([0.0, 0.1, 0.5, 1.0], 3)[:, None]
    u = (rng.normal(size=(groups, 3)) @ factor.T)[g]
    level = x / x.std()
    y = 2 + level * (0.5 + 0.2 * w) + 0.3 * w + u[:, 0] + u[:, 1] * level + u[:, 2] * z
    frame = pd.DataFrame(
        {"y": y + rng.normal(size=n), "x": x, "z": z, "w": w, "kind": kind, "g": g}
    )
    formula = f"y ~ {rng.choice(FIXED)} + {rng.choice(RANDOM)}"
    return formula, bool(rng.integers(2)), frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profiles", type=int, default=40, help="designs with profiles")
    parser.add_argument("--folder", help="where R's answers are kept: a second run goes on there")
    options = parser.parse_args()
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(options.designs):
            formula, reml, frame = draw(options.seed, k)
            about = {"formula": formula, "reml": reml, "profile": k < options.profiles}
            hand_to_r(folder, f"design_{k:04}", json.dumps(about), frame)
        script = Path(__file__).with_suffix(".R")
        subprocess.run(["Rscript", str(script), str(folder)], check=True)
        rows: list[dict[str, Any]] = []
        ends: list[dict[str, Any]] = []
        for k in range(options.designs):
            theirs = json.loads((folder / f"design_{k:04}.json").read_text(encoding="utf-8"))
            one(k, *draw(options.seed, k), theirs, rows, ends)
    report(pd.DataFrame(rows), pd.DataFrame(ends), options.designs)


def hand_to_r(folder: Path, name: str, about: str, frame: pd.DataFrame) -> None:
    """Write a design; an answer of R stays only if it was given to just this design."""
    table = frame.to_csv(index=False, float_format="%.17g", lineterminator="\n")
    for file, text in ((folder / f"{name}.csv", table), (folder / f"{name}.about", about)):
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            (folder / f"{name}.json").unlink(missing_ok=True)
            file.write_text(text, encoding="utf-8")


def one(
    number: int,
    formula: str,
    reml: bool,
    frame: pd.DataFrame,
    theirs: dict[str, Any],
    rows: list[dict[str, Any]],
    ends: list[dict[str, Any]],
) -> None:
    """Compare one design; what was found is appended to ``rows`` and ``ends``."""
    row: dict[str, Any] = {"design": number, "formula": formula, "reml": reml}
    rows.append(row)
    try:
        fit = mlm.fit_mlm(formula, frame, reml=reml)
    except MLMError as error:
        row["refused"] = str(error)
        return
    if "criterion" not in theirs:
        row["only here"] = True
        return
    row["above"] = fit.criterion - theirs["criterion"][0]
    row["singular"] = fit.singular
    table = fit.fixed_effects
    if "df" in theirs and abs(row["above"]) < 1e-4 and len(theirs["df"]) == len(table):
        se = np.array(theirs["se"], dtype=float)
        row["estimate"] = float(np.max(np.abs(table["estimate"] - theirs["estimate"]) / se))
        row["se"] = float(np.max(np.abs(table["std_error"] / se - 1)))
        if not (fit.singular or len(fit.unidentified.directions)):
            df = np.array([np.nan if d == "NaN" else d for d in theirs["df"]], dtype=float)
            row["df"] = float(np.nanmax(np.abs(table["df"] / df - 1)))
    if "ends" in theirs:
        compare_profiles(number, fit, theirs, row, ends)


def compare_profiles(
    number: int,
    fit: mlm.MLMFit,
    theirs: dict[str, Any],
    row: dict[str, Any],
    ends: list[dict[str, Any]],
) -> None:
    """Each end of each interval beside R's, and whether the two solve their equation."""
    try:
        table = fit.confint(method="profile")
    except Exception as error:  # a crash is what is looked for
        row["crash"] = f"{type(error).__name__}: {error}"
        return
    if len(table) != len(theirs["ends"]):
        row["other ends"] = f"{list(table.index)} and {theirs['ends']}"
        return
    ml = fit.refit(reml=False)
    problems = profiles._problems(ml)
    for k, name in enumerate(table.index):
        width = float(table["upper"].iloc[k] - table["lower"].iloc[k])
        for side in ("lower", "upper"):
            ours, other = float(table[side].iloc[k]), theirs[side][k]
            other = np.nan if other in (None, "NA", "NaN", "Inf", "-Inf") else float(other)
            end: dict[str, Any] = {"design": number, "parameter": name, "side": side}
            end |= {"here": ours, "R": other}
            end["apart"] = abs(ours - other) / max(abs(other), width)
            if not end["apart"] <= 0.005:
                end["here solves"] = excess(ml, problems, name, ours)
                end["R solves"] = excess(ml, problems, name, other)
            ends.append(end)


def excess(ml: mlm.MLMFit, problems: dict[str, Any], name: str, value: float) -> float:
    """By how much the profile deviance at an end misses its 3.84; NaN if it cannot be computed."""
    if not np.isfinite(value):
        return np.nan
    try:
        return float(problems[name](ml).lowest(value) - ml.criterion - CHI)
    except (KeyError, ValueError, np.linalg.LinAlgError):
        return np.nan


def report(rows: pd.DataFrame, ends: pd.DataFrame, designs: int) -> None:
    """The tables."""
    rows = rows.reindex(columns=[*dict.fromkeys([*rows.columns, "above", "refused", "crash"])])
    above = rows["above"].dropna()
    print(f"{designs} designs; {len(above)} fitted here and by R")
    print(f"  refused here: {rows['refused'].notna().sum()}")
    for text in rows["refused"].dropna().unique()[:5]:
        print(f"    {text}")
    print(f"  criterion above R's best of three: most {above.max():.2g}")
    print(f"  criterion below R's best by more than 1e-6: {(above < -1e-6).sum()} designs")
    for what, text in (
        ("estimate", "γ̂ in standard errors"),
        ("se", "standard errors, relative"),
        ("df", "Satterthwaite df, relative"),
    ):
        if what in rows:
            found = rows[what].dropna()
            far = (found > 1e-3).sum()
            print(
                f"  {text}: median {found.median():.1g}, 99% {found.quantile(0.99):.1g}, most "
                f"{found.max():.1g}; {far} of {len(found)} above 1e-3"
            )
    print(f"Profiles: {rows['crash'].notna().sum()} crashes")
    for text in rows["crash"].dropna().unique():
        print(f"    {text}")
    if not len(ends):
        return
    print(f"  {len(ends)} ends; within 0.5% of R's: {(ends['apart'] <= 0.005).sum()}")
    print(f"  not found here (NaN): {ends['here'].isna().sum()}; in R: {ends['R'].isna().sum()}")
    apart = ends[~(ends["apart"] <= 0.005)].reindex(columns=[*ends.columns, *SOLVES])
    apart = apart.loc[:, ~apart.columns.duplicated()].astype(dict.fromkeys(SOLVES, float))
    correlation = apart["parameter"].str.startswith("cor(")
    at_edge = np.where(correlation, apart["here"].abs() == 1, apart["here"] == 0)
    here, there = (apart[column].abs() < 0.01 for column in SOLVES)
    print(f"  others: {len(apart)}")
    at_edge &= apart[SOLVES[0]] < 0.01  # the deviance has not risen by 3.84 up to there
    low, high = ((apart[SOLVES[1]] * sign > 0.01).sum() for sign in (-1, 1))
    print(f"    here: solved in {here.sum()}, at the edge of the range (0, ±1) in {at_edge.sum()}")
    print(f"    R: solved in {there.sum()}, deviance too low in {low}, too high in {high}")
    wrong = apart[there & ~here]
    print(f"    R's end solves it and the one here does not: {len(wrong)}")
    if len(wrong):
        with pd.option_context("display.width", 160, "display.max_columns", 20):
            print(wrong.to_string(index=False))


if __name__ == "__main__":
    main()
