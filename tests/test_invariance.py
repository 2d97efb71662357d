"""What must not change when only the units, the order or the names of the data change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import FITS, data, fit

import mlm_helpers as mlm

settings.register_profile(
    "deterministic", derandomize=True, deadline=None, max_examples=12, database=None
)
settings.load_profile("deterministic")

MODEL = "y ~ x + z + (1 + x | g)"
SCHOOLS = data("schools")[["g", "x", "z", "y"]]
BASE = {reml: mlm.fit_mlm(MODEL, data=SCHOOLS, reml=reml) for reml in (True, False)}

shifts = st.floats(-1e4, 1e4, allow_nan=False)
factors = st.builds(
    lambda power, sign: sign * 10.0**power, st.floats(-5, 5), st.sampled_from([-1.0, 1.0])
)
seeds = st.integers(0, 10_000)


def refit(reml: bool, **columns: object) -> mlm.MLMFit:
    return mlm.fit_mlm(MODEL, data=SCHOOLS.assign(**columns), reml=reml)


def same(ours: object, expected: object, rel: float = 1e-6) -> None:
    np.testing.assert_allclose(
        np.asarray(ours, float), np.asarray(expected, float), rtol=rel, atol=0
    )


def row(fit: mlm.MLMFit, term: str, *columns: str) -> np.ndarray:
    return fit.fixed_effects.loc[term, list(columns)].to_numpy(float)


@pytest.mark.parametrize("reml", [True, False])
@given(shift=shifts)
def test_shifting_a_predictor(reml: bool, shift: float) -> None:
    moved, base = refit(reml, x=SCHOOLS["x"] + shift), BASE[reml]
    same(moved.criterion, base.criterion, 1e-9)
    for term in ("x", "z"):
        same(row(moved, term, *moved.fixed_effects), row(base, term, *base.fixed_effects), 1e-5)
    same(moved.T.loc["x", "x"], base.T.loc["x", "x"], 1e-5)
    same(moved.sigma2, base.sigma2)
    effects = base.fixed_effects["estimate"]
    expected = effects["Intercept"] - shift * effects["x"]
    assert abs(row(moved, "Intercept", "estimate")[0] - expected) <= 1e-6 * (1 + abs(expected))
    contrast = moved.contrast({"Intercept": 1.0, "x": shift})
    same(
        contrast.iloc[0][["estimate", "std_error", "df"]],
        row(base, "Intercept", "estimate", "std_error", "df"),
        1e-5,
    )
    same(moved.fitted, base.fitted)


@pytest.mark.parametrize("reml", [True, False])
@given(factor=factors)
def test_scaling_a_predictor(reml: bool, factor: float) -> None:
    scaled, base = refit(reml, x=SCHOOLS["x"] * factor), BASE[reml]
    jacobian = 2 * np.log(abs(factor)) if reml else 0.0
    assert abs(scaled.criterion - base.criterion - jacobian) <= 1e-6
    same(
        row(scaled, "x", "estimate", "std_error", "t") * [factor, abs(factor), np.sign(factor)],
        row(base, "x", "estimate", "std_error", "t"),
    )
    same(scaled.fixed_effects[["df"]], base.fixed_effects[["df"]], 1e-5)
    same(
        row(scaled, "Intercept", "estimate", "std_error"),
        row(base, "Intercept", "estimate", "std_error"),
    )
    same(scaled.T.to_numpy() * np.outer([1, factor], [1, factor]), base.T, 1e-5)
    same(
        scaled.random_effects[["u1", "u1_sd"]] * [factor, abs(factor)],
        base.random_effects[["u1", "u1_sd"]],
        1e-5,
    )


@pytest.mark.parametrize("reml", [True, False])
@given(shift=shifts, factor=factors)
def test_shifting_and_scaling_the_outcome(reml: bool, shift: float, factor: float) -> None:
    moved, base = refit(reml, y=(SCHOOLS["y"] + shift) * factor), BASE[reml]
    rows = base.nobs - (len(base.fixed_effects) if reml else 0)
    assert abs(moved.criterion - base.criterion - 2 * rows * np.log(abs(factor))) <= 1e-5
    expected = base.fixed_effects["estimate"].copy()
    expected["Intercept"] += shift
    same(moved.fixed_effects["estimate"] / factor, expected, 1e-5)
    same(moved.fixed_effects["std_error"] / abs(factor), base.fixed_effects["std_error"])
    same(moved.fixed_effects["df"], base.fixed_effects["df"], 1e-5)
    same(moved.T / factor**2, base.T, 1e-5)
    same(moved.sigma2 / factor**2, base.sigma2)
    same(moved.scaled_residuals * np.sign(factor), base.scaled_residuals, 1e-5)


@pytest.mark.parametrize("reml", [True, False])
@given(seed=seeds)
def test_permuting_rows(reml: bool, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(SCHOOLS))
    shuffled = SCHOOLS.iloc[order]
    moved, base = mlm.fit_mlm(MODEL, data=shuffled, reml=reml), BASE[reml]
    assert abs(moved.criterion - base.criterion) <= 1e-8
    same(moved.fixed_effects, base.fixed_effects)
    same(moved.random_effects.loc[base.random_effects.index], base.random_effects, 1e-5)
    assert list(moved.residuals.index) == list(shuffled.index)
    same(moved.residuals.loc[SCHOOLS.index], base.residuals, 1e-5)


@pytest.mark.parametrize("reml", [True, False])
@given(seed=seeds, kind=st.sampled_from(["integers", "strings", "categories", "floats"]))
def test_relabelling_groups(reml: bool, seed: int, kind: str) -> None:
    names = SCHOOLS["g"].unique()
    numbers = np.random.default_rng(seed).permutation(len(names)) + 1000
    label = dict(zip(names, numbers, strict=True))
    column = SCHOOLS["g"].map(label)
    column = {
        "integers": column,
        "floats": column.astype(float),
        "strings": "school " + column.astype(str),
        "categories": column.astype(str).astype("category"),
    }[kind]
    moved, base = refit(reml, g=column), BASE[reml]
    same(moved.fixed_effects, base.fixed_effects)
    new_names = pd.Series(column.to_numpy(), index=SCHOOLS["g"].to_numpy())
    new_names = new_names[~new_names.index.duplicated()]
    same(
        moved.random_effects.loc[list(new_names[base.random_effects.index])],
        base.random_effects,
        1e-5,
    )


@given(seed=seeds)
def test_data_are_left_as_they_were(seed: int) -> None:
    frame = SCHOOLS.sample(frac=0.9, random_state=seed)
    before = frame.copy(deep=True)
    mlm.fit_mlm(MODEL, data=frame)
    pd.testing.assert_frame_equal(frame, before)


def dense_criterion(
    frame: pd.DataFrame, covariance: np.ndarray, sigma2: float, reml: bool
) -> float:
    """-2 log (restricted) likelihood from the definition: one n x n covariance matrix."""
    n = len(frame)
    X = np.column_stack([np.ones(n), frame["x"], frame["z"]])
    design = np.column_stack([np.ones(n), frame["x"]])
    same_group = np.equal.outer(frame["g"].to_numpy(), frame["g"].to_numpy())
    V = (design @ covariance @ design.T) * same_group + sigma2 * np.eye(n)
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    residual = frame["y"] - X @ np.linalg.solve(information, X.T @ inverse @ frame["y"])
    out = np.linalg.slogdet(V)[1] + residual @ inverse @ residual + n * np.log(2 * np.pi)
    if reml:
        out += np.linalg.slogdet(information)[1] - X.shape[1] * np.log(2 * np.pi)
    return float(out)


@pytest.mark.parametrize("reml", [True, False])
@given(seed=seeds)
def test_criterion_is_the_likelihood_and_no_neighbour_is_lower(reml: bool, seed: int) -> None:
    """On fresh random data, singular ones among them, against the textbook definition."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(12), rng.integers(1, 8, 12))
    x, z = rng.normal(size=len(group)), rng.normal(size=12)[group]
    root = np.tril(rng.normal(scale=rng.choice([0.05, 0.5, 2.0]), size=(2, 2)))
    u = (rng.normal(size=(12, 2)) @ root.T)[group]
    y = 1 + x + z + u[:, 0] + u[:, 1] * x + rng.normal(size=len(group))
    frame = pd.DataFrame({"g": group, "x": x, "z": z, "y": y})
    fit = mlm.fit_mlm(MODEL, data=frame, reml=reml)
    T = fit.T.to_numpy()
    at_fit = dense_criterion(frame, T, fit.sigma2, reml)
    assert abs(at_fit - fit.criterion) <= 1e-7
    for _ in range(20):
        step = 10.0 ** rng.uniform(-4, 0)
        towards = np.tril(rng.normal(size=(2, 2)))
        neighbour = (1 - step) * T + step * (towards @ towards.T)
        sigma2 = fit.sigma2 * np.exp(step * rng.normal())
        assert dense_criterion(frame, neighbour, sigma2, reml) >= at_fit - 1e-8


@pytest.mark.parametrize("name", ["schools_uncorrelated", "three_bars"])
def test_double_bar_is_two_terms(name: str) -> None:
    """(1 + x || g) is (1 | g) + (0 + x | g)."""
    pairs = {
        "schools_uncorrelated": "y ~ x * z + (x || g)",
        "three_bars": "y ~ x + z + (1 | g) + (0 + x | g) + (0 + z | g)",
    }
    other = mlm.fit_mlm(pairs[name], data=data(FITS[name]["data"]))
    ours = fit(name)
    same(other.criterion, ours.criterion, 1e-12)
    same(other.fixed_effects, ours.fixed_effects)
    off_diagonal = ~np.eye(len(ours.T), dtype=bool)
    assert (other.T.to_numpy()[off_diagonal] == 0).all()
