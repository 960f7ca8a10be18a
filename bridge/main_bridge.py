"""The Lighthouse Bridge: `python -m bridge.main_bridge`, told what to do by LIGHTHOUSE_* (see `settings`)."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.agents import AgentsError
from bridge.api import Api
from bridge.mounts import Mounts
from bridge.roster import Roster
from bridge.server import ServerError, Servers
from bridge.settings import Settings, SettingsError
from bridge.store.event_store import EventStore
from bridge.store.schema import StoreError

log = logging.getLogger("bridge")

LOOPBACK = ("127.0.0.1", "::1", "localhost")
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class AlreadyRunningError(Exception):
    """Another Bridge holds the state folder."""


def main() -> int:
    """Serve until SIGTERM; the exit status is 0 for that, 2 for settings that make no sense and 1 for all else."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s bridge %(levelname)s %(message)s")
    try:
        settings = Settings.read(os.environ)
        with _signals() as signals, _alone(settings.state_dir):
            return _serve(settings, signals)
    except (SettingsError, AgentsError) as error:
        return _refused(str(error), 2)
    except (StoreError, ServerError, AlreadyRunningError, OSError) as error:
        return _refused(str(error), 1)


def _serve(settings: Settings, signals: Iterator[int]) -> int:
    settings.store.parent.mkdir(parents=True, exist_ok=True)
    EventStore(settings.store, uid=os.getuid(), gid=os.getgid()).close()  # a store that cannot be served is said now
    roster = Roster(settings.agents_file)
    if roster.agents.open and settings.host not in LOOPBACK:
        log.warning("there is no %s: whoever reaches %s may do everything", settings.agents_file, settings.host)
    mounts = Mounts(settings)
    api = Api(mounts, roster)
    servers = Servers(
        settings.host, {settings.port: api.application(), settings.metrics_port: api.metrics_application()}
    )
    mounts.start()
    servers.start()
    log.info("answering on %s:%d, metrics on port %d", settings.host, settings.port, settings.metrics_port)
    for number in signals:
        if number != signal.SIGHUP:
            break
        settings = _read_again(settings, mounts)
    log.info("asked to end")
    servers.stop()
    mounts.stop()
    log.info("ended, nothing is left mounted")
    return 0


def _read_again(before: Settings, mounts: Mounts) -> Settings:
    try:
        settings, kept = Settings.read(os.environ).keep_fixed(before)
    except SettingsError as error:
        log.error("the settings stay as they were: %s", error)
        mounts.reload(before, f"new settings were refused: {error}")
        return before
    note = f"{', '.join(kept)} can only be changed by a restart" if kept else ""
    log.info("read the settings again%s", f": {note}" if note else "")
    mounts.reload(settings, note)
    return settings


@contextmanager
def _signals() -> Iterator[Iterator[int]]:
    """Turn signals into numbers to iterate over: the handlers do nothing but wake the reader."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    before = {number: signal.signal(number, lambda *_: None) for number in HEARD}
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def numbers() -> Iterator[int]:
        while True:
            yield from os.read(reading, 64)

    try:
        yield numbers()
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """Hold the state folder: two Bridges in one would clear each other's mounts."""
    (state_dir / "mounts").mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"another Bridge is running with LIGHTHOUSE_STATE_DIR {state_dir}") from None
        yield


def _refused(message: str, status: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
