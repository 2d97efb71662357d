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
    monkeypatch.setattr(course, "LAB", root / ".venv" / "lab")
    monkeypatch.setattr(course, "WORKSPACES", root / ".venv" / "lab" / "workspaces")
    monkeypatch.setattr(course, "NEEDED_BYTES", 0)
    monkeypatch.setattr(course.shutil, "which", lambda name: None)
    return root


@pytest.fixture
def steps(folder, monkeypatch):
    """What would be installed, as a list of commands; the environment's Python always answers."""
    commands: list[list[str]] = []

    def follow(command, total=0):
        commands.append(command)
        if "venv" in command:
            course.venv_python().parent.mkdir(parents=True)
            course.venv_python().touch()

    monkeypatch.setattr(course, "follow", follow)
    monkeypatch.setattr(course, "gone", lambda lists: [] if course.venv_python().exists() else None)
    return commands


def kinds(commands):
    return ["venv" if "venv" in c else "pip" for c in commands]


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

    def fails(command, total=0):
        raise course.Stop("no")

    monkeypatch.setattr(course, "follow", fails)
    with pytest.raises(course.Stop):
        course.ready(course.RUN, here=False)
    assert not course.STAMP.exists()


def test_a_first_installation_that_fails_gives_the_disk_back(steps, monkeypatch):
    follow = course.follow

    def fills_up(command, total=0):
        follow(command, total)
        if "venv" not in command:
            raise course.Stop(course.FULL)

    monkeypatch.setattr(course, "follow", fills_up)
    with pytest.raises(course.Stop, match="disk is full"):
        course.ready(course.RUN, here=False)
    assert not course.VENV.exists()


def test_what_went_missing_is_fetched_again(steps, monkeypatch):
    course.ready(course.RUN, here=False)
    steps.clear()
    monkeypatch.setattr(course, "gone", lambda lists: ["numpy==2.4.6"] if not steps else [])
    course.ready(course.RUN, here=False)
    assert kinds(steps) == ["pip", "pip", "pip"]
    assert steps[0][-3:] == ["--no-deps", "--force-reinstall", "numpy==2.4.6"]


def test_a_package_without_its_files_is_seen(folder, monkeypatch):
    """In this Python: one package is whole, one was never there, one has lost its folder."""
    here = Path(sys.executable)
    monkeypatch.setattr(course, "venv_python", lambda: here)
    ghost = folder / "ghost-1.0.dist-info"
    ghost.mkdir()
    (ghost / "METADATA").write_text("Name: ghost\nVersion: 1.0\n", encoding="utf-8")
    (ghost / "RECORD").write_text("ghost/__init__.py,,\nghost-1.0.dist-info/RECORD,,\n", "utf-8")
    variables = dict(course.environment(here), PYTHONPATH=os.pathsep.join([str(folder), *sys.path]))
    monkeypatch.setattr(course, "environment", lambda python: variables)
    pins = "numpy==1\nnever-there==2\nghost==1.0\npywinpty==3 ; sys_platform == 'win32'\n"
    (folder / "requirements.txt").write_text(pins, encoding="utf-8")
    assert course.gone(["requirements.txt"]) == ["never-there==2", "ghost==1.0"]
    (folder / "ghost").mkdir()
    assert course.gone(["requirements.txt"]) == ["never-there==2"]


def test_without_its_python_the_whole_environment_is_gone(folder):
    assert course.gone(course.RUN) is None


def test_a_file_called_venv_is_left_alone_and_named(steps, capsys):
    course.VENV.write_text("mine", encoding="utf-8")
    assert course.main(["lab"]) == 1
    assert "a file called .venv" in capsys.readouterr().err
    assert course.VENV.read_text(encoding="utf-8") == "mine"
    assert steps == []


def test_of_two_first_starts_one_waits_for_the_other(folder):
    script = (
        "import course, pathlib, sys, time\n"
        f"course.ROOT = pathlib.Path({str(folder)!r})\n"
        "with course.only_one():\n"
        "    print('in', time.monotonic(), flush=True); time.sleep(0.6)\n"
        "    print('out', time.monotonic(), flush=True)\n"
    )
    command = [sys.executable, "-c", script]
    two = [
        subprocess.Popen(command, cwd=Path(course.__file__).parent, stdout=-1, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0].splitlines() for process in two]
    assert sum("waiting" in lines[0] for lines in said) == 1
    times = sorted(tuple(float(line.split()[1]) for line in lines[-2:]) for lines in said)
    assert times[0][1] <= times[1][0]


def test_who_waited_finds_the_environment_made(steps, monkeypatch):
    asked = []
    monkeypatch.setattr(course, "is_made", lambda lists: asked.append(1) or len(asked) > 1)
    course.ready(course.RUN, here=False)
    assert steps == []


@pytest.mark.parametrize("works", [True, False])
def test_uv_installs_where_it_is_and_pip_where_it_fails(steps, monkeypatch, works):
    monkeypatch.setattr(course.shutil, "which", lambda name: f"/bin/{name}")
    follow = course.follow

    def picky(command, total=0):
        if command[0] == "/bin/uv" and not works:
            steps.append(["uv failed"])
            raise course.Stop("no")
        follow(command, total)

    monkeypatch.setattr(course, "follow", picky)
    course.ready(course.RUN, here=False)
    first_words = [command[0] for command in steps]
    python = str(course.venv_python())
    if works:
        assert first_words == ["/bin/uv"] * 3
    else:
        assert [word for word in first_words if word != "uv failed"] == [sys.executable] + [
            python
        ] * 2


def test_pips_own_settings_do_not_lead_out_of_the_environment():
    variables = course.environment(course.venv_python())
    script = "from pip._internal.configuration import Configuration as C; c = C(isolated=False); "
    script += "c.load(); print(c.get_value(':env:.user'))"
    said = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "0"  # an environment variable goes before every file


@pytest.mark.parametrize("terminal", [True, False])
def test_an_installation_shows_how_far_it_is(folder, monkeypatch, capsys, terminal):
    packages = course.VENV / "lib" / "python3.13" / "site-packages"
    for name in ("a", "b"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    course.follow([sys.executable, "-c", "print('Collecting a')"], 3)
    said = capsys.readouterr().out
    assert "2 of 3 packages installed" in said
    assert ("\r" in said) == terminal


def test_jupyterlab_asks_no_questions_at_the_start(steps):
    course.ready(course.RUN, here=False)
    text = (course.LAB / "settings" / "overrides.json").read_text(encoding="utf-8")
    settings = json.loads(text)
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    assert settings["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]["markdown"]


def test_the_front_page_is_laid_out_beside_the_lecture(steps):
    add("START.md")
    add(course.LECTURE)
    course.ready(course.RUN, here=False)
    assert steps[-1][1:5] == ["-m", "jupyterlab", "workspaces", "import"]
    layout = json.loads(Path(steps[-1][5]).read_text(encoding="utf-8"))["data"]
    areas = layout["layout-restorer:data"]["main"]["dock"]["children"]
    shown = [layout[area["widgets"][0]]["data"]["path"] for area in areas]
    assert shown == ["START.md", course.LECTURE]


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
        course.follow([sys.executable, "-c", script])
    assert words in str(stopped.value)


def test_an_unknown_failure_shows_what_was_said_last(folder):
    with pytest.raises(course.Stop, match="could not be made:\n\nsomething new"):
        course.follow([sys.executable, "-c", "print('something new'); raise SystemExit(1)"])


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
    (course.ROOT / path).parent.mkdir(parents=True, exist_ok=True)
    (course.ROOT / path).touch()


def test_lab_opens_what_there_is_to_open(started):
    course.main(["lab"])
    add("walkthroughs/walkthrough00_other.ipynb")
    add("walkthroughs/walkthrough01_high_school_and_beyond.ipynb")
    course.main(["lab"])
    add(course.LECTURE)
    course.main(["lab"])
    add("START.md")
    course.main(["lab"])
    add(course.WORKSPACES / "course-1234.jupyterlab-workspace")
    course.main(["lab"])
    course.main(["lab", "--here"])
    opened = [arg.split("=")[1] for command in started for arg in command if "default_url" in arg]
    assert opened == [
        "/lab",
        "/lab/tree/walkthroughs/walkthrough01_high_school_and_beyond.ipynb",
        f"/lab/tree/{course.LECTURE}",
        "/lab/tree/START.md",
        "/lab/workspaces/course",
        f"/lab/tree/{course.LECTURE}",  # no settings of ours there: it would open as a text
    ]


def test_lab_passes_options_on(started):
    course.main(["lab", "--no-browser", "--port", "9999", "--ServerApp.token=abc"])
    (command,) = started
    assert {"--no-browser", "--port=9999", "--ServerApp.token=abc"} <= set(command)
    assert f"--ServerApp.root_dir={course.ROOT}" in command


# --- other commands ---------------------------------------------------------------------------


@pytest.fixture
def ran(folder, monkeypatch):
    """The commands that are run in the environment."""
    commands: list[list[str]] = []
    monkeypatch.setattr(course, "ready", lambda lists, here: Path("python"))
    (folder / "mlm_helpers" / "authoring").mkdir(parents=True)
    monkeypatch.setattr(subprocess, "call", lambda command, **_: commands.append(command) or 0)
    return commands


def test_no_command_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as stopped:
        course.main([])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert all(command in said for command in course.COMMANDS)
    assert "python3 course.py lab" in said


@pytest.mark.parametrize("command", course.AUTHORING)
def test_what_the_package_does_is_handed_to_it_with_all_options(ran, command):
    course.main([command, "--help", "--out", "x"])
    assert ran == [["python", "-m", "mlm_helpers.authoring", command, "--help", "--out", "x"]]


def test_the_package_knows_every_command_that_is_handed_to_it():
    from mlm_helpers.authoring.__main__ import COMMANDS

    assert set(course.AUTHORING) <= set(COMMANDS)


def test_a_copy_without_tests_says_so(ran, capsys):
    assert course.main(["test"]) == 1
    assert "comes without tests" in capsys.readouterr().err
    add("tools/check.py")
    assert course.main(["test", "style"]) == 0
    assert ran == [["python", str(course.ROOT / "tools" / "check.py"), "style"]]


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
