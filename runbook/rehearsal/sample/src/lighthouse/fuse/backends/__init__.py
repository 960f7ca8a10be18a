"""The FUSE backends and which of them to use."""

import importlib.util
import logging
import os
from typing import Any

logger = logging.getLogger(__name__)

MODULES = {
    "fusepy": "fuse",
    "pyfuse3": "pyfuse3",
}


def check_backend_available(name: str) -> bool:
    return name in MODULES and importlib.util.find_spec(MODULES[name]) is not None


def select_backend() -> str | None:
    primary = os.environ.get("LIGHTHOUSE_FUSE_BACKEND", "fusepy")
    fallback = os.environ.get("LIGHTHOUSE_FUSE_FALLBACK", "pyfuse3")
    if check_backend_available(primary):
        return primary
    if check_backend_available(fallback):
        logger.warning("primary backend %s unavailable, using %s", primary, fallback)
        return fallback
    return None


def create_backend(name: str, operations: Any) -> Any:
    if name == "pyfuse3":
        from lighthouse.fuse.backends.pyfuse3 import PyFuse3Backend

        return PyFuse3Backend(operations)
    from lighthouse.fuse.backends.fusepy import FusepyBackend

    return FusepyBackend(operations)
