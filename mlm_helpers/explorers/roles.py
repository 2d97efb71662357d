"""Which coefficient of a fit plays which part: the numbers an explorer starts from.

Explorers speak of one level-1 predictor with a slope that varies between groups, at most one
two-valued moderator (the lecture's sector) and at most one continuous one (school mean SES). In an
explorer's state these are gamma00, gamma01, gamma02 and gamma10, gamma11, gamma12, as in the
lecture's Model 3, whatever the formula calls them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit, fit_mlm
from mlm_helpers.engine.structure import INTERCEPT
from mlm_helpers.errors import MLMError
from mlm_helpers.lesson.roles import LECTURE, parts_of
from mlm_helpers.words.vocabulary import Vocabulary, words_for

Array = NDArray[np.float64]

EX1_MODEL2, EX1_MODEL3 = LECTURE.formulas["m2"], LECTURE.formulas["m3"]


@dataclass(frozen=True)
class Roles:
    """The parts of one fit and the words for them.

    ``columns`` maps gamma00, gamma01, ... (by role) to the fit's column. ``low`` and ``high`` are
    the two kinds of groups ("public", "private"), ``many_low`` and ``many_high`` their plurals.
    """

    columns: dict[str, str]
    level1: str
    two: str | None
    continuous: str | None
    low: str
    high: str
    many_low: str
    many_high: str
    outcome: str
    units: str
    x_label: str
    x_symbol: str
    two_symbol: str
    continuous_label: str
    continuous_symbol: str
    group: str
    groups: str
    unit: str
    students: str


def read_roles(fit: MLMFit, vocabulary: Vocabulary | str | None = None) -> Roles:
    """Find the parts of a fit.

    Raises
    ------
    MLMError
        If the model has no slope that varies or is moderated, or more moderators than an explorer
        can show.
    """
    structure, words = words_for(fit, vocabulary)
    parts = parts_of(fit)
    equation, two, rest = parts.slope, parts.two_valued, parts.continuous
    if len(two) > 1 or len(rest) > 1:
        raise MLMError(
            "An explorer shows one two-valued and one continuous moderator; this model has "
            f"{', '.join((*two, *rest))}: fit a model with fewer level-2 predictors for it."
        )
    role: dict[str | None, int] = {
        None: 0,
        **({two[0]: 1} if two else {}),
        **({rest[0]: 2} if rest else {}),
    }
    columns = {
        f"gamma{0 if e.p == 0 else 1}{role[c.level2]}": c.column
        for e in structure.equations
        if e.p in (0, equation.p)
        for c in e.coefficients
    }
    x = words.predictor(_base(equation.level1 or ""))
    low, high, many_low, many_high, two_symbol = "", "", "", "", ""
    if two:
        low, high, many_low, many_high, two_symbol = _kinds(two[0], words)
    m = words.predictor(_base(rest[0])) if rest else None
    return Roles(
        columns=columns,
        level1=equation.level1 or "",
        two=two[0] if two else None,
        continuous=rest[0] if rest else None,
        low=low,
        high=high,
        many_low=many_low,
        many_high=many_high,
        outcome=words.outcome.label,
        units=words.outcome.units,
        x_label=x.label,
        x_symbol=x.symbol,
        two_symbol=two_symbol,
        continuous_label=m.label if m else "",
        continuous_symbol=m.symbol if m else "",
        group=words.group.one,
        groups=words.group.many,
        unit=words.unit.one,
        students=words.unit.many,
    )


def _base(column: str) -> str:
    return column.split("[")[0].removeprefix("C(").removesuffix(")")


def _kinds(column: str, words: Vocabulary) -> tuple[str, str, str, str, str]:
    p = words.predictor(_base(column))
    if "[" in column:  # treatment coding: the level in brackets against the other one
        level = column.split("[")[1].rstrip("]").removeprefix("T.")
        codes = sorted(p.codes, key=lambda c: c.value == level)
    else:
        codes = sorted(p.codes, key=lambda c: c.number if c.number is not None else math.inf)
    if len(codes) == 2:
        a, b = codes
        return a.name, b.name, a.many, b.many, p.symbol
    many = words.group.many
    names = f"{p.symbol} = 0", f"{p.symbol} = 1"
    return *names, f"{many} with {names[0]}", f"{many} with {names[1]}", p.symbol


_GREEK = {"gamma": "γ", "tau": "τ"}
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def plain_symbol(name: str) -> str:
    """``gamma11`` as ``γ₁₁``, for labels that hold text only."""
    letters = name.rstrip("0123456789")
    if letters not in _GREEK:
        return name
    return _GREEK[letters] + name[len(letters) :].translate(_BELOW)


def estimates(fit: MLMFit, roles: Roles) -> dict[str, float]:
    """γ's by role, τ00, τ11, their correlation and σ² of a fit."""
    gamma = dict(zip(fit.design.columns, fit.gamma.tolist(), strict=True))
    out = {name: gamma[column] for name, column in roles.columns.items()}
    names, t = list(fit.T.index), fit.T.to_numpy()
    has_slope, has_intercept = roles.level1 in names, INTERCEPT in names
    s, i = (names.index(n) if n in names else 0 for n in (roles.level1, INTERCEPT))
    tau00 = float(t[i, i]) if has_intercept else 0.0
    tau11 = float(t[s, s]) if has_slope else 0.0
    both = has_slope and has_intercept and tau00 > 0 and tau11 > 0
    corr = float(t[i, s]) / math.sqrt(tau00 * tau11) if both else 0.0
    return out | {"tau00": tau00, "tau11": tau11, "corr": corr, "sigma2": fit.sigma2}


def level1_values(fit: MLMFit, roles: Roles) -> Array:
    """The level-1 predictor, one value per row."""
    d = fit.design
    if roles.level1 in d.columns:
        return d.x[:, d.columns.index(roles.level1)]
    return d.z[:, d.random.index(roles.level1)]


def fit_ex1(*formulas: str) -> tuple[MLMFit, ...]:
    """Fits of the lecture's models to its data."""
    from mlm_helpers.data.datasets import load_dataset

    data = load_dataset("ex1")
    return tuple(fit_mlm(f, data) for f in formulas)
