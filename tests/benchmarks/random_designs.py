"""Ten thousand random designs: ``python tests/benchmarks/random_designs.py``.

Few or many groups of one or many rows, predictors from 0.001 to 1000 wide and far from 0, variances
of 0, tiny and large, perfectly correlated random coefficients, models with too many of them. Each
fit must end in one of three ways, and each is counted: at an optimum verified here (gradient is
0 inside; on the boundary no fall of the deviance towards the inside of the cone of covariance
matrices), reported as not converged, or refused with a sentence. On every tenth design the
deviance is minimised again from four random starts (``--every 1`` does so on each; ``--small``
draws designs of 3 to 14 groups, where a deviance has several minima most easily). Warnings count as
crashes.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter

import numpy as np
import pandas as pd

import mlm_helpers as mlm
from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.likelihood import minimise
from mlm_helpers.errors import MLMError

RANDOM = ("(1|g)", "(1+x|g)", "(1+x+z|g)", "(1+x||g)", "(0+x|g)", "(1|g)+(0+x+z|g)")
FIXED = ("1", "x", "x*w", "x*w+z")


def draw(seed: int, number: int, small: bool) -> tuple[str, pd.DataFrame, np.random.Generator]:
    """A formula and data to fit it to."""
    rng = np.random.default_rng((seed, number))
    groups = int(rng.choice([rng.integers(2, 30), rng.integers(30, 200)]))
    if small:
        groups = int(rng.integers(3, 15))
    sizes = rng.integers(1, int(rng.integers(2, 15)), groups)
    g = np.repeat(np.arange(groups), sizes)
    n = len(g)
    x, z, w = rng.normal(size=n), rng.normal(size=n), rng.normal(size=groups)[g]
    factor = rng.normal(size=(3, 3)) * rng.choice([0, 0.01, 0.3, 1], 3)
    u = (rng.normal(size=(groups, 3)) @ factor)[g]
    noise = rng.normal(size=n) * rng.choice([1e-3, 1, 10])
    frame = pd.DataFrame(
        {
            "y": rng.choice([0, 1e3]) + x + w + u[:, 0] + u[:, 1] * x + u[:, 2] * z + noise,
            "x": x * 10 ** rng.uniform(-3, 3) + rng.choice([0, 0, 5, 100]),
            "z": z,
            "w": w,
            "g": g,
        }
    )
    return f"y ~ {rng.choice(FIXED)} + {rng.choice(RANDOM)}", frame, rng


def verified(fit: MLMFit) -> bool:
    """First-order conditions of the optimum, boundary included, to six digits of the deviance."""
    point, template = fit.optimum.point, fit.template
    factor = template.factor(fit.optimum.theta)
    curvature = np.abs(np.diag(point.hessian)) + 1e-3
    inside = bool((point.gradient**2 / curvature < 1e-6).all())
    d = factor @ factor.T
    gradient = fit._deviance.cone_gradient(factor)
    for block in fit.design.blocks:
        at = np.ix_(block, block)
        sizes, ways = np.linalg.eigh(d[at])
        null = ways[:, sizes < 1e-10 * max(1.0, sizes.max())]
        if null.shape[1] and np.linalg.eigvalsh(null.T @ gradient[at] @ null)[0] < -1e-4:
            return False
    return inside


def better_elsewhere(fit: MLMFit, rng: np.random.Generator) -> tuple[float, bool]:
    """How far the deviance is below the fit's at the best of four other minima, and whether that
    one has hardly any level-1 variance (a spike, where a few rows happen to lie on a line)."""
    best, spike = fit.criterion, False
    for _ in range(4):
        start = rng.normal(size=len(fit.template)) * 10 ** rng.uniform(-2, 1)
        with np.errstate(all="ignore"):
            try:
                found = minimise(fit._deviance, fit.template, start)
            except np.linalg.LinAlgError:
                continue
        if np.isfinite(found.point.value) and found.point.value < best:
            best, spike = found.point.value, bool(np.abs(found.theta).max() > 100)
    return fit.criterion - best, spike


def one(asked: argparse.Namespace, number: int, counts: Counter[str]) -> None:
    formula, frame, rng = draw(asked.seed, number, asked.small)
    start = time.process_time()
    try:
        fit = mlm.fit_mlm(formula, frame, reml=bool(number % 2))
        str(fit), fit.random_effects, fit.coefficients, fit.group_table
    except MLMError:
        counts["refused with a sentence"] += 1
        return
    except Exception as error:
        counts["crashed"] += 1
        print(f"{number}: {formula}: {type(error).__name__}: {error}")
        return
    if time.process_time() - start > 10:
        counts["took more than 10 s of CPU"] += 1
        print(f"{number}: {formula}: slow")
    counts["singular"] += fit.singular
    if not fit.converged:
        counts["reported as not converged"] += 1
    elif verified(fit):
        counts["at a verified optimum"] += 1
    else:
        counts["not verified"] += 1
        print(f"{number}: {formula}: not at an optimum")
    if number % asked.every == 0:
        counts["tried from other starts"] += 1
        gain, spike = better_elsewhere(fit, rng)
        if gain > 1e-4:
            where = " in a spike without level-1 variance" if spike else ""
            counts[f"better elsewhere{where}"] += 1
            print(f"{number}: {formula}: from another start lower by {gain:.2g}{where}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first design")
    parser.add_argument("--small", action="store_true", help="3 to 14 groups each")
    parser.add_argument("--every", type=int, default=10, help="how many designs to a restarted one")
    asked = parser.parse_args()
    counts: Counter[str] = Counter()
    warnings.simplefilter("error")
    for number in range(asked.first, asked.first + asked.designs):
        one(asked, number, counts)
    print(f"{asked.designs} designs, seed {asked.seed}")
    for what, count in counts.most_common():
        print(f"  {what}: {count}")


if __name__ == "__main__":
    main()
