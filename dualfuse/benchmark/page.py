"""The answer of ``./dev bench dualfuse`` as one HTML page that needs nothing else: tables, and charts in SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #d8dee4 }
th:first-child, td:first-child { text-align: left }
.no { color: #b3261e; font-weight: 600 }
svg text { font: 12px system-ui, sans-serif; fill: #1c2733 }
"""
_TIME, _CPU = "#2f6fab", "#d9903d"
_LEFT, _WIDTH, _ROW = 150, 560, 34
_MOST = 1.6  # the widest bar that is drawn in full


def page(answer: Mapping[str, Any]) -> str:
    """Write the page."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>dualfuse benchmark</title>",
        f"<style>{_STYLE}</style><h1>dualfuse: pyfuse3 against fusepy</h1>",
        f"<p>Below 1 is better. {escape('; '.join(str(line) for line in answer['conditions']))}.</p>",
        "<h2>Criteria</h2>",
        _table(("criterion", "measured", "limit", ""), map(_criterion, answer["criteria"])),
    ]
    for name, variant in answer["variants"].items():
        parts += [f"<h2>{escape(name)}</h2>", chart(variant["ratios"])]
    if answer["cold"].get("ratios"):
        parts += ["<h2>Cold caches</h2>", chart(answer["cold"]["ratios"])]
    parts += ["<h2>pyfuse3 against other scales</h2>"]
    for name in ("nothreads", "big_writes", "passthrough", "directory"):
        if answer.get(name) and "unavailable" not in answer[name]:
            parts += [f"<h3>{escape(name)}</h3>", chart(answer[name])]
    for contender, operations in answer["results"].items():
        parts += [f"<h2>{escape(contender)}</h2>", _table(_METRICS, _metrics(operations))]
    if answer.get("baseline"):
        rows = ((name, *map(str, each.values())) for name, each in answer["baseline"].items())
        head = ("operation", "time", "CPU", "ratio then", "ratio now")
        parts += ["<h2>Against the recorded baseline</h2>", _table(head, rows)]
    return "\n".join(parts)


def chart(ratios: Mapping[str, Mapping[str, float]]) -> str:
    """Draw ratios as bars, time above CPU, with a line at 1 and the 95% interval of time."""
    height = _ROW * len(ratios) + 24
    most = max([_MOST, *(min(each["time"], 4.0) for each in ratios.values())])
    scale = _WIDTH / most
    lines = [
        f'<svg role="img" width="{_LEFT + _WIDTH + 120}" height="{height}" xmlns="http://www.w3.org/2000/svg">',
        "<title>ratios of time (blue) and CPU (orange)</title>",
    ]
    for row, (name, each) in enumerate(ratios.items()):
        top = row * _ROW + 6
        lines.append(f'<text x="0" y="{top + 17}">{escape(name)}</text>')
        for offset, key, colour in ((0, "time", _TIME), (13, "cpu", _CPU)):
            width = min(each[key], most) * scale
            lines.append(f'<rect x="{_LEFT}" y="{top + offset}" width="{width:.1f}" height="11" fill="{colour}"/>')
        low, high = (_LEFT + min(each[key], most) * scale for key in ("time_low", "time_high"))
        lines.append(f'<path d="M{low:.1f} {top + 5.5} H{high:.1f}" stroke="#10202f" stroke-width="1.5"/>')
        end = _LEFT + min(max(each["time"], each["cpu"], each["time_high"]), most) * scale + 6
        lines.append(f'<text x="{end:.1f}" y="{top + 16}">{each["time"]:.2f} · {each["cpu"]:.2f}</text>')
    one = _LEFT + scale
    lines.append(f'<path d="M{one:.1f} 0 V{height - 18}" stroke="#b3261e" stroke-dasharray="4 3"/>')
    lines.append(f'<text x="{one - 3:.1f}" y="{height - 4}">1</text></svg>')
    return "".join(lines)


_METRICS = ("operation", "p50 ms", "p95 ms", "p99 ms", "MB/s", "operations/s", "CPU ms", "memory MB")


def _metrics(operations: Mapping[str, Mapping[str, float]]) -> Iterable[Sequence[str]]:
    for name, each in operations.items():
        yield (
            name,
            *(f"{each[key] * 1000:.3f}" for key in ("latency_p50", "latency_p95", "latency_p99")),
            f"{each['throughput_mbps']:.1f}",
            f"{each['iops']:.0f}",
            f"{each['cpu_usage'] * 1000:.3f}",
            f"{each['memory_usage'] / 1e6:.1f}",
        )


def _criterion(each: Mapping[str, Any]) -> Sequence[str]:
    return each["name"], f"{each['value']:.4g}", each["limit"], "yes" if each["ok"] else "no"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    for row in rows:
        cells = "".join(f"<td{' class=no' if cell == 'no' else ''}>{escape(cell)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "".join([*lines, "</table>"])
