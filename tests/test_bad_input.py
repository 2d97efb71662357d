"""Bad input gets one sentence that names the culprit and says what to do."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from reference import data

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError

GOOD = data("schools")
MODEL = "y ~ x + z + (1 + x | g)"


def sentence(formula: object, frame: object = GOOD) -> str:
    """The message of the error, checked for shape; any other error or a warning fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MLMError) as caught:
            mlm.fit_mlm(formula, data=frame)
    text = str(caught.value)
    assert "\n" not in text
    assert 20 < len(text) < 320
    assert text.rstrip()[-1] in ".?!"
    return text


def names(text: str, *culprits: str) -> None:
    for culprit in culprits:
        assert culprit in text, f"{culprit!r} is not named in: {text}"


def test_missing_column() -> None:
    names(sentence("y ~ x + income + (1 | g)"), "income")


def test_missing_column_suggests_a_near_one() -> None:
    hsb = data("hsb82")
    names(sentence("mathach ~ cse + (1 | school)", hsb), "cse", "cses")


def test_missing_outcome() -> None:
    names(sentence("score ~ x + (1 | g)"), "score")


def test_misspelt_grouping_factor() -> None:
    hsb = data("hsb82")
    names(sentence("mathach ~ ses + (1 | scool)", hsb), "scool", "Did you mean", "school")


def test_missing_random_slope_column() -> None:
    names(sentence("y ~ x + (1 + wx | g)"), "wx")


def test_constant_predictor() -> None:
    text = sentence("y ~ x + same + (1 | g)", GOOD.assign(same=3.0))
    names(text, "same")
    assert "same value" in text or "constant" in text or "does not vary" in text


def test_collinear_predictor_is_named() -> None:
    names(sentence("y ~ x + double + (1 | g)", GOOD.assign(double=2 * GOOD["x"])), "double")


def test_collinear_combination_is_named() -> None:
    names(sentence("y ~ x + z + both + (1 | g)", GOOD.assign(both=GOOD["x"] - GOOD["z"])), "both")


def test_all_missing_column() -> None:
    text = sentence("y ~ x + empty + (1 | g)", GOOD.assign(empty=np.nan))
    names(text, "empty")


@pytest.mark.parametrize("column", ["y", "x"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values(column: str, value: float) -> None:
    frame = GOOD.copy()
    frame.loc[frame.index[5], column] = value
    text = sentence(MODEL, frame)
    names(text, column)
    assert "infinite" in text.lower()


def test_infinite_values_made_by_a_transformation() -> None:
    frame = GOOD.copy()
    frame.loc[frame.index[5], "w"] = 0.0
    names(sentence("y ~ log(w) + (1 | g)", frame), "log(w)")


def test_strings_in_a_numeric_outcome() -> None:
    frame = GOOD.assign(y=GOOD["y"].astype(str))
    frame.loc[frame.index[3], "y"] = "twelve"
    names(sentence(MODEL, frame), "y")


def test_strings_in_a_numeric_predictor() -> None:
    frame = GOOD.assign(x=GOOD["x"].astype(object))
    frame.loc[frame.index[3], "x"] = "n/a"
    names(sentence(MODEL, frame), "x", "n/a")


def test_strings_in_a_random_slope() -> None:
    names(sentence("y ~ z + (1 + x | g)", GOOD.assign(x=GOOD["x"].astype(str))), "x")


def test_one_group() -> None:
    text = sentence(MODEL, GOOD[GOOD["g"] == "s01"])
    names(text, "g", "one")


def test_every_group_has_one_row() -> None:
    frame = GOOD.drop_duplicates("g")
    names(sentence("y ~ x + (1 | g)", frame), "g")


def test_as_many_random_coefficients_as_rows() -> None:
    """Two rows and two random coefficients in each group: sigma cannot be told from u."""
    frame = GOOD.groupby("g").head(2)
    names(sentence("y ~ x + (1 + x | g)", frame), "g")


def test_empty_frame() -> None:
    text = sentence(MODEL, GOOD.head(0))
    assert "no rows" in text.lower() or "empty" in text.lower()


def test_rows_all_dropped() -> None:
    frame = GOOD.assign(
        x=GOOD["x"].where(np.arange(len(GOOD)) % 2 == 0),
        z=GOOD["z"].where(np.arange(len(GOOD)) % 2 == 1),
    )
    sentence(MODEL, frame)


def test_more_coefficients_than_rows() -> None:
    sentence("y ~ x * z * w * kind + (1 | g)", GOOD.groupby("g").head(2).head(6))


@pytest.mark.parametrize(
    "formula", ["y ~ x + (1 | g) + (1 | kind)", "y ~ x + (1 | g / kind)", "y ~ x + (1 | g:kind)"]
)
def test_crossed_and_nested_groups(formula: str) -> None:
    text = sentence(formula)
    assert "group" in text.lower()
    names(text, "kind")


@pytest.mark.parametrize(
    "formula",
    ["y ~ x + (1 + x | g", "y ~ x + 1 + x | g)", "y ~ (x + z + (1 | g)", "y ~ x) + (1 | g)"],
)
def test_unbalanced_parenthesis(formula: str) -> None:
    assert "parenthes" in sentence(formula).lower()


def test_missing_tilde() -> None:
    names(sentence("y + x + (1 | g)"), "~")


def test_two_tildes() -> None:
    names(sentence("y ~ x ~ (1 | g)"), "~")


def test_missing_outcome_side() -> None:
    sentence("~ x + (1 | g)")


def test_no_random_part() -> None:
    names(sentence("y ~ x + z"), "|")


def test_bar_without_parentheses() -> None:
    names(sentence("y ~ x + 1 | g"), "(")


def test_unknown_function() -> None:
    names(sentence("y ~ lgo(w) + (1 | g)"), "lgo")


def test_empty_formula() -> None:
    sentence("")


def test_formula_that_is_no_string() -> None:
    sentence(42)


def test_data_that_are_no_frame() -> None:
    sentence(MODEL, [1, 2, 3])


def test_constant_outcome() -> None:
    names(sentence(MODEL, GOOD.assign(y=7.0)), "y")


def test_outcome_that_is_a_predictor_too() -> None:
    names(sentence("y ~ x + y + (1 | g)"), "y", "exactly")


def test_outcome_computed_from_the_predictors() -> None:
    names(sentence("double ~ x + z + (1 | g)", GOOD.assign(double=2 * GOOD["x"])), "double")


def test_outcome_computed_from_random_slopes() -> None:
    names(sentence("both ~ x + (1 + x | g)", GOOD.assign(both=GOOD["z"] * (1 + GOOD["x"]))), "both")


def test_level_2_outcome() -> None:
    names(sentence("z ~ 1 + (1 | g)"), "z", "g", "varies within groups")


@pytest.mark.parametrize("term", ["same", "C(same)"])
def test_predictor_with_one_category(term: str) -> None:
    names(sentence(f"y ~ x + {term} + (1 | g)", GOOD.assign(same="a")), "same")


@pytest.mark.parametrize("part", ["(1 + same | g)", "(1 | g) + (0 + same | g)"])
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_constant_random_slope(part: str, value: float) -> None:
    names(sentence(f"y ~ x + {part}", GOOD.assign(same=value)), "same")


def test_collinear_random_slopes() -> None:
    frame = GOOD.assign(double=2 * GOOD["x"] + 1)
    names(sentence("y ~ x + (1 + x + double | g)", frame), "double", "x")


@pytest.mark.parametrize("wrapper", ["factor", "as.factor"])
def test_factor_of_r(wrapper: str) -> None:
    names(sentence(f"y ~ {wrapper}(kind) + (1 | g)"), "C(")


def test_sqrt_without_numpy() -> None:
    names(sentence("y ~ sqrt(w) + (1 | g)"), "'sqrt'", "np.sqrt")


def test_dot_for_all_columns() -> None:
    names(sentence("y ~ . + (1 | g)"), "'.'")


def test_power_as_r_writes_it() -> None:
    """x^2 inside I() would be a bitwise operation in Python; here it is R's power."""
    caret = mlm.fit_mlm("y ~ x + I(x^2) + (1 | g)", data=GOOD)
    stars = mlm.fit_mlm("y ~ x + I(x**2) + (1 | g)", data=GOOD)
    assert caret.criterion == stars.criterion
    assert list(caret.fixed_effects.index) == list(stars.fixed_effects.index)


def test_no_fixed_effects() -> None:
    """lmer fits this too: only the variances are estimated."""
    fit = mlm.fit_mlm("y ~ 0 + (1 | g)", data=GOOD)
    assert fit.fixed_effects.empty
    assert "No fixed effect coefficients" in str(fit)


@pytest.mark.parametrize(
    "column",
    [
        GOOD["x"].astype("Float64"),
        (GOOD["x"] > 0).astype("boolean"),
        (GOOD["x"] > 0),
        (10 * GOOD["x"]).round().astype("Int64"),
        GOOD["x"].astype("float32"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_column_types_of_pandas(column: pd.Series) -> None:
    frame = GOOD.assign(x=column)
    plain = GOOD.assign(x=column.astype(float))
    ours, other = mlm.fit_mlm(MODEL, data=frame), mlm.fit_mlm(MODEL, data=plain)
    assert ours.criterion == pytest.approx(other.criterion, abs=1e-8)


def test_index_of_the_data_does_not_matter() -> None:
    expected = mlm.fit_mlm(MODEL, data=GOOD).criterion
    for index in (np.zeros(len(GOOD), int), [f"row {i}" for i in range(len(GOOD))]):
        fit = mlm.fit_mlm(MODEL, data=GOOD.set_axis(index, axis=0))
        assert fit.criterion == expected
        assert list(fit.residuals.index) == list(index)


def test_unused_categories_of_the_group_are_no_groups() -> None:
    labels = [*GOOD["g"].unique(), "closed school"]
    fit = mlm.fit_mlm(MODEL, data=GOOD.assign(g=pd.Categorical(GOOD["g"], categories=labels)))
    assert fit.ngroups == GOOD["g"].nunique()
    assert "closed school" not in fit.random_effects.index


def test_names_with_spaces_in_backticks() -> None:
    frame = GOOD.rename(columns={"x": "my x", "g": "my group"})
    fit = mlm.fit_mlm("y ~ `my x` + z + (1 + `my x` | `my group`)", data=frame)
    assert fit.criterion == mlm.fit_mlm(MODEL, data=GOOD).criterion


def test_dangling_operator() -> None:
    sentence("y ~ x + + (1 | g) *")


def test_group_in_random_part_missing() -> None:
    sentence("y ~ x + (1 | )")


def test_random_slope_that_never_varies_within_groups_is_not_an_error() -> None:
    """A level-2 variable may have a random slope in lmer; the fit exists, though seldom wanted."""
    fit = mlm.fit_mlm("y ~ x + z + (1 + z | g)", data=GOOD)
    assert np.isfinite(fit.criterion)


def test_rows_with_missing_values_are_counted() -> None:
    frame = GOOD.copy()
    frame.loc[frame.index[[1, 4, 9]], "x"] = np.nan
    frame.loc[frame.index[[9, 20]], "y"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = mlm.fit_mlm(MODEL, data=frame)
    assert fit.nobs == len(GOOD) - 4
    said = " ".join(fit.messages)
    names(said, "4", "x", "y")
    kept = frame.dropna(subset=["x", "y", "z"])
    complete = mlm.fit_mlm(MODEL, data=kept)
    assert fit.criterion == pytest.approx(complete.criterion, abs=1e-9)
    assert not any("missing" in m or "NaN" in m for m in complete.messages)
    assert list(fit.residuals.index) == list(kept.index)


def test_rows_with_a_missing_group_are_counted() -> None:
    frame = GOOD.copy()
    frame.loc[frame.index[[0, 7]], "g"] = None
    fit = mlm.fit_mlm(MODEL, data=frame)
    assert fit.nobs == len(GOOD) - 2
    names(" ".join(fit.messages), "2", "g")


def test_missing_values_elsewhere_do_not_matter() -> None:
    fit = mlm.fit_mlm(MODEL, data=GOOD.assign(unused=np.nan))
    assert fit.nobs == len(GOOD)
    assert not any("missing" in m.lower() for m in fit.messages)


def test_singular_fit_is_a_message_not_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = mlm.fit_mlm("plus ~ x + (1 + x | g)", data=data("singular"))
    assert fit.singular
    assert fit.converged
    assert any("singular" in m.lower() for m in fit.messages)


def test_compare_refuses_fits_on_different_rows() -> None:
    frame = GOOD.copy()
    frame.loc[frame.index[:3], "w"] = np.nan
    small = mlm.fit_mlm("y ~ x + (1 | g)", data=frame)
    large = mlm.fit_mlm("y ~ x + w + (1 | g)", data=frame)
    with pytest.raises(MLMError, match="rows"):
        mlm.compare(small, large)


def test_compare_refuses_different_outcomes() -> None:
    first = mlm.fit_mlm("y ~ x + (1 | g)", data=GOOD)
    second = mlm.fit_mlm("w ~ x + (1 | g)", data=GOOD)
    with pytest.raises(MLMError, match="outcome"):
        mlm.compare(first, second)


def test_nothing_reaches_stderr_or_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    for name, formula in (("schools", MODEL), ("singular", "plus ~ x + (1 + x | g)")):
        frame: pd.DataFrame = data(name)
        str(mlm.fit_mlm(formula, data=frame))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
