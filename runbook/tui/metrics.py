"""Metrics: both sides overlaid over time with the limits drawn in, and every number with its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.events import Click

from checks import words
from deployment.metrics.source import Metric
from deployment.model import Side
from runbook.metering import Meter, Metered, bars
from runbook.tui.chart import Chart, Curve
from runbook.tui.glyphs import BLUE, ORANGE, Glyphs
from runbook.tui.look import HOME, Past
from runbook.tui.paint import text
from runbook.tui.room import Room, bindings
from runbook.tui.sheet import Run, Sheet

RANGES = {
    "5m": Past(300.0, 60, every=2.5),  # two samples to a piece: a rate that is not counted twice
    "1h": Past(3600.0, 300, every=5.0),
    "24h": Past(86400.0, 288, every=60.0),
}
ORDER = (
    *(Metric.P95, Metric.ERROR_RATIO, Metric.P50, Metric.P99, Metric.OPERATIONS_RATE, Metric.DIVERGENCE_RATIO),
    *(Metric.MEMORY, Metric.CPU_PER_OPERATION, Metric.UPTIME, Metric.SLOW_SHARE),
)
MOST_CHARTS = 6
TALL, BROAD = 48, 160  # from so many rows and columns on there are more charts


class MetricsRoom(Room):
    """The measurements."""

    room = "metrics"
    BINDINGS: ClassVar[list[BindingType]] = bindings("metrics")

    def __init__(self) -> None:
        super().__init__()
        self._frozen: Metered | None = None
        self._at = 0  # the row whose metric is the first chart
        self._operation = ""
        self._painted: tuple[object, ...] = ()

    def body(self) -> ComposeResult:
        with Container(id="charts"):
            for _ in range(MOST_CHARTS):
                yield Chart()
        with VerticalScroll(id="numbers", can_focus=False) as box:
            box.border_title = "measuring ..."
            yield Table()

    def entered(self) -> None:
        self._ask()

    def left(self) -> None:
        self.ours.watcher.past = HOME

    def do_freeze(self) -> None:
        """Hold still, or go on."""
        seen = self.ours.seen
        self._frozen = seen.metered if self._frozen is None and seen is not None else None
        self.paint()

    def do_range(self) -> None:
        """Show more or less time."""
        names = list(RANGES)
        self.ours.remembered.range = names[(names.index(self._range) + 1) % len(names)]
        self._ask()

    def do_operation(self) -> None:
        """Show another kind of operation, or all together."""
        metered = self._metered()
        names = ["", *(metered.kinds if metered is not None else ())]
        self._operation = names[(names.index(self._operation) + 1) % len(names)] if self._operation in names else ""
        self._ask()

    def do_step(self, step: int) -> None:
        """Chart the metric before or after."""
        metered = self._metered()
        if metered is not None:
            self._at = (self._at + step) % len(rows_of(metered))
            self.paint()

    def do_chart(self, row: int) -> None:
        """Chart the metric of this row."""
        self._at = row
        self.paint()

    @property
    def _range(self) -> str:
        name = self.ours.remembered.range
        return name if name in RANGES else next(iter(RANGES))

    def _ask(self) -> None:
        """Have the watcher bring what is wanted; a frozen picture stays."""
        chosen = RANGES[self._range]
        self.ours.watcher.past = Past(chosen.window, chosen.pieces, chosen.every, self._operation)
        self.ours.watcher.look_now(measure=True)
        self.paint()

    def _metered(self) -> Metered | None:
        seen = self.ours.seen
        return self._frozen or (None if seen is None else seen.metered)

    def paint(self) -> None:
        super().paint()
        metered = self._metered()
        state = (metered, self._at, self._range, self._operation, self._frozen, self.size)
        if state == self._painted:
            return
        self._painted = state
        number = self._arrange()
        box = self.query_one("#numbers")
        if metered is None:
            box.border_title = "no Bridge runs yet: nothing to measure" if self._nothing_runs() else "measuring ..."
            return
        if box.border_title != (title := self._how(metered)):  # setting it paints the whole box again
            box.border_title = title
        rows = rows_of(metered)
        self._at = min(self._at, len(rows) - 1)
        for place, chart in enumerate(list(self.query(Chart))[:number]):
            chart.show(*charted(metered, rows[(self._at + place) % len(rows)]))
        table = self.query_one(Table)
        table.show([*numbers(metered, self._at, number, self.size.width - 2, self.ours.glyphs)])
        if self._at + 1 >= self.query_one("#numbers").size.height:
            box.scroll_to(y=self._at, animate=False)
        elif box.scroll_offset.y > self._at:
            box.scroll_to(y=0, animate=False)

    def _nothing_runs(self) -> bool:
        seen = self.ours.seen
        return seen is not None and not seen.snapshot.observed.instances

    def _arrange(self) -> int:
        """Give the charts their places and return how many there are."""
        columns = 2 if self.size.width >= BROAD else 1
        number = columns * (3 if self.size.height >= TALL else 2)
        place = self.query_one("#charts", Container)
        if place.styles.grid_size_columns != columns or place.styles.grid_size_rows != number // columns:
            place.styles.grid_size_columns, place.styles.grid_size_rows = columns, number // columns
            for count, chart in enumerate(self.query(Chart)):
                chart.display = count < number
        return number

    def _how(self, metered: Metered) -> str:
        wanted = RANGES[self._range]
        now = "FROZEN" if self._frozen is not None else ""
        if not now and (metered.window, metered.operation) != (wanted.window, self._operation):
            now = "reading ..."
        legend = ("fusepy · · ·  pyfuse3 ───" if self.ours.glyphs.utf8 else "fusepy ...  pyfuse3 ***") + "  limit ≤"
        what = metered.operation or "all operations"
        return f"{legend} | last {words.duration(metered.window)}, {what}{' | ' + now if now else ''}"


def rows_of(metered: Metered) -> tuple[Meter, ...]:
    """Return what the table lists: the metrics, then operations a second by kind."""
    metrics = {one.metric: one for one in metered.meters}
    return (*(metrics[metric] for metric in ORDER if metric in metrics), *metered.rates)


def name_of(one: Meter) -> str:
    """Return what a row is called."""
    if one.operation and one.metric is Metric.OPERATIONS_RATE:
        return f"{text(one.operation)} per second"
    return words.NAMES[one.metric]


def charted(metered: Metered, one: Meter) -> tuple[str, Curve, Callable[[float], str]]:
    """Return a metric as a chart: its title, what it shows, and how a value reads."""
    said, limit = metered.limits.get(one.metric, ("", None))
    span = (metered.at - metered.window, metered.at)
    stable, canary = one.points[Side.STABLE], one.points[Side.CANARY]
    gap = max(15.0, 3 * metered.window / max(60, len(canary)))
    title = f"{name_of(one)}{f'  limit {said}' if said else ''}"
    return title, Curve(stable, canary, limit, span, gap), partial(words.quantity, metric=one.metric, digits=2)


def numbers(metered: Metered, at: int, drawn: int, width: int, g: Glyphs) -> Iterator[list[Run]]:
    """Yield every metric's newest value and history, both sides side by side; the charted ones are marked."""
    room = max(0, (width - 62) // 2)
    listed = rows_of(metered)
    charts = {(at + place) % len(listed) for place in range(drawn)}
    for row, one in enumerate(listed):
        past = {side: points[-room:] if room else () for side, points in one.points.items()}
        top = max((p.value for points in past.values() for p in points if p.value is not None), default=0.0)
        mark = g.here if row == at else "|" if row in charts else " "
        runs: list[Run] = [(f" {mark} {name_of(one):<22.22}", "bold" if row in charts else "")]
        for side, ink in ((Side.STABLE, BLUE), (Side.CANARY, ORANGE)):
            newest = one.newest(side)
            shown = "no data" if newest is None else words.quantity(newest, one.metric)
            history = bars(past[side], top, utf8=g.utf8)
            runs += [(f" {shown:>9} ", ""), (f"{history:>{room}}", ink)]
        said, _ = metered.limits.get(one.metric, ("", None))
        yield [*runs, (f"  {said}", "dim")]
    for line in metered.trouble:
        yield [(" ? ", ORANGE), (text(line), "")]


class Table(Sheet):
    """The numbers; a click on one charts it."""

    def __init__(self) -> None:
        super().__init__("table")
        self._listed: list[list[Run]] = []

    def show(self, listed: list[list[Run]]) -> None:
        """Show these rows."""
        if len(listed) != len(self._listed):
            self.styles.height = len(listed)
        self._listed = listed
        self.again()

    def rows(self, width: int, height: int) -> list[list[Run]]:  # noqa: ARG002 - it is as high as it is long
        return self._listed

    async def on_click(self, event: Click) -> None:
        await self.run_action(f"app.chart({event.y})")
