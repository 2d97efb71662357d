"""The contextual effect where the observed group means are themselves estimates.

The mean of the students who were sampled is the mean of their school plus an error with variance
σ_x²/n_j, and an effect of it is pulled towards the effect of the students' own values: without
other predictors the contextual effect is multiplied by the reliability of the means. In the place
of each observed mean goes what x̄_j and the level-2 predictors let expect of the school's own,
x̃_j = W_jα + λ_j (x̄_j - W_jα) with λ_j = τ_x / (τ_x + σ_x²/n_j), from a two-level model of x; the
within part is then x - x̃_j.

Sources: Croon & van Veldhoven (2007), Psychological Methods 12, 45-57; Lüdtke et al. (2008),
Psychological Methods 13, 203-229. The correction is for students who are a sample from a school
much larger; where all students of a school were asked, the observed mean is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit, fit_mlm
from mlm_helpers.engine.inference import parameter_covariance
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.scenes import Df, Probe, t_of_estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = NDArray[np.float64]

__all__ = ["latent_table"]


@dataclass(frozen=True)
class _Means:
    """What is known of the groups' own means of x.

    ``raw`` (n,) is x, ``observed`` (J,) its group means, ``w`` (J, k) the level-2 columns, with
    the intercept, ``model`` the two-level model of x; ``shift`` is what was subtracted from the
    means in the analysis.
    """

    raw: Array
    observed: Array
    w: Array
    model: MLMFit
    shift: float

    @property
    def ratio(self) -> float:
        """τ_x / σ_x²."""
        return float(self.model.T.to_numpy()[0, 0] / self.model.sigma2)

    def expected(self, ratio: float, alpha: Array) -> Array:
        """x̃ (J,) at values of the parameters."""
        reliability = ratio / (ratio + 1 / self.model.moments.n)
        level = self.w @ alpha
        return level + reliability * (self.observed - level)


def latent_table(
    probe: Probe, predictor: str, mean: str, weights: Array, level: float, df: Df, shift: float
) -> tuple[pd.DataFrame, float]:
    """Estimates of combinations ``weights`` (k, p) with the groups' own means in the model in the
    place of the observed ones, and the mean reliability of those.

    The variance is that of the fit with x̃_j, plus what the estimated τ_x/σ_x² and α add to it by
    the delta method; the two are independent, because α and τ_x are estimated from x alone.

    Raises
    ------
    MLMError
        When the group means of x differ no more than chance makes them.
    """
    means = _means(probe, predictor, mean, shift)
    model = means.model
    if model.singular:
        raise MLMError(
            f"The group means of {predictor} differ no more than chance makes them, so nothing can "
            "be said of the groups' own means: latent=True needs groups that differ in it."
        )
    alpha = model.gamma
    ratio, of_ratio = means.ratio, float(parameter_covariance(model)[0, 0]) * 4 * means.ratio
    fit = _refitted(probe, predictor, mean, means, ratio, alpha)
    variance = np.einsum("ij,jk,ik->i", weights, fit.vcov.to_numpy(), weights)
    for vector, size in _directions(ratio, of_ratio, model):
        ends = [
            weights @ _refitted(probe, predictor, mean, means, ratio + s * vector[0],
                                alpha + s * vector[1:]).gamma
            for s in (0.1, -0.1)
        ]  # fmt: skip
        variance = variance + size * ((ends[0] - ends[1]) / 0.2) ** 2
    freedom = fit.contrast(weights)["df"].to_numpy()
    table = t_of_estimates(weights @ fit.gamma, np.sqrt(variance), freedom, level, df)
    return table, float((ratio / (ratio + 1 / model.moments.n)).mean())


def _directions(ratio: float, of_ratio: float, model: MLMFit) -> Iterator[tuple[Array, float]]:
    """Independent directions of (ratio, α), one standard deviation long each."""
    first = np.zeros(1 + model.moments.p)
    # a tenth of its standard error is taken as a step; the ratio must stay above 0
    first[0] = min(np.sqrt(of_ratio), 5 * ratio)
    yield first, of_ratio / first[0] ** 2
    values, vectors = np.linalg.eigh(model.vcov.to_numpy())
    for value, vector in zip(values, vectors.T, strict=True):
        yield np.r_[0.0, np.sqrt(max(value, 0.0)) * vector], 1.0


def _means(probe: Probe, predictor: str, mean: str, shift: float) -> _Means:
    fit = probe.fit
    design, data = fit.design, fit.data
    column = data[mean].to_numpy(dtype=float)
    raw = data[predictor].to_numpy(dtype=float)
    if probe.structure.variables[predictor].centered == "group":
        raw = raw + column
    n = np.bincount(design.codes)
    observed = np.bincount(design.codes, weights=raw) / n
    at = design.first_rows
    names = [
        c.column for c in probe.structure.coefficients
        if c.level1 is None and c.level2 is not None and mean not in probe.variables_of(c.column)
    ]  # fmt: skip
    w = [design.x[at, design.columns.index(name)] for name in names]
    rows = pd.DataFrame({f"w{k}": values[design.codes] for k, values in enumerate(w)})
    rows["x"], rows["g"] = raw, design.codes
    terms = "".join(f" + w{k}" for k in range(len(w)))
    model = fit_mlm(f"x ~ 1{terms} + (1 | g)", rows)
    return _Means(raw, observed, np.column_stack([np.ones(len(n)), *w]), model, shift)


def _refitted(
    probe: Probe, predictor: str, mean: str, means: _Means, ratio: float, alpha: Sequence | Array
) -> MLMFit:
    """The model with x̃ in the place of the means, and the predictor about it."""
    fit = probe.fit
    own = means.expected(ratio, np.asarray(alpha))[fit.design.codes]
    data = fit.data.assign(**{mean: own - means.shift})
    if probe.structure.variables[predictor].centered == "group":
        data[predictor] = means.raw - own
    return fit_mlm(fit.formula, data, fit.reml)
