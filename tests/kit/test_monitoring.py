"""Rules and dashboards: the same as the gates, accepted by Prometheus' own tools, and answered by a live one."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from ruamel.yaml import YAML

from checks.gate import Against
from deployment.targets.processes import which
from phases import gates
from phases.calendar import PHASES
from runbook.monitoring.generated import generated
from runbook.monitoring.panels import DASHBOARDS, Query
from runbook.monitoring.rules import breach
from tests.bridge.harness import Bridge, cleaned
from tests.ports import free_ports
from tests.waiting import until

HERE = Path(__file__).parent
KIT = HERE.parents[1] / "kit"


def _promtool(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = which("promtool")
    assert program is not None, "promtool comes with Prometheus"
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


def _alerts() -> dict[str, Any]:
    rules = YAML(typ="safe").load((KIT / "prometheus/rules.yml").read_text())
    return {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}


@pytest.mark.parametrize("name", sorted(generated()))
def test_what_is_committed_is_what_the_gates_say_now(name: str) -> None:
    assert (KIT / name).read_text() == generated()[name], "run `python -m runbook.monitoring`"


def test_every_threshold_of_every_week_has_its_alert() -> None:
    alerts = _alerts()
    stages = [stage for phase in PHASES for stage in phase.stages]
    for severity, asked in (("rollback", [s.triggers for s in stages]), ("hold", [s.gates for s in stages])):
        for threshold in {t for thresholds in asked for t in thresholds if t.against is not Against.BASELINE}:
            found = [
                a
                for a in alerts.values()
                if a["labels"].get("gate") == threshold.id and a["labels"]["severity"] == severity
            ]
            assert len(found) == 1, threshold.id
            assert found[0]["expr"].strip() == breach(threshold)


def test_a_limit_on_a_dashboard_is_the_gates() -> None:
    limits = {panel.title: panel.limit for dashboard in DASHBOARDS for panel in dashboard.panels if panel.limit}
    assert limits["Error ratio"] == gates.ERROR_RATIO.limit
    assert limits["Divergence"] == gates.DIVERGENCE.limit
    assert limits["Latency, p95"] == gates.P95.limit


@pytest.mark.prometheus
def test_promtool_accepts_the_rules_and_the_configuration(tmp_path: Path) -> None:
    for name in ("rules.yml", "prometheus.yml"):
        shutil.copy(KIT / "prometheus" / name, tmp_path)
    done = _promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(_alerts())} rules found" in done.stdout


@pytest.mark.prometheus
def test_the_rules_fire_and_stay_silent_as_they_should(tmp_path: Path) -> None:
    shutil.copy(KIT / "prometheus/rules.yml", tmp_path)
    shutil.copy(HERE / "rules_test.yml", tmp_path)
    done = _promtool("test", "rules", "rules_test.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_made_to_fire() -> None:
    tests = YAML(typ="safe").load((HERE / "rules_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == set(_alerts())


def test_grafana_finds_what_the_dashboards_refer_to() -> None:
    provisioned = YAML(typ="safe").load((KIT / "grafana/provisioning/datasources/prometheus.yml").read_text())
    uid = provisioned["datasources"][0]["uid"]
    for dashboard in DASHBOARDS:
        model = json.loads((KIT / f"grafana/dashboards/{dashboard.name}.json").read_text())
        assert [p["title"] for p in model["panels"]] == [p.title for p in dashboard.panels]
        assert {t["datasource"]["uid"] for p in model["panels"] for t in p["targets"]} == {uid}
        places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in model["panels"]]
        assert len(set(places)) == len(places)
        assert len({p["id"] for p in model["panels"]}) == len(places)


class Watched:
    """Two Bridges on one store, the canary shadowing, under load, and a Prometheus with the kit's configuration."""

    def __init__(self, folder: Path) -> None:
        store = folder / "events.db"
        self.canary = Bridge(folder / "canary", store, "pyfuse3")
        shadow = f"http://127.0.0.1:{self.canary.port}"
        told = {"LIGHTHOUSE_FUSE_PARALLEL_TEST": "true", "LIGHTHOUSE_SHADOW_URL": shadow}
        self.stable = Bridge(folder / "stable", store, "fusepy", **told)
        self.port = free_ports(1)[0]
        self.folder = folder / "prometheus"
        self.answers: Counter[int] = Counter()  # by hundreds of the status, 0 where there was none
        self._ended = threading.Event()

    def configure(self) -> None:
        """Write the kit's own configuration with the addresses of this machine."""
        self.folder.mkdir()
        configuration = (KIT / "prometheus/prometheus.yml").read_text()
        for name, bridge in (("primary", self.stable), ("shadow", self.canary)):
            assert f"{name}:9100" in configuration
            configuration = configuration.replace(f"{name}:9100", f"127.0.0.1:{bridge.metrics_port}")
        (self.folder / "prometheus.yml").write_text(configuration)
        shutil.copy(KIT / "prometheus/rules.yml", self.folder)

    def load(self, bridge: Bridge) -> None:
        """Write and read files until it is enough."""
        number = 0
        while not self._ended.is_set():
            number += 1
            path = f"/files/load/{bridge.folder.name}-{number % 50}"
            for method, body in (("PUT", b"x" * 2000), ("GET", None)):
                try:
                    self.answers[bridge.request(method, path, body)[0] // 100] += 1
                except OSError:  # a machine that is busy may be late; the load goes on
                    self.answers[0] += 1

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return what Prometheus answers to a query; nothing while it is not up."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?query={quote(query)}", timeout=5) as answer:
                rows: list[dict[str, Any]] = json.loads(answer.read())["data"]["result"]
        except URLError:
            return []
        return rows

    def end_load(self) -> None:
        """Let the load end."""
        self._ended.set()


@pytest.fixture(scope="module")
def watched(short_root: Path) -> Iterator[Watched]:
    folder = short_root / "watched"
    folder.mkdir()
    system = Watched(folder)
    with cleaned(system.canary, system.stable):
        system.canary.start()
        system.stable.start()
        system.configure()
        program = which("prometheus")
        assert program is not None
        argv = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]
        with (system.folder / "log").open("wb") as log:
            prometheus = subprocess.Popen(
                [*argv, f"--web.listen-address=127.0.0.1:{system.port}"], cwd=system.folder, stdout=log, stderr=log
            )
        load = [threading.Thread(target=system.load, args=(bridge,)) for bridge in (system.stable, system.canary)]
        for thread in load:
            thread.start()
        try:
            compared = "sum(increase(lighthouse_fuse_backend_comparisons_total[60s])) > 0"
            until(lambda: system.ask(compared), 60)
            yield system
        finally:
            system.end_load()
            for thread in load:
                thread.join()
            prometheus.terminate()
            prometheus.wait(timeout=20)


QUERIES = [
    pytest.param(query, id=f"{dashboard.name}-{panel.title}-{query.legend}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for query in panel.queries
]


@pytest.mark.fuse
@pytest.mark.prometheus
@pytest.mark.parametrize("query", QUERIES)
def test_a_live_prometheus_answers_every_dashboard_with_data(watched: Watched, query: Query) -> None:
    def number() -> list[float]:
        return [v for row in watched.ask(query.expr) if (v := float(row["value"][1])) == v]  # NaN is no data

    assert until(number, 15)


@pytest.mark.fuse
@pytest.mark.prometheus
def test_no_alert_fires_on_a_healthy_pair(watched: Watched) -> None:
    assert watched.ask("count by (side) (up == 1)")
    assert watched.answers[2] > 100
    asked = [rule["expr"] for rule in _alerts().values() if rule["labels"]["severity"] != "hold"]
    assert asked
    assert [expression for expression in asked if watched.ask(expression)] == []
