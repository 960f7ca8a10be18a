"""Every question and every room that is filled by a worker as a picture, at two sizes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from deployment.divergences import Found
from deployment.model import Side
from phases.calendar import PHASES
from runbook.engine import Proposal
from runbook.steps import Step
from runbook.tui.app import MigrateApp
from runbook.tui.dialogs import ConsentDialog, LeaveDialog, ReasonDialog, RemedyDialog
from runbook.tui.plan import PlanRoom
from runbook.tui.shadow import ShadowRoom
from tests.runbook.tui.hand import EVENTS, NAME, PICTURES, app_of, metered
from tests.runbook.tui.settled import settled
from tests.runbook.tui.test_rooms import told

SIZES = [(80, 24), (120, 36)]
both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])


def step(subject: str, before: str, after: str, undo: str, *, purges: bool = False) -> Step:
    """Return a step that is only looked at."""
    return cast(Step, SimpleNamespace(subject=subject, before=before, after=after, undo=undo, purges=purges))


STEPS = (
    step("router weight", "90%", "100%", "weight → 90%"),
    step("live path", "stable-2", "canary-[1]", "live path → stable-2"),
    step("fusepy", "installed", "gone", "install it from the archive", purges=True),
)
DIALOGS: dict[str, Callable[[], Screen[Any]]] = {
    "consent": lambda: ConsentDialog(Proposal(PHASES[5], PHASES[5].stages[0], STEPS, NAME)),
    "name": lambda: ConsentDialog(Proposal(PHASES[7], PHASES[7].stages[0], STEPS, NAME)),
    "reason": lambda: ReasonDialog("p95 5.6 ms > 5 ms"),
    "leave": lambda: LeaveDialog("advance"),
    "remedy": lambda: RemedyDialog("lighthouse-migrate check --fix boundary", "--- a/x\n+++ b/x\n-[b]old\n+new"),
}


def showing(act: Callable[[Pilot[None], MigrateApp], Awaitable[None]]) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Return what brings the app to where it is pictured; nothing that works is started."""

    async def run(pilot: Pilot[None]) -> None:
        await settled(pilot)
        app = cast(MigrateApp, pilot.app)
        app.start = lambda *_what: None  # type: ignore[assignment, method-assign]
        await act(pilot, app)
        await pilot.pause()

    return run


@both_sizes
@pytest.mark.parametrize("name", DIALOGS)
def test_questions(snap_compare: Any, name: str, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        app.push_screen(DIALOGS[name]())

    assert snap_compare(app_of(PICTURES["hold"]), terminal_size=size, run_before=showing(act))


@both_sizes
def test_plan(snap_compare: Any, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        room = app.enter(PlanRoom)
        await pilot.pause()
        room.planned(STEPS, EVENTS)

    assert snap_compare(app_of(PICTURES["hold"]), terminal_size=size, run_before=showing(act))


@both_sizes
@pytest.mark.parametrize("state", ["divergent", "alike", "silent"])
def test_shadow(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        room = app.enter(ShadowRoom)
        await pilot.pause()
        alike = told(divergences=[], counts=[{**cast("list[Any]", told()["counts"])[0], "divergence": 0}])
        found = {"divergent": told(), "alike": alike}.get(state)
        room.read((Found("stable-2", Side.STABLE, found),) if found else (), "" if found else "stable-2 is silent")

    assert snap_compare(app_of(PICTURES["hold"]), terminal_size=size, run_before=showing(act))


@both_sizes
@pytest.mark.parametrize("state", ["frozen", "silent", "new"])
def test_metrics_in_other_states(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    silent = replace(
        metered(),
        trouble=("canary: the samples: [b]torn[/b]",),
        meters=tuple(replace(one, points=dict.fromkeys(Side, ())) for one in metered().meters),
    )
    seen = {
        "frozen": replace(PICTURES["hold"], metered=metered()),
        "silent": replace(PICTURES["offline"], metered=silent),
        "new": PICTURES["new"],
    }

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("m", *(["space"] if state == "frozen" else []))

    assert snap_compare(app_of(seen[state]), terminal_size=size, run_before=showing(act))


@both_sizes
@pytest.mark.parametrize("state", ["inconclusive", "new", "week-8"])
def test_explain_in_other_states(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("e")

    assert snap_compare(app_of(PICTURES[state]), terminal_size=size, run_before=showing(act))
