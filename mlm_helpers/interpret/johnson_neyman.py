"""The Johnson-Neyman region: the values of a moderator at which a simple slope differs from zero.

Sources: Bauer & Curran (2005), Multivariate Behavioral Research 40, 373-400; control of the false
discovery rate after Esarey & Sumner (2018), Comparative Political Studies 51, 1144-1176.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.inference import check_level
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.regions import SlopeLine, largest_p
from mlm_helpers.interpret.scenes import Df, Probe, columns_for, t_table
from mlm_helpers.text import shown

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]

__all__ = ["JohnsonNeyman", "johnson_neyman"]

# Where the false discovery rate is controlled, the observed range is looked at in so many places.
_PLACES = 1001


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
    table : a grid over the observed range: the moderator (in ``column``), ``slope std_error df
        lower upper significant``.
    observed : (lowest, highest) value of the moderator, over groups if it is a level-2 variable.
    values : the moderator of every group (or row) to which the slope applies: those of the held
        category (``among``), where one is held. ``n_significant`` of them lie in ``regions``.
    held : where the other moderators were held. level, df : as asked for.
    p_limit : a slope counts as different from zero when its p is below it: 1 - level, or less where
        the false discovery rate over the observed range is controlled (``fdr``).
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
    notes: tuple[str, ...] = ()
    fdr: bool = False
    p_limit: float = 0.05

    @property
    def column(self) -> str:
        """The column of ``table`` that holds the moderator."""
        return str(self.table.columns[0])

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
        x, w = (names.get(n, n) for n in (self.predictor, self.moderator))
        low, high = (shown(v, self._width) for v in self.observed)
        plain = {n: f"{n} = {shown(v)}" for n, v in self.held.items()}
        named = {
            n: f"{names.get(n, n)} = {names.get(f'{n}={shown(v)}', shown(v))}"
            for n, v in self.held.items()
        }
        start = f"With {', '.join(named.values())}, the" if named else "The"
        if self.kind == "nowhere":
            text = (
                f"{start} slope of {x} cannot be told from zero ({self._test}) at any observed "
                f"value of {w}, {low} to {high}, which does not show that it is zero; nothing is "
                "said beyond."
            )
        else:
            text = (
                f"{start} slope of {x} differs from zero ({self._test}) {self._where(w)}"
                f"{self._count}. Observed: {w} from {low} to {high}; nothing is said beyond."
            )
        text = " ".join([text, *self.notes])
        for name, old in plain.items():
            text = text.replace(old, named[name])
        return (
            f"{text} Each simple slope is compared with zero, not with the slope at another {w}: "
            f"whether slopes differ is the test of the interaction. {self._correction}"
        )

    @property
    def _width(self) -> float:
        return self.observed[1] - self.observed[0]

    @property
    def _test(self) -> str:
        return f"p < {self.p_limit if self.fdr else 1 - self.level:.2g}"

    @property
    def _correction(self) -> str:
        if self.fdr:
            return (
                "The false discovery rate over the observed range is held at "
                f"{1 - self.level:.2g} (Esarey & Sumner 2018), which is why the limit for p is "
                f"{self.p_limit:.2g}."
            )
        return "The test is made at every value without a correction for looking many times."

    @property
    def _count(self) -> str:
        if self.kind not in ("inside", "outside", "one-sided"):
            return ""
        units = "groups" if self.values.name == "group" else "rows"
        return f"; {self.n_significant} of {len(self.values)} {units}{self.among} lie there"

    def bound_texts(self) -> list[str]:
        """The bounds with as many digits as make them true of the values that were observed."""
        return [_true_of(b, self.values.to_numpy(), self._width) for b in self.bounds]

    def _where(self, w: str) -> str:
        b = self.bound_texts()
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
    fdr: bool = False,
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
    fdr : control the false discovery rate over the observed range, so that of the values said to
        have a slope at most 1 - level are expected to be wrong. The plain region (the default)
        tests every value by itself and makes no correction.

    Raises
    ------
    MLMError
        When there is no such product, the moderator has categories, or enters with a curve.
    """
    check_level(level)
    if points < 2:
        raise MLMError(f"points must be at least 2; got {points!r}.")
    probe = Probe(fit)
    moderator = _moderator(probe, predictor, moderator)
    held_at = dict(at or {})
    if moderator in held_at:
        raise MLMError(f"{moderator!r} is the moderator that runs; leave it out of at.")
    observed = probe.spread(moderator)
    low, high = float(observed.min()), float(observed.max())
    line = SlopeLine.through(probe, predictor, moderator, held_at)
    limit = 1 - level
    if fdr:
        limit = largest_p(line.p_values(np.linspace(low, high, _PLACES), df), 1 - level)
    roots = line.roots(1 - limit, df)
    bounds = tuple(r for r in roots if low < r < high)
    regions = line.regions(bounds, 1 - limit, df)
    values, among = _concerned(probe, moderator, observed, line.held)
    return JohnsonNeyman(
        predictor=predictor,
        moderator=moderator,
        kind=_kind(regions, low, high),
        bounds=bounds,
        roots=roots,
        regions=regions,
        table=_grid(line, moderator, regions, bounds, (low, high, points), 1 - limit, df),
        observed=(low, high),
        values=values,
        among=among,
        held=line.held,
        level=level,
        df=df,
        group=fit.structure.group,
        data_name=fit.data_name,
        notes=(*_range_note(values, among, low, high), *_nothing_note(line, predictor, moderator)),
        fdr=fdr,
        p_limit=limit,
    )


def _moderator(probe: Probe, predictor: str, moderator: str | None) -> str:
    """The moderator that was asked for, or the only continuous one."""
    probe.need_numeric(predictor)
    moderators = probe.moderators(predictor)
    if moderator is None:
        continuous = [m for m in moderators if not probe.grouped(m)]
        if len(continuous) > 1:
            raise MLMError(
                f"{predictor} has {len(continuous)} continuous moderators, "
                f"{' and '.join(continuous)}: say which with moderator=..."
            )
        moderator = continuous[0] if continuous else (moderators[0] if moderators else None)
    probe.chosen(predictor, moderator, moderators)
    assert moderator is not None  # chosen() raised otherwise
    if probe.grouped(moderator):
        raise MLMError(
            f"{moderator!r} has {len(probe.categories(moderator))} categories, so there is no "
            f"region along it: use simple_slopes(fit, {predictor!r}, by={moderator!r})."
        )
    return moderator


def _grid(
    line: SlopeLine,
    moderator: str,
    regions: tuple[tuple[float, float], ...],
    bounds: tuple[float, ...],
    span: tuple[float, float, int],
    level: float,
    df: Df,
) -> pd.DataFrame:
    grid = np.unique(np.concatenate([np.linspace(*span), bounds]))
    table = t_table(line.fit, line.weights(grid), level, df).rename(columns={"estimate": "slope"})
    table = table.drop(columns=["t", "p"])
    table.insert(0, columns_for([moderator])[moderator], grid)
    inside = np.array([any(a <= m <= b for a, b in regions) for m in grid])
    table["significant"] = inside & (table["std_error"] > 0).to_numpy()
    return table


def _kind(regions: tuple[tuple[float, float], ...], low: float, high: float) -> Any:
    if not regions:
        return "nowhere"
    if regions == ((low, high),):
        return "everywhere"
    at_low, at_high = regions[0][0] == low, regions[-1][1] == high
    if at_low and at_high:
        return "outside"
    return "one-sided" if at_low or at_high else "inside"


def _concerned(
    probe: Probe, moderator: str, observed: pd.Series, held: Mapping[str, Any]
) -> tuple[pd.Series, str]:
    """The moderator's values in the groups of the held categories, and which groups those are."""
    if probe.level(moderator) == 1:
        return observed.rename("row"), ""
    table, names = probe.fit.design.group_frame, []
    keep = np.ones(len(observed), dtype=bool)
    for name, value in held.items():
        if probe.level(name) == 2 and probe.grouped(name):
            keep &= (table[name] == value).to_numpy()
            names.append(f"{name} = {shown(value)}")
    if not keep.any():
        return observed.rename("group"), ""
    return observed[keep].rename("group"), f" with {' and '.join(names)}" if names else ""


def _range_note(values: pd.Series, among: str, low: float, high: float) -> tuple[str, ...]:
    """A word of warning where the held category was observed on a part of the range only."""
    own_low, own_high = float(values.min()), float(values.max())
    if not among or (own_low == low and own_high == high):
        return ()
    own = (shown(v, high - low) for v in (own_low, own_high))
    return (f"The {len(values)} groups{among} themselves range from {' to '.join(own)}.",)


def _nothing_note(line: SlopeLine, predictor: str, moderator: str) -> tuple[str, ...]:
    if not line.one_test:
        return ()
    return (
        f"The model has no coefficient for {predictor} alone: its slope is 0 by construction where "
        f"{moderator} = {shown(line.nothing_at)}, and one test holds for all other values.",
    )


def _true_of(bound: float, values: Array, width: float) -> str:
    """A bound with four digits, or as many more as it takes to lie within a hundredth of the range
    and to have the same observed values on either side."""
    for digits in range(4, 18):
        text = f"{bound:.{digits}g}"
        near = float(text)
        same = ((values < bound) == (values < near)) & ((values > bound) == (values > near))
        if abs(near - bound) <= width / 100 and same.all():
            break
    return text.replace("-", "−")
