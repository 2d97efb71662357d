"""The table that goes into a paper: one or several fits side by side, as a journal prints them.

The rows follow the level-2 equations, as in Raudenbush & Bryk (2002, Tables 4.2 to 4.5): first what
predicts the group means, then what predicts each slope, then the variances. The same table comes
as HTML (which pastes into Word as a table), LaTeX, plain text and tab-separated text.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlm_helpers.engine.structure import INTERCEPT, Coefficient, split_product
from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.words.vocabulary import (
    Code,
    Predictor,
    Vocabulary,
    join_words,
    pretty_symbol,
    words_for,
)
from mlm_helpers.words.wording import Part, Reader, number

if TYPE_CHECKING:
    import pandas as pd

    from mlm_helpers.engine.fit import MLMFit

Format = Literal["html", "latex", "text", "tsv"]
FORMATS: tuple[str, ...] = ("html", "latex", "text", "tsv")
_SUFFIX = {
    ".html": "html",
    ".htm": "html",
    ".tex": "latex",
    ".txt": "text",
    ".tsv": "tsv",
}
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
_MOST_DECIMALS = 6


@dataclass(frozen=True)
class Row:
    """One line of the table: its label, its symbol (``"gamma11"``, may be empty), and one cell per
    model. A ``heading`` has no cells."""

    label: str
    symbol: str = ""
    cells: tuple[str, ...] = ()
    heading: bool = False


@dataclass(frozen=True)
class WriteUp:
    """A finished table. Show it in a notebook, ``print`` it, take ``html``, ``latex``, ``text`` or
    ``tsv``, or ``save`` it; ``frame`` is the same as a table of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    format: str = "html"

    @property
    def html(self) -> str:
        """HTML with its borders inside each cell, so that they survive pasting into Word."""
        return _html(self)

    @property
    def latex(self) -> str:
        """A ``table`` with a ``tabular`` for the package booktabs."""
        return _latex(self)

    @property
    def text(self) -> str:
        """Aligned plain text."""
        return _text(self)

    @property
    def tsv(self) -> str:
        """Tab-separated: for a spreadsheet, or Word's "Convert Text to Table"."""
        lines = ["\t".join(["", *self.columns])]
        lines += ["\t".join([_plain_label(r), *_padded(r, self)]) for r in self.rows]
        return "\n".join(lines) + "\n"

    @property
    def frame(self) -> pd.DataFrame:
        """The cells as text, index ``(section, row)``."""
        import pandas as pd

        section, index, cells = "", [], []
        for r in self.rows:
            if r.heading:
                section = _plain_label(r)
            else:
                index.append((section, _plain_label(r)))
                cells.append(r.cells)
        names = pd.MultiIndex.from_tuples(index, names=["section", "row"])
        return pd.DataFrame(cells, index=names, columns=list(self.columns))

    def to(self, format: Format) -> str:
        """The table in one of the four formats."""
        return str(getattr(self, _known(format)))

    def save(self, path: str | Path) -> Path:
        """Write a file; its ending says the format: .html (opens in Word), .tex, .txt or .tsv."""
        file = Path(path)
        if file.suffix.lower() not in _SUFFIX:
            raise MLMError(
                f"A table cannot be saved as {file.name!r}: end the name in "
                f"{join_words(list(_SUFFIX), 'or')}."
            )
        text = self.to(_SUFFIX[file.suffix.lower()])  # type: ignore[arg-type]
        if file.suffix.lower() in (".html", ".htm"):
            text = (
                '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
                f"<title>{html.escape(self.title)}</title></head><body>{text}</body></html>"
            )
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise MLMError(f"{file.name!r} could not be written: {error.strerror}.") from None
        return file

    def __str__(self) -> str:
        return self.to(self.format)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return self.text if self.format == "html" else str(self)

    def _repr_html_(self) -> str | None:
        return self.html if self.format == "html" else None


def write_up(
    *fits: MLMFit,
    names: Sequence[str] | None = None,
    vocabulary: Vocabulary | str | None = None,
    format: Format = "html",
    title: str | None = None,
    decimals: int | None = None,
    random: Literal["variance", "sd"] = "variance",
    stars: bool = True,
) -> WriteUp:
    """Estimates of one or several models side by side, as a journal prints them.

    Each fixed effect is its estimate with the standard error in parentheses; below come the
    variances, the criterion and the numbers of units. A note says what was centered, how the
    models were fitted and where the p-values come from.

    Parameters
    ----------
    fits : one or more fits of the same outcome in the same groups.
    names : column heads (default: Model 1, Model 2, ...).
    vocabulary : the words to use; by default those shipped with the data set, or column names.
    format : what ``str`` and ``print`` give: ``"html"``, ``"latex"``, ``"text"`` or ``"tsv"``.
    title : the line above the table.
    decimals : for estimates, standard errors and variances; by default enough for two significant
        digits in the smallest standard error, at least two.
    random : variances and covariances, or standard deviations and correlations (``"sd"``).
    stars : mark p below .05, .01 and .001.

    Raises
    ------
    MLMError
        For no fits, fits of different outcomes or groups, or an unknown option.
    """
    heads = _heads(fits, names)
    _known(format)
    if random not in ("variance", "sd"):
        raise MLMError(f"random must be 'variance' or 'sd'; got {random!r}.")
    digits = _decimals(fits) if decimals is None else decimals
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= 10:
        raise MLMError(f"decimals must be a whole number from 0 to 10; got {decimals!r}.")
    readers = [Reader(*words_for(fit, vocabulary)) for fit in fits]
    rows = [
        *_fixed_rows(fits, readers, digits, stars),
        *_random_rows(fits, readers, digits, random),
        *_size_rows(fits, readers),
    ]
    outcome = readers[-1].v.outcome.label
    title = title or f"Multilevel model{'s' if len(fits) > 1 else ''} of {outcome}"
    return WriteUp(title, heads, tuple(rows), tuple(_notes(fits, heads, readers, stars)), format)


# ---- what is asked for --------------------------------------------------------------------
def _heads(fits: Sequence[MLMFit], names: Sequence[str] | None) -> tuple[str, ...]:
    if not fits:
        raise MLMError("write_up needs at least one fit, such as write_up(m1, m2).")
    for fit in fits:
        if not hasattr(fit, "fixed_effects"):
            raise MLMError(f"write_up takes fits, one after the other; got {type(fit).__name__}.")
    first = fits[0].structure
    for k, fit in enumerate(fits[1:], 2):
        s = fit.structure
        for what, a, b in (("outcome", first.outcome, s.outcome), ("groups", first.group, s.group)):
            if a != b:
                raise MLMError(
                    f"Fit 1 has the {what} {a!r} and fit {k} has {b!r}: one table needs the same."
                )
    if isinstance(names, str):
        raise MLMError(f"names must be a list with one name per fit; got the text {names!r}.")
    heads = [f"Model {k + 1}" for k in range(len(fits))] if names is None else list(names)
    if len(heads) != len(fits):
        raise MLMError(f"write_up got {len(fits)} fits but {len(heads)} names: give one each.")
    return tuple(str(h) for h in heads)


def _known(format: str) -> str:
    if format not in FORMATS:
        raise MLMError(
            f"format must be {join_words(list(FORMATS), 'or')}; got {format!r}."
            + suggest(str(format), FORMATS)
        )
    return format


def _decimals(fits: Sequence[MLMFit]) -> int:
    smallest = min(
        (float(se) for fit in fits for se in fit.fixed_effects["std_error"] if se > 0), default=1.0
    )
    return _two_digits(smallest, 2)


def _two_digits(value: float, least: int) -> int:
    """Decimals that show two significant digits of a value, at least ``least``."""
    if not value > 0 or not math.isfinite(value):
        return least
    return min(max(least, 1 - math.floor(math.log10(value))), _MOST_DECIMALS)


# ---- rows -----------------------------------------------------------------------------------
_Key = tuple[frozenset[str], frozenset[str]]


def _key(level1: str | None, level2: str | None) -> _Key:
    return frozenset(split_product(level1 or "")), frozenset(split_product(level2 or ""))


def _fixed_rows(
    fits: Sequence[MLMFit], readers: Sequence[Reader], digits: int, stars: bool
) -> list[Row]:
    """A heading for each level-1 coefficient, and under it the γ's of its level-2 equation."""
    cells: dict[_Key, dict[int, str]] = {}
    symbols: dict[_Key, set[str]] = {}
    labels: dict[_Key, str] = {}
    headings: dict[frozenset[str], tuple[str, set[str]]] = {}
    for k, (fit, reader) in enumerate(zip(fits, readers, strict=True)):
        for c in sorted(fit.structure.coefficients, key=lambda c: (c.p, c.q)):
            key = _key(c.level1, c.level2)
            row = fit.fixed_effects.loc[c.column]
            cells.setdefault(key, {})[k] = _estimate(row, digits, stars)
            symbols.setdefault(key, set()).add(c.symbol)
            labels.setdefault(key, _label(reader.parts(c.level2)))
            seen = headings.get(key[0], ("", set()))[1]
            title = reader.noun(c.p) + reader.suffix(c.p)
            headings[key[0]] = (_upper(title), seen | {f"beta{c.p}"})
    rows: list[Row] = []
    for level1, (title, betas) in headings.items():
        rows.append(Row(title, _only(betas), heading=True))
        for key in cells:
            if key[0] == level1:
                line = tuple(cells[key].get(k, "") for k in range(len(fits)))
                others = set().union(*(s for k, s in symbols.items() if k != key))
                shared = bool(others & symbols[key])
                rows.append(Row(labels[key], "" if shared else _only(symbols[key]), line))
    return rows


def _estimate(row: Any, digits: int, stars: bool) -> str:
    mark = next((s for limit, s in _STARS if row["p"] < limit), "") if stars else ""
    return f"{number(row['estimate'], digits)}{mark} ({number(row['std_error'], digits)})"


def _label(parts: Sequence[Part]) -> str:
    return " × ".join(_part(p, _heading(p.predictor)) for p in parts) if parts else "Intercept"


def _part(part: Part, label: str) -> str:
    low, high = part.low, part.high
    if part.kind == "two" and low and high:
        named = {c: _code(part, c) for c in (low, high)}
        if (low.number, high.number) == (0, 1):
            return f"{label} ({named[high]} = 1)" if named[high] != high.value else label
        codes = [f"{name} = {c.value}" for c, name in named.items() if name != c.value]
        return f"{label} ({', '.join(codes)})" if codes else label
    if part.kind == "treatment" and low and high:
        return f"{label}: {_code(part, high)} (against {_code(part, low)})"
    if part.kind in ("sum", "cell") and high:
        return f"{label}: {_code(part, high)}"
    return part.factor.text if part.kind == "function" else label


def _heading(p: Predictor) -> str:
    """A label with a capital; a mere column name, for which there are no words, stays as it is."""
    worded = p.label != p.column or any(not c.name.startswith(f"{p.label} = ") for c in p.codes)
    return _upper(p.label) if worded else p.label


def _code(part: Part, code: Code) -> str:
    """The name of a code; just its value where the vocabulary has none (``kind = small``)."""
    return code.name.removeprefix(f"{part.predictor.label} = ")


def _random_rows(
    fits: Sequence[MLMFit], readers: Sequence[Reader], digits: int, random: str
) -> list[Row]:
    many = readers[-1].v.group.many
    values: dict[tuple[str, str], dict[int, float]] = {}
    symbols: dict[tuple[str, str], set[str]] = {}
    labels: dict[tuple[str, str], str] = {}
    for k, (fit, reader) in enumerate(zip(fits, readers, strict=True)):
        for symbol, row in fit.variance_components.iterrows():
            if symbol == "sigma2":
                continue
            pair = (row["term"], row["term2"] if isinstance(row["term2"], str) else "")
            column = "variance" if random == "variance" else ("corr" if pair[1] else "sd")
            values.setdefault(pair, {})[k] = float(row[column])
            symbols.setdefault(pair, set()).add(str(symbol))
            labels[pair] = _random_label(pair, reader, random)
    pairs = any(second for _, second in values)
    if random == "variance":
        what = "Variances and covariances" if pairs else "Variances"
    else:
        what = "Standard deviations and correlations" if pairs else "Standard deviations"
    rows = [Row(f"{what} between {many}", heading=True)]
    order = sorted(values, key=lambda pair: (bool(pair[1]), list(values).index(pair)))
    for pair in order:
        line = _line(values[pair], len(fits), digits, exact=pair[1] != "" and random == "sd")
        rows.append(Row(labels[pair], _random_symbol(_only(symbols[pair]), random), line))
    left = {k: (f.sigma2 if random == "variance" else f.sigma) for k, f in enumerate(fits)}
    what = "Variance" if random == "variance" else "Standard deviation"
    rows.append(Row(f"{what} within {many}", heading=True))
    symbol = "sigma2" if random == "variance" else "sigma"
    rows.append(Row("Residual", symbol, _line(left, len(fits), digits)))
    return rows


def _line(values: dict[int, float], n: int, digits: int, exact: bool = False) -> tuple[str, ...]:
    if exact:
        digits = max(digits, 2)
    else:
        smallest = min((abs(v) for v in values.values() if v), default=1.0)
        digits = digits if round(smallest, digits) == 0 else _two_digits(smallest, digits)
    return tuple(
        "" if k not in values or math.isnan(values[k]) else number(values[k], digits)
        for k in range(n)
    )


def _random_label(pair: tuple[str, str], reader: Reader, random: str) -> str:
    names = [_random_name(t, reader) for t in pair if t]
    if len(names) == 1:
        return (
            _label(reader.parts(pair[0])) + " slopes" if pair[0] != INTERCEPT else _upper(names[0])
        )
    link = "Covariance" if random == "variance" else "Correlation"
    return f"{link} of {names[0]} and {names[1]}"


def _random_name(term: str, reader: Reader) -> str:
    if term == INTERCEPT:
        return "means" if reader.intercept_is_mean else "intercepts"
    return f"{' × '.join(_part(p, p.predictor.label) for p in reader.parts(term))} slopes"


def _random_symbol(symbol: str, random: str) -> str:
    """Standard deviations and correlations carry no τ, which is a variance or covariance."""
    return symbol if random == "variance" else ""


def _size_rows(fits: Sequence[MLMFit], readers: Sequence[Reader]) -> list[Row]:
    rows = [Row("Fit and size", heading=True)]
    if any(f.reml for f in fits):
        cells = tuple(number(f.criterion, 1) if f.reml else "" for f in fits)
        rows.append(Row("REML criterion", "", cells))
    if not all(f.reml for f in fits):
        for name, key in (
            ("Deviance (−2 log-likelihood)", "criterion"),
            ("AIC", "aic"),
            ("BIC", "bic"),
        ):
            cells = tuple("" if f.reml else number(getattr(f, key), 1) for f in fits)
            rows.append(Row(name, "", cells))
    rows.append(Row("Parameters", "", tuple(str(f.npar) for f in fits)))
    words = readers[-1].v
    rows.append(Row(_upper(words.unit.many), "", tuple(number(f.nobs, 0) for f in fits)))
    rows.append(Row(_upper(words.group.many), "", tuple(number(f.ngroups, 0) for f in fits)))
    return rows


def _notes(
    fits: Sequence[MLMFit], heads: Sequence[str], readers: Sequence[Reader], stars: bool
) -> list[str]:
    out = ["Standard errors in parentheses." + _fitted_by(fits)]
    out += [s for s in [_centered(fits, readers)] if s]
    if stars:
        out.append(
            "p-values from t tests with Satterthwaite df: * p < .05, ** p < .01, *** p < .001."
        )
    if len({f.nobs for f in fits}) > 1:
        out.append("The models were fitted to different rows.")
    for head, fit in zip(heads, fits, strict=True):
        out += [f"{head}: {m}" if len(fits) > 1 else m for m in fit.messages]
    return out


def _fitted_by(fits: Sequence[MLMFit]) -> str:
    if all(f.reml for f in fits):
        text = " Fitted by restricted maximum likelihood (REML)."
        fixed = {
            frozenset(_key(c.level1, c.level2) for c in f.structure.coefficients) for f in fits
        }
        if len(fixed) > 1:
            text += " REML criteria of models with different fixed effects are not comparable."
        return text
    return "" if any(f.reml for f in fits) else " Fitted by maximum likelihood."


def _centered(fits: Sequence[MLMFit], readers: Sequence[Reader]) -> str:
    """Which predictors were centered, and on what."""
    said: dict[str, tuple[str, str]] = {}
    for fit, reader in zip(fits, readers, strict=True):
        v, used = reader.v, {u for c in fit.structure.coefficients for u in _variables(c, reader)}
        for name in used:
            info = fit.structure.variables[name]
            ways = {
                "group": f"centered within {v.group.many}",
                "grand": f"centered on its mean over {v.unit.many}",
                "grand_groups": f"centered on its mean over {v.group.many}",
            }
            how = info.centered
            if how == "none" and v.predictor(name).centered == "group":
                how = "group"
            if how in ways and not info.binary:
                p = v.predictor(name)
                said[p.label] = (_heading(p), ways[how])
    parts = [f"{label} is {way}" for label, (_, way) in sorted(said.items())]
    if not parts:
        return ""
    first = min(said)
    return f"{said[first][0]}{join_words(parts)[len(first) :]}."


def _variables(c: Coefficient, reader: Reader) -> list[str]:
    parts = [*reader.parts(c.level1), *reader.parts(c.level2)]
    return [p.factor.variable for p in parts if p.factor.variable]


def _only(symbols: set[str]) -> str:
    """The symbol on which all models agree; where they number terms differently there is none."""
    return next(iter(symbols)) if len(symbols) == 1 else ""


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---- formats --------------------------------------------------------------------------------
def _plain_symbol(symbol: str) -> str:
    return "σ" if symbol == "sigma" else pretty_symbol(symbol)


def _plain_label(row: Row) -> str:
    return f"{row.label}, {_plain_symbol(row.symbol)}" if row.symbol else row.label


def _padded(row: Row, table: WriteUp) -> tuple[str, ...]:
    return row.cells or ("",) * len(table.columns)


def _text(table: WriteUp) -> str:
    lines = [["", *table.columns]]
    for r in table.rows:
        lines.append([("" if r.heading else "  ") + _plain_label(r), *_padded(r, table)])
    # the longest label may be a heading, which may run over the empty cells
    first = max(
        len(line[0]) for line, r in zip(lines[1:], table.rows, strict=True) if not r.heading
    )
    widths = [max(len(line[k]) for line in lines) for k in range(1, len(lines[0]))]
    rule = "-" * (first + sum(w + 2 for w in widths))
    out = [table.title, rule]
    for i, line in enumerate(lines):
        if i and table.rows[i - 1].heading:
            out.append(line[0])
        else:
            cells = "".join("  " + _align(c, w) for c, w in zip(line[1:], widths, strict=True))
            out.append((line[0].ljust(first) + cells).rstrip())
        if i == 0:
            out.append(rule)
    return "\n".join([*out, rule, *table.notes])


def _align(cell: str, width: int) -> str:
    return cell.rjust(width)


def _html(table: WriteUp) -> str:
    n = len(table.columns) + 1
    edge = "border:none;border-{}:1.5px solid"
    head = f"{edge.format('top')};border-bottom:1px solid;padding:2px 10px"
    cells = f'<td style="{head}"></td>' + "".join(
        f'<th scope="col" style="{head};text-align:right">{html.escape(c)}</th>'
        for c in table.columns
    )
    body: list[str] = []
    for r in table.rows:
        label = html.escape(r.label) + (f", {_html_symbol(r.symbol)}" if r.symbol else "")
        if r.heading:
            body.append(
                f'</tbody><tbody><tr><th scope="rowgroup" colspan="{n}" style="border:none;'
                f'text-align:left;padding:6px 10px 2px 2px">{label}</th></tr>'
            )
            continue
        tds = "".join(
            f'<td style="border:none;text-align:right;padding:2px 10px;white-space:nowrap">'
            f"{html.escape(c)}</td>"
            for c in r.cells
        )
        body.append(
            '<tr><th scope="row" style="border:none;text-align:left;font-weight:normal;'
            f'padding:2px 10px 2px 20px">{label}</th>{tds}</tr>'
        )
    note = "<br>".join(html.escape(s) for s in table.notes)
    foot = (
        f'<tfoot><tr><td colspan="{n}" style="{edge.format("top")};text-align:left;'
        f'white-space:normal;padding:4px 2px"><em>Note.</em> {note}</td></tr></tfoot>'
    )
    tbody = "".join(body).removeprefix("</tbody>")
    return (
        '<table style="border-collapse:collapse;border:none">'
        '<caption style="caption-side:top;text-align:left;padding:4px 2px">'
        f"{html.escape(table.title)}</caption><thead><tr>{cells}</tr></thead>{tbody}</tbody>{foot}"
        "</table>"
    )


def _html_symbol(symbol: str) -> str:
    plain = _plain_symbol(symbol)
    if plain in ("σ", "σ²"):
        return plain
    return f"{plain[0]}<sub>{html.escape(plain[1:])}</sub>"


def _latex(table: WriteUp) -> str:
    lines = [
        r"\begin{table}",
        rf"\caption{{{_tex(table.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        " & ".join(["", *(_tex(c) for c in table.columns)]).strip() + r" \\",
        r"\midrule",
    ]
    for k, r in enumerate(table.rows):
        label = _tex(r.label) + (f", {_tex_symbol(r.symbol)}" if r.symbol else "")
        if r.heading:
            space = r"\addlinespace" + "\n" if k else ""
            lines.append(rf"{space}\multicolumn{{{len(table.columns) + 1}}}{{l}}{{{label}}} \\")
        else:
            lines.append(" & ".join([rf"\quad {label}", *map(_tex_cell, r.cells)]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", ""]
    lines.append(r"\smallskip\noindent\emph{Note.} " + " ".join(_tex(s) for s in table.notes))
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _tex_symbol(symbol: str) -> str:
    plain = _plain_symbol(symbol)
    if plain.startswith("σ"):
        return r"$\sigma^2$" if plain.endswith("²") else r"$\sigma$"
    name = {"γ": r"\gamma", "τ": r"\tau", "β": r"\beta"}[plain[0]]
    return rf"${name}_{{{plain[1:]}}}$"


_TEX_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "−": "$-$",
    "×": r"$\times$",
    "–": "--",
    **{ch: "\\" + ch for ch in "_$%#&{}"},
}


def _tex(text: str) -> str:
    """Words for LaTeX, with its special characters escaped."""
    return "".join(_TEX_CHARACTERS.get(ch, ch) for ch in text)


def _tex_cell(cell: str) -> str:
    """``−1.64*** (0.24)`` as ``$-1.64^{***}$ (0.24)``."""
    value, space, rest = cell.partition(" ")
    bare = value.rstrip("*")
    if not value.startswith("−") and bare == value:
        return cell
    power = f"^{{{value[len(bare) :]}}}" if bare != value else ""
    return f"${bare.replace('−', '-')}{power}$" + space + rest
