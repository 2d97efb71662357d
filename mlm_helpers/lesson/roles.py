"""Which column plays which part in the lecture's models, and the formulas that follow: the one
place that knows.

Forwards, a lesson names the columns (:class:`Roles`) and the formulas of its models follow.
Backwards, a fit shows its parts (:func:`parts_of`): the slope that is explained, and the two-valued
and the continuous level-2 terms that explain it. Exercises and explorers start from such a fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.structure import Level2Equation, Structure
from mlm_helpers.errors import MLMError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Roles:
    """The columns of the lecture's models, by the part they play.

    Parameters
    ----------
    outcome, group : the outcome and the column that names each row's group.
    predictor : the level-1 predictor whose slope is explained (``famsesc``).
    moderator : the level-2 predictor that Model 2 adds (``sector``).
    second : the level-2 predictor that Model 3 adds (``schsesgdm``); None: there is no Model 3.
    controls : further predictors of either level, in every model, with a slope that is the same
        in all groups.
    beside : a second level-1 predictor, in every model.
    beside_varies : whether the slope of ``beside`` varies between groups.
    """

    outcome: str
    group: str
    predictor: str
    moderator: str
    second: str | None = None
    controls: tuple[str, ...] = ()
    beside: str | None = None
    beside_varies: bool = True

    @cached_property
    def formulas(self) -> dict[str, str]:
        """The formula of each model, written as on the lecture's slides.

        ``m0`` is the null model, ``m1`` to ``m3`` are the lecture's, ``m1_ri`` to ``m3_ri`` the
        same without the random slope, and ``both`` has predictor and second as main effects only;
        ``m3_fixed`` and ``random`` (or ``random_ri``) are the two halves of Model 3.
        """
        fixed, intercept = self._fixed(), f"(1 | {quoted_name(self.group)})"
        slopes = self._random(self.predictor)
        models = [k for k in fixed if k != "m0"]
        return {
            "m0": f"{fixed['m0']} + {intercept}",
            **{k: f"{fixed[k]} + {slopes}" for k in models},
            **{f"{k}_ri": f"{fixed[k]} + {self._random()}" for k in models if k != "both"},
            **({"m3_fixed": fixed["m3"]} if "m3" in fixed else {}),
            "random": slopes,
            "random_ri": self._random(),
        }

    def _fixed(self) -> dict[str, str]:
        """The outcome and the fixed part of each model."""
        y, x, w = (quoted_name(c) for c in (self.outcome, self.predictor, self.moderator))
        more = (self.beside, *self.controls) if self.beside else self.controls
        also = "".join(f" + {quoted_name(c)}" for c in more)
        out = {
            "m0": f"{y} ~ 1",
            "m1": f"{y} ~ 1 + {x}{also}",
            "m2": f"{y} ~ 1 + {x} + {w}{also} + {w} * {x}",
        }
        if self.second is not None:
            m = quoted_name(self.second)
            out["m3"] = f"{y} ~ 1 + {w} + {m} + {x}{also} + {w} * {x} + {m} * {x}"
            out["both"] = f"{y} ~ 1 + {x} + {m}{also}"
        return out

    def _random(self, *slopes: str) -> str:
        """The random part: the intercept, these slopes, and that of ``beside`` where it varies."""
        varying = (*slopes, *((self.beside,) if self.beside and self.beside_varies else ()))
        terms = "".join(f" + {quoted_name(c)}" for c in varying)
        return f"(1{terms} | {quoted_name(self.group)})"


LECTURE = Roles("g1rscore", "schid", "famsesc", "sector", "schsesgdm")


def quoted_name(column: str) -> str:
    """A column's name in a formula."""
    return column if column.isidentifier() else f"`{column}`"


# ---- the parts of a fit ------------------------------------------------------------------------
@dataclass(frozen=True)
class Parts:
    """What a fit shows of itself: the equation of the slope that is explained, and the level-2
    terms of this equation and of the intercept's, those coded 0 and 1 and all others."""

    slope: Level2Equation
    two_valued: tuple[str, ...]
    continuous: tuple[str, ...]

    @property
    def predictor(self) -> str:
        """The level-1 predictor."""
        return self.slope.level1 or ""


def parts_of(fit: MLMFit) -> Parts:
    """Find the parts of a fit.

    Raises
    ------
    MLMError
        If no slope of it varies between groups or is explained.
    """
    structure = fit.structure
    slope = slope_equation(structure)
    terms = dict.fromkeys(
        c.level2
        for e in structure.equations
        if e.p in (0, slope.p)
        for c in e.coefficients
        if c.level2 is not None
    )
    two = tuple(t for t in terms if is_two_valued(level2_values(fit, t)))
    return Parts(slope, two, tuple(t for t in terms if t not in two))


def slope_equation(structure: Structure) -> Level2Equation:
    """The equation of the slope to explore: the first that is moderated, else the first random."""
    slopes = [e for e in structure.equations if e.level1 is not None]
    moderated = [e for e in slopes if any(c.is_cross_level for c in e.coefficients)]
    chosen = next(iter(moderated or [e for e in slopes if e.random]), None)
    if chosen is None:
        raise MLMError(
            "This model has no slope that varies between groups or depends on a level-2 predictor: "
            "fit one such as 'y ~ x * w + (1 + x | group)'."
        )
    return chosen


def first_rows(fit: MLMFit) -> NDArray[np.intp]:
    """The first row of each group, in the order of the groups."""
    return np.unique(fit.design.codes, return_index=True)[1]


def level2_values(fit: MLMFit, term: str) -> Array:
    """A level-2 term, one value per group."""
    from mlm_helpers.engine.design import term_values

    d = fit.design
    column = d.x[:, d.columns.index(term)] if term in d.columns else term_values(d, term)
    return np.asarray(column, dtype=float)[first_rows(fit)]


def is_two_valued(values: Array) -> bool:
    """Whether a term is coded 0 and 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())
