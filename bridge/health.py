"""How the Bridge is: one immutable state, written by the keeper of the mounts and read by everybody else."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bridge import __version__
from bridge.settings import Settings


class Status(StrEnum):
    """What /health says first."""

    OK = "ok"
    DEGRADED = "degraded"  # no backend serves; the API answers and the mount is tried again
    UNRESPONSIVE = "unresponsive"  # the mount misses its heartbeats
    DRAINING = "draining"  # asked to end


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the Bridge at one moment."""

    settings: Settings
    status: Status = Status.DEGRADED
    backend: str | None = None  # who really serves
    mount_pid: int | None = None
    reason: str = "not mounted yet"
    generation: int = 0  # completed readings of the settings
    # mounts that only serve what is still open, each with the processes that have kept it open for too long
    draining: dict[str, tuple[str, ...]] = field(default_factory=dict)
    responsive: dict[str, bool] = field(default_factory=dict)  # the last heartbeat, by backend

    @property
    def ready(self) -> bool:
        """Whether clients can be sent here."""
        return self.status is Status.OK

    @property
    def hung(self) -> bool:
        """Whether asking the mount anything would only wait."""
        return self.status is Status.UNRESPONSIVE

    def as_json(self) -> dict[str, Any]:
        """Return what /health answers."""
        return {
            "status": self.status.value,
            "backend": self.backend,
            "configured": self.settings.backend,
            "fallback": self.settings.fallback,
            "mount_point": str(self.settings.mount_point),
            "reason": self.reason,
            "pid": os.getpid(),
            "mount_pid": self.mount_pid,
            "generation": self.generation,
            "draining": list(self.draining),
            "held_by": {name: list(held_by) for name, held_by in self.draining.items() if held_by},
            "config": self.settings.in_force(),
            "version": __version__,
        }
