"""Part 2: nine questions on the output of Model 3 (slide 25)."""

from __future__ import annotations

from mlm_helpers.exercises.judging.everyday import is_about_families, plain_language_rules
from mlm_helpers.exercises.judging.text import TextQuestion
from mlm_helpers.exercises.questions import (
    ChoiceQuestion,
    NumberQuestion,
    Question,
    Wrong,
    as_printed,
)
from mlm_helpers.exercises.study import Study, lecture_study


def default_study() -> Study:
    """The lecture's data."""
    return lecture_study()


def questions(s: Study) -> tuple[Question, ...]:
    """The questions, with everything in them computed from the fits of ``s``."""
    return (
        _public_mean(s),
        _private_mean(s),
        _means_differ(s),
        _public_slope(s),
        _private_slope(s),
        _slopes_differ(s),
        _plain_language(s),
        _school_ses_and_mean(s),
        _school_ses_and_slope(s),
        _explained(s, 0),
        _explained(s, 1),
    )


def _public_mean(s: Study) -> NumberQuestion:
    w = s.words
    g00, g01 = s.gamma(s.m3), s.gamma(s.m3, s.w)
    return NumberQuestion(
        id="q1",
        right=g00,
        measure=w.points,
        wrong=(
            Wrong(
                s.gamma(s.m2),
                f"that is Model 2's intercept: the {w.low} mean at whatever {w.context} these "
                f"{w.schools} have. Model 3 asks for the one at average {w.context}.",
                "wrong model",
            ),
            Wrong(
                s.gamma(s.m1),
                f"that is Model 1's intercept, a mean over both kinds of {w.school}. Look at "
                "Model 3.",
                "wrong model",
            ),
            Wrong(
                g00 + g01,
                f"that is the {w.high} mean: you added the row for {w.sector}. "
                f"What is {w.sector} for {w.one_low}?",
                "wrong row",
            ),
            Wrong(
                g01,
                f"that is the row for {w.sector}, a difference between two means, not a mean.",
                "intercept difference is a mean",
            ),
            Wrong(
                s.raw_means["0"],
                f"that is the plain average score of {w.students} of {w.many_low}. The model's "
                f"mean counts "
                f"{w.schools} and holds {w.context} at its average.",
                "raw mean",
            ),
            Wrong(
                s.raw_means["all"],
                f"that is the plain average of all scores, {w.many_high} included. Look for "
                "the model's own estimate.",
                "raw mean",
            ),
            Wrong(
                s.ols[frozenset({"Intercept"})],
                "that is the intercept of an ordinary regression, in which large "
                f"{w.schools} count more. Take the multilevel fit.",
                "ordinary regression",
            ),
        ),
        hints=(
            f"Write down the level-2 equation for the intercept and put in {w.sector} = 0 and "
            f"{w.context} at its average.",
            f"{w.context} is centered, so at its average its column is 0. Which γ is left over?",
            "One row of the fixed effects is the whole answer: the one that is multiplied by 1.",
        ),
    )


def _private_mean(s: Study) -> NumberQuestion:
    w = s.words
    g00, g01, g02 = s.gamma(s.m3), s.gamma(s.m3, s.w), s.gamma(s.m3, s.z)
    return NumberQuestion(
        id="q2",
        right=g00 + g01,
        also=as_printed(lambda a, b: a + b, g00, g01),
        measure=w.points,
        wrong=(
            Wrong(
                g01,
                f"that is how far the {w.high} mean lies from the {w.low} one. Start from the "
                f"{w.low} mean and add it.",
                "intercept difference is a mean",
            ),
            Wrong(
                g00,
                f"that is the mean of {w.one_low}. What changes when {w.sector} is 1?",
                "wrong row",
            ),
            Wrong(
                s.gamma(s.m2) + s.gamma(s.m2, s.w),
                f"that comes from Model 2, where {w.many_high} keep their own {w.context}. "
                f"In Model 3 both kinds of {w.school} are compared at the same one.",
                "adjusted is unadjusted",
            ),
            Wrong(
                g00 - g01,
                f"you subtracted the row for {w.sector}. It is {w.high} minus {w.low}.",
                "sign",
            ),
            Wrong(
                g00 + g01 + g02,
                f"you also added the row for {w.context}. At average {w.context} its column is 0.",
                "wrong row",
            ),
            Wrong(
                s.raw_means["1"],
                f"that is the plain average score of {w.students} of {w.many_high}, at whatever "
                f"{w.context} their {w.schools} have.",
                "raw mean",
            ),
            Wrong(
                g00 + s.gamma(s.m2, s.w),
                f"you mixed two models: the intercept of Model 3 and the row for {w.sector} of "
                "Model 2.",
                "wrong model",
            ),
        ),
        hints=(
            f"Put {w.sector} = 1 into the level-2 equation for the intercept.",
            "Two γ's remain. One is a mean; what is the other?",
            f"The second row is a difference, {w.high} minus {w.low}: add it to the mean of "
            f"{w.one_low}.",
        ),
    )


def _means_differ(s: Study) -> ChoiceQuestion:
    w = s.words
    differ = s.tells_means_apart
    replies = {
        "A": (
            f"read the p in the row for {w.sector} once more, and on which side of {s.level} it "
            "lies.",
            "wrong row",
        ),
        "B": (
            f"read the p in the row for {w.sector} once more: does it allow such certainty?",
            "wrong row",
        ),
        "C": (
            f"the row for the product of {w.sector} and {w.within} is about slopes. Means are "
            f"compared in the row for {w.sector} itself.",
            "interaction is a difference in means",
        ),
        "D": (
            f"Model 2 compares {w.schools} as they are. The question is about {w.schools} with the "
            f"same {w.context}, and Model 3 answers it.",
            "adjusted is unadjusted",
        ),
        "E": (
            f"read the p in the row for {w.sector} once more: it tells the two means apart."
            if differ
            else "not significant does not mean equal: the data only do not tell the difference "
            f"from zero. And without {w.context} the means may differ all the same.",
            "not significant is zero",
        ),
    }
    right = "B" if differ else "A"
    del replies[right]
    return ChoiceQuestion(
        id="q3",
        right=right,
        replies=replies,
        hints=(
            "Which coefficient of Model 3 is a difference between two means?",
            f"Find the row for {w.sector} (not its product with {w.within}) and compare its p with "
            f"{s.level}.",
            "Then ask what that p can tell and what it cannot: large p and “no difference” are "
            "two statements.",
        ),
    )


def _public_slope(s: Study) -> NumberQuestion:
    w = s.words
    g10, g11 = s.gamma(s.m3, s.x), s.gamma(s.m3, s.x, s.w)
    return NumberQuestion(
        id="q4",
        right=g10,
        measure=f"{w.points} per unit of {w.within}",
        decimals=2,
        wrong=(
            Wrong(
                s.gamma(s.m1, s.x),
                f"that is the average slope over all {w.schools}, from Model 1. In Model 3 the row "
                f"for {w.within} belongs to one kind of {w.school} only.",
                "main effect is overall slope",
            ),
            Wrong(
                s.gamma(s.m2, s.x),
                f"close, but that is Model 2, which does not hold {w.context} at its average.",
                "wrong model",
            ),
            Wrong(
                g10 + g11,
                f"that is the slope of {w.one_high}. What is {w.sector} for {w.one_low}?",
                "wrong row",
            ),
            Wrong(
                g11,
                "that is a difference between two slopes, not a slope.",
                "interaction is a slope",
            ),
            Wrong(
                s.gamma(s.m3, s.z),
                f"that compares {w.schools} with each other: it is the between-{w.school} slope. "
                f"The question is about {w.students} of one {w.school}.",
                "between for within",
            ),
            Wrong(
                s.ols[frozenset({s.x})],
                f"that is an ordinary regression's slope: it takes the {w.students} of one "
                f"{w.school} for independent. Take the multilevel fit.",
                "ordinary regression",
            ),
        ),
        hints=(
            "Write down the level-2 equation for the slope.",
            f"Put in {w.sector} = 0 and average {w.context}: which γ is left?",
            f"It is the row for {w.within} alone, without a product.",
        ),
    )


def _private_slope(s: Study) -> NumberQuestion:
    w = s.words
    g10, g11, g12 = s.gamma(s.m3, s.x), s.gamma(s.m3, s.x, s.w), s.gamma(s.m3, s.x, s.z)
    m2_public, m2_gap = s.gamma(s.m2, s.x), s.gamma(s.m2, s.x, s.w)
    return NumberQuestion(
        id="q5",
        right=g10 + g11,
        also=as_printed(lambda a, b: a + b, g10, g11),
        measure=f"{w.points} per unit of {w.within}",
        wrong=(
            Wrong(
                g10,
                f"that is the slope of {w.one_low}: the row for {w.within} is its slope "
                f"only where {w.sector} is 0.",
                "main effect is overall slope",
            ),
            Wrong(
                g11,
                f"that is how much the {w.high} slope differs from the {w.low} one. To get a "
                "slope, start from a slope.",
                "interaction is a slope",
            ),
            Wrong(
                m2_public + m2_gap,
                f"the sum is right, the model is not: this is Model 2. Model 3 holds {w.context} "
                "at its average.",
                "wrong model",
                as_printed(lambda a, b: a + b, m2_public, m2_gap),
            ),
            Wrong(
                g10 - g11,
                f"you subtracted the interaction. It is {w.high} minus {w.low}: add it, sign and "
                "all.",
                "sign",
            ),
            Wrong(
                g10 + g11 + g12,
                f"you also added the product with {w.context}. At average {w.context} it is "
                "multiplied by 0.",
                "wrong row",
            ),
            Wrong(
                s.ols[frozenset({s.x})] + s.ols[frozenset({s.x, s.w})],
                f"that comes from an ordinary regression, as if the {w.students} of one {w.school} "
                "were independent. Take the multilevel fit.",
                "ordinary regression",
            ),
            Wrong(
                s.pooled_slope[1],
                f"that is a straight line through all {w.students} of {w.many_high} together. "
                f"The model "
                f"weights each {w.school} by what it tells, and holds {w.context} at its average.",
                "ordinary regression",
            ),
            Wrong(
                s.gamma(s.m1, s.x) + s.eb_gap[1],
                "you used the gap between the EB residuals of the two kinds. They are shrunken "
                "towards 0, so the gap is too small; the model estimates it directly.",
                "EB spread is tau",
            ),
            Wrong(
                s.gamma(s.m3, s.w),
                f"the row for {w.sector} is about means. Slopes are in the rows with {w.within}.",
                "interaction is a difference in means",
            ),
        ),
        hints=(
            f"Put {w.sector} = 1 into the level-2 equation for the slope.",
            f"Two γ's remain at average {w.context}: the slope of {w.one_low}, and "
            "something that is not a slope.",
            f"The product of {w.sector} and {w.within} is a difference, {w.high} minus {w.low}. "
            f"Add it to the {w.low} slope, with its sign.",
        ),
    )


def _slopes_differ(s: Study) -> ChoiceQuestion:
    w = s.words
    differ = s.tells_slopes_apart
    replies = {
        "A": (
            f"read the p of the product of {w.sector} and {w.within} once more, and on which side "
            f"of {s.level} it lies.",
            "wrong row",
        ),
        "B": (
            f"read the p of the product of {w.sector} and {w.within} once more: does it allow such "
            "certainty?",
            "wrong row",
        ),
        "C": (
            f"the row for {w.sector} is about means. Which row lets the slope depend on "
            f"{w.sector}?",
            "interaction is a difference in means",
        ),
        "D": (
            f"that p tells whether the {w.low} slope is zero, not whether the two slopes differ.",
            "main effect is overall slope",
        ),
        "E": (
            "a cross-level interaction has its own test. It does not wait for the slope variance: "
            "the variance test has little power, and it is about what is left over.",
            "test the variance first",
        ),
    }
    right = "B" if differ else "A"
    del replies[right]
    return ChoiceQuestion(
        id="q6a",
        right=right,
        replies=replies,
        hints=(
            "Which coefficient of Model 3 is a difference between two slopes?",
            f"It is a product of one column of {w.students} and one of {w.schools}. Compare its p "
            f"with {s.level}.",
        ),
    )


def _plain_language(s: Study) -> TextQuestion:
    low = s.gamma(s.m3, s.x)
    steeper = abs(low + s.gamma(s.m3, s.x, s.w)) > abs(low)
    w, families = s.words, is_about_families(s.words)
    which = "one from a better-off family" if families else f"who differ in {w.within}"
    alike = "families of the same means" if families else f"the same {w.context}"
    return TextQuestion(
        id="q6b",
        rules=plain_language_rules(s.words, steeper, told=s.tells_slopes_apart),
        words=s.words,
        hints=(
            f"Imagine two {w.students} of the same {w.school}, {which}. How far apart are they in "
            f"{w.score}?",
            f"Is that distance larger or smaller in {w.one_high} than in {w.one_low} with {alike}?",
            "Say it without the words slope, interaction and coefficient, and without saying that "
            f"one {w.sector} makes it so.",
        ),
    )


def _school_ses_and_mean(s: Study) -> NumberQuestion:
    w = s.words
    g02, g10 = s.gamma(s.m3, s.z), s.gamma(s.m3, s.x)
    return NumberQuestion(
        id="q7",
        right=g02,
        measure=f"{w.points} of {w.mean} per unit of {w.context}",
        wrong=(
            Wrong(
                g02 - g10,
                f"that is the contextual effect: two {w.students} of equal {w.within} in different "
                f"{w.schools}. The question compares the means of {w.schools}.",
                "contextual is between",
            ),
            Wrong(
                g10,
                f"that compares {w.students} within a {w.school}. The question compares "
                f"{w.schools}.",
                "within for between",
            ),
            Wrong(
                g02 + g10,
                f"the between-{w.school} slope and the within-{w.school} slope are separate here: "
                "nothing needs to be added.",
                "between is contextual",
            ),
            Wrong(
                s.gamma(s.m3, s.x, s.z),
                f"that is how the slope goes with {w.context}. The question is about the mean.",
                "wrong row",
            ),
            Wrong(
                s.gamma(s.m3, s.w),
                f"that is the row for {w.sector}. Look for the row for {w.context}.",
                "wrong row",
            ),
            Wrong(
                s.ols[frozenset({s.z})],
                f"that comes from an ordinary regression, in which large {w.schools} count more. "
                "Take the multilevel fit.",
                "ordinary regression",
            ),
        ),
        hints=(
            f"By how many {w.points} does the expected {w.mean} differ between two {w.schools} "
            f"of the same {w.sector} that are one unit of {w.context} apart?",
            "It is one γ of the level-2 equation for the intercept.",
            f"The row for {w.context} alone, without a product.",
        ),
    )


def _school_ses_and_slope(s: Study) -> NumberQuestion:
    w = s.words
    g10, g12 = s.gamma(s.m3, s.x), s.gamma(s.m3, s.x, s.z)
    return NumberQuestion(
        id="q8",
        right=g12,
        measure=f"change of the slope per unit of {w.context}",
        wrong=(
            Wrong(
                s.gamma(s.m3, s.z),
                f"that is how the mean goes with {w.context}. The question is about the slope.",
                "wrong row",
            ),
            Wrong(
                s.gamma(s.m3, s.x, s.w),
                f"that is how the slopes of the two kinds differ. Look for {w.context}.",
                "wrong row",
            ),
            Wrong(
                g10 + g12,
                f"that is the slope of {w.one_low} one unit above average. The question "
                "asks how much the slope changes.",
                "interaction is a slope",
            ),
            Wrong(
                g10,
                f"that is the slope at average {w.context}, not how it changes.",
                "interaction is a slope",
            ),
            Wrong(
                float(s.row(s.m3, s.x, s.z)["t"]),
                "that is the t value of the right row. Give the estimate.",
                "wrong row",
            ),
            Wrong(
                float(s.row(s.m3, s.x, s.z)["std_error"]),
                "that is the standard error of the right row. Give the estimate.",
                "wrong row",
            ),
        ),
        hints=(
            f"By how much does the slope change when {w.context} is one unit higher?",
            "It is one γ of the level-2 equation for the slope.",
            f"The product of {w.context} and {w.within}, with its sign.",
        ),
    )


def _explained(s: Study, k: int) -> NumberQuestion:
    w = s.words
    v1, v2, v3 = (s.tau(m, k) for m in (s.m1, s.m2, s.m3))
    other1, other3 = s.tau(s.m1, 1 - k), s.tau(s.m3, 1 - k)
    what = w.mean if k == 0 else f"the {w.slope}"

    def share(a: float, b: float) -> float:
        return 100 * (a - b) / a

    return NumberQuestion(
        id="q9a" if k == 0 else "q9b",
        right=share(v1, v3),
        also=as_printed(share, v1, v3),
        measure="percent of the variance in Model 1",
        unit="percent",
        decimals=0,
        column=("explained",),
        wrong=(
            Wrong(
                100 * v3 / v1,
                "that is the share that is left over. How much is gone?",
                "share that is left",
                as_printed(lambda a, b: 100 * b / a, v1, v3),
            ),
            Wrong(
                share(v1**0.5, v3**0.5),
                "you compared standard deviations. Variance explained compares variances.",
                "sd for variance",
                as_printed(share, v1**0.5, v3**0.5),
            ),
            Wrong(
                share(v1, v2),
                f"that is Model 2, {w.sector} alone. The question asks for {w.sector} and "
                f"{w.context} together.",
                "wrong model",
                as_printed(share, v1, v2),
            ),
            Wrong(
                share(v2, v3),
                "that is Model 3 compared with Model 2. Compare with Model 1, which has no "
                "level-2 predictor.",
                "wrong model",
                as_printed(share, v2, v3),
            ),
            Wrong(
                100 * (v1 - v3) / v3,
                "you divided by Model 3's variance. Which variance was there to be explained?",
                "wrong denominator",
                as_printed(lambda a, b: 100 * (a - b) / b, v1, v3),
            ),
            Wrong(
                v1 - v3,
                "that is the difference of the two variances. Which share of Model 1's is it?",
                "wrong denominator",
                as_printed(lambda a, b: a - b, v1, v3),
            ),
            Wrong(
                share(other1, other3),
                f"that is the other variance. This one is about {what}.",
                "wrong row",
                as_printed(share, other1, other3),
            ),
        ),
        hints=(
            f"Which variance of Model 1 and of Model 3 is about {what}?",
            "Variance explained = (variance in Model 1 - variance in Model 3) divided by the "
            "variance in Model 1.",
            f"Use the column Variance of the random effects, the row of the "
            f"{'intercept' if k == 0 else 'slope'}.",
        ),
    )
