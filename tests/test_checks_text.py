"""Definitions in students' own words: the table of phrasings, and what the replies say."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path

import pytest

from mlm_helpers.exercises import exercise
from mlm_helpers.exercises.judging.everyday import plain_language_rules
from mlm_helpers.exercises.judging.rules import RULES
from mlm_helpers.exercises.judging.text import judge_text
from mlm_helpers.exercises.misconceptions import TITLES
from mlm_helpers.exercises.part1 import PARAMETERS
from mlm_helpers.exercises.terms import Terms

TABLES = sorted(Path(__file__).parent.glob("free_text_phrasings*.csv"))
WORDS = Terms(
    school="school", schools="schools", student="student", mean="mean reading achievement",
    score="reading score", points="points", low="public", high="private", sector="sector",
    context="school mean SES", slope="SES–achievement slope", within="family SES",
)  # fmt: skip


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judged_right(row: dict[str, str]) -> bool:
    verdict = judge_text(row["text"], RULES[row["parameter"]], WORDS)
    return verdict.passed == (row["verdict"] == "good")


each_table = pytest.mark.parametrize("table", TABLES, ids=lambda t: t.stem)


@each_table
def test_a_table_has_enough_phrasings_of_each_kind(table):
    count = Counter((r["parameter"], r["verdict"]) for r in rows(table))
    assert set(count) == {(p, v) for p in PARAMETERS for v in ("good", "wrong")}
    assert min(count.values()) >= 5


@each_table
@pytest.mark.parametrize("verdict", ["good", "wrong"])
def test_nine_in_ten_phrasings_are_judged_right(table, verdict):
    chosen = [r for r in rows(table) if r["verdict"] == verdict]
    missed = [r for r in chosen if not judged_right(r)]
    assert len(missed) <= 0.1 * len(chosen), missed


def share(name: str) -> float:
    table = rows(Path(__file__).parent / f"free_text_phrasings_{name}.csv")
    return sum(map(judged_right, table)) / len(table)


def test_phrasings_by_other_eyes_are_judged_right():
    """``fresh`` was used once, after the rules were done: 94.5% then, and never tuned on."""
    assert share("half") >= 0.95
    assert share("fresh") >= 0.92


def test_a_right_definition_that_is_refused_is_rather_unclear_than_wrong():
    refused = [
        judge_text(r["text"], RULES[r["parameter"]], WORDS).state
        for table in TABLES
        for r in rows(table)
        if r["verdict"] == "good" and not judged_right(r)
    ]
    assert refused.count("wrong") <= len(refused) / 2


FITS_EVERYTHING = [
    "the expected mean achievement of a public school with average school mean SES, which has"
    " nothing to do with it",
    "the opposite of the expected mean of a public school with average school mean SES",
    "It is not the expected mean of a public school with average school mean SES",
    "how mean achievement differs between private and public schools holding school mean SES"
    " constant, or maybe the slope, or a deviation from the expected value given sector and school"
    " mean SES, or the variance that remains",
]


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("text", FITS_EVERYTHING)
def test_a_text_that_fits_everything_is_right_nowhere(parameter, text):
    assert judge_text(text, RULES[parameter], WORDS).state in ("unclear", "wrong")


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ("gamma10", "Expected SES slope in public schools of average school SES. For private ones"
         " it would be γ10 + γ11."),
        ("gamma01", "Difference in mean achievement (not in slopes) of private and public schools"
         " at equal school SES"),
        ("tau00", "variance of school means given sector and school SES; not of slopes, not of"
         " students"),
        ("u0j", "It is not a variance; it is how far the mean of school j lies from what its sector"
         " and mean SES predict."),
    ],
)  # fmt: skip
def test_what_a_sentence_denies_is_not_held_against_it(parameter, text):
    assert judge_text(text, RULES[parameter], WORDS).passed


def test_what_could_not_be_found_is_said_and_left_to_the_group():
    verdict = judge_text(
        "quirky wobble of the mean of school j around its sector and school SES destiny",
        RULES["u0j"],
        WORDS,
    )
    assert verdict.state == "unclear"
    assert "a deviation from an expected value" in verdict.message
    assert "your instructor" in verdict.message
    assert "Contradicted" not in verdict.message


@each_table
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_no_parameter_is_judged_badly(table, parameter):
    chosen = [r for r in rows(table) if r["parameter"] == parameter]
    assert sum(judged_right(r) for r in chosen) >= 0.8 * len(chosen)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_other_definition_is_told_from_this_one(parameter):
    """The model definition of one parameter does not pass for another."""
    ex = exercise("part1")
    definitions = ex.definitions().texts
    letters = ex.question("matching").right
    for other in PARAMETERS:
        verdict = judge_text(definitions[letters[other]], RULES[parameter], WORDS)
        assert verdict.passed == (other == parameter), (parameter, other, verdict)


def test_replies_say_what_is_missing_and_what_is_contradicted():
    missing = judge_text(
        "the expected mean reading score of a public school", RULES["gamma00"], WORDS
    )
    assert "Missing: at average school mean SES" in missing.message
    other = judge_text(
        "the expected SES slope in a public school with average school SES", RULES["gamma00"], WORDS
    )
    assert "Contradicted: it speaks of a slope" in other.message
    slope = judge_text(
        "difference in mean achievement between private and public schools, controlling for SES",
        RULES["gamma11"],
        WORDS,
    )
    assert slope.misconception == "interaction is a difference in means"
    context = judge_text(
        "the contextual effect of school mean SES on achievement for students of the same family"
        " SES, controlling for sector",
        RULES["gamma02"],
        WORDS,
    )
    assert context.misconception == "between is contextual"


def test_a_passing_reply_claims_no_more_than_it_can():
    verdict = judge_text(
        "the expected mean reading score of a public school with average school SES",
        RULES["gamma00"],
        WORDS,
    )
    assert verdict.passed
    assert "ideas" in verdict.message
    assert "your group" in verdict.message


def test_misspellings_and_british_spelling_are_understood():
    for text in (
        "expcted mean achievment of a publc school with avarage school SES",
        "Expected average reading score for a public school at the grand mean of school SES",
        "EXPECTED SCHOOL MEAN ACHIEVEMENT FOR A PUBLIC SCHOOL, CONTROLLING FOR SCHOOL-MEAN SES",
    ):
        assert judge_text(text, RULES["gamma00"], WORDS).passed, text


def test_negation_is_understood():
    text = "difference in mean achievement between private and public schools, {} school mean SES"
    assert judge_text(text.format("controlling for"), RULES["gamma01"], WORDS).passed
    for without in (
        "without controlling for",
        "not controlling for",
        "ignoring",
        "before adjusting for",
    ):
        verdict = judge_text(text.format(without), RULES["gamma01"], WORDS)
        assert verdict.misconception == "conditioning forgotten", without


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize(
    "text",
    ["I do not know what this means", "school school school", "the parameter of the model", "γ γ γ",
     "public private SES mean slope variance deviation difference controlling sector"],
)  # fmt: skip
def test_word_salad_does_not_pass(parameter, text):
    assert not judge_text(text, RULES[parameter], WORDS).passed


def test_the_rules_only_use_flags_that_exist_and_misconceptions_that_have_a_title():
    from mlm_helpers.exercises.judging.notions import FLAGS

    known = set(FLAGS)
    for rules in RULES.values():
        for when in [i.when for i in rules.needs] + [a.when for a in rules.against]:
            used = {w.lstrip("-") for way in when.split("/") for w in way.split()}
            assert used <= known, used - known
        assert {a.misconception for a in rules.against} <= set(TITLES)


PLAIN_GOOD = [
    "In private schools it matters less for reading how well off a child's family is than in"
    " public schools.",
    "Kids from richer families read better than kids from poorer ones; that gap is smaller in"
    " private schools than in public schools.",
    "Compared to public schools, family background is less strongly tied to reading scores in"
    " private schools.",
    "The reading gap between rich and poor students is bigger in public schools than in private"
    " ones.",
    "Take two classmates, one from a better-off family: in a public school their reading scores"
    " are further apart than in a private school.",
]
PLAIN_WRONG = {
    "cause": "Private schools make the reading gap between rich and poor children smaller than"
    " public schools do.",
    "direction reversed": "The reading gap between children from rich and poor families is larger"
    " in private schools than in public schools.",
    "flat is low": "Private school students score lower in reading, whatever their family income,"
    " and the gap is smaller than in public schools.",
}


@pytest.mark.parametrize("text", PLAIN_GOOD)
def test_plain_language_passes(text):
    assert judge_text(text, plain_language_rules(WORDS, steeper=False), WORDS).passed


@pytest.mark.parametrize("misconception", PLAIN_WRONG)
def test_plain_language_is_told_what_is_wrong(misconception):
    verdict = judge_text(PLAIN_WRONG[misconception], plain_language_rules(WORDS, False), WORDS)
    assert verdict.misconception == misconception, verdict


UNTOLD_GOOD = [
    "Children from richer families read better. These data cannot tell whether that gap is smaller"
    " or larger in private schools than in public schools with the same school mean SES.",
    "In these data the gap between rich and poor students in reading is a little smaller in private"
    " than in public schools, but that could be chance.",
    "There is not enough evidence that the reading gap between rich and poor kids differs between"
    " private and public schools.",
]
UNTOLD_WRONG = {
    "overclaim": PLAIN_GOOD[1],
    "not significant is zero": "The reading gap between rich and poor children is the same in"
    " private and in public schools.",
    "cause": "Private schools make the reading gap between rich and poor children smaller than"
    " public schools do, but that could be chance.",
}


@pytest.mark.parametrize("text", UNTOLD_GOOD)
def test_these_data_cannot_tell_is_right_where_they_cannot(text):
    assert judge_text(text, plain_language_rules(WORDS, False, told=False), WORDS).passed
    assert not judge_text(text, plain_language_rules(WORDS, False, told=True), WORDS).passed


@pytest.mark.parametrize("misconception", UNTOLD_WRONG)
def test_a_direction_that_the_data_do_not_tell_is_not_claimed(misconception):
    rules = plain_language_rules(WORDS, False, told=False)
    assert judge_text(UNTOLD_WRONG[misconception], rules, WORDS).misconception == misconception


def test_plain_language_refuses_technical_words_and_follows_the_data():
    rules = plain_language_rules(WORDS, steeper=False)
    text = "The slope of reading on family income is smaller in private than in public schools."
    assert "slope" in judge_text(text, rules, WORDS).message
    steeper = plain_language_rules(WORDS, steeper=True)
    assert not judge_text(PLAIN_GOOD[1], steeper, WORDS).passed
    assert judge_text(PLAIN_GOOD[1].replace("smaller", "larger"), steeper, WORDS).passed


# ---- recombined phrasings ------------------------------------------------------------------------
# Ways to say each part of a definition, put together at random: the rules must not depend on which
# ways happen to meet.
SAID = {
    "mean": [
        "mean achievement", "the average reading score", "school mean achievement",
        "the average achievement of a school", "mean reading scores", "the intercept",
        "average test score", "how well students read on average", "average reading performance",
    ],
    "slope": [
        "SES-achievement slope", "the within-school SES slope", "the slope of family SES",
        "the relationship between family SES and reading within schools",
        "the effect of a student's family SES on achievement",
        "the SES gap in reading within a school", "the association of student SES with reading",
        "the family-SES/achievement gradient", "the link between family background and reading",
    ],
    "held_ses": [
        "controlling for school mean SES", "holding the school's mean SES constant",
        "at the same school mean SES", "adjusted for mean SES of the school",
        "for schools with equal average SES", "once school-level SES is taken into account",
        "net of school mean SES", "when school SES is held fixed",
    ],
    "average_ses": [
        "with average school mean SES", "whose mean SES is average",
        "at the grand mean of school SES", "that has an average SES",
        "where school mean SES equals the overall average", "when school mean SES is at its mean",
    ],
    "held_sector": [
        "controlling for sector", "holding sector constant", "within the same sector",
        "among schools of the same type", "given sector", "net of sector",
    ],
    "given_both": [
        "given sector and school mean SES", "conditional on sector and school SES",
        "after controlling for sector and school mean SES",
    ],
    "left_over": [
        "that is left after taking account of sector and mean SES",
        "not explained by sector and school SES", "unexplained by sector and mean SES",
        "that remains once sector and school mean SES are in the model",
    ],
    "public": ["a public school", "public schools", "schools in the public sector"],
}  # fmt: skip
PUT_TOGETHER = {
    "0": ["expected {x} of {public} {average_ses}", "for {public} {average_ses}, the expected {x}",
          "{x} we would predict for {public} {average_ses}"],
    "1": ["difference in {x} between private and public schools, {held_ses}",
          "how much {x} differs between private and public schools, {held_ses}",
          "private minus public difference in {x}, {held_ses}",
          "how {x} of private schools compares with that of public schools, {held_ses}"],
    "2": ["change in {x} per unit of school mean SES, {held_sector}",
          "how much {x} changes as school mean SES increases by one unit, {held_sector}",
          "how {x} is related to school mean SES, {held_sector}"],
    "u": ["deviation of {x} of school j from the value expected {given_both}",
          "how far {x} of school j is from what we would predict from its sector and mean SES",
          "the part of school j's {x} that sector and school mean SES do not explain"],
    "tau": ["variance of {x} across schools {left_over}", "residual variance of {x} {given_both}",
            "how much {x} varies between schools {given_both}"],
}  # fmt: skip


def recombined(parameter: str, draw: random.Random) -> str:
    about = "mean" if _about_means(parameter) else "slope"
    kind = {"g": parameter[-1], "u": "u", "t": "tau"}[parameter[0]]
    parts = {name: draw.choice(ways) for name, ways in SAID.items()}
    return draw.choice(PUT_TOGETHER[kind]).format(x=parts[about], **parts)


def _about_means(parameter: str) -> bool:
    return parameter in ("gamma00", "gamma01", "gamma02", "u0j", "tau00")


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_recombined_phrasings_pass_for_their_parameter_and_no_other(parameter):
    draw = random.Random(1)
    mine = [recombined(parameter, draw) for _ in range(40)]
    missed = [t for t in mine if not judge_text(t, RULES[parameter], WORDS).passed]
    assert len(missed) <= 2, missed
    others = [recombined(p, draw) for p in PARAMETERS if p != parameter for _ in range(5)]
    taken = [t for t in others if judge_text(t, RULES[parameter], WORDS).passed]
    assert len(taken) <= 1, taken
