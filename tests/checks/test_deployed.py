"""Checks asked of a real deployment: two Bridges, a router, real mounts, a tenth of the clients on the canary."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from checks.check import Context, Finding, Severity
from checks.runner import run
from deployment.errors import ChangeFailedError
from deployment.metrics.scrape import ScrapeSource
from deployment.model import Change, Deployment, Image, Instance, Kind, Observation, Side
from deployment.plan import plan
from deployment.targets.local import LocalTarget
from deployment.targets.target import Completed, Place, Say
from phases.deployments import share
from tests.checks.places import context_in, place_in

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy]

TENTH = share(10)


@dataclass
class Deployed:
    """A deployment that stands, and what its checks recorded."""

    target: LocalTarget
    place: Place
    evidence: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def bring(self, desired: Deployment) -> None:
        """Bring it to a desired deployment."""
        for _ in range(3):
            for change in plan(self.target.observe(), desired):
                self.target.apply(change, lambda line: None)

    def context(self, **more: Any) -> Context:
        """Return what a check may look at here."""
        target = more.pop("target", self.target)
        source = ScrapeSource(self.place.state, self.target.metrics)
        place = more.pop("place", self.place)
        known = {"iterations": 10, "warmup": 1} | more
        return context_in(
            self.place.state.parent,
            target,
            place=place,
            source=source,
            evidence=self.evidence,
            record=lambda name, found: self.evidence.update({name: dict(found)}),
            say=self.said.append,
            **known,
        )

    def ask(self, *ids: str, **more: Any) -> dict[str, Finding | None]:
        """Ask checks and return what they found."""
        return {result.check.id: result.finding for result in run(ids, self.context(**more))}


@pytest.fixture(scope="module")
def deployed(short_root: Path) -> Iterator[Deployed]:
    folder = short_root / "checks"
    folder.mkdir()
    place = place_in(folder)
    world = Deployed(LocalTarget(place), place)
    try:
        world.bring(TENTH)
        yield world
    finally:
        left = world.target.destroy(lambda line: None)
        shutil.rmtree(folder, ignore_errors=True)
    assert left == ()


def requests(port: int, count: int) -> None:
    """Send requests of many clients through the router."""
    for number in range(count):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/health", headers={"X-Client-Id": f"c{number}"})
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert answer.status == 200


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for the real world to get somewhere."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def scratch_left(deployed: Deployed) -> list[str]:
    found: list[str] = []
    for state in deployed.target.observe().instances:
        found += [entry.name for entry in Path(state.mount, "current").glob("lighthouse-migrate*")]
    return found


def test_a_healthy_deployment_has_no_finding(deployed: Deployed) -> None:
    requests(deployed.place.router_port, 200)
    found = deployed.ask(
        *("target.reachable", "host.ports", "host.stale-mounts", "host.live-path", "service.stable", "service.canary"),
        *("mount.fusepy", "mount.pyfuse3", "functional.stable", "functional.canary", "metrics.fresh", "router.share"),
        desired=TENTH,
    )
    assert {name: finding for name, finding in found.items() if finding is not None} == {}
    assert scratch_left(deployed) == []


def test_both_backends_behave_alike(deployed: Deployed) -> None:
    assert deployed.ask("parity") == {"parity": None}
    assert scratch_left(deployed) == []


def test_a_weight_that_nobody_wanted_is_seen(deployed: Deployed) -> None:
    finding = deployed.ask("router.share", desired=share(50))["router.share"]
    assert finding is not None
    assert finding.seen == "the router is set to 10%, the stage wants 50%"


def test_the_store_is_backed_up_read_back_and_rotated(deployed: Deployed) -> None:
    for _ in range(9):
        assert deployed.ask("backup", "backup.fresh") == {"backup": None, "backup.fresh": None}
    backups = sorted((deployed.place.state / "backups").iterdir())
    assert len(backups) == 7
    newest = deployed.evidence["backup"]
    assert newest["path"] == str(backups[-1])
    with sqlite3.connect(f"file:{backups[-1]}?mode=ro", uri=True) as store:
        assert store.execute("pragma integrity_check").fetchone() == ("ok",)
    store.close()


def test_a_backup_that_is_old_changed_or_gone_is_seen(deployed: Deployed) -> None:
    assert deployed.ask("backup") == {"backup": None}
    tomorrow = time.time() + 25 * 3600
    old = deployed.ask("backup.fresh", now=lambda: tomorrow)["backup.fresh"]
    assert old is not None
    assert old.seen == "the newest backup is 25 h old"
    file = Path(deployed.evidence["backup"]["path"])
    with file.open("ab") as stream:
        stream.write(b"x")
    changed = deployed.ask("backup.fresh")["backup.fresh"]
    assert changed is not None
    assert "was changed since it was verified" in changed.seen
    file.unlink()
    gone = deployed.ask("backup.fresh")["backup.fresh"]
    assert gone is not None
    assert gone.seen.endswith("is gone")
    assert deployed.ask("backup", "backup.fresh") == {"backup": None, "backup.fresh": None}  # the remedy


def test_a_store_that_is_not_there_cannot_be_backed_up(deployed: Deployed) -> None:
    place = replace(deployed.place, store=deployed.place.store.with_name("nowhere.sqlite"))
    finding = deployed.ask("backup", place=place)["backup"]
    assert finding is not None
    assert finding.seen.startswith("the backup failed:")


def test_the_baseline_is_recorded_and_every_criterion_reported(deployed: Deployed) -> None:
    found = deployed.ask("benchmark.baseline", "benchmark.comparison")
    assert found["benchmark.baseline"] is None
    baseline = deployed.evidence["benchmark.baseline"]
    assert len(baseline["results"]["fusepy"]) == 10
    reported = deployed.evidence["benchmark.comparison"]["criteria"]
    assert {c["name"] for c in reported} == {"read_small", "write_small", "stat", "readdir", "memory", "CPU"}
    missed = [c["name"] for c in reported if c["value"] > c["limit"]]
    assert (found["benchmark.comparison"] is None) == (not missed)
    assert len([line for line in deployed.said if "≤" in line or ">" in line]) >= 6


def test_a_drill_moves_the_traffic_away_and_back_unnoticed(deployed: Deployed) -> None:
    deployed.bring(TENTH)
    assert deployed.ask("drill") == {"drill": None}
    evidence = deployed.evidence["drill"]
    assert evidence["verified"]
    assert evidence["restored"]
    assert 0 < evidence["seconds"] < 5
    assert evidence["requests"] > 100
    assert evidence["failed_requests"] == 0
    assert deployed.target.observe().weight == 10


@dataclass
class Refuses:
    """The real target, except that it no longer gives the canary traffic."""

    real: LocalTarget
    kind: str = "local"
    refused: int = 0

    def observe(self) -> Observation:
        return self.real.observe()

    def apply(self, change: Change, say: Say) -> None:
        if change.kind is Kind.WEIGHT and change.weight:
            self.refused += 1
            raise ChangeFailedError("the canary takes no traffic")
        self.real.apply(change, say)

    def run(self, argv: Sequence[str], image: Image, timeout: float) -> Completed:
        return self.real.run(argv, image, timeout)

    def destroy(self, say: Say) -> tuple[str, ...]:
        return self.real.destroy(say)


def test_a_drill_that_cannot_come_back_leaves_the_traffic_on_stable(deployed: Deployed) -> None:
    deployed.bring(TENTH)
    target = Refuses(deployed.target)
    finding = deployed.ask("drill", target=target)["drill"]
    assert finding is not None
    assert finding.seen == (
        "what was there before could not be restored: the canary takes no traffic; traffic was left on stable"
    )
    assert (target.refused, deployed.target.observe().weight) == (1, 0)
    nothing = deployed.ask("drill")["drill"]
    assert nothing is not None
    assert nothing.severity is Severity.WARN
    deployed.bring(TENTH)


def test_a_canary_that_serves_the_wrong_backend_is_seen(deployed: Deployed) -> None:
    deployed.bring(replace(TENTH, canary=Instance(Image.DUAL, "fusepy", "pyfuse3")))
    finding = deployed.ask("service.canary")["service.canary"]
    deployed.bring(TENTH)
    assert finding is not None
    assert finding.seen.endswith("serves fusepy, not pyfuse3 (it was told fusepy)")
    assert finding.commands == ("lighthouse-migrate check mount.pyfuse3", "lighthouse-migrate advance")
    assert deployed.ask("service.canary") == {"service.canary": None}


def test_a_mount_that_hangs_is_seen_and_holds_no_check(deployed: Deployed) -> None:
    state = deployed.target.observe().serving(Side.CANARY)
    assert state is not None
    with urllib.request.urlopen(f"http://{state.address}/health", timeout=5) as answer:
        server = json.load(answer)["mount_pid"]
    os.kill(server, signal.SIGSTOP)
    try:
        wait_until(lambda: not (deployed.target.observe().serving(Side.CANARY) or state).ready)
        begun = time.monotonic()
        found = deployed.ask("service.canary", "host.stale-mounts", "functional.canary")
        assert time.monotonic() - begun < 30  # it stays stopped, and a check may take 90 s
    finally:
        os.kill(server, signal.SIGCONT)
    assert found["service.canary"] is not None
    assert "is not ready" in found["service.canary"].seen
    assert found["host.stale-mounts"] is not None
    assert "hangs" in found["host.stale-mounts"].seen
    assert found["functional.canary"] is not None
    assert found["functional.canary"].severity is Severity.UNKNOWN
    wait_until(
        lambda: (
            deployed.ask("service.canary", "host.stale-mounts")
            == dict.fromkeys(("service.canary", "host.stale-mounts"))
        )
    )
