"""Parameters in words: what γ, u, τ and σ² mean in a model, and what their estimates say.

The meaning of a parameter follows from the model's structure and the vocabulary alone: what the
codes of a predictor are, where each predictor has its zero, which products the model contains, and
whether the level-1 predictor is centered within groups. Sentences about estimates take the numbers
from the tables of the fit.

Terms and definitions: Raudenbush & Bryk (2002), Hierarchical Linear Models, 2nd ed., chapters 2, 4
and 5 (centering, contextual effects, intercepts and slopes as outcomes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlm_helpers.errors import MLMError
from mlm_helpers.text import decimals_for, join_words, number, p_value
from mlm_helpers.words.parts import (
    Part,
    versus,
)
from mlm_helpers.words.reader import Reader
from mlm_helpers.words.speaker import Speaker, ratio_words
from mlm_helpers.words.vocabulary import (
    Vocabulary,
    pretty_symbol,
    words_for,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Part",
    "Reader",
    "decimals_for",
    "define",
    "definitions",
    "number",
    "p_value",
    "plain",
    "ratio_words",
    "say",
    "versus",
]


def define(
    model: Any, symbol: str, vocabulary: Vocabulary | str | None = None, *, note: bool = True
) -> str:
    """What a parameter of a model means.

    Parameters
    ----------
    model : a fit, or its ``structure``.
    symbol : ``"gamma11"``, ``"γ11"``, ``"u1j"``, ``"tau01"``, ``"beta0j"``, ``"r"``, ``"sigma2"``,
        or the column of a fixed effect (``"famsesc:sector"``).
    vocabulary : the words to use; by default those shipped with the data set, or column names.
    note : add the remark on what the parameter is easily mistaken for, where there is one.

    Raises
    ------
    MLMError
        If the model has no such parameter.
    """
    reader = Reader(*words_for(model, vocabulary))
    key = reader.symbol(symbol)
    meaning, remark = reader.meaning(key), reader.note(key)
    return f"{meaning} {remark}" if note and remark else meaning


def definitions(model: Any, vocabulary: Vocabulary | str | None = None) -> pd.DataFrame:
    """All parameters of a model in words: index symbol (``gamma00``, ``u0``, ``tau00``, ...),
    columns ``written`` (γ00), ``column`` (of the fixed effect, else empty), ``meaning``, ``note``.

    The order is equation by equation, as in a lecture: the γ's, u and τ of the intercept, then of
    each slope, then the covariances and level 1.
    """
    import pandas as pd

    reader = Reader(*words_for(model, vocabulary))
    rows = []
    for key in reader.symbols:
        c = reader.coefficient(key)
        rows.append(
            {
                "symbol": key,
                "written": pretty_symbol(key),
                "column": c.column if c else "",
                "meaning": reader.meaning(key),
                "note": reader.note(key),
            }
        )
    return pd.DataFrame(rows).set_index("symbol")


def say(
    fit: Any, symbol: str, vocabulary: Vocabulary | str | None = None, level: float = 0.95
) -> str:
    """What an estimate says, in one or two sentences with its number, unit and uncertainty.

    Parameters
    ----------
    fit : a fitted model.
    symbol : as for :func:`define`.
    level : of the confidence interval, which uses the df of ``fit.fixed_effects``.
    """
    _need_fit(fit, "say")
    if not 0 < level < 1:
        raise MLMError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
    reader = Reader(*words_for(fit, vocabulary))
    return Speaker(reader, fit, level).say(reader.symbol(symbol))


def plain(fit: Any, symbol: str, vocabulary: Vocabulary | str | None = None) -> str:
    """A cross-level interaction for somebody without any statistics, from the fit's numbers."""
    _need_fit(fit, "plain")
    reader = Reader(*words_for(fit, vocabulary))
    key = reader.symbol(symbol)
    c = reader.coefficient(key)
    if c is None or not c.is_cross_level:
        crossed = [pretty_symbol(x.symbol) for x in reader.s.coefficients if x.is_cross_level]
        there = f"this model has {join_words(crossed)}" if crossed else "this model has none"
        raise MLMError(
            f"plain() explains cross-level interactions, and {pretty_symbol(key)} is not one; "
            f"{there}."
        )
    return Speaker(reader, fit, 0.95).plain(c)


def _need_fit(fit: Any, what: str) -> None:
    if not hasattr(fit, "fixed_effects"):
        raise MLMError(f"{what}() needs a fitted model, because it reports estimates.")
