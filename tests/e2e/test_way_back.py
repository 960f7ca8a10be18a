"""After week 8 fusepy is gone, and one command brings it back from what was kept."""

from __future__ import annotations

import json

import pytest

from checks import boundary
from runbook.rehearsal.sample_project import commit, make
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.fuse, pytest.mark.haproxy, pytest.mark.timeout(1500)]


def test_rollback_after_the_cleanup_serves_fusepy_again_and_loses_nothing(operator: Operator) -> None:
    project = operator.folder / "project"
    make(project)
    boundary.fix(project)
    commit(project, "Run the Bridge in the container, and nothing else")
    operator.init()
    operator.path.write_text('project = "project"\n' + operator.path.read_text())
    name = operator.settings.name
    operator.advance()
    operator.work()
    while operator.status()["week"] != 6:
        operator.advance()
    while operator.status()["week"] != 8:
        operator.advance("--confirm", name)
    said = operator.status()
    assert (said["sides"]["stable"], said["sides"]["canary"]["image"]) == (None, "fuse3")
    assert not list(operator.settings.place.state.glob("images/*/lib/python*/site-packages/fuse.py"))
    assert "fusepy" not in (project / "requirements.txt").read_text()

    moved = json.loads(operator.succeed("rollback", "--json"))
    assert moved["seconds"] < 60
    said = operator.status()
    assert (said["sides"]["stable"]["serving"], said["sides"]["canary"], said["live"]) == (
        "fusepy",
        None,
        said["sides"]["stable"]["name"],
    )
    totals = operator.rest()
    assert totals.failed == 0, totals.failures[:3]
