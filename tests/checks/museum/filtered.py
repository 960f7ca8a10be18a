"""Starts a command under a seccomp filter that answers EPERM to some system calls: `CALL,CALL COMMAND…`."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

PR_SET_SECCOMP, MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
_SAME = {"open_tree": 428, "move_mount": 429, "clone3": 435}
NUMBERS = {
    "x86_64": {"mount": 165, "umount2": 166, **_SAME},
    "aarch64": {"mount": 40, "umount2": 39, **_SAME},
}[platform.machine()]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def main() -> None:
    """Load the filter and become the command. As root it takes no no_new_privs, so that only the filter is felt."""
    numbers = [NUMBERS[name] for name in sys.argv[1].split(",")]
    code = [struct.pack("HBBI", LOAD, 0, 0, 0)]  # the system call's number is the first word
    for at, number in enumerate(numbers):
        code.append(struct.pack("HBBI", EQUAL, len(numbers) - at, 0, number))
    code += [struct.pack("HBBI", RETURN, 0, 0, ALLOW), struct.pack("HBBI", RETURN, 0, 0, REFUSE)]
    program = _Program(len(code), b"".join(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter could not be loaded")
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
