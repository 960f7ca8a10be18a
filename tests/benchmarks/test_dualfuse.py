"""The benchmark of the library runs, and its answer, its page and its comparison say what they promise."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dualfuse.benchmark.criteria import against, criteria
from dualfuse.benchmark.passthrough import UnavailableError, build
from tests.benchmarks.benched import bench

OPERATIONS = {
    "mount", "unmount", "read_small", "read_large", "write_small", "write_large", "stat", "readdir",
    "concurrent_reads", "concurrent_writes",
}  # fmt: skip
COLD = {"read_small", "read_large", "stat", "readdir"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """A run that is as short as possible, compared with itself: its answer and its page."""
    place = tmp_path_factory.mktemp("bench")
    answer = bench("dualfuse", "--iterations", "8", "--html", str(place / "page.html"))
    return answer, (place / "page.html").read_text()


@pytest.mark.fuse
def test_the_answer_has_every_promised_key(measured: tuple[dict[str, Any], str]) -> None:
    answer, _ = measured
    assert set(answer["ratios"]) == OPERATIONS
    for each in answer["ratios"].values():
        assert each["time"] > 0
        assert each["time_low"] <= each["time"] <= each["time_high"]
    for name in ("loopback-1s", "loopback-0s", "memory-1s", "memory-0s"):
        assert set(answer["variants"][name]["ratios"]) == OPERATIONS
    assert answer["variants"]["loopback-1s"]["ratios"] == answer["ratios"]
    assert set(answer["nothreads"]) == OPERATIONS
    assert set(answer["directory"]) == OPERATIONS - {"mount", "unmount"}
    assert set(answer["passthrough"]) == OPERATIONS - {"mount", "unmount"}
    assert set(answer["cold"]["ratios"]) == set(answer["cold"]["passthrough"]) == COLD
    assert set(answer["results"]) >= {"fusepy", "pyfuse3", "passthrough", "directory"}
    assert answer["memory"]["ratio"] > 0
    assert answer["start"]["ratio"] == answer["ratios"]["mount"]["time"]
    assert answer["unmount"]["ratio"] == answer["ratios"]["unmount"]["time"]
    assert answer["blocking"]["reads_per_second_ratio"] > 0
    assert answer["blocking"]["direct"]["reads_per_second_ratio"] > 0
    assert answer["blocking"]["stat_during_block_ms"] > 0
    assert answer["ok"] == all(each["ok"] for each in answer["criteria"])


@pytest.mark.fuse
def test_the_page_stands_alone_and_is_well_formed(measured: tuple[dict[str, Any], str]) -> None:
    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.bars = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.bars += tag == "rect"
            assert not {name for name, _ in attrs} & {"src", "href"}
            if tag not in {"html", "meta"}:
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.bars += tag == "rect"

        def handle_endtag(self, tag: str) -> None:
            while self.open and self.open[-1] == "p" != tag:
                self.open.pop()
            assert self.open.pop() == tag

    answer, text = measured
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    charts = [*(each["ratios"] for each in answer["variants"].values())]
    charts += [answer["nothreads"], answer["big_writes"], answer["passthrough"], answer["directory"]]
    charts += [answer["cold"]["ratios"]]
    assert tags.bars == 2 * sum(len(each) for each in charts)


@pytest.mark.fuse
def test_criteria_name_what_is_not_met(measured: tuple[dict[str, Any], str]) -> None:
    answer = copy.deepcopy(measured[0])
    answer["memory"]["ratio"] = 1.2
    answer["results"]["pyfuse3"]["stat"]["latency_p95"] = 0.006
    answer["blocking"]["reads_per_second_ratio"] = 0.9
    answer["variants"]["memory-0s"]["ratios"]["readdir"]["cpu"] = 1.01
    missed = {each.name for each in criteria(answer) if not each.ok}
    assert missed >= {
        "memory against fusepy",
        "stat: seconds, p95",
        "blocking: reads per second against fusepy",
        "memory-0s, readdir: CPU against fusepy",
    }


@pytest.mark.fuse
def test_a_recorded_baseline_is_compared_with(measured: tuple[dict[str, Any], str]) -> None:
    answer = measured[0]
    before = copy.deepcopy(answer)
    before["results"]["fusepy"]["stat"]["latency_p50"] = 2 * answer["results"]["pyfuse3"]["stat"]["latency_p50"]
    compared = against(before, answer)
    assert set(compared) == OPERATIONS
    assert compared["stat"]["time"] == 0.5
    assert compared["stat"]["ratio_then"] == compared["stat"]["ratio_now"]


def test_without_the_source_in_c_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="libfuse3-dev"):
        build(tmp_path, tmp_path / "none.c")
    broken = tmp_path / "broken.c"
    broken.write_text("no C")
    with pytest.raises(UnavailableError, match="does not compile"):
        build(tmp_path, broken)
