"""The stable mount path of the Docker target: changed from inside a container, seen on the host."""

from __future__ import annotations

from collections.abc import Sequence

from deployment.model import Image
from deployment.targets import docker_containers, docker_mounts, docker_run, local_live
from deployment.targets.docker_engine import Engine
from deployment.targets.local_layout import Layout
from deployment.targets.target import Completed, Say


def show(engine: Engine, layout: Layout, name: str, say: Say) -> None:
    """Show an instance's mount on the stable path, in one step no client notices.

    Raises:
        ChangeFailedError: The path cannot show it; it shows what it showed before.
    """

    def run(argv: Sequence[str], image: Image, timeout: float) -> Completed:
        return docker_run.finish(engine, docker_containers.swapper(engine, layout, image, argv), argv, timeout)

    docker_mounts.share(layout, say)
    local_live.show(layout, name, run, say)
