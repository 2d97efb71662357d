"""Run the answer cells of one submission in a process of its own and send back what they left.

This is the only place where students' code runs when notebooks are marked. The process knows no
expected answers and gives no verdicts: it evaluates the cells in an IPython shell and sends each
answer as plain data (``checks.plain``), one JSON object a line, to the process that marks. Whatever
the cells do to this process (redefine ``check``, patch the package, print verdicts) changes
nothing but their own answers.

What the system allows is closed before any of their code runs: the network, writing outside a
private folder, signals to other processes; memory and file size are limited. The parent keeps the
time. ``python -m mlm_helpers.authoring.marking.sandbox`` reads a job from standard input.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

MEGABYTE = 1024 * 1024
FILE_LIMIT = 64 * MEGABYTE

Send = Callable[[dict[str, Any]], None]


# ---- closing the process in -------------------------------------------------------------------
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_FS_WRITES = 0b1111111110010  # write, remove, make; not execute and read
_FS_REFER, _FS_TRUNCATE = 1 << 13, 1 << 14


def close_namespaces() -> set[str]:
    """Own network and own process numbers, on Linux where it is allowed. The caller's process
    stays outside the new process numbers; what it forks next is inside."""
    if not sys.platform.startswith("linux"):
        return set()
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    flags = _CLONE_NEWNET | _CLONE_NEWPID
    if user != 0:
        flags |= _CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        return set()
    if user != 0:
        for path, text in (
            ("/proc/self/setgroups", "deny"),
            ("/proc/self/uid_map", f"{user} {user} 1"),
            ("/proc/self/gid_map", f"{group} {group} 1"),
        ):
            with contextlib.suppress(OSError), open(path, "w") as file:
                file.write(text)
    return {"network", "processes"}


def close_files(folder: str) -> set[str]:
    """Allow writing in ``folder`` only, and no signals to processes outside (Landlock, Linux)."""
    if not sys.platform.startswith("linux"):
        return set()
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return set()
    rights = _FS_WRITES | (_FS_REFER if abi >= 2 else 0) | (_FS_TRUNCATE if abi >= 3 else 0)
    attributes = struct.pack("=QQQ", rights, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    attributes = attributes[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return set()
    for path in (folder, "/dev/null"):
        allowed = rights if os.path.isdir(path) else rights & (0b10 | _FS_TRUNCATE)
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        libc.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", allowed, fd), 0)
        os.close(fd)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    closed = libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    if not closed:
        return set()
    return {"files"} | ({"tcp"} if abi >= 4 else set()) | ({"signals"} if abi >= 6 else set())


def limit_resources(memory: int, seconds: int) -> set[str]:
    """Limit memory (in megabytes), processor time and the size of files, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return set()
    done = set()
    for what, name, value in (
        (resource.RLIMIT_AS, "memory", memory * MEGABYTE),
        (resource.RLIMIT_CPU, "time", seconds),
        (resource.RLIMIT_FSIZE, "file size", FILE_LIMIT),
        (resource.RLIMIT_CORE, "core", 0),
    ):
        try:
            _, hard = resource.getrlimit(what)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (value, value))
            done.add(name)
        except (ValueError, OSError):
            continue
    return done


# ---- the notebook without its keys --------------------------------------------------------------
class _Silent:
    """Stands in for an exercise: checks, hints and boards do nothing here."""

    answers: dict[str, str] = {}  # noqa: RUF012

    def __getattr__(self, name: str) -> Callable[..., _Silent]:
        return lambda *args, **options: _Silent()


def hide_keys() -> None:
    """Replace ``exercise`` by a stand-in and make the questions impossible to import."""
    import mlm_helpers
    from mlm_helpers import exercises as checks

    for owner in (mlm_helpers, checks):
        owner.__dict__["exercise"] = lambda *args, **options: _Silent()
    hidden = ("part1", "part2", "part3", "part4", "questions", "session", "judging.ideas")
    for name in hidden:
        sys.modules[f"mlm_helpers.exercises.{name}"] = None  # type: ignore[assignment]


# ---- running ------------------------------------------------------------------------------------
def serve(job: dict[str, Any], send: Send) -> None:
    """Run the cells of a job in order and send what each answer cell left."""
    from mlm_helpers.exercises.judging.plain import MISSING, to_plain

    hide_keys()
    shell = _shell()
    extra = {cell["id"]: cell for cell in job["extra"]}
    for cell in job["cells"]:
        send({"event": "start", "id": cell["id"]})
        shell.user_ns.pop(cell.get("variable", ""), None)
        error = _run(shell, cell["source"])
        if isinstance(error, NameError) and cell["kind"] == "answer":
            # The student may have put a step into a cell of their own: run those, then try again.
            for name in [e for e in cell["before"] if e in extra]:
                _run(shell, extra.pop(name)["source"])
            error = _run(shell, cell["source"])
        if cell["kind"] == "given":
            send({"event": "given", "id": cell["id"], "error": _describe(error)})
        elif error is not None:
            send({"event": "error", "id": cell["id"], "error": _describe(error)})
        else:
            there = cell["variable"] in shell.user_ns
            plain = to_plain(shell.user_ns[cell["variable"]]) if there else MISSING
            send({"event": "answer", "id": cell["id"], "plain": plain.to_json()})
    send({"event": "done", "id": ""})


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=config)


def _run(shell: Any, source: str) -> BaseException | None:
    """Run one cell; the exception it ended with, or None."""
    try:
        result = shell.run_cell(source, store_history=False)
    except BaseException as error:  # such as a KeyboardInterrupt that the cell raised itself
        return error
    return result.error_before_exec or result.error_in_exec


def _describe(error: BaseException | None) -> str:
    from mlm_helpers.exercises.cells import describe_error

    if error is None:
        return ""
    return "MemoryError" if isinstance(error, MemoryError) else describe_error(error)


def main() -> int:
    """Read a job, close the process in, run the cells."""
    job = json.loads(sys.stdin.buffer.read())
    answers = os.dup(1)
    os.set_inheritable(answers, False)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)

    def send(message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(answers, line) :]

    closed = close_namespaces()
    if "processes" in closed:
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status) & 0xFF
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    closed |= limit_resources(job["memory"], job["seconds"])
    closed |= close_files(os.getcwd())
    send({"event": "ready", "id": "", "closed": sorted(closed)})
    serve(job, send)
    return 0


if __name__ == "__main__":
    sys.exit(main())
