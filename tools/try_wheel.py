"""Build the wheel, install it alone in a new environment, and use it there as a library.

    python tools/try_wheel.py             with the pinned versions
    python tools/try_wheel.py --oldest    with the oldest versions, and the core's tests

Needs the package index (or a warm cache) and setuptools beside this Python. uv is used where it is
on the path, else venv and pip.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements.txt"
OLDEST = ROOT / "tests" / "requirements-oldest.txt"
CORE = [
    "reference", "centering", "probing", "variance", "residuals", "equations", "wording",
    "statsmodels_bridge", "bad_input", "planning",
]  # fmt: skip

# What somebody does who only said `pip install mlm-helpers`.
AS_A_LIBRARY = """
import importlib.util, pathlib, sys
import mlm_helpers as mlm
import mlm_helpers.exercises
assert "site-packages" in mlm.__file__, mlm.__file__
hsb = mlm.load_dataset("hsb82")
hsb["cses"] = mlm.center_within(hsb, "ses", "school")
fit = mlm.fit_mlm("mathach ~ sector * cses + (1 + cses | school)", data=hsb)
assert "sector:cses" in str(fit)
assert round(float(fit.fixed_effects.loc["sector:cses", "estimate"]), 2) == -1.34
assert "SES" in mlm.say(fit, "cses")
assert mlm.plots.plot_eb(mlm.eb_table(fit)) is not None
assert mlm.explore_cross_level(fit) is not None
assert mlm.codebook("hsb82") is not None
study = dict(groups=20, size=10, gamma11=1.0, T=[[2.0, 0.1], [0.1, 0.5]], sigma2=30.0)
assert mlm.power(**study, replications=3) is not None
for name in ("jupyterlab", "pytest", "nbval", "pyreadstat", "openpyxl", "pyarrow", "nbconvert"):
    assert importlib.util.find_spec(name) is None, f"{name} came along"
pathlib.Path("x.sav").touch()
for use, package in ((lambda: fit.to_statsmodels(), "statsmodels"),
                     (lambda: mlm.read_data("x.sav"), "pyreadstat")):
    try:
        use()
    except ValueError as error:
        assert package in str(error) and "pip install" in str(error), error
    else:
        raise AssertionError(f"{package} was not missed")
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Try the wheel in a new environment.")
    parser.add_argument("--oldest", action="store_true", help="the oldest versions, with tests")
    oldest = parser.parse_args().oldest
    with tempfile.TemporaryDirectory(prefix="mlm-wheel-") as name:
        folder = Path(name)
        wheel = build(folder)
        python = make_environment(folder / "env")
        if oldest:
            install(python, OLDEST, [f"{wheel}[statsmodels,files]", "pytest", "hypothesis"])
            return run_core_tests(python, folder)
        install(python, PINS, [str(wheel)])
        use(python, folder)
    print("The wheel works alone.")
    return 0


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a step; nothing of this Python's packages leaks into it."""
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done


def build(folder: Path) -> Path:
    """The wheel, built from a copy: setuptools leaves folders behind where it builds."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mlm_helpers", source / "mlm_helpers", ignore=ignore)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    run([*pip, "--wheel-dir", str(folder), str(source)], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(place: Path) -> Path:
    uv = shutil.which("uv")
    maker = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    run([*maker, str(place)], place.parent)
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(python: Path, constraints: Path, what: list[str]) -> None:
    uv = shutil.which("uv")
    pip = [uv, "pip", "install", "--python", str(python)] if uv else []
    pip = pip or [str(python), "-m", "pip", "install", "--no-compile"]
    run([*pip, "--only-binary", ":all:", "-c", str(constraints), *what], python.parent)


def use(python: Path, folder: Path) -> None:
    empty = folder / "elsewhere"
    empty.mkdir()
    run([str(python), "-c", AS_A_LIBRARY], empty)
    for command in (["slides"], ["mark", "."], ["adapt", "hsb82", "--out", "out"]):
        done = subprocess.run(
            [str(python), "-m", "mlm_helpers.authoring", *command],
            cwd=empty, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode == 0 or "mlm-helpers[teach]" not in done.stderr:
            raise SystemExit(f"{command[0]} does not say what it needs:\n{done.stderr}")


def run_core_tests(python: Path, folder: Path) -> int:
    """The tests of numbers and words, on a copy: what is imported is the installed wheel."""
    tests = folder / "tests"
    skipped = shutil.ignore_patterns("__pycache__", "benchmarks", "browser")
    shutil.copytree(ROOT / "tests", tests, ignore=skipped)
    files = [f"tests/test_{name}.py" for name in CORE]
    command = [str(python), "-m", "pytest", "-q", "-o", "pythonpath=tests", *files]
    done = subprocess.run(command, cwd=folder)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
