"""How a column was centered is a property of the column: rows left out, printed decimals and
float32 do not change it, and what is not centered is never taken for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlm_helpers as mlm
from mlm_helpers.engine.variables import centering_of, is_centered_within
from mlm_helpers.errors import MLMError

FORMULA = "y ~ xc + m + w:xc + w + (1 + xc | g)"


def study(groups: int = 40, size: int = 15, seed: int = 3) -> pd.DataFrame:
    """y in classes g; x varies within and between them, w between only."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), size)
    x = 3 + rng.normal(size=groups)[g] + rng.normal(size=len(g)) * 2
    w = rng.normal(size=groups)[g]
    data = pd.DataFrame({"g": g, "x": x, "w": w})
    data["xc"] = mlm.center_within(data, "x", "g")
    data["m"] = mlm.group_mean(data, "x", "g")
    u = rng.normal(size=(groups, 2)) * [0.8, 0.3]
    noise = rng.normal(size=len(g))
    data["y"] = 0.5 * data.xc + 1.3 * data.m + 0.2 * w * data.xc + u[g, 0] + u[g, 1] * data.xc
    data["y"] += noise
    return data


def blanked(data: pd.DataFrame, column: str, share: float = 0.04) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    gone = rng.choice(data.index, int(share * len(data)), replace=False)
    out = data.copy()
    out.loc[gone, column] = np.nan
    return out


CHANGED = {
    "outcomes missing": lambda d: blanked(d, "y"),
    "moderator missing for some groups": lambda d: d.assign(w=d.w.where(d.g > 2)),
    "a third of the outcomes missing": lambda d: blanked(d, "y", 0.33),
    "rows dropped before the fit": lambda d: blanked(d, "y").dropna(),
    "rows dropped, numbered anew": lambda d: d.sample(frac=0.9, random_state=2, ignore_index=True),
    "printed with two decimals": lambda d: d.assign(xc=d.xc.round(2)),
    "printed with one decimal": lambda d: d.assign(xc=d.xc.round(1)),
    "cut off after two decimals": lambda d: d.assign(xc=np.floor(d.xc * 100) / 100),
    "float32": lambda d: d.assign(xc=d.xc.astype("float32")),
    "all of it": lambda d: blanked(d.assign(xc=d.xc.round(2).astype("float32")), "y").dropna(),
}


@pytest.mark.parametrize("change", list(CHANGED))
def test_a_centered_column_stays_one(change: str) -> None:
    data = study()
    whole = mlm.fit_mlm(FORMULA, data)
    fit = mlm.fit_mlm(FORMULA, CHANGED[change](data))
    assert fit.structure.variables["xc"].centered == "group"
    effect = mlm.contextual_effect(fit, "xc", "m")["estimate"]
    assert effect["between"] == pytest.approx(fit.fixed_effects["estimate"]["m"])
    reference = mlm.contextual_effect(whole, "xc", "m")
    gap = abs(effect["contextual"] - reference["estimate"]["contextual"])
    assert gap < 2 * reference["std_error"]["contextual"]
    assert mlm.r2(fit)["within"].loc[["f1", "v", "fv"]].notna().all()
    assert "mean" in mlm.define(fit, "gamma01")


def test_few_groups_are_judged_on_all_rows_that_were_given() -> None:
    data = blanked(study(groups=5, size=30), "y", 0.2)
    formula = "y ~ xc + m + (1 | g)"
    fit = mlm.fit_mlm(formula, data)
    assert fit.structure.variables["xc"].centered == "group"
    assert fit.structure.variables["xc"].off == 0
    assert fit.refit(formula="y ~ xc + (1 | g)").structure.variables["xc"].centered == "group"


def test_chunks_with_missing_rows_say_the_same() -> None:
    data = blanked(study(), "y")
    whole, parts = mlm.fit_mlm(FORMULA, data), mlm.fit_mlm(FORMULA, [data[:250], data[250:]])
    assert parts.structure.variables["xc"].centered == "group"
    assert parts.structure == whole.structure


def test_what_is_not_exact_is_said() -> None:
    fit = mlm.fit_mlm(FORMULA, blanked(study(), "y").dropna())
    assert 0 < fit.structure.variables["xc"].off < 1
    assert "standard deviations" in mlm.r2(fit).attrs["note"]
    exact = mlm.fit_mlm(FORMULA, study())
    assert exact.structure.variables["xc"].off == 0
    assert "exactly" in mlm.r2(exact).attrs["note"]


def test_raw_columns_are_never_taken_for_centered_ones() -> None:
    """Not even those without any difference between groups but chance's."""
    rng = np.random.default_rng(8)
    for groups, size in ((4, 5), (24, 12), (60, 2), (200, 8), (100, 60)):
        codes = np.repeat(np.arange(groups), size)
        for _ in range(60):
            x = rng.normal(size=len(codes))
            assert centering_of(x - x.mean(), codes).which == "grand"


def test_one_group_that_was_left_out_of_the_centering_is_seen() -> None:
    data = study(groups=160, size=30)
    data.loc[data.g == 7, "xc"] += 2.0
    assert not is_centered_within(data.xc, data.g)


def test_a_nearly_balanced_treatment_is_no_centered_column() -> None:
    codes = np.repeat(np.arange(40), 25)
    treated = np.tile(np.r_[np.full(12, -1.0), np.full(13, 1.0)], 40)
    assert centering_of(treated, codes).which != "group"
    even = np.tile(np.arange(25) < 24, 40)
    assert centering_of(treated[even], codes[even]).which == "group"


def test_a_transformed_level_1_term_is_judged_on_its_values() -> None:
    data = study()
    fit = mlm.fit_mlm("y ~ I(2 * xc) + (1 | g)", blanked(data, "y"))
    assert mlm.r2(fit)["within"].loc["f1"] > 0
    fit = mlm.fit_mlm("y ~ I(xc^2) + (1 | g)", data)
    assert np.isnan(mlm.r2(fit)["within"].loc["f1"])


def test_the_centering_lab_says_that_nothing_is_left_to_center() -> None:
    data = blanked(study(), "y")
    with pytest.raises(MLMError, match="centered within"):
        mlm.explore_centering(data, outcome="y", predictor="xc", group="g")
