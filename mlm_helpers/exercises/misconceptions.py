"""The misconceptions that the exercises recognise: a key and a title for the class page."""

from __future__ import annotations

TITLES = {
    "main effect is overall slope": "The coefficient of the level-1 predictor is read as the slope "
    "in all groups, not only in those coded 0",
    "interaction is a slope": "The cross-level interaction is read as the slope of the second "
    "group, not as a difference of slopes",
    "interaction is a difference in means": "The cross-level interaction is read as a difference "
    "in means",
    "intercept difference is a mean": "The coefficient of the level-2 predictor is read as a "
    "mean, not as a "
    "difference of means",
    "between is contextual": "The between-group slope is read as the contextual effect",
    "contextual is between": "The contextual effect is read as the between-group slope",
    "within for between": "The within-group slope is taken where groups are compared",
    "between for within": "The between-group slope is taken where members of one group are "
    "compared",
    "centering does not matter": "Grand-mean centering is taken to give the same cross-level "
    "interaction as centering within groups",
    "grand mean over schools": "The grand mean is taken over groups instead of rows, or the "
    "other way round",
    "random slope is optional": "Leaving the random slope out is taken to be harmless",
    "test the variance first": "The slope variance is thought to have to be significant before a "
    "cross-level interaction is tested",
    "not significant is zero": "“Not significant” is read as “is zero”",
    "overclaim": "A difference that the data cannot tell from zero is told as a fact",
    "timid": "A difference that the data do tell from zero is called uncertain",
    "EB spread is tau": "The spread or gap of EB residuals is taken for the parameter, without "
    "thinking of shrinkage",
    "explained cannot fall": "Variance explained is thought never to fall when a predictor "
    "is added",
    "adjusted is unadjusted": "A difference after controlling for the other predictor is read as "
    "the "
    "difference itself, or the other way round",
    "flat is low": "A flatter slope is read as a lower outcome",
    "cause": "A difference between groups is read as an effect",
    "REML across fixed parts": "REML criteria of models with different fixed effects are compared",
    "sd for variance": "Standard deviations are used where variances are asked for, or the other "
    "way round",
    "share that is left": "The share that remains is given for the share explained",
    "wrong denominator": "The difference of variances is divided by the smaller model's variance",
    "wrong model": "The number comes from another model than the one asked about",
    "wrong row": "The number comes from another row of the table",
    "ordinary regression": "An ordinary regression is used that ignores groups",
    "raw mean": "A plain average of scores is given for a model's expected mean",
    "covariance forgotten": "Standard errors are combined without their covariance",
    "boundary forgotten": "A variance is tested as if zero were not the edge",
    "log-likelihood not doubled": "The difference of log-likelihoods is not doubled",
    "simple slope incomplete": "A simple slope leaves out one of its terms",
    "level confused": "The two levels are confused",
    "variance confused with deviation": "A variance is confused with one group's deviation",
    "conditioning forgotten": "What is held fixed is missing from the definition",
    "direction reversed": "A difference is taken the other way round",
    "parameter confused": "The definition of another parameter is given",
    "sign": "The sign is reversed",
    "decimal point": "The decimal point is in the wrong place",
    "other": "An answer that is not on the list of known misunderstandings",
}


def title(key: str) -> str:
    """The title of a misconception; the key itself where there is none."""
    return TITLES.get(key, key)
