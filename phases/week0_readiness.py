"""Week 0, readiness: nothing changes for a client; everything the walk will need is found, tried and backed up."""

from __future__ import annotations

from datetime import timedelta

from deployment.model import Deployment
from phases.deployments import BOTH_IMAGES, ORIGINAL
from phases.phase import Phase, Stage

WEEK = Phase(
    week=0,
    name="readiness",
    goal="The Bridge runs as it is; both libraries, both backends, the host and a backup are proved fit.",
    stages=(
        Stage(
            name="as it is",
            deployment=Deployment(stable=ORIGINAL, images=BOTH_IMAGES),
            soak=timedelta(0),
            entry=(
                *("host.fuse-device", "host.libfuse2", "host.ports", "host.disk", "host.live-path"),
                *("host.state-folder", "host.haproxy"),
            ),
            exit=(
                *("host.libfuse3", "host.fusermount", "host.capabilities", "host.kernel", "host.stale-mounts"),
                *("host.propagation", "host.clock", "host.packages"),
                *("bridge.seccomp", "bridge.user-namespace", "bridge.apparmor", "bridge.selinux"),
                *("bridge.limits", "bridge.tasks", "bridge.memory"),
                *("image.fusepy", "image.pyfuse3", "image.trio", "image.packages"),
                *("mount.fusepy", "mount.pyfuse3", "boundary", "service.stable", "backup"),
            ),
        ),
    ),
)
