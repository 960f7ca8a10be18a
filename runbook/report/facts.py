"""What the journal tells of a migration, gathered for the report; nothing is asked of the deployment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from runbook.journal import Event


@dataclass(slots=True)
class Week:
    """One stage that was entered, and how long the walk stayed in it."""

    week: int
    name: str
    stage: str
    entered: float  # Unix time
    seconds: float | None = None  # None: the walk is there still
    gates: list[dict[str, Any]] = field(default_factory=list)  # verdicts it was left with


@dataclass(frozen=True, slots=True)
class Happening:
    """Something a reader wants to know: a decision, an incident, a rollback."""

    at: float
    what: str
    seq: int


@dataclass(slots=True)
class Facts:
    """Everything the report says."""

    name: str = ""
    target: str = ""
    began: float = 0.0
    ended: float | None = None  # None: the walk is not finished
    now: float = 0.0
    weeks: list[Week] = field(default_factory=list)
    decisions: list[Happening] = field(default_factory=list)
    incidents: list[Happening] = field(default_factory=list)
    rollbacks: list[Happening] = field(default_factory=list)
    removed: list[dict[str, Any]] = field(default_factory=list)  # changes that purged, with what they left
    baseline: dict[str, dict[str, float]] = field(default_factory=dict)  # fusepy in week 1, by operation
    before: dict[str, dict[str, float]] = field(default_factory=dict)  # fusepy beside pyfuse3, by operation
    after: dict[str, dict[str, float]] = field(default_factory=dict)  # pyfuse3, by operation
    sizes: dict[str, int] = field(default_factory=dict)  # bytes of each image, by its name
    archive: dict[str, Any] = field(default_factory=dict)
    claims: list[dict[str, Any]] = field(default_factory=list)  # the proof's
    keeps: list[dict[str, Any]] = field(default_factory=list)  # what stays where both backends are kept
    events: int = 0
    head: str = ""  # hash of the newest event


def gather(events: Iterable[Event]) -> Facts:
    """Return what the events tell."""
    facts = Facts()
    for event in events:
        facts.began = facts.began or event.at
        facts.now, facts.head, facts.events = event.at, event.hash, event.seq
        _take(facts, event)
    return facts


def _take(facts: Facts, event: Event) -> None:
    data = event.data
    match event.kind:
        case "initialised":
            facts.name, facts.target = data.get("name", ""), data.get("target", "")
        case "entered":
            _leave(facts, event.at)
            facts.weeks.append(Week(data["week"], data["name"], data.get("stage_name", ""), event.at))
            facts.ended = None
        case "gates-passed" if facts.weeks:
            facts.weeks[-1].gates = list(data.get("verdicts", []))
        case "finished":
            _leave(facts, event.at)
            facts.ended = event.at
        case "rolled-back":
            _leave(facts, event.at)
            by = "automatically" if data.get("automatic") else "by an operator"
            why = data.get("reason") or "no reason given"
            facts.rollbacks.append(Happening(event.at, f"{by} in {data.get('seconds', 0):.2f} s: {why}", event.seq))
        case "overridden":
            facts.decisions.append(Happening(event.at, f"{data['id']} was overridden: {data['reason']}", event.seq))
        case "resumed":
            facts.decisions.append(Happening(event.at, f"taken up again: {data.get('reason', '')}", event.seq))
        case "accepted":
            facts.decisions.append(Happening(event.at, f"accepted: {data}", event.seq))
        case "held":
            facts.incidents.append(Happening(event.at, f"held: {data['reason']}", event.seq))
        case "change-failed":
            facts.incidents.append(Happening(event.at, f"{data['change']} failed: {data['error']}", event.seq))
        case "advance-failed":
            undone = "what was there was brought back" if data.get("undone") else "it could not be undone"
            facts.incidents.append(Happening(event.at, f"{data.get('error', '')}; {undone}", event.seq))
        case "guard-lost":
            facts.incidents.append(Happening(event.at, f"the guard was lost: {data.get('reason', '')}", event.seq))
        case "change-done" if data.get("purges"):
            facts.removed.append(data)
        case "evidence":
            _evidence(facts, data["name"], data["data"])


def _evidence(facts: Facts, name: str, data: dict[str, Any]) -> None:
    results = data.get("results") or {}
    match name:
        case "benchmark.baseline":
            facts.baseline = results.get("fusepy", {})
        case "benchmark.comparison":
            facts.before, facts.after = results.get("fusepy", {}), results.get("pyfuse3", {})
        case "image-sizes":
            facts.sizes |= {image: int(size) for image, size in data.get("bytes", {}).items()}
        case "archive":
            facts.archive = data
        case "proof":
            facts.claims = list(data.get("claims", []))
        case "kept-dual":
            facts.keeps = list(data.get("keeps", []))


def _leave(facts: Facts, at: float) -> None:
    if facts.weeks and facts.weeks[-1].seconds is None:
        facts.weeks[-1].seconds = at - facts.weeks[-1].entered
