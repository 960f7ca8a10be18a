"""The comparator's benchmark, small: a few mutants, a short silence, and what its figures are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import comparator
from benchmarks.comparing import mutants
from benchmarks.comparing.latency import report
from benchmarks.comparing.power import trial
from dualfuse.samples.loopback import Loopback
from tests.benchmarks.benched import bench


@pytest.mark.fuse
@pytest.mark.parametrize(
    ("mutant", "differing"),
    [
        (mutants.WrongErrnoOfXattr, "xattr:user.none"),
        (mutants.MissingEntry, "listing"),
        (mutants.StaleContent, "content"),
        (mutants.RenameNotSeen, "error"),
    ],
)
def test_a_mutant_is_detected_by_what_is_wrong_with_it(mutant: type[Loopback], differing: str, short_tmp: Path) -> None:
    found = trial(short_tmp / mutant.__name__, mutant, [], seed=1, turns=40)
    assert found["detected"]
    assert differing in found["differing"]


@pytest.mark.fuse
def test_what_the_kernel_keeps_for_too_long_is_detected(short_tmp: Path) -> None:
    found = trial(short_tmp / "kept", mutants.KernelBelievesIt, mutants.CACHING, seed=1, turns=40)
    assert found["detected"]


@pytest.mark.fuse
def test_a_sound_shadow_raises_no_alarm(short_tmp: Path) -> None:
    found = trial(short_tmp / "sound", Loopback, [], seed=1, turns=10)
    assert not found["detected"]
    assert found["comparisons"] > 200


@pytest.mark.fuse
def test_two_mounts_of_one_store_agree_while_both_are_written_to() -> None:
    answer = bench("comparator", "agreement", "--operations", "150")
    assert answer["aa_operations"] >= 150
    assert (answer["false_alarms"], answer["aa_alarms"], answer["unmet"]) == (0, [], [])
    assert answer["aa_concurrent_changes"] > 0


def test_there_are_mutants_enough_and_each_only_once() -> None:
    assert len({mutant for mutant, _ in mutants.MUTANTS}) == len(mutants.MUTANTS) >= 20


def test_the_ratio_is_the_median_over_pairs_of_windows_that_take_turns() -> None:
    windows = [(number % 4 in (1, 2), float(number), number + 1.0, 10) for number in range(6)]
    answers: list[Any] = [([], [], [])]
    for number, (on, begun, _, _) in enumerate(windows):
        for index in range(100):
            answers[0][0].append(begun + index / 100)
            answers[0][1].append((0.001 if index < 98 else 0.01) * (number // 2 + 1 if on else 1))
    figures = report(windows, answers, b"")
    assert figures["primary_p99_ratios"] == [1.0, 2.0, 3.0]
    assert figures["primary_p99_ratio"] == 2.0
    assert figures["comparisons_per_second"] == 10


def test_what_is_missed_is_said() -> None:
    good = {"primary_p99_ratio": 1.0, "mutants": 3, "detected": 3, "undetected": [], "false_alarms": 0}
    assert comparator.unmet(good) == []
    bad = {"primary_p99_ratio": 1.2, "mutants": 3, "detected": 2, "undetected": ["ShortRead"], "false_alarms": 1}
    assert len(comparator.unmet(bad)) == 3


def test_a_call_of_the_tap_costs_microseconds() -> None:
    cost = comparator.cost_of_the_tap()
    assert 0 < cost["tap_passing_us"] < 20
    assert 0 < cost["tap_noting_us"] < 50
