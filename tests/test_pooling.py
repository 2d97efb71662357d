"""Rubin's rules: the values of R's mice and lmerTest, what must hold, and refusals."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.pooling import rubin

REFERENCE = Path(__file__).parent / "reference"
FORMULA = "y ~ x * w + (1 + x | g)"


@cache
def imputed() -> tuple[pd.DataFrame, ...]:
    return tuple(pd.read_csv(REFERENCE / "data" / f"imputed_{k}.csv") for k in (1, 2, 3))


@cache
def pooled() -> mlm.Pooled:
    return mlm.pool([mlm.fit_mlm(FORMULA, d) for d in imputed()])


def draw(files: int = 3) -> list[pd.DataFrame]:
    """Data with a fifth of x missing, imputed by regression within groups with noise."""
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(30), 10)
    x, w = rng.normal(size=300), rng.normal(size=30)[g]
    u = rng.normal(size=(30, 2)) * [1.0, 0.6]
    y = 2 + 0.8 * x + 0.5 * w + 0.3 * x * w + u[g, 0] + u[g, 1] * x + rng.normal(size=300)
    gone = rng.random(300) < 0.2
    out = []
    for _ in range(files):
        drawn = 0.3 * (y - y.mean()) + rng.normal(size=300) * 0.8
        out.append(pd.DataFrame({"y": y, "x": np.where(gone, drawn, x), "w": w, "g": g}).round(6))
    return out


def test_the_values_of_mice() -> None:
    table = pooled().fixed_effects
    for theirs in json.loads((REFERENCE / "values" / "pooling.json").read_text(encoding="utf-8")):
        name = theirs.pop("name").replace("(Intercept)", "Intercept")
        for column, value in theirs.items():
            assert table.loc[name, column] == pytest.approx(value, rel=2e-5), (name, column)


def test_by_hand() -> None:
    found = rubin(np.array([[1.0], [1.2], [1.1]]), np.full((3, 1), 0.04), np.array([50.0]))
    total = 0.04 + 4 / 3 * 0.01
    share = 4 / 3 * 0.01 / total
    old, seen = 2 / share**2, 51 / 53 * 50 * (1 - share)
    assert found["std_error"][0] == pytest.approx(np.sqrt(total))
    assert found["df"][0] == pytest.approx(old * seen / (old + seen))


def test_the_same_file_twice_adds_nothing_but_caution_in_the_df() -> None:
    fit = mlm.fit_mlm(FORMULA, imputed()[0])
    table, one = mlm.pool([fit, fit]).fixed_effects, fit.fixed_effects
    np.testing.assert_allclose(table["std_error"], one["std_error"])
    np.testing.assert_allclose(table["between"], 0, atol=1e-20)
    df = one["df"].to_numpy()
    np.testing.assert_allclose(table["df"], (df + 1) / (df + 3) * df)


def test_intervals_variances_and_words() -> None:
    result = pooled()
    ends, table = result.confint(), result.fixed_effects
    assert ((ends["lower"] < table["estimate"]) & (table["estimate"] < ends["upper"])).all()
    fits = [mlm.fit_mlm(FORMULA, d) for d in imputed()]
    variances = result.variance_components
    assert variances.loc["tau11", "variance"] == pytest.approx(
        np.mean([f.T.iloc[1, 1] for f in fits])
    )
    assert variances.loc["sigma2", "lowest"] == pytest.approx(min(f.sigma2 for f in fits))
    assert "3 imputed files" in result.describe()
    assert str(table["fmi"].idxmax()) in result.describe()


def test_a_singular_fit_is_pooled() -> None:
    flat = [d.assign(y=np.random.default_rng(2).normal(size=300)) for d in imputed()]
    fits = [mlm.fit_mlm(FORMULA, d) for d in flat]
    assert any(f.singular for f in fits)
    assert np.isfinite(mlm.pool(fits).fixed_effects["std_error"]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, b: [a], "two or more fits"),
        (lambda a, b: [a, mlm.fit_mlm("y ~ x + w + (1 + x | g)", b)], "another model"),
        (lambda a, b: [a, mlm.fit_mlm(FORMULA, b, reml=False)], "REML"),
        (lambda a, b: [a, mlm.fit_mlm(FORMULA, b.iloc[1:])], "has 299 rows"),
    ],
)
def test_what_cannot_be_pooled_is_said(change, words) -> None:
    one, two, _ = imputed()
    with pytest.raises(MLMError, match=words):
        mlm.pool(change(mlm.fit_mlm(FORMULA, one), two))


def test_the_files_are_those_drawn_here() -> None:
    for stored, drawn in zip(imputed(), draw(), strict=True):
        pd.testing.assert_frame_equal(stored, drawn)
