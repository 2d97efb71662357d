"""From rows to the columns of the model: X, Z, y and the group codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from formulaic import ModelSpec
from numpy.typing import NDArray

from mlm_helpers.engine.formula import ParsedFormula, formula_part, variables_in
from mlm_helpers.engine.matrix import finite_values, from_spec, model_matrix
from mlm_helpers.engine.names import Parts, column_parts
from mlm_helpers.engine.rows import group_codes, usable_rows
from mlm_helpers.engine.structure import (
    INTERCEPT,
    Part,
    Structure,
    VariableInfo,
    build_structure,
)
from mlm_helpers.engine.variables import describe_variable, with_all_rows
from mlm_helpers.errors import MLMError, suggest

Array = NDArray[np.float64]


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
            model_matrix(part, self.data, self.formula).model_spec for part in self.formula.random
        )

    @cached_property
    def parts(self) -> Parts:
        """The factors of each column of X and Z."""
        out = column_parts(self.spec)
        if not set(self.random) <= set(self.columns):
            for spec in self.random_specs:
                out |= column_parts(spec)
        return out

    def columns_of(self, frame: pd.DataFrame) -> tuple[Array, Array, Array]:
        """X, Z and y of other rows, by the recipe of these."""
        x = from_spec(self.spec, frame, self.formula)
        if set(self.random) <= set(self.columns):
            z = x[:, [self.columns.index(n) for n in self.random]]
        else:
            z = np.hstack([from_spec(s, frame, self.formula) for s in self.random_specs])
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

        uses = {f.text: f.uses for parts in self.parts.values() for f in parts}

        def level_of(factor: str) -> int:
            names = uses[factor]
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
            parts=self.parts,
        )


def build_design(parsed: ParsedFormula, data: pd.DataFrame, every_category: bool = False) -> Design:
    """Check the data against the formula and build X, Z, y and the group codes.

    Rows with a missing value in a column of the formula are left out and counted, categories that
    no row has are dropped, unless ``every_category`` says that other rows have them.

    Raises
    ------
    MLMError
        One sentence that names the column (and the row, where there is one) and what to do.
    """
    frame, dropped, n_dropped = usable_rows(parsed, data, every_category)
    codes, labels = group_codes(frame[parsed.group], parsed.group)
    y = _outcome(parsed, frame)
    fixed = model_matrix(parsed.fixed, frame, parsed)
    x = finite_values(fixed, parsed)
    columns = tuple(fixed.model_spec.column_names)
    for term, taken in fixed.model_spec.term_slices.items():
        if taken.start == taken.stop:  # a categorical predictor with one category
            raise constant_column(str(term), columns)
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


def _outcome(parsed: ParsedFormula, frame: pd.DataFrame) -> Array:
    if parsed.outcome in frame.columns:
        return frame[parsed.outcome].to_numpy(dtype=float)
    values = finite_values(model_matrix(parsed.lhs, frame, parsed), parsed)
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
    matrix = model_matrix(part, frame, parsed)
    return list(matrix.model_spec.column_names), finite_values(matrix, parsed)


def term_values(design: Design, term: str) -> Array:
    """Values (n,) of a term such as ``"sector"`` that is not a column by itself."""
    return term_of_frame(design.structure.parts_of(term), design.data, design.formula)


def term_of_frame(parts: tuple[Part, ...], frame: pd.DataFrame, parsed: ParsedFormula) -> Array:
    """Values of a product of columns, functions and categories (``"region[T.South]:meanses"``)
    for the rows of a frame."""
    out = np.ones(len(frame))
    for part in parts:
        plain = part.factor.strip("`")
        if plain in frame.columns and part.coding in ("T", "cell"):
            same = frame[plain].astype(str) == str(part.category)
            out = out * same.to_numpy(dtype=float)
        elif plain in frame.columns and pd.api.types.is_numeric_dtype(frame[plain]):
            out = out * frame[plain].to_numpy(dtype=float)
        else:
            out = out * _column_of_factor(part, frame, parsed)
    return out


def _column_of_factor(part: Part, frame: pd.DataFrame, parsed: ParsedFormula) -> Array:
    """One column of a function or a coding, by its name in full or in reduced rank."""
    factor = f"`{part.factor}`" if part.uses == (part.factor,) else part.factor
    for intercept in ("1", "0"):
        one = formula_part(f"{intercept} + {factor}", part.text)
        matrix = model_matrix(one, frame, parsed)
        names = list(matrix.model_spec.column_names)
        if part.text in names:
            return finite_values(matrix, parsed)[:, names.index(part.text)]
    raise MLMError(f"The model has no term {part.text!r}.")


def constant_column(name: str, columns: tuple[str, ...]) -> MLMError:
    """The sentence for a column that does not vary."""
    return MLMError(
        f"'{name}' has the same value in every row, so it cannot predict anything"
        + (" beyond the intercept" if INTERCEPT in columns else "")
        + ": leave it out of the formula."
    )


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
    needed = {n for part in (parsed.fixed, *parsed.random) for n in variables_in(part)}
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
    x = from_spec(design.spec, newdata, parsed)
    if not random:
        return x, np.zeros((len(newdata), 0)), np.zeros(len(newdata), dtype=np.intp)
    z = np.hstack([from_spec(s, newdata, parsed) for s in design.random_specs])
    codes = pd.Index(design.labels).get_indexer(newdata[parsed.group])
    codes = np.where(codes < 0, len(design.labels), codes).astype(np.intp)
    return x, z, codes
