"""Run a command where a Bridge of the Docker target runs: in a container of its own that is made for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployment.errors import UnreachableError
from deployment.model import Image
from deployment.targets import docker_containers, docker_owner
from deployment.targets.docker_engine import COMMAND, Engine, talking
from deployment.targets.local_layout import Layout
from deployment.targets.target import Completed, outlived


def run(engine: Engine, layout: Layout, argv: Sequence[str], image: Image, timeout: float) -> Completed:
    """Run `python ARGV…` of an image with a Bridge's privileges, and end all of it at the timeout.

    Raises:
        UnreachableError: The Engine does not answer, the image is not there, or the command outlived `timeout` seconds.
    """
    if image not in engine.images():
        raise UnreachableError(f"the image {image} is not there", "`advance` prepares it")
    docker_owner.give(layout, None)
    return finish(engine, docker_containers.command(engine, layout, image, argv), argv, timeout)


def finish(engine: Engine, how: dict[str, Any], argv: Sequence[str], timeout: float) -> Completed:
    """Make a container, wait for its end, and remove it whatever happens."""
    import requests

    made = docker_containers.make(engine, COMMAND, how)
    try:
        with talking("wait for a command"):
            try:
                code = int(made.wait(timeout=timeout)["StatusCode"])
            except (requests.ReadTimeout, requests.ConnectionError) as error:
                if not _still_runs(made):
                    raise
                raise outlived(argv, timeout) from error
            out, err = (made.logs(stdout=out, stderr=not out) for out in (True, False))
    finally:
        # a mount of its own is gone with it: it was made in the container and is shared with nobody
        docker_containers.remove(engine, str(made.id))
    return Completed(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _still_runs(container: Any) -> bool:
    container.reload()
    return bool(container.status == "running")
