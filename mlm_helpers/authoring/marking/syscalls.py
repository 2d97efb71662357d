"""A filter on system calls (seccomp, Linux) for the process in which answers run.

It refuses what answering a question never needs and what a file or name-space rule does not cover:
sockets of every kind, changes of a file's mode, owner, times or attributes, SysV memory and
message queues, looking into other processes, mounting, new name spaces and sessions, and every
call that is newer than this list. Only the standard library is used: this file runs inside.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

_X86, _ARM = "x86_64", "aarch64"
_AUDIT = {_X86: 0xC000003E, _ARM: 0xC00000B7}
NEWEST = 452  # calls from this number on are not known here; numbers are common from 424 on
_X32 = 0x40000000

# name: number on x86_64, number on aarch64; -1 where the machine has no such call
_REFUSED = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "mknod": (133, -1),
    "mknodat": (259, 33), "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kcmp": (312, 272), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "personality": (135, 92),
    "setsid": (112, 157), "setpgid": (109, 154), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
}  # fmt: skip
# Copying a file sets its mode and time: these are answered as done, and nothing is done.
_IGNORED = {
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, -1),
    "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54), "utime": (132, -1),
    "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88),
}  # fmt: skip
_CLONE, _CLONE3, _IOCTL = (56, 220), 435, (16, 29)
_KILL, _TGKILL = (62, 129), (234, 131)
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW... flag
_PUSH_INPUT = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX: typing into a terminal

_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24  # where they stand in the kernel's record


def close_calls(own: int | None) -> bool:
    """Put the filter on this process and all it starts. ``own`` is this process's number where
    signals may go to it only, None where no other process can be reached anyway. Returns whether
    the filter is on."""
    program = filter_program(platform.machine(), own)
    if not program:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        return False
    memory = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(memory))
    return libc.prctl(22, 2, ctypes.c_char_p(head), 0, 0) == 0  # PR_SET_SECCOMP, filter


def filter_program(machine: str, own: int | None) -> bytes:
    """The filter as the kernel reads it; empty for a machine whose calls are not listed here."""
    if machine not in _AUDIT or sys.platform != "linux":
        return b""
    at = (_X86, _ARM).index(machine)
    refuse, unknown = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    out = [(_LD, 0, 0, _MACHINE), (_JEQ, 1, 0, _AUDIT[machine]), (_RET, 0, 0, _KILL_PROCESS)]
    out += [(_LD, 0, 0, _NUMBER), (_JGE, 0, 1, _X32), (_RET, 0, 0, refuse)]
    out += [(_JGE, 0, 1, NEWEST), (_RET, 0, 0, unknown)]
    for listed, answer in ((_REFUSED, refuse), (_IGNORED, _ERRNO)):
        for numbers in listed.values():
            if numbers[at] >= 0:
                out += [(_JEQ, 0, 1, numbers[at]), (_RET, 0, 0, answer)]
    # glibc falls back on clone, whose flags can be read
    out += [(_JEQ, 0, 1, _CLONE3), (_RET, 0, 0, unknown)]
    out += _only_if(_CLONE[at], [(_LD, 0, 0, _FIRST), (_JSET, 0, 1, _NEW_NAMESPACES)], refuse)
    for request in _PUSH_INPUT:
        out += _only_if(_IOCTL[at], [(_LD, 0, 0, _SECOND), (_JEQ, 0, 1, request)], refuse)
    if own is not None:
        for number in (_KILL[at], _TGKILL[at]):
            out += _only_if(number, [(_LD, 0, 0, _FIRST), (_JEQ, 1, 0, own)], refuse)
    out.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in out)


def _only_if(
    number: int, test: list[tuple[int, int, int, int]], answer: int
) -> list[tuple[int, int, int, int]]:
    """Answer so for this call when its arguments pass the test; the number is read again after."""
    steps = [*test, (_RET, 0, 0, answer), (_LD, 0, 0, _NUMBER)]
    return [(_JEQ, 0, len(steps), number), *steps]
