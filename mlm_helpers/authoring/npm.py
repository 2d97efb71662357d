"""Packages of the web (reveal.js, MathJax), fetched once with npm and kept in a folder."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from mlm_helpers.errors import MLMError


def npm_package(name: str, version: str, cache: Path) -> Path:
    """The unpacked folder of a package, fetched unless it is in ``cache`` already.

    Raises
    ------
    MLMError
        When npm is missing or cannot fetch it.
    """
    folder = cache / f"{name.replace('/', '-')}-{version}"
    if (folder / "package.json").is_file():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise MLMError(
            f"npm is needed once, to fetch {name}: install Node.js and start this command again. "
            "Later exports need neither npm nor the network."
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as draft:
        command = [npm, "pack", f"{name}@{version}", "--silent", "--pack-destination", draft]
        done = subprocess.run(command, capture_output=True, text=True, cwd=draft)
        archives = list(Path(draft).glob("*.tgz"))
        if done.returncode or not archives:
            raise MLMError(
                f"{name} {version} could not be fetched with npm: connect to the internet for the "
                "first export; later ones do not need it."
            )
        with tarfile.open(archives[0]) as archive:
            archive.extractall(draft, filter="data")
        Path(draft, "package").replace(folder)
    return folder
