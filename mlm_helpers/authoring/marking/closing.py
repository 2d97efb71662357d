"""What the process in which answers run closes around itself, by the means of the system alone.

Where bubblewrap is installed it has done most of this before (``isolation``). Elsewhere on Linux
this is the protection: name spaces, Landlock for reading and writing, no capabilities. The limits
on memory, time, files and processes hold in both. Only the standard library is used: this file
runs inside.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable

MEGABYTE = 1024 * 1024
FILE_LIMIT = 64 * MEGABYTE
MOST_PROCESSES = 64
MOST_OPEN = 256

_NEW_USER, _NEW_PID, _NEW_NET, _NEW_IPC = 0x10000000, 0x20000000, 0x40000000, 0x08000000
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_CAPABILITIES_3 = 0x20080522

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_CHANGES = 0b1111111110000  # remove and make, in a folder
_REFER, _TRUNCATE, _DEVICE = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE
_LOOK = _EXECUTE | _READ_FILE | _READ_DIR


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal: int, parent: int | None = None) -> None:
    """Be sent ``signal`` when the process above ends, however it ends."""
    if sys.platform != "linux":
        return
    _libc().prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if parent is not None and os.getppid() != parent:  # it ended before the call
        os._exit(1)


def close_namespaces() -> set[str]:
    """Own network, own process numbers, own SysV memory, where the system allows it. The caller's
    process stays outside the new process numbers; what it forks next is inside."""
    if sys.platform != "linux":
        return set()
    user, group = os.getuid(), os.getgid()
    flags = _NEW_NET | _NEW_PID | _NEW_IPC | (_NEW_USER if user != 0 else 0)
    if _libc().unshare(flags) != 0:
        return set()
    if user != 0:
        for path, text in (
            ("/proc/self/setgroups", "deny"),
            ("/proc/self/uid_map", f"{user} {user} 1"),
            ("/proc/self/gid_map", f"{group} {group} 1"),
        ):
            with contextlib.suppress(OSError), open(path, "w") as file:
                file.write(text)
    return {"network", "processes", "memory of others"}


def drop_capabilities() -> None:
    """Give up what makes root more than a user, also for programs that are started later."""
    if sys.platform != "linux":
        return
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for number in range(64):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    head, nothing = struct.pack("Ii", _CAPABILITIES_3, 0), struct.pack("6I", *([0] * 6))
    libc.capset(ctypes.c_char_p(head), ctypes.c_char_p(nothing))


def close_files(folder: str, read: Iterable[str], names: Iterable[str]) -> set[str]:
    """Allow reading below ``read``, the names of files below ``names``, and writing in ``folder``
    only (Landlock, Linux). Nothing else can be opened, nor signals be sent outside."""
    if sys.platform != "linux":
        return set()
    libc = _libc()
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return set()
    everything = _LOOK | _WRITE_FILE | _CHANGES
    everything |= (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    everything |= _DEVICE if abi >= 5 else 0
    attributes = struct.pack("=QQQ", everything, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    attributes = attributes[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if rules < 0:
        return set()
    allowed = [(path, _LOOK) for path in read] + [(path, _READ_DIR) for path in names]
    allowed += [(folder, everything), ("/dev/null", everything)]
    allowed += [(device, _READ_FILE) for device in ("/dev/zero", "/dev/random", "/dev/urandom")]
    for path, rights in allowed:
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            mask = everything if os.path.isdir(path) else _OF_FILES & everything
            libc.syscall(_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", rights & mask, fd), 0)
            os.close(fd)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    closed = libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(rules)
    return {"files"} if closed else set()


def limit_resources(memory: int, seconds: int, *, count: bool) -> None:
    """Limit memory (in megabytes), processor time, the size of files and, where ``count`` says
    that processes of nobody else are counted, how many there may be."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = [
        (resource.RLIMIT_AS, memory * MEGABYTE),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, FILE_LIMIT),
        (resource.RLIMIT_NOFILE, MOST_OPEN),
        (resource.RLIMIT_CORE, 0),
    ]
    if count:
        wanted.append((resource.RLIMIT_NPROC, MOST_PROCESSES))
    for what, value in wanted:
        with contextlib.suppress(ValueError, OSError):
            _, hard = resource.getrlimit(what)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (value, value))
