"""How fast is a power study? One run, printed: ``python tests/benchmarks/bench_power.py``.

One design (60 schools of 20 students, a cross-level interaction) with 1000 replications here, in
one process and with two workers, against the same loop in R with lmerTest: draw, ``lmer``,
``summary`` with Satterthwaite df, p of the interaction. R runs 50 replications and is scaled up to
1000. Where Dask is installed, the same call also runs inside
``joblib.parallel_config(backend="dask")`` on two workers and must give the same table.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

import mlm_helpers as mlm

HERE = Path(__file__).parent
DESIGN: dict[str, Any] = {
    "groups": 60,
    "size": 20,
    "gamma11": 0.4,
    "T": [[1.0, 0.1], [0.1, 0.2]],
    "sigma2": 4.0,
}
REPLICATIONS, IN_R = 1000, 50


def timed(**options: Any) -> tuple[float, float, pd.DataFrame]:
    """Wall-clock seconds, CPU seconds of this process, and the table."""
    start, cpu = time.perf_counter(), time.process_time()
    table = mlm.power(**DESIGN, replications=REPLICATIONS, **options).table
    return time.perf_counter() - start, time.process_time() - cpu, table


def on_dask() -> tuple[float, pd.DataFrame] | None:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return None
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        seconds, _, table = timed(n_jobs=-1)
    return seconds, table


def in_r() -> dict[str, float] | None:
    if shutil.which("Rscript") is None:
        return None
    command = ["Rscript", str(HERE / "bench_power.R"), str(IN_R)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print("R is here but its part failed: " + done.stderr.strip().splitlines()[-1])
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    mlm.power(**DESIGN, replications=2)  # imports are not the study
    wall, cpu, table = timed()
    row = table.iloc[0]
    print(
        f"{REPLICATIONS} replications here, one process: {wall:.2f} s ({cpu:.2f} s of CPU), power "
        f"{row['power']:.3f} (Monte-Carlo error {row['power_se']:.3f}; approximation "
        f"{row['approximate']:.3f}), singular {row['singular']:.3f}"
    )
    seconds, _, again = timed(n_jobs=2)
    print(f"two workers: {seconds:.2f} s, same table: {same(table, again)}")
    there = on_dask()
    if there is None:
        print("Dask is not installed, so its part is left out.")
    else:
        print(f"two Dask workers: {there[0]:.2f} s, same table: {same(table, there[1])}")
    r = in_r()
    if r is None:
        print("There is no R with lmerTest here, so its part is left out.")
        return
    scaled, scaled_cpu = (r[k] * REPLICATIONS / IN_R for k in ("seconds", "cpu"))
    print(
        f"lmerTest, {IN_R} replications: {r['seconds']:.2f} s, so {scaled:.0f} s for "
        f"{REPLICATIONS} ({scaled_cpu:.0f} s of CPU); power {r['power']:.2f}\n"
        f"times faster: {scaled / wall:.0f} by the clock, {scaled_cpu / cpu:.0f} in CPU "
        "(aim: at least 20)"
    )


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return bool(np.allclose(one.to_numpy(), other.to_numpy(), rtol=1e-10, atol=0))


if __name__ == "__main__":
    main()
