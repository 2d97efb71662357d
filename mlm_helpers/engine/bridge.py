"""The way back to statsmodels: its own results object, at our optimum."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.errors import needed

if TYPE_CHECKING:
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMResults

    from mlm_helpers.engine.result import MLMFit


def to_statsmodels(fit: MLMFit) -> MixedLMResults:
    """Build the ``MixedLM`` of a fit and the ``MixedLMResults`` at the fit's optimum.

    Nothing is optimised: the parameters are put where ``fit`` found them, and statsmodels computes
    everything else (its standard errors come from its own Hessian, its p-values from z). At a
    singular fit a variance of exactly 0 is replaced by 1e-9 σ², because statsmodels inverts T.
    """
    mixed = needed("statsmodels.regression.mixed_linear_model", "to_statsmodels()", "statsmodels")
    model = _model(fit)
    relative = _invertible(fit)
    params = mixed.MixedLMParams.from_components(fe_params=fit.gamma, cov_re=relative)
    model.reml = fit.reml
    model.cov_pen = model.fe_pen = None
    model._cov_sing = 0
    model._freepat = _free_pattern(fit)
    with warnings.catch_warnings():
        # at a singular T statsmodels warns of what fit.messages already says
        warnings.simplefilter("ignore")
        covariance = _parameter_covariance(model, params)
    results = mixed.MixedLMResults(
        model, params.get_packed(use_sqrt=False, has_fe=True), covariance / fit.sigma2
    )
    results.params_object = params
    results.fe_params = fit.gamma
    results.cov_re = relative * fit.sigma2
    results.vcomp = params.vcomp * fit.sigma2
    results.scale = fit.sigma2
    results.cov_re_unscaled = relative
    results.method = "REML" if fit.reml else "ML"
    results.converged = fit.converged
    results.hist = None
    results.reml = fit.reml
    results.cov_pen = None
    results.k_fe, results.k_re = model.k_fe, model.k_re
    results.k_re2, results.k_vc = model.k_re2, model.k_vc
    results.use_sqrt = model.use_sqrt
    results.freepat = model._freepat
    return mixed.MixedLMResultsWrapper(results)


def _model(fit: MLMFit) -> MixedLM:
    from statsmodels.regression.mixed_linear_model import MixedLM

    d = fit.design
    group = d.formula.group
    random = pd.DataFrame(
        d.z, columns=[group if r == "Intercept" else r for r in d.random], index=d.data.index
    )
    return MixedLM(
        pd.Series(d.y, name=d.formula.outcome, index=d.data.index),
        pd.DataFrame(d.x, columns=list(d.columns), index=d.data.index),
        groups=d.labels[d.codes],
        exog_re=random,
    )


def _invertible(fit: MLMFit) -> NDArray[np.float64]:
    """T/σ² with its zero eigenvalues lifted just enough to be inverted."""
    relative = fit.T.to_numpy() / fit.sigma2
    size = 1.0 / np.sqrt(fit._z_square)
    unit = relative / np.outer(size, size)
    values, vectors = np.linalg.eigh(unit)
    if values.min() >= 1e-9:
        return relative
    lifted = (vectors * np.maximum(values, 1e-9)) @ vectors.T
    return lifted * np.outer(size, size)


def _free_pattern(fit: MLMFit):
    """None, or statsmodels' 0/1 pattern of the covariances that are estimated."""
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    if len(fit.design.blocks) == 1:
        return None
    q = len(fit.design.random)
    pattern = np.zeros((q, q))
    for block in fit.design.blocks:
        pattern[np.ix_(block, block)] = 1.0
    return MixedLMParams.from_components(fe_params=np.ones(fit.moments.p), cov_re=pattern)


def _parameter_covariance(model: MixedLM, params: object) -> NDArray[np.float64]:
    """Inverse of minus the Hessian over the free parameters, as ``MixedLM.fit`` computes it."""
    hessian, _ = model.hessian(params)
    out = np.zeros_like(hessian)
    if model._freepat is None:
        free = np.arange(len(hessian))
    else:
        free = np.flatnonzero(model._freepat.get_packed(use_sqrt=False, has_fe=True))
    at = np.ix_(free, free)
    out[at] = np.linalg.pinv(-hessian[at], hermitian=True)
    return out
