"""A class at once: what JupyterHub, Binder and repo2docker read, and what one student costs.

``python tests/benchmarks/bench_student.py`` measures start, memory and the way to the first figure.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
# what repo2docker takes before environment.yml, or instead of it
OVERRULES = ("Dockerfile", "environment.yaml", "binder", ".binder")


def test_repo2docker_finds_environment_yml_and_nothing_that_overrules_it() -> None:
    assert isinstance(CONDA["name"], str)
    assert CONDA["channels"] == ["conda-forge"]
    assert [name for name in OVERRULES if (ROOT / name).exists()] == []


def test_the_image_gets_a_server_a_kernel_and_the_package() -> None:
    """repo2docker brings notebook and JupyterHub's part; Lab, kernel and package are ours."""
    conda = [
        entry.split("=")[0].split(">")[0]
        for entry in CONDA["dependencies"]
        if isinstance(entry, str)
    ]
    (pip,) = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    assert {"python", "pip", "jupyterlab", "ipywidgets"} <= set(conda)
    assert "--editable ." in pip


def test_the_environment_takes_the_next_python_too() -> None:
    (python,) = [
        entry.removeprefix("python")
        for entry in CONDA["dependencies"]
        if isinstance(entry, str) and entry.startswith("python>")
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for version in ("3.11", "3.12", "3.13"):
        assert Version(f"{version}.5") in SpecifierSet(python)
        assert Version(f"{version}.5") in SpecifierSet(project["requires-python"])


def test_a_kernel_that_has_imported_the_package_has_loaded_none_of_its_weight() -> None:
    program = (
        "import sys; before = set(sys.modules); import mlm_helpers; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    # what needs no more than Python's own library costs milliseconds: the package is one module
    assert [name for name in loaded if name.startswith("mlm_helpers")] == ["mlm_helpers"]
    assert len(loaded) < 12
