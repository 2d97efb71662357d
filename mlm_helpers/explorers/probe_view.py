"""The explorer in which a moderator slides and the simple slope follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.patches import Polygon

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import markup as h
from mlm_helpers.explorers import probe
from mlm_helpers.explorers.base import Action, Explorer, Words
from mlm_helpers.explorers.controls import Choice, Control, Slider, clean_step
from mlm_helpers.explorers.roles import (
    EX1_MODEL3,
    estimates,
    fit_ex1,
    level1_values,
    read_roles,
)
from mlm_helpers.explorers.stage import GREEN, GREY, PRIVATE, PUBLIC, tidy
from mlm_helpers.lesson.roles import level2_values
from mlm_helpers.words.vocabulary import Vocabulary


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
    size = (860, 360)

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
        self._regions: dict[tuple[str, int], Any] = {}
        low, high = float(self._m.min()), float(self._m.max())
        step = clean_step((high - low) / 50)
        first, last = np.ceil(low / step) * step, np.floor(high / step) * step
        controls: list[Control] = [
            Slider(
                "moderator", f"{r.group}'s {r.continuous_symbol}", float(first), float(last), step
            ),
            Slider("level", "confidence level", 50, 99, 1, decimals=0, suffix="%"),
        ]
        start: dict[str, Any] = {"moderator": self._middle(first, last, step), "level": 95}
        if r.two is not None:
            kinds = {"low": r.many_low, "high": r.many_high}
            controls.insert(0, Choice("kind", "for", kinds))
            start["kind"] = "low"
        super().__init__(controls, start, state)

    def _middle(self, low: float, high: float, step: float) -> float:
        if low <= 0 <= high:
            return 0.0
        return float(low + round((np.median(self._m) - low) / step) * step)

    # ---- compute and draw ----------------------------------------------------------------------
    def compute(self, state: Mapping[str, Any]) -> probe.Tables:
        """See :func:`mlm_helpers.explorers.probe.compute`."""
        kind, level = str(state.get("kind", "low")), int(state["level"])
        if (kind, level) not in self._regions:
            found = probe.region(self.fit, self.roles, kind == "high", level / 100)
            self._regions[kind, level] = found
        return probe.compute(state, self.fit, self.roles, self._x, self._regions[kind, level])

    def actions(self) -> tuple[Action, ...]:
        """Back to the start."""
        return (Action("reset", "Back to the start", self.reset),)

    def arrange(self) -> None:
        """Two panels: the line at the chosen moderator; the slope along the moderator."""
        self.stage.clear()
        r, move = self.roles, self.stage.moving
        grid = self.stage.figure.add_gridspec(
            1, 2, width_ratios=[1, 1.35], left=0.075, right=0.985, top=0.83, bottom=0.14, wspace=0.2
        )
        left, right = (self.stage.figure.add_subplot(grid[0, i]) for i in range(2))
        tidy(left, "Expected outcome", r.x_label, r.outcome)
        tidy(right, f"Slope of {r.x_label} and its interval", r.continuous_label)
        e = estimates(self.fit, r)
        g01, g02, g11, g12 = (e.get(n, 0.0) for n in ("gamma01", "gamma02", "gamma11", "gamma12"))
        corners = [
            e["gamma00"] + g01 * w + g02 * m + (e["gamma10"] + g11 * w + g12 * m) * x
            for w in (0.0, 1.0 if r.two else 0.0)
            for m in np.quantile(self._m, [0.03, 0.97])
            for x in (self._x[0], self._x[-1])
        ]
        pad = 0.06 * (max(corners) - min(corners))
        left.set_xlim(self._x[0], self._x[-1])
        left.set_ylim(min(corners) - pad, max(corners) + pad)
        right.set_xlim(self._m.min(), self._m.max())
        right.set_ylim(*self._slope_limits())
        right.axhline(0, color="black", lw=1.3)
        floor = right.get_ylim()[0]
        right.plot(self._m, np.full(len(self._m), floor), "|", color=GREY, ms=9, alpha=0.35)
        self._bands = [
            move(
                right.add_patch(
                    Polygon(np.zeros((4, 2)), fc=GREEN, ec=GREEN, alpha=0.22, hatch="//", lw=0)
                )
            )
            for _ in range(2)
        ]
        self._along_band = move(
            right.add_patch(Polygon(np.zeros((4, 2)), fc=PUBLIC, alpha=0.25, lw=0, zorder=2))
        )
        self._along = move(right.plot([], [], color=PUBLIC, lw=2.2, zorder=3)[0])
        self._bounds = [
            move(right.plot([], [], color="black", lw=1.2, ls=(0, (3, 2)), zorder=4)[0])
            for _ in range(2)
        ]
        self._interval = move(right.plot([], [], color=PRIVATE, lw=4, zorder=6)[0])
        self._dot = move(
            right.plot([], [], "o", color=PRIVATE, ms=11, mec="white", mew=1.5, zorder=7)[0]
        )
        self._here = move(
            right.text(
                0,
                0,
                "",
                fontsize=11,
                zorder=8,
                va="center",
                bbox={"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1.5},
            )
        )
        self._line_band = move(
            left.add_patch(Polygon(np.zeros((4, 2)), fc=PRIVATE, alpha=0.22, lw=0))
        )
        self._line = move(left.plot([], [], color=PRIVATE, lw=3, zorder=4)[0])
        handles = [self._interval, self._along, self._bands[0]]
        names = [f"at the chosen {r.continuous_symbol}", "all along", "the slope differs from 0"]
        self.stage.figure.legend(
            handles,
            names,
            loc="upper left",
            ncols=3,
            bbox_to_anchor=(0.06, 1.0),
            frameon=False,
            fontsize=10,
            handlelength=2.4,
        )

    def _slope_limits(self) -> tuple[float, float]:
        kinds = ["low", "high"] if self.roles.two else ["low"]
        tables = [self.compute({**self._start, "kind": k, "level": 95}).along for k in kinds]
        low = min([0.0, *[float(t["lower"].min()) for t in tables]])
        high = max([0.0, *[float(t["upper"].max()) for t in tables]])
        return low - 0.12 * (high - low), high + 0.08 * (high - low)

    def draw(self, tables: probe.Tables) -> None:
        """Place line, band, slope, interval and region."""
        line, along, found = tables.line, tables.along, tables.region
        self._line.set_data(line["x"], line["predicted"])
        self._line_band.set_xy(_ribbon(line["x"], line["lower"], line["upper"]))
        self._along.set_data(along["moderator"], along["slope"])
        self._along_band.set_xy(_ribbon(along["moderator"], along["lower"], along["upper"]))
        low, high = self._along.axes.get_ylim()
        for k, patch in enumerate(self._bands):
            patch.set_visible(k < len(found.regions))
            if k < len(found.regions):
                a, b = found.regions[k]
                patch.set_xy([[a, low], [b, low], [b, high], [a, high]])
        for k, edge in enumerate(self._bounds):
            edge.set_visible(k < len(found.bounds))
            if k < len(found.bounds):
                edge.set_data([found.bounds[k]] * 2, [low, high])
        m, s = tables.state["moderator"], tables.slope
        self._dot.set_data([m], [s["estimate"]])
        self._interval.set_data([m, m], [s["lower"], s["upper"]])
        ends = self._along.axes.get_xlim()
        right_half = m > (ends[0] + ends[1]) / 2
        shift = 0.02 * (ends[1] - ends[0]) * (-1 if right_half else 1)
        self._here.set_position((m + shift, s["estimate"]))
        self._here.set_ha("right" if right_half else "left")
        self._here.set_text(h.number(s["estimate"]))

    def describe(self) -> str:
        """What the two panels show."""
        r = self.roles
        return (
            f"Two panels: the expected {r.outcome} along {r.x_label} for the chosen "
            f"{r.continuous_label}, with a band; and the slope of {r.x_label} along "
            f"{r.continuous_label} with its band, a dot and interval at the chosen value, and "
            "hatched shading where the slope differs from 0."
        )

    # ---- words ---------------------------------------------------------------------------------
    def words(self, tables: probe.Tables) -> Words:
        """The simple slope as a sum, the test, the region, and the sentence."""
        return Words(
            h.side_by_side(
                h.block("The slope at this value", self._equation(tables)),
                h.block("Simple slope", self._output(tables)),
            ),
            self._sentence(tables),
        )

    def _equation(self, tables: probe.Tables) -> str:
        r, e, state = self.roles, estimates(self.fit, self.roles), tables.state
        symbols = {c.column: c.symbol for c in self.fit.structure.coefficients}
        sign = {n: h.greek(symbols[c]) for n, c in r.columns.items()}
        left = h.symbol("β", "1<i>j</i>")
        general, filled = [sign["gamma10"]], [h.number(e["gamma10"])]
        if "gamma11" in r.columns:
            general.append(f"{sign['gamma11']}&thinsp;{r.two_symbol}")
            w = 1 if state.get("kind") == "high" else 0
            filled.append(f"({h.number(e['gamma11'])})&thinsp;×&thinsp;{w}")
        general.append(f"{sign['gamma12']}&thinsp;{r.continuous_symbol}")
        m = h.marked(h.number(state["moderator"]), self._moved == "moderator")
        filled.append(f"({h.number(e['gamma12'])})&thinsp;×&thinsp;({m})")
        total = h.marked(h.number(tables.slope["estimate"]), self._moved == "moderator")
        return h.equations([(left, " + ".join(general)), ("", " + ".join(filled)), ("", total)])

    def _output(self, tables: probe.Tables) -> str:
        s, level = tables.slope, tables.state["level"]
        table = h.columns(
            ["", "Estimate", "Std. Error", "df", "t value", "Pr(>|t|)", f"{level}% interval"],
            [
                [
                    self.roles.level1,
                    f"{s['estimate']:.3f}",
                    f"{s['std_error']:.3f}",
                    f"{s['df']:.1f}",
                    f"{s['t']:.2f}",
                    f"{s['p']:.3g}",
                    f"{s['lower']:.2f} to {s['upper']:.2f}",
                ]
            ],
        )
        r, found = self.roles, tables.region
        names = {r.continuous or "": r.continuous_label, r.level1: r.x_label}
        note = found.describe(names)
        return h.printed(table) + f'<p style="margin:.5em 0 0">{h.escape(note)}</p>'

    def _sentence(self, tables: probe.Tables) -> str:
        r, s, state = self.roles, tables.slope, tables.state
        who = ""
        if r.two:
            who = f" in {r.many_high if state.get('kind') == 'high' else r.many_low}"
        differs = s["lower"] > 0 or s["upper"] < 0
        verdict = (
            "the interval leaves 0 out, so the slope differs from 0 here"
            if differs
            else "the interval holds 0, so these data do not tell this slope from 0"
        )
        return (
            f"At {r.continuous_label} {h.number(state['moderator'])}{who}, one more unit of "
            f"{r.x_label} goes with {h.number(s['estimate'])} {r.units} ({state['level']}% "
            f"interval {h.number(s['lower'])} to {h.number(s['upper'])}): {verdict}."
        )


def _ribbon(x: Any, low: Any, high: Any) -> np.ndarray:
    x, low, high = (np.asarray(v, dtype=float) for v in (x, low, high))
    return np.column_stack([np.r_[x, x[::-1]], np.r_[low, high[::-1]]])
