"""The explorer in which a moderator slides and the simple slope follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.inference import parameter_covariance
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import probe
from mlm_helpers.explorers.base import Explorer
from mlm_helpers.explorers.controls import Choice, Control, Slider, clean_step
from mlm_helpers.explorers.roles import (
    EX1_MODEL3,
    estimates,
    fit_ex1,
    level1_values,
    plain_symbol,
    read_roles,
)
from mlm_helpers.interpret.johnson_neyman import JohnsonNeyman
from mlm_helpers.lesson.roles import level2_values
from mlm_helpers.words.vocabulary import Vocabulary

_LEVELS = 50, 99


def explore_probing(
    fit: MLMFit | None = None,
    *,
    state: Mapping[str, Any] | None = None,
    vocabulary: Vocabulary | str | None = None,
) -> ProbingExplorer:
    """Slide a moderator and watch the simple slope, its interval and the Johnson-Neyman region.

    Parameters
    ----------
    fit : a fit in which a level-1 slope depends on a continuous level-2 predictor (and possibly on
        a two-valued one). Without one, the lecture's Model 3 is fitted to ``ex1``.
    state : where to start: ``moderator`` (a value), ``level`` (of the intervals, in percent) and,
        where there is a two-valued moderator, ``kind`` (``"low"`` or ``"high"``).
    vocabulary : the words to use.

    Raises
    ------
    MLMError
        If the slope depends on no continuous level-2 predictor.
    """
    return ProbingExplorer(fit if fit is not None else fit_ex1(EX1_MODEL3)[0], state, vocabulary)


class ProbingExplorer(Explorer):
    """See :func:`explore_probing`."""

    title = "Probe the slope along a moderator"
    kind = "probing"

    def __init__(
        self,
        fit: MLMFit,
        state: Mapping[str, Any] | None,
        vocabulary: Vocabulary | str | None,
    ) -> None:
        self.fit = fit
        self.roles = r = read_roles(fit, vocabulary)
        if r.continuous is None or "gamma12" not in r.columns:
            raise MLMError(
                "Probing needs a slope that depends on a continuous level-2 predictor: fit a model "
                "with a product of the two, such as 'y ~ x * m + (1 + x | group)'."
            )
        self._m = level2_values(fit, r.continuous)
        x = level1_values(fit, r)
        low, high = (float(v) for v in np.quantile(x, [0.005, 0.995]))
        self._x = np.linspace(low, high, 25)
        self._regions: dict[tuple[bool, int], JohnsonNeyman] = {}
        low, high = float(self._m.min()), float(self._m.max())
        step = clean_step((high - low) / 50)
        first, last = np.ceil(low / step) * step, np.floor(high / step) * step
        controls: list[Control] = [
            Slider(
                "moderator", f"{r.group}'s {r.continuous_symbol}", float(first), float(last), step
            ),
            Slider("level", "confidence level", *_LEVELS, 1, decimals=0, suffix="%"),
        ]
        start: dict[str, Any] = {"moderator": self._middle(first, last, step), "level": 95}
        if r.two is not None:
            kinds = {"low": r.many_low, "high": r.many_high}
            controls.insert(0, Choice("kind", "for", kinds))
            start["kind"] = "low"
        actions = {"reset": "Back to the start"}
        super().__init__(controls, actions, start, state, self._data())

    def _middle(self, low: float, high: float, step: float) -> float:
        if low <= 0 <= high:
            return 0.0
        return float(low + round((np.median(self._m) - low) / step) * step)

    def compute(self, state: Mapping[str, Any]) -> probe.Tables:
        """See :func:`mlm_helpers.explorers.probe.compute`."""
        high, level = state.get("kind") == "high", int(state["level"])
        return probe.compute(state, self.fit, self.roles, self._x, self._region(high, level))

    def _region(self, high: bool, level: int) -> JohnsonNeyman:
        if (high, level) not in self._regions:
            self._regions[high, level] = probe.region(self.fit, self.roles, high, level / 100)
        return self._regions[high, level]

    # ---- what the page is told once -------------------------------------------------------------
    def _data(self) -> dict[str, Any]:
        r, fit = self.roles, self.fit
        kinds = (False, True) if r.two else (False,)
        symbols = {c.column: c.symbol for c in fit.structure.coefficients}
        names = {n: plain_symbol(symbols[c]) for n, c in r.columns.items()}
        found = self._region(False, 95).table
        return {
            "gamma": fit.gamma,
            "vcov": fit.vcov.to_numpy(),
            "forms": probe.gradient_forms(fit),
            "metric": parameter_covariance(fit),
            "columns": {n: fit.design.columns.index(c) for n, c in r.columns.items()},
            "estimates": estimates(fit, r),
            "names": names,
            "x": self._x,
            "grid": found.iloc[:, 0].to_numpy(),
            "observed": np.unique(self._m),
            "lowest": _LEVELS[0],
            "regions": [
                [self._told(high, n) for n in range(_LEVELS[0], _LEVELS[1] + 1)] for high in kinds
            ],
            "axes": {"outcome": self._outcome_limits(), "slope": self._slope_limits(kinds)},
            "many": [r.many_low, r.many_high] if r.two else None,
            "symbols": {"w": r.two_symbol, "m": r.continuous_symbol},
            "level1": r.level1,
            "xLabel": r.x_label,
            "yLabel": r.outcome,
            "mLabel": r.continuous_label,
            "units": r.units,
            "describe": (
                f"Two panels: the expected {r.outcome} along {r.x_label} for the chosen "
                f"{r.continuous_label}, with a band; and the slope of {r.x_label} along "
                f"{r.continuous_label} with its band, a dot and interval at the chosen value, and "
                "shading where the slope differs from 0."
            ),
        }

    def _told(self, high: bool, level: int) -> dict[str, Any]:
        found, r = self._region(high, level), self.roles
        names = {r.continuous or "": r.continuous_label, r.level1: r.x_label}
        return {"regions": found.regions, "bounds": found.bounds, "note": found.describe(names)}

    def _outcome_limits(self) -> tuple[float, float]:
        e = estimates(self.fit, self.roles)
        g = {n: e.get(n, 0.0) for n in ("gamma01", "gamma02", "gamma11", "gamma12")}
        corners = [
            e["gamma00"] + g["gamma01"] * w + g["gamma02"] * m
            + (e["gamma10"] + g["gamma11"] * w + g["gamma12"] * m) * x
            for w in (0.0, 1.0 if self.roles.two else 0.0)
            for m in np.quantile(self._m, [0.03, 0.97])
            for x in (self._x[0], self._x[-1])
        ]  # fmt: skip
        pad = 0.06 * (max(corners) - min(corners))
        return min(corners) - pad, max(corners) + pad

    def _slope_limits(self, kinds: tuple[bool, ...]) -> tuple[float, float]:
        tables = [self._region(high, 95).table for high in kinds]
        low = min([0.0, *[float(t["lower"].min()) for t in tables]])
        high = max([0.0, *[float(t["upper"].max()) for t in tables]])
        return low - 0.12 * (high - low), high + 0.08 * (high - low)
