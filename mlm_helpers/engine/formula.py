"""Read an lmer formula: the fixed part with formulaic, the random part here.

``"y ~ 1 + x + w + w:x + (1 + x | school)"`` becomes the columns X and Z and the grouping codes.
Only one grouping factor is read; crossed and nested groups are refused with a sentence.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from formulaic import Formula

from mlm_helpers.engine.names import variables_of
from mlm_helpers.errors import MLMError

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
            for name in variables_in(part):
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
    hidden, show = _hide_names(text)
    _check_brackets(hidden, text)
    sides = hidden.split("~")
    if len(sides) != 2 or not sides[0].strip():
        raise MLMError(
            f"The formula {text!r} needs an outcome, one '~' and predictors, {_EXAMPLE}."
        )
    fixed_text, bars = _take_out_bars(sides[1])
    bars = [(show(left), bar, show(group)) for left, bar, group in bars]
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
    outcome = show(sides[0].strip())
    lhs = formula_part(f"0 + {outcome}", text)
    if group in variables_in(lhs):
        raise MLMError(
            f"{group!r} is the outcome and the grouping factor of {text!r}: an outcome that says "
            "which group a row is in does not vary within groups."
        )
    return ParsedFormula(
        text=tidy_formula(text),
        outcome=outcome.strip("`"),
        fixed=formula_part(show(fixed_text), text),
        random=tuple(formula_part(b, text) for b in blocks),
        group=group,
        lhs=lhs,
    )


def _hide_names(text: str) -> tuple[str, Callable[[str], str]]:
    """The text with names in backticks replaced by plain ones (``pre-test`` has no minus in it),
    and the way back."""
    names: list[str] = []

    def hide(match: re.Match[str]) -> str:
        names.append(match.group())
        return f"`{len(names) - 1:0{len(match.group()) - 2}d}`"

    def show(hidden: str) -> str:
        return re.sub(r"`(\d+)`", lambda m: names[int(m.group(1))], hidden)

    return re.sub(r"`[^`]*`", hide, text), show


def tidy_formula(text: str) -> str:
    """The formula with R's spacing: blanks around ``~ + - * / |``, none around ``:``."""
    hidden, show = _hide_names(text)
    return show(_spaced(hidden))


def _spaced(text: str) -> str:
    out = re.sub(r"\s+", " ", text.strip())
    out = re.sub(r"\s*(\*\*|:)\s*", r"\1", out)
    out = re.sub(r"\s*(\|\||~|\+|(?<!\*)\*(?!\*)|/|\|)\s*", r" \1 ", out)
    out = re.sub(r"(?<=[\w)\]`])\s*-\s*(?=[\w(`])", " - ", out)
    return re.sub(r"\(\s+", "(", re.sub(r"\s+\)", ")", re.sub(r" {2,}", " ", out))).strip()


def _check_brackets(hidden: str, text: str) -> None:
    depth = 0
    for i, ch in enumerate(hidden):
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
    terms = [":".join(_quoted(f) for f in term.factors) for term in formula_part(left, left)]
    return [t if t == "1" else f"0 + {t}" for t in terms]


def _quoted(factor: Any) -> str:
    """A factor as it stands in a formula."""
    bare = factor.eval_method.value != "lookup" or re.fullmatch(r"[^\W\d]\w*", factor.expr)
    bare = bare and not keyword.iskeyword(factor.expr)
    return factor.expr if bare else f"`{factor.expr}`"


def formula_part(text: str, whole: str) -> Any:
    """Read one part of the formula ``whole`` with formulaic."""
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


def variables_in(formula: Any) -> list[str]:
    """The column names that a formula part uses, also inside function calls."""
    return list(
        dict.fromkeys(
            n for term in formula for factor in term.factors for n in variables_of(factor)
        )
    )
