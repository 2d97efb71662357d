#!/usr/bin/env python3
"""The one command of this course.

    python3 course.py           say what there is
    python3 course.py lab       open the course in JupyterLab
    python3 course.py test      check everything, as CI does
    python3 course.py slides    make a slide show and a handout (more commands: see AUTHORING)

The first start makes an environment in the folder .venv, beside this file, with the versions
listed in requirements.txt; later starts find it ready. Only Python itself is needed; where uv is
on the path it does the installing. This file keeps to syntax that Python 3.6 can read, so that an
old Python prints a sentence and not a SyntaxError.
"""

import argparse
import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Dict, Iterator, List, Optional, Tuple

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "course.json"
LAB = VENV / "share" / "jupyter" / "lab"
WORKSPACES = LAB / "workspaces"
OLDEST = (3, 11)
NEWEST = (3, 14)
RUN = ["requirements.txt"]
SITE = ["requirements.txt", "requirements-site.txt"]
TEST = [*SITE, "requirements-test.txt"]
NEEDED_BYTES = 1000 * 1000**2  # the environment, and what the installation holds beside it

START = ["START.ipynb", "START.md"]
LECTURE = "lectures/lecture06_cross_level_interactions.ipynb"
# Commands that the package does: python -m mlm_helpers.authoring NAME, with the same options.
AUTHORING = {
    "site": "make the course's web site",
    "lite": "make a version that runs in a browser, without Python on the computer",
    "page": "make one page with all explorers, to give away",
    "slides": "make a slide show and a PDF handout of the lecture",
    "adapt": "make lecture, walkthrough and exercises on your own data",
    "handout": "pack what students need into one zip file",
    "mark": "mark what students handed in",
}


def dotted(version: Tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def here_version() -> Tuple[int, ...]:
    return tuple(sys.version_info[:2])


class Stop(Exception):
    """A sentence for the person at the keyboard; nothing more can be done without them."""


def main(argv: Optional[List[str]] = None) -> int:
    try:
        check_python(sys.version_info[:3])
        options, rest = parse(argv)
        return COMMANDS[options.command](options, rest)
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
    except OSError as error:
        print(f"\n{explain(str(error), error.errno) or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. What was half done is made again at the next start.", file=sys.stderr)
    return 1


def check_python(version: Tuple[int, ...]) -> None:
    if version[:2] < OLDEST:
        raise Stop(
            f"This course needs Python {dotted(OLDEST)} or newer, this is {dotted(version)}. "
            "Install a newer one from python.org and start this command with it."
        )


def parse(argv: Optional[List[str]]) -> Tuple[argparse.Namespace, List[str]]:
    """The command and its options; what this file does not know is passed on."""
    parser = argparse.ArgumentParser(prog="course.py", description="A course to run.")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="")
    lab = commands.add_parser("lab", help="open the course in JupyterLab")
    lab.add_argument("--no-browser", action="store_true", help="print the address only")
    lab.add_argument("--port", type=int, help="port to answer on (8888 unless taken)")
    others = {"test": "check everything, as CI does", **AUTHORING}
    # their own -h and --help are theirs
    passed_on = [commands.add_parser(n, help=h, add_help=False) for n, h in others.items()]
    for command in (lab, *passed_on):
        command.add_argument(
            "--here",
            action="store_true",
            help="use the packages of this Python (a conda environment) instead of .venv",
        )
    options, rest = parser.parse_known_args(argv)
    if options.command is None:
        parser.print_help()
        print("\nNew here? Start with: python3 course.py lab (Windows: py course.py lab)")
        sys.exit(0)
    return options, rest


# --- the commands ---------------------------------------------------------------------------


def lab(options: argparse.Namespace, rest: List[str]) -> int:
    python = ready(RUN, options.here)
    command = [str(python), "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    command += [f"--LabApp.default_url={first_screen(options.here)}"]
    command += ["--LabApp.news_url=None"]  # no question about news, no look for updates
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if options.no_browser:
        command.append("--no-browser")
    if options.port is not None:
        command.append(f"--port={options.port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in rest:
        command.append("--allow-root")  # in a container the only user is root
    print("Opening JupyterLab. To stop it, press Ctrl+C twice in this window.")
    return hand_over([*command, *rest], environment(python))


def authoring(options: argparse.Namespace, rest: List[str]) -> int:
    if not (ROOT / "mlm_helpers" / "authoring").is_dir():
        raise Stop("This is the students' copy: that command is in the instructor's.")
    python = ready(SITE if options.command in ("site", "lite") else RUN, options.here)
    return run([str(python), "-m", "mlm_helpers.authoring", options.command, *rest], python)


def test(options: argparse.Namespace, rest: List[str]) -> int:
    check = ROOT / "tools" / "check.py"
    if not check.is_file():
        raise Stop("This copy of the course comes without tests: they are in the instructor's.")
    python = ready(TEST, options.here)
    return run([str(python), str(check), *rest], python)


def notebooks_in(folder: str) -> List[str]:
    paths = sorted((ROOT / folder).glob("*.ipynb"))
    return [path.relative_to(ROOT).as_posix() for path in paths]


def first_notebook() -> str:
    """The lecture; where there is none, the walkthrough on High School & Beyond."""
    if (ROOT / LECTURE).is_file():
        return LECTURE
    walkthroughs = notebooks_in("walkthroughs")
    hsb = [path for path in walkthroughs if "hsb" in path or "high_school" in path]
    return (hsb + walkthroughs + [""])[0]


def first_page() -> str:
    """The front page, or where there is none the first notebook."""
    return ([page for page in START if (ROOT / page).is_file()] + [first_notebook()])[0]


def first_screen(here: bool) -> str:
    """JupyterLab's address: the front page with the lecture beside it, as it was left last."""
    if not here and list(WORKSPACES.glob("course*")):
        return "/lab/workspaces/course"
    # without the settings of .venv, JupyterLab would open a page of text in an editor
    page = first_notebook() if here and first_page().endswith(".md") else first_page()
    return f"/lab/tree/{page}" if page else "/lab"


# --- the environment ------------------------------------------------------------------------


def ready(lists: List[str], here: bool) -> Path:
    """The Python to use, with everything in ``lists`` installed."""
    if here:
        return Path(sys.executable)
    if not is_made(lists):
        with only_one():
            if not is_made(lists):  # unless the other start has made it meanwhile
                make(lists)
    return venv_python()


def is_made(lists: List[str]) -> bool:
    """Whether the environment is up to date and whole."""
    stamp = read_stamp()
    current = all(stamp.get(key) == value for key, value in fingerprint(lists).items())
    return current and gone(lists) == []


def make(lists: List[str]) -> None:
    """Make the environment, bring it up to date, or fetch again what went missing from it."""
    stamp, wanted, python = read_stamp(), fingerprint(lists), venv_python()
    lost = gone(lists) if stamp.get("made for") == wanted["made for"] else None
    if lost is None:
        stamp = {}
        create()
    else:
        STAMP.unlink()  # until everything is in, the environment counts as half made
    try:
        install(python, lists, lost or [])
    except BaseException:
        if lost is None:  # what is half made only fills the disk
            shutil.rmtree(str(VENV), ignore_errors=True)
        raise
    write_lab_settings(python)
    write_stamp(dict(stamp, **wanted))


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Of two first starts at once, the second waits for the first."""
    with open(str(ROOT / ".venv.lock"), "a") as file:
        if not locked(file):
            print("Another start is making the environment: waiting for it.", flush=True)
            while not locked(file):
                time.sleep(0.5)
        yield


def locked(file: IO[str]) -> bool:
    """Take the lock, which ends with this process; where there are no locks, go on without."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def fingerprint(lists: List[str]) -> Dict[str, object]:
    """What the environment depends on; when any of it changes, it is brought up to date."""
    files = [*lists, "pyproject.toml"]
    sums = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in files}
    # An environment knows its own folder and its Python: neither can change under it.
    return dict(sums, **{"made for": [dotted(here_version()), str(VENV)]})


def read_stamp() -> Dict[str, object]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(stamp: Dict[str, object]) -> None:
    draft = STAMP.with_name("course.json.new")
    draft.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    draft.replace(STAMP)


def write_lab_settings(python: Path) -> None:
    """A start shows the course, not questions about news and updates of JupyterLab."""
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    settings = {
        "@jupyterlab/apputils-extension:notification": quiet,
        "@jupyterlab/docmanager-extension:plugin": {
            "defaultViewers": {"markdown": "Markdown Preview"}
        },
    }
    (LAB / "settings").mkdir(parents=True, exist_ok=True)
    (LAB / "settings" / "overrides.json").write_text(json.dumps(settings), encoding="utf-8")
    if first_page() != first_notebook():
        layout = VENV / "layout.json"
        layout.write_text(json.dumps(side_by_side()), encoding="utf-8")
        follow([str(python), "-m", "jupyterlab", "workspaces", "import", str(layout)])


def side_by_side() -> Dict[str, object]:
    """JupyterLab's file of a layout: the front page, and the lecture beside it."""
    opened = []
    data: Dict[str, object] = {}
    for page in (first_page(), first_notebook()):
        book = page.endswith(".ipynb")
        name = ("notebook:" if book else "markdownviewer-widget:") + page
        opened.append({"type": "tab-area", "currentIndex": 0, "widgets": [name]})
        factory = "Notebook" if book else "Markdown Preview"
        data[name] = {"data": {"path": page, "factory": factory}}
    dock = {"type": "split-area", "orientation": "horizontal", "sizes": [0.36, 0.64]}
    main = {"dock": dict(dock, children=opened), "current": next(iter(data))}
    sides = {side: {"collapsed": True, "widgets": []} for side in ("left", "right")}
    data["layout-restorer:data"] = dict(sides, main=main)
    return {"data": data, "metadata": {"id": "course"}}


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# Run by the environment's Python: the pins whose files are not there. A pin with a condition on
# the system is left out; what a wheel installs stands in its RECORD.
LOOK = """
import importlib.metadata, pathlib, re, sys
import mlm_helpers
for path in sys.argv[1:]:
    for pin in re.findall(r"^[\\w.-]+==\\S+$", pathlib.Path(path).read_text("utf-8"), re.M):
        try:
            found = importlib.metadata.distribution(pin.split("==")[0])
            rows = (found.read_text("RECORD") or "").splitlines()
            tops = {re.split("[/,]", row)[0].strip('"') for row in rows} - {"..", "__pycache__"}
            whole = bool(tops) and all(found.locate_file(top).exists() for top in tops)
        except importlib.metadata.PackageNotFoundError:
            whole = False
        if not whole:
            print(pin)
"""


def gone(lists: List[str]) -> Optional[List[str]]:
    """The pinned packages that went missing; None when the Python itself or the course did."""
    python = venv_python()
    try:
        # -P: found because it is installed, not because the current folder happens to hold it
        look = [str(python), "-P", "-c", LOOK, *(str(ROOT / name) for name in lists)]
        output = subprocess.check_output(look, env=environment(python), stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.decode("utf-8").split()


def create() -> None:
    check_folder()
    if Path(sys.prefix).resolve() == VENV:
        raise Stop(
            "This Python belongs to the environment that has to be made anew: "
            "type deactivate, or open a new terminal window, and start again."
        )
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.is_dir():
        print("The environment in .venv is incomplete or out of date: making it again.")
        shutil.rmtree(str(VENV))
    elif VENV.exists():
        raise Stop(
            "In the course's folder lies a file called .venv, where the environment has to go. "
            "Rename it or move it away, and start again."
        )
    check_space()
    print("Making the environment in .venv, once. This takes a minute or two.", flush=True)
    if not with_uv(["venv", "--seed", "--python", sys.executable, str(VENV)]):
        check_modules()
        VENV.mkdir(exist_ok=True)
        follow([sys.executable, "-m", "venv", str(VENV)])


def install(python: Path, lists: List[str], lost: List[str]) -> None:
    files = [argument for name in lists for argument in ("-r", str(ROOT / name))]
    total = sum(count_requirements((ROOT / name).read_text(encoding="utf-8")) for name in lists)
    if lost:
        print(f"Fetching again what went missing: {', '.join(lost)}.", flush=True)
        fetch(python, ["--only-binary", ":all:", "--no-deps", "--force-reinstall", *lost])
    print(f"Installing the packages in {' and '.join(lists)}.", flush=True)
    # Wheels only: a student has no compiler, and a missing wheel should say so at once.
    fetch(python, ["--only-binary", ":all:", *files], total)
    fetch(python, ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def fetch(python: Path, what: List[str], total: int = 0) -> None:
    if with_uv(["pip", "install", "--python", str(python), *what], total):
        return
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    # Neither a second copy in pip's cache nor compiled files of what is never imported
    follow([*pip, "--progress-bar", "off", "--no-cache-dir", "--no-compile", *what], total)


def with_uv(arguments: List[str], total: int = 0) -> bool:
    """Whether uv is there and did it. Where it could not (it may not know the mirror that pip
    knows), pip is next."""
    uv = shutil.which("uv")
    if uv is None:
        return False
    try:
        follow([uv, *arguments], total)
    except Stop:
        print("uv could not do this step; pip is next.", flush=True)
        return False
    return True


def count_requirements(text: str) -> int:
    """The pins for every system; those for one system are few."""
    return sum("==" in line and ";" not in line for line in text.splitlines())


def check_modules() -> None:
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = dotted(here_version())
        raise Stop(
            f"This Python {version} comes without its module {missing[0]}, which makes the "
            "environment. On Debian and Ubuntu install it with:\n\n"
            f"    sudo apt install python{version}-venv\n\nand start this command again."
        )


def check_folder() -> None:
    if not os.access(str(ROOT), os.W_OK):
        raise Stop(READ_ONLY)


def check_space() -> None:
    free = shutil.disk_usage(str(ROOT)).free
    if free < NEEDED_BYTES:
        raise Stop(f"{FULL} {free / 1e9:.1f} GB are free where the course lies.")


def follow(command: List[str], total: int = 0) -> None:
    """Run a step of the installation; when it fails, say why in a sentence.

    Its own output is kept back. With a total of packages, how far it is gets shown instead.
    """
    process = subprocess.Popen(
        command,
        cwd=str(ROOT),
        env=environment(venv_python()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines: List[str] = []
    reader = threading.Thread(target=collect, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        show_progress(reader, lines, total)
    except BaseException:
        process.kill()
        raise
    if process.wait() != 0:
        sentence = explain("\n".join(lines), None)
        if sentence is None:
            raise Stop("\n".join(["The environment could not be made:\n", *lines[-12:]]))
        said = [line for line in lines if line.lower().startswith("error: ")][-1:]
        raise Stop("\n".join([sentence, *said]))


def collect(stream: IO[bytes], lines: List[str]) -> None:
    for raw in stream:
        lines.append(raw.decode("utf-8", "replace").rstrip())


def show_progress(reader: threading.Thread, lines: List[str], total: int) -> None:
    """Until the reader ends: in place on a terminal, else a line every ten seconds."""
    terminal, started = sys.stdout.isatty(), time.time()
    while reader.is_alive():
        reader.join((0.5 if terminal else 10) if total else None)
        fetched = sum(line.startswith("Collecting ") for line in lines)
        folders = [VENV / "Lib", *VENV.glob("lib/python*")]
        installed = sum(len(list(f.glob("site-packages/*.dist-info"))) for f in folders)
        text = f"  {min(installed, total)} of {total} packages installed"
        if fetched and installed < total // 2:
            text = f"  {min(fetched, total)} of {total} packages fetched"
        if total:
            text += f", {time.time() - started:.0f} s"
            print(f"\r{text}   " if terminal else text, end="" if terminal else "\n", flush=True)
    if total and terminal:
        print()


# --- sentences for what goes wrong ------------------------------------------------------------

FULL = "The disk is full: the environment needs about 1 GB. Free some space and start again."
READ_ONLY = (
    f"The folder {ROOT} cannot be written to. Move the course to a folder of your own, for "
    "example in Documents, and start again there."
)
OFFLINE = (
    "The packages could not be fetched: there seems to be no connection to the internet, or a "
    "proxy or firewall stands between. The first start needs the network once; later starts do "
    "not. Connect and start again."
)
UNTRUSTED = (
    "The packages could not be fetched: the connection's certificate was not accepted. That "
    "happens in networks that inspect traffic, and when the computer's clock is wrong. Try "
    "another network, or ask whoever runs this one how to set up pip."
)
TOO_LONG = (
    "The path of the course's folder is too long for Windows. Move the course to a shorter path, "
    "for example C:\\course, and start again."
)
NO_WHEEL = (
    f"Not every package has a version for Python {dotted(here_version())} on this computer. "
    f"The course is made for Python {dotted(OLDEST)} to {dotted(NEWEST)} (64 bit): install one "
    "of these and start this command with it."
)

# The first match counts: a full disk or a missing network also ends in "no matching distribution".
CAUSES = [
    (
        FULL,
        [
            "No space left on device",
            "Errno 28",
            "Disk quota exceeded",
            "WinError 112",
        ],
    ),
    (TOO_LONG, ["Windows Long Path", "WinError 206", "File name too long"]),
    (READ_ONLY, ["Read-only file system", "Errno 30]", "Permission denied", "WinError 5]"]),
    (UNTRUSTED, ["CERTIFICATE_VERIFY_FAILED", "SSLError", "SSL: "]),
    (
        OFFLINE,
        [
            "NewConnectionError",
            "Failed to establish a new connection",
            "ProxyError",
            "Tunnel connection failed",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "Read timed out",
            "NameResolutionError",
            "Name or service not known",
            "Temporary failure in name resolution",
            "getaddrinfo failed",
            "Network is unreachable",
            "Connection refused",
            "Connection reset",
            "Connection aborted",
            "error trying to connect",
            "dns error",
        ],
    ),
    (NO_WHEEL, ["No matching distribution found", "Could not find a version"]),
]
ERRNOS = {
    errno.ENOSPC: FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
}


def explain(output: str, number: Optional[int]) -> Optional[str]:
    """The sentence for an error that people meet, or None."""
    if number in ERRNOS:
        return ERRNOS[number]
    for sentence, signs in CAUSES:
        if any(sign in output for sign in signs):
            return sentence
    return None


# --- processes ------------------------------------------------------------------------------

LEAKS = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX")


def environment(python: Path) -> Dict[str, str]:
    """The variables for a program of the environment: nothing of another Python leaks in."""
    variables = {name: value for name, value in os.environ.items() if name not in LEAKS}
    variables.update(PYTHONNOUSERSITE="1", PYTHONUTF8="1")
    variables["PIP_USER"] = "0"  # also where pip's settings say user = true
    if VENV in python.parents:
        variables["JUPYTERLAB_WORKSPACES_DIR"] = str(WORKSPACES)
    variables["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    return variables


def run(command: List[str], python: Path) -> int:
    sys.stdout.flush()
    return subprocess.call(command, cwd=str(ROOT), env=environment(python))


def hand_over(command: List[str], variables: Dict[str, str]) -> int:
    """Let JupyterLab take this process's place, so that Ctrl+C and signals reach it alone."""
    sys.stdout.flush()
    os.chdir(str(ROOT))
    if os.name != "nt":
        os.execve(command[0], command, variables)
    process = subprocess.Popen(command, env=variables)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # JupyterLab got it too and asks what it means
            continue


COMMANDS = {"lab": lab, "test": test, **{name: authoring for name in AUTHORING}}

if __name__ == "__main__":
    sys.exit(main())
