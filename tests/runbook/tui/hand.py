"""Looks made by hand: one for each state of the walk, at a fixed time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from checks.gate import Status as Outcome
from checks.gate import Verdict
from deployment.metrics.series import Point
from deployment.metrics.source import Metric
from deployment.model import Image, InstanceState, Observation, Side
from phases.calendar import PHASES, after, stage_at
from phases.deployments import CANARY as WITHOUT_FALLBACK
from phases.deployments import MIRRORING
from runbook.engine import Engine
from runbook.journal import Event
from runbook.metering import Meter, Metered
from runbook.snapshot import Snapshot
from runbook.state import State, Status
from runbook.tui.app import MigrateApp
from runbook.tui.look import Seen

NOW = 1_760_000_000.0
DAY = 86400.0
#: What comes from outside may look like markup.
NAME = "prod/[bold]bridge[/]"


def instance(side: Side, generation: int, image: Image, backend: str, **more: Any) -> InstanceState:
    """Return a Bridge that is well, unless told otherwise."""
    made = InstanceState(f"{side}-{generation}", side, generation, image, {}, backend, ready=True)
    return replace(made, **more)


STABLE = instance(Side.STABLE, 2, Image.DUAL, "fusepy", told=MIRRORING.environment())
CANARY = instance(Side.CANARY, 1, Image.DUAL, "pyfuse3", told=WITHOUT_FALLBACK.environment())
BOTH = Observation(
    (STABLE, CANARY),
    router=True,
    routes={Side.STABLE: "stable-2", Side.CANARY: "canary-1"},
    weight=10,
    actual=10.2,
    live="stable-2",
    images=frozenset({Image.FUSE2, Image.DUAL}),
    last={Side.STABLE: 2, Side.CANARY: 1},
)
EVENTS = (
    Event(116, NOW - 3 * DAY, "advance-started", {"week": 5, "stage": 0}, "aa" * 32),
    Event(
        117,
        NOW - 3 * DAY + 1,
        "change-done",
        {"change": "router", "before": "weight 0", "after": "weight 10", "seconds": 0.04},
        "bb" * 32,
    ),
    Event(118, NOW - 3 * DAY + 2, "entered", {"week": 5, "stage": 0, "name": "canary-soak"}, "cc" * 32),
    Event(
        119,
        NOW - 60,
        "checked",
        {"id": "backup", "outcome": "fail", "seen": "the file [red]x[/red] is \x1b[31mtorn", "seconds": 0.1},
        "dd" * 32,
    ),
)
PASSING = (
    Verdict("error-ratio", Outcome.PASS, 0.0002, 0.01, DAY, 91_000, "error ratio 0.02% ≤ 1%"),
    Verdict("p99-1s", Outcome.PASS, 0.0, 0.01, DAY, 91_000, "operations over 1 s 0% ≤ 1%"),
    Verdict("p95", Outcome.PASS, 0.0031, 0.005, DAY, 91_000, "p95 3.1 ms ≤ 5 ms"),
    Verdict("uptime", Outcome.PASS, 1.0, 0.999, DAY, 86_000, "uptime 100% ≥ 99.9%"),
    Verdict("divergence", Outcome.PASS, 0.0, 0.001, DAY, 90_000, "divergence 0% ≤ 0.1%"),
)
OVER = replace(PASSING[2], status=Outcome.FAIL, value=0.0056, reason="p95 5.6 ms > 5 ms")
FEW = replace(
    PASSING[4],
    status=Outcome.INCONCLUSIVE,
    value=None,
    samples=0,
    reason="no samples for 6 min (nothing [b]compared[/b])",
)


#: What each metric is on the stable side; the canary is a little worse.
USUAL = {
    Metric.P50: 0.0004,
    Metric.P95: 0.0031,
    Metric.P99: 0.0044,
    Metric.ERROR_RATIO: 0.0002,
    Metric.SLOW_SHARE: 0.0,
    Metric.OPERATIONS_RATE: 66.0,
    Metric.DIVERGENCE_RATIO: 0.0,
    Metric.UPTIME: 1.0,
    Metric.CPU_PER_OPERATION: 0.00011,
    Metric.MEMORY: 24.6e6,
}
KINDS = {"read": 40.0, "write": 16.0, "getattr": 10.0}
LIMITS: dict[Metric, tuple[str, float | None]] = {
    Metric.P95: ("≤ 5 ms", 0.005),
    Metric.ERROR_RATIO: ("≤ 1%", 0.01),
    Metric.DIVERGENCE_RATIO: ("≤ 0.1%", 0.001),
    Metric.UPTIME: ("≥ 99.9%", 0.999),
}


def waved(metric: Metric, usual: float, window: float, pieces: int, turn: int = 0, kind: str = "") -> Meter:
    """Return a metric of both sides that goes up and down, with a gap in it."""
    step = window / pieces

    def point(n: int, factor: float) -> Point:
        bent = 1.0 if metric is Metric.UPTIME else factor * (1 + ((n * 7 + turn) % 17) / 20)
        return Point(NOW - window + (n + 1) * step, None if 0.4 < n / pieces < 0.45 else usual * bent, 40)

    sides = {Side.STABLE: 1.0, Side.CANARY: 1.5}
    return Meter(metric, {side: tuple(point(n, f) for n in range(pieces)) for side, f in sides.items()}, kind)


def metered(window: float = 300.0, pieces: int = 60, turn: int = 0) -> Metered:
    """Return both sides' recent past."""
    return Metered(
        NOW,
        window,
        "",
        tuple(waved(metric, usual, window, pieces, turn) for metric, usual in USUAL.items()),
        tuple(KINDS),
        LIMITS,
        (),
        tuple(waved(Metric.OPERATIONS_RATE, rate, window, pieces, turn, kind) for kind, rate in KINDS.items()),
    )


def picture(state: State, word: str, why: str, **more: Any) -> Seen:
    """Return a look at a walk in this state."""
    stage = None if state.week is None else stage_at(state.week, state.stage)
    ahead = after(state.week, state.stage) if state.status is not Status.ROLLED_BACK else state.resume_at
    soak = 0.0 if stage is None else stage.soak.total_seconds()
    events = more.pop("events", EVENTS)
    shot = Snapshot(
        at=NOW,
        name=NAME,
        state=state,
        word=word,
        why=why,
        week_name="" if state.week is None else PHASES[state.week].name,
        stage_name="" if stage is None else stage.name,
        soak_seconds=soak,
        soak_until=state.since + soak,
        observed=more.pop("observed", BOTH),
        drift=more.pop("drift", ()),
        verdicts=more.pop("verdicts", ()),
        measured_at=more.pop("measured_at", NOW - 4),
        operator="",
        next=more.pop("next", ("check", "advance --wait", "rollback")),
        ahead=more.pop("ahead", ahead),
    )
    assert not more
    return Seen(shot, events, None if shot.measured_at is None else metered(3600.0, 30))


WEEK5 = State(Status.IN, 5, 0, since=NOW - 3 * DAY, head=119)
LATE5 = replace(WEEK5, since=NOW - 8 * DAY)
PICTURES = {
    "new": picture(
        State(),
        "NEW",
        "no week is entered yet",
        observed=Observation(),
        events=(),
        next=("plan", "advance"),
        measured_at=None,
    ),
    "soak": picture(WEEK5, "SOAK", "until Mon 2025-10-13 08:53:20", verdicts=PASSING, next=("status --measure",)),
    "hold": picture(LATE5, "HOLD", "p95 5.6 ms > 5 ms", verdicts=(*PASSING[:2], OVER, PASSING[3], FEW)),
    "inconclusive": picture(LATE5, "HOLD", "divergence: no samples for 6 min", verdicts=(*PASSING[:4], FEW)),
    "rolling-back": picture(
        WEEK5,
        "AT WORK",
        "rollback by process 4711 on bridge-1",
        observed=replace(BOTH, weight=0, actual=3.1),
        next=("status",),
    ),
    "rolled-back": picture(
        replace(WEEK5, status=Status.ROLLED_BACK, automatic=True, reason="p95 5.6 ms > 5 ms", since=NOW - 90),
        "ROLLED BACK",
        "p95 5.6 ms > 5 ms",
        observed=replace(BOTH, instances=(STABLE,), weight=0, actual=0.0),
        next=("check", "advance"),
    ),
    "offline": picture(
        WEEK5,
        "DRIFT",
        "what is observed differs from this week's deployment",
        observed=Observation(notes=("the supervisor does not answer: [Errno 111]",)),
        drift=("stable-3: absent → fusepy on image dual", "router: down → up"),
        next=("plan", "advance", "rollback"),
        measured_at=NOW - 600,
    ),
    "week-8": picture(
        State(Status.IN, 8, 0, since=NOW - DAY, head=300),
        "READY",
        "the soak is over; `advance` asks the gates and the checks",
        observed=replace(
            BOTH,
            instances=(instance(Side.CANARY, 3, Image.FUSE3, "pyfuse3"),),
            weight=100,
            actual=100.0,
            live="canary-3",
            images=frozenset({Image.FUSE3}),
        ),
        next=("plan", "advance", "rollback"),
    ),
}


@contextmanager
def nobody(say: object, *, tolerant: bool = False) -> Iterator[Engine]:
    """Open nothing: a look made by hand asks no engine."""
    yield object()  # type: ignore[misc]


@contextmanager
def observing(say: object, *, tolerant: bool = False) -> Iterator[Engine]:
    """Open an engine that can observe, and nothing else."""
    yield SimpleNamespace(target=SimpleNamespace(observe=lambda: BOTH))  # type: ignore[misc]


def app_of(seen: Seen, **more: Any) -> MigrateApp:
    """Return the app over one look."""
    usual = {"utf8": True, "now": lambda: NOW, "look": lambda engine, measure, past: seen, "opened": nobody}
    return MigrateApp(**{**usual, **more})
