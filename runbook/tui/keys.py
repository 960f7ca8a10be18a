"""The key registry: every key, what it does and how it is explained. Bindings, footer and help come from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from deployment.errors import UsageError

#: "advance=A,checks=k" moves actions to other keys.
ENVIRONMENT = "LIGHTHOUSE_MIGRATE_KEYS"


@dataclass(frozen=True, slots=True)
class Key:
    """One action and the keys that ask for it."""

    action: str
    keys: str  # Textual's names, comma-separated
    shown: str  # as a person reads them
    label: str  # in the footer; empty: help alone names it
    help: str
    room: str = ""  # the room it works in; empty: every room
    changes: bool = False  # moves the deployment or writes the journal: refused with --read-only


KEYS: tuple[Key, ...] = (
    Key("advance", "a", "a", "Advance", "Check, show the plan, ask, and enter the next stage.", changes=True),
    Key(
        "rollback",
        "R,ctrl+r",
        "R",
        "Rollback",
        "Fusepy serves every client again: at once, without a question, from everywhere (in a text field: ctrl+r).",
        changes=True,
    ),
    Key("checks", "c", "c", "Check", "Ask the checks of this stage and of the next one's door.", changes=True),
    Key("plan", "p", "p", "Plan", "Show what an advance would change, in order, each with its undo."),
    Key(
        "metrics",
        "m",
        "m",
        "Metrics",
        "Both sides over time with the limits: latency, rate, errors, memory, CPU.",
    ),
    Key("shadow", "s", "s", "Shadow", "What was compared, and of each divergence both answers side by side."),
    Key("history", "h", "h", "History", "The journal: what was done, when, and on what evidence."),
    Key("explain", "e", "e", "Explain", "Why each gate says what it says, and what would change its mind."),
    Key("log", "l", "l", "", "What the newest movement said, step by step."),
    Key("measure", "r", "r", "", "Look and measure now; in a room that reads, read again."),
    Key("home", "escape", "esc", "Home", "Back to where the walk is."),
    Key("keys", "question_mark,f1", "?", "Help", "This page."),
    Key("quit", "q", "q", "Quit", "Leave; a running change is finished or stopped at a safe point first."),
    Key("earlier_week", "up,k", "up", "", "Read the page of the week before.", room="home"),
    Key("later_week", "down,j", "down", "", "Read the page of the week after.", room="home"),
    Key("this_week", "full_stop", ".", "", "Back to this week's page.", room="home"),
    Key("scroll_down", "pagedown", "pgdn", "", "Scroll the page down.", room="home"),
    Key("scroll_up", "pageup", "pgup", "", "Scroll the page up.", room="home"),
    Key("ask_again", "enter", "enter", "Ask again", "Ask the checks again.", room="checks", changes=True),
    Key(
        "run",
        "x",
        "x",
        "Run",
        "Run the repair where that is safe: only what this tool itself answers for, shown first.",
        room="checks",
        changes=True,
    ),
    Key("copy", "y", "y", "Copy", "Copy the commands that repair the finding.", room="checks"),
    Key("filter", "slash", "/", "Filter", "Show only what contains these words.", room="history"),
    Key(
        "everything",
        "t",
        "t",
        "All",
        "Also show the start of every change and every check that was ok.",
        room="history",
    ),
    Key("freeze", "space", "space", "Freeze", "Hold the charts still, or let them go on.", room="metrics"),
    Key("range", "t", "t", "Range", "Show the last 5 minutes, hour or day.", room="metrics"),
    Key("operation", "o", "o", "Operation", "Show one kind of operation only, the next, or all.", room="metrics"),
    Key("earlier_metric", "up,k", "up", "", "Chart the metric above; a click on a row charts it.", room="metrics"),
    Key("later_metric", "down,j", "down", "", "Chart the metric below.", room="metrics"),
    Key(
        "wait",
        "w",
        "w",
        "Wait",
        "Advance, waiting for the soak and the gates; the triggers are watched.",
        room="log",
        changes=True,
    ),
)


def of(room: str, keys: tuple[Key, ...] = KEYS) -> tuple[Key, ...]:
    """Return the keys that work in a room: its own, then those of every room."""
    return (*(k for k in keys if k.room == room), *(k for k in keys if not k.room))


def footer(room: str, width: int, keys: tuple[Key, ...] = KEYS) -> tuple[Key, ...]:
    """Return the keys the footer has room for; the way back, help and quit are never left out."""
    wanted = [k for k in of(room, keys) if k.label and not (room == "home" and k.action == "home")]
    kept = [k for k in wanted if k.action in ("home", "rollback", "keys", "quit")]
    for key in wanted:
        if key not in kept and sum(_width(k) for k in (*kept, key)) <= width:
            kept.append(key)
    return tuple(k for k in wanted if k in kept)


def _width(key: Key) -> int:
    return len(key.shown) + len(key.label) + 3


def remapped(moves: Mapping[str, str], keys: tuple[Key, ...] = KEYS) -> tuple[Key, ...]:
    """Return the registry with actions moved to other keys.

    Raises:
        UsageError: There is no such action, or two actions of a room would have one key.
    """
    unknown = sorted(moves.keys() - {k.action for k in keys})
    if unknown:
        known = ", ".join(sorted(k.action for k in keys))
        raise UsageError(f"[keys] or {ENVIRONMENT} names no action {unknown[0]!r}", f"known: {known}")
    moved = tuple(replace(k, keys=moves[k.action], shown=moves[k.action]) if k.action in moves else k for k in keys)
    for room in {k.room for k in moved}:
        taken: dict[str, str] = {}
        for key in of(room, moved) if room else [k for k in moved if not k.room]:
            for name in key.keys.split(","):
                if taken.setdefault(name, key.action) != key.action:
                    raise UsageError(
                        f"[keys] or {ENVIRONMENT} gives {name!r} to both {taken[name]} and {key.action}",
                        "use another key",
                    )
    return moved


def moves(text: str) -> Mapping[str, str]:
    """Read "advance=A,checks=k".

    Raises:
        UsageError: It cannot be read.
    """
    found = {}
    for part in filter(None, text.split(",")):
        action, _, key = part.partition("=")
        if not key.strip():
            raise UsageError(f"{ENVIRONMENT} cannot be read: {part!r}", f"{ENVIRONMENT}=advance=A,checks=k")
        found[action.strip()] = key.strip()
    return found


def named(keys: tuple[Key, ...]) -> Mapping[str, str]:
    """Return what a person reads for the key of each action, to be put into sentences: "{advance} enters the week"."""
    return {k.action: k.shown for k in keys}
