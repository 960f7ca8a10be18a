"""The questions: do you agree to this plan, why is the walk taken up again, and how is a running change left."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from runbook.tui.glyphs import ORANGE
from runbook.tui.paint import lines, text
from runbook.tui.room import Dialog

if TYPE_CHECKING:
    from runbook.engine import Proposal


class ConsentDialog(Dialog):
    """Shows what is about to be done, and asks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Yes", show=False),
        Binding("n", "refuse", "No", show=False),
    ]

    def __init__(self, proposal: Proposal) -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        agreed = self._proposal
        with VerticalScroll(classes="question", can_focus=not agreed.phase.confirm_by_name) as box:
            box.border_title = f"Enter week {agreed.phase.week} {agreed.phase.name}?"
            yield Static(_described(agreed, self.ours.shown_keys["rollback"]), markup=False)
            if agreed.phase.confirm_by_name:
                yield Static(
                    Content.assemble("Type the deployment's name, ", (text(agreed.name), "bold"), ", and press enter:"),
                    markup=False,
                )
                yield Input(id="name", placeholder="the deployment's name")
                yield Static("esc: no, nothing changes · ctrl+r: roll back", id="said", markup=False)
            else:
                yield Static(
                    Content.assemble(("y", f"bold {ORANGE}"), " yes, apply it · ", ("n", "bold"), " or esc: no"),
                    markup=False,
                )

    def action_agree(self) -> None:
        if not self._proposal.phase.confirm_by_name:
            self.dismiss(True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._proposal.name:
            self.dismiss(True)
        else:
            self.query_one("#said", Static).update(Content(text(f"{event.value!r} is not the name; esc: no")))


def _described(proposal: Proposal, back: str) -> Content:
    rows: list[list[str | tuple[str, str]]] = [[proposal.phase.goal], [""]]
    for number, step in enumerate(proposal.steps, 1):
        row = f"{number}/{len(proposal.steps)} {step.subject:<15} {step.before} → {step.after}"
        rows.append([text(row), ("  takes fusepy away", f"bold {ORANGE}") if step.purges else ""])
    if not proposal.steps:
        rows.append(["no changes: the deployment is what it should be"])
    undo = "; ".join(step.undo for step in reversed(proposal.steps)) or "nothing to undo"
    return lines([*rows, [""], [("Undo: ", "bold"), text(undo)], [("Back: ", "bold"), f"{back}, at any time"], [""]])


class RemedyDialog(Dialog):
    """Shows the command that is about to be run, and what it would change in files, and asks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Yes", show=False),
        Binding("n", "refuse", "No", show=False),
    ]

    def __init__(self, command: str, difference: str) -> None:
        super().__init__()
        self._command, self._difference = command, difference

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="question") as box:
            box.border_title = "Run this?"
            rows: list[list[str | tuple[str, str]]] = [[("$ ", "dim"), (text(self._command), "bold")], [""]]
            rows += [[text(line)] for line in self._difference.splitlines()]
            yield Static(lines(rows), markup=False)
            yield Static(
                Content.assemble(("y", f"bold {ORANGE}"), " yes, run it · ", ("n", "bold"), " or esc: no"),
                markup=False,
            )

    def action_agree(self) -> None:
        self.dismiss(True)


class ReasonDialog(ModalScreen[str]):
    """Asks why a walk that was rolled back automatically is taken up again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "No", show=False),
        Binding("ctrl+r", "app.rollback", "Rollback", show=False),
    ]

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="question", can_focus=False) as box:
            box.border_title = "Take the walk up again"
            yield Static(Content(text(f"The last rollback was automatic: {self._why}")), markup=False)
            yield Static("Why may it go on? The reason is journaled. esc: it may not", markup=False)
            yield Input(id="reason", placeholder="what was repaired")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)


class LeaveDialog(ModalScreen[str]):
    """Asks how a running change is left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stay", "Stay", show=False),
        Binding("f", "choose('finish')", "Finish", show=False),
        Binding("s", "choose('stop')", "Stop", show=False),
        Binding("R,ctrl+r", "app.rollback", "Rollback", show=False, id="every.rollback"),
    ]

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def compose(self) -> ComposeResult:
        stop = "a rollback is not stopped" if self._kind == "rollback" else "it stops between two changes"
        with VerticalScroll(classes="question", can_focus=False) as box:
            box.border_title = f"The {self._kind} is running"
            yield Static(
                lines(
                    [
                        [("f", f"bold {ORANGE}"), " finish it, then leave"],
                        [
                            ("s", f"bold {ORANGE}"),
                            f" stop it at the next safe point, then leave: {stop}; `advance` goes on",
                        ],
                        [("esc", f"bold {ORANGE}"), " stay"],
                    ]
                ),
                markup=False,
            )

    def action_choose(self, choice: str) -> None:
        self.dismiss(choice)

    def action_stay(self) -> None:
        self.dismiss(None)
