"""Joint tests, robust standard errors and leaving groups out, held to R and to what must hold."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError

R = json.loads((Path(__file__).parent / "reference" / "values" / "reviewer.json").read_text())


@cache
def hsb() -> pd.DataFrame:
    d = mlm.load_dataset("hsb82")
    d["meanses"] = mlm.group_mean(d, "ses", "school")
    d["cses"] = mlm.center_within(d, "ses", "school")
    kinds = ["north", "middle", "south"]
    d["kind"] = pd.Categorical(np.array(kinds)[d["school"] % 3], categories=kinds)
    d["church"] = pd.Categorical(np.where(d["sector"] == 1, "yes", "no"))
    return d


@cache
def model(name: str) -> Any:
    d = hsb()
    if name == "holes":
        d = d.copy()
        d.loc[d.index[6::50], "mathach"] = np.nan
    if name == "few":
        d = d[d["school"].isin(sorted(d["school"].unique())[:9])]
    return mlm.fit_mlm(
        {
            "kinds": "mathach ~ cses * kind + sector + (1 + cses | school)",
            "model3": "mathach ~ sector + meanses + sector * cses + meanses * cses"
            " + (1 + cses | school)",
            "two_factors": "mathach ~ cses * kind * church + (1 + cses | school)",
            "holes": "mathach ~ cses * kind + (1 + cses | school)",
            "few": "mathach ~ cses * kind + (1 | school)",
        }[name],
        d,
    )


def in_our_order(ours: pd.Index, theirs: list[str]) -> list[int]:
    def key(term: str) -> frozenset[str]:
        plain = term.replace("[T.", "").replace("]", "").replace("(Intercept)", "Intercept")
        return frozenset(plain.split(":"))

    return [[key(t) for t in theirs].index(key(term)) for term in ours]


# ---- several coefficients at once ---------------------------------------------------------
@pytest.mark.parametrize("type", [2, 3])
@pytest.mark.parametrize("name", R)
def test_anova_is_lmertests(name: str, type: int) -> None:
    ours, theirs = model(name).anova(type), R[name][f"satterthwaite_{'I' * type}"]
    order = in_our_order(ours.index, theirs["term"])
    for column, within in (("num_df", 0), ("den_df", 3e-4), ("F", 1e-5), ("mean_sq", 1e-5)):
        expected = np.array(theirs[column], dtype=float)[order]
        np.testing.assert_allclose(ours[column], expected, rtol=within, err_msg=column)
    np.testing.assert_allclose(ours["sum_sq"], ours["mean_sq"] * ours["num_df"])


@pytest.mark.parametrize("name", ["few", "holes"])
def test_kenward_roger_anova_is_pbkrtests(name: str) -> None:
    ours, theirs = model(name).anova(ddf="kr"), R[name]["kr_III"]
    for column in ("num_df", "den_df", "F"):
        np.testing.assert_allclose(ours[column], theirs[column], rtol=2e-6, err_msg=column)


def test_one_coefficient_is_its_t_test() -> None:
    fit = model("model3")
    for ddf, table in (("satterthwaite", fit.fixed_effects), ("kr", fit.fixed_effects_kr)):
        one = fit.test("sector:cses", ddf).iloc[0]
        row = table.loc["sector:cses"]
        assert one["F"] == pytest.approx(row["t"] ** 2)
        assert one["den_df"] == pytest.approx(row["df"])
        assert one["p"] == pytest.approx(row["p"])


def test_a_term_is_found_by_name_in_any_order_and_by_weights() -> None:
    fit = model("kinds")
    whole = fit.anova().loc["cses:kind", ["num_df", "den_df", "F", "p"]].to_numpy(dtype=float)
    columns = list(fit.design.columns)
    weights = np.eye(len(columns))[[columns.index(c) for c in columns if ":" in c]]
    redundant = np.vstack([weights, weights.sum(axis=0)])
    for what in ("cses:kind", "kind:cses", weights, [c for c in columns if ":" in c]):
        np.testing.assert_allclose(fit.test(what).iloc[0], whole, rtol=1e-9)
    again = fit.test(redundant).iloc[0]  # a row too many: the same hypothesis
    assert again[["num_df", "F"]].tolist() == pytest.approx(list(whole[[0, 2]]))


def test_the_reference_category_does_not_matter() -> None:
    other = hsb().assign(kind=hsb()["kind"].cat.reorder_categories(["south", "north", "middle"]))
    again = mlm.fit_mlm(model("kinds").formula, other)
    for type in (2, 3):
        ours, before = again.anova(type), model("kinds").anova(type)
        np.testing.assert_allclose(ours["F"], before["F"], rtol=1e-6)
        # Satterthwaite's df of several coefficients hang on the axes chosen, in lmerTest as here
        np.testing.assert_allclose(ours["den_df"], before["den_df"], rtol=1e-3)


def test_sum_coding_gives_the_same_type_3_tests() -> None:
    fit = mlm.fit_mlm("mathach ~ cses * C(kind, contr.sum) + sector + (1 + cses | school)", hsb())
    np.testing.assert_allclose(fit.anova()["F"], model("kinds").anova()["F"], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f: f.anova(1), "type must be 2 or 3"),
        (lambda f: f.anova(ddf="lb"), "'satterthwaite' or 'kr'"),
        (lambda f: f.test("sectr:cses"), "no term or coefficient 'sectr:cses'"),
        (lambda f: f.test(np.zeros((1, 6))), "not all of them 0"),
        (lambda f: f.test(np.ones((1, 4))), "4 columns, but the model has 6"),
        (lambda f: f.test(3), "Say what to test"),
        (lambda f: f.refit(reml=False).anova(ddf="kr"), "needs a REML fit"),
        (lambda f: f.refit(formula="mathach ~ 1 + (1 | school)").anova(), "no predictor"),
    ],
)
def test_what_cannot_be_tested_is_said(call: Any, said: str) -> None:
    with pytest.raises(MLMError, match=said):
        call(model("model3"))


# ---- robust -------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
@pytest.mark.parametrize("name", R)
def test_robust_errors_are_clubsandwichs(name: str, kind: str) -> None:
    ours, theirs = model(name).robust(kind), R[name][kind]
    order = in_our_order(ours.index, theirs["term"])
    for column in ("std_error", "df"):
        np.testing.assert_allclose(
            ours[column], np.array(theirs[column])[order], rtol=2e-6, err_msg=column
        )


def test_cr2_is_right_on_average_when_the_model_holds() -> None:
    """E of the CR2 covariance is the model's: checked without simulation, from P = (I - H)V(I - H)'
    on a design small enough to write the matrices down."""
    fit = model("few")
    x, z, codes = fit.design.x, fit.design.z, fit.design.codes
    v = fit.sigma2 * np.eye(len(x)) + (codes[:, None] == codes) * (z @ fit.T.to_numpy() @ z.T)
    m, w = fit.vcov.to_numpy(), np.linalg.inv(v)
    spread = v - x @ m @ x.T  # covariance of the residuals
    whole = np.zeros_like(m)
    for j in range(fit.ngroups):
        at = codes == j
        vj, sj = v[np.ix_(at, at)], spread[np.ix_(at, at)]
        root = np.linalg.cholesky(vj).T
        values, vectors = np.linalg.eigh(root @ sj @ root.T)
        kept = values > 1e-9 * values[-1]
        a = root.T @ (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T @ root
        side = m @ x[at].T @ w[np.ix_(at, at)] @ a
        whole += side @ sj @ side.T
    several = [k for k, c in enumerate(fit.design.columns) if "middle" not in c]  # one such school
    np.testing.assert_allclose(np.diag(whole)[several], np.diag(m)[several], rtol=1e-6)


def test_robust_says_what_a_difference_means() -> None:
    assert "They are near each other" in model("model3").robust().attrs["note"]
    assert "With 9 groups" in model("few").robust().attrs["note"]
    rng = np.random.default_rng(7)
    g = np.repeat(np.arange(60), 20)
    x = rng.normal(size=1200)
    y = x * rng.normal(1, 0.8, 60)[g] + rng.normal(size=60)[g] + rng.normal(size=1200)
    fixed = mlm.fit_mlm("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": g}))
    table = fixed.robust()  # a slope that varies, left fixed
    assert table.loc["x", "ratio"] > 2
    assert "a slope that varies and was left fixed" in table.attrs["note"]
    with pytest.raises(MLMError, match="'CR2', 'CR1' or 'CR0'"):
        fixed.robust("HC3")
    chunked = mlm.fit_mlm("y ~ x + (1 | g)", [pd.DataFrame({"y": y, "x": x, "g": g})])
    with pytest.raises(MLMError, match="need the rows"):
        chunked.robust()


# ---- one group at a time ------------------------------------------------------------------
@pytest.mark.parametrize("name", ["model3", "holes", "kinds"])
def test_leaving_a_group_out_is_the_refit(name: str) -> None:
    fit = model(name)
    found = mlm.influence(fit)
    for group in [*found.worst(3).index, found.table.index[0]]:
        rest = fit.data[fit.data["school"] != group]
        again = mlm.fit_mlm(fit.formula, rest)
        expected = [*again.gamma, *again.variance_components["variance"]]
        np.testing.assert_allclose(found.estimates.loc[group], expected, rtol=1e-6, atol=1e-7)
        d = fit.gamma - again.gamma
        cook = d @ np.linalg.solve(fit.vcov, d) / len(d)
        assert found.table.loc[group, "cooks_distance"] == pytest.approx(cook, rel=1e-6)
        ratio = np.linalg.det(again.vcov) / np.linalg.det(fit.vcov)
        assert found.table.loc[group, "cov_ratio"] == pytest.approx(ratio, rel=1e-6)
        without = found.without(group).fixed_effects
        np.testing.assert_allclose(without["p"], again.fixed_effects["p"], rtol=1e-5)


def test_leaving_out_agrees_with_r_and_says_which_group_cannot_be_left_out() -> None:
    fit = model("few")
    found = mlm.influence(fit)
    only = hsb().loc[hsb()["school"].isin(fit.moments.labels)]
    alone = only.loc[only["kind"] == "middle", "school"].unique()
    assert list(found.reasons) == list(alone)
    with pytest.raises(MLMError, match="cannot be fitted"):
        found.without(alone[0])
    for row in R["few"]["leave_out"]:
        if row["group"] in alone:
            assert found.estimates.loc[row["group"]].isna().all()
            continue
        np.testing.assert_allclose(
            found.estimates.loc[row["group"]], [*row["gamma"], row["tau00"], row["sigma2"]],
            rtol=2e-5,
        )  # fmt: skip


def test_a_singular_fit_can_lose_groups_too() -> None:
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(30), 8)
    x = rng.normal(size=240)
    u = rng.normal(size=30)[g]
    d = pd.DataFrame({"y": u + (1 + u) * x + rng.normal(0, 1, 240), "x": x, "g": g})
    fit = mlm.fit_mlm("y ~ x + (1 + x | g)", d)
    assert fit.singular
    found = mlm.influence(fit)
    again = mlm.fit_mlm("y ~ x + (1 + x | g)", d[d["g"] != 4])
    expected = [*again.gamma, *again.variance_components["variance"]]
    np.testing.assert_allclose(found.estimates.loc[4], expected, rtol=1e-5)


def test_a_school_that_decides_is_named() -> None:
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(12), 10)
    w = (g % 2).astype(float)
    y = rng.normal(size=12)[g] * 0.3 + rng.normal(size=120)
    y[g == 3] += 6 * w[g == 3]
    d = pd.DataFrame({"y": y, "w": w, "g": g})
    fit = mlm.fit_mlm("y ~ w + (1 | g)", d)
    found = mlm.influence(fit)
    assert found.worst(1).index[0] == 3
    assert "g 3 has the largest Cook's distance" in found.describe()
    p, alpha = fit.fixed_effects.loc["w", "p"], 0.2
    without = mlm.fit_mlm("y ~ w + (1 | g)", d[d["g"] != 3]).fixed_effects.loc["w", "p"]
    decided = found.deciding(alpha)
    assert ((3, "w") in decided.index) == ((p < alpha) != (without < alpha))
    if (3, "w") in decided.index:
        assert decided.loc[(3, "w"), "p"] == pytest.approx(without, rel=1e-5)


def test_two_groups_and_chunks_are_refused() -> None:
    d = hsb()[hsb()["school"].isin([1224, 1288])]
    with pytest.raises(MLMError, match="two groups"):
        mlm.influence(mlm.fit_mlm("mathach ~ cses + (1 | school)", d))
    with pytest.raises(MLMError, match="need"):
        mlm.influence(mlm.fit_mlm("mathach ~ cses + (1 | school)", [hsb()]))
