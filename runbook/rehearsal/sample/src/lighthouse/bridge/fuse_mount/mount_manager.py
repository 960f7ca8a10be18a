"""Chooses a backend and keeps the mount."""

import logging

from lighthouse.bridge.fuse_mount.operations import ProjectOperations
from lighthouse.fuse.backends import create_backend, select_backend

logger = logging.getLogger(__name__)


class MountManager:
    def __init__(self, mount_point: str) -> None:
        self.mount_point = mount_point
        self.backend_name = select_backend()

    def serve(self) -> None:
        if self.backend_name is None:
            logger.error("no FUSE backend available, running in degraded mode")
            return
        create_backend(self.backend_name, ProjectOperations()).mount(self.mount_point)
