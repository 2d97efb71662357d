"""Whatever is typed or loaded, a fit is made or one sentence says why not: nothing else.

Hypothesis makes the formulas and the frames, the same ones on every machine; warnings are errors.
``tests/benchmarks/random_designs.py`` fits ten thousand random designs and verifies each optimum.
"""

from __future__ import annotations

import itertools
import os
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlm_helpers.engine.fit import fit_mlm
from mlm_helpers.engine.formula import parse_formula
from mlm_helpers.errors import MLMError

# FUZZ=20000 python -m pytest tests/test_fuzz.py looks longer, elsewhere each time
LONG = int(os.environ.get("FUZZ", "0"))
CALM = settings(
    max_examples=LONG or 300,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


def small_frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    school = np.repeat(np.arange(9), 6)
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=54) + rng.normal(size=9)[school],
            "x": rng.normal(size=54),
            "w": rng.normal(size=9)[school],
            "kind": np.array(["north", "south", "west"])[school % 3],
            "two words": rng.normal(size=54),
            "school": school,
        }
    )
    return frame


FRAME = small_frame()


def fits_or_says_why(formula: object, data: object) -> None:
    """The one promise of ``fit_mlm``; of a fit, the tables and the printed text are made too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fit = fit_mlm(formula, data)  # type: ignore[arg-type]
            text = str(fit)
        except MLMError as error:
            sentence = str(error)
            assert len(sentence) > 20
            assert "\n" not in sentence.strip()
            assert "Traceback" not in sentence
            return
    assert fit.formula in text
    assert np.isfinite(fit.criterion)
    assert np.isfinite(fit.fixed_effects["estimate"]).all()
    assert np.linalg.eigvalsh(fit.T.to_numpy())[:1].sum() >= -1e-8 * np.abs(fit.T.to_numpy()).max()
    assert fit.sigma2 > 0
    assert len(fit.random_effects) == fit.ngroups
    assert len(fit.fitted) == fit.nobs


# ---- formulas ----------------------------------------------------------------------------------
names = st.sampled_from(["y", "x", "w", "kind", "school", "`two words`", "nope", "1", "0", "-1"])
calls = st.builds(
    "{}({})".format,
    st.sampled_from(["log", "I", "C", "poly", "center", "scale", "bs", "exp", "np.sqrt", "who"]),
    st.sampled_from(["x", "w", "kind", "x + 1", "x^2", "x, 2", "w / x", ""]),
)
terms = st.recursive(
    st.one_of(names, calls),
    lambda inner: st.one_of(
        st.builds(
            "{} {} {}".format, inner, st.sampled_from(["+", "-", "*", ":", "/", "%in%", "^"]), inner
        ),
        st.builds("({})".format, inner),
        st.builds("{}^{}".format, inner, st.integers(-1, 12)),
    ),
    max_leaves=5,
)
bars = st.builds(
    "({} {} {})".format,
    st.sampled_from(["1", "1 + x", "0 + x", "x", "w", "kind", "x * w", "", "0", "log(x)"]),
    st.sampled_from(["|", "||"]),
    st.sampled_from(["school", "kind", "w", "school/kind", "nope", "", "x"]),
)
formulas = st.builds(
    "{} {} {} + {}".format,
    st.sampled_from(
        ["y", "log(y)", "y + x", "kind", "school", "", "nope", "y | x", "-y", "exp(y)"]
    ),
    st.sampled_from(["~", "~", "~", "~~", "="]),
    terms,
    st.lists(bars, min_size=0, max_size=2).map(" + ".join),
)


@CALM
@given(formulas)
def test_formulas_that_look_like_formulas(formula: str) -> None:
    fits_or_says_why(formula, FRAME)


@CALM
@given(st.text(alphabet="yxw10 ~+-*:/|()^`.,[]{}'\"\\#%=<>é\n\t", max_size=40))
def test_any_text_as_a_formula(text: str) -> None:
    fits_or_says_why(text, FRAME)


GOOD = "y ~ 1 + x * w + kind + log(x^2 + 1) + (1 + x | school)"


@CALM
@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD)), st.sampled_from([*"~+*:|()^`'", "", " + ", "(1|w)"])),
        min_size=1,
        max_size=3,
    )
)
def test_a_good_formula_with_slips_of_the_finger(slips: list[tuple[int, str]]) -> None:
    text = GOOD
    for at, what in slips:
        text = text[:at] + what + text[at + (what == "") :]
    fits_or_says_why(text, FRAME)


@pytest.mark.parametrize("thing", [None, 3, 2.5, [], ["y ~ x"], b"y ~ x + (1 | school)", object()])
def test_what_is_no_formula(thing: object) -> None:
    with pytest.raises(MLMError, match="The formula must be text"):
        parse_formula(thing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y | x ~ w + (1 | school)", "several parts"),
        ("y ~ (x + w + kind)^25 + (1 | school)", "stands for products"),
        ("y ~ (x + w)^2^2 + (1 | school)", "stands for products"),
    ],
)
def test_formulas_that_once_crashed_or_hung(formula: str, words: str) -> None:
    with pytest.raises(MLMError, match=words):
        fit_mlm(formula, FRAME)


def test_powers_that_are_meant_are_read() -> None:
    assert "x:w" in fit_mlm("y ~ (x + w)^2 + (1 | school)", FRAME).design.columns
    assert "I(x ** 9)" in fit_mlm("y ~ I(x^9) + (1 | school)", FRAME).design.columns


# ---- frames ------------------------------------------------------------------------------------
ROWS = 24
anything = st.one_of(
    st.none(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=4),
    st.booleans(),
    st.dates(),
)
values = st.one_of(
    st.lists(st.floats(-1e3, 1e3), min_size=ROWS, max_size=ROWS),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=ROWS, max_size=ROWS),
    st.lists(st.sampled_from([1e-300, 1e300, 0.0, 1.0, -1e-9]), min_size=ROWS, max_size=ROWS),
    st.lists(st.integers(-3, 3), min_size=ROWS, max_size=ROWS),
    st.lists(st.sampled_from(["a", "b", None]), min_size=ROWS, max_size=ROWS),
    st.lists(st.booleans(), min_size=ROWS, max_size=ROWS),
    st.lists(anything, min_size=ROWS, max_size=ROWS),
    st.floats(-1e6, 1e6).map(lambda v: [v] * ROWS),
    st.just(list(np.linspace(1e9, 1e9 + 1, ROWS))),
)
types = st.sampled_from([None, "category", "string", "Int64", "float32", "object", "complex"])
labels = st.one_of(
    st.lists(st.integers(0, 5), min_size=ROWS, max_size=ROWS),
    st.lists(st.sampled_from(["p", "q", "r", None]), min_size=ROWS, max_size=ROWS),
    st.lists(st.one_of(st.integers(0, 2), st.sampled_from("pq")), min_size=ROWS, max_size=ROWS),
    st.lists(st.floats(0, 3), min_size=ROWS, max_size=ROWS),
    st.just(list(itertools.islice(itertools.cycle("abcd"), ROWS))),
    values,
)


def column(of: list, kind: str | None) -> pd.Series:
    made = pd.Series(of)
    if kind is None:
        return made
    try:
        with np.errstate(all="ignore"):
            return made.astype(kind)
    except (TypeError, ValueError, OverflowError):
        return made


@CALM
@given(
    st.tuples(values, types),
    st.tuples(values, types),
    st.tuples(values, types),
    st.tuples(labels, types),
    st.sampled_from(
        [
            "y ~ x + (1 | g)",
            "y ~ x * w + (1 + x | g)",
            "y ~ w + (0 + x | g) + (1 | g)",
            "log(y) ~ x + C(w) + (1 | g)",
        ]
    ),
)
def test_frames_of_anything(y: tuple, x: tuple, w: tuple, g: tuple, formula: str) -> None:
    frame = pd.DataFrame({"y": column(*y), "x": column(*x), "w": column(*w), "g": column(*g)})
    fits_or_says_why(formula, frame)


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame(),
        pd.DataFrame(columns=["y", "x", "g"]),
        FRAME[["y", "x"]].assign(g=1),
        FRAME.set_axis(range(6), axis=1),
        FRAME.set_axis(pd.MultiIndex.from_product([["a", "b"], list("xyz")]), axis=1),
        pd.concat([FRAME, FRAME], axis=1).rename(columns={"school": "g"}),
        FRAME.rename(columns={"school": "g"}).set_index(["g", "w"]),
        FRAME.rename(columns={"school": "g"}).loc[[0] * 30],
        FRAME.to_numpy(),
        FRAME["y"],
        {"y": [1]},
        None,
        "students.parquet",
    ],
    ids=lambda data: type(data).__name__,
)
def test_odd_frames(data: object) -> None:
    fits_or_says_why("y ~ x + (1 | g)", data)


def test_index_does_not_matter() -> None:
    odd = FRAME.set_axis(pd.Index([0] * len(FRAME), name="y"))
    one, other = (fit_mlm("y ~ x + (1 + x | school)", d) for d in (FRAME, odd))
    assert one.criterion == other.criterion
    assert len(other.fitted) == len(FRAME)
