"""The names under which the old backend lives, in one place."""

from __future__ import annotations

import re

PYTHON_PACKAGES = frozenset({"fusepy", "fuse-python"})  # both bind libfuse2; canonical names
# What Debian calls the old library, its headers and its helper, and what takes their place.
APT_PACKAGES = {"libfuse2": "fuse3", "libfuse2t64": "fuse3", "fuse": "fuse3", "libfuse-dev": "libfuse3-dev"}
OLD_BACKEND, NEW_BACKEND = "fusepy", "pyfuse3"
BACKEND_SETTING, FALLBACK_SETTING = "LIGHTHOUSE_FUSE_BACKEND", "LIGHTHOUSE_FUSE_FALLBACK"
MODULES = frozenset({"fuse"})  # what `import fuse` imports

# A line that speaks of the old backend. `fuse` alone is a word, `pyfuse3` and `fuse3` are the new one.
MENTION = re.compile(r"(?<![\w])(fusepy|fuse-python|libfuse2(t64)?|libfuse\.so\.2|libfuse-dev)(?![\w])", re.I)
