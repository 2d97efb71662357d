"""The explorer that pulls a cross-level interaction apart with sliders."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.names import r_order
from mlm_helpers.engine.rformat import r_format
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import cross_level as cl
from mlm_helpers.explorers import markup as h
from mlm_helpers.explorers.base import Action, Explorer, Words
from mlm_helpers.explorers.controls import Choice, Control, Slider, positive, ranged
from mlm_helpers.explorers.roles import (
    EX1_MODEL2,
    EX1_MODEL3,
    Roles,
    estimates,
    fit_ex1,
    level1_values,
    read_roles,
)
from mlm_helpers.explorers.stage import DASHES, PRIVATE, PUBLIC, bundle, tidy
from mlm_helpers.lesson.roles import level2_values
from mlm_helpers.words.vocabulary import Vocabulary

_STYLE = {0.0: (PUBLIC, "-", "o"), 1.0: (PRIVATE, DASHES, "^")}


def explore_cross_level(
    fit: MLMFit | None = None,
    full: MLMFit | None = None,
    *,
    state: Mapping[str, Any] | None = None,
    vocabulary: Vocabulary | str | None = None,
) -> CrossLevelExplorer:
    """Drag the parameters of a model with a cross-level interaction and see what each one does.

    Parameters
    ----------
    fit : a fit with a two-valued moderator, such as the lecture's Model 2. Without one, the
        lecture's Models 2 and 3 are fitted to ``ex1``.
    full : a fit that adds a continuous moderator (Model 3); it opens the second mode.
    state : where to start, such as ``{"gamma11": 0}``; see ``explorer.state`` for all names.
    vocabulary : the words to use.

    Returns
    -------
    An explorer that shows itself at the end of a cell. ``explorer.state`` is a plain dict that can
    be read, set, saved (``explorer.save``) and loaded (``explorer.load``).

    Raises
    ------
    MLMError
        If the fit has no moderated or varying slope, or too many moderators.
    """
    if fit is None and full is None:
        fit, full = fit_ex1(EX1_MODEL2, EX1_MODEL3)
    return CrossLevelExplorer(fit, full, state, vocabulary)


class CrossLevelExplorer(Explorer):
    """See :func:`explore_cross_level`."""

    title = "Pull a cross-level interaction apart"
    size = (860, 360)

    def __init__(
        self,
        fit: MLMFit | None,
        full: MLMFit | None,
        state: Mapping[str, Any] | None,
        vocabulary: Vocabulary | str | None,
    ) -> None:
        self.references: dict[str, cl.Reference] = {}
        self._estimates: dict[str, dict[str, float]] = {}
        self.roles = self._read(fit, full, vocabulary)
        largest = self.references.get(cl.BOTH) or self.references[cl.SECTOR]
        x = level1_values(largest.fit, self.roles)
        self._x = np.array([-2.0, 2.0]) * float(x.std())
        m = self.roles.continuous
        self._m_sd = float(level2_values(largest.fit, m).std()) if m else 0.0
        self.cloud = cl.make_cloud(self.roles.two is not None, self._m_sd)
        controls = self._make_controls()
        values = self._start_state()
        self._guess: dict[str, float] = {}
        start = {**{c.name: values[c.name] for c in controls}, "truth": None}
        if isinstance(state, Mapping) and state.get("mode") in self._estimates:
            # another model starts at its own estimates
            own = self._estimates[state["mode"]]
            state = {**{n: v for n, v in own.items() if n in start}, **state}
        super().__init__(controls, start, state)

    # ---- what the fits say ---------------------------------------------------------------------
    def _read(
        self, fit: MLMFit | None, full: MLMFit | None, vocabulary: Vocabulary | str | None
    ) -> Roles:
        found: dict[str, Roles] = {}
        for number, given in enumerate(f for f in (fit, full) if f is not None):
            roles = read_roles(given, vocabulary)
            mode = cl.BOTH if roles.continuous else cl.SECTOR
            if mode in found:
                raise MLMError(
                    "The second fit must add a continuous moderator to the first: pass, for "
                    "example, Model 2 and Model 3."
                )
            name = {EX1_MODEL2: "Model 2", EX1_MODEL3: "Model 3"}.get(
                given.formula,
                f"fit {number + 1}" if full is not None and fit is not None else "the fit",
            )
            found[mode] = roles
            self.references[mode] = cl.Reference(name, given, roles.columns, roles.level1)
            self._estimates[mode] = estimates(given, roles)
        return found.get(cl.BOTH) or found[cl.SECTOR]

    def _start_state(self) -> dict[str, Any]:
        mode = cl.SECTOR if cl.SECTOR in self.references else cl.BOTH
        other = self._estimates.get(cl.BOTH, {})
        values = {**{n: 0.0 for n in cl.LEVEL2}, **other, **self._estimates[mode]}
        return {**values, "mode": mode, "level2": 0.0}

    def _spread(self) -> float:
        e = next(iter(self._estimates.values()))
        return math.sqrt(e["tau00"] + e["sigma2"])

    def _make_controls(self) -> list[Control]:
        r = self.roles
        every = list(self._estimates.values())
        largest = {n: max(abs(e.get(n, 0.0)) for e in every) for n in (*cl.LEVEL2, *cl.T_NAMES)}
        sd_y, x = self._spread(), float(self._x[1])
        slope = max(largest["gamma10"], 3 * math.sqrt(largest["tau11"]), 0.2 * sd_y / x)
        base = every[0]["gamma00"]
        out: list[Control] = []
        if len(self.references) > 1:
            names = {cl.SECTOR: r.two_symbol, cl.BOTH: f"{r.two_symbol}, {r.continuous_label}"}
            out.append(Choice("mode", "moderators", names))
        else:
            (only,) = self.references
            out.append(Choice("mode", "moderators", {only: r.two_symbol or r.continuous_label}))
        reach01 = max(2 * largest["gamma01"], 0.6 * sd_y)
        reach11 = max(2 * largest["gamma11"], 0.5 * slope)
        two, cont = r.two is not None, r.continuous is not None
        low = r.low or "average"
        out.append(ranged("gamma00", f"γ₀₀ {low} mean", base, 0.6 * sd_y))
        if two:
            out.append(ranged("gamma01", "γ₀₁ gap in means", 0.0, reach01))
        if cont:
            reach = max(1.6 * largest["gamma02"], 0.6 * sd_y / max(self._m_sd, 1e-9))
            out.append(ranged("gamma02", self._name("gamma02") + " means by M", 0.0, reach))
        out.append(ranged("gamma10", f"γ₁₀ {low} slope", 0.0, 2.0 * slope))
        if two:
            out.append(ranged("gamma11", "γ₁₁ gap in slopes", 0.0, reach11))
        if cont:
            reach = max(2 * largest["gamma12"], 0.5 * slope / max(self._m_sd, 1e-9))
            out.append(ranged("gamma12", self._name("gamma12") + " slopes by M", 0.0, reach))
        out.append(
            positive("tau00", "τ₀₀ var. of means", 2.2 * max(largest["tau00"], 0.05 * sd_y**2))
        )
        out.append(
            positive("tau11", "τ₁₁ var. of slopes", 4 * max(largest["tau11"], 0.01 * slope**2))
        )
        out.append(Slider("corr", "correlation u₀, u₁", -1.0, 1.0, 0.0625))
        if cont:
            out.append(ranged("level2", f"{r.group}'s M", 0.0, 2 * self._m_sd, steps=32))
        return [self._named(c) for c in out]

    def _name(self, role: str) -> str:
        """The symbol that the fit's own numbering gives a role."""
        reference = self.references.get(cl.BOTH) or self.references[cl.SECTOR]
        symbols = {c.column: c.symbol for c in reference.fit.structure.coefficients}
        return h.plain_symbol(symbols.get(reference.columns.get(role, ""), role))

    def _named(self, control: Control) -> Control:
        if isinstance(control, Choice):
            return control
        label = control.label.replace(" M", f" {self.roles.continuous_symbol}")
        return Slider(
            control.name, label, control.low, control.high, control.step, control.decimals
        )

    # ---- state ---------------------------------------------------------------------------------
    def check(self, name: str, value: Any) -> Any:
        """``truth`` may be None or a dict of parameters; the rest is checked by its control."""
        if name != "truth":
            return super().check(name, value)
        if value is None:
            return None
        wanted = {n for n in (*cl.LEVEL2, *cl.T_NAMES) if n in self._controls}
        if not isinstance(value, Mapping) or set(value) != wanted:
            raise MLMError(f"'truth' must be None or a dict with {', '.join(sorted(wanted))}.")
        return {n: self._controls[n].check(v) for n, v in value.items()}

    def actions(self) -> Sequence[Action]:
        """Back to the fits' estimates, no interaction, hide and show the truth."""
        out = [
            Action(mode, f"Back to {ref.label}'s estimates", partial(self.back_to, mode))
            for mode, ref in self.references.items()
        ]
        zero = "gamma11" if self.roles.two else "gamma12"
        out.append(Action("zero", f"Set {self._name(zero)} to 0", lambda: self.set({zero: 0.0})))
        out.append(Action("hide", "Hide the truth", self.hide_or_show))
        return out

    def _chosen(self, control: Choice, value: str) -> None:
        """Other moderators are another model: go to its own estimates."""
        if not self._writing and value != self._state[control.name]:
            self.back_to(value)

    def update(self) -> None:
        """One move; the button says what it would do next."""
        hidden = self._state["truth"] is not None
        self._buttons["hide"].description = "Show the truth" if hidden else "Hide the truth"
        super().update()

    def back_to(self, mode: str) -> None:
        """Every parameter at the estimate of the fit of this mode."""
        values = {n: v for n, v in self._estimates[mode].items() if n in self._controls}
        self.set({**values, "mode": mode, "truth": None})

    def hide_or_show(self) -> None:
        """Hide the γ's that the schools follow (the sliders become a guess), or show them."""
        truth = self._state["truth"]
        if truth is None:
            names = [n for n in (*cl.LEVEL2, *cl.T_NAMES) if n in self._controls]
            kept = {n: self._state[n] for n in names}
            gaps = {n: 0.0 for n in names if n[-1] in "12" and n.startswith("gamma")}
            self.set({**gaps, "gamma10": 0.0, "truth": kept})
        else:
            self._guess = {n: self._state[n] for n in truth if n.startswith("gamma")}
            self.set({**truth, "truth": None})
            self._tell(self._verdict(truth))

    def _tell(self, sentence: str) -> None:
        from mlm_helpers.explorers.base import sentence_html

        self.sentence = sentence
        self._status.value = sentence_html(sentence)

    def _verdict(self, truth: Mapping[str, float]) -> str:
        shown = [n for n in self._guess if self._in_mode(n) and n != "gamma00"]
        parts = [
            f"{self._name(n)}: you said {h.number(self._guess[n])}, it is {h.number(truth[n])}"
            for n in shown
        ]
        return "The truth is back. " + "; ".join(parts) + "."

    def _in_mode(self, name: str) -> bool:
        return self._state["mode"] == cl.BOTH or not name.endswith("2")

    def is_shown(self, name: str) -> bool:
        """γ's of the continuous moderator show in their mode; the τ's not during a guess."""
        if name == "mode":
            return len(self.references) > 1
        if name in ("gamma02", "gamma12", "level2"):
            return self._state["mode"] == cl.BOTH
        return not (name in cl.T_NAMES and self._state.get("truth") is not None)

    def rearranges(self, name: str) -> bool:
        """The level-2 pictures have another horizontal axis in the other mode."""
        return name == "mode"

    # ---- picture -------------------------------------------------------------------------------
    def compute(self, state: Mapping[str, Any]) -> cl.Tables:
        """See :func:`mlm_helpers.explorers.cross_level.compute`."""
        return cl.compute(state, self.cloud, self.references)

    def arrange(self) -> None:
        """Three panels: the schools' lines, β_0j and β_1j against the moderator."""
        self.stage.clear()
        r = self.roles
        grid = self.stage.figure.add_gridspec(
            1,
            3,
            width_ratios=[1.45, 1, 1],
            left=0.07,
            right=0.985,
            top=0.80,
            bottom=0.14,
            wspace=0.33,
        )
        axes = [self.stage.figure.add_subplot(grid[0, i]) for i in range(3)]
        both = self._state["mode"] == cl.BOTH
        across = r.continuous_label if both else r.two_symbol
        lines = tidy(axes[0], f"Lines of {len(self.cloud.w)} {r.groups}", r.x_label, r.outcome)
        means = tidy(axes[1], "Mean $\\beta_{0j}$", across)
        slopes = tidy(axes[2], "Slope $\\beta_{1j}$", across)
        lines.set_xlim(*self._x)
        lines.set_ylim(*self._y_limits())
        means.set_ylim(*self._b0_limits())
        slopes.set_ylim(*self._b1_limits())
        kinds = [float(k) for k in np.unique(self.cloud.w)]
        names = {0.0: r.low or r.groups, 1.0: r.high}
        for ax in (means, slopes):
            if both:
                ax.set_xlim(-2.1 * self._m_sd, 2.1 * self._m_sd)
            else:
                ax.set_xlim(-0.5, len(kinds) - 0.5)
                ax.set_xticks(kinds, [names[k] for k in kinds])
        self._artists = {k: self._artists_of(k, axes, names[k]) for k in kinds}
        move = self.stage.moving
        self._links = [move(ax.plot([], [], color="black", lw=1.2, zorder=6)[0]) for ax in axes[1:]]
        self._notes = [
            move(
                ax.text(
                    0.98,
                    0.98,
                    "",
                    transform=ax.transAxes,
                    fontsize=11,
                    zorder=9,
                    va="top",
                    ha="right",
                    bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1.5},
                )
            )
            for ax in axes[1:]
        ]
        handles = [self._artists[k]["average"] for k in kinds]
        self.stage.figure.legend(
            handles,
            [names[k] + " average" for k in kinds],
            loc="upper left",
            ncols=2,
            bbox_to_anchor=(0.06, 1.0),
            frameon=False,
            fontsize=10,
            handlelength=3,
        )

    def _artists_of(self, kind: float, axes: Sequence[Any], name: str) -> dict[str, Any]:
        color, dashes, marker = _STYLE[kind]
        move = self.stage.moving
        lines, means, slopes = axes
        both = self._state["mode"] == cl.BOTH
        out = {
            "cloud": move(lines.plot([], [], color=color, lw=0.7, alpha=0.45, ls=dashes)[0]),
            "halo": move(lines.plot([], [], color="white", lw=6, zorder=5)[0]),
            "average": move(lines.plot([], [], color=color, lw=3.4, ls=dashes, zorder=6)[0]),
        }
        for key, ax in (("b0", means), ("b1", slopes)):
            points = {"color": color, "marker": marker, "ls": "none", "ms": 4.2, "alpha": 0.55}
            out[key] = move(ax.plot([], [], zorder=4, mew=0, **points)[0])
            wide = {"lw": 3.0, "ls": dashes} if both else {"lw": 9, "alpha": 0.35, "ls": "-"}
            out[key + "_line"] = move(ax.plot([], [], color=color, zorder=5, **wide)[0])
            at = {"marker": marker, "ms": 11, "mec": "white", "mew": 1.5, "ls": "none"}
            out[key + "_average"] = move(ax.plot([], [], color=color, zorder=7, **at)[0])
        return out

    def _y_limits(self) -> tuple[float, float]:
        e = self._estimates[self._state["mode"]]
        middle = e["gamma00"] + e.get("gamma01", 0.0) / 2
        reach = abs(e["gamma10"]) * self._x[1] + 2.2 * math.sqrt(e["tau00"])
        reach = max(reach + abs(e.get("gamma01", 0.0)) / 2, 0.6 * self._spread())
        return middle - 1.25 * reach, middle + 1.25 * reach

    def _b0_limits(self) -> tuple[float, float]:
        e = self._estimates[self._state["mode"]]
        reach = 3.2 * math.sqrt(e["tau00"]) + abs(e.get("gamma01", 0.0)) / 2
        reach += 1.2 * abs(e.get("gamma02", 0.0)) * self._m_sd
        middle = e["gamma00"] + e.get("gamma01", 0.0) / 2
        return middle - 1.3 * reach, middle + 1.3 * reach

    def _b1_limits(self) -> tuple[float, float]:
        e = self._estimates[self._state["mode"]]
        reach = 3 * math.sqrt(e["tau11"]) + abs(e.get("gamma11", 0.0))
        reach = max(reach + abs(e.get("gamma12", 0.0)) * 2 * self._m_sd, 1.2 * abs(e["gamma10"]))
        middle = e["gamma10"] + e.get("gamma11", 0.0) / 2
        return middle - 1.25 * reach, middle + 1.25 * reach

    def draw(self, tables: cl.Tables) -> None:
        """Place lines, points and averages."""
        schools, averages, state = tables.schools, tables.averages, tables.state
        both = state["mode"] == cl.BOTH
        w, m = schools["w"].to_numpy(), schools["m"].to_numpy()
        b = {"b0": schools["b0"].to_numpy(), "b1": schools["b1"].to_numpy()}
        for kind, artists in self._artists.items():
            mine = w == kind
            artists["cloud"].set_data(*bundle(self._x, b["b0"][mine], b["b1"][mine]))
            a, s = averages.loc[kind].to_numpy()
            for key in ("halo", "average"):
                artists[key].set_data(self._x, a + s * self._x)
            for p, key, value in ((0, "b0", a), (1, "b1", s)):
                across = m[mine] if both else kind + self.cloud.jitter[mine]
                artists[key].set_data(across, b[key][mine])
                at = float(state.get("level2", 0.0)) if both else kind
                artists[key + "_average"].set_data([at], [value])
                if both:
                    ends = np.array([-2.1, 2.1]) * self._m_sd
                    line = cl.level2_means(state, np.full(2, kind), ends)[p]
                    artists[key + "_line"].set_data(ends, line)
                else:
                    sd = math.sqrt(tables.t[p, p])
                    visible = state.get("truth") is None
                    artists[key + "_line"].set_data([at, at], [value - sd, value + sd])
                    artists[key + "_line"].set_visible(visible)
        self._draw_links(tables)

    def _draw_links(self, tables: cl.Tables) -> None:
        averages, state = tables.averages, tables.state
        both = state["mode"] == cl.BOTH
        for link, note, column, p in zip(
            self._links, self._notes, ("intercept", "slope"), (0, 1), strict=True
        ):
            values = averages[column].to_numpy()
            at = np.full(2, state.get("level2", 0.0)) if both else np.array([0.0, 1.0])
            link.set_visible(len(values) == 2)
            if len(values) == 2:
                link.set_data(at, values)
            names = [n for n in (f"gamma{p}1", f"gamma{p}2") if n in self._controls]
            shown = [n for n in names if self._in_mode(n)]
            note.set_text("\n".join(f"{self._name(n)} = {h.number(state[n])}" for n in shown))

    def describe(self) -> str:
        """What the three panels show."""
        r = self.roles
        by = r.continuous_label if self._state["mode"] == cl.BOTH else r.two_symbol
        kinds = f", {r.low} solid and {r.high} dashed" if r.two else ""
        return (
            f"Three panels: the lines of {len(self.cloud.w)} {r.groups} for {r.outcome} on "
            f"{r.x_label}{kinds}, with thick average lines; each {r.group}'s mean against {by}; "
            f"each {r.group}'s slope against {by}."
        )

    # ---- words ---------------------------------------------------------------------------------
    def words(self, tables: cl.Tables) -> Words:
        """Level-2 and combined equations, lmer's output, and the sentence."""
        hidden = tables.state.get("truth") is not None
        title = "Your guess as equations" if hidden else "Level 2 and the combined model"
        blocks = [h.block(title, self._equations(tables))]
        if not hidden:
            reference = self.references[tables.state["mode"]]
            r, fit = self.roles, reference.fit
            where = f"{fit.ngroups} {r.groups}, {fit.nobs} {r.students}"
            blocks.append(
                h.block(f"What lmer would print for them ({where})", self._output(tables))
            )
        return Words(h.side_by_side(*blocks), self._sentence(tables))

    def _equations(self, tables: cl.Tables) -> str:
        r, state = self.roles, tables.state
        two = f"{r.two_symbol}<sub><i>j</i></sub>"
        cont = f"{r.continuous_symbol}<sub><i>j</i></sub>"
        x = f"{r.x_symbol}<sub><i>ij</i></sub>"
        parts = {"0": "", "1": two, "2": cont}
        names = [n for n in cl.LEVEL2 if n in self._controls and self._in_mode(n)]

        def terms(p: str, times: str = "") -> list[tuple[float, str, bool]]:
            mine = [n for n in names if n[5] == p]
            return [
                (
                    state[n],
                    "&thinsp;×&thinsp;".join(v for v in (parts[n[6]], times) if v),
                    n == self._moved,
                )
                for n in mine
            ]

        u0, u1, rij = (
            h.symbol("u", "0<i>j</i>"),
            h.symbol("u", "1<i>j</i>"),
            h.symbol("r", "<i>ij</i>"),
        )
        rows = [
            (h.symbol("β", "0<i>j</i>"), h.linear(terms("0"), [u0])),
            (h.symbol("β", "1<i>j</i>"), h.linear(terms("1"), [u1])),
            (
                h.symbol("Y", "<i>ij</i>"),
                h.linear([*terms("0"), *terms("1", x)], [u0, f"{u1}&thinsp;{x}", rij]),
            ),
        ]
        here = self._moved == "level2"
        for kind, (a, b) in zip(tables.averages.index, tables.averages.to_numpy(), strict=True):
            name = {0.0: r.low or "average", 1.0: r.high}[kind]
            line = [(float(a), "", here), (float(b), r.x_symbol, here)]
            rows.append((f"<span>{h.escape(name)}</span>", h.linear(line)))
        return h.equations(rows)

    def _output(self, tables: cl.Tables) -> str:
        state = tables.state
        reference = self.references[state["mode"]]
        design = reference.fit.design
        labels = dict(
            zip(
                reference.rows,
                r_order(design.parts, design.columns, design.formula.variables),
                strict=True,
            )
        )
        tau = [state["tau00"], state["tau11"]]
        variances = r_format([*tau, reference.fit.sigma2], 4)
        sds = r_format([math.sqrt(v) for v in [*tau, reference.fit.sigma2]], 4)
        group = design.formula.group
        random = h.columns(
            ["Groups", "Name", "Variance", "Std.Dev.", "Corr"],
            [
                [group, "(Intercept)", variances[0], sds[0], ""],
                ["", self.roles.level1, variances[1], sds[1], f"{state['corr']:.2f}"],
                ["Residual", "", variances[2], sds[2], ""],
            ],
            left=2,
        )
        p = tables.parameters
        fixed = h.columns(
            ["", "Estimate", "Std. Error", "t value"],
            [
                [labels[n], f"{e:.4f}", f"{s:.4f}", f"{t:.3f}"]
                for n, e, s, t in zip(p.index, p["estimate"], p["std_error"], p["t"], strict=True)
            ],
        )
        return h.printed(f"{random}\n\n{fixed}")

    def _sentence(self, tables: cl.Tables) -> str:
        state, r = tables.state, self.roles
        if state.get("truth") is not None:
            return (
                f"The truth is hidden: the {r.groups}' lines follow it, the thick lines and the "
                "numbers are your guess. Move the γ's until each thick line runs through the "
                "middle of its own thin lines, then show the truth."
            )
        slopes = tables.averages["slope"].to_numpy()
        up = [h.number(s) for s in slopes]
        place = ""
        if state["mode"] == cl.BOTH:
            place = f" at {r.continuous_label} {h.number(state['level2'])}"
        if len(slopes) == 1:
            first = (
                f"In {r.groups}{place}, one more unit of {r.x_label} goes with {up[0]} {r.units}."
            )
        else:
            first = (
                f"One more unit of {r.x_label} goes with {up[0]} {r.units} in {r.many_low} and "
                f"{up[1]} in {r.many_high}{place}: {self._gap(slopes)}."
            )
        return " ".join([first, self._detail(tables)]).strip()

    def _gap(self, slopes: Any) -> str:
        name = self._name("gamma11")
        gap = self._state["gamma11"]
        if h.number(gap) == h.number(0.0):
            return f"{name} = 0 makes the two lines parallel, there is no cross-level interaction"
        steep = "steeper" if abs(slopes[1]) > abs(slopes[0]) else "flatter"
        return f"{name} = {h.number(gap)} makes the {self.roles.high} line {steep}"

    def _detail(self, tables: cl.Tables) -> str:
        state, r, moved = tables.state, self.roles, self._moved
        if moved in ("tau00", "tau11", "corr"):
            if moved == "corr":
                more = "steeper" if state["corr"] > 0 else "flatter"
                if state["corr"] == 0:
                    return f"{r.groups.capitalize()} with high and low means have the same slopes."
                return f"{r.groups.capitalize()} above their kind's mean tend to have {more} lines."
            p, what = (0, "mean") if moved == "tau00" else (1, "slope")
            sd = math.sqrt(state[moved])
            middle = float(tables.averages.to_numpy()[0, p])
            kind = r.many_low or r.groups
            return (
                f"95% of {kind} have a {what} between {h.number(middle - 1.96 * sd)} and "
                f"{h.number(middle + 1.96 * sd)}: {self._name(moved)} is what is left unexplained."
            )
        if moved == "gamma02":
            return (
                f"{r.groups.capitalize()} one unit apart in {r.continuous_label} differ in their "
                f"means by {self._name('gamma02')} = {h.number(state['gamma02'])}."
            )
        if moved == "gamma12" or (moved == "level2" and r.continuous):
            return (
                f"Each further unit of {r.continuous_label} changes every {r.group}'s slope by "
                f"{self._name('gamma12')} = {h.number(state['gamma12'])}."
            )
        intercepts = tables.averages["intercept"].to_numpy()
        if len(intercepts) == 2:
            return (
                f"At the {r.group}'s mean of {r.x_label} the two averages are "
                f"{h.number(intercepts[0])} and {h.number(intercepts[1])}."
            )
        return ""
