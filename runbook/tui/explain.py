"""Explain: why each gate says what it says, and what would change its mind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from checks import words
from checks.gate import NEAR_ZERO, Status, Threshold, Verdict, needed
from phases.calendar import stage_at
from runbook.explain import claim
from runbook.snapshot import Snapshot
from runbook.state import Status as Progress
from runbook.tui import paint
from runbook.tui.glyphs import ORANGE, Glyphs
from runbook.tui.paint import Part
from runbook.tui.room import Room, bindings, show

MEANS = {
    Status.PASS: "It lets the walk go on.",
    Status.FAIL: "It holds the walk until the value is within the limit. Look: `{metrics}`; go back: `{rollback}`.",
    Status.INCONCLUSIVE: "It holds and never passes by itself: more operations are needed, or more time.",
    Status.ERROR: "The metrics source does not answer; until it does nothing is known, and nothing goes on.",
}


class ExplainRoom(Room):
    """Every gate and trigger of this stage, what holds first."""

    room = "explain"
    BINDINGS: ClassVar[list[BindingType]] = bindings("explain")

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="list") as box:
            box.border_title = "Why the gates say so"
            yield Static(id="gates", markup=False)

    def paint(self) -> None:
        super().paint()
        seen = self.ours.seen
        if seen is not None:
            content = paint.lines(rows(seen.snapshot, self.ours.glyphs, self.ours.shown_keys))
            show(self.query_one("#gates", Static), content, layout=True)


def rows(shot: Snapshot, g: Glyphs, keys: Mapping[str, str]) -> list[list[Part]]:
    """Return the explanation of this stage's gates and triggers."""
    if shot.state.week is None:
        return [
            [f"No week is entered yet: there is no gate here. `{keys['advance']}` enters week 0, whose checks decide."]
        ]
    if shot.state.status is not Progress.IN:
        return [
            [paint.text(f"No gate is asked: {shot.word.lower()}. {shot.why}")],
            [f"`{keys['history']}` has the evidence."],
        ]
    stage = stage_at(shot.state.week, shot.state.stage)
    if not stage.gates:
        return [[f"Week {shot.state.week} has no gates: its checks decide ({keys['checks']})."]]
    said = {v.id: v for v in shot.verdicts}
    order = sorted(stage.gates, key=lambda t: t.id not in said or said[t.id].status is Status.PASS)
    found: list[list[Part]] = []
    for threshold in order:
        found += [*_gate(threshold, said.get(threshold.id), g, shot, keys), [""]]
    if stage.triggers:
        found.append([("Triggers", "bold"), ": watched every second while `advance` waits; one that fails rolls back."])
        found += [[f"  {t.id:<14} {paint.claim(t)} over {words.duration(t.window)}"] for t in stage.triggers]
    return found


def _gate(
    threshold: Threshold, verdict: Verdict | None, g: Glyphs, shot: Snapshot, keys: Mapping[str, str]
) -> list[list[Part]]:
    asked = f"{words.NAMES[threshold.metric]} of the canary {paint.claim(threshold)}"
    if threshold.against is not None:
        asked = f"of the canary {claim(threshold, threshold.limit)}"
    asks: list[Part] = [
        ("  asks   ", "dim"),
        f"{asked}, over the time in this stage",
    ]
    if verdict is None:
        return [[(f"{g.unknown} {threshold.id}", "bold"), f"  not measured yet: {keys['measure']} measures now"], asks]
    style = "bold" if verdict.status is Status.PASS else f"bold {ORANGE}"
    found: list[list[Part]] = [
        [(f"{g.mark(verdict.status)} {threshold.id}", style)],
        asks,
        [("  seen   ", "dim"), paint.text(verdict.reason)],
        [
            ("  from   ", "dim"),
            f"{verdict.samples} {words.SAMPLES[threshold.metric]} in {words.duration(verdict.window)}",
        ],
        [("  means  ", "dim"), MEANS[verdict.status].format_map(keys)],
    ]
    if verdict.samples < needed(threshold):
        rule = ", the rule of three at 95%" if threshold.metric in NEAR_ZERO else ""
        found.append([("  needs  ", "dim"), f"{needed(threshold)} {words.SAMPLES[threshold.metric]}{rule}"])
    if threshold.id in shot.state.overrides:
        found.append([("  passes ", "dim"), paint.text(f"by override: {shot.state.overrides[threshold.id]}")])
    return found
