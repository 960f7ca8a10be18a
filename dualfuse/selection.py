"""Which backend shall serve, by the environment, and which one can.

LIGHTHOUSE_FUSE_BACKEND names the primary (default fusepy), LIGHTHOUSE_FUSE_FALLBACK the one to use when the primary is
not available; "none" or nothing means that there is no fallback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dualfuse.backend import BACKENDS, get_backend

PRIMARY = "LIGHTHOUSE_FUSE_BACKEND"
FALLBACK = "LIGHTHOUSE_FUSE_FALLBACK"
DEFAULT = "fusepy"


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for and what can be had; ``reasons`` says why anything else than the primary was chosen."""

    primary: str
    fallback: str | None
    chosen: str | None
    degraded: bool
    reasons: tuple[str, ...]


def select(environment: Mapping[str, str] = os.environ) -> Selection:
    """Choose the first of primary and fallback whose library can be loaded here and that may find a FUSE device.

    Only a probe (``dualfuse.probe``) proves that it can mount. Nothing is raised: no choice is ``chosen=None``.
    """
    primary = environment.get(PRIMARY, "").strip() or DEFAULT
    named = environment.get(FALLBACK, "").strip()
    fallback = named if named and named != "none" and named != primary else None
    reasons = []
    chosen = None
    for name in (primary, fallback):
        if name is None:
            continue
        reason = reason_against(name)
        if reason is None:
            chosen = name
            break
        reasons.append(reason)
    return Selection(primary, fallback, chosen, chosen != primary, tuple(reasons))


def reason_against(name: str) -> str | None:
    """Say why a backend cannot be used here, None if nothing speaks against it."""
    if name not in BACKENDS:
        return f"{name}: unknown backend, known are {', '.join(BACKENDS)}"
    if not Path("/dev/fuse").exists():
        return f"{name}: /dev/fuse does not exist"
    return get_backend(name).unavailable()
