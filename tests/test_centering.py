"""Centering: what the columns are, and the sentence for each thing that can be wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

import mlm_helpers as mlm
from mlm_helpers.data.centering import is_group_level
from mlm_helpers.errors import MLMError


@pytest.fixture
def data() -> pd.DataFrame:
    """Two schools of different size, so that the two grand means differ; an index with a story."""
    return pd.DataFrame(
        {
            "school": ["b", "a", "b", "a", "b"],
            "ses": [1.0, 2.0, 3.0, 6.0, 5.0],
            "climate": [10.0, 0.0, 10.0, 0.0, 10.0],
            "sector": ["public", "Catholic", "public", "Catholic", "public"],
        },
        index=[7, 7, 3, 1, 2],
    )


def test_group_mean_has_one_value_per_row(data):
    mean = mlm.group_mean(data, "ses", "school")
    assert mean.tolist() == [3, 4, 3, 4, 3]
    assert mean.name == "ses_mean"
    assert mean.index.equals(data.index)


def test_center_within_leaves_deviations_from_schoolmates(data):
    within = mlm.center_within(data, "ses", "school")
    assert within.tolist() == [-2, -2, 0, 2, 2]
    assert within.name == "ses_within"
    assert within.index.equals(data.index)


def test_grand_mean_over_rows_counts_large_schools_more(data):
    grand = mlm.center_grand(data, "climate", over="rows")
    assert grand.tolist() == [4, -6, 4, -6, 4]
    assert grand.name == "climate_grand"


def test_grand_mean_over_groups_counts_schools_once(data):
    grand = mlm.center_grand(data, "climate", over="groups", group="school")
    assert grand.tolist() == [5, -5, 5, -5, 5]
    assert grand.name == "climate_grand"


def test_the_table_is_left_as_it_was(data):
    before = data.copy()
    mlm.group_mean(data, "ses", "school")
    mlm.center_within(data, "ses", "school")
    mlm.center_grand(data, "climate", over="groups", group="school")
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize("dtype", ["int64", "float32", "Int64", "Float64", "float64[pyarrow]"])
def test_every_kind_of_number_gives_float64(data, dtype):
    mean = mlm.group_mean(data.astype({"ses": dtype}), "ses", "school")
    assert mean.dtype == "float64"
    assert mean.tolist() == [3, 4, 3, 4, 3]


def test_categorical_groups_with_an_unused_category(data):
    data["school"] = pd.Categorical(data["school"], categories=["a", "b", "closed"])
    grand = mlm.center_grand(data, "climate", over="groups", group="school")
    assert grand.tolist() == [5, -5, 5, -5, 5]


numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
tables = data_frames(
    [column("x", elements=numbers), column("g", elements=st.integers(0, 4))],
    index=range_indexes(min_size=1, max_size=30),
)


@given(tables)
def test_mean_and_deviation_add_up_and_deviations_cancel(table):
    mean, within = mlm.group_mean(table, "x", "g"), mlm.center_within(table, "x", "g")
    scale = 1 + table["x"].abs().max()
    np.testing.assert_allclose(mean + within, table["x"], atol=1e-12 * scale)
    np.testing.assert_allclose(within.groupby(table["g"]).sum(), 0, atol=1e-9 * scale)
    assert is_group_level(table.assign(m=mean), "m", "g")


@given(tables, numbers)
def test_adding_a_constant_does_not_move_what_is_centered(table, shift):
    moved = table.assign(x=table["x"] + shift)
    scale = 1 + table["x"].abs().max() + abs(shift)
    for before, after in (
        (mlm.center_within(table, "x", "g"), mlm.center_within(moved, "x", "g")),
        (mlm.center_grand(table, "x", over="rows"), mlm.center_grand(moved, "x", over="rows")),
    ):
        np.testing.assert_allclose(before, after, atol=1e-12 * scale)


def test_high_school_and_beyond(hsb):
    assert mlm.center_within(hsb, "ses", "school").groupby(hsb["school"]).mean().abs().max() < 1e-12
    rows = mlm.center_grand(hsb, "meanses", over="rows")
    schools = mlm.center_grand(hsb, "meanses", over="groups", group="school")
    assert rows.mean() == pytest.approx(0, abs=1e-12)
    assert schools[~hsb["school"].duplicated()].mean() == pytest.approx(0, abs=1e-12)
    assert (schools - rows).std() == pytest.approx(0, abs=1e-12)
    assert abs((schools - rows).mean()) > 0.005


@pytest.mark.parametrize(
    ("column", "level2"), [("ses", False), ("climate", True), ("sector", True), ("school", True)]
)
def test_is_group_level(data, column, level2):
    assert is_group_level(data, column, "school") is level2


def test_group_level_forgives_the_last_digit_but_no_more(data):
    data["climate"] += [0, 0, 1e-12, 0, 0]
    assert is_group_level(data, "climate", "school")
    data["climate"] += [0, 0, 1e-6, 0, 0]
    assert not is_group_level(data, "climate", "school")


def test_group_level_with_a_large_offset(data):
    assert not is_group_level(data.assign(x=data["ses"] * 1e-3 + 1e9), "x", "school")


def calls():
    missing = {"ses": [1.0, np.nan, 3.0, 6.0, np.nan]}
    return {
        "misspelt column": (lambda d: mlm.group_mean(d, "sess", "school"), "'sess'.*mean 'ses'"),
        "misspelt group": (lambda d: mlm.center_within(d, "ses", "School"), "mean 'school'"),
        "nothing alike": (lambda d: mlm.group_mean(d, "q", "school"), "columns are school, ses"),
        "text": (lambda d: mlm.group_mean(d, "sector", "school"), "'sector'.*not numbers"),
        "missing values": (
            lambda d: mlm.group_mean(d.assign(**missing), "ses", "school"),
            r"'ses' has 2 missing values.*dropna\(subset=\['ses'\]\)",
        ),
        "missing group": (
            lambda d: mlm.group_mean(d.assign(school=["a", None, "b", "b", "b"]), "ses", "school"),
            "'school' has 1 missing value:",
        ),
        "infinite": (
            lambda d: mlm.group_mean(d.assign(ses=[1, 2, np.inf, 4, 5]), "ses", "school"),
            "'ses' has 1 infinite value:",
        ),
        "no choice of mean": (lambda d: mlm.center_grand(d, "ses"), "over='rows'.*over='groups'"),
        "wrong choice": (lambda d: mlm.center_grand(d, "ses", over="schools"), "'schools' is nei"),
        "no group": (lambda d: mlm.center_grand(d, "ses", over="groups"), "group="),
        "varies within": (
            lambda d: mlm.center_grand(d, "ses", over="groups", group="school"),
            "'ses' differs within groups of 'school'",
        ),
        "no rows": (lambda d: mlm.group_mean(d.head(0), "ses", "school"), "no rows"),
        "not a table": (lambda d: mlm.group_mean(d.to_dict(), "ses", "school"), "DataFrame.*dict"),
        "column twice": (
            lambda d: mlm.group_mean(pd.concat([d, d], axis=1), "ses", "school"),
            "2 columns named 'ses'",
        ),
    }


@pytest.mark.parametrize("case", calls())
def test_each_mistake_gets_one_sentence(data, case):
    call, words = calls()[case]
    with pytest.raises(MLMError, match=words) as raised:
        call(data)
    assert "\n" not in str(raised.value)
