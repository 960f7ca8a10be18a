"""Every check there is, by id. A module's tuple is named here or it does not exist."""

from __future__ import annotations

from checks import (
    backup,
    benchmark,
    boundary,
    containers,
    device,
    disk,
    drill,
    functional,
    helpers,
    kernel,
    libraries,
    live_path,
    metrics,
    mounts,
    parity,
    ports,
    probes,
    reachable,
    service,
    shadow,
    share,
)
from checks.check import Check

_ALL: tuple[Check, ...] = (
    *device.CHECKS,
    *libraries.CHECKS,
    *helpers.CHECKS,
    *kernel.CHECKS,
    *ports.CHECKS,
    *disk.CHECKS,
    *mounts.CHECKS,
    *live_path.CHECKS,
    *reachable.CHECKS,
    *probes.CHECKS,
    *boundary.CHECKS,
    *containers.CHECKS,
    *service.CHECKS,
    *share.CHECKS,
    *metrics.CHECKS,
    *functional.CHECKS,
    *benchmark.CHECKS,
    *parity.CHECKS,
    *shadow.CHECKS,
    *backup.CHECKS,
    *drill.CHECKS,
)

CHECKS: dict[str, Check] = {check.id: check for check in _ALL}
