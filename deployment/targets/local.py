"""The local target: Bridges, router and Prometheus as ordinary processes in one state folder.

Everything outlives the tool: supervisord keeps it running, and it is found again by what is written in the state folder
and by what the kernel says, never by memory. What changes things is imported when something is changed, because
`observe` runs in every `status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deployment.model import Change, Image, Kind, Observation, Side
from deployment.targets import local_observe
from deployment.targets.local_layout import Layout, read_records
from deployment.targets.target import Completed, Place, Say


class LocalTarget:
    """Bridges as processes on this machine, as root or as an ordinary user."""

    def __init__(self, place: Place) -> None:
        """Stand for the deployment at a place; nothing is touched yet."""
        self._layout = Layout.of(place)

    @property
    def kind(self) -> str:
        """The target's kind, as the settings name it."""
        return "local"

    def observe(self) -> Observation:
        """Return what is really there, asked of the world now, within 3 seconds whatever hangs."""
        return local_observe.observe(self._layout)

    def metrics(self) -> Mapping[Side, str]:
        """Return the metrics URL of each side's current instance, as it is written down."""
        return {r.side: r.metrics for r in read_records(self._layout) if not r.retired}

    def apply(self, change: Change, say: Say) -> None:
        """Bring one change about and return when it is done, which is not yet proof: the caller observes again.

        Raises:
            ChangeFailedError: It could not be done; what was there before still serves.
            UnreachableError: The router does not answer.
        """
        from deployment.targets import (
            instances,
            local_images,
            local_instances,
            local_leftovers,
            local_live,
            local_services,
        )
        from deployment.targets.local_supervisor import Supervisor

        layout = self._layout
        if change.kind is Kind.PREPARE:
            assert change.image is not None
            local_images.prepare(layout, change.image, say)
            return
        supervisor = Supervisor(layout)
        supervisor.ensure(say)
        local_leftovers.sweep(layout, supervisor)
        match change.kind:
            case Kind.START:
                local_instances.start(layout, supervisor, change, say)
            case Kind.ROUTER:
                # Prometheus comes with the router: both are there for all instances, and neither for one
                local_services.start_router(layout, supervisor, say)
                local_services.start_prometheus(layout, supervisor, say)
            case Kind.CONFIGURE:
                shown = local_observe.live_name(layout)
                local_instances.configure(layout, supervisor, change, say)
                if shown == change.subject and local_observe.live_name(layout) != shown:
                    # it changed its backend and mounts anew: the stable path goes with it
                    local_live.show(layout, shown, self.run, say)
            case Kind.ROUTE:
                local_services.route(layout, change.side, self.observe().named(change.after))
            case Kind.WEIGHT:
                local_services.set_weight(layout, change.weight)
            case Kind.LIVE:
                local_live.show(layout, change.after, self.run, say)
            case Kind.RETIRE:
                local_instances.retire(layout, supervisor, change.subject)
            case Kind.REMOVE:
                assert change.image is not None
                instances.wait_unused(layout, change.image, lambda users: local_instances.working(layout, users), say)
                local_leftovers.sweep(layout, supervisor)
                local_images.remove(layout, change.image)

    def run(self, argv: Sequence[str], image: Image, timeout: float) -> Completed:
        """Run `python ARGV…` of an image on this machine.

        Raises:
            UnreachableError: The image is not there, or the command outlived `timeout` seconds.
        """
        from deployment.targets import local_run

        return local_run.run(self._layout, argv, image, timeout)

    def destroy(self, say: Say) -> tuple[str, ...]:
        """Stop and remove everything this target made and return what could not be removed, empty when all is gone."""
        from deployment.targets import local_destroy

        return local_destroy.destroy(self._layout, say)
