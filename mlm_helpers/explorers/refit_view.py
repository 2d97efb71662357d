"""The explorer that draws classes of schools and fits each one while the sliders move."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.rformat import coefficient_cells, r_format
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import refit
from mlm_helpers.explorers.base import Explorer, plain
from mlm_helpers.explorers.controls import Control, Slider, positive, ranged
from mlm_helpers.explorers.roles import (
    EX1_MODEL2,
    estimates,
    fit_ex1,
    level1_values,
    read_roles,
)
from mlm_helpers.lesson.roles import level2_values
from mlm_helpers.words.vocabulary import Vocabulary

_DRAWS = 200
_SLICE = 0.06  # seconds of draws between two looks at what the page asks for


def explore_refit(
    fit: MLMFit | None = None,
    *,
    state: Mapping[str, Any] | None = None,
    vocabulary: Vocabulary | str | None = None,
) -> RefitExplorer:
    """Draw a class of schools from known parameters and fit it at every move.

    Parameters
    ----------
    fit : a fit with a two-valued moderator, whose estimates become the truth to start from.
        Without one, the lecture's Model 2 is fitted to ``ex1``.
    state : where to start; ``J`` schools of ``n`` students, ``share`` percent of them of the
        second kind, the γ's, τ's, ``corr``, ``sigma`` and the ``seed`` of the class.
    vocabulary : the words to use.

    Returns
    -------
    An explorer; ``explorer.run_draws(200)`` draws 200 classes from a cell and returns their table.

    Raises
    ------
    MLMError
        If the fit has no two-valued moderator of a slope.
    """
    return RefitExplorer(fit if fit is not None else fit_ex1(EX1_MODEL2)[0], state, vocabulary)


class RefitExplorer(Explorer):
    """See :func:`explore_refit`."""

    title = "Draw a class of schools and fit it"
    kind = "refit"
    moves_alone = False

    def __init__(
        self,
        fit: MLMFit,
        state: Mapping[str, Any] | None,
        vocabulary: Vocabulary | str | None,
    ) -> None:
        self.roles = r = read_roles(fit, vocabulary)
        if r.two is None or "gamma11" not in r.columns:
            raise MLMError(
                "The live refit needs a fit whose slope depends on a two-valued level-2 predictor, "
                "such as 'y ~ x * sector + (1 + x | school)'."
            )
        e = estimates(fit, r)
        share = float(np.mean(level2_values(fit, r.two)))
        self.x_sd = float(level1_values(fit, r).std())
        self._sd = math.sqrt(e["tau00"] + e["sigma2"])
        start = {
            "J": 100,
            "n": 20,
            "share": int(min(max(round(100 * share), 10), 50)),
            **{name: e[name] for name in ("gamma00", "gamma01", "gamma10", "gamma11")},
            "tau00": e["tau00"],
            "tau11": e["tau11"],
            "corr": e["corr"],
            "sigma": math.sqrt(e["sigma2"]),
        }
        self.draws: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None
        actions = {
            "new": "Draw another class",
            "many": f"Draw {_DRAWS} classes",
            "zero": "Set γ₁₁ to 0",
            "reset": "Back to the start",
        }
        full = {**start, "seed": 1}
        super().__init__(self._make_controls(start), actions, full, state, self._data(full))

    def _make_controls(self, e: Mapping[str, float]) -> list[Control]:
        r, sd = self.roles, self._sd
        slope = max(abs(e["gamma10"]), 3 * math.sqrt(e["tau11"]), 0.2 * sd / (2 * self.x_sd))
        return [
            Slider("J", f"J {r.groups}", 20, 220, 5, decimals=0),
            Slider("n", f"n {r.students} in each", 4, 44, 1, decimals=0),
            Slider("share", f"% {r.high}", 10, 60, 1, decimals=0, suffix="%"),
            ranged("gamma00", f"γ₀₀ {r.low} mean", e["gamma00"], 0.6 * sd),
            ranged("gamma01", "γ₀₁ gap in means", 0.0, max(2 * abs(e["gamma01"]), 0.6 * sd)),
            ranged("gamma10", f"γ₁₀ {r.low} slope", 0.0, 2 * slope),
            ranged("gamma11", "γ₁₁ gap in slopes", 0.0, max(2 * abs(e["gamma11"]), 0.5 * slope)),
            positive("tau00", "τ₀₀ var. of means", 2.2 * max(e["tau00"], 0.05 * sd**2)),
            positive("tau11", "τ₁₁ var. of slopes", 4 * max(e["tau11"], 0.01 * slope**2)),
            Slider("corr", "correlation u₀, u₁", -1.0, 1.0, 0.0625),
            self._sigma_slider(e["sigma"]),
        ]

    def _sigma_slider(self, sigma: float) -> Slider:
        wide = positive("sigma", "σ within schools", 2 * sigma)
        label = f"σ within {self.roles.groups}"
        # a class without any residual has nothing to estimate
        return Slider("sigma", label, wide.step, wide.high + wide.step, wide.step)

    # ---- state and actions -----------------------------------------------------------------------
    def check(self, name: str, value: Any) -> Any:
        """``seed`` is any whole number from 0; the rest is checked by its slider."""
        if name != "seed":
            return super().check(name, value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise MLMError(f"'seed' must be a whole number from 0; got {value!r}.")
        return value

    def moved(self) -> None:
        """A move ends the run of many classes: they belong to other parameters."""
        self._cancel()
        self.draws = []
        self._send()

    def pressed(self, name: str) -> None:
        """The page asks for many classes."""
        if name == "many":
            self.start_draws()

    def _send(self) -> None:
        self._shown = None
        if self._live is not None:
            self._live.tables = plain(self.page_tables())

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def run_draws(self, draws: int = _DRAWS) -> pd.DataFrame:
        """Draw and fit many classes, then show them. One row per class: what it says of γ11."""
        self._cancel()
        self.draws = [self._one_draw(k) for k in range(draws)]
        self._send()
        return pd.DataFrame(self.draws).rename_axis("draw")

    def start_draws(self) -> None:
        """The same in the background, a few classes at a time, so that the sliders stay free."""
        self._cancel()
        self.draws = []
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no notebook around: nothing to keep free
            self.run_draws(_DRAWS)
            return
        self._task = loop.create_task(self._draw_in_slices())

    async def _draw_in_slices(self) -> None:
        while len(self.draws) < _DRAWS:
            until = time.perf_counter() + _SLICE
            while len(self.draws) < _DRAWS and time.perf_counter() < until:
                self.draws.append(self._one_draw(len(self.draws)))
            self._send()
            await asyncio.sleep(0.02)

    def _one_draw(self, number: int) -> dict[str, Any]:
        return refit.one_draw({**self._state, "x_sd": self.x_sd}, number)

    def compute(self, state: Mapping[str, Any]) -> refit.Tables:
        """See :func:`mlm_helpers.explorers.refit.compute`."""
        return refit.compute({**state, "x_sd": self.x_sd})

    # ---- what the page is told -------------------------------------------------------------------
    def _data(self, start: Mapping[str, Any]) -> dict[str, Any]:
        r, x = self.roles, 2.0 * self.x_sd
        se = self.compute(start).fixed["std_error"]
        middle = start["gamma00"] + start["gamma01"] / 2
        lines = abs(start["gamma10"]) * x + 2.2 * math.sqrt(start["tau00"])
        lines = 1.2 * max(lines + abs(start["gamma01"]) / 2, 0.6 * self._sd)
        u0, u1 = (2.45 * math.sqrt(2.2 * max(start[n], 1e-6)) for n in ("tau00", "tau11"))
        strip, far = 4.2 * float(se["gamma11"]), 4.5 * float(se.max())
        return {
            "x": (-x, x),
            "axes": {
                "lines": (middle - lines, middle + lines),
                "gaps": (-far, far),
                "u0": (-u0, u0),
                "u1": (-u1, u1),
                "strip": (min(start["gamma11"], 0.0) - strip, max(start["gamma11"], 0.0) + strip),
            },
            "kinds": [r.low, r.high],
            "titles": [f"This class of {r.groups}, EB lines"],
            "xLabel": r.x_label,
            "wSymbol": r.two_symbol,
            "groups": r.groups,
            "students": r.students,
            "describe": (
                f"Four panels: the {r.groups}' lines of one class with the estimated average "
                f"lines, {r.low} solid and {r.high} dashed, and the true ones dotted; for each γ "
                "the estimate minus the truth with its 95% interval; the true T dashed and the "
                "estimated T solid as ellipses; and for many classes the estimate of γ₁₁ with its "
                "interval, those that miss the truth marked with triangles."
            ),
        }

    def page_tables(self) -> dict[str, Any]:
        """The class that is drawn, and the many."""
        t = self.tables
        spread = math.sqrt(t.t_hat[0, 0] * t.t_hat[1, 1])
        found = {
            **{n: float(t.fixed.loc[n, "estimate"]) for n in refit.ROLES if n != "gamma11"},
            "tau00": t.t_hat[0, 0],
            "tau11": t.t_hat[1, 1],
            "corr": t.t_hat[0, 1] / spread if spread > 0 else math.nan,
            "sigma": t.fit.sigma,
        }
        columns = ("estimate", "lower", "upper", "p", "singular")
        return {
            "fixed": t.fixed.to_dict("index"),
            "t": t.t,
            "tHat": t.t_hat,
            "schools": t.schools.to_numpy(),
            "found": found,
            "output": self._output(t),
            "singular": self._singular(t) if t.fit.singular else "",
            "draws": [[d[c] for c in columns] for d in self.draws],
        }

    def _output(self, tables: refit.Tables) -> str:
        """What lmer prints for the class, with the truth beside it."""
        fit, state = tables.fit, tables.state
        sd = np.sqrt(np.diag(tables.t_hat))
        both = sd[0] * sd[1]
        random = pd.DataFrame(
            {
                "Variance": r_format([*(sd**2), fit.sigma2], 4),
                "Std.Dev.": r_format([*sd, fit.sigma], 4),
                "Corr": ["", f"{tables.t_hat[0, 1] / both:.2f}" if both > 0 else "NaN", ""],
                "Truth": [f"{state[n]:.2f}" for n in ("tau00", "tau11")]
                + [f"{state['sigma'] ** 2:.2f}"],
            },
            index=[f"{self.roles.group} (Intercept)", f"{self.roles.group} x", "Residual"],
        )
        rows = tables.fixed[["estimate", "std_error", "df", "t", "p"]].to_numpy().tolist()
        w = self.roles.two_symbol
        fixed = pd.DataFrame(
            [
                [*cells, f"{truth:.2f}"]
                for cells, truth in zip(
                    coefficient_cells([tuple(r) for r in rows]), tables.fixed["truth"], strict=True
                )
            ],
            columns=["Estimate", "Std. Error", "df", "t value", "Pr(>|t|)", "Truth"],
            index=["(Intercept)", "x", w, f"x:{w}"],
        )
        return f"{random.to_string()}\n\n{fixed.to_string()}"

    def _singular(self, tables: refit.Tables) -> str:
        small = np.sqrt(np.diag(tables.t_hat)) < 1e-4 * tables.fit.sigma
        if small.any():
            what = f"{'τ₁₁' if small[1] else 'τ₀₀'} is estimated as 0"
        else:
            what = "the correlation of u₀ and u₁ is estimated as ±1, the ellipse is a line"
        return f"The fit is singular: {what}, though the truth is not."
