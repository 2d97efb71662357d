"""Start the process in which a submission's cells run, watch over it, and collect its answers."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from mlm_helpers.authoring.marking.closing import MOST_PROCESSES
from mlm_helpers.authoring.marking.isolation import FOLDER_LIMIT, Isolation
from mlm_helpers.authoring.marking.texts import clean
from mlm_helpers.exercises.judging.plain import Plain

STARTING = 120.0  # seconds for Python and the package to start, on a busy machine
LOOK = 0.25  # seconds between two looks at what a submission uses
LONGEST_LINE = 4 * 1024 * 1024
LONGEST_OUTPUT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds per cell, seconds in all, megabytes of memory."""

    cell: float = 60.0
    total: float = 300.0
    memory: int = 3000


@dataclass(frozen=True)
class Job:
    """What is run: the cells in order, the student's own cells, and files the cells read."""

    cells: tuple[dict[str, Any], ...]
    extra: tuple[dict[str, str], ...] = ()
    files: tuple[Path, ...] = ()


@dataclass
class Outcome:
    """What came back: per answer cell a ``Plain``, or a sentence on why there is none, and in
    ``said`` the text of the error. ``broken`` is a sentence when nothing could be run."""

    answers: dict[str, Plain] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    broken: str = ""


def run_job(job: Job, limits: Limits, isolation: Isolation) -> Outcome:
    """Run the cells. A cell that ends or outlasts its process is left out, and the rest is run
    again without it. Only the time from the first answer cell on counts as the submission's."""
    outcome = Outcome()
    cells, left = list(job.cells), limits.total
    while True:
        run = _Run(cells, job, limits, left, outcome, isolation)
        culprit = run.culprit()
        left -= run.used
        if culprit is None:
            return outcome
        if not any(c["id"] == culprit and c["kind"] == "answer" for c in cells):
            outcome.broken = outcome.broken or "The notebook's own cells could not be run here."
            return outcome
        cells = [c for c in cells if c["id"] != culprit]
        if left <= 0:
            late = "not run: the cells before it used up the time for this notebook."
            for name in [c["id"] for c in cells if c["kind"] == "answer"]:
                if name not in outcome.answers:
                    outcome.stopped.setdefault(name, late)
            return outcome


class _Run:
    """One process."""

    def __init__(
        self,
        cells: list[dict[str, Any]],
        job: Job,
        limits: Limits,
        left: float,
        outcome: Outcome,
        isolation: Isolation,
    ):
        self.cells, self.job, self.limits, self.left = cells, job, limits, left
        self.outcome, self.isolation = outcome, isolation
        self.answers = {c["id"] for c in cells if c["kind"] == "answer"}
        self.first: float | None = None  # when the first answer cell began

    @property
    def used(self) -> float:
        """Seconds since the first answer cell began: before, nothing of the student's runs."""
        return time.monotonic() - self.first if self.first is not None else 0.0

    def _deadline(self, cell: str) -> float:
        """Until when a cell that begins now may run."""
        now = time.monotonic()
        if self.first is None and cell not in self.answers:
            return now + STARTING
        self.first = now if self.first is None else self.first
        return min(now + self.limits.cell, self.first + self.left)

    def culprit(self) -> str | None:
        """None when all cells were run, else the id of the one that ended the process."""
        with _private_folder() as folder:
            process = self.isolation.start(folder, self.job.files)
            try:
                return self._listen(process, _events(process, self._message()), folder)
            finally:
                _end(process)
                self.isolation.running.discard(process)

    def _message(self) -> bytes:
        about = {
            "cells": self.cells,
            "extra": list(self.job.extra),
            "memory": self.limits.memory,
            "seconds": int(self.limits.total) + 60,
        }
        return json.dumps(about | self.isolation.job()).encode()

    def _listen(self, process: subprocess.Popen[bytes], events: Any, folder: str) -> str | None:
        current, deadline = "", time.monotonic() + STARTING
        while True:
            try:
                event = events.get(timeout=max(0.0, min(LOOK, deadline - time.monotonic())))
            except queue.Empty:
                reason = self._too_much(process, folder)
                if not reason and time.monotonic() >= deadline:
                    reason = f"ran longer than {self._seconds():g} seconds: does a loop never end?"
                if not reason:
                    continue
                self.outcome.stopped[current] = f"the answer cell {reason}"
                return current
            if event is None:
                _end(process)
                self.outcome.stopped[current] = _why_ended(process.returncode)
                return current
            if event.get("event") == "done":
                return None
            if event.get("event") == "start":
                current = clean(str(event.get("id", "")))
                deadline = self._deadline(current)
            elif current:  # what is said before the first cell is not about an answer
                self._take(event, current)

    def _take(self, event: dict[str, Any], current: str) -> None:
        kind, name = event.get("event"), clean(str(event.get("id", "")))
        error = clean(str(event.get("error", "")))
        if kind == "given" and error:
            self.outcome.broken = f"The notebook's own cell {name[:80]} stopped with {error[:300]}."
        elif kind == "error":
            # the text of an error is the student's own: it is kept for the instructor only
            kind_and_line, _, self.outcome.said[name] = error.partition(" (")
            self.outcome.stopped[name] = _stopped_sentence(kind_and_line)
        elif kind == "answer":
            self.outcome.answers[name] = Plain.from_json(event.get("plain"))

    def _seconds(self) -> float:
        return self.limits.cell if self.used < self.left else self.limits.total

    def _too_much(self, process: subprocess.Popen[bytes], folder: str) -> str:
        """Whether what was started uses too much together; the end of a sentence, or nothing."""
        family = _family(process)
        if len(family) > MOST_PROCESSES:
            return f"started more than {MOST_PROCESSES} processes."
        memory = 0
        for member in family:
            with contextlib.suppress(psutil.Error):
                memory += member.memory_info().rss
        if memory > self.limits.memory * 1024**2:
            return f"used more than {self.limits.memory} MB of memory with what it started."
        if _size(folder) > FOLDER_LIMIT:
            return f"wrote more than {FOLDER_LIMIT // 1024**2} MB."
        return ""


def _stopped_sentence(error: str) -> str:
    if error.startswith("MemoryError"):
        return "the answer cell ran out of memory."
    return f"the answer cell stopped with {error[:80]}."


def _why_ended(code: int | None) -> str:
    if code in (-signal.SIGSEGV, -signal.SIGABRT, 128 + signal.SIGSEGV, 128 + signal.SIGABRT):
        return "the answer cell crashed Python."
    return "the answer cell ended Python instead of leaving an answer."


@contextlib.contextmanager
def _private_folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="marking-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _size(folder: str) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def end_all(isolation: Isolation) -> None:
    """End what is still running, when the marking is broken off."""
    isolation.stopping.set()
    for process in list(isolation.running):
        _end(process)


# ---- the process --------------------------------------------------------------------------------
def _events(process: subprocess.Popen[bytes], job: bytes) -> Any:
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


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        first = psutil.Process(process.pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it has started."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.05)
    family = _family(process)
    if os.name != "nt":
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    for member in family:
        with contextlib.suppress(psutil.Error, OSError):
            member.kill()
    process.wait()
