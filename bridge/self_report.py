"""What a process that serves a mount says of itself: in `debug/` on its mount, and to the Bridge that started it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from bridge.cache import Cache
from bridge.store import feed
from bridge.store.event_store import EventStore
from bridge.store.instant import spelled
from dualfuse.instrument import Instrument

LAST = 100  # errors that are kept


class LastErrors(logging.Handler):
    """Keeps the last warnings and errors that were logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kept: deque[str] = deque(maxlen=LAST)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is logged, with its time and one line of its traceback."""
        cause = f": {record.exc_info[1]!r}" if record.exc_info and record.exc_info[1] else ""
        line = f"{record.levelname} {record.name} {record.getMessage()}{cause}".replace("\n", " ")
        self._kept.append(f"{spelled(int(record.created * 1e9))} {line}\n")

    def text(self) -> str:
        """Return what is kept, oldest first."""
        return "".join(self._kept)


class SelfReport:
    """Puts together what there is to say.

    Args:
        backend: Who serves.
        store: The event store.
        cache: The speed layer.
    """

    def __init__(self, backend: str, store: EventStore, cache: Cache) -> None:
        self._backend = backend
        self._store = store
        self._cache = cache
        self._began = time.monotonic()
        self.instrument: Instrument | None = None  # it stands around the file system that shows this
        self.errors = LastErrors()
        logging.getLogger().addHandler(self.errors)

    def snapshot(self) -> dict[str, Any]:
        """Return the counts, for the Bridge."""
        counted = {} if self.instrument is None else self.instrument.snapshot()
        return {**counted, "cache": self._cache.counts()}

    def files(self) -> Mapping[str, str]:
        """Return the files of `debug/` with what they say at this moment."""
        return {"backend": self._backend, "errors": self.errors.text(), "stats": self._stats()}

    def _stats(self) -> str:
        snapshot = self.snapshot()
        operations = snapshot.pop("operations", {})
        with self._store.reader() as reader:
            events, changed, length = feed.tail(reader)
        return json.dumps(
            {
                **snapshot,
                "pid": os.getpid(),
                "seconds": round(time.monotonic() - self._began, 3),
                "events": events,
                "last_change": spelled(changed),
                "feed_bytes": length,
                "operations": {
                    name: {key: told[key] for key in ("ok", "error", "seconds")}
                    for name, told in operations.items()
                    if told["ok"] or told["error"]
                },
            },
            indent=1,
        )
