"""Serves a directory with a tap, as a primary does: `python -m benchmarks.comparing.tapped ROOT MOUNTPOINT SOCKET`."""

from __future__ import annotations

import sys
from pathlib import Path

import dualfuse
from bridge.sidechannel import Answer, Question, answer_at
from dualfuse.context import fuse_get_context
from dualfuse.instrument import Instrument
from dualfuse.samples.loopback import Loopback
from dualfuse.tap import Tap

OPTIONS = {"entry_timeout": 0, "attr_timeout": 0, "negative_timeout": 0}


def main() -> None:
    """Serve until unmounted."""
    root, mountpoint, socket = sys.argv[1:]
    tap = Tap(lambda: fuse_get_context()[2])

    def answer(question: Question) -> Answer:
        return {"samples": tap.take(question["callers"], int(question["limit"]))}

    answer_at(Path(socket), answer)
    dualfuse.mount(Instrument(Loopback(root), "fusepy", tap), mountpoint, backend="fusepy", **OPTIONS)


if __name__ == "__main__":
    main()
