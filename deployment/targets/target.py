"""The Target protocol: all that the engine ever sees of the place where a Bridge runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from deployment.errors import UnreachableError
from deployment.model import Change, Image, Observation, Side

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended in the Bridge's place."""

    returncode: int
    stdout: str
    stderr: str


def outlived(argv: Sequence[str], timeout: float) -> UnreachableError:
    """Return the error for a command that did not end in time."""
    return UnreachableError(
        f"`{' '.join(argv)[:120]}` did not end within {timeout:g} s",
        "`lighthouse-migrate status` shows whether a mount hangs; if none does, the machine is busy: try again",
    )


class Target(Protocol):
    """A place where Bridges run: local processes, a Docker Engine, several hosts."""

    @property
    def kind(self) -> str:
        """The target's kind, as the settings name it."""

    def observe(self) -> Observation:
        """Return what is really there, asked of the world now.

        It touches no mount in this process and returns within 3 seconds whatever hangs; what it cannot know is None.
        """

    def metrics(self) -> Mapping[Side, str]:
        """Return the metrics URL of each side's current instance, as it is written down."""

    def apply(self, change: Change, say: Say) -> None:
        """Bring one change about and return when it is done, which is not yet proof: the caller observes again.

        Applying a change that already holds does nothing. `say` is told what is waited for.

        Raises:
            ChangeFailedError: It could not be done; what was there before still serves.
            UnreachableError: The target does not answer.
        """

    def run(self, argv: Sequence[str], image: Image, timeout: float) -> Completed:
        """Run `python ARGV…` where a Bridge of that image runs: same user, same privileges, same libraries.

        Raises:
            UnreachableError: The target does not answer, the image is not there, or the command outlived its timeout.
        """

    def destroy(self, say: Say) -> tuple[str, ...]:
        """Stop and remove everything this target made and return what could not be removed, empty when all is gone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployment lives, as the settings say it."""

    state: Path  # the folder that holds everything the tool makes
    live: Path  # the stable mount path the clients use
    store: Path  # the event store both sides serve
    router_port: int
    stable_ports: tuple[int, int]  # API ports of the side's instances, taken in turn
    canary_ports: tuple[int, int]
    stable_metrics_ports: tuple[int, int]
    canary_metrics_ports: tuple[int, int]
    prometheus_port: int
    comparison_rate: float = 10.0  # comparisons a second with the shadow, at most
    drain_seconds: float = 30.0


class DockerPlace(NamedTuple):
    """What else the Docker target is told."""

    base_image: str = "python:3.11-slim-bookworm"
    adopt: str = ""  # the container a migration begins with: its name, "label=KEY=VALUE" or "service=NAME" of compose
