"""What a week is: stages, each a desired deployment with checks at its door and gates at its exit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from checks.gate import Threshold
from deployment.model import Deployment


@dataclass(frozen=True, slots=True)
class Stage:
    """One deployment inside a week."""

    name: str  # "10%"
    deployment: Deployment
    soak: timedelta  # how long it is kept before it may be left, unless the settings say otherwise
    entry: tuple[str, ...] = ()  # ids of the checks asked before anything changes
    exit: tuple[str, ...] = ()  # ids of the checks asked before it is left
    gates: tuple[Threshold, ...] = ()  # asked of the canary, over their windows, before it is left
    triggers: tuple[Threshold, ...] = ()  # watched from the moment it is applied; a failed one rolls back
    cleanup: bool = False  # purge fusepy and libfuse2 from the project and the host


@dataclass(frozen=True, slots=True)
class Phase:
    """One week."""

    week: int
    name: str
    goal: str  # one sentence, as the operator reads it
    stages: tuple[Stage, ...]
    confirm_by_name: bool = False  # entering it wants the deployment's name typed
