"""The comparator: `python -m bridge.comparator`, a process of its own, so that a hung mount can hurt nobody else.

It takes samples of real operations from the tap of the primary's mount process, looks at their paths through the
primary's mount and, by POST /observe, through the shadow's, and counts. When the tap yields less than it could handle,
it looks again at paths it knows, one after the other, as `getattr`, `read` or `readdir`: what diverges silently, by a
stale cache or by time, is found that way. It ends with its standard input.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import select
import sys
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bridge.sidechannel import Answer, Question, SilentError, answer_at, ask
from dualfuse.compare import Asked, Compared, Outcome, compare, grouped, without_path
from dualfuse.observe import IGNORED, Observation, gathered, observe_all, shares

log = logging.getLogger("bridge.comparator")

BATCH = 100  # paths compared at once: one request to the shadow
SAMPLES = 1000  # taken from the tap at once
ROUND = 25  # known paths looked at again in a batch that would be empty otherwise
KNOWN = 10000  # paths remembered
KEPT = 1000  # divergences kept with both answers
IDLE = 0.1  # seconds between two batches when the tap is quiet
FASTEST = 500  # comparisons a second: more would only take from the primary's own work
THREADS = 2  # that look at the primary at once
PATIENCE = 5.0  # seconds the shadow may take
RETRY = 1.0  # seconds after a side did not answer


class ShadowError(Exception):
    """The shadow did not answer, or not as a Bridge does."""


class Shadow:
    """The other Bridge, asked over one connection that is kept."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=PATIENCE)
        self.backend = ""

    def look(self, asked: Asked) -> Sequence[Observation]:
        """Return what the paths look like there.

        Raises:
            ShadowError: It did not answer.
        """
        body = json.dumps({"paths": asked})
        try:
            self._connection.request("POST", "/observe", body)
            response = self._connection.getresponse()
            told = json.loads(response.read())
            if response.status != 200 or not told.get("backend"):
                raise ShadowError(f"it answered {response.status}: {str(told)[:200]}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ShadowError(f"{type(error).__name__}: {error}") from error
        self.backend = str(told["backend"])
        return [without_path(observation) for observation in told["observations"]]


class Comparator:
    """Compares, counts and remembers."""

    def __init__(self, mount: Path, primary: str, shadow: Shadow) -> None:
        self._mount = mount
        self._primary = primary
        self._shadow = shadow
        self._threads = ThreadPoolExecutor(THREADS, initializer=self._note_thread)
        self.callers: list[int] = []  # threads whose operations are no business of the tap
        self._known: OrderedDict[str, None] = OrderedDict()
        self._counts: Counter[tuple[str, str, str]] = Counter()  # kind, operation, shadow
        self._divergences: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._raced = 0
        self.trouble = ""

    def _note_thread(self) -> None:
        self.callers.append(threading.get_native_id())

    def work(self, samples: Sequence[tuple[str, str]]) -> int:
        """Compare what was sampled, or known paths where that is little; return how many operations were compared."""
        wanted = dict(list(grouped(samples).items())[-BATCH:])  # the newest: an older state is gone anyway
        for path in wanted:
            self._known[path] = None
            self._known.move_to_end(path)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        if len(wanted) < ROUND:
            for path in self._oldest(ROUND - len(wanted)):
                wanted.setdefault(path, ("getattr", "read", "readdir"))
        done = 0
        for compared in compare(wanted, self._look, self._shadow.look) if wanted else ():
            done += self._count(compared)
        return done

    def _oldest(self, number: int) -> list[str]:
        paths = [path for path, _ in zip(self._known, range(number), strict=False)]
        for path in paths:
            self._known.move_to_end(path)
        return paths

    def _look(self, asked: Asked) -> Sequence[Observation]:
        dealt = shares(asked, THREADS)
        parts = [[asked[number] for number in numbers] for numbers in dealt]
        return gathered(dealt, self._threads.map(lambda part: observe_all(self._mount, part), parts))

    def _count(self, compared: Compared) -> int:
        if compared.outcome is Outcome.RACED:
            self._raced += len(compared.operations)
            return 0
        for operation in compared.operations:
            self._counts["comparisons", operation, self._shadow.backend] += 1
        diverged = compared.diverged()
        for operation in diverged:
            self._counts["divergence", operation, self._shadow.backend] += 1
        if diverged:
            log.warning("%s diverges: %s here, %s there", compared.path, compared.primary, compared.shadow)
            self._divergences.append(
                {
                    "at": time.time(),
                    "path": compared.path,
                    "operations": diverged,
                    "primary": {"backend": self._primary, **compared.primary},
                    "shadow": {"backend": self._shadow.backend, **compared.shadow},
                }
            )
        if "error" in compared.primary and "error" in compared.shadow:
            self._known.pop(compared.path, None)  # gone on both sides
        return len(compared.operations)

    def answer(self, question: Question) -> Answer:
        """Answer the Bridge that started this process."""
        if question.get("ask") == "divergences":
            return {"divergences": list(self._divergences)}
        counts = [
            {"kind": kind, "operation": operation, "primary": self._primary, "shadow": shadow, "count": count}
            for (kind, operation, shadow), count in self._counts.copy().items()
        ]
        return {
            "counts": counts,
            "raced": self._raced,
            "known": len(self._known),
            "trouble": self.trouble,
            "ignored": IGNORED,
        }


def main(arguments: list[str] | None = None) -> int:
    """Compare until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m bridge.comparator")
    parser.add_argument("--mount", type=Path, required=True, help="the primary's mount point")
    parser.add_argument("--primary", required=True, help="the backend that serves it")
    parser.add_argument("--tap", type=Path, required=True, help="the socket of the primary's mount process")
    parser.add_argument("--shadow", required=True, help="the other Bridge's API")
    parser.add_argument("--socket", type=Path, required=True, help="where questions are answered")
    told = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s comparator %(levelname)s %(message)s")
    comparator = Comparator(told.mount, told.primary, Shadow(told.shadow))
    answer_at(told.socket, comparator.answer)
    pause = 0.0
    while not select.select([0], [], [], pause)[0]:
        started = time.monotonic()
        try:
            samples = ask(told.tap, {"ask": "tap", "callers": comparator.callers, "limit": SAMPLES})["samples"]
            done = comparator.work([(operation, path) for operation, path in samples])
            comparator.trouble = ""
        except (SilentError, ShadowError, OSError) as error:
            if comparator.trouble != str(error):
                log.warning("cannot compare: %s", error)
            comparator.trouble = str(error)
            pause = RETRY
            continue
        took = time.monotonic() - started
        pause = max(0.0, done / FASTEST - took) if samples else IDLE
    told.socket.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
