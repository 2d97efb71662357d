"""The course as a folder of pages in which Python itself runs in the browser (JupyterLite).

    python3 course.py lite [my_course]

The folder goes on a web server. It holds JupyterLab, the notebooks, and the wheels of this package
and of what it needs beyond Pyodide; NumPy, SciPy, pandas and matplotlib come from Pyodide's address
in the net when somebody opens a notebook.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from mlm_helpers.errors import MLMError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ("lectures", "walkthroughs", "exercises")
PAGES = ("START.md", "FIRST_DAY.md")
# Pure Python, and not part of Pyodide.
BESIDE = ("formulaic", "interface-meta", "seaborn")
SET_UP = "%pip install -q mlm-helpers ipywidgets  # once, in this browser"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``lite``."""
    parser.add_argument(
        "course", nargs="?", type=Path, default=ROOT, help="a folder that adapt has made"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lite", metavar="FOLDER")


def run(options: argparse.Namespace) -> int:
    """Build the folder."""
    build_lite(options.course, options.out)
    print(f"JupyterLite: {options.out} (put it on a web server; it does not open from disk)")
    return 0


def build_lite(course: Path, out: Path) -> None:
    """Write JupyterLite with the course's notebooks and wheels to ``out``.

    Raises
    ------
    MLMError
        When there is no lecture, a wheel cannot be had, or JupyterLite has something to say.
    """
    if not list(course.glob("lectures/*.ipynb")):
        raise MLMError(f"There is no lecture in {course.as_posix()!r}: give a course's folder.")
    if out.exists() and any(out.iterdir()) and not (out / "jupyter-lite.json").is_file():
        raise MLMError(f"{out.as_posix()!r} holds something else: give another name.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".lite-") as name:
        draft = Path(name)
        write_contents(course, draft / "files")
        wheels = draft / "wheels"
        wheels.mkdir()
        build_wheel(wheels)
        fetch_wheels(wheels)
        made = draft / "made"
        command = ["-m", "jupyter", "lite", "build", "--contents", str(draft / "files")]
        command += ["--output-dir", str(made), "--lite-dir", str(draft)]
        for wheel in sorted(wheels.glob("*.whl")):
            command += ["--piplite-wheels", str(wheel)]
        _do(command, draft, "JupyterLite could not be built")
        if out.exists():
            shutil.rmtree(out)
        made.replace(out)


def write_contents(course: Path, folder: Path) -> None:
    """The notebooks, each with a first cell that fetches the package, and what they read."""
    for kind in NOTEBOOKS:
        for path in sorted((course / kind).rglob("*")):
            target = folder / path.relative_to(course)
            if path.is_dir() or "solutions" in path.parts or ".ipynb_checkpoints" in path.parts:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".ipynb":
                book = nbformat.read(path, as_version=4)
                cells = [c for c in book.cells if "instructor" not in c.metadata.get("tags", [])]
                book.cells = [nbformat.v4.new_code_cell(SET_UP), *cells]
                nbformat.write(book, target)
            else:
                shutil.copy(path, target)
    for page in PAGES:
        if (course / page).is_file():
            shutil.copy(course / page, folder / page)


def build_wheel(folder: Path) -> None:
    """This package's wheel, from a copy: setuptools leaves folders behind where it builds."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "source")
        source.mkdir()
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            if not (ROOT / file).is_file():
                raise MLMError(f"The package is not in a course's folder: {file} is missing.")
            shutil.copy(ROOT / file, source)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "mlm_helpers", source / "mlm_helpers", ignore=ignored)
        pip = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
        _do([*pip, "-w", str(folder), str(source)], source, "The wheel could not be built")


def fetch_wheels(folder: Path) -> None:
    """The pure wheels that Pyodide lacks, at the versions installed here."""
    from importlib.metadata import version

    pins = [f"{name}=={version(name)}" for name in BESIDE]
    pip = ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    _do([*pip, *pins], folder, "The wheels could not be fetched")


def _do(arguments: list[str], cwd: Path, failed: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
        raise MLMError(f"{failed}:\n" + "\n".join(said))
