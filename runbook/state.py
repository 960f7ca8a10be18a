"""Where we are: a fold over the journal, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from runbook.journal import Event

LAST_WEEK = 8
#: A rolled-back walk never goes straight back to many clients: it comes back through the first tenth, in week 4.
RESUME_AT_MOST = 4


class Status(StrEnum):
    """What the walk is doing."""

    NEW = "new"  # initialised, no week entered
    IN = "in"  # a stage is applied; it soaks
    ROLLED_BACK = "rolled-back"  # fusepy serves everyone; the walk waits to be taken up again
    FINISHED = "finished"  # week 8 is left


@dataclass(frozen=True, slots=True)
class Pending:
    """A movement that was begun and not ended: its tool is at work, or died."""

    kind: str  # "advance" or "rollback"
    week: int | None
    stage: int
    change: str = ""  # the change it was at
    since: float = 0.0
    automatic: bool = False  # nobody asked for it
    reason: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The walk as the journal tells it."""

    status: Status = Status.NEW
    week: int | None = None
    stage: int = 0
    since: float = 0.0  # when the stage was applied, Unix time
    pending: Pending | None = None
    automatic: bool = False  # the last rollback was not asked for by a person
    reason: str = ""  # why it was rolled back
    evidence: Mapping[str, Any] = field(default_factory=dict)  # newest by name
    overrides: Mapping[str, str] = field(default_factory=dict)  # id -> reason, for this stage only
    head: int = 0  # number of the last event

    @property
    def resume_at(self) -> tuple[int | None, int]:
        """Return the (week, stage) that a rolled-back walk comes back to."""
        return (None if self.week is None else min(self.week, RESUME_AT_MOST)), 0


def fold(events: Iterable[Event], before: State | None = None) -> State:
    """Return the state after these events, which follow on those that made the one before."""
    state = before or State()
    for event in events:
        state = replace(_after(state, event), head=event.seq)
    return state


def _after(state: State, event: Event) -> State:
    data = event.data
    match event.kind:
        case "advance-started" | "rollback-started":
            kind = event.kind.removesuffix("-started")
            why = {"automatic": data.get("automatic", False), "reason": data.get("reason", "")}
            return replace(state, pending=Pending(kind, data.get("week"), data.get("stage", 0), since=event.at, **why))
        case "change-started" if state.pending is not None:
            return replace(state, pending=replace(state.pending, change=data["change"]))
        case "entered":
            return replace(
                state,
                status=Status.IN,
                week=data["week"],
                stage=data["stage"],
                since=event.at,
                pending=None,
                overrides={},
                automatic=False,
                reason="",
            )
        case "advance-failed":
            return replace(state, pending=None)
        case "rolled-back":
            automatic, reason = data.get("automatic", False), data.get("reason", "")
            return replace(
                state,
                status=Status.ROLLED_BACK,
                pending=None,
                automatic=automatic,
                reason=reason,
                since=event.at,
                overrides={},
            )
        case "finished":
            return replace(state, status=Status.FINISHED, pending=None, since=event.at)
        case "evidence":
            return replace(state, evidence={**state.evidence, data["name"]: {**data["data"], "at": event.at}})
        case "overridden":
            return replace(state, overrides={**state.overrides, data["id"]: data["reason"]})
    return state
