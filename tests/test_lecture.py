"""The lecture: its template, what it says for other data, and that the committed one is its output.

The prose of the lecture follows from numbers. So it is made here for data in which the numbers go
the other way, and read.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.authoring import lecture as lec
from mlm_helpers.authoring.claims import Claims
from mlm_helpers.authoring.template import SLIDE_TYPES
from mlm_helpers.errors import MLMError
from mlm_helpers.words.vocabulary import Vocabulary
from tools.run_notebooks import LONGEST_CELL, ROOT, execute, normalise, problems

COMMITTED = ROOT / "lectures" / lec.NOTEBOOK
NUMBERS = json.loads((ROOT / "tests" / "reference" / "numbers.json").read_text("utf-8"))


def clinics(seed: int = 3) -> pd.DataFrame:
    """Patients in clinics: a moderator with three categories, a coded level-1 predictor."""
    rng = np.random.default_rng(seed)
    n = rng.integers(12, 25, 60)
    g = np.repeat(np.arange(60), n)
    kind = np.array(["nord", "süd", "ost"])[rng.integers(0, 3, 60)]
    size = rng.normal(0, 1, 60)
    woman = rng.integers(0, 2, len(g)).astype(float)
    woman -= (np.bincount(g, woman) / n)[g]
    slope = 3 + 1.5 * (kind[g] == "ost") + rng.normal(0, 2.5, 60)[g]
    y = 50 + 2 * (kind[g] == "süd") + slope * woman + rng.normal(0, 2, 60)[g]
    return pd.DataFrame(
        {
            "klinik": [f"K{k:02d}" for k in g],
            "y_score": y + rng.normal(0, 6, len(g)),
            "weiblich": woman,
            "region": kind[g],
            "size": (size - size[g].mean())[g],
        }
    )


CLINIC_WORDS = {
    "outcome": {"column": "y_score", "label": "score $*_", "unit": "point"},
    "unit": {"one": "patient"},
    "group": {"column": "klinik", "one": "clinic"},
    "predictors": {
        "weiblich": {"level": 1, "label": "sex", "centered": "group"},
        "region": {
            "level": 2,
            "label": "region",
            "codes": {"nord": "northern", "ost": "eastern", "süd": "southern"},
        },
        "size": {"level": 2, "label": "size", "centered": "grand"},
    },
}


def clinic_lesson() -> lec.Lesson:
    return lec.Lesson(
        name="clinics",
        data=clinics(),
        vocabulary=Vocabulary.from_mapping(CLINIC_WORDS),
        loading="clinics = pd.read_pickle('clinics.pkl')",
        predictor="weiblich",
        moderator="region",
        second="size",
        about="Made up.",
    )


@cache
def hsb_lecture():
    return lec.build_lecture(lec.shipped_lesson("hsb82"))


@cache
def clinic_lecture():
    return lec.build_lecture(clinic_lesson())


def text_of(notebook) -> str:
    return "\n\n".join(c.source for c in notebook.cells)


def slide(notebook, number: int) -> str:
    cells = [c.source for c in notebook.cells if c.id.startswith(f"slide{number:02d}-")]
    return "\n\n".join(cells).replace("\N{NO-BREAK SPACE}", " ")


# ---- every lecture --------------------------------------------------------------------------
@pytest.mark.parametrize("made", [hsb_lecture, clinic_lecture])
def test_thirty_slides_in_order(made):
    heads = [
        re.match(r"#{1,2} (\d+) · \S", c.source)
        for c in made().cells
        if c.metadata.slideshow.slide_type == "slide"
    ]
    assert [int(h[1]) for h in heads if h] == list(range(1, 31))
    assert len(heads) == 30
    assert not any(re.search(r"^#.*\$", c.source, re.M) for c in made().cells if c.source[0] == "#")


@pytest.mark.parametrize("made", [hsb_lecture, clinic_lecture])
def test_cells_keep_the_form_of_a_lecture(made):
    notebook = made()
    nbformat.validate(notebook)
    for cell in notebook.cells:
        kind = cell.metadata.slideshow.slide_type
        assert kind in (*SLIDE_TYPES, "notes")
        assert cell.source.strip(), cell.id
        assert ("instructor" in cell.metadata.get("tags", [])) == (kind == "notes")
        assert not re.search(r"\{\{ |\{%", cell.source), cell.id
        if cell.cell_type == "code":
            assert len([x for x in cell.source.splitlines() if x.strip()]) <= LONGEST_CELL
            compile(cell.source, cell.id, "exec")
    assert sum("instructor" in c.metadata.get("tags", []) for c in notebook.cells) >= 10
    assert text_of(notebook).count("**Predict.**") >= 8


def test_nothing_is_said_of_schools_where_there_are_none():
    """A word of the template's own that belongs to one data set would show here."""
    found = re.findall(
        r"school|student|SES|sector|public|private|reading score", text_of(clinic_lecture())
    )
    assert set(found) <= {"student"}, found  # instructors' notes speak of their students
    in_slides = [
        c.source
        for c in clinic_lecture().cells
        if "student" in c.source and c.metadata.slideshow.slide_type != "notes"
    ]
    assert in_slides == []


def test_words_are_escaped_in_text():
    assert r"score \$\*\_" in slide(clinic_lecture(), 8)
    assert "score $*_" not in text_of(clinic_lecture())


def test_three_categories_make_two_comparisons():
    assert "2 comparisons with northern clinics" in slide(clinic_lecture(), 7)
    assert 'mark=["gamma00", "gamma01", "gamma02"]' in slide(clinic_lecture(), 13)
    assert "γ13" not in slide(clinic_lecture(), 9)
    assert "gamma13" in slide(clinic_lecture(), 25)
    assert "now there are 3" in slide(clinic_lecture(), 19)


def test_no_contextual_effect_without_a_group_mean():
    assert "contextual" not in text_of(clinic_lecture()).lower()
    assert "contextual" in slide(hsb_lecture(), 20).lower()


# ---- numbers in the text come from the fits -----------------------------------------------------
def test_numbers_of_the_text_on_high_school_and_beyond():
    """Against the published values of Raudenbush & Bryk (2002) and Singer (1998)."""
    changed = slide(hsb_lecture(), 24)
    assert r"| $\gamma_{01}$ | 2.81 | 1.23 |" in changed
    assert r"| $\gamma_{11}$ | −1.34 | −1.64 |" in changed
    assert r"| $\tau_{11}$ | 0.27 | 0.10 |" in changed
    assert "Between schools alike in school mean SES the estimate is smaller" in changed
    assert "The estimate is larger between schools alike in school mean SES" in changed
    assert "**Yes**, p < .001" in slide(hsb_lecture(), 25)
    assert "it is 2.394 in public schools" in slide(hsb_lecture(), 25)
    assert "The slope depends on school mean SES, p < .001" in slide(hsb_lecture(), 25)


def other_world() -> lec.Lesson:
    """High School & Beyond with an outcome in which slopes go with meanses, not with sector."""
    lesson = lec.shipped_lesson("hsb82")
    data = lesson.data.copy()
    rng = np.random.default_rng(8)
    g = data["school"].astype("category").cat.codes.to_numpy()
    m = data["meanses"].to_numpy()
    slope = 2 + 3 * m + rng.normal(0, 1, 160)[g]
    data["mathach"] = 12 + 4 * m + slope * data["cses"] + rng.normal(0, 1, 160)[g]
    data["mathach"] += rng.normal(0, 2, len(data))
    data.attrs["name"] = ""
    return replace(lesson, data=data, words="words")


def test_sentences_turn_with_the_numbers():
    notebook = lec.build_lecture(other_world())
    m3 = mlm.fit_mlm(lec.Context(other_world()).formulas["m3"], other_world().data)
    p = m3.fixed_effects["p"]
    assert p[m3.structure.coefficient("gamma01").column] > 0.05
    assert p[m3.structure.coefficient("gamma12").column] < 0.001
    answers = slide(notebook, 25)
    assert "**No**, p = " in answers
    assert "**Yes**" not in answers
    assert "The slope depends on school mean SES, p < .001" in answers
    last = slide(notebook, 29)
    assert "The slopes still differ beyond sector and school mean SES" in last
    assert "cannot be told from 0" not in last
    assert "cannot be told from 0" in slide(hsb_lecture(), 29)
    assert ", vocabulary=words)" in slide(notebook, 13)


class TwoModels:
    """A context whose γ's have given estimates, standard errors and p's."""

    def __init__(self, before, after):
        self.numbers = {"m2": before, "m3": after}

    def claims(self):
        made = object.__new__(Claims)
        made.alpha, made.groups, made.m, made.c = 0.05, "clinics", "size", self
        made.row = lambda fit, symbol: pd.Series(
            dict(zip(("estimate", "std_error"), fit, strict=True)) | {"df": 60, "p": self.p(fit)}
        )
        return made

    def fit(self, name):
        return self.numbers[name]

    @staticmethod
    def estimate(fit, symbol):
        return fit[0]

    @staticmethod
    def p(fit):
        return 0.001 if abs(fit[0] / fit[1]) > 2 else 0.5


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((6.5, 0.7), (0.35, 0.75), "can no longer be told from 0 (interval −1.15 to 1.85)"),
        ((6.5, 0.7), (0.35, 0.75), "does not show that nothing of it is left"),
        ((6.5, 0.7), (-4.2, 0.7), "the estimate points the other way"),
        ((-4.0, 0.7), (-2.0, 0.7), "Between clinics alike in size the estimate is smaller"),
        ((-3.9, 0.7), (-3.6, 0.7), "The estimate hardly changed"),
        ((-1.3, 0.2), (-1.7, 0.2), "The estimate is larger between clinics alike in size"),
        ((0.3, 0.7), (0.2, 0.7), "In neither model can it be told from 0."),
        ((0.3, 0.7), (2.2, 0.7), "in Model 2 it could not; that is no test of the change"),
        ((0.065, 0.007), (0.0035, 0.0075), "(interval −0.0115 to 0.0185)"),
    ],
)
def test_what_became_of_a_difference(before, after, words):
    assert words in TwoModels(before, after).claims().became("gamma01", "gamma01")


def test_a_share_below_zero_explains_nothing():
    context = lec.Context(clinic_lesson())
    share = context.names["share"]
    assert share(0.694) == "69.4%"
    assert share(-0.1) == "none"
    assert share(float("nan")) == "none"


def test_an_unknown_lesson_is_named():
    with pytest.raises(MLMError, match="no lesson 'hsb'; there are ex1 and hsb82"):
        lec.shipped_lesson("hsb")


def test_guesses_bracket_the_answer():
    for truth in (0.031, 0.3, 2.19, 7.4, 120.0):
        low, middle, high = (float(x) for x in lec._guesses(truth))
        assert low < middle < high
        assert abs(middle - truth) / truth < 0.5


def test_a_call_in_r_is_broken_before_a_plus():
    call = lec._r_call("y ~ 1 + a + b + a * b + (1 + a | g)")
    assert call == "y ~ 1 + a + b + a * b\n           + (1 + a | g)"
    long = lec._r_call("y ~ " + " + ".join(f"variable_{k}" for k in range(12)) + " + (1 | g)")
    assert max(len(line) for line in long.splitlines()) < 90
    assert re.sub(r"\s+", " ", long).count("+") == 12


def test_the_lecture_on_other_data_runs(tmp_path):
    """In a kernel, to the end, and in the form of a committed notebook."""
    lesson = clinic_lesson()
    lesson.data.to_pickle(tmp_path / "clinics.pkl")
    loading = "import pandas as pd\nfrom mlm_helpers.words.vocabulary import Vocabulary\n"
    loading += f"words = Vocabulary.from_mapping({CLINIC_WORDS!r})\n" + lesson.loading
    notebook = lec.build_lecture(replace(lesson, loading=loading, words="words"))
    execute(notebook, tmp_path)
    normalise(notebook)
    assert problems(notebook, tmp_path / "lectures" / "clinics.ipynb") == []
    shown = json.dumps([c.outputs for c in notebook.cells if c.cell_type == "code"])
    assert "southern clinics" in shown


# ---- the committed lecture ----------------------------------------------------------------------
def committed():
    return nbformat.read(COMMITTED, as_version=4)


def test_the_committed_lecture_is_what_the_template_makes():
    made = lec.build_lecture(lec.shipped_lesson("ex1"))
    normalise(made)
    there = committed()
    assert [c.source for c in there.cells] == [c.source for c in made.cells], (
        "run: python -m mlm_helpers.authoring lecture"
    )
    assert [c.metadata for c in there.cells] == [c.metadata for c in made.cells]
    assert [c.id for c in there.cells] == [c.id for c in made.cells]


def test_every_picture_of_the_lecture_says_what_is_to_be_seen():
    pictures = stills = 0
    for cell in committed().cells:
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            if "mlm-still" in shown.get("text/html", ""):  # of an explorer
                stills += 1
                alt = re.search(r'alt="([^"]+)"', shown["text/html"])
                assert alt, cell.id
                assert len(alt[1]) > 80, cell.id
            if "image/png" not in shown:
                continue
            pictures += 1
            assert len(output.data["text/plain"]) > 80, cell.id
            assert output.metadata["image/png"]["alt"], cell.id
    assert (pictures, stills) == (11, 3)


def outputs_of(number: int) -> str:
    """The text of a slide and of everything its cells put out, with plain minus signs."""
    said = []
    for cell in committed().cells:
        if not cell.id.startswith(f"slide{number:02d}-"):
            continue
        said.append(cell.source)
        for output in cell.get("outputs", []):
            said.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(said).replace("−", "-").replace("\N{NO-BREAK SPACE}", " ")


def test_the_deck_slide_5():
    shown = outputs_of(5)
    for residual in NUMBERS["model1"]["eb_by_sector"].values():
        for kind in residual.values():
            assert f"{kind['mean']} ({kind['sd']})" in shown
            assert f"{kind['median']} [{kind['min']}, {kind['max']}]" in shown


@pytest.mark.parametrize(("model", "number"), [("model2", 12), ("model3", 24)])
def test_the_deck_output(model, number):
    expected, shown = NUMBERS[model], outputs_of(number)
    assert f"REML criterion at convergence: {expected['reml_criterion']}" in shown
    for values in (expected["scaled_residuals"], expected["random"]):
        for printed in values.values():
            assert re.search(rf"(?<![\d.]){re.escape(printed)}0?\b", shown), printed
    for name, row in expected["fixed"].items():
        line = next(x for x in shown.splitlines() if x.startswith(f"{name} "))
        for column in ("estimate", "std_error", "df", "t", "p"):
            assert re.search(rf"(?<![\d.]){re.escape(row[column])}\b", line), (name, column)


def test_the_deck_slide_16():
    shown = outputs_of(16)
    model1, percent = NUMBERS["model1"], NUMBERS["model2"]["percent_explained_vs_model1"]
    for printed in (model1["tau00"], model1["tau11"], percent["tau00"]):
        assert re.search(rf"(?<![\d.]){re.escape(printed)}", shown), printed


@pytest.mark.parametrize("number", [16, 25])
def test_the_deck_slide_16_share_of_slopes(number):
    printed = NUMBERS["model2"]["percent_explained_vs_model1"]["tau11"]
    assert re.search(rf"(?<![\d.]){re.escape(printed)}", outputs_of(number))


@pytest.mark.parametrize("model", ["model1", "model3"])
def test_the_deck_slide_29(model):
    lines = [
        x for x in outputs_of(29).splitlines() if re.match(r"(one slope|slopes differ) +\d", x)
    ]
    rows = [re.findall(r"-?\d+\.?\d*(?:e-\d+)?", x) for x in lines]
    rows = rows[:2] if model == "model1" else rows[2:]
    names = ("npar", "AIC", "BIC", "logLik", "deviance", "Chisq", "Df", "p")
    for expected, row in zip(NUMBERS[model]["slope_variance_test_ml"], rows, strict=True):
        for name, found in zip(names, row, strict=False):
            if name in expected:
                printed = expected[name].replace(",", "")
                digits = len(printed.partition(".")[2])
                assert f"{float(found):.{digits}f}" == printed, (name, found)


def test_easy_to_get_wrong():
    """The points of the deck that are easily misread, each in the lecture with its numbers."""
    assert "-3.89" in outputs_of(14)
    assert "-0.67" in outputs_of(14)
    assert "5.10" in outputs_of(14)
    assert "6.51" in outputs_of(14)
    assert "3.811" in outputs_of(14)
    answers = outputs_of(25)
    for printed in ("95.522", "4.094", "3.850", "69.4%", "17.2%"):
        assert printed in answers, printed
    assert "*less*" in answers
    last = outputs_of(29)
    for printed in ("p = .020", "p = .012", "p = .189", "p = .129"):
        assert printed in last, printed


def test_the_path_of_the_template_is_shipped():
    assert (Path(lec.__file__).parent / "templates" / f"{lec.LECTURE}.md.j2").is_file()
