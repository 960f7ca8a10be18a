#!/bin/bash
# Starts the Bridge on pyfuse3.
set -e

CONTAINER_PYTHON=${CONTAINER_PYTHON:-python}
MOUNT_POINT=${LIGHTHOUSE_MOUNT_POINT:-/mnt/lighthouse/project}

cleanup() {
    fusermount3 -u "$MOUNT_POINT" 2>/dev/null || true
}
trap cleanup EXIT

check_fuse() {
    if [ ! -c /dev/fuse ]; then
        echo "ERROR: /dev/fuse is not there" >&2
        exit 1
    fi
    "$CONTAINER_PYTHON" -c "import pyfuse3" || {
        echo "ERROR: pyfuse3 cannot be imported" >&2
        exit 1
    }
}

check_fuse
mkdir -p "$MOUNT_POINT"
export LIGHTHOUSE_FUSE_BACKEND=pyfuse3
export LIGHTHOUSE_ACTIVE_FUSE_BACKEND=pyfuse3

echo "Starting on port ${LIGHTHOUSE_PORT:-8765}"
exec "$CONTAINER_PYTHON" -m lighthouse.mcp_server
