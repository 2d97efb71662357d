"""Definitions and sentences, against expectations written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlm_helpers.data.datasets import load_dataset
from mlm_helpers.engine.fit import fit_mlm
from mlm_helpers.engine.structure import VariableInfo, build_structure
from mlm_helpers.errors import MLMError
from mlm_helpers.words.vocabulary import Vocabulary, load_vocabulary
from mlm_helpers.words.wording import (
    decimals_for,
    define,
    definitions,
    number,
    p_value,
    plain,
    ratio_words,
    say,
)

EX1 = load_vocabulary("ex1")
HSB = load_vocabulary("hsb82")
MODEL1 = ["Intercept", "famsesc"]
MODEL2 = ["Intercept", "famsesc", "sector", "famsesc:sector"]
MODEL3 = ["Intercept", "sector", "schsesgdm", "famsesc", "sector:famsesc", "schsesgdm:famsesc"]
VARIABLES = {
    "g1rscore": VariableInfo("g1rscore", 1),
    "famses": VariableInfo("famses", 1),
    "famsesc": VariableInfo("famsesc", 1, centered="group"),
    "famsesg": VariableInfo("famsesg", 1, centered="grand"),
    "girl": VariableInfo("girl", 1, "numeric", ("0", "1"), True),
    "schses": VariableInfo("schses", 2),
    "schsesgdm": VariableInfo("schsesgdm", 2, centered="grand"),
    "sector": VariableInfo("sector", 2, "numeric", ("0", "1"), True),
    "region": VariableInfo("region", 2, "categorical", ("North", "South", "West")),
}
LEVEL2 = {"schses", "schsesgdm", "sector", "region"}
POINTS_APART = (
    "the difference in reading score expected between two students of the same school one "
    "unit of SES apart."
)


def model(columns, random=("Intercept", "famsesc"), blocks=None, **changed):
    return build_structure(
        formula="",
        outcome="g1rscore",
        group="schid",
        columns=columns,
        random=random,
        blocks=blocks or [tuple(range(len(random)))],
        level_of=lambda f: 2 if f.split("[")[0] in LEVEL2 else 1,
        variables=VARIABLES | changed,
    )


def meaning(structure, symbol, vocabulary=EX1):
    return define(structure, symbol, vocabulary, note=False)


# ---- definitions ----
@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (
            "gamma00",
            "Average of the true mean reading achievement over all schools (each counted once).",
        ),
        (
            "gamma10",
            "Average of the true within-school SES–achievement slope over all schools: "
            + POINTS_APART,
        ),
        (
            "u0j",
            "Deviation of the true mean reading achievement of school j from the average over all "
            "schools.",
        ),
        ("tau00", "Variance between schools of the true mean reading achievement."),
        (
            "tau10",
            "Covariance between the true mean reading achievement and the true within-school "
            "SES–achievement slope of a school.",
        ),
    ],
)
def test_model_1(symbol, expected):
    assert meaning(model(MODEL1), symbol) == expected


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("gamma00", "Expected mean reading achievement of a public school."),
        (
            "gamma01",
            "Expected difference in mean reading achievement between private and public schools "
            "(private minus public).",
        ),
        (
            "u0j",
            "Deviation of the true mean reading achievement of school j from the value expected "
            "from its sector.",
        ),
        (
            "tau00",
            "Variance between schools of the true mean reading achievement, conditional on sector: "
            "what remains after taking sector into account.",
        ),
        (
            "gamma10",
            "Expected within-school SES–achievement slope of a public school: " + POINTS_APART,
        ),
        (
            "gamma11",
            "Expected difference in the within-school SES–achievement slope between private and "
            "public schools (private minus public).",
        ),
        (
            "tau11",
            "Variance between schools of the true within-school SES–achievement slope, conditional "
            "on sector: what remains after taking sector into account.",
        ),
    ],
)
def test_model_2(symbol, expected):
    assert meaning(model(MODEL2), symbol) == expected


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (
            "gamma00",
            "Expected mean reading achievement of a public school with average school mean SES.",
        ),
        (
            "gamma01",
            "Expected difference in mean reading achievement between private and public schools "
            "(private minus public), controlling for school mean SES.",
        ),
        (
            "gamma02",
            "Expected difference in mean reading achievement between two schools one unit of "
            "school mean SES apart, controlling for sector; this is the between-school "
            "SES–achievement slope.",
        ),
        (
            "gamma10",
            "Expected within-school SES–achievement slope of a public school with average school "
            "mean SES: " + POINTS_APART,
        ),
        (
            "gamma12",
            "Expected difference in the within-school SES–achievement slope between two schools "
            "one unit of school mean SES apart, controlling for sector.",
        ),
        (
            "u1j",
            "Deviation of the true within-school SES–achievement slope of school j from the value "
            "expected from its sector and school mean SES.",
        ),
    ],
)
def test_model_3(symbol, expected):
    assert meaning(model(MODEL3), symbol) == expected


def test_notes_answer_the_usual_misreadings():
    m2, m3 = model(MODEL2), model(MODEL3)
    assert "not the slope of all schools together" in define(m2, "gamma10", EX1)
    assert "not the slope of private schools: that is γ10 + γ11." in define(m2, "gamma11", EX1)
    assert "γ10 + γ11 (at average school mean SES)" in define(m3, "gamma11", EX1)
    assert "slopes, not means" in define(m3, "gamma12", EX1)
    assert (
        "not the contextual effect; that is what it exceeds the within-school slope by, γ02 − γ10 "
        "(for a public school with average school mean SES); for other sector or school mean SES"
        in define(m3, "gamma02", EX1)
    )
    assert "not the variance of the observed school means" in define(m2, "tau00", EX1)
    assert define(m2, "gamma01", EX1) == meaning(m2, "gamma01")


def test_one_is_public():
    turned = Vocabulary.from_text(
        EX1.to_toml()
        .replace('name = "public"', 'name = "?"')
        .replace('"private"', '"public"')
        .replace('"?"', '"private"')
        .replace('"a public school"', '"??"')
        .replace('"a private school"', '"a public school"')
        .replace('"??"', '"a private school"')
        .replace('"public schools"', '"??"')
        .replace('"private schools"', '"public schools"')
        .replace('"??"', '"private schools"')
    )
    m2 = model(MODEL2)
    assert (
        meaning(m2, "gamma00", turned) == "Expected mean reading achievement of a private school."
    )
    assert "(public minus private)" in meaning(m2, "gamma11", turned)
    assert "slope of public schools: that is γ10 + γ11" in define(m2, "gamma11", turned)


def coded(low, high, **named):
    """Model 2 with other codes of sector, and the words for them."""
    info = VariableInfo("sector", 2, "numeric", (low, high), True)
    text = (
        EX1.to_toml().replace("\n0 = {", f'\n"{low}" = {{').replace("\n1 = {", f'\n"{high}" = {{')
    )
    return model(MODEL2, sector=info), Vocabulary.from_text(text)


def test_effect_coding_by_halves():
    m, v = coded("-0.5", "0.5")
    assert meaning(m, "gamma00", v) == (
        "Expected mean reading achievement of a school, averaged equally over public and private "
        "schools."
    )
    assert meaning(m, "gamma01", v) == meaning(model(MODEL2), "gamma01")
    assert "slope of private schools: that is γ10 + 0.5 × γ11" in define(m, "gamma11", v)
    assert "not the slope of all schools" not in define(m, "gamma10", v)


def test_effect_coding_by_ones_halves_the_difference():
    m, v = coded("-1", "1")
    assert "(private minus public, divided by 2)" in meaning(m, "gamma11", v)


def test_codes_one_and_two_have_no_school_at_zero():
    m, v = coded("1", "2")
    assert "sector = 0 (no school has it: the codes are 1 and 2)" in meaning(m, "gamma00", v)
    assert "a public school" not in meaning(m, "gamma00", v)


def test_three_categories():
    terms = ["region[T.South]", "region[T.West]"]
    m = model(["Intercept", "famsesc", *terms, *(f"famsesc:{t}" for t in terms)])
    assert meaning(m, "gamma00") == (
        "Expected mean reading achievement of a school with region = North."
    )
    assert meaning(m, "gamma12") == (
        "Expected difference in the within-school SES–achievement slope between schools with "
        "region = West and schools with region = North (region = West minus region = North)."
    )
    named = EX1.to_toml() + "[predictors.region]\nlevel = 2\n[predictors.region.codes]\n"
    v = Vocabulary.from_text(named + 'North = "northern"\nSouth = "southern"\nWest = "western"\n')
    assert meaning(m, "gamma01", v) == (
        "Expected difference in mean reading achievement between southern and northern schools "
        "(southern minus northern)."
    )
    assert meaning(m, "gamma10", v).startswith(
        "Expected within-school SES–achievement slope of a northern school:"
    )


def test_other_codings_of_categories():
    deviation = model(["Intercept", "region[S.North]", "region[S.South]"], ("Intercept",))
    assert "the equal-weight average of all categories of region" in meaning(deviation, "gamma01")
    assert "averaged equally over the categories of region" in meaning(deviation, "gamma00")
    cells = model(["Intercept", "famsesc:region[North]", "famsesc:region[South]"])
    assert meaning(cells, "gamma12") == (
        "Expected within-school SES–achievement slope of a school with region = South."
    )


def test_uncentered_moderator_has_its_zero_at_zero():
    m = model(["Intercept", "famsesc", "schses", "famsesc:schses"])
    assert meaning(m, "gamma00") == (
        "Expected mean reading achievement of a school with school mean SES equal to 0."
    )


RAW = model(["Intercept", "famses"], ("Intercept", "famses"))
GRAND = model(["Intercept", "famsesg", "sector"], ("Intercept",))
RAW_AND_MEAN = model(["Intercept", "famses", "schsesgdm"], ("Intercept",))


def test_raw_predictor_makes_the_intercept_a_conditional_score():
    text = define(RAW, "gamma00", EX1)
    assert text.startswith(
        "Average of the true reading score for students with family SES equal to 0 over all schools"
    )
    assert "not the mean of the schools, because family SES is not centered" in text
    assert "mean reading achievement" not in text


def test_grand_mean_centering_makes_an_adjusted_mean():
    v = Vocabulary.from_text(
        EX1.to_toml() + "[predictors.famsesg]\nlevel = 1\nof = 'famses'\n"
        "label = 'family SES'\nsymbol = 'SES'\ncentered = 'grand'\n"
    )
    assert meaning(GRAND, "gamma00", v) == (
        "Expected reading score for students with average family SES in a public school."
    )
    assert meaning(GRAND, "gamma01", v) == (
        "Expected difference in the reading score for students with average family SES between "
        "private and public schools (private minus public)."
    )


def test_a_raw_slope_without_the_group_mean_is_a_blend():
    text = define(RAW, "gamma10", EX1)
    assert text.startswith("Average of the true SES–achievement slope over all schools")
    assert "within-school SES" not in text
    assert "of the same school" not in text
    assert "blends the association within schools with the one between them" in text


def test_with_the_group_mean_the_slope_is_within_and_the_other_contextual():
    assert meaning(RAW_AND_MEAN, "gamma10").startswith("Within-school SES–achievement slope")
    assert "blends" not in define(RAW_AND_MEAN, "gamma10", EX1)
    text = define(RAW_AND_MEAN, "gamma01", EX1)
    assert text.startswith(
        "Contextual effect of family SES: the difference in reading score expected between two "
        "students with the same family SES whose schools are one unit of school mean SES apart."
    )
    assert (
        "It is not the between-school slope; that is γ01 plus the within-school slope γ10." in text
    )
    assert "claims no cause" in text


def test_a_contextual_effect_that_depends_on_ses_holds_at_its_zero():
    m = model(["Intercept", "famses", "schsesgdm", "famses:schsesgdm"], ("Intercept", "famses"))
    assert "two students, both with family SES equal to 0, whose schools" in meaning(m, "gamma01")


def test_group_mean_alone_is_the_between_slope():
    m = model(["Intercept", "schsesgdm"], ("Intercept",))
    assert meaning(m, "gamma01").endswith("; this is the between-school SES–achievement slope.")


def test_products_within_a_level_make_coefficients_conditional():
    m = model(["Intercept", "sector", "schsesgdm", "sector:schsesgdm"], ("Intercept",))
    assert meaning(m, "gamma01") == (
        "Expected difference in mean reading achievement between private and public schools among "
        "schools with average school mean SES (private minus public)."
    )
    assert meaning(m, "gamma03") == (
        "How much more the expected mean reading achievement rises per unit of school mean SES "
        "among private schools than among public schools (negative: how much less)."
    )
    ones = model(["Intercept", "famsesc", "girl", "famsesc:girl"], ("Intercept",))
    assert "slope for observations with girl" not in meaning(ones, "gamma10")
    assert "SES–achievement slope for students with girl = 0" in meaning(ones, "gamma10")


def test_a_product_of_centered_predictors_moves_the_intercept_off_the_mean():
    age = VariableInfo("age", 1, centered="group")
    both = model(["Intercept", "famsesc", "age"], ("Intercept",), age=age)
    assert "mean reading achievement" in meaning(both, "gamma00")
    product = model(["Intercept", "famsesc", "age", "famsesc:age"], ("Intercept",), age=age)
    assert "mean reading achievement" not in meaning(product, "gamma00")
    assert meaning(product, "gamma00").startswith("Average of the true reading score for students")


def test_fixed_slopes_and_slopes_without_fixed_part():
    fixed = model(MODEL1, ("Intercept",))
    assert "taken to be the same in every school" in meaning(fixed, "gamma10")
    moderated = model(MODEL2, ("Intercept",))
    assert "There is no u1j" in define(moderated, "gamma10", EX1)
    alone = model(["Intercept"], ("Intercept", "famsesc"))
    assert "around 0, because the model has no fixed part for it" in meaning(alone, "tau11")


def test_a_product_without_its_main_effect_fixes_a_slope_at_zero():
    text = define(model(["Intercept", "famsesc:sector"], ("Intercept",)), "gamma11", EX1)
    assert text.endswith(
        "The model has no γ10, so it fixes the within-school SES–achievement slope of public "
        "schools at 0."
    )


def test_level_1():
    assert meaning(model(MODEL2), "r") == (
        "Deviation of the reading score of student i in school j from the value expected in that "
        "school for the student's family SES."
    )
    assert meaning(model(["Intercept"], ("Intercept",)), "sigma2") == (
        "Variance of the reading score of students around the true mean of their school, taken to "
        "be equal in all schools."
    )


def test_symbols_the_model_does_not_have():
    loose = model(MODEL1, blocks=[(0,), (1,)])
    with pytest.raises(MLMError, match=r"τ01 is not a parameter .* fixed at 0"):
        define(loose, "tau01", EX1)
    with pytest.raises(MLMError, match="The model has no γ12; it has γ00"):
        define(model(MODEL2), "gamma12", EX1)
    with pytest.raises(MLMError, match=r"no coefficient 'sectr'.*Did you mean 'sector'"):
        define(model(MODEL2), "sectr", EX1)


def test_the_table_of_definitions_is_in_the_order_of_a_lecture():
    table = definitions(model(MODEL3), EX1)
    assert list(table.index) == [
        "gamma00", "gamma01", "gamma02", "u0", "tau00",
        "gamma10", "gamma11", "gamma12", "u1", "tau11", "tau01", "r", "sigma2",
    ]  # fmt: skip
    assert list(table.columns) == ["written", "column", "meaning", "note"]
    assert table.loc["gamma11", "column"] == "sector:famsesc"
    assert table.loc["u1", "written"] == "u1j"
    assert table["meaning"].str.endswith(".").all()


def test_without_a_vocabulary_words_come_from_the_columns():
    text = define(model(MODEL2), "gamma11")
    assert text.startswith(
        "Expected difference in the within-group slope of famsesc between groups with sector = 1 "
        "and groups with sector = 0 (sector = 1 minus sector = 0)."
    )


# ---- sentences about estimates ----
def lecture(columns, rows, tau, sigma2, vocabulary="ex1"):
    """A stand-in with the tables of one of the lecture's fits."""
    s = model(columns)
    names = ["estimate", "std_error", "df", "t", "p"]
    fixed = pd.DataFrame(rows, index=columns, columns=names)
    sd = np.sqrt([tau[0], tau[2]])
    components = pd.DataFrame(
        {
            "term": ["Intercept", "Intercept", "famsesc", None],
            "term2": [None, "famsesc", None, None],
            "variance": [*tau, sigma2],
            "sd": [sd[0], np.nan, sd[1], np.sqrt(sigma2)],
            "corr": [np.nan, tau[1] / sd.prod(), np.nan, np.nan],
        },
        index=["tau00", "tau01", "tau11", "sigma2"],
    )
    return SimpleNamespace(
        structure=s, fixed_effects=fixed, variance_components=components, sigma2=sigma2,
        data_name=vocabulary, group_table=pd.DataFrame({"schsesgdm": [-0.6, -0.1, 0.0, 0.1, 0.6]}),
    )  # fmt: skip


M2 = lecture(
    MODEL2,
    [
        (94.6495, 0.3169, 733.2777, 298.691, 0.0),
        (7.7031, 0.2615, 584.7418, 29.459, 0.0),
        (6.5148, 1.0304, 729.5902, 6.322, 4.49e-10),
        (-3.8923, 0.8832, 728.1022, -4.407, 1.21e-05),
    ],
    (51.32, -1.83, 3.86),
    233.83,
)
M3 = lecture(
    MODEL3,
    [
        (95.1707, 0.2216, 720.5701, 429.552, 0.0),
        (0.3517, 0.7509, 717.7296, 0.468, 0.640),
        (11.5450, 0.4145, 729.4274, 27.856, 0.0),
        (7.6947, 0.2622, 602.6232, 29.343, 0.0),
        (-3.6007, 0.9185, 708.0561, -3.920, 9.7e-05),
        (-0.5633, 0.5237, 729.7443, -1.076, 0.282),
    ],
    (16.816, -0.24, 3.869),
    233.840,
)


def test_a_mean_in_words():
    assert say(M2, "gamma00") == (
        "For a public school, the expected mean reading achievement is 94.65 points (γ00 = 94.65; "
        "standard error 0.32; 95% confidence interval 94.03 to 95.27)."
    )


def test_a_difference_between_means_in_words():
    assert say(M2, "gamma01") == (
        "The expected mean reading achievement is 6.51 points higher in private schools than in "
        "public schools (γ01 = 6.51; standard error 1.03; 95% confidence interval 4.49 to 8.54; "
        "p < .001)."
    )


def test_a_slope_in_words():
    assert say(M2, "gamma10") == (
        "In public schools, of two students of the same school one unit of SES apart, the one with "
        "the higher family SES is expected to have a reading score 7.70 points higher (γ10 = 7.70; "
        "standard error 0.26; 95% confidence interval 7.19 to 8.22; p < .001)."
    )


def test_a_difference_between_slopes_in_words():
    assert say(M3, "gamma11") == (
        "The expected within-school SES–achievement slope is 3.60 points per unit of SES lower in "
        "private schools than in public schools, controlling for school mean SES (γ11 = −3.60; "
        "standard error 0.92; 95% confidence interval −5.40 to −1.80; p < .001): 4.09 instead of "
        "7.69 (both with average school mean SES)."
    )


def test_an_open_question_is_not_called_no_effect():
    text = say(M3, "gamma01")
    assert "p = .640" in text
    assert "compatible with anything from 1.12 lower to 1.83 points higher" in text
    assert "This compares schools alike in school mean SES" in text
    for key in M3.fixed_effects.index:
        words = say(M3, key).lower() + define(M3.structure, key, EX1).lower()
        for phrase in ("no effect", "no difference", "no relation", "causes", "leads to", "impact"):
            assert phrase not in words


def test_a_continuous_moderator_in_words():
    assert say(M3, "gamma02").startswith(
        "Of two schools one unit of school mean SES apart, the one with the higher school mean SES "
        "is expected to have a mean reading achievement that is 11.54 points higher, controlling "
        "for sector (γ02 = 11.54; standard error 0.41; "
    )
    text = say(M3, "gamma12")
    assert "0.56 points per unit of SES lower, controlling for sector" in text
    assert "from 1.59 lower to 0.46 points per unit of SES higher" in text


def test_variances_in_words():
    assert say(M2, "tau00") == (
        "Between schools, the true mean reading achievement has a standard deviation of 7.16 "
        "points around the value expected from their sector (τ00 = 51.32); if the deviations are "
        "normally distributed, about 95% of schools lie within 14.04 of that value."
    )
    assert say(M2, "tau01") == (
        "Once sector is accounted for, schools with a higher true mean reading achievement tend to "
        "have a lower true within-school SES–achievement slope (covariance τ01 = −1.83, "
        "correlation −0.13)."
    )
    assert "nearly uncorrelated" in say(M3, "tau01")
    assert "15.29 points" in say(M2, "sigma2")


def test_level_of_the_interval():
    assert "99% confidence interval −6.17 to −1.61" in say(M2, "gamma11", level=0.99)
    with pytest.raises(MLMError, match="level must lie between 0 and 1"):
        say(M2, "gamma11", level=95)


def test_for_somebody_without_statistics():
    text = plain(M3, "gamma11")
    assert text.startswith("Picture two students of the same school one unit of SES apart")
    assert "Take only schools with average school mean SES." in text
    assert (
        "In public schools, the reading score of the student from the better-off family is on "
        "average about 7.7 points higher; in private schools, about 4.1 points higher." in text
    )
    assert "about half the one in public schools" in text
    assert "between 1.8 and 5.4 points" in text
    assert "does not mean lower scores" in text
    for jargon in ("slope", "interaction", "coefficient", "significant", "standard error", "γ"):
        assert jargon not in text


def test_plain_words_for_a_moderator_that_settles_nothing():
    text = plain(M3, "gamma12")
    assert "schools with a fairly low school mean SES" in text
    assert "cannot tell which of the two gaps is larger" in text
    assert "So the gap" not in text


def test_plain_is_for_cross_level_interactions():
    with pytest.raises(MLMError, match="γ01 is not one; this model has γ11 and γ12"):
        plain(M3, "gamma01")
    with pytest.raises(MLMError, match=r"say\(\) needs a fitted model"):
        say(model(MODEL2), "gamma11", EX1)


def hsb():
    d = load_dataset("hsb82").copy()
    d["cses"] = d["ses"] - d.groupby("school")["ses"].transform("mean")
    d["half"] = d["sector"] - 0.5
    return d


def test_all_parameters_of_real_fits_can_be_said():
    d = hsb()
    d["region"] = np.array(["North", "South", "West"])[d["school"].astype(int) % 3]
    for formula in (
        "mathach ~ cses * region + minority + (1 + cses || school)",
        "mathach ~ ses * female + I(ses ** 2) + np.log(size) + (1 + ses | school)",
        "mathach ~ ses * sector * size + (0 + ses | school)",
        "mathach ~ C(sector) * cses + (1 | school)",
    ):
        fit = fit_mlm(formula, d)
        for key in definitions(fit, HSB).index:
            text = say(fit, key, HSB)
            assert text.endswith("."), (formula, key)
            assert "nan" not in text, (formula, key)


def test_published_values_of_high_school_and_beyond():
    fit = fit_mlm("mathach ~ meanses * cses + sector * cses + (1 + cses | school)", hsb())
    text = say(fit, "sector:cses", HSB)
    assert "1.64 points per unit of SES lower in Catholic schools than in public schools" in text
    assert "1.30 instead of 2.94" in text
    assert define(fit, "meanses", HSB, note=False).endswith("between-school SES–achievement slope.")


def test_effect_codes_are_said_as_the_whole_difference():
    d = hsb()
    one = fit_mlm("mathach ~ cses * sector + (1 + cses | school)", d)
    two = fit_mlm("mathach ~ cses * pm + (1 + cses | school)", d.assign(pm=2 * d["half"]))
    amount = say(one, "gamma11", HSB).split(" per ")[0].split()[-2]
    text = say(two, "gamma11", HSB)
    assert f"slope is {amount} points per unit of SES lower" in text
    assert f"difference −{amount}" in text
    low, high = text.split("): ")[1].rstrip(".").split(" instead of ")
    assert say(one, "gamma11", HSB).endswith(f"): {low} instead of {high}.")


def test_zero_outside_the_observed_range_is_said():
    fit = fit_mlm("mathach ~ cses + size + (1 | school)", hsb())
    assert "No school in the data has enrolment equal to 0 (observed: 100 to 2,713)" in define(
        fit, "gamma00", HSB
    )
    assert "No school" not in define(fit, "gamma01", HSB)


def test_group_means_are_recognised_from_the_data():
    d = hsb().rename(columns={"ses": "x", "mathach": "y"})
    d["m"] = d.groupby("school")["x"].transform("mean")
    fit = fit_mlm("y ~ x + m + (1 | school)", d[["x", "y", "m", "school"]])
    assert define(fit, "m").startswith("Contextual effect of x")
    assert define(fit, "x").startswith("Within-school slope of x")


def test_eb_residuals_in_words():
    fit = fit_mlm("mathach ~ cses + (1 + cses | school)", hsb())
    text = say(fit, "u1j", HSB)
    assert text.startswith("The EB residuals û1j of the 160 schools run from")
    assert "is smaller than √τ11 = 0.83, because each is shrunken" in text


# ---- small pieces ----
def test_numbers_for_prose():
    assert number(-3.8923) == "−3.89"
    assert number(-0.001) == "0.00"
    assert number(45123.4, 0) == "45,123"
    assert [decimals_for(94.6, 0.32), decimals_for(0.004, 0.0012), decimals_for(45123, 900)] == [
        2,
        4,
        0,
    ]
    assert [p_value(p) for p in (1.2e-5, 0.64, 0.0478, 1.0)] == [
        "p < .001",
        "p = .640",
        "p = .048",
        "p > .999",
    ]
    assert ratio_words(0.49) == "about half"
    assert ratio_words(1.02) == "about as large as"
