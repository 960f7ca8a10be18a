"""The report tells what the journal says, in Markdown and in one HTML file that needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runbook.journal import Journal
from runbook.report.facts import Facts, gather
from runbook.report.markdown import markdown
from runbook.report.page import page

DAY = 86400.0
P95 = {"stat": {"latency_p95": 0.0004}, "read_small": {"latency_p95": 0.002}}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A migration with a bit of everything, as the engine writes it."""
    journal = Journal(tmp_path / "journal.sqlite")
    day = iter(range(1000))

    def write(kind: str, **data: object) -> None:
        journal.append(1_700_000_000 + next(day) * DAY, kind, **data)

    write("initialised", name="prod", target="docker")
    write("entered", week=1, stage=0, name="baseline", stage_name="dual image")
    write("evidence", name="benchmark.baseline", data={"results": {"fusepy": P95}})
    write("overridden", id="p95", reason="a <known> | burst")
    write("held", week=1, reason="p95 5.6 ms > 5 ms")
    write("gates-passed", verdicts=[{"id": "errors", "status": "pass", "reason": "0 of 9000"}])
    write("entered", week=3, stage=0, name="parallel", stage_name="full load")
    results = {"fusepy": P95, "pyfuse3": {"stat": {"latency_p95": 0.0002}}}
    write("evidence", name="benchmark.comparison", data={"results": results})
    write("rolled-back", week=3, seconds=0.4, reason="error ratio 5%", automatic=True)
    write("resumed", week=3, reason="repaired")
    write("entered", week=8, stage=0, name="cleanup", stage_name="single backend")
    write("evidence", name="archive", data={"folder": "/s/archive", "files": 9, "bytes": 2e6, "sha256": "ab" * 32})
    write("evidence", name="image-sizes", data={"bytes": {"dual": 187_000_000, "fuse3": 186_000_000}})
    purge = {"change": "requirements", "before": "requirements.txt", "after": "no fusepy", "undo": "git checkout"}
    write("change-done", **purge, seconds=0.1, purges=True)
    write(
        "evidence", name="proof", data={"claims": [{"claim": "no fusepy mount", "holds": True, "detail": "2 mounts"}]}
    )
    write("finished", week=8)
    return journal


@pytest.fixture
def facts(journal: Journal) -> Facts:
    return gather(journal.events())


def test_it_tells_the_whole_migration(facts: Facts, journal: Journal) -> None:
    text = markdown(facts)
    head = list(journal.events())[-1].hash
    for said in (
        "# prod: from fusepy to pyfuse3",
        "| 1 | baseline | dual image | 2023-11-15 22:13 | 5 d 0 h |",
        "p95 was overridden: a <known> \\| burst",
        "| 1 | errors | pass | 0 of 9000 |",
        "held: p95 5.6 ms > 5 ms",
        "automatically in 0.40 s: error ratio 5%",
        "| stat | 0.400 | 0.400 | 0.200 | 0.50 |",
        "| read_small | 2.000 | 2.000 | ? | ? |",
        "| dual | 187.0 |",
        "| requirements | requirements.txt | no fusepy | git checkout |",
        "| no fusepy mount | holds | 2 mounts |",
        f"hash `{head}`",
        "It is finished.",
    ):
        assert said in text, said


def test_a_stage_that_was_rolled_back_has_an_end(facts: Facts) -> None:
    assert [(week.week, week.seconds) for week in facts.weeks] == [(1, 5 * DAY), (3, 2 * DAY), (8, 5 * DAY)]


def test_the_page_needs_nothing_from_anywhere(facts: Facts) -> None:
    text = page(facts)
    assert not re.search(r"(src|href)=|@import|url\(|<script", text)
    assert text.count("<svg") == 3
    assert "a &lt;known&gt; | burst" in text
    assert "<known>" not in text


def test_before_anything_happened_it_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.append(1.0, "initialised", name="new", target="local")
    text = markdown(gather(journal.events()))
    for said in (
        "Nothing was removed yet.",
        "No benchmark was recorded.",
        "Nothing was proved yet.",
        "There was none.",
    ):
        assert said in text
    assert page(gather(journal.events())).count("<svg") == 1
