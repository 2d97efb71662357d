"""What was handed in, as files: in a folder, or in an archive as a course site makes it.

Nothing is unpacked and no link is followed. Every file is either a notebook that can be read or is
listed with a sentence; none is left out silently.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from mlm_helpers.authoring.marking.texts import clean, file_name
from mlm_helpers.errors import MLMError

LARGEST = 50 * 1024 * 1024  # bytes; a notebook beyond this holds something else than answers
MOST_FILES = 20_000
TOO_LARGE = "The file is larger than 50 MB."
_NO_FILE = {
    stat.S_ISDIR: "This is a folder, not a notebook.",
    stat.S_ISLNK: "This is a link to another file, not a notebook.",
    stat.S_ISFIFO: "This is a pipe, not a notebook.",
}


@dataclass(frozen=True)
class Handed:
    """One file: where it is inside what was given, when it was changed, and its bytes. ``problem``
    is a sentence where there is nothing to read."""

    path: PurePosixPath
    time: float
    read: Callable[[], bytes]
    problem: str = ""

    @property
    def is_notebook(self) -> bool:
        """Whether its name says that it is a notebook."""
        return self.path.suffix.casefold() == ".ipynb"


def files_in(place: Path) -> list[Handed]:
    """All files of a folder or an archive, in the order of their names.

    Raises
    ------
    MLMError
        If there is no such folder or archive, or it cannot be read.
    """
    if place.is_dir():
        found = list(_in_folder(place))
    elif place.is_file():
        found = list(_in_archive(place))
    else:
        raise MLMError(f"There is no folder or zip file {clean(place.as_posix())!r}.")
    if len(found) > MOST_FILES:
        raise MLMError(f"{clean(place.name)!r} holds more than {MOST_FILES} files.")
    return sorted(found, key=lambda h: h.path.as_posix())


def _dropping(path: PurePosixPath) -> bool:
    """What editors and systems leave behind, which nobody handed in."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


# ---- a folder -----------------------------------------------------------------------------------
def _in_folder(folder: Path) -> Iterator[Handed]:
    for place, folders, names in os.walk(folder):
        # a folder called x.ipynb is somebody's mistake: it is said, and looked into
        for name in [*names, *(n for n in folders if n.casefold().endswith(".ipynb"))]:
            real = os.path.join(place, name)
            inside = PurePosixPath(file_name(Path(real).relative_to(folder).as_posix()))
            if not _dropping(inside):
                yield _from_disk(real, inside)


def _from_disk(real: str, inside: PurePosixPath) -> Handed:
    try:
        about = os.lstat(real)
    except OSError as error:
        return Handed(inside, 0, bytes, f"The file cannot be read ({error.strerror}).")
    for is_so, sentence in _NO_FILE.items():
        if is_so(about.st_mode):
            return Handed(inside, about.st_mtime, bytes, sentence)
    if not stat.S_ISREG(about.st_mode):
        return Handed(inside, about.st_mtime, bytes, "This is not a file.")
    if about.st_size > LARGEST:
        return Handed(inside, about.st_mtime, bytes, TOO_LARGE)
    return Handed(inside, about.st_mtime, lambda: _bytes(real))


def _bytes(real: str) -> bytes:
    # opened without waiting and without following: the file may have been replaced meanwhile
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(real, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
        return file.read(LARGEST + 1)


# ---- an archive ---------------------------------------------------------------------------------
def _in_archive(place: Path) -> Iterator[Handed]:
    try:
        archive = zipfile.ZipFile(place)
    except (zipfile.BadZipFile, OSError, ValueError):
        raise MLMError(
            f"{clean(place.name)!r} is not a folder and not a zip file that can be read."
        ) from None
    for entry in archive.infolist():
        inside = PurePosixPath(clean(_entry_name(entry)).replace("\\", "/"))
        if entry.is_dir() or _dropping(inside) or ".." in inside.parts:
            continue
        problem = TOO_LARGE if entry.file_size > LARGEST else ""
        time = _time(entry)
        yield Handed(inside, time, partial(_unpacked, archive, entry), problem)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(entry) as file:
            return file.read(LARGEST + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise OSError(0, f"damaged in the archive: {clean(str(error))[:80]}") from None


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """Names that are not marked as UTF-8 often are all the same."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _time(entry: zipfile.ZipInfo) -> float:
    year, month, day, hour, minute, second = entry.date_time
    return ((((year * 12 + month) * 31 + day) * 24 + hour) * 60 + minute) * 60 + second
