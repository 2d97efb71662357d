"""The columns that formulaic makes of a part of the formula, for rows fitted and for new rows."""

from __future__ import annotations

import re
import warnings
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from formulaic import ModelMatrices, ModelMatrix, ModelSpec
from formulaic.errors import DataMismatchWarning
from formulaic.transforms import TRANSFORMS
from numpy.typing import NDArray

from mlm_helpers.engine.formula import ParsedFormula
from mlm_helpers.engine.names import factor_variables
from mlm_helpers.engine.rows import in_plain_types
from mlm_helpers.errors import MLMError

Array = NDArray[np.float64]


def model_matrix(part: Any, frame: pd.DataFrame, parsed: ParsedFormula) -> ModelMatrix:
    """The columns of one part of the formula, with their recipe (``model_spec``)."""
    try:
        with np.errstate(all="ignore"):  # finite_values says which column is not finite
            out = part.get_model_matrix(
                in_plain_types(frame), na_action="ignore", output="numpy", context=_context(frame)
            )
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        unknown = re.search(r"name '(\w+)' is not defined", reason)
        if unknown:
            raise MLMError(
                f"The function {unknown[1]!r} in {parsed.text!r} is not known: use log, exp, "
                f"poly, center, scale, bs, C, I or one of NumPy's, such as np.sqrt."
            ) from None
        raise MLMError(
            f"The part '{part}' of the formula cannot be computed from the data ({reason})."
        ) from None
    if isinstance(out, ModelMatrices):
        raise MLMError(f"The formula {parsed.text!r} has more than two sides.")
    return out


def from_spec(spec: ModelSpec, frame: pd.DataFrame, parsed: ParsedFormula) -> Array:
    """The same columns of other rows: means, knots and categories are those of the rows fitted."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", DataMismatchWarning)
            out = spec.get_model_matrix(
                in_plain_types(frame), na_action="ignore", output="numpy", context=_context(frame)
            )
    except Exception as error:
        if isinstance(error, DataMismatchWarning) or "DataMismatchWarning" in str(error):
            raise _unseen(spec, frame) from None
        reason = str(error).strip().split("\n")[0]
        raise MLMError(f"The new data do not fit the model ({reason}).") from None
    return finite_values(out, parsed)


def _unseen(spec: ModelSpec, frame: pd.DataFrame) -> MLMError:
    """The sentence for a category that no row fitted had, naming the column and the category."""
    for expr, (_, state) in spec.encoder_state.items():
        known = state.get("categories", ())
        for name in [expr] if expr in frame.columns else factor_variables(expr):
            values = pd.unique(frame[name].dropna()) if known and name in frame.columns else ()
            new = [str(v) for v in values if v not in known]
            if new:
                return MLMError(
                    f"Column {name!r} of the new data holds {', '.join(map(repr, new[:3]))}, which "
                    f"no row of the fit had; it knows {', '.join(map(str, list(known)[:8]))}: "
                    "correct those rows or leave them out."
                )
    return MLMError("The new data hold a category that no row of the fit had: leave it out.")


def _context(frame: pd.DataFrame) -> dict[str, Any]:
    return {"C": partial(_categories, frame)}


def _categories(frame: pd.DataFrame, data: Any, *contrasts: Any, **options: Any) -> Any:
    """formulaic's ``C``, given the column as it came: codes are 1 and 2 and not 1.0 and 2.0."""
    if isinstance(data, pd.Series) and data.dtype == np.float64:
        raw = frame[data.name] if data.name in frame.columns else data
        if pd.api.types.is_bool_dtype(raw.dtype):
            data = data.astype(bool) if data.isin([0.0, 1.0]).all() else data
        elif pd.api.types.is_integer_dtype(raw.dtype) and (data == raw.astype(np.float64)).all():
            data = pd.Series(raw.to_numpy(dtype=np.int64), index=data.index, name=data.name)
        elif (data == data.round()).all() and data.abs().max() < 2**53:
            data = data.astype(np.int64)
    return TRANSFORMS["C"](data, *contrasts, **options)


def finite_values(matrix: ModelMatrix, parsed: ParsedFormula) -> Array:
    """The numbers of a matrix (n, k), all of them finite."""
    values = np.asarray(matrix, dtype=float)
    if values.ndim == 1:
        values = values[:, None]
    if not np.isfinite(values).all():
        column = int((~np.isfinite(values)).any(axis=0).argmax())
        name = matrix.model_spec.column_names[column]
        rows = int((~np.isfinite(values[:, column])).sum())
        raise MLMError(
            f"'{name}' is not a finite number in {rows} row{'s' if rows > 1 else ''} "
            "(a logarithm of 0 or less, a division by 0?): change the transformation or those "
            "rows."
        )
    return values
