"""File systems that hang, or nearly: one never answers for `stuck`, the other takes its time for everything."""

from __future__ import annotations

import threading
import time

from dualfuse.samples.memory import Memory


class Stuck(Memory):
    """Serves memory; to look up `stuck` takes for ever."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, float]:
        if path == "/stuck":
            threading.Event().wait()
        return super().getattr(path, fh)


class Slow(Memory):
    """Serves memory; to ask for its room takes most of a second."""

    def statfs(self, path: str) -> dict[str, int]:
        time.sleep(0.6)
        return super().statfs(path)
