"""From week 0 to week 8 and back by keys alone, under load: what `?` and the screens say is all that the person knows.

After every step the screen must answer: where am I, is it safe, what happens next, how do I get back.
"""

from __future__ import annotations

import re
import time

import pytest

from runbook.rehearsal.sample_project import commit, make
from tests.e2e.operator import PROGRAM, Operator
from tests.e2e.terminal import Terminal

#: Every stage after the first, as the header names it.
STAGES = (
    *((1, "baseline"), (2, "shadow"), (3, "parallel"), (4, "canary"), (5, "canary-soak")),
    *((6, "(50%)"), (6, "(75%)"), (6, "(90%)"), (7, "full"), (8, "cleanup")),
)
PAINTED = 3.0  # seconds until a screen is whole, on a busy machine
ANSWERS = {
    "where am I": re.compile(r"^ \S+ · (not started|week \d of 8 \S+)\b"),
    "is it safe": re.compile(r"^ .*  (NEW|SOAK|HOLD|READY|DRIFT|AT WORK|ROLLED BACK)\b"),
    "what happens next": re.compile(r"(NEW|SOAK|READY|DRIFT|AT WORK|ROLLED BACK|Held by|Refused): "),
    "how do I get back": re.compile(r" R Rollback| R roll back|Back: R"),
}
pytestmark = [pytest.mark.fuse, pytest.mark.haproxy, pytest.mark.root, pytest.mark.timeout(1500)]


def sees(terminal: Terminal, *texts: str, seconds: float = 60.0) -> str:
    """Wait until these are seen, ask the screen the four questions, and return it."""
    terminal.until(*texts, seconds=seconds)
    seen = ""

    def unanswered() -> list[str]:
        nonlocal seen
        seen = terminal.screen()
        return [question for question, answer in ANSWERS.items() if not answer.search(seen)]

    end = time.monotonic() + PAINTED
    while missing := unanswered():
        assert time.monotonic() < end, f"{missing} is not answered:\n{seen}"
        time.sleep(0.05)
    return seen


def test_a_person_with_the_help_page_walks_to_week_8_and_back(operator: Operator, terminal: Terminal) -> None:
    project = operator.folder / "project"
    make(project)
    operator.init()
    operator.path.write_text('project = "project"\n' + operator.path.read_text())
    name = operator.settings.name

    terminal.open(PROGRAM)
    sees(terminal, "NEW", "a advance", "? Help")
    terminal.press("?")
    sees(terminal, "`a` enters the next week", "`w` waits for both", "`R` brings fusepy back")
    terminal.press("a")
    sees(terminal, "Enter week 0 readiness?", "y yes, apply it")
    terminal.press("y")
    sees(terminal, "in week 0 after", "week 0 of 8", "What was said")
    operator.work()

    # a check says no: the screen says which key asks it again, its finding has the repair, and the screen runs that
    terminal.press("w")
    sees(terminal, "Refused: week 0 cannot be left: boundary", "c run the checks, x there repairs", seconds=240)
    terminal.press("c")
    sees(terminal, "FAIL boundary", "x runs it", seconds=240)
    terminal.press("x")
    sees(terminal, "Run this?", "check --fix boundary")
    terminal.press("y")
    sees(terminal, "ended with 0", seconds=240)
    commit(project, "Run the Bridge in the container, and nothing else")

    terminal.press("l", "w")
    for week, stage in STAGES:
        sees(terminal, f"Enter week {week} ", seconds=460)
        if week < 7:
            terminal.press("y")
        else:
            sees(terminal, "Type the deployment's name", name)
            terminal.write(name)
            terminal.press("Enter")
        sees(terminal, f"week {week} of 8", stage, "What was said", seconds=460)
        if week < 8:
            terminal.press("w")
    terminal.press("Escape")
    sees(terminal, "week 8 of 8 cleanup", "R roll back", "fuse3")
    said = operator.status()
    assert (said["sides"]["stable"], said["sides"]["canary"]["image"]) == (None, "fuse3")
    assert not list(operator.settings.place.state.glob("images/*/lib/python*/site-packages/fuse.py"))
    assert "fusepy" not in (project / "requirements.txt").read_text()

    terminal.press("R")
    taken = re.search(r"rolled back to fusepy in ([0-9.]+) s", sees(terminal, "rolled back to fusepy in"))
    assert taken is not None
    assert float(taken[1]) < 60
    terminal.press("Escape")
    sees(terminal, "ROLLED BACK", "canary  does not run")
    said = operator.status()
    assert (said["sides"]["stable"]["serving"], said["sides"]["canary"], said["live"]) == (
        "fusepy",
        None,
        said["sides"]["stable"]["name"],
    )
    terminal.press("q")
    terminal.until("ended with 0")
    totals = operator.rest()
    assert totals.failed == 0, totals.failures[:3]
