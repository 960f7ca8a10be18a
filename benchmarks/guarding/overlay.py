"""Faults in a canary: copied into an image's environment by the benchmark, and nowhere else.

Every interpreter of that environment imports it at its start (a `.pth` file beside it says so). In the process that
serves a mount with pyfuse3 it puts itself between the backend and the file system and does, for as long as the file
`now` beside it names a fault, what that fault is. The product has no such hook: it is not touched.
"""

from __future__ import annotations

import errno
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

NOW = Path(__file__).with_name("lighthouse_fault.now")
LOOK = 0.02  # seconds between two looks at what is asked for
ERRORS, SLOW, SLOW_SECONDS, WRONG, STUCK = 0.05, 0.02, 2.0, 0.01, 0.02
LEFT_ALONE = frozenset({"init", "destroy", "statfs", "use_ns"})

_fault = ""
_released = threading.Event()


def serves_pyfuse3(arguments: list[str]) -> bool:
    """Tell whether this process serves a mount with pyfuse3."""
    return "bridge.mount_process" in arguments and "pyfuse3" in arguments


def faulty(name: str, call: Callable[..., Any], chance: random.Random) -> Callable[..., Any]:
    """Put the fault that is asked for now in the way of one operation."""

    def operation(self: Any, *arguments: Any) -> Any:
        fault = _fault
        if not fault:
            return call(self, *arguments)
        drawn = chance.random()
        if fault == "errors" and drawn < ERRORS:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if fault == "latency" and drawn < SLOW:
            time.sleep(SLOW_SECONDS)
        if fault == "stuck" and drawn < STUCK:
            _released.wait()
        answer = call(self, *arguments)
        if name == "read" and answer:
            if fault == "wrong-files" and crc32(arguments[0].encode()) % round(1 / WRONG) == 0:
                return bytes([answer[0] ^ 0xFF]) + bytes(answer[1:])
            if fault == "wrong-bytes":
                wrong = bytearray(answer)
                for offset in range(chance.randrange(round(1 / WRONG)), len(wrong), round(1 / WRONG)):
                    wrong[offset] ^= 0xFF
                return bytes(wrong)
        return answer

    return operation


def _look() -> None:
    global _fault
    while True:
        try:
            _fault = NOW.read_text().strip()
        except OSError:
            _fault = ""
        if _fault != "stuck":
            _released.set()
        else:
            _released.clear()
        time.sleep(LOOK)


def install() -> None:
    """Stand in the way of every operation of the Bridge's file system."""
    from bridge import filesystem

    chance = random.Random(os.getpid())
    for name, call in list(vars(filesystem.Filesystem).items()):
        if callable(call) and not name.startswith("_") and name not in LEFT_ALONE:
            setattr(filesystem.Filesystem, name, faulty(name, call, chance))
    threading.Thread(target=_look, name="faults", daemon=True).start()


if serves_pyfuse3(sys.orig_argv):
    install()
