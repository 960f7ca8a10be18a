"""The guard with a real Prometheus that has nothing, lives in another time, hangs, and dies: no pass, no rollback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.gate import Status, Verdict
from deployment.metrics import prometheus
from deployment.metrics.source import Measurement, Metric
from deployment.model import Side
from phases.calendar import stage_at
from runbook.guard import BLIND
from tests.runbook.guarded import Guarded
from tests.runbook.prometheus import ILLS, NoNumbers, Server, fall_ill
from tests.waiting import until

pytestmark = pytest.mark.prometheus
#: Where it does not answer, or for another time.
SILENT = frozenset(ILLS) - {"no series", "not a number"}


@pytest.fixture
def pages() -> Iterator[NoNumbers]:
    found = NoNumbers()
    yield found
    found.end()


@pytest.fixture
def server(short_tmp: Path, pages: NoNumbers) -> Iterator[Server]:
    found = Server(short_tmp, [pages.address])
    until(found.ready)
    yield found
    found.end()


@pytest.mark.parametrize("ill", ILLS)
def test_what_is_wrong_with_prometheus_is_not_the_canarys_fault(
    tmp_path: Path, server: Server, pages: NoNumbers, ill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ill == "hangs":
        monkeypatch.setattr(prometheus, "QUERY_SECONDS", 0.3)
    walk = Guarded(tmp_path)
    walk.begin(5)
    source, heal = fall_ill(server, pages, ill)
    walk.source = source  # type: ignore[assignment]
    looks, asked, measure = BLIND + 1, list[Metric](), source.measure

    def counted(metric: Metric, side: Side, window: float) -> Measurement:
        asked.append(metric)
        return measure(metric, side, window)

    monkeypatch.setattr(source, "measure", counted)
    for _ in range(looks):
        walk.clock.time += 1
        look = walk.guard.turn()
        assert _none_passes(look.verdicts), look.verdicts
    assert ill not in SILENT or len(asked) == looks  # one question a look, which takes a second at most
    assert not walk.rolled_back()
    assert walk.kinds.count("held") == int(ill in SILENT)
    assert _none_passes(walk.weighing.gates(stage_at(5, 0), walk.engine.state()))
    heal()


def _none_passes(verdicts: tuple[Verdict, ...] | list[Verdict]) -> bool:
    return bool(verdicts) and all(v.status in (Status.ERROR, Status.INCONCLUSIVE) for v in verdicts)
