"""The explorer that shows EB slopes being pulled in, and the gap by sector with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import shrinkage as sh
from mlm_helpers.explorers.base import Explorer
from mlm_helpers.explorers.controls import Choice, Control, Slider, positive, ranged
from mlm_helpers.explorers.roles import (
    EX1_MODEL2,
    estimates,
    fit_ex1,
    level1_values,
    read_roles,
)
from mlm_helpers.lesson.roles import level2_values
from mlm_helpers.words.vocabulary import Vocabulary


def explore_shrinkage(
    fit: MLMFit | None = None,
    *,
    state: Mapping[str, Any] | None = None,
    vocabulary: Vocabulary | str | None = None,
) -> ShrinkageExplorer:
    """Watch EB slopes move away from their OLS values as schools grow or slopes vary less.

    Parameters
    ----------
    fit : a fit with a two-valued moderator of a slope, such as the lecture's Model 2; its estimates
        are where the sliders start. Without one, Model 2 is fitted to ``ex1``.
    state : where to start: ``n`` students per school, ``tau11``, ``gamma11``, ``sigma``, and
        ``model`` (``"without"`` or ``"with"`` the moderator).
    vocabulary : the words to use.

    Raises
    ------
    MLMError
        If the fit has no two-valued moderator of a slope.
    """
    return ShrinkageExplorer(fit if fit is not None else fit_ex1(EX1_MODEL2)[0], state, vocabulary)


class ShrinkageExplorer(Explorer):
    """See :func:`explore_shrinkage`."""

    title = "Shrinkage: from OLS slopes to EB slopes"
    kind = "shrinkage"

    def __init__(
        self,
        fit: MLMFit,
        state: Mapping[str, Any] | None,
        vocabulary: Vocabulary | str | None,
    ) -> None:
        self.roles = r = read_roles(fit, vocabulary)
        if r.two is None or "gamma11" not in r.columns:
            raise MLMError(
                "This explorer needs a fit whose slope depends on a two-valued level-2 predictor, "
                "such as 'y ~ x * sector + (1 + x | school)'."
            )
        e = estimates(fit, r)
        x = level1_values(fit, r)
        codes = fit.design.codes
        centered = x - (np.bincount(codes, x) / np.bincount(codes))[codes]
        kind = level2_values(fit, r.two)
        where, deviates = sh.make_deviates()
        self.world = sh.World(
            e["gamma00"], e["gamma01"], e["gamma10"], e["tau00"], e["corr"],
            float(np.mean(centered**2)), float(kind.mean()), where, deviates,
        )  # fmt: skip
        self.observed = self._gap_in_data(fit, kind)
        self.gamma11 = e["gamma11"]
        sigma = math.sqrt(e["sigma2"])
        size = round(fit.nobs / fit.ngroups)
        reach = max(2 * abs(e["gamma11"]), 0.5 * abs(e["gamma10"]), 1e-6)
        wide = positive("sigma", f"σ within {r.groups}", 2 * sigma)
        models = {sh.WITHOUT: f"without {r.two_symbol}", sh.WITH: f"with {r.two_symbol}"}
        controls: list[Control] = [
            Choice("model", "EB from a model", models),
            Slider("n", f"{r.students} per {r.group}", 4, 164, 1, decimals=0),
            positive("tau11", "τ₁₁ var. of slopes", 4 * max(e["tau11"], 0.02 * reach**2)),
            ranged("gamma11", "γ₁₁ gap in slopes", 0.0, reach),
            Slider("sigma", wide.label, wide.step, wide.high + wide.step, wide.step),
        ]
        start = {
            "model": sh.WITHOUT,
            "n": int(min(max(size, 4), 164)),
            "tau11": e["tau11"],
            "gamma11": e["gamma11"],
            "sigma": sigma,
        }
        actions = {
            "reset": "Back to the fit's estimates",
            "large": f"150 {r.students} per {r.group}",
        }
        data = self._data(sh.compute(start, self.world), reach)
        super().__init__(controls, actions, start, state, data)

    def _gap_in_data(self, fit: MLMFit, kind: np.ndarray) -> float | None:
        """The gap in mean EB slope residual of a model without the moderator, in the data."""
        s, x = fit.structure, self.roles.level1
        if x not in s.random:
            return None
        base = fit.refit(formula=f"{s.outcome} ~ 1 + {x} + (1 + {x} | {s.group})")
        u1 = base.random_effects["u1"].to_numpy()
        return float(u1[kind == 1].mean() - u1[kind == 0].mean())

    def compute(self, state: Mapping[str, Any]) -> sh.Tables:
        """See :func:`mlm_helpers.explorers.shrinkage.compute`."""
        return sh.compute(state, self.world)

    def _data(self, first: sh.Tables, reach: float) -> dict[str, Any]:
        r, v = self.roles, self.world
        far = float(np.abs(first.schools["ols"] - v.gamma10).max()) * 1.15
        gap = 1.35 * min(reach, 2.4 * max(abs(self.gamma11), reach / 6))
        return {
            "world": {
                "gamma00": v.gamma00, "gamma01": v.gamma01, "gamma10": v.gamma10,
                "tau00": v.tau00, "corr": v.corr, "xSquare": v.x_square, "share": v.share,
                "kind": v.kind, "deviates": v.deviates,
            },
            "along": sh.ALONG,
            "axes": {"slopes": (v.gamma10 - far, v.gamma10 + far), "gaps": (-gap, gap)},
            "kinds": [r.low, r.high],
            "titles": [
                f"Slope of each {r.group}", f"Gap, {r.high} minus {r.low}", "Reliability of a slope"
            ],
            "nLabel": f"{r.students} per {r.group}",
            "units": r.units,
            "students": r.students,
            "group": r.group,
            "wSymbol": r.two_symbol,
            "gamma11": self.gamma11,
            "observed": self.observed,
            "describe": (
                f"Three panels: each {r.group}'s slope by OLS on the left and by EB on the right, "
                f"joined by a line, {r.low} solid and {r.high} dashed; the gap between the two "
                "kinds in true slopes, OLS slopes, EB slopes and EB residuals; and the reliability "
                f"of an OLS slope along the number of {r.students} per {r.group}."
            ),
        }  # fmt: skip
