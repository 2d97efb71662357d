"""The explorer that pulls a cross-level interaction apart with sliders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlm_helpers.engine.fit import MLMFit
from mlm_helpers.engine.names import r_order
from mlm_helpers.engine.structure import INTERCEPT
from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import cross_level as cl
from mlm_helpers.explorers.base import Explorer
from mlm_helpers.explorers.controls import Choice, Control, Slider, positive, ranged
from mlm_helpers.explorers.roles import (
    EX1_MODEL2,
    EX1_MODEL3,
    Roles,
    estimates,
    fit_ex1,
    level1_values,
    plain_symbol,
    read_roles,
)
from mlm_helpers.lesson.roles import level2_values
from mlm_helpers.words.vocabulary import Vocabulary


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
    kind = "cross_level"

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
        start = {**{c.name: values[c.name] for c in controls}, "truth": None}
        if isinstance(state, Mapping) and state.get("mode") in self._estimates:
            # another model starts at its own estimates
            own = self._estimates[state["mode"]]
            state = {**{n: v for n, v in own.items() if n in start}, **state}
        super().__init__(controls, self._actions(), start, state, self._data(controls))

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
        return plain_symbol(symbols.get(reference.columns.get(role, ""), role))

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

    def _actions(self) -> dict[str, str]:
        back = {m: f"Back to {ref.label}'s estimates" for m, ref in self.references.items()}
        return {**back, "zero": f"Set {self._name(self._zero())} to 0", "hide": "Hide the truth"}

    def _zero(self) -> str:
        return "gamma11" if self.roles.two else "gamma12"

    def back_to(self, mode: str) -> None:
        """Every parameter at the estimate of the fit of this mode."""
        values = {n: v for n, v in self._estimates[mode].items() if n in self._controls}
        self.set({**values, "mode": mode, "truth": None})

    def compute(self, state: Mapping[str, Any]) -> cl.Tables:
        """See :func:`mlm_helpers.explorers.cross_level.compute`."""
        return cl.compute(state, self.cloud, self.references)

    # ---- what the page is told once -------------------------------------------------------------
    def _data(self, controls: list[Control]) -> dict[str, Any]:
        r, cloud = self.roles, self.cloud
        count = len(cloud.w)
        names = [c.name for c in controls]
        return {
            "x": self._x,
            "mReach": self._m_reach(controls),
            "cloud": [
                {"w": int(w), "m": m, "z": z, "jitter": j}
                for w, m, z, j in zip(cloud.w, cloud.m, cloud.z, cloud.jitter, strict=True)
            ],
            "kinds": [r.low, r.high] if r.two else [r.groups],
            "many": [r.many_low, r.many_high] if r.two else [r.groups],
            "titles": [f"Lines of {count} {r.groups}", "Mean β₀ⱼ", "Slope β₁ⱼ"],
            "xLabel": r.x_label,
            "yLabel": r.outcome,
            "wLabel": r.two_symbol,
            "mLabel": r.continuous_label,
            "symbols": {"x": r.x_symbol, "w": r.two_symbol, "m": r.continuous_symbol},
            "level1": r.level1,
            "units": r.units,
            "group": r.group,
            "groups": r.groups,
            "names": {n: self._name(n) for n in names if n.startswith(("gamma", "tau"))},
            "zero": self._zero(),
            "axes": {mode: self._axes(mode) for mode in self.references},
            "references": {m: self._reference(m, names) for m in self.references},
            "describe": {mode: self._describe(mode, count) for mode in self.references},
        }

    def _m_reach(self, controls: list[Control]) -> float:
        """How far the axis of the continuous moderator goes: to the ends of its slider at least."""
        ends = [c.high for c in controls if isinstance(c, Slider) and c.name == "level2"]
        return max([2.1 * self._m_sd, *(1.02 * end for end in ends)])

    def _reference(self, mode: str, names: list[str]) -> dict[str, Any]:
        ref, r = self.references[mode], self.roles
        fit = ref.fit
        m, p = fit.moments, fit.moments.p
        shown = r_order(fit.design.parts, fit.design.columns, fit.design.formula.variables)
        where = f"{fit.ngroups} {r.groups}, {fit.nobs} {r.students}"
        return {
            "sigma2": fit.sigma2,
            "toZ": m.basis.to_z,
            "toX": m.basis.to_x,
            "xx": m.ww[:p, :p],
            "schools": [{"zz": zz, "zx": zw[:, :p]} for zz, zw in zip(m.zz, m.zw, strict=True)],
            "flip": fit.design.random[0] != INTERCEPT,
            "rows": ref.rows,
            "labels": list(shown),
            "group": fit.design.formula.group,
            "heading": f"What lmer would print for them ({where})",
            "estimates": {n: v for n, v in self._estimates[mode].items() if n in names},
        }

    def _axes(self, mode: str) -> dict[str, tuple[float, float]]:
        """Where the axes start: around the estimates, with room for a few steps."""
        e = self._estimates[mode]
        gap0, gap1, x = e.get("gamma01", 0.0), e.get("gamma11", 0.0), float(self._x[1])
        m0, m1 = (abs(e.get(n, 0.0)) * self._m_sd for n in ("gamma02", "gamma12"))
        sd0, sd1 = math.sqrt(e["tau00"]), math.sqrt(e["tau11"])
        lines = abs(e["gamma10"]) * x + 2.2 * sd0 + abs(gap0) / 2
        means = 3.2 * sd0 + abs(gap0) / 2 + 1.2 * m0
        slopes = max(3 * sd1 + abs(gap1) + 2 * m1, 1.2 * abs(e["gamma10"]))
        middle, steep = e["gamma00"] + gap0 / 2, e["gamma10"] + gap1 / 2
        reach = {
            "lines": (middle, 1.25 * max(lines, 0.6 * self._spread())),
            "b0": (middle, 1.3 * max(means, 0.2 * self._spread())),
            "b1": (steep, 1.25 * max(slopes, 1e-6)),
        }
        return {name: (at - far, at + far) for name, (at, far) in reach.items()}

    def _describe(self, mode: str, count: int) -> str:
        r = self.roles
        by = r.continuous_label if mode == cl.BOTH else r.two_symbol
        kinds = f", {r.low} solid and {r.high} dashed" if r.two else ""
        return (
            f"Three panels: the lines of {count} {r.groups} for {r.outcome} on {r.x_label}{kinds}, "
            f"with thick average lines; each {r.group}'s mean against {by}; each {r.group}'s slope "
            f"against {by}."
        )
