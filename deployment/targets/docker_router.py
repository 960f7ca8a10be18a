"""HAProxy in a container of its own, in the host's network, with its folder of the state at the same path."""

from __future__ import annotations

from deployment.errors import ChangeFailedError
from deployment.model import Side
from deployment.router import MAP
from deployment.targets import docker_containers, docker_images, docker_owner, local_services
from deployment.targets.docker_engine import ROUTER, Engine
from deployment.targets.local_layout import Layout
from deployment.targets.target import Say
from deployment.waiting import until
from deployment.whole_file import write_whole

START_SECONDS = 15.0


def start(engine: Engine, layout: Layout, base: str, say: Say) -> None:
    """Start HAProxy with no routes and a weight of 0, or with what it last had; one that answers is left alone.

    Raises:
        ChangeFailedError: Its port or name is taken, it cannot be built, or it does not come up.
        UnreachableError: The Engine does not answer.
    """
    router = local_services.router(layout)
    if router.answers():
        return
    docker_images.prepare_router(engine, base, say)
    local_services.require_free(layout.place.router_port, "the router")
    if not (layout.haproxy / MAP).exists():
        write_whole(layout.haproxy / MAP, f"{Side.CANARY} 0\n")
    if not (layout.haproxy / "haproxy.cfg").exists():
        local_services.write_routes(layout, {})
    docker_owner.give(layout, None)
    say(f"starting the router on port {layout.place.router_port}")
    before = docker_containers.get(engine, ROUTER)
    if before is not None:
        docker_containers.remove(engine, str(before.id))  # it does not answer: whatever it hangs in goes with it
    made = docker_containers.make(engine, ROUTER, docker_containers.router(engine, layout), engine.name(ROUTER))
    if not until(router.answers, START_SECONDS, every=0.05):
        said = docker_containers.tail(made)
        docker_containers.remove(engine, str(made.id))
        raise ChangeFailedError(f"the router does not start: {said}", f"see {layout.haproxy}/haproxy.cfg")
