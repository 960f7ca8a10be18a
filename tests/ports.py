"""Ports of this machine that nobody uses, and that nobody else gets by chance."""

from __future__ import annotations

import os
from collections.abc import Iterator

from runbook.rehearsal.ports import claim, is_free

BLOCK = 100
#: Below those that a connection gets on its own: none is lost between being found and being listened on.
BLOCKS = range(10_000, 20_000, BLOCK)
MOST = 20  # blocks of one process; what its first tests had is free again when it needs more


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, and that no other process which asks here is given."""
    found: list[int] = []
    while len(found) < count:
        port = next(_ports)
        if is_free(port):
            found.append(port)
    return found


def _mine() -> Iterator[int]:
    """Yield the ports of this process's own blocks in turn."""
    mine: list[int] = []
    start = os.getpid() % len(BLOCKS)
    for first in (*BLOCKS[start:], *BLOCKS[:start]):
        if len(mine) < MOST * BLOCK and claim(f"tests-{first}"):
            block = range(first, first + BLOCK)
            mine += block
            yield from block
    assert mine, f"every port from {BLOCKS.start} to {BLOCKS.stop} is taken by other tests"
    while True:
        yield from mine


_ports = _mine()
