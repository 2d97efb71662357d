"""Effect sizes of a cross-level interaction, each by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from reference import HERE, fit
from test_pairs import kinds, model

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.effect_sizes import icc_beta

R = json.loads((HERE / "values" / "interpret.json").read_text(encoding="utf-8"))["sizes"]


def test_against_r() -> None:
    table = mlm.effect_sizes(model("plain"), "xc", "w")["value"]
    assert table["standardised xc:w"] == pytest.approx(R["standardised"], rel=1e-6)
    assert table["share of slope variance"] == pytest.approx(R["share"], rel=1e-5)
    base = mlm.fit_mlm("y ~ xc + m + (1 + xc | g)", kinds())
    assert icc_beta(base) == pytest.approx(R["icc_beta"], rel=1e-5)


def test_slopes_are_the_simple_slopes() -> None:
    for by, rows in (("w", 3), ("kind", 3)):
        table = mlm.effect_sizes(model("plain"), "xc", by)
        slopes = mlm.simple_slopes(model("plain"), "xc", by=by)
        ours = table["value"][table.index.str.startswith("slope at")]
        assert len(ours) == rows
        np.testing.assert_allclose(ours, slopes["estimate"])
        assert table["value"]["range of slopes"] == pytest.approx(np.ptp(slopes["estimate"]))


def test_a_base_model_gives_the_proportion_that_is_explained() -> None:
    m1, m2 = fit("hsb_m1"), fit("hsb_m2")
    table = mlm.effect_sizes(m2, "cses", base=m1)["value"]
    explained = mlm.variance_explained(m1, m2)["explained"]["tau11"]
    assert table["reduction of τ11"] == pytest.approx(explained)
    assert table["ICC_β"] == pytest.approx(icc_beta(m1))
    within = mlm.r2(m2)["within"]
    assert table["R² within, random slopes (v)"] == pytest.approx(within["v"])


def test_two_values_go_from_one_to_the_other() -> None:
    m2 = fit("hsb_m2")
    table = mlm.effect_sizes(m2, "cses")
    column = m2.structure.coefficient("sector:cses").column
    gamma = m2.fixed_effects["estimate"][column]
    x, y = m2.data["cses"].std(), m2.data["mathach"].std()
    assert table.loc[f"standardised {column}", "value"] == pytest.approx(gamma * x / y)
    assert "sector 1 against 0" in table.loc[f"standardised {column}", "unit"]


@pytest.mark.parametrize("name", ["singular", "few", "missing", "ml"])
def test_other_fits_have_them_too(name: str) -> None:
    table = mlm.effect_sizes(model(name), "xc", "kind")
    assert np.isfinite(table["value"]).all()
    assert table["not_said"].str.len().min() > 5
    sentence = table.attrs["sentence"]
    assert sentence.startswith("The slope of xc is")
    assert ("account for" in sentence) == (table["value"]["share of slope variance"] < 1)


def test_questions_without_an_answer() -> None:
    for call, said in (
        (lambda: mlm.effect_sizes(fit("hsb_m1"), "cses"), "no cross-level interaction"),
        (lambda: mlm.effect_sizes(model("plain"), "xc"), "say which with moderator"),
        (lambda: mlm.effect_sizes(model("plain"), "xc", "m"), "no predictor 'm'"),
        (lambda: mlm.effect_sizes(model("plain"), "w", "xc"), "no cross-level interaction"),
        (lambda: mlm.effect_sizes(fit("hsb_m2"), "cses", base=fit("hsb_null")), "random part"),
    ):
        with pytest.raises(MLMError, match=said):
            call()
