"""One data set, six ways to enter a level-1 predictor: the numbers behind the centering lab.

The predictor enters as it was measured, centered on its grand mean, or centered within schools, and
the school mean is or is not in the model beside it. With the mean in the model and slopes that do
not vary, the three are one model written three ways: the same fit, the same slope within schools,
and a coefficient of the mean that is the contextual effect (raw, grand-mean) or the slope between
schools (within), the two differing by the slope within (Raudenbush & Bryk 2002, pp. 134-149).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mlm_helpers.data.centering import center_grand, center_within, group_mean, is_group_level
from mlm_helpers.engine.fit import MLMFit, fit_mlm
from mlm_helpers.engine.inference import t_quantile
from mlm_helpers.engine.variables import is_centered_within
from mlm_helpers.errors import MLMError
from mlm_helpers.words.vocabulary import Vocabulary, load_vocabulary, shipped_vocabularies

RAW, GRAND, WITHIN = "raw", "grand", "within"
CENTERINGS = (RAW, GRAND, WITHIN)
YES, NO = "yes", "no"
SHIPPED = {
    "ex1": ("g1rscore", "famses", "schid", "sector"),
    "hsb82": ("mathach", "ses", "school", "sector"),
}


@dataclass(eq=False)
class Lab:
    """One data set for the lab: outcome y, predictor x, group g, and a level-2 moderator w.

    Fits are made when first asked for and kept.
    """

    name: str
    rows: pd.DataFrame
    words: Vocabulary
    x: str
    moderator: str | None
    fits: dict[tuple[str, str, str, str], MLMFit] = field(default_factory=dict)
    kept: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)

    def models(self, random: str, moderator: str) -> pd.DataFrame:
        """One row for each of the six ways to enter x; see :class:`Tables`."""
        if (random, moderator) not in self.kept:
            rows = {
                (centering, mean): _row(
                    self.fit(centering, mean, random, moderator), centering, mean
                )
                for mean in (NO, YES)
                for centering in CENTERINGS
            }
            index = pd.MultiIndex.from_tuples(rows, names=["centering", "mean"])
            self.kept[random, moderator] = pd.DataFrame(list(rows.values()), index=index)
        return self.kept[random, moderator]

    @cached_property
    def schools(self) -> pd.DataFrame:
        """One row per group: m, its mean of x about the grand mean; y, its mean outcome; n."""
        by = self.rows.groupby("g", observed=True, sort=True)
        return pd.DataFrame({"m": by["mean"].first(), "y": by["y"].mean(), "n": by.size()})

    def fit(self, centering: str, mean: str, random: str, moderator: str) -> MLMFit:
        """The fit of one choice."""
        key = (centering, mean, random, moderator)
        if key not in self.fits:
            self.fits[key] = fit_mlm(formula(*key), self.rows)
        return self.fits[key]


def formula(centering: str, mean: str, random: str, moderator: str) -> str:
    """The model of one choice, in the columns of :func:`make_lab`."""
    fixed = f"y ~ 1 + {centering}"
    if mean == YES:
        fixed += " + mean"
    if moderator == YES:
        fixed += f" + w + w:{centering}"
    return f"{fixed} + ({'1' if random == NO else f'1 + {centering}'} | g)"


def make_lab(
    data: pd.DataFrame,
    outcome: str,
    predictor: str,
    group: str,
    moderator: str | None = None,
    name: str = "data",
    vocabulary: Vocabulary | str | None = None,
) -> Lab:
    """Prepare a data set: complete rows, the three versions of x, and its school means.

    Raises
    ------
    MLMError
        If a column is missing, x does not vary within groups, or the moderator does.
    """
    wanted = [outcome, predictor, group, *([moderator] if moderator else [])]
    missing = [c for c in wanted if c not in data.columns]
    if missing:
        raise MLMError(
            f"The data have no column {missing[0]!r}: they have "
            f"{', '.join(map(str, data.columns))}."
        )
    kept = data[wanted].dropna().reset_index(drop=True)  # an index may be named like a column
    if is_group_level(kept, predictor, group):
        raise MLMError(
            f"{predictor!r} is the same for everybody in a group of {group!r}: centering needs a "
            "level-1 predictor."
        )
    if is_centered_within(data[predictor], data[group]):
        raise MLMError(
            f"{predictor!r} is centered within the groups of {group!r} already, so it has no group "
            "means left to put into a model: give the predictor as it was measured."
        )
    if moderator and not is_group_level(kept, moderator, group):
        raise MLMError(
            f"{moderator!r} differs within groups of {group!r}: a moderator here is a "
            "level-2 predictor."
        )
    rows = pd.DataFrame({"y": kept[outcome], "raw": kept[predictor], "g": kept[group]})
    rows["grand"] = center_grand(rows, "raw", over="rows")
    rows["within"] = center_within(rows, "raw", "g")
    rows["mean"] = group_mean(rows, "raw", "g") - rows["raw"].mean()
    if moderator:
        rows["w"] = kept[moderator]
    if vocabulary is None:
        known = name in shipped_vocabularies()
        vocabulary = load_vocabulary(name) if known else _plain_words(outcome, group)
    words = load_vocabulary(vocabulary) if isinstance(vocabulary, str) else vocabulary
    return Lab(name, rows, words, predictor, moderator)


def _plain_words(outcome: str, group: str) -> Vocabulary:
    return Vocabulary.from_mapping({"outcome": {"column": outcome}, "group": {"column": group}})


def shipped_lab(name: str) -> Lab:
    """The lab of a shipped data set."""
    from mlm_helpers.data.datasets import load_dataset

    if name not in SHIPPED:
        raise MLMError(
            f"The centering lab knows {' and '.join(SHIPPED)}; for other data pass a "
            "DataFrame with outcome=, predictor= and group=."
        )
    return make_lab(load_dataset(name), *SHIPPED[name], name=name)


class Tables(NamedTuple):
    """What one state looks like.

    ``models``: one row per (centering, mean); gamma00, slope, mean_coef, w, gap, contextual with
    standard errors and intervals where the model has them, tau00, sigma2, deviance, and ``same``:
    whether the fit is the one chosen, written differently. ``schools``: one row per school; m (its
    mean of x about the grand mean), y (its mean outcome), n. ``grand``: grand mean of x.
    """

    models: pd.DataFrame
    schools: pd.DataFrame
    grand: float
    state: dict[str, Any]


def compute(state: Mapping[str, Any], lab: Lab) -> Tables:
    """The tables of a state: all six models under its other two choices."""
    models = lab.models(state["random"], state["moderator"]).copy()
    chosen = models.loc[(state["centering"], state["mean"]), "deviance"]
    models["same"] = (models["deviance"] - chosen).abs() < 1e-4
    return Tables(models, lab.schools, float(lab.rows["raw"].mean()), dict(state))


def _row(fit: MLMFit, centering: str, mean: str) -> dict[str, float]:
    table = fit.fixed_effects
    out = {"gamma00": float(table["estimate"].to_numpy()[0])}
    for name, term in (
        ("slope", centering),
        ("mean_coef", "mean"),
        ("w", "w"),
        ("gap", f"w:{centering}"),
    ):
        found = next((t for t in table.index if set(t.split(":")) == set(term.split(":"))), None)
        out |= _cells(table.loc[found] if found is not None else None, name)
    if mean == YES:
        # within: between minus within; raw and grand-mean: the coefficient itself
        weights = {"mean": 1.0, **({centering: -1.0} if centering == WITHIN else {})}
        out |= _cells(fit.contrast(weights).iloc[0], "contextual")
    else:
        out |= _cells(None, "contextual")
    t = fit.T.to_numpy()
    # ML deviances compare models with different fixed effects; REML criteria do not
    deviance = fit.refit(reml=False).criterion
    return out | {"tau00": float(t[0, 0]), "sigma2": fit.sigma2, "deviance": deviance}


def _cells(row: pd.Series | None, name: str) -> dict[str, float]:
    if row is None:
        return {name: math.nan, f"{name}_se": math.nan, f"{name}_reach": math.nan}
    reach = float(t_quantile(0.95, np.array(row["df"]))) * float(row["std_error"])
    return {
        name: float(row["estimate"]),
        f"{name}_se": float(row["std_error"]),
        f"{name}_reach": reach,
    }
