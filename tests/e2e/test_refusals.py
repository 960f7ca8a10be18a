"""Bad input: each a clear error with a hint and the right exit code, and nothing changed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.lock import OperatorLock
from tests.e2e.operator import Operator
from tests.waiting import until


def state_of(operator: Operator) -> set[str]:
    return {str(p.relative_to(operator.folder)) for p in operator.folder.rglob("*")}


def test_without_settings_every_command_says_how_to_begin(operator: Operator) -> None:
    for command in ("status", "plan", "check", "advance", "rollback", "history"):
        assert "`lighthouse-migrate init`" in operator.refused(2, command)
    assert state_of(operator) == set()


def test_a_command_that_does_not_exist(operator: Operator) -> None:
    assert "advnace" in operator.refused(2, "advnace")


def test_an_unknown_setting_is_refused_by_name(operator: Operator) -> None:
    operator.init(drain={"secnods": 3})
    before = state_of(operator)
    assert "unknown setting `drain`" in operator.refused(2, "advance", "--yes")
    operator.path.write_text('name = "x"\n')
    assert state_of(operator) == before


def test_init_never_writes_over_a_settings_file(operator: Operator) -> None:
    operator.path.write_text('name = "mine"\n')
    assert "there already" in operator.refused(2, "init")
    assert operator.path.read_text() == 'name = "mine"\n'


def test_a_busy_port_is_named_with_its_holder(operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", operator.port)):
        said = operator.refused(3, "init", "--base-port", str(operator.port))
    assert str(operator.port) in said
    assert str(os.getpid()) in said
    assert not operator.path.exists()


def test_a_mountpoint_that_is_not_empty(operator: Operator) -> None:
    (operator.folder / "live").mkdir()
    (operator.folder / "live" / "precious").write_text("mine")
    assert "host.live-path" in operator.refused(3, "init", "--base-port", str(operator.port))
    assert (operator.folder / "live" / "precious").read_text() == "mine"
    assert not operator.path.exists()


@pytest.mark.fuse
def test_a_mountpoint_that_is_dead(operator: Operator) -> None:
    live = operator.folder / "live"
    live.mkdir()
    root = operator.folder / "root"
    root.mkdir()
    command = [sys.executable, "-m", "dualfuse", "mount", "examples.loopback:Loopback", str(live)]
    daemon = subprocess.Popen([*command, "--backend", "pyfuse3", "--arg", f"root={root}"])
    try:
        until(lambda: str(live) in Path("/proc/self/mountinfo").read_text())
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        said = operator.refused(3, "init", "--base-port", str(operator.port))
        assert "umount" in said
        assert not operator.path.exists()
    finally:
        daemon.kill()
        subprocess.run(["umount", "-l", str(live)], check=False)


def test_a_second_operator_is_told_who_the_first_is(operator: Operator) -> None:
    operator.init()
    with OperatorLock(operator.settings.place.state).held("advance"):
        said = operator.refused(5, "advance", "--yes")
    assert f"process {os.getpid()}" in said


def test_nobody_to_ask_names_the_missing_flag(operator: Operator) -> None:
    operator.init()
    before = state_of(operator)
    assert "`lighthouse-migrate advance --yes`" in operator.refused(2, "advance")
    assert not [p for p in state_of(operator) - before if "images" in p]


def test_a_plan_that_is_not_the_one_looked_at(operator: Operator) -> None:
    operator.init()
    assert "not plan-000000" in operator.refused(3, "advance", "--yes", "--plan", "plan-000000")


def test_a_journal_that_was_changed_is_told(operator: Operator) -> None:
    import sqlite3

    operator.init()
    operator.refused(3, "advance", "--yes", "--plan", "plan-000000")
    with sqlite3.connect(operator.settings.journal) as db:
        db.execute("DROP TRIGGER events_are_never_changed")
        db.execute('UPDATE events SET data = \'{"id": "nothing", "outcome": "ok", "seen": ""}\' WHERE seq = 1')
    assert "event #1" in operator.refused(1, "history")
