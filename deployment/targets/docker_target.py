"""The Docker target: Bridges and router as containers of one Engine, on this host's network and mounts.

The state folder is what the local target's is, and is seen by the containers at its own path. What changes things is
imported when something is changed, because `observe` runs in every `status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deployment.model import Change, Image, Kind, Observation, Side
from deployment.targets import docker_observe, local_observe
from deployment.targets.docker_engine import Engine
from deployment.targets.local_layout import Layout, read_records
from deployment.targets.target import Completed, DockerPlace, Place, Say


class DockerTarget:
    """Bridges as containers of a Docker Engine on this host."""

    def __init__(self, place: Place, docker: DockerPlace | None = None) -> None:
        """Stand for the deployment at a place; nothing is touched yet."""
        self._layout = Layout.of(place)
        self._docker = docker or DockerPlace()
        self._engine = Engine(self._layout.state)

    @property
    def kind(self) -> str:
        """The target's kind, as the settings name it."""
        return "docker"

    def observe(self) -> Observation:
        """Return what is really there, asked of the world now, within 3 seconds whatever hangs."""
        return docker_observe.observe(self._layout)

    def metrics(self) -> Mapping[Side, str]:
        """Return the metrics URL of each side's current instance, as it is written down."""
        return {r.side: r.metrics for r in read_records(self._layout) if not r.retired}

    def apply(self, change: Change, say: Say) -> None:
        """Bring one change about and return when it is done, which is not yet proof: the caller observes again.

        Raises:
            ChangeFailedError: It could not be done; what was there before still serves.
            UnreachableError: The Engine or the router does not answer.
        """
        from deployment.targets import (
            docker_adoption,
            docker_images,
            docker_instances,
            docker_live,
            docker_router,
            instances,
            local_services,
        )

        layout, engine = self._layout, self._engine
        # traffic is the router's alone: it moves back to the safe side even where the Engine does not answer
        if change.kind is Kind.WEIGHT:
            local_services.set_weight(layout, change.weight)
            return
        if change.kind is Kind.ROUTE:
            local_services.route(layout, change.side, self.observe().named(change.after))
            return
        docker_instances.sweep(engine, layout)
        match change.kind:
            case Kind.PREPARE:
                assert change.image is not None
                original = ""
                if self._docker.adopt and change.image is Image.FUSE2:
                    original = docker_adoption.adopt(engine, self._docker.adopt).image
                docker_images.prepare(layout, engine, change.image, self._docker.base_image, say, original)
                self._note_images()
            case Kind.START:
                docker_instances.start(engine, layout, change, self._docker.adopt, say)
            case Kind.ROUTER:
                docker_router.start(engine, layout, self._docker.base_image, say)
            case Kind.CONFIGURE:
                shown = local_observe.live_name(layout)
                docker_instances.configure(engine, layout, change, say)
                if shown == change.subject and local_observe.live_name(layout) != shown:
                    # it changed its backend and mounts anew: the stable path goes with it
                    docker_live.show(engine, layout, shown, say)
            case Kind.LIVE:
                docker_live.show(engine, layout, change.after, say)
            case Kind.RETIRE:
                docker_instances.retire(engine, layout, change.subject)
            case Kind.REMOVE:
                assert change.image is not None
                instances.wait_unused(layout, change.image, lambda users: docker_instances.working(engine, users), say)
                docker_instances.sweep(engine, layout)
                docker_images.remove(layout, engine, change.image, say)
                self._note_images()

    def run(self, argv: Sequence[str], image: Image, timeout: float) -> Completed:
        """Run `python ARGV…` of an image in a container of its own, with a Bridge's user and privileges.

        Raises:
            UnreachableError: The Engine does not answer, the image is not there, or the command outlived its timeout.
        """
        from deployment.targets import docker_run

        return docker_run.run(self._engine, self._layout, argv, image, timeout)

    def destroy(self, say: Say) -> tuple[str, ...]:
        """Stop and remove everything this target made and return what could not be removed, empty when all is gone."""
        from deployment.targets import docker_destroy

        return docker_destroy.destroy(self._engine, self._layout, say)

    def _note_images(self) -> None:
        """Write down which images there are, for those who look while the Engine is silent."""
        from deployment.targets import docker_notes

        there = self._engine.images()
        docker_notes.keep_images(self._layout, frozenset(i for i in Image if i in there))
