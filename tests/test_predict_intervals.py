"""Intervals of predictions: exact against Henderson's equations, and calibrated in simulation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reference import HERE
from test_pairs import kinds, model

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError

R = json.loads((HERE / "values" / "interpret.json").read_text(encoding="utf-8"))["errors"]


def elsewhere(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows in groups that were not fitted."""
    return frame.assign(g=1000 + frame["g"])


@pytest.mark.parametrize("name", ["plain", "singular", "few", "missing"])
def test_standard_errors_are_those_of_the_mixed_model_equations(name: str) -> None:
    fit, theirs = model(name), R[name]
    rows = fit.data
    for right, table in (
        ("known", fit.predict(interval="confidence")),
        ("known", fit.predict(rows, interval="confidence")),
        ("known_new_student", fit.predict(interval="prediction")),
        ("fixed", fit.predict(random=False, interval="confidence")),
        ("new_group", fit.predict(elsewhere(rows), interval="confidence")),
        ("new_group_new_student", fit.predict(elsewhere(rows), interval="prediction")),
        ("new_group_new_student", fit.predict(random=False, interval="prediction")),
        ("new_group_new_student", fit.predict(rows.drop(columns="g"), False, "prediction")),
    ):
        np.testing.assert_allclose(table["std_error"], theirs[right], rtol=2e-4, err_msg=right)
        assert (table.index == rows.index).all()
    np.testing.assert_allclose(fit.predict(interval="confidence")["predicted"], theirs["fitted"],
                               rtol=1e-5)  # fmt: skip
    np.testing.assert_array_equal(
        fit.predict(random=False, interval="confidence")["predicted"], fit.predict(random=False)
    )


def test_the_fixed_part_is_probed_alike() -> None:
    fit = model("plain")
    grid = mlm.prediction_grid(fit, "xc", by="kind", at={"w": 0.5})
    table = fit.predict(grid, random=False, interval="confidence")
    for column in ("predicted", "std_error", "df", "lower", "upper"):
        np.testing.assert_allclose(table[column], grid[column], rtol=1e-9)


def test_more_rows_of_a_school_tell_more_about_it() -> None:
    d = kinds()
    fit = mlm.fit_mlm("y ~ xc + (1 + xc | g)", d)
    ends = fit.predict(pd.DataFrame({"xc": 0.0, "g": [*range(1, 25), 99]}), interval="confidence")
    sizes = d.groupby("g").size()
    assert ends["std_error"].iloc[:24].corr(pd.Series(sizes.to_numpy())) < -0.7
    assert ends["std_error"].iloc[24] > ends["std_error"].iloc[:24].max()
    levels = [fit.predict(interval="confidence", level=v)["upper"].mean() for v in (0.5, 0.9, 0.99)]
    assert levels == sorted(levels)


def test_other_random_parts_and_chunks() -> None:
    d = kinds()
    for random in ("(1 | g)", "(0 + xc | g)", "(1 | g) + (0 + xc | g)", "(xc + 1 | g)"):
        fit = mlm.fit_mlm(f"y ~ xc * w + {random}", d)
        z, v = fit.design.z, fit.vcov.to_numpy()
        fixed = np.einsum("ij,jk,ik->i", fit.design.x, v, fit.design.x)
        new = fit.predict(elsewhere(fit.data), interval="prediction")["std_error"]
        t = np.einsum("ij,jk,ik->i", z, fit.T.to_numpy(), z)
        np.testing.assert_allclose(new, np.sqrt(fixed + t + fit.sigma2))
    parts = mlm.fit_mlm("y ~ xc * w + (1 + xc | g)", [d[:150], d[150:]])
    whole = mlm.fit_mlm("y ~ xc * w + (1 + xc | g)", d)
    np.testing.assert_allclose(
        parts.predict(d, interval="confidence"), whole.predict(d, interval="confidence"), rtol=1e-5
    )


def _coverage(groups: int, size: int, runs: int, seed: int) -> dict[str, Any]:
    """How often the intervals hold what they speak of, over samples drawn from one model."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), size)
    root = np.linalg.cholesky([[1.0, 0.2], [0.2, 0.4]])
    hits: dict[str, list[float]] = {"known": [], "student": [], "new": [], "new student": []}
    for _ in range(runs):
        x, u = rng.normal(size=len(g)), rng.normal(size=(groups + 1, 2)) @ root.T
        y = 2 + 0.5 * x + u[g, 0] + u[g, 1] * x + 1.5 * rng.normal(size=len(g))
        fit = mlm.fit_mlm("y ~ x + (1 + x | g)", pd.DataFrame({"y": y, "x": x, "g": g}))
        at = rng.normal(size=groups + 1)
        rows = pd.DataFrame({"x": at, "g": np.arange(groups + 1)})
        mean = 2 + 0.5 * at + u[:, 0] + u[:, 1] * at
        outcome = mean + 1.5 * rng.normal(size=groups + 1)
        for kind, truth, names in (
            ("confidence", mean, ("known", "new")),
            ("prediction", outcome, ("student", "new student")),
        ):
            table = fit.predict(rows, interval=kind)
            inside = ((table["lower"] <= truth) & (truth <= table["upper"])).to_numpy()
            hits[names[0]].append(inside[:-1].mean())
            hits[names[1]].append(inside[-1])
    return {name: float(np.mean(values)) for name, values in hits.items()}


def test_intervals_of_95_percent_hold_95_percent() -> None:
    covered = _coverage(groups=50, size=20, runs=400, seed=4)
    for name in ("known", "student"):  # 20,000 each
        assert abs(covered[name] - 0.95) < 0.01, covered
    for name in ("new", "new student"):  # 400 each: a standard error of .011
        assert abs(covered[name] - 0.95) < 0.035, covered


def test_questions_without_an_answer() -> None:
    fit = model("plain")
    for call, said in (
        (lambda: fit.predict(interval="tolerance"), "'confidence' or 'prediction'"),
        (lambda: fit.predict(interval="confidence", level=95), "level must"),
        (lambda: fit.predict(kinds().drop(columns="w"), interval="confidence"), "no column 'w'"),
    ):
        with pytest.raises(MLMError, match=said):
            call()
