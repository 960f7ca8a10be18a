"""How lines are painted: what every room needs, the header and the footer.

Content is assembled from parts and never parsed, so markup in what comes from outside is text.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.style import Style

from checks import words
from checks.gate import Threshold
from deployment.metrics.source import Metric
from phases.calendar import PHASES
from runbook.cli.output import fit
from runbook.cli.words import needs_guard, span
from runbook.state import LAST_WEEK
from runbook.tui.glyphs import BLUE, ORANGE
from runbook.tui.keys import Key
from runbook.tui.look import Seen

Part = str | tuple[str, str]

#: Words that mean somebody should look now.
ALARMING = frozenset({"HOLD", "DRIFT", "INTERRUPTED", "ROLLED BACK"})
#: A look older than this is called stale, seconds.
STALE = 6.0


def text(line: str) -> str:
    """Return one line from outside as it can be shown."""
    return fit(line.replace("\n", " ").replace("\t", " "), "utf-8")


def lines(rows: Iterable[Iterable[Part]]) -> Content:
    """Return rows of parts as content."""
    return Content("\n").join([Content.assemble(*row) for row in rows])


def head(seen: Seen | None, trouble: tuple[str, str] | None, age: float, now: float, at_work: str) -> Content:
    """Return the header: where we are, whether it is safe, and how old this is."""
    if seen is None:
        return Content.assemble(
            " lighthouse-migrate  ", (text(trouble[0]), f"bold {ORANGE}") if trouble else "looking ..."
        )
    shot = seen.snapshot
    place = "not started" if shot.state.week is None else f"week {shot.state.week} of {LAST_WEEK} {shot.week_name}"
    stages = () if shot.state.week is None else PHASES[shot.state.week].stages
    stage = f" ({shot.stage_name})" if len(stages) > 1 else ""
    row: list[Part] = [f" {text(shot.name)} · {place}{stage} ", (f" {shot.word} ", _word_style(shot.word))]
    if shot.word == "SOAK":
        row.append(f" {span(max(0.0, shot.soak_until - now))} left")
    if at_work:
        row.append((f" · {at_work}", f"bold {ORANGE}"))
    if age > STALE:
        row.append((f" · stale {age:.0f} s", f"bold {ORANGE}"))
    elif shot.measured_at is not None:
        row.append(f" · metrics {span(max(0.0, now - shot.measured_at))} ago")
    guard = shot.guard
    if guard is not None and (guard.lost or (needs_guard(shot) and not guard.alive)):
        row.append((" · GUARD LOST" if guard.lost else " · no guard", f"bold {ORANGE}"))
    if trouble is not None:
        row.append((f" · {text(trouble[0])}", f"bold {ORANGE}"))
    return Content.assemble(*row)


def _word_style(word: str) -> str:
    return f"bold black on {ORANGE}" if word in ALARMING else f"bold white on {BLUE}"


def foot(keys: tuple[Key, ...]) -> Content:
    """Return the footer; a click on a key does what the key does."""
    parts: list[Content] = []
    for key in keys:
        click = Style.from_meta({"@click": f"app.{key.action}"})
        named = Content.assemble((f" {key.shown}", f"bold {ORANGE}"), f" {key.label} ")
        parts.append(named.stylize(click))
    return Content("").join(parts)


def count(samples: int) -> str:
    """Return a number of samples in few columns: 950, 91k, 3M."""
    for factor, unit in ((10**6, "M"), (10**3, "k")):
        if samples >= 10 * factor or samples == factor:
            return f"{samples // factor}{unit}"
    return str(samples)


def claim(threshold: Threshold) -> str:
    """Return a threshold's limit."""
    sign = "≥" if threshold.at_least else "≤"
    return f"{sign} {words.quantity(threshold.limit, threshold.metric, threshold.unit)}"


def value(threshold: Threshold, found: float | None) -> str:
    """Return a measured value in the threshold's unit."""
    if found is None:
        return "no data"
    if threshold.metric is Metric.RESPONSIVE:
        return "yes" if found >= 1 else "no"
    return words.quantity(found, threshold.metric, threshold.unit)
