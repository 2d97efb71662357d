"""The centering lab: the same data entered raw, grand-mean centered and centered within schools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlm_helpers.errors import MLMError
from mlm_helpers.explorers import centering as ce
from mlm_helpers.explorers.base import Explorer
from mlm_helpers.explorers.controls import Choice, Control, Slider, clean_step
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
    kind = "centering"

    def __init__(self, labs: list[ce.Lab], state: Mapping[str, Any] | None) -> None:
        self.labs = {lab.name: lab for lab in labs}
        first = labs[0]
        group = first.words.group.one
        names = {k: v.format(group=group) for k, v in _NAMES.items()}
        yes_no = {ce.NO: "no", ce.YES: "yes"}
        controls: list[Control] = [
            Choice("data", "data", {n: n for n in self.labs}),
            Choice("centering", f"{first.words.unit.one}'s x", names),
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
        actions = {"reset": "Back to the start"}
        super().__init__(controls, actions, start, state, self._data(moderated))

    def compute(self, state: Mapping[str, Any]) -> ce.Tables:
        """See :func:`mlm_helpers.explorers.centering.compute`."""
        return ce.compute(state, self.labs[state["data"]])

    # ---- what the page is told once -------------------------------------------------------------
    def _data(self, moderated: bool) -> dict[str, Any]:
        return {
            "moderated": moderated,
            "labs": {name: self._lab(lab, moderated) for name, lab in self.labs.items()},
        }

    def _lab(self, lab: ce.Lab, moderated: bool) -> dict[str, Any]:
        w, schools = lab.words, lab.schools
        x, one = w.predictor(lab.x), w.group.one
        low, high = np.quantile(schools["y"], [0.01, 0.99])
        choices = (ce.NO, ce.YES)
        return {
            "models": {
                random: {
                    moderator: lab.models(random, moderator).loc[ORDER].to_dict("records")
                    for moderator in (choices if moderated else choices[:1])
                }
                for random in choices
            },
            "schools": schools[["m", "y"]].to_numpy(),
            "mSd": float(schools["m"].to_numpy().std()),
            "grand": float(lab.rows["raw"].mean()),
            "ends": np.quantile(lab.rows["raw"], [0.02, 0.98]),
            "ylim": (low - 0.25 * (high - low), high + 0.25 * (high - low)),
            "title": f"Means of {len(schools)} {w.group.many}",
            "names": {c: text.format(group=one) for c, text in _NAMES.items()},
            "symbol": x.symbol,
            "wSymbol": w.predictor(lab.moderator).symbol if lab.moderator else "",
            "kinds": [self._code(lab, v) for v in (0, 1)] if moderated else [],
            "words": {
                "x": x.label, "unit": w.unit.one, "unitMany": w.unit.many, "group": one,
                "groups": w.group.many, "outcome": w.outcome.label, "units": w.outcome.units,
            },
            "describe": self._describe(lab),
        }  # fmt: skip

    @staticmethod
    def _code(lab: ce.Lab, value: int) -> str:
        p = lab.words.predictor(lab.moderator or "")
        code = p.code(value)
        return code.many if code else f"{lab.words.group.many} with {p.symbol} = {value}"

    @staticmethod
    def _describe(lab: ce.Lab) -> str:
        w, x, one = lab.words, lab.words.predictor(lab.x).label, lab.words.group.one
        return (
            f"Three panels: each {one}'s mean {w.outcome.label} against its mean {x}, with the "
            f"chosen model's line for the chosen {one} (solid), for an average {one} (dotted) and "
            f"along {one} means (dashed); the coefficient of {x} and that of the {one} mean with "
            "95% intervals under six ways to enter it, the chosen one ringed."
        )
