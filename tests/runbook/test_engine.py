"""The engine, in a simulated world: what it asks, what it undoes, how it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.gate import Status as Outcome
from deployment.errors import ChangeFailedError, HeldError, LockedError, UnreachableError, UsageError
from deployment.model import Image, Kind, Side
from phases.deployments import SAFE
from runbook.engine import Proposal
from runbook.journal import BrokenJournal, JournalError
from runbook.lock import LetGoError, OperatorLock
from runbook.state import Status
from tests.runbook.walk import SHORT, Walk, failing, unknown


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    return Walk(tmp_path)


def test_the_whole_walk(walk: Walk) -> None:
    entered = []
    while walk.engine.state().status is not Status.FINISHED:
        moved = walk.advance(wait=True)
        walk.world.assert_served()
        entered.append((moved.week, moved.stage))
    assert entered == [*((w, 0) for w in range(7)), (6, 1), (6, 2), (7, 0), (8, 0), (8, 0)]
    assert walk.world.observation.images == {Image.FUSE3}
    assert walk.journal.broken_at() is None


def test_a_soak_is_waited_out_to_the_second(walk: Walk) -> None:
    walk.to(1)
    with pytest.raises(HeldError, match="it soaks until"):
        walk.advance()
    walk.clock.time = walk.engine.soaked_at(walk.engine.state()) - 0.001
    with pytest.raises(HeldError, match="it soaks until"):
        walk.advance()
    walk.clock.time += 0.001
    assert walk.advance().week == 2


def test_the_settings_decide_how_long_a_week_is(tmp_path: Path) -> None:
    walk = Walk(tmp_path, '[soak]\nweek1 = "2m"')
    walk.to(1)
    walk.clock.time += 119
    with pytest.raises(HeldError):
        walk.advance()
    walk.clock.time += 1
    assert walk.advance().week == 2


@pytest.mark.parametrize("finding", [failing(), unknown()])
def test_a_check_that_fails_or_does_not_know_holds_and_changes_nothing(walk: Walk, finding: object) -> None:
    walk.to(1)
    walk.clock.time += 8 * 86400
    before = walk.world.observation
    walk.judgement.findings["mount.pyfuse3"] = finding  # type: ignore[assignment]
    with pytest.raises(HeldError, match=r"mount\.pyfuse3"):
        walk.advance()
    assert walk.world.observation == before
    assert walk.engine.state().week == 1


def test_an_override_needs_a_reason_lasts_one_stage_and_is_journaled(walk: Walk) -> None:
    walk.to(1)
    walk.clock.time += 8 * 86400
    walk.judgement.findings["mount.pyfuse3"] = failing()
    with pytest.raises(UsageError, match="reason"):
        walk.engine.override("mount.pyfuse3", " ")
    with pytest.raises(UsageError, match="no gate or check here"):
        walk.engine.override("mount.pyfuse4", "because")
    walk.engine.override("mount.pyfuse3", "it was tried by hand")
    assert walk.advance().week == 2
    assert "overridden" in walk.kinds
    assert walk.engine.state().overrides == {}


@pytest.mark.parametrize("status", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.ERROR])
def test_a_gate_that_does_not_pass_holds(walk: Walk, status: Outcome) -> None:
    walk.to(5)
    walk.clock.time += 8 * 86400
    walk.judgement.verdicts["p95"] = status
    with pytest.raises(HeldError, match=r"p95: scripted .*"):
        walk.advance()
    assert walk.world.observation.weight == 10


def test_waiting_for_a_gate_ends_when_the_patience_does(walk: Walk) -> None:
    walk.to(5)
    walk.judgement.verdicts["p95"] = Outcome.INCONCLUSIVE
    soaked = walk.engine.soaked_at(walk.engine.state())
    with pytest.raises(HeldError, match="p95"):
        walk.advance(wait=True)
    assert soaked + walk.settings.patience <= walk.clock.time < soaked + walk.settings.patience + 2


def test_a_check_that_does_not_know_yet_is_asked_again_while_there_is_patience(walk: Walk) -> None:
    walk.to(1)
    soaked = walk.engine.soaked_at(walk.engine.state())
    walk.judgement.findings["metrics.baseline"] = unknown()

    def know() -> None:
        if walk.clock.time > soaked + 20:
            walk.judgement.findings.clear()

    walk.clock.on_sleep = know
    walk.judgement.asked.clear()
    assert walk.advance(wait=True).week == 2
    assert soaked + 20 < walk.clock.time < soaked + 30
    assert walk.judgement.asked.count("metrics.baseline") > walk.judgement.asked.count("service.stable") == 1
    assert any("not known yet: metrics.baseline" in line for line in walk.said)


def test_a_check_that_never_knows_or_fails_meanwhile_holds(walk: Walk) -> None:
    walk.to(1)
    soaked = walk.engine.soaked_at(walk.engine.state())
    walk.judgement.findings["metrics.baseline"] = unknown()
    with pytest.raises(HeldError, match=r"metrics\.baseline: it could not be found out"):
        walk.advance(wait=True)
    assert soaked + walk.settings.patience <= walk.clock.time < soaked + walk.settings.patience + 3
    walk.clock.on_sleep = lambda: walk.judgement.findings.update({"metrics.baseline": failing()})
    before = walk.clock.time
    with pytest.raises(HeldError, match=r"metrics\.baseline: it is broken"):
        walk.advance(wait=True)
    assert walk.clock.time < before + 5


def test_a_failed_trigger_rolls_back_by_itself_and_holds_until_a_reason_is_given(walk: Walk) -> None:
    walk.to(6)
    walk.judgement.verdicts["trigger:error-ratio"] = Outcome.FAIL
    with pytest.raises(HeldError, match="rolled back to fusepy"):
        walk.advance(wait=True)
    assert walk.world.observation.weight == 0
    assert walk.engine.state().status is Status.ROLLED_BACK
    walk.judgement.verdicts.clear()
    with pytest.raises(HeldError, match="automatic"):
        walk.advance()
    moved = walk.advance(reason="the disk was full and is not now")
    assert (moved.week, walk.world.observation.weight) == (4, 10)


def test_an_inconclusive_trigger_never_rolls_back(walk: Walk) -> None:
    walk.to(6)
    walk.judgement.verdicts["trigger:error-ratio"] = Outcome.INCONCLUSIVE
    walk.judgement.verdicts["trigger:heartbeat"] = Outcome.ERROR
    walk.advance(wait=True)
    assert walk.engine.state().stage == 1


@pytest.mark.parametrize("week", range(9))
def test_rollback_from_every_week_brings_fusepy_back(walk: Walk, week: int) -> None:
    walk.to(week)
    moved = walk.engine.rollback()
    seen = walk.world.observation
    assert moved.kind == "rollback"
    stable = seen.serving(Side.STABLE)
    assert stable is not None and stable.serving == "fusepy" and stable.ready
    assert (seen.weight, seen.live, seen.serving(Side.CANARY)) == (0, stable.name, None)
    again = walk.engine.rollback()
    assert again.changes == ()


def test_rollback_to_an_earlier_week_is_that_weeks_deployment(walk: Walk) -> None:
    walk.to(6, 1)
    walk.engine.rollback(4)
    assert walk.world.observation.weight == 10
    assert walk.engine.state().week == 4
    with pytest.raises(UsageError, match="not behind"):
        walk.engine.rollback(5)


def test_rollback_goes_on_without_a_journal(walk: Walk) -> None:
    walk.to(6)
    walk.engine.journal = BrokenJournal(walk.journal.path, JournalError("the disk is full"))
    walk.engine.rollback()
    assert walk.world.observation.weight == 0
    assert any("not journaled" in line for line in walk.said)


def test_a_failed_change_brings_back_what_was_there(walk: Walk) -> None:
    walk.to(3)
    walk.clock.time += 8 * 86400
    walk.world.fail_at = Kind.WEIGHT
    with pytest.raises(ChangeFailedError, match="router weight cannot be done here"):
        walk.advance()
    state = walk.engine.state()
    assert (state.week, state.status, state.pending) == (3, Status.IN, None)
    assert walk.kinds[-1] == "advance-failed"


def test_a_failure_whose_undoing_fails_too_reports_both(walk: Walk) -> None:
    walk.to(1)
    walk.clock.time += 8 * 86400
    started = walk.world.apply

    def apply(change: object, say: object) -> None:
        if change.kind is Kind.START:  # type: ignore[attr-defined]
            started(change, say)  # type: ignore[arg-type]
            walk.world.fail_at = Kind.RETIRE
            raise ChangeFailedError("the canary does not come up")
        started(change, say)  # type: ignore[arg-type]

    walk.world.apply = apply  # type: ignore[method-assign]
    with pytest.raises(UnreachableError, match=r"does not come up; and bringing back .* canary-1 cannot be done"):
        walk.advance()


@pytest.mark.parametrize("at", range(6))
def test_a_tool_killed_at_any_change_is_completed_by_the_next_advance(tmp_path: Path, at: int) -> None:
    walk = Walk(tmp_path)
    walk.to(1)
    walk.clock.time += 8 * 86400
    apply, left = walk.world.apply, at

    class Killed(BaseException):
        pass

    def dying(change: object, say: object) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        apply(change, say)  # type: ignore[arg-type]

    walk.world.apply = dying  # type: ignore[method-assign]
    try:
        walk.advance()
    except Killed:
        pending = walk.engine.state().pending
        assert pending is not None and pending.week == 2
    walk.world.apply = apply  # type: ignore[method-assign]
    walk.engine = walk.reopened()
    if walk.engine.state().pending is not None:
        walk.advance()
    assert (walk.engine.state().week, walk.engine.state().pending) == (2, None)


def test_a_killed_advance_can_be_rolled_back_instead(walk: Walk) -> None:
    walk.to(3)
    walk.engine.write("advance-started", week=4, stage=0)
    walk.engine = walk.reopened()
    walk.engine.rollback()
    assert walk.engine.state().pending is None
    assert walk.world.observation.weight == 0


def test_a_killed_rollback_is_completed_before_anything_else(walk: Walk) -> None:
    walk.to(6)
    walk.engine.write("rollback-started", week=6, stage=0)
    moved = walk.advance()
    assert moved.kind == "rollback"
    assert walk.world.observation.weight == 0
    assert walk.engine.state().status is Status.ROLLED_BACK


def test_drift_made_by_hand_is_shown_and_only_repaired_with_consent(walk: Walk) -> None:
    from dataclasses import replace

    walk.to(6)
    walk.world.observation = replace(walk.world.observation, weight=3)
    assert [s.subject for s in walk.engine.plan()] == ["router weight"]
    shown: list[Proposal] = []

    def refuse(proposal: Proposal) -> None:
        shown.append(proposal)
        raise HeldError("no")

    with pytest.raises(HeldError, match="no"):
        walk.engine.advance(refuse)
    assert shown[0].steps[0].after == "50%"
    assert walk.world.observation.weight == 3


def test_consent_is_asked_after_the_door_and_before_any_change(walk: Walk) -> None:
    walk.to(3)
    walk.clock.time += 8 * 86400
    seen: list[Proposal] = []

    def refuse(proposal: Proposal) -> None:
        seen.append(proposal)
        raise HeldError("not agreed to")

    before = walk.world.observation
    with pytest.raises(HeldError, match="not agreed to"):
        walk.engine.advance(refuse)
    assert walk.world.observation == before
    assert seen[0].phase.week == 4
    assert set(seen[0].stage.entry) <= set(walk.judgement.asked)
    assert walk.engine.state().pending is None


def test_a_second_operator_is_refused_and_told_who_is_there(walk: Walk) -> None:
    with (
        OperatorLock(walk.settings.place.state).held("advance"),
        pytest.raises(LockedError, match="`advance` by process"),
    ):
        walk.advance()


def test_a_rollback_makes_a_waiting_advance_let_go(walk: Walk) -> None:
    walk.to(5)
    (walk.settings.place.state / "rollback-requested").touch()
    requested = walk.settings.place.state / "rollback-requested"
    walk.clock.on_sleep = requested.touch
    with pytest.raises(LetGoError):
        walk.advance(wait=True)
    assert walk.world.observation.weight == 10


def test_an_observation_that_never_comes_to_rest_is_an_error(walk: Walk) -> None:
    walk.world.do = lambda change: None  # type: ignore[method-assign]
    with pytest.raises(ChangeFailedError, match="not seen to be"):
        walk.advance()


def test_after_a_rollback_nothing_differs_from_what_is_wanted(walk: Walk) -> None:
    walk.to(6)
    walk.engine.rollback()
    wanted = walk.engine.wanted(walk.engine.state())
    assert wanted is not None
    assert wanted.deployment.stable == SAFE.stable
    assert next(s.subject for s in walk.engine.plan()) == "canary-2"


def test_the_plan_of_a_killed_advance_goes_on_and_not_back(walk: Walk) -> None:
    walk.to(3)
    walk.engine.write("advance-started", week=4, stage=0)
    assert [(s.subject, s.after) for s in walk.engine.plan()] == [("router weight", "10%")]


def test_the_plan_of_a_killed_rollback_is_the_rollback(walk: Walk) -> None:
    walk.to(6)
    walk.engine.write("rollback-started", week=6, stage=0)
    assert walk.engine.plan()[0].after == "0%"


def test_both_backends_may_be_kept_for_good(tmp_path: Path) -> None:
    text = SHORT + "\n[cleanup]\nkeep_dual = true\n"
    walk = Walk(tmp_path, text)
    walk.to(8)
    seen = walk.world.observation
    assert Image.DUAL in seen.images
    assert seen.serving(Side.STABLE) is not None
