"""Ports of this machine that nobody uses, and that nobody else who asks here is given."""

from __future__ import annotations

import os
import socket
from itertools import chain

from deployment.errors import OperatorError

_claims: list[socket.socket] = []  # names that vanish with the process


def claim(name: str) -> bool:
    """Take a name for as long as this process lives, if nobody has it; ports are only listened on later."""
    claimed = socket.socket(socket.AF_UNIX)
    try:
        claimed.bind(f"\0lighthouse-migrate-{name}")
    except OSError:
        claimed.close()
        return False
    _claims.append(claimed)
    return True


def is_free(port: int) -> bool:
    """Tell whether a port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> int:
    """Return the first of `count` neighbouring ports that are free now, and nobody else's who asked here and lives.

    Raises:
        OperatorError: There are none.
    """
    blocks = range(20000, 32000 - count, count)
    mine: int = os.getpid() % len(blocks)
    for first in chain(blocks[mine:], blocks[:mine]):
        if claim(f"ports-{first}") and all(is_free(first + n) for n in range(count)):
            return first
    raise OperatorError(f"there are no {count} free ports between 20000 and 32000", "`ss -ltn` shows who listens")
