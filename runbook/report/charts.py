"""The report's charts, drawn as SVG: blue is fusepy, orange is pyfuse3, and every bar says its number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

from runbook.report.facts import Facts
from runbook.report.words import METRIC, lasting

BLUE, ORANGE = "#0072B2", "#E69F00"
_WIDTH, _LABEL, _BAR = 760, 170, 16


def weeks(facts: Facts) -> str:
    """Draw how long the walk stayed in each stage."""
    bars = [(f"{w.week} {w.name} {w.stage}".strip(), w.seconds or facts.now - w.entered, w.week) for w in facts.weeks]
    rows = [(name, [(seconds, lasting(seconds), ORANGE if week >= 7 else BLUE)]) for name, seconds, week in bars]
    return _bars(rows, "How long each stage took; orange where pyfuse3 served everybody")


def benchmark(facts: Facts) -> str:
    """Draw p95 of both backends, operation by operation, each against the slower of the two."""
    rows = []
    for operation, old in facts.before.items():
        new = facts.after.get(operation, {})
        if METRIC in old and METRIC in new:
            worst = max(old[METRIC], new[METRIC]) or 1.0
            pair = ((old[METRIC], BLUE), (new[METRIC], ORANGE))
            rows.append((operation, [(v / worst, f"{v * 1000:.3f} ms", colour) for v, colour in pair]))
    return _bars(rows, "p95 of each operation: blue fusepy, orange pyfuse3; a full bar is the slower of the two")


def sizes(facts: Facts) -> str:
    """Draw the images' sizes."""
    order = (("fuse2", BLUE), ("dual", BLUE), ("fuse3", ORANGE))
    found = [(image, facts.sizes[image], colour) for image, colour in order if image in facts.sizes]
    return _bars([(image, [(size, f"{size / 1e6:.1f} MB", colour)]) for image, size, colour in found], "Image sizes")


CHARTS: Mapping[str, Callable[[Facts], str]] = {"weeks": weeks, "benchmark": benchmark, "sizes": sizes}


def _bars(rows: list[tuple[str, list[tuple[float, str, str]]]], told: str) -> str:
    largest = max((value for _, bars in rows for value, _, _ in bars), default=0.0) or 1.0
    parts, y = [], 24
    for label, bars in rows:
        parts.append(f'<text x="0" y="{y + 12}">{escape(label)}</text>')
        for value, shown, colour in bars:
            width = max(1.0, (_WIDTH - _LABEL - 90) * value / largest)
            parts.append(f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR - 3}" fill="{colour}"/>')
            parts.append(f'<text x="{_LABEL + width + 6:.1f}" y="{y + 11}" class="dim">{escape(shown)}</text>')
            y += _BAR
        y += 6
    caption = f'<text x="0" y="12" class="dim">{escape(told)}</text>'
    head = f'<svg role="img" aria-label="{escape(told)}" viewBox="0 0 {_WIDTH} {y}" xmlns="http://www.w3.org/2000/svg">'
    return f"{head}{caption}{''.join(parts)}</svg>"
