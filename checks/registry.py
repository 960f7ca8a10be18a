"""Every check there is, by id. A module's tuple is named here or it does not exist."""

from __future__ import annotations

from checks import (
    backup,
    benchmark,
    boundary,
    clock,
    containers,
    device,
    disk,
    drill,
    functional,
    fuse_conf,
    helpers,
    hung,
    kernel,
    libraries,
    limits,
    live_path,
    metrics,
    mount_options,
    mounts,
    packages,
    parity,
    ports,
    privileges,
    probes,
    programs,
    propagation,
    queries,
    reachable,
    scraped,
    service,
    shadow,
    share,
    state_folder,
)
from checks.check import Check

# what only looks and takes a moment: `check` asks it whatever the week, and so does the failure museum
_LOOKING: tuple[Check, ...] = (
    *device.CHECKS,
    *libraries.CHECKS,
    *helpers.CHECKS,
    *fuse_conf.CHECKS,
    *privileges.CHECKS,
    *limits.CHECKS,
    *kernel.CHECKS,
    *packages.CHECKS,
    *programs.CHECKS,
    *propagation.CHECKS,
    *state_folder.CHECKS,
    *clock.CHECKS,
    *ports.CHECKS,
    *disk.CHECKS,
    *mounts.CHECKS,
    *hung.CHECKS,
    *live_path.CHECKS,
    *reachable.CHECKS,
    *boundary.CHECKS,
    *containers.CHECKS,
    *mount_options.CHECKS,
    *queries.CHECKS,
)

# what asks a deployment that stands, measures, moves or writes: the weeks say when
_WALKING: tuple[Check, ...] = (
    *probes.CHECKS,
    *service.CHECKS,
    *share.CHECKS,
    *metrics.CHECKS,
    *scraped.CHECKS,
    *functional.CHECKS,
    *benchmark.CHECKS,
    *parity.CHECKS,
    *shadow.CHECKS,
    *backup.CHECKS,
    *drill.CHECKS,
)

CHECKS: dict[str, Check] = {check.id: check for check in (*_LOOKING, *_WALKING)}
ALWAYS = tuple(check.id for check in _LOOKING)
