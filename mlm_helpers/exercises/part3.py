"""Part 3: centering and contextual effects, on High School & Beyond."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from mlm_helpers.data.centering import center_grand, center_within, group_mean
from mlm_helpers.engine.fit import MLMFit, fit_mlm
from mlm_helpers.exercises.questions import (
    ChoiceQuestion,
    NumberQuestion,
    Question,
    Wrong,
    as_printed,
)


@dataclass(frozen=True)
class CenteringStudy:
    """The four centered columns of a data set and the models that use them.

    ``data`` gets ``schses`` (school mean of ``x``), ``schsesgm`` (centered on its mean over
    students), ``xc`` (centered within schools) and ``xgm`` (grand-mean centered).
    """

    raw: pd.DataFrame
    outcome: str = "mathach"
    x: str = "ses"
    w: str = "sector"
    group: str = "school"
    mean: str = "meanses"

    @cached_property
    def data(self) -> pd.DataFrame:
        """The table with its centered columns."""
        d = self.raw.copy()
        d["schses"] = group_mean(d, self.x, self.group)
        d["schsesgm"] = center_grand(d, "schses", over="rows")
        d["sesc"] = center_within(d, self.x, self.group)
        d["sesgm"] = center_grand(d, self.x, over="rows")
        return d

    def _fit(self, fixed: str, slope: str = "") -> MLMFit:
        random = f"(1{f' + {slope}' if slope else ''} | {self.group})"
        return fit_mlm(f"{self.outcome} ~ 1 + {fixed} + {random}", self.data)

    @cached_property
    def within(self) -> MLMFit:
        """School mean and within-centered predictor."""
        return self._fit("schsesgm + sesc")

    @cached_property
    def grand(self) -> MLMFit:
        """School mean and grand-mean centered predictor."""
        return self._fit("schsesgm + sesgm")

    @cached_property
    def blend(self) -> MLMFit:
        """The grand-mean centered predictor alone."""
        return self._fit("sesgm")

    @cached_property
    def crossed_within(self) -> MLMFit:
        """Sector and its product with the within-centered predictor."""
        return self._fit(f"sesc + {self.w} + {self.w} * sesc", slope="sesc")

    @cached_property
    def crossed_grand(self) -> MLMFit:
        """Sector and its product with the grand-mean centered predictor."""
        return self._fit(f"sesgm + {self.w} + {self.w} * sesgm", slope="sesgm")

    def gamma(self, fit: MLMFit, column: str) -> float:
        """One fixed effect."""
        name = fit.structure.coefficient(column).column
        return float(fit.fixed_effects["estimate"][name])

    @cached_property
    def ols_between(self) -> float:
        """The least-squares slope of school means on school means, each school counted once."""
        by = self.data.groupby(self.group)[[self.outcome, "schses"]].mean()
        return float(by[self.outcome].cov(by["schses"]) / by["schses"].var())

    @cached_property
    def ols_total(self) -> float:
        """The least-squares slope over all students, schools ignored."""
        d = self.data
        return float(d[self.outcome].cov(d[self.x]) / d[self.x].var())


def default_study() -> CenteringStudy:
    """High School & Beyond."""
    from mlm_helpers.data.datasets import load_dataset

    return CenteringStudy(load_dataset("hsb82"))


def questions(s: CenteringStudy) -> tuple[Question, ...]:
    """The questions, with everything in them computed from the fits of ``s``."""
    return (
        _grand_mean(s),
        _within(s),
        _between(s),
        _contextual(s),
        _what_changed(s),
        _blend(s),
        _intercepts(),
        _interaction(s),
        _why_interaction(),
    )


def _grand_mean(s: CenteringStudy) -> NumberQuestion:
    column = s.raw[s.mean]
    by_school = s.raw.groupby(s.group)[s.mean].first()
    return NumberQuestion(
        id="q1",
        right=float(column.mean()),
        measure="units of SES",
        decimals=3,
        close=1e-5,
        wrong=(
            Wrong(
                float(by_school.mean()),
                "that is the mean over schools, each counted once. The question asks for the mean "
                "over students, in which a large school counts more.",
                "grand mean over schools",
            ),
            Wrong(
                float(s.raw[s.x].mean()),
                f"that is the mean of {s.x}. The question is about the column {s.mean}.",
                "wrong row",
            ),
            Wrong(
                float(column.median()),
                "that is a median. Centering uses the mean.",
                "other",
            ),
        ),
        hints=(
            f"The table has one row per student. What is the mean of its column {s.mean}?",
            f"hsb[{s.mean!r}].mean() averages over rows, that is over students.",
        ),
        otherwise="average over the rows of the table, which are students.",
    )


def _within(s: CenteringStudy) -> NumberQuestion:
    within, between = s.gamma(s.within, "sesc"), s.gamma(s.within, "schsesgm")
    return NumberQuestion(
        id="q2",
        right=within,
        measure="points per unit of SES",
        decimals=2,
        wrong=(
            Wrong(
                between,
                "that compares schools. Which row compares students of the same school?",
                "between for within",
            ),
            Wrong(
                s.gamma(s.blend, "sesgm"),
                "that is the slope without the school mean in the model: it blends students of "
                "one school with students of different schools.",
                "wrong model",
            ),
            Wrong(
                s.ols_total,
                "that is an ordinary regression over all students, schools ignored.",
                "ordinary regression",
            ),
            Wrong(
                s.gamma(s.crossed_within, "sesc"),
                "that model has the sector in it, so the row is the slope of public schools only.",
                "main effect is overall slope",
            ),
        ),
        hints=(
            "In which of the two predictors do students of one school differ?",
            "It is the row for sesc in the model with school mean SES and sesc.",
        ),
    )


def _between(s: CenteringStudy) -> NumberQuestion:
    within, between = s.gamma(s.within, "sesc"), s.gamma(s.within, "schsesgm")
    return NumberQuestion(
        id="q3",
        right=between,
        measure="points per unit of school mean SES",
        decimals=2,
        wrong=(
            Wrong(
                within,
                "that compares students of one school. Which row compares the means of schools?",
                "within for between",
            ),
            Wrong(
                between - within,
                "that is the difference between the two slopes, the contextual effect. The "
                "question asks for the between-school slope itself.",
                "contextual is between",
                as_printed(lambda a, b: a - b, between, within),
            ),
            Wrong(
                between + within,
                "with SES centered within schools the two slopes are separate: nothing needs to be "
                "added.",
                "between is contextual",
                as_printed(lambda a, b: a + b, between, within),
            ),
            Wrong(
                s.ols_between,
                "that is a regression of school means in which each school counts the same. The "
                "multilevel fit gives more weight to schools that tell more.",
                "ordinary regression",
            ),
        ),
        hints=(
            "By how many points do the expected means of two schools differ that are one unit of "
            "mean SES apart?",
            "It is the row for schsesgm in the model with schsesgm and sesc.",
        ),
    )


def _contextual(s: CenteringStudy) -> NumberQuestion:
    within, between = s.gamma(s.within, "sesc"), s.gamma(s.within, "schsesgm")
    return NumberQuestion(
        id="q4",
        right=between - within,
        also=as_printed(lambda a, b: a - b, between, within),
        measure="points per unit of school mean SES",
        decimals=2,
        wrong=(
            Wrong(
                between,
                "that is the between-school slope. It compares schools whose students also differ "
                "in SES; the contextual effect compares two students with the same SES.",
                "between is contextual",
            ),
            Wrong(
                within,
                "that is the within-school slope, two students of one school.",
                "within for between",
            ),
            Wrong(
                within - between,
                "the right two numbers, taken off the wrong way round.",
                "sign",
                as_printed(lambda a, b: b - a, between, within),
            ),
            Wrong(
                between + within,
                "the two slopes are not to be added: the between-school slope already holds the "
                "within-school slope and the contextual effect.",
                "between is contextual",
                as_printed(lambda a, b: a + b, between, within),
            ),
            Wrong(
                s.ols_between - within,
                "you mixed an ordinary regression of school means with the multilevel fit.",
                "ordinary regression",
            ),
        ),
        hints=(
            "Two students with the same SES, in schools one unit of mean SES apart: how far apart "
            "are their expected scores?",
            "The between-school slope moves the school and its students; take the students' part "
            "away.",
            "Between-school slope minus within-school slope.",
        ),
    )


def _what_changed(s: CenteringStudy) -> ChoiceQuestion:
    return ChoiceQuestion(
        id="q5",
        right="B",
        replies={
            "A": (
                "look at the row for schsesgm in the two outputs. It is not the same, so it cannot "
                "have the same meaning.",
                "between is contextual",
            ),
            "C": (
                "look at the row for SES in the two outputs: it did not change.",
                "between for within",
            ),
            "D": (
                "the two fits have the same deviance by ML and the same predictions: they are one "
                "model, written with other columns.",
                "centering does not matter",
            ),
        },
        hints=(
            "Put the two tables side by side. Which row is the same in both?",
            "Subtract: the row for schsesgm in one, minus the row for it in the other. Do you know "
            "that number?",
        ),
    )


def _blend(s: CenteringStudy) -> ChoiceQuestion:
    return ChoiceQuestion(
        id="q6",
        right="C",
        replies={
            "A": (
                "it would be the within-school slope if SES were centered within schools, or if "
                "the school mean stood beside it.",
                "between for within",
            ),
            "B": (
                "it lies far from the between-school slope of question 3.",
                "within for between",
            ),
            "D": (
                "the contextual effect is a difference of two slopes. A model with one slope "
                "cannot show it.",
                "between is contextual",
            ),
        },
        hints=(
            "Does this slope lie between two numbers that you already know?",
            "Students differ in SES within schools and between schools. This model has one slope "
            "for both.",
        ),
    )


def _intercepts() -> ChoiceQuestion:
    return ChoiceQuestion(
        id="q7",
        right="A",
        replies={
            "B": (
                "that is what the intercept of a school is with SES centered within schools: 0 is "
                "then the school's own mean.",
                "centering does not matter",
            ),
            "C": (
                "0 is a student of average SES among all students. Not every school has many such "
                "students, but all students count in the line.",
                "level confused",
            ),
            "D": (
                "centering moves the zero of SES, and the intercept is the value at zero.",
                "centering does not matter",
            ),
        },
        hints=(
            "An intercept is the expected score where the predictor is 0.",
            "Which student has 0 after grand-mean centering: average in the school, or average of "
            "everybody?",
        ),
    )


def _interaction(s: CenteringStudy) -> NumberQuestion:
    product = f"{s.w}:sesc"
    within = s.gamma(s.crossed_within, product)
    return NumberQuestion(
        id="q8",
        right=within,
        measure="points per unit of SES",
        decimals=2,
        wrong=(
            Wrong(
                s.gamma(s.crossed_grand, f"{s.w}:sesgm"),
                "that is with grand-mean centering, where the product also takes in differences "
                "between schools. Center SES within schools.",
                "centering does not matter",
            ),
            Wrong(
                s.gamma(s.crossed_within, "sesc"),
                "that is the slope of public schools. The cross-level interaction is the "
                "difference.",
                "interaction is a slope",
            ),
            Wrong(
                s.gamma(s.crossed_within, "sesc") + within,
                "that is the slope of Catholic schools. The cross-level interaction is the "
                "difference from the public one.",
                "interaction is a slope",
                as_printed(lambda a, b: a + b, s.gamma(s.crossed_within, "sesc"), within),
            ),
            Wrong(
                s.gamma(s.crossed_within, s.w),
                "that is the difference in means between the sectors. Which row is about slopes?",
                "interaction is a difference in means",
            ),
        ),
        hints=(
            "Fit the model with sector, sesc and their product.",
            "The cross-level interaction is the row of the product, with its sign.",
        ),
    )


def _why_interaction() -> ChoiceQuestion:
    return ChoiceQuestion(
        id="q9",
        right="D",
        replies={
            "A": (
                "fit both and compare the rows of the product: the number does change.",
                "centering does not matter",
            ),
            "B": (
                "subtracting one and the same number from every student would do only that. "
                "Centering within schools subtracts another number in each school.",
                "centering does not matter",
            ),
            "C": (
                "the difference is far larger than rounding and would be there in any sample.",
                "centering does not matter",
            ),
        },
        hints=(
            "Grand-mean centered SES = SES within the school + the school's mean. What does the "
            "product with sector then consist of?",
            "Which of the two products compares students of one school only?",
        ),
    )
