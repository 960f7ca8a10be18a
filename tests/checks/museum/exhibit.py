"""What an exhibit of the failure museum is: a world that is really broken, and the one finding it is expected to give.

A world is made by shell commands, as root, in a mount and PID namespace of its own. Nothing of it is seen outside, and
all of it is gone when it was visited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from checks.registry import ALWAYS, CHECKS

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
#: What is asked in every world: all that looks at a machine without a deployment. Mount probes are asked on top.
LOOKED_AT = tuple(name for name in ALWAYS if CHECKS[name].where != "project")
PROBES = ("mount.fusepy", "mount.pyfuse3")


def grouped_by(controller: str) -> bool:
    """Tell whether this host has version 1 of a control group; elsewhere what is made by it is not shown."""
    return Path("/sys/fs/cgroup", controller).is_dir()


def name_of(world: Path) -> str:
    """Return a name for what a world has outside of its own namespaces: its control groups, which go with it."""
    return "-".join(world.parent.parts[1:])


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One broken world."""

    name: str
    finds: str  # the id of the one finding
    seen: str  # what it says, in part
    world: Callable[[Path], str]  # shell commands that break it; the argument is the deployment's folder
    user: tuple[str, ...] = ()  # who asks: a command that starts another one as somebody, or with less
    consequences: tuple[str, ...] = ()  # what else fails because of it, and no more than that
    kind: str = "local"  # of the target
    probes: bool = False  # the mount probes are asked too: they prove that it really bites

    @property
    def asked(self) -> tuple[str, ...]:
        """What is asked in this world."""
        return (*LOOKED_AT, *(PROBES if self.probes else ()))


class Shown(Protocol):
    """What every exhibit says of itself, whatever its world is made of."""

    @property
    def name(self) -> str:
        """What is broken."""

    @property
    def finds(self) -> str:
        """The id of the one finding."""

    @property
    def seen(self) -> str:
        """What it says, in part."""

    @property
    def consequences(self) -> tuple[str, ...]:
        """What else fails because of it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What was found in a world, by check: what each saw; before and after the remedy was executed."""

    before: dict[str, str]
    after: dict[str, str]
    commands: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)  # what each finding took before the repair

    def found(self, exhibit: Shown) -> bool:
        """Tell whether the one finding was made, and no other than its consequences."""
        return exhibit.seen in self.before.get(exhibit.finds, "") and self.before.keys() == {
            exhibit.finds,
            *exhibit.consequences,
        }

    def unexpected(self, exhibit: Shown) -> tuple[str, ...]:
        """Return what was found besides the one finding and its consequences."""
        return tuple(sorted(self.before.keys() - {exhibit.finds, *exhibit.consequences}))

    @property
    def repaired(self) -> bool:
        """Tell whether the remedy had commands and nothing was found after they were executed."""
        return bool(self.commands) and not self.after
