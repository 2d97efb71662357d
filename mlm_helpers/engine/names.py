"""Which factors a column of the model is a product of, as formulaic made it and not as its name
looks: a category may be called ``Treatment``, ``a]b`` or ``(0, 1]``, a variable ``read:score``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from formulaic import ModelSpec
from formulaic.parser.types import Factor

from mlm_helpers.engine.structure import INTERCEPT, Part, parts_of_text

Parts = Mapping[str, tuple[Part, ...]]


def variables_of(factor: Factor) -> tuple[str, ...]:
    """The columns that one factor of a term uses; a name in backticks is one, whatever is in it."""
    if factor.eval_method is not None and factor.eval_method.value == "lookup":
        return (factor.expr,)
    return tuple(factor_variables(factor.expr))


def factor_variables(expr: str) -> list[str]:
    """Column names in one expression, such as ``"log(x + 1)"`` or ``"famsesc"``."""
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


def column_parts(spec: ModelSpec) -> dict[str, tuple[Part, ...]]:
    """The factors of each column that formulaic made by ``spec``."""
    out: dict[str, tuple[Part, ...]] = {}
    for term, _, columns in spec.structure:
        factors = [f for f in term.factors if f.eval_method.value != "literal"]
        for column in columns:
            found = _match(column, factors, spec) if column != INTERCEPT else ()
            out[column] = parts_of_text(column) if found is None else found
    return out


def _match(rest: str, factors: list[Factor], spec: ModelSpec) -> tuple[Part, ...] | None:
    """The one way to read ``rest`` as a product of these factors, each under one of its names."""
    if not factors:
        return () if not rest else None
    for part in _candidates(factors[0], rest, spec):
        tail = rest[len(part.text) :]
        if not rest.startswith(part.text) or (len(factors) > 1) != tail.startswith(":"):
            continue
        others = _match(tail[1:], factors[1:], spec)
        if others is not None:
            return (part, *others)
    return None


def _candidates(factor: Factor, rest: str, spec: ModelSpec) -> Iterator[Part]:
    """The names that the columns of one factor have."""
    expr, uses = factor.expr, variables_of(factor)
    kind, state = spec.encoder_state.get(expr, (None, {}))
    if kind is Factor.Kind.CATEGORICAL:
        contrasts, levels = state["contrasts"].contrasts, state["contrasts"].levels
        for reduced in (True, False):
            pattern = contrasts.get_factor_format(levels, reduced_rank=reduced)
            coding = re.search(r"\[(\w+)\.\{field\}", pattern)
            for field in contrasts.get_coding_column_names(levels, reduced_rank=reduced):
                text = pattern.format(name=expr, field=field)
                yield Part(text, expr, uses, coding[1] if coding else "cell", field)
        return
    for several in (r"\[[^\[\]]*\]", ""):  # poly(x, 2)[1] and the like have several columns
        match = re.match(re.escape(expr) + several, rest)
        if match:
            yield Part(match.group(), expr, uses)


def r_name(parts: Iterable[Part]) -> str:
    """The name lme4 gives a column: ``"(Intercept)"``, ``"regionSouth"``, ``"log(x)"``."""
    return ":".join(map(_r_factor, parts)) or "(Intercept)"


def _r_factor(part: Part) -> str:
    name = part.factor
    if part.uses == (name,) and not re.fullmatch(r"([^\W\d_]|\.(?!\d))[\w.]*", name):
        name = f"`{name}`"
    if part.coding:
        prefix = "" if part.coding in ("T", "cell") else f"{part.coding}."
        return f"{name}{prefix}{part.category}"
    return name + re.sub(r"\[([^\[\]]*)\]$", r"\1", part.text[len(part.factor) :])


def r_order(parts: Parts, columns: Iterable[str], variables: Iterable[str]) -> list[str]:
    """R's labels: the factors of a product in the order in which variables first appear."""
    order: dict[Any, int] = {v: i for i, v in enumerate(variables)}

    def first(part: Part) -> int:
        return min((order.get(n, len(order)) for n in part.uses), default=len(order))

    return [r_name(sorted(parts[column], key=first)) for column in columns]
