"""The fits and words behind an exercise: the lecture's models on any data of the same shape."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlm_helpers.engine.fit import MLMFit, fit_mlm
from mlm_helpers.engine.inference import compare
from mlm_helpers.engine.structure import Structure
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises.terms import Terms

if TYPE_CHECKING:
    from mlm_helpers.words.vocabulary import Vocabulary

MODEL3 = (
    "g1rscore ~ 1 + sector + schsesgdm + famsesc + sector * famsesc + schsesgdm * famsesc"
    " + (1 + famsesc | schid)"
)


class Study:
    """Models 1, 2 and 3 of the lecture on one data set, read off a Model 3.

    ``m3`` must have one level-1 predictor with a random slope, a 0/1 level-2 predictor and a
    numeric one, both also in the slope's equation. The other models are fitted when first needed.
    """

    def __init__(self, m3: MLMFit, vocabulary: Vocabulary | str | None = None):
        from mlm_helpers.words.vocabulary import words_for

        _check_shape(m3.structure)
        self.m3 = m3
        self.structure, self.vocabulary = words_for(m3, vocabulary)
        self.words = Terms.of(self.structure, self.vocabulary)
        self.x = self.structure.level1_predictors[0]
        self.w, self.z = self.structure.level2_predictors[:2]
        self.outcome, self.group = self.structure.outcome, self.structure.group

    # ---- models -----------------------------------------------------------------------------
    @cached_property
    def m1(self) -> MLMFit:
        """Random intercept and slope, no level-2 predictor."""
        return self._fit(f"{self.x} + (1 + {self.x} | {self.group})")

    @cached_property
    def m2(self) -> MLMFit:
        """Sector in both level-2 equations."""
        fixed = f"{self.x} + {self.w} + {self.w} * {self.x}"
        return self._fit(f"{fixed} + (1 + {self.x} | {self.group})")

    @cached_property
    def m1_ri(self) -> MLMFit:
        """Model 1 without the random slope."""
        return self._fit(f"{self.x} + (1 | {self.group})")

    @cached_property
    def m2_ri(self) -> MLMFit:
        """Model 2 without the random slope."""
        return self._fit(f"{self.x} + {self.w} + {self.w} * {self.x} + (1 | {self.group})")

    @cached_property
    def m3_ri(self) -> MLMFit:
        """Model 3 without the random slope."""
        fixed = " + ".join((self.w, self.z, self.x, f"{self.w} * {self.x}", f"{self.z} * {self.x}"))
        return self._fit(f"{fixed} + (1 | {self.group})")

    def _fit(self, rest: str) -> MLMFit:
        return fit_mlm(f"{self.outcome} ~ 1 + {rest}", self.m3.data)

    # ---- numbers ----------------------------------------------------------------------------
    def gamma(self, fit: MLMFit, *factors: str) -> float:
        """The fixed effect of a product of columns; none: the intercept."""
        column = fit.structure.coefficient(":".join(factors) if factors else "Intercept").column
        return float(fit.fixed_effects["estimate"][column])

    def row(self, fit: MLMFit, *factors: str) -> pd.Series:
        """The row of the fixed-effects table."""
        column = fit.structure.coefficient(":".join(factors) if factors else "Intercept").column
        return fit.fixed_effects.T[column]

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


def lecture_study(data: pd.DataFrame | None = None) -> Study:
    """The lecture's Model 3 on its own data, or on a table with the same columns."""
    from mlm_helpers.data.datasets import load_dataset

    return Study(fit_mlm(MODEL3, load_dataset("ex1") if data is None else data))
