"""Does the comparator slow the primary? Its clients' p99 with and without, in windows that take turns."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.comparing.clients import Clients
from bridge.settings import Settings
from tests.bridge.harness import Bridge
from tests.waiting import until

SETTLE = 2.0  # seconds after the comparator was started or stopped
CLIENTS = 4


def quantile(values: list[float], share: float) -> float:
    """Return the value that so large a share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def compared(bridge: Bridge) -> int:
    """Return how many comparisons a Bridge has made."""
    lines = bridge.request("GET", "/metrics", port=bridge.metrics_port)[1].decode().splitlines()
    name = "lighthouse_fuse_backend_comparisons_total{"
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)))


def switch(primary: Bridge, shadow: Bridge, on: bool) -> None:
    """Start or stop the comparator, and wait until that is done."""
    primary.reload(
        LIGHTHOUSE_FUSE_PARALLEL_TEST="true" if on else "false", LIGHTHOUSE_SHADOW_URL=f"http://127.0.0.1:{shadow.port}"
    )
    socket = primary.folder / "state" / "comparator.sock"
    until(lambda: socket.exists() is on, 30)
    if on:
        before = compared(primary)
        until(lambda: compared(primary) > before, 30)
    time.sleep(SETTLE)


def measure(folder: Path, pairs: int, seconds: float, pause: float = 0.0) -> dict[str, Any]:
    """Return the median ratio of p99 with to p99 without over so many pairs of windows."""
    store = folder / "store.db"
    usual = {"LIGHTHOUSE_COMPARISON_RATE": f"{Settings().comparison_rate:g}"}  # what is measured is the default
    primary, shadow = Bridge(folder / "p", store, "fusepy", **usual), Bridge(folder / "s", store, "pyfuse3")
    windows: list[tuple[bool, float, float, int]] = []
    try:
        primary.start()
        shadow.start()
        with Clients([primary.current] * CLIENTS, pause) as clients:
            is_on = False
            for number in range(2 * pairs):  # off on, on off, off on, …
                on = number % 4 in (1, 2)
                if on != is_on:
                    switch(primary, shadow, on)
                    is_on = on
                begun, before = time.monotonic(), compared(primary)
                time.sleep(seconds)
                windows.append((on, begun, time.monotonic(), compared(primary) - before))
            answers = clients.stop()
        divergent = primary.request("GET", "/divergences")[1]
    finally:
        for bridge in (primary, shadow):
            bridge.clean_up()
    failures = [failure for answer in answers for failure in answer[2]]
    if failures:
        raise SystemExit(f"clients failed: {failures[:5]}")
    return report(windows, answers, divergent)


def report(windows: list[tuple[bool, float, float, int]], answers: list[Any], divergent: bytes) -> dict[str, Any]:
    """Sum up."""
    operations = sorted((end, took) for answer in answers for end, took in zip(answer[0], answer[1], strict=True))
    inside = [[took for end, took in operations if begun <= end < ended] for _, begun, ended, _ in windows]
    ratios = {name: [] for name in ("p50", "p99", "rate")}  # type: dict[str, list[float]]
    for first in range(0, len(windows), 2):
        on, off = (first, first + 1) if windows[first][0] else (first + 1, first)
        ratios["p50"].append(quantile(inside[on], 0.5) / quantile(inside[off], 0.5))
        ratios["p99"].append(quantile(inside[on], 0.99) / quantile(inside[off], 0.99))
        ratios["rate"].append(len(inside[on]) / len(inside[off]))
        print(
            f"pair {first // 2}: p99 {quantile(inside[off], 0.99) * 1e3:.2f} -> {quantile(inside[on], 0.99) * 1e3:.2f}"
            f" ms, p50 ratio {ratios['p50'][-1]:.3f}, rate ratio {ratios['rate'][-1]:.3f},"
            f" {windows[on][3] / (windows[on][2] - windows[on][1]):.0f} comparisons/s",
            file=sys.stderr,
        )
    lasted = sum(ended - begun for on, begun, ended, _ in windows if on)
    off_rates = [len(each) / (w[2] - w[1]) for each, w in zip(inside, windows, strict=True) if not w[0]]
    return {
        "primary_p99_ratio": round(median(ratios["p99"]), 3),
        "primary_p99_ratios": [round(ratio, 3) for ratio in ratios["p99"]],
        "primary_p50_ratio": round(median(ratios["p50"]), 3),
        "primary_rate_ratio": round(median(ratios["rate"]), 3),
        "primary_p99_ms": round(
            1e3 * median(quantile(each, 0.99) for each, w in zip(inside, windows, strict=True) if not w[0]), 3
        ),
        "primary_operations_per_second": round(median(off_rates)),
        "comparisons_per_second": round(sum(w[3] for w in windows if w[0]) / lasted, 1),
        "divergent": divergent.count(b'"at"'),
    }
