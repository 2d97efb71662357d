"""Run the answer cells of one submission in a process of its own and send back what they left.

This is the only place where students' code runs when notebooks are marked. The process knows no
expected answers and gives no verdicts; its copy of the package has none (``tree``). It evaluates
the cells in an IPython shell and sends each answer as plain data (``exercises.judging.plain``), one
JSON object a line, to the process that marks. Whatever the cells do to this process changes nothing
but their own answers.

Everything is closed before any of their code runs (``closing``, ``syscalls``); the parent keeps
the time. ``python -m mlm_helpers.authoring.marking.sandbox`` reads a job from standard input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from mlm_helpers.authoring.marking.closing import (
    close_files,
    close_namespaces,
    die_with_parent,
    drop_capabilities,
    limit_resources,
)
from mlm_helpers.authoring.marking.syscalls import close_calls

Send = Callable[[dict[str, Any]], None]


# ---- running ------------------------------------------------------------------------------------
def serve(job: dict[str, Any], send: Send) -> None:
    """Run the cells of a job in order and send what each answer cell left."""
    from mlm_helpers.exercises.judging.plain import MISSING, to_plain

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
    from mlm_helpers.exercises.cells import as_code

    try:
        result = shell.run_cell(as_code(source), store_history=False)
    except BaseException as error:  # such as a KeyboardInterrupt that the cell raised itself
        return error
    return result.error_before_exec or result.error_in_exec


def _describe(error: BaseException | None) -> str:
    from mlm_helpers.exercises.cells import describe_error

    if error is None:
        return ""
    return "MemoryError" if isinstance(error, MemoryError) else describe_error(error)


# ---- closing ------------------------------------------------------------------------------------
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

    closed = set(job["closed"])
    if job["way"] == "own":
        closed |= _watched(job["parent"])
    alone = "processes" in closed and os.getuid() != 0  # nobody else's processes are counted
    limit_resources(job["memory"], job["seconds"], count=alone)
    if job["way"] == "own":
        drop_capabilities()
        closed |= close_files(os.getcwd(), job["read"], job["names"])
    if job["way"] != "none" and close_calls(None if "processes" in closed else os.getpid()):
        closed |= {"network", "processes", "memory of others", "calls"}
    send({"event": "ready", "id": "", "closed": sorted(closed)})
    if not set(job["required"]) <= closed:
        return 1  # nothing of a student's runs in a process that is not closed
    serve(job, send)
    return 0


def _watched(parent: int) -> set[str]:
    """Go on in a process below this one, which stays to end everything when the marking ends."""
    die_with_parent(signal.SIGTERM, parent)
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    closed = close_namespaces()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(signal.SIGKILL)
    return closed


if __name__ == "__main__":
    sys.exit(main())
