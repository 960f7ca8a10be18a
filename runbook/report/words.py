"""The report as tables and sentences, the same for Markdown and for HTML."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from runbook.report.facts import Facts, Happening

METRIC = "latency_p95"


@dataclass(frozen=True, slots=True)
class Section:
    """One chapter: sentences, and a table where there is one."""

    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())
    chart: str = ""  # which one stands here in HTML


def sections(facts: Facts) -> Iterator[Section]:
    """Yield the chapters in order."""
    yield _summary(facts)
    yield _weeks(facts)
    yield _happenings("Decisions", facts.decisions, "Nothing was overridden and nothing taken up again by hand.")
    yield _gates(facts)
    yield _happenings("Incidents", facts.incidents, "Nothing failed and nothing was held.")
    yield _happenings("Rollbacks", facts.rollbacks, "There was none.")
    yield _benchmark(facts)
    yield _sizes(facts)
    yield _removed(facts)
    if facts.keeps:
        rows = tuple((kept["what"], kept["why"]) for kept in facts.keeps)
        yield Section("What stays", ("Both backends are kept, by the settings.",), ("what", "why"), rows)
    yield _proof(facts)
    yield Section(
        "Journal",
        (f"{facts.events} events; the newest has the hash `{facts.head}`.", "Every event names the one before."),
    )


def title(facts: Facts) -> str:
    """Return the report's heading."""
    return f"{facts.name or 'A deployment'}: from fusepy to pyfuse3"


def _summary(facts: Facts) -> Section:
    state = (
        "It is finished." if facts.ended else f"It is not finished: this is how it stands after {facts.events} events."
    )
    span = (facts.ended or facts.now) - facts.began
    so_far = "" if facts.ended else " so far"
    told = f"It began on {day(facts.began)} and took {lasting(span)}{so_far}, on target {facts.target or 'unknown'}."
    counted = (("rollback", facts.rollbacks), ("incident", facts.incidents), ("decision by hand", facts.decisions))
    count = ", ".join(f"{word}: {len(found)}" for word, found in counted) + "."
    return Section("Summary", (state, told, count))


def _weeks(facts: Facts) -> Section:
    rows = tuple(
        (str(w.week), w.name, w.stage, day(w.entered), "now" if w.seconds is None else lasting(w.seconds))
        for w in facts.weeks
    )
    return Section("Weeks", (), ("week", "name", "stage", "entered", "stayed"), rows, chart="weeks")


def _gates(facts: Facts) -> Section:
    rows = tuple(
        (str(week.week), str(v.get("id", "")), str(v.get("status", "")), str(v.get("reason", "")))
        for week in facts.weeks
        for v in week.gates
    )
    lines = () if rows else ("No stage was left through a gate yet.",)
    return Section("Gates", lines, ("week", "gate", "verdict", "reason") if rows else (), rows)


def _happenings(heading: str, found: list[Happening], none: str) -> Section:
    rows = tuple((day(h.at), h.what, f"#{h.seq}") for h in found)
    return Section(heading, () if rows else (none,), ("when", "what", "journal") if rows else (), rows)


def _benchmark(facts: Facts) -> Section:
    rows = []
    for operation in facts.before or facts.baseline:
        values = [facts.baseline, facts.before, facts.after]
        p95 = [values_of.get(operation, {}).get(METRIC) for values_of in values]
        old, new = p95[1], p95[2]
        ratio = f"{new / old:.2f}" if old and new else "?"
        rows.append((operation, *("?" if v is None else f"{v * 1000:.3f}" for v in p95), ratio))
    lines = ("p95 in milliseconds; the ratio is of the two that were measured side by side.",) if rows else ()
    lines = lines or ("No benchmark was recorded.",)
    columns = ("operation", "fusepy, week 1", "fusepy", "pyfuse3", "ratio") if rows else ()
    return Section("Benchmark before and after", lines, columns, tuple(rows), chart="benchmark" if rows else "")


def _sizes(facts: Facts) -> Section:
    order = [image for image in ("fuse2", "dual", "fuse3") if image in facts.sizes]
    rows = tuple((image, f"{facts.sizes[image] / 1e6:.1f}") for image in order)
    lines = () if rows else ("No image was measured.",)
    return Section("Image size before and after", lines, ("image", "MB") if rows else (), rows, "sizes" if rows else "")


def _removed(facts: Facts) -> Section:
    rows = tuple((str(c["change"]), str(c["before"]), str(c["after"]), str(c["undo"])) for c in facts.removed)
    lines = [] if rows else ["Nothing was removed yet."]
    if facts.archive:
        archive = facts.archive
        lines.append(
            f"The archive `{archive['folder']}` holds {archive['files']} files, {archive['bytes'] / 1e6:.1f} MB;"
        )
        lines.append(
            f"its manifest has the SHA-256 `{archive['sha256']}`, and it was restored once before anything went."
        )
    return Section("What was removed", tuple(lines), ("what", "before", "after", "undo") if rows else (), rows)


def _proof(facts: Facts) -> Section:
    words = {True: "holds", False: "does not hold", None: "unknown"}
    rows = tuple((c["claim"], words[c["holds"]], c.get("detail", "")) for c in facts.claims)
    return Section("Proof", () if rows else ("Nothing was proved yet.",), ("claim", "", "seen") if rows else (), rows)


def day(at: float) -> str:
    """Return an instant as a reader wants it, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def lasting(seconds: float) -> str:
    """Return a duration: "3 d 4 h", "12 min", "45 s"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{int(seconds // 86400)} d {int(seconds % 86400 // 3600)} h"
