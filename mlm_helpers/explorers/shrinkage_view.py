"""The explorer that shows EB slopes being pulled in, and the gap by sector with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import markup as h
from mlm_helpers.explorers import shrinkage as sh
from mlm_helpers.explorers.base import Action, Explorer, Words
from mlm_helpers.explorers.controls import Choice, Control, Slider, positive, ranged
from mlm_helpers.explorers.roles import (
    EX1_MODEL2,
    estimates,
    fit_ex1,
    level1_values,
    read_roles,
)
from mlm_helpers.explorers.stage import DASHES, GREEN, GREY, PRIVATE, PUBLIC, bundle, tidy
from mlm_helpers.lesson.roles import level2_values
from mlm_helpers.words.vocabulary import Vocabulary

_X = np.array([0.0, 1.0])


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
    size = (860, 350)

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
        super().__init__(controls, start, state)

    def _gap_in_data(self, fit: MLMFit, kind: np.ndarray) -> float | None:
        """The gap in mean EB slope residual of a model without the moderator, in the data."""
        s, x = fit.structure, self.roles.level1
        if x not in s.random:
            return None
        base = fit.refit(formula=f"{s.outcome} ~ 1 + {x} + (1 + {x} | {s.group})")
        u1 = base.random_effects["u1"].to_numpy()
        return float(u1[kind == 1].mean() - u1[kind == 0].mean())

    # ---- compute and draw ----------------------------------------------------------------------
    def compute(self, state: Mapping[str, Any]) -> sh.Tables:
        """See :func:`mlm_helpers.explorers.shrinkage.compute`."""
        return sh.compute(state, self.world)

    def actions(self) -> tuple[Action, ...]:
        """Back to the data; large schools."""
        return (
            Action("reset", "Back to the fit's estimates", self.reset),
            Action(
                "large",
                f"150 {self.roles.students} per {self.roles.group}",
                lambda: self.set(n=150),
            ),
        )

    def arrange(self) -> None:
        """Each school's slope by OLS and by EB; the gaps; the reliability along n."""
        self.stage.clear()
        r, move, figure = self.roles, self.stage.moving, self.stage.figure
        grid = figure.add_gridspec(
            1,
            3,
            width_ratios=[1.15, 1.1, 1],
            left=0.07,
            right=0.985,
            top=0.80,
            bottom=0.14,
            wspace=0.42,
        )
        slopes, gaps, curve = (figure.add_subplot(grid[0, i]) for i in range(3))
        tidy(slopes, f"Slope of each {r.group}")
        tidy(gaps, f"Gap, {r.high} minus {r.low}")
        tidy(curve, "Reliability of a slope", f"{r.students} per {r.group}")
        first = self.compute(self._start).schools
        spread = float(np.abs(first["ols"] - self.world.gamma10).max()) * 1.15
        slopes.set_xlim(-0.12, 1.12)
        slopes.set_ylim(self.world.gamma10 - spread, self.world.gamma10 + spread)
        slopes.set_xticks([0, 1], ["OLS slope", "EB slope"], fontsize=10)
        self._cloud, self._average = {}, {}
        for kind, color, dashes, marker in ((0.0, PUBLIC, "-", "o"), (1.0, PRIVATE, DASHES, "^")):
            self._cloud[kind] = move(
                slopes.plot(
                    [], [], color=color, lw=0.8, ls=dashes, alpha=0.5, marker=marker, ms=3.5
                )[0]
            )
            self._average[kind] = move(
                slopes.plot(
                    [],
                    [],
                    color=color,
                    lw=3.4,
                    ls=dashes,
                    marker=marker,
                    ms=10,
                    mec="white",
                    zorder=6,
                )[0]
            )
        figure.legend(
            list(self._average.values()),
            [f"{r.low} average", f"{r.high} average"],
            loc="upper left",
            ncols=2,
            bbox_to_anchor=(0.06, 1.0),
            frameon=False,
            fontsize=10,
            handlelength=3.4,
        )
        reach = 1.35 * max(abs(self._controls["gamma11"].low), 1e-9)  # type: ignore[union-attr]
        reach = min(reach, 2.4 * max(abs(self.gamma11), reach / 6))
        gaps.set_xlim(-reach, reach)
        gaps.set_ylim(3.5, -0.6)
        gaps.set_yticks(
            range(4), ["true\nslopes", "OLS\nslopes", "EB\nslopes", "EB\nresiduals"], fontsize=9.5
        )
        gaps.axvline(0, color="black", lw=1.2)
        self._gap = move(gaps.plot([], [], color=GREEN, lw=12, solid_capstyle="butt", zorder=3)[0])
        self._gap_text = [move(gaps.text(0, k, "", va="center", fontsize=11)) for k in range(4)]
        curve.set_xlim(0, 200)
        curve.set_ylim(0, 1.02)
        self._curve = move(curve.plot([], [], color=GREY, lw=2.2)[0])
        self._dot = move(curve.plot([], [], "o", color=GREEN, ms=11, mec="white", zorder=5)[0])
        self._dot_text = move(curve.text(0, 0, "", fontsize=11, zorder=6))

    def draw(self, tables: sh.Tables) -> None:
        """Place slopes, gaps and reliability."""
        schools = tables.schools
        w, ols, eb = (schools[c].to_numpy() for c in ("w", "ols", "eb"))
        for kind in (0.0, 1.0):
            mine = w == kind
            self._cloud[kind].set_data(*bundle(_X, ols[mine], (eb - ols)[mine]))
            self._average[kind].set_data(_X, [ols[mine].mean(), eb[mine].mean()])
        values = tables.gaps.to_numpy()
        along = np.column_stack([np.zeros(4), values, np.full(4, np.nan)]).ravel()
        self._gap.set_data(along, np.repeat(np.arange(4.0), 3))
        edge = self._gap.axes.get_xlim()[1]
        for text, value, k in zip(self._gap_text, values, range(4), strict=True):
            inside = float(np.clip(value, -0.8 * edge, 0.8 * edge))
            text.set_text(h.number(value))
            text.set_position((inside + 0.05 * edge * (1 if value >= 0 else -1), k))
            text.set_ha("left" if value >= 0 else "right")
        share, n = sh.reliability(tables), tables.state["n"]
        self._curve.set_data(tables.reliability.index, tables.reliability.to_numpy())
        self._dot.set_data([n], [share])
        self._dot_text.set_text(h.number(share))
        self._dot_text.set_position((n + (8 if n < 120 else -8), max(share - 0.1, 0.02)))
        self._dot_text.set_ha("left" if n < 120 else "right")

    def describe(self) -> str:
        """What the three panels show."""
        r = self.roles
        return (
            f"Three panels: each {r.group}'s slope by OLS on the left and by EB on the right, "
            f"joined by a line, {r.low} solid and {r.high} dashed; the gap between the two kinds "
            "in true slopes, OLS slopes, EB slopes and EB residuals; and the reliability of an OLS "
            f"slope along the number of {r.students} per {r.group}."
        )

    # ---- words ---------------------------------------------------------------------------------
    def words(self, tables: sh.Tables) -> Words:
        """Reliability and gap as equations, the gaps as a table, and the sentence."""
        blocks = [
            h.block("How far a slope is trusted", self._equation(tables)),
            h.block("Gaps", self._output(tables)),
        ]
        return Words(h.side_by_side(*blocks), self._sentence(tables))

    def _equation(self, tables: sh.Tables) -> str:
        state = tables.state
        t11, v = float(tables.t[1, 1]), tables.noise
        tau = (
            f"{h.greek('tau11')}<sup>*</sup>" if state["model"] == sh.WITHOUT else h.greek("tau11")
        )
        lam = h.symbol("λ")
        part = "<i>σ</i><sup>2</sup>/<i>S</i>"
        eb, gap = tables.weights[1], (self.world.gamma01, state["gamma11"])
        rows = [
            (lam, f"{tau} / ({tau} + {part})"),
            (
                "",
                f"{h.number(t11)} / ({h.number(t11)} + {h.number(v)}) = "
                + h.marked(h.number(sh.reliability(tables)), self._moved is not None),
            ),
        ]
        if state["model"] == sh.WITHOUT:
            total = float(eb[0] * gap[0] + eb[1] * gap[1])
            rows.append(
                (
                    "EB gap",
                    f"{h.number(eb[1])}&thinsp;×&thinsp;({h.number(gap[1])}) + "
                    f"({h.number(eb[0])})&thinsp;×&thinsp;({h.number(gap[0])}) = "
                    + h.marked(h.number(total), self._moved is not None),
                )
            )
        else:
            rows.append(("EB gap", "0, the model has taken it out of the residuals"))
        return h.equations(rows)

    def _output(self, tables: sh.Tables) -> str:
        names = ["true slopes", "OLS slopes", "EB slopes", "EB residuals"]
        rows = [[n, h.number(v)] for n, v in zip(names, tables.gaps.to_numpy(), strict=True)]
        text = h.columns([f"{self.roles.high} minus {self.roles.low}", "gap"], rows)
        note = ""
        if tables.state["model"] == sh.WITHOUT:
            note = (
                '<p style="margin:.4em 0 0">The residuals borrow from the means as well: the '
                "second product is what the gap in means adds through the correlation.</p>"
            )
        if self.observed is not None:
            note += (
                f'<p style="margin:.4em 0 0">In the data themselves: γ₁₁ is estimated as '
                f"{h.number(self.gamma11)}, and the mean EB slope residuals of the model without "
                f"{h.escape(self.roles.two_symbol)} differ by {h.number(self.observed)}.</p>"
            )
        return h.printed(text) + note

    def _sentence(self, tables: sh.Tables) -> str:
        r, state, share = self.roles, tables.state, sh.reliability(tables)
        start = (
            f"With {state['n']} {r.students} per {r.group}, τ₁₁ = {h.number(state['tau11'])} and "
            f"σ = {h.number(state['sigma'])} the reliability of an OLS slope is "
            f"{h.number(share)}, so {h.percent(1 - share)} of its distance from what the model "
            "expects is taken back as noise."
        )
        if state["model"] == sh.WITH:
            return (
                f"{start} This model knows {r.two_symbol}: each EB slope is pulled to its own "
                f"kind's average, the gap of {h.number(state['gamma11'])} stays in the slopes and "
                "none is left in the residuals."
            )
        return (
            f"{start} This model does not know {r.two_symbol} and pulls every {r.group} to one "
            f"average: of the true gap of {h.number(state['gamma11'])} only "
            f"{h.number(float(tables.gaps['u1']))} shows in the EB residuals."
        )
