"""A local deployment that a test makes, brings from one state to the next, and takes away again.

`python -m tests.deployment.deployed FOLDER` walks one from fusepy to pyfuse3 and back under load and prints what it saw
as JSON: that is how the walk is done as another user.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployment.model import Change, Deployment, Image, Instance, Kind, Observation, Side
from deployment.plan import holds, plan
from deployment.targets.local import LocalTarget
from deployment.targets.target import Place, Target
from tests.deployment.helpers import Clients, a_place, request

FUSEPY = Instance(Image.FUSE2, "fusepy")
STABLE = Instance(Image.DUAL, "fusepy", "pyfuse3")
MIRRORING = dataclasses.replace(STABLE, mirror=True)
CANARY = Instance(Image.DUAL, "pyfuse3", "fusepy")
PYFUSE3 = Instance(Image.FUSE3, "pyfuse3")


class Deployed:
    """A target in a folder of its own."""

    def __init__(self, folder: Path, drain_seconds: float = 5.0, kind: Callable[[Place], Target] = LocalTarget) -> None:
        self.place = a_place(folder, drain_seconds)
        self.target = kind(self.place)
        self.said: list[str] = []

    def to(self, desired: Deployment) -> Observation:
        """Bring the deployment to what is desired, each change verified, and return what is there then."""
        for change in plan(self.target.observe(), desired):
            self.apply(change)
        seen = self.target.observe()
        assert plan(seen, desired) == (), "it did not arrive"
        return seen

    def apply(self, change: Change) -> Observation:
        self.target.apply(change, self.said.append)
        seen = self.target.observe()
        assert holds(change, seen) is None, f"{change}: {holds(change, seen)}"
        return seen

    def set_weight(self, percent: int) -> Observation:
        return self.apply(Change(Kind.WEIGHT, "router weight", "", "", "", weight=percent))

    def retire(self, name: str) -> Observation:
        return self.apply(Change(Kind.RETIRE, name, "", "drained", ""))

    def serves(self) -> bool:
        """Whether a client's write passes the router."""
        with contextlib.suppress(ConnectionError):
            return request(self.place.router_port, "PUT", "/files/asked", b"content")[0] < 300
        return False


def start(name: str, instance: Instance) -> Change:
    """Return the change that starts an instance of that name, "canary-2"."""
    return Change(Kind.START, name, "absent", "", "", instance=instance, side=Side(name.partition("-")[0]))


class Files:
    """Somebody who writes and reads back at the stable path all the time."""

    def __init__(self, live: Path) -> None:
        self.folder = live / "current"
        self.done = 0
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Files:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.005):
            content = f"{self.done}".encode() * 100
            try:
                (self.folder / "file").write_bytes(content)
                seen = (self.folder / "file").read_bytes()
                if seen != content:
                    self.failed.append(f"{seen[:20]!r} instead of {content[:20]!r}")
            except OSError as error:
                self.failed.append(repr(error))
            self.done += 1


def walk(folder: Path, kind: Callable[[Place], Target] = LocalTarget) -> dict[str, Any]:
    """Walk a deployment through all that the nine weeks ask of a target, under load, and take it away."""
    deployed = Deployed(folder, kind=kind)
    failed: list[str] = []
    done = 0
    try:
        deployed.to(Deployment(FUSEPY))
        with Clients(deployed.place.router_port, count=3) as clients, Files(deployed.place.live) as files:
            deployed.to(Deployment(STABLE))
            seen = deployed.to(Deployment(MIRRORING, CANARY))
            canary, stable = seen.serving(Side.CANARY), seen.serving(Side.STABLE)
            assert canary is not None and stable is not None
            assert (stable.serving, canary.serving) == ("fusepy", "pyfuse3")
            assert stable.told["LIGHTHOUSE_SHADOW_URL"] == f"http://{canary.address}"
            assert seen.live == stable.name
            seen = deployed.to(Deployment(MIRRORING, CANARY, 50))
            assert seen.routes == {Side.STABLE: stable.name, Side.CANARY: canary.name}
            deployed.to(Deployment(STABLE, CANARY, 100, Side.CANARY))
            seen = deployed.to(Deployment(STABLE, CANARY, 0, Side.STABLE))
            assert seen.live == stable.name
            deployed.to(Deployment(STABLE, CANARY, 100, Side.CANARY))
            seen = deployed.to(Deployment(None, PYFUSE3, 100, Side.CANARY, frozenset({Image.FUSE3})))
            assert seen.images == {Image.FUSE3}
            seen = deployed.to(Deployment(STABLE, PYFUSE3, 0, Side.STABLE))
            assert seen.last == {Side.STABLE: 3, Side.CANARY: 2}
        failed, done = clients.failed + files.failed, clients.done + files.done
    finally:
        left = deployed.target.destroy(deployed.said.append)
    return {
        "left": left,
        "failed": failed[:10],
        "done": done,
        "state": sorted(os.listdir(deployed.place.state)),  # noqa: PTH208
        "live": os.path.lexists(deployed.place.live),
    }


if __name__ == "__main__":
    print(json.dumps(walk(Path(sys.argv[1]))))
