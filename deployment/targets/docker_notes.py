"""What the Docker target writes down for the day the Engine is silent: the images, and what an operator is told."""

from __future__ import annotations

import json
from typing import NamedTuple

from deployment.model import Image
from deployment.targets.local_layout import Layout
from deployment.whole_file import write_whole


class Notes(NamedTuple):
    """`docker.json` among the instances."""

    images: frozenset[Image] = frozenset()
    notes: tuple[str, ...] = ()


def read(layout: Layout) -> Notes:
    """Return what was written down, nothing where nothing was."""
    file = layout.instances / "docker.json"
    if not file.exists():
        return Notes()
    said = json.loads(file.read_text("utf-8"))
    return Notes(frozenset(Image(i) for i in said["images"]), tuple(said["notes"]))


def keep_images(layout: Layout, images: frozenset[Image]) -> None:
    """Remember which images there are; who only looks at a place where nothing is makes nothing there."""
    before = read(layout)
    if before.images != images and (images or layout.instances.exists()):
        _write(layout, before._replace(images=images))


def keep_notes(layout: Layout, notes: tuple[str, ...]) -> None:
    """Remember what the operator is to be told from now on."""
    before = read(layout)
    if before.notes != notes:
        _write(layout, before._replace(notes=notes))


def _write(layout: Layout, notes: Notes) -> None:
    text = json.dumps({"images": sorted(notes.images), "notes": list(notes.notes)}, indent=1)
    write_whole(layout.instances / "docker.json", text + "\n")
