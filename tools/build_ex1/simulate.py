"""The start: schools drawn from Model 3 with the deck's estimates.

The constants of the draw are what the deck's standard errors and degrees of freedom imply, found
by hand: mean and spread of school sizes, of school mean SES and of the variance of SES within
schools, by sector; a slight tendency of small schools and of schools in the middle of the SES range
to be the more mixed.
"""

from __future__ import annotations

import numpy as np
from school_model import Schools
from school_solver import PRIVATE, SCHOOLS, STUDENTS

SMALLEST, LARGEST = 5, 27


def draw_sizes(private: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """School sizes that add up to the deck's number of students."""
    mean = np.where(private, 15.05, 14.94)
    n = np.clip(np.round(mean + 3.0 * rng.standard_normal(SCHOOLS)), SMALLEST, LARGEST)
    while n.sum() != STUDENTS:
        j, step = rng.integers(SCHOOLS), np.sign(STUDENTS - n.sum())
        if SMALLEST <= n[j] + step <= LARGEST:
            n[j] += step
    return n


def simulate(seed: int) -> Schools:
    """742 schools: a, b, log S, centered school mean SES, n, sector, W."""
    rng = np.random.default_rng(seed)
    private = np.zeros(SCHOOLS, dtype=bool)
    private[rng.choice(SCHOOLS, PRIVATE, replace=False)] = True
    n = draw_sizes(private, rng)

    ses = np.where(private, 0.49, -0.05)
    ses = ses + np.where(private, 0.45, 0.51) * rng.standard_normal(SCHOOLS)
    ses -= 0.0204 * (n - 14.95)
    ses -= (n @ ses) / n.sum()

    spread = np.where(private, 0.2, 0.45)  # of log variance within schools
    mean = np.where(private, 0.362, 0.405)
    variance = mean * np.exp(spread * rng.standard_normal(SCHOOLS) - spread**2 / 2)
    variance *= np.exp(-0.08 * (ses**2 / 0.27 - 1))
    variance *= rng.chisquare(n - 1) / (n - 1)
    variance = np.hypot(variance, 0.1)  # no school is all of one kind, ...
    variance /= (1 + (variance / 1.1) ** 6) ** (1 / 6)  # ... and none is wildly mixed
    s = variance * (n - 1)

    sd0, sd1, corr, sigma2 = 4.101, 1.967, -0.03, 233.84
    t = np.array([[sd0**2, corr * sd0 * sd1], [corr * sd0 * sd1, sd1**2]])
    u = rng.standard_normal((SCHOOLS, 2)) @ np.linalg.cholesky(t).T
    a = 95.1707 + 0.3517 * private + 11.545 * ses + u[:, 0]
    b = 7.6947 - 3.6007 * private - 0.5633 * ses + u[:, 1]
    noise = np.clip(rng.standard_normal((SCHOOLS, 2)), -2.8, 2.8)
    a = a + noise[:, 0] * np.sqrt(sigma2 / n)
    b = b + noise[:, 1] * np.sqrt(sigma2 / s)
    return Schools(
        a, b, np.log(s), ses, n, private.astype(float), sigma2 * (STUDENTS - 2 * SCHOOLS)
    )
