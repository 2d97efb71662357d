"""How fast is it? One run, printed, nothing asserted: ``python tests/benchmarks/bench_fit.py``.

High School & Beyond Model 3 (7185 students, 160 schools, intercept and slope random), from the
formula to the full coefficient table with df, t and p, against lme4, lmerTest, pbkrtest, mixedlm
and statsmodels on the same machine in the same minutes; then a million students in 50,000 schools.
The R part takes about a minute and is left out with a sentence where there is no R.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mlm_helpers as mlm

HERE = Path(__file__).parent
HSB = Path(mlm.__file__).parent / "data" / "datasets" / "hsb82.csv"
MODEL3 = "mathach ~ mean_ses * cses + sector * cses + (1 + cses | school)"


def hsb() -> pd.DataFrame:
    frame = pd.read_csv(HSB)
    mean_ses = frame.groupby("school")["ses"].transform("mean")
    return frame.assign(mean_ses=mean_ses, cses=frame["ses"] - mean_ses)


def seconds(run: Callable[[], Any], times: int) -> float:
    """Median wall-clock time of a few runs, after one to warm up."""
    run()
    out = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        out.append(time.perf_counter() - start)
    return statistics.median(out)


def ours(frame: pd.DataFrame) -> dict[str, float]:
    def fit() -> mlm.MLMFit:
        return mlm.fit_mlm(MODEL3, data=frame)

    return {
        "fit": seconds(fit, 51),
        "table": seconds(lambda: fit().fixed_effects, 51),
        "printed": seconds(lambda: str(fit()), 21),
        "kenward_roger": seconds(lambda: fit().fixed_effects_kr, 21),
        "profile": seconds(lambda: fit().confint(method="profile"), 5),
    }


def of_mixedlm(frame: pd.DataFrame) -> dict[str, float]:
    import mixedlm

    def fit() -> Any:
        return mixedlm.lmer(MODEL3, frame)

    return {"fit": seconds(fit, 21), "summary": seconds(lambda: fit().summary(), 5)}


def of_statsmodels(frame: pd.DataFrame) -> float:
    import statsmodels.formula.api as smf

    fixed = MODEL3.split(" + (")[0]

    def fit() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return smf.mixedlm(fixed, frame, groups="school", re_formula="~cses").fit()

    return seconds(fit, 3)


def first_in_a_fresh_process(statements: str) -> float:
    """Seconds of the first fit of a new Python, once its imports and the data are there."""
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from bench_fit import MODEL3, hsb; "
        f"{statements.splitlines()[0]}; frame = hsb(); start = time.perf_counter(); "
        f"{statements.splitlines()[1]}; print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(HERE)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
    return statistics.median(float(run.stdout.strip().splitlines()[-1]) for run in runs)


def of_r() -> dict[str, float] | None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    command = [rscript, str(HERE / "bench_fit.R"), str(HSB)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print("R is here but its part failed: " + done.stderr.strip().splitlines()[-1])
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


# ---- a million students --------------------------------------------------------------------


def write_million(path: Path, students: int = 1_000_000, schools: int = 50_000) -> None:
    """Simulate Model 3 and store it as four plain columns."""
    rng = np.random.default_rng(1)
    school = rng.permutation(np.arange(students) % schools)
    w = rng.normal(size=schools)[school]
    x = rng.normal(size=students)
    u = rng.multivariate_normal([0, 0], [[0.3, 0.05], [0.05, 0.1]], schools)[school]
    y = 1 + 0.5 * w + x - 0.2 * x * w + u[:, 0] + u[:, 1] * x + rng.normal(size=students)
    np.save(path, np.column_stack([school, w, x, y]))


def peak_megabytes() -> float:
    """Largest resident memory of this process so far (NaN where the system does not tell)."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def fit_million(path: Path) -> None:
    """In a process of its own: read, then fit and make the table; print CPU and memory."""
    columns = np.load(path)
    frame = pd.DataFrame(columns, columns=["school", "w", "x", "y"])
    frame["school"] = frame["school"].astype(int)
    mlm.fit_mlm("mathach ~ 1 + (1 | school)", data=hsb().head(500))  # imports are not the fit
    before = peak_megabytes()
    start = time.process_time()
    fit = mlm.fit_mlm("y ~ w * x + (1 + x | school)", data=frame)
    table = fit.fixed_effects
    cpu = time.process_time() - start
    result = {
        "cpu": cpu,
        "read": before,
        "peak": peak_megabytes(),
        "groups": fit.ngroups,
        "rows": fit.nobs,
        "slope": float(table.loc["x", "estimate"]),
    }
    print(json.dumps(result))


def million() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.npy"
        write_million(path)
        command = [sys.executable, __file__, "--million", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


# ---- the report ----------------------------------------------------------------------------


def line(what: str, us: float, other: str, them: float | None, wanted: str) -> None:
    if them is None:
        print(f"| {what} | {us * 1e3:.2f} ms | {other} | no R here | | {wanted} |")
    else:
        ratio = them / us
        print(
            f"| {what} | {us * 1e3:.2f} ms | {other} | {them * 1e3:.0f} ms | "
            f"{ratio:.{0 if ratio >= 20 else 1}f} | {wanted} |"
        )


def main() -> None:
    frame = hsb()
    us, mixed, default = ours(frame), of_mixedlm(frame), of_statsmodels(frame)
    first = first_in_a_fresh_process(
        "import mlm_helpers as mlm\nmlm.fit_mlm(MODEL3, data=frame).fixed_effects"
    )
    first_mixed = first_in_a_fresh_process("import mixedlm\nmixedlm.lmer(MODEL3, frame).summary()")
    r = of_r()
    if r is None:
        print("Rscript or one of its packages is missing, so the rows against R stay empty.\n")
    get = (r or {}).get
    print("HSB Model 3, formula included\n")
    print("| What | Time | Against | Its time | Times faster | Aim |")
    print("|---|---|---|---|---|---|")
    line("full coefficient table", us["table"], "lme4::lmer alone", get("lmer"), "10")
    line("full coefficient table", us["table"], "lmerTest, summary", get("lmerTest_summary"), "25")
    line("full coefficient table", us["table"], "mixedlm, fit alone", mixed["fit"], "1")
    line("full coefficient table", us["table"], "mixedlm, summary", mixed["summary"], "25")
    line("the first table of a session", first, "mixedlm, summary", first_mixed, "")
    line("full coefficient table", us["table"], "statsmodels, default", default, "60")
    line("Kenward-Roger table", us["kenward_roger"], "pbkrtest", get("kenward_roger"), "100")
    line("profile of all parameters", us["profile"], "R's confint", get("profile"), "50")
    print(f"\nfit alone {us['fit'] * 1e3:.2f} ms, printed summary {us['printed'] * 1e3:.2f} ms")
    big = million()
    print(
        f"\n{big['rows']:,.0f} students in {big['groups']:,.0f} schools: {big['cpu']:.2f} s of CPU "
        f"beyond reading (aim: below 3), peak memory {big['peak']:.0f} MB "
        f"(aim: below 1024; {big['read']:.0f} MB once the data are read)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.million:
        fit_million(asked.million)
    else:
        main()
