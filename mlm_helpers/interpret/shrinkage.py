"""Where an EB residual comes from: shrinkage works on intercept and slope at once.

û_j = Λ_j b_j with Λ_j = T (T + V_j)⁻¹, where b_j are the deviations of the group's own OLS
coefficients from what the fixed part expects and V_j their sampling covariance (Raudenbush & Bryk
2002, p. 45). Λ_j is not diagonal: where τ01 or the sampling covariance is not 0, part of û1j is an
echo of the group's mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.likelihood import group_solutions
from mlm_helpers.engine.structure import INTERCEPT

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]


def shrinkage_sources(fit: MLMFit) -> pd.DataFrame:
    """Each EB residual divided into what comes from each of the group's own coefficients.

    Returns
    -------
    DataFrame, index group; a column ``u1_from_slope``, ``u1_from_intercept``, ... for each pair of
    random coefficients (``u2_from_x`` where there are several slopes). The columns of one residual
    add up to it.
    """
    m, basis = fit.moments, fit.moments.basis
    factor = fit.template.factor(fit.optimum.theta)
    d = factor @ factor.T
    _, _, p = group_solutions(m, d)
    weights = np.linalg.inv(basis.to_z) @ (d @ p) @ basis.to_z  # Λ_j
    parts = weights * own_deviations(fit)[:, None, :]
    names, numbers = fit.structure.random, fit.tau_numbers
    slopes = [n for n in names if n != INTERCEPT]
    called = {n: "intercept" if n == INTERCEPT else "slope" if len(slopes) == 1 else n
              for n in names}  # fmt: skip
    columns = {
        f"u{numbers[a]}_from_{called[names[b]]}": parts[:, a, b]
        for a in range(len(names))
        for b in range(len(names))
    }
    return pd.DataFrame(columns, index=pd.Index(m.labels, name=fit.structure.group))


def own_deviations(fit: MLMFit) -> Array:
    """b_j (J, q): by how much each group's own OLS coefficients differ from what the fixed part
    expects of it, in the order of the random coefficients."""
    m, basis = fit.moments, fit.moments.basis
    own = (m.ols[:, :, -1] - m.ols[:, :, :-1] @ fit.optimum.point.beta) * basis.y_scale
    return own @ np.linalg.inv(basis.to_z).T
