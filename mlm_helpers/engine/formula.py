"""Read an lmer formula: the fixed part with formulaic, the random part here.

``"y ~ 1 + x + w + w:x + (1 + x | school)"`` becomes the columns X and Z and the grouping codes.
Only one grouping factor is read; crossed and nested groups are refused with a sentence.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from formulaic import Formula, ModelMatrices, ModelMatrix, ModelSpec
from numpy.typing import NDArray

from mlm_helpers.engine.structure import (
    INTERCEPT,
    Structure,
    VariableInfo,
    build_structure,
    split_product,
)
from mlm_helpers.engine.variables import describe_variable, with_all_rows
from mlm_helpers.errors import MLMError, suggest

Array = NDArray[np.float64]
_EXAMPLE = "for example 'y ~ 1 + x + (1 + x | school)'"


@dataclass(frozen=True)
class ParsedFormula:
    """An lmer formula taken apart.

    ``random`` holds one tuple of terms per block of correlated random coefficients, each a formula
    text that formulaic reads on its own (``"1 + x"``, ``"0 + x"``).
    """

    text: str
    outcome: str
    fixed: Formula
    random: tuple[Formula, ...]
    group: str
    lhs: Formula

    @property
    def variables(self) -> tuple[str, ...]:
        """Every column the formula names, the grouping factor last."""
        names: dict[str, None] = {}
        for part in (self.lhs, self.fixed, *self.random):
            for name in _variables_of(part):
                names[name] = None
        names.pop(self.group, None)
        return (*names, self.group)


def parse_formula(text: str) -> ParsedFormula:
    """Parse an lmer formula with one grouping factor.

    Raises
    ------
    MLMError
        With one sentence that says what is wrong with the formula and how to write it.
    """
    if not isinstance(text, str):
        raise MLMError(f"The formula must be text, {_EXAMPLE}; got {type(text).__name__}.")
    return _parse(text)


@lru_cache(maxsize=256)
def _parse(text: str) -> ParsedFormula:
    text = " ".join(text.split())
    _check_brackets(text)
    sides = text.split("~")
    if len(sides) != 2 or not sides[0].strip():
        raise MLMError(
            f"The formula {text!r} needs an outcome, one '~' and predictors, {_EXAMPLE}."
        )
    fixed_text, bars = _take_out_bars(sides[1])
    if not bars:
        raise MLMError(
            f"The formula {text!r} has no random part: say which students belong together, "
            f"{_EXAMPLE}."
        )
    group = _only_group(text, bars)
    blocks: list[str] = []
    for left, bar, _ in bars:
        blocks.extend(_uncorrelated(left) if bar == "||" else [left])
    if not blocks:
        raise MLMError(
            f"The random part of {text!r} is empty: write (1 | {group}) for a random intercept."
        )
    lhs = _formula(f"0 + {sides[0].strip()}", text)
    if group in _variables_of(lhs):
        raise MLMError(
            f"{group!r} is the outcome and the grouping factor of {text!r}: an outcome that says "
            "which group a row is in does not vary within groups."
        )
    return ParsedFormula(
        text=tidy_formula(text),
        outcome=sides[0].strip().strip("`"),
        fixed=_formula(fixed_text, text),
        random=tuple(_formula(b, text) for b in blocks),
        group=group,
        lhs=lhs,
    )


def tidy_formula(text: str) -> str:
    """The formula with R's spacing: blanks around ``~ + - * / |``, none around ``:``."""
    out = re.sub(r"\s+", " ", text.strip())
    out = re.sub(r"\s*(\*\*|:)\s*", r"\1", out)
    out = re.sub(r"\s*(\|\||~|\+|(?<!\*)\*(?!\*)|/|\|)\s*", r" \1 ", out)
    out = re.sub(r"(?<=[\w)\]`])\s*-\s*(?=[\w(`])", " - ", out)
    return re.sub(r"\(\s+", "(", re.sub(r"\s+\)", ")", re.sub(r" {2,}", " ", out))).strip()


def _check_brackets(text: str) -> None:
    depth = 0
    for i, ch in enumerate(text):
        depth += (ch == "(") - (ch == ")")
        if depth < 0:
            raise MLMError(
                f"The formula {text!r} closes a parenthesis at position {i + 1} that was never "
                "opened: take it out or open it before."
            )
    if depth:
        raise MLMError(
            f"The formula {text!r} opens {depth} more parenthes{'i' if depth == 1 else 'e'}s than "
            "it closes: add the missing ')'."
        )


def _take_out_bars(rhs: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Split the right-hand side into the fixed text and the (left, bar, group) random terms."""
    bars: list[tuple[str, str, str]] = []
    kept: list[str] = []
    for sign, term in _top_level_terms(rhs):
        inside = term[1:-1] if _is_wrapped(term) else ""
        if "|" in inside:
            if sign == "-":
                raise MLMError(f"The random part '{term}' is subtracted: add it with '+'.")
            left, bar, group = re.split(r"(\|\|?)", inside, maxsplit=1)
            bars.append((left.strip(), bar, group.strip()))
        elif "|" in term:
            raise MLMError(
                f"Put the random part in parentheses: '({term.strip()})' instead of "
                f"'{term.strip()}'."
            )
        else:
            kept.append(f"{sign} {term}")
    return " ".join(kept).lstrip("+ ").strip() or "1", bars


def _is_wrapped(term: str) -> bool:
    """True when one pair of parentheses encloses the whole term."""
    if not (term.startswith("(") and term.endswith(")")):
        return False
    depth = 0
    for i, ch in enumerate(term):
        depth += (ch == "(") - (ch == ")")
        if depth == 0:
            return i == len(term) - 1
    return False


def _top_level_terms(rhs: str) -> list[tuple[str, str]]:
    """The summands with their signs: ``"1 + (x | g)"`` gives ``+ 1`` and ``+ (x | g)``."""
    out: list[tuple[str, str]] = []
    depth, sign, current, quoted = 0, "+", "", False
    for ch in rhs:
        quoted ^= ch == "`"
        depth += (ch in "([") - (ch in ")]")
        if ch in "+-" and depth == 0 and not quoted:
            if current.strip():
                out.append((sign, current.strip()))
            sign, current = ch, ""
        else:
            current += ch
    if current.strip():
        out.append((sign, current.strip()))
    return out


def _only_group(text: str, bars: Iterable[tuple[str, str, str]]) -> str:
    groups = list(dict.fromkeys(g for _, _, g in bars))
    for g in groups:
        if not g:
            raise MLMError(f"The random part in {text!r} names no group after '|', {_EXAMPLE}.")
        if re.search(r"[/:*+]", g) and not (g.startswith("`") and g.endswith("`")):
            raise MLMError(
                f"'{g}' nests or combines groups, which this two-level fit cannot do: use one "
                f"column that names the group, {_EXAMPLE}."
            )
    if len(groups) > 1:
        raise MLMError(
            f"The formula has {len(groups)} grouping factors ({', '.join(groups)}), but this fit "
            "knows one: crossed or nested groups need another program, such as lme4 in R."
        )
    return groups[0].strip("`")


def _uncorrelated(left: str) -> list[str]:
    """``1 + x || g`` stands for ``(1 | g) + (0 + x | g)``."""
    terms = [str(t) for t in _formula(left, left)]
    return ["1" if t == "1" else f"0 + {t}" for t in terms]


def _formula(text: str, whole: str) -> Any:
    if re.search(r"\b(as\.)?(factor|ordered)\(", text):
        raise MLMError(f"Write C(...) instead of factor(...) for categories in {whole!r}.")
    if any(term == "." for _, term in _top_level_terms(text)):
        raise MLMError(f"Name the predictors of {whole!r} one by one: '.' is not read.")
    # R's power: x^2 is x**2 to Python, inside I() too; names in backticks stay as they are
    python = re.sub(r"`[^`]*`|\^", lambda m: "**" if m.group() == "^" else m.group(), text)
    _check_powers(python, whole)
    try:
        formula = Formula(python)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise MLMError(
            f"The part '{text}' of the formula {whole!r} cannot be read ({reason}): check its "
            "operators and names."
        ) from None
    if not all(hasattr(term, "factors") for term in formula):
        raise MLMError(
            f"The part '{text}' of the formula {whole!r} has several parts: use '|' only in a "
            f"random part, {_EXAMPLE}."
        )
    return formula


_HIGHEST_POWER = 4  # (a + b + ...)^n is multiplied out, which takes terms^n steps


def _check_powers(python: str, whole: str) -> None:
    """Refuse a power of terms (not one inside a function) that would take for ever."""
    inside: list[bool] = []  # of each open parenthesis: does it belong to a function?
    for match in re.finditer(r"`[^`]*`|(\w\s*)?\(|\)|\*\*\s*(\d+)(\s*\*\*)?", python):
        token = match.group()
        if token.endswith("("):
            inside.append(bool(match.group(1)))
        elif token == ")":
            if inside:
                inside.pop()
        elif any(inside) or not match.group(2):
            continue
        elif int(match.group(2)) > _HIGHEST_POWER or match.group(3):
            raise MLMError(
                f"The power {token} in {whole!r} stands for products of that many predictors: "
                "write those that you want with ':', or I(x^5) for a power of numbers."
            )


def _variables_of(formula: Any) -> list[str]:
    """The column names that a formula part uses, also inside function calls."""
    found: dict[str, None] = {}
    for term in formula:
        for factor in term.factors:
            for name in factor_variables(factor.expr):
                found[name] = None
    return list(found)


def factor_variables(expr: str) -> list[str]:
    """Column names in one factor, such as ``"log(x + 1)"`` or ``"famsesc"``."""
    if expr.isidentifier():
        return [expr]
    quoted: dict[str, str] = {}

    def hide(match: re.Match[str]) -> str:
        key = f"__quoted_{len(quoted)}"
        quoted[key] = match.group(1)
        return key

    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", hide, expr), mode="eval")
    except SyntaxError:
        return [expr.strip("`")]
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    called |= {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called]
    return list(dict.fromkeys(quoted.get(n, n) for n in names))


@dataclass(frozen=True)
class Design:
    """The columns of a model for given rows.

    Attributes
    ----------
    x : (n, p) fixed-effect columns, ``columns`` their names (statsmodels')
    z : (n, q) random-coefficient columns, ``random`` their names
    y : (n,) outcome
    codes, labels : group of each row as a number into the sorted labels
    blocks : which columns of z are correlated with each other
    data : the rows used, only the columns named in the formula
    dropped : rows left out because a value is missing, with the columns concerned
    given : the same columns of all rows, where some were left out
    """

    formula: ParsedFormula
    x: Array
    columns: tuple[str, ...]
    z: Array
    random: tuple[str, ...]
    y: Array
    codes: NDArray[np.intp]
    labels: NDArray
    blocks: tuple[tuple[int, ...], ...]
    data: pd.DataFrame
    dropped: Mapping[str, int]
    n_dropped: int
    spec: ModelSpec
    given: pd.DataFrame | None = None
    keeps_rows: ClassVar[bool] = True

    @cached_property
    def random_specs(self) -> tuple[ModelSpec, ...]:
        """formulaic's recipes of the random parts, for new rows."""
        return tuple(
            _matrix(part, self.data, self.formula).model_spec for part in self.formula.random
        )

    def columns_of(self, frame: pd.DataFrame) -> tuple[Array, Array, Array]:
        """X, Z and y of other rows, by the recipe of these."""
        x = _from_spec(self.spec, frame, self.formula)
        if set(self.random) <= set(self.columns):
            z = x[:, [self.columns.index(n) for n in self.random]]
        else:
            z = np.hstack([_from_spec(s, frame, self.formula) for s in self.random_specs])
        return x, z, _outcome(self.formula, frame)

    @cached_property
    def first_rows(self) -> NDArray[np.intp]:
        """(J,) the first row of each group, in the order of ``labels``."""
        return np.unique(self.codes, return_index=True)[1]

    @cached_property
    def group_frame(self) -> pd.DataFrame:
        """The level-2 variables, one row per group."""
        level2 = [v.name for v in self.structure.variables.values() if v.level == 2]
        frame = self.data[level2].iloc[self.first_rows]
        return frame.set_axis(pd.Index(self.labels, name=self.formula.group), axis=0)

    def level2_values(self, term: str) -> Array:
        """(J,) a level-2 term such as ``"sector"`` or ``"region[T.South]"``, one value a group."""
        if term in self.columns:
            return self.x[self.first_rows, self.columns.index(term)]
        return term_values(self, term)[self.first_rows]

    def describe(self) -> dict[str, VariableInfo]:
        """Level, kind and centering of each variable."""
        group = self.formula.group
        names = [name for name in self.formula.variables if name != group]
        out = {name: describe_variable(self.data[name], self.codes) for name in names}
        if self.given is None:
            return out
        keys = self.given[group]
        return {name: with_all_rows(out[name], self.given[name], keys) for name in names}

    @cached_property
    def structure(self) -> Structure:
        """Levels, centering and γ numbering of this model."""
        infos = self.describe()

        def level_of(factor: str) -> int:
            expr = re.sub(r"\[[^\[\]]*\]$", "", factor)
            names = factor_variables(expr)
            known = (n == self.formula.group or infos[n].level == 2 for n in names)
            return 2 if names and all(known) else 1

        return build_structure(
            formula=self.formula.text,
            outcome=self.formula.outcome,
            group=self.formula.group,
            columns=self.columns,
            random=self.random,
            blocks=self.blocks,
            level_of=level_of,
            variables=infos,
        )


def build_design(parsed: ParsedFormula, data: pd.DataFrame) -> Design:
    """Check the data against the formula and build X, Z, y and the group codes.

    Rows with a missing value in a column of the formula are left out and counted.

    Raises
    ------
    MLMError
        One sentence that names the column (and the row, where there is one) and what to do.
    """
    frame, dropped, n_dropped = _usable_rows(parsed, data)
    codes, labels = group_codes(frame[parsed.group], parsed.group)
    y = _outcome(parsed, frame)
    fixed = _matrix(parsed.fixed, frame, parsed)
    x = _values(fixed, parsed)
    columns = tuple(fixed.model_spec.column_names)
    for term, taken in fixed.model_spec.term_slices.items():
        if taken.start == taken.stop:  # a categorical predictor with one category
            raise _constant(str(term), columns)
    names: list[str] = []
    blocks: list[tuple[int, ...]] = []
    parts: list[Array] = []
    for part in parsed.random:
        own, values = _random_part(part, frame, parsed, columns, x)
        if not own:
            raise MLMError(
                f"A random part of {parsed.text!r} is empty: write (1 | {parsed.group}) for a "
                "random intercept."
            )
        blocks.append(tuple(range(len(names), len(names) + len(own))))
        names += own
        parts.append(values)
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise MLMError(
            f"The random part names {', '.join(doubled)} twice; write '0 + x' in a second part to "
            "leave its intercept out."
        )
    return Design(
        formula=parsed,
        x=x,
        columns=columns,
        z=np.hstack(parts),
        random=tuple(names),
        y=y,
        codes=codes,
        labels=labels,
        blocks=tuple(blocks),
        data=frame,
        dropped=dropped,
        n_dropped=n_dropped,
        spec=fixed.model_spec,
        given=data[list(parsed.variables)] if n_dropped else None,
    )


def group_codes(values: Any, group: str) -> tuple[NDArray[np.intp], NDArray]:
    """The group of each row as a number, and the sorted labels of the groups."""
    try:
        codes, labels = pd.factorize(values, sort=True)
    except TypeError:
        raise MLMError(
            f"The grouping factor {group!r} mixes values that have no order among them, such as "
            f"numbers and dates: make them one kind, with data[{group!r}].astype(str)."
        ) from None
    return codes.astype(np.intp), np.asarray(labels)


def _outcome(parsed: ParsedFormula, frame: pd.DataFrame) -> Array:
    if parsed.outcome in frame.columns:
        return frame[parsed.outcome].to_numpy(dtype=float)
    values = _values(_matrix(parsed.lhs, frame, parsed), parsed)
    if values.shape[1] != 1:
        raise MLMError(
            f"The outcome '{parsed.outcome}' gives {values.shape[1]} columns; it must be one "
            "numeric column."
        )
    return values[:, 0]


def _random_part(
    part: Any, frame: pd.DataFrame, parsed: ParsedFormula, columns: tuple[str, ...], x: Array
) -> tuple[list[str], Array]:
    """Names and values of one block's columns, taken from X where X has them already."""
    names = [INTERCEPT if str(term) == "1" else str(term) for term in part]
    if set(names) <= set(columns):
        return names, x[:, [columns.index(n) for n in names]]
    matrix = _matrix(part, frame, parsed)
    return list(matrix.model_spec.column_names), _values(matrix, parsed)


def known_columns(data: Any, names: Iterable[str], group: str) -> None:
    """Refuse data that lack one of the columns ``names`` or have it twice."""
    columns = list(data.columns)
    counts = Counter(columns)
    for name in names:
        if not counts[name]:
            role = "grouping factor" if name == group else "column"
            raise MLMError(
                f"The data have no {role} {name!r}.{suggest(name, columns)}"
                f" Their columns are {', '.join(map(str, columns[:12]))}"
                f"{', ...' if len(columns) > 12 else ''}."
            )
        if counts[name] > 1:
            raise MLMError(f"The data have more than one column {name!r}: keep one.")


def _usable_rows(
    parsed: ParsedFormula, data: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, int], int]:
    if not isinstance(data, pd.DataFrame):
        raise MLMError(f"data must be a pandas DataFrame; got {type(data).__name__}.")
    names = list(parsed.variables)
    known_columns(data, names, parsed.group)
    if len(data) and all(_finite_numbers(data[name]) for name in names):
        return data[names], {}, 0
    if not len(data):
        raise MLMError("The data have no rows: there is nothing to fit.")
    frame, dropped, n_dropped = complete_rows(data[names])
    for name, count in dropped.items():
        if count == len(data):
            raise MLMError(
                f"Column {name!r} holds only missing values: leave it out of the formula or "
                "fill it."
            )
    if not len(frame):
        raise MLMError(
            f"Every row has a missing value in {', '.join(dropped)}: no row is left to fit."
        )
    check_columns(frame, parsed)
    return frame, dropped, n_dropped


def _finite_numbers(column: pd.Series) -> bool:
    """True for a plain numeric column without missing or infinite values: nothing to check."""
    kind = getattr(column.dtype, "kind", "O") if isinstance(column.dtype, np.dtype) else "O"
    return kind in "iub" or (kind == "f" and bool(np.isfinite(column.to_numpy()).all()))


def complete_rows(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int], int]:
    """Leave out rows with a missing value; return the rest, the count per column and in all."""
    missing = frame.isna()
    if not missing.to_numpy().any():
        return frame, {}, 0
    rows = missing.any(axis=1)
    counts = {str(name): int(n) for name, n in missing.sum().items() if n}
    return frame[~rows], counts, int(rows.sum())


_LARGEST = 1e120  # products of two such sums are still finite


def check_columns(frame: pd.DataFrame, parsed: ParsedFormula) -> None:
    """Refuse infinite values, dates, and text where numbers are needed, naming the column."""
    for name in parsed.variables:
        if name != parsed.group:
            _check_column(frame[name], parsed)


def _check_column(column: pd.Series, parsed: ParsedFormula) -> None:
    name = column.name
    if pd.api.types.is_bool_dtype(column):
        return
    if pd.api.types.is_numeric_dtype(column):
        if pd.api.types.is_complex_dtype(column):
            raise MLMError(f"Column {name!r} holds complex numbers: use real ones.")
        infinite = np.isinf(column.to_numpy(dtype=float))
        if infinite.any():
            raise MLMError(
                f"Column {name!r} holds {infinite.sum()} infinite value"
                f"{'s' if infinite.sum() > 1 else ''}, the first in row "
                f"{column.index[infinite.argmax()]!r}: correct or remove them."
            )
        if np.abs(column.to_numpy(dtype=float)).max(initial=0.0) > _LARGEST:
            raise MLMError(
                f"Column {name!r} holds a number beyond {_LARGEST:g}, whose square no computer "
                "holds: correct it, or divide the column by a large number."
            )
        return
    if pd.api.types.is_datetime64_any_dtype(column):
        raise MLMError(f"Column {name!r} holds dates: turn them into numbers first.")
    if isinstance(column.dtype, pd.CategoricalDtype) and name != parsed.outcome:
        return
    as_number = pd.to_numeric(column.astype(str).where(column.notna()), errors="coerce")
    number = as_number.notna()
    if name == parsed.outcome or (number.any() and not number.all()):
        bad = (
            f", the first {column[~number].iloc[0]!r} in row {column.index[~number][0]!r}"
            if not number.all()
            else ""
        )
        raise MLMError(
            f"Column {name!r} must be numeric but holds text{bad}: correct the text and convert "
            f"with pd.to_numeric(data[{str(name)!r}])."
        )
    if number.all() and f"C({name}" not in parsed.text:
        raise MLMError(
            f"Column {name!r} holds numbers stored as text: convert it with "
            f"pd.to_numeric(data[{str(name)!r}]), or write C({name}) if they are codes of "
            "categories."
        )


def _plain_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Text of pandas' type with NA as plain objects: formulaic does not know it for text."""
    names = [
        name
        for name, kind in frame.dtypes.items()
        if isinstance(kind, pd.StringDtype) and kind.na_value is pd.NA
    ]
    return frame.astype(dict.fromkeys(names, object)) if names else frame


def _matrix(part: Any, frame: pd.DataFrame, parsed: ParsedFormula) -> ModelMatrix:
    try:
        with np.errstate(all="ignore"):  # _values says which column is not finite
            out = part.get_model_matrix(
                _plain_text(frame), na_action="ignore", output="numpy", context=None
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


def _values(matrix: ModelMatrix, parsed: ParsedFormula) -> Array:
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
            raise _constant(name, columns)
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


def _constant(name: str, columns: tuple[str, ...]) -> MLMError:
    return MLMError(
        f"'{name}' has the same value in every row, so it cannot predict anything"
        + (" beyond the intercept" if INTERCEPT in columns else "")
        + ": leave it out of the formula."
    )


def r_name(column: str) -> str:
    """The name lme4 gives a column: ``"(Intercept)"``, ``"regionSouth"``, ``"log(x)"``."""
    if column == INTERCEPT:
        return "(Intercept)"
    return ":".join(re.sub(r"\[T?\.?([^\[\]]*)\]$", r"\1", f) for f in split_product(column))


def r_order(columns: Iterable[str], variables: Iterable[str]) -> list[str]:
    """R's labels: the factors of a product in the order in which variables first appear."""
    order = {v: i for i, v in enumerate(variables)}

    def first(factor: str) -> int:
        names = factor_variables(re.sub(r"\[[^\[\]]*\]$", "", factor))
        return min((order.get(n, len(order)) for n in names), default=len(order))

    return [":".join(r_name(f) for f in sorted(split_product(c), key=first)) for c in columns]


def term_values(design: Design, term: str) -> Array:
    """Values (n,) of a term such as ``"sector"`` that is not a column by itself."""
    return term_of_frame(term, design.data, design.formula)


def term_of_frame(term: str, frame: pd.DataFrame, parsed: ParsedFormula) -> Array:
    """Values of a product of columns, functions and categories (``"region[T.South]:meanses"``)
    for the rows of a frame."""
    out = np.ones(len(frame))
    for factor in split_product(term):
        bracket = re.search(r"\[T?\.?([^\[\]]*)\]$", factor)
        if bracket and factor[: bracket.start()] in frame.columns:
            raw = frame[factor[: bracket.start()]]
            out = out * (raw.astype(str) == bracket.group(1)).to_numpy(dtype=float)
        elif bracket:
            part = _formula(factor[: bracket.start()], factor)
            matrix = _matrix(part, frame, parsed)
            out = out * _values(matrix, parsed)[:, matrix.model_spec.column_names.index(factor)]
        elif factor in frame.columns and pd.api.types.is_numeric_dtype(frame[factor]):
            out = out * frame[factor].to_numpy(dtype=float)
        else:
            part = _formula(f"0 + {factor}", factor)
            out = out * _values(_matrix(part, frame, parsed), parsed)[:, 0]
    return out


def new_columns(
    design: Design, newdata: pd.DataFrame, random: bool
) -> tuple[Array, Array, NDArray[np.intp]]:
    """X, Z and group codes (len(labels) for a group not seen) for new rows, by the recipe (means,
    spline knots, categories) of the rows fitted.

    Raises
    ------
    MLMError
        When a column is missing or holds a missing value.
    """
    parsed = design.formula
    needed = {n for part in (parsed.fixed, *parsed.random) for n in _variables_of(part)}
    if random:
        needed.add(parsed.group)
    for name in sorted(needed):
        if name not in newdata.columns:
            raise MLMError(
                f"The new data have no column {name!r}, which the model needs."
                f"{suggest(name, newdata.columns)}"
            )
        if newdata[name].isna().any():
            raise MLMError(
                f"Column {name!r} of the new data has {int(newdata[name].isna().sum())} missing "
                "values: fill or drop those rows first."
            )
    x = _from_spec(design.spec, newdata, parsed)
    if not random:
        return x, np.zeros((len(newdata), 0)), np.zeros(len(newdata), dtype=np.intp)
    z = np.hstack([_from_spec(s, newdata, parsed) for s in design.random_specs])
    codes = pd.Index(design.labels).get_indexer(newdata[parsed.group])
    codes = np.where(codes < 0, len(design.labels), codes).astype(np.intp)
    return x, z, codes


def _from_spec(spec: ModelSpec, frame: pd.DataFrame, parsed: ParsedFormula) -> Array:
    try:
        out = spec.get_model_matrix(_plain_text(frame), na_action="ignore", output="numpy")
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise MLMError(f"The new data do not fit the model ({reason}).") from None
    return _values(out, parsed)
