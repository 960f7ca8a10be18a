"""Where everything lies in a local target's state folder, and what is written down about each instance."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from deployment.model import Image, Instance, Side
from deployment.targets.target import Place
from deployment.whole_file import write_whole

HOST = "127.0.0.1"


class Record(NamedTuple):
    """What was decided about one instance when it was started; `instance.json` in its folder."""

    name: str
    side: Side
    generation: int
    image: Image
    backend: str
    fallback: str | None
    mirror: bool
    port: int
    metrics_port: int
    retired: bool = False
    host: str = ""  # the name it has in a network of its own; empty where it is in the host's

    @property
    def instance(self) -> Instance:
        """What the instance is told to be."""
        return Instance(self.image, self.backend, self.fallback, self.mirror)

    @property
    def address(self) -> str:
        """host:port of its API."""
        return f"{HOST}:{self.port}"

    @property
    def metrics(self) -> str:
        """URL of its metrics."""
        return f"http://{HOST}:{self.metrics_port}/metrics"


class Layout(NamedTuple):
    """Paths below a state folder; only what is named here belongs to the target, the rest is not touched."""

    place: Place
    state: Path  # absolute and free of symbolic links, as the kernel names it
    live: Path

    @classmethod
    def of(cls, place: Place) -> Layout:
        """Return the layout of a place. The last part of the live path is not resolved: it may be our own symlink."""
        live = place.live.absolute()
        return cls(place, Path(os.path.realpath(place.state)), Path(os.path.realpath(live.parent), live.name))

    def owned(self) -> tuple[Path, ...]:
        """Return the folders that the target makes and removes."""
        return (
            self.images,
            self.wheels,
            self.instances,
            self.haproxy,
            self.prometheus,
            self.supervisor,
            self.logs,
            self.metrics,
        )

    @property
    def images(self) -> Path:
        """One virtual environment an image."""
        return self.state / "images"

    @property
    def wheels(self) -> Path:
        """Every package an image was ever built from, so that it can be built again without a network."""
        return self.state / "wheels"

    @property
    def instances(self) -> Path:
        """One folder an instance."""
        return self.state / "instances"

    @property
    def haproxy(self) -> Path:
        """The router's configuration, its runtime socket and the map that holds the weight."""
        return self.state / "haproxy"

    @property
    def prometheus(self) -> Path:
        """Prometheus' configuration and data."""
        return self.state / "prometheus"

    @property
    def supervisor(self) -> Path:
        """supervisord's configuration, socket and log."""
        return self.state / "supervisor"

    @property
    def metrics(self) -> Path:
        """The samples that the scraping source keeps."""
        return self.state / "metrics"

    @property
    def logs(self) -> Path:
        """Logs of instances that are gone."""
        return self.state / "logs"

    def image(self, image: Image) -> Path:
        """The virtual environment of an image."""
        return self.images / image

    def python(self, image: Image) -> Path:
        """The interpreter of an image."""
        return self.image(image) / "bin" / "python"

    def folder(self, name: str) -> Path:
        """The folder of an instance."""
        return self.instances / name

    def mount(self, name: str) -> Path:
        """Where an instance mounts."""
        return self.folder(name) / "mnt"

    def present(self) -> frozenset[Image]:
        """Return the images that are complete: the note is written last."""
        return frozenset(i for i in Image if (self.image(i) / "image.json").exists())

    def ports(self, side: Side, generation: int) -> tuple[int, int]:
        """Return the API and metrics ports of a generation: a side's two pairs are taken in turn."""
        place, turn = self.place, (generation - 1) % 2
        if side is Side.STABLE:
            return place.stable_ports[turn], place.stable_metrics_ports[turn]
        return place.canary_ports[turn], place.canary_metrics_ports[turn]


def read_records(layout: Layout) -> tuple[Record, ...]:
    """Return what is written down about the instances, by side and generation."""
    found = []
    for note in layout.instances.glob("*/instance.json"):
        raw: dict[str, Any] = json.loads(note.read_text("utf-8"))
        found.append(Record(**{**raw, "side": Side(raw["side"]), "image": Image(raw["image"])}))
    return tuple(sorted(found, key=lambda r: (r.side is Side.CANARY, r.generation)))


def write_record(layout: Layout, record: Record) -> None:
    """Write an instance down, at once or not at all."""
    write_whole(layout.folder(record.name) / "instance.json", json.dumps(record._asdict(), indent=1) + "\n")


def read_last(layout: Layout) -> dict[Side, int]:
    """Return the highest generation each side ever had."""
    note = layout.instances / "last.json"
    kept = json.loads(note.read_text("utf-8")) if note.exists() else {}
    last = {Side(side): int(generation) for side, generation in kept.items()}
    for record in read_records(layout):
        last[record.side] = max(record.generation, last.get(record.side, 0))
    return last


def write_last(layout: Layout, last: dict[Side, int]) -> None:
    """Remember the generations of instances that will one day be gone."""
    write_whole(layout.instances / "last.json", json.dumps(last) + "\n")
