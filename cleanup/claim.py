"""What the proof claims: one thing that is gone, or is not, or could not be found out."""

from __future__ import annotations

from dataclasses import dataclass

LIBRARY = "libfuse.so.2"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is claimed to be gone."""

    claim: str
    holds: bool | None  # None: it could not be found out
    detail: str = ""
