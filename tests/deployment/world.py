"""A simulated world: it does what a change says, so that plans can be executed by the thousand."""

from __future__ import annotations

from dataclasses import replace

from deployment.model import Change, InstanceState, Kind, Observation, Side
from deployment.plan import NOBODY
from deployment.targets.target import Completed, Say


class World:
    """Holds an observation and changes it; also a Target, for the engine's tests."""

    kind = "simulated"

    def __init__(self) -> None:
        self.observation = Observation(live_detail="not mounted")
        self.fail_at: Kind | None = None  # the change that cannot be done
        self.done: list[Change] = []
        self._served = False

    def observe(self) -> Observation:
        return self.observation

    def apply(self, change: Change, say: Say) -> None:
        from deployment.errors import ChangeFailedError

        if change.kind is self.fail_at:
            raise ChangeFailedError(f"{change.subject} cannot be done here", "this is a test")
        self.do(change)
        self.done.append(change)

    def metrics(self) -> dict[Side, str]:
        return {}

    def run(self, argv: object, image: object, timeout: float) -> Completed:
        raise AssertionError("nothing is run in a simulated world")

    def destroy(self, say: Say) -> tuple[str, ...]:
        self.observation = Observation(live_detail="not mounted")
        return ()

    def do(self, change: Change) -> None:
        """Bring a change about, and what was drained is gone by then."""
        now = self.observation
        now = replace(now, instances=tuple(i for i in now.instances if not i.draining))
        match change.kind:
            case Kind.PREPARE:
                assert change.image is not None
                now = replace(now, images=now.images | {change.image})
            case Kind.REMOVE:
                assert change.image is not None
                assert all(i.image is not change.image for i in now.instances), "an image in use was removed"
                now = replace(now, images=now.images - {change.image})
            case Kind.ROUTER:
                now = replace(now, router=True, weight=0)
            case Kind.START:
                now = self._started(now, change)
            case Kind.CONFIGURE:
                told = self._told(now, change)
                now = replace(
                    now,
                    instances=tuple(replace(i, told=told) if i.name == change.subject else i for i in now.instances),
                )
            case Kind.ROUTE:
                assert change.side is not None
                now = replace(now, routes={**now.routes, change.side: change.after})
            case Kind.WEIGHT:
                assert now.router
                now = replace(now, weight=change.weight)
            case Kind.LIVE:
                assert now.named(change.after) is not None
                now = replace(now, live=change.after)
            case Kind.RETIRE:
                retired = tuple(replace(i, draining=True) if i.name == change.subject else i for i in now.instances)
                now = replace(now, instances=retired)
        self.observation = now

    def _started(self, now: Observation, change: Change) -> Observation:
        assert change.instance is not None
        assert change.side is not None
        assert change.instance.image in now.images, "started from an image that is not there"
        generation = int(change.subject.rpartition("-")[2])
        state = InstanceState(
            name=change.subject,
            side=change.side,
            generation=generation,
            image=change.instance.image,
            told=self._told(now, change),
            serving=change.instance.backend,
            ready=True,
            address=f"127.0.0.1:{9000 + generation + (100 if change.side is Side.CANARY else 0)}",
        )
        return replace(now, instances=(*now.instances, state), last={**now.last, change.side: generation})

    @staticmethod
    def _told(now: Observation, change: Change) -> dict[str, str]:
        assert change.instance is not None
        told = change.instance.environment()
        canary = now.serving(Side.CANARY)
        if change.instance.mirror and canary is not None:
            told["LIGHTHOUSE_SHADOW_URL"] = f"http://{canary.address}"
        return told

    def assert_served(self) -> None:
        """From the moment every client is served on, every client is served."""
        unserved = self._unserved()
        if not unserved:
            self._served = True
        assert not (self._served and unserved), unserved

    def _unserved(self) -> str:
        now = self.observation
        if not now.router or now.weight is None or now.live is None:
            return "the router or the live path is down"
        for side, share in {Side.STABLE: 100 - now.weight, Side.CANARY: now.weight}.items():
            state = now.named(now.routes.get(side, NOBODY))
            if share and (state is None or not state.ready or state.draining):
                return f"{share}% of the clients go to {now.routes.get(side, NOBODY)}"
        shown = now.named(now.live)
        return "" if shown is not None and not shown.draining else f"the live path shows {now.live}, which is gone"
