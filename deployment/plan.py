"""The difference between two deployments, as changes in an order in which nobody loses service.

Two rules make the order. Start before stop: what is missing is started, proved and routed before anything is retired.
Safety has one direction: where traffic moves back to the stable side, it moves first and everything else follows.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployment.model import Change, Deployment, Image, Instance, InstanceState, Kind, Observation, Side

NOBODY = "nobody"


def plan(observed: Observation, desired: Deployment) -> tuple[Change, ...]:
    """Return the changes that bring the observed deployment to the desired one, empty when it is already there."""
    chosen = {side: _chosen(observed, desired, side) for side in Side}
    prepare = [
        Change(Kind.PREPARE, f"image {i}", "absent", "ready", f"remove image {i}", image=i)
        for i in sorted(_images(desired) - observed.images)
    ]
    start = {side: _start(observed, desired, side, chosen[side]) for side in Side}
    configure = {side: _configure(observed, desired, side, chosen[side]) for side in Side}
    route = {side: _route(observed, side, chosen[side]) for side in Side}
    router = [] if observed.router else [Change(Kind.ROUTER, "router", "down", "up", "stop the router")]
    weight = _weight(observed, desired)
    live = _live(observed, chosen[desired.live])
    retire = [
        Change(Kind.RETIRE, i.name, _serves(i), "drained", f"start {i.name} again", side=i.side)
        for i in observed.instances
        if not i.draining and i.name != chosen[i.side]
    ]
    remove = [
        Change(Kind.REMOVE, f"image {i}", "kept", "removed", f"prepare image {i} again", image=i)
        for i in sorted(observed.images - _images(desired))
    ]
    if _towards_stable(observed, desired):
        first = [c for c in prepare if desired.stable and c.image is desired.stable.image] if start[Side.STABLE] else []
        later = [c for c in prepare if c not in first]
        ordered = [
            *(first + start[Side.STABLE] + router + route[Side.STABLE] + weight + live),
            *(later + start[Side.CANARY] + configure[Side.STABLE] + configure[Side.CANARY] + route[Side.CANARY]),
        ]
    else:
        ordered = [
            *(prepare + start[Side.STABLE] + start[Side.CANARY] + router),
            *(configure[Side.STABLE] + configure[Side.CANARY] + route[Side.STABLE] + route[Side.CANARY]),
            *(live + weight),
        ]
        ordered = _route_away_last(ordered)
    return (*ordered, *retire, *remove)


def holds(change: Change, observed: Observation) -> str | None:
    """Return None where the change is seen to hold, else why it does not."""
    named = observed.named(change.subject)
    match change.kind:
        case Kind.PREPARE:
            ok, seen = change.image in observed.images, "the image is not there"
        case Kind.REMOVE:
            ok, seen = change.image not in observed.images, "the image is still there"
        case Kind.ROUTER:
            ok, seen = observed.router, "the router does not answer"
        case Kind.START:
            ok = named is not None and named.ready
            seen = "it does not run" if named is None else named.detail or "it is not ready"
        case Kind.CONFIGURE:
            assert change.instance is not None
            wrong = _untold(change.instance, named, observed)
            ok, seen = not wrong, f"it still has {wrong}"
        case Kind.ROUTE:
            now = observed.routes.get(change.side or Side.STABLE, NOBODY)
            ok, seen = now == change.after, f"it goes to {now}"
        case Kind.WEIGHT:
            ok, seen = observed.weight == change.weight, f"it is {observed.weight}"
        case Kind.LIVE:
            ok, seen = observed.live == change.after, f"it shows {observed.live or observed.live_detail or 'nothing'}"
        case Kind.RETIRE:
            ok, seen = named is None or named.draining, "it still serves"
    return None if ok else seen


def _images(desired: Deployment) -> frozenset[Image]:
    return desired.images | {i.image for i in (desired.stable, desired.canary) if i is not None}


def _chosen(observed: Observation, desired: Deployment, side: Side) -> str | None:
    """Return the name of the instance that is to serve a side: the one that runs, or the one that will be started."""
    want = desired.side(side)
    if want is None:
        return None
    now = observed.serving(side)
    if now is not None and now.ready and now.image is want.image:
        return now.name
    generation = max((i.generation for i in observed.instances if i.side is side), default=observed.last.get(side, 0))
    return f"{side}-{max(generation, observed.last.get(side, 0)) + 1}"


def _start(observed: Observation, desired: Deployment, side: Side, name: str | None) -> list[Change]:
    want = desired.side(side)
    if want is None or name is None or observed.named(name) is not None:
        return []
    return [Change(Kind.START, name, "absent", _wants(want), f"retire {name}", instance=want, side=side)]


def _configure(observed: Observation, desired: Deployment, side: Side, name: str | None) -> list[Change]:
    want = desired.side(side)
    now = observed.named(name) if name else None
    if want is None or now is None:
        return []
    wrong = _untold(want, now, observed)
    if want.mirror and not wrong and side is Side.STABLE:
        # the shadow it compares with is about to be replaced, and its address with it
        canary = _chosen(observed, desired, Side.CANARY)
        if canary is not None and observed.named(canary) is None:
            wrong = {"LIGHTHOUSE_SHADOW_URL": now.told.get("LIGHTHOUSE_SHADOW_URL", "")}
    if not wrong:
        return []
    wanted = want.environment()
    before = ", ".join(f"{_short(k)}={v or 'unset'}" for k, v in wrong.items())
    after = ", ".join(f"{_short(k)}={wanted.get(k, 'the canary')}" for k in wrong)
    undo = f"{name}: {before}"
    return [Change(Kind.CONFIGURE, now.name, before, after, undo, instance=want, side=side)]


def _untold(want: Instance, now: InstanceState | None, observed: Observation) -> Mapping[str, str]:
    """Return the settings an instance has in force that are not the wanted ones."""
    if now is None:
        return {"LIGHTHOUSE_FUSE_BACKEND": ""}
    wanted = want.environment()
    shadow = observed.serving(Side.CANARY)
    if want.mirror and shadow is not None and shadow.address:
        wanted["LIGHTHOUSE_SHADOW_URL"] = f"http://{shadow.address}"
    return {k: now.told.get(k, "") for k, v in wanted.items() if now.told.get(k, "") != v}


def _route(observed: Observation, side: Side, name: str | None) -> list[Change]:
    now, then = observed.routes.get(side, NOBODY), name or NOBODY
    if now == then:
        return []
    return [Change(Kind.ROUTE, f"route {side}", now, then, f"route {side} → {now}", side=side)]


def _weight(observed: Observation, desired: Deployment) -> list[Change]:
    if observed.weight == desired.weight:
        return []
    # a router that is about to be started begins at 0
    now = 0 if observed.weight is None and not observed.router else observed.weight
    if now == desired.weight:
        return []
    before = "unknown" if now is None else f"{now}%"
    return [
        Change(Kind.WEIGHT, "router weight", before, f"{desired.weight}%", f"weight → {before}", weight=desired.weight)
    ]


def _live(observed: Observation, name: str | None) -> list[Change]:
    if name is None or observed.live == name:
        return []
    before = observed.live or observed.live_detail or "nothing"
    return [Change(Kind.LIVE, "live path", before, name, f"live path → {before}")]


def _towards_stable(observed: Observation, desired: Deployment) -> bool:
    shown = observed.named(observed.live) if observed.live else None
    moves_back = shown is not None and shown.side is Side.CANARY and desired.live is Side.STABLE
    return moves_back or (observed.weight or 0) > desired.weight


def _route_away_last(changes: list[Change]) -> list[Change]:
    """Take a side's last route away only after the traffic has left it."""
    away = [c for c in changes if c.kind is Kind.ROUTE and c.after == NOBODY]
    return [c for c in changes if c not in away] + away


def _wants(instance: Instance) -> str:
    return f"{instance.backend} on image {instance.image}"


def _serves(state: InstanceState) -> str:
    return f"serves {state.serving}" if state.serving else (state.detail or "does not serve")


def _short(key: str) -> str:
    return key.removeprefix("LIGHTHOUSE_").removeprefix("FUSE_")
