"""How large is a cross-level interaction? Several answers in one table, and what each leaves out.

Sources: standardised by the standard deviations of predictor, moderator and outcome (Hox, Moerbeek
& van de Schoot 2018, Multilevel Analysis, 3rd ed., p. 19); ICC_β after Aguinis & Culpepper (2015),
Organizational Research Methods 18, 155-176; R² by level after Rights & Sterba (2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.structure import INTERCEPT, Coefficient, Level2Equation
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.slopes import simple_slopes
from mlm_helpers.interpret.variance import r2, variance_explained

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]

__all__ = ["effect_sizes"]


def effect_sizes(
    fit: MLMFit, predictor: str, moderator: str | None = None, base: MLMFit | None = None
) -> pd.DataFrame:
    """Effect sizes of the cross-level interactions of one level-1 predictor.

    Parameters
    ----------
    predictor : the level-1 predictor, such as ``"famsesc"``.
    moderator : the level-2 variable whose products are described; may be left out when there is
        one.
    base : the same model without the cross-level interactions, for the proportion of slope variance
        that they explain and for ICC_β.

    Returns
    -------
    DataFrame, index ``measure``; columns ``value``, ``unit`` and ``not_said``, which says what the
    number does not. Measures: ``slope at ...`` for each kind of group, or at the moderator's mean
    and one SD (over groups) to either side; ``range of slopes``, between the highest and the lowest
    of these; ``standardised ...`` for a numeric moderator; ``share of slope variance``, model-
    implied, of all level-2 predictors of the slope; with ``base``, ``reduction of τ`` and
    ``ICC_β``; R² within groups of the level-1 predictors with their products, and of the random
    slopes.
    ``attrs["sentence"]`` says the main ones in words.

    Raises
    ------
    MLMError
        When the predictor has no cross-level interaction with the moderator, or ``base`` does not
        fit to it.
    """
    equation, products = _interactions(fit, predictor, moderator)
    moderator = moderator or _only_moderator(fit, predictor, products)
    slopes = simple_slopes(fit, predictor, by=moderator)
    rows: list[tuple[str, float, str, str]] = [
        (f"slope at {label}", float(value), "outcome per unit of the predictor",
         "how certain it is: simple_slopes has its interval")
        for label, value in zip(slopes["label"], slopes["estimate"], strict=True)
    ]  # fmt: skip
    spread = float(slopes["estimate"].max() - slopes["estimate"].min())
    rows.append(("range of slopes", spread, "outcome per unit of the predictor",
                 "whether the groups between are few or many"))  # fmt: skip
    rows += _standardised(fit, predictor, moderator, products)
    if equation.random:
        rows.append(("share of slope variance", _share(fit, equation), "share of Var(β)",
                     "how much the slopes vary at all; it is taken at the estimates, which a small "
                     "τ makes uncertain"))  # fmt: skip
    if base is not None:
        rows += _against(fit, base, predictor)
    rows += _r2_rows(fit)
    out = pd.DataFrame(rows, columns=["measure", "value", "unit", "not_said"]).set_index("measure")
    out.attrs |= {"predictor": predictor, "moderator": moderator, "note": slopes.attrs["note"]}
    out.attrs["sentence"] = _sentence(slopes, out, predictor)
    return out


def _interactions(
    fit: MLMFit, predictor: str, moderator: str | None
) -> tuple[Level2Equation, list[Coefficient]]:
    """The level-2 equation of the predictor's slope and its cross-level products."""
    for equation in fit.structure.equations:
        if equation.level1 == predictor:
            found = [c for c in equation.coefficients if c.level2 is not None]
            if found:
                return equation, found
    raise MLMError(
        f"The model has no cross-level interaction of {predictor!r}"
        + (f" with {moderator!r}" if moderator else "")
        + f": add one such as {predictor}:{moderator or 'W'}."
    )


def _only_moderator(fit: MLMFit, predictor: str, products: list[Coefficient]) -> str:
    names = list(dict.fromkeys(simple_slopes(fit, predictor).attrs["by"]))
    level2 = [n for n in names if fit.structure.variables[n].level == 2]
    if len(level2) != 1:
        raise MLMError(
            f"The slope of {predictor} depends on {' and '.join(level2 or names)}: say which with "
            "moderator=..."
        )
    return level2[0]


def _standardised(
    fit: MLMFit, predictor: str, moderator: str, products: list[Coefficient]
) -> list[tuple[str, float, str, str]]:
    """γ times the SDs of predictor (rows) and moderator (groups), over that of the outcome (rows);
    a moderator with two values goes from one to the other."""
    c = next((c for c in products if c.level2 == moderator), None)
    if c is None:  # categories, or a transformed moderator
        return []
    w = fit.design.group_frame[moderator].astype(float)
    two = fit.structure.variables[moderator].binary
    step = float(w.max() - w.min()) if two else float(w.std())
    x, y = fit.data[predictor].astype(float), pd.Series(fit.design.y)
    gamma = float(fit.fixed_effects["estimate"][c.column])
    value = gamma * step * float(x.std()) / float(y.std())
    unit = f"SDs of the outcome per SD of {predictor}, " + (
        f"{moderator} {w.max():g} against {w.min():g}" if two else f"per SD of {moderator}"
    )
    return [(f"standardised {c.column}", value, unit,
             "what another sample with other SDs would give at the same slopes")]  # fmt: skip


def _share(fit: MLMFit, equation: Level2Equation) -> float:
    """Var over groups of Σ γ_pq W_q, as a share of it and τ_pp."""
    total = np.zeros(fit.ngroups)
    for c in equation.coefficients:
        if c.level2 is not None:
            gamma = fit.gamma[fit.design.columns.index(c.column)]
            total += gamma * fit.design.level2_values(c.level2)
    explained = float(np.var(total, ddof=1))
    name = equation.level1 or INTERCEPT
    left = float(fit.T.loc[name, name])
    return explained / (explained + left) if explained + left > 0 else float("nan")


def _against(fit: MLMFit, base: MLMFit, predictor: str) -> list[tuple[str, float, str, str]]:
    """Against the model without the interactions: reduction of τ_pp, and ICC_β of that model."""
    table = variance_explained(base, fit)
    of = {term: tau for tau, term in table.attrs["terms"].items()}
    out = []
    if predictor in of:
        explained = float(table["explained"][of[predictor]])
        out.append((f"reduction of {of[predictor].replace('tau', 'τ')}", explained,
                    "share of the base model's variance",
                    "how certain it is; it can be negative"))  # fmt: skip
    out.append(("ICC_β", icc_beta(base), "share of the outcome's variance",
                "whether the moderator explains any of it"))  # fmt: skip
    return out


def icc_beta(fit: MLMFit) -> float:
    """The share of the outcome's variance that different slopes make, tr(T Z_c'Z_c / (N - 1)) /
    s², with Z_c the random-coefficient columns centered within groups (Aguinis & Culpepper 2015).
    """
    design = fit.design
    n = np.bincount(design.codes)
    means = np.column_stack([np.bincount(design.codes, c) / n for c in design.z.T])
    z = design.z - means[design.codes]
    s2 = float(np.var(design.y, ddof=1))
    return float(np.trace(fit.T.to_numpy() @ (z.T @ z))) / (len(z) - 1) / s2


def _r2_rows(fit: MLMFit) -> list[tuple[str, float, str, str]]:
    within = r2(fit)["within"]
    if within[["f1", "v"]].isna().any():
        return []
    return [
        ("R² within, predictors (f1)", float(within["f1"]), "share of the variance within groups",
         "how much of it the interaction adds: the main slopes count as well"),
        ("R² within, random slopes (v)", float(within["v"]), "share of the variance within groups",
         "why slopes differ"),
    ]  # fmt: skip


def _sentence(slopes: pd.DataFrame, table: pd.DataFrame, predictor: str) -> str:
    def g(value: Any) -> str:
        return f"{float(value):.3g}".replace("-", "−")

    low, high = slopes["estimate"].idxmin(), slopes["estimate"].idxmax()
    said = (
        f"The slope of {predictor} is {g(slopes['estimate'][low])} at {slopes['label'][low]} and "
        f"{g(slopes['estimate'][high])} at {slopes['label'][high]}."
    )
    share = table["value"].get("share of slope variance", np.nan)
    if np.isfinite(share) and share < 1:  # at a variance of 0 it would be 100%, and say nothing
        said += (
            f" By the estimates, level-2 predictors account for {100 * share:.0f}% of the variance "
            "of the slopes between groups."
        )
    return said
