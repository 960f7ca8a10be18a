"""Which folders of the host a container sees, each at the path it has on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployment.targets import docker_mounts
from deployment.targets.local_layout import Layout


def bind(folder: Path, propagation: str = "rprivate") -> dict[str, Any]:
    """Return a folder of the host at the same path in a container."""
    options = {"Propagation": propagation}
    return {"Type": "bind", "Source": str(folder), "Target": str(folder), "BindOptions": options}


def store(layout: Layout) -> dict[str, Any]:
    """Return the folder of the event store, without what is mounted below it.

    A copy of another Bridge's mount would keep that mount alive for as long as the container runs.
    """
    folder = layout.place.store.absolute().parent
    # Docker wants it so for a folder of its own, which a volume is
    found = bind(folder, "rslave" if docker_mounts.is_shared(folder) else "rprivate")
    return {**found, "BindOptions": {**found["BindOptions"], "NonRecursive": True}}


def places(layout: Layout, propagation: str) -> list[dict[str, Any]]:
    """Return the folders of the host where the deployment's mounts are.

    One inside the other is bound with it and not again: a second binding would be passed on to the host as a mount.
    """
    folders = (layout.state, layout.live.parent)
    outer = [f for f in folders if not any(f != other and f.is_relative_to(other) for other in folders)]
    return [bind(folder, propagation) for folder in outer]


def once(folders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what is asked for twice: Docker refuses a target that is given again."""
    return list({f["Target"]: f for f in reversed(folders)}.values())
