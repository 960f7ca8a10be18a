"""Ports of this machine that nobody uses, and that nobody else gets by chance."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

BLOCK = 100
#: Below those that a connection gets on its own: none is lost between being found and being listened on.
BLOCKS = range(10_000, 20_000, BLOCK)
MOST = 20  # blocks of one process; what its first tests had is free again when it needs more
_claims: list[socket.socket] = []  # names that vanish with the process


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, and that no other process which asks here is given."""
    found: list[int] = []
    while len(found) < count:
        port = next(_ports)
        if _free(port):
            found.append(port)
    return found


def _mine() -> Iterator[int]:
    """Yield the ports of this process's own blocks in turn."""
    mine: list[int] = []
    start = os.getpid() % len(BLOCKS)
    for first in (*BLOCKS[start:], *BLOCKS[:start]):
        if len(_claims) < MOST and _claimed(first):
            block = range(first, first + BLOCK)
            mine += block
            yield from block
    assert mine, f"every port from {BLOCKS.start} to {BLOCKS.stop} is taken by other tests"
    while True:
        yield from mine


def _claimed(first: int) -> bool:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0lighthouse-migrate-tests-{first}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_ports = _mine()
