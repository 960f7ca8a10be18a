"""The museum's deployment: it stands in week 4 with two real Bridges, something of it is broken, and typed commands
of the finding repair it: `advance` brings back what differs before it is held by the soak, `check backup` backs up."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from checks.runner import run
from deployment.model import Deployment, Image, Instance
from deployment.plan import plan
from deployment.targets.local import LocalTarget
from phases.deployments import share
from runbook.journal import Journal
from tests.checks.places import context_in
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy]

ASKED = ("service.stable", "service.canary", "router.share", "backup.fresh", "target.reachable")
WEEK, STAGE = 4, share(10)


@dataclass
class Deployed:
    """A deployment that stands where its journal says it does."""

    operator: Operator
    target: LocalTarget

    def found(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return what each check sees that is no warning and not merely unknown, with its commands."""
        settings = self.operator.settings
        journal = Journal(settings.journal)
        try:
            evidence = {e.data["name"]: e.data["data"] for e in journal.events() if e.kind == "evidence"}
        finally:
            journal.close()
        context = context_in(self.operator.folder, self.target, place=settings.place, evidence=evidence, desired=STAGE)
        results = run(ASKED, context)
        return {
            r.check.id: (r.finding.seen, r.finding.commands)
            for r in results
            if r.finding and r.finding.severity == "fail"
        }

    def bring(self, desired: Deployment = STAGE) -> None:
        """Bring the deployment somewhere without the journal knowing."""
        for _ in range(3):
            for change in plan(self.target.observe(), desired):
                self.target.apply(change, lambda _line: None)

    @property
    def newest_backup(self) -> Path:
        """The newest backup's file."""
        return sorted((self.operator.settings.place.state / "backups").glob("events-*.sqlite"))[-1]


@pytest.fixture(scope="module")
def deployed(short_root: Path) -> Iterator[Deployed]:
    folder = short_root / "museum"
    folder.mkdir()
    operator = Operator(folder)
    operator.succeed("init", "--base-port", str(operator.port))
    world = Deployed(operator, LocalTarget(operator.settings.place))
    try:
        world.bring()
        journal = Journal(operator.settings.journal)
        journal.append(time.time(), "entered", week=WEEK, stage=0, name="canary", stage_name="10%")
        journal.close()
        operator.succeed("check", "backup")
        yield world
    finally:
        operator.tear_down()
        shutil.rmtree(folder, ignore_errors=True)


def _other_backend(world: Deployed) -> None:
    world.bring(replace(STAGE, canary=Instance(Image.DUAL, "fusepy", "pyfuse3")))


def _changed(world: Deployed) -> None:
    with world.newest_backup.open("ab") as stream:
        stream.write(b"x")


EXHIBITS: tuple[tuple[str, str, str, Callable[[Deployed], None]], ...] = (
    (
        "drift of the share",
        "router.share",
        "the router is set to 0%, the stage wants 10%",
        lambda w: w.bring(share(0)),
    ),
    (
        "another backend than claimed",
        "service.canary",
        "serves fusepy, not pyfuse3 (it was told fusepy)",
        _other_backend,
    ),
    ("no canary", "service.canary", "no canary Bridge runs", lambda w: w.bring(replace(share(0), canary=None))),
    ("a backup that was changed", "backup.fresh", "was changed since it was verified", _changed),
    ("a backup that is gone", "backup.fresh", "is gone", lambda w: w.newest_backup.unlink()),
)


@pytest.mark.parametrize(("finds", "seen", "break_it"), [e[1:] for e in EXHIBITS], ids=[e[0] for e in EXHIBITS])
def test_it_is_found_and_repaired(
    deployed: Deployed, finds: str, seen: str, break_it: Callable[[Deployed], None]
) -> None:
    assert deployed.found() == {}
    break_it(deployed)
    found = deployed.found()
    assert seen in found[finds][0]
    assert found.keys() <= {finds, "router.share"}  # without a canary there is no share of it
    said = []
    for command in found[finds][1]:
        program, *words = shlex.split(command)
        assert program == "lighthouse-migrate"
        agreed = ["--yes"] if "advance" in words else []
        said.append(deployed.operator.type(*words, *agreed))
    assert deployed.found() == {}, [json.dumps([done.args, done.stdout, done.stderr]) for done in said]
