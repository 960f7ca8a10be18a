"""The load: clients at a constant rate, through the router and through the stable mount path, every byte verified.

Run as a process of its own: `python -m runbook.rehearsal.load --url URL --live PATH --ledger FILE --rate N`. It
works until SIGTERM, then reads everything once more, writes the final totals and exits 0, whatever the totals say.
SIGINT ends it at once, without that last reading. No operation is ever retried.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from runbook.rehearsal.clients import Client
from runbook.rehearsal.holder import Holder
from runbook.rehearsal.ledger import Ledger
from runbook.rehearsal.pulse import FailedError, Pulse
from runbook.rehearsal.sections import Sections
from runbook.rehearsal.ways import Mount, Router

CLIENT_IDS = 240  # enough that each of the router's shares has its part
TOKEN = "LIGHTHOUSE_TOKEN"  # the environment's, not an argument's: arguments are for everybody to see
BACKLOG = 1.0  # seconds of missed operations that a client makes up for after a pause, and no more


class Load:
    """All clients, their pace and their watchdog."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._ledger = Ledger(arguments.ledger)
        self._limit: float = arguments.limit
        self._hold: float = arguments.hold
        self._interval: float = arguments.clients / arguments.rate
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._broken: list[str] = []  # tracebacks of this program's own mistakes
        mount = Mount(arguments.live)
        ids = [f"load-{number:03}" for number in range(CLIENT_IDS)]
        # A run's folder is its own: what an earlier run left must not be in a listing.
        folder = f"load-{os.getpid()}-{arguments.seed}"
        self._clients = []
        for number in range(arguments.clients):
            chance = random.Random(f"{arguments.seed}/{number}")
            # The socket's own timeout only frees the thread; the watchdog has counted the operation before.
            router = Router(arguments.url, ids, chance, timeout=self._limit + 1, token=os.environ.get(TOKEN, ""))
            pulse = Pulse(self._ledger, self._limit)
            own = f"{folder}/c{number}"
            sections = Sections(own, arguments.live, router, pulse, chance) if arguments.sections else None
            self._clients.append(Client(own, router, mount, pulse, chance, sections))
        self._holders = []
        for number in range(arguments.holders):
            chance = random.Random(f"{arguments.seed}/h{number}")
            pulse = Pulse(self._ledger, self._limit)
            self._holders.append(Holder(f"{folder}/h{number}", mount, pulse, self._held, chance))

    def stop(self, signal_number: int) -> None:
        """End: in order on SIGTERM, at once on SIGINT."""
        if signal_number == signal.SIGINT:
            self._hurry.set()
        self._stop.set()

    def run(self) -> int:
        """Work until told to stop and return the exit code."""
        work = [partial(self._serve, client, index) for index, client in enumerate(self._clients)]
        work += [partial(self._keep_holding, holder, index) for index, holder in enumerate(self._holders)]
        threads = [threading.Thread(target=self._guarded, args=(what,), daemon=True) for what in work]
        for thread in threads:
            thread.start()
        pulses = [client.pulse for client in self._clients] + [holder.pulse for holder in self._holders]
        ended: float | None = None
        while any(thread.is_alive() for thread in threads):
            for pulse in pulses:
                pulse.watch()
            self._ledger.write()
            if ended is None and self._stop.wait(0.25):
                ended = time.monotonic()
            elif ended is not None:
                time.sleep(0.05)
                # A thread in a hung system call cannot be ended; its operation is counted as failed and left.
                if time.monotonic() - ended > (1 if self._hurry.is_set() else 2 * self._limit + 2):
                    for pulse in pulses:
                        pulse.watch(ending=True)
                    break
        totals = self._ledger.write(finished=not self._broken)
        sys.stdout.write(f"{totals.operations} operations, {totals.failed} failed, {totals.seconds:.1f} s\n")
        sys.stderr.write("".join(self._broken))
        return 1 if self._broken else 0

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001  # a mistake of this program: never a silent end of the load
            self._broken.append(traceback.format_exc())
            self._stop.set()

    def _serve(self, client: Client, index: int) -> None:
        due = time.monotonic() + self._interval * index / max(1, len(self._clients))
        self._until_done(client.start)
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            with suppress(FailedError):  # it is in the ledger
                client.step()
            due = max(due + self._interval, time.monotonic() - BACKLOG)
        last_reading = client.finish()
        while not self._hurry.is_set() and next(last_reading, False):
            pass

    def _keep_holding(self, holder: Holder, index: int) -> None:
        self._until_done(holder.start)
        self._stop.wait(self._hold * index / max(1, len(self._holders)))  # so that some file is open at any instant
        while not self._stop.is_set():
            try:
                holder.round()
            except FailedError:  # it is in the ledger
                self._stop.wait(0.1)  # not as fast as failures come

    def _until_done(self, start: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                start()
            except FailedError:  # it is in the ledger
                self._stop.wait(0.5)
            else:
                return

    def _held(self) -> None:
        self._stop.wait(self._hold)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m runbook.rehearsal.load", description=__doc__)
    parser.add_argument("--url", required=True, help="the router, for example http://127.0.0.1:8765")
    parser.add_argument("--live", required=True, type=Path, help="the stable mount path")
    parser.add_argument("--ledger", required=True, type=Path, help="the file to keep the totals in")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--holders", type=int, default=2, help="clients that keep files open")
    parser.add_argument("--rate", type=float, required=True, help="operations a second of all clients together")
    parser.add_argument("--hold", type=float, default=1.5, help="seconds a held file stays open")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds after which an operation counts as failed")
    parser.add_argument("--sections", action="store_true", help="work in every section, not only in current/")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def main() -> int:
    """Run the load until it is told to stop."""
    load = Load(parse(sys.argv[1:]))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: load.stop(caught))
    return load.run()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread in a hung system call would keep the interpreter from ending
