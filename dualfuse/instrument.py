"""Count and time every operation, cheaply enough to be always on.

Plain integers and bucket arrays only; turning them into metrics is left to whoever reads the snapshot. An increment
is one load and one store without a call in between, which CPython does not interrupt.

An operation that has lasted a second is counted as slow from then on, by the first snapshot that finds it: one that
never returns would otherwise be in no count, and one that takes long in none until it is over. Whoever takes its start
out of the set counts it, so it is counted once.
"""

from __future__ import annotations

import errno
from bisect import bisect_left
from collections.abc import Callable
from time import perf_counter
from typing import Any

from dualfuse.guard import Check, Guard, log
from dualfuse.operations import OPERATIONS

# Upper bounds in seconds, each inclusive; durations above the last go into one overflow bucket.
BUCKETS: tuple[float, ...] = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0,
)  # fmt: skip

LONG = 1.0  # seconds
_LONG_BUCKET = BUCKETS.index(LONG) + 1

# A proper answer of a healthy file system: "no such file" is not a failure of the mount.
ANSWERS: frozenset[int] = frozenset({
    errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS,
    errno.ENODATA, errno.ENOSYS, errno.ENOTSUP, errno.ENOTTY, errno.ERANGE, errno.EXDEV, errno.ELOOP,
    errno.ENAMETOOLONG, errno.EINVAL, errno.EBADF, errno.EAGAIN, errno.EINTR, errno.EMLINK, errno.ETXTBSY,
})  # fmt: skip

Tap = Callable[[str, tuple[Any, ...]], None]


class _Meter:
    __slots__ = ("buckets", "error", "late", "ok", "running", "seconds")

    def __init__(self) -> None:
        self.ok = 0
        self.error = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.running: set[float] = set()  # when those began that are in progress and not counted
        self.late: set[float] = set()  # and those that are counted already

    def count_late(self, now: float) -> float:
        """Count what has been in progress for too long, and return when the oldest in progress began."""
        for start in list(self.running):
            if now - start > LONG:
                self.late.add(start)
                try:
                    self.running.remove(start)
                except KeyError:  # it has just ended, and counted itself
                    self.late.discard(start)
                else:
                    self.buckets[_LONG_BUCKET] += 1
        return min([*self.running, *self.late], default=now)


class Instrument(Guard):
    """An Operations object that counts and times its operations and never raises anything but OSError.

    ``tap`` is called with the operation and its arguments after each that ended, also by an error; what it raises is
    logged and has no effect on the operation. An errno in ``ANSWERS`` counts as ok, every other one as error.
    """

    def __init__(self, operations: object, backend: str = "", tap: Tap | None = None) -> None:
        self.backend = backend
        self.tap = tap
        self._meters = {name: _Meter() for name in OPERATIONS}
        super().__init__(operations)

    def snapshot(self) -> dict[str, Any]:
        """Give all counts so far, fit for JSON; buckets are per bucket, not cumulative, the last is the overflow."""
        now = perf_counter()
        oldest = min(meter.count_late(now) for meter in self._meters.values())
        return {
            "backend": self.backend,
            "operations": {
                name: {"ok": meter.ok, "error": meter.error, "seconds": meter.seconds, "buckets": list(meter.buckets)}
                for name, meter in self._meters.items()
            },
            "exceptions": self.exceptions,
            "oldest": max(0.0, now - oldest),  # seconds that the oldest operation in progress has been running
        }

    def _protect(self, name: str, call: Callable[..., Any], check: Check) -> Callable[..., Any]:
        meter = self._meters[name]
        buckets = meter.buckets
        running, late = (set(), meter.late) if name == "lock" else (meter.running, meter.late)  # a lock may take long

        # What guards an operation, and what follows it, is written out: a call more would cost every operation.
        def measured(*args: Any) -> Any:
            start = perf_counter()
            running.add(start)
            try:
                result = check(call(*args), args)
            except BaseException as error:
                answer = self._errno(name, error)
                elapsed = perf_counter() - start
                meter.seconds += elapsed
                try:
                    running.remove(start)
                    buckets[bisect_left(BUCKETS, elapsed)] += 1
                except KeyError:
                    late.discard(start)
                if answer.errno in ANSWERS:
                    meter.ok += 1
                else:
                    meter.error += 1
                if self.tap is not None:
                    try:
                        self.tap(name, args)
                    except Exception as failure:  # noqa: BLE001 - nor by which error it is answered
                        self._tap_failed(name, args, failure)
                if answer is error:
                    raise
                raise answer from error
            elapsed = perf_counter() - start
            meter.seconds += elapsed
            try:
                running.remove(start)
                buckets[bisect_left(BUCKETS, elapsed)] += 1
            except KeyError:
                late.discard(start)
            meter.ok += 1
            tap = self.tap
            if tap is not None:
                try:
                    tap(name, args)
                except Exception as error:  # noqa: BLE001 - an observer must never change what is answered
                    self._tap_failed(name, args, error)
            return result

        return measured

    @staticmethod
    def _tap_failed(name: str, args: tuple[Any, ...], error: Exception) -> None:
        log.error("the tap failed on %s %s", name, args[:1], exc_info=error)
