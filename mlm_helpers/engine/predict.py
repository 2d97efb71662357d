"""Intervals for predictions, of the expected outcome or of one more, in groups known or new.

The error of x'γ̂ + z'û has three parts that belong together: γ̂ errs with C = Cov(γ̂); given γ, û_j
errs with Σ_j, its conditional covariance; and û_j is computed from γ̂, u_j being pulled by -A_j for
each unit of γ̂. So its variance is (x - A'z)'C(x - A'z) + z'Σ_j z, which is what Henderson's mixed
model equations give (Henderson 1975, Biometrics 31, 423-447). A new school's u is N(0, T).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.inference import fixed_variance, satterthwaite_df, t_interval
from mlm_helpers.engine.likelihood import group_solutions

if TYPE_CHECKING:
    from mlm_helpers.engine.result import MLMFit

Array = NDArray[np.float64]
Interval = Literal["confidence", "prediction"]


def predicted_intervals(
    fit: MLMFit,
    x: Array,
    z: Array,
    codes: NDArray[np.intp],
    random: bool,
    interval: Interval,
    level: float,
) -> pd.DataFrame:
    """Predictions with standard errors and intervals.

    Parameters
    ----------
    x, z : (n, p) and (n, q) columns of the rows
    codes : (n,) group of each row as a number; the number of groups for one not seen
    random : use the known groups' own û; without it every group counts as new, and a confidence
        interval is one for x'γ, the expected outcome over all groups
    interval : ``"confidence"``: for the expected outcome; ``"prediction"``: for one new outcome

    Returns
    -------
    DataFrame ``predicted std_error df lower upper``. The df are Satterthwaite's of the whole
    variance; infinite, the normal distribution, in known groups.
    """
    new = codes == len(fit.moments.labels)
    with_group = random or interval == "prediction"
    predicted = x @ fit.gamma
    variance, gradient = fixed_variance(fit, x)
    if with_group:
        more, slope = _group_variance(fit, z)
        variance, gradient = variance + more, gradient + slope
    if interval == "prediction":
        variance = variance + fit.sigma2
        gradient[:, -1] += 2 * fit.sigma
    df = satterthwaite_df(fit, variance, gradient)
    if random and not new.all():
        at = ~new
        u = fit._eb[0][codes[at]]
        predicted[at] += np.einsum("ij,ij->i", z[at], u)
        variance[at] = _known_variance(fit, x[at], z[at], codes[at])
        variance[at] += fit.sigma2 if interval == "prediction" else 0.0
        df[at] = np.inf
    se = np.sqrt(variance)
    lower, upper = t_interval(predicted, se, df, level)
    return pd.DataFrame(
        {"predicted": predicted, "std_error": se, "df": df, "lower": lower, "upper": upper}
    )


def _group_variance(fit: MLMFit, z: Array) -> tuple[Array, Array]:
    """z'Tz (n,) of a new group, and its gradient in (θ, σ) (n, k + 1)."""
    factor, units = fit.template.factor(fit.optimum.theta), fit.template.units
    turned = z @ np.linalg.inv(fit.moments.basis.to_z)
    through = turned @ factor
    variance = fit.sigma2 * (through**2).sum(axis=1)
    gradient = np.empty((len(z), len(units) + 1))
    gradient[:, :-1] = 2 * fit.sigma2 * np.einsum("ia,kab,ib->ik", turned, units, through)
    gradient[:, -1] = 2 * variance / fit.sigma
    return variance, gradient


def _known_variance(fit: MLMFit, x: Array, z: Array, codes: NDArray[np.intp]) -> Array:
    """Var(x'γ̂ + z'û - x'γ - z'u) (n,) in groups that were fitted."""
    factor = fit.template.factor(fit.optimum.theta)
    basis, p = fit.moments.basis, fit.moments.p
    _, e, _ = group_solutions(fit.moments, factor @ factor.T)
    # û_j changes by -A_j for each unit of γ̂
    pull = np.linalg.inv(basis.to_z) @ (factor @ factor.T) @ e[:, :, :p] @ basis.to_x
    left = x - np.einsum("iq,iqp->ip", z, pull[codes])
    given = np.einsum("iq,iqr,ir->i", z, fit._eb[1][codes], z)
    return np.einsum("ip,pr,ir->i", left, fit.vcov.to_numpy(), left) + given
