"""The stable mount path of the Docker target: changed from inside a container, seen on the host."""

from __future__ import annotations

from collections.abc import Callable

from deployment.errors import ChangeFailedError, UnreachableError
from deployment.targets import docker_containers, docker_mounts, docker_run, instances
from deployment.targets.docker_engine import Engine
from deployment.targets.local_layout import Layout
from deployment.targets.local_live import make_path, refused

SECONDS = 30.0


def show(engine: Engine, layout: Layout, name: str, say: Callable[[str], None]) -> None:
    """Show an instance's mount on the stable path, in one step no client notices.

    Raises:
        ChangeFailedError: The path cannot show it; it shows what it showed before.
    """
    record = instances.find(layout, name)
    if record is None:
        raise ChangeFailedError(f"{name} is not there", "`plan` shows what is")
    docker_mounts.share(layout, say)
    make_path(layout)
    say(f"showing {name} on {layout.live}")
    argv = ["-m", "dualfuse.live", "swap", str(layout.mount(name)), str(layout.live)]
    try:
        done = docker_run.finish(engine, docker_containers.swapper(engine, layout, record.image, argv), argv, SECONDS)
    except UnreachableError as error:
        raise ChangeFailedError(error.message, error.hint) from error
    if why := refused(done, name):
        raise why
