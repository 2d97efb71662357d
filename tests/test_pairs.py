"""All pairs of simple slopes and of means, as R's emmeans gives them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reference import HERE, fit

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError

R = json.loads((HERE / "values" / "interpret.json").read_text(encoding="utf-8"))
COLUMNS = ["estimate", "std_error", "df", "t", "p", "lower", "upper"]


def kinds() -> pd.DataFrame:
    return pd.read_csv(HERE / "data" / "kinds.csv")


@cache
def model(name: str) -> Any:
    data, outcome = kinds(), {"singular": "y0", "missing": "ym"}.get(name, "y")
    if name == "few":
        data = data[data["g"] <= 9]
    return mlm.fit_mlm(f"{outcome} ~ xc * kind + xc * w + (1 + xc | g)", data, reml=name != "ml")


def same(ours: pd.DataFrame, theirs: dict, rtol: float = 2e-4) -> None:
    for column in COLUMNS:
        np.testing.assert_allclose(
            ours[column], theirs[column], rtol=rtol, atol=2e-5, err_msg=column
        )


@pytest.mark.parametrize("adjust", ["tukey", "holm", "none"])
@pytest.mark.parametrize("name", ["plain", "singular", "few", "missing", "ml"])
def test_pairs_of_three_kinds_against_emmeans(name: str, adjust: Any) -> None:
    slopes = mlm.slope_pairs(model(name), "xc", by="kind", at={"w": 0}, adjust=adjust)
    assert slopes["label"].tolist()[0] == "kind = coast − kind = hills"
    means = mlm.intercept_pairs(model(name), by="kind", at={"w": 0}, adjust=adjust)
    same(slopes, R["pairs"][name]["slopes"][adjust])
    same(means, R["pairs"][name]["means"][adjust])


@pytest.mark.parametrize("adjust", ["tukey", "holm", "none"])
def test_pairs_along_a_moderator_against_emmeans(adjust: Any) -> None:
    """Differences of slopes along one line: all have the same t."""
    h = mlm.load_dataset("hsb82")
    h["m"], h["c"] = mlm.group_mean(h, "ses", "school"), mlm.center_within(h, "ses", "school")
    m3 = mlm.fit_mlm("mathach ~ m * c + sector * c + (1 + c | school)", h)
    ours = mlm.slope_pairs(m3, "c", by="m", at={"sector": 0}, adjust=adjust)
    same(ours, R["pairs_hsb"][adjust], rtol=5e-4)


def test_two_values_need_no_adjustment() -> None:
    m2 = fit("hsb_m2")
    term = m2.structure.coefficient("sector:cses").column
    for adjust in ("tukey", "holm", "none"):
        pair = mlm.slope_pairs(m2, "cses", by="sector", adjust=adjust).iloc[0]
        own = m2.fixed_effects.loc[term]
        assert pair["p"] == pytest.approx(own["p"], rel=1e-8)
        assert pair["estimate"] == pytest.approx(-own["estimate"])


def test_what_was_found_is_said_without_accepting_what_was_not() -> None:
    table = mlm.slope_pairs(model("plain"), "xc", by="kind")
    assert "Tukey" in table.attrs["note"]
    assert "No two of the slopes can be told apart" in table.attrs["sentence"]
    assert "does not show that they are equal" in table.attrs["sentence"]
    means = mlm.intercept_pairs(fit("hsb_m2"), by="sector")
    assert "in every pair" in means.attrs["sentence"]
    plain = mlm.slope_pairs(model("plain"), "xc", by="kind", adjust="none")
    assert "without an adjustment" in plain.attrs["note"]


def test_questions_without_an_answer() -> None:
    m = model("plain")
    for call, said in (
        (lambda: mlm.slope_pairs(m, "xc", by="kind", adjust="scheffe"), "adjust must be"),
        (lambda: mlm.slope_pairs(m, "xc", by="w", at={"w": 1}), "two or more"),
        (lambda: mlm.slope_pairs(m, "xc", by="w", at={"w": [1, 1]}), "nothing to compare"),
        (lambda: mlm.slope_pairs(m, "kind", by="w"), "not a slope"),
        (lambda: mlm.slope_pairs(m, "xc", level=2), "level must"),
    ):
        with pytest.raises(MLMError, match=said):
            call()
