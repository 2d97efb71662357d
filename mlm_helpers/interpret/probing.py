"""What an interaction says: simple slopes and intercepts, the Johnson-Neyman region, predictions.

Every number is an exact linear combination of the fixed effects. Its weights are differences of
rows of the model matrix, so that any coding of a product or a category gives the same answer.

Sources: Bauer & Curran (2005), Multivariate Behavioral Research 40, 373-400; Preacher, Curran &
Bauer (2006), Journal of Educational and Behavioral Statistics 31, 437-448.
"""

from __future__ import annotations

import html
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mlm_helpers.engine.formula import factor_variables, new_columns
from mlm_helpers.engine.inference import p_of_t, t_quantile
from mlm_helpers.engine.structure import split_product
from mlm_helpers.errors import MLMError, suggest

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]
Df = Literal["satterthwaite", "z"]

__all__ = [
    "JohnsonNeyman",
    "contextual_effect",
    "johnson_neyman",
    "prediction_grid",
    "simple_intercepts",
    "simple_slopes",
]


# ---- simple slopes and intercepts ---------------------------------------------------------
def simple_slopes(
    fit: MLMFit,
    predictor: str,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
) -> pd.DataFrame:
    """The slope of a predictor at chosen values of its moderators.

    Parameters
    ----------
    predictor : a numeric variable of the model, such as ``"famsesc"``.
    by : its moderator, or several (every combination is given). Default: all of them.
        A variable with categories, or with two values, is taken at each; a continuous one at its
        mean - SD, mean and mean + SD, computed over groups (each group once) for a level-2
        variable and over rows for a level-1 one.
    at : values to use instead: ``{"schsesgdm": [-0.5, 0, 0.5]}`` for a moderator in ``by``,
        ``{"sector": 1}`` for one that is held. Moderators that are held without a value are at 0
        (at their mean when 0 is not among their observed values) or at the reference category.
    level : of the intervals. df : ``"satterthwaite"``, or ``"z"`` for the normal distribution.

    Returns
    -------
    DataFrame, one row per combination: a column for each moderator and each held variable with its
    value, ``label``, ``estimate std_error df t p lower upper``. ``attrs["held"]`` holds what was
    held and where; ``attrs["note"]`` says it in words.

    Raises
    ------
    MLMError
        When the model has no product of the predictor and a moderator (the slope is then one
        number), or the predictor enters with a curve (its slope then changes along itself).
    """
    _check_level(level)
    probe = _Probe(fit)
    probe.need_numeric(predictor)
    moderators = probe.moderators(predictor)
    names = probe.chosen(predictor, by, moderators)
    scene = probe.scene(names, at, relevant=moderators, free=(predictor,))
    out = scene.table(_t_table(fit, probe.slopes(scene.frame, predictor), level, df))
    out.attrs["predictor"] = predictor
    return out


def simple_intercepts(
    fit: MLMFit,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
) -> pd.DataFrame:
    """The expected outcome where every level-1 predictor is 0, at chosen values of ``by``.

    Parameters as for :func:`simple_slopes`; ``by`` defaults to all level-2 variables. Level-1
    predictors are at 0 (or their reference category) unless ``at`` says otherwise. With level-1
    predictors centered within groups this is the expected mean of such groups.

    Returns
    -------
    DataFrame with the columns of :func:`simple_slopes`.
    """
    _check_level(level)
    probe = _Probe(fit)
    two = [v for v in probe.variables if probe.level(v) == 2]
    if by is None and not two:
        raise MLMError(
            "The model has no level-2 variable, so there is one intercept: see fit.fixed_effects."
        )
    names = probe.names(by) if by is not None else two
    zero = {v: probe.reference(v) for v in probe.variables if probe.level(v) == 1}
    scene = probe.scene(names, {**zero, **dict(at or {})}, relevant=probe.variables)
    return scene.table(_t_table(fit, probe.rows(scene.frame), level, df))


def contextual_effect(
    fit: MLMFit,
    predictor: str,
    mean: str,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
) -> pd.DataFrame:
    """Within-group slope, between-group slope and their difference, the contextual effect.

    Parameters
    ----------
    predictor : a level-1 variable, such as ``"famsesc"`` or ``"famses"``.
    mean : the level-2 variable that holds its group means, centered or not, such as
        ``"schsesgdm"``.
    at : where moderators are held, as for :func:`simple_slopes`.

    Returns
    -------
    DataFrame, index ``within``, ``between``, ``contextual``; columns
    ``estimate std_error df t p lower upper``. With a predictor centered within groups the
    coefficient of the mean is the between slope, and the contextual effect is what remains after
    the within slope; with one that is not, the coefficient of the mean is the contextual effect
    itself (Raudenbush & Bryk 2002, pp. 139-141).

    Raises
    ------
    MLMError
        When ``predictor`` is not a level-1 or ``mean`` not a level-2 variable of the model.
    """
    _check_level(level)
    probe = _Probe(fit)
    for name, wanted in ((predictor, 1), (mean, 2)):
        probe.need_numeric(name)
        if probe.level(name) != wanted:
            raise MLMError(
                f"{name!r} is a level-{probe.level(name)} variable; the contextual effect needs a "
                "level-1 predictor and the level-2 variable that holds its group means."
            )
    given = dict(at or {})
    for name in (predictor, mean):
        given.setdefault(name, 0.0)
    relevant = [*probe.moderators(predictor), *probe.moderators(mean)]
    scene = probe.scene([], given, relevant=relevant)
    within = probe.slopes(scene.frame, predictor)
    of_mean = probe.slopes(scene.frame, mean)
    if fit.structure.variables[predictor].centered == "group":
        between, contextual = of_mean, of_mean - within
    else:
        between, contextual = of_mean + within, of_mean
    out = _t_table(fit, np.vstack([within, between, contextual]), level, df)
    out.index = pd.Index(["within", "between", "contextual"], name="effect")
    out.attrs |= scene.attrs | {"predictor": predictor, "mean": mean}
    return out


def prediction_grid(
    fit: MLMFit,
    predictor: str,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    points: int = 41,
    df: Df = "satterthwaite",
) -> pd.DataFrame:
    """Expected outcomes of the fixed part along a predictor, with confidence bands.

    Parameters as for :func:`simple_slopes`; ``by`` defaults to none. The predictor runs over its
    observed range, for each category of a categorical level-2 ``by`` over the range observed there,
    in ``points`` steps (or over ``at={predictor: [...]}``). The band is for the expected outcome,
    pointwise: it holds no variation between groups or students.

    Returns
    -------
    DataFrame: the columns ``predictor``, those of ``by`` and of held variables, ``label``,
    ``predicted std_error df lower upper``.
    """
    _check_level(level)
    if points < 2:
        raise MLMError(f"points must be at least 2 to draw a line; got {points!r}.")
    probe = _Probe(fit)
    probe.need_numeric(predictor)
    names = probe.names(by) if by is not None else []
    if predictor in names:
        raise MLMError(f"{predictor!r} is the predictor, so it cannot be in by as well.")
    given = dict(at or {})
    along = given.pop(predictor, None)
    rest = [v for v in probe.variables if v != predictor]
    scene = probe.scene(names, given, relevant=rest, free=(predictor,))
    pieces = []
    for k in range(len(scene.frame)):
        x = _values(along) if along is not None else probe.range_within(predictor, scene, k, points)
        piece = pd.concat([scene.frame.iloc[[k]]] * len(x), ignore_index=True)
        piece[predictor] = x
        piece["label"] = scene.labels[k]
        pieces.append(piece)
    frame = pd.concat(pieces, ignore_index=True)
    table = _t_table(fit, probe.rows(frame), level, df)
    out = frame[[predictor, *scene.shown, "label"]].copy()
    out["predicted"] = table["estimate"]
    for column in ("std_error", "df", "lower", "upper"):
        out[column] = table[column]
    out.attrs |= scene.attrs | {
        "predictor": predictor,
        "by": tuple(names),
        "level": level,
        "outcome": fit.structure.outcome,
    }
    return out


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise MLMError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")


def _t_table(fit: MLMFit, weights: Array, level: float, df: Df) -> pd.DataFrame:
    """Estimates of linear combinations with an interval each."""
    out = fit.contrast(weights).reset_index(drop=True)
    if df == "z":
        out["df"] = np.inf
        out["p"] = 2 * special.ndtr(-np.abs(out["t"].to_numpy()))
    elif df == "satterthwaite":
        out["p"] = p_of_t(out["t"].to_numpy(), out["df"].to_numpy())
    else:
        raise MLMError(f"df must be 'satterthwaite' or 'z'; got {df!r}.")
    width = _quantile(level, out["df"].to_numpy()) * out["std_error"]
    out["lower"], out["upper"] = out["estimate"] - width, out["estimate"] + width
    return out


def _quantile(level: float, df: Array) -> Array:
    normal = float(special.ndtri(0.5 + level / 2))
    finite = np.isfinite(df)
    return np.where(finite, t_quantile(level, np.where(finite, df, 1.0)), normal)


def _values(given: Any) -> list[Any]:
    """A value or several as a list."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given]
    return list(given)


# ---- scenes: rows of predictors that the model can be asked about -------------------------
@dataclass
class _Scene:
    """Rows of predictor values, what to call them and what is held where."""

    frame: pd.DataFrame
    shown: list[str]
    labels: list[str]
    attrs: dict[str, Any]

    def table(self, estimates: pd.DataFrame) -> pd.DataFrame:
        out = self.frame[self.shown].reset_index(drop=True)
        out["label"] = self.labels
        out = pd.concat([out, estimates], axis=1)
        out.attrs |= self.attrs
        return out


class _Probe:
    """Questions to a fit's model matrix."""

    def __init__(self, fit: MLMFit):
        self.fit, self.structure = fit, fit.structure
        factors = [f for c in fit.design.columns for f in split_product(c)]
        self._variables_of = {
            c: {v for f in split_product(c) for v in factor_variables(_bare(f))}
            for c in fit.design.columns
        }
        self._coded = {
            v for f in factors if re.match(r"C\(", f) for v in factor_variables(_bare(f))
        }
        used = set().union(*self._variables_of.values())
        self.variables = [v for v in self.structure.variables if v in used]

    # -- what the variables are
    def level(self, name: str) -> int:
        return self.structure.variables[name].level

    def categorical(self, name: str) -> bool:
        return self.structure.variables[name].kind == "categorical" or name in self._coded

    def categories(self, name: str) -> list[Any]:
        """Categories in their order, or the two values of a binary number."""
        return list(pd.Categorical(self.fit.data[name]).categories)

    def names(self, by: str | Sequence[str]) -> list[str]:
        names = [by] if isinstance(by, str) else list(by)
        for name in names:
            self.need(name)
        return names

    def need(self, name: str) -> None:
        if name not in self.variables:
            raise MLMError(
                f"The model has no predictor {name!r}; it has {', '.join(self.variables)}."
                + suggest(str(name), self.variables)
            )

    def need_numeric(self, name: str) -> None:
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
            instead = f": {_number(self.fit.fixed_effects['estimate'][predictor])}."
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
        return self.categories(name)[0] if self.categorical(name) else 0.0

    def spread(self, name: str) -> pd.Series:
        """The observed values: one per group for a level-2 variable, else one per row."""
        source = self.fit.group_table if self.level(name) == 2 else self.fit.data
        return source[name].astype(float)

    def held(self, name: str) -> Any:
        if self.categorical(name):
            return self.reference(name)
        observed = self.spread(name)
        return 0.0 if observed.min() <= 0 <= observed.max() else float(observed.mean())

    def probed(self, name: str) -> list[tuple[Any, str]]:
        """The values at which a moderator is looked at, with what they are."""
        info = self.structure.variables[name]
        if self.categorical(name) or info.binary:
            return [(c, "") for c in self.categories(name)]
        observed = self.spread(name)
        mean, sd = float(observed.mean()), float(observed.std())
        mean = 0.0 if abs(mean) < 1e-10 * sd else mean  # a centered variable, but for rounding
        return [(mean - sd, "mean − SD"), (mean, "mean"), (mean + sd, "mean + SD")]

    def checked(self, name: str, value: Any) -> Any:
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
    ) -> _Scene:
        """Every combination of the values of ``by``, the other variables held."""
        given = dict(at or {})
        for name in given:
            self.need(name)
            if name in free:
                raise MLMError(f"{name!r} is the predictor whose slope is asked for, not a value.")
        choices = []
        for name in by:
            if name in given:
                asked = [self.checked(name, v) for v in _values(given[name])]
                choices.append([(v, "") for v in asked])
            else:
                choices.append(self.probed(name))
        held = {}
        for name in self.variables:
            if name in by or name in free:
                continue
            if name in given:
                values = _values(given[name])
                if len(values) != 1:
                    raise MLMError(f"{name!r} is held, so it needs one value: or put it in by.")
                held[name] = self.checked(name, values[0])
            else:
                held[name] = self.held(name)
        combinations = list(itertools.product(*choices))
        frame = pd.DataFrame(
            {name: [c[k][0] for c in combinations] for k, name in enumerate(by)},
            index=range(len(combinations)),
        )
        for name, value in held.items():
            frame[name] = value
        for name in free:
            frame[name] = 0.0
        labels = [
            ", ".join(_label(n, v, what) for n, (v, what) in zip(by, c, strict=True))
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
        return _Scene(frame, [*by, *shown_held], labels, attrs)

    def _note(self, by: list[str], choices: list, held: Mapping[str, Any]) -> str:
        parts = []
        for name, choice in zip(by, choices, strict=True):
            if any(what for _, what in choice):
                units = f"{self.structure.group} values" if self.level(name) == 2 else "rows"
                parts.append(f"Mean and SD of {name} are over the {units}.")
        if held:
            parts.append("Held: " + ", ".join(f"{n} = {_number(v)}" for n, v in held.items()) + ".")
        return " ".join(parts)

    # -- the model matrix
    def rows(self, frame: pd.DataFrame) -> Array:
        """Rows of X for a frame of predictor values (k, p)."""
        data, full = self.fit.data, frame.copy()
        for name in self.structure.variables:
            if name not in full and name != self.structure.outcome:
                full[name] = data[name].iloc[0]  # only in the random part, which has no say here
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
        values = self.fit.data[name].astype(float)
        low, high = float(values.min()), float(values.max())
        if low <= 0.0 and high >= 1.0:
            return 0.0, 0.5
        return low, (high - low) / 2

    def range_within(self, predictor: str, scene: _Scene, row: int, points: int) -> Array:
        """The range of the predictor among the rows that share the scene's categories."""
        data = self.fit.data
        keep = np.ones(len(data), dtype=bool)
        for name in scene.attrs["by"]:
            info = self.structure.variables[name]
            if info.level == 2 and (self.categorical(name) or info.binary):
                keep &= (data[name] == scene.frame[name].iloc[row]).to_numpy()
        values = data[predictor].astype(float)[keep if keep.any() else slice(None)]
        return np.linspace(float(values.min()), float(values.max()), points)


def _bare(factor: str) -> str:
    return re.sub(r"\[[^\[\]]*\]$", "", factor)


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return str(value)
    return f"{float(value):.4g}".replace("-", "−")


def _label(name: str, value: Any, what: str) -> str:
    return f"{name} = {_number(value)}" + (f" ({what})" if what else "")


# ---- Johnson-Neyman -----------------------------------------------------------------------
@dataclass(frozen=True)
class JohnsonNeyman:
    """Where along a moderator a simple slope differs from zero.

    Attributes
    ----------
    kind : where in the observed range the slope differs significantly from zero:
        ``"inside"`` two bounds, ``"outside"`` them, ``"one-sided"`` of a single bound,
        ``"everywhere"`` or ``"nowhere"``.
    bounds : the values of the moderator, within its observed range, where significance changes.
    roots : all such values on the whole line, also where no group was observed.
    regions : the significant stretches (low, high) of the observed range.
    table : a grid over the observed range: the moderator, ``slope std_error df lower upper
        significant``.
    observed : (lowest, highest) value of the moderator, over groups if it is a level-2 variable.
    values : the moderator of every group (or row) to which the slope applies: those of the held
        category (``among``), where one is held. ``n_significant`` of them lie in ``regions``.
    held : where the other moderators were held. level, df : as asked for.
    """

    predictor: str
    moderator: str
    kind: Literal["inside", "outside", "everywhere", "nowhere", "one-sided"]
    bounds: tuple[float, ...]
    roots: tuple[float, ...]
    regions: tuple[tuple[float, float], ...]
    table: pd.DataFrame
    observed: tuple[float, float]
    values: pd.Series
    among: str
    held: Mapping[str, Any]
    level: float
    df: Df
    group: str
    data_name: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def n_significant(self) -> int:
        """How many of the observed values lie where the slope differs from zero."""
        v = self.values.to_numpy()
        return int(sum(((v >= low) & (v <= high)).sum() for low, high in self.regions))

    @property
    def sentence(self) -> str:
        """The region in words, with what it is not."""
        return self.describe()

    def describe(self, labels: Mapping[str, str] | None = None) -> str:
        """The region in words; ``labels`` gives other names for columns, and for codes with keys
        such as ``"sector=1"``."""
        names = dict(labels or {})
        x = names.get(self.predictor, self.predictor)
        w = names.get(self.moderator, self.moderator)
        low, high = (_number(v) for v in self.observed)
        alpha = f"{1 - self.level:.2g}"
        plain = {n: f"{n} = {_number(v)}" for n, v in self.held.items()}
        named = {
            n: f"{names.get(n, n)} = {names.get(f'{n}={_number(v)}', _number(v))}"
            for n, v in self.held.items()
        }
        held = ", ".join(named.values())
        start = f"With {held}, the" if held else "The"
        units = "groups" if self.values.name == "group" else "rows"
        count = (
            f"; {self.n_significant} of {len(self.values)} {units}{self.among} lie there"
            if self.kind in ("inside", "outside", "one-sided")
            else ""
        )
        if self.kind == "nowhere":
            text = (
                f"{start} slope of {x} does not differ from zero (p < {alpha}) at any observed "
                f"value of {w}, {low} to {high}; nothing is said beyond."
            )
        else:
            text = (
                f"{start} slope of {x} differs from zero (p < {alpha}) {self._where(w)}{count}. "
                f"Observed: {w} from {low} to {high}; nothing is said beyond."
            )
        text = " ".join([text, *self.notes])
        for name, old in plain.items():
            text = text.replace(old, named[name])
        return (
            f"{text} Each simple slope is compared with zero, not with the slope at another {w}: "
            "whether slopes differ is the test of the interaction. The test is made at every "
            "value without a correction for looking many times."
        )

    def _where(self, w: str) -> str:
        b = [_number(v) for v in self.bounds]
        if self.kind == "everywhere":
            return f"at every observed value of {w}"
        if self.kind == "one-sided":
            above = self.regions[0][1] == self.observed[1]
            return f"where {w} is {'above' if above else 'below'} {b[0]}"
        if self.kind == "inside":
            return f"where {w} lies between {b[0]} and {b[-1]}"
        return f"where {w} is below {b[0]} or above {b[-1]}"

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return f"<JohnsonNeyman {self.kind}: {self.sentence}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.sentence)}</p>"


def johnson_neyman(
    fit: MLMFit,
    predictor: str,
    moderator: str | None = None,
    at: Mapping[str, Any] | None = None,
    level: float = 0.95,
    df: Df = "satterthwaite",
    points: int = 101,
) -> JohnsonNeyman:
    """The values of a continuous moderator at which a simple slope differs from zero.

    Parameters
    ----------
    predictor, moderator : numeric variables of the model with a product between them. The
        moderator may be left out when there is one.
    at : where the other moderators of the predictor are held, as for :func:`simple_slopes`.
    df : ``"satterthwaite"``: at every value the slope has its own df, so the bounds are searched;
        ``"z"``: the bounds solve a quadratic equation.
    points : of the grid in ``table``.

    Raises
    ------
    MLMError
        When there is no such product, the moderator has categories, or enters with a curve.
    """
    _check_level(level)
    probe = _Probe(fit)
    probe.need_numeric(predictor)
    moderators = probe.moderators(predictor)
    if moderator is None:
        continuous = [m for m in moderators if not _is_grouped(probe, m)]
        if len(continuous) > 1:
            raise MLMError(
                f"{predictor} has {len(continuous)} continuous moderators, "
                f"{' and '.join(continuous)}: say which with moderator=..."
            )
        moderator = continuous[0] if continuous else (moderators[0] if moderators else None)
    probe.chosen(predictor, moderator, moderators)
    assert moderator is not None  # chosen() raised otherwise
    if _is_grouped(probe, moderator):
        raise MLMError(
            f"{moderator!r} has {len(probe.categories(moderator))} categories, so there is no "
            f"region along it: use simple_slopes(fit, {predictor!r}, by={moderator!r})."
        )
    held_at = dict(at or {})
    if moderator in held_at:
        raise MLMError(f"{moderator!r} is the moderator that runs; leave it out of at.")
    observed = probe.spread(moderator)
    low, high = float(observed.min()), float(observed.max())
    line = _Line.through(probe, predictor, moderator, held_at, low, high)
    roots = line.roots_z(level) if df == "z" else line.roots(level, df)
    bounds = tuple(r for r in roots if low < r < high)
    regions = _regions(line, bounds, low, high, level, df)
    grid = np.unique(np.concatenate([np.linspace(low, high, points), bounds]))
    table = _t_table(fit, line.weights(grid), level, df)
    table.insert(0, moderator, grid)
    table = table.rename(columns={"estimate": "slope"}).drop(columns=["t", "p"])
    table["significant"] = [any(a <= m <= b for a, b in regions) for m in grid]
    values, among = _concerned(probe, moderator, observed, line.held)
    return JohnsonNeyman(
        predictor=predictor,
        moderator=moderator,
        kind=_kind(regions, low, high),
        bounds=bounds,
        roots=roots,
        regions=regions,
        table=table,
        observed=(low, high),
        values=values,
        among=among,
        held=line.held,
        level=level,
        df=df,
        group=fit.structure.group,
        data_name=fit.data_name,
        notes=_range_note(values, among, low, high),
    )


def _is_grouped(probe: _Probe, name: str) -> bool:
    return probe.categorical(name) or probe.structure.variables[name].binary


def _kind(regions: tuple[tuple[float, float], ...], low: float, high: float) -> Any:
    if not regions:
        return "nowhere"
    if regions == ((low, high),):
        return "everywhere"
    at_low, at_high = regions[0][0] == low, regions[-1][1] == high
    if at_low and at_high:
        return "outside"
    return "one-sided" if at_low or at_high else "inside"


def _regions(
    line: _Line, bounds: tuple[float, ...], low: float, high: float, level: float, df: Df
) -> tuple[tuple[float, float], ...]:
    edges = [low, *bounds, high]
    middle = np.array([(a + b) / 2 for a, b in itertools.pairwise(edges)])
    inside = line.excess(np.ones_like(middle), middle, level, df) > 0
    out: list[tuple[float, float]] = []
    for a, b, significant in zip(edges[:-1], edges[1:], inside, strict=True):
        if significant and out and out[-1][1] == a:
            out[-1] = (out[-1][0], b)
        elif significant:
            out.append((a, b))
    return tuple(out)


def _concerned(
    probe: _Probe, moderator: str, observed: pd.Series, held: Mapping[str, Any]
) -> tuple[pd.Series, str]:
    """The moderator's values in the groups of the held categories, and which groups those are."""
    if probe.level(moderator) == 1:
        return observed.rename("row"), ""
    table, keep, names = probe.fit.group_table, np.ones(len(observed), dtype=bool), []
    for name, value in held.items():
        if probe.level(name) == 2 and _is_grouped(probe, name):
            keep &= (table[name] == value).to_numpy()
            names.append(f"{name} = {_number(value)}")
    if not keep.any():
        return observed.rename("group"), ""
    return observed[keep].rename("group"), f" with {' and '.join(names)}" if names else ""


def _range_note(values: pd.Series, among: str, low: float, high: float) -> tuple[str, ...]:
    """A word of warning where the held category was observed on a part of the range only."""
    own_low, own_high = float(values.min()), float(values.max())
    if not among or (own_low == low and own_high == high):
        return ()
    return (
        f"The {len(values)} groups{among} themselves range from {_number(own_low)} to "
        f"{_number(own_high)}.",
    )


@dataclass(frozen=True)
class _Line:
    """The simple slope as a linear function of the moderator, w(m) = a + m b."""

    fit: MLMFit
    a: Array
    b: Array
    center: float
    scale: float
    held: dict[str, Any]

    @classmethod
    def through(
        cls, probe: _Probe, predictor: str, moderator: str, at: dict, low: float, high: float
    ) -> _Line:
        where = [low, (low + high) / 2, high]
        relevant = probe.moderators(predictor)
        scene = probe.scene([moderator], {**at, moderator: where}, relevant, free=(predictor,))
        w = probe.slopes(scene.frame, predictor)
        if np.abs(w[0] - 2 * w[1] + w[2]).max() > 1e-8 * np.abs(w).max():
            raise MLMError(
                f"The slope of {predictor} is not a straight line in {moderator}, which enters the "
                "model transformed: make the transformed values a column and use that one."
            )
        b = (w[2] - w[0]) / (high - low)
        held = {n: v for n, v in scene.attrs["held"].items() if n != moderator}
        return cls(probe.fit, w[0] - low * b, b, (low + high) / 2, (high - low) / 2, held)

    def weights(self, m: Array) -> Array:
        """Weights (k, p) of the slope at values m."""
        return self.a + np.asarray(m)[:, None] * self.b

    def excess(self, c: Array, s: Array, level: float, df: Df) -> Array:
        """t² minus its critical value for the direction c·a + s·b of weights: positive where
        significant. The direction and its negative say the same, so c and s span the whole line
        of moderator values with infinity as one point."""
        weights = np.asarray(c)[:, None] * self.a + np.asarray(s)[:, None] * self.b
        table = self.fit.contrast(weights)
        freedom = np.full(len(weights), np.inf) if df == "z" else table["df"].to_numpy()
        return table["t"].to_numpy() ** 2 - _quantile(level, freedom) ** 2

    def roots_z(self, level: float) -> tuple[float, ...]:
        """Where the slope is exactly z standard errors from 0: a quadratic equation."""
        z2 = float(special.ndtri(0.5 + level / 2)) ** 2
        v, gamma = self.fit.vcov.to_numpy(), self.fit.gamma
        # shifted to the middle of the range, where the coefficients are well scaled
        a, b = self.a + self.center * self.b, self.b * self.scale
        ga, gb = a @ gamma, b @ gamma
        c0 = ga**2 - z2 * (a @ v @ a)
        c1 = 2 * (ga * gb - z2 * (a @ v @ b))
        c2 = gb**2 - z2 * (b @ v @ b)
        found = np.roots([c2, c1, c0]) if abs(c2) > 1e-14 * (abs(c0) + abs(c1)) else np.array([])
        real = np.real(found[np.abs(np.imag(found)) < 1e-10 * (1 + np.abs(found))])
        return tuple(sorted(self.center + self.scale * float(r) for r in real))

    def roots(self, level: float, df: Df) -> tuple[float, ...]:
        """All values where significance changes, by search: the df change along the line.

        The line is scanned by angle, m = center + scale tan φ, which reaches every value; where t²
        is 0 and where it is largest are added, so that no narrow region is stepped over.
        """
        angles = np.linspace(-np.pi / 2, np.pi / 2, 361)[:-1]
        angles = np.unique(np.concatenate([angles, self._turning_angles()]))
        values = self._excess_at(angles, level, df)
        found = []
        around = np.append(angles, angles[0] + np.pi)
        heights = np.append(values, values[0])
        for k in np.flatnonzero(np.sign(heights[:-1]) != np.sign(heights[1:])):
            found.append(self._bisect(around[k], around[k + 1], level, df))
        finite = [r for r in found if math.isfinite(r)]
        return tuple(sorted(finite))

    def _excess_at(self, angles: Array, level: float, df: Df) -> Array:
        c, s = np.cos(angles), np.sin(angles)
        # m = center + scale s/c, multiplied by c
        return self.excess(c, self.center * c + self.scale * s, level, df)

    def _bisect(self, left: float, right: float, level: float, df: Df) -> float:
        from scipy.optimize import brentq

        def height(angle: float) -> float:
            return float(self._excess_at(np.array([angle]), level, df)[0])

        angle = brentq(height, left, right, xtol=1e-14, rtol=1e-14)
        if abs(math.cos(angle)) < 1e-9:
            return math.inf
        return self.center + self.scale * math.tan(angle)

    def _turning_angles(self) -> Array:
        """Angles at which t² is 0 and at which it is largest."""
        v, gamma = self.fit.vcov.to_numpy(), self.fit.gamma
        basis = np.vstack([self.a + self.center * self.b, self.scale * self.b])
        g = basis @ gamma
        best = np.linalg.solve(basis @ v @ basis.T, g)
        angles = np.array([math.atan2(-g[0], g[1]), math.atan2(best[1], best[0])])
        return (angles + np.pi / 2) % np.pi - np.pi / 2
