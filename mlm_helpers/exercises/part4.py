"""Part 4: probing the interaction, variance explained, and testing the slope variance."""

from __future__ import annotations

import math

from mlm_helpers.engine.inference import p_of_chi2
from mlm_helpers.exercises.questions import (
    ChoiceQuestion,
    NumberQuestion,
    Question,
    Wrong,
    as_printed,
)
from mlm_helpers.exercises.study import Study, lecture_study

AWAY = 0.5  # the value of school mean SES, from its average, at which the slope is probed


def default_study() -> Study:
    """The lecture's data."""
    return lecture_study()


def questions(s: Study) -> tuple[Question, ...]:
    """The questions, with everything in them computed from the fits of ``s``."""
    return (
        _simple_slope(s),
        _slope_error(s),
        _slope_explained(s),
        _explained_fell(s),
        _lrt(s),
        _p_boundary(s),
        _not_significant(s),
        _true_spread(s),
        _eb_gap(s),
        _fixed_parts(s),
        _no_random_slope(s),
    )


def _simple_slope(s: Study) -> NumberQuestion:
    w = s.words
    g10, g11, g12 = (s.gamma(s.m3, s.x, *more) for more in ((), (s.w,), (s.z,)))

    def slope(a: float, b: float, c: float) -> float:
        return a + b + AWAY * c

    return NumberQuestion(
        id="q1",
        right=slope(g10, g11, g12),
        also=as_printed(slope, g10, g11, g12),
        measure=f"{w.points} per unit of {w.within}",
        decimals=2,
        wrong=(
            Wrong(
                g10 + g11,
                f"that is the slope at average {w.context}. Move {AWAY} above it.",
                "simple slope incomplete",
            ),
            Wrong(
                g10 + g11 + g12,
                f"you moved a whole unit of {w.context}; the question says {AWAY}.",
                "simple slope incomplete",
            ),
            Wrong(
                g10 + AWAY * g12,
                f"that is {w.one_low} with this {w.context}: the product with {w.sector} "
                "is missing.",
                "simple slope incomplete",
            ),
            Wrong(
                g11 + AWAY * g12,
                "you left out the slope to start from, and kept only what changes it.",
                "interaction is a slope",
            ),
            Wrong(
                g10 + g11 - AWAY * g12,
                f"you moved the wrong way: {AWAY} above average is a positive value of "
                f"{w.context}.",
                "sign",
            ),
            Wrong(
                g10,
                f"that row alone is {w.one_low} at average {w.context}.",
                "main effect is overall slope",
            ),
        ),
        hints=(
            f"The slope of a {w.school} is γ10 + γ11·{w.sector} + γ12·{w.context}.",
            f"Put in {w.sector} = 1 and {w.context} = {AWAY}. Three γ's take part.",
            "mlm.simple_slopes does the same and adds the standard error.",
        ),
    )


def _slope_error(s: Study) -> NumberQuestion:
    w = s.words
    fit = s.m3
    a = fit.structure.coefficient(s.x).column
    b = fit.structure.coefficient(f"{s.x}:{s.w}").column
    v = fit.vcov
    se_a, se_b = math.sqrt(v[a][a]), math.sqrt(v[b][b])
    right = float(fit.contrast({a: 1.0, b: 1.0})["std_error"].iloc[0])
    return NumberQuestion(
        id="q2",
        right=right,
        measure=f"{w.points} per unit of {w.within}",
        decimals=2,
        column=("std_error",),
        wrong=(
            Wrong(
                math.hypot(se_a, se_b),
                "the two estimates are not independent, so their squared standard errors cannot "
                "just be added: twice their covariance belongs in the sum.",
                "covariance forgotten",
                as_printed(math.hypot, se_a, se_b),
            ),
            Wrong(
                se_b,
                f"that is the standard error of the difference between the {w.high} and the "
                f"{w.low} slope.",
                "interaction is a slope",
            ),
            Wrong(
                se_a,
                f"that is the standard error of the {w.low} slope.",
                "main effect is overall slope",
            ),
            Wrong(
                se_a + se_b,
                "standard errors do not add up. Variances do, together with the covariance.",
                "covariance forgotten",
                as_printed(lambda x, y: x + y, se_a, se_b),
            ),
            Wrong(
                right**2,
                "that is the variance of the estimate. Take its square root.",
                "sd for variance",
            ),
        ),
        hints=(
            "The slope is a sum of two estimates. What is the variance of a sum?",
            "Var(a + b) = Var(a) + Var(b) + 2 Cov(a, b). All three are in m3.vcov.",
            f"m3.contrast takes the weights of a combination, such as {{{s.x!r}: 1, ...}}.",
        ),
    )


def _slope_explained(s: Study) -> NumberQuestion:
    w = s.words
    v1, v2, v3 = (s.tau(m, 1) for m in (s.m1, s.m2, s.m3))
    o1, o2 = s.tau(s.m1, 0), s.tau(s.m2, 0)

    def share(a: float, b: float) -> float:
        return 100 * (a - b) / a

    return NumberQuestion(
        id="q3",
        right=share(v1, v2),
        also=as_printed(share, v1, v2),
        measure="percent of the slope variance in Model 1",
        unit="percent",
        decimals=1,
        column=("explained",),
        wrong=(
            Wrong(
                share(v1, v3),
                f"that is Model 3. The question asks for {w.sector} alone, Model 2.",
                "wrong model",
                as_printed(share, v1, v3),
            ),
            Wrong(
                share(o1, o2),
                "that is the intercept variance. The question is about the slopes.",
                "wrong row",
                as_printed(share, o1, o2),
            ),
            Wrong(
                100 * v2 / v1,
                "that much is still there in Model 2. How much is gone?",
                "share that is left",
                as_printed(lambda a, b: 100 * b / a, v1, v2),
            ),
            Wrong(
                share(v1**0.5, v2**0.5),
                "you used the column Std.Dev.; variance explained compares variances.",
                "sd for variance",
                as_printed(share, v1**0.5, v2**0.5),
            ),
            Wrong(
                100 * (v1 - v2) / v2,
                "you divided by Model 2's variance. Divide by the variance that was there to be "
                "explained.",
                "wrong denominator",
                as_printed(lambda a, b: 100 * (a - b) / b, v1, v2),
            ),
        ),
        hints=(
            "Compare the slope variance of Model 1 with that of Model 2.",
            "(variance in Model 1 - variance in Model 2) divided by the variance in Model 1.",
            "mlm.variance_explained(m1, m2) has it as a share.",
        ),
    )


def _explained_fell(s: Study) -> ChoiceQuestion:
    w = s.words
    return ChoiceQuestion(
        id="q4",
        right="C",
        replies={
            "A": (
                "a prediction for the data cannot get worse by a predictor, but τ11 is not a sum "
                "of squares: it is estimated anew in each model and may rise a little.",
                "explained cannot fall",
            ),
            "B": (
                f"a share that falls does not mean that {w.context} makes slopes differ more. "
                "Look at the size of the change against its uncertainty.",
                "explained cannot fall",
            ),
            "D": (
                "REML is what the lecture uses in both models, and τ's may be compared under "
                "either method. It is the criteria that may not be compared.",
                "REML across fixed parts",
            ),
        },
        hints=(
            "Is τ11 computed from the data by subtraction, or estimated in each model?",
            "In ordinary regression R² cannot fall. Which property of least squares makes it so, "
            "and does REML have it?",
        ),
    )


def _lrt(s: Study) -> NumberQuestion:
    right = s.lrt(s.m1_ri, s.m1, "Chisq")
    reml = s.m1_ri.criterion - s.m1.criterion
    return NumberQuestion(
        id="q5",
        right=right,
        measure="units of χ²",
        decimals=1,
        column=("Chisq",),
        wrong=(
            Wrong(
                reml,
                "that is the difference of the REML criteria, a sound test as well, because the "
                "fixed "
                "parts are the same. The question asks for the one by ML, which R's anova prints.",
                "other",
            ),
            Wrong(
                right / 2,
                "that is the difference of the log-likelihoods. The statistic is twice that.",
                "log-likelihood not doubled",
            ),
            Wrong(
                s.lrt(s.m3_ri, s.m3, "Chisq"),
                "that is the test in Model 3. This one asks about Model 1.",
                "wrong model",
            ),
            Wrong(
                s.lrt(s.m1, s.m2, "Chisq"),
                f"that tests the two γ's of {s.words.sector}. The slope variance is tested by "
                "leaving the random slope out.",
                "wrong model",
            ),
            Wrong(
                s.lrt(s.m1_ri, s.m1, "p"),
                "that is a p value. The question asks for the statistic.",
                "wrong row",
            ),
        ),
        hints=(
            "Two models that differ in the random slope only: which two?",
            "The statistic is the difference of their deviances, both fitted by ML.",
            "mlm.compare(m1_ri, m1) refits by ML and prints it under Chisq.",
        ),
    )


def _p_boundary(s: Study) -> NumberQuestion:
    chisq = s.lrt(s.m1_ri, s.m1, "Chisq")
    return NumberQuestion(
        id="q6",
        right=s.lrt(s.m1_ri, s.m1, "p_boundary"),
        measure="a p value between 0 and 1",
        unit="p",
        decimals=3,
        column=("p_boundary",),
        wrong=(
            Wrong(
                p_of_chi2(chisq, 2),
                "that is χ² with 2 degrees of freedom, as if there were no edge. The p is "
                "too large; mix it with χ² on 1.",
                "boundary forgotten",
            ),
            Wrong(
                p_of_chi2(chisq, 1),
                "that is χ² with 1 degree of freedom alone. With the random slope its covariance "
                "with the intercept goes as well, so the mixture has two halves.",
                "boundary forgotten",
            ),
            Wrong(
                p_of_chi2(chisq, 2) / 2,
                "halving is right when one variance is added alone. Here a covariance comes with "
                "it, so the other half of the mixture is χ² on 1, not 0.",
                "boundary forgotten",
            ),
            Wrong(
                chisq,
                "that is the statistic. The question asks for its p value.",
                "wrong row",
            ),
            Wrong(
                s.lrt(s.m3_ri, s.m3, "p_boundary"),
                "that is the test in Model 3. This one asks about Model 1.",
                "wrong model",
            ),
        ),
        hints=(
            "Without slope variance the larger model sits at the edge of what the τ's can be. "
            "There "
            "χ² with 2 degrees of freedom alone gives a p value that is too large.",
            "In large samples it is the mean of two p values: χ² with 1 and with 2 degrees of "
            "freedom.",
            "mlm.compare prints it as boundary p (p_boundary in its table).",
        ),
    )


def _not_significant(s: Study) -> ChoiceQuestion:
    w = s.words
    return ChoiceQuestion(
        id="q7",
        right="B",
        replies={
            "A": (
                "the test could not tell the remaining variance from zero; that is not the same as "
                "showing that it is zero. Look at the estimate and its interval.",
                "not significant is zero",
            ),
            "C": (
                "γ11 has its own test, and it does not need τ11 to be significant. Even with no "
                f"slope variance left, slopes may differ with {w.sector}: that part is γ11.",
                "test the variance first",
            ),
            "D": (
                f"leaving the random slope out takes {w.students} for better evidence on slopes "
                "than they are: the standard errors of the slope's γ's get too small.",
                "random slope is optional",
            ),
        },
        hints=(
            "What would the data look like if τ11 were 2 and the test had little power?",
            "“We cannot tell it from zero” and “it is zero”: which of the two does a large p say?",
        ),
    )


def _true_spread(s: Study) -> NumberQuestion:
    w = s.words
    eb = s.m1.random_effects["u1"]
    tau11 = s.tau(s.m1, 1)
    return NumberQuestion(
        id="q8",
        right=math.sqrt(tau11),
        also=as_printed(math.sqrt, tau11),
        measure=f"{w.points} per unit of {w.within}",
        decimals=2,
        column=("sd",),
        wrong=(
            Wrong(
                float(eb.std()),
                "that is the standard deviation of the EB residuals. Each is shrunken towards 0, "
                f"so together they vary less than the true slopes of {w.schools}.",
                "EB spread is tau",
                (float(eb.std(ddof=0)),),
            ),
            Wrong(
                tau11,
                "that is the variance of the slopes. The question asks for their standard "
                "deviation.",
                "sd for variance",
            ),
            Wrong(
                s.tau(s.m1, 0, "sd"),
                "that is the spread of the intercepts.",
                "wrong row",
            ),
            Wrong(
                s.tau(s.m2, 1, "sd"),
                f"that is what is left in Model 2, within each {w.sector}. Take Model 1.",
                "wrong model",
            ),
            Wrong(
                float(s.row(s.m1, s.x)["std_error"]),
                "that is the standard error of the average slope: how well it is known, not how "
                f"much {w.schools} differ.",
                "level confused",
            ),
        ),
        hints=(
            f"Which parameter says how much the true slopes of {w.schools} vary?",
            "It is in the table of random effects, in the row of the slope.",
            "Its square root is in the column Std.Dev.",
        ),
    )


def _eb_gap(s: Study) -> ChoiceQuestion:
    w = s.words
    return ChoiceQuestion(
        id="q9",
        right="D",
        replies={
            "A": (
                f"both are about slopes and both compare {w.many_high} with {w.many_low}. One of "
                "them is made of shrunken numbers.",
                "EB spread is tau",
            ),
            "B": (
                "it is the other way round: an EB residual is a compromise between what the data "
                "say "
                f"about this {w.school} and the average, and the gap shows it here.",
                "EB spread is tau",
            ),
            "C": (
                f"there are enough {w.many_high} for a mean. The gap is small for another "
                f"reason, which lies in how little each {w.school} tells about its slope.",
                "EB spread is tau",
            ),
        },
        hints=(
            f"How is an EB residual made from the own slope of a {w.school} and the average slope?",
            f"With few {w.students} in a {w.school}, how much do they tell about its slope? (What "
            "its mean tells about its slope, through τ01, comes in as well.)",
        ),
    )


def _fixed_parts(s: Study) -> NumberQuestion:
    ml1, ml2 = s.m1.refit(reml=False), s.m2.refit(reml=False)
    right = ml1.criterion - ml2.criterion
    return NumberQuestion(
        id="q10",
        right=right,
        measure="units of χ²",
        decimals=1,
        column=("Chisq",),
        wrong=(
            Wrong(
                s.m1.criterion - s.m2.criterion,
                "that is a difference of REML criteria. They are about different data once the "
                "fixed parts differ: refit by ML first.",
                "REML across fixed parts",
                as_printed(
                    lambda a, b: a - b, s.m1.criterion, s.m2.criterion, decimals=(1, 2, 3, 4)
                ),
            ),
            Wrong(
                right / 2,
                "that is a difference of log-likelihoods. Double it.",
                "log-likelihood not doubled",
            ),
            Wrong(
                s.lrt(s.m1, s.m3, "Chisq"),
                "that compares Model 1 with Model 3. The question asks about Model 2.",
                "wrong model",
            ),
            Wrong(
                s.lrt(s.m1_ri, s.m1, "Chisq"),
                "that tests the slope variance. The question is about the two γ's of "
                f"{s.words.sector}.",
                "wrong model",
            ),
            Wrong(
                s.lrt(s.m1, s.m2, "p"),
                "that is the p value. The question asks for the statistic.",
                "wrong row",
            ),
        ),
        also=as_printed(lambda a, b: a - b, ml1.criterion, ml2.criterion, decimals=(1, 2, 3, 4)),
        hints=(
            "Models 1 and 2 differ in their fixed parts. Which method of fitting may be compared?",
            "Fit both by ML and take the difference of their deviances.",
            "mlm.compare(m1, m2) does both.",
        ),
    )


def _no_random_slope(s: Study) -> ChoiceQuestion:
    with_slope = float(s.row(s.m2, s.x, s.w)["std_error"])
    without = float(s.row(s.m2_ri, s.x, s.w)["std_error"])
    w = s.words
    replies = {
        "A": (
            "compare the two standard errors of the product: they are not the same, and the test "
            "changes with them.",
            "random slope is optional",
        ),
        "B": (
            "compare the two standard errors of the product once more: which one is smaller?",
            "random slope is optional",
        ),
        "C": (
            "compare the two standard errors of the product once more: which one is larger, and "
            f"what does the model believe about the slopes of {w.schools} in one {w.sector}?",
            "random slope is optional",
        ),
        "D": (
            "γ11 is in the fixed part and can be estimated without a random slope. The question is "
            "how far its standard error can then be trusted.",
            "test the variance first",
        ),
    }
    right = "C" if without < with_slope else "B"
    del replies[right]
    return ChoiceQuestion(
        id="q11",
        right=right,
        replies=replies,
        hints=(
            "Fit Model 2 with (1 | ...) in place of the random slope and compare the rows of the "
            "product.",
            f"Without a random slope the model believes that all {w.schools} of one {w.sector} "
            "have the same slope. What follows for how much it thinks it knows?",
        ),
    )
