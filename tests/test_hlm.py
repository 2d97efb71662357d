"""χ² tests of the τ's and the H test: against matrices in R, and the book's values for HSB."""

from __future__ import annotations

import json

import numpy as np
import pytest
from reference import HERE
from test_pairs import kinds, model

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError

R = json.loads((HERE / "values" / "interpret.json").read_text(encoding="utf-8"))["hlm"]


@pytest.mark.parametrize("name", ["plain", "singular", "few", "missing", "ml"])
def test_against_r(name: str) -> None:
    ours, theirs = mlm.hlm_tests(model(name), smallest=8), R[name]
    np.testing.assert_allclose(ours.table["chi2"].dropna(), theirs["chi2"], rtol=1e-5)
    assert (ours.table["groups"].dropna() == theirs["used"]).all()
    assert (ours.H, ours.H_df) == (pytest.approx(theirs["H"], rel=1e-6), theirs["H_df"])
    # three kinds and w: four level-2 coefficients of each level-1 coefficient
    assert (ours.table["df"].dropna() == theirs["used"] - 4).all()


def test_high_school_and_beyond_as_in_the_book() -> None:
    """Raudenbush & Bryk (2002, ch. 4) print χ² of 1660.2, 1770.9, 213.4, 605.3 and 162.3 with 159,
    159, 159, 157 and 157 df, and H = 245.8: ours differ by the digits of their optimum."""
    h = mlm.load_dataset("hsb82")
    h["m"], h["c"] = mlm.group_mean(h, "ses", "school"), mlm.center_within(h, "ses", "school")
    fits = {
        "null": mlm.fit_mlm("mathach ~ 1 + (1 | school)", h),
        "slopes": mlm.fit_mlm("mathach ~ c + (1 + c | school)", h),
        "m3": mlm.fit_mlm("mathach ~ m * c + sector * c + (1 + c | school)", h),
    }
    book = {
        "null": ([1660.2], 159, None),
        "slopes": ([1770.9, 213.4], 159, 245.8),
        "m3": ([605.3, 162.3], 157, None),
    }
    for name, fit in fits.items():
        ours, (chi2, df, height) = mlm.hlm_tests(fit), book[name]
        np.testing.assert_allclose(ours.table["chi2"].dropna(), R[name]["chi2"], rtol=1e-5)
        np.testing.assert_allclose(ours.table["chi2"].dropna(), chi2, rtol=1e-3)
        assert (ours.table["df"].dropna() == df).all()
        if height:
            assert abs(ours.H - height) < 0.5
    reliable = mlm.reliabilities(fits["slopes"]).attrs["mean"]
    own = mlm.hlm_tests(fits["slopes"]).table["reliability"]
    assert own["tau11"] == pytest.approx(reliable["lambda1"])


def test_sentences_do_not_accept_what_was_not_found() -> None:
    said = mlm.hlm_tests(model("singular")).sentence
    assert "τ11: the slopes of xc of 24 groups vary" in said
    assert "does not show that they are equal" in said
    assert "H = " in said
    assert "reliability" in str(mlm.hlm_tests(model("plain")))
    page = mlm.hlm_tests(model("plain"))._repr_html_()
    assert "<caption" in page
    assert page.count("<tr") == 4


def test_groups_without_a_line_are_left_out_and_counted() -> None:
    data = kinds()
    data = data[(data["g"] > 3) | (data.groupby("g").cumcount() < 1)]
    flat = data["g"] == 5
    data.loc[flat, "xc"] = 0.25
    fit = mlm.fit_mlm("y ~ xc + (1 + xc | g)", data)
    ours = mlm.hlm_tests(fit)
    assert ours.table.loc["tau00", "groups"] == data["g"].nunique() - 4
    assert ours.table.loc["tau11", "df"] == data["g"].nunique() - 5
    none = mlm.hlm_tests(fit, smallest=1000)
    assert np.isnan(none.H)
    assert "σ²" not in none.sentence


def test_questions_without_an_answer() -> None:
    with pytest.raises(MLMError, match="smallest must be"):
        mlm.hlm_tests(model("plain"), smallest=0)
    chunked = mlm.fit_mlm("y ~ xc + (1 + xc | g)", [kinds()[:150], kinds()[150:]])
    with pytest.raises(MLMError, match="keeps no rows"):
        mlm.hlm_tests(chunked)
