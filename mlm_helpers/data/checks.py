"""Checks of a two-level file: group sizes, missing values, levels, variance within and between."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlm_helpers.data.findings import Found, finite, have, is_numeric, percent, written
from mlm_helpers.engine.variables import one_value_a_group
from mlm_helpers.text import count, join_words

FEW_GROUPS = 20


def sizes(data: pd.DataFrame, group: str, predictors: int, found: Found) -> pd.DataFrame:
    """How many rows the groups have."""
    n = data.groupby(group, observed=True).size()
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
    if len(n) < 2:
        one = f"{group!r} has one group: a multilevel model needs several."
        found.say("sizes", group, one, True)
    elif len(n) == len(data):
        text = f"Each group of {group!r} has one row: is this the right column for the group?"
        found.say("sizes", group, text, True)
    elif len(n) < FEW_GROUPS:
        found.say(
            "sizes",
            group,
            f"{len(n)} groups are few: estimates of variances between groups will be rough, and "
            "p-values for level-2 predictors are best taken from fit.fixed_effects_kr.",
        )
    small = int((n <= predictors + 1).sum())
    if 0 < small < len(n):
        found.say(
            "sizes",
            group,
            f"{count(small, 'group')} {have(small)} {predictors + 1} rows or fewer, too few for "
            "a line of their own: they stay in the model and say little about slopes. Do not "
            "remove them for that reason.",
        )
    return table


def missing(
    data: pd.DataFrame, group: str, levels: Mapping[str, int], found: Found
) -> pd.DataFrame:
    """Missing values of each variable in rows and in groups."""
    keys = data[group]
    rows = []
    for name in (group, *levels):
        gone = data[name].isna()
        by = gone.groupby(keys, observed=True)
        whole, some = by.all(), by.any()
        level = 2 if name == group else levels[name]
        rows.append((name, level, int(gone.sum()), gone.mean(), int(some.sum()), int(whole.sum())))
        if name == group and gone.any():
            n = int(gone.sum())
            text = f"{count(n, 'row')} {have(n)} no {name!r}: a row without a group cannot be used."
            found.say("missing", name, text)
        elif gone.any():
            costs = int(keys.isin(whole.index[whole]).sum())
            partly = int((some & ~whole).sum())
            _say_missing(name, level, gone, (int(whole.sum()), costs, partly), found)
    _say_complete(data, group, data[[group, *levels]].notna().all(axis=1), found)
    columns = ["variable", "level", "rows", "share", "groups_touched", "groups_without"]
    return pd.DataFrame(rows, columns=columns).set_index("variable")


def _say_complete(data: pd.DataFrame, group: str, complete: pd.Series, found: Found) -> None:
    if complete.all():
        return
    lost = int(data[group].nunique() - data.loc[complete, group].nunique())
    text = (
        f"{int(complete.sum())} of {len(data)} rows ({percent(complete.mean())}) are complete "
        "and would be used by a fit with all these variables"
    )
    text += f"; {count(lost, 'group')} would be lost entirely." if lost else "."
    found.say("missing", "", text, not complete.any())


def _say_missing(
    name: str, level: int, gone: pd.Series, groups: tuple[int, int, int], found: Found
) -> None:
    """``groups``: how many groups miss it entirely, their rows, and how many in part."""
    whole, rows_of_whole, partly = groups
    n = count(int(gone.sum()), "row")
    if gone.all():
        found.say("missing", name, f"{name!r} is missing in every row.", True)
    elif level == 1:
        more = f", among them all rows of {count(whole, 'group')}" if whole else ""
        text = f"{name!r} is missing in {n} ({percent(gone.mean())}){more}."
        found.say("missing", name, text)
    if level == 2 and partly:
        found.say(
            "missing",
            name,
            f"{name!r} is missing in some rows of {count(partly, 'group')} and there in others: a "
            "level-2 variable has one value per group, so fill it from the other rows, for "
            f"example data.groupby(group)[{name!r}].transform('first').",
        )
    if level == 2 and whole and not gone.all():
        found.say(
            "missing",
            name,
            f"{name!r} is missing for {count(whole, 'whole group')}, which costs "
            f"{count(rows_of_whole, 'row')}: ask why these groups have no value before you leave "
            "them out.",
        )


def levels(used: pd.DataFrame, group: str, wanted: Mapping[str, int], found: Found) -> pd.DataFrame:
    """In how many groups each variable varies."""
    rows = []
    for name, level in wanted.items():
        varies = _varies(used[name], used[group])
        n = int(varies.sum())
        rows.append((name, level, n, len(varies)))
        if level == 2 and n:
            example = varies.index[varies][0]
            values = used.loc[used[group] == example, name].dropna().unique()[:3]
            seen = join_words([written(v) for v in values])
            found.say(
                "levels",
                name,
                f"{name!r} is meant to be a level-2 variable but varies within "
                f"{count(n, 'group')} ({group} {written(example)} has {seen}): correct the "
                "values, or take its group mean, or move it to level 1.",
                True,
            )
        elif level == 1 and not n:
            text = f"{name!r} is the same for all rows of every group: it is a level-2 variable."
            found.say("levels", name, text, True)
    columns = ["variable", "level", "groups_where_it_varies", "groups"]
    return pd.DataFrame(rows, columns=columns).set_index("variable")


def _varies(values: pd.Series, keys: pd.Series) -> pd.Series:
    """For each group, whether it holds different values (missing ones aside)."""
    if not is_numeric(values):
        return values.groupby(keys, observed=True).nunique() > 1
    by = finite(values).groupby(keys, observed=True)
    low, high = by.min(), by.max()
    there = low.notna()
    out = pd.Series(False, index=low.index)
    if there.any():
        out[there] = ~one_value_a_group(low[there].to_numpy(), high[there].to_numpy())
    return out


def within(
    used: pd.DataFrame,
    group: str,
    wanted: Mapping[str, int],
    outcome: str,
    numbers: Mapping[str, pd.Series],
    found: Found,
) -> pd.DataFrame:
    """Standard deviations within and between groups, and the share of variance between them."""
    rows = []
    for name, level in wanted.items():
        if level == 2 or name not in numbers:
            continue
        values = numbers[name].dropna()
        keys = used[group].loc[values.index]
        flat = int((~_varies(values, keys)).sum())
        inside, between, share = _anova(values, keys)
        rows.append((name, values.std(), inside, between, share, flat))
        if not np.isfinite(share):
            continue
        _say_share(name, share, name == outcome, found)
        if flat and name != outcome and inside > 0:
            found.say(
                "within",
                name,
                f"{name!r} does not vary in {count(flat, 'group')}, which therefore "
                f"{'says' if flat == 1 else 'say'} nothing about its slope.",
            )
    columns = ["variable", "sd", "sd_within", "sd_between", "share_between", "groups_without"]
    return pd.DataFrame(rows, columns=columns).set_index("variable")


def _say_share(name: str, share: float, is_outcome: bool, found: Found) -> None:
    if is_outcome and share < 0.01:
        found.say(
            "within",
            name,
            f"Only {percent(share)} of the variance of {name!r} lies between groups: "
            "there is little for level-2 predictors to explain.",
        )
    if not is_outcome and share >= 0.01:
        found.say(
            "within",
            name,
            f"{percent(share)} of the variance of {name!r} lies between groups: its raw "
            "slope would mix differences within and between groups, so center it within "
            "groups and add the group mean at level 2.",
        )


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
