"""Checks of values: outliers, codes for "no answer", coding, and groups spelt in two ways."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlm_helpers.data.findings import Found, is_numeric, written
from mlm_helpers.text import count, join_words

# Further than this many robust standard deviations from the median is worth a look: 6 in 100,000
# values of a normal distribution lie there.
FAR = 4.0
MANY_VALUES = 12
# Values that files use for "no answer". They are reported when they lie apart from all others.
MISSING_CODES = frozenset(
    sign * n
    for n in (*range(6, 10), *range(96, 100), *range(996, 1000), *range(9996, 10000), 99999,
              66, 77, 88, 666, 777, 888, 6666, 7777, 8888)
    for sign in (1, -1)
) | {-1}  # fmt: skip
_MISSING_WORDS = frozenset(
    ("", ".", "-", "--", "?", "missing", "unknown", "not available", "no answer", "none given",
     "k.a.", "k. a.", "keine angabe", "refused", "don't know", "-9", "-99", "-999", "99", "999",
     "9999", "#n/a", "#null!")
)  # fmt: skip


# ---- outliers and codes for "no answer" --------------------------------------------------------
def outliers(
    used: pd.DataFrame,
    group: str,
    levels: Mapping[str, int],
    numbers: Mapping[str, pd.Series],
    found: Found,
) -> pd.DataFrame:
    """Values far from all others; codes for "no answer" are said, and do not count."""
    rows = []
    for name, column in numbers.items():
        values, keys = column.dropna(), used[group]
        if levels[name] == 2:  # each group counts once
            values = values.groupby(keys, observed=True).first().dropna()
        if values.nunique() <= 2:
            continue
        codes = missing_codes(values)
        rest = values[~values.isin(codes)]
        centre, spread = _robust(rest)
        far = rest[(rest - centre).abs() > FAR * spread] if spread > 0 else rest.iloc[:0]
        rows.append((name, rest.min(), centre, rest.max(), spread, len(far)))
        if codes:
            _say_codes(name, codes, column, rest, found)
        if len(far):
            worst = far.index[int((far - centre).abs().to_numpy().argmax())]
            where = worst if levels[name] == 2 else keys.loc[worst]
            found.say(
                "outliers",
                name,
                f"{name!r} has {count(len(far), 'group' if levels[name] == 2 else 'row')} further "
                f"than {FAR:g} robust standard deviations from the median {written(centre)}; the "
                f"furthest is {written(far.loc[worst])} in {group} {written(where)}. Look whether "
                "they are errors; if they are not, fit with and without them.",
            )
    columns = ["variable", "lowest", "median", "highest", "robust_sd", "far_out"]
    return pd.DataFrame(rows, columns=columns).set_index("variable")


def _robust(values: pd.Series) -> tuple[float, float]:
    """Median, and the median absolute deviation scaled to the SD of a normal distribution; the SD
    itself where more than half of the values are equal."""
    centre = float(values.median())
    spread = 1.4826 * float((values - centre).abs().median())
    return centre, spread if spread > 0 else float(values.std())


def missing_codes(values: pd.Series) -> list[float]:
    """Values such as -9 or 999 that lie apart from all others.

    A code below 0 among values from 0 up, or one further from the others than half of their range,
    always counts. On a scale of few whole numbers, or when it occurs again and again, it is enough
    that the gap before it is wider than any other: 9 beside answers from 1 to 7.
    """
    candidates = sorted(float(v) for v in values.unique() if v in MISSING_CODES)
    # from the outside inwards, so that what is left are answers
    rest = np.sort(values[~values.isin(candidates)].unique().astype(float))
    if not len(rest):
        return []
    codes: list[float] = []
    often = values.value_counts()
    below = [v for v in candidates if v < rest[0]]
    above = [v for v in candidates if v > rest[-1]]
    between = [v for v in candidates if rest[0] < v < rest[-1]]
    for side, sign in ((sorted(below, reverse=True), -1), (above, 1)):
        inside = np.sort(np.concatenate([rest, between]))
        for k, v in enumerate(side):
            if _apart(v, inside, sign, int(often[v])):
                codes += side[k:]
                break
            inside = np.sort(np.append(inside, v))
    return sorted(codes)


def _apart(v: float, others: np.ndarray, sign: int, times: int) -> bool:
    """Whether a code lies apart from the other values, which all are on one side of it."""
    low, high = float(others[0]), float(others[-1])
    distance = low - v if sign < 0 else v - high
    if high <= -v == 1:  # -1, 0 and 1 are a scale
        return False
    if (sign < 0 and v < 0 <= low) or (sign * v > 0 and distance > 0.5 * (high - low)):
        return True
    if len(others) < 3 or sign * v < 0:
        return False
    widest = float(np.diff(others).max())
    few = len(others) <= MANY_VALUES and bool((others == np.rint(others)).all())
    return distance > 1.5 * widest and (few or times >= 3)


def _say_codes(
    name: str, codes: list[float], column: pd.Series, rest: pd.Series, found: Found
) -> None:
    n = int(column.isin(codes).sum())
    listed = [written(c) for c in codes]
    found.say(
        "coding",
        name,
        f"{name!r} has the value {join_words(listed, 'or')} in {count(n, 'row')}, apart from "
        f"all others ({written(rest.min())} to {written(rest.max())}): if it means 'no answer', "
        f"make it missing with data[{name!r}].replace([{', '.join(listed)}], float('nan')).",
        True,
    )


# ---- coding ------------------------------------------------------------------------------------
def coding(data: pd.DataFrame, group: str, levels: Mapping[str, int], found: Found) -> pd.DataFrame:
    """Types and values, and what about them would go wrong in a fit."""
    rows = []
    for name in (group, *levels):
        values = data[name].dropna()
        distinct = values.unique()
        few = len(distinct) <= MANY_VALUES and name != group
        listed = ", ".join(written(v) for v in sorted(distinct, key=_order)) if few else ""
        kind = "number" if is_numeric(data[name]) else "text"
        rows.append((name, kind, len(distinct), listed))
        if len(values) == 0:
            continue
        if name == group:
            _say_groups(name, values, kind, found)
        elif kind == "text":
            _say_text(name, values, found)
        else:
            _say_number(name, values.astype("float64"), found)
    copies = int(data.duplicated().sum())
    if copies:
        found.say(
            "coding",
            "",
            f"{count(copies, 'row')} {'is an exact copy' if copies == 1 else 'are copies'} of "
            "an earlier one: were some rows read or merged twice?",
        )
    columns = ["variable", "kind", "distinct", "values"]
    return pd.DataFrame(rows, columns=columns).set_index("variable")


def _order(value: Any) -> tuple[int, float, str]:
    number = isinstance(value, (int, float, np.number))
    return (0, float(value), "") if number else (1, 0.0, str(value))


def _say_number(name: str, values: pd.Series, found: Found) -> None:
    distinct = sorted(values.unique())
    if len(distinct) == 1:
        text = f"{name!r} has the same value in every row, so it explains nothing."
        found.say("coding", name, text, True)
    elif len(distinct) == 2 and distinct != [0, 1]:
        low, high = distinct
        found.say(
            "coding",
            name,
            f"{name!r} is coded {written(low)} and {written(high)}: with 0 and 1 the intercept "
            f"belongs to one of the two, as in (data[{name!r}] == {written(high)}).astype(int).",
        )
    if np.isinf(values).any():
        text = f"{name!r} has infinite values: correct or remove those rows."
        found.say("coding", name, text, True)


def _say_groups(name: str, values: pd.Series, kind: str, found: Found) -> None:
    """A group that stands for "no group", and groups spelt in two ways."""
    if kind == "number":
        ids = pd.Series(values.astype("float64").unique())
        for code in (c for c in missing_codes(ids) if c < 0 <= ids[ids >= 0].min()):
            n = int((values == code).sum())
            found.say(
                "coding",
                name,
                f"{count(n, 'row')} {'belongs' if n == 1 else 'belong'} to {name} {written(code)}: "
                "if it means that the group is not known, those rows are no group; make it missing "
                f"with data[{name!r}].replace({written(code)}, float('nan')).",
                True,
            )
        return
    if len({isinstance(v, str) for v in values.unique()}) > 1:
        found.say(
            "coding",
            name,
            f"{name!r} mixes text and numbers, so that 1 and '1' are two groups: make them one "
            f"kind with data[{name!r}].astype(str).",
            True,
        )
    _say_words(name, values.astype(str), "group", found)


def _say_text(name: str, values: pd.Series, found: Found) -> None:
    words = values.astype(str)
    as_numbers = pd.to_numeric(words, errors="coerce")
    odd = list(dict.fromkeys(words[as_numbers.isna()]))
    if as_numbers.notna().mean() > 0.5:
        but = f", except {join_words([repr(w) for w in odd[:3]])}" if odd else ""
        found.say(
            "coding",
            name,
            f"{name!r} holds numbers that were read as text{but}: "
            f"pd.to_numeric(data[{name!r}], errors='coerce') turns them into numbers and the rest "
            "into missing values.",
            True,
        )
        return
    _say_words(name, words, "category", found)
    many = len({spelling(w) for w in words.unique()})
    if many > MANY_VALUES:
        text = f"{name!r} holds text with {many} different values: too many for categories."
        found.say("coding", name, text)


def _say_words(name: str, words: pd.Series, noun: str, found: Found) -> None:
    often = Counter(words)
    alike: dict[str, list[str]] = {}
    for w, _ in often.most_common():
        alike.setdefault(spelling(w), []).append(w)
    for forms in (v for v in alike.values() if len(v) > 1):
        usual, *others = forms
        change = ", ".join(f"{w!r}: {usual!r}" for w in others[:3])
        found.say(
            "coding",
            name,
            f"{name!r} has {join_words([repr(w) for w in forms[:4]])}, which look like one "
            f"{noun}: data[{name!r}].replace({{{change}}}) makes them equal.",
            True,
        )
    for w in (w for w in often if w.strip().casefold() in _MISSING_WORDS):
        found.say(
            "coding",
            name,
            f"{name!r} has {w!r} in {count(often[w], 'row')}: if it means 'no answer', make it "
            f"missing with data[{name!r}].replace({w!r}, None), or it counts as a {noun}.",
            True,
        )


def spelling(word: str) -> str:
    """What is left of a name when case, accents, blanks, hyphens, stops and leading zeros do not
    count: one for ``"São Paulo "``, ``"SAO  PAULO"`` and ``"sao-paulo"``."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"^(\d+)\.0+$", r"\1", plain.strip())  # a number that passed through a float
    plain = " ".join(re.sub(r"[\s._'’`/-]+", " ", plain).split())
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)
