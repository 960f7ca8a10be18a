"""A project as the documents leave it, mistakes included: what is wrong is named, the kit goes in, the walk begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checks import boundary
from runbook.rehearsal.sample_project import commit, make
from tests.e2e.operator import Operator

pytestmark = [
    pytest.mark.docker,
    pytest.mark.fuse,
    pytest.mark.root,
    pytest.mark.haproxy,
    pytest.mark.timeout(600),
]

# What the documents' compose file asks for and no engine gives.
COMPOSE = """\
services:
  bridge:
    build: {context: ., dockerfile: Dockerfile.dual-fuse}
    security_opt: ["seccomp:./security/seccomp-fuse.json"]
    cpus: 4096.0
    healthcheck: {test: [CMD, python, scripts/docker/validate-fuse-backend.py]}
"""
SECCOMP = '{"syscalls": [{"args": [{"index": 2, "value": "fuse", "op": "SCMP_CMP_EQ"}]}]}\n'
MISTAKEN = (
    "Dockerfile.dual-fuse",
    "docker-compose.dual-fuse.yml",
    "security/seccomp-fuse.json",
    "scripts/docker/validate-fuse-backend.py",
    "scripts/docker/start-bridge-pyfuse3.sh",
)


def test_from_the_documents_files_to_a_bridge_that_serves(operator: Operator) -> None:
    project = operator.folder / "project"
    make(project)
    (project / "docker-compose.dual-fuse.yml").write_text(COMPOSE)
    (project / "security").mkdir()
    (project / "security/seccomp-fuse.json").write_text(SECCOMP)
    commit(project, "Start from the documents")
    operator.succeed("init", "--target", "docker", "--project", "project", "--base-port", str(operator.port))

    told = operator.type("check", "containers", "boundary", "--json")
    said = json.dumps(json.loads(told.stdout))
    assert [name for name in MISTAKEN if name not in said] == []

    dry = operator.type("kit", "write", "--dry-run")
    assert dry.returncode == 0
    assert "cpus: 4096.0" in dry.stderr, "the diff shows what goes"
    operator.succeed("kit", "write", "--yes")
    boundary.fix(project)
    commit(project, "Take the kit")
    left = json.loads(operator.type("check", "containers", "boundary", "--json").stdout)
    wrong = json.dumps([result for result in left["results"] if result["outcome"] != "ok"])
    assert [name for name in MISTAKEN[:4] if name in wrong] == []

    assert operator.advance()["week"] == 0
    stable = operator.status()["sides"]["stable"]
    assert (stable["serving"], stable["ready"]) == ("fusepy", True)
    (operator.settings.place.live / "current" / "a").write_text("served")
    assert (Path(stable["mount"]) / "current" / "a").read_text() == "served"
