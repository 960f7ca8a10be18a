"""A deployment that nobody started: a settings file, a journal that says where it is, and samples of both sides."""

from __future__ import annotations

import time
from pathlib import Path

from deployment.metrics.exposition import Reading, read
from deployment.metrics.samples import Samples
from deployment.model import Side
from dualfuse.instrument import BUCKETS
from runbook.journal import Journal
from runbook.settings import FILE, load
from tests.ports import free_ports


def deployed(folder: Path, week: int = 4, seconds: int = 120, extra: str = "") -> Path:
    """Write everything and return the settings file."""
    first = free_ports(1)[0]
    path = folder / FILE
    path.write_text(f'[target]\nlive = "live"\n[ports]\nprometheus = {first}\n[gates]\nmetrics = "scrape"\n{extra}')
    settings = load(path)
    now = time.time()
    journal = Journal(settings.journal)
    journal.append(now - seconds, "entered", week=week, stage=0, name="canary", stage_name="10%")
    journal.close()
    samples = Samples(settings.place.state / "metrics" / "samples.db")
    for second in range(0, seconds, 2):
        taken = {
            Side.STABLE: ("http://s/metrics", _at(second, 40, 3)),
            Side.CANARY: ("http://c/metrics", _at(second, 40, 3)),
        }
        samples.add(now - seconds + second + 1, taken)
    return path


def _at(second: int, each: int, bucket: int) -> Reading:
    """Return what a Bridge tells that has served so many reads a second, all in one bucket."""
    total = second * each
    bounds = [*(f"{b:g}" if b < 1 else str(b) for b in BUCKETS), "+Inf"]
    lines = [f'lighthouse_fuse_operations_total{{operation="read",status="ok"}} {total}']
    name = "lighthouse_fuse_operation_duration_seconds"
    lines += [f'{name}_bucket{{operation="read",le="{b}"}} {total if n >= bucket else 0}' for n, b in enumerate(bounds)]
    lines += [f'{name}_count{{operation="read"}} {total}', f'{name}_sum{{operation="read"}} {total * 1e-4}']
    lines += ["lighthouse_fuse_mount_responsive 1", "lighthouse_fuse_mount_memory_bytes 30000000"]
    lines += [f"lighthouse_fuse_mount_cpu_seconds_total {total * 1e-4}", "process_start_time_seconds 1000"]
    return read("\n".join(lines))
