"""`check` and `checks`: what is asked, what is said of each, and what `--fix` writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from checks.explanations import EXPLANATIONS
from checks.registry import ALWAYS, CHECKS
from runbook.settings import FILE
from tests.checks.museum.project import HEALTHY
from tests.checks.worlds import NOBODY, reachable
from tests.cleanup import projects
from tests.ports import free_ports

START = {"start.sh": "#!/bin/bash\nexec python -m lighthouse.mcp_server\n"}


def place(folder: Path) -> Path:
    """Make a project that starts the wrong module, and settings that name it."""
    projects.make(folder / "project", HEALTHY | START)
    first = free_ports(1)[0]
    settings = folder / FILE
    settings.write_text(f'project = "project"\n[target]\nlive = "live"\n[ports]\nprometheus = {first}\n')
    return settings


def typed(folder: Path, *arguments: str, user: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Type a command in a folder."""
    program = [*user, sys.executable, "-c", "from runbook.cli.main import run; run()", *arguments]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=60)


def test_every_check_is_explained_and_nothing_else() -> None:
    assert EXPLANATIONS.keys() == CHECKS.keys()


def test_checks_are_listed_and_explained(tmp_path: Path) -> None:
    listed = json.loads(typed(tmp_path, "checks", "list", "--json").stdout)
    assert [c["id"] for c in listed["checks"]] == list(CHECKS)
    told = typed(tmp_path, "checks", "explain", "host.fuse-device").stdout
    assert told.startswith("host.fuse-device  Can /dev/fuse be opened")
    assert "asked     in week 0, and by `check` whatever the week" in told
    refused = typed(tmp_path, "checks", "explain", "host.fuse")
    assert (refused.returncode, "checks list" in refused.stderr) == (2, True)


def test_what_is_asked_may_be_narrowed_to_a_place(tmp_path: Path) -> None:
    place(tmp_path)
    asked = json.loads(typed(tmp_path, "check", "--where", "project", "--json").stdout)["results"]
    assert {r["id"] for r in asked} == {i for i in ALWAYS if CHECKS[i].where == "project"}
    assert all(r["link"].startswith("docs/checks.md#") for r in asked)
    refused = typed(tmp_path, "check", "--where", "nowhere")
    assert (refused.returncode, "host, bridge, image, project" in refused.stderr) == (2, True)


def test_a_repair_is_shown_agreed_to_kept_and_journaled(tmp_path: Path) -> None:
    place(tmp_path)
    script = tmp_path / "project" / "start.sh"
    nobody = typed(tmp_path, "check", "--fix", "boundary")
    assert (nobody.returncode, script.read_text()) == (2, START["start.sh"])
    assert "+exec python -m lighthouse.bridge.main_bridge" in nobody.stderr
    done = typed(tmp_path, "check", "--fix", "--yes", "boundary")
    assert done.returncode == 0, done.stderr
    assert script.read_text() == "#!/bin/bash\nexec python -m lighthouse.bridge.main_bridge\n"
    (kept,) = (tmp_path / "project" / ".lighthouse-migrate-backup").glob("start.sh")
    assert kept.read_text() == START["start.sh"]
    told = [json.loads(line) for line in typed(tmp_path, "history", "--json").stdout.splitlines()[1:]]
    (repaired,) = [event["data"] for event in told if event["event"] == "repaired-file"]
    assert repaired == {"check": "boundary", "file": str(script), "backup": str(kept)}
    outcomes = [e["data"]["outcome"] for e in told if e["event"] == "checked" and e["data"]["id"] == "boundary"]
    assert outcomes == ["fail", "fail", "ok"]


@pytest.mark.root
def test_an_ordinary_user_is_told_what_was_not_seen(short_tmp: Path) -> None:
    place(short_tmp)
    for entry in (short_tmp, *short_tmp.rglob("*")):
        os.chown(entry, 65534, 65534)
    program = [*NOBODY, sys.executable, "-c", "from runbook.cli.main import run; run()", "check", "--where", "host"]
    script = f'{reachable(short_tmp)}cd {short_tmp}; "$@"'
    apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "world", *program]
    done = subprocess.run(apart, capture_output=True, text=True, timeout=60)
    assert "not seen as this user: which process of another user holds a port" in done.stdout, done.stderr
