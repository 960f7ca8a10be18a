"""The container's boundary: a start script that runs the wrong module and requirements that install it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks.boundary import boundary, faults, fix, repairs
from checks.check import Context, Finding, Severity
from checks.edits import BACKUPS
from tests.checks.places import HostTarget, context_in
from tests.cleanup import projects

START = """#!/bin/bash
# WRONG: exec "$CONTAINER_PYTHON" -m lighthouse.mcp_server
echo starting
exec "$CONTAINER_PYTHON" -m lighthouse.mcp_server "$@"  # the line
"""
REQUIREMENTS = "pyfuse3>=3.4\ntrio\nmcp>=1.0.0\nmcp-types\n# mcp==1\n"
DOCKERFILE = (
    'FROM x\nCOPY requirements-pyfuse3.txt ./\nRUN pip install -r requirements-pyfuse3.txt\nCMD ["scripts/start.sh"]\n'
)


def project(folder: Path, **more: str) -> Path:
    files = {
        "scripts/start.sh": START,
        "requirements-pyfuse3.txt": REQUIREMENTS,
        "Dockerfile.pyfuse3": DOCKERFILE,
        "requirements-host.txt": "mcp\n",
    }
    return projects.make(folder / "project", files | more)


def asked(folder: Path, project: Path | None) -> Finding | None:
    context: Context = context_in(folder, HostTarget(), project=project)
    return boundary(context)


def test_the_wrong_line_is_named_with_its_correction(tmp_path: Path) -> None:
    finding = asked(tmp_path, project(tmp_path))
    assert finding is not None
    assert finding.severity is Severity.FAIL
    assert 'scripts/start.sh:4 exec "$CONTAINER_PYTHON" -m lighthouse.mcp_server "$@"' in finding.seen
    assert "requirements-pyfuse3.txt:3 mcp>=1.0.0" in finding.seen
    assert 'start.sh:4 → exec "$CONTAINER_PYTHON" -m lighthouse.bridge.main_bridge "$@"' in finding.remedy
    assert "requirements-host.txt" not in finding.seen  # the MCP server belongs on the host


def test_looking_changes_nothing_and_fixing_keeps_a_backup(tmp_path: Path) -> None:
    place = project(tmp_path)
    before = projects.everything(place)
    diffs = "".join(edit.diff(place) for edit in repairs(place))
    assert projects.everything(place) == before
    assert '-exec "$CONTAINER_PYTHON" -m lighthouse.mcp_server "$@"  # the line\n' in diffs
    assert '+exec "$CONTAINER_PYTHON" -m lighthouse.bridge.main_bridge "$@"  # the line\n' in diffs
    assert "-mcp>=1.0.0\n" in diffs
    edits = fix(place)
    for edit in edits:
        assert edit.backup is not None
        assert edit.backup.read_bytes() == before[str(edit.file.relative_to(place))]
    assert os.access(place / "scripts/start.sh", os.X_OK)
    assert projects.git(place, "status", "--porcelain").split() == [
        "M",
        "requirements-pyfuse3.txt",
        "M",
        "scripts/start.sh",
    ]
    assert asked(tmp_path, place) is None
    assert fix(place) == ()
    assert (place / "scripts/start.sh").read_text().splitlines()[1] == START.splitlines()[1]


def test_a_second_repair_keeps_the_first_backup(tmp_path: Path) -> None:
    place = project(tmp_path)
    fix(place)
    (place / "scripts/start.sh").write_text(START)
    fix(place)
    assert len(list((place / BACKUPS / "scripts").iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Dockerfile", 'FROM x\nCMD ["python", "-m", "lighthouse.mcp_server"]\n'),
        ("docker-compose.yml", "services:\n  a:\n    command: python -m lighthouse.mcp_server\n"),
        ("bridge.service", "[Service]\nExecStart=/usr/bin/python3 -m lighthouse.mcp_server\n"),
        ("Procfile", "web: python -m app.mcp_server\r\n"),
    ],
)
def test_every_way_to_start_it_is_found_and_repaired(tmp_path: Path, name: str, text: str) -> None:
    place = projects.make(tmp_path / "project", {name: text})
    assert [fault.file.name for fault in faults(place)] == [name]
    fix(place)
    assert (place / name).read_bytes().decode() == text.replace("mcp_server", "bridge.main_bridge")
    assert asked(tmp_path, place) is None


def test_requirements_that_others_include_are_looked_at(tmp_path: Path) -> None:
    place = project(
        tmp_path, **{"requirements-pyfuse3.txt": "-r base-requirements.txt\n", "base-requirements.txt": "MCP[cli]\n"}
    )
    assert {fault.file.name for fault in faults(place)} == {"start.sh", "base-requirements.txt"}


def test_what_cannot_be_known_is_not_well(tmp_path: Path) -> None:
    nothing = projects.make(tmp_path / "project", {"README.md": "mcp_server\n"})
    finding = asked(tmp_path, nothing)
    assert finding is not None
    assert finding.severity is Severity.UNKNOWN
    unnamed = asked(tmp_path, None)
    assert unnamed is not None
    assert unnamed.severity is Severity.WARN
    missing = asked(tmp_path, tmp_path / "gone")
    assert missing is not None
    assert missing.severity is Severity.FAIL


def test_a_project_without_git_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/start.sh").write_text(START)
    assert [fault.line for fault in faults(tmp_path / "p")] == [4]
