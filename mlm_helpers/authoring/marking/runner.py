"""Start the process in which a submission's cells run, watch over it, and collect its answers."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.marking.submissions import Submission
from mlm_helpers.exercises.judging.plain import Plain

STARTING = 120.0  # seconds for Python and the package to start, on a busy machine
LONGEST_LINE = 4 * 1024 * 1024
LONGEST_OUTPUT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds per cell, seconds in all, megabytes of memory."""

    cell: float = 60.0
    total: float = 300.0
    memory: int = 3000


@dataclass
class Outcome:
    """What came back: per answer cell a ``Plain`` or a sentence on why there is none."""

    answers: dict[str, Plain] = field(default_factory=dict)
    stopped: dict[str, tuple[str, str]] = field(default_factory=dict)  # id: (state, sentence)
    broken: str = ""
    closed: tuple[str, ...] = ()


def run_submission(submission: Submission, limits: Limits, files: tuple[Path, ...] = ()) -> Outcome:
    """Run a submission's cells. A cell that ends or outlasts its process is left out, and the rest
    is run again without it. ``files`` are what the notebook's own cells read: copies of them lie in
    the folder in which the cells run."""
    outcome = Outcome()
    cells = list(submission.cells)
    end = time.monotonic() + limits.total
    while True:
        culprit = _run_once(cells, submission.extra, limits, end, outcome, files)
        if culprit is None:
            return outcome
        if not any(c["id"] == culprit and c["kind"] == "answer" for c in cells):
            outcome.broken = outcome.broken or "The notebook's own cells could not be run here."
            return outcome
        cells = [c for c in cells if c["id"] != culprit]
        waiting = [c["id"] for c in cells if c["kind"] == "answer"]
        if time.monotonic() >= end:
            for name in waiting:
                if name not in outcome.answers and name not in outcome.stopped:
                    outcome.stopped[name] = (
                        "stopped",
                        "not run: the cells before it used up the time for this notebook.",
                    )
            return outcome


def _run_once(
    cells: list[dict[str, Any]],
    extra: tuple[dict[str, str], ...],
    limits: Limits,
    end: float,
    outcome: Outcome,
    files: tuple[Path, ...],
) -> str | None:
    """One process. Returns None when all cells were run, else the id of the one that ended it."""
    folder = tempfile.mkdtemp(prefix="marking-")
    for file in files:
        shutil.copy(file, folder)
    job = {
        "cells": cells,
        "extra": list(extra),
        "memory": limits.memory,
        "seconds": int(limits.total) + 60,
    }
    process = _start(folder)
    try:
        events = _events(process, json.dumps(job).encode())
        return _listen(process, events, limits, end, outcome)
    finally:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _listen(
    process: subprocess.Popen[bytes],
    events: queue.Queue[dict[str, Any] | None],
    limits: Limits,
    end: float,
    outcome: Outcome,
) -> str | None:
    current, deadline = "", time.monotonic() + STARTING
    while True:
        try:
            event = events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            seconds = limits.cell if time.monotonic() < end else limits.total
            outcome.stopped[current] = (
                "stopped",
                f"the answer cell ran longer than {seconds:g} seconds: does a loop never end?",
            )
            return current
        if event is None:
            _end(process)
            outcome.stopped[current] = ("stopped", _why_ended(process.returncode))
            return current
        kind, name = event.get("event"), str(event.get("id", ""))
        if kind == "done":
            return None
        if kind == "ready":
            outcome.closed = tuple(str(c) for c in event.get("closed", []))
        elif kind == "start":
            current, deadline = name, min(time.monotonic() + limits.cell, end)
        elif kind == "given" and event.get("error"):
            outcome.broken = f"The notebook's own cell {name} stopped with {event['error']}."
        elif kind == "error":
            outcome.stopped[name] = ("stopped", _stopped_sentence(str(event.get("error", ""))))
        elif kind == "answer":
            outcome.answers[name] = Plain.from_json(event.get("plain"))


def _stopped_sentence(error: str) -> str:
    if error.startswith("MemoryError"):
        return "the answer cell ran out of memory."
    return f"the answer cell stopped with {error[:300]}."


def _why_ended(code: int | None) -> str:
    if code in (-signal.SIGSEGV, -signal.SIGABRT, 128 + signal.SIGSEGV, 128 + signal.SIGABRT):
        return "the answer cell crashed Python."
    return "the answer cell ended Python instead of leaving an answer."


# ---- the process --------------------------------------------------------------------------------
def _start(folder: str) -> subprocess.Popen[bytes]:
    import mlm_helpers

    home = str(Path(mlm_helpers.__file__).resolve().parent.parent)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")}
    environment = {
        **kept,
        "PYTHONPATH": home,
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": folder,
        "TMPDIR": folder,
        "TEMP": folder,
        "TMP": folder,
        "IPYTHONDIR": folder,
        "MPLCONFIGDIR": folder,
        "MPLBACKEND": "agg",
        # One thread each: several submissions run side by side, and threads take memory.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    options: dict[str, Any] = {"start_new_session": True} if os.name != "nt" else {}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mlm_helpers.authoring.marking.sandbox"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **options,
    )


def _events(process: subprocess.Popen[bytes], job: bytes) -> queue.Queue[dict[str, Any] | None]:
    """What the process sends, as it comes; None at its end. Nonsense and floods end the reading."""
    found: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def read() -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.write(job)
            process.stdin.close()
        total = 0
        while total < LONGEST_OUTPUT:
            line = process.stdout.readline(LONGEST_LINE)
            total += len(line)
            if not line:
                break
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                break
            if isinstance(event, dict):
                found.put(event)
        found.put(None)

    threading.Thread(target=read, daemon=True).start()
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it has started."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.05)
    if os.name != "nt":
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()
