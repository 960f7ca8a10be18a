"""The operator lock, between real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from deployment.errors import LockedError
from runbook.lock import LetGoError, OperatorLock

HOLDER = """
import sys, pathlib
from runbook.lock import OperatorLock, LetGoError
import time
lock = OperatorLock(pathlib.Path(sys.argv[1]))
with lock.held("advance"):
    print("held", flush=True)
    for _ in range(3000):
        try:
            lock.safe_point()
        except LetGoError:
            print("let go", flush=True)
            sys.exit(0)
        time.sleep(0.01)
"""


def holder(state: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(state)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_operator_is_told_who_is_first(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with (
            pytest.raises(LockedError, match=f"`advance` by process {process.pid}"),
            OperatorLock(tmp_path).held("plan"),
        ):
            pytest.fail("two operators at once")
        assert str(process.pid) in OperatorLock(tmp_path).holder()
    finally:
        process.kill()
        process.wait()


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    process = holder(tmp_path)
    process.kill()
    process.wait()
    assert OperatorLock(tmp_path).holder() == ""
    with OperatorLock(tmp_path).held("advance"):
        assert OperatorLock(tmp_path).holder() != ""


def test_a_rollback_makes_the_holder_let_go(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with OperatorLock(tmp_path).taken_over("rollback") as locked:
        assert locked
        assert process.wait(5) == 0
    assert not (tmp_path / "rollback-requested").exists()


def test_a_holder_that_does_not_answer_does_not_stop_a_rollback_and_stops_itself_later(tmp_path: Path) -> None:
    stuck = OperatorLock(tmp_path)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with stuck.held("advance"), stuck.changing():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(5)
    with OperatorLock(tmp_path).taken_over("rollback", patience=0.1) as locked:
        assert not locked
    with pytest.raises(LetGoError):
        stuck.safe_point()
    leave.set()
    thread.join(5)
    with OperatorLock(tmp_path).held("advance"):  # the next command begins afresh
        OperatorLock(tmp_path).safe_point()


def test_an_advance_that_is_to_end_stops_at_its_next_safe_point(tmp_path: Path) -> None:
    lock = OperatorLock(tmp_path)
    with lock.held("advance"):
        lock.safe_point()
        lock.let_go()
        with pytest.raises(LetGoError, match="stopped at a safe point"):
            lock.safe_point()


def test_a_rollback_that_is_to_end_goes_on(tmp_path: Path) -> None:
    lock = OperatorLock(tmp_path)
    with lock.held("advance"):
        lock.let_go()
        with lock.taken_over("rollback"):
            lock.safe_point()
            lock.let_go()
            lock.safe_point()


def test_a_rollback_takes_over_at_once_from_an_operator_who_only_waits(tmp_path: Path) -> None:
    asked = OperatorLock(tmp_path)
    with asked.held("advance"):
        began = time.monotonic()
        with OperatorLock(tmp_path).taken_over("rollback") as alone:
            assert alone
            assert time.monotonic() - began < 5
        with pytest.raises(LetGoError, match="rollback was asked for elsewhere"), asked.changing():
            pytest.fail("what was agreed to before the rollback is void")
    with OperatorLock(tmp_path).held("advance"):
        OperatorLock(tmp_path).safe_point()


def test_a_rollback_waits_for_a_change_to_end_and_keeps_the_next_one_from_beginning(tmp_path: Path) -> None:
    walker = OperatorLock(tmp_path)
    order: list[str] = []
    inside, taken = threading.Event(), threading.Event()

    def walk() -> None:
        with walker.held("advance"):
            with walker.changing():
                inside.set()
                while not (tmp_path / "rollback-requested").exists():
                    time.sleep(0.005)
                order.append("change ended")
            taken.wait(5)
            try:
                with walker.changing():
                    order.append("another change")
            except LetGoError:
                order.append("let go")

    thread = threading.Thread(target=walk)
    thread.start()
    inside.wait(5)
    with OperatorLock(tmp_path).taken_over("rollback") as alone:
        order.append(f"rolled back, alone: {alone}")
        taken.set()
    thread.join(5)
    assert order == ["change ended", "rolled back, alone: True", "let go"]


def test_nobody_begins_while_a_rollback_that_took_over_is_at_work(tmp_path: Path) -> None:
    asked = OperatorLock(tmp_path)
    with ExitStack() as waiting:
        waiting.enter_context(asked.held("advance"))
        with OperatorLock(tmp_path).taken_over("rollback"):
            waiting.close()  # the operator gave up in the meantime
            with pytest.raises(LockedError, match="a rollback is at work"), OperatorLock(tmp_path).held("advance"):
                pytest.fail("an advance in the middle of a rollback")
            assert OperatorLock(tmp_path).in_change()
    assert not OperatorLock(tmp_path).in_change()
