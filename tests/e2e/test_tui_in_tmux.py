"""The screens on a real terminal over a live deployment: advance, breach, the rollback that follows, and on."""

from __future__ import annotations

import json
import re

import pytest

from deployment.model import Side
from tests.e2e.mounts import kill_mount
from tests.e2e.operator import PROGRAM, Operator
from tests.e2e.terminal import Terminal
from tests.e2e.test_guard import Guarded
from tests.silence import a_silent_server
from tests.waiting import until

ANSWERED = 0.5  # seconds; the source is given one, and never answers
#: Each opens another room than the one before.
PRESSES = (("?", "The walk: "), ("p", "each verified"), ("?", "The walk: "), ("e", "Why the gates"))
pytestmark = [pytest.mark.fuse, pytest.mark.haproxy, pytest.mark.root, pytest.mark.timeout(1200)]


def test_a_breach_is_seen_to_be_rolled_back_and_the_walk_is_taken_up_again(
    operator: Operator, terminal: Terminal
) -> None:
    operator.init()
    terminal.open(PROGRAM)
    terminal.until("NEW", "a advance")

    # into week 2 by keys alone; the plan is shown each time, and nothing happens before the answer
    terminal.press("a")
    terminal.until("Enter week 0 readiness?", "Undo: ", "Back: R")
    assert operator.status()["week"] is None
    terminal.press("y")
    terminal.until("in week 0 after")
    operator.work()
    for week in (1, 2):
        terminal.press("w")
        terminal.until(f"Enter week {week}", seconds=240)
        terminal.press("y")
        terminal.until(f"in week {week} after", seconds=240)
    terminal.press("Escape")
    terminal.until("week 2 of 8 shadow", "pyfuse3 set 0%", "guard   `tui` by process", "(shadow)")

    # what the shadow compared, and the charts, are there to be read
    terminal.press("s")
    terminal.until("stable-2  compares: ", "fusepy against pyfuse3")
    terminal.press("m")
    terminal.until("p95", "last 5 min", "getattr per second", "0%")

    # a breach: the canary's mount dies, whatever is on the screen, and the guard in it goes back
    until(lambda: "canary-1" in operator.status()["guard"]["watches"])
    kill_mount(operator.settings.place, Side.CANARY)
    terminal.until("ROLLED BACK", seconds=60)
    terminal.press("Escape")
    seen = terminal.until("ROLLED BACK: ", "take it up again, with a reason", "canary  does not run")
    assert "heartbeat" in seen or "does not answer" in seen, seen
    said = operator.status()
    assert (said["traffic"]["set"], said["sides"]["stable"]["serving"], said["sides"]["canary"]) == (0, "fusepy", None)

    # going on wants a reason, and then shows its plan like any other advance
    terminal.press("a")
    terminal.until("Take the walk up again", "Why may it go on?")
    terminal.write("the mount was killed by a test")
    terminal.press("Enter")
    terminal.until("Enter week 2 shadow?", seconds=240)
    terminal.press("y")
    until(lambda: operator.status()["status"] == "in", 100)  # the log still shows the first time
    assert operator.status()["sides"]["canary"]["serving"] == "pyfuse3"

    terminal.press("R")
    until(lambda: operator.status()["status"] == "rolled-back")
    terminal.until("rolled back to fusepy in")
    terminal.press("q", "f")  # and what still runs is finished first
    terminal.until("ended with 0")
    totals = operator.rest()
    assert totals.failed == 0, totals.failures[:3]
    remembered = json.loads((operator.settings.place.state / "tui.json").read_text())
    assert remembered == {"screen": "log", "range": "5m"}


def test_keys_answer_while_the_metrics_source_hangs(operator: Operator, terminal: Terminal) -> None:
    guarded = Guarded(operator)
    guarded.enter()
    with a_silent_server() as (port, asked):
        text = operator.path.read_text().replace("[gates]", '[gates]\nmetrics = "prometheus"')
        operator.path.write_text(re.sub(r"prometheus = \d+", f"prometheus = {port}", text))
        terminal.open(PROGRAM)
        terminal.until("week 5 of 8 canary-soak", "canary-1")
        until(asked.is_set)
        seconds = [terminal.answer(key, text) for key, text in PRESSES]
        terminal.close()
    guarded.end()
    assert max(seconds) <= ANSWERED, seconds
