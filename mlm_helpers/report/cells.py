"""What a cell shows: sentences, definitions and small tables, in words and rounded for reading.

Each function returns a :class:`Shown`, which a notebook displays as accessible HTML and ``print``
as text. The unrounded tables behind them come from ``wording``, ``residuals``, ``variance`` and
``probing``.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlm_helpers.engine.summary import html_table, summary_html
from mlm_helpers.text import shown
from mlm_helpers.words.vocabulary import (
    Code,
    Vocabulary,
    canonical_symbol,
    join_words,
    pretty_symbol,
    words_for,
)
from mlm_helpers.words.wording import decimals_for, define, number, p_value, say

if TYPE_CHECKING:
    import pandas as pd

    from mlm_helpers.engine.fit import MLMFit

__all__ = [
    "Shown",
    "definitions",
    "explained",
    "means",
    "output",
    "residuals_by",
    "sentences",
    "slopes",
    "table",
]


@dataclass(frozen=True)
class Shown:
    """Something to read: ``html`` for a notebook, ``text`` for a terminal."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def sentences(
    fit: MLMFit, *symbols: str, vocabulary: Vocabulary | str | None = None, level: float = 0.95
) -> Shown:
    """What the estimates of ``symbols`` say (``wording.say``), one after another.

    Without symbols: all fixed effects of the fit.
    """
    chosen = symbols or tuple(c.symbol for c in fit.structure.coefficients)
    return _glossary([(_written(fit, s), say(fit, s, vocabulary, level)) for s in chosen])


def definitions(
    model: Any, *symbols: str, vocabulary: Vocabulary | str | None = None, note: bool = False
) -> Shown:
    """What the parameters ``symbols`` of a model mean (``wording.define``)."""
    pairs = [(_written(model, s), define(model, s, vocabulary, note=note)) for s in symbols]
    return _glossary(pairs)


def output(fit: MLMFit, mark: str | Sequence[str] = ()) -> Shown:
    """The summary of a fit as tables, with the rows of some parameters picked out.

    ``mark`` names them: ``"gamma11"``, ``["tau00", "tau11"]`` or a column of a fixed effect.
    """
    marked = [mark] if isinstance(mark, str) else list(mark)
    spelled = [canonical_symbol(m) or m for m in marked]
    return Shown(summary_html(fit, tuple(spelled)), fit.summary())


def residuals_by(
    fit: MLMFit,
    by: str,
    data: pd.DataFrame | None = None,
    vocabulary: Vocabulary | str | None = None,
) -> Shown:
    """EB residuals by kind of group: mean (SD) and median [min, max], to three figures.

    Arguments as for ``residuals.eb_by``. For two kinds the last column is the
    difference of their means (second minus first).
    """
    from mlm_helpers.interpret.residuals import eb_by

    summary = eb_by(fit, by, data)
    _, words = words_for(fit, vocabulary)
    kinds = list(dict.fromkeys(summary.index.get_level_values(by)))
    head = ["", *(f"{_kind(words, by, k)} (N = {_count(summary, k)})" for k in kinds)]
    two = len(kinds) == 2
    rows: list[list[str]] = []
    for name in dict.fromkeys(summary.index.get_level_values("residual")):
        part = summary.loc[name]
        what = "Intercept" if name == "u0" else "Slope"
        symbol = pretty_symbol(str(name))
        means = [float(part.loc[k, "mean"]) for k in kinds]
        cells = [f"{_three(part.loc[k, 'mean'])} ({_three(part.loc[k, 'sd'])})" for k in kinds]
        gap = [number(means[1] - means[0])] if two else []
        rows.append([f"{what} residual {symbol}: mean (SD)", *cells, *gap])
        cells = [
            f"{_three(part.loc[k, 'median'])} {_range(part.loc[k, 'min'], part.loc[k, 'max'])}"
            for k in kinds
        ]
        rows.append(["median [min, max]", *cells, *([""] if two else [])])
    caption = f"EB residuals by {words.predictor(by).label}"
    return _shown_table(caption, [*head, *(["Difference of means"] if two else [])], rows)


def explained(fits: Mapping[str, MLMFit], level2: bool = True) -> Shown:
    """How much of each variance of the first fit the later ones explain.

    Parameters
    ----------
    fits : name and fit; the first is the one that the others are compared with.
    level2 : show the level-2 variances only, or σ² as well.
    """
    from mlm_helpers.interpret.variance import variance_explained

    (first, base), *others = fits.items()
    parts = {name: variance_explained(base, fit) for name, fit in others}
    rows = []
    for key in next(iter(parts.values())).index:
        if level2 and key == "sigma2":
            continue
        before = float(next(iter(parts.values())).loc[key, "base"])
        cells = [number(before)]
        for part in parts.values():
            share = 100 * float(part.loc[key, "explained"])
            cells += [number(float(part.loc[key, "full"])), f"{number(share, 1)}%"]
        rows.append([pretty_symbol(str(key)), *cells])
    head = ["Variance", first]
    for name in parts:
        head += [name, f"explained by {name}"]
    return _shown_table(f"Variance explained, compared with {first}", head, rows)


def slopes(
    fit: MLMFit,
    predictor: str,
    by: str | None = None,
    vocabulary: Vocabulary | str | None = None,
    **options: Any,
) -> Shown:
    """Simple slopes (``slopes.simple_slopes``) with the words for ``by``."""
    from mlm_helpers.interpret.slopes import simple_slopes

    frame = simple_slopes(fit, predictor, by=by, **options)
    _, words = words_for(fit, vocabulary)
    p = words.predictor(predictor)
    return _by_kind(frame, f"Expected {p.slope or f'slope of {p.label}'}", words, by)


def means(
    fit: MLMFit,
    by: str | None = None,
    vocabulary: Vocabulary | str | None = None,
    **options: Any,
) -> Shown:
    """Expected means (``slopes.simple_intercepts``) with the words for ``by``."""
    from mlm_helpers.interpret.slopes import simple_intercepts

    frame = simple_intercepts(fit, by=by, **options)
    _, words = words_for(fit, vocabulary)
    return _by_kind(frame, f"Expected {words.outcome.mean}", words, by)


def _by_kind(frame: pd.DataFrame, what: str, words: Vocabulary, by: str | None) -> Shown:
    labels = {}
    if by in frame:
        kinds = [_kind(words, str(by), value) for value in frame[by]]
        labels = dict(zip(frame["label"], kinds, strict=True))
    held = [_held(words, c, v) for c, v in frame.attrs.get("held", {}).items()]
    where = join_words([text for text in held if text])
    return table(frame, f"{what}, with {where}" if where else what, labels=labels)


def _held(words: Vocabulary, column: str, value: Any) -> str:
    """Where a predictor is held, in words. A level-1 predictor at its group's mean goes unsaid."""
    p = words.predictor(column)
    if value == 0 and p.level == 1 and p.centered == "group":
        return ""
    if value == 0 and p.zero:
        return p.zero
    code = p.code(value)
    if code:
        return f"{p.label} {code.name}"
    return f"{p.label} = {number(float(value)) if isinstance(value, float) else value}"


def table(
    frame: pd.DataFrame,
    caption: str,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[Any, str] | None = None,
    mark: Sequence[int] = (),
) -> Shown:
    """A table of estimates, rounded for reading.

    Parameters
    ----------
    frame : such as the result of ``simple_slopes``. ``estimate``, ``std_error``, ``lower`` and
        ``upper`` get the decimals that leave the standard error two digits; ``p`` is written as in
        prose.
    columns : the columns to show and their headings (default: those of a table of estimates). The
        first one names the row when there is a ``label`` column, otherwise the index does.
    labels : other words for labels (or index values).
    mark : numbers of rows to pick out.
    """
    level = f"{100 * float(frame.attrs.get('level', 0.95)):g}% from"
    heads = dict(columns or _ESTIMATES | {"lower": level})
    names = frame.get("label", frame.index)
    words = {str(k): v for k, v in (labels or {}).items()}
    shown = [c for c in heads if c in frame]
    rows = []
    for label, (_, row) in zip(names, frame.iterrows(), strict=True):
        cells = [_cell(row, c) for c in shown]
        rows.append([words.get(str(label), str(label)), *cells])
    return _shown_table(caption, ["", *(heads[c] for c in shown)], rows, mark)


_ESTIMATES = {
    "estimate": "Estimate",
    "std_error": "Std. Error",
    "df": "df",
    "t": "t",
    "p": "p",
    "lower": "95% from",
    "upper": "to",
}


def _cell(row: pd.Series, column: str) -> str:
    value = row[column]
    if column == "p":
        return p_value(float(value)).removeprefix("p ").removeprefix("= ")
    if column == "df":
        return number(float(value), 1)
    if column == "t":
        return number(float(value), 2)
    if not isinstance(value, (float, int)):
        return str(value)
    se = float(row["std_error"]) if "std_error" in row else None
    # three decimals, as a reader needs to follow sums of printed coefficients
    return number(float(value), max(3, decimals_for(float(value), se)) if se else 3)


# ---- how it is drawn ----------------------------------------------------------------------
def _written(model: Any, symbol: str) -> str:
    key = canonical_symbol(symbol)
    return pretty_symbol(key or model.structure.coefficient(symbol).symbol)


def _glossary(pairs: Sequence[tuple[str, str]]) -> Shown:
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;vertical-align:top">{html.escape(s)}</th>'
        f'<td style="text-align:left">{html.escape(said)}</td></tr>'
        for s, said in pairs
    )
    text = "\n".join(f"{s}: {said}" for s, said in pairs)
    return Shown(f'<table class="sentences"><tbody>{rows}</tbody></table>', text)


def _shown_table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], mark: Sequence[int] = ()
) -> Shown:
    cells = [list(head), *(list(r) for r in rows)]
    widths = [max(len(r[k]) for r in cells) for k in range(len(head))]
    lines = [
        "  ".join(
            [r[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(r[1:], widths[1:], strict=True))]
        )
        for r in cells
    ]
    return Shown(html_table(caption, head, rows, mark), "\n".join([caption, *lines]))


def _kind(words: Vocabulary, by: str, value: object) -> str:
    p = words.predictor(by)
    code: Code | None = p.code(value)
    return code.many.capitalize() if code else f"{p.label} = {shown(value)}"


def _count(summary: pd.DataFrame, kind: object) -> int:
    return int(summary.xs(kind, level=1)["n"].iloc[0])


def _range(low: object, high: object) -> str:
    """``[low, high]``, both with the decimals that give the wider end three figures."""
    ends = [float(v) for v in (low, high)]  # type: ignore[arg-type]
    decimals = _decimals(max(ends, key=abs))
    return f"[{number(ends[0], decimals)}, {number(ends[1], decimals)}]"


def _three(x: object) -> str:
    """Three significant figures, as in R's signif(x, 3), with a true minus sign."""
    value = float(x)  # type: ignore[arg-type]
    return number(value, _decimals(value)) if value else "0"


def _decimals(value: float) -> int:
    """Decimals that show three significant figures."""
    if value == 0:
        return 2
    return max(0, 2 - math.floor(math.log10(abs(float(f"{value:.2e}")))))
