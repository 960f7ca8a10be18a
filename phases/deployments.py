"""The two Bridges as the weeks want them, in the images they come from."""

from __future__ import annotations

from dataclasses import replace

from deployment.model import Deployment, Image, Instance, Side

BOTH_IMAGES = frozenset({Image.FUSE2, Image.DUAL})

ORIGINAL = Instance(Image.FUSE2, "fusepy")
STABLE = Instance(Image.DUAL, "fusepy", fallback="pyfuse3")
MIRRORING = replace(STABLE, mirror=True)
# no fallback: a canary that quietly served fusepy would be compared with itself
CANARY = Instance(Image.DUAL, "pyfuse3")
PROMOTED = replace(CANARY, fallback="fusepy")
SINGLE = Instance(Image.FUSE3, "pyfuse3")

#: What a rollback brings back: fusepy serves every client, nothing of pyfuse3 runs.
SAFE = Deployment(stable=STABLE, images=BOTH_IMAGES)


def share(weight: int) -> Deployment:
    """Return the deployment in which `weight` percent of the clients are on the canary."""
    return Deployment(stable=MIRRORING, canary=CANARY, weight=weight, live=Side.STABLE, images=BOTH_IMAGES)
