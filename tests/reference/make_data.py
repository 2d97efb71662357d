"""Write the small data sets of the reference fits (seeded; both R and Python read the files).

Run from anywhere: ``python tests/reference/make_data.py``. High School & Beyond is not written
here: it ships with the package.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent / "data"


def draw_groups(rng: np.random.Generator, covariance: np.ndarray, n_groups: int) -> np.ndarray:
    """Random coefficients, one row a group, from a normal distribution with mean 0."""
    return rng.multivariate_normal(np.zeros(len(covariance)), covariance, size=n_groups)


def sleep() -> pd.DataFrame:
    """18 people, 10 days each: the shape of lme4's sleepstudy, none of its numbers."""
    rng = np.random.default_rng(18)
    subject = np.repeat(np.arange(301, 319), 10)
    days = np.tile(np.arange(10), 18)
    u = draw_groups(rng, np.array([[600.0, 10.0], [10.0, 35.0]]), 18)
    row = np.repeat(np.arange(18), 10)
    reaction = 250 + u[row, 0] + (10 + u[row, 1]) * days + rng.normal(0, 25, 180)
    return pd.DataFrame({"subject": subject, "days": days, "reaction": reaction.round(4)})


def schools() -> pd.DataFrame:
    """40 schools of 3 to 15: numeric, positive, three-category and level-2 predictors."""
    rng = np.random.default_rng(40)
    size = rng.integers(3, 16, 40)
    row = np.repeat(np.arange(40), size)
    n = len(row)
    x = (rng.normal(0, 1, n) + rng.normal(0, 0.5, 40)[row]).round(3)
    w = np.exp(rng.normal(0, 0.6, n)).round(3)
    kind = np.array(["rural", "town", "city"])[rng.integers(0, 3, n)]
    z = rng.normal(0, 1, 40).round(2)[row]
    u = draw_groups(rng, np.array([[4.0, 0.8], [0.8, 1.0]]), 40)[row]
    level = pd.Series(kind).map({"rural": 0.0, "town": 0.7, "city": -0.5}).to_numpy()
    y = 10 + 2 * x + z + 0.6 * x * z + level + 1.5 * np.log(w) + u[:, 0] + u[:, 1] * x
    y = (y + rng.normal(0, 2, n)).round(4)
    labels = np.array([f"s{j:02d}" for j in range(1, 41)])
    frame = pd.DataFrame({"g": labels[row], "x": x, "w": w, "z": z, "kind": kind, "y": y})
    return frame.assign(x_million=x * 1e6, y_tiny=y * 1e-4)


def three() -> pd.DataFrame:
    """40 groups of 12 with three random coefficients; `flat` leaves them of rank 1 or 2."""
    rng = np.random.default_rng(3)
    row = np.repeat(np.arange(40), 12)
    x, z = rng.normal(0, 1, (2, 480)).round(3)
    design = np.column_stack([np.ones(480), x, z])
    root = np.array([[1.5, 0, 0], [0.3, 0.9, 0], [-0.2, 0.4, 0.7]])
    u = draw_groups(rng, root @ root.T, 40)
    mean = 5 + x - 0.5 * z
    y = mean + (design * u[row]).sum(axis=1) + rng.normal(0, 1.5, 480)
    v = np.outer(rng.normal(0, 1, 40), [1.0, 0.5, -0.3])
    flat = mean + (design * v[row]).sum(axis=1) + rng.normal(0, 1.5, 480)
    return pd.DataFrame({"g": row + 1, "x": x, "z": z, "y": y.round(4), "flat": flat.round(4)})


def within_residuals(e: np.ndarray, row: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Residuals of e after a regression on `columns` in each group."""
    out = e.copy()
    for j in np.unique(row):
        here = row == j
        out[here] -= columns[here] @ np.linalg.lstsq(columns[here], e[here], rcond=None)[0]
    return out


def singular() -> pd.DataFrame:
    """30 groups of 4 to 12, one outcome for each edge of the parameter space."""
    rng = np.random.default_rng(30)
    row = np.repeat(np.arange(30), rng.integers(4, 13, 30))
    n = len(row)
    x = (rng.normal(0, 1, n)).round(3)
    one, line = np.ones((n, 1)), np.column_stack([np.ones(n), x])
    common = rng.normal(0, 1, 30)[row]
    intercept, slope = rng.normal(0, 1, 30)[row], rng.normal(0, 1, 30)[row]
    e = rng.normal(0, 1, (7, n))
    mean = 3 + 0.5 * x
    shrunk = within_residuals(e[2], row, line) + 0.2 * e[2]
    frame = {
        "plus": mean + common * (1 + 0.6 * x) + e[0],  # correlation +1
        "minus": mean + common * (1 - 0.6 * x) + e[1],  # correlation -1
        "null": mean + shrunk,  # no variation between groups at all
        # a slope variance of 0 beside intercepts that vary, and the other way round
        "slope0": mean + intercept + within_residuals(e[3], row, line) + 0.2 * e[3],
        "intercept0": mean + slope * x + within_residuals(e[4], row, one) + 0.1 * e[4],
        "near": mean + common * (1 + 0.6 * x) + 0.23 * slope * x + e[5],  # almost +1
        "tiny": mean + 0.11 * intercept + e[6],  # a small intercept variance
    }
    return pd.DataFrame({"g": row + 1, "x": x} | {k: v.round(4) for k, v in frame.items()})


def ones() -> pd.DataFrame:
    """60 schools, half of them with a single student."""
    rng = np.random.default_rng(60)
    size = np.where(np.arange(60) % 2 == 0, 1, rng.integers(2, 13, 60))
    row = np.repeat(np.arange(60), size)
    n = len(row)
    x = rng.normal(0, 1, n).round(3)
    z = rng.normal(0, 1, 60).round(2)[row]
    u = draw_groups(rng, np.array([[2.0, 0.5], [0.5, 0.8]]), 60)[row]
    y = 20 + x + z + u[:, 0] + u[:, 1] * x + rng.normal(0, 1.5, n)
    return pd.DataFrame({"g": row + 101, "x": x, "z": z, "y": y.round(4)})


def years() -> pd.DataFrame:
    """25 groups over 2001 to 2010 and an outcome near a million: no centering, on purpose."""
    rng = np.random.default_rng(25)
    row, year = np.repeat(np.arange(25), 10), np.tile(np.arange(2001, 2011), 25)
    u = draw_groups(rng, np.array([[9.0, 1.0], [1.0, 0.6]]), 25)[row]
    y = 40 + u[:, 0] + (1.2 + u[:, 1]) * (year - 2005) + rng.normal(0, 2, 250)
    return pd.DataFrame({"g": row + 1, "year": year, "y": y.round(3) + 1e6})


def minima() -> pd.DataFrame:
    """8 groups whose deviance has two minima, both on the boundary (the seed was searched for)."""
    rng = np.random.default_rng(3496)
    row = np.repeat(np.arange(8), rng.integers(1, 6, 8))
    x = rng.normal(0, 1, len(row)).round(3)
    u = rng.normal(0, 1, (8, 2))[row]
    y = 1 + x + u[:, 0] + u[:, 1] * x + rng.normal(0, 1, len(row))
    return pd.DataFrame({"g": row + 1, "x": x, "y": y.round(3)})


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for build in (sleep, schools, three, singular, ones, years, minima):
        build().to_csv(HERE / f"{build.__name__}.csv", index=False, lineterminator="\n")
