"""The keeper of the mounts: one thread that starts, proves, swaps, drains and replaces the processes that serve them.

A mount is only ever put on the mount point after it answered on its private one, and the one before is taken off in the
same step. Nothing but a heartbeat's disposable child ever asks a mount anything.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from bridge.draining import Draining
from bridge.health import Health, Status
from bridge.mirror import Mirror
from bridge.mount_child import MountChild, clear_leftovers
from bridge.mount_process import FSNAME
from bridge.pulse import HUNG_LIMIT, Pulse
from bridge.settings import Settings
from bridge.tallies import Tallies
from dualfuse import live
from dualfuse.errors import MountError
from dualfuse.heartbeat import beat

log = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two heartbeats, and how long one may take
RETRY = 2.0  # seconds between two attempts to mount while degraded
FIRST_RETRY = 0.1  # seconds; doubled with each process in a row that dies young
YOUNG = 1.0  # seconds a process has served


class Mounts:
    """Keeps one mount serving on the mount point, as the settings say.

    Args:
        settings: What the Bridge was told; `reload` changes them.
    """

    def __init__(self, settings: Settings) -> None:
        self.health = Health(settings)
        self.tallies = Tallies()
        self.mirror = Mirror()
        self._settings = settings
        self._serving: MountChild | None = None
        self._served_since = 0.0
        self._draining = Draining(self.tallies.bury)
        self._pulse = Pulse()
        self._retry_at = self._next_beat = 0.0
        self._died_young = 0  # processes in a row
        self._number = 0
        self._new_settings: queue.SimpleQueue[tuple[Settings, str]] = queue.SimpleQueue()
        self._stopping = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._keep, name="keeper of the mounts")

    def start(self) -> None:
        """Clear what a Bridge that died left here, and begin to keep a mount serving."""
        for path in clear_leftovers(self._settings, FSNAME):
            log.warning("detached %s, left mounted by a Bridge that is gone", path)
        with suppress(FileExistsError):
            self._settings.mount_point.mkdir(parents=True)
        self._thread.start()

    def reload(self, settings: Settings, note: str = "") -> None:
        """Bring the mount to new settings; `health.generation` rises when that is done."""
        self._new_settings.put((settings, note))
        os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """Detach the mount, wait for what is open to be closed, and return when no process of ours is left."""
        self._stopping = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()

    def _keep(self) -> None:
        self._guarded(self._mount)
        self._tell(generation=1)
        self._next_beat = time.monotonic() + BEAT
        while not self._stopping:
            self._guarded(self._turn)
        self._guarded(self._drain_all)

    def _turn(self) -> None:
        self._wait((self._next_beat if self._serving else min(self._next_beat, self._retry_at)) - time.monotonic())
        self._bury()
        while not self._new_settings.empty():
            self._bring_to(*self._new_settings.get())
        if self._serving is None and time.monotonic() >= self._retry_at:
            self._mount()
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT
            self._look()

    def _guarded(self, work: Callable[[], object]) -> None:
        """Do one thing; what fails unexpectedly is said aloud, and the keeping goes on after a moment."""
        try:
            work()
        except Exception as error:
            log.exception("keeping the mounts failed")
            self._tell(reason=f"keeping the mounts failed: {type(error).__name__}: {error}")
            self._retry_at = time.monotonic() + RETRY
            time.sleep(0 if self._stopping else BEAT)

    def _wait(self, seconds: float) -> None:
        """Sleep until it is time, something is asked, or a process ends."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        descriptors = []
        for child in self.children():
            try:
                descriptors.append(os.pidfd_open(child.pid))
            except ProcessLookupError:
                return
            poll.register(descriptors[-1], select.POLLIN)
        try:
            if any(ready == self._wake for ready, _ in poll.poll(max(0.0, seconds) * 1000)):
                os.eventfd_read(self._wake)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def children(self) -> list[MountChild]:
        """Return the processes that serve, the draining ones included."""
        serving = self._serving
        return [*([serving] if serving else []), *self._draining.children()]

    def _tell(self, **changes: object) -> None:
        draining = self._draining.held_by()
        self.health = replace(self.health, settings=self._settings, draining=draining, **changes)  # type: ignore[arg-type]

    def _mount(self) -> bool:
        """Mount with the first backend that can, and show it on the mount point; return whether one could."""
        reasons: list[str] = []
        for backend in filter(None, (self._settings.backend, self._settings.fallback)):
            if self._serving and not self._serving.ended() and self._serving.backend == backend and reasons:
                self._tell(reason="; ".join(reasons))  # what serves already is what we would fall back to
                return True
            self._number += 1
            child = MountChild(self._settings, backend, self._number)
            self.tallies.follow(child)
            try:
                child.prove()
                swap = live.swap(str(child.mountpoint), str(self._settings.mount_point))
            except (MountError, live.SwapError) as error:
                child.kill()
                self.tallies.bury(child)
                remedy = getattr(error, "remedy", "") or getattr(error, "hint", "")
                reasons.append(f"{error}; {remedy}" if remedy else str(error))
                log.error("%s cannot serve: %s", backend, reasons[-1])
                continue
            log.info("%s serves %s (%s, %.1f ms)", backend, self._settings.mount_point, swap.method, swap.seconds * 1e3)
            self._show(child, "; ".join(reasons))
            return True
        self._retry_at = time.monotonic() + RETRY
        if self._serving is None:
            self._tell(status=Status.DEGRADED, backend=None, mount_pid=None, reason="; ".join(reasons), responsive={})
        else:
            self._tell(reason=f"kept {self._serving.backend}: {'; '.join(reasons)}")
        return False

    def _show(self, child: MountChild, reason: str) -> None:
        before, self._serving = self._serving, child
        self._served_since, self._pulse = time.monotonic(), Pulse()
        if before is not None:
            self._draining.add(before)
            before.let_go()
        self._tell(
            status=Status.OK,
            backend=child.backend,
            mount_pid=child.pid,
            reason=reason,
            responsive={child.backend: True},
        )

    def _bring_to(self, settings: Settings, note: str) -> None:
        before, self._settings = self._settings, settings
        if self._serving is None or self._must_change(before):
            self._mount()
        elif self._serving.backend == settings.backend:
            self._tell(reason="")
        if note:
            self._tell(reason="; ".join(filter(None, [self.health.reason, note])))
        self._tell(generation=self.health.generation + 1)

    def _must_change(self, before: Settings) -> bool:
        """Whether what serves is not what the settings now ask for."""
        told, now = self._mounted_with(before), self._mounted_with(self._settings)
        return told != now or self._serving is None or self._serving.backend != self._settings.backend

    @staticmethod
    def _mounted_with(settings: Settings) -> tuple[object, ...]:
        cache = settings.cache_ttl, settings.cache_size
        return settings.max_readahead, settings.max_write, settings.debug, cache

    def _bury(self) -> None:
        """Notice processes that ended: drained ones are tidied away, a serving one is replaced."""
        if self._draining.bury():
            self._tell()
        child = self._serving
        if child is None or not child.ended():
            return
        log.error("the process that serves %s ended with status %s", child.mountpoint.name, child.process.returncode)
        self._serving = None
        self.tallies.bury(child)
        self._tell(
            status=Status.DEGRADED,
            backend=None,
            mount_pid=None,
            reason=f"the {child.backend} mount died and is being replaced",
            responsive={child.backend: False},
        )
        young = time.monotonic() - self._served_since < YOUNG
        self._died_young = self._died_young + 1 if young else 0
        pause = min(FIRST_RETRY * 2.0 ** (self._died_young - 1), RETRY) if self._died_young > 1 else 0.0
        self._retry_at = time.monotonic() + pause

    def _look(self) -> None:
        """Once a second: is the mount alive, does the mirror run, does a mount drain for too long?"""
        self.mirror.keep(self._settings, self._serving)
        if self._draining.press(self._settings.drain_timeout):
            self._tell()
        child = self._serving
        if child is None:
            return
        self._pulse.add(beat(child.heart, BEAT))
        if self._pulse.last.alive:
            child.counts()
        before, reason = self.health, self.health.reason
        if self._pulse.unresponsive:
            reason = f"the mount does not answer its heartbeat: {self._pulse.last.error}"
        elif before.hung:
            reason = ""
        status = Status.UNRESPONSIVE if self._pulse.unresponsive else Status.OK
        self._tell(status=status, reason=reason, responsive={child.backend: self._pulse.last.alive})
        if self._pulse.lost:
            log.error("%s has not answered for %g s: replacing it", child.mountpoint.name, HUNG_LIMIT)
            child.kill()

    def _drain_all(self) -> None:
        self.mirror.stop()
        self._tell(status=Status.DRAINING, reason="asked to end", backend=None)
        if self._serving is not None:
            child, self._serving = self._serving, None
            self._draining.add(child)
        live.detach(str(self._settings.mount_point))
        for child in self._draining.children():
            child.let_go()
        deadline = time.monotonic() + self._settings.drain_timeout
        while self._draining and time.monotonic() < deadline:
            self._wait(deadline - time.monotonic())
            self._bury()
        self._draining.end_all()
