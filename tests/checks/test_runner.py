"""Checks run side by side with deadlines; what hangs or crashes is a finding and holds nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checks.check import Check, Context, Finding, Severity
from checks.registry import CHECKS
from checks.runner import Result, run
from deployment.errors import UnreachableError, UsageError
from phases.calendar import PHASES
from tests.checks.places import REPOSITORY, HostTarget, context_in


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return context_in(tmp_path, HostTarget())


def check(name: str, ask: Callable[[Context], Finding | None], **more: Any) -> dict[str, Check]:
    return {name: Check(name, "?", "host", ask, **more)}


def fine(_context: Context) -> None:
    return None


def test_results_come_in_the_order_asked_and_are_told_as_they_finish(context: Context) -> None:
    second = threading.Event()

    def waits(_context: Context) -> Finding | None:
        return None if second.wait(5) else Finding("the other one never ran")

    def frees(_context: Context) -> Finding | None:
        second.set()
        return Finding("seen", severity=Severity.WARN)

    told: list[Result] = []
    results = run(["a", "b"], context, told.append, check("a", waits) | check("b", frees))
    assert [r.check.id for r in results] == ["a", "b"]
    assert [r.check.id for r in told] == ["b", "a"]
    assert [r.severity for r in results] == [None, Severity.WARN]


def test_a_check_that_hangs_is_a_finding_at_its_deadline(context: Context) -> None:
    forever = threading.Event()

    def hang(_context: Context) -> None:
        forever.wait(60)

    begun = time.monotonic()
    (result, other) = run(
        ["a", "b"],
        context,
        checks=check("a", hang, seconds=0.3) | check("b", fine),
    )
    assert time.monotonic() - begun < 30
    forever.set()
    assert result.finding is not None
    assert (result.finding.seen, result.severity) == ("no answer within 0.3 s", Severity.UNKNOWN)
    assert isinstance(result.error, TimeoutError)
    assert other.finding is None


def test_a_check_that_hangs_does_not_hold_the_program() -> None:
    code = (
        "import threading; from pathlib import Path; from checks.check import Check; from checks.runner import run\n"
        "from tests.checks.places import HostTarget, context_in\n"
        "hangs = Check('a', '?', 'host', lambda c: threading.Event().wait(), seconds=0.2)\n"
        "print(run(['a'], context_in(Path('/nowhere'), HostTarget()), checks={'a': hangs})[0].finding.seen)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, "no answer within 0.2 s\n")


def test_a_check_that_crashes_is_a_finding(context: Context) -> None:
    def crashes(_context: Context) -> None:
        raise ZeroDivisionError("by nothing")

    (result,) = run(["a"], context, checks=check("a", crashes))
    assert result.finding is not None
    assert result.finding.seen == "the check crashed: ZeroDivisionError: by nothing"
    assert result.severity is Severity.UNKNOWN
    assert isinstance(result.error, ZeroDivisionError)


def test_a_target_that_does_not_answer_is_told_with_its_hint(context: Context) -> None:
    def unreachable(_context: Context) -> None:
        raise UnreachableError("the engine does not answer", "start dockerd")

    (result,) = run(["a"], context, checks=check("a", unreachable))
    assert result.finding == Finding("the engine does not answer", remedy="start dockerd", severity=Severity.UNKNOWN)


def test_evidence_is_recorded_in_this_thread_and_seen_by_what_comes_after(context: Context) -> None:
    threads: list[str] = []
    context.record = lambda name, found: threads.append(f"{name} {found['x']} {threading.current_thread().name}")
    context.say = lambda line: threads.append(f"{line} {threading.current_thread().name}")

    def records(seen: Context) -> None:
        seen.say("working")
        seen.record("e", {"x": 1})

    def reads(seen: Context) -> Finding | None:
        return None if seen.evidence.get("e") == {"x": 1} else Finding("not seen")

    checks = check("reads", reads, after=("records", "not asked")) | check("records", records)
    assert [r.finding for r in run(["reads", "records"], context, checks=checks)] == [None, None]
    name = threading.current_thread().name
    assert threads == [f"working {name}", f"e 1 {name}"]


def test_what_a_check_says_after_its_deadline_is_not_heard(context: Context) -> None:
    late, recorded = threading.Event(), []
    context.record = lambda name, found: recorded.append(name)

    def slow(seen: Context) -> None:
        late.wait(10)
        seen.record("late", {})

    def waits(_context: Context) -> None:
        late.set()

    checks = check("slow", slow, seconds=0.2) | check("next", waits, after=("slow",))
    first, second = run(["slow", "next"], context, checks=checks)
    assert (first.severity, second.severity, recorded) == (Severity.UNKNOWN, None, [])


def test_a_check_that_measures_runs_alone(context: Context) -> None:
    running: list[str] = []
    most: list[tuple[str, ...]] = []

    def works(name: str) -> Callable[[Context], None]:
        def ask(_context: Context) -> None:
            running.append(name)
            most.append(tuple(running))
            time.sleep(0.05)
            running.remove(name)

        return ask

    checks: dict[str, Check] = {}
    for name in "abc":
        checks |= check(name, works(name))
    for name in "xy":
        checks |= check(name, works(name), alone=True)
    run(list("xaybc"), context, checks=checks)
    assert [seen for seen in most if set(seen) & {"x", "y"}] == [("x",), ("y",)]


def test_an_unknown_check_is_refused_before_anything_runs(context: Context) -> None:
    with pytest.raises(UsageError, match="no check 'nonsense'"):
        run(["host.kernel", "nonsense"], context)


def test_checks_that_wait_for_each_other_still_run(context: Context) -> None:
    checks = check("a", fine, after=("b",)) | check("b", fine, after=("a",))
    assert [r.finding for r in run(["a", "b"], context, checks=checks)] == [None, None]


def test_every_check_a_week_asks_exists_and_ids_are_the_registry_s() -> None:
    asked = {i for phase in PHASES for stage in phase.stages for i in (*stage.entry, *stage.exit)}
    assert asked <= CHECKS.keys()
    assert all(name == known.id for name, known in CHECKS.items())
    assert all(known.question.endswith("?") and known.fine for known in CHECKS.values())
    assert {known.where for known in CHECKS.values()} <= {"host", "bridge", "image", "project", "metrics"}


def test_a_question_of_several_checks_is_asked_once_a_run(context: Context) -> None:
    asked: list[int] = []

    def count() -> int:
        asked.append(1)
        return len(asked)

    def asks(seen: Context) -> Finding | None:
        return None if seen.once.answer("question", count) == len(asked) else Finding("something else")

    checks = check("a", asks) | check("b", asks)
    for _ in range(2):
        assert [r.finding for r in run(["a", "b"], context, checks=checks)] == [None, None]
    assert asked == [1, 1]


def test_where_no_thread_starts_the_checks_are_asked_one_after_the_other(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuses)
    checks = check("a", fine) | check("b", lambda _context: Finding("seen"))
    assert [r.finding for r in run(["a", "b"], context, checks=checks)] == [None, Finding("seen")]
