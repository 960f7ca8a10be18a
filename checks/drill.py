"""A live rollback drill: all traffic to the stable side, verified and timed, and back again to where it was.

Whatever goes wrong, traffic ends on the stable side: a drill that cannot restore what it found has found something.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from checks import words
from checks.check import Check, Context, Finding, Severity
from checks.remedies import ours
from checks.witness import Witness
from deployment.errors import OperatorError
from deployment.model import Deployment, Instance, InstanceState, Kind, Observation, Side
from deployment.plan import holds, plan

LIMIT = 300.0  # seconds, of weeks.md: every rollback takes less than five minutes
EVIDENCE = "drill"
MOVES = frozenset({Kind.WEIGHT, Kind.LIVE})  # a drill moves traffic and starts, stops or configures nothing


@dataclass(frozen=True, slots=True)
class Move:
    """How moving the traffic went."""

    seconds: float
    changes: int
    fault: str = ""  # empty: every change was verified


def drill(context: Context) -> Finding | None:
    """Roll back, verify, come back, verify; requests are watched all the while."""
    observed = context.target.observe()
    refusal = _not_at_rest(observed)
    if refusal is not None:
        return refusal
    found = as_deployment(observed)
    safe = replace(found, weight=0, live=Side.STABLE)
    if found == safe:
        seen = "no traffic is on the canary: there is nothing to practise"
        return Finding(seen, "Rolling back would change nothing.", severity=Severity.WARN)
    with Witness(context.place.router_port, context.place.live) as witness:
        there, back = _there_and_back(context, safe, found, witness)
    evidence = {
        "seconds": there.seconds,
        "restored_seconds": back.seconds,
        "changes": there.changes,
        "at": context.now(),
    }
    evidence |= {"requests": witness.saw.requests, "failed_requests": witness.saw.failed}
    context.record(EVIDENCE, evidence | {"verified": not there.fault, "restored": not back.fault})
    context.say(f"rolled back in {words.seconds(there.seconds)}, restored in {words.seconds(back.seconds)}")
    return _judge(there, back, witness)


def _there_and_back(context: Context, safe: Deployment, found: Deployment, witness: Witness) -> tuple[Move, Move]:
    back = Move(0.0, 0, "it was not tried")
    try:
        there = _move(context, safe)
        if not there.fault:
            witness.every_client()
            back = _move(context, found)
            witness.every_client()
    finally:
        if back.fault:
            back = replace(back, fault=back.fault + _to_safety(context, safe))
    return there, back


def _to_safety(context: Context, safe: Deployment) -> str:
    fault = _move(context, safe).fault
    return f"; and the traffic could not be moved to stable: {fault}" if fault else "; traffic was left on stable"


def _move(context: Context, desired: Deployment) -> Move:
    begun = time.monotonic()
    done = 0
    try:
        observed = context.target.observe()
        for change in [c for c in plan(observed, desired) if c.kind in MOVES]:
            context.say(f"{change.subject}  {change.before} → {change.after}")
            context.target.apply(change, context.say)
            observed = context.target.observe()
            why = holds(change, observed)
            if why is not None:
                return Move(
                    time.monotonic() - begun, done, f"{change.subject} → {change.after} was not verified: {why}"
                )
            done += 1
    except OperatorError as error:
        return Move(time.monotonic() - begun, done, error.message)
    return Move(time.monotonic() - begun, done)


def _judge(there: Move, back: Move, witness: Witness) -> Finding | None:
    if there.fault:
        seen = f"the rollback failed: {there.fault} ({back.fault.partition('; ')[2]})"
        return Finding(seen, "There would be no way back.", "roll back for good", ("lighthouse-migrate rollback",))
    if there.seconds > LIMIT:
        seen = f"the rollback took {words.duration(there.seconds)}, more than {words.duration(LIMIT)}"
        return Finding(seen, "Clients would meet the failure for that long.", "find what it waited for in the log")
    if back.fault:
        seen = f"what was there before could not be restored: {back.fault}"
        return Finding(
            seen,
            "The canary is not fit to take its traffic again.",
            "see what is missing",
            (ours("plan"),),
        )
    if witness.saw.failed:
        seen = f"{witness.saw.failed} of {witness.saw.requests} requests failed during the drill"
        return Finding(seen, words.listed(witness.saw.errors, most=2), "a rollback must cost no client anything")
    if not witness.usable:
        why = "The router or the live path did not answer a request from here before the drill began."
        return Finding("the drill went well, but no request could be watched meanwhile", why, severity=Severity.WARN)
    return None


def _not_at_rest(observed: Observation) -> Finding | None:
    stable = observed.serving(Side.STABLE)
    if stable is None or not stable.ready:
        seen = f"there is no stable Bridge to roll back to{f': {stable.detail}' if stable else ''}"
        return Finding(seen, "A rollback would take as long as starting one.", "start it", (ours("plan"),))
    if observed.weight is None or observed.live is None or observed.named(observed.live) is None:
        seen = f"it is not known where the traffic goes ({observed.live_detail or 'the router does not answer'})"
        return Finding(seen, "A drill needs something to come back to.", severity=Severity.UNKNOWN)
    return None


def as_deployment(observed: Observation) -> Deployment:
    """Return what is observed as a deployment that could be wanted; the weight and the live path must be known."""
    shown = observed.named(observed.live or "")
    assert shown is not None
    assert observed.weight is not None
    return Deployment(
        stable=_as_instance(observed.serving(Side.STABLE)),
        canary=_as_instance(observed.serving(Side.CANARY)),
        weight=observed.weight,
        live=shown.side,
        images=observed.images,
    )


def _as_instance(state: InstanceState | None) -> Instance | None:
    if state is None:
        return None
    fallback = state.told.get("LIGHTHOUSE_FUSE_FALLBACK", "none")
    return Instance(
        state.image,
        state.told.get("LIGHTHOUSE_FUSE_BACKEND", ""),
        None if fallback in ("", "none") else fallback,
        mirror=state.told.get("LIGHTHOUSE_FUSE_PARALLEL_TEST") == "true",
    )


CHECKS = (
    Check(
        EVIDENCE,
        "Does a live rollback work, quickly and unnoticed?",
        "bridge",
        drill,
        900.0,
        "rolled back and restored, unnoticed",
        alone=True,
    ),
)
