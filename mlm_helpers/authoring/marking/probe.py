"""Try, at the start of a marking run, what a submission must not be able to do.

The attempts run exactly where and how submissions run. What the class page says about protection
is what was refused here, in this run: nothing that a process says about itself is believed where
its effect can be looked at from outside.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from mlm_helpers.authoring.marking.isolation import Isolation
from mlm_helpers.authoring.marking.runner import Job, Limits, run_job
from mlm_helpers.authoring.marking.tree import package_folder

_SECONDS = Limits(cell=20, total=60, memory=2000)


@dataclass(frozen=True)
class Attempt:
    """``refused`` completes "a submission could not ..."; ``source`` sets ``answer_try`` to "done"
    when it was not refused, and ``happened`` looks at its effect from outside."""

    refused: str
    source: str
    happened: Callable[[], bool] = lambda: False


def try_out(isolation: Isolation) -> tuple[list[str], list[str]]:
    """What was refused and what was not, each as the end of "a submission could (not) ..."."""
    with _targets() as attempts:
        cells = tuple(
            {"id": f"try-{i}", "kind": "answer", "variable": "answer_try", "before": [],
             "source": f"answer_try = 'refused'\n{a.source}\nanswer_try = 'done'"}
            for i, a in enumerate(attempts)
        )  # fmt: skip
        outcome = run_job(Job(cells), _SECONDS, isolation)
        if outcome.broken:
            return [], [a.refused for a in attempts]
        held: dict[bool, list[str]] = {True: [], False: []}
        for i, attempt in enumerate(attempts):
            answer = outcome.answers.get(f"try-{i}")
            done = (answer is not None and answer.text == "done") or attempt.happened()
            held[not done].append(attempt.refused)
        return held[True], held[False]


@contextmanager
def _targets() -> Iterator[list[Attempt]]:
    """Something of each kind to reach for, and the attempts to reach it."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="probe-", ignore_cleanup_errors=True)
            )
        )
        yield [*_files(folder), *_connections(stack, folder), *_processes(stack)]


def _files(folder: Path) -> list[Attempt]:
    mine = folder / "mine.txt"
    mine.write_text("mine", encoding="utf-8")
    mine.chmod(0o600)
    before = mine.stat()
    new = folder / "new.txt"
    keys = [str(p) for p in sorted((package_folder() / "exercises").glob("*.py"))]

    def changed() -> bool:
        now = mine.stat()
        return (now.st_mode, now.st_mtime_ns) != (before.st_mode, before.st_mtime_ns)

    return [
        Attempt("read the keys of the exercises", f"for name in {keys!r}: open(name).read()"),
        Attempt("read other files of yours", f"open({str(mine)!r}).read()"),
        Attempt("write outside a private folder", f"open({str(new)!r}, 'w').close()", new.exists),
        Attempt(
            "change mode or time of a file of yours",
            "import os\n"
            f"for change in (lambda: os.chmod({str(mine)!r}, 0o666), "
            f"lambda: os.utime({str(mine)!r}, (1, 1))):\n"
            "    try: change()\n    except OSError: pass\nraise PermissionError",
            changed,
        ),
        Attempt(
            "read what the marker's environment holds",
            f"open('/proc/{os.getpid()}/environ', 'rb').read()",
        ),
    ]


def _connections(stack: ExitStack, folder: Path) -> list[Attempt]:
    tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    for one in (tcp, udp):
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)
    tcp.listen(1)
    out = [
        Attempt(
            "open a connection (TCP)",
            f"import socket\nsocket.create_connection({tcp.getsockname()!r}, 2)",
        ),
        Attempt(
            "send a message over the network (UDP)",
            "import socket\n"
            f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', {udp.getsockname()!r})\n"
            "raise PermissionError",
            lambda: _received(udp),
        ),
    ]
    if hasattr(socket, "AF_UNIX"):
        unix = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        path = str(folder / "socket")
        unix.bind(path)
        unix.listen(1)
        source = f"import socket\nsocket.socket(socket.AF_UNIX).connect({path!r})"
        out.append(Attempt("reach other programs (UNIX sockets)", source))
    return out


def _received(udp: socket.socket) -> bool:
    try:
        return bool(udp.recv(10))
    except OSError:
        return False


def _processes(stack: ExitStack) -> list[Attempt]:
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    victim = subprocess.Popen(sleeper, stdin=subprocess.DEVNULL)
    stack.callback(victim.wait)
    stack.callback(victim.kill)
    sign = f"left-{secrets.token_hex(8)}"
    # a child of a child in a session of its own, which nobody above it knows any more
    leave = (
        "import os\n"
        "if os.fork() == 0:\n"
        "    try: os.setsid()\n"
        "    except OSError: pass\n"
        f"    if os.fork() == 0: os.execv({sys.executable!r}, {[*sleeper, sign]!r})\n"
        "    os._exit(0)\n"
        "os.wait()\nraise PermissionError"
    )
    key = secrets.randbelow(2**30) + 1
    return [
        Attempt(
            "send signals to other programs",
            f"import os\nos.kill({victim.pid}, 9)\nraise PermissionError",
            lambda: victim.poll() is not None,
        ),
        Attempt(
            "leave programs running behind it",
            leave,
            lambda: _still_there(sign),
        ),
        Attempt(
            "share memory with other programs (SysV)",
            f"import ctypes\nctypes.CDLL(None).shmget({key}, 100, 0o1600)\nraise PermissionError",
            lambda: _shared(key),
        ),
    ]


def _still_there(sign: str) -> bool:
    time.sleep(0.2)
    left = [p for p in psutil.process_iter(["cmdline"]) if sign in (p.info["cmdline"] or [])]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return bool(left)


def _shared(key: int) -> bool:
    try:
        lines = Path("/proc/sysvipc/shm").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return False
    return any(int(line.split()[0]) == key for line in lines)
