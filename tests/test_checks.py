"""The exercise checks: each question, each recognised wrong answer, each way to type a number."""

from __future__ import annotations

import decimal
import fractions
import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from mlm_helpers.authoring.handouts import exercise_notebook
from mlm_helpers.errors import MLMError
from mlm_helpers.exercises import NotYet, exercise
from mlm_helpers.exercises.cells import answers_assigned, as_code, written
from mlm_helpers.exercises.judging.plain import Plain, to_plain
from mlm_helpers.exercises.judging.typed import Unreadable, read_number
from mlm_helpers.exercises.misconceptions import TITLES
from mlm_helpers.exercises.questions import ChoiceQuestion, NumberQuestion, Wrong
from mlm_helpers.exercises.session import PARTS
from mlm_helpers.lesson.files import open_lesson

EXERCISES = {part: exercise(part) for part in PARTS}
QUESTIONS = [(part, id) for part, e in EXERCISES.items() for id in e.questions]
NUMBERS = [
    (part, id) for part, id in QUESTIONS if isinstance(EXERCISES[part].question(id), NumberQuestion)
]
CHOICES = [
    (part, id) for part, id in QUESTIONS if isinstance(EXERCISES[part].question(id), ChoiceQuestion)
]
WRONG = [
    pytest.param(part, id, k, id=f"{part}-{id}-{k}")
    for part, id in NUMBERS
    for k in range(len(EXERCISES[part].question(id)._distinct()))
]


def judge(part: str, id: str, answer: object):
    return EXERCISES[part].judge(id, to_plain(answer))


def solutions() -> dict[tuple[str, str], object]:
    """The model solutions, as the cells of the templates leave them: none is read from a key."""
    out: dict[tuple[str, str], object] = {}
    for part in PARTS:
        space: dict[str, object] = {}
        for cell in exercise_notebook(part, open_lesson("ex1")).cells:
            if cell.cell_type == "code" and not cell.source.startswith(("ex.", "print(")):
                exec(as_code(cell.source), space)
        for id in EXERCISES[part].questions:
            out[part, id] = space[f"answer_{id}"]
    return out


SOLUTIONS = solutions()


# ---- every question -----------------------------------------------------------------------------
@pytest.mark.parametrize(("part", "id"), QUESTIONS)
def test_model_solution_passes_and_its_reply_gives_nothing_away(part, id):
    verdict = judge(part, id, SOLUTIONS[part, id])
    assert verdict.state == "right", verdict
    assert not any(ch.isdigit() for ch in verdict.message)


@pytest.mark.parametrize(("part", "id"), QUESTIONS)
@pytest.mark.parametrize("untouched", [..., "", "...", "  "])
def test_untouched_answers_are_not_answered_yet(part, id, untouched):
    verdict = judge(part, id, untouched)
    assert verdict.state == "unanswered"
    assert verdict.message.startswith("not answered yet")


class Hostile:
    def __repr__(self):
        raise RuntimeError

    def __getattr__(self, name):
        raise RuntimeError


MALFORMED = [
    None, float("nan"), math.inf, -math.inf, "abc", "two", "?", [], [1, 2, 3], (), (4, 5), {},
    {"a": 1}, {1, 2}, 10**400, -(10**400), "1e400", 1e300, 2j, print, len, lambda: 3, object(), int,
    np.nan, np.array([]), np.array([1.0, 2.0]), pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
    pd.DataFrame(), pd.Series(dtype=float), pd.Series([1, 2, 3]), pd.NA, b"95.2", True, False,
    "12 or 13", "x" * 100_000, Hostile(), Hostile, decimal.Decimal("NaN"), "1,2,3", "--5", "5..2",
    pd.DataFrame(np.zeros((1000, 10))), range(3), iter([1]), MLMError("x"), "%", "=", "∞", "a half",
]  # fmt: skip


@pytest.mark.parametrize(("part", "id"), QUESTIONS)
def test_malformed_answers_each_get_one_sentence(part, id):
    for answer in MALFORMED:
        verdict = judge(part, id, answer)
        assert not verdict.passed, (answer, verdict)
        assert "\n" not in verdict.message
        assert 10 < len(verdict.message) < 400
        assert verdict.message.rstrip()[-1] in ".?)", verdict.message
        assert "Traceback" not in verdict.message


def test_the_list_of_malformed_answers_is_long():
    assert len(MALFORMED) >= 30


# ---- recognised wrong answers -------------------------------------------------------------------
@pytest.mark.parametrize(("part", "id", "k"), WRONG)
def test_each_wrong_answer_gets_its_own_reply(part, id, k):
    question = EXERCISES[part].question(id)
    wrong = question._distinct()[k]
    verdict = judge(part, id, wrong.value)
    assert (verdict.state, verdict.message) == ("wrong", wrong.reply)
    assert verdict.misconception in TITLES
    assert [w.reply for w in question.wrong].count(wrong.reply) == 1


@pytest.mark.parametrize(("part", "id", "k"), WRONG)
def test_a_rounded_wrong_answer_never_passes_unseen(part, id, k):
    """Rounded to three decimals it gets its reply, or another digit is asked for; where it rounds
    to the same number as the right answer, nobody could tell."""
    question = EXERCISES[part].question(id)
    wrong = question._distinct()[k]
    typed = round(wrong.value, 3)
    verdict = judge(part, id, typed)
    if verdict.passed:
        assert round(question.right, 3) == typed
    else:
        assert verdict.message == wrong.reply or verdict.state in ("unclear", "wrong")


@pytest.mark.parametrize(("part", "id"), NUMBERS)
def test_every_number_question_recognises_a_misconception(part, id):
    question = EXERCISES[part].question(id)
    assert len(question._distinct()) >= 2
    assert all(w.misconception in TITLES for w in question.wrong)
    assert len(question.hints) >= 2


@pytest.mark.parametrize(("part", "id"), CHOICES)
def test_choices_answer_each_wrong_letter(part, id):
    question = EXERCISES[part].question(id)
    replies = [judge(part, id, letter) for letter in question.replies]
    assert all(v.state == "wrong" for v in replies)
    assert len({v.message for v in replies}) == len(question.replies) >= 3
    assert {v.misconception for v in replies} <= set(TITLES)
    for way in (
        question.right.lower(),
        f" {question.right}. ",
        f"({question.right})",
        f"option {question.right}",
    ):
        assert judge(part, id, way).passed
    for bad in ("Z", "AB", 3, "yes", "No.", True):
        assert judge(part, id, bad).state == "unreadable"


@pytest.mark.parametrize(("part", "id"), QUESTIONS)
def test_all_words_are_filled_in(part, id):
    question = EXERCISES[part].question(id)
    texts = list(question.hints)
    texts += [w.reply for w in getattr(question, "wrong", ())]
    texts += [reply for reply, _ in getattr(question, "replies", {}).values()]
    texts += [reply for reply, _ in getattr(question, "confusions", {}).values()]
    texts.append(judge(part, id, "a difference between the private and the public schools").message)
    assert not any("{w." in t or "{s." in t or re.search(r"\{[a-z]+\}", t) for t in texts)


@pytest.mark.parametrize(("part", "id"), NUMBERS)
def test_no_reply_and_no_hint_contains_the_answer(part, id):
    question = EXERCISES[part].question(id)
    texts = [
        *question.hints,
        question.otherwise,
        question.measure,
        *(w.reply for w in question.wrong),
    ]
    texts += [
        judge(part, id, v).message
        for v in (0, 1, -1, 12345.678, "abc", -question.right, question.right * 10)
    ]
    shown = {f"{question.right:.{d}f}" for d in (1, 2, 3, 4)}
    for text in texts:
        assert not any(s in text for s in shown), text


# ---- the ways to type a number ------------------------------------------------------------------
MEAN = NumberQuestion("q", 95.1707, "points", (Wrong(94.6495, "that is Model 2."),), decimals=1)


@pytest.mark.parametrize(
    "typed",
    [
        95.1707, 95.2, 95.17, "95.2", "95,17", " 95.17 ", "95.17 points", "≈ 95.2", "about 95.2",
        "= 95.17", "94.82 + 0.35 = 95.17", "95.170700", np.float64(95.17), np.float32(95.17),
        np.array(95.17), np.array([95.17]), pd.Series([95.17]), pd.DataFrame({"x": [95.17]}),
        [95.17], (95.2,), decimal.Decimal("95.17"), fractions.Fraction(9517, 100), "９５.17",
        95.17070000000001, "9.517e1", "95.17.", "γ00 = 95.17",
    ],
)  # fmt: skip
def test_sensible_ways_to_type_it_pass(typed):
    assert MEAN.judge(to_plain(typed)).passed, MEAN.judge(to_plain(typed))


@pytest.mark.parametrize("typed", [95.1, 95.3, 95.16, 95.18, "95.170", "95,172", 95.1706, 95.1708])
def test_near_misses_at_the_edge_of_rounding_do_not(typed):
    assert MEAN.judge(to_plain(typed)).state == "wrong"


def test_too_coarse_an_answer_is_asked_for_another_digit():
    verdict = MEAN.judge(to_plain(95))
    assert verdict.state == "unclear"
    assert "another decimal" in verdict.message
    assert NumberQuestion("q", 95.1707, "points", decimals=0).judge(to_plain(95)).passed


def test_a_number_that_could_be_right_or_wrong_is_asked_for_another_digit():
    slope = NumberQuestion("q", 7.6947, "points", (Wrong(7.7031, "that is Model 2."),), decimals=1)
    assert slope.judge(to_plain(7.7)).state == "unclear"
    assert slope.judge(to_plain(7.69)).passed
    assert slope.judge(to_plain(7.703)).message == "that is Model 2."


@pytest.mark.parametrize(
    ("right", "passing", "failing"),
    [
        (0.25, [0.2, 0.3, 0.25, "0,250"], [0.1, 0.4, 0.24, "0.251"]),
        (-3.6007, [-3.6, "−3.60", "-3,601", "- 3.6"], [3.6, -3.59, -3.61, -3.5]),
        (0.0123, [0.0123, 0.012, "1.2e-2", ".0123"], [0.013, 0.0124, 0.02]),
        (93166.34, ["93,166.34", "93.166,34", 93166.34, "93166.3"], [93166.4, "93,167.0"]),
    ],
)
def test_rounding_edges(right, passing, failing):
    question = NumberQuestion("q", right, "points", decimals=1)
    for typed in passing:
        assert question.judge(to_plain(typed)).passed, typed
    for typed in failing:
        assert not question.judge(to_plain(typed)).passed, typed


SHARE = NumberQuestion(
    "q", 69.364, "percent", unit="percent", decimals=0, wrong=(Wrong(30.636, "left."),)
)


@pytest.mark.parametrize(
    "typed", [69.4, 69, "69%", "69.4 %", 0.694, "0,694", 0.69, "69 percent", 0.69364]
)
def test_percent_and_share_are_both_understood(typed):
    assert SHARE.judge(to_plain(typed)).passed


@pytest.mark.parametrize("typed", [70, 0.7, "0.694 %", 68.9, 6.94])
def test_wrong_percentages_are_not(typed):
    assert not SHARE.judge(to_plain(typed)).passed


def test_the_share_that_is_left_is_recognised_in_either_unit():
    for typed in (30.6, 0.306, "31%", "0.31"):
        assert SHARE.judge(to_plain(typed)).message == "left."


def test_percent_where_points_are_asked_for_is_said():
    assert "points" in MEAN.judge(to_plain("95.2%")).message


def test_sign_and_decimal_point_are_named():
    assert MEAN.judge(to_plain(-95.17)).misconception == "sign"
    assert MEAN.judge(to_plain(9517.07)).misconception == "decimal point"
    assert "points" in MEAN.judge(to_plain(50)).message


@pytest.mark.parametrize("text", ["", "abc", "1 2", "nan", "inf", "1e999", "1,2,3"])
def test_what_is_not_one_number_is_refused_in_a_sentence(text):
    with pytest.raises(Unreadable) as caught:
        read_number(text)
    assert str(caught.value).endswith(".")


# ---- fits and tables where they are plainly meant -----------------------------------------------
def test_a_row_counts_where_it_is_plainly_meant_but_a_whole_fit_or_table_nowhere():
    s = EXERCISES["part2"].study
    assert judge("part2", "q1", s.m3.fixed_effects.loc["Intercept"]).passed
    assert judge("part2", "q1", s.m3.fixed_effects.loc[["Intercept"], "estimate"]).passed
    assert judge("part2", "q1", s.m2.fixed_effects.loc["Intercept"]).misconception == "wrong model"
    whole = (s.m3, s.m3.fixed_effects, s.m3.fixed_effects["estimate"], s.m3.variance_components)
    for part, id in NUMBERS:
        for answer in whole:
            assert judge(part, id, answer).state == "unreadable", (part, id)


def test_a_contrast_and_a_comparison_count():
    import mlm_helpers as mlm

    s = EXERCISES["part4"].study
    columns = [s.m3.structure.coefficient(c).column for c in ("gamma10", "gamma11")]
    row = s.m3.contrast(dict.fromkeys(columns, 1))
    assert judge("part2", "q5", row).passed
    assert judge("part4", "q2", row).passed
    test = mlm.compare(s.m1_ri, s.m1)
    assert judge("part4", "q5", test.table["Chisq"].iloc[-1:]).passed
    share = 1 - s.tau(s.m2, 1) / s.tau(s.m1, 1)
    table = pd.DataFrame({"base": [2], "explained": [share]}, index=["tau11"])
    assert judge("part4", "q3", table).passed


@pytest.mark.parametrize(
    ("right", "unit", "decimals", "passing", "asked_again"),
    [
        (0.00004, "p", 3, ["< .001", "p < 0.001", 0.0, "0.000", 0, "<0,001"], ["< .05", "< .01"]),
        (0.0339, "percent", 1, [0, 0.0, 0.03, "0.034 %"], []),
        (0.0469, "number", 1, [0.05, 0.047, ".0469"], [0, 0.0, "0.0"]),
        (0.14654, "number", 1, [0.15, 0.147, 0.1465, ".1465"], [0]),
        (95.04, "number", 1, [95, 95.0, 95.04], []),
        (0.00042, "number", 1, [0.0004, 0.00042], [0.0, "0.000"]),
    ],
)
def test_what_an_output_prints_is_accepted_where_it_is_the_answer(
    right, unit, decimals, passing, asked_again
):
    near = Wrong(right + 3e-4 * abs(right), "next to it")
    far = Wrong(right + 2e-3 * abs(right), "a little beside it")
    question = NumberQuestion("q", right, "x", (near, far), unit=unit, decimals=decimals)
    for typed in passing:
        plain = NumberQuestion("q", right, "x", (near,), unit=unit, decimals=decimals)
        assert plain.judge(to_plain(typed)).passed, typed
    for typed in asked_again:
        assert question.judge(to_plain(typed)).state == "unclear", typed
    assert question.judge(to_plain(right)).passed


def test_a_bound_that_does_not_hold_is_wrong():
    question = NumberQuestion("q", 0.02, "x", unit="p", decimals=3)
    assert question.judge(to_plain("< .001")).state == "wrong"


def test_answers_survive_the_way_to_the_marker():
    for answer in [*MALFORMED, 95.17, "a sentence", EXERCISES["part2"].study.m3]:
        plain = to_plain(answer)
        assert Plain.from_json(json.loads(json.dumps(plain.to_json()))) == plain


@pytest.mark.parametrize("data", [None, 3, [], {}, {"kind": 3}, {"kind": "number", "text": None}])
def test_a_forged_answer_is_just_unreadable(data):
    assert Plain.from_json(data).kind == "other"


# ---- the notebook's side ------------------------------------------------------------------------
def test_check_returns_a_line_or_raises_one():
    ex = EXERCISES["part2"]
    right = ex.question("q1").right
    assert repr(ex.check("q1", right)) == "Question 1: that is right."
    with pytest.raises(NotYet) as caught:
        ex.check("q1", ...)
    assert caught.value._render_traceback_() == ["Question 1: not answered yet."]
    assert isinstance(caught.value, AssertionError)


def test_unknown_names_are_answered_with_suggestions():
    with pytest.raises(MLMError, match="Did you mean 'q1'"):
        EXERCISES["part2"].check("Q1")
    with pytest.raises(MLMError, match="Did you mean 'part2'"):
        exercise("prt2")


@pytest.mark.parametrize("part", PARTS)
def test_hints_come_in_stages(part):
    ex = exercise(part, EXERCISES[part].study)
    for id, question in ex.questions.items():
        assert len(question.hints) >= 2, id
        shown = [repr(ex.hint(id)) for _ in range(len(question.hints) + 1)]
        for text, hint in zip(shown, question.hints, strict=False):
            assert hint in text
        assert shown[-1] == shown[-2]
        assert repr(ex.hint(id, stage=1)) == shown[0]


@pytest.fixture
def shell():
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_sentence_needs_no_python(shell):
    ex = exercise("part1", EXERCISES["part1"].study)
    text = "the expected mean reading score of a public school with average school SES"
    for cell in (
        f"%%answer gamma00\n# one sentence, below this line\n{text}",
        f"%%answer gamma00\n{text[:20]}\n{text[20:]}\n",
        f'%%answer gamma00\n"{text}"',
        f"%%answer gamma00\nanswer_gamma00 = '{text}'",
        f"%%answer gamma00\n... {text}",
        f'answer_gamma00 = "{text}"',
    ):
        shell.run_cell(cell)
        assert ex.check("gamma00"), cell
        assert answers_assigned(cell) == ["answer_gamma00"]
        space: dict[str, object] = {}
        exec(as_code(cell), space)
        assert ex.judge("gamma00", to_plain(space["answer_gamma00"])).passed
    shell.run_cell("%%answer gamma00\n# one sentence, below this line\n...")
    assert ex._verdict("gamma00").state == "unanswered"
    assert written("It's “so” and so.") == "It's “so” and so."


@pytest.mark.parametrize(
    ("cell", "advised"),
    [
        ("answer_q3 = B", 'Put the letter in quotation marks: answer_q3 = "B"'),
        ("answer_q6b = The gap is smaller", "needs quotation marks"),
        ("answer_q1 = 95,2 points", "a number has a point and no unit"),
        ("answer_q1 = gamma", "cell further up"),
        ("answer_q1 = 1 / 0", "Repair this cell"),
    ],
)
def test_below_an_answer_cell_that_stops_stands_what_to_do(shell, capsys, cell, advised):
    exercise("part2", EXERCISES["part2"].study)
    capsys.readouterr()
    shell.run_cell(cell)
    assert advised in capsys.readouterr().out


def test_the_summary_names_what_is_open_and_never_fails(shell):
    ex = exercise("part2", EXERCISES["part2"].study)
    assert "0 of 11 right; open: 1, 2, 3, 4, 5, 6a, 6b, 7, 8, 9a and 9b." in repr(ex.summary())
    for id in ex.questions:
        shell.user_ns[f"answer_{id}"] = SOLUTIONS["part2", id]
    assert repr(ex.summary()).startswith("11 of 11 right. Save the notebook")
    shell.user_ns["answer_q1"] = 12.3
    shell.user_ns["answer_q6b"] = "Rich and poor wobble less in private than in public schools."
    shell.run_cell("answer_q4 = (")
    said = repr(ex.summary())
    assert said.startswith("8 of 11 right; not yet: 1; unclear: 6b; open: 4.")


def test_states_are_told_apart_by_sign_word_and_colour():
    from mlm_helpers.exercises.outputs import LOOKS, Shown

    states = ("right", "wrong", "unclear", "unanswered")
    for k in range(3):
        assert len({LOOKS[s][k] for s in states}) == 4
    shown = Shown("Question 1: <b> is long " + "x" * 300, "unclear")
    page = shown._repr_html_()
    assert "? Unclear." in page
    assert "&lt;b&gt;" in page
    assert "overflow-wrap:anywhere" in page


def test_the_check_points_at_an_answer_cell_that_crashed():
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        ex = exercise("part2", EXERCISES["part2"].study)
        shell.user_ns["ex"] = ex
        right = ex.question("q1").right
        shell.run_cell(f"answer_q1 = {right!r}")
        assert ex.check("q1")
        shell.run_cell("# a comment\nanswer_q1 = 1 / 0")
        with pytest.raises(
            NotYet, match="your answer cell stopped with ZeroDivisionError in line 2"
        ):
            ex.check("q1")
        with pytest.raises(NotYet, match="not answered yet: run the answer cell"):
            ex.check("q2")
        shell.run_cell("answer_q2 = (1")
        with pytest.raises(NotYet, match="SyntaxError"):
            ex.check("q2")
        shell.run_cell(f"answer_q1 = {right!r}")
        assert ex.check("q1")
    finally:
        InteractiveShell.clear_instance()


def test_questions_do_not_need_the_lectures_numbers():
    """The keys follow the data: with scores doubled, the right answers double."""
    import mlm_helpers as mlm
    from mlm_helpers.exercises.study import lecture_study

    ex1 = mlm.load_dataset("ex1")
    doubled = exercise("part2", lecture_study(ex1.assign(g1rscore=2 * ex1["g1rscore"])))
    old = EXERCISES["part2"]
    assert doubled.question("q5").right == pytest.approx(2 * old.question("q5").right, rel=1e-6)
    assert doubled.question("q9a").right == pytest.approx(old.question("q9a").right, rel=1e-6)


def test_a_study_of_another_shape_is_refused():
    import mlm_helpers as mlm
    from mlm_helpers.exercises.study import Study

    fit = mlm.fit_mlm("mathach ~ 1 + ses + (1 + ses | school)", mlm.load_dataset("hsb82"))
    with pytest.raises(MLMError, match="Model 3"):
        Study(fit)


def test_high_school_and_beyond_has_its_own_words():
    import mlm_helpers as mlm
    from mlm_helpers.exercises.study import Study

    hsb = mlm.load_dataset("hsb82")
    hsb["cses"] = mlm.center_within(hsb, "ses", "school")
    hsb["meansesgm"] = mlm.center_grand(hsb, "meanses", over="rows")
    fit = mlm.fit_mlm(
        "mathach ~ 1 + sector + meansesgm + cses + sector * cses + meansesgm * cses"
        " + (1 + cses | school)",
        hsb,
    )
    ex = exercise("part2", Study(fit, "hsb82"))
    assert ex.judge("q5", to_plain(ex.question("q5").right)).passed
    assert "Catholic" in ex.question("q2").wrong[0].reply


# ---- the matching board -------------------------------------------------------------------------
def test_the_board_is_named_readable_and_hands_in_a_line():
    ex = EXERCISES["part1"]
    board = ex.board()
    assert board.answers == {}
    for name, menu in board.menus.items():
        assert menu.description
        assert menu.tooltip
        assert name in ex.questions
    assert 'role="status"' in board.status.value
    board.answers = {"gamma00": "A"}
    assert "1 of 10 chosen" in board.status.value
    board.answers = ex.question("matching").right
    board.button.click()
    assert "every parameter has its definition" in board.status.value
    space: dict[str, object] = {}
    exec(board.line, space)
    assert ex.judge("matching", to_plain(space["answer_matching"])).passed
    assert ex.judge("matching", to_plain(board)).passed
    assert len(repr(ex.definitions()).splitlines()) == 10
    assert "<caption>" in ex.definitions()._repr_html_()


def test_matching_replies_name_the_parameter_and_the_confusion():
    question = EXERCISES["part1"].question("matching")
    seen = set()
    for name in question.right:
        for other in question.right:
            if name == other:
                continue
            verdict = question.judge(to_plain({**question.right, name: question.right[other]}))
            assert verdict.state == "wrong"
            assert question.written[name] in verdict.message
            assert verdict.misconception in TITLES
            seen.add(verdict.message)
    assert len(seen) > 30
    part = {k: question.right[k] for k in list(question.right)[:4]}
    assert question.judge(to_plain(part)).state == "unanswered"
    assert question.judge(to_plain({"gamma00": "Z"})).state == "unreadable"
    assert question.judge(to_plain({"gamma99": "A"})).state == "unreadable"
    written = {question.written[k]: v.lower() for k, v in question.right.items()}
    assert question.judge(to_plain(written)).passed
