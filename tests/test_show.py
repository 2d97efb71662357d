"""What cells of the lecture show: rounded for reading, in words, with accessible tables."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.report import cells as show

MODEL = "mathach ~ 1 + {}cses + sector * cses + (1 + cses | school)"


@pytest.fixture(scope="module")
def data():
    hsb = mlm.load_dataset("hsb82")
    hsb["cses"] = mlm.center_within(hsb, "ses", "school")
    return hsb


@pytest.fixture(scope="module")
def m1(data):
    return mlm.fit_mlm("mathach ~ 1 + cses + (1 + cses | school)", data)


@pytest.fixture(scope="module")
def m2(data):
    return mlm.fit_mlm(MODEL.format("sector + "), data)


@pytest.fixture(scope="module")
def m3(data):
    return mlm.fit_mlm(MODEL.format("sector + meanses * ").replace("~ 1", "~ 1 + meanses"), data)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (-0.48176, "−0.482"),
        (6.4012, "6.40"),
        (17.84, "17.8"),
        (0.06283, "0.0628"),
        (0.9996, "1.00"),
        (-13.04, "−13.0"),
        (1234.5, "1,234"),
        (0.0, "0"),
    ],
)
def test_three_figures_as_signif_in_r(value, printed):
    assert show._three(value) == printed


def test_sentences_are_those_of_say_with_their_symbols(m2):
    made = show.sentences(m2, "gamma00", "gamma11")
    assert str(made) == f"γ00: {mlm.say(m2, 'gamma00')}\nγ11: {mlm.say(m2, 'gamma11')}"
    assert made.html.count('<th scope="row"') == 2
    assert "γ11 = −1.34" in made.html
    every = show.sentences(m2)
    assert set(re.findall(r"^γ\d\d", str(every), re.M)) == {"γ00", "γ01", "γ10", "γ11"}


def test_definitions_need_no_estimates(m2):
    made = show.definitions(m2.structure, "gamma11", vocabulary="hsb82")
    assert str(made).startswith("γ11: Expected difference in the within-school")


def test_words_are_escaped_in_html(data):
    text = mlm.load_vocabulary("hsb82").to_toml()
    words = mlm.Vocabulary.from_text(text.replace("mathematics score", "<b>score</b> & more"))
    fit = mlm.fit_mlm("mathach ~ 1 + cses + (1 + cses | school)", data)
    made = show.sentences(fit, "gamma10", vocabulary=words)
    assert "<b>" not in made.html
    assert "&lt;b&gt;score&lt;/b&gt; &amp; more" in made.html


@pytest.mark.parametrize("mark", ["gamma11", "γ11", "sector:cses", ["cses:sector"]])
def test_output_picks_out_rows(m2, mark):
    made = show.output(m2, mark)
    assert made.html.count("→ ") == 1
    row = next(r for r in made.html.split("<tr") if "→ " in r)
    assert "-1.34" in row
    assert str(made) == m2.summary()


def test_output_picks_out_variances(m2):
    assert show.output(m2, ["tau00", "tau11"]).html.count("→ ") == 2


def test_output_without_such_a_parameter_is_an_error(m2):
    with pytest.raises(MLMError, match="no coefficient"):
        show.output(m2, "gamma12")


def test_residuals_by_kind_with_the_gap(m1, data):
    made = str(show.residuals_by(m1, "sector", data=data))
    summary = mlm.eb_by(m1, "sector", data)["mean"].unstack()
    assert "Public schools (N = 90)" in made
    assert "Catholic schools (N = 70)" in made
    for name in ("u0", "u1"):
        gap = f"{summary.loc[name, 1] - summary.loc[name, 0]:.2f}".replace("-", "−")
        assert re.search(rf"{gap}$", made, re.M)


def test_more_than_two_kinds_have_no_gap(m1, data):
    third = data.assign(third=pd.cut(data["size"], 3, labels=["small", "middle", "large"]))
    made = str(show.residuals_by(m1, "third", data=third))
    assert "Difference" not in made
    assert "third = middle" in made


def test_variance_explained_side_by_side(m1, m2, m3):
    made = str(show.explained({"Model 1": m1, "Model 2": m2, "Model 3": m3}))
    assert "explained by Model 3" in made
    share = 100 * mlm.variance_explained(m1, m3)["explained"]
    assert f"{share['tau00']:.1f}%" in made
    assert "σ²" not in made
    assert "σ²" in str(show.explained({"Model 1": m1, "Model 2": m2}, level2=False))


def test_slopes_and_means_in_words(m2, m3):
    made = str(show.slopes(m2, "cses", by="sector"))
    lines = made.splitlines()
    assert lines[0] == "Expected SES–achievement slope"
    assert lines[2].startswith("Public schools")
    slope = mlm.simple_slopes(m2, "cses", by="sector")["estimate"].iloc[1]
    assert re.search(rf"Catholic schools +{slope:.3f}\b", made)
    held = str(show.means(m3, by="sector"))
    assert "school mean SES = 0.00" in held.splitlines()[0]
    assert "sector" not in held.splitlines()[0]
    assert re.search(r"< \.001", held)


def test_a_table_shows_what_is_asked_for(m3):
    frame = mlm.contextual_effect(m3, "cses", "meanses", by=())
    made = str(show.table(frame, "Context", {"estimate": "γ̂", "p": "p"}, {"within": "inside"}))
    assert "inside" in made
    assert "Std. Error" not in made
    assert f"{frame.loc['between', 'estimate']:.3f}" in made
    marked = show.table(frame, "Context", mark=[2]).html
    assert marked.count("→ ") == 1
    assert "<caption" in marked


def test_headings_carry_the_level_used():
    fit = mlm.fit_mlm(
        "mathach ~ sector * cses + (1 + cses | school)",
        mlm.load_dataset("hsb82").assign(
            cses=lambda d: mlm.center_within(d, "ses", "school"),
        ),
    )
    for level, head in ((0.8, "80% from"), (0.95, "95% from"), (0.999, "99.9% from")):
        assert head in str(show.slopes(fit, "cses", by="sector", level=level))
        assert head in str(show.means(fit, by="sector", level=level))
