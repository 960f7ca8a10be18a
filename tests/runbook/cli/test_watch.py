"""`watch`: how a look reads, how its lines thin out, and the systemd unit it installs."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from checks.gate import Status as Outcome
from checks.gate import Verdict
from runbook import guard_unit
from runbook.cli.main import app
from runbook.guard_decision import Look
from runbook.guard_words import as_json, essence, line, pause
from tests.runbook.tui.hand import NOW, PICTURES

SHOT = PICTURES["soak"].snapshot
TRIGGERS = (
    Verdict("error-ratio", Outcome.PASS, 0.0002, 0.01, 60.0, 900, "error ratio 0.02% ≤ 1%"),
    Verdict("p99-1s", Outcome.FAIL, 0.02, 0.01, 2.0, 900, "operations over 1 s 2% > 1%"),
    Verdict("divergence", Outcome.INCONCLUSIVE, None, 0.001, 60.0, 0, "nothing compared"),
    Verdict("heartbeat", Outcome.PASS, 1.0, 1.0, 5.0, 5, "the mount answers its heartbeat"),
)
LOOK = Look(NOW, SHOT.state, SHOT, TRIGGERS, ())


def test_a_line_says_where_it_is_and_what_it_sees() -> None:
    said = line(LOOK, "")
    assert "w5 SOAK | 10.2% | err 0.02% | >1s 2% OVER | div ? | beat ok | soak" in said
    held = replace(SHOT, word="HOLD", why="p95 5.6 ms > 5 ms")
    assert "w5 HOLD p95 5.6 ms > 5 ms |" in line(Look(NOW, SHOT.state, held, (), ()), "")
    assert "w5 SOAK the metrics do not answer |" in line(LOOK, "the metrics do not answer")


def test_a_look_is_plain_json() -> None:
    said = json.loads(json.dumps(as_json(LOOK, "")))
    assert (said["week"], said["traffic"]) == (5, {"set": 10, "actual": 10.2})
    assert [t["status"] for t in said["triggers"]] == ["pass", "fail", "inconclusive", "pass"]


def test_lines_thin_out_and_news_comes_at_once() -> None:
    assert [pause(age) for age in (1, 61, 3601)] == [2.0, 60.0, 600.0]
    later = replace(LOOK, at=NOW + 1)
    assert essence(later, "") == essence(LOOK, "")
    assert essence(LOOK, "the metrics do not answer") != essence(LOOK, "")
    assert essence(replace(LOOK, verdicts=TRIGGERS[:1]), "") != essence(LOOK, "")


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "a place" / "lighthouse-migrate.toml"
    path.parent.mkdir()
    path.write_text('name = "prod/bridge 100%"\n')
    return path


def test_the_unit_is_shown_and_only_then_written(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tmp_path / "systemd" / "guard.service"
    monkeypatch.setattr(guard_unit, "place", lambda _name: unit)
    run = CliRunner().invoke
    shown = run(app, ["--settings", str(settings), "watch", "--install", "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert f"would write {unit}" in shown.stderr
    assert not unit.exists()
    done = run(app, ["--settings", str(settings), "watch", "--install"])
    assert done.exit_code == 0, done.output
    assert unit.read_text() == done.stdout == shown.stdout
    assert "enable --now guard.service" in done.stderr


def test_a_unit_that_cannot_be_written_says_why(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_unit, "place", lambda _name: Path("/proc/nowhere/guard.service"))
    done = CliRunner().invoke(app, ["--settings", str(settings), "watch", "--install"])
    assert "cannot be written" in str(done.exception)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_accepts_the_unit(settings: Path, tmp_path: Path) -> None:
    name = guard_unit.place("prod/bridge 100%").name
    assert name == "lighthouse-migrate-guard-prod-bridge-100-.service"
    unit = tmp_path / name
    unit.write_text(guard_unit.text("prod/bridge 100%", settings))
    assert "Restart=always" in unit.read_text()
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    about = [said for said in verified.stderr.splitlines() if name in said]
    assert about == [], about


def test_systemd_is_told_where_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        guard_unit.tell_systemd("WATCHDOG=1")
        assert listening.recv(64) == b"WATCHDOG=1"
    monkeypatch.delenv("NOTIFY_SOCKET")
    guard_unit.tell_systemd("READY=1")
