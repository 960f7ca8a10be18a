"""What a local Bridge is told: its settings file, and whether it has taken it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployment.model import Side
from deployment.targets.local_layout import HOST, Layout, Record, read_records
from deployment.whole_file import write_whole


def settings(layout: Layout, record: Record) -> dict[str, str]:
    """Return everything a Bridge is told, as its settings file says it."""
    folder = layout.folder(record.name)
    other = Side.STABLE if record.side is Side.CANARY else Side.CANARY
    shadows = [r for r in read_records(layout) if r.side is other and not r.retired]
    shadow = f"http://{shadows[-1].host or HOST}:{shadows[-1].port}" if record.mirror and shadows else ""
    return {
        **record.instance.environment(),
        "LIGHTHOUSE_SHADOW_URL": shadow,
        "LIGHTHOUSE_MOUNT_POINT": str(layout.mount(record.name)),
        "LIGHTHOUSE_HOST": "0.0.0.0" if record.host else HOST,
        "LIGHTHOUSE_PORT": str(record.port),
        "LIGHTHOUSE_METRICS_PORT": str(record.metrics_port),
        "LIGHTHOUSE_STORE": str(layout.place.store.absolute()),
        "LIGHTHOUSE_STATE_DIR": str(folder / "state"),
        "LIGHTHOUSE_COMPARISON_RATE": f"{layout.place.comparison_rate:g}",
        "LIGHTHOUSE_DRAIN_TIMEOUT": f"{layout.place.drain_seconds:g}",
    }


def write_settings(layout: Layout, record: Record) -> None:
    """Write an instance's settings file; nobody ever reads half of it."""
    lines = [f"{key}={value}\n" for key, value in settings(layout, record).items()]
    write_whole(layout.folder(record.name) / "config" / "bridge.env", "".join(lines))


def in_force(said: Mapping[str, Any], layout: Layout, record: Record) -> bool:
    """Return whether what a Bridge says of itself is what it was told, and it is ready with it."""
    has: Mapping[str, Any] = said.get("config") or {}
    wanted = {
        **record.instance.environment(),
        "LIGHTHOUSE_SHADOW_URL": settings(layout, record)["LIGHTHOUSE_SHADOW_URL"],
    }
    return said.get("status") == "ok" and all(str(has.get(k, "")) == v for k, v in wanted.items())
