"""Check everything, as CI does: python3 course.py test [STAGE ...].

Every stage runs, also after one has failed, and the last lines say which passed. This Python has
to hold the packages of requirements.txt and requirements-test.txt.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STRICT = ["lectures", "walkthroughs", "exercises/solutions"]
PARALLEL = ["-n", "2", "--dist", "loadscope"]  # loadscope keeps a notebook's cells in order
NBVAL = ["--nbval-current-env", "--nbval-cell-timeout=300"]

Command = list[str]


def main(argv: list[str] | None = None) -> int:
    """Run the stages that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="course.py test", description="Check everything.")
    parser.add_argument("stages", nargs="*", metavar="stage", help=f"of: {', '.join(STAGES)}")
    chosen = parser.parse_args(argv).stages or list(STAGES)
    unknown = [name for name in chosen if name not in STAGES]
    if unknown:
        parser.error(f"unknown: {' '.join(unknown)} (the stages are {', '.join(STAGES)})")
    # hundreds of processes import the same packages: the first leaves them compiled for the others
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # two test processes on two cores: threads of the linear algebra would wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    results = {}
    for name in chosen:
        commands = STAGES[name]()
        print(f"\n=== {name} ===", flush=True)
        started = time.monotonic()
        codes = [subprocess.call(command, cwd=ROOT) for command in commands]
        result = "nothing to check" if not codes else "FAILED" if any(codes) else "passed"
        results[name] = result, time.monotonic() - started
    print(f"\n{verdict(results)}", flush=True)
    return int(any(result == "FAILED" for result, _ in results.values()))


def verdict(results: dict[str, tuple[str, float]]) -> str:
    """One line a stage with its seconds, and one for all."""
    lines = [f"{name:<10} {result:<16} {took:5.0f} s" for name, (result, took) in results.items()]
    failed = [name for name, (result, _) in results.items() if result == "FAILED"]
    checked = [name for name, (result, _) in results.items() if result != "nothing to check"]
    if failed:
        last = f"{len(failed)} of {len(checked)} stages failed: {', '.join(failed)}."
    else:
        last = f"All stages passed: {', '.join(checked)}."
    return "\n".join([*lines, last])


def python(*arguments: str) -> Command:
    """A command for this Python."""
    return [sys.executable, *arguments]


def style() -> list[Command]:
    """Ruff: rules and format."""
    return [python("-m", "ruff", "check", "."), python("-m", "ruff", "format", "--check", ".")]


def layers() -> list[Command]:
    """The direction of imports, once its contract is written."""
    written = (ROOT / ".importlinter").is_file() or "[tool.importlinter]" in pyproject()
    lint = Path(sys.executable).with_name("lint-imports")
    return [[str(lint)]] if written else []


def pyproject() -> str:
    """The text of pyproject.toml."""
    file = ROOT / "pyproject.toml"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def scripts() -> list[Command]:
    """Every script that runs in a browser: readable by one, and right by TypeScript's types."""
    read = [["node", "--check", str(path)] for path in sorted(ROOT.glob("mlm_helpers/**/*.js"))]
    return [*read, python("-m", "tools.check_js")] if read else []


def types() -> list[Command]:
    """Mypy."""
    return [python("-m", "mypy")]


def package() -> list[Command]:
    """Every test of the package, also those in the browser."""
    return [python("-m", "pytest", *PARALLEL, "tests")]


def wheel() -> list[Command]:
    """The wheel alone in a new environment; with the oldest versions also the core's tests."""
    return [python("tools/try_wheel.py"), python("tools/try_wheel.py", "--oldest")]


def notebooks() -> list[Command]:
    """Every committed output, compared with what the cell prints today."""
    found = [path for folder in STRICT for path in notebooks_in(folder)]
    sanitize = "--nbval-sanitize-with=tests/nbval.cfg"
    return [python("-m", "pytest", "--nbval", *NBVAL, sanitize, *PARALLEL, *found)] if found else []


def notebooks_in(folder: str) -> list[str]:
    """The notebooks of a folder, as paths from the course's folder."""
    return [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / folder).glob("*.ipynb"))]


STAGES: dict[str, Callable[[], list[Command]]] = {
    "style": style,
    "types": types,
    "layers": layers,
    "scripts": scripts,
    "package": package,
    "wheel": wheel,
    "notebooks": notebooks,
}

if __name__ == "__main__":
    sys.exit(main())
