"""Does each backend really mount, serve and unmount where the Bridge runs?"""

from __future__ import annotations

import re

from checks import words
from checks.check import Check, Context, Finding
from checks.inplace import image_for, run_json
from checks.remedies import ours

_LIBRARY = re.compile(r"\b(?:fusermount3?|fuse): .*")
PATIENCE = 20.0  # seconds; a healthy probe takes about one


def probe(context: Context, backend: str) -> Finding | None:
    """Mount a small file system, write, read back, rename, list, remove while open, unmount, and clean up."""
    image = image_for(context.target.observe(), backend)
    found = run_json(context, ["-m", "dualfuse.probe", "--backend", backend], image, PATIENCE)
    if found.get("ok"):
        context.say(f"{backend} mounted, served and unmounted in {words.seconds(float(found.get('seconds') or 0.0))}")
        return None
    # the exception is only "RuntimeError: 1"; the cause is what the C library said
    said = _cause(str(found.get("stderr") or ""))
    error = str(found.get("error") or "it did not say why")
    seen = f"{backend} cannot mount in image {image}: {said or error}"
    why = f"{error}" if said and said not in error else ""
    remedy = str(found.get("remedy") or "run the probe by hand and read its stderr")
    return Finding(seen, why, remedy, (ours(f"check mount.{backend}"),))


def _cause(stderr: str) -> str:
    """Return what the C library or its helper said, else the last line that is no hint of ours."""
    lines = [line for line in stderr.strip().splitlines() if not line.startswith("hint:")]
    causes = [match[0] for line in lines if (match := _LIBRARY.search(line))]
    return (causes or lines or [""])[-1]


def fusepy(context: Context) -> Finding | None:
    """Probe fusepy."""
    return probe(context, "fusepy")


def pyfuse3(context: Context) -> Finding | None:
    """Probe pyfuse3."""
    return probe(context, "pyfuse3")


CHECKS = (
    Check("mount.fusepy", "Can fusepy mount where the Bridge runs?", "bridge", fusepy, 30.0, "fusepy mounts"),
    Check("mount.pyfuse3", "Can pyfuse3 mount where the Bridge runs?", "bridge", pyfuse3, 30.0, "pyfuse3 mounts"),
)
