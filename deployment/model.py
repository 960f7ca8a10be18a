"""What a deployment is: the one that is wanted and the one that is observed, in the same words.

Everything here is an immutable value. `plan.py` turns the difference between two of them into ordered changes; a target
applies a change; the same observation that made the plan verifies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Side(StrEnum):
    """One of the two Bridges that serve during the migration."""

    STABLE = "stable"  # fusepy
    CANARY = "canary"  # pyfuse3, which is also the shadow


class Image(StrEnum):
    """What a Bridge is installed from: a container image, or a virtual environment on the local target."""

    FUSE2 = "fuse2"  # fusepy only: where every migration starts
    DUAL = "dual"  # both backends
    FUSE3 = "fuse3"  # pyfuse3 only: where it ends


@dataclass(frozen=True, slots=True)
class Instance:
    """One Bridge as it should be: the image it runs and what it is told."""

    image: Image
    backend: str
    fallback: str | None = None
    mirror: bool = False  # compare this instance's operations with the other side's

    def environment(self) -> dict[str, str]:
        """Return the Bridge's LIGHTHOUSE_* settings that this instance stands for."""
        return {
            "LIGHTHOUSE_FUSE_BACKEND": self.backend,
            "LIGHTHOUSE_FUSE_FALLBACK": self.fallback or "none",
            "LIGHTHOUSE_FUSE_PARALLEL_TEST": "true" if self.mirror else "false",
        }


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as it should be."""

    stable: Instance | None
    canary: Instance | None = None
    weight: int = 0  # percent of clients on the canary
    live: Side = Side.STABLE  # whose mount the stable mount path shows
    images: frozenset[Image] = frozenset()  # images that are kept at hand; others are removed once nobody runs them

    def side(self, side: Side) -> Instance | None:
        """Return what one side should be, or None where it should not run."""
        return self.stable if side is Side.STABLE else self.canary


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One Bridge as it was observed."""

    name: str  # "stable-2"
    side: Side
    generation: int
    image: Image
    told: Mapping[str, str]  # the LIGHTHOUSE_* settings in force, as the Bridge itself says; empty if it is silent
    serving: str | None  # the backend that really serves; None if unknown or degraded
    ready: bool  # its API answers and its mount was just proved alive
    draining: bool = False  # retired: it serves open handles only and exits by itself
    detail: str = ""  # why it is not ready, or who holds it
    address: str = ""  # host:port of its API
    metrics: str = ""  # URL of its metrics
    mount: str = ""  # path of its own mount
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """A deployment as it was observed, with what could not be known left as None."""

    instances: tuple[InstanceState, ...] = ()
    router: bool = False  # the router answers
    routes: Mapping[Side, str] = field(default_factory=dict)  # which instance each side's traffic goes to
    weight: int | None = None  # percent of clients on the canary, as set in the router
    actual: float | None = None  # percent of requests that went to the canary since the weight was set
    live: str | None = None  # name of the instance whose mount the stable mount path shows
    live_detail: str = ""  # why `live` is unknown: "dead", "not mounted", "a foreign mount"
    images: frozenset[Image] = frozenset()
    last: Mapping[Side, int] = field(default_factory=dict)  # highest generation a side ever had: no name comes twice
    notes: tuple[str, ...] = ()  # things the operator should hear: clamped limits, a dead supervisor

    def serving(self, side: Side) -> InstanceState | None:
        """Return the newest instance of a side that is not draining, or None."""
        found = [i for i in self.instances if i.side is side and not i.draining]
        return max(found, key=lambda i: i.generation, default=None)

    def named(self, name: str) -> InstanceState | None:
        """Return the instance of that name, or None."""
        return next((i for i in self.instances if i.name == name), None)


class Kind(StrEnum):
    """What a change does."""

    PREPARE = "prepare"  # build an image
    START = "start"  # start an instance beside what runs
    ROUTER = "router"  # start the router
    CONFIGURE = "configure"  # write an instance's settings and have it read them again
    ROUTE = "route"  # send a side's traffic to an instance
    WEIGHT = "weight"  # set the share of clients on the canary
    LIVE = "live"  # show an instance's mount on the stable mount path
    RETIRE = "retire"  # drain an instance and let it exit
    REMOVE = "remove"  # remove an image nobody runs


@dataclass(frozen=True, slots=True)
class Change:
    """One step from what is observed towards what is wanted."""

    kind: Kind
    subject: str  # "canary-1", "router", "live path", "image dual"
    before: str
    after: str
    undo: str
    instance: Instance | None = None  # START, CONFIGURE
    side: Side | None = None  # START, CONFIGURE, ROUTE
    image: Image | None = None  # PREPARE, REMOVE
    weight: int | None = None  # WEIGHT
