"""Runs checks side by side, each with its deadline; nothing that hangs can hold the program."""

from __future__ import annotations

import queue
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checks.check import Check, Context, Finding, Once, Severity
from checks.inplace import NotYetError
from checks.registry import CHECKS
from deployment.errors import OperatorError, UsageError


@dataclass(frozen=True, slots=True)
class Result:
    """How one check ended."""

    check: Check
    finding: Finding | None  # None: all is well
    seconds: float
    error: BaseException | None = None  # what it crashed with, for the log

    @property
    def severity(self) -> Severity | None:
        """How bad it is; None: all is well."""
        return self.finding.severity if self.finding else None


Finished = Callable[[Result], None]


@dataclass(frozen=True, slots=True)
class _Said:
    check: Check
    line: str


@dataclass(frozen=True, slots=True)
class _Recorded:
    check: Check
    name: str
    evidence: Mapping[str, Any]


_Event = Result | _Said | _Recorded
_Events = queue.SimpleQueue[_Event]


def run(
    ids: Sequence[str],
    context: Context,
    on_finish: Finished | None = None,
    checks: Mapping[str, Check] | None = None,
) -> list[Result]:
    """Ask the checks named and return their results in the order named; `on_finish` hears of each as it finishes.

    `on_finish`, `context.say` and `context.record` are called in the caller's thread only. A check that crashes or
    outlives its deadline is a finding of severity unknown, and nothing it says later is heard. Evidence recorded by one
    check is seen by those that start after it.

    Raises:
        UsageError: There is no such check.
    """
    registry = CHECKS if checks is None else checks
    unknown = [i for i in ids if i not in registry]
    if unknown:
        raise UsageError(f"there is no check {unknown[0]!r}", "`lighthouse-migrate checks list` names them")
    context = replace(context, once=Once())
    waiting = [registry[i] for i in dict.fromkeys(ids)]
    order = list(waiting)
    recorded: dict[str, Any] = {}
    evidence = ChainMap(recorded, dict(context.evidence))
    events: _Events = queue.SimpleQueue()
    running: dict[str, tuple[Check, float]] = {}  # by id, with when it must be done
    results: dict[str, Result] = {}
    while len(results) < len(order):
        for check in _startable(waiting, running, results):
            waiting.remove(check)
            running[check.id] = (check, time.monotonic() + check.seconds)
            seen = _as_seen_by(check, context, evidence, events)
            _start(check, seen, events)
        for event in _next(events, running):
            if event.check.id not in running:
                continue  # it was given up before
            match event:
                case _Said(_, line):
                    context.say(line)
                case _Recorded(_, name, found):
                    context.record(name, found)
                    recorded[name] = found
                case Result(check):
                    del running[check.id]
                    results[check.id] = event
                    if on_finish is not None:
                        on_finish(event)
    return [results[check.id] for check in order]


def _as_seen_by(check: Check, context: Context, evidence: Mapping[str, Any], events: _Events) -> Context:
    """Return the context a check gets: its own copy, whose words and evidence go through the caller's thread."""
    return replace(
        context,
        evidence=dict(evidence),
        record=lambda name, found: events.put(_Recorded(check, name, dict(found))),
        say=lambda line: events.put(_Said(check, line)),
    )


def _startable(
    waiting: Sequence[Check], running: Mapping[str, tuple[Check, float]], results: Mapping[str, Result]
) -> list[Check]:
    if any(check.alone for check, _ in running.values()):
        return []
    asked = {check.id for check in waiting} | running.keys()
    free = [check for check in waiting if not any(i in asked and i not in results for i in check.after)]
    together = [check for check in free if not check.alone]
    if together or running:
        return together
    return free[:1] or list(waiting[:1])  # in a circle of `after` whoever was named first goes first


def _next(events: _Events, running: Mapping[str, tuple[Check, float]]) -> list[_Event]:
    """Wait for the next event or the next deadline."""
    first = min(deadline for _, deadline in running.values())
    try:
        return [events.get(timeout=max(0.0, first - time.monotonic()))]
    except queue.Empty:
        now = time.monotonic()
        return [_late(check) for check, deadline in running.values() if deadline <= now]


def _late(check: Check) -> Result:
    seen = f"no answer within {check.seconds:g} s"
    why = "Something it looks at hangs; what cannot be found out is not well."
    remedy = f"look for a hung mount or a stopped service, then `lighthouse-migrate check {check.id}`"
    return Result(check, Finding(seen, why, remedy, severity=Severity.UNKNOWN), check.seconds, TimeoutError(seen))


def _start(check: Check, context: Context, events: _Events) -> None:
    thread = threading.Thread(target=_ask, args=(check, context, events), name=f"check {check.id}", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # a filter or a limit lets no thread start: one after the other is better than none
        _ask(check, context, events)


def _ask(check: Check, context: Context, events: _Events) -> None:
    begun = time.monotonic()
    error: BaseException | None = None
    try:
        finding = check.run(context)
    except NotYetError as not_yet:
        finding = Finding(f"not looked at: {not_yet.message}", remedy=not_yet.hint, severity=Severity.WARN)
    except OperatorError as refusal:
        finding = Finding(refusal.message, remedy=refusal.hint, severity=Severity.UNKNOWN)
        error = refusal
    except Exception as crash:  # noqa: BLE001 - whatever a check dies of is what it found; the engine logs `error`
        finding = Finding(f"the check crashed: {type(crash).__name__}: {crash}", severity=Severity.UNKNOWN)
        error = crash
    events.put(Result(check, finding, time.monotonic() - begun, error))
