"""What a real Prometheus scrapes and answers, with a Bridge's metrics served by a plain HTTP server."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from checks.check import Context, Finding, Severity
from checks.runner import run
from deployment.http_ask import ask
from deployment.model import Observation, Side
from deployment.targets.processes import which
from tests.checks.places import HostTarget, Numbers, context_in, place_in
from tests.ports import free_ports
from tests.waiting import until

pytestmark = pytest.mark.prometheus
RULES = "groups:\n- name: a\n  rules:\n  - {alert: A, expr: 'lighthouse_fuse_operations_total > 1000'}\n"


@dataclass
class Scraped(HostTarget):
    """A host with a stable Bridge whose metrics are at a port."""

    observation: Observation = field(default_factory=Observation)
    port: int = 0

    def metrics(self) -> Mapping[Side, str]:
        return {Side.STABLE: f"http://127.0.0.1:{self.port}/metrics"}


@pytest.fixture
def asked(short_tmp: Path) -> Iterator[Context]:
    """A Prometheus that scrapes one Bridge and has one rule, and a project with one dashboard."""
    (short_tmp / "metrics").write_text('lighthouse_fuse_operations_total{backend="fusepy"} 7\n')
    server = HTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(short_tmp)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = place_in(short_tmp)
    (short_tmp / "rules.yml").write_text(RULES)
    (short_tmp / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
        f"scrape_configs: [{{job_name: b, static_configs: [{{targets: ['127.0.0.1:{server.server_port}']}}]}}]\n"
    )
    program = which("prometheus")
    assert program is not None
    listen = f"--web.listen-address=127.0.0.1:{place.prometheus_port}"
    arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", listen]
    prometheus = subprocess.Popen([program, *arguments], cwd=short_tmp, stderr=subprocess.DEVNULL)
    up = f"http://127.0.0.1:{place.prometheus_port}/api/v1/query?query=lighthouse_fuse_operations_total"
    until(lambda: b'"fusepy"' in ask({"up": up}, 1.0)["up"].body)
    project = short_tmp / "project"
    project.mkdir()
    (project / "board.json").write_text(
        json.dumps({"panels": [{"targets": [{"expr": 'lighthouse_fuse_operations_total{backend=~"$backend"}'}]}]})
    )
    source = Numbers(name="prometheus")
    yield context_in(short_tmp, Scraped(port=server.server_port), place=place, source=source, project=project)
    prometheus.kill()
    prometheus.wait()
    server.shutdown()
    server.server_close()


def found(context: Context) -> dict[str, Finding | None]:
    return {r.check.id: r.finding for r in run(("metrics.scraped", "metrics.expressions"), context)}


def test_what_is_scraped_and_what_is_not(asked: Context) -> None:
    assert found(asked) == {"metrics.scraped": None, "metrics.expressions": None}
    assert asked.project is not None
    (asked.project / "board.json").write_text('{"expr": "lighthouse_gone_total"}')
    empty = found(asked)["metrics.expressions"]
    assert empty is not None
    assert (empty.seen, empty.severity) == ("no data: board.json #1", Severity.WARN)
    asked.target.port = free_ports(1)[0]  # type: ignore[attr-defined]
    other = found(asked)["metrics.scraped"]
    assert other is not None
    assert other.seen.startswith("Prometheus does not scrape the stable Bridge (http://127.0.0.1:")


def test_where_no_prometheus_runs(tmp_path: Path) -> None:
    told = found(context_in(tmp_path, Scraped()))["metrics.scraped"]
    assert told is not None
    assert told.severity is Severity.WARN
    silent = found(context_in(tmp_path, Scraped(), source=Numbers(name="prometheus")))["metrics.scraped"]
    assert silent is not None
    assert silent.severity is Severity.FAIL
