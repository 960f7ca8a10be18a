"""`cleanup`, `archive` and `report` as commands: what they print, and what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cleanup import archive
from tests.cleanup import projects

PROGRAM = str(Path(sys.executable).with_name("lighthouse-migrate"))


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder."""
    return subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    projects.make(tmp_path / "project")
    (tmp_path / "lighthouse-migrate.toml").write_text('name = "t"\nproject = "project"\n[target]\nlive = "live"\n')
    return tmp_path


def test_a_dry_run_prints_the_exact_diff_and_touches_nothing(folder: Path) -> None:
    before = projects.everything(folder)
    said = run(folder, "cleanup", "--dry-run")
    assert said.returncode == 0, said.stderr
    assert projects.everything(folder) == before
    copy = folder / "copy"
    projects.git(folder, "clone", "--quiet", "project", "copy")
    subprocess.run(["git", "apply", "-"], cwd=copy, input=said.stdout, text=True, check=True)
    assert "fusepy" not in (copy / "requirements.txt").read_text()
    assert not (copy / "scripts/migration").exists()


def test_the_diff_of_another_system_s_line_ends_can_be_applied(tmp_path: Path) -> None:
    lines = "\ufeff# первый\r\nfusepy\r\npage\x0cfeed # no package\r\n"
    projects.make(tmp_path / "project", {"requirements.txt": lines, "scripts/migration/a.bin": "\0binary\0"})
    said = subprocess.run([PROGRAM, "cleanup", "--dry-run", "--project", "project"], cwd=tmp_path, capture_output=True)
    assert b"Binary files a/scripts/migration/a.bin and /dev/null differ\n" in said.stdout
    text = said.stdout.partition(b"Binary")[0]
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=tmp_path / "project", input=text, check=True)
    assert (tmp_path / "project/requirements.txt").read_bytes() == lines.replace("fusepy\r\n", "").encode()


def test_the_inventory_is_a_table_and_json(folder: Path) -> None:
    said = run(folder, "cleanup", "--project", "project")
    assert said.stdout.splitlines()[0].split() == ["what", "where", "what", "is", "done"]
    assert "left to you: prose is for its author to change" in said.stdout
    found = json.loads(run(folder, "cleanup", "--project", "project", "--json").stdout)
    assert (found["format"], found["kind"]) == (1, "inventory")
    assert {"kind", "what", "path", "line", "doing", "why", "stays"} == found["traces"][0].keys()


def test_the_host_keeps_its_packages_before_week_8(folder: Path) -> None:
    said = run(folder, "cleanup", "--host", "--confirm", "t")
    assert (said.returncode, "until week 8 was entered" in said.stderr) in ((3, True), (0, False))
    assert said.returncode == 3 or "nothing of libfuse 2 is installed" in said.stdout


def test_the_archive_is_listed_verified_and_restored(folder: Path) -> None:
    assert "there is no archive" in run(folder, "archive", "list").stderr
    projects.git(folder / "project", "tag", "pre-pyfuse3-migration")
    kept = folder / ".lighthouse-migrate" / "archive"
    archive.make(kept, archive.Contents(folder / "project"), 1.0)
    assert "project/history.bundle" in run(folder, "archive", "list").stdout
    assert json.loads(run(folder, "archive", "list", "--json").stdout)["kind"] == "archive"
    verified = run(folder, "archive", "verify", "--restore")
    assert verified.stdout.startswith("[ok]   2 files"), verified.stderr
    assert run(folder, "archive", "restore", "--into", "again").returncode == 0
    assert (folder / "again/requirements.txt").read_bytes() == (folder / "project/requirements.txt").read_bytes()
    assert run(folder, "archive", "restore", "--into", "again").returncode == 2
    (kept / "project/tree.tar").write_bytes(b"")
    damaged = run(folder, "archive", "verify")
    assert damaged.returncode == 1
    assert "[FAIL] project/tree.tar was changed" in damaged.stdout


def test_a_report_of_nothing_is_refused_and_of_something_written(folder: Path) -> None:
    assert run(folder, "report").returncode == 2
    run(folder, "init")
    from runbook.journal import Journal

    journal = Journal(folder / ".lighthouse-migrate" / "journal.sqlite")
    journal.append(1.0, "initialised", name="t", target="local")
    journal.close()
    assert run(folder, "report").stdout.startswith("# t: from fusepy to pyfuse3")
    said = run(folder, "report", "--html", "r.html", "--markdown", "r.md")
    assert said.returncode == 0, said.stderr
    assert (folder / "r.html").read_text().startswith("<!doctype html>")
    assert (folder / "r.md").read_text().startswith("# t: from fusepy")
