"""The centering lab: the same data entered raw, grand-mean centered and centered within schools."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import centering as ce
from mlm_helpers.explorers import markup as h
from mlm_helpers.explorers.base import Action, Explorer, Words
from mlm_helpers.explorers.controls import Choice, Control, Slider, clean_step
from mlm_helpers.explorers.stage import DASHES, GREY, PRIVATE, PUBLIC, tidy
from mlm_helpers.words.vocabulary import Vocabulary

_NAMES = {ce.RAW: "as measured", ce.GRAND: "grand-mean", ce.WITHIN: "within-{group}"}

ORDER = [(c, m) for m in (ce.NO, ce.YES) for c in ce.CENTERINGS]


def explore_centering(
    data: pd.DataFrame | str | None = None,
    *,
    outcome: str | None = None,
    predictor: str | None = None,
    group: str | None = None,
    moderator: str | None = None,
    state: Mapping[str, Any] | None = None,
    vocabulary: Vocabulary | str | None = None,
) -> CenteringExplorer:
    """Enter a level-1 predictor in six ways and see which coefficients change, and what they mean.

    Parameters
    ----------
    data : ``"ex1"`` or ``"hsb82"``; a DataFrame together with ``outcome``, ``predictor`` and
        ``group`` (and a level-2 ``moderator`` coded 0 and 1); without it, both shipped data sets.
    state : where to start: ``centering`` (``"raw"``, ``"grand"``, ``"within"``), ``mean``,
        ``random`` and ``moderator`` (``"yes"`` or ``"no"``), ``school`` (a school mean about the
        grand mean) and, with two data sets, ``data``.
    vocabulary : the words to use for a DataFrame.

    Raises
    ------
    MLMError
        If a column is missing or cannot play its part.
    """
    if isinstance(data, pd.DataFrame):
        if outcome is None or predictor is None or group is None:
            raise MLMError("With a DataFrame, name outcome=, predictor= and group= as well.")
        name = str(data.attrs.get("name", "data"))
        labs = [ce.make_lab(data, outcome, predictor, group, moderator, name, vocabulary)]
    else:
        labs = [ce.shipped_lab(n) for n in ([data] if data is not None else list(ce.SHIPPED))]
    return CenteringExplorer(labs, state)


class CenteringExplorer(Explorer):
    """See :func:`explore_centering`."""

    title = "Centering lab"
    size = (860, 360)

    def __init__(self, labs: list[ce.Lab], state: Mapping[str, Any] | None) -> None:
        self.labs = {lab.name: lab for lab in labs}
        first = labs[0]
        group = first.words.group.one
        names = {k: v.format(group=group) for k, v in _NAMES.items()}
        self._unit = first.words.unit.one
        yes_no = {ce.NO: "no", ce.YES: "yes"}
        controls: list[Control] = [
            Choice("data", "data", {n: n for n in self.labs}),
            Choice("centering", f"{self._unit}'s x", names),
            Choice("mean", f"{group} mean in it", yes_no),
            Choice("random", "slopes vary", yes_no),
        ]
        moderated = all(lab.moderator for lab in labs)
        if moderated:
            controls.append(Choice("moderator", f"{first.moderator} in it", yes_no))
        else:
            controls.append(Choice("moderator", "moderator", {ce.NO: "no"}))
        sd = max(float(lab.rows.groupby("g", observed=True)["mean"].first().std()) for lab in labs)
        step = clean_step(2 * sd / 8)
        half = round(2 * sd / step) * step
        controls.append(Slider("school", f"a {group} with mean", -half, half, step))
        start = {
            "data": first.name, "centering": ce.RAW, "mean": ce.NO, "random": ce.NO,
            "moderator": ce.NO, "school": clean_step(sd) if clean_step(sd) <= half else half,
        }  # fmt: skip
        super().__init__(controls, start, state)

    @property
    def lab(self) -> ce.Lab:
        """The data set that is shown."""
        return self.labs[self._state["data"]]

    def is_shown(self, name: str) -> bool:
        """A choice with one option is no choice."""
        if name == "data":
            return len(self.labs) > 1
        return name != "moderator" or all(lab.moderator for lab in self.labs.values())

    def rearranges(self, name: str) -> bool:
        """Data, and what stands in the model, change the axes."""
        return name in ("data", "random", "moderator")

    def compute(self, state: Mapping[str, Any]) -> ce.Tables:
        """See :func:`mlm_helpers.explorers.centering.compute`."""
        return ce.compute(state, self.labs[state["data"]])

    def actions(self) -> tuple[Action, ...]:
        """Back to the start."""
        return (Action("reset", "Back to the start", self.reset),)

    # ---- picture -------------------------------------------------------------------------------
    def arrange(self) -> None:
        """School means with the model's lines; both coefficients under all six choices."""
        self.stage.clear()
        lab, move, figure = self.lab, self.stage.moving, self.stage.figure
        tables = self.compute(self._state)
        w, groups = lab.words, lab.words.group.many
        label = w.predictor(lab.x).label
        outer = figure.add_gridspec(
            1,
            2,
            width_ratios=[1, 1.35],
            left=0.07,
            right=0.985,
            top=0.80,
            bottom=0.14,
            wspace=0.34,
        )
        inner = outer[0, 1].subgridspec(1, 2, wspace=0.1)
        main = figure.add_subplot(outer[0, 0])
        slope, mean = (figure.add_subplot(inner[0, i]) for i in range(2))
        tidy(main, f"Means of {len(tables.schools)} {groups}", label, w.outcome.label)
        symbol = w.predictor(lab.x).symbol
        tidy(slope, f"Coefficient of {symbol}", w.outcome.units)
        tidy(mean, f"... of its {w.group.one} mean", w.outcome.units)
        s = tables.schools
        main.plot(s["m"] + tables.grand, s["y"], "o", color=GREY, ms=3, alpha=0.28, mew=0)
        x = lab.rows["raw"]
        self._ends = np.quantile(x, [0.02, 0.98])
        main.set_xlim(*self._ends)
        low, high = np.quantile(s["y"], [0.01, 0.99])
        main.set_ylim(low - 0.25 * (high - low), high + 0.25 * (high - low))
        self._between = move(main.plot([], [], color=PRIVATE, lw=2.4, ls=DASHES, zorder=4)[0])
        self._other = move(main.plot([], [], color=PUBLIC, lw=1.6, ls=(0, (1, 1.2)), zorder=4)[0])
        self._own = move(main.plot([], [], color=PUBLIC, lw=3.2, zorder=5)[0])
        self._arrow = move(main.plot([], [], color="black", lw=3, marker="_", ms=10, zorder=6)[0])
        self._arrow_text = move(main.text(0, 0, "", fontsize=11, va="top", zorder=8))
        self._at = move(main.plot([], [], "D", color="black", ms=6, zorder=7)[0])
        one = w.group.one
        figure.legend(
            [self._own, self._other, self._between, self._arrow],
            [
                f"the chosen {one}'s line",
                f"an average {one}'s",
                f"{one} means",
                "contextual effect",
            ],
            loc="upper left",
            ncols=4,
            bbox_to_anchor=(0.06, 1.0),
            frameon=False,
            fontsize=10,
            handlelength=2.0,
            columnspacing=1.2,
        )
        names = [_NAMES[c].format(group=one) for c in ce.CENTERINGS] * 2
        self._picked = []
        for ax, column in ((slope, "slope"), (mean, "mean_coef")):
            values = tables.models[column].to_numpy()
            reach = tables.models[f"{column}_reach"].to_numpy()
            rows = np.arange(6.0) + np.repeat([0.0, 0.6], 3)
            ax.set_ylim(7.2, -0.8)
            ax.errorbar(values, rows, xerr=reach, fmt="o", color=GREY, ms=5, lw=1.6)
            for y, text in ((-0.45, f"without {one} mean"), (3.15, f"with {one} mean")):
                ax.text(
                    0.02,
                    y,
                    text,
                    transform=ax.get_yaxis_transform(),
                    fontsize=8.5,
                    va="center",
                    color="#333333",
                )
            ax.set_yticks(rows, names if ax is slope else [""] * 6, fontsize=9)
            if np.isfinite(values).any():
                low = min(0.0, float(np.nanmin(values - reach)))
                ax.set_xlim(low, float(np.nanmax(values + reach)) * 1.06)
            ring = ax.plot([], [], "o", color=PUBLIC, ms=13, mfc="none", mew=3, zorder=6)[0]
            self._picked.append((column, rows, move(ring)))

    def draw(self, tables: ce.Tables) -> None:
        """Place the lines of the chosen model and the ring around its coefficients."""
        state, models = tables.state, tables.models
        row = models.loc[(state["centering"], state["mean"])]
        m = float(state["school"])
        x = np.asarray(self._ends)
        self._own.set_data(x, self._outcome(row, state, x - tables.grand, m))
        self._other.set_data(x, self._outcome(row, state, x - tables.grand, 0.0))
        ms = np.array([-1.0, 1.0]) * 2.2 * tables.schools["m"].to_numpy().std()
        self._between.set_data(
            ms + tables.grand, [self._outcome(row, state, float(v), float(v)) for v in ms]
        )
        self._at.set_data([m + tables.grand], [self._outcome(row, state, m, m)])
        self._draw_context(row, tables)
        at = ORDER.index((state["centering"], state["mean"]))
        for column, rows, ring in self._picked:
            value = models[column].to_numpy(dtype=float)[at]
            ring.set_visible(math.isfinite(value))
            ring.set_data([value], [rows[at]])

    def _draw_context(self, row: pd.Series, tables: ce.Tables) -> None:
        """The distance between the chosen line and an average one, away from the diamond."""
        state, m = tables.state, float(tables.state["school"])
        left, right = (float(v) - tables.grand for v in self._ends)
        x = left + 0.15 * (right - left) if m >= 0 else right - 0.15 * (right - left)
        low, high = (float(self._outcome(row, state, x, k)) for k in (0.0, m))
        self._arrow.set_data([x + tables.grand] * 2, [low, high])
        shown = abs(high - low) > 1e-9
        self._arrow.set_visible(shown)
        self._arrow_text.set_visible(shown)
        self._arrow_text.set_position((x + tables.grand, min(low, high)))
        self._arrow_text.set_text(f" {h.number(high - low)}")

    def _outcome(self, row: pd.Series, state: Mapping[str, Any], x: Any, m: float) -> Any:
        """Expected outcome at x and a school mean m, both about the grand mean."""
        entered = {ce.RAW: x + self._grand(), ce.GRAND: x, ce.WITHIN: x - m}[state["centering"]]
        mean = row["mean_coef"] * m if state["mean"] == ce.YES else 0.0
        return row["gamma00"] + row["slope"] * entered + mean

    def _grand(self) -> float:
        return float(self.lab.rows["raw"].mean())

    def describe(self) -> str:
        """What the three panels show."""
        w, x = self.lab.words, self.lab.words.predictor(self.lab.x).label
        one = w.group.one
        return (
            f"Three panels: each {one}'s mean {w.outcome.label} against its mean {x}, with the "
            f"chosen model's line for the chosen {one} (solid), for an average {one} (dotted) and "
            f"along {one} means (dashed); the coefficient of {x} and that of the {one} mean with "
            "95% intervals under six ways to enter it, the chosen one ringed."
        )

    # ---- words ---------------------------------------------------------------------------------
    def words(self, tables: ce.Tables) -> Words:
        """The model as an equation, all six fits as a table, and the sentence."""
        blocks = [
            h.block("The chosen model", self._equation(tables)),
            h.block("All six ways to enter it", self._output(tables)),
        ]
        return Words(h.side_by_side(*blocks), self._sentence(tables))

    def _equation(self, tables: ce.Tables) -> str:
        state, words = tables.state, self.lab.words
        row = tables.models.loc[(state["centering"], state["mean"])]
        p = words.predictor(self.lab.x)
        x = f"{p.symbol}<sub><i>ij</i></sub>"
        bar = f'<span style="text-decoration:overline">{p.symbol}</span>'
        mean_j = f"{bar}<sub><i>j</i></sub>"
        entered = {
            ce.RAW: x,
            ce.GRAND: f"({x} − {bar}<sub>..</sub>)",
            ce.WITHIN: f"({x} − {mean_j})",
        }[state["centering"]]
        moved = self._moved in ("centering", "mean")
        terms = [(row["gamma00"], "", moved), (row["slope"], entered, moved)]
        if state["mean"] == ce.YES:
            terms.append((row["mean_coef"], f"({mean_j} − {bar}<sub>..</sub>)", moved))
        if state["moderator"] == ce.YES:
            name = words.predictor(self.lab.moderator or "").symbol + "<sub><i>j</i></sub>"
            terms.append((row["w"], name, moved))
            terms.append((row["gap"], f"{name}&thinsp;×&thinsp;{entered}", moved))
        u = [h.symbol("u", "0<i>j</i>")]
        if state["random"] == ce.YES:
            u.append(f"{h.symbol('u', '1<i>j</i>')}&thinsp;{entered}")
        right = h.linear(terms, [*u, h.symbol("r", "<i>ij</i>")])
        meaning = "".join(f"<li>{h.escape(t)}</li>" for t in self._meanings(tables))
        m = float(state["school"])
        at = h.marked(h.number(m), self._moved == "school")
        mean_y = '<span style="text-decoration:overline"><i>Y</i></span><sub><i>j</i></sub>'
        value = h.number(float(self._outcome(row, state, m, m)))
        rows = [
            (h.symbol("Y", "<i>ij</i>"), right),
            (mean_y, f"{value} where the {words.group.one} mean is {at} from average"),
        ]
        return h.equations(rows) + (
            f'<ul style="margin:.4em 0 0;padding-left:1.2em">{meaning}</ul>'
        )

    def _meanings(self, tables: ce.Tables) -> list[str]:
        state, w = tables.state, self.lab.words
        x, unit, one = w.predictor(self.lab.x).label, w.unit.one, w.group.one
        row = tables.models.loc[(state["centering"], state["mean"])]
        number = h.number
        blend = state["centering"] != ce.WITHIN and state["mean"] == ce.NO
        zero = {
            ce.RAW: f"a {unit} with {x} 0",
            ce.GRAND: f"a {unit} with average {x}",
            ce.WITHIN: f"a {unit} at the {one}'s own mean",
        }[state["centering"]]
        where = f" in a {one} with an average mean" if state["mean"] == ce.YES else ""
        slope = (
            f"a blend of the slopes within and between {w.group.many}: neither one"
            if blend
            else f"the slope within {w.group.many}, schoolmates compared"
            if one == "school"
            else f"the slope within {w.group.many}"
        )
        out = [
            f"{number(row['gamma00'])}: the expected {w.outcome.label} of {zero}{where}",
            f"{number(row['slope'])}: {slope}",
        ]
        if state["moderator"] == ce.YES:
            out[0] += f", in {self._code(0)}"
            out[1] += f", in {self._code(0)}"
            out.append(
                f"{number(row['gap'])}: by how much {'that blend' if blend else 'it'} differs in "
                f"{self._code(1)}: the cross-level interaction"
            )
        if state["mean"] == ce.YES:
            value = number(row["mean_coef"])
            if state["centering"] == ce.WITHIN:
                out.append(
                    f"{value}: the slope between {w.group.many}; the contextual effect is "
                    f"{value} − {number(row['slope'])} = {number(row['contextual'])}"
                )
            else:
                out.append(
                    f"{value}: the contextual effect: two {w.unit.many} alike in {x}, in "
                    f"{w.group.many} one unit apart in mean {x}"
                )
        return out

    @staticmethod
    def _off(m: float) -> str:
        if m == 0:
            return "average"
        return f"{h.number(abs(m))} {'above' if m > 0 else 'below'} average"

    def _code(self, value: int) -> str:
        p = self.lab.words.predictor(self.lab.moderator or "")
        code = p.code(value)
        return code.many if code else f"{self.lab.words.group.many} with {p.symbol} = {value}"

    def _output(self, tables: ce.Tables) -> str:
        state, models = tables.state, tables.models
        one = self.lab.words.group.one
        chosen = (state["centering"], state["mean"])
        columns = ["slope", "mean_coef", "contextual", "tau00", "deviance"]
        head = ["", "slope", f"{one} mean", "contextual", "τ₀₀", "ML deviance"]
        if state["moderator"] == ce.YES:
            columns.insert(1, "gap")
            head.insert(2, "γ₁₁")
        rows, picked = [], []
        for k, (centering, mean) in enumerate(ORDER):
            key = centering, mean
            row: Any = models.loc[key]
            name = _NAMES[centering].format(group=one) + (" + mean" if mean == ce.YES else "")
            cells = []
            for column in columns:
                value, here = row[column], models.loc[chosen, column]
                shown = (
                    "" if math.isnan(value) else h.number(value, 1 if column == "deviance" else 2)
                )
                same = key != chosen and shown and abs(value - here) <= 1e-5 * max(abs(here), 1e-9)
                cells.append(f"= {shown}" if same else shown)
            rows.append([name, *cells])
            if key == chosen:
                picked.append(k)
        note = "“=” marks what is the same as in the chosen model"
        return h.table(note, head, rows, picked)

    def _sentence(self, tables: ce.Tables) -> str:
        state, models = tables.state, tables.models
        w, row = self.lab.words, models.loc[(state["centering"], state["mean"])]
        x, one = w.predictor(self.lab.x).label, w.group.one
        name = _NAMES[state["centering"]].format(group=one)
        name = f"{name[:1].upper()}{name[1:]} {x}"
        slope, off = h.number(row["slope"]), self._off(state["school"])
        same = int(models["same"].sum()) - 1
        fits = {0: "No other row is the same model.", 1: "One other row is the same model."}.get(
            same, f"{same} other rows are the same model, written differently."
        )
        if state["mean"] == ce.YES:
            context = row["contextual"] * state["school"]
            return (
                f"{name} with the {one} mean: slope {slope}, contextual effect "
                f"{h.number(row['contextual'])}. Of two {w.unit.many} with the same {x}, the one "
                f"in a {one} whose mean is {off} is expected to score "
                f"{h.number(abs(context))} {w.outcome.units} "
                f"{'higher' if context >= 0 else 'lower'} than the one in an average {one}. {fits}"
            )
        if state["centering"] == ce.WITHIN:
            return (
                f"{name} alone: slope {slope} within {w.group.many}. The model says nothing of the "
                f"{one} means: the line of a {one} whose mean is {off} has the height "
                f"of all others. {fits}"
            )
        return (
            f"{name} alone: slope {slope}, a blend of within and between. For this model a {one} "
            f"whose mean is {off} differs by "
            f"{h.number(row['slope'] * state['school'])} {w.outcome.units} only because of who "
            f"goes there: it leaves no room for context. {fits}"
        )
