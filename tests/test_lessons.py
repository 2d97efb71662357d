"""What a lesson file can change, first files from data, and three lessons on other subjects."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from mlm_helpers import fit_mlm
from mlm_helpers.authoring import notebooks
from mlm_helpers.authoring.__main__ import main
from mlm_helpers.authoring.adapt import adapt
from mlm_helpers.authoring.lecture import build_lecture
from mlm_helpers.authoring.start import first_lesson
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises import exercise
from mlm_helpers.exercises.judging.plain import to_plain
from mlm_helpers.lesson import expressions, keys
from mlm_helpers.lesson.expressions import evaluate
from mlm_helpers.lesson.files import lesson_problems, read_lesson
from mlm_helpers.lesson.roles import LECTURE, Roles
from tests.lessons import LESSONS, persons, put_lesson, teams

ROOT = Path(__file__).resolve().parent.parent


# ---- roles and formulas ------------------------------------------------------------------------
def test_the_lectures_formulas_are_those_of_its_slides():
    f = LECTURE.formulas
    assert f["m2"] == "g1rscore ~ 1 + famsesc + sector + sector * famsesc + (1 + famsesc | schid)"
    assert f["m3"] == f["m3_fixed"] + " + " + f["random"]
    assert f["m3_ri"].endswith("schsesgdm * famsesc + (1 | schid)")


def test_controls_and_a_second_slope_are_in_every_model_and_keep_the_symbols():
    f = Roles("y", "g", "x", "w", "m", ("c",), "z").formulas
    assert f["m1"] == "y ~ 1 + x + z + c + (1 + x + z | g)"
    assert f["m1_ri"] == "y ~ 1 + x + z + c + (1 + z | g)"
    assert f["m2"] == "y ~ 1 + x + w + z + c + w * x + (1 + x + z | g)"
    fixed = Roles("y", "g", "x", "w", "m", ("c",), "z", beside_varies=False).formulas
    assert fixed["m2"].endswith("w * x + (1 + x | g)")
    assert "m3" not in Roles("y", "g", "x", "w").formulas


# ---- what a lesson file changes ----------------------------------------------------------------
@pytest.fixture(scope="module")
def team_lesson(tmp_path_factory):
    return read_lesson(put_lesson("teams", tmp_path_factory.mktemp("teams")))


def test_a_moderator_that_is_a_number_controls_and_a_second_slope_are_fitted(team_lesson):
    data = teams()
    for column in ("workload", "autonomy", "tenure"):
        data[column] -= data.groupby("team")[column].transform("mean")
    for column in ("support", "size"):
        data[column] -= data[column].mean()
    data["remote"] = (data["remote"] == "yes").astype(int)
    own = fit_mlm(
        "satisfaction ~ 1 + support + size + workload + autonomy + tenure + remote"
        " + support * workload + size * workload + (1 + workload + autonomy | team)",
        data,
    )
    assert team_lesson.fit("m3").criterion == pytest.approx(own.criterion, abs=1e-7)
    gamma = team_lesson.fit("m3").fixed_effects["estimate"]
    column = team_lesson.fit("m3").structure.coefficient("gamma11").column
    assert set(column.split(":")) == {"support_gdm", "workload_c"}
    assert gamma[column] == pytest.approx(own.fixed_effects["estimate"]["support:workload"])


def test_controls_are_centered_as_the_lesson_says(tmp_path):
    path = put_lesson("teams", tmp_path)
    text = path.read_text(encoding="utf-8")
    how = 'center_controls = { tenure = "grand", remote = "none" }\nbeside ='
    path.write_text(text.replace("beside =", how, 1), encoding="utf-8")
    lesson = read_lesson(path)
    (tenure, remote) = lesson.controls
    assert lesson.data[tenure].mean() == pytest.approx(0, abs=1e-12)
    assert lesson.data.groupby("team")[tenure].mean().abs().max() > 0.5
    assert set(lesson.data[remote]) == {0, 1}
    path.write_text(text.replace("beside =", 'center_controls = { remote = "group" }\nbeside =', 1))
    assert "cannot be centered within them" in lesson_problems(path)[0]


def test_the_exercises_of_a_number_compare_halves(team_lesson):
    pair = team_lesson.pair()
    assert pair.moderator == team_lesson.half
    assert pair.data[pair.moderator].isin([0, 1]).all()
    teams_of = team_lesson.data.groupby("team")[team_lesson.moderator].first()
    halves = pair.data.groupby("team")[pair.moderator].first()
    assert teams_of[halves == 1].min() > teams_of.median() >= teams_of[halves == 0].max()


def test_slides_are_left_out_moved_and_added_and_numbers_follow(team_lesson):
    notebook = build_lecture(team_lesson)
    heads = [c.source for c in notebook.cells if c.metadata.slideshow.slide_type == "slide"]
    titles = [h.splitlines()[0] for h in heads]
    text = "\n".join(c.source for c in notebook.cells)
    assert not any("Caterpillar" in t or "differ in their intercept and" in t for t in titles)
    numbers = [int(m[1]) for t in titles if (m := re.match(r"#+ (\d+) · ", t))]
    places = [k for k, t in enumerate(titles, start=1) if re.match(r"#+ \d+ · ", t)]
    assert numbers == places
    explains = next(k for k, t in enumerate(titles) if "How much does" in t)
    assert "in the output" in titles[explains + 1]
    assert titles[next(k for k, t in enumerate(titles) if "What else" in t) + 1] == (
        "## A pause for thought"
    )
    slope = team_lesson.fit("m2").fixed_effects["estimate"]["workload_c"]
    assert f"Model 2 expects a slope of {slope:.2f}".replace("-", "−") in text
    assert "University of Somewhere · Organizational research" in heads[0]
    assert "A. Teacher · Spring" in heads[0]
    assert notebook.metadata["author"] == "A. Teacher"


def test_a_slide_that_is_not_there_is_said(tmp_path):
    path = put_lesson("teams", tmp_path)
    text = path.read_text(encoding="utf-8").replace("leave_out = [4, 28]", "leave_out = [44]")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MLMError, match="names slide 44; this lecture has the slides 1 to 30"):
        build_lecture(read_lesson(path))


def test_code_that_later_slides_need_stays_when_its_slide_is_left_out(tmp_path):
    path = put_lesson("teams", tmp_path)
    text = path.read_text(encoding="utf-8").replace("leave_out = [4, 28]", "leave_out = [11]")
    path.write_text(text, encoding="utf-8")
    cells = build_lecture(read_lesson(path)).cells
    (fit,) = [c for c in cells if c.source.startswith("m2_formula = ")]
    assert fit.metadata.slideshow.slide_type == "skip"


def test_tests_are_made_at_the_lessons_level(team_lesson):
    from mlm_helpers.authoring.lecture import Context

    context = Context(team_lesson)
    fit = team_lesson.fit("m3")
    p = fit.fixed_effects["p"]
    for c in fit.structure.coefficients:
        assert context.names["sig"](fit, c.symbol) == (p[c.column] < 0.01)
    assert context.names["alpha"] == ".01"


def test_without_a_second_moderator_the_lecture_ends_with_model_2(tmp_path):
    lesson = read_lesson(put_lesson("persons", tmp_path))
    assert lesson.second is None
    assert lesson.balanced
    text = "\n".join(c.source for c in build_lecture(lesson).cells)
    assert "Model 3" not in text
    assert "m3" not in text
    assert text.index("m1_ri = mlm.fit_mlm") < text.index("m1 = mlm.fit_mlm")


# ---- questions of one's own --------------------------------------------------------------------
def test_a_question_of_ones_own_has_key_hints_and_recognised_wrong_answers(team_lesson):
    ex = exercise("own", team_lesson)
    gamma = team_lesson.fit("m2").fixed_effects["estimate"]
    low, by = gamma["workload_c"], gamma["support_gdm:workload_c"]
    judged = {
        x: ex.judge("slope_at_two", to_plain(round(float(x), 3))) for x in (low + 2 * by, low, 9.0)
    }
    right, mistaken, other = judged.values()
    assert right.passed
    assert "That is the slope at average support." in mistaken.message
    assert other.state == "wrong"
    assert "average support" not in other.message


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("gamma(m2, 'gamma99')", "no coefficient 'gamma99'"),
        ("gama(m2, 'gamma11')", "Did you mean 'gamma'?"),
        ("gamma(m9, 'gamma11')", "there is no 'm9'"),
        ("__import__('os').system('true')", "more than arithmetic"),
        ("m2.data", "more than arithmetic"),
        ("1 / 0", "division by zero"),
        ("gamma(m2,", "it is not an expression"),
        ("variance(m2, 'tau99')", "has no 'tau99'"),
        ("sqrt(0 - 1)", "cannot be computed"),
    ],
)
def test_an_expression_that_cannot_be_computed_is_said(team_lesson, expression, part):
    with pytest.raises(MLMError, match=re.escape(part)):
        evaluate(expression, team_lesson)


def test_expressions_are_arithmetic_on_the_fits(team_lesson):
    m1, m2 = team_lesson.fit("m1"), team_lesson.fit("m2")
    tau = m1.variance_components["variance"]["tau11"]
    left = m2.variance_components["variance"]["tau11"]
    assert evaluate("explained(m1, m2, 'tau11')", team_lesson) == pytest.approx(1 - left / tau)
    assert evaluate("-sqrt(variance(m1, 'tau11')) ** 2", team_lesson) == pytest.approx(-tau)


# ---- a first lesson file -----------------------------------------------------------------------
@pytest.mark.parametrize("name", LESSONS)
def test_a_first_lesson_file_is_ready_once_its_questions_are_answered(tmp_path, capsys, name):
    put_lesson(name, tmp_path)
    file = tmp_path / f"{name}.csv"
    assert main(["start", str(file), "--out", str(tmp_path / "first.toml")]) == 0
    assert "Answer its" in capsys.readouterr().out
    text = (tmp_path / "first.toml").read_text(encoding="utf-8")
    assert lesson_problems(tmp_path / "first.toml") == []
    group = {"hospitals": "hospital", "teams": "team", "persons": "person"}[name]
    assert f'column = "{group}"' in text
    with pytest.raises(MLMError, match="exists already"):
        main_or_raise(["start", str(file), "--out", str(tmp_path / "first.toml")])


def main_or_raise(arguments: list[str]) -> None:
    import argparse

    from mlm_helpers.authoring import start

    parser = argparse.ArgumentParser()
    start.add_arguments(parser)
    start.run(parser.parse_args(arguments[1:]))


def test_value_labels_of_a_file_become_codes_in_a_first_lesson():
    data = persons()
    data.attrs["value_labels"] = {"training": {0: "on the list", 1: "trained"}}
    text = first_lesson(data, "persons.sav", "person", "mood")
    assert '0 = { name = "on the list"' in text
    assert '1 = { name = "trained", one = "a trained person"' in text


def test_value_labels_of_a_file_serve_where_a_lesson_has_no_codes(tmp_path):
    path = put_lesson("persons", tmp_path)
    data = persons()
    data["training"] = data["training"].map({0: 1.0, 1: 2.0})
    data.attrs["value_labels"] = {"training": {1.0: "waiting", 2.0: "trained"}}
    text = re.sub(r"\[predictors.training.codes\].*", "", path.read_text("utf-8"), flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")
    lesson = read_lesson(path, data)
    codes = lesson.vocabulary.predictor("training").codes
    assert [(c.value, c.one) for c in codes] == [
        ("0", "a waiting person"),
        ("1", "a trained person"),
    ]


def test_data_without_groups_or_outcome_are_refused_in_a_sentence():
    alone = pd.DataFrame({"y": np.arange(50.0) / 7, "x": np.arange(50.0) / 3})
    with pytest.raises(MLMError, match="No column looks like groups"):
        first_lesson(alone, "alone.csv")
    with pytest.raises(MLMError, match=r"no column 'perso'\. Did you mean 'person'"):
        first_lesson(persons(), "persons.csv", "perso")


# ---- sentences of the check --------------------------------------------------------------------
def check(path: Path, capsys) -> str:
    main(["adapt", "--check", str(path)])
    out, err = capsys.readouterr()
    return out + err


def spoiled(name: str, folder: Path, change) -> Path:
    path = put_lesson(name, folder)
    file = folder / f"{name}.csv"
    change(pd.read_csv(file)).to_csv(file, index=False)
    return path


def test_missing_codes_and_two_spellings_are_announced_and_can_be_taken_out(tmp_path, capsys):
    def change(data):
        data.loc[::30, "recovery"] = 999
        rows = (data["hospital"] == "H03") & (data.index % 2 == 0)
        data.loc[rows, "hospital"] = "h03 "
        return data

    path = spoiled("hospitals", tmp_path, change)
    said = check(path, capsys)
    assert "'recovery' has the value 999" in said
    assert "look like one group" in said
    assert "[missing]" in said
    text = path.read_text("utf-8").replace("[model]", "[missing]\nrecovery = [999]\n\n[model]")
    path.write_text(text, encoding="utf-8")
    lesson = read_lesson(path)
    assert lesson.data["recovery"].max() < 200
    assert lesson.left_out == 31


def test_the_group_that_has_two_values_of_a_level_2_column_is_named(tmp_path, capsys):
    def change(data):
        data.loc[data.index[data["hospital"] == "H07"][0], "beds"] = 1
        return data

    said = check(spoiled("hospitals", tmp_path, change), capsys)
    assert re.search(r"hospital H07 has both 1 and \d+", said)


def test_latin_1_is_said_with_the_line_that_a_lesson_file_needs(tmp_path, capsys):
    path = put_lesson("hospitals", tmp_path)
    text = (tmp_path / "hospitals.csv").read_text("utf-8").replace("H00", "Hôpital")
    (tmp_path / "hospitals.csv").write_bytes(text.encode("latin-1"))
    assert 'below it encoding = "latin-1"' in check(path, capsys)
    read = '[read]\nencoding = "latin-1"\n\n[model]'
    path.write_text(path.read_text("utf-8").replace("[model]", read), encoding="utf-8")
    assert lesson_problems(path) == []


def test_a_singular_fit_is_announced(tmp_path, capsys):
    def change(data):
        rng = np.random.default_rng(5)
        u = rng.normal(0, 3, 40)
        j = data["hospital"].str[1:].astype(int)
        data["recovery"] = 50 + u[j] * (1 + 0.02 * (data["age"] - 68)) + rng.normal(0, 8, len(data))
        return data

    assert re.search(r"Model 1: .*ingular", check(spoiled("hospitals", tmp_path, change), capsys))


def test_a_level_1_predictor_with_three_kinds_is_refused_with_what_to_do(tmp_path, capsys):
    def change(data):
        data["age"] = np.array(["young", "old", "oldest"])[np.arange(len(data)) % 3]
        return data

    path = spoiled("hospitals", tmp_path, change)
    codes = 'label = "age"\ncodes = { young = "young", old = "old", oldest = "oldest" }'
    path.write_text(path.read_text("utf-8").replace('label = "age"', codes), encoding="utf-8")
    assert "has 3 codes (young, old and oldest)" in check(path, capsys)


# ---- the guide ---------------------------------------------------------------------------------
def test_the_guide_has_every_key_and_function():
    text = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    for name, made in (("keys", keys.reference()), ("functions", expressions.reference())):
        found = re.search(rf"<!-- {name}: .*? -->\n(.*?)\n<!-- end of {name} -->", text, re.DOTALL)
        assert found, name
        assert found[1] == made, name


def test_every_key_of_words_in_the_reference_is_read():
    from dataclasses import fields

    from mlm_helpers.words.vocabulary import Outcome, Predictor

    assert set(keys.names_in("outcome")) == {f.name for f in fields(Outcome)}
    made = {"column", "low", "high"}
    assert set(keys.names_in("predictors.*")) == {f.name for f in fields(Predictor)} - made


# ---- whole courses -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    """Teams whole; of the others the lecture is run, the rest made."""
    folder = tmp_path_factory.mktemp("courses")
    out = {"teams": adapt(put_lesson("teams", folder / "in" / "teams"), folder / "teams")}
    run = notebooks.run_notebook

    def run_lectures(notebook: nbformat.NotebookNode, place: Path) -> nbformat.NotebookNode:
        return run(notebook, place) if place.name == "lectures" else notebook

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "run_notebook", run_lectures)
        for n in sorted({*LESSONS} - {"teams"}):
            out[n] = adapt(put_lesson(n, folder / "in" / n), folder / n)
    return out


def test_the_courses_pass_nbval_strictly(courses):
    """One course whole, of the others the lecture: an output that hangs on the run shows in it."""
    paths = [
        str(p)
        for name, course in courses.items()
        for p in sorted(course.rglob("*.ipynb"))
        if p.parent.name == "lectures"
        or (name == "teams" and p.parent.name != "exercises" and "part3" not in p.name)
    ]
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-q"]
    options += ["-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *paths],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_nothing_in_the_courses_warns(courses):
    for course in courses.values():
        for path in course.rglob("*.ipynb"):
            for cell in nbformat.read(path, as_version=4).cells:
                for output in cell.get("outputs", []):
                    assert output.get("name") != "stderr", (path.name, output["text"])


def test_the_courses_say_nothing_of_schools_and_leave_no_template_behind(courses):
    for course in courses.values():
        for path in course.rglob("*.ipynb"):
            if "part3" in path.name:
                continue
            cells = nbformat.read(path, as_version=4).cells
            text = "\n".join(
                c.source for c in cells if "instructor" not in c.metadata.get("tags", [])
            )
            for word in ("school", "student", "sector", "SES", "{{", "{%"):
                assert not re.search(rf"(?<![\w`]){re.escape(word)}", text), (word, path.name)


def test_the_exercises_test_at_the_lessons_level(team_lesson):
    from mlm_helpers.exercises.study import study_of

    study = study_of(team_lesson)
    assert (study.alpha, study.level) == (0.01, ".01")
    p = study.row(study.m3, study.x, study.w)["p"]
    for alpha, told in ((0.9 * p, False), (1.1 * p, True)):
        study.alpha = alpha
        assert study.tells_slopes_apart == told
    ex = exercise("part2", team_lesson)
    hints = " ".join(h for q in ("q3", "q6a") for h in ex.questions[q].hints)
    assert hints.count(" .01.") == 2
    assert ".05" not in hints
