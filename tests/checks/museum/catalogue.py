"""Every exhibit of the failure museum, room by room; a world that cannot be made on this kernel is in none of them.

AppArmor, SELinux and a clock that goes wrong are not shown: a kernel without the first two cannot be made to have them,
and the clock is the whole machine's. They are judged in tests of their own from what such a machine would show.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.checks.museum import containers, device, libraries, mounts, packages, privileges, project, resources
from tests.checks.museum.exhibit import Shown, Visit
from tests.checks.museum.visit import visit

#: How each exhibit of a room is visited, given a folder of its own.
ROOMS: dict[str, tuple[tuple[Shown, Callable[[Path], Visit]], ...]] = {
    name: tuple((exhibit, lambda folder, it=exhibit: visit(it, folder)) for exhibit in room.EXHIBITS)  # type: ignore[misc]
    for name, room in (
        ("device", device),
        ("libraries", libraries),
        ("mounts", mounts),
        ("packages", packages),
        ("privileges", privileges),
        ("resources", resources),
    )
}
ROOMS["project"] = tuple((exhibit, exhibit.visit) for exhibit in project.EXHIBITS)
ROOMS["containers"] = tuple((exhibit, exhibit.visit) for exhibit in containers.EXHIBITS)
