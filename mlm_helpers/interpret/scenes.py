"""Questions to a fit's model matrix: rows of predictors, what is held where, and slopes.

Every number that probing gives is an exact linear combination of the fixed effects. Its weights are
differences of rows of the model matrix, so that any coding of a product or a category gives the
same answer.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.design import new_columns
from mlm_helpers.engine.inference import p_of_t, t_interval
from mlm_helpers.engine.names import variables_of
from mlm_helpers.errors import MLMError, suggest
from mlm_helpers.text import shown

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]
Df = Literal["satterthwaite", "z"]

# Columns that tables of estimates have; a variable of such a name gets another column.
_ESTIMATES = ("estimate", "std_error", "df", "t", "p", "lower", "upper")
_TAKEN = frozenset((*_ESTIMATES, "label", "slope", "significant", "predicted", "effect"))


def t_table(fit: MLMFit, weights: Array, level: float, df: Df) -> pd.DataFrame:
    """Estimates of linear combinations, ``estimate std_error df t p lower upper``."""
    rows = fit.contrast(weights)
    estimate, se, freedom = (rows[c].to_numpy() for c in ("estimate", "std_error", "df"))
    return t_of_estimates(estimate, se, freedom, level, df)


def t_of_estimates(
    estimate: Array, se: Array, freedom: Array, level: float, df: Df
) -> pd.DataFrame:
    """Estimates with their tests and intervals; ``df="z"`` takes the normal distribution."""
    if df not in ("satterthwaite", "z"):
        raise MLMError(f"df must be 'satterthwaite' or 'z'; got {df!r}.")
    freedom = np.full(len(estimate), np.inf) if df == "z" else freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        t = estimate / se
    lower, upper = t_interval(estimate, se, freedom, level)
    out = pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": se,
            "df": freedom,
            "t": t,
            "p": p_of_t(t, freedom),
            "lower": lower,
            "upper": upper,
        }
    )
    out.attrs["level"] = level
    return out


def listed(given: Any) -> list[Any]:
    """A value or several as a list."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def columns_for(names: Iterable[str]) -> dict[str, str]:
    """The column of each variable in a table of estimates: its name, or ``t_value`` for a variable
    named ``t``."""
    names = list(names)
    out: dict[str, str] = {}
    for name in names:
        column = f"{name}_value" if name in _TAKEN else name
        while column != name and (column in names or column in out.values()):
            column += "_"
        out[name] = column
    return out


@dataclass
class Scene:
    """Rows of predictor values, what to call them and what is held where."""

    frame: pd.DataFrame
    shown: list[str]
    labels: list[str]
    attrs: dict[str, Any]

    def table(self, estimates: pd.DataFrame) -> pd.DataFrame:
        """The values, a label and the estimates of each row."""
        names = columns_for(self.shown)
        out = self.frame[self.shown].rename(columns=names).reset_index(drop=True)
        out["label"] = self.labels
        out = pd.concat([out, estimates], axis=1)
        out.attrs |= estimates.attrs | self.attrs
        out.attrs["by"] = tuple(names[n] for n in self.attrs["by"])
        return out


class Probe:
    """What a fit's variables are, where they are held, and rows of its model matrix."""

    def __init__(self, fit: MLMFit):
        self.fit, self.structure = fit, fit.structure
        self.data = fit.data
        self._variables_of: dict[str, set[str]] = {}
        self._coded: set[str] = set()
        spec = fit.design.spec
        for term, columns in spec.term_slices.items():
            used = set()
            for factor in term.factors:
                names = set(variables_of(factor))
                used |= names
                if factor.expr.startswith("C("):
                    self._coded |= names
            for column in fit.design.columns[columns]:
                self._variables_of[column] = used
        every = set().union(*self._variables_of.values())
        self.variables = [v for v in self.structure.variables if v in every]

    # -- what the variables are
    def variables_of(self, column: str) -> set[str]:
        """The variables in a column of the model matrix."""
        return self._variables_of[column]

    def level(self, name: str) -> int:
        """1 or 2."""
        return self.structure.variables[name].level

    def categorical(self, name: str) -> bool:
        """Whether a variable enters as categories."""
        return self.structure.variables[name].kind == "categorical" or name in self._coded

    def grouped(self, name: str) -> bool:
        """Whether a variable has categories or two values, so that each of them can be taken."""
        return self.categorical(name) or self.structure.variables[name].binary

    def categories(self, name: str) -> list[Any]:
        """Categories in their order, or the two values of a binary number."""
        seen = pd.Categorical(self.data[name]).remove_unused_categories()
        return list(seen.categories)

    def names(self, by: str | Sequence[str]) -> list[str]:
        """One name or several, each a predictor of the model."""
        names = [by] if isinstance(by, str) else list(by)
        for name in names:
            self.need(name)
        return names

    def need(self, name: str) -> None:
        """Refuse what is no predictor of the model."""
        if name not in self.variables:
            raise MLMError(
                f"The model has no predictor {name!r}; it has {', '.join(self.variables)}."
                + suggest(str(name), self.variables)
            )

    def need_numeric(self, name: str) -> None:
        """Refuse what has no slope."""
        self.need(name)
        if self.categorical(name):
            raise MLMError(
                f"{name!r} has categories, not a slope: take a numeric predictor, and {name!r} "
                "as the moderator."
            )

    def moderators(self, predictor: str) -> list[str]:
        """The variables that share a product with the predictor."""
        found = {v for names in self._variables_of.values() if predictor in names for v in names}
        return [v for v in self.variables if v in found and v != predictor]

    def chosen(
        self, predictor: str, by: str | Sequence[str] | None, moderators: list[str]
    ) -> list[str]:
        """The moderators in ``by`` (default: all), each with a product."""
        names = self.names(by) if by is not None else moderators
        for name in names:
            if name == predictor:
                raise MLMError(f"{predictor!r} cannot moderate its own slope: name another in by.")
            if name not in moderators:
                raise self._no_product(predictor, name, moderators)
        if not names:
            raise self._no_product(predictor, "another variable", moderators)
        return names

    def _no_product(self, predictor: str, name: str, moderators: list[str]) -> MLMError:
        if moderators:
            instead = f". It does change with {' and '.join(moderators)}."
        elif predictor in self.fit.design.columns:
            instead = f": {shown(self.fit.fixed_effects['estimate'][predictor])}."
        else:
            instead = "."
        where = f"the same at every value of {name}" if name in self.variables else "one number"
        advice = f"{predictor}:{name}" if name in self.variables else f"{predictor}:moderator"
        return MLMError(
            f"The model has no product of {predictor} and {name}, so the slope of {predictor} is "
            f"{where}{instead} To let it differ, add {advice} to the formula."
        )

    # -- where variables are held
    def reference(self, name: str) -> Any:
        """The reference category, or 0."""
        return self.categories(name)[0] if self.categorical(name) else 0.0

    def spread(self, name: str) -> pd.Series:
        """The observed values: one per group for a level-2 variable, else one per row."""
        source = self.fit.design.group_frame if self.level(name) == 2 else self.data
        return source[name].astype(float)

    def width(self, name: str) -> float:
        """The observed range of a number; infinite for text."""
        if not pd.api.types.is_numeric_dtype(self.data[name]):
            return math.inf
        observed = self.spread(name)
        return float(observed.max() - observed.min())

    def held(self, name: str) -> Any:
        """Where a variable is held that nobody asked about: never where nobody is."""
        if self.categorical(name):
            return self.reference(name)
        observed = self.spread(name)
        return 0.0 if observed.min() <= 0 <= observed.max() else float(observed.mean())

    def probed(self, name: str) -> list[tuple[Any, str]]:
        """The values at which a moderator is looked at, with what they are."""
        if self.grouped(name):
            return [(c, "") for c in self.categories(name)]
        observed = self.spread(name)
        mean, sd = float(observed.mean()), float(observed.std())
        mean = 0.0 if abs(mean) < 1e-10 * sd else mean  # a centered variable, but for rounding
        return [(mean - sd, "mean − SD"), (mean, "mean"), (mean + sd, "mean + SD")]

    def checked(self, name: str, value: Any) -> Any:
        """A value that was given for a variable, as the variable holds it."""
        if self.categorical(name):
            known = self.categories(name)
            for c in known:
                if value == c or str(value) == str(c):
                    return c
            raise MLMError(
                f"{name!r} has no category {value!r}; it has {', '.join(map(str, known))}."
                + suggest(str(value), map(str, known))
            )
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise MLMError(f"The value of {name!r} must be a number; got {value!r}.") from None
        if not math.isfinite(number):
            raise MLMError(f"The value of {name!r} must be a finite number; got {value!r}.")
        return int(value) if isinstance(value, (int, np.integer)) else number

    def scene(
        self,
        by: list[str],
        at: Mapping[str, Any] | None,
        relevant: Sequence[str],
        free: Sequence[str] = (),
    ) -> Scene:
        """Every combination of the values of ``by``, the other variables held."""
        given = dict(at or {})
        for name in given:
            self.need(name)
            if name in free:
                raise MLMError(f"{name!r} is the predictor whose slope is asked for, not a value.")
        choices = [
            [(self.checked(name, v), "") for v in listed(given[name])]
            if name in given
            else self.probed(name)
            for name in by
        ]
        held = self._all_held(given, {*by, *free})
        combinations = list(itertools.product(*choices))
        frame = pd.DataFrame(
            {name: [c[k][0] for c in combinations] for k, name in enumerate(by)},
            index=range(len(combinations)),
        )
        for name, value in {**held, **dict.fromkeys(free, 0.0)}.items():
            frame[name] = value
        widths = [self.width(name) for name in by]
        labels = [
            ", ".join(_label(n, v, what, w) for n, (v, what), w in zip(by, c, widths, strict=True))
            for c in combinations
        ]
        shown_held = {n: v for n, v in held.items() if n in relevant or n in given}
        attrs = {
            "held": shown_held,
            "by": tuple(by),
            "note": self._note(by, choices, shown_held),
            "outcome": self.structure.outcome,
            "group": self.structure.group,
            "data_name": self.fit.data_name,
        }
        return Scene(frame, [*by, *shown_held], labels, attrs)

    def _all_held(self, given: Mapping[str, Any], others: set[str]) -> dict[str, Any]:
        held = {}
        for name in self.variables:
            if name in others:
                continue
            if name not in given:
                held[name] = self.held(name)
                continue
            values = listed(given[name])
            if len(values) != 1:
                raise MLMError(f"{name!r} is held, so it needs one value: or put it in by.")
            held[name] = self.checked(name, values[0])
        return held

    def _note(self, by: list[str], choices: list, held: Mapping[str, Any]) -> str:
        parts = []
        for name, choice in zip(by, choices, strict=True):
            if any(what for _, what in choice):
                units = f"{self.structure.group} values" if self.level(name) == 2 else "rows"
                parts.append(f"Mean and SD of {name} are over the {units}.")
        if held:
            values = (f"{n} = {shown(v, self.width(n))}" for n, v in held.items())
            parts.append(f"Held: {', '.join(values)}.")
        return " ".join(parts)

    # -- the model matrix
    def rows(self, frame: pd.DataFrame) -> Array:
        """Rows of X for a frame of predictor values (k, p)."""
        full = frame.copy()
        for name in self.structure.variables:
            if name not in full and name != self.structure.outcome:
                full[name] = self.data[name].iloc[0]  # only in the random part: no say here
            elif name in full and self.categorical(name):
                full[name] = full[name].astype(self.data[name].dtype)
        x, _, _ = new_columns(self.fit.design, full, random=False)
        return x

    def slopes(self, frame: pd.DataFrame, predictor: str) -> Array:
        """Weights (k, p) of the predictor's slope: the change of a row of X per unit."""
        low, step = self._inside(predictor)
        x0, x1, x2 = (
            self.rows(frame.assign(**{predictor: low + k * step})) for k in (0.0, 1.0, 2.0)
        )
        first, second = (x1 - x0) / step, (x2 - x1) / step
        size = np.abs(x2).max(axis=0) + np.abs(x0).max(axis=0)
        bent = (np.abs(first - second) * step > 1e-7 * size).any(axis=0)
        if bent.any():
            column = self.fit.design.columns[int(bent.argmax())]
            raise MLMError(
                f"{predictor} enters the model as {column!r}, so its slope changes along "
                f"{predictor} itself: draw the curve with prediction_grid instead."
            )
        # over a step of 1 where numbers stay small, so that 0/1 columns give exact weights
        exact = np.rint(first)
        return np.where(np.abs(first - exact) < 1e-12, exact, first)

    def _inside(self, name: str) -> tuple[float, float]:
        values = self.data[name].astype(float)
        low, high = float(values.min()), float(values.max())
        if low <= 0.0 and high >= 1.0:
            return 0.0, 0.5
        return low, (high - low) / 2

    def range_within(self, predictor: str, scene: Scene, row: int, points: int) -> Array:
        """The range of the predictor among the rows that share the scene's categories."""
        keep = np.ones(len(self.data), dtype=bool)
        for name in scene.attrs["by"]:
            if self.level(name) == 2 and self.grouped(name):
                keep &= (self.data[name] == scene.frame[name].iloc[row]).to_numpy()
        values = self.data[predictor].astype(float)[keep if keep.any() else slice(None)]
        return np.linspace(float(values.min()), float(values.max()), points)


def _label(name: str, value: Any, what: str, width: float) -> str:
    return f"{name} = {shown(value, width)}" + (f" ({what})" if what else "")
