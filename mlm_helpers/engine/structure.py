"""Who is who in a two-level model: Raudenbush & Bryk's γ_pq read off the columns of a fit.

Everything here is plain data without the rows behind it, so that words, equations, pictures and
exercise checks can be derived from a model without knowing how it was fitted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlm_helpers.errors import MLMError, suggest

INTERCEPT = "Intercept"


@dataclass(frozen=True)
class VariableInfo:
    """What is known of one raw variable of the model.

    ``level`` is 2 when the variable is constant within every group, else 1. ``centered`` is
    ``"group"`` (each group's mean is 0), ``"grand"`` (the mean over rows is 0), ``"grand_groups"``
    (a level-2 variable whose mean over groups is 0) or ``"none"``. ``off`` says how far the mean of
    the worst group is from 0, in standard deviations, where rows left out or printed decimals have
    moved a column centered within groups off it.
    """

    name: str
    level: int
    kind: str = "numeric"
    categories: tuple[str, ...] = ()
    binary: bool = False
    centered: str = "none"
    off: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Part:
    """One factor of a column: ``region[T.South]`` is the factor ``region``, coding ``T`` (``cell``
    for a dummy of every category), category South. ``uses`` are the variables behind the factor;
    numbers have no coding."""

    text: str
    factor: str
    uses: tuple[str, ...]
    coding: str = ""
    category: Any = None


def parts_of_text(column: str) -> tuple[Part, ...]:
    """The factors of a column by its name alone, for names that a user typed."""
    if column == INTERCEPT:
        return ()
    out = []
    for text in split_product(column):
        match = re.fullmatch(r"(.+?)\[(?:([A-Z])\.)?(.*)\]", text)
        if match:
            out.append(Part(text, match[1], (match[1],), match[2] or "cell", match[3]))
        else:
            out.append(Part(text, text, (text.strip("`"),)))
    return tuple(out)


@dataclass(frozen=True)
class Coefficient:
    """One fixed effect γ_pq and the column of the model matrix it belongs to."""

    symbol: str
    column: str
    level1: str | None
    level2: str | None
    p: int
    q: int

    @property
    def is_cross_level(self) -> bool:
        """True for the product of a level-1 and a level-2 predictor."""
        return self.level1 is not None and self.level2 is not None


@dataclass(frozen=True)
class Level2Equation:
    """β_pj = γ_p0 + Σ γ_pq W_q (+ u_pj): one level-1 coefficient as an outcome."""

    p: int
    level1: str | None
    coefficients: tuple[Coefficient, ...]
    random: bool
    has_fixed: bool


@dataclass(frozen=True)
class Structure:
    """The level-2 equations of a model, its random part, and its variables."""

    formula: str
    outcome: str
    group: str
    equations: tuple[Level2Equation, ...]
    random: tuple[str, ...]
    blocks: tuple[tuple[int, ...], ...]
    variables: Mapping[str, VariableInfo] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    parts: Mapping[str, tuple[Part, ...]] = field(default_factory=dict, compare=False, repr=False)

    def parts_of(self, term: str) -> tuple[Part, ...]:
        """The factors of a column or of its level-1 or level-2 part."""
        found = self.parts.get(term)
        return parts_of_text(term) if found is None else found

    def same_term(self, one: str, other: str) -> bool:
        """Whether two names are one product, in whichever order it is written."""
        return self._factors(one) == self._factors(other)

    def _factors(self, term: str) -> frozenset[str]:
        return frozenset(part.text for part in self.parts_of(term))

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """All fixed effects, in the order of ``fit.fixed_effects``."""
        by_column = {c.column: c for e in self.equations for c in e.coefficients}
        return tuple(by_column[name] for name in self.columns)

    @property
    def level1_predictors(self) -> tuple[str, ...]:
        """Level-1 terms in the order of their p (1, 2, ...)."""
        return tuple(e.level1 for e in self.equations if e.level1 is not None)

    @property
    def level2_predictors(self) -> tuple[str, ...]:
        """Level-2 terms in the order of their q (1, 2, ...)."""
        found = {c.q: c.level2 for c in self.coefficients if c.level2 is not None}
        return tuple(found[q] for q in sorted(found))

    def coefficient(self, name: str) -> Coefficient:
        """Find a fixed effect by symbol (``"gamma11"``) or column, whichever way a product is
        written (``"famsesc:sector"`` or ``"sector:famsesc"``).

        Raises
        ------
        MLMError
            If the model has no such coefficient.
        """
        wanted = INTERCEPT if name in ("1", "(Intercept)") else name
        for c in self.coefficients:
            if name == c.symbol or self.same_term(wanted, c.column):
                return c
        known = [c.column for c in self.coefficients] + [c.symbol for c in self.coefficients]
        raise MLMError(
            f"The model has no coefficient {name!r}; it has {', '.join(known[: len(known) // 2])}."
            + suggest(name, known)
        )


def split_product(column: str) -> tuple[str, ...]:
    """Split ``"region[T.South]:famsesc"`` at the colons that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for i, ch in enumerate(column):
        if ch in "([":
            depth += 1
        elif ch in ")]":
            depth = max(depth - 1, 0)
        elif ch == ":" and depth == 0:
            parts.append(column[start:i])
            start = i + 1
    parts.append(column[start:])
    return tuple(parts)


def build_structure(
    *,
    formula: str,
    outcome: str,
    group: str,
    columns: Sequence[str],
    random: Sequence[str],
    blocks: Sequence[Sequence[int]],
    level_of: Callable[[str], int],
    variables: Mapping[str, VariableInfo],
    parts: Mapping[str, tuple[Part, ...]] | None = None,
) -> Structure:
    """Number the columns as γ_pq.

    ``level_of(factor)`` tells the level (1 or 2) of one factor of a product, such as ``"famsesc"``
    or ``"region[T.South]"``; ``parts`` holds the factors of each column (by default read off its
    name). p counts the level-1 terms, q the level-2 terms, both in the order in
    which they appear: first those that have a main effect, then those only in products.
    """
    known = dict(parts) if parts is not None else {}
    for name in (*columns, *random):
        known.setdefault(name, parts_of_text(name))
    split = [_split_levels(known[c], level_of) for c in columns]
    for column, levels in zip(columns, split, strict=True):
        for level, term in enumerate(levels, start=1):
            if term is not None:
                known.setdefault(term, tuple(f for f in known[column] if level_of(f.text) == level))
    random_terms = [None if r == INTERCEPT else r for r in random]
    level1 = _in_order([a for a, b in split if b is None] + [a for a, _ in split] + random_terms)
    level2 = _in_order([b for a, b in split if a is None] + [b for _, b in split])
    p_of: dict[str | None, int] = {None: 0, **{name: i + 1 for i, name in enumerate(level1)}}
    q_of: dict[str | None, int] = {None: 0, **{name: i + 1 for i, name in enumerate(level2)}}
    coefficients = [
        Coefficient(_symbol(p_of[a], q_of[b]), c, a, b, p_of[a], q_of[b])
        for c, (a, b) in zip(columns, split, strict=True)
    ]
    equations = []
    for level1_name, p in p_of.items():
        mine = tuple(sorted((c for c in coefficients if c.p == p), key=lambda c: c.q))
        is_random = level1_name in random_terms
        if mine or is_random:
            fixed = any(c.q == 0 for c in mine)
            equations.append(Level2Equation(p, level1_name, mine, is_random, fixed))
    return Structure(
        formula=formula,
        outcome=outcome,
        group=group,
        equations=tuple(equations),
        random=tuple(random),
        blocks=tuple(tuple(b) for b in blocks),
        variables=dict(variables),
        columns=tuple(columns),
        parts=known,
    )


def _split_levels(
    parts: Sequence[Part], level_of: Callable[[str], int]
) -> tuple[str | None, str | None]:
    one = ":".join(f.text for f in parts if level_of(f.text) == 1)
    two = ":".join(f.text for f in parts if level_of(f.text) == 2)
    return one or None, two or None


def _in_order(names: Sequence[str | None]) -> list[str]:
    return list(dict.fromkeys(n for n in names if n is not None))


def _symbol(p: int, q: int) -> str:
    return f"gamma{p}{q}" if p < 10 and q < 10 else f"gamma{p},{q}"
