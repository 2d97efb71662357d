"""Do 95% intervals for a cross-level interaction cover it in 95 of 100 studies?

    python tests/benchmarks/study_coverage.py            # simulate, then write docs/coverage.*
    python tests/benchmarks/study_coverage.py --draw     # only draw the stored table again

Studies with J = 10, 30 and 100 schools, equal and unequal sizes, half and a fifth of the schools
with W = 1, τ11 well above 0 and at 0, are drawn and fitted by REML. The interaction drawn is 0, so
that 1 minus coverage is the size of the test; adding a constant to it moves every estimate by that
constant and no standard error or df, so the same fits also tell the power at 0.5. Four intervals
(and tests) are taken from each fit: normal quantiles; t with as many df as a student would count,
rows minus fixed effects (N - p); t with Satterthwaite df; Kenward-Roger's standard error and df.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from mlm_helpers.engine.inference import kenward_roger, t_quantile
from mlm_helpers.interpret.planning import Study, fit_sample

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = DOCS / "coverage.csv"
FIGURE = DOCS / "coverage.png"
METHODS = ("z", "N-p", "Satterthwaite", "Kenward-Roger")
GROUPS = (10, 30, 100)
SIZE, SIGMA2 = 15, 4.0
SHAPES = {"equal sizes, half": (0.0, 0.5), "unequal sizes, a fifth": (0.7, 0.2)}
TAU11 = (0.0, 0.3)


def designs() -> pd.DataFrame:
    return pd.DataFrame(itertools.product(SHAPES, TAU11, GROUPS), columns=["schools", "tau11", "J"])


def study_of(design: pd.Series) -> Study:
    size_cv, share = SHAPES[design["schools"]]
    tau11 = float(design["tau11"])
    return Study(
        groups=int(design["J"]),
        size=SIZE,
        gamma11=0.0,
        T=((1.0, 0.1 if tau11 else 0.0), (0.1 if tau11 else 0.0, tau11)),
        sigma2=SIGMA2,
        share=share,
        size_cv=size_cv,
    )


def one(study: Study, stream: tuple[int, ...]) -> list[float]:
    """Estimate; standard error and df of each method; whether the fit is singular."""
    fit = fit_sample(study, stream)
    if fit is None:
        return [np.nan] * 6 + [0.0]
    row = fit.fixed_effects.iloc[3]
    robust = kenward_roger(fit).iloc[3]
    rows = float(fit.nobs - 4)
    return [
        row["estimate"],
        row["std_error"],
        rows,
        row["df"],
        robust["std_error"],
        robust["df"],
        float(fit.singular),
    ]


def run_design(number: int, design: pd.Series, replications: int, seed: int) -> pd.DataFrame:
    study = study_of(design)
    draws = np.array([one(study, (seed, number, k)) for k in range(replications)])
    fitted = np.isfinite(draws[:, 0])
    estimate, se, rows, df, kr_se, kr_df, singular = draws[fitted].T
    spread = {
        "z": (se, np.full(len(se), 1e9)),
        "N-p": (se, rows),
        "Satterthwaite": (se, df),
        "Kenward-Roger": (kr_se, kr_df),
    }
    out = []
    for method, (error, freedom) in spread.items():
        width = t_quantile(0.95, freedom) * error
        covered = float((np.abs(estimate) <= width).mean())
        out.append(
            {
                **design.to_dict(),
                "method": method,
                "coverage": covered,
                "size": 1 - covered,
                "power_at_0.5": float((np.abs(estimate + 0.5) > width).mean()),
                "monte_carlo_error": float(np.sqrt(covered * (1 - covered) / fitted.sum())),
                "mean_width": float(2 * width.mean()),
                "median_df": float(np.median(freedom)) if method != "z" else np.inf,
                "singular": float(singular.mean()),
                "not_fitted": int((~fitted).sum()),
                "replications": replications,
            }
        )
    return pd.DataFrame(out)


def simulate(replications: int, seed: int, n_jobs: int) -> pd.DataFrame:
    table = designs()
    work = (
        joblib.delayed(run_design)(k, design, replications, seed) for k, design in table.iterrows()
    )
    parts = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(work)
    done = []
    for k, part in enumerate(parts, start=1):
        done.append(part)
        print(f"{k} of {len(table)} designs", flush=True)
    return pd.concat(done, ignore_index=True)


def draw(table: pd.DataFrame) -> None:
    """Coverage against J, a panel for each kind of schools and τ11, one line per method."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    looks = {  # Okabe and Ito's colours; line and marker say the same without colour
        "z": ("#D55E00", ":", "v"),
        "N-p": ("#E69F00", "--", "s"),
        "Satterthwaite": ("#0072B2", "-", "o"),
        "Kenward-Roger": ("#009E73", "-.", "^"),
    }
    figure, axes = plt.subplots(2, 2, figsize=(8, 6.4), sharex=True, sharey=True)
    by = table.groupby(["tau11", "schools"], sort=True)
    for ax, ((tau11, schools), part) in zip(axes.ravel(), by, strict=True):
        ax.axhspan(0.945, 0.955, color="0.9")
        ax.axhline(0.95, color="0.4", linewidth=0.8)
        for method, (color, line, marker) in looks.items():
            own = part[part["method"] == method].groupby("J")["coverage"].mean()
            ax.plot(own.index, own, color=color, linestyle=line, marker=marker, label=method)
        ax.set(xscale="log", xticks=GROUPS, title=f"{schools}; τ11 = {tau11:g}")
        ax.set_xticks([], minor=True)
        ax.set_xticklabels(GROUPS)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("J, number of schools")
    for ax in axes[:, 0]:
        ax.set_ylabel("coverage of 95% intervals")
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(FIGURE, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=20260)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--draw", action="store_true", help="only draw the stored table")
    asked = parser.parse_args()
    DOCS.mkdir(exist_ok=True)
    if not asked.draw:
        table = simulate(asked.replications, asked.seed, asked.n_jobs)
        table.round(5).to_csv(TABLE, index=False)
    draw(pd.read_csv(TABLE))


if __name__ == "__main__":
    main()
