"""The names under which the old backend lives, in one place."""

from __future__ import annotations

import re

PYTHON_PACKAGES = frozenset({"fusepy", "fuse-python"})  # both bind libfuse2; canonical names
# What Debian calls the old library, its headers and its helper, and what takes their place.
APT_PACKAGES = {"libfuse2": "fuse3", "libfuse2t64": "fuse3", "fuse": "fuse3", "libfuse-dev": "libfuse3-dev"}
OLD_BACKEND, NEW_BACKEND = "fusepy", "pyfuse3"
BACKEND_SETTING, FALLBACK_SETTING = "LIGHTHOUSE_FUSE_BACKEND", "LIGHTHOUSE_FUSE_FALLBACK"
PARALLEL_SETTING = "LIGHTHOUSE_FUSE_PARALLEL_TEST"
MODULES = frozenset({"fuse"})  # what `import fuse` imports

# A line that speaks of the old backend. `fuse` alone is a word, `pyfuse3` and `fuse3` are the new one.
MENTION = re.compile(r"(?<![\w])(fusepy|fuse-python|libfuse2(t64)?|libfuse\.so\.2|libfuse-dev)(?![\w])", re.I)

_OLD = re.compile(r"(?<![a-z])(fusepy|libfuse2(t64)?|fuse2|fuse-python|dual[-_ ]?backends?)(?![a-z])", re.I)
_NEW = re.compile(r"pyfuse3|fuse3", re.I)


def speaks(text: str) -> bool:
    """Return whether a text names the old backend, or a setting of the backends."""
    return MENTION.search(text) is not None or "fuse_fallback" in text.lower() or "fuse_parallel" in text.lower()


def is_setting(name: str) -> bool:
    """Return whether a setting says which backend serves."""
    return name in (BACKEND_SETTING, FALLBACK_SETTING, PARALLEL_SETTING)


def of_old_alone(name: str) -> bool:
    """Return whether a name (of a job, a file, a service) is of the old backend, or of both side by side."""
    return bool(_OLD.search(name)) and not _NEW.search(name)


def new_value(name: str, value: str) -> str:
    """Return what a setting becomes when only pyfuse3 is left; a list loses its old entries."""
    default = re.fullmatch(r"(\$\{\w+:?-)([\w-]+)(\})", value)
    if default is not None:
        return f"{default[1]}{new_value(name, default[2])}{default[3]}"
    if name == FALLBACK_SETTING and value in (OLD_BACKEND, NEW_BACKEND):
        return "none"  # there is nothing left to fall back to
    if name == PARALLEL_SETTING and value.lower() == "true":
        return "false"  # nor to compare with
    if value == OLD_BACKEND:
        return NEW_BACKEND
    parts = re.split(r"([\s,]+)", value)
    old = {OLD_BACKEND, *APT_PACKAGES}
    if not old.intersection(parts[::2]) or len(parts) == 1:
        return value
    kept: list[str] = []
    for i in range(0, len(parts), 2):
        if parts[i] not in old:
            kept += [parts[i - 1] if kept else "", parts[i]]
    return "".join(kept) or " ".join(dict.fromkeys(APT_PACKAGES.get(p, NEW_BACKEND) for p in parts[::2]))
