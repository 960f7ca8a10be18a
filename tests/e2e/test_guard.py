"""The guard beside real commands: refused twice, missed when it dies, going back while an operator thinks or waits."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from deployment.errors import ChangeFailedError
from deployment.model import Side
from deployment.router import Router
from deployment.targets.local_layout import Layout
from phases.calendar import PHASES, stage_at
from phases.deployments import SAFE
from runbook.assembly import assemble
from runbook.engine import Engine
from runbook.journal import Journal
from runbook.steps import Walker, Wanted
from tests.e2e.mounts import kill_mount
from tests.e2e.operator import PROGRAM, Operator
from tests.waiting import until

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy, pytest.mark.root, pytest.mark.timeout(1200)]
WEEK = 5


class Guarded:
    """A deployment in week 5, brought there without the weeks before it."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        operator.init(soak={f"week{week}": "2h" for week in range(9)})
        self.layout = Layout.of(operator.settings.place)
        self.journal = Journal(operator.settings.journal)
        self.engine: Engine = assemble(operator.settings, self.journal, lambda _line: None)
        self.walker = Walker(self.engine.target, self.engine.clock, self.engine.lock, lambda _line: None)
        self.walker.bring(Wanted(SAFE), self.engine.write)
        self.watching: list[subprocess.Popen[str]] = []

    def enter(self) -> None:
        """Put a tenth of the clients on the canary."""
        self.engine.write("advance-started", week=WEEK, stage=0)
        wanted = Wanted(stage_at(WEEK, 0).deployment)
        try:
            self.walker.bring(wanted, self.engine.write)
        except ChangeFailedError:  # on a machine that is very busy something was late
            self.walker.bring(wanted, self.engine.write)
        self.engine.write("entered", week=WEEK, stage=0, name=PHASES[WEEK].name)

    def watch(self) -> subprocess.Popen[str]:
        """Start a guard and return when it stands."""
        process = self.operator.begin("watch")
        self.watching.append(process)
        until(self.guards)
        return process

    def guards(self) -> bool:
        """Tell whether somebody stands guard and hears both mounts."""
        return {"stable-1", self.canary(), "live path"} <= set(self.status()["guard"]["watches"])

    def status(self) -> dict[str, Any]:
        return self.operator.status()

    def canary(self) -> str:
        """Return the name of the canary that serves."""
        instance = self.engine.target.observe().serving(Side.CANARY)
        return "" if instance is None else instance.name

    def kill_mount(self, side: Side) -> None:
        """Kill the process that serves a side's mount."""
        kill_mount(self.operator.settings.place, side)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.journal.events()]

    def end(self) -> None:
        for process in self.watching:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=60)
        self.journal.close()


@pytest.fixture
def guarded(operator: Operator) -> Iterator[Guarded]:
    found = Guarded(operator)
    yield found
    found.end()


def test_a_guard_through_its_life(guarded: Guarded) -> None:
    operator = guarded.operator
    guarded.enter()

    # one is enough
    guard = guarded.watch()
    assert f"`watch` by process {guard.pid}" in operator.refused(5, "watch")

    # the stable path dies with its process, whose Bridge mounts again: the guard shows it again
    guarded.kill_mount(Side.STABLE)
    until(lambda: "repaired" in guarded.kinds())
    assert guarded.engine.target.observe().live == "stable-1"
    assert (operator.settings.place.live / "current").is_dir()
    assert guarded.status()["status"] == "in"

    # a guard that dies is missed
    guard.kill()
    guard.wait(60)
    seen = guarded.status()["guard"]
    assert (seen["alive"], seen["lost"]) == (False, True)
    assert f"process {guard.pid} died" in operator.succeed("status")

    # while an operator thinks about a question
    Router(guarded.layout.haproxy / "admin.sock").set_weight(3)
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [*PROGRAM, "advance"], cwd=operator.folder, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True
    )
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 4096)
    until(guarded.guards)
    assert guarded.kinds().count("guard-lost") == 1
    guarded.kill_mount(Side.CANARY)
    until(lambda: guarded.engine.state().status.value == "rolled-back")
    assert guarded.engine.target.observe().weight == 0
    os.write(ours, b"y\n")
    assert asking.wait(60) == 3
    said = b""
    while b"hint" not in said:
        said += os.read(ours, 4096)
    assert b"a rollback was asked for elsewhere" in said
    os.close(ours)
    assert asking.stdout is not None
    asking.stdout.close()

    # nobody goes on by mistake
    assert "the last rollback was automatic" in operator.refused(3, "advance", "--yes")
    assert "--reason" in operator.succeed("status")

    # while a command waits for a soak to end
    guarded.enter()
    waiting = operator.begin("advance", "--wait", "--yes")
    until(guarded.guards)
    guarded.kill_mount(Side.CANARY)
    _, said_aloud = waiting.communicate(timeout=60)
    assert waiting.returncode == 3, said_aloud
    state = guarded.engine.state()
    assert (state.status.value, state.automatic) == ("rolled-back", True)
    evidence = [e for e in guarded.journal.events() if e.kind == "rollback-started"][-1].data["evidence"]
    assert evidence["trigger"] == "heartbeat"


def test_the_stream_is_one_object_a_line(guarded: Guarded) -> None:
    operator = guarded.operator
    process = subprocess.Popen(
        [*PROGRAM, "watch", "--json"], cwd=operator.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert lines[0] == {"format": 1, "kind": "watch"}
    assert {"at", "week", "word", "why", "trouble", "traffic", "live", "triggers", "journal"} <= set(lines[1])
    assert process.returncode == 0
    assert "nobody watches the triggers now" in said
