"""The small HTML behind explorers: symbols, numbers, equations and printed output.

Equations are plain HTML (italic letters, ``<sub>``): a browser shows it at once, while typesetting
LaTeX takes longer than everything else that happens when a slider moves. Colours are inherited, so
that the text follows JupyterLab's light and dark themes.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

MINUS = "−"
_GREEK = {"gamma": "γ", "tau": "τ", "beta": "β", "sigma": "σ", "lambda": "λ", "rho": "ρ"}
_SUBSCRIPT = str.maketrans("0123456789j", "₀₁₂₃₄₅₆₇₈₉ⱼ")
_MARKED = "font-weight:bold;border-bottom:2px solid currentColor"


def number(x: float, decimals: int = 2) -> str:
    """A rounded number with a real minus sign; never ``-0.00``."""
    if not math.isfinite(x):
        return "∞" if x > 0 else f"{MINUS}∞" if x < 0 else "not defined"
    text = f"{x:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def p_text(p: float) -> str:
    """``p = .032`` or ``p < .001``."""
    if not math.isfinite(p):
        return "p not defined"
    return "p < .001" if p < 0.0005 else f"p = {p:.3f}".replace("0.", ".", 1)


def percent(share: float) -> str:
    """A share as a whole percentage."""
    return f"{100 * share:.0f}%"


def plain_symbol(name: str) -> str:
    """``gamma11`` as ``γ₁₁``, for labels that hold text only."""
    found = re.fullmatch(r"([a-z]+?)(\d.*|)", name)
    if not found or found[1] not in _GREEK:
        return name
    digits = found[2]
    return _GREEK[found[1]] + (
        "²" if found[1] == "sigma" and digits == "2" else digits.translate(_SUBSCRIPT)
    )


def symbol(letter: str, below: str = "") -> str:
    """An italic letter with a subscript: ``symbol("β", "0j")``."""
    return f"<i>{letter}</i>" + (f"<sub>{below}</sub>" if below else "")


def greek(name: str) -> str:
    """``gamma11`` as HTML."""
    found = re.fullmatch(r"([a-z]+?)(\d.*|)", name)
    if not found or found[1] not in _GREEK:
        return html.escape(name)
    return symbol(_GREEK[found[1]], found[2])


def marked(text: str, on: bool) -> str:
    """Underlined and bold where ``on``: the number that has just moved."""
    return f'<span style="{_MARKED}">{text}</span>' if on else text


def linear(terms: Sequence[tuple[float, str, bool]], rest: Sequence[str] = ()) -> str:
    """The right side of an equation: (number, variable in HTML, just moved) and error terms."""
    out: list[str] = []
    for value, variable, moved in terms:
        size = marked(number(abs(value)), moved)
        sign = MINUS if value < 0 and number(value) != number(0.0) else "+"
        if not out:
            lead = "" if sign == "+" else MINUS
            out.append(f"{lead}{size}{_times(variable)}")
        else:
            out.append(f"{sign} {size}{_times(variable)}")
    out += [f"+ {r}" if out or i else r for i, r in enumerate(rest)]
    return " ".join(out)


def _times(variable: str) -> str:
    return f"&thinsp;{variable}" if variable else ""


def equations(rows: Sequence[tuple[str, str]]) -> str:
    """Aligned equations, one (left, right) per row."""
    cells = "".join(
        '<div style="text-align:right;white-space:nowrap">' + left + "&nbsp;=</div>"
        f"<div>{right}</div>"
        for left, right in rows
    )
    return (
        '<div style="display:grid;grid-template-columns:max-content 1fr;column-gap:.4em;'
        "row-gap:.15em;font-family:Cambria,'Times New Roman',serif;font-size:17px;"
        f'line-height:1.45">{cells}</div>'
    )


def block(title: str, body: str) -> str:
    """A titled part of the text beside a picture."""
    return (
        '<div style="flex:1 1 330px;min-width:0"><div style="font-weight:bold;line-height:1.6">'
        f"{html.escape(title)}</div>{body}</div>"
    )


def side_by_side(*blocks: str) -> str:
    """Parts next to each other where there is room, else below one another."""
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:.4em 2em;line-height:1.4">'
        + "".join(blocks)
        + "</div>"
    )


def printed(text: str) -> str:
    """Output as R prints it."""
    return (
        '<pre style="margin:0;padding:0;background:transparent;color:inherit;font-size:13px;'
        f'line-height:1.3;overflow-x:auto">{html.escape(text)}</pre>'
    )


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Text columns as R prints them: the first ``left`` left-aligned, the others right-aligned."""
    table = [list(head), *[list(r) for r in rows]]
    widths = [max(len(r[k]) for r in table) for k in range(len(head))]
    return "\n".join(
        " ".join(
            cell.ljust(w) if k < left else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(r, widths, strict=True))
        ).rstrip()
        for r in table
    )


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], picked: Sequence[int] = ()
) -> str:
    """A table in cells that may hold HTML; picked rows carry an arrow and a border."""
    top = "".join(
        f'<th scope="col" style="text-align:{"left" if i == 0 else "right"};padding:1px 7px">'
        f"{h}</th>"
        for i, h in enumerate(head)
    )
    body = []
    for i, row in enumerate(rows):
        on = i in picked
        style = ' style="outline:2px solid currentColor;font-weight:bold"' if on else ""
        first = ("→ " if on else "") + row[0]
        cells = "".join(
            f'<td style="text-align:right;padding:1px 7px;white-space:nowrap">{c}</td>'
            for c in row[1:]
        )
        body.append(
            f'<tr{style}><th scope="row" style="text-align:left;font-weight:inherit;'
            f'padding:1px 7px;white-space:nowrap">{first}</th>{cells}</tr>'
        )
    return (
        '<table style="border-collapse:collapse;font-size:13px;line-height:1.45;color:inherit">'
        f'<caption style="text-align:left;caption-side:top;color:inherit">'
        f"{caption}</caption><thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def escape(text: str) -> str:
    """Plain text for use in HTML."""
    return html.escape(text)
