"""``to_statsmodels()``: a genuine MixedLMResults at our optimum."""

from __future__ import annotations

import numpy as np
import pytest
from reference import FITS, fit, plain_name
from statsmodels.regression.mixed_linear_model import MixedLMResults

NAMES = [
    "hsb_null",
    "hsb_null_ml",
    "hsb_m1",
    "hsb_m1_ml",
    "hsb_m2",
    "hsb_m3",
    "hsb_m3_ml",
    "sleep",
    "sleep_ml",
    "schools_cross",
    "schools_kind",
    "schools_log",
    "schools_slope_only",
    "three",
    "ones",
    "near",
]
UNCORRELATED = ["schools_uncorrelated", "three_bars", "three_pair"]
SINGULAR = ["singular_plus", "singular_slope0", "singular_null", "three_flat"]


def llf_agrees(name: str, tolerance: float) -> None:
    ours = fit(name)
    theirs = ours.to_statsmodels()
    assert isinstance(theirs._results, MixedLMResults)
    assert abs(theirs.llf - ours.loglik) <= tolerance
    # its own log-likelihood function, evaluated afresh at the parameters it reports
    again = theirs.model.loglike(theirs.params_object, profile_fe=False)
    assert abs(again - ours.loglik) <= tolerance


@pytest.mark.parametrize("name", NAMES + UNCORRELATED)
def test_log_likelihood(name: str) -> None:
    llf_agrees(name, 1e-8)


@pytest.mark.parametrize("name", SINGULAR)
def test_log_likelihood_of_singular_fits(name: str) -> None:
    """statsmodels inverts T, so it gets one just inside the boundary and loses some digits."""
    llf_agrees(name, 1e-8 * abs(fit(name).loglik))


@pytest.mark.parametrize("name", NAMES + UNCORRELATED)
def test_parameters(name: str) -> None:
    ours = fit(name)
    theirs = ours.to_statsmodels()
    assert list(theirs.fe_params.index) == list(ours.fixed_effects.index)
    np.testing.assert_allclose(theirs.fe_params, ours.fixed_effects["estimate"], rtol=1e-9)
    np.testing.assert_allclose(theirs.scale, ours.sigma2, rtol=1e-9)
    if name not in UNCORRELATED:
        np.testing.assert_allclose(theirs.cov_re, ours.T, rtol=1e-8)
    assert theirs.nobs == ours.nobs
    assert theirs.method.upper() == ("REML" if ours.reml else "ML")
    assert theirs.converged


@pytest.mark.parametrize("name", NAMES)
def test_random_effects_and_fitted_values(name: str) -> None:
    ours = fit(name)
    theirs = ours.to_statsmodels()
    by_label = {str(k): v.to_numpy() for k, v in theirs.random_effects.items()}
    for label, row in ours.random_effects.iterrows():
        np.testing.assert_allclose(by_label[str(label)], row.iloc[0::2], rtol=1e-6, atol=1e-8)
    scale = float(np.std(ours.fitted))
    np.testing.assert_allclose(np.asarray(theirs.fittedvalues), ours.fitted, atol=1e-8 * scale)


def test_what_statsmodels_offers_after_a_fit() -> None:
    ours = fit("sleep")
    theirs = ours.to_statsmodels()
    text = str(theirs.summary())
    assert "Mixed Linear Model" in text
    assert [plain_name(n) for n in theirs.model.exog_names] == ["Intercept", "days"]
    some = ours.data.head(3)  # statsmodels' predict takes columns of the model matrix here
    columns = np.column_stack([np.ones(3), some["days"]])
    np.testing.assert_allclose(theirs.predict(columns), ours.predict(some, random=False))
    assert theirs.conf_int().shape[1] == 2
    assert FITS["sleep"]["formula"].startswith(theirs.model.endog_names)
