"""Somebody's own data: reading the file, and the checks a careful analyst makes before a fit.

``read_data`` reads the usual kinds of files. ``inspect_data`` looks at group sizes, missing values,
levels, variance within and between groups, outliers and coding, and says in sentences what to put
right. Neither changes anything: what to do about a finding is the analyst's decision.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from mlm_helpers.engine.summary import html_table
from mlm_helpers.engine.variables import one_value_a_group
from mlm_helpers.errors import MLMError, needed, suggest
from mlm_helpers.words.vocabulary import join_words

__all__ = ["Finding", "Inspection", "inspect_data", "messy_example", "read_data"]

# Further than this many robust standard deviations from the median is worth a look: 6 in 100,000
# values of a normal distribution lie there.
FAR = 4.0
# Values that files use for "no answer". They are reported when they lie apart from all others.
MISSING_CODES = frozenset(
    sign * n for n in (7, 8, 9, 77, 88, 99, 777, 888, 999, 7777, 8888, 9999) for sign in (1, -1)
) | {-1}
FEW_GROUPS = 20
MANY_VALUES = 12

Check = Literal["sizes", "missing", "levels", "within", "outliers", "coding"]
_TITLES: dict[str, str] = {
    "sizes": "Group sizes",
    "missing": "Missing values, by level",
    "levels": "Does each variable live at its level?",
    "within": "Variance within and between groups",
    "outliers": "Values far from all others",
    "coding": "Coding",
}


# ---- reading ---------------------------------------------------------------------------------
def read_data(path: str | Path, **options: Any) -> pd.DataFrame:
    """Read a data file; its ending says which kind it is.

    ``.csv``, ``.tsv``, ``.txt`` (the separator is found out, and a decimal comma beside
    semicolons), ``.dta`` (Stata), ``.sav`` and ``.zsav`` (SPSS), ``.sas7bdat`` (SAS), ``.xlsx``
    (Excel) and ``.parquet``. From Stata and SPSS the codes are kept as numbers; the labels of
    variables and of values are in ``data.attrs["labels"]`` and ``data.attrs["value_labels"]``.

    Parameters
    ----------
    path : the file.
    options : passed on to pandas, such as ``sheet_name="grade 1"`` or ``encoding="cp1252"``.

    Raises
    ------
    MLMError
        In one sentence: a file that is not there, of an unknown kind, or not readable as its kind.
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in _READERS:
        raise MLMError(_unknown_kind(file))
    if not file.is_file():
        near = [f.name for f in file.parent.glob("*")] if file.parent.is_dir() else []
        raise MLMError(f"There is no file {file.name!r} in that folder.{suggest(file.name, near)}")
    try:
        data = _READERS[kind](file, options)
    except MLMError:
        raise
    except UnicodeDecodeError:
        raise MLMError(
            f"{file.name} is not UTF-8 text: save it as UTF-8, or say its encoding, as in "
            f"read_data({file.name!r}, encoding='cp1252')."
        ) from None
    except Exception as error:
        # what the many readers raise has no common type; the sentence keeps the reader's words
        words = re.sub(re.escape(str(file)), file.name, str(error)).strip().split("\n")[0]
        raise MLMError(f"{file.name} could not be read as {kind[1:]}: {words}") from None
    if data.empty:
        raise MLMError(f"{file.name} has no rows.")
    data.columns = [str(c) for c in data.columns]
    return data


def _unknown_kind(file: Path) -> str:
    advice = {
        ".rds": "in R, write.csv(data, 'name.csv', row.names = FALSE) makes a file that can",
        ".rdata": "in R, write.csv(data, 'name.csv', row.names = FALSE) makes a file that can",
        ".rda": "in R, write.csv(data, 'name.csv', row.names = FALSE) makes a file that can",
        ".xls": "open it in a spreadsheet and save it as .xlsx",
        ".ods": "open it in a spreadsheet and save it as .xlsx",
        ".por": "in SPSS, save it as .sav",
    }
    kinds = join_words(sorted(_READERS), "or")
    if file.suffix.lower() in advice:
        return f"{file.name!r} cannot be read here: {advice[file.suffix.lower()]}."
    return f"{file.name!r} is not a kind of file that can be read: its name has to end in {kinds}."


def _read_text(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    given = {"encoding": "utf-8-sig", **options}
    with file.open(encoding=given["encoding"], newline="") as stream:
        sample = stream.read(20_000)
    if "sep" not in given:
        try:
            given["sep"] = csv.Sniffer().sniff(sample, delimiters=",;\t").delimiter
        except csv.Error:
            given["sep"] = ","  # one column
    if given["sep"] == ";" and "decimal" not in given and re.search(r"(?:^|;)-?\d+,\d+", sample):
        given["decimal"] = ","
    return pd.read_csv(file, **given)


def _read_stata(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    from pandas.io.stata import StataReader

    with StataReader(file, **{"convert_categoricals": False, **options}) as reader:
        data = reader.read()
        labels = reader.variable_labels()
        values = reader.value_labels()
    data.attrs["labels"] = {k: v for k, v in labels.items() if v}
    data.attrs["value_labels"] = {k: v for k, v in values.items() if k in data.columns}
    return data


def _read_spss(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    pyreadstat = needed("pyreadstat", "Reading SPSS files", "files")
    data, meta = pyreadstat.read_sav(str(file), **options)
    data.attrs["labels"] = {k: v for k, v in meta.column_names_to_labels.items() if v}
    data.attrs["value_labels"] = dict(meta.variable_value_labels)
    return data


def _read_excel(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    needed("openpyxl", "Reading Excel files", "files")
    return pd.read_excel(file, **options)


def _read_parquet(file: Path, options: Mapping[str, Any]) -> pd.DataFrame:
    needed("pyarrow", "Reading Parquet files", "files")
    return pd.read_parquet(file, **options)


_READERS: dict[str, Callable[[Path, Mapping[str, Any]], pd.DataFrame]] = {
    ".csv": _read_text,
    ".tsv": _read_text,
    ".txt": _read_text,
    ".dta": _read_stata,
    ".sav": _read_spss,
    ".zsav": _read_spss,
    ".sas7bdat": lambda file, options: pd.read_sas(file, **{"encoding": "utf-8", **options}),
    ".xlsx": _read_excel,
    ".parquet": _read_parquet,
}


# ---- an example to practise on -----------------------------------------------------------------
def messy_example(seed: int = 7) -> pd.DataFrame:
    """A made-up study of homework and test scores, with the flaws that real files have.

    Columns: ``school`` (text), ``student``, ``score`` (points), ``homework`` (hours a week),
    ``rural`` (1 no, 2 yes), ``support`` (of the teachers, 1 to 5). No row is a real student.

    Planted: a school spelt in two ways, a row without school, rows entered twice, -99 for "no
    answer" and blanks in homework, a score with one digit too many, one student with another
    ``rural`` than the rest of the school, ``support`` blank for a whole school and for some rows of
    another, one school with a single student.
    """
    rng = np.random.default_rng(seed)
    sizes = np.r_[1, 4, rng.integers(9, 33, 58)]
    of = np.repeat(np.arange(len(sizes)), sizes)
    n = len(of)
    rural = (rng.permutation(len(sizes)) < 22).astype(int)
    support = np.clip(rng.normal(3.2, 0.7, len(sizes)), 1, 5).round(1)
    diligence = rng.normal(0, 0.8, len(sizes)) + 0.3 * (support - 3.2)
    homework = np.clip(np.round((4 + diligence[of] + rng.normal(0, 1.6, n)) * 2) / 2, 0, 14) + 0.0
    mean = 500 + 14 * (support - 3.2) - 12 * rural + 8 * diligence + rng.normal(0, 20, len(sizes))
    slope = 13 - 6 * rural + 2 * (support - 3.2) + rng.normal(0, 4, len(sizes))
    within = homework - np.bincount(of, homework)[of] / sizes[of]
    score = np.round(mean[of] + slope[of] * within + rng.normal(0, 40, n))
    data = pd.DataFrame(
        {
            "school": [f"S{j + 1:02d}" for j in of],
            "student": np.arange(1001, 1001 + n),
            "score": score,
            "homework": homework,
            "rural": 1.0 + rural[of],
            "support": support[of],
        }
    )
    return _spoil(data, rng)


def _spoil(data: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    def rows(school: str) -> pd.Index:
        return data.index[data["school"] == school]

    data.loc[rows("S07")[:5], "school"] = "s07 "
    data.loc[rows("S31")[3], "school"] = None
    silent = rng.choice(data.index, 30, replace=False)
    data.loc[silent[:18], "homework"] = -99.0
    data.loc[silent[18:], "homework"] = np.nan
    data.loc[rows("S15")[2], "score"] *= 10
    odd = rows("S12")[4]
    data.loc[odd, "rural"] = 3.0 - data.loc[odd, "rural"]
    data.loc[rows("S20"), "support"] = np.nan
    data.loc[rows("S05")[1:4], "support"] = np.nan
    return pd.concat([data, data.loc[rows("S09")[:3]]], ignore_index=True)


# ---- the report ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Finding:
    """One thing to put right or to look at: which check found it, in which column, and what to do.

    ``urgent`` findings make a fit impossible or wrong; the others are decisions to make.
    """

    check: Check
    column: str
    text: str
    urgent: bool = False


@dataclass(frozen=True)
class Inspection:
    """What ``inspect_data`` saw: one table per check, and the findings as sentences."""

    tables: Mapping[str, pd.DataFrame]
    findings: tuple[Finding, ...]

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The findings that stand in the way of a fit."""
        return tuple(f for f in self.findings if f.urgent)

    def about(self, name: str) -> tuple[Finding, ...]:
        """The findings of one check (``"missing"``) or about one column."""
        found = tuple(f for f in self.findings if name in (f.check, f.column))
        if not found and name not in _TITLES and name not in self.tables["coding"].index:
            known = [*_TITLES, *self.tables["coding"].index]
            raise MLMError(f"There is no check and no column {name!r}.{suggest(name, known)}")
        return found

    def __str__(self) -> str:
        parts = []
        for check, title in _TITLES.items():
            table = _shown(self.tables[check])
            lines = _aligned([["", *table.columns], *([str(i), *r] for i, r in _rows(table))])
            notes = [f"{'!' if f.urgent else '-'} {f.text}" for f in self.about(check)]
            parts.append("\n".join([title, "=" * len(title), *lines, *(notes or ["- All fine."])]))
        return "\n\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = []
        for check, title in _TITLES.items():
            table = _shown(self.tables[check])
            rows = [[str(i), *r] for i, r in _rows(table)]
            parts.append(html_table(title, [str(table.index.name), *table.columns], rows))
            notes = "".join(f"<li>{_html(f)}</li>" for f in self.about(check))
            parts.append(f"<ul>{notes or '<li>All fine.</li>'}</ul>")
        return "".join(parts)


def _html(finding: Finding) -> str:
    mark = "<strong>Put right: </strong>" if finding.urgent else ""
    return mark + html.escape(finding.text)


def inspect_data(
    data: pd.DataFrame,
    *,
    group: str,
    outcome: str,
    level1: Sequence[str] = (),
    level2: Sequence[str] = (),
) -> Inspection:
    """Look at data as a careful analyst does before fitting a two-level model.

    Parameters
    ----------
    data : one row per level-1 unit (student).
    group : the column that says to which group (school) a row belongs.
    outcome : the outcome column.
    level1, level2 : the predictors at each level.

    Returns
    -------
    Inspection
        ``tables["sizes"]``: how many rows the groups have; ``["missing"]``: missing values of each
        variable in rows and groups; ``["levels"]``: in how many groups a variable varies;
        ``["within"]``: standard deviations within and between groups and the share of variance
        between (from a one-way analysis of variance); ``["outliers"]``: values further than 4
        robust standard deviations from the median; ``["coding"]``: types and values. ``findings``
        are the sentences.

    Raises
    ------
    MLMError
        When a column is missing or named twice, or the data have no rows.
    """
    columns = _asked(data, group, outcome, level1, level2)
    levels = {outcome: 1} | dict.fromkeys(level1, 1) | dict.fromkeys(level2, 2)
    found: list[Finding] = []
    coding = _coding(data, group, levels, found)
    used = data[columns][data[group].notna()].reset_index(drop=True)
    numbers = {c: _finite(used[c]) for c in levels if _is_numeric(used[c])}
    tables = {
        "sizes": _sizes(data, group, len(level1), found),
        "missing": _missing(data, group, levels, found),
        "levels": _levels(used, group, levels, found),
        "within": _within(used, group, levels, outcome, numbers, found),
        "outliers": _outliers(used, group, levels, numbers, found),
        "coding": coding,
    }
    order = list(_TITLES)
    return Inspection(tables, tuple(sorted(found, key=lambda f: order.index(f.check))))


def _asked(
    data: pd.DataFrame, group: str, outcome: str, level1: Sequence[str], level2: Sequence[str]
) -> list[str]:
    for name, given in (("level1", level1), ("level2", level2)):
        if isinstance(given, str):
            raise MLMError(f"{name} must be a list of columns, such as [{given!r}].")
    columns = [group, outcome, *level1, *level2]
    known = [str(c) for c in data.columns]
    for name in columns:
        if name not in data.columns:
            raise MLMError(f"There is no column {name!r} in the data.{suggest(name, known)}")
        if columns.count(name) > 1:
            raise MLMError(f"{name!r} is named twice: each column has one role.")
        if known.count(name) > 1:
            raise MLMError(f"The data have {known.count(name)} columns named {name!r}: rename one.")
    if data.empty:
        raise MLMError("The data have no rows.")
    if data[group].isna().all():
        raise MLMError(f"{group!r} is missing in every row, so no row belongs to a group.")
    return columns


# ---- the checks --------------------------------------------------------------------------------
def _sizes(data: pd.DataFrame, group: str, predictors: int, found: list[Finding]) -> pd.DataFrame:
    n = data.groupby(group, observed=True).size()
    small = int((n <= predictors + 1).sum())
    table = pd.DataFrame(
        {
            "groups": [len(n)],
            "rows": [int(n.sum())],
            "smallest": [int(n.min())],
            "median": [float(n.median())],
            "mean": [float(n.mean())],
            "largest": [int(n.max())],
            "with_one_row": [int((n == 1).sum())],
        },
        index=pd.Index([group], name="group"),
    )

    def say(text: str, urgent: bool = False) -> None:
        found.append(Finding("sizes", group, text, urgent))

    if len(n) < 2:
        say(f"{group!r} has one group: a multilevel model needs several.", True)
    elif len(n) == len(data):
        say(f"Each group of {group!r} has one row: is this the right column for the group?", True)
    elif len(n) < FEW_GROUPS:
        say(
            f"{len(n)} groups are few: estimates of variances between groups will be rough, and "
            "p-values for level-2 predictors are best taken from fit.fixed_effects_kr."
        )
    if 0 < small < len(n):
        say(
            f"{_count(small, 'group')} {_have(small)} {predictors + 1} rows or fewer, too few for "
            "a line of their own: they stay in the model and say little about slopes. Do not "
            "remove them for that reason."
        )
    return table


def _missing(
    data: pd.DataFrame, group: str, levels: Mapping[str, int], found: list[Finding]
) -> pd.DataFrame:
    keys = data[group]
    rows = []
    for name in (group, *levels):
        gone = data[name].isna()
        by = gone.groupby(keys, observed=True)
        whole, some = by.all(), by.any()
        level = 2 if name == group else levels[name]
        rows.append((name, level, int(gone.sum()), gone.mean(), int(some.sum()), int(whole.sum())))
        partly = int((some & ~whole).sum())
        costs = int(keys.isin(whole.index[whole]).sum())
        _say_missing(name, level, gone, int(whole.sum()), costs, partly, found, name == group)
    complete = data[[group, *levels]].notna().all(axis=1)
    table = pd.DataFrame(
        rows, columns=["variable", "level", "rows", "share", "groups_touched", "groups_without"]
    ).set_index("variable")
    lost = int(keys.nunique() - keys[complete].nunique())
    if not complete.all():
        text = (
            f"{int(complete.sum())} of {len(data)} rows ({_percent(complete.mean())}) are complete "
            "and would be used by a fit with all these variables"
        )
        text += f"; {_count(lost, 'group')} would be lost entirely." if lost else "."
        found.append(Finding("missing", "", text, not complete.any()))
    return table


def _say_missing(
    name: str,
    level: int,
    gone: pd.Series,
    whole: int,
    rows_of_whole: int,
    partly: int,
    found: list[Finding],
    is_group: bool,
) -> None:
    if not gone.any():
        return

    def say(text: str, urgent: bool = False) -> None:
        found.append(Finding("missing", name, text, urgent))

    n = _count(int(gone.sum()), "row")
    if is_group:
        have = _have(int(gone.sum()))
        say(f"{n} {have} no {name!r}: a row without a group cannot be used.")
    elif gone.all():
        say(f"{name!r} is missing in every row.", True)
    elif level == 1:
        more = f", among them all rows of {_count(whole, 'group')}" if whole else ""
        say(f"{name!r} is missing in {n} ({_percent(gone.mean())}){more}.")
    if level == 2 and partly:
        say(
            f"{name!r} is missing in some rows of {_count(partly, 'group')} and there in others: a "
            "level-2 variable has one value per group, so fill it from the other rows, for "
            f"example data.groupby(group)[{name!r}].transform('first')."
        )
    if level == 2 and whole and not gone.all():
        rows = _count(rows_of_whole, "row")
        say(
            f"{name!r} is missing for {_count(whole, 'whole group')}, which costs {rows}: ask why "
            "these groups have no value before you leave them out."
        )


def _levels(
    used: pd.DataFrame, group: str, levels: Mapping[str, int], found: list[Finding]
) -> pd.DataFrame:
    rows = []
    for name, level in levels.items():
        varies = _varies(used[name], used[group])
        n, of = int(varies.sum()), len(varies)
        rows.append((name, level, n, of))
        if level == 2 and n:
            example = varies.index[varies][0]
            values = used.loc[used[group] == example, name].dropna().unique()[:3]
            seen = join_words([_value(v) for v in values])
            found.append(
                Finding(
                    "levels",
                    name,
                    f"{name!r} is meant to be a level-2 variable but varies within "
                    f"{_count(n, 'group')} ({group} {_value(example)} has {seen}): correct the "
                    "values, or take its group mean, or move it to level 1.",
                    True,
                )
            )
        elif level == 1 and not n:
            found.append(
                Finding(
                    "levels",
                    name,
                    f"{name!r} is the same for all rows of every group: it is a level-2 variable.",
                    True,
                )
            )
    return pd.DataFrame(
        rows, columns=["variable", "level", "groups_where_it_varies", "groups"]
    ).set_index("variable")


def _varies(values: pd.Series, keys: pd.Series) -> pd.Series:
    """For each group, whether it holds different values (missing ones aside)."""
    if _is_numeric(values):
        by = _finite(values).groupby(keys, observed=True)
        low, high = by.min(), by.max()
        there = low.notna()
        out = pd.Series(False, index=low.index)
        if there.any():
            out[there] = ~one_value_a_group(low[there].to_numpy(), high[there].to_numpy())
        return out
    return values.groupby(keys, observed=True).nunique() > 1


def _within(
    used: pd.DataFrame,
    group: str,
    levels: Mapping[str, int],
    outcome: str,
    numbers: Mapping[str, pd.Series],
    found: list[Finding],
) -> pd.DataFrame:
    rows = []
    for name, level in levels.items():
        if level == 2 or name not in numbers:
            continue
        values = numbers[name].dropna()
        keys = used[group].loc[values.index]
        flat = int((~_varies(values, keys)).sum())
        within, between, share = _anova(values, keys)
        rows.append((name, values.std(), within, between, share, flat))
        if not np.isfinite(share):
            continue
        if name == outcome and share < 0.01:
            found.append(
                Finding(
                    "within",
                    name,
                    f"Only {_percent(share)} of the variance of {name!r} lies between groups: "
                    "there is little for level-2 predictors to explain.",
                )
            )
        if name != outcome and share >= 0.01:
            found.append(
                Finding(
                    "within",
                    name,
                    f"{_percent(share)} of the variance of {name!r} lies between groups: its raw "
                    "slope would mix differences within and between groups, so center it within "
                    "groups and add the group mean at level 2.",
                )
            )
        if flat and name != outcome and within > 0:
            found.append(
                Finding(
                    "within",
                    name,
                    f"{name!r} does not vary in {_count(flat, 'group')}, which therefore "
                    f"{'says' if flat == 1 else 'say'} nothing about its slope.",
                )
            )
    columns = ["variable", "sd", "sd_within", "sd_between", "share_between", "groups_without"]
    return pd.DataFrame(rows, columns=columns).set_index("variable")


def _anova(values: pd.Series, keys: pd.Series) -> tuple[float, float, float]:
    """SD within groups, SD between groups and the share of variance between them, from the mean
    squares of a one-way analysis of variance (unequal sizes as in Searle, Casella & McCulloch
    1992, ch. 3). A negative variance estimate counts as 0."""
    by = values.groupby(keys, observed=True)
    n, mean = by.size(), by.mean()
    total, groups = int(n.sum()), len(n)
    if groups < 2 or total <= groups:
        return float("nan"), float("nan"), float("nan")
    ms_within = float(((values - by.transform("mean")) ** 2).sum()) / (total - groups)
    ms_between = float((n * (mean - values.mean()) ** 2).sum()) / (groups - 1)
    size = (total - float((n**2).sum()) / total) / (groups - 1)
    between = max((ms_between - ms_within) / size, 0.0)
    whole = between + ms_within
    share = between / whole if whole > 0 else float("nan")
    return ms_within**0.5, between**0.5, share


def _outliers(
    used: pd.DataFrame,
    group: str,
    levels: Mapping[str, int],
    numbers: Mapping[str, pd.Series],
    found: list[Finding],
) -> pd.DataFrame:
    rows = []
    for name, column in numbers.items():
        values, keys = column.dropna(), used[group]
        if levels[name] == 2:  # each group counts once
            values = values.groupby(keys, observed=True).first().dropna()
        if values.nunique() <= 2:
            continue
        codes = _missing_codes(values)
        rest = values[~values.isin(codes)]
        centre, spread = _robust(rest)
        far = rest[(rest - centre).abs() > FAR * spread] if spread > 0 else rest.iloc[:0]
        rows.append((name, rest.min(), centre, rest.max(), spread, len(far)))
        if codes:
            _say_codes(name, codes, column, rest, found)
        if len(far):
            at = int((far - centre).abs().to_numpy().argmax())
            worst = far.index[at]
            where = worst if levels[name] == 2 else keys.iloc[int(worst)]
            unit = "group" if levels[name] == 2 else "row"
            found.append(
                Finding(
                    "outliers",
                    name,
                    f"{name!r} has {_count(len(far), unit)} further than {FAR:g} robust standard "
                    f"deviations from the median {_value(centre)}; the furthest is "
                    f"{_value(far.iloc[at])} in {group} {_value(where)}. Look whether they are "
                    "errors; if they are not, fit with and without them.",
                )
            )
    columns = ["variable", "lowest", "median", "highest", "robust_sd", "far_out"]
    return pd.DataFrame(rows, columns=columns).set_index("variable")


def _robust(values: pd.Series) -> tuple[float, float]:
    """Median, and the median absolute deviation scaled to the SD of a normal distribution; the SD
    itself where more than half of the values are equal."""
    centre = float(values.median())
    spread = 1.4826 * float((values - centre).abs().median())
    return centre, spread if spread > 0 else float(values.std())


def _missing_codes(values: pd.Series) -> list[float]:
    """Values such as -9 or 999 that lie apart from all others."""
    candidates = [v for v in values.unique() if v in MISSING_CODES]
    rest = values[~values.isin(candidates)]
    if rest.empty:
        return []
    low, high = float(rest.min()), float(rest.max())
    apart = 0.5 * (high - low)
    return sorted(
        float(v)
        for v in candidates
        if (v < 0 <= low) or (v < low - apart and v < 0) or (v > high + apart and v > 0)
    )


def _say_codes(
    name: str, codes: list[float], column: pd.Series, rest: pd.Series, found: list[Finding]
) -> None:
    n = int(column.isin(codes).sum())
    listed = [_value(c) for c in codes]
    found.append(
        Finding(
            "coding",
            name,
            f"{name!r} has the value {join_words(listed, 'or')} in {_count(n, 'row')}, apart from "
            f"all others ({_value(rest.min())} to {_value(rest.max())}): if it means 'no answer', "
            f"make it missing with data[{name!r}].replace([{', '.join(listed)}], float('nan')).",
            True,
        )
    )


def _coding(
    data: pd.DataFrame, group: str, levels: Mapping[str, int], found: list[Finding]
) -> pd.DataFrame:
    rows = []
    for name in (group, *levels):
        values = data[name].dropna()
        distinct = values.unique()
        few = len(distinct) <= MANY_VALUES
        listed = ", ".join(_value(v) for v in sorted(distinct, key=_order)) if few else ""
        kind = "number" if _is_numeric(data[name]) else "text"
        rows.append((name, kind, len(distinct), listed if name != group else ""))
        if len(values) == 0:
            continue

        def say(text: str, urgent: bool = False, name: str = name) -> None:
            found.append(Finding("coding", name, text, urgent))

        if kind == "text":
            _say_text(name, values, name == group, levels.get(name, 2), say)
        elif name != group and len(distinct) == 1:
            say(f"{name!r} has the same value in every row, so it explains nothing.", True)
        elif name != group and len(distinct) == 2 and set(distinct) != {0, 1}:
            low, high = sorted(distinct)
            say(
                f"{name!r} is coded {_value(low)} and {_value(high)}: with 0 and 1 the intercept "
                f"belongs to one of the two, as in (data[{name!r}] == {_value(high)}).astype(int)."
            )
        if name != group and kind == "number" and np.isinf(_numbers(values)).any():
            say(f"{name!r} has infinite values: correct or remove those rows.", True)
    copies = int(data.duplicated().sum())
    if copies:
        found.append(
            Finding(
                "coding",
                "",
                f"{_count(copies, 'row')} {'is an exact copy' if copies == 1 else 'are copies'} of "
                "an earlier one: were some rows read or merged twice?",
            )
        )
    return pd.DataFrame(rows, columns=["variable", "kind", "distinct", "values"]).set_index(
        "variable"
    )


def _say_text(
    name: str, values: pd.Series, is_group: bool, level: int, say: Callable[..., None]
) -> None:
    words = values.astype(str)
    as_numbers = pd.to_numeric(words, errors="coerce")
    odd = list(dict.fromkeys(words[as_numbers.isna()]))
    if not is_group and as_numbers.notna().mean() > 0.5:
        but = f", except {join_words([repr(w) for w in odd[:3]])}" if odd else ""
        say(
            f"{name!r} holds numbers that were read as text{but}: "
            f"pd.to_numeric(data[{name!r}], errors='coerce') turns them into numbers and the rest "
            "into missing values.",
            True,
        )
        return
    spelt: dict[str, list[str]] = {}
    for w in dict.fromkeys(words):
        spelt.setdefault(" ".join(w.split()).casefold(), []).append(w)
    for alike in (v for v in spelt.values() if len(v) > 1):
        say(
            f"{name!r} has {join_words([repr(w) for w in alike[:3]])}, which look like one "
            f"{'group' if is_group else 'category'}: data[{name!r}].str.strip().str.lower() makes "
            "them equal.",
            True,
        )
    if not is_group and len(spelt) > MANY_VALUES:
        say(f"{name!r} holds text with {len(spelt)} different values: too many for categories.")


# ---- small things --------------------------------------------------------------------------------
def _is_numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values)


def _numbers(values: pd.Series) -> pd.Series:
    return values.astype("float64")


def _finite(values: pd.Series) -> pd.Series:
    return _numbers(values).replace([np.inf, -np.inf], np.nan)


def _order(value: Any) -> tuple[int, float, str]:
    number = isinstance(value, (int, float, np.number))
    return (0, float(value), "") if number else (1, 0.0, str(value))


def _value(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(value)
    return f"{value:.6g}" if isinstance(value, (int, float, np.number)) else repr(str(value))


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _have(n: int) -> str:
    return "has" if n == 1 else "have"


def _percent(share: float) -> str:
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text}%"


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text: shares as percentages, other numbers with four significant digits."""
    out = pd.DataFrame(index=table.index)
    for name in table.columns:
        if name.startswith("share"):
            cells = ["" if pd.isna(v) else _percent(v) for v in table[name]]
        elif pd.api.types.is_float_dtype(table[name]):
            cells = ["" if pd.isna(v) else f"{v:.4g}" for v in table[name]]
        else:
            cells = [str(v) for v in table[name]]
        out[name.replace("_", " ")] = cells
    return out


def _rows(table: pd.DataFrame) -> Iterable[tuple[Any, list[str]]]:
    return zip(table.index, table.to_numpy().tolist(), strict=True)


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return [
        "  ".join(
            c.ljust(w) if k == 0 else c.rjust(w)
            for k, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
