"""Starts the Bridge: mounts the project and serves until told to stop."""

import logging
import os

from lighthouse.bridge.fuse_mount.mount_manager import MountManager

logger = logging.getLogger(__name__)


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    manager = MountManager(os.environ.get("LIGHTHOUSE_MOUNT_POINT", "/mnt/lighthouse/project"))
    logger.info("serving with %s", manager.backend_name)
    manager.serve()


if __name__ == "__main__":
    main()
