"""Words for variables: reading them, making them up, checking them against data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlm_helpers.engine.structure import VariableInfo, build_structure
from mlm_helpers.errors import MLMError
from mlm_helpers.words.vocabulary import (
    Vocabulary,
    canonical_symbol,
    escape_markdown,
    factors_of,
    load_vocabulary,
    plural,
    tex_name,
    with_article,
    words_for,
)

MINIMAL = """
[outcome]
column = "score"
[group]
column = "class_id"
[predictors.hours]
level = 1
[predictors.kind]
level = 2
codes = { 0 = "rural", 1 = "urban" }
"""


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(6), 5)
    return pd.DataFrame(
        {
            "score": rng.normal(size=30),
            "class_id": groups,
            "hours": rng.normal(size=30),
            "kind": groups % 2,
        }
    )


def structure(columns, level2, infos=(), random=("Intercept",), group="school", outcome="y"):
    """A model's structure from its columns; ``level2`` names the level-2 variables."""
    variables = {i.name: i for i in infos}
    return build_structure(
        formula="",
        outcome=outcome,
        group=group,
        columns=columns,
        random=random,
        blocks=[tuple(range(len(random)))],
        level_of=lambda f: 2 if f.split("[")[0] in level2 else 1,
        variables=variables,
    )


def test_defaults_fill_what_the_file_leaves_out():
    v = Vocabulary.from_text(MINIMAL)
    assert v.outcome.label == "score"
    assert v.outcome.mean == "mean score"
    assert (v.group.one, v.group.many) == ("class", "classes")
    assert (v.unit.one, v.unit.many) == ("observation", "observations")
    urban = v.predictor("kind").code(1)
    assert (urban.one, urban.many) == ("an urban class", "urban classes")
    assert v.predictor("hours").unit == "unit of hours"


def test_shipped_vocabularies_survive_being_written_and_read():
    for name in ("ex1", "hsb82"):
        v = load_vocabulary(name)
        assert Vocabulary.from_text(v.to_toml(), name) == v


def test_ex1_says_what_the_lecture_says():
    v = load_vocabulary("ex1")
    assert v.predictor("sector").code("1.0").many == "private schools"
    assert v.predictor("schsesgdm").mean_of == v.predictor("famsesc").base == "famses"
    assert v.predictor("famsesc").slope == "SES–achievement slope"


def test_from_toml_names_file_and_stem(tmp_path):
    file = tmp_path / "clinics.toml"
    file.write_text(MINIMAL, encoding="utf-8")
    assert Vocabulary.from_toml(file).name == "clinics"
    with pytest.raises(MLMError, match=r"no vocabulary file 'other.toml'"):
        Vocabulary.from_toml(tmp_path / "other.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('[group]\ncolumn = "class_id"', "", r"no table \[group\]"),
        ("level = 1", "level = 3", r"\[predictors.hours\] needs level = 1"),
        ("level = 1", "level = 1\nlabell = 'x'", "unknown key 'labell'.*Did you mean 'label'"),
        ("level = 1", "level = 1\nlabel = 7", "'label' in .* must be text"),
        ("level = 1", "level = 1\ncentered = 'grnd'", "'centered' in .* none, group or grand"),
        ("level = 2", "level = 2\ncentered = 'group'", "'centered' in .* none or grand"),
        ("level = 1", "level = 1\nmean_of = 'z'", "only a level-2 predictor can"),
        ('1 = "urban"', '1 = "rural"', "Two codes of 'kind' are both called 'rural'"),
        (', 1 = "urban"', "", "names one code"),
        ('[outcome]\ncolumn = "score"', '[outcome]\ncolumn = "kind"', "'kind' is the outcome"),
        ("level = 1", "level = 1\nlabel = 'kind'", "same label 'kind'"),
        ("level = 1", "level = 1 2", "not valid TOML"),
        ("[outcome]", "[lesson]\n[outcome]", "unknown key 'lesson'"),
    ],
)
def test_a_faulty_file_gets_one_sentence(old, new, message):
    text = MINIMAL.replace(old, new)
    assert text != MINIMAL
    with pytest.raises(MLMError, match=message):
        Vocabulary.from_text(text)


def test_same_symbol_twice_is_refused():
    text = MINIMAL.replace("level = 1", "level = 2\nsymbol = 'kind'")
    with pytest.raises(MLMError, match="same symbol 'kind'"):
        Vocabulary.from_text(text)


def test_centered_versions_may_share_label_and_symbol():
    text = MINIMAL + "[predictors.hours_c]\nlevel = 1\nof = 'hours'\ncentered = 'group'\n"
    text += "label = 'hours'\nsymbol = 'hours'\n"
    assert Vocabulary.from_text(text).predictor("hours_c").base == "hours"


def test_a_fitting_vocabulary_has_no_problems():
    assert Vocabulary.from_text(MINIMAL).problems(frame()) == []
    Vocabulary.from_text(MINIMAL).check(frame())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop(columns="hours"), "The data have no predictor column 'hours'."),
        (lambda d: d.rename(columns={"score": "Score"}), "Did you mean 'Score'?"),
        (lambda d: d.drop(columns="class_id"), "no group column 'class_id'"),
        (lambda d: d.assign(class_id=1), "holds 1 class: a multilevel model needs several"),
        (lambda d: d.assign(kind=d.hours), "put these rows right, set level = 1"),
        (lambda d: d.assign(hours=d.kind), "same for everybody in a class: set level = 2"),
        (lambda d: d.assign(kind=d.kind + 1), "The code '0' of 'kind' does not occur"),
        (lambda d: d.assign(kind=d.class_id), "The value '2' of 'kind' occurs in the data but"),
        (lambda d: d.assign(hours=np.nan), "'hours' holds only missing values"),
        (lambda d: d.assign(hours=d.hours.map(str)), "'hours' holds text"),
        (lambda d: d.assign(score="a"), "The outcome 'score' holds text"),
        (lambda d: d.assign(score=1.0 * d.class_id), "outcome has to vary within classes"),
    ],
)
def test_data_that_do_not_fit_get_a_sentence(change, message):
    problems = Vocabulary.from_text(MINIMAL).problems(change(frame()))
    assert any(message in p for p in problems), problems
    with pytest.raises(MLMError):
        Vocabulary.from_text(MINIMAL).check(change(frame()))


def test_false_claims_of_centering_are_found():
    text = MINIMAL.replace("level = 1", "level = 1\nof = 'x'\ncentered = 'group'")
    d = frame()
    assert "not 0 in every class" in " ".join(Vocabulary.from_text(text).problems(d))
    d["hours"] -= d.groupby("class_id")["hours"].transform("mean")
    assert Vocabulary.from_text(text).problems(d) == []


def test_words_from_column_names_only():
    infos = [
        VariableInfo("y", 1),
        VariableInfo("x", 1),
        VariableInfo("w", 2, "numeric", ("1", "2"), True),
    ]
    v = Vocabulary.for_structure(structure(["Intercept", "x", "w"], {"w"}, infos))
    assert v.outcome.mean == "mean y"
    assert v.group.many == "schools"
    assert [c.many for c in v.predictor("w").codes] == ["schools with w = 1", "schools with w = 2"]


def test_another_outcome_takes_the_slope_names_along():
    infos = [VariableInfo("other", 1), VariableInfo("famsesc", 1, centered="group")]
    s = structure(["Intercept", "famsesc"], (), infos, group="schid", outcome="other")
    v = load_vocabulary("ex1").complete(s)
    assert v.outcome.label == "other"
    assert v.predictor("famsesc").slope is None
    assert v.predictor("famsesc").label == "family SES"


def test_a_look_at_the_data_finds_means_ranges_and_centering():
    d = frame().rename(columns={"class_id": "school", "score": "y"})
    d["m"] = d.groupby("school")["hours"].transform("mean") + 5
    d["w"] = (d["hours"] - d["m"] + 5).round(3)  # means are 0 up to rounding only
    infos = [
        VariableInfo("y", 1),
        VariableInfo("hours", 1),
        VariableInfo("m", 2),
        VariableInfo("w", 1),
    ]
    s = structure(["Intercept", "hours", "w", "m"], {"m"}, infos)
    v = Vocabulary.for_structure(s).observe(s, d)
    assert v.predictor("m").mean_of == "hours"
    assert v.predictor("m").low == pytest.approx(d["m"].min())
    assert v.predictor("w").centered == "group"
    assert v.predictor("hours").centered == "none"


def test_words_for_refuses_what_is_no_model():
    with pytest.raises(MLMError, match="Expected a fitted model or its structure; got str"):
        words_for("m1")
    with pytest.raises(MLMError, match=r"no vocabulary 'ex2'.*Did you mean 'ex1'"):
        load_vocabulary("ex2")


@pytest.mark.parametrize(
    ("typed", "symbol"),
    [
        ("γ11", "gamma11"),
        (r"\gamma_{11}", "gamma11"),
        ("gamma1,12", "gamma1,12"),
        ("u_{1j}", "u1"),
        ("u1", "u1"),
        ("τ10", "tau01"),
        ("r_ij", "r"),
        ("σ²", "sigma2"),
        (r"\sigma^2", "sigma2"),
        ("β0j", "beta0"),
        ("cross-level", "cross-level"),
        ("famsesc", None),
        ("gamma", None),
    ],
)
def test_symbols_have_one_spelling(typed, symbol):
    assert canonical_symbol(typed) == symbol


def test_factors_are_taken_apart():
    infos = [VariableInfo(n, 2) for n in ("region", "sector", "school size")]
    s = structure(["Intercept"], (), infos)
    a, b, c, d = factors_of("region[T.a:b]:C(sector, contr.sum)[S.1]:school size:np.log(region)", s)
    assert (a.variable, a.coding, a.category) == ("region", "T", "a:b")
    assert (b.variable, b.coding, b.category) == ("sector", "S", "1")
    assert (c.variable, c.category) == ("school size", None)
    assert (d.variable, d.uses, d.key) == (None, ("region",), "np.log(region)")


def test_names_are_safe_in_latex_and_markdown():
    assert tex_name("SES") == r"\mathit{SES}"
    assert tex_name("Y") == "Y"
    assert tex_name("a_b $%") == r"\mathit{a\_b\ \$\%}"
    assert tex_name("größe_m") == r"\mathit{\text{größe}\_m}"
    assert escape_markdown("a_b costs $5 *or* |x|") == r"a\_b costs \$5 \*or\* \|x\|"


def test_small_english():
    assert [plural(w) for w in ("school", "class", "country", "day")] == [
        "schools",
        "classes",
        "countries",
        "days",
    ]
    assert with_article("urban school") == "an urban school"
    assert with_article("university") == "a university"
    assert with_article("SES gap") == "an SES gap"
