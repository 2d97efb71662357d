"""A second opinion without R: the PyPI package mixedlm fitted live on the same data.

mixedlm stops at its own tolerance (about 1e-8 in the criterion), so its variances carry about
four digits where the likelihood is flat; what does not depend on that is compared more sharply.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import mixedlm
import numpy as np
import pytest
from reference import FITS, data, fit, plain_name

NAMES = [
    "hsb_null",
    "hsb_null_ml",
    "hsb_m1_ri",
    "hsb_m1",
    "hsb_m1_ml",
    "hsb_m1_file",
    "hsb_m2",
    "hsb_m2_ml",
    "hsb_m2_file",
    "hsb_m3",
    "hsb_m3_ml",
    "hsb_m3_file",
    "hsb_m3_mixed",
    "sleep",
    "sleep_ml",
    "sleep_ri",
    "schools_cross",
    "schools_cross_ml",
    "schools_kind",
    "schools_slope_only",
    "schools_uncorrelated",
    "three",
    "three_ml",
    "three_pair",
    "near",
    "ones",
    "ones_ml",
    "singular_plus",
    "singular_slope0",
    "singular_null",
]
REML = [n for n in NAMES if FITS[n].get("reml", True)]
REGULAR = [n for n in REML if not n.startswith("singular")]


@cache
def theirs(name: str) -> Any:
    case = FITS[name]
    control = mixedlm.lmerControl(ftol=1e-14, gtol=1e-9, xtol=1e-12, maxiter=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mixedlm.lmer(
            case["formula"], data(case["data"]), REML=case.get("reml", True), control=control
        )


def in_our_order(name: str, labels: list[str], numbers: Any) -> np.ndarray:
    """mixedlm keeps products next to their main effects; put them in our order."""
    kinds = {"kind.1": "kindrural", "kind.2": "kindtown"}  # it numbers the categories
    by_name = {plain_name(kinds.get(label, label)): i for i, label in enumerate(labels)}
    order = [by_name[plain_name(term)] for term in fit(name).fixed_effects.index]
    return np.asarray(numbers, float)[order]


@pytest.mark.parametrize("name", NAMES)
def test_criterion(name: str) -> None:
    ours = fit(name)
    reference = float(theirs(name).logLik().value) * -2
    assert ours.criterion <= reference + 1e-6
    assert ours.criterion >= reference - 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_estimates_and_standard_errors(name: str) -> None:
    ours, other = fit(name).fixed_effects, theirs(name)
    labels = list(other.fixef())
    estimate = in_our_order(name, labels, list(other.fixef().values()))
    std_error = in_our_order(name, labels, np.sqrt(np.diag(other.vcov())))
    assert (np.abs(ours["estimate"] - estimate) <= 1e-4 * std_error).all()
    np.testing.assert_allclose(ours["std_error"], std_error, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_sigma(name: str) -> None:
    np.testing.assert_allclose(fit(name).sigma, theirs(name).sigma, rtol=1e-4)


@pytest.mark.parametrize("name", REGULAR)
def test_satterthwaite_df(name: str) -> None:
    result = mixedlm.satterthwaite_df(theirs(name))
    df = in_our_order(name, result.param_names, result.df)
    np.testing.assert_allclose(fit(name).fixed_effects["df"], df, rtol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_random_effects(name: str) -> None:
    ours, group = fit(name).random_effects, fit(name).structure.group
    other = theirs(name).ranef(condVar=True)
    labels = sorted(data(FITS[name]["data"])[group].unique())
    table = ours.loc[labels]
    u = np.column_stack(list(other.values[group].values()))
    scale = float(np.abs(u).max()) + 1e-3 * fit(name).sigma
    np.testing.assert_allclose(table.iloc[:, 0::2], u, atol=1e-3 * scale)
    sd = np.sqrt(np.column_stack(list(other.condVar[group].values())))
    np.testing.assert_allclose(table.iloc[:, 1::2], sd, rtol=1e-3, atol=1e-4 * fit(name).sigma)
