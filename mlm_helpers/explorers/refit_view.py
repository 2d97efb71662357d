"""The explorer that draws classes of schools and fits each one while the sliders move."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as w
import numpy as np
import pandas as pd

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.rformat import coefficient_cells, r_format
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import markup as h
from mlm_helpers.explorers import refit
from mlm_helpers.explorers.base import Action, Explorer, Words
from mlm_helpers.explorers.controls import Control, Slider, positive, ranged
from mlm_helpers.explorers.roles import (
    EX1_MODEL2,
    estimates,
    fit_ex1,
    level1_values,
    read_roles,
)
from mlm_helpers.explorers.stage import DASHES, GREY, PRIVATE, PUBLIC, bundle, tidy
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
    size = (860, 480)

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
        self._bar = w.IntProgress(
            value=0,
            min=0,
            max=_DRAWS,
            description="classes",
            layout=w.Layout(flex="1 1 180px", width="auto"),
            style={"description_width": "60px"},
        )
        self._count = w.Label(layout=w.Layout(width="auto"))
        super().__init__(self._make_controls(start), {**start, "seed": 1}, state)

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

    def actions(self) -> Sequence[Action]:
        """Another class, many classes, back to the start."""
        return (
            Action("new", "Draw another class", lambda: self.set(seed=self._state["seed"] + 1)),
            Action("many", f"Draw {_DRAWS} classes", self.start_draws),
            Action("zero", "Set γ₁₁ to 0", lambda: self.set(gamma11=0.0)),
            Action("reset", "Back to the start", self.reset),
        )

    def extra(self) -> Sequence[w.Widget]:
        """The progress bar."""
        return (w.HBox([self._bar, self._count], layout=w.Layout(width="100%")),)

    def update(self) -> None:
        """A move ends the run of many classes: they belong to other parameters."""
        self._cancel()
        self.draws = []
        self._progress()
        super().update()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _progress(self) -> None:
        self._bar.value = len(self.draws)
        self._count.value = f"{len(self.draws)} of {self._bar.max}" if self.draws else ""

    def run_draws(self, draws: int = _DRAWS) -> pd.DataFrame:
        """Draw and fit many classes, then show them. One row per class: what it says of γ11."""
        self._cancel()
        self._bar.max = draws
        self.draws = [self._one_draw(k) for k in range(draws)]
        self._show_draws()
        return pd.DataFrame(self.draws).rename_axis("draw")

    def start_draws(self) -> None:
        """The same in the background, a few classes at a time, so that the sliders stay free."""
        self._cancel()
        self.draws = []
        self._bar.max = _DRAWS
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
            self._show_draws()
            await asyncio.sleep(0.02)

    def _one_draw(self, number: int) -> dict[str, Any]:
        return refit.one_draw({**self._state, "x_sd": self.x_sd}, number)

    def _show_draws(self) -> None:
        self._progress()
        self._refresh()

    def compute(self, state: Mapping[str, Any]) -> refit.Tables:
        """See :func:`mlm_helpers.explorers.refit.compute`."""
        return refit.compute({**state, "x_sd": self.x_sd})

    # ---- picture ----------------------------------------------------------------------
    def arrange(self) -> None:
        """Schools' lines; estimates against truth; T and its estimate; one interval per class."""
        self.stage.clear()
        r, s, move = self.roles, self._start, self.stage.moving
        grid = self.stage.figure.add_gridspec(
            2,
            3,
            width_ratios=[1.15, 1.2, 1],
            height_ratios=[1.25, 1],
            left=0.065,
            right=0.985,
            top=0.87,
            bottom=0.095,
            wspace=0.3,
            hspace=0.5,
        )
        figure = self.stage.figure
        lines, gaps, ellipse = (figure.add_subplot(grid[0, i]) for i in range(3))
        strip = figure.add_subplot(grid[1, :])
        tidy(lines, f"This class of {r.groups}, EB lines", r.x_label)
        tidy(gaps, "Estimate minus truth, 95% interval")
        tidy(ellipse, "T: true dashed", "$u_{0j}$", "")
        ellipse.set_ylabel("$u_{1j}$", fontsize=9.5, labelpad=-4)
        tidy(strip, "$\\gamma_{11}$ in many classes: estimate and 95% interval", "class")
        self._x = np.array([-2.0, 2.0]) * self.x_sd
        reach = abs(s["gamma10"]) * self._x[1] + 2.2 * math.sqrt(s["tau00"])
        middle = s["gamma00"] + s["gamma01"] / 2
        reach = max(reach + abs(s["gamma01"]) / 2, 0.6 * self._sd)
        lines.set_xlim(*self._x)
        lines.set_ylim(middle - 1.2 * reach, middle + 1.2 * reach)
        self._lines = {}
        for kind, color, dashes in ((0.0, PUBLIC, "-"), (1.0, PRIVATE, DASHES)):
            cloud = move(lines.plot([], [], color=color, lw=0.7, ls=dashes, alpha=0.45)[0])
            truth = move(lines.plot([], [], color="black", lw=1.4, ls=(0, (1, 1.5)), zorder=7)[0])
            line = move(lines.plot([], [], color=color, lw=3.2, ls=dashes, zorder=6)[0])
            self._lines[kind] = (cloud, truth, line)
        handles = [self._lines[0.0][2], self._lines[1.0][2], self._lines[0.0][1]]
        figure.legend(
            handles,
            [f"{r.low}, estimated", f"{r.high}, estimated", "truth"],
            loc="upper left",
            ncols=3,
            bbox_to_anchor=(0.055, 1.005),
            frameon=False,
            fontsize=10,
            handlelength=3,
        )
        se = self.compute(s).fixed["std_error"]
        far = 4.5 * float(se.max())
        gaps.set_xlim(-far, far)
        gaps.set_ylim(3.6, -0.6)
        gaps.set_yticks(range(4), [f"$\\gamma_{{{n[5:]}}}$" for n in _ORDER], fontsize=12)
        gaps.axvline(0, color="black", lw=1.2)
        self._intervals = move(gaps.plot([], [], color=PUBLIC, lw=4, solid_capstyle="butt")[0])
        self._missed = move(gaps.plot([], [], color=PRIVATE, lw=4, ls=(0, (1.5, 0.8)))[0])
        self._points = move(gaps.plot([], [], "o", color="black", ms=6, zorder=5)[0])
        self._limit_ellipse(ellipse)
        self._true_t = move(ellipse.plot([], [], color=GREY, lw=1.8, ls=DASHES)[0])
        self._est_t = move(ellipse.plot([], [], color=PUBLIC, lw=2.4)[0])
        self._u = move(ellipse.plot([], [], ".", color=GREY, ms=3.5, alpha=0.6)[0])
        strip.set_xlim(0, _DRAWS + 1)
        spread = 4.2 * float(se["gamma11"])
        low, high = min(s["gamma11"], 0.0) - spread, max(s["gamma11"], 0.0) + spread
        strip.set_ylim(low, high)
        strip.axhline(0, color="black", lw=1)
        self._truth11 = move(strip.plot([], [], color="black", lw=1.6, ls=(0, (1, 1.5)))[0])
        self._hits = move(strip.plot([], [], color=PUBLIC, lw=1.4, alpha=0.75)[0])
        self._misses = move(strip.plot([], [], color=PRIVATE, lw=1.8)[0])
        self._miss_marks = move(strip.plot([], [], "X", color=PRIVATE, ms=6.5, zorder=6)[0])
        self._hint = move(
            strip.text(
                0.5,
                0.8,
                f"“Draw {_DRAWS} classes” fills this panel",
                ha="center",
                transform=strip.transAxes,
                fontsize=11,
                color=GREY,
            )
        )
        self._tally = move(
            strip.text(
                0.995, 1.03, "", transform=strip.transAxes, ha="right", va="bottom", fontsize=10.5
            )
        )

    def _limit_ellipse(self, ax: Any) -> None:
        s = self._start
        for value, limits in ((s["tau00"], ax.set_xlim), (s["tau11"], ax.set_ylim)):
            far = 2.45 * math.sqrt(2.2 * max(value, 1e-6))
            limits(-far, far)

    def draw(self, tables: refit.Tables) -> None:
        """Place the class; the many classes are placed as they come."""
        schools, state = tables.schools, tables.state
        w, b0, b1, u0, u1 = (schools[c].to_numpy() for c in ("w", "b0", "b1", "u0", "u1"))
        columns = ["estimate", "truth", "lower", "upper"]
        table = tables.fixed[columns].to_numpy()[[refit.ROLES.index(n) for n in _ORDER]]
        estimate, truth = table[:, 0], table[:, 1]
        for kind, (cloud, true_line, line) in self._lines.items():
            mine = w == kind
            cloud.set_data(*bundle(self._x, b0[mine], b1[mine]))
            for artist, g in ((true_line, truth), (line, estimate)):
                artist.set_data(self._x, g[0] + kind * g[1] + (g[2] + kind * g[3]) * self._x)
        off, low, high = (table[:, k] - truth for k in (0, 2, 3))
        holds = (low <= 0) & (high >= 0)
        rows = np.arange(4.0)
        self._intervals.set_data(*_bars(rows[holds], low[holds], high[holds], flat=True))
        self._missed.set_data(*_bars(rows[~holds], low[~holds], high[~holds], flat=True))
        self._points.set_data(off, rows)
        self._true_t.set_data(*_ellipse(tables.t))
        self._est_t.set_data(*_ellipse(tables.t_hat))
        self._u.set_data(u0, u1)
        self._truth11.set_data([0, _DRAWS + 1], [state["gamma11"]] * 2)
        self._draw_strip()

    def _draw_strip(self) -> None:
        some = bool(self.draws)
        for artist in (self._hits, self._misses, self._miss_marks):
            artist.set_visible(some)
        self._hint.set_visible(not some)
        self._tally.set_text(self._tally_text())
        if not some:
            return
        at = np.arange(1.0, len(self.draws) + 1)
        covers = np.array([d["covers"] for d in self.draws])
        low, high, estimate = (
            np.array([d[name] for d in self.draws]) for name in ("lower", "upper", "estimate")
        )
        self._hits.set_data(*_bars(at[covers], low[covers], high[covers]))
        self._misses.set_data(*_bars(at[~covers], low[~covers], high[~covers]))
        self._miss_marks.set_data(at[~covers], estimate[~covers])

    def _tally_text(self) -> str:
        if not self.draws:
            return ""
        t = refit.tally(pd.DataFrame(self.draws))
        power = "false alarms" if self._state["gamma11"] == 0 else "power"
        return (
            f"{t.draws} classes: {power} {h.percent(t.power)}, coverage {h.percent(t.coverage)}, "
            f"singular {h.percent(t.singular)}"
        )

    def describe(self) -> str:
        """What the four panels show."""
        r = self.roles
        return (
            f"Four panels: the {r.groups}' lines of one class with the estimated average lines, "
            f"{r.low} solid and {r.high} dashed, and the true ones dotted; for each γ the estimate "
            "minus the truth with its 95% interval; the true T dashed and the estimated T solid as "
            "ellipses; and for many classes the estimate of γ₁₁ with its interval, those that miss "
            "the truth crossed."
        )

    # ---- words ----------------------------------------------------------------------
    def words(self, tables: refit.Tables) -> Words:
        """The true equations, the output of this class, and the sentence."""
        truth = h.block("The truth the class is drawn from", self._equations(tables))
        output = h.block("What lmer prints for this class", self._output(tables))
        return Words(h.side_by_side(truth, output), self._sentence(tables))

    def _equations(self, tables: refit.Tables) -> str:
        s, r = tables.state, self.roles
        two = f"{r.two_symbol}<sub><i>j</i></sub>"

        def row(p: int) -> tuple[str, str]:
            terms = [
                (s[f"gamma{p}{q}"], v, self._moved == f"gamma{p}{q}")
                for q, v in ((0, ""), (1, two))
            ]
            return h.symbol("β", f"{p}<i>j</i>"), h.linear(terms, [h.symbol("u", f"{p}<i>j</i>")])

        cov = tables.t[0, 1]
        spread = (
            f"{h.greek('tau00')} = {h.marked(h.number(s['tau00']), self._moved == 'tau00')}, "
            f"{h.greek('tau11')} = {h.marked(h.number(s['tau11']), self._moved == 'tau11')}, "
            f"{h.greek('tau01')} = {h.marked(h.number(cov), self._moved == 'corr')}, "
            f"<i>σ</i> = {h.marked(h.number(s['sigma']), self._moved == 'sigma')}"
        )
        return h.equations([row(0), row(1)]) + (
            f"<div style=\"font:17px Cambria,'Times New Roman',serif\">{spread}</div>"
        )

    def _output(self, tables: refit.Tables) -> str:
        fit, state = tables.fit, tables.state
        sd = np.sqrt(np.diag(tables.t_hat))
        variances = r_format([*(sd**2), fit.sigma2], 4)
        sds = r_format([*sd, fit.sigma], 4)
        truth = [h.number(v) for v in (state["tau00"], state["tau11"], state["sigma"] ** 2)]
        both = sd[0] * sd[1]
        corr = f"{tables.t_hat[0, 1] / both:.2f}" if both > 0 else "NaN"
        names = ["school (Intercept)", "school x", "Residual"]
        random = h.columns(
            ["Random effects", "Variance", "Std.Dev.", "Corr", "Truth"],
            [
                [n, v, s, corr if k == 1 else "", t]
                for k, (n, v, s, t) in enumerate(zip(names, variances, sds, truth, strict=True))
            ],
        )
        f = tables.fixed
        cells = coefficient_cells(
            [tuple(row) for row in f[["estimate", "std_error", "df", "t", "p"]].to_numpy().tolist()]
        )
        labels = ["(Intercept)", "x", self.roles.two_symbol, f"x:{self.roles.two_symbol}"]
        fixed = h.columns(
            ["Fixed effects", "Estimate", "Std. Error", "df", "t value", "Pr(>|t|)", "Truth"],
            [[n, *c, h.number(t)] for n, c, t in zip(labels, cells, f["truth"], strict=True)],
        )
        return h.printed(f"{random}\n\n{fixed}")

    def _sentence(self, tables: refit.Tables) -> str:
        row, r, state = refit.gamma11(tables.fixed), self.roles, tables.state
        holds = row["lower"] <= row["truth"] <= row["upper"]
        parts = [
            f"{state['J']} {r.groups} of {state['n']} {r.students}: γ₁₁ is estimated as "
            f"{h.number(row['estimate'])} (95% interval {h.number(row['lower'])} to "
            f"{h.number(row['upper'])}, {h.p_text(row['p'])}); the interval "
            f"{'holds' if holds else 'misses'} the true {h.number(row['truth'])}."
        ]
        parts += self._about_moved(tables)
        if tables.fit.singular:
            parts.append(self._singular(tables))
        if self.draws:
            t = refit.tally(pd.DataFrame(self.draws))
            found = "are false alarms" if state["gamma11"] == 0 else "find the interaction (power)"
            parts.append(
                f"Of {t.draws} such classes {h.percent(t.power)} {found}, "
                f"{h.percent(t.coverage)} of the intervals hold the truth."
            )
        return " ".join(parts)

    def _about_moved(self, tables: refit.Tables) -> list[str]:
        """Estimate and truth of the parameter that has just moved."""
        name, t = self._moved or "", tables.t_hat
        spread = math.sqrt(t[0, 0] * t[1, 1])
        found = {
            **dict(zip(refit.ROLES, tables.fit.gamma.tolist(), strict=True)),
            "tau00": t[0, 0],
            "tau11": t[1, 1],
            "corr": t[0, 1] / spread if spread > 0 else math.nan,
            "sigma": tables.fit.sigma,
        }
        if name == "gamma11" or name not in found:
            return []
        label = {"corr": "The correlation", "sigma": "σ"}.get(name, h.plain_symbol(name))
        truth = h.number(tables.state[name])
        return [f"{label} is estimated as {h.number(found[name])}, the truth is {truth}."]

    def _singular(self, tables: refit.Tables) -> str:
        sd = np.sqrt(np.diag(tables.t_hat))
        small = sd < 1e-4 * tables.fit.sigma
        if small.any():
            name = "τ₁₁" if small[1] else "τ₀₀"
            what = f"{name} is estimated as 0"
        else:
            what = "the correlation of u₀ and u₁ is estimated as ±1, the ellipse is a line"
        return f"The fit is singular: {what}, though the truth is not."


_ORDER = ("gamma00", "gamma01", "gamma10", "gamma11")


def _bars(at: np.ndarray, low: np.ndarray, high: np.ndarray, flat: bool = False) -> tuple[Any, Any]:
    """Separate bars from low to high as one line with gaps."""
    along = np.column_stack([low, high, np.full(len(at), np.nan)]).ravel()
    across = np.repeat(at, 3)
    return (along, across) if flat else (across, along)


def _ellipse(t: np.ndarray) -> tuple[Any, Any]:
    """Where 95% of (u0, u1) lie."""
    values, vectors = np.linalg.eigh(t)
    angle = np.linspace(0, 2 * np.pi, 61)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    points = 2.448 * (vectors * np.sqrt(np.clip(values, 0, None))) @ circle
    return points[0], points[1]
