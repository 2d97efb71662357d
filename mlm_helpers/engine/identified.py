"""Whether the data can tell the parameters apart: columns that are combinations of others, random
coefficients that are, and level-2 effects that leave nothing of the groups for T."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlm_helpers.engine.design import constant_column
from mlm_helpers.errors import MLMError

Array = NDArray[np.float64]


def gram_check(gram: Array, columns: tuple[str, ...]) -> None:
    """Refuse columns of which one is a combination of others, naming it and them.

    Parameters
    ----------
    gram : (p, p) cross-products of the (shifted) columns

    Raises
    ------
    MLMError
        With the redundant column and the columns it can be written in.
    """
    size = np.sqrt(np.diag(gram))
    for k, name in enumerate(columns):
        if not size[k] > 0:
            raise constant_column(name, columns)
    scaled = gram / np.outer(size, size)
    kept: list[int] = []
    for k, name in enumerate(columns):
        if kept:
            inner = scaled[np.ix_(kept, kept)]
            weights = np.linalg.solve(inner, scaled[kept, k])
            left = 1.0 - scaled[kept, k] @ weights
        else:
            weights, left = np.zeros(0), 1.0
        if left < 1e-9:
            partners = [columns[i] for i, w in zip(kept, weights, strict=True) if abs(w) > 1e-6]
            raise MLMError(
                f"'{name}' adds nothing to the model because it can be computed from "
                f"{', '.join(partners)}: leave one of them out."
            )
        kept.append(k)
