"""Does it grow with the data? One run, printed: ``python tests/benchmarks/bench_scale.py``.

Students in Parquet, as a state's records come: four years one after the other, in each year school
by school, five students in each, so that every school is split over chunks. (``--scattered``:
students in no order at all, the worst case, where almost every chunk meets almost every school.)
One pass finds school means, a second one centers within schools and adds up cross-products; then
the fit. Each size runs in a process of its own, whose peak memory is
the system's own count. A second part sends the same file to two Dask workers on this machine
(``pip install "mlm-helpers[cluster]"``), a third gives the same students to lme4 in R, from small
to large, until it takes longer than ``--patience`` seconds or runs out of memory.
Files are written to a temporary folder and removed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mlm_helpers as mlm
from mlm_helpers.engine.chunks import with_centering

HERE = Path(__file__).parent
FORMULA = "score ~ meanses * cses + sector * cses + (1 + cses | school)"
YEARS, PER_YEAR = 4, 5
PER_SCHOOL = YEARS * PER_YEAR
FILE_ROWS = 500_000


def write_students(folder: Path, students: int, scattered: bool, seed: int = 1) -> Path:
    """A folder of Parquet files; only one file's rows are ever in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    rng = np.random.default_rng(seed)
    schools = students // PER_SCHOOL
    place = np.tile(np.repeat(np.arange(schools, dtype=np.int32), PER_YEAR), YEARS)
    if scattered:
        rng.shuffle(place)
    sector = (rng.random(schools) < 0.4).astype(np.int8)
    mean = rng.normal(scale=0.6, size=schools)
    u = rng.normal(size=(schools, 2)) @ np.array([[1.5, 0.2], [0.0, 0.6]])
    for k, start in enumerate(range(0, students, FILE_ROWS)):
        j = place[start : start + FILE_ROWS]
        ses = mean[j] + rng.normal(scale=0.8, size=len(j))
        slope = 2.5 + mean[j] - 1.6 * sector[j] + u[j, 1]
        score = 12 + 5 * mean[j] + 1.2 * sector[j] + u[j, 0] + slope * (ses - mean[j])
        score += rng.normal(scale=6.0, size=len(j))
        columns = {"school": j, "ses": ses, "sector": sector[j], "score": score}
        pq.write_table(pa.table(columns), folder / f"part-{k:03d}.parquet")
    return folder


def centered(data: Any) -> Any:
    return with_centering(
        data, "school", group_mean={"meanses": "ses"}, center_within={"cses": "ses"}
    )


def peak_megabytes() -> float:
    """Largest resident memory of this process so far (NaN where the system does not tell)."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def numbers(fit: mlm.MLMFit) -> list[float]:
    table = fit.fixed_effects[["estimate", "std_error", "df", "t"]].to_numpy().ravel()
    return [*table, *fit.T.to_numpy().ravel(), fit.sigma2, fit.criterion]


def fit_here(folder: Path) -> None:
    """In a process of its own: center, add up, fit, make the table; print time and memory."""
    small = FORMULA.replace("1 + cses", "1")  # a school has hardly two of the first rows
    numbers(mlm.fit_mlm(small, centered([first_rows(folder)])))  # imports are not the fit
    before, clock = time.process_time(), [time.perf_counter()]
    source = centered(folder)
    clock.append(time.perf_counter())
    fit = mlm.fit_mlm(FORMULA, source)
    values = numbers(fit)
    clock.append(time.perf_counter())
    result = {
        "rows": fit.nobs,
        "groups": fit.ngroups,
        "centering": clock[1] - clock[0],
        "fit": clock[2] - clock[1],
        "cpu": time.process_time() - before,
        "peak": peak_megabytes(),
        "numbers": values,
    }
    print(json.dumps(result))


def first_rows(folder: Path) -> pd.DataFrame:
    import pyarrow.dataset as ds

    return ds.dataset(folder).head(100_000).to_pandas()


def child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


# ---- two Dask workers on this machine ----------------------------------------------------------
def fit_on_workers(folder: Path) -> None:
    """In a process of its own, with two worker processes."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="4GiB", dashboard_address=None
        ) as cluster,
        Client(cluster),
    ):
        start = time.perf_counter()
        fit = mlm.fit_mlm(FORMULA, centered(dd.read_parquet(folder)))
        values = numbers(fit)
        seconds = time.perf_counter() - start
    print(json.dumps({"rows": fit.nobs, "seconds": seconds, "numbers": values}))


def difference(ours: list[float], theirs: list[float]) -> float:
    """Largest relative difference."""
    a, b = np.array(ours), np.array(theirs)
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-6)))


# ---- lme4 --------------------------------------------------------------------------------------
def fit_in_r(folder: Path, patience: int) -> dict[str, float] | None:
    """lme4 on the same rows, from memory; None when it fails or takes longer than ``patience``."""
    frame = pd.read_parquet(folder)
    mean = frame.groupby("school")["ses"].transform("mean")
    frame = frame.assign(meanses=mean, cses=frame["ses"] - mean)
    columns = ["score", "meanses", "cses", "sector", "school"]
    raw = folder.parent / "rows.bin"
    frame[columns].to_numpy(dtype=float).T.tofile(raw)
    rows = len(frame)
    del frame, mean
    command = ["Rscript", str(HERE / "bench_scale.R"), str(raw), str(rows), FORMULA]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=patience
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        raw.unlink()
    return None if done.returncode else json.loads(done.stdout.strip().splitlines()[-1])


# ---- the report --------------------------------------------------------------------------------
def main(sizes: list[int], patience: int, scattered: bool) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folders = {n: write_students(Path(temporary) / str(n), n, scattered) for n in sizes}
        here = {n: child("--here", str(folder)) for n, folder in folders.items()}
        print(f"From Parquet, in one process{', in no order' if scattered else ''}\n")
        print(
            "| Students | Schools | Centering | Sums, fit, table | Together | CPU | Peak memory |"
        )
        print("|---|---|---|---|---|---|---|")
        for got in here.values():
            together = got["centering"] + got["fit"]
            print(
                f"| {got['rows']:,} | {got['groups']:,} | {got['centering']:.1f} s | "
                f"{got['fit']:.1f} s | {together:.1f} s | "
                f"{got['cpu']:.1f} s | {got['peak']:.0f} MB |"
            )
        small, large = here[sizes[0]], here[sizes[-1]]
        ratio = (large["centering"] + large["fit"]) / (small["centering"] + small["fit"])
        print(
            f"\n{sizes[-1] / sizes[0]:.0f} times the rows take {ratio:.1f} times as long and "
            f"{large['cpu'] / small['cpu']:.1f} times the CPU (aim: at most "
            f"{1.2 * sizes[-1] / sizes[0]:.0f}); peak memory {large['peak']:.0f} MB "
            "(aim: below 1500)"
        )
        workers(folders, here)
        against_lme4(folders, here, patience)


def workers(folders: dict[int, Path], here: dict[int, dict[str, Any]]) -> None:
    try:
        import dask.dataframe  # noqa: F401
        import distributed  # noqa: F401
    except ImportError:
        print("\nDask is not installed, so its part is left out.")
        return
    for n, folder in folders.items():
        got = child("--workers", str(folder))
        print(
            f"\nTwo Dask workers, {n:,} students: {got['seconds']:.1f} s, largest relative "
            f"difference to one process {difference(got['numbers'], here[n]['numbers']):.1e} "
            "(aim: 1e-10)"
        )


def against_lme4(folders: dict[int, Path], here: dict[int, dict[str, Any]], patience: int) -> None:
    if shutil.which("Rscript") is None:
        print("\nThere is no R here, so lme4 is left out.")
        return
    print()
    for n, folder in folders.items():
        got = fit_in_r(folder, patience)
        if got is None:
            print(f"lme4, {n:,} students: not done within {patience} s, or out of memory")
            return
        us = here[n]
        print(
            f"lme4, {n:,} students already in memory and centered: {got['seconds']:.1f} s, peak "
            f"{got['peak']:.0f} MB; here, from disk and with centering, "
            f"{us['centering'] + us['fit']:.1f} s and {us['peak']:.0f} MB; criterion differs by "
            f"{abs(got['criterion'] - us['numbers'][-1]):.1e}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--patience", type=int, default=300, help="seconds for lme4")
    parser.add_argument("--scattered", action="store_true", help="students in no order at all")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        fit_here(asked.here)
    elif asked.workers:
        fit_on_workers(asked.workers)
    else:
        main(sorted(asked.sizes), asked.patience, asked.scattered)
