"""Metrics: both sides overlaid over time with the limits drawn in, their newest numbers, and what the gates say."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from checks import words
from deployment.metrics.source import Metric
from deployment.model import Side
from phases import gates
from runbook.tui import paint
from runbook.tui.chart import Chart
from runbook.tui.look import WATCHED, WINDOW, Seen
from runbook.tui.paint import Part
from runbook.tui.room import Room, bindings, show

RANGES = (300.0, 900.0, 3600.0)


class MetricsRoom(Room):
    """The measurements."""

    room = "metrics"
    BINDINGS: ClassVar[list[BindingType]] = bindings("metrics")

    def __init__(self) -> None:
        super().__init__()
        self._frozen_at: float | None = None
        self._range = 0

    def body(self) -> ComposeResult:
        yield Chart("p95", gates.P95.limit, words.seconds)
        yield Chart("Error ratio", gates.ERROR_RATIO.limit, words.percent)
        with VerticalScroll(id="numbers", can_focus=False):
            yield Static("measuring ...", id="table", markup=False)
            yield Static(id="verdicts", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.ours.watcher.attentive = True
        self.ours.watcher.look_now(measure=True)

    def on_unmount(self) -> None:
        self.ours.watcher.attentive = False

    def do_freeze(self) -> None:
        """Hold still, or go on."""
        self._frozen_at = self.ours.now() if self._frozen_at is None else None
        self.paint()

    def do_range(self) -> None:
        """Show more or less time."""
        self._range = (self._range + 1) % len(RANGES)
        self.paint()

    def paint(self) -> None:
        super().paint()
        app = self.ours
        end = self._frozen_at or app.now()
        span = (end - RANGES[self._range], end)
        how = f"{words.duration(RANGES[self._range])}{', FROZEN' if self._frozen_at is not None else ''}"
        for chart, metric in zip(self.query(Chart), (Metric.P95, Metric.ERROR_RATIO), strict=True):
            chart.border_title = f"{words.NAMES[metric]}  fusepy dotted · pyfuse3 line · rule: the limit  ({how})"
            points = [[p for p in app.trail.of(metric, side, span[0]) if p[0] <= end] for side in Side]
            chart.draw(points[0], points[1], span)
        if app.seen is None or self._frozen_at is not None:
            return
        if app.seen.readings:
            show(self.query_one("#table", Static), paint.lines(table(app.seen)), layout=True)
        elif app.read_only:
            show(self.query_one("#table", Static), paint.lines([["--read-only measures nothing"]]), layout=True)
        shown = paint.gates(app.seen.snapshot, app.trail, app.glyphs, self.size.width - 4)
        show(self.query_one("#verdicts", Static), shown, layout=True)


def table(seen: Seen) -> list[list[Part]]:
    """Return both sides' newest numbers side by side."""
    rows: list[list[Part]] = [[(f"{'last ' + words.duration(WINDOW):<22}{'fusepy':>14}{'pyfuse3':>14}", "bold")]]
    for metric in WATCHED:
        cells = []
        for side in Side:
            reading = seen.reading(metric, side)
            if reading is None or reading.value is None:
                cells.append("does not answer" if reading is not None and reading.failed else "no data")
            else:
                cells.append(words.quantity(reading.value, metric))
        rows.append([f"{words.NAMES[metric]:<22}{cells[0]:>14}{cells[1]:>14}"])
    return rows
