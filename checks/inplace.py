"""Commands that run where the Bridge runs and answer in JSON."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from checks.check import Context
from checks.disposable import parsed
from deployment.errors import OperatorError, UnreachableError
from deployment.model import Image, InstanceState, Observation, Side

SCRATCH = "lighthouse-migrate-scratch"
_MAKE = "import os, sys\nfor path in sys.argv[1:]: os.makedirs(path, exist_ok=True)"
# a file that the shadow's comparison has open just now goes a moment later, under a name libfuse gave it
_REMOVE = """
import os, shutil, sys, time
until = time.monotonic() + 10
for path in sys.argv[1:]:
    while os.path.lexists(path) and time.monotonic() < until:
        shutil.rmtree(path, ignore_errors=True)
        time.sleep(0.05)
"""


def run_json(context: Context, argv: Sequence[str], image: Image, timeout: float) -> dict[str, Any]:
    """Run `python ARGV…` in the Bridge's place and return the JSON it printed, however it ended.

    Raises:
        NoAnswerError: It printed no JSON.
        UnreachableError: The target does not answer, the image is not there, or the command outlived its timeout.
    """
    done = context.target.run(argv, image, timeout)
    found = parsed(done.stdout, done.stderr, done.returncode)
    return (
        found
        if isinstance(found, dict)
        else {"ok": False, "error": f"an answer that is no object: {json.dumps(found)}"}
    )


class NotYetError(OperatorError):
    """What is asked about does not exist yet; the walk makes it, so nobody is held by that."""


def image_for(observed: Observation, backend: str) -> Image:
    """Return the image a backend is tried in: the dual one, else the single one that has it.

    Raises:
        UnreachableError: Neither is there.
    """
    single = Image.FUSE2 if backend == "fusepy" else Image.FUSE3
    for image in (Image.DUAL, single):
        if image in observed.images:
            return image
    raise UnreachableError(f"there is no image with {backend} yet", "`advance` prepares it")


def any_image(observed: Observation) -> Image:
    """Return an image that is there, the dual one first.

    Raises:
        UnreachableError: There is none.
    """
    for image in (Image.DUAL, Image.FUSE3, Image.FUSE2):
        if image in observed.images:
            return image
    raise UnreachableError("there is no image yet", "`advance` prepares it")


def serving(context: Context, side: Side) -> InstanceState:
    """Return a side's Bridge, ready and with a mount.

    Raises:
        OperatorError: It does not run, or it is not ready.
    """
    state = context.target.observe().serving(side)
    if state is None:
        raise OperatorError(f"no {side} Bridge runs", "`lighthouse-migrate plan` shows what would start it")
    if not state.ready or not state.mount:
        raise OperatorError(
            f"{state.name} is not ready: {state.detail or 'its mount did not answer'}",
            "`lighthouse-migrate plan` shows what would replace it",
        )
    return state


@contextmanager
def scratch(context: Context, *states: InstanceState) -> Iterator[list[str]]:
    """Make a scratch directory in each Bridge's mount, and remove them afterwards, whatever happened between."""
    name = f"{SCRATCH}-{uuid.uuid4().hex[:8]}"
    folders = [f"{state.mount}/current/{name}/{state.side}" for state in states]
    roots = [f"{state.mount}/current/{name}" for state in states]
    image = states[0].image
    made = context.target.run(["-c", _MAKE, *folders], image, 20.0)
    if made.returncode != 0:
        said = (made.stderr.strip().splitlines() or [f"exit code {made.returncode}"])[-1]
        asked = " ".join(f"service.{state.side}" for state in states)
        raise OperatorError(
            f"a scratch directory could not be made in {states[0].name}: {said}",
            f"`lighthouse-migrate check host.disk {asked}` says what is in its way",
        )
    try:
        yield folders
    finally:
        context.target.run(["-c", _REMOVE, *roots], image, 30.0)
