"""What does one student cost a server? Printed: ``python tests/benchmarks/bench_student.py``.

Starts JupyterLab without a browser on this machine, waits until it answers, starts a kernel as a
browser would, and runs the lecture's cells up to the first picture. Memory is what server and
kernel hold then (Linux: PSS, which counts shared pages once).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).resolve().parents[2]
LECTURE = ROOT / "lectures" / "lecture06_cross_level_interactions.ipynb"
PORT = 18_923


def megabytes(process: int) -> float:
    """Proportional share of memory of a process (NaN where the system does not tell)."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else float("nan")


def start_lab(folder: str) -> tuple[subprocess.Popen[bytes], float]:
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
        *(
            f"--port={PORT}",
            "--port-retries=0",
            "--IdentityProvider.token=x",
            f"--notebook-dir={ROOT}",
        ),
    ]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": folder, "JUPYTER_RUNTIME_DIR": folder}
    start = time.perf_counter()
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{PORT}/api/status?token=x"
    for _ in range(1200):
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                json.load(answer)
            return server, time.perf_counter() - start
        except OSError:
            time.sleep(0.05)
    server.terminate()
    raise SystemExit("JupyterLab did not answer within a minute.")


def to_first_figure() -> tuple[float, float, float]:
    """Seconds until the kernel is there, seconds of the cells, and the kernel's memory."""
    cells = nbformat.read(LECTURE, as_version=4).cells
    start = time.perf_counter()
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(LECTURE.parent))
    ready = time.perf_counter()
    seen = False

    def watch(message: dict) -> None:
        nonlocal seen
        seen |= "image/png" in message["content"].get("data", {})

    try:
        for cell in cells:
            if cell.cell_type == "code" and not seen:
                client.execute_interactive(cell.source, output_hook=watch, timeout=120)
        done = time.perf_counter()
        memory = megabytes(manager.provisioner.process.pid)  # type: ignore[union-attr]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return ready - start, done - ready, memory


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server, seconds = start_lab(folder)
        try:
            kernel, cells, memory = to_first_figure()
            lab = megabytes(server.pid)
        finally:
            server.terminate()
            server.wait()
    print(f"JupyterLab answers after {seconds:.1f} s and holds {lab:.0f} MB")
    print(f"a kernel is ready after {kernel:.1f} s; first cell to first figure {cells:.1f} s")
    print(f"the kernel then holds {memory:.0f} MB: {lab + memory:.0f} MB for one student")


if __name__ == "__main__":
    main()
