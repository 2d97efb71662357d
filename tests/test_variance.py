"""Shares of variance: by hand, against R, and by simulating from the model."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reference import HERE, data, fit

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError

R = json.loads((HERE / "values" / "probing.json").read_text(encoding="utf-8"))


@cache
def model(formula: str) -> Any:
    return mlm.fit_mlm(formula, data("hsb82"))


M1, M2, M3 = fit("hsb_m1"), fit("hsb_m2"), fit("hsb_m3")


# ---- ICC ----------------------------------------------------------------------------------
def test_icc_of_the_null_model() -> None:
    null = fit("hsb_null")
    tau, sigma2 = null.variance_components.loc[["tau00", "sigma2"], "variance"]
    assert mlm.icc(null) == tau / (tau + sigma2)
    assert round(mlm.icc(null), 2) == 0.18  # Raudenbush & Bryk (2002, p. 72)


def test_icc_with_a_random_slope_needs_a_value() -> None:
    with pytest.raises(MLMError, match=r"not one ICC.*at=\{'cses': 0\}"):
        mlm.icc(M1)
    x = -1.3
    z = np.array([1, x])
    between = z @ M1.T.to_numpy() @ z
    assert mlm.icc(M1, at={"cses": x}) == pytest.approx(between / (between + M1.sigma2))
    with pytest.raises(MLMError, match="no random slope"):
        mlm.icc(M1, at={"cses": 0, "sector": 1})


# ---- variance explained -------------------------------------------------------------------
def test_variance_explained_by_hand() -> None:
    ours = mlm.variance_explained(M1, M2)
    assert list(ours.index) == ["tau00", "tau11", "sigma2"]
    assert list(ours.columns) == ["base", "full", "explained"]
    for name, row in ours.iterrows():
        base = M1.variance_components.loc[name, "variance"]
        full = M2.variance_components.loc[name, "variance"]
        assert (row["base"], row["full"]) == (base, full)
        assert row["explained"] == pytest.approx((base - full) / base, rel=1e-12)


def test_variance_explained_can_fall_and_says_so() -> None:
    ours = mlm.variance_explained(M1, M3)
    assert ours.loc["sigma2", "explained"] < 0
    assert any("sigma2" in n and "negative" in n for n in ours.attrs["notes"])
    other_way = mlm.variance_explained(M2, M1)
    assert any("lacks" in n for n in other_way.attrs["notes"])


def test_variance_explained_of_nothing() -> None:
    base, full = fit("singular_null"), fit("singular_null")
    ours = mlm.variance_explained(base, full)
    assert np.isnan(ours.loc["tau00", "explained"])
    assert any("nothing to explain" in n for n in ours.attrs["notes"])


@pytest.mark.parametrize(
    ("full", "said"),
    [
        (lambda: fit("hsb_m1_ri"), "random parts differ"),
        (lambda: M2.refit(reml=False), "REML and one by ML"),
        (lambda: mlm.fit_mlm(M2.formula, data("hsb82").iloc[5:]), "different rows"),
        (lambda: mlm.fit_mlm(M1.formula, data("hsb82").assign(mathach=lambda d: -d["mathach"])),
         "different outcomes"),
    ],
)  # fmt: skip
def test_fits_that_cannot_be_compared(full: Any, said: str) -> None:
    with pytest.raises(MLMError, match=said):
        mlm.variance_explained(M1, full())


# ---- Rights & Sterba ----------------------------------------------------------------------
def test_decomposition_against_r() -> None:
    ours = mlm.variance_decomposition(M3)
    for part, value in R["decomposition"].items():
        assert ours.loc[part, "total"] == pytest.approx(value, rel=2e-4), part
    np.testing.assert_allclose(
        ours.loc[["f1", "f2", "sigma2"], "total"],
        [R["decomposition"][p] for p in ("f1", "f2", "sigma2")],
        rtol=1e-5,
    )


def test_r2_by_hand() -> None:
    parts, ours = mlm.variance_decomposition(M3)["total"], mlm.r2(M3)
    f1, f2, v, m, s = (parts[p] for p in ("f1", "f2", "v", "m", "sigma2"))
    total, within, between = f1 + f2 + v + m + s, f1 + v + s, f2 + m
    expected = {
        "total": [f1 / total, f2 / total, v / total, m / total, (f1 + f2) / total,
                  (f1 + f2 + v) / total, (f1 + f2 + v + m) / total],
        "within": [f1 / within, np.nan, v / within, np.nan, np.nan, (f1 + v) / within, np.nan],
        "between": [np.nan, f2 / between, np.nan, m / between, np.nan, np.nan, np.nan],
    }  # fmt: skip
    hand = pd.DataFrame(expected, index=["f1", "f2", "v", "m", "f", "fv", "fvm"])
    pd.testing.assert_frame_equal(ours, hand, check_names=False, rtol=1e-12)


def simulated_parts(m: Any, draws: int = 400) -> pd.Series:
    """Variances of the outcome's pieces when it is drawn anew from the fitted model."""
    rng = np.random.default_rng(20)
    x, z, codes = m.design.x, m.design.z, m.design.codes
    root = np.linalg.cholesky(m.T.to_numpy() + 1e-12 * np.eye(len(m.T)))
    level1 = [c.level1 is not None for c in m.structure.coefficients]
    f1 = x[:, level1] @ m.gamma[level1]
    f2 = x[:, ~np.array(level1)] @ m.gamma[~np.array(level1)]
    total, within, between = [], [], []
    n = np.bincount(codes)
    for _ in range(draws):
        u = rng.normal(size=(m.ngroups, z.shape[1])) @ root.T
        random = (z * u[codes]).sum(axis=1)
        y = f1 + f2 + random + rng.normal(0, m.sigma, len(x))
        # the error's own group means are sampling noise, not variance between groups: leave it out
        means = (np.bincount(codes, weights=f1 + f2 + random) / n)[codes]
        total.append(y.var())
        between.append(means.var())
        within.append((y - means).var())
    return pd.Series({"total": np.mean(total), "within": np.mean(within),
                      "between": np.mean(between)})  # fmt: skip


def test_parts_add_up_to_the_variance_of_outcomes_drawn_from_the_model() -> None:
    parts = mlm.variance_decomposition(M3).sum()
    drawn = simulated_parts(M3)
    # 400 draws of 160 school effects: standard errors near 0.3%
    np.testing.assert_allclose(parts[drawn.index], drawn, rtol=0.015)
    loose = model("mathach ~ ses * sector + (1 + ses | school)")
    total = mlm.variance_decomposition(loose)["total"].sum()
    assert total == pytest.approx(simulated_parts(loose)["total"], rel=0.015)


def test_not_centered_gives_totals_only() -> None:
    ours = mlm.r2(model("mathach ~ ses * sector + (1 + ses | school)"))
    assert ours[["within", "between"]].isna().all(axis=None)
    assert ours.loc[["f1", "f2"], "total"].isna().all()
    assert ours.loc[["f", "v", "m", "fv", "fvm"], "total"].notna().all()
    assert "ses" in ours.attrs["note"]
    assert "not centered" in ours.attrs["note"]


def test_null_model() -> None:
    ours = mlm.r2(fit("hsb_null"))
    assert ours.loc["f", "total"] == 0
    assert ours.loc["fvm", "total"] == pytest.approx(mlm.icc(fit("hsb_null")))
    assert ours.loc["m", "between"] == 1
