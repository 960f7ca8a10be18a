"""The comparator: `python -m bridge.comparator`, a process of its own, so that a hung mount can hurt nobody else.

It takes samples of real operations from the tap of the primary's mount process, asks the same again through the
primary's mount and, by POST /observe, through the shadow's, and counts. When the tap yields less than it could handle,
it looks again at paths it knows, one after the other: what diverges silently, by a stale cache or by time, is found
that way. It ends with its standard input.

It is not made nicer: a look holds the kernel's lock on the folder until this process runs on, and clients that make
names there would wait with it. It gives way by doing less, see `comparator_pace`.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bridge.comparator_pace import Pace
from bridge.roster import Roster
from bridge.sidechannel import Answer, Question, SilentError, answer_at, ask
from dualfuse.comparator import KEPT, Comparator, MountedSide
from dualfuse.compare import Asked
from dualfuse.observe import IGNORED, Observation

log = logging.getLogger("bridge.comparator")

SAMPLES = 64  # taken from the tap at once
IDLE = 0.1  # seconds between two batches when the tap is quiet
PATIENCE = 5.0  # seconds the shadow may take
RETRY = 1.0  # seconds after a side did not answer
FILES = ("current",)  # where clients' files are: what nobody touches through the primary is found from there
# Parts of the mount that are not compared, and why.
LEFT_OUT = {
    "current/.incoming": "a body on its way: it is compared where it arrives, and gone from here by then",
    "debug": "says how this very Bridge is",
    "streams/events": "grows with every operation, so that reading it again each time would be most of the work",
}


class ShadowError(Exception):
    """The shadow did not answer, or not as a Bridge does."""


class Shadow:
    """The other Bridge, asked over one connection that is kept."""

    def __init__(self, url: str, roster: Roster) -> None:
        address = urlsplit(url)
        self._roster = roster
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=PATIENCE)
        self.backend = ""

    def look(self, asked: Asked) -> Sequence[Observation]:
        """Return what the paths look like there.

        Raises:
            ShadowError: It did not answer.
        """
        body = json.dumps({"paths": asked})
        try:
            peer = self._roster.agents.peer
            self._connection.request("POST", "/observe", body, {"Authorization": f"Bearer {peer}"} if peer else {})
            response = self._connection.getresponse()
            told = json.loads(response.read())
            if response.status != 200 or not told.get("backend"):
                raise ShadowError(f"it answered {response.status}: {str(told)[:200]}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ShadowError(f"{type(error).__name__}: {error}") from error
        self.backend = str(told["backend"])
        return [{key: value for key, value in seen.items() if key != "path"} for seen in told["observations"]]


def is_left_out(path: str) -> bool:
    """Whether a path, or a folder that it lies in, is not compared."""
    return any(path == part or path.startswith(f"{part}/") for part in LEFT_OUT)


class Session:
    """One comparator at work between a tap and a shadow."""

    def __init__(self, comparator: Comparator, tap: Path, rate: float) -> None:
        self.comparator = comparator
        self.pace = Pace(rate)
        self.trouble = ""
        self._tap = tap
        self._callers = [threading.get_native_id()]  # whose operations are no business of the tap

    def turn(self) -> float:
        """Compare once, and return the seconds to wait before the next time."""
        started = time.monotonic()
        try:
            tapped = ask(self._tap, {"ask": "tap", "callers": self._callers, "limit": SAMPLES})
            samples = tapped["samples"]
            self.pace.saw(started, float(tapped["cpu"]))
            before, paths = self.comparator.found, self.pace.paths
            done = self.comparator.work([(operation, path, detail) for operation, path, detail in samples], paths)
        except (SilentError, ShadowError, OSError) as error:
            if self.trouble != str(error):
                log.warning("cannot compare: %s", error)
            self.trouble = str(error)
            return RETRY
        self.trouble = ""
        new = min(self.comparator.found - before, KEPT)
        for found in list(self.comparator.divergences)[-new:] if new else ():
            log.warning("%s diverges in %s: see /divergences", found["path"], ", ".join(found["differing"]))
        pause = self.pace.pause(time.monotonic() - started, done)
        return pause if samples else max(pause, IDLE)

    def answer(self, question: Question) -> Answer:
        """Answer the Bridge that started this process."""
        if question.get("ask") == "divergences":
            return {"divergences": list(self.comparator.divergences)}
        counts: list[dict[str, Any]] = [
            {"kind": kind, "operation": operation, "primary": primary, "shadow": shadow, "count": count}
            for (kind, operation, primary, shadow), count in self.comparator.counts.copy().items()
        ]
        return {
            "counts": counts,
            "raced": self.comparator.raced,
            "known": self.comparator.known,
            "trouble": self.trouble,
            "ignored": {**IGNORED, **LEFT_OUT},
        }


def main(arguments: list[str] | None = None) -> int:
    """Compare until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m bridge.comparator")
    parser.add_argument("--mount", type=Path, required=True, help="the primary's mount point")
    parser.add_argument("--primary", required=True, help="the backend that serves it")
    parser.add_argument("--tap", type=Path, required=True, help="the socket of the primary's mount process")
    parser.add_argument("--shadow", required=True, help="the other Bridge's API")
    parser.add_argument("--socket", type=Path, required=True, help="where questions are answered")
    parser.add_argument("--rate", type=float, required=True, help="comparisons a second, at most")
    parser.add_argument("--agents", type=Path, required=True, help="the file of the agents, which the shadow reads too")
    told = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s comparator %(levelname)s %(message)s")
    shadow = Shadow(told.shadow, Roster(told.agents))
    comparator = Comparator(MountedSide(told.mount, told.primary), shadow, is_left_out, FILES)
    session = Session(comparator, told.tap, told.rate)
    answer_at(told.socket, session.answer)
    pause = 0.0
    while not select.select([0], [], [], pause)[0]:
        pause = session.turn()
    told.socket.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
