"""Lessons and the courses made of them: on High School & Beyond, on clinics, on nonsense."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import course
from mlm_helpers import fit_mlm
from mlm_helpers.authoring import adapt as adapt_module
from mlm_helpers.authoring.__main__ import COMMANDS, main
from mlm_helpers.authoring.adapt import adapt
from mlm_helpers.authoring.handouts import (
    EXERCISES,
    HandoutContext,
    exercise_notebook,
    walkthrough_notebook,
)
from mlm_helpers.authoring.lecture import build_lecture
from mlm_helpers.authoring.marking.collect import collect
from mlm_helpers.authoring.marking.isolation import isolation
from mlm_helpers.authoring.marking.mark import Marker
from mlm_helpers.authoring.marking.runner import Limits
from mlm_helpers.authoring.marking.store import Store
from mlm_helpers.authoring.notebooks import sources
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises import exercise
from mlm_helpers.exercises.cells import as_code
from mlm_helpers.exercises.judging.plain import to_plain
from mlm_helpers.exercises.study import study_of
from mlm_helpers.lesson.files import (
    lesson_problems,
    open_lesson,
    read_lesson,
    shipped_lessons,
)
from tools.run_notebooks import problems

ROOT = Path(__file__).resolve().parent.parent

# ---- a lesson of one's own: other names, three kinds, a level-1 predictor with two values ------
OUTCOME, CLINIC, STAFF = "Wohlbefinden (0–100) $x_1$", "Klinik-Nr.", "staff|per *bed*"
LESSON = f"""
data = "clinics.csv"
course = "Clinical Methods"
about = "Made-up patients."

[model]
predictor = "Therapie"
moderator = "Lage"
second = "{STAFF}"
compare = ["urban", "town"]

[outcome]
column = "{OUTCOME}"
label = "well-being"
unit = "scale point"
symbol = "WB"

[unit]
one = "patient"

[group]
column = "{CLINIC}"
one = "clinic"

[predictors.Therapie]
level = 1
label = "therapy"
slope = "benefit of the new therapy"

[predictors.Therapie.codes.standard]
name = "standard"
one = "a patient with the standard therapy"
many = "patients with the standard therapy"

[predictors.Therapie.codes.new]
name = "new"
one = "a patient with the new therapy"
many = "patients with the new therapy"

[predictors.Lage]
level = 2
label = "location"

[predictors.Lage.codes]
urban = "urban"
town = {{ name = "town", one = "a clinic in a town", many = "clinics in towns" }}
rural = "rural"

[predictors."{STAFF}"]
level = 2
label = "staff per bed"
unit = "nurse per 10 beds"
symbol = "staff"
"""


def clinics() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    kinds, rows = ("urban", "town", "rural"), []
    for j in range(48):
        k, staff = j % 3, rng.normal(12 + j % 3, 2.5)
        u = rng.multivariate_normal([0, 0], [[20, 2], [2, 6]])
        for _ in range(18 + j % 7):
            t = int(rng.random() < 0.5)
            slope = 6 + (0, -3, 1)[k] + 0.4 * (staff - 13) + u[1]
            y = 50 + 1.5 * (staff - 13) + (0, 2, -3)[k] + u[0] + slope * t + rng.normal(0, 7)
            kind = ("standard", "new")[t]
            rows.append((f"K{j:02d}", kinds[k], round(staff, 1), kind, round(y, 1)))
    data = pd.DataFrame(rows, columns=[CLINIC, "Lage", STAFF, "Therapie", OUTCOME])
    data.loc[[3, 77], OUTCOME] = np.nan
    return data


def put(folder: Path, text: str = LESSON, data: pd.DataFrame | None = None) -> Path:
    """A lesson file with its data."""
    folder.mkdir(parents=True, exist_ok=True)
    (clinics() if data is None else data).to_csv(folder / "clinics.csv", index=False)
    path = folder / "my_lesson.toml"
    path.write_text(text, encoding="utf-8")
    return path


def swap(*pairs: tuple[str, str]) -> str:
    text = LESSON
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def notebooks_of(course: Path) -> list[Path]:
    return sorted(course.rglob("*.ipynb"))


def said(notebook: Path, to_students: bool = False) -> str:
    """Everything a notebook says: its text, code and what the cells put out as text. What is said
    ``to_students`` leaves the instructor's notes out."""
    nb = nbformat.read(notebook, as_version=4)
    cells = [
        c for c in nb.cells if not (to_students and "instructor" in c.metadata.get("tags", []))
    ]
    parts = [c.source for c in cells]
    for cell in cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text", ""))
            parts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


# ---- one source --------------------------------------------------------------------------------
def test_the_course_ships_its_own_lesson_and_one_more():
    assert shipped_lessons() == ("ex1", "hsb82")


def test_the_shipped_lecture_is_what_adapt_makes_for_ex1():
    made = build_lecture(open_lesson("ex1"))
    shipped = ROOT / "lectures" / "lecture06_cross_level_interactions.ipynb"
    assert sources(made) == sources(shipped), "run: python -m mlm_helpers.authoring lecture"


@pytest.mark.parametrize("part", EXERCISES)
def test_the_shipped_solutions_are_what_adapt_makes_for_ex1(part):
    made = exercise_notebook(part, open_lesson("ex1"))
    shipped = ROOT / "exercises" / "solutions" / EXERCISES[part]
    assert sources(made) == sources(shipped), "run: python -m mlm_helpers.authoring solutions"


# ---- High School & Beyond ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def hsb_course(tmp_path_factory):
    return adapt("hsb82", tmp_path_factory.mktemp("hsb") / "course")


def test_the_adapted_course_passes_nbval_strictly(hsb_course):
    paths = [str(p) for p in notebooks_of(hsb_course) if p.parent.name != "exercises"]
    assert len(paths) == 6
    # several processes, so that the kernels of two notebooks run side by side
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-q"]
    options += ["-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *paths],
        cwd=hsb_course,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\b\d{3} passed", done.stdout)


def test_the_adapted_course_has_the_form_of_a_committed_one(hsb_course):
    for path in notebooks_of(hsb_course):
        assert problems(nbformat.read(path, as_version=4), path) == [], path.name


def test_the_adapted_course_has_the_published_numbers(hsb_course):
    """Raudenbush & Bryk (2002), Table 4.5: the file's school means at level 2."""
    lecture = said(next(hsb_course.glob("lectures/*.ipynb")))
    walkthrough = said(next(hsb_course.glob("walkthroughs/*.ipynb")))
    published = {"(Intercept)": (12.0960, 0.1987), "sector": (1.2265, 0.3063)}
    published |= {"meanses": (5.3329, 0.3692), "cses": (2.9388, 0.1551)}
    published |= {"meanses:cses": (1.0389, 0.2989), "sector:cses": (-1.6426, 0.2398)}
    for text in (lecture, walkthrough):
        model3 = text[text.index("+ meanses * cses + (1 + cses | school)") :]
        for name, (estimate, error) in published.items():
            line = re.search(rf"^{re.escape(name)} +(\S+) +(\S+) ", model3, re.MULTILINE)
            assert line, name
            assert float(line[1]) == pytest.approx(estimate, abs=1.01e-4)
            assert float(line[2]) == pytest.approx(error, abs=1.01e-4)
    fit = HandoutContext(open_lesson("hsb82")).fit("m3")
    tau = fit.variance_components["variance"]
    assert [round(float(tau[k]), 3) for k in ("tau00", "tau01", "sigma2")] == [2.379, 0.192, 36.721]
    assert round(float(tau["tau11"]), 4) == 0.1013


def test_the_adapted_course_speaks_of_its_own_data(hsb_course):
    for path in notebooks_of(hsb_course):
        if "part3" in path.name:  # is about High School & Beyond in every course
            continue
        text = said(path)
        assert "Catholic" in text, path.name
        for word in ("private", "famses", "g1rscore", "schid", "reading score", "ECLS"):
            assert not re.search(rf"\b{word}", text), (word, path.name)


def test_sentences_follow_the_numbers_where_these_differ_from_the_lectures(hsb_course):
    """In ex1 the sector's means do not differ in Model 3; here they do."""
    lecture = said(next(hsb_course.glob("lectures/*.ipynb")))
    assert "no difference in means can be shown" not in lecture
    part2 = said(hsb_course / "exercises" / "solutions" / EXERCISES["part2"])
    assert 'answer_q3 = "B"' in part2
    assert 'answer_q3 = "A"' in said(ROOT / "exercises" / "solutions" / EXERCISES["part2"])


# ---- clinics -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def clinic_course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clinics")
    return adapt(put(folder / "source"), folder / "a course")


def test_a_lesson_of_ones_own_makes_a_whole_course(clinic_course):
    names = sorted(str(p.relative_to(clinic_course)) for p in clinic_course.rglob("*.*"))
    parts = [*EXERCISES.values()]
    assert names == sorted(
        [
            ".made.json",
            "README.md",
            "clinics.csv",
            "lesson.toml",
            "lectures/lecture06_cross_level_interactions.ipynb",
            "walkthroughs/walkthrough_random_intercepts_and_slopes.ipynb",
            *(f"exercises/{p}" for p in parts),
            *(f"exercises/solutions/{p}" for p in parts),
        ]
    )
    for path in notebooks_of(clinic_course):
        assert problems(nbformat.read(path, as_version=4), path) == [], path.name


def test_nothing_of_schools_is_left_where_there_are_clinics(clinic_course):
    about_hsb = re.compile(r"part3")
    for path in notebooks_of(clinic_course):
        if not about_hsb.search(path.name):
            text = said(path, to_students=True)
            assert "clinic" in text
            for word in ("school", "student", "sector", "SES", "private", "public"):
                assert not re.search(rf"\b{word}", text), (word, path.name)


def test_three_kinds_are_two_comparisons_and_two_of_them_make_the_exercises(clinic_course):
    lecture = said(next(clinic_course.glob("lectures/*.ipynb")))
    assert re.search(r"^Lagetown:Therapie_c +-?\d", lecture, re.MULTILINE)
    assert re.search(r"^Lagerural:Therapie_c +-?\d", lecture, re.MULTILINE)
    assert "16 urban clinics, 16 clinics in towns and 16 rural clinics" in lecture
    part2 = said(clinic_course / "exercises" / EXERCISES["part2"])
    assert "compare urban clinics and clinics in towns only" in part2
    assert "rural" not in part2


def test_the_numbers_are_those_of_an_independent_fit(clinic_course):
    data = clinics().dropna()
    data = data.rename(columns={OUTCOME: "y", CLINIC: "clinic", STAFF: "staff"})
    data["t"] = (data["Therapie"] == "new").astype(int)
    data["t"] -= data.groupby("clinic")["t"].transform("mean")
    data["staff"] -= data["staff"].mean()
    data["Lage"] = pd.Categorical(data["Lage"], ["urban", "town", "rural"])
    fit = fit_mlm("y ~ 1 + Lage + staff + t + Lage * t + staff * t + (1 + t | clinic)", data)
    lecture = said(next(clinic_course.glob("lectures/*.ipynb")))
    for symbol in ("gamma11", "gamma12", "gamma13"):
        estimate = fit.fixed_effects["estimate"][fit.structure.coefficient(symbol).column]
        assert f"{estimate:.2f}".replace("-", "−") in lecture
    two = data[data["Lage"] != "rural"].copy()
    two["town"] = (two["Lage"] == "town").astype(int)
    two["staff"] -= two["staff"].mean()
    pair = fit_mlm("y ~ 1 + town + staff + t + town * t + staff * t + (1 + t | clinic)", two)
    study = study_of(open_lesson(clinic_course))
    assert study.m3.criterion == pytest.approx(pair.criterion, abs=1e-7)


def test_what_was_done_to_the_data_is_said(clinic_course):
    lecture = said(next(clinic_course.glob("lectures/*.ipynb")))
    assert "2 rows of the file without a value in one of the columns used are left out" in lecture
    assert f"`{OUTCOME}` is called `Wohlbefinden_0_100_x_1` here" in lecture
    lesson = open_lesson(clinic_course)
    assert lesson.left_out == 2
    assert lesson.data["Therapie"].isin([0, 1]).all()


def test_submissions_to_an_adapted_course_are_marked_on_its_data(clinic_course, tmp_path):
    box = tmp_path / "handed in"
    box.mkdir()
    for who, folder in (("ann", "exercises/solutions"), ("bob", "exercises")):
        text = (clinic_course / folder / EXERCISES["part2"]).read_bytes()
        (box / f"{who}.ipynb").write_bytes(text)
    with isolation("own", [box]) as closed:
        marker = Marker(closed, clinic_course / "exercises", Limits(120, 600, 3000), Store(None))
        found = collect(box, marker.pristine).submissions
        marked = {m.student: m for m in marker.mark(found)}
    assert marked["ann"].right == len(marked["ann"].marks) >= 10
    assert {m.state for m in marked["bob"].marks} == {"unanswered"}


@pytest.fixture(scope="module")
def clinic_study(tmp_path_factory):
    return study_of(read_lesson(put(tmp_path_factory.mktemp("study"))))


def test_wrong_answers_are_recognised_and_answered_in_the_datas_own_words(clinic_study):
    s, part2 = clinic_study, exercise("part2", clinic_study)
    g10, g11 = s.gamma(s.m3, s.x), s.gamma(s.m3, s.x, s.w)
    for question, answer, misconception in (
        ("q5", g11, "interaction is a slope"),
        ("q5", g10, "main effect is overall slope"),
        ("q4", s.gamma(s.m1, s.x), "main effect is overall slope"),
        ("q2", s.gamma(s.m3, s.w), "intercept difference is a mean"),
        ("q1", s.gamma(s.m2), "wrong model"),
    ):
        verdict = part2.judge(question, to_plain(answer))
        assert (verdict.passed, verdict.misconception) == (False, misconception)
    replies = [w.reply for q in part2.questions.values() for w in getattr(q, "wrong", ())]
    replies += [h for p in ("part1", "part2", "part4") for q in
                exercise(p, s).questions.values() for h in q.hints]  # fmt: skip
    for reply in replies:
        for word in ("school", "student", "sector", "private", "public", "famil", "SES"):
            assert not re.search(rf"\b{word}", reply), reply
        assert "a urban" not in reply


BENEFIT, ALIKE = "the benefit of the new therapy", "clinics with the same staff per bed"
SENTENCES = {
    "gamma01": f"how much mean well-being differs between clinics in towns and urban {ALIKE}",
    "gamma10": f"{BENEFIT} that is expected in urban clinics with average staff per bed",
    "gamma11": f"the difference in {BENEFIT} between clinics in towns and urban {ALIKE}",
    "gamma12": f"the change in {BENEFIT} for one more unit of staff per bed, holding location",
    "tau11": f"the variance of {BENEFIT} that location and staff per bed leave unexplained",
}


def test_sentences_in_the_datas_own_words_are_judged_as_the_lectures_are(clinic_study):
    part1 = exercise("part1", clinic_study)
    for meant, text in SENTENCES.items():
        for asked in SENTENCES:
            assert part1.judge(asked, to_plain(text)).passed == (asked == meant), (asked, meant)
    wrong = part1.judge("gamma11", to_plain("the benefit of the new therapy in urban clinics"))
    assert "Missing" in wrong.message
    assert "school" not in wrong.message


def test_the_course_can_be_made_again_from_itself(clinic_course):
    assert lesson_problems(clinic_course) == []
    again = read_lesson(clinic_course / "lesson.toml")
    shipped = next(clinic_course.glob("lectures/*.ipynb"))
    assert [s[3] for s in sources(build_lecture(again))] == [s[3] for s in sources(shipped)]


# ---- words that Markdown, LaTeX and Python take for something else -----------------------------
HOSTILE = (
    r"so_called *well*-being` | \\frac{1}{2} <b>#1</b> \"x\" {{ y }} {% z %} Größe 学校 %% end"
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    text = swap(('label = "well-being"', f'label = "{HOSTILE}"'))
    text = text.replace('label = "location"', r'label = "lo_cation | x^2"')
    text = text.replace('one = "clinic"', 'one = "Ambulanz_"\nmany = "Ambulanzen*"')
    return read_lesson(put(tmp_path_factory.mktemp("hostile"), text))


def made(lesson):
    yield build_lecture(lesson)
    yield walkthrough_notebook(lesson)
    for part in ("part1", "part2", "part4"):
        yield exercise_notebook(part, lesson)


def test_hostile_words_leave_the_code_valid_and_the_tables_whole(hostile):
    for notebook in made(hostile):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                compile(as_code(cell.source), cell["id"], "exec")
        rows = [
            re.sub(r"\\.", "", line)
            for c in notebook.cells
            if c.cell_type == "markdown"
            for line in c.source.splitlines()
            if line.startswith("| ")
        ]
        assert {row.count("|") for row in rows} <= {3, 4}
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        assert "{{" not in text.replace("{{ y }}", "")
        assert not re.search(r"(?<!\\)\*well(?<!\\)\*", text)
        assert not re.search(r"(?<!\\)<b>", text)


@pytest.mark.parametrize(
    "column", ["class", "C", "größe", "学校", "1st score", "a`b", "x + y", "np", "T", "lesson"]
)
def test_any_column_name_can_be_an_outcome(tmp_path, column):
    data = clinics().rename(columns={OUTCOME: column})
    text = LESSON.replace(f'column = "{OUTCOME}"', f"column = {json.dumps(column)}")
    lesson = read_lesson(put(tmp_path, text, data))
    fit = HandoutContext(lesson).fit("m3")
    assert fit.structure.outcome.isidentifier()
    assert fit.nobs == len(data) - 2


def test_the_table_never_takes_a_name_that_the_notebooks_use(tmp_path):
    text = swap(('data = "clinics.csv"', 'name = "m1"\ndata = "clinics.csv"'))
    assert read_lesson(put(tmp_path, text)).name == "m1_data"


# ---- what is wrong is said in sentences, and nothing is written --------------------------------
def constant(column, value):
    return lambda data: data.assign(**{column: value})


def by_kind(data):
    return data.assign(Therapie=np.where(data["Lage"] == "urban", "new", "standard"))


def of_outcome(data):
    return data.assign(**{OUTCOME: (data["Therapie"] == "new") * 3.0})


def same_slopes(data):
    """Every clinic has exactly the slope 5: the noise is made orthogonal to the predictor."""
    rng, out = np.random.default_rng(0), data.copy()
    x = (data["Therapie"] == "new").astype(float)
    noise = pd.Series(rng.normal(0, 3, len(data)))
    for j, rows in enumerate(data.groupby(CLINIC).groups.values()):
        design = np.column_stack([np.ones(len(rows)), x[rows]])
        residual = noise[rows] - design @ np.linalg.lstsq(design, noise[rows], rcond=None)[0]
        out.loc[rows, OUTCOME] = 5 * x[rows] + j % 11 + residual
    return out


CHANGED_LESSONS = {
    "no such predictor": (('predictor = "Therapie"', 'predictor = "Therpie"'), "Did you mean"),
    "no such code": (('rural = "rural"', 'rurall = "rural"'), "'rurall' of 'Lage' does not occur"),
    "a code without a name": (('rural = "rural"\n', ""), "'rural' of 'Lage' occurs in the data"),
    "a bracket in a code": (('rural = "rural"', 'rural = "rur[al]"'), "choose another name"),
    "roles swapped": (
        (
            'predictor = "Therapie"\nmoderator = "Lage"',
            'predictor = "Lage"\nmoderator = "Therapie"',
        ),
        "has to be a level-1 predictor",
    ),
    "a level wrong": (("[predictors.Lage]\nlevel = 2", "[predictors.Lage]\nlevel = 1"), "level-2"),
    "no such table": (("[model]", "[modell]"), "Did you mean 'model'?"),
    "no such key": (("moderator =", "modrator ="), "Did you mean 'moderator'?"),
    "not TOML": (('label = "well-being"', "label = well-being"), "not valid TOML"),
    "same column twice": ((f'second = "{STAFF}"', 'second = "Lage"'), "same column twice"),
    "no file": (('data = "clinics.csv"', 'data = "clinic.csv"'), "Did you mean 'clinics.csv'?"),
    "a folder": (('data = "clinics.csv"', 'data = "."'), "names the folder"),
    "a number": (('data = "clinics.csv"', "data = 3"), "must be text"),
    "no such kind": (('"urban", "town"]', '"urban", "twon"]'), "Did you mean 'town'?"),
    "one kind": (('["urban", "town"]', '["urban"]'), "two names of codes"),
    "a name with a space": (('data = "clin', 'name = "my data"\ndata = "clin'), "Python allows"),
    "one label for two": (('label = "location"', 'label = "therapy"'), "same label 'therapy'"),
    "a line break": (('label = "well-being"', 'label = "well\\nbeing"'), "a line break"),
    "a dollar sign": (('label = "location"', 'label = "rent in $"'), "write USD or dollars"),
    "words twice": (('data = "clin', 'words = "ex1"\ndata = "clin'), "one place only"),
}
CHANGED_DATA = {
    "no outcome": (lambda d: d.drop(columns=OUTCOME), "no column 'Wohlbefinden"),
    "misspelt column": (lambda d: d.rename(columns={"Lage": "lage"}), "Did you mean 'lage'?"),
    "one clinic": (constant(CLINIC, "K1"), "a multilevel model needs several"),
    "three clinics": (lambda d: d[d[CLINIC] <= "K02"], "needs more"),
    "every patient a clinic": (
        lambda d: d.assign(**{CLINIC: range(len(d))}),
        "has to vary within clinics",
    ),
    "text for scores": (constant(OUTCOME, "good"), "has to be numeric"),
    "one score": (constant(OUTCOME, 5.0), "has to vary within clinics"),
    "no score": (constant(OUTCOME, np.nan), "No row of the data has a value"),
    "one therapy": (constant("Therapie", "new"), "the same for everybody in a clinic"),
    "therapy by kind": (by_kind, "set level = 2"),
    "staff of patients": (lambda d: d.assign(**{STAFF: range(len(d))}), "varies within clinics"),
    "one staff": (constant(STAFF, 12.0), "fewer than three values"),
    "nothing left to explain": (of_outcome, "exactly"),
    "slopes all alike": (same_slopes, "do not differ"),
    "few of a kind": (
        lambda d: d[(d["Lage"] != "rural") | (d[CLINIC] < "K06")],
        "Each kind needs at least 3",
    ),
}
CASES = {
    **{name: (swap(pair), None, part) for name, (pair, part) in CHANGED_LESSONS.items()},
    **{name: (LESSON, change, part) for name, (change, part) in CHANGED_DATA.items()},
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_and_nothing_is_written(tmp_path, capsys, case):
    text, change, part = CASES[case]
    path = put(tmp_path / "in", text, change(clinics()) if change else None)
    before = sorted(tmp_path.rglob("*"))
    for arguments in (["--check"], ["--out", str(tmp_path / "course")]):
        assert main(["adapt", str(path), *arguments]) == 1
        out, err = capsys.readouterr()
        lines = (out + err).splitlines()
        assert any(part in line for line in lines)
        assert all(line.endswith((".", "?")) and str(tmp_path) not in line for line in lines)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_not_there_and_one_that_is_not_text(tmp_path):
    assert "There is no lesson file 'gone.toml'" in lesson_problems(tmp_path / "gone.toml")[0]
    path = put(tmp_path)
    path.write_bytes("label = 'Größe'".encode("latin-1"))
    assert lesson_problems(path) == [f"{path.name} is not UTF-8 text: save it with that encoding."]


def test_check_says_what_the_lesson_is_about(tmp_path, capsys):
    assert main(["adapt", "--check", str(put(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "The lesson is ready: 1,003 patients in 48 clinics" in out
    assert "Model 3 adds      staff_per_bed_gdm (staff per bed)" in out
    assert "2 with a missing value" in out
    assert "compare urban clinics with clinics in towns" in out


def test_the_second_predictor_is_the_group_mean_unless_another_is_named(tmp_path):
    lesson = read_lesson(put(tmp_path, swap((f'second = "{STAFF}"\n', ""))))
    assert lesson.second == "Therapie_mean_gdm"
    means = lesson.data.groupby("Klinik_Nr")["Therapie"].transform("mean")
    expected = means - means.mean()
    np.testing.assert_allclose(lesson.data[lesson.second], expected, atol=1e-12)


# ---- whole or not at all -----------------------------------------------------------------------
@pytest.fixture
def quick(monkeypatch):
    """Make notebooks without running them."""
    monkeypatch.setattr(
        "mlm_helpers.authoring.notebooks.run_notebook", lambda notebook, folder: notebook
    )


def test_a_course_that_fails_halfway_leaves_nothing(tmp_path, monkeypatch):
    path, count = put(tmp_path / "in"), []

    def fails(notebook, folder):
        count.append(folder)
        if len(count) == 3:
            raise MLMError("The third notebook stopped.")
        return notebook

    monkeypatch.setattr("mlm_helpers.authoring.notebooks.run_notebook", fails)
    with pytest.raises(MLMError, match=r"part1_define.*could not be made.*third notebook"):
        adapt(path, tmp_path / "course")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch, quick):
    def stopped(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(adapt_module, "_student_notebooks", stopped)
    with pytest.raises(KeyboardInterrupt):
        adapt(put(tmp_path / "in"), tmp_path / "course")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


def test_a_folder_that_exists_is_replaced_only_when_it_is_a_course_and_asked_for(tmp_path, quick):
    path, out = put(tmp_path / "in"), tmp_path / "course"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    for replace in (False, True):
        with pytest.raises(MLMError):
            adapt(path, out, replace=replace)
    assert [p.name for p in out.iterdir()] == ["thesis.docx"]
    made = adapt(path, tmp_path / "new")
    (made / "note.txt").write_text("old")
    with pytest.raises(MLMError, match="exists already"):
        adapt(path, made)
    adapt(path, made, replace=True)
    assert (made / "note.txt").read_text() == "old"
    assert (made / "lesson.toml").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["course", "in", "new"]


def test_replacing_a_course_keeps_marks_submissions_and_what_was_added_or_changed(tmp_path, quick):
    path, said = put(tmp_path / "in"), []
    course = adapt(path, tmp_path / "course")
    lecture = next(course.glob("lectures/*.ipynb"))
    added = {
        "marks.csv": "ann,3",
        "submissions/ann.ipynb": "{}",
        "exercises/marks_pages/ann.html": "<p>",
        ".hidden/state.json": "1",
    }
    for name, text in added.items():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(text)
    (course / "empty").mkdir()
    made = lecture.read_text(encoding="utf-8")
    lecture.write_text(made + " ", encoding="utf-8")
    for turn in ("", " 2"):
        adapt(path, course, replace=True, say=said.append)
        for name, text in added.items():
            assert (course / name).read_text() == text
        assert (course / "empty").is_dir()
        assert lecture.read_text(encoding="utf-8") == made
        kept = course / "kept" / "lectures" / f"{lecture.stem}{turn}.ipynb"
        assert kept.read_text(encoding="utf-8") == made + " "
        assert any(f"yours is kept/lectures/{kept.name} now" in line for line in said)
        lecture.write_text(made + " ", encoding="utf-8")
    assert len(list((course / "kept").rglob("*.ipynb"))) == 2


def test_a_course_without_a_list_of_its_files_loses_none_of_them(tmp_path, quick):
    path = put(tmp_path / "in")
    course = adapt(path, tmp_path / "course")
    (course / ".made.json").unlink()
    (course / "lectures" / "old_name.ipynb").write_text("{}")
    adapt(path, course, replace=True)
    assert (course / "lectures" / "old_name.ipynb").exists()
    assert not (course / "kept").exists()


def test_what_cannot_be_kept_stops_the_replacing(tmp_path, quick, monkeypatch):
    path = put(tmp_path / "in")
    course = adapt(path, tmp_path / "course")
    (course / "marks.csv").write_text("ann,3")

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlm_helpers.authoring.keeping.shutil.copy2", full)
    with pytest.raises(MLMError, match=r"marks.csv could not be kept .* nothing was replaced"):
        adapt(path, course, replace=True)
    assert (course / "marks.csv").read_text() == "ann,3"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["course", "in"]


def test_a_place_that_is_not_there_is_said(tmp_path):
    with pytest.raises(MLMError, match="There is no folder"):
        adapt("hsb82", tmp_path / "nowhere" / "course")


def test_a_notebook_outside_of_any_course_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MLMError, match="open the notebook from the folder of its course"):
        open_lesson()


# ---- the guides ---------------------------------------------------------------------------------
def guide(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_lesson_in_the_instructors_guide_is_ready(tmp_path, capsys):
    block = re.search(r'```toml\n( *data = "homework.*?)```', guide("INSTRUCTORS.md"), re.DOTALL)
    assert block
    rng = np.random.default_rng(7)
    school = np.repeat(np.arange(40), 20)
    rural, support = np.arange(40) % 2, rng.normal(3, 0.6, 40).round(2)
    homework = rng.gamma(2, 2, 800).round(1)
    slope = 1.5 - 0.8 * rural + rng.normal(0, 0.6, 40)
    score = 50 + 3 * (support - 3)[school] + rng.normal(0, 4, 40)[school]
    score += slope[school] * homework + rng.normal(0, 6, 800)
    frame = {"school": school, "rural": rural[school], "support": support[school]}
    table = pd.DataFrame({**frame, "homework": homework, "score": score.round(1)})
    table.to_csv(tmp_path / "homework.csv", index=False)
    path = tmp_path / "my_lesson.toml"
    path.write_text(re.sub(r"^   ", "", block[1], flags=re.MULTILINE), encoding="utf-8")
    assert main(["adapt", "--check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "20 schools in towns and 20 rural schools" in out
    assert "Model 3 adds      support_gdm (teacher support)" in out
    assert "answers in sentences" not in out


@pytest.mark.parametrize("name", ["INSTRUCTORS.md", "FIRST_DAY.md", "README.md"])
def test_the_guides_name_commands_and_paths_that_are_there(name):
    text = guide(name)
    for command in re.findall(r"mlm_helpers\.authoring (\w+)", text):
        assert command in COMMANDS
    for command in re.findall(r"course\.py (\w+)", text):
        assert command in course.COMMANDS
    paths = re.findall(r"`((?:lectures|exercises|walkthroughs|mlm_helpers)/[\w./-]*)`", text)
    paths += [p for p in re.findall(r"\]\(([^)#]+)", text) if "://" not in p]
    assert [p for p in paths if not (ROOT / p).exists()] == []
    assert paths or name == "FIRST_DAY.md"


def test_options_that_the_guide_shows_are_options(tmp_path):
    text = guide("INSTRUCTORS.md")
    for line in re.findall(r"mlm_helpers\.authoring (.+)$", text, re.MULTILINE):
        command, *words = line.rstrip("`").split()
        shown = subprocess.run(
            [sys.executable, "-m", "mlm_helpers.authoring", command, "--help"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ).stdout
        assert all(word in shown for word in words if word.startswith("--")), line
