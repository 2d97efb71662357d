"""Build the lecture's table from the ECLS-K:2011 public-use file, for those who have it.

    python -m mlm_helpers.authoring.eclsk FOLDER     # report only, nothing is written
    python -m mlm_helpers.authoring.eclsk FOLDER --out ex1_eclsk.csv

The folder holds the child file of the Early Childhood Longitudinal Study, Kindergarten Class of
2010-11: ``childK5p.dat`` with its dictionary (``.dct``, ``.sps``, or ``.do`` with infix), or the
file that SPSS (``.sav``) or Stata (``.dta``) made of it. Columns are taken from the dictionary,
because they differ between releases. Nothing else in the course needs this.

The lecture does not say how its table was drawn from the file. What it must have decided is in
``Choices``; the report says which of these are guesses, and how near the result comes to the
lecture's counts and to its Model 2.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mlm_helpers.authoring.eclsk.fixed_width import Layout, parse_dictionary, read_fixed_width
from mlm_helpers.data.centering import center_grand, center_within, group_mean
from mlm_helpers.errors import MLMError, needed, suggest

__all__ = ["Choices", "Source", "build_table", "counts", "find_source", "main", "read_children"]

SCHOOL, SECTOR = "S4_ID", "X4PUBPRI"
# The score is scaled anew in each release; the grade 5 file has K5, the earlier ones K4 to K1.
SCORES = ("X4RSCALK5", "X4RSCALK4", "X4RSCALK3", "X4RSCALK2", "X4RSCALK1")
SES = ("X12SESL", "X4SESL_I")
COLUMNS = ["schid", "sector", "g1rscore", "famses", "famsesc", "schses", "schsesgdm"]
LARGEST_MINIMUM = 15
# Scores and codes below 0 are missing. SES is an index around 0 with valid values down to about
# -2.5, so only what lies below this is a code (-7, -8, -9).
SES_LOWEST = -6.0
SUSPICIOUS_SIZE = 60

# What the deck prints, digit by digit.
DECK_COUNTS = {"students": 11091, "schools": 742, "public": 672, "private": 70}
DECK_MODEL2 = {
    "Intercept": ("94.6495", "0.3169"),
    "famsesc": ("7.7031", "0.2615"),
    "sector": ("6.5148", "1.0304"),
    "famsesc:sector": ("-3.8923", "0.8832"),
    "τ00": ("51.32", ""),
    "τ11": ("3.86", ""),
    "σ²": ("233.83", ""),
    "REML criterion": ("93100.6", ""),
}
MODEL2 = "g1rscore ~ 1 + famsesc + sector + sector * famsesc + (1 + famsesc | schid)"


@dataclass(frozen=True)
class Source:
    """Where the children are: a data file, and the layout of a fixed-width one."""

    data: Path
    layout: Layout | None = None
    columns: tuple[str, ...] = ()

    @property
    def described(self) -> str:
        """The files and how many lines a child takes."""
        if self.layout is None:
            return self.data.name
        n = self.layout.lines
        return f"{self.data.name} with {self.layout.source}, {n} line{'s' * (n > 1)} per child"

    @property
    def known(self) -> tuple[str, ...]:
        """The variables of the file, in capitals."""
        return tuple(self.layout.fields) if self.layout else tuple(c.upper() for c in self.columns)


@dataclass(frozen=True)
class Choices:
    """How the table is drawn. ``min_students``: schools with fewer children are left out."""

    score: str
    ses: str
    min_students: int = 1
    without_schools: tuple[str, ...] = ()


# ---- finding the file -------------------------------------------------------------------------
def find_source(folder: str | Path) -> Source:
    """The child file in a folder.

    Raises
    ------
    MLMError
        In one sentence: no such folder, nothing to read in it, a file that is still packed, a
        data file without a dictionary, several that might be meant.
    """
    place = Path(folder)
    if not place.is_dir():
        raise MLMError(f"There is no folder {place.as_posix()!r}.")
    files = sorted(p for p in place.iterdir() if p.is_file())
    binary = [p for p in files if p.suffix.lower() in (".sav", ".zsav", ".dta")]
    for path in binary:
        columns = _binary_columns(path)
        if SCHOOL in (c.upper() for c in columns):
            return Source(path, None, columns)
    if binary:
        raise MLMError(
            f"{binary[0].name} has no variable {SCHOOL}: it is not the child file of ECLS-K:2011."
        )
    data = _data_file(place, files)
    return Source(data, _dictionary(place, files))


def _data_file(place: Path, files: Sequence[Path]) -> Path:
    found = [p for p in files if p.suffix.lower() in (".dat", ".asc", ".txt")]
    children = [p for p in found if p.name.lower().startswith("child")] or [
        p for p in found if p.suffix.lower() == ".dat"
    ]
    if len(children) > 1:
        names = " and ".join(p.name for p in children)
        raise MLMError(f"{names} may all be the child file: leave only one of them in the folder.")
    if children:
        return children[0]
    packed = [p.name for p in files if p.suffix.lower() in (".zip", ".exe", ".gz")]
    if packed:
        raise MLMError(f"{packed[0]} is still packed: unpack it in the folder, and start again.")
    raise MLMError(
        f"There is no child file in {place.name!r}: put childK5p.dat and its dictionary there "
        "(ECLSK2011_K5PUF.dct or .sps), or the .sav or .dta file made of it."
    )


def _dictionary(place: Path, files: Sequence[Path]) -> Layout:
    by_kind = {
        kind: [p for p in files if p.suffix.lower() == kind] for kind in (".dct", ".sps", ".do")
    }
    problem: MLMError | None = None
    for kind in by_kind:
        for path in by_kind[kind]:
            try:
                return parse_dictionary(path.read_text(encoding="latin-1"), path.name)
            except MLMError as error:
                problem = problem or error
    if problem is not None and not by_kind[".do"]:
        raise problem
    if by_kind[".do"]:
        name = by_kind[".do"][0].name
        raise MLMError(
            f"{name} does not hold the columns itself; it reads them from a .dct file: put that "
            "file into the folder too."
        )
    raise MLMError(
        f"There is no dictionary in {place.name!r}: put the .dct or .sps file that belongs to the "
        "data beside it, because the columns differ between releases."
    )


def _binary_columns(path: Path) -> tuple[str, ...]:
    pyreadstat = needed("pyreadstat", "Reading .sav and .dta files", "files")
    reader = pyreadstat.read_dta if path.suffix.lower() == ".dta" else pyreadstat.read_sav
    try:
        _, meta = reader(str(path), metadataonly=True)
    except Exception as error:  # pyreadstat's errors have no common type
        said = str(error).split("\n")[0].removesuffix(".")
        raise MLMError(f"{path.name} cannot be read: {said}.") from None
    return tuple(meta.column_names)


# ---- reading ----------------------------------------------------------------------------------
def read_children(source: Source) -> pd.DataFrame:
    """The variables that matter, one row per child, as they stand in the file.

    Columns ``S4_ID`` (text), ``X4PUBPRI``, and whichever of ``SCORES`` and ``SES`` there are.

    Raises
    ------
    MLMError
        If a variable is missing or the file does not fit its dictionary.
    """
    for name in (SCHOOL, SECTOR):
        if name not in source.known:
            raise MLMError(
                f"{source.data.name} has no variable {name}.{suggest(name, source.known)}"
            )
    needed: dict[str, tuple[str, ...]] = {"reading score of grade 1": SCORES, "family SES": SES}
    for what, any_of in needed.items():
        if not set(any_of) & set(source.known):
            raise MLMError(
                f"{source.data.name} has no {what}: none of {', '.join(any_of)} is among its "
                f"variables.{suggest(any_of[0], source.known)}"
            )
    names = [n for n in (SCHOOL, SECTOR, *SCORES, *SES) if n in source.known]
    if source.layout is not None:
        data = read_fixed_width(source.data, source.layout, names)
    else:
        data = _read_binary(source, names)
    data[SCHOOL] = data[SCHOOL].map(_school_name)
    return data


def _read_binary(source: Source, names: Sequence[str]) -> pd.DataFrame:
    pyreadstat = needed("pyreadstat", "Reading .sav and .dta files", "files")
    actual = {c.upper(): c for c in source.columns}
    reader = pyreadstat.read_dta if source.data.suffix.lower() == ".dta" else pyreadstat.read_sav
    data, _ = reader(
        str(source.data), usecols=[actual[n] for n in names], user_missing=True, encoding=None
    )
    data.columns = [c.upper() for c in data.columns]
    for name in names[1:]:
        values = pd.to_numeric(data[name], errors="coerce")
        if (values.isna() & data[name].notna()).any():
            raise MLMError(
                f"{name} in {source.data.name} holds words, not numbers: save the file with its "
                "codes instead of their labels."
            )
        data[name] = values.astype(float)
    return data[list(names)]


def _school_name(value: object) -> str:
    """A school's identification as text; empty for blanks and negative codes."""
    text = str(value).strip().removesuffix(".0")
    return "" if text in ("", "nan", "None", "<NA>") or text.startswith("-") else text


# ---- the table --------------------------------------------------------------------------------
def build_table(raw: pd.DataFrame, choices: Choices) -> tuple[pd.DataFrame, dict[str, int]]:
    """The lecture's table, and how many children were left out for which reason.

    Columns as in ``load_dataset("ex1")``, in the order of ``COLUMNS``; one row per child. Each
    child that is left out is counted under the first reason that holds. School means are over the
    children that remain, and the grand mean is over these children.

    Raises
    ------
    MLMError
        If nothing remains.
    """
    score, ses, kind = raw[choices.score], raw[choices.ses], raw[SECTOR]
    reasons = {
        f"no school of grade 1, spring ({SCHOOL})": raw[SCHOOL] == "",
        "school left out on request": raw[SCHOOL].isin(choices.without_schools),
        f"sector neither 1 nor 2 ({SECTOR})": ~kind.isin([1, 2]),
        f"no reading score ({choices.score})": ~(score >= 0),
        f"no family SES ({choices.ses})": ~(ses >= SES_LOWEST),
    }
    keep = pd.Series(True, index=raw.index)
    left_out: dict[str, int] = {}
    for reason, applies in reasons.items():
        left_out[reason] = int((keep & applies).sum())
        keep &= ~applies
    sizes = raw[SCHOOL].where(keep).map(raw.loc[keep, SCHOOL].value_counts())
    small = keep & (sizes < choices.min_students)
    if choices.min_students > 1:
        left_out[f"school with fewer than {choices.min_students} such children"] = int(small.sum())
    kept = raw[keep & ~small]
    if kept.empty:
        most = max(left_out, key=lambda reason: left_out[reason])
        raise MLMError(f"No child remains; most were left out for this reason: {most}.")
    return _centered(kept, choices), left_out


def _centered(kept: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    schools = pd.to_numeric(kept[SCHOOL], errors="coerce")
    data = pd.DataFrame(
        {
            "schid": kept[SCHOOL] if schools.isna().any() else schools.astype("int64"),
            "sector": _school_sector(kept),
            "g1rscore": kept[choices.score],
            "famses": kept[choices.ses],
        }
    ).reset_index(drop=True)
    data["famsesc"] = center_within(data, "famses", "schid")
    data["schses"] = group_mean(data, "famses", "schid")
    data["schsesgdm"] = center_grand(data, "schses", over="rows")
    return data[COLUMNS].sort_values("schid", kind="stable").reset_index(drop=True)


def _school_sector(kept: pd.DataFrame) -> pd.Series:
    """1 for private: what most children of the school have (public if as many)."""
    share = (kept[SECTOR] == 2).groupby(kept[SCHOOL]).transform("mean")
    return (share > 0.5).astype(int)


def counts(data: pd.DataFrame) -> dict[str, int]:
    """Children, schools, public schools, private schools."""
    sector = data.groupby("schid")["sector"].first()
    return {
        "students": len(data),
        "schools": len(sector),
        "public": int((sector == 0).sum()),
        "private": int((sector == 1).sum()),
    }


def nearest_choices(
    raw: pd.DataFrame, given: Choices, free_ses: bool, free_minimum: bool
) -> Choices:
    """The choices that were not given, set so that the counts come nearest to the deck's."""
    options = [n for n in SES if n in raw] if free_ses else [given.ses]
    minima = range(1, LARGEST_MINIMUM + 1) if free_minimum else [given.min_students]
    best, distance = given, float("inf")
    for ses in options:
        for minimum in minima:
            trial = replace(given, ses=ses, min_students=minimum)
            try:
                found = counts(build_table(raw, trial)[0])
            except MLMError:
                continue
            away = sum(abs(found[k] - n) / n for k, n in DECK_COUNTS.items())
            if away < distance:
                best, distance = trial, away
    return best


# ---- the report -------------------------------------------------------------------------------
def report(source: Source, raw: pd.DataFrame, choices: Choices, guessed: Sequence[str]) -> str:
    """What was read, left out and found, beside the deck; and what is uncertain about it."""
    data, left_out = build_table(raw, choices)
    parts = [
        [f"Read {source.described}: {len(raw):,} children."],
        ["Left out", *(f"  {n:>7,}  {reason}" for reason, n in left_out.items())],
        list(_count_lines(counts(data))),
        list(_model_lines(data)),
        ["Uncertain, because the lecture does not say it", *_doubts(raw, data, choices, guessed)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _count_lines(found: dict[str, int]) -> Iterator[str]:
    yield f"{'':18}{'these data':>12}{'the deck':>12}"
    for key, deck in DECK_COUNTS.items():
        name = key if key in ("students", "schools") else f"{key} schools"
        yield f"{name:18}{found[key]:>12,}{deck:>12,}"
    if found == DECK_COUNTS:
        yield "The four counts are the deck's."
    else:
        off = [k for k in DECK_COUNTS if found[k] != DECK_COUNTS[k]]
        yield f"Not the deck's: {', '.join(off)}. So these are not exactly the lecture's children."


def _model_lines(data: pd.DataFrame) -> Iterator[str]:
    from mlm_helpers.engine.fit import fit_mlm

    try:
        fit = fit_mlm(MODEL2, data)
    except MLMError as error:
        yield f"Model 2 cannot be fitted to these data. {error}"
        return
    found: dict[str, tuple[float, float]] = {}
    for name in ("Intercept", "famsesc", "sector", "famsesc:sector"):
        row = fit.fixed_effects.T[fit.structure.coefficient(name).column]
        found[name] = (float(row["estimate"]), float(row["std_error"]))
    tau, nothing = fit.T.to_numpy(), float("nan")
    found["τ00"] = (float(tau[0, 0]), nothing)
    found["τ11"] = (float(tau[1, 1]), nothing)
    found["σ²"] = (fit.sigma2, nothing)
    found["REML criterion"] = (fit.criterion, nothing)
    yield f"{'Model 2':18}{'these data':>22}{'the deck':>22}"
    right = total = 0
    for name, printed in DECK_MODEL2.items():
        ours = [_like(value, text) for value, text in zip(found[name], printed, strict=True)]
        total += sum(bool(text) for text in printed)
        right += sum(bool(text) and mine == text for mine, text in zip(ours, printed, strict=True))
        yield f"{name:18}{_with_error(*ours):>22}{_with_error(*printed):>22}"
    if right == total:
        yield "Model 2 is reproduced: every figure is the deck's."
    else:
        away = abs(found["famsesc:sector"][0] - float(DECK_MODEL2["famsesc:sector"][0]))
        share = away / float(DECK_MODEL2["famsesc:sector"][1])
        yield (
            f"Model 2 is not reproduced: {right} of {total} figures are the deck's. The "
            f"cross-level interaction lies {share:.2f} of the deck's standard errors away."
        )


def _like(value: float, printed: str) -> str:
    """A value with the decimals of a printed one."""
    return f"{value:.{len(printed.partition('.')[2])}f}" if printed else ""


def _with_error(estimate: str, error: str) -> str:
    return f"{estimate} ({error})" if error else estimate


def _doubts(
    raw: pd.DataFrame, data: pd.DataFrame, choices: Choices, guessed: Sequence[str]
) -> Iterator[str]:
    others = [n for n in SES if n in raw and n != choices.ses]
    if others:
        how = "nearer to the deck's counts" if "ses" in guessed else "as you asked"
        yield f"  - family SES is {choices.ses} ({how}); it might be {others[0]} (--ses)."
    else:
        yield f"  - family SES is {choices.ses}, the only one in this file."
    how = "nearest to the deck's counts" if "min_students" in guessed else "as you asked"
    yield (
        f"  - schools with at least {choices.min_students} "
        f"{'child' if choices.min_students == 1 else 'children'} are kept ({how}; --min-students)."
    )
    yield (
        f"  - the score is {choices.score}; each release of the study scales the scores anew, and "
        "the lecture's may come from another one (--score)."
    )
    yield (
        "  - a child is kept only with school, sector, score and SES; the lecture may have kept "
        "others for its school means."
    )
    ones = int((raw[choices.ses] == -1).sum())
    if ones:
        yield (
            f"  - {choices.ses} is exactly −1 for {ones} {'child' if ones == 1 else 'children'}. "
            "That is taken as a value of the index, although −1 is a code in other variables."
        )
    mixed = raw[raw[SECTOR].isin([1, 2]) & raw[SCHOOL].isin(set(data["schid"].astype(str)))]
    both = int((mixed.groupby(SCHOOL)[SECTOR].nunique() > 1).sum())
    if both:
        yield (
            f"  - {both} {'school has' if both == 1 else 'schools have'} children of both sectors "
            f"in {SECTOR}; what most of its children have is taken."
        )
    sizes = data["schid"].value_counts()
    for school, n in sizes[sizes > SUSPICIOUS_SIZE].items():
        yield (
            f"  - “school” {school} has {n} children: look it up in the user's manual, because "
            f"such a number may stand for something else (--without-school {school})."
        )


# ---- the command ------------------------------------------------------------------------------
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when it ends in a sentence of advice."""
    options = _parser().parse_args(argv)
    try:
        said = _run(options)
    except MLMError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlm_helpers.authoring.eclsk.build",
        description="Compare the ECLS-K:2011 public-use file with the lecture's data.",
    )
    parser.add_argument("folder", help="the folder with the child file")
    parser.add_argument("--score", type=str.upper, choices=SCORES, help="the reading score")
    parser.add_argument("--ses", type=str.upper, choices=SES, help="the family SES")
    parser.add_argument("--min-students", type=int, metavar="N", help="smallest school to keep")
    parser.add_argument(
        "--without-school", action="append", default=[], metavar="ID", help="leave a school out"
    )
    parser.add_argument("--out", type=Path, metavar="CSV", help="write the table to this new file")
    return parser


def _run(options: argparse.Namespace) -> str:
    if options.out is not None:
        _check_target(options.out)
    source = find_source(options.folder)
    raw = read_children(source)
    for given in (options.score, options.ses):
        if given is not None and given not in raw:
            raise MLMError(f"{source.data.name} has no variable {given}.")
    if options.min_students is not None and options.min_students < 1:
        raise MLMError(f"--min-students must be 1 or more; got {options.min_students}.")
    given = Choices(
        score=options.score or next(n for n in SCORES if n in raw),
        ses=options.ses or next(n for n in SES if n in raw),
        min_students=options.min_students or 1,
        without_schools=tuple(options.without_school),
    )
    free_ses, free_minimum = options.ses is None, options.min_students is None
    choices = nearest_choices(raw, given, free_ses, free_minimum)
    guessed = ["ses"] * free_ses + ["min_students"] * free_minimum
    said = report(source, raw, choices, guessed)
    if options.out is not None:
        write_table(build_table(raw, choices)[0], options.out)
        said += (
            f"\n\nWritten: {options.out.as_posix()}. Its rows are children: keep it where the "
            "terms of the study allow, and out of the course's folder."
        )
    return said


def _check_target(path: Path) -> None:
    if path.exists():
        raise MLMError(f"{path.as_posix()} exists already: give another name, or remove it first.")
    if path.suffix.lower() != ".csv":
        raise MLMError(f"The table is written as CSV: let {path.name!r} end in .csv.")
    if not path.parent.is_dir():
        raise MLMError(f"There is no folder {path.parent.as_posix()!r} to write to.")


def write_table(data: pd.DataFrame, path: Path) -> None:
    """Write the table; the file is either whole or not there."""
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".csv")
    os.close(handle)
    try:
        data.to_csv(draft, index=False, lineterminator="\n")
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
