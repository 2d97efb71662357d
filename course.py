#!/usr/bin/env python3
"""The one command of this course.

    python3 course.py lab       open the lecture in JupyterLab
    python3 course.py test      check everything: style, types, package, notebooks
    python3 course.py slides    export the lecture as slides

The first start makes an environment in the folder .venv, beside this file, with the versions
listed in requirements.txt; later starts find it ready. Only Python itself is needed. This file
keeps to syntax that Python 3.6 can read, so that an old Python prints a sentence and not a
SyntaxError.
"""

import argparse
import errno
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "course.json"
OLDEST = (3, 11)
NEWEST = (3, 14)
NOTHING = subprocess.DEVNULL
RUN = ["requirements.txt"]
TEST = ["requirements.txt", "requirements-test.txt"]
NEEDED_BYTES = 1500 * 1000**2  # the environment, and pip's unpacking beside it

LECTURE = "lectures/lecture06_cross_level_interactions.ipynb"
STRICT = ["lectures", "walkthroughs", "exercises/solutions"]


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
    """The command and its options; what ``lab`` and ``slides`` do not know is passed on."""
    parser = argparse.ArgumentParser(
        prog="course.py", description="Open the lecture, check everything, or export slides."
    )
    commands = parser.add_subparsers(dest="command", metavar="{lab,test,slides}")
    lab = commands.add_parser("lab", help="open the lecture in JupyterLab")
    lab.add_argument("--no-browser", action="store_true", help="print the address only")
    lab.add_argument("--port", type=int, help="port to answer on (8888 unless taken)")
    test = commands.add_parser("test", help="check everything, as CI does")
    test.add_argument("stages", nargs="*", metavar="stage", help=f"some of: {', '.join(STAGES)}")
    slides = commands.add_parser("slides", help="export the lecture as slides")
    for command in (lab, test, slides):
        command.add_argument(
            "--here",
            action="store_true",
            help="use the packages of this Python (a conda environment) instead of .venv",
        )
    options, rest = parser.parse_known_args(argv)
    if options.command is None:
        parser.error("say what to do: lab, test or slides")
    if options.command == "test":
        unknown = [name for name in options.stages if name not in STAGES] + rest
        if unknown:
            parser.error(f"unknown: {' '.join(unknown)} (the stages are {', '.join(STAGES)})")
    return options, rest


# --- the three commands ---------------------------------------------------------------------


def lab(options: argparse.Namespace, rest: List[str]) -> int:
    python = ready(RUN, options.here)
    command = [str(python), "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    command += [f"--LabApp.default_url={lab_url(first_notebook())}"]
    if options.no_browser:
        command.append("--no-browser")
    if options.port is not None:
        command.append(f"--port={options.port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in rest:
        command.append("--allow-root")  # in a container the only user is root
    print("Opening JupyterLab. To stop it, press Ctrl+C twice in this window.")
    return hand_over([*command, *rest], environment(python))


def slides(options: argparse.Namespace, rest: List[str]) -> int:
    python = ready(RUN, options.here)
    return run([str(python), "-m", "mlm_helpers.authoring", "slides", *rest], python)


def test(options: argparse.Namespace, rest: List[str]) -> int:
    """Run every stage, also after one has failed, and say at the end which passed."""
    python = ready(TEST, options.here)
    results = {}
    for name in options.stages or list(STAGES):
        commands = STAGES[name](str(python))
        print(f"\n=== {name} ===", flush=True)
        codes = [run(command, python) for command in commands]
        results[name] = "nothing to check" if not codes else "FAILED" if any(codes) else "passed"
    print(f"\n{verdict(results)}", flush=True)
    return 1 if "FAILED" in results.values() else 0


def verdict(results: Dict[str, str]) -> str:
    lines = [f"{name:<10} {result}" for name, result in results.items()]
    failed = [name for name, result in results.items() if result == "FAILED"]
    checked = [name for name, result in results.items() if result != "nothing to check"]
    if failed:
        last = f"{len(failed)} of {len(checked)} stages failed: {', '.join(failed)}."
    else:
        last = f"All stages passed: {', '.join(checked)}."
    return "\n".join([*lines, last])


def style(python: str) -> List[List[str]]:
    ruff = [python, "-m", "ruff"]
    return [[*ruff, "check", "."], [*ruff, "format", "--check", "."]]


def types(python: str) -> List[List[str]]:
    return [[python, "-m", "mypy"]]


def package(python: str) -> List[List[str]]:
    return [[python, "-m", "pytest", "-n", "2", "--dist", "loadscope", "tests"]]


def notebooks(python: str) -> List[List[str]]:
    """Every committed output, compared with what the cell prints today."""
    found = [path for folder in STRICT for path in notebooks_in(folder)]
    nbval = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
    nbval.append("--nbval-sanitize-with=tests/nbval.cfg")
    # loadscope keeps the cells of one notebook together and in order
    workers = ["-n", "2", "--dist", "loadscope"]
    return [[python, "-m", "pytest", *nbval, *workers, *found]] if found else []


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


def lab_url(notebook: str) -> str:
    return f"/lab/tree/{notebook}" if notebook else "/lab"


# --- the environment ------------------------------------------------------------------------


def ready(lists: List[str], here: bool) -> Path:
    """The Python to use, with everything in ``lists`` installed."""
    if here:
        return Path(sys.executable)
    python = venv_python()
    wanted = fingerprint(lists)
    stamp = read_stamp()
    usable = stamp.get("made for") == wanted["made for"] and answers(python)
    if usable and all(stamp.get(key) == value for key, value in wanted.items()):
        return python
    if not usable:
        create()
    else:
        STAMP.unlink()  # until everything is in, the environment counts as half made
    install(python, lists)
    write_lab_settings()
    write_stamp(dict(stamp if usable else {}, **wanted))
    return python


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


def write_lab_settings() -> None:
    """A start shows the lecture, not questions about news and updates of JupyterLab."""
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    settings = VENV / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"@jupyterlab/apputils-extension:notification": quiet})
    (settings / "overrides.json").write_text(text, encoding="utf-8")


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def answers(python: Path) -> bool:
    """Whether that Python still starts and finds the package."""
    try:
        # -P: found because it is installed, not because the current folder happens to hold it
        check = [str(python), "-P", "-c", "import mlm_helpers"]
        variables = environment(python)
        return subprocess.call(check, env=variables, stdout=NOTHING, stderr=NOTHING) == 0
    except OSError:
        return False


def create() -> None:
    check_modules()
    check_folder()
    if Path(sys.prefix).resolve() == VENV:
        raise Stop(
            "This Python belongs to the environment that has to be made anew: "
            "type deactivate, or open a new terminal window, and start again."
        )
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        print("The environment in .venv is incomplete or out of date: making it again.")
        shutil.rmtree(str(VENV))
    print("Making the environment in .venv, once. This takes a minute or two.", flush=True)
    VENV.mkdir()
    follow([sys.executable, "-m", "venv", str(VENV)], None)


def install(python: Path, lists: List[str]) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    wanted = [argument for name in lists for argument in ("-r", str(ROOT / name))]
    total = sum(count_requirements((ROOT / name).read_text(encoding="utf-8")) for name in lists)
    print(f"Installing the packages in {' and '.join(lists)}.", flush=True)
    # Wheels only: a student has no compiler, and a missing wheel should say so at once.
    follow([*pip, "--progress-bar", "off", "--only-binary", ":all:", *wanted], total)
    follow([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], None)


def count_requirements(text: str) -> int:
    return sum("==" in line for line in text.splitlines())


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
    free = shutil.disk_usage(str(ROOT)).free
    if free < NEEDED_BYTES:
        raise Stop(f"{FULL} {free / 1e9:.1f} GB are free where the course lies.")


def follow(command: List[str], total: Optional[int]) -> None:
    """Run a step of the installation; when it fails, say why in a sentence.

    pip's own output is kept back. On a terminal a counter shows that something happens.
    """
    process = subprocess.Popen(
        command,
        cwd=str(ROOT),
        env=environment(Path(command[0])),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines, collected = [], 0
    for raw in process.stdout:
        line = raw.decode("utf-8", "replace").rstrip()
        lines.append(line)
        if total and line.startswith("Collecting ") and sys.stdout.isatty():
            collected += 1
            print(f"\r  {min(collected, total)} of {total} packages", end="", flush=True)
    if collected:
        print()
    if process.wait() != 0:
        sentence = explain("\n".join(lines), None)
        if sentence is None:
            raise Stop("\n".join(["The environment could not be made:\n", *lines[-12:]]))
        said = [line for line in lines if line.startswith("ERROR: ")][-1:]
        raise Stop("\n".join([sentence, *said]))


# --- sentences for what goes wrong ------------------------------------------------------------

FULL = "The disk is full: the environment needs about 1.5 GB. Free some space and start again."
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
    (FULL, ["No space left on device", "Errno 28", "Disk quota exceeded", "WinError 112"]),
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

LEAKS = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")


def environment(python: Path) -> Dict[str, str]:
    """The variables for a program of the environment: nothing of another Python leaks in."""
    variables = {name: value for name, value in os.environ.items() if name not in LEAKS}
    variables.update(PYTHONNOUSERSITE="1", PYTHONUTF8="1")
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


STAGES = {"style": style, "types": types, "package": package, "notebooks": notebooks}
COMMANDS = {"lab": lab, "test": test, "slides": slides}

if __name__ == "__main__":
    sys.exit(main())
