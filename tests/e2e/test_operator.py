"""A deployment made with `init` and `advance`, step by step, in separate processes, under load."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import suppress

import pytest

from tests.e2e.operator import SECONDS, Operator
from tests.waiting import until

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy, pytest.mark.timeout(1200)]


def test_a_guided_walk_with_a_killed_tool_and_a_rollback_loses_nothing(operator: Operator) -> None:
    operator.init()
    assert "not started" in operator.succeed("status")
    assert operator.type("plan", "--detailed-exitcode").returncode == 6
    assert operator.advance()["week"] == 0
    operator.work()
    assert operator.advance()["week"] == 1
    assert operator.status()["sides"]["stable"]["image"] == "dual"

    _kill_in_the_middle_of_an_advance(operator)
    said = operator.status()
    assert (said["word"], said["week"], said["interrupted"]["week"]) == ("INTERRUPTED", 1, 2)
    assert operator.advance()["week"] == 2
    assert operator.status()["sides"]["canary"]["serving"] == "pyfuse3"

    assert operator.advance()["week"] == 3
    assert operator.advance()["week"] == 4
    assert operator.status()["traffic"]["set"] == 10

    moved = json.loads(operator.succeed("rollback", "--json", "--reason", "a test"))
    assert moved["seconds"] < 2
    said = operator.status()
    assert (said["word"], said["traffic"]["set"], said["sides"]["canary"]) == ("ROLLED BACK", 0, None)
    assert said["sides"]["stable"]["serving"] == "fusepy"

    totals = operator.rest()
    assert totals.failed == 0, totals.failures[:3]
    assert totals.operations > 500
    assert "rolled back" in operator.succeed("history")


def _kill_in_the_middle_of_an_advance(operator: Operator) -> None:
    process = operator.begin("advance", "--wait", "--yes")
    journal = operator.settings.journal

    def starting_the_canary() -> bool:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
            last = db.execute("SELECT kind, data FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return bool(last[0] == "change-started" and "canary" in last[1])

    until(lambda: starting_the_canary() or process.poll() is not None, SECONDS)
    assert process.poll() is None, process.communicate()[1]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def test_a_killed_advance_can_be_rolled_back_instead(operator: Operator) -> None:
    operator.init()
    operator.advance()
    operator.advance()
    operator.work()
    _kill_in_the_middle_of_an_advance(operator)
    operator.succeed("rollback")
    said = operator.status()
    assert (said["word"], said["interrupted"]) == ("ROLLED BACK", None)
    assert (said["sides"]["stable"]["serving"], said["sides"]["canary"]) == ("fusepy", None)
    assert operator.rest().failed == 0


def test_drift_made_by_hand_is_seen_and_repaired_only_when_agreed_to(operator: Operator) -> None:
    operator.init()
    operator.advance()
    stable = operator.status()["sides"]["stable"]["name"]
    pid = json.loads(_health(operator))["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert operator.status()["word"] == "DRIFT"
        assert "nobody can be asked" in operator.refused(2, "advance")
        assert operator.advance()["week"] == 1
        assert operator.status()["sides"]["stable"]["name"] != stable
    finally:
        with suppress(ProcessLookupError):  # it was told to end, and could hear it
            os.kill(pid, signal.SIGCONT)


def _health(operator: Operator) -> bytes:
    from deployment.http_ask import ask

    address = operator.status()["sides"]["stable"]["address"]
    return ask({"it": f"http://{address}/health"}, 2.0)["it"].body
