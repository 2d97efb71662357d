"""Separate regressions, reliabilities and EB residuals by category."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from reference import HERE, data, fit

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.residuals import level2_values

R = json.loads((HERE / "values" / "probing.json").read_text(encoding="utf-8"))
M1 = fit("hsb_m1")


# ---- separate regressions -----------------------------------------------------------------
def test_separate_regressions_against_r() -> None:
    ours = mlm.ols_by_group(M1)
    for column in ("b0", "b1", "b0_se", "b1_se"):
        np.testing.assert_allclose(ours[column], R["ols"][column], rtol=1e-8, err_msg=column)
    assert (ours["reason"] == "").all()
    assert list(ours.index) == list(M1.random_effects.index)


def test_large_raw_values_lose_no_digits() -> None:
    d = data("hsb82").assign(far=lambda f: f["ses"] + 1e6)
    ours = mlm.ols_by_group(mlm.fit_mlm("mathach ~ far + (1 | school)", d))
    near = mlm.ols_by_group(mlm.fit_mlm("mathach ~ ses + (1 | school)", d))
    np.testing.assert_allclose(ours["b1"], near["b1"], rtol=1e-7)
    np.testing.assert_allclose(ours["b1_se"], near["b1_se"], rtol=1e-7)
    np.testing.assert_allclose(ours["b0"] + 1e6 * ours["b1"], near["b0"], atol=1e-3)


def test_small_or_flat_groups_say_why() -> None:
    rng = np.random.default_rng(3)
    g = [1] * 6 + [2] + [3] * 5 + [4] * 2 + [5] * 8
    x = np.r_[rng.normal(size=6), 0.3, np.full(5, 0.7), 0.1, 0.9, rng.normal(size=8)]
    d = pd.DataFrame({"g": g, "x": x, "y": rng.normal(size=22)})
    ours = mlm.ols_by_group(mlm.fit_mlm("y ~ x + (1 | g)", d))
    assert ours["reason"].to_dict() == {
        1: "",
        2: "1 row for 2 coefficients",
        3: "x does not vary in this group",
        4: "2 rows fit 2 coefficients exactly, so there are no standard errors",
        5: "",
    }
    assert ours.loc[[2, 3], ["b0", "b1", "b0_se", "b1_se"]].isna().all(axis=None)
    assert ours.loc[4, ["b0", "b1"]].notna().all()
    assert ours.loc[4, ["b0_se", "b1_se"]].isna().all()
    slope, intercept = np.polyfit(x[12:14], d["y"][12:14], 1)
    assert ours.loc[4, "b1"] == pytest.approx(slope)
    assert ours.loc[4, "b0"] == pytest.approx(intercept)


def test_null_model_has_means() -> None:
    ours = mlm.ols_by_group(fit("hsb_null"))
    by = data("hsb82").groupby("school")["mathach"]
    np.testing.assert_allclose(ours["b0"], by.mean(), rtol=1e-12)
    np.testing.assert_allclose(ours["b0_se"], by.std() / np.sqrt(by.size()), rtol=1e-10)


def test_level_1_term_that_is_only_in_a_product() -> None:
    m = mlm.fit_mlm("mathach ~ sector:cses + (1 | school)", data("hsb82"))
    np.testing.assert_allclose(mlm.ols_by_group(m)["b1"], R["ols"]["b1"], rtol=1e-8)


# ---- reliabilities ------------------------------------------------------------------------
def test_reliabilities_against_r() -> None:
    ours = mlm.reliabilities(M1)
    np.testing.assert_allclose(ours["lambda0"], R["lambda"]["V1"], rtol=1e-5)
    np.testing.assert_allclose(ours["lambda1"], R["lambda"]["V2"], rtol=1e-4)
    assert round(ours.attrs["mean"]["lambda0"], 2) == 0.91
    assert ours.attrs["conditional"] is False
    assert mlm.reliabilities(fit("hsb_m3")).attrs["conditional"] is True


def test_reliability_of_a_mean_is_one_formula() -> None:
    null = fit("hsb_null")
    tau, n = null.T.iloc[0, 0], null.moments.n
    np.testing.assert_allclose(
        mlm.reliabilities(null)["lambda0"], tau / (tau + null.sigma2 / n), rtol=1e-12
    )


def test_reliability_is_missing_where_a_group_has_no_line() -> None:
    ours = mlm.reliabilities(fit("ones"))
    small = mlm.ols_by_group(fit("ones"))
    nothing = small["b1"].isna()
    assert nothing.any()
    assert ours.loc[nothing, "lambda1"].isna().all()
    assert ours.loc[~nothing, "lambda1"].notna().all()


# ---- EB residuals by category -------------------------------------------------------------
def test_eb_by_sector() -> None:
    ours = mlm.eb_by(M1, by="sector", data=data("hsb82"))
    sector = data("hsb82").groupby("school")["sector"].first()
    for name in ("u0", "u1"):
        for code in (0, 1):
            mine = M1.random_effects.loc[sector == code, name]
            row = ours.loc[(name, code)]
            assert row["n"] == len(mine)
            np.testing.assert_allclose(
                row[["mean", "sd", "median", "min", "max"]].astype(float),
                [mine.mean(), mine.std(), mine.median(), mine.min(), mine.max()],
                rtol=1e-12,
            )
    pd.testing.assert_frame_equal(
        mlm.eb_by(fit("hsb_m2"), "sector"),
        mlm.eb_by(fit("hsb_m2"), "sector", data=data("hsb82")),
    )


def test_rows_of_the_data_may_come_in_any_order() -> None:
    shuffled = data("hsb82").sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        mlm.eb_by(M1, "sector", data=shuffled), mlm.eb_by(M1, "sector", data=data("hsb82"))
    )


def test_eb_table_has_the_category_beside_the_residuals() -> None:
    ours = mlm.eb_table(M1, "sector", data=data("hsb82"))
    assert list(ours.columns) == ["u0", "u0_sd", "u1", "u1_sd", "sector"]
    assert "sector" not in M1.random_effects.columns


def test_sentences() -> None:
    d = data("hsb82")
    for by, table, said in [
        ("sector", None, "not in this model"),
        ("sectr", d, "Did you mean 'sector'"),
        ("ses", d, "differs within school"),
        ("mean_ses", d, "pd.cut"),
        ("sector", d[d["school"] != 1224], "no 'sector' for school"),
    ]:
        with pytest.raises(MLMError, match=said):
            mlm.eb_by(M1, by, data=table)
    holes = d.assign(sector=d["sector"].where(d.index > 3))
    with pytest.raises(MLMError, match="missing"):
        level2_values(M1, "sector", holes)
