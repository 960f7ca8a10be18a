"""Plan: what an advance would change, in order, with what each change does, its undo, and how long it took before."""

from __future__ import annotations

import statistics
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from deployment.errors import OperatorError
from runbook.engine import Engine
from runbook.journal import Event
from runbook.steps import Step, digest
from runbook.tui.glyphs import ORANGE
from runbook.tui.paint import Part, lines, text
from runbook.tui.room import Room, bindings, show
from runbook.tui.workers import Then, Work

#: What a change does, by the first word of its subject.
DOES = {
    "image": "what a Bridge is installed from is built or removed; nobody is served by it yet",
    "router": "the router is started, or the share of clients on pyfuse3 is set; each client stays where it was put",
    "route": "new requests of that side go to the instance; those under way are finished where they are",
    "live": "the stable mount path shows another mount, in one step; open files stay on the old one",
    "stable": "the fusepy side's Bridge: started beside what runs, configured, or drained",
    "canary": "the pyfuse3 side's Bridge: started beside what runs, configured, or drained",
}


class PlanRoom(Room):
    """The plan of the next advance."""

    room = "plan"
    BINDINGS: ClassVar[list[BindingType]] = bindings("plan")

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="list") as box:
            box.border_title = "Plan"
            yield Static("planning ...", id="plan", markup=False)

    def entered(self) -> None:
        self.do_again()

    def do_again(self) -> None:
        """Plan again."""

        def do(engine: Engine, work: Work) -> str:
            todo, before = engine.plan(), tuple(engine.journal.events())
            work.post(Then(partial(self.planned, todo, before)))
            return f"{digest(todo)}: {len(todo)} changes"

        self.ours.start("reading", do, self.unplanned)

    def planned(self, todo: tuple[Step, ...], before: tuple[Event, ...]) -> None:
        """Show the plan."""
        if not self.is_attached:
            return
        show(self.query_one("#plan", Static), lines(_rows(todo, before)), layout=True)

    def unplanned(self, error: OperatorError) -> None:
        """Show why there is no plan."""
        if self.is_attached:
            rows: list[list[Part]] = [[("? not known: ", f"bold {ORANGE}"), text(error.message)], [text(error.hint)]]
            show(self.query_one("#plan", Static), lines(rows), layout=True)


def _rows(todo: tuple[Step, ...], before: tuple[Event, ...]) -> list[list[Part]]:
    if not todo:
        return [["no changes: the deployment is what it should be"]]
    rows: list[list[Part]] = []
    expected = [took(step.subject, before) for step in todo]
    for number, (step, seconds) in enumerate(zip(todo, expected, strict=True), 1):
        rows.append([(text(f"{number}/{len(todo)} {step.subject:<15} {step.before} → {step.after}"), "bold")])
        rows.append([("    does  ", "dim"), DOES.get(word(step.subject), "a step of the purge; an archive is kept")])
        before_now = f"; took {seconds:.1f} s before" if seconds is not None else "; never done here before"
        rows.append([("    undo  ", "dim"), text(step.undo), (before_now, "dim")])
    known = [s for s in expected if s is not None]
    total = f"about {sum(known):.0f} s" if len(known) == len(todo) else f"over {sum(known):.0f} s"
    rows += [[""], [f"{len(todo)} changes, each verified; {total} by what was done here before.  {digest(todo)}"]]
    return rows


def took(subject: str, events: tuple[Event, ...]) -> float | None:
    """Return the median seconds that such a change took before, or None where there was none."""
    seconds = [
        float(e.data["seconds"]) for e in events if e.kind == "change-done" and word(e.data["change"]) == word(subject)
    ]
    return statistics.median(seconds) if seconds else None


def word(subject: str) -> str:
    """Return the kind of thing a change is about: "stable-2" is of kind "stable"."""
    return subject.split()[0].partition("-")[0]
