"""The one command: what it decides and what it says, without a network or an installation."""

from __future__ import annotations

import ast
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import course

SOURCE = Path(course.__file__).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course in a folder with a space and an accent, and no environment yet."""
    root = tmp_path / "Mon été"
    root.mkdir()
    for name in (*course.TEST, "pyproject.toml"):
        (root / name).write_text("numpy==2.4.6\n", encoding="utf-8")
    monkeypatch.setattr(course, "ROOT", root)
    monkeypatch.setattr(course, "VENV", root / ".venv")
    monkeypatch.setattr(course, "STAMP", root / ".venv" / "course.json")
    monkeypatch.setattr(course, "NEEDED_BYTES", 0)
    return root


@pytest.fixture
def steps(folder, monkeypatch):
    """What would be installed, as a list of commands; the environment's Python always answers."""
    commands: list[list[str]] = []

    def follow(command, total):
        commands.append(command)
        if command[1:3] == ["-m", "venv"]:
            course.venv_python().parent.mkdir(parents=True)
            course.venv_python().touch()

    monkeypatch.setattr(course, "follow", follow)
    monkeypatch.setattr(course, "answers", lambda python: python.exists())
    return commands


def kinds(commands):
    return ["venv" if c[1:3] == ["-m", "venv"] else "pip" for c in commands]


# --- an old Python ----------------------------------------------------------------------------


def test_python_3_6_can_read_the_file():
    ast.parse(SOURCE, feature_version=(3, 6))


def test_only_the_standard_library_is_imported():
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
    }
    assert imported <= sys.stdlib_module_names


def test_an_old_python_is_told_so(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert course.main(["lab"]) == 1
    assert "needs Python 3.11 or newer, this is 3.9.18" in capsys.readouterr().err


# --- the environment --------------------------------------------------------------------------


def test_first_start_makes_the_environment_and_the_second_finds_it(steps):
    python = course.ready(course.RUN, here=False)
    assert python == course.venv_python()
    assert kinds(steps) == ["venv", "pip", "pip"]
    assert steps[1][-2:] == ["-r", str(course.ROOT / "requirements.txt")]
    assert steps[2][-1] == str(course.ROOT)
    steps.clear()
    assert course.ready(course.RUN, here=False) == python
    assert steps == []


def test_testing_adds_its_packages_to_the_same_environment(steps):
    course.ready(course.RUN, here=False)
    steps.clear()
    course.ready(course.TEST, here=False)
    assert kinds(steps) == ["pip", "pip"]
    steps.clear()
    course.ready(course.RUN, here=False)
    course.ready(course.TEST, here=False)
    assert steps == []


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_a_changed_list_is_installed(steps, name):
    course.ready(course.RUN, here=False)
    steps.clear()
    (course.ROOT / name).write_text("numpy==3.0.0\n", encoding="utf-8")
    course.ready(course.RUN, here=False)
    assert kinds(steps) == ["pip", "pip"]


def test_another_python_gets_a_new_environment(steps, monkeypatch):
    course.ready(course.RUN, here=False)
    steps.clear()
    monkeypatch.setattr(course, "here_version", lambda: (3, 99))
    course.ready(course.RUN, here=False)
    assert kinds(steps) == ["venv", "pip", "pip"]


def test_a_moved_course_gets_a_new_environment(steps, folder, monkeypatch):
    course.ready(course.RUN, here=False)
    steps.clear()
    moved = folder.with_name("elsewhere")
    folder.rename(moved)
    monkeypatch.setattr(course, "ROOT", moved)
    monkeypatch.setattr(course, "VENV", moved / ".venv")
    monkeypatch.setattr(course, "STAMP", moved / ".venv" / "course.json")
    course.ready(course.RUN, here=False)
    assert kinds(steps) == ["venv", "pip", "pip"]


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}"])
def test_a_half_made_environment_is_made_again(steps, content):
    left_over = course.VENV / "left_over.txt"
    course.VENV.mkdir()
    left_over.touch()
    if content is not None:
        course.STAMP.write_text(content, encoding="utf-8")
    course.ready(course.RUN, here=False)
    assert kinds(steps) == ["venv", "pip", "pip"]
    assert not left_over.exists()


def test_an_environment_whose_python_is_gone_is_made_again(steps):
    course.ready(course.RUN, here=False)
    course.venv_python().unlink()
    steps.clear()
    course.ready(course.RUN, here=False)
    assert kinds(steps) == ["venv", "pip", "pip"]


def test_an_installation_that_fails_leaves_no_stamp(steps, monkeypatch):
    """Also when it fails while bringing a good environment up to date."""
    course.ready(course.RUN, here=False)
    (course.ROOT / "requirements.txt").write_text("numpy==3.0.0\n", encoding="utf-8")

    def fails(command, total):
        raise course.Stop("no")

    monkeypatch.setattr(course, "follow", fails)
    with pytest.raises(course.Stop):
        course.ready(course.RUN, here=False)
    assert not course.STAMP.exists()


def test_jupyterlab_asks_no_questions_at_the_start(steps):
    course.ready(course.RUN, here=False)
    settings = course.VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    (extension,) = json.loads(settings.read_text(encoding="utf-8")).items()
    assert extension[0] == "@jupyterlab/apputils-extension:notification"
    assert extension[1]["fetchNews"] == "false"


def test_here_uses_this_python_and_installs_nothing(steps):
    assert course.ready(course.TEST, here=True) == Path(sys.executable)
    assert steps == []


def test_the_stamp_holds_what_the_environment_depends_on(steps):
    course.ready(course.TEST, here=False)
    stamp = json.loads(course.STAMP.read_text(encoding="utf-8"))
    assert set(stamp) == {*course.TEST, "pyproject.toml", "made for"}
    assert stamp["made for"] == [f"{sys.version_info[0]}.{sys.version_info[1]}", str(course.VENV)]


def test_nothing_of_another_python_leaks_in(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PYTHONHOME", "elsewhere")
    variables = course.environment(Path("somewhere/bin/python"))
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(variables)
    assert variables["PATH"].startswith(str(Path("somewhere/bin")) + os.pathsep)


def test_an_environment_answers_only_when_its_python_can_import_the_package(tmp_path):
    assert course.answers(Path(sys.executable))
    assert not course.answers(tmp_path / "no-python-here")


# --- sentences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        ("OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
        (
            "WARNING: Retrying after NewConnectionError('getaddrinfo failed')\n"
            "ERROR: No matching distribution found for anyio==4.16.0",
            "no connection to the internet",
        ),
        ("ProxyError('Cannot connect to proxy.')\nNo matching distribution found", "proxy"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] ... No matching distribution found", "certificate"),
        ("ERROR: No matching distribution found for scipy==1.17.1", "made for Python 3.11 to 3.14"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "cannot be written to"),
        ("OSError: [Errno 30] Read-only file system: 'x'", "cannot be written to"),
        ("Enable Windows Long Path support", "too long"),
    ],
)
def test_a_failed_step_is_explained(folder, capsys, output, words):
    script = f"import sys; print({output!r}); sys.exit(1)"
    with pytest.raises(course.Stop) as stopped:
        course.follow([sys.executable, "-c", script], None)
    assert words in str(stopped.value)


def test_an_unknown_failure_shows_what_was_said_last(folder):
    with pytest.raises(course.Stop, match="could not be made:\n\nsomething new"):
        course.follow([sys.executable, "-c", "print('something new'); raise SystemExit(1)"], None)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "written to"), (errno.EACCES, "written to")],
)
def test_an_error_of_the_system_is_explained(steps, monkeypatch, capsys, number, words):
    def fails(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(course, "write_stamp", fails)
    assert course.main(["lab"]) == 1
    assert words in capsys.readouterr().err


def test_a_missing_venv_module_says_what_to_install(steps, monkeypatch, capsys):
    find = course.importlib.util.find_spec
    monkeypatch.setattr(
        course.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name)
    )
    assert course.main(["lab"]) == 1
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt install python{version}-venv" in capsys.readouterr().err
    assert steps == []


def test_too_little_space_is_said_before_anything_is_made(steps, monkeypatch, capsys):
    monkeypatch.setattr(course, "NEEDED_BYTES", 10**18)
    assert course.main(["lab"]) == 1
    assert "GB are free" in capsys.readouterr().err
    assert not course.VENV.exists()


def test_a_folder_that_cannot_be_written_to(steps, monkeypatch, capsys):
    monkeypatch.setattr(course.os, "access", lambda path, mode: False)
    assert course.main(["lab"]) == 1
    assert "cannot be written to" in capsys.readouterr().err
    assert not course.VENV.exists()


def test_the_environments_own_python_is_not_pulled_from_under_itself(steps, monkeypatch, capsys):
    monkeypatch.setattr(sys, "prefix", str(course.VENV))
    assert course.main(["lab"]) == 1
    assert "deactivate" in capsys.readouterr().err


# --- lab --------------------------------------------------------------------------------------


@pytest.fixture
def started(folder, monkeypatch):
    """The command that would become JupyterLab."""
    commands: list[list[str]] = []
    monkeypatch.setattr(course, "ready", lambda lists, here: Path("python"))
    monkeypatch.setattr(course, "hand_over", lambda command, _: commands.append(command) or 0)
    return commands


def add(path):
    (course.ROOT / path).parent.mkdir(exist_ok=True)
    (course.ROOT / path).touch()


def test_lab_opens_what_there_is_to_open(started):
    course.main(["lab"])
    add("walkthroughs/walkthrough00_other.ipynb")
    add("walkthroughs/walkthrough01_high_school_and_beyond.ipynb")
    course.main(["lab"])
    add(course.LECTURE)
    course.main(["lab"])
    opened = [arg for command in started for arg in command if "default_url" in arg]
    assert opened == [
        "--LabApp.default_url=/lab",
        "--LabApp.default_url=/lab/tree/walkthroughs/walkthrough01_high_school_and_beyond.ipynb",
        f"--LabApp.default_url=/lab/tree/{course.LECTURE}",
    ]


def test_lab_passes_options_on(started):
    course.main(["lab", "--no-browser", "--port", "9999", "--ServerApp.token=abc"])
    (command,) = started
    assert {"--no-browser", "--port=9999", "--ServerApp.token=abc"} <= set(command)
    assert f"--ServerApp.root_dir={course.ROOT}" in command


# --- test -------------------------------------------------------------------------------------


@pytest.fixture
def ran(folder, monkeypatch):
    """The commands that ``test`` runs; those that mention a word of ``fail`` fail."""
    commands: list[list[str]] = []
    fail: set[str] = set()

    def call(command, **_):
        commands.append(command)
        return int(bool(fail & set(command)))

    monkeypatch.setattr(course, "ready", lambda lists, here: Path("python"))
    monkeypatch.setattr(subprocess, "call", call)
    return commands, fail


def test_every_stage_runs_and_the_last_line_says_so(ran, capsys):
    add("lectures/lecture.ipynb")
    assert course.main(["test"]) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "All stages passed: style, types, package, notebooks."
    )
    said = [" ".join(command) for command in ran[0]]
    assert any("ruff check" in line for line in said)
    assert any("ruff format --check" in line for line in said)
    assert any("mypy" in line for line in said)
    assert any(line.endswith("tests") for line in said)
    (nbval,) = [line for line in said if "--nbval" in line]
    assert nbval.endswith("lectures/lecture.ipynb")
    assert "--nbval-current-env" in nbval
    assert "--nbval-lax" not in nbval


def test_a_failed_stage_is_named_and_the_others_still_run(ran, capsys):
    add("lectures/lecture.ipynb")
    commands, fail = ran
    fail.update({"check", "mypy"})
    assert course.main(["test"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 of 4 stages failed: style, types."
    assert lines[-5:-1] == [
        "style      FAILED",
        "types      FAILED",
        "package    passed",
        "notebooks  passed",
    ]
    assert len(commands) == 5


def test_every_kind_of_notebook_is_compared(ran):
    folders = ("lectures", "walkthroughs", "exercises", "exercises/solutions")
    for folder in folders:
        add(f"{folder}/one.ipynb")
    course.main(["test", "notebooks"])
    (command,) = ran[0]
    found = [arg for arg in command if arg.endswith(".ipynb")]
    assert found == [
        "lectures/one.ipynb",
        "walkthroughs/one.ipynb",
        "exercises/solutions/one.ipynb",
    ]


def test_a_stage_without_anything_to_check_does_not_count_as_passed(ran, capsys):
    assert course.main(["test", "notebooks", "types"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "notebooks  nothing to check" in lines
    assert lines[-1] == "All stages passed: types."


def test_an_unknown_stage_is_refused(ran, capsys):
    with pytest.raises(SystemExit) as stopped:
        course.main(["test", "all"])
    assert stopped.value.code != 0
    assert "the stages are style, types, package, notebooks" in capsys.readouterr().err


def test_no_command_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as stopped:
        course.main([])
    assert stopped.value.code != 0
    assert "lab, test or slides" in capsys.readouterr().err


def test_slides_are_made_by_the_package(ran):
    course.main(["slides", "--pdf"])
    (command,) = ran[0]
    assert command == ["python", "-m", "mlm_helpers.authoring", "slides", "--pdf"]


@pytest.mark.skipif(os.name == "nt", reason="there Ctrl+C is handled by waiting, not by exec")
def test_jupyterlab_takes_the_place_of_the_command(folder):
    """What is handed over keeps the process, so that signals and the exit code are its own."""
    script = (
        "import course, os, sys; "
        "command = [sys.executable, '-c', 'import os; print(os.getpid())']; "
        "course.hand_over(command, dict(os.environ))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"import os; print(os.getpid(), flush=True); {script}"],
        cwd=Path(course.__file__).parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    before, after = process.communicate()[0].split()
    assert before == after
