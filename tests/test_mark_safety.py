"""What runs answers can reach nothing: tried on both ways of closing it in."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlm_helpers.authoring.marking import command as command_module
from mlm_helpers.authoring.marking.command import protected
from mlm_helpers.authoring.marking.isolation import (
    Isolation,
    inside_of,
    isolation,
    python_roots,
    readable,
)
from mlm_helpers.authoring.marking.probe import try_out
from mlm_helpers.authoring.marking.runner import Job, Limits, Outcome, run_job
from mlm_helpers.authoring.marking.store import Store
from mlm_helpers.authoring.marking.syscalls import filter_program
from mlm_helpers.authoring.marking.tree import CARRIED, KEYED, make_tree, package_folder
from mlm_helpers.errors import MLMError

ROOT = Path(__file__).resolve().parent.parent
LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
WAYS = (["own"] if LANDLOCK else []) + (["bubble"] if shutil.which("bwrap") else [])
SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
FORK = """import os, time
for _ in range({}):
    if os.fork() == 0:
        {}
        time.sleep(60)
time.sleep(60)"""
LIMITS = Limits(cell=20, total=60, memory=1500)
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux is closed in")


@pytest.fixture(scope="module", params=WAYS)
def closed(request):
    with isolation(request.param, [ROOT / "exercises"]) as one:
        yield one


def run(closed: Isolation, *sources: str, limits: Limits = LIMITS) -> Outcome:
    cells = tuple(
        {"id": f"c{i}", "kind": "answer", "variable": "answer_q", "before": [], "source": source}
        for i, source in enumerate(sources)
    )
    return run_job(Job(cells), limits, closed)


# ---- nothing to find ----------------------------------------------------------------------------
def test_the_copy_of_the_package_has_no_keys(tmp_path):
    make_tree(tmp_path)
    there = {p.relative_to(tmp_path / "mlm_helpers").as_posix() for p in tmp_path.rglob("*.py")}
    keyed = {name for name in there if name.split("/")[0] in KEYED}
    assert {n for n in keyed if not n.endswith("__init__.py")} == set(CARRIED)
    assert {n for n in there - keyed if "/" not in n} == {
        p.name for p in package_folder().glob("*.py")
    }
    assert not list(tmp_path.rglob("*.j2"))
    assert not list(tmp_path.rglob("*.ipynb"))


@linux
def test_whatever_a_submission_should_not_do_is_refused(closed):
    refused, allowed = try_out(closed)
    assert allowed == []
    assert len(refused) == 11


@linux
def test_the_attempts_succeed_where_nothing_is_closed():
    with isolation("none", []) as open_:
        refused, allowed = try_out(open_)
    assert "read the keys of the exercises" in allowed
    assert "send signals to other programs" in allowed
    assert "leave programs running behind it" in allowed
    assert "change mode or time of a file of yours" in allowed
    assert len(allowed) == 11, refused


@linux
def test_keys_cannot_be_read_from_disk_by_another_python_or_by_import(closed):
    package = str(package_folder())
    outcome = run(
        closed,
        f"import pathlib\nanswer_q = [p.read_text() for p in pathlib.Path({str(ROOT)!r})"
        ".rglob('*.ipynb')]",
        "import subprocess, sys\nanswer_q = subprocess.run([sys.executable, '-c', "
        "'from mlm_helpers.exercises.session import exercise; "
        'print(exercise("part2").question("q1").right)\'], capture_output=True, text=True).stdout',
        "import sys\nfor n in [n for n in sys.modules if n.startswith('mlm_helpers')]: "
        "del sys.modules[n]\nfrom mlm_helpers.exercises.session import exercise as e\n"
        "answer_q = e('part2').question('q1').right",
        f"import sys\nsys.path.insert(0, {str(Path(package).parent)!r})\n"
        "for n in [n for n in sys.modules if n.startswith('mlm_helpers')]: del sys.modules[n]\n"
        "from mlm_helpers.exercises.part2 import questions\n"
        "answer_q = len(questions.__code__.co_code)",
        f"import glob, os\nanswer_q = str(glob.glob({package!r} + '/exercises/*')"
        " + [k for k in os.environ if k.startswith('XDG') or 'TOKEN' in k])",
    )
    said = {k: v.text for k, v in outcome.answers.items()}
    assert said.get("c0", "list") == "list"
    assert "c0" in outcome.stopped or outcome.answers["c0"].cells == ()
    assert not any(c.isdigit() for c in said.get("c1", ""))
    assert outcome.answers["c2"].kind == "other" if "c2" in outcome.answers else True
    assert "c3" not in outcome.answers or outcome.answers["c3"].kind == "other"
    assert said.get("c4", "[]") == "[]"


@linux
def test_nothing_stays_of_what_it_starts_and_writes(closed):
    sign = f"sign-{os.getpid()}-{closed.way}"
    outcome = run(
        closed,
        f"import subprocess, os\n"
        f"for new in (True, False):\n"
        f"    try: subprocess.Popen({[*SLEEPER, sign]!r}, start_new_session=new)\n"
        f"    except Exception: pass\n"
        f"if os.fork() == 0:\n"
        f"    import time; time.sleep(300)\n"
        f"answer_q = os.getcwd()",
    )
    folder = outcome.answers["c0"].text
    time.sleep(0.3)
    assert not any(
        sign in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])
    )
    assert folder == "/answers" or not Path(folder).exists()


@linux
@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (FORK.format(200, "pass"), "started more than"),
        (FORK.format(4, "b = bytearray(5 * 10**8)"), "used more than 1500 MB"),
        ("for i in range(50): open(f'f{i}', 'wb').write(b'x' * 50 * 10**6)", ""),
        ("import os\nos.write(os.memfd_create('x'), b'x' * 10**7)", "PermissionError"),
        ("open('big', 'wb').write(b'x' * 10**9)", ""),
    ],
)  # fmt: skip
def test_processes_memory_and_files_are_limited_together(closed, source, sentence):
    outcome = run(closed, source, "answer_q = 1")
    assert sentence in outcome.stopped["c0"]
    assert outcome.answers["c1"].text == "1"


@linux
def test_what_it_says_about_itself_is_not_believed(closed):
    forged = (
        "import json, os\n"
        "for e in ({'event': 'ready', 'closed': []}, {'event': 'given', 'id': 'x', 'error': ''}, "
        "{'event': 'answer', 'id': 'c1', 'plain': {'kind': 'fit', 'text': '', 'columns': [], "
        "'index': ['gamma00'], 'cells': [], 'pairs': {}}}):\n"
        "    for fd in range(3, 12):\n"
        "        try: os.write(fd, json.dumps(e).encode() + b'\\n')\n        except OSError: pass\n"
        "answer_q = 1"
    )
    outcome = run(closed, forged, "answer_q = '\\ud800'", "raise ValueError('\\ud800')")
    assert not outcome.broken
    assert outcome.answers["c1"].text == "?"
    assert "ValueError" in outcome.stopped["c2"]


# ---- ending -------------------------------------------------------------------------------------
@linux
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_everything_ends_with_the_marker(way, number, tmp_path):
    sign = f"end-{way}-{number}-{os.getpid()}"
    source = f"import subprocess\nsubprocess.Popen({[*SLEEPER, sign]!r})\nwhile True: pass"
    cell = {"id": "c", "kind": "answer", "variable": "answer_q", "before": [], "source": source}
    program = (
        "from mlm_helpers.authoring.marking.isolation import isolation\n"
        "from mlm_helpers.authoring.marking.runner import Job, Limits, run_job\n"
        f"with isolation({way!r}, []) as closed:\n"
        f"    run_job(Job(({cell!r},)), Limits(60, 60, 1500), closed)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    marker = subprocess.Popen([sys.executable, "-c", program], env=environment)

    def there() -> bool:
        return any(sign in (p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))

    end = time.monotonic() + 60
    while not there() and time.monotonic() < end:
        time.sleep(0.1)
    assert there()
    os.kill(marker.pid, number)
    marker.wait()
    end = time.monotonic() + 5
    while there() and time.monotonic() < end:
        time.sleep(0.1)
    assert not there()


# ---- where there is no protection ---------------------------------------------------------------
def test_without_protection_marking_refuses_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(command_module, "ways", lambda: ["none"])
    with pytest.raises(MLMError, match="does not protect you"), protected([]):
        pass
    with protected([], unsafe=True) as (closed, protection):
        assert closed.way == "none"
    assert "There was no protection in this run" in protection.sentence
    assert "refused" not in protection.sentence


def test_a_way_that_lets_something_through_is_not_used(monkeypatch):
    monkeypatch.setattr(command_module, "ways", lambda: ["own", "none"])
    monkeypatch.setattr(command_module, "try_out", lambda _: ([], ["read the keys"]))
    with pytest.raises(MLMError, match="A submission could read the keys"), protected([]):
        pass


def test_verdicts_of_an_unprotected_run_are_not_kept(tmp_path):
    store = Store(None)
    store.put("a", 1)
    assert store.get("a") == 1
    assert Store(None).get("a") is None


# ---- what may be read ---------------------------------------------------------------------------
def test_what_is_hidden_is_taken_out_of_what_may_be_read(tmp_path):
    for name in ("lib/numpy", "lib/mlm_helpers/exercises", "lib/other", "bin"):
        (tmp_path / name).mkdir(parents=True)
    hidden = tmp_path / "lib" / "mlm_helpers"
    read, names = readable([tmp_path], [hidden, Path("/elsewhere")])
    assert read == [tmp_path / "bin", tmp_path / "lib/numpy", tmp_path / "lib/other"]
    assert names == [tmp_path, tmp_path / "lib"]
    assert inside_of([hidden, tmp_path, tmp_path.parent], [tmp_path]) == [hidden]
    assert not any(Path.home() == root for root in python_roots())


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@linux
def test_the_filter_ends_in_a_verdict_whatever_the_call(machine):
    program = filter_program(machine, 4711)
    steps = [program[i : i + 8] for i in range(0, len(program), 8)]
    assert len(program) % 8 == 0
    for at, step in enumerate(steps):
        code, yes, no = int.from_bytes(step[:2], "little"), step[2], step[3]
        assert code == 0x06 or at + 1 + max(yes, no) < len(steps)
    assert int.from_bytes(steps[-1][:2], "little") == 0x06
    assert filter_program("s390x", None) == b""
