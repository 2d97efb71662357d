"""Draws ex1_realism.png: does the synthetic data set ex1 look like data?

    python docs/ex1_realism.py          from the project's top folder

Nine panels to look at for artefacts: edges, gaps, clumps, odd shapes.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

import mlm_helpers as mlm

PUBLIC, PRIVATE, GREY = "#0072B2", "#D55E00", "#555555"  # Okabe-Ito
FORMULA = (
    "g1rscore ~ 1 + sector + schsesgdm + famsesc + sector * famsesc + schsesgdm * famsesc "
    "+ (1 + famsesc | schid)"
)


def by_school(data: pd.DataFrame) -> pd.DataFrame:
    """Size, mean SES, SD of SES, mean score and OLS slope of each school."""
    g = data.groupby("schid")
    x, y = data["famsesc"], data["g1rscore"]
    squares = (x**2).groupby(data["schid"]).sum()
    return pd.DataFrame(
        {
            "n": g.size(),
            "sector": g["sector"].first(),
            "ses": g["schses"].first(),
            "sd": np.sqrt(squares / (g.size() - 1)),
            "mean": g["g1rscore"].mean(),
            "slope": (x * y).groupby(data["schid"]).sum() / squares,
        }
    )


def by_sector(ax: Axes, schools: pd.DataFrame, x: str, y: str) -> None:
    """A scatter of schools: colour and shape say the sector."""
    for code, colour, shape, label in ((0, PUBLIC, "o", "public"), (1, PRIVATE, "^", "private")):
        part = schools[schools["sector"] == code]
        ax.scatter(part[x], part[y], s=14, color=colour, marker=shape, alpha=0.6, label=label)
    ax.legend(frameon=False)


def lines(ax: Axes, data: pd.DataFrame, schools: pd.DataFrame, each: int = 40) -> None:
    """OLS lines of some schools of either sector, over the range of their own students."""
    span = data.groupby("schid")["famses"].agg(["min", "max"])
    for code, colour, style in ((0, PUBLIC, "-"), (1, PRIVATE, "--")):
        for school, row in schools[schools["sector"] == code].head(each).iterrows():
            x = span.loc[school].to_numpy()
            ax.plot(x, row["mean"] + row["slope"] * (x - row["ses"]), style, color=colour, lw=0.8)


def main() -> None:
    data = mlm.load_dataset("ex1")
    fit = mlm.fit_mlm(FORMULA, data=data)
    schools = by_school(data)
    fig, axes = plt.subplots(3, 3, figsize=(15, 13), layout="constrained")
    ax = iter(axes.ravel())

    a = next(ax)
    r = fit.scaled_residuals
    a.hist(r, bins=90, density=True, color=PUBLIC)
    z = np.linspace(-4, 4, 200)
    a.plot(z, np.exp(-((z / r.std()) ** 2) / 2) / (r.std() * np.sqrt(2 * np.pi)), color=PRIVATE)
    a.set(
        title="Scaled residuals of Model 3, normal curve",
        xlabel="scaled residual",
        ylabel="density",
    )

    a = next(ax)
    a.scatter(fit.fitted, fit.residuals, s=3, color=PUBLIC, alpha=0.4)
    a.axhline(0, color=GREY, lw=1)
    a.set(title="Residual against fitted value, Model 3", xlabel="fitted", ylabel="residual")

    a = next(ax)
    a.scatter(data["famses"], data["g1rscore"], s=3, color=PUBLIC, alpha=0.4)
    a.set(title="All students", xlabel="family SES", ylabel="reading score")

    a = next(ax)
    a.hist(schools["n"], bins=np.arange(3.5, 28), color=PUBLIC, edgecolor="white")
    a.set(title="School sizes", xlabel="students in the school", ylabel="schools")

    a = next(ax)
    a.hist(data["famses"], bins=80, color=PUBLIC)
    a.set(title="Family SES", xlabel="family SES", ylabel="students")

    a = next(ax)
    by_sector(a, schools, "ses", "sd")
    a.set(title="Spread of SES within schools", xlabel="school mean SES", ylabel="SD of family SES")

    a = next(ax)
    lines(a, data, schools)
    a.set(title="Lines of 40 public (solid) and 40 private (dashed) schools")
    a.set(xlabel="family SES", ylabel="reading score")

    a = next(ax)
    by_sector(a, schools, "ses", "mean")
    a.set(title="School means", xlabel="school mean SES", ylabel="mean reading score")

    a = next(ax)
    u = fit.random_effects.join(schools["sector"])
    by_sector(a, u, "u0", "u1")
    a.set(title="EB residuals of Model 3", xlabel="intercept residual", ylabel="slope residual")

    fig.savefig(
        Path(__file__).with_suffix(".png"),
        dpi=70,
        metadata={"Software": None},
        pil_kwargs={"optimize": True},
    )


if __name__ == "__main__":
    main()
