"""What checks make of numbers and observations that are hard to produce for real."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import remedies, words
from checks.benchmark import comparison, criteria
from checks.check import Context, Finding, Severity
from checks.drill import as_deployment, drill
from checks.metrics import fresh
from checks.reachable import reachable
from checks.service import service
from checks.shadow import comparisons
from checks.share import share
from checks.witness import Witness
from deployment.errors import UnreachableError
from deployment.metrics.source import Measurement, Metric
from deployment.model import Deployment, Image, Instance, InstanceState, Observation, Side
from deployment.plan import plan
from tests.checks.places import HostTarget, Numbers, context_in


def state(side: Side, *, ready: bool = True, serving: str | None = None, mirror: bool = False) -> InstanceState:
    backend = "fusepy" if side is Side.STABLE else "pyfuse3"
    told = Instance(Image.DUAL, backend, None, mirror).environment()
    return InstanceState(
        f"{side}-1", side, 1, Image.DUAL, told, serving or backend, ready, detail="" if ready else "slow"
    )


RESTING = Observation(
    instances=(state(Side.STABLE), state(Side.CANARY)),
    router=True,
    routes={Side.STABLE: "stable-1", Side.CANARY: "canary-1"},
    weight=10,
    actual=10.2,
    live="stable-1",
    images=frozenset({Image.DUAL}),
)


def context(observed: Observation = RESTING, **more: Any) -> Context:
    return context_in(Path("/nowhere"), HostTarget(observed), **more)


def seen(finding: Finding | None) -> tuple[str, Severity] | None:
    return (finding.seen, finding.severity) if finding else None


def metrics(p95: float = 0.001, memory: float = 20e6, **special: float) -> dict[str, dict[str, float]]:
    names = ("mount", "unmount", "read_small", "read_large", "write_small", "write_large", "stat", "readdir")
    return {n: {"latency_p95": special.get(n, p95), "memory_usage": memory} for n in names}


def ratios(cpu: float) -> dict[str, dict[str, float]]:
    return {name: {"time": 1.0, "cpu": 9.0 if name == "mount" else cpu} for name in ("mount", "stat", "read_small")}


@pytest.mark.parametrize(
    ("fusepy", "pyfuse3", "cpu", "missed"),
    [
        (metrics(), metrics(), 1.0, []),
        (metrics(), metrics(0.005, 22e6, readdir=0.010), 1.05, []),
        (metrics(), metrics(stat=0.0056), 1.0, ["p95 of stat 5.6 ms > 5 ms (fusepy 1 ms)"]),
        (metrics(0.1), metrics(), 1.0, []),
        (
            metrics(),
            metrics(readdir=0.02),
            1.06,
            ["p95 of readdir 20 ms > 10 ms (fusepy 1 ms)", "CPU +6% > +5% of fusepy"],
        ),
        (metrics(), metrics(memory=31e6), 1.0, ["memory +55% > +10% of fusepy"]),
        (metrics(), metrics(read_large=1.0, write_large=1.0, mount=1.0), 1.0, []),
    ],
)
def test_each_success_criterion_is_judged_and_the_worst_comes_first(
    fusepy: Mapping[str, Mapping[str, float]], pyfuse3: Mapping[str, Mapping[str, float]], cpu: float, missed: list[str]
) -> None:
    judged = criteria(fusepy, pyfuse3, ratios(cpu))
    assert [c.shown for c in judged if c.value > c.limit] == missed
    assert len(judged) == 6
    assert [c.used for c in judged] == sorted((c.used for c in judged), reverse=True)


def test_the_operator_may_allow_more_latency_and_nothing_else() -> None:
    judged = criteria(metrics(), metrics(0.04, 31e6, readdir=0.11), ratios(1.1), latency=10.0)
    assert [c.name for c in judged if c.used > 1] == ["memory", "readdir", "CPU"]


@pytest.mark.parametrize(
    ("fusepy", "said"), [(0.001, "pyfuse3 is not yet as good here"), (0.009, "fusepy misses it here, too")]
)
def test_a_missed_latency_says_whether_fusepy_misses_it_too(
    fusepy: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = {"fusepy": metrics(fusepy), "pyfuse3": metrics(stat=0.0056)}
    monkeypatch.setattr("checks.benchmark.run_json", lambda *_: {"results": results, "ratios": ratios(1.0)})
    finding = comparison(context())
    assert finding is not None
    assert finding.seen == f"p95 of stat 5.6 ms > 5 ms (fusepy {fusepy * 1000:g} ms)"
    assert said in finding.remedy
    assert comparison(context(latency=1.2)) is None


def test_cpu_that_was_not_measured_is_not_called_good() -> None:
    worst = criteria(metrics(), metrics(), {})[0]
    assert (worst.name, worst.used > 1) == ("CPU", True)


def measured(metric: Metric, side: Side, value: float | None, samples: int, **more: Any) -> Numbers:
    return Numbers({(metric, side): Measurement(metric, side, 60, value, samples, 1000.0, **more)})


@pytest.mark.parametrize(
    ("value", "samples", "found"),
    [
        (0.0, 3000, None),
        (0.0, 212, ("212 of 3000 comparisons: too few to claim ≤ 0.1%", Severity.UNKNOWN)),
        (0.002, 5000, ("divergence 0.2% > 0.1%", Severity.FAIL)),
        (None, 0, ("no samples for 60 s", Severity.UNKNOWN)),
    ],
)
def test_comparisons(value: float | None, samples: int, found: object) -> None:
    source = measured(Metric.DIVERGENCE_RATIO, Side.CANARY, value, samples)
    assert seen(comparisons(context(source=source))) == found


@pytest.mark.parametrize(
    ("source", "now", "found"),
    [
        (Numbers(), 1000.0, ("no heartbeat of the stable Bridge for 30 s", Severity.FAIL)),
        (
            measured(Metric.RESPONSIVE, Side.STABLE, 1, 9),
            1000.0,
            ("no heartbeat of the canary Bridge for 30 s", Severity.FAIL),
        ),
        (
            measured(Metric.RESPONSIVE, Side.STABLE, 1, 9),
            1100.0,
            ("the stable Bridge's newest metrics are 2 min old", Severity.FAIL),
        ),
        (
            measured(Metric.RESPONSIVE, Side.STABLE, None, 0, failed=True, detail="connection refused"),
            1000.0,
            ("numbers does not answer: connection refused", Severity.FAIL),
        ),
    ],
)
def test_metrics_that_do_not_flow(source: Numbers, now: float, found: object) -> None:
    assert seen(fresh(context(source=source, now=lambda: now))) == found


@pytest.mark.parametrize(
    ("observed", "found"),
    [
        (RESTING, None),
        (replace(RESTING, router=False, weight=None), ("the router does not answer", Severity.FAIL)),
        (replace(RESTING, weight=None), ("the router's weight cannot be read", Severity.UNKNOWN)),
        (replace(RESTING, actual=None), ("set 10%, but no requests were counted since", Severity.UNKNOWN)),
        (replace(RESTING, weight=0, actual=1.5), ("set 0%, actual 1.5%", Severity.FAIL)),
        (replace(RESTING, weight=100, actual=98.0), ("set 100%, actual 98.0%", Severity.FAIL)),
        (replace(RESTING, weight=50, actual=34.0), ("set 50%, actual 34.0%", Severity.WARN)),
        (replace(RESTING, weight=50, actual=60.0), None),
    ],
)
def test_the_share_that_is_served(observed: Observation, found: object) -> None:
    assert seen(share(context(observed))) == found


@pytest.mark.parametrize(
    ("instances", "found"),
    [
        ((), ("no canary Bridge runs", Severity.FAIL)),
        ((state(Side.CANARY),), None),
        ((state(Side.CANARY, ready=False),), ("canary-1 is not ready: slow", Severity.FAIL)),
        ((replace(state(Side.CANARY), draining=True),), ("no canary Bridge runs", Severity.FAIL)),
        (
            (replace(state(Side.CANARY), serving=None),),
            ("canary-1 serves no backend, not pyfuse3 (it was told pyfuse3)", Severity.FAIL),
        ),
    ],
)
def test_a_side_s_service(instances: tuple[InstanceState, ...], found: object) -> None:
    assert seen(service(context(replace(RESTING, instances=instances)), Side.CANARY)) == found


@pytest.mark.parametrize(
    ("observed", "words_seen"),
    [
        (replace(RESTING, instances=(state(Side.CANARY),)), "there is no stable Bridge to roll back to"),
        (
            replace(RESTING, instances=(state(Side.STABLE, ready=False), state(Side.CANARY))),
            "there is no stable Bridge to roll back to: slow",
        ),
        (replace(RESTING, weight=None), "it is not known where the traffic goes (the router does not answer)"),
        (replace(RESTING, live=None, live_detail="dead"), "it is not known where the traffic goes (dead)"),
        (replace(RESTING, weight=0), "no traffic is on the canary: there is nothing to practise"),
    ],
)
def test_a_drill_is_not_begun_without_a_way_there_and_back(observed: Observation, words_seen: str) -> None:
    finding = drill(context(observed))
    assert finding is not None
    assert finding.seen == words_seen


@given(st.integers(0, 100), st.sampled_from(list(Side)), st.booleans(), st.sampled_from([None, "fusepy", "pyfuse3"]))
def test_what_is_observed_can_be_wanted_back(weight: int, live: Side, mirror: bool, fallback: str | None) -> None:
    told = Instance(Image.DUAL, "fusepy", fallback, mirror).environment()
    stable = replace(state(Side.STABLE), told=told | ({"LIGHTHOUSE_SHADOW_URL": "http://a"} if mirror else {}))
    canary = replace(state(Side.CANARY), address="a")
    observed = replace(RESTING, instances=(stable, canary), weight=weight, live=f"{live}-1")
    assert plan(observed, as_deployment(observed)) == ()
    safe = Deployment(**{**_fields(as_deployment(observed)), "weight": 0, "live": Side.STABLE})
    assert {c.kind for c in plan(observed, safe)} <= {"weight", "live"}


def _fields(deployment: Deployment) -> dict[str, Any]:
    return {name: getattr(deployment, name) for name in ("stable", "canary", "weight", "live", "images")}


class Unreachable(HostTarget):
    def observe(self) -> Observation:
        raise UnreachableError("the Docker Engine does not answer", "start dockerd")


def test_a_target_that_does_not_answer_and_one_with_notes() -> None:
    gone = reachable(context_in(Path("/nowhere"), Unreachable()))
    assert gone is not None
    assert (gone.seen, gone.remedy) == (
        "the local target does not answer: the Docker Engine does not answer",
        "start dockerd",
    )
    noted = reachable(context(replace(RESTING, notes=("supervisord does not run",))))
    assert seen(noted) == ("supervisord does not run", Severity.WARN)
    assert reachable(context()) is None


def test_a_witness_without_a_router_is_of_no_use(tmp_path: Path) -> None:
    with Witness(1, tmp_path) as witness:
        witness.every_client()
    assert (witness.usable, witness.saw.requests) == (False, 0)


def test_a_witness_counts_what_fails(tmp_path: Path) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    live = tmp_path / "live"
    live.mkdir()

    def answer() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.recv(1000)
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\nok")

    threading.Thread(target=answer, daemon=True).start()
    with Witness(server.getsockname()[1], live) as witness:
        witness.every_client()
        live.rmdir()  # the live path breaks while it watches
        witness.every_client()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    assert witness.usable
    assert witness.saw.requests > 100
    assert witness.saw.failed >= 25
    assert witness.saw.errors[0].startswith("live path:")


@pytest.mark.parametrize(
    ("release", "thing", "package"),
    [
        ({"ID": "debian", "VERSION_ID": "12"}, "libfuse2", "libfuse2"),
        ({"ID": "debian", "VERSION_ID": "12"}, "libfuse3", "libfuse3-3"),
        ({"ID": "debian", "VERSION_ID": "13"}, "libfuse2", "libfuse2t64"),
        ({"ID": "debian", "VERSION_ID": "13"}, "libfuse3", "libfuse3-4"),
        ({"ID": "ubuntu", "VERSION_ID": "22.04"}, "libfuse2", "libfuse2"),
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, "libfuse2", "libfuse2t64"),
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, "libfuse3", "libfuse3-3"),
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, "helper", "fuse3"),
        ({}, "libfuse2", "libfuse2"),
    ],
)
def test_packages_have_the_distribution_s_own_names(release: dict[str, str], thing: str, package: str) -> None:
    assert remedies.apt_package(thing, release) == package


def test_no_remedy_ever_installs_debian_s_fuse_package() -> None:
    for version in ("11", "12", "13"):
        for thing in ("libfuse2", "libfuse3", "helper"):
            assert remedies.apt_package(thing, {"ID": "debian", "VERSION_ID": version}) != "fuse"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.seconds(0.00024), "240 µs"),
        (words.seconds(0.0056), "5.6 ms"),
        (words.seconds(1.25), "1.25 s"),
        (words.seconds(300), "5 min"),
        (words.duration(360), "6 min"),
        (words.duration(2 * 86400 + 4 * 3600), "2d04h"),
        (words.percent(0.0002), "0.02%"),
        (words.percent(0.999), "99.9%"),
        (words.percent(1.0), "100%"),
        (words.size(14_100_000), "14.1 MB"),
        (words.listed(["a", "b", "c"], 2), "a, b and 1 more"),
    ],
)
def test_numbers_read_as_people_write_them(shown: str, expected: str) -> None:
    assert shown == expected
