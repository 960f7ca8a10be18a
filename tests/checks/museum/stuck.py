"""A file system whose every read of `stuck` never ends, while everything else of it answers."""

from __future__ import annotations

import threading

from dualfuse.samples.memory import Memory


class Stuck(Memory):
    """Serves memory; to read or write the file `stuck` takes for ever."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, float]:
        if path == "/stuck":
            threading.Event().wait()
        return super().getattr(path, fh)
