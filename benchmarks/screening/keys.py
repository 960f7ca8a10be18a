"""How long a key waits for its answer while the metrics source takes questions and answers none.

The screens run on a terminal of their own over a picture of week 5. Every look after the first asks a real Prometheus
source, which waits for a server that never answers, as it does when the server hangs.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.screening.terminal import drain, on_a_terminal, read_until
from tests.silence import a_silent_server

if TYPE_CHECKING:
    from runbook.engine import Engine
    from runbook.tui.look import Past, Seen

#: Each opens another room than the one before.
PRESSES = (
    (b"?", b"The walk: "),
    (b"e", b"Why the gates"),
    (b"l", b"What was said"),
    (b"h", b"show only"),
)
PAUSE = 0.05  # between two presses: a person's


def waited(rounds: int) -> list[float]:
    """Return the seconds from each key to its answer, after a first round in which the rooms are made."""
    with a_silent_server() as (port, asked):
        command = [sys.executable, "-m", "benchmarks.screening.keys", str(port)]
        with on_a_terminal(command, Path(__file__).parents[2]) as (_process, terminal):
            read_until(terminal, b"Weeks")
            if not asked.wait(20):
                raise SystemExit("the metrics source was never asked")
            return [answer(terminal, *press) for _ in range(rounds + 1) for press in PRESSES][len(PRESSES) :]


def answer(terminal: int, key: bytes, mark: bytes) -> float:
    """Press a key and return the seconds until a mark is painted."""
    drain(terminal, PAUSE)
    began = time.monotonic()
    os.write(terminal, key)
    read_until(terminal, mark)
    return time.monotonic() - began


def show(port: int) -> None:
    """Run the screens over a picture and a source at this port."""
    from deployment.metrics.prometheus import PrometheusSource
    from deployment.model import Side
    from tests.runbook.tui.hand import PICTURES, app_of

    source = PrometheusSource(f"http://127.0.0.1:{port}", lambda: dict.fromkeys(Side, "http://127.0.0.1:1/metrics"))
    looks = 0

    def look(_engine: Engine, *, measure: bool, past: Past | None) -> Seen:  # noqa: ARG001 - as every look is called
        nonlocal looks
        looks += 1
        while looks > 1:  # a hundred questions of a look, each a second: longer than the benchmark
            source.slices(Side.CANARY, 300.0, 5.0)
        return PICTURES["hold"]

    app_of(PICTURES["hold"], look=look).run()


if __name__ == "__main__":
    show(int(sys.argv[1]))
