"""How the future reads: what is waited for, what can be done about it by which key, and how to get back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from textual.content import Content

from checks.gate import Status as Outcome
from deployment.errors import HeldError, OperatorError
from runbook.cli.words import span
from runbook.state import Status
from runbook.tui.glyphs import BLUE, ORANGE
from runbook.tui.look import Seen
from runbook.tui.paint import ALARMING, Part, lines, text

#: What the snapshot and hints name as commands, by key. The longer of two that begin alike comes first.
KEYED = {
    "plan": "{plan} read the plan",
    "advance --wait": "{log} then {wait}: wait and advance",
    "advance --reason": "{advance} take it up again, with a reason",
    "advance --override": "",  # a gate is overridden on the command line alone
    "advance": "{advance} advance",
    "rollback": "{rollback} roll back",
    "check --fix": "{checks} run the checks, {run} there repairs",
    "check": "{checks} run the checks",
    "history": "{history} read the history",
    "status --measure": "{measure} measure now",
    "gate explain": "{explain} explain the gates",
}


@dataclass(frozen=True, slots=True)
class Here:
    """What this session itself knows of the walk."""

    at_work: bool = False  # a movement of its own is running
    error: OperatorError | None = None  # why its newest movement went no further
    when: Seen | None = None  # what was seen then

    def seeing(self, seen: Seen) -> Here:
        """Return it with a newer look, if there was none since the movement ended."""
        was = self.when is not None and self.when.snapshot.word == "AT WORK"
        return replace(self, when=seen) if was else self


def refused(seen: Seen, here: Here) -> OperatorError | None:
    """Return why this session's newest movement went no further, while that is still so."""
    if here.at_work or here.when is None or seen.snapshot.word in ("AT WORK", "ROLLED BACK"):
        return None
    was, now = ((s.word, s.state.status, s.state.week, s.state.stage) for s in (here.when.snapshot, seen.snapshot))
    return here.error if was == now else None


def reason(seen: Seen, here: Here) -> tuple[Part, str]:
    """Return what the walk waits for, after the word for it."""
    shot, error = seen.snapshot, refused(seen, here)
    if error is not None:
        return ("Refused: " if isinstance(error, HeldError) else "Failed: ", f"bold {ORANGE}"), text(error.message)
    if shot.word == "AT WORK" and here.at_work:
        return ("AT WORK: ", "bold"), "each change is verified before the next one is made"
    label = "Held by: " if shot.word == "HOLD" else f"{shot.word}: "
    return (label, f"bold {ORANGE}" if shot.word in ALARMING else "bold"), text(shot.why)


def tries(seen: Seen, here: Here, shown: Mapping[str, str]) -> list[str]:
    """Return what can be done now, as keys, the likeliest first."""
    shot, error = seen.snapshot, refused(seen, here)
    if shot.word == "AT WORK":
        told = "{log} what it says" if here.at_work else "{history} what is journaled of it"
        return [told.format_map(shown), KEYED["rollback"].format_map(shown)]
    hinted = in_keys([] if error is None else commands(error.hint), shown)
    if error is not None and not any(one.startswith(shown["checks"]) for one in hinted):
        hinted.append(KEYED["check"].format_map(shown))
    said = in_keys(shot.next, shown)
    explain = [f"{shown['explain']} explain {v.id}" for v in shot.verdicts if v.status is not Outcome.PASS][:1]
    return [*dict.fromkeys([*hinted, *said[:1], *explain, *said[1:]])]


def commands(hint: str) -> list[str]:
    """Return the commands that a hint names."""
    return [quoted.removeprefix("lighthouse-migrate ") for quoted in re.findall(r"`([^`]+)`", hint)]


def in_keys(named: Iterable[str], shown: Mapping[str, str]) -> list[str]:
    """Return the keys that do what commands do; some commands have none."""
    found = (next((KEYED[known] for known in KEYED if f"{one} ".startswith(f"{known} ")), "") for one in named)
    return [*dict.fromkeys(phrase.format_map(shown) for phrase in found if phrase)]


def next_line(seen: Seen, here: Here, width: int, shown: Mapping[str, str]) -> Content:
    """Return in one line what is waited for and what to do: for the rooms that are about something else."""
    label, why = reason(seen, here)
    most = max(30, width // 2)
    said = why if len(why) <= most else f"{why[: most - 1]}…"
    return Content.assemble(" ", label, said, (" · ", "dim"), " · ".join(tries(seen, here, shown)))


def next_steps(seen: Seen, here: Here, now: float, width: int, shown: Mapping[str, str]) -> Content:
    """Return what is waited for, what to do, and how to get back."""
    shot = seen.snapshot
    rows: list[list[Part]] = []
    if shot.soak_seconds and shot.state.status is Status.IN:
        done = max(0.0, min(now - shot.state.since, shot.soak_seconds))
        room = max(6, min(20, width - 40))
        full = round(room * done / shot.soak_seconds)
        rows.append(["soak ", ("█" * full + "░" * (room - full), BLUE), f" {span(done)} of {span(shot.soak_seconds)}"])
    rows.append([*reason(seen, here)])
    rows.append([("Try: ", "bold"), " · ".join(tries(seen, here, shown))])
    if "rollback" not in shot.next and shot.state.status is not Status.NEW:
        rows.append([("Back: ", "bold"), f"{shown['rollback']} brings fusepy to every client"])
    return lines(rows)
