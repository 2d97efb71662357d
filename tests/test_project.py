"""The project itself: one list of packages said three times, a light import, one direction."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import distribution
from importlib.util import resolve_name
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import mlm_helpers

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = ROOT / "mlm_helpers"


def lines(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def pins(name):
    """Package to version in a pinned list, and that it is nothing but such pins."""
    found = {}
    for line in lines(name):
        pin = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][\w.]*)( ; .+)?", line)
        assert pin, f"not name==version: {line}"
        found[canonicalize_name(pin[1])] = pin[2]
    assert len(found) == len(lines(name)), "a package is listed twice"
    return found


def direct(requirements):
    return {canonicalize_name(Requirement(text).name): Requirement(text) for text in requirements}


RUN, SITE, TEST = (pins(f"requirements{kind}.txt") for kind in ("", "-site", "-test"))
EXTRAS = {name: direct(texts) for name, texts in PROJECT["optional-dependencies"].items()}
LIBRARY = direct(PROJECT["dependencies"])
# The course's environment holds what the notebooks use and instructors need, but not Parquet.
DIRECT_RUN = {**LIBRARY, **EXTRAS["lab"], **EXTRAS["statsmodels"], **EXTRAS["teach"]}
DIRECT_RUN |= {name: EXTRAS["files"][name] for name in ("openpyxl", "pyreadstat")}
DIRECT_TEST = {**EXTRAS["test"], "pyarrow": EXTRAS["files"]["pyarrow"]}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


@pytest.mark.parametrize(
    ("wanted", "pinned"),
    [(DIRECT_RUN, RUN), (EXTRAS["site"], SITE), (DIRECT_TEST, TEST)],
    ids=["run", "site", "test"],
)
def test_what_the_package_needs_is_pinned(wanted, pinned):
    for name, requirement in wanted.items():
        assert Version(pinned[name]) in requirement.specifier, requirement


def test_the_oldest_versions_allowed_are_those_that_are_tried():
    oldest = [Requirement(text) for text in lines("tests/requirements-oldest.txt")]
    assert oldest
    for tried in oldest:
        allowed = {**LIBRARY, **EXTRAS["statsmodels"]}[tried.name]
        assert str(allowed.specifier) == str(tried.specifier).replace("==", ">=")


CALLED = {"PIL": "pillow", "py_mini_racer": "mini-racer"}  # import name to package name


def imported_packages():
    """The packages that the library imports or asks for with ``needed``, wherever it does."""
    ours_and_pythons = sys.stdlib_module_names | {"mlm_helpers"}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "needed":
                modules = [node.args[0].value]
            else:
                continue
            found |= {module.split(".")[0] for module in modules} - ours_and_pythons
    return {canonicalize_name(CALLED.get(name, name)) for name in found}


def test_what_is_declared_is_what_is_imported():
    extras = [EXTRAS[name] for name in ("files", "statsmodels", "teach", "site", "cluster")]
    declared = set(LIBRARY).union(*extras)
    # what others load by its name: Dask, Sphinx and JupyterLite
    by_name = {"distributed", "myst-nb", "sphinx-book-theme", "jupyterlite-core"}
    by_name |= {"jupyterlite-pyodide-kernel"}
    assert declared - by_name == imported_packages()


def test_the_wheel_holds_every_file_of_the_package():
    """What git knows below mlm_helpers is Python, or matches a pattern of package-data."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    patterns = setuptools["setuptools"]["package-data"]["mlm_helpers"]
    packed = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    known = subprocess.run(
        ["git", "ls-files", "mlm_helpers"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    files = [ROOT / name for name in known if not name.endswith(".py")]
    assert [path for path in files if path.exists() and path not in packed] == []


def test_test_packages_are_not_needed_to_run():
    assert not set(RUN) & set(TEST)
    assert not set(SITE) & {*RUN, *TEST}


def test_pins_are_what_is_installed_here():
    """The closure is whole: every package that an installed one needs here is pinned."""
    wanted, seen = [*DIRECT_RUN, *EXTRAS["site"], *DIRECT_TEST], set()
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name in seen:
            continue
        seen.add(name)
        assert name in RUN | SITE | TEST, f"{name} is needed but not pinned"
        for text in distribution(name).requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)


def test_conda_users_get_the_same_packages_at_the_same_versions():
    conda = dict(entry.split("=", 1) for entry in CONDA if isinstance(entry, str) and "=" in entry)
    (from_pip,) = [entry["pip"] for entry in CONDA if isinstance(entry, dict)]
    listed = dict(entry.split("==") for entry in from_pip if "==" in entry)
    python = conda.pop("python>")
    assert f">={python.split(',')[0]}" == PROJECT["requires-python"]
    pinned = RUN | SITE | TEST
    wanted = {*DIRECT_RUN, *EXTRAS["site"], *DIRECT_TEST}
    assert {**conda, **listed} == {name: pinned[name] for name in wanted}
    assert "--editable ." in from_pip


def test_no_list_names_a_host():
    for name in (
        "requirements.txt",
        "requirements-site.txt",
        "requirements-test.txt",
        "environment.yml",
    ):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_citation_and_package_have_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == mlm_helpers.__version__
    assert "version" in PROJECT["dynamic"]
    assert citation["license"] == PROJECT["license"]


def test_readme_gives_the_commands_and_every_path_it_names():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("python3 course.py lab", "python3 course.py test"):
        assert command in readme
    assert "python3 course.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)", readme)
    missing = [path for path in targets if "://" not in path and not (ROOT / path).exists()]
    assert missing == []


def test_importing_the_package_loads_nothing_heavy():
    script = "import sys, mlm_helpers; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert "mlm_helpers" in loaded
    heavy = {"numpy", "pandas", "scipy", "matplotlib", "seaborn", "statsmodels", "ipywidgets"}
    assert not heavy & set(loaded)


def test_every_public_name_can_be_had():
    for name in mlm_helpers.__all__:
        assert getattr(mlm_helpers, name) is not None


def imports_at_the_top():
    """Module of ours to the modules of ours that it imports when it is imported."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        package = ".".join(parts[:-1])
        name = package if parts[-1] == "__init__" else ".".join(parts)
        imported = set()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                source = resolve_name("." * node.level + (node.module or ""), package)
                imported |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
        found[name] = imported
    # importing a part of a package always starts with the package itself: that is no cycle
    ours = set(found) - {"mlm_helpers"}
    return {
        name: {other for other in imported & ours if not name.startswith(f"{other}.")}
        for name, imported in found.items()
    }


def test_modules_import_in_one_direction():
    order = list(TopologicalSorter(imports_at_the_top()).static_order())
    assert order.index("mlm_helpers.errors") < order.index("mlm_helpers.data.centering")


def test_computing_does_not_need_the_views():
    graph = imports_at_the_top()

    def reached(name, seen):
        for other in graph[name] - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    views = {"mlm_helpers.report.plots", "mlm_helpers.explorers"}
    for name in ("data.datasets", "data.centering", "engine.fit", "engine.inference"):
        assert not views & reached(f"mlm_helpers.{name}", set()), name


@pytest.mark.parametrize("library", ["print", "warn"])
def test_the_library_neither_prints_nor_warns(library):
    """Words reach a student as return values; only the command line of authoring speaks."""
    called = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if "authoring" not in path.parts and path.name != "__main__.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == library
    ]
    assert called == []
