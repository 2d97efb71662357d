"""What HLM prints beside the variances: χ² tests of the τ's, reliabilities, and a test of equal σ².

Source: Raudenbush & Bryk (2002), Hierarchical Linear Models, 2nd ed., eq. 3.103 (p. 64, χ² of a
τ_qq), p. 46 (reliability) and p. 264 (H test of equal level-1 variances).
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlm_helpers.engine.inference import p_of_chi2
from mlm_helpers.engine.structure import INTERCEPT
from mlm_helpers.engine.summary import html_table
from mlm_helpers.errors import MLMError
from mlm_helpers.interpret.residuals import reliabilities
from mlm_helpers.text import count, p_value

if TYPE_CHECKING:
    from mlm_helpers.engine.fit import MLMFit

Array = NDArray[np.float64]

__all__ = ["HLMTests", "hlm_tests"]


@dataclass(frozen=True)
class HLMTests:
    """The variances of a model with HLM's tests.

    Attributes
    ----------
    table : index ``tau00``, ``tau11``, ..., ``sigma2``; columns ``term sd variance df chi2 p
        reliability groups`` (the groups whose own data give the coefficient).
    H, H_df, H_p : the test of equal level-1 variances, of the ``H_groups`` groups with at least
        ``smallest`` df each; NaN where there are fewer than two.
    """

    table: pd.DataFrame
    H: float
    H_df: int
    H_p: float
    H_groups: int
    smallest: int

    @property
    def sentence(self) -> str:
        """The tests in words."""
        tested = self.table.drop(index="sigma2")
        said = []
        for tau, row in tested.iterrows():
            name = str(tau).replace("tau", "τ")
            if not math.isfinite(row["p"]):
                said.append(f"{name}: not enough groups have a line of their own to test it")
                continue
            found = (
                "more than expected by chance at the 5% level"
                if row["p"] < 0.05
                else "no more than chance may make, which does not show that they are equal"
            )
            what = "intercepts" if row["term"] == INTERCEPT else f"slopes of {row['term']}"
            said.append(
                f"{name}: the {what} of {int(row['groups'])} groups vary {found} "
                f"(χ² = {row['chi2']:.1f}, {int(row['df'])} df, {p_value(row['p'])})"
            )
        if math.isfinite(self.H):
            unequal = "differs between groups" if self.H_p < 0.05 else "may be the same in all"
            said.append(
                f"σ² {unequal} (H = {self.H:.1f}, {self.H_df} df, {p_value(self.H_p)}; "
                f"{count(self.H_groups, 'group')})"
            )
        return "; ".join(said) + "."

    def _printed(self) -> pd.DataFrame:
        """The table as HLM prints it, five decimals."""
        out = self.table.copy()
        for column in ("sd", "variance", "chi2", "p", "reliability"):
            out[column] = ["" if pd.isna(v) else f"{v:.5f}" for v in out[column]]
        for column in ("df", "groups"):
            out[column] = ["" if pd.isna(v) else f"{int(v)}" for v in out[column]]
        return out

    def __str__(self) -> str:
        return f"{self._printed().to_string()}\n\n{self.sentence}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        printed = self._printed()
        rows = [[str(name), *map(str, row)] for name, row in zip(
            printed.index, printed.to_numpy().tolist(), strict=True)]  # fmt: skip
        caption = "Variances, and tests of those between groups"
        table = html_table(caption, ["parameter", *printed.columns], rows)
        return f"{table}<p>{html.escape(self.sentence)}</p>"


def hlm_tests(fit: MLMFit, smallest: int = 10) -> HLMTests:
    """χ² tests of the variances between groups, reliabilities, and the H test of equal σ².

    The χ² of τ_qq compares each group's own OLS coefficient with what the level-2 model predicts
    for it, in units of its sampling variance with the common σ²; its df are the number of groups
    used minus the fixed effects of that coefficient. A group is used when its own data determine
    its coefficients. The test is one of several: a likelihood-ratio test (``compare``) or a profile
    interval need no lines of single groups.

    Parameters
    ----------
    smallest : the H test takes groups with at least so many residual df (HLM: 10); it leans on the
        normal distribution of the level-1 residuals, and takes heavy tails for unequal variances.

    Raises
    ------
    MLMError
        When no group's own data determine its coefficients, or the fit keeps no rows.
    """
    if smallest < 1:
        raise MLMError(f"smallest must be at least 1; got {smallest!r}.")
    b, sampling, rss, freedom = _own_lines(fit)
    used = len(b)
    if not used:
        raise MLMError(
            "No group has rows enough for coefficients of its own, so HLM's tests cannot be made: "
            "use compare(...) or fit.confint(method='profile')."
        )
    t, means = np.diag(fit.T.to_numpy()), reliabilities(fit).attrs["mean"]
    rows: dict[str, tuple] = {}
    for k, (term, number) in enumerate(zip(fit.design.random, fit.tau_numbers, strict=True)):
        equations = [e for e in fit.structure.equations if e.p == number]
        df = used - sum(len(e.coefficients) for e in equations)
        chi2 = float((b[:, k] ** 2 / sampling[:, k]).sum())
        p = p_of_chi2(chi2, df) if df > 0 else math.nan
        rows[f"tau{number}{number}"] = (
            term, math.sqrt(t[k]), t[k], df, chi2, p, means[f"lambda{number}"], used
        )  # fmt: skip
    nan = math.nan
    ordered = dict(sorted(rows.items()))
    ordered["sigma2"] = ("level-1 residual", fit.sigma, fit.sigma2, nan, nan, nan, nan, nan)
    table = pd.DataFrame.from_dict(
        ordered,
        orient="index",
        columns=["term", "sd", "variance", "df", "chi2", "p", "reliability", "groups"],
    ).rename_axis("parameter")
    return HLMTests(table, *_homogeneity(rss, freedom, smallest), smallest=smallest)


def _own_lines(fit: MLMFit) -> tuple[Array, Array, Array, Array]:
    """Of each group that determines them: its OLS coefficients minus what level 2 predicts (k, q),
    their sampling variances with the common σ² (k, q), residual sum of squares and df."""
    design = fit.design
    residual = design.y - design.x @ fit.gamma
    scale = np.sqrt((design.z**2).mean(axis=0))
    order = np.argsort(design.codes, kind="stable")
    b, sampling, rss, freedom = [], [], [], []
    for at in np.split(order, np.cumsum(np.bincount(design.codes))[:-1]):
        z, r = design.z[at] / scale, residual[at]
        if np.linalg.matrix_rank(z, tol=1e-7 * math.sqrt(len(at))) < z.shape[1]:
            continue
        inverse = np.linalg.inv(z.T @ z)
        own = inverse @ z.T @ r
        b.append(own / scale)
        sampling.append(fit.sigma2 * np.diag(inverse) / scale**2)
        rss.append(float(((r - z @ own) ** 2).sum()))
        freedom.append(float(len(at) - z.shape[1]))
    return np.array(b), np.array(sampling), np.array(rss), np.array(freedom)


def _homogeneity(rss: Array, freedom: Array, smallest: int) -> tuple[float, int, float, int]:
    """H = Σ d_j², d_j = (ln S_j² - mean) / √(2 / f_j), with a mean weighted by f_j."""
    keep = (freedom >= smallest) & (rss > 0)
    groups = int(keep.sum())
    if groups < 2:
        return math.nan, 0, math.nan, groups
    f = freedom[keep]
    logs = np.log(rss[keep] / f)
    d2 = (logs - (f * logs).sum() / f.sum()) ** 2 * f / 2
    h = float(d2.sum())
    return h, groups - 1, p_of_chi2(h, groups - 1), groups
