"""A model's equations in LaTeX, derived from its structure and the words for its variables.

Only commands that MathJax and KaTeX share are used. A highlighted part gets a box (or a brace with
words under it) as well as a colour, so that colour is never the only sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlm_helpers.engine.structure import Coefficient, Level2Equation, Structure
from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.words.vocabulary import (
    Factor,
    Predictor,
    Vocabulary,
    canonical_symbol,
    factors_of,
    pretty_symbol,
    random_numbers,
    tau_symbol,
    tex_name,
    tex_text,
    words_for,
)

# Okabe-Ito blue: 5.2:1 against white, and told apart from black in every kind of colour vision.
COLOUR = "#0072B2"
_INDENT = r"&\quad {}"  # {} keeps the space around a sign that begins a line
_WIDTH = 70  # characters to a line, as they appear, before a long equation is broken

Highlight = str | Iterable[str]
Values = Mapping[str, float] | Any


# ---- public -------------------------------------------------------------------------------------
def level1(
    model: Any,
    vocabulary: Vocabulary | str | None = None,
    highlight: Highlight = (),
    values: Values | None = None,
    digits: int = 2,
) -> str:
    """The level-1 model, Y_ij = β_0j + β_1j(...) + r_ij.

    Parameters
    ----------
    model : a fit, or its ``structure``.
    vocabulary : the words to use; by default those shipped with the data set, or column names.
    highlight : symbols to pick out: ``"gamma11"``, ``"tau00"``, ``"u1j"``, ``"beta1j"``, ``"r"``,
        ``"sigma2"``, or ``"cross-level"`` for all cross-level interactions.
    values : numbers to print instead of symbols: a mapping from symbol (or column of a fixed
        effect) to number, or a fit for all its estimates.
    digits : decimals of those numbers.

    Returns
    -------
    str
        LaTeX to be put between dollar signs (an ``aligned`` block).

    Raises
    ------
    MLMError
        If ``highlight`` or ``values`` names something that the model does not have.
    """
    ink = _Ink(model, vocabulary, highlight, values, digits)
    terms = []
    for e in ink.s.equations:
        terms.append(ink.term(f"beta{e.p}", ink.level1_term(e)))
    terms.append(ink.term("r"))
    return _aligned([(f"{ink.outcome} &=", terms)])


def level2(
    model: Any,
    vocabulary: Vocabulary | str | None = None,
    highlight: Highlight = (),
    values: Values | None = None,
    digits: int = 2,
) -> str:
    """The level-2 model: one equation for each level-1 coefficient. Arguments as for
    :func:`level1`."""
    ink = _Ink(model, vocabulary, highlight, values, digits)
    rows = []
    for e in ink.s.equations:
        terms = [ink.fixed_term(c, multiply=False) for c in e.coefficients]
        if e.random:
            terms.append(ink.term(f"u{e.p}"))
        rows.append((f"{ink.mark(f'beta{e.p}')} &=", terms))
    return _aligned(rows)


def combined(
    model: Any,
    vocabulary: Vocabulary | str | None = None,
    highlight: Highlight = (),
    values: Values | None = None,
    digits: int = 2,
) -> str:
    """The combined model: the level-2 equations put into the level-1 equation. Arguments as for
    :func:`level1`; ``highlight="cross-level"`` puts a named brace under each cross-level
    interaction."""
    ink = _Ink(model, vocabulary, highlight, values, digits)
    lines: list[list[_Term]] = []
    for e in ink.s.equations:
        if e.coefficients:
            lines.append([ink.fixed_term(c, multiply=True) for c in e.coefficients])
    random = [ink.term(f"u{e.p}", ink.level1_term(e)) for e in ink.s.equations if e.random]
    lines.append([*random, ink.term("r")])
    if sum(_visible(t.text) + 2 for terms in lines for t in terms) <= _WIDTH:
        lines = [[t for terms in lines for t in terms]]
    rows: list[tuple[str, list[_Term]]] = []
    for terms in lines:
        rows.append((f"{ink.outcome} &=" if not rows else _INDENT, terms))
    return _aligned(rows, lead=True)


def distributions(
    model: Any,
    vocabulary: Vocabulary | str | None = None,
    highlight: Highlight = (),
    values: Values | None = None,
    digits: int = 2,
) -> str:
    """The distributional assumptions on r_ij and the u_pj, with T written out. Arguments as for
    :func:`level1`."""
    ink = _Ink(model, vocabulary, highlight, values, digits)
    rows = [rf"{ink.mark('r')} &\sim N(0, {ink.bare('sigma2')})"]
    numbers = sorted(ink.random)
    if len(numbers) == 1:
        p = numbers[0]
        rows.append(rf"{ink.mark(f'u{p}')} &\sim N(0, {ink.bare(tau_symbol(p, p))})")
    elif numbers:
        vector = r" \\ ".join(ink.mark(f"u{p}") for p in numbers)
        rows.append(
            rf"\begin{{pmatrix}} {vector} \end{{pmatrix}} &\sim MVN(\mathbf{{0}}, \mathbf{{T}}), "
            rf"\quad {ink.matrix()}"
        )
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def t_matrix(
    model: Any,
    vocabulary: Vocabulary | str | None = None,
    highlight: Highlight = (),
    values: Values | None = None,
    digits: int = 2,
) -> str:
    """The covariance matrix T of the random coefficients, with 0 where the model has no
    covariance. Arguments as for :func:`level1`."""
    return _Ink(model, vocabulary, highlight, values, digits).matrix()


def estimates(fit: Any) -> dict[str, float]:
    """All estimates of a fit by symbol: ``gamma00``, ..., ``tau00``, ``tau01``, ..., ``sigma2``."""
    structure: Structure = fit.structure
    out = {
        c.symbol: float(fit.fixed_effects.loc[c.column, "estimate"]) for c in structure.coefficients
    }
    numbers, t = random_numbers(structure), fit.T.to_numpy()
    for block in structure.blocks:
        for i in block:
            for k in block:
                out[tau_symbol(numbers[i], numbers[k])] = float(t[i, k])
    out["sigma2"] = float(fit.sigma2)
    return out


# ---- how it is drawn ----------------------------------------------------------------------------
@dataclass(frozen=True)
class _Term:
    """One summand: its sign and the LaTeX after the sign."""

    negative: bool
    text: str


class _Ink:
    """Draws the parts of one model's equations."""

    def __init__(
        self,
        model: Any,
        vocabulary: Vocabulary | str | None,
        highlight: Highlight,
        values: Values | None,
        digits: int,
    ):
        self.s, self.v = words_for(model, vocabulary)
        self.random = random_numbers(self.s)
        self.digits = digits
        self.known = self._symbols()
        wanted = [highlight] if isinstance(highlight, str) else list(highlight)
        self.lit = {self._known(name) for name in wanted}
        if values is not None and hasattr(values, "fixed_effects"):
            values = estimates(values)
        self.values = {self._known(k): float(x) for k, x in dict(values or {}).items()}

    @property
    def outcome(self) -> str:
        return f"{tex_name(self.v.outcome.symbol)}_{{ij}}"

    def _symbols(self) -> set[str]:
        out = {c.symbol for c in self.s.coefficients} | {"r", "sigma2", "cross-level"}
        out |= {f"beta{e.p}" for e in self.s.equations} | {f"u{p}" for p in self.random}
        for block in self.s.blocks:
            out |= {tau_symbol(self.random[i], self.random[k]) for i in block for k in block}
        return out

    def _known(self, name: str) -> str:
        key = canonical_symbol(name)
        if key is None:
            key = self.s.coefficient(str(name)).symbol
        if key not in self.known:
            shown = sorted(pretty_symbol(k) for k in self.known)
            raise MLMError(
                f"The model has no {pretty_symbol(key)}; it has {', '.join(shown)}."
                + suggest(pretty_symbol(key), shown)
            )
        return key

    # ---- symbols and numbers ----
    def mark(self, symbol: str) -> str:
        """A symbol, in a coloured box when it is highlighted."""
        return self._box(symbol, _tex_symbol(symbol))

    def bare(self, symbol: str) -> str:
        """A symbol or its number with sign, where no sum takes care of the sign."""
        if symbol not in self.values:
            return self.mark(symbol)
        negative, text = self._number(symbol)
        return self._box(symbol, f"-{text}" if negative else text)

    def _box(self, symbol: str, text: str) -> str:
        if symbol not in self.lit:
            return text
        return rf"{{\color{{{COLOUR}}}{{\boxed{{{text}}}}}}}"

    def _number(self, symbol: str) -> tuple[bool, str]:
        text = f"{self.values[symbol]:.{self.digits}f}"
        negative = text.startswith("-") and float(text) != 0
        text = text.lstrip("-")
        whole, dot, rest = text.partition(".")
        if len(whole) > 4:
            whole = f"{int(whole):,}".replace(",", "{,}")
        return negative, whole + dot + rest

    def term(self, symbol: str, body: str = "") -> _Term:
        """A symbol (or its number) times a predictor."""
        negative, text = False, _tex_symbol(symbol)
        if symbol in self.values:
            negative, text = self._number(symbol)
        return _Term(negative, self._box(symbol, text) + (rf"\,{body}" if body else ""))

    def fixed_term(self, c: Coefficient, *, multiply: bool) -> _Term:
        """γ_pq W_j, or γ_pq W_j X_ij in the combined model."""
        both = multiply and c.is_cross_level
        body = self.product(c.level2, 2, wrap=both) if c.level2 else ""
        if multiply and c.level1:
            body += self.product(c.level1, 1, wrap=both)
        term = self.term(c.symbol, body)
        if c.is_cross_level and "cross-level" in self.lit:
            name = r"\text{cross-level interaction}"
            text = rf"{{\color{{{COLOUR}}}{{\underbrace{{{term.text}}}_{{{name}}}}}}}"
            return _Term(term.negative, text)
        return term

    def matrix(self) -> str:
        numbers = sorted(self.random)
        rows = []
        for a in numbers:
            cells = []
            for b in numbers:
                key = tau_symbol(a, b)
                if key not in self.known:
                    cells.append("0")
                elif key in self.values:
                    cells.append(self.bare(key))
                else:
                    pair = f"{a}{b}" if max(a, b) < 10 else f"{a},{b}"
                    cells.append(self._box(key, rf"\tau_{{{pair}}}"))
            rows.append(" & ".join(cells))
        inside = r" \\ ".join(rows)
        return rf"\mathbf{{T}} = \begin{{pmatrix}} {inside} \end{{pmatrix}}"

    # ---- predictors ----
    def level1_term(self, e: Level2Equation) -> str:
        """The predictor that β_pj multiplies."""
        return self.product(e.level1, 1) if e.level1 else ""

    def product(self, term: str, level: int, wrap: bool = False) -> str:
        """A predictor or product of predictors; ``wrap`` puts each in parentheses."""
        drawn = [self.factor(f, level) for f in factors_of(term, self.s)]
        wrap = wrap or len(drawn) > 1
        return "".join(
            f"({text})" if wrap and not text.startswith(("(", "[")) else text for text in drawn
        )

    def factor(self, f: Factor, level: int) -> str:
        """One predictor with its subscript and its centering."""
        sub = "ij" if level == 1 else "j"
        if f.variable is None:
            return self._function(f, sub)
        p = self.v.predictor(f.variable)
        if f.category is not None:
            return self._category(f, p, sub)
        name = tex_name(p.symbol)
        drawn = f"{name}_{{{sub}}}" if len(sub) > 1 else f"{name}_{sub}"
        centered = self._centering(p, level)
        if centered == "group":
            return rf"({drawn} - \overline{{{name}}}_{{.j}})"
        if centered == "grand":
            return rf"({drawn} - \overline{{{name}}}_{{..}})"
        return drawn

    def _centering(self, p: Predictor, level: int) -> str:
        """The centering to show. A level-1 column said to be centered within groups that is not,
        in the rows of this model, is shown as it stands."""
        info = self.s.variables.get(p.column)
        if not p.of or (p.centered == "group" and level == 1 and not self._is_within(p)):
            return "none"
        if info is None:
            return "none"
        return p.centered

    def _is_within(self, p: Predictor) -> bool:
        info = self.s.variables.get(p.column)
        return info is None or info.centered == "group"

    def _category(self, f: Factor, p: Predictor, sub: str) -> str:
        code = p.code(f.category)
        named = code is not None and not code.name.startswith(f"{p.label} = ")
        name = code.name if code is not None and named else str(f.category)
        twice = sum(name == c.name or name == c.value for q in self._coded for c in q.codes) > 1
        if name[:1].isalpha() and not twice:
            return f"{tex_name(name)}_{{{sub}}}" if len(sub) > 1 else f"{tex_name(name)}_{sub}"
        return rf"[{tex_name(p.symbol)}_{{{sub}}} = {tex_text(name)}]"

    @property
    def _coded(self) -> list[Predictor]:
        return [self.v.predictor(n) for n in self.s.variables if n != self.s.outcome]

    def _function(self, f: Factor, sub: str) -> str:
        """``I(x ** 2)`` as a power, ``np.log(x)`` as a logarithm, anything else as it is typed."""
        if len(f.uses) == 1:
            x = f"{tex_name(self.v.predictor(f.uses[0]).symbol)}_{{{sub}}}"
            name = re.escape(f.uses[0])
            if power := re.fullmatch(rf"I\(`?{name}`? ?\*\* ?(\d)\)", f.text):
                return rf"{x}^{{{power[1]}}}"
            if re.fullmatch(rf"(np\.)?log\(`?{name}`?\)", f.text):
                return rf"\log({x})"
            if re.fullmatch(rf"(np\.)?sqrt\(`?{name}`?\)", f.text):
                return rf"\sqrt{{{x}}}"
        return f"{tex_name(f.text)}_{{{sub}}}"


_GREEK_TEX = {"gamma": r"\gamma", "tau": r"\tau", "beta": r"\beta", "u": "u"}


def _tex_symbol(symbol: str) -> str:
    if symbol == "r":
        return "r_{ij}"
    if symbol == "sigma2":
        return r"\sigma^2"
    found = re.fullmatch(r"(gamma|tau|beta|u)([\d,]+)", symbol)
    if found is None:
        raise MLMError(f"{symbol!r} is not a symbol of a multilevel model.")
    j = "j" if found[1] in ("beta", "u") else ""
    return f"{_GREEK_TEX[found[1]]}_{{{found[2]}{j}}}"


# ---- sums and lines -----------------------------------------------------------------------------
def _sum(terms: list[_Term], first: bool) -> list[str]:
    """Summands with their signs; the first of a sum has no plus."""
    out = []
    for k, t in enumerate(terms):
        if k == 0 and first:
            out.append(f"-{t.text}" if t.negative else t.text)
        else:
            out.append(f"{'-' if t.negative else '+'} {t.text}")
    return out


def _aligned(rows: list[tuple[str, list[_Term]]], lead: bool = False) -> str:
    """Rows of an ``aligned`` block. ``lead``: the rows go on with one sum, so that each but the
    first begins with a sign."""
    lines = []
    for k, (left, terms) in enumerate(rows):
        pieces = _sum(terms, first=not (lead and k))
        if not pieces:
            pieces = ["0"]
        for n, line in enumerate(_broken(pieces)):
            lines.append(f"{left if n == 0 else _INDENT} {line}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _broken(pieces: list[str]) -> list[str]:
    """Distribute summands over lines that fit on a page."""
    lines: list[list[str]] = [[]]
    width = 0
    for piece in pieces:
        size = _visible(piece)
        if lines[-1] and width + size > _WIDTH:
            lines.append([])
            width = 0
        lines[-1].append(piece)
        width += size
    return [" ".join(line) for line in lines]


def _visible(tex: str) -> int:
    """About how many characters a piece of LaTeX shows."""
    text = re.sub(r"\\color\{[^}]*\}|\\text|\\mathit|\\overline|\\boxed|\\quad|\\,", "", tex)
    text = re.sub(r"_\{\{?cross-level interaction\}\}?", "", text)
    text = re.sub(r"\\[A-Za-z]+", "x", text)
    return len(re.sub(r"[{}_^\\]", "", text)) + 1
