"""``fit_mlm``: an lmer formula and data in, the exact ML or REML optimum out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlm_helpers.engine.chunks import fit_chunks
from mlm_helpers.engine.design import build_design
from mlm_helpers.engine.formula import parse_formula
from mlm_helpers.engine.result import (
    SINGULAR,
    MLMFit,
    basis_of,
    check_reml,
    fit_design,
    fit_moments,
    moments_of,
)
from mlm_helpers.engine.search import optimise, semi_cholesky

__all__ = [
    "SINGULAR",
    "MLMFit",
    "basis_of",
    "fit_mlm",
    "fit_moments",
    "moments_of",
    "optimise",
    "semi_cholesky",
]


def fit_mlm(formula: str, data: Any, reml: bool = True, *, progress: bool = False) -> MLMFit:
    """Fit a two-level linear model with one grouping factor.

    Parameters
    ----------
    formula : lmer's notation, such as ``"y ~ 1 + x + w + x:w + (1 + x | school)"``. The fixed part
        is read by formulaic; the random part may be ``(1 | g)``, ``(1 + x | g)``, ``(0 + x | g)``,
        ``(1 + x || g)`` or several uncorrelated parts with the same group.
    data : one row per level-1 unit: a pandas DataFrame or, for data that do not fit in memory, a
        Parquet file or folder, a Dask DataFrame, or chunks of frames (a list, an iterator, or a
        function that returns an iterator). Rows with a missing value in a column of the formula
        are left out and counted in ``messages``.
    reml : restricted maximum likelihood (default) or maximum likelihood.
    progress : show a bar while chunks are read.

    Returns
    -------
    MLMFit

    Raises
    ------
    MLMError
        One sentence that names what is wrong in the formula or the data.
    """
    check_reml(reml)
    if not isinstance(data, pd.DataFrame):
        return fit_chunks(formula, data, reml, progress)
    design = build_design(parse_formula(formula), data)
    return fit_design(design, reml, str(data.attrs.get("name", "")))
