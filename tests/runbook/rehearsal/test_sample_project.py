"""The sample project is a repository as the documents describe it, and the same one every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runbook.rehearsal.sample_project import commit, make


def git(folder: Path, *arguments: str) -> str:
    asked = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))  # where git was never set up
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    make(tmp_path / "project")
    return tmp_path / "project"


def test_it_is_committed_and_clean(project: Path) -> None:
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git(project, "log", "--format=%an") == "Sample Operator"


def test_it_is_the_same_every_time(project: Path, tmp_path: Path) -> None:
    make(tmp_path / "again")
    assert git(tmp_path / "again", "rev-parse", "HEAD") == git(project, "rev-parse", "HEAD")


def test_it_never_overwrites(project: Path) -> None:
    with pytest.raises(FileExistsError):
        make(project)


def test_later_commits_and_tags_need_no_setup(project: Path) -> None:
    (project / "new").touch()
    commit(project, "Add a file")
    git(project, "tag", "-a", "-m", "before", "pre-pyfuse3-migration")
    assert git(project, "tag") == "pre-pyfuse3-migration"


def test_it_has_the_documents_mistakes_and_layout(project: Path) -> None:
    assert "mcp>=1.0.0" in (project / "requirements-pyfuse3.txt").read_text().splitlines()
    start = (project / "scripts/docker/start-bridge-pyfuse3.sh").read_text()
    assert start.splitlines()[-1] == 'exec "$CONTAINER_PYTHON" -m lighthouse.mcp_server'
    workflow = (project / ".github/workflows/dual-fuse.yml").read_text()
    assert all(f"  {job}:\n" in workflow for job in ("test-fusepy", "test-pyfuse3", "test-compatibility"))
    dockerfile = (project / "Dockerfile.dual-fuse").read_text()
    stages = [line.rpartition(" AS ")[2] for line in dockerfile.splitlines() if line.startswith("FROM ")]
    assert stages == ["builder", "tester", "runtime", "development", "benchmark"]
    assert (project / "src/lighthouse/fuse/backends/fusepy/__init__.py").is_file()
    assert (project / "scripts/migration/compare-backends.py").is_file()


@pytest.mark.fuse
def test_its_own_tests_pass(project: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout
