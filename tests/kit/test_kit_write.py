"""`lighthouse-migrate kit write`: nothing is lost or replaced unseen, and its readers take what it writes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from deployment.kit import everything
from deployment.targets.processes import which
from runbook.rehearsal import sample_project

PROGRAM = str(Path(sys.executable).with_name("lighthouse-migrate"))
COMPOSE = str(Path(sys.executable).with_name("docker-compose"))
SCHEMA = str(Path(sys.executable).with_name("check-jsonschema"))
SCHEMAS = {
    "docker-compose.dual-fuse.yml": ("vendor.compose-spec",),
    ".github/workflows/dual-fuse.yml": ("vendor.github-workflows",),
    ".gitlab/ci/dual-fuse.yml": ("vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
}


def kit(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "kit", "write", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    done = kit("--into", str(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_everything_is_written_as_it_is_in_the_kit(written: Path) -> None:
    for artefact in everything():
        path = written / artefact.path
        assert path.read_bytes() == artefact.data
        assert path.stat().st_mode & 0o777 == artefact.mode
    assert not list(written.rglob(".*.[0-9]*"))


def test_a_second_time_writes_nothing(written: Path) -> None:
    done = kit("--into", str(written), cwd=written)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        f"{written} has the whole kit already; nothing was written",
    )


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    done = kit("--into", str(tmp_path), "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "new           Dockerfile.dual-fuse" in done.stderr
    assert done.stdout.startswith("nothing was written; without --dry-run: ")
    assert list(tmp_path.iterdir()) == []


def test_a_changed_file_is_shown_and_nothing_is_written_until_somebody_agrees(tmp_path: Path) -> None:
    mine = tmp_path / "docker-compose.dual-fuse.yml"
    mine.write_text("services: {mine: {image: mine}}\n")
    refused = kit("--into", str(tmp_path), cwd=tmp_path)
    assert refused.returncode == 2
    assert "-services: {mine: {image: mine}}" in refused.stderr
    assert "+name: lighthouse" in refused.stderr
    assert "error: 1 file would be replaced" in refused.stderr
    assert "kit write --yes" in refused.stderr
    assert list(tmp_path.iterdir()) == [mine]
    agreed = kit("--into", str(tmp_path), "--yes", cwd=tmp_path)
    assert agreed.returncode == 0
    assert "-services: {mine: {image: mine}}" in agreed.stderr
    assert mine.read_text().startswith("# The Bridge during the migration")
    mine.write_text("services: {again: {image: mine}}\n")
    assert kit("--into", str(tmp_path), "--json", cwd=tmp_path).returncode == 2
    as_json = kit("--into", str(tmp_path), "--json", "--yes", cwd=tmp_path)
    assert json.loads(as_json.stdout)["changed"] == [mine.name]
    assert "-services: {again: {image: mine}}" in as_json.stderr
    kept = tmp_path / ".lighthouse-migrate-backup" / mine.name
    assert kept.read_text() == "services: {mine: {image: mine}}\n"
    assert str(kept) in agreed.stderr


@pytest.mark.parametrize(("answer", "code"), [("n", 3), ("y", 0)])
def test_a_person_is_asked(tmp_path: Path, answer: str, code: int) -> None:
    mine = tmp_path / "requirements/common.txt"
    mine.parent.mkdir()
    mine.write_text("mine\n")
    person, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [PROGRAM, "kit", "write", "--into", str(tmp_path)],
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
        )
        os.write(person, f"{answer}\n".encode())
        os.close(terminal)
        said = b""
        while b"error:" not in said and process.poll() is None:
            try:
                said += os.read(person, 65536)
            except OSError:  # the terminal's other end is closed
                break
        assert process.wait(timeout=20) == code
    finally:
        os.close(person)
    assert b"replace 1 file? [y/N]" in said
    assert (mine.read_text() == "mine\n") is (answer == "n")


def test_what_the_walk_changes_is_left_as_it_is(tmp_path: Path) -> None:
    share = tmp_path / "haproxy/weight.map"
    share.parent.mkdir()
    share.write_text("canary 50\n")
    done = kit("--into", str(tmp_path), "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (told["kind"], told["changed"], told["kept"], told["written"]) == ("kit", [], ["haproxy/weight.map"], True)
    assert share.read_text() == "canary 50\n"


def test_nothing_is_written_through_a_link_that_leads_out(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / "app").symlink_to(outside)
    done = kit("--into", str(project), cwd=project)
    assert done.returncode == 1
    assert f"leads out of {project}" in done.stderr
    assert list(outside.iterdir()) == []
    assert list(project.iterdir()) == [project / "app"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = kit("--into", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert done.returncode == 2
    assert f"mkdir -p {tmp_path / 'nowhere'}" in done.stderr


def test_without_a_folder_it_goes_where_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "lighthouse-migrate.toml").write_text('project = "service"\n[target]\nlive = "live"\n')
    assert kit(cwd=tmp_path).returncode == 0
    assert (tmp_path / "service/Dockerfile.dual-fuse").exists()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_schemas_of_those_who_read_it_accept_it(written: Path, name: str) -> None:
    schema, *options = SCHEMAS[name]
    done = subprocess.run(
        [SCHEMA, "--builtin-schema", schema, *options, written / name], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", ["", "migration", "development", "benchmark"])
def test_compose_reads_it_with_every_profile(written: Path, profile: str) -> None:
    done = subprocess.run(
        [COMPOSE, "-f", "docker-compose.dual-fuse.yml", "config", "--format", "json"],
        cwd=written,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "COMPOSE_PROFILES": profile},
    )
    assert (done.returncode, done.stderr) == (0, "")
    services = json.loads(done.stdout)["services"]
    always = {"primary", "router", "prometheus", "grafana"}
    more = {"": set(), "migration": {"shadow", "compatibility"}}.get(profile, {profile})
    assert set(services) == always | more
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert "privileged" not in service


@pytest.mark.haproxy
def test_haproxy_takes_its_configuration(written: Path) -> None:
    program = which("haproxy")
    assert program is not None
    done = subprocess.run(
        [program, "-c", "-f", "haproxy.cfg"], cwd=written / "haproxy", capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr


def test_every_file_that_is_mounted_or_copied_is_written(written: Path) -> None:
    composed = subprocess.run(
        [COMPOSE, "-f", "docker-compose.dual-fuse.yml", "--profile", "*", "config", "--format", "json"],
        cwd=written,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    for service in json.loads(composed.stdout)["services"].values():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind" and volume["source"].startswith(str(written)):
                assert Path(volume["source"]).exists(), volume
    copied = [
        word
        for line in (written / "Dockerfile.dual-fuse").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    for pattern in copied:
        assert pattern.startswith("wheel") or list(written.glob(pattern)), pattern


def test_the_documents_own_project_is_shown_what_changes_in_it(tmp_path: Path) -> None:
    project = tmp_path / "service"
    sample_project.make(project)
    done = kit("--into", str(project), "--yes", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "-    LD_LIBRARY_PATH=" in done.stderr  # a mistake of theirs, gone
    assert "-    fuse \\" in done.stderr
