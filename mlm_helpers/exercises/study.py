"""The fits and words behind an exercise: the lecture's models on any data of the same shape."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlm_helpers.engine.compare import compare
from mlm_helpers.engine.fit import MLMFit, fit_mlm
from mlm_helpers.engine.structure import Structure
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.terms import Terms
from mlm_helpers.lesson.lesson import Lesson
from mlm_helpers.lesson.roles import LECTURE, Roles

if TYPE_CHECKING:
    from mlm_helpers.words.vocabulary import Vocabulary


class Study:
    """Models 1, 2 and 3 of the lecture on one data set, read off a Model 3.

    ``m3`` must have one level-1 predictor with a random slope, a 0/1 level-2 predictor and a
    numeric one, both also in the slope's equation. The other models are fitted when first needed.
    """

    def __init__(
        self,
        m3: MLMFit,
        vocabulary: Vocabulary | str | None = None,
        roles: Roles | None = None,
        alpha: float = 0.05,
    ):
        from mlm_helpers.words.vocabulary import words_for

        if roles is None:
            _check_shape(m3.structure)
        self.m3 = m3
        self.structure, self.vocabulary = words_for(m3, vocabulary)
        self.words = Terms.of(self.structure, self.vocabulary)
        self.x = self.structure.level1_predictors[0]
        self.w, self.z = self.structure.level2_predictors[:2]
        self.outcome, self.group = self.structure.outcome, self.structure.group
        self.roles = roles or Roles(self.outcome, self.group, self.x, self.w, self.z)
        self.alpha = alpha
        self._fits: dict[str, MLMFit] = {}

    @property
    def level(self) -> str:
        """The level of the tests as it is printed: ``".05"``."""
        return f"{self.alpha:g}".removeprefix("0")

    # ---- models -----------------------------------------------------------------------------
    @property
    def m1(self) -> MLMFit:
        """Random intercept and slope, no level-2 predictor."""
        return self._fit("m1")

    @property
    def m2(self) -> MLMFit:
        """Sector in both level-2 equations."""
        return self._fit("m2")

    @property
    def m1_ri(self) -> MLMFit:
        """Model 1 without the random slope."""
        return self._fit("m1_ri")

    @property
    def m2_ri(self) -> MLMFit:
        """Model 2 without the random slope."""
        return self._fit("m2_ri")

    @property
    def m3_ri(self) -> MLMFit:
        """Model 3 without the random slope."""
        return self._fit("m3_ri")

    def _fit(self, name: str) -> MLMFit:
        if name not in self._fits:
            self._fits[name] = fit_mlm(self.roles.formulas[name], self.m3.data)
        return self._fits[name]

    # ---- numbers ----------------------------------------------------------------------------
    def gamma(self, fit: MLMFit, *factors: str) -> float:
        """The fixed effect of a product of columns; none: the intercept."""
        column = fit.structure.coefficient(":".join(factors) if factors else "Intercept").column
        return float(fit.fixed_effects["estimate"][column])

    def row(self, fit: MLMFit, *factors: str) -> pd.Series:
        """The row of the fixed-effects table."""
        column = fit.structure.coefficient(":".join(factors) if factors else "Intercept").column
        return fit.fixed_effects.T[column]

    @property
    def tells_slopes_apart(self) -> bool:
        """Whether Model 3 tells the slopes of the two kinds apart, at the lesson's level."""
        return float(self.row(self.m3, self.x, self.w)["p"]) < self.alpha

    @property
    def tells_means_apart(self) -> bool:
        """Whether Model 3 tells the means of the two kinds apart, at the lesson's level."""
        return float(self.row(self.m3, self.w)["p"]) < self.alpha

    def tau(self, fit: MLMFit, k: int, column: str = "variance") -> float:
        """τ_kk of a fit, or another column of its row."""
        return float(fit.variance_components[column][f"tau{k}{k}"])

    @cached_property
    def ols(self) -> dict[frozenset[str], float]:
        """Model 3's fixed effects by ordinary least squares, ignoring schools."""
        d = self.m3.design
        beta, *_ = np.linalg.lstsq(d.x, d.y, rcond=None)
        return {frozenset(c.split(":")): float(b) for c, b in zip(d.columns, beta, strict=True)}

    @cached_property
    def pooled_slope(self) -> dict[int, float]:
        """The least-squares slope over all students of each sector, schools ignored, on the raw
        level-1 predictor."""
        data = self.m3.data
        y = data[self.outcome]
        out = {}
        for code in (0, 1):
            rows = data[self.w] == code
            out[code] = float(np.polyfit(data.loc[rows, self.x], y[rows], 1)[0])
        return out

    @cached_property
    def raw_means(self) -> dict[str, float]:
        """Plain averages of scores: all students, and by sector."""
        data = self.m3.data
        by = data.groupby(self.w)[self.outcome].mean()
        return {"all": float(data[self.outcome].mean()), "0": float(by[0]), "1": float(by[1])}

    @cached_property
    def eb_gap(self) -> dict[int, float]:
        """Difference of mean EB residuals of Model 1 between the sectors, by random coefficient."""
        eb = self.m1.random_effects
        sector = self.m3.group_table[self.w].reindex(eb.index)
        return {
            k: float(eb.loc[sector == 1, f"u{k}"].mean() - eb.loc[sector == 0, f"u{k}"].mean())
            for k in (0, 1)
        }

    def lrt(self, small: MLMFit, large: MLMFit, column: str) -> float:
        """An entry of the likelihood-ratio test of two fits (refitted by ML)."""
        return float(compare(small, large).table[column].iloc[-1])


def _check_shape(s: Structure) -> None:
    binary = [n for n in s.level2_predictors[:1] if n in s.variables and s.variables[n].binary]
    wanted = len(s.level1_predictors) == 1 and len(s.level2_predictors) == 2 and binary
    if not wanted or len(s.coefficients) != 6 or len(s.random) != 2:
        raise MLMError(
            "The exercises need a model like the lecture's Model 3: one level-1 predictor with a "
            "random slope, first a 0/1 and then a numeric level-2 predictor, and both products."
        )


def study_of(given: Study | Lesson) -> Study:
    """What the exercises of a lesson are computed from; a study stays as it is."""
    if isinstance(given, Study):
        return given
    pair = given.pair()
    return Study(pair.fit("m3"), pair.vocabulary, pair.roles, given.alpha)


def lecture_study(data: pd.DataFrame | None = None) -> Study:
    """The lecture's Model 3 on its own data, or on a table with the same columns."""
    from mlm_helpers.data.datasets import load_dataset

    model3 = LECTURE.formulas["m3"]
    return Study(fit_mlm(model3, load_dataset("ex1") if data is None else data))
