"""Expressions on a lesson's fits: the keys of an instructor's own questions.

``gamma(m2, 'support:workload') * 2 + gamma(m2, 'workload')`` is one. They are arithmetic, the fits
``m0`` to ``m3``, ``m1_ri`` to ``m3_ri``, and the functions below: nothing else is carried out.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.interpret.variance import icc, variance_explained
from mlm_helpers.lesson.lesson import Lesson

_ARITHMETIC: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def _entry(column: str) -> Callable[[Any, str], float]:
    """An entry of the table of fixed effects, by symbol or column."""

    def read(fit: Any, name: str) -> float:
        return float(fit.fixed_effects[column][fit.structure.coefficient(name).column])

    return read


def _variance(fit: Any, name: str) -> float:
    table = fit.variance_components["variance"]
    if name not in table.index:
        raise MLMError(f"The model has no {name!r}; it has {', '.join(table.index)}.")
    return float(table[name])


FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "gamma": (_entry("estimate"), "a γ, by symbol (`'gamma11'`) or column (`'w:x'`)"),
    "error": (_entry("std_error"), "its standard error"),
    "t": (_entry("t"), "its t"),
    "p": (_entry("p"), "its p"),
    "df": (_entry("df"), "its degrees of freedom"),
    "variance": (_variance, "a τ or σ²: `'tau00'`, `'tau11'`, `'tau01'`, `'sigma2'`"),
    "icc": (lambda fit: float(icc(fit)), "the intraclass correlation of a null model"),
    "explained": (
        lambda small, large, name: float(variance_explained(small, large)["explained"][name]),
        "the share of a τ of the first fit that the second explains",
    ),
    "sqrt": (math.sqrt, "the square root"),
    "abs": (abs, "without its sign"),
    "round": (round, "rounded, such as `round(x, 2)`"),
}


def evaluate(expression: str, lesson: Lesson) -> float:
    """The value of an expression on a lesson's fits.

    Raises
    ------
    MLMError
        In one sentence that has the expression in it.
    """
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body, lesson)
        if isinstance(value, bool) or not math.isfinite(value):
            raise MLMError("its value is no number")
        return float(value)
    except SyntaxError:
        problem = "it is not an expression such as gamma(m2, 'gamma11')"
    except (MLMError, TypeError, ValueError, KeyError, ArithmeticError) as error:
        problem = str(error)
    raise MLMError(f"The expression {expression!r} cannot be computed: {problem}".rstrip(".") + ".")


def _value(node: ast.expr, lesson: Lesson) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        return node.value
    if isinstance(node, ast.Name):
        models = [k for k in lesson.formulas if "fixed" not in k and "random" not in k]
        if node.id not in models:
            raise MLMError(
                f"there is no {node.id!r}; there are {', '.join(models)}.{suggest(node.id, models)}"
            )
        return lesson.fit(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _value(node.left, lesson), _value(node.right, lesson)
        return _ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _ARITHMETIC:
        return _ARITHMETIC[type(node.op)](_value(node.operand, lesson))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name = node.func.id
        if name not in FUNCTIONS:
            raise MLMError(
                f"there is no function {name!r}; there are {', '.join(FUNCTIONS)}."
                f"{suggest(name, FUNCTIONS)}"
            )
        return FUNCTIONS[name][0](*(_value(a, lesson) for a in node.args))
    raise MLMError(
        f"{ast.unparse(node)!r} is more than arithmetic on fits with {', '.join(FUNCTIONS)}"
    )


def reference() -> str:
    """The functions as a Markdown table for the instructors' guide."""
    rows = (f"| `{name}` | {says} |" for name, (_, says) in FUNCTIONS.items())
    return "\n".join(["| function | what it gives |", "|---|---|", *rows])
