"""Who runs what when tests run side by side: a file at a time, the long ones first, and one worker has the Engine."""

from __future__ import annotations

import math

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

ENGINE = "engine"  # there is one on a machine, and tests restart what is in it


class Scheduling(LoadFileScheduling):
    """Gives a worker a file at a time, and all that needs the Docker Engine to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        return ENGINE if nodeid.endswith(f"@{ENGINE}") else nodeid.partition("::")[0]


def arrange(items: list[pytest.Item]) -> None:
    """Put what needs the Engine into one group, and first what may take longest: nothing is left to wait for it."""
    limits: dict[str, float] = {ENGINE: math.inf}
    for item in items:
        if _scope(item) == ENGINE:
            item.add_marker(pytest.mark.xdist_group(ENGINE))
        limit = item.get_closest_marker("timeout")
        limits[_scope(item)] = max(limits.get(_scope(item), 0.0), limit.args[0] if limit is not None else 0.0)
    items.sort(key=lambda item: -limits[_scope(item)])  # files stay whole: the sort is stable


def _scope(item: pytest.Item) -> str:
    return ENGINE if item.get_closest_marker("docker") is not None else str(item.path)
