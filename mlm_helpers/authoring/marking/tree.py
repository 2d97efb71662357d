"""A copy of the package for where answers run: without keys, in a folder of its own.

What is copied is said, not what is left out: the floors below the exercises, and the four files
that run and read answers. A module of the exercises or of the tools for instructors that is not
among them is answered by a stand-in, in which every name does nothing; so a notebook's own cells
run (``mlm.exercise("part2")``, ``ex.board()``), and there is nothing to find.
"""

from __future__ import annotations

import compileall
import shutil
from pathlib import Path

import mlm_helpers

KEYED = ("exercises", "authoring")  # floors of which only what CARRIED names is there
CARRIED = (
    "exercises/cells.py",
    "exercises/judging/plain.py",
    "authoring/marking/closing.py",
    "authoring/marking/sandbox.py",
    "authoring/marking/syscalls.py",
)
_STAND_IN = '''"""Stands in for a floor of the package where answers run."""

import importlib.machinery
import sys
import types


class Nothing(types.ModuleType):
    """Any module and any object of this floor: every name is there and does nothing."""

    __path__ = []
    answers = {}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return NOTHING

    def __call__(self, *args, **options):
        return NOTHING

    def __mro_entries__(self, bases):
        return ()


NOTHING = Nothing("nothing")


class _Finder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(__name__ + "."):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Nothing(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(_Finder())


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return NOTHING
'''


def package_folder() -> Path:
    """Where this package lies."""
    return Path(mlm_helpers.__file__).resolve().parent


def make_tree(target: Path) -> None:
    """Put the copy into ``target``, which then is what ``PYTHONPATH`` names."""
    source = package_folder()
    copy = target / source.name
    skipped = shutil.ignore_patterns("__pycache__", "*.j2", "*.ipynb")
    for entry in sorted(source.iterdir()):
        if entry.name in (*KEYED, "__pycache__"):
            continue
        if entry.is_dir():
            shutil.copytree(entry, copy / entry.name, ignore=skipped)
        else:
            copy.mkdir(parents=True, exist_ok=True)
            shutil.copy(entry, copy)
    for floor in KEYED:
        (copy / floor).mkdir(parents=True)
        (copy / floor / "__init__.py").write_text(_STAND_IN, encoding="utf-8")
    for name in CARRIED:
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).parent.joinpath("__init__.py").touch()
        shutil.copy(source / name, copy / name)
    # once here instead of at the start of every submission, which cannot write there
    compileall.compile_dir(str(target), quiet=2)
