"""Power by simulation: reproducible, right where theory is exact, and clear about bad designs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.planning import Study, approximate_power, draw_sample, fit_sample

T = [[1.0, 0.1], [0.1, 0.3]]
DESIGN = {"groups": 40, "size": 10, "gamma11": 0.5, "T": T, "sigma2": 4.0}


def test_the_seed_alone_decides() -> None:
    one = mlm.power(**DESIGN, replications=60, seed=5, keep_draws=True)
    two = mlm.power(**DESIGN, replications=60, seed=5, keep_draws=True, n_jobs=2)
    pd.testing.assert_frame_equal(one.table, two.table)
    assert one.draws is not None
    assert two.draws is not None
    pd.testing.assert_frame_equal(one.draws, two.draws)
    other = mlm.power(**DESIGN, replications=60, seed=6, keep_draws=True)
    assert other.draws is not None
    assert not np.allclose(one.draws["estimate"], other.draws["estimate"])


def test_more_replications_keep_the_first_ones() -> None:
    few = mlm.power(**DESIGN, replications=30, keep_draws=True).draws
    many = mlm.power(**DESIGN, replications=60, keep_draws=True).draws
    assert few is not None
    assert many is not None
    pd.testing.assert_frame_equal(few, many.head(30))


def test_a_draw_is_the_fit_of_its_rows() -> None:
    study = Study(groups=12, size=6, gamma11=0.5, T=((1.0, 0.1), (0.1, 0.3)), sigma2=4.0)
    fit = fit_sample(study, (1, 2, 3))
    x, w, y, codes = draw_sample(study, np.random.default_rng([1, 2, 3]))
    rows = pd.DataFrame({"x": x, "w": w, "y": y, "school": codes})
    whole = mlm.fit_mlm("y ~ 1 + x + w + x:w + (1 + x | school)", rows)
    assert fit is not None
    assert np.allclose(fit.fixed_effects, whole.fixed_effects, rtol=1e-9)


def test_near_the_classical_formula_where_it_holds() -> None:
    row = mlm.power(**DESIGN, replications=400, seed=2).table.iloc[0]
    study = Study(**{**DESIGN, "T": ((1.0, 0.1), (0.1, 0.3))})
    assert row["approximate"] == approximate_power(study)
    assert abs(row["power"] - row["approximate"]) < 4 * row["power_se"]
    assert abs(row["mean_estimate"] - 0.5) < 4 * row["sd_estimate"] / math.sqrt(400)
    assert row["power_se"] == pytest.approx(math.sqrt(row["power"] * (1 - row["power"]) / 400))


def test_size_of_the_test_under_the_null() -> None:
    row = mlm.power(**{**DESIGN, "gamma11": 0.0}, replications=400, seed=4).table.iloc[0]
    assert abs(row["power"] - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 400)
    assert row["approximate"] == pytest.approx(0.05)
    assert row["coverage"] == 1 - row["power"]


def test_curves_over_designs() -> None:
    table = mlm.power(
        groups=[10, 20], size=[4, 8], gamma11=1.0, T=T, sigma2=4.0, replications=5
    ).table
    assert table[["groups", "size"]].to_numpy().tolist() == [[10, 4], [10, 8], [20, 4], [20, 8]]


def test_unequal_sizes_and_normal_moderator() -> None:
    study = Study(40, 10, 0.5, ((1.0, 0.0), (0.0, 0.0)), 4.0, moderator="normal", size_cv=0.6)
    x, w, _, codes = draw_sample(study, np.random.default_rng(1))
    sizes = np.bincount(codes)
    assert sizes.min() >= 2
    assert sizes.std() > 3
    assert len(np.unique(w)) == 40
    assert np.abs(np.bincount(codes, weights=x)).max() < 1e-12
    row = mlm.power(
        groups=40,
        size=10,
        gamma11=0.3,
        T=[[1, 0], [0, 0]],
        sigma2=4.0,
        replications=40,
        moderator="normal",
        size_cv=0.6,
    ).table.iloc[0]
    assert row["singular"] > 0  # τ11 is 0: some fits must end on the boundary, and are counted


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"groups": 2}, "groups must be a whole number of at least 4"),
        ({"groups": []}, "list of designs is empty"),
        ({"size": 1}, "size must be a whole number of at least 2"),
        ({"size": 2.5}, "size must be a whole number"),
        ({"T": [[1, 2], [2, 1]]}, "no covariance matrix"),
        ({"T": [[1, 0.5], [0, 1]]}, "symmetric"),
        ({"T": 3}, "2 x 2"),
        ({"sigma2": 0}, "sigma2 must be positive"),
        ({"share": 0.0}, "one of the two kinds has no school"),
        ({"moderator": "ordinal"}, "'binary' or 'normal'"),
        ({"replications": 0}, "replications must be"),
        ({"alpha": 5}, "alpha must lie between 0 and 1"),
        ({"schools": 3}, "power has no argument 'schools'"),
        ({"size_cv": -1}, "size_cv must not be negative"),
        ({"size": 2}, "schools with 2 students each cannot be fitted"),
        ({"size": [20, 2]}, "schools with 2 students each cannot be fitted"),
        ({"groups": 4, "size": 2, "moderator": "normal"}, "cannot be fitted, so it has no power"),
        ({"size": 2, "size_cv": 0.05}, "cannot be fitted"),
        ({"sigma2": 1e-30}, "cannot be fitted"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"replications": 2.5}, "replications must be"),
        ({"replications": "many"}, "replications must be"),
        ({"alpha": "5%"}, "alpha must lie"),
        ({"gamma11": float("nan")}, "gamma11 must be a finite number"),
        ({"gamma11": "0.3"}, "gamma11 must be a finite number"),
        ({"sigma2": None}, "sigma2 must be a finite number"),
        ({"groups": "ten"}, "groups must be a whole number"),
        ({"groups": True}, "groups must be a whole number"),
        ({"T": "unit"}, "2 x 2"),
        ({"T": [[1, float("nan")], [0, 1]]}, "symmetric"),
        ({"share": 1.4}, "one of the two kinds has no school"),
    ],
)
def test_bad_designs(change: dict, sentence: str) -> None:
    with pytest.raises(MLMError, match=sentence):
        mlm.power(**{**DESIGN, "replications": 2, **change})


def test_whole_numbers_may_be_written_as_floats() -> None:
    whole = mlm.power(**{**DESIGN, "replications": 3})
    written = {k: float(v) if k in ("groups", "size") else v for k, v in DESIGN.items()}
    same = mlm.power(**{**written, "replications": 3.0, "seed": np.int64(1)})
    pd.testing.assert_frame_equal(whole.table, same.table)
