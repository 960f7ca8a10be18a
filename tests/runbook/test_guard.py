"""The guard in a simulated world: what makes it go back, what never does, and what it does where both sides fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from deployment.errors import ChangeFailedError, HeldError
from deployment.metrics.source import Metric
from deployment.model import Kind, Side
from phases.calendar import stage_at
from runbook.guard import BLIND
from tests.runbook.guarded import Guarded
from tests.runbook.walk import SHORT

LONG = SHORT.replace('"30s"', '"30d"')


@pytest.fixture
def walk(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path)


BREACHES = (
    (Metric.ERROR_RATIO, 0.05, "error-ratio"),
    (Metric.SLOW_SHARE, 0.02, "p99-1s"),
    (Metric.DIVERGENCE_RATIO, 0.01, "divergence"),
    (Metric.OLDEST, 4.0, "hung-operation"),
)


@pytest.mark.parametrize(("metric", "value", "trigger"), BREACHES)
def test_a_breach_is_rolled_back_at_once_and_journaled_with_its_evidence(
    walk: Guarded, metric: Metric, value: float, trigger: str
) -> None:
    walk.begin(6)
    walk.goes_wrong(metric, value)
    walk.pass_time(1)
    assert walk.rolled_back()
    assert walk.world.observation.weight == 0
    began = walk.event("rollback-started")
    assert began["automatic"] is True
    evidence = began["evidence"]
    assert isinstance(evidence, dict)
    assert evidence["trigger"] == trigger
    assert any(v["id"] == trigger and v["value"] == value for v in evidence["verdicts"])
    walk.source.values.clear()
    with pytest.raises(HeldError, match="automatic") as held:
        walk.advance()
    assert "--reason" in held.value.hint
    walk.advance(reason="the disk was replaced")
    assert walk.event("resumed")["reason"] == "the disk was replaced"


@pytest.mark.parametrize("week", range(2, 8))
def test_from_week_two_on_answers_that_differ_are_rolled_back(walk: Guarded, week: int) -> None:
    walk.begin(week)
    walk.goes_wrong(Metric.DIVERGENCE_RATIO, 0.01)
    walk.pass_time(1)
    assert walk.rolled_back()
    assert walk.event("rollback-started")["evidence"]["trigger"] == "divergence"  # type: ignore[index]


@pytest.mark.parametrize("week", [2, 3, 4, 5, 7])
def test_from_week_two_on_a_mount_that_does_not_answer_is_rolled_back(walk: Guarded, week: int) -> None:
    walk.begin(week)
    canary = walk.world.observation.serving(Side.CANARY)
    assert canary is not None
    walk.beats.missed = {canary.name}
    walk.pass_time(1)
    assert walk.rolled_back()
    assert "heartbeats were not answered" in walk.engine.state().reason


def test_metrics_that_are_late_are_no_mount_that_does_not_answer(walk: Guarded) -> None:
    walk.begin(6)
    walk.goes_wrong(Metric.RESPONSIVE, 0.0)
    walk.pass_time(20)
    assert not walk.rolled_back()
    _change(walk, "canary-1", ready=False, detail="its API does not answer")
    walk.pass_time(1)
    assert walk.rolled_back()
    assert "heartbeat" in walk.engine.state().reason


def test_a_mount_that_died_and_is_back_is_rolled_back_too(walk: Guarded) -> None:
    walk.begin(6)
    walk.beats.replaced = {"canary-1"}
    walk.pass_time(1)
    assert "died and was replaced" in walk.engine.state().reason


def test_before_week_two_there_is_nothing_to_go_back_from(walk: Guarded) -> None:
    walk.begin(1)
    for metric, value, _ in BREACHES:
        walk.goes_wrong(metric, value)
    walk.pass_time(60)
    assert not walk.rolled_back()


@pytest.mark.parametrize(
    ("failed", "value"),
    [("Prometheus does not answer", None), ("", float("nan")), ("", None)],
    ids=["dead", "nan", "empty"],
)
def test_an_hour_without_numbers_neither_passes_nor_rolls_back(
    tmp_path: Path, failed: str, value: float | None
) -> None:
    walk = Guarded(tmp_path, LONG)
    walk.engine = walk.reopened()
    for _ in range(6):
        walk.clock.time += 31 * 86400
        walk.advance()
    walk.begin(5)
    walk.source.failed = failed
    walk.source.values = {(side, metric): value for side in Side for metric in Metric}
    walk.pass_time(3600, step=4)
    assert not walk.rolled_back()
    state = walk.engine.state()
    verdicts = walk.weighing.gates(stage_at(5, 0), state)
    assert verdicts
    assert all(v.status.value in ("error", "inconclusive") for v in verdicts)
    assert walk.kinds.count("held") == (1 if failed else 0)


def test_a_source_that_fails_four_times_holds_and_says_so_once_and_says_when_it_is_back(walk: Guarded) -> None:
    walk.begin(6)
    walk.source.failed = "Prometheus at http://127.0.0.1:9090 does not answer"
    walk.pass_time(BLIND - 1)
    assert "held" not in walk.kinds
    walk.pass_time(20)
    assert walk.kinds.count("held") == 1
    assert "does not answer" in str(walk.event("held")["reason"])
    assert "does not answer" in walk.guard.trouble
    walk.source.failed = ""
    walk.pass_time(1)
    assert walk.kinds[-1] == "metrics-answer"
    assert walk.guard.trouble == ""


def test_a_blind_guard_still_hears_the_heartbeats(walk: Guarded) -> None:
    walk.begin(6)
    walk.source.failed = "Prometheus does not answer"
    walk.pass_time(10)
    walk.beats.missed = {"canary-1"}
    walk.pass_time(1)
    assert walk.rolled_back()


# the side that is gone back to


def test_where_both_fail_alike_nothing_moves_and_it_is_said_aloud_until_one_is_better(walk: Guarded) -> None:
    walk.begin(6)
    for side in Side:
        walk.goes_wrong(Metric.ERROR_RATIO, 0.05, side)
    walk.pass_time(30)
    assert walk.world.observation.weight == 50
    assert walk.kinds.count("held") == 1
    assert any("NEITHER SIDE IS HEALTHY" in line for line in walk.said)
    walk.goes_wrong(Metric.ERROR_RATIO, 0.02, Side.STABLE)
    walk.pass_time(1)
    assert walk.world.observation.weight == 0
    assert any("fewer operations fail there" in line for line in walk.said)


def test_a_fusepy_that_is_not_ready_is_replaced_before_any_traffic_moves(walk: Guarded) -> None:
    walk.begin(6)
    _change(walk, "stable-2", ready=False, detail="the mount does not answer")
    walk.goes_wrong(Metric.ERROR_RATIO, 0.05)
    walk.world.done.clear()
    walk.pass_time(3)
    assert walk.rolled_back()
    kinds = [c.kind for c in walk.world.done]
    assert kinds.index(Kind.START) < kinds.index(Kind.ROUTE) < kinds.index(Kind.WEIGHT)
    assert any("NEITHER SIDE IS HEALTHY: stable-2 is not ready" in line for line in walk.said)


def test_where_no_fusepy_can_be_started_everybody_stays_and_it_tries_again(walk: Guarded) -> None:
    walk.begin(6)
    _change(walk, "stable-2", ready=False, detail="it does not run")
    walk.goes_wrong(Metric.ERROR_RATIO, 0.05)
    walk.world.fail_at = Kind.START
    walk.pass_time(20)
    assert walk.world.observation.weight == 50
    assert walk.kinds.count("held") == 1
    walk.world.fail_at = None
    walk.pass_time(40)
    assert walk.world.observation.weight == 0


def test_a_fusepy_whose_mount_just_stopped_answering_gets_no_traffic(walk: Guarded) -> None:
    walk.begin(6)
    walk.beats.missed = {"stable-2"}
    walk.goes_wrong(Metric.ERROR_RATIO, 0.05)
    walk.pass_time(5)
    assert walk.world.observation.weight == 50
    walk.beats.missed = set()
    walk.pass_time(1)
    assert walk.world.observation.weight == 0


def test_from_a_canary_that_does_not_answer_it_goes_back_to_one_that_errs(walk: Guarded) -> None:
    walk.begin(7)
    walk.goes_wrong(Metric.ERROR_RATIO, 0.05, Side.STABLE)
    walk.beats.missed = {"canary-1"}
    walk.pass_time(1)
    assert walk.world.observation.weight == 0


def test_a_fusepy_that_is_only_late_is_looked_at_again_and_gone_back_to(walk: Guarded) -> None:
    walk.begin(6)
    walk.doubted = True
    walk.goes_wrong(Metric.ERROR_RATIO, 0.05)
    walk.pass_time(3)
    assert walk.rolled_back()
    assert any("does not seem well (it is late)" in line for line in walk.said)


# healing


def test_a_stable_path_that_died_under_a_well_fusepy_is_shown_again(walk: Guarded) -> None:
    walk.begin(6)
    walk.world.observation = replace(walk.world.observation, live=None, live_detail="dead")
    walk.beats.missed = {"live path"}
    walk.pass_time(1)
    assert walk.world.observation.live == "stable-2"
    assert walk.kinds[-1] == "repaired"
    assert not walk.rolled_back()


def test_a_rollback_whose_tool_died_is_completed(walk: Guarded) -> None:
    walk.begin(6)
    walk.engine.write("rollback-started", week=6, stage=0, automatic=True, reason="error ratio 5% > 1%")
    walk.pass_time(2)
    assert walk.world.observation.weight == 0
    state = walk.engine.state()
    assert (state.automatic, state.reason) == (True, "error ratio 5% > 1%")


def test_clients_that_somebody_moves_to_the_canary_after_a_rollback_are_brought_back(walk: Guarded) -> None:
    walk.begin(6)
    walk.goes_wrong(Metric.ERROR_RATIO, 0.05)
    walk.pass_time(1)
    walk.world.observation = replace(walk.world.observation, weight=50)
    walk.pass_time(2)
    assert walk.world.observation.weight == 0


def test_it_looks_on_after_a_rollback_so_that_the_next_stage_is_blamed_for_nothing_before_it(walk: Guarded) -> None:
    walk.begin(6)
    walk.goes_wrong(Metric.DIVERGENCE_RATIO, 0.05)
    walk.pass_time(1)
    assert walk.rolled_back()
    before = walk.source.polled
    walk.pass_time(5)
    assert walk.source.polled == before + 5


def test_what_fails_while_it_goes_back_is_tried_again_and_nothing_is_lost(walk: Guarded) -> None:
    walk.begin(6)
    walk.goes_wrong(Metric.ERROR_RATIO, 0.05)
    apply, left = walk.world.apply, 1

    def fails_once(change: object, say: object) -> None:
        nonlocal left
        if left:
            left -= 1
            raise ChangeFailedError("the router refuses")
        apply(change, say)  # type: ignore[arg-type]

    walk.world.apply = fails_once  # type: ignore[method-assign]
    walk.pass_time(1)
    assert walk.world.observation.weight == 50
    walk.pass_time(40)
    assert walk.world.observation.weight == 0


def _change(walk: Guarded, name: str, **more: object) -> None:
    seen = walk.world.observation
    changed: Iterable[object] = (replace(i, **more) if i.name == name else i for i in seen.instances)  # type: ignore[arg-type]
    walk.world.observation = replace(seen, instances=tuple(changed))  # type: ignore[arg-type]
