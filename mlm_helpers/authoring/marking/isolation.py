"""How the process in which answers run is started, closed by what this system offers.

``bubblewrap``, where it is installed: a file system in which only Python, its packages and the copy
without keys exist. Else, on Linux, the process closes itself in (``closing``, ``syscalls``). On
other systems there is no protection, and marking refuses unless told otherwise.

What may be read is listed (Python's own folders and the system's libraries). Of these is taken out
what should not be read and happens to lie inside: any copy of this package, the exercises with
their solutions, the submissions, the marks, the home folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlm_helpers.authoring.marking.tree import make_tree, package_folder
from mlm_helpers.errors import MLMError

REQUIRED = ("files", "network", "processes")
FOLDER_LIMIT = 256 * 1024 * 1024  # bytes in the private folder
INSIDE = "/answers"  # the private folder, and the copy of the package, as bubblewrap shows them
TREE_INSIDE = "/course"
WORKER = ["-P", "-s", "-m", "mlm_helpers.authoring.marking.sandbox"]
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"),
)


@dataclass(frozen=True)
class Isolation:
    """One way (``bubble``, ``own`` or ``none``) for one run of the marking."""

    way: str
    tree: Path
    roots: tuple[Path, ...]
    hidden: tuple[Path, ...]
    running: set[subprocess.Popen[bytes]] = field(default_factory=set, compare=False)
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)

    @property
    def required(self) -> tuple[str, ...]:
        """What has to be closed before anything runs."""
        return () if self.way == "none" else REQUIRED

    def job(self) -> dict[str, Any]:
        """What the process has to know about how it is closed in."""
        job: dict[str, Any] = {"way": self.way, "required": list(self.required)}
        job |= {"closed": [], "read": [], "names": [], "parent": os.getpid()}
        if self.way == "bubble":
            job["closed"] = [*REQUIRED, "memory of others"]
        if self.way == "own":
            read, names = readable(self.roots, self.hidden)
            job |= {"read": [*map(str, read), str(self.tree)], "names": [*map(str, names)]}
        return job

    def start(self, folder: str, files: Iterable[Path]) -> subprocess.Popen[bytes]:
        """The process, waiting for its job; ``files`` lie in its private folder."""
        if self.stopping.is_set():
            raise MLMError("The marking was stopped.")
        options: dict[str, Any] = {"start_new_session": True} if os.name != "nt" else {}
        if self.way == "bubble":
            command, inside, tree = self._bubble(files), INSIDE, TREE_INSIDE
        else:
            command, inside, tree = [sys.executable, *WORKER], folder, str(self.tree)
            for file in files:
                shutil.copy(file, folder)
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(inside, tree),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **options,
        )
        self.running.add(process)
        return process

    def _bubble(self, files: Iterable[Path]) -> list[str]:
        command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
        command += ["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"]
        for root in self.roots:
            link = os.readlink(root) if root.is_symlink() and root.parent == Path("/") else ""
            command += ["--symlink", link, str(root)] if link else ["--ro-bind", *[str(root)] * 2]
        for path in inside_of(self.hidden, self.roots):
            command += ["--tmpfs", str(path)] if path.is_dir() else []
            command += ["--ro-bind", "/dev/null", str(path)] if path.is_file() else []
        command += ["--ro-bind", str(self.tree), TREE_INSIDE]
        command += ["--size", str(FOLDER_LIMIT), "--tmpfs", INSIDE]
        for file in files:
            command += ["--ro-bind", str(file), f"{INSIDE}/{file.name}"]
        command += ["--size", str(16 * 1024 * 1024), "--tmpfs", "/dev/shm"]
        command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", INSIDE]
        return [*command, sys.executable, *WORKER]


@contextmanager
def isolation(way: str, private: Iterable[Path]) -> Iterator[Isolation]:
    """Make the copy of the package and say how to start; ``private`` may not be read."""
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
        make_tree(Path(folder))
        hidden = (package_folder(), Path.home(), *_installed_copies(), *private)
        yield Isolation(way, Path(folder), python_roots(), tuple(p.resolve() for p in hidden))


def ways() -> list[str]:
    """What this system may offer, the best first."""
    if sys.platform != "linux":
        return ["none"]
    return ["bubble", "own", "none"] if shutil.which("bwrap") else ["own", "none"]


# ---- what may be read ---------------------------------------------------------------------------
def python_roots() -> tuple[Path, ...]:
    """The folders that Python and its packages are read from, none inside another."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    places += [str(Path(sys.executable).resolve().parent.parent), *_packages()]
    places += [p for p in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if p[:1] == "/"]
    found = [Path(p) for p in (*places, *_SYSTEM) if os.path.exists(p) and p != "/"]
    found = list(dict.fromkeys(found))
    return tuple(p for p in found if not any(q != p and p.is_relative_to(q) for q in found))


def _packages() -> list[str]:
    """Folders of installed packages outside Python's own, such as those of ``pip --user``."""
    return [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]


def _installed_copies() -> list[Path]:
    name = package_folder().name
    return [Path(p) / name for p in _packages() if (Path(p) / name).exists()]


def inside_of(hidden: Iterable[Path], roots: Iterable[Path]) -> list[Path]:
    """What of ``hidden`` lies strictly inside a root, and holds no root itself."""
    real = [r.resolve() for r in roots]
    inside = [h for h in hidden if any(h != r and h.is_relative_to(r) for r in real)]
    return [h for h in dict.fromkeys(inside) if not any(r.is_relative_to(h) for r in real)]


def readable(roots: Iterable[Path], hidden: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Folders and files that may be read, and folders whose names may be listed: the roots without
    what is hidden. A rule of the kernel can only add, so the siblings of what is hidden are named
    one by one."""
    roots = list(roots)
    taken = inside_of(hidden, roots)
    read, names = [], []

    def add(place: Path) -> None:
        real = place.resolve()
        if real in taken:
            return
        if not any(h.is_relative_to(real) for h in taken):
            read.append(place)
            return
        names.append(place)
        for child in sorted(place.iterdir()):
            add(child)

    for root in roots:
        add(root)
    return read, names


def _environment(home: str, tree: str) -> dict[str, str]:
    """All that the process knows of the marker's environment, and what it needs of its own."""
    kept = {k: os.environ[k] for k in ("SYSTEMROOT", "LD_LIBRARY_PATH") if k in os.environ}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.defpath.lstrip(":")])
    homes = ("HOME", "TMPDIR", "TEMP", "TMP", "IPYTHONDIR", "MPLCONFIGDIR")
    known = [p for p in _packages() if not Path(p).is_relative_to(sys.prefix)]
    return {
        **kept,
        **dict.fromkeys(homes, home),
        "PYTHONPATH": os.pathsep.join([tree, *known]),
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "agg",
        # One thread each: several submissions run side by side, and threads take memory.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }
