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


# ---- random coefficients are matched by name -------------------------------------------------
def _three_slopes(seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(50), 14)
    data = pd.DataFrame(rng.normal(size=(len(g), 4)), columns=["a", "b", "c", "d"])
    data["g"] = g
    u = rng.normal(size=(50, 4)) * [1.0, 1.3, 0.4, 0.7]
    data["y"] = u[g, 0] + (u[g, 1:] * data[["a", "b", "c"]].to_numpy()).sum(axis=1)
    data["y"] += 0.8 * data.d + rng.normal(size=len(g))
    return data


@pytest.mark.parametrize(
    ("fixed", "random"),
    [
        ("b + a + d", "(1 + a + b | g)"),
        ("d + a + b", "(1 + b + a | g)"),
        ("d + b + a", "(0 + a + b + 1 | g)"),
        ("a + d + b", "(b + a + 1 | g)"),
        ("d + a * b - a:b", "(1 + a + b | g)"),
    ],
)
def test_the_order_of_predictors_changes_no_share(fixed: str, random: str) -> None:
    data = _three_slopes()
    base = mlm.fit_mlm("y ~ a + b + (1 + a + b | g)", data)
    right = mlm.variance_explained(base, mlm.fit_mlm("y ~ a + b + d + (1 + a + b | g)", data))
    found = mlm.variance_explained(base, mlm.fit_mlm(f"y ~ {fixed} + {random}", data))
    assert list(found.index) == ["tau00", "tau11", "tau22", "sigma2"]
    np.testing.assert_allclose(found["explained"], right["explained"], atol=1e-5)
    assert found.attrs["terms"]["tau22"] == "b"


@pytest.mark.parametrize(
    "random", ["(0 + a | g)", "(1 | g)", "(c + 1 + b + a | g)", "(0 + c + a | g)", "(a + b || g)"]
)
def test_one_to_four_random_coefficients_with_and_without_a_fixed_part(random: str) -> None:
    """Also slopes whose average is fixed at 0, and a covariate written before them."""
    data = _three_slopes()
    base, full = (mlm.fit_mlm(f"y ~ {f} + {random}", data) for f in ("1", "d + 1"))
    table = mlm.variance_explained(base, full)
    of = {name: fit.T.to_numpy().diagonal() for name, fit in (("base", base), ("full", full))}
    for tau, term in table.attrs["terms"].items():
        if tau != "sigma2":
            for name, fit in (("base", base), ("full", full)):
                at = list(fit.design.random).index(term)
                assert table.loc[tau, name] == pytest.approx(of[name][at])
    assert table.loc["sigma2", "explained"] > 0.1


def test_explorer_standard_errors_are_those_of_the_fit_in_any_order_of_the_random_part() -> None:
    data = _three_slopes().assign(w=lambda d: d.g % 2)
    for random in ("(1 + a | g)", "(0 + a | g) + (1 | g)", "(a + 1 | g)", "(1 | g) + (0 + a | g)"):
        fit = mlm.fit_mlm(f"y ~ a * w + {random}", data)
        shown = mlm.explore_cross_level(fit).tables.parameters["std_error"].sort_values()
        np.testing.assert_allclose(shown, np.sort(fit.fixed_effects["std_error"]), rtol=1e-4)


@pytest.mark.parametrize("random", ["(1 | g)", "(0 + a | g)", "(1 + a + b | g)", "(1 + b | g)"])
def test_the_explorer_refuses_another_random_part_in_words(random: str) -> None:
    data = _three_slopes().assign(w=lambda d: d.g % 2)
    fit = mlm.fit_mlm(f"y ~ a * w + b + {random}", data)
    with pytest.raises(MLMError, match="intercept and of one slope"):
        mlm.explore_cross_level(fit)


def test_an_explorer_needs_the_average_slope_in_the_fixed_part() -> None:
    fit = mlm.fit_mlm("y ~ d + s + (1 + a | g)", _three_slopes().assign(s=lambda d: d.g % 2))
    with pytest.raises(MLMError, match="lacks a by itself"):
        mlm.explore_cross_level(fit)


def test_a_rising_variance_of_the_means_is_explained() -> None:
    """Within-school SES lowers σ² and cannot explain means: τ00 rises by about the fall / n."""
    table = mlm.variance_explained(fit("hsb_null"), fit("hsb_m1_ri"))
    assert table["explained"]["tau00"] < 0 < table["explained"]["sigma2"]
    n = fit("hsb_null").nobs / fit("hsb_null").ngroups
    change = table["full"] - table["base"]
    assert change["tau00"] == pytest.approx(-change["sigma2"] / n, rel=0.3)
    assert any("sigma2 / n" in note for note in table.attrs["notes"])
