"""`notify`: who is told, and whether it works, without the addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployment.errors import OperatorError
from runbook import notify
from runbook.cli.main import app
from runbook.notify import ENVIRONMENT
from runbook.settings import FILE, SettingsError
from tests.runbook.test_notify import SECRET, Service, service

__all__ = ["service"]


@pytest.fixture(autouse=True)
def _no_addresses_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr(notify, "SECONDS", 60)


def written(folder: Path, *urls: str) -> Path:
    path = folder / FILE
    path.write_text(f'name = "prod"\n[notify]\nurls = {json.dumps(urls)}\n')
    return path


def run(path: Path, *words: str) -> str:
    return CliRunner().invoke(app, ["--settings", str(path), "notify", *words], catch_exceptions=False).stdout


def test_a_test_message_arrives_and_its_address_is_not_shown(tmp_path: Path, service: Service) -> None:
    path = written(tmp_path, service.url)
    said = json.loads(run(path, "--test", "--json"))
    assert said["results"] == [{"service": "json", "sent": True, "why": ""}]
    assert [m["title"] for m in service.told] == ["prod: test"]
    assert SECRET not in json.dumps(said) + run(path)
    assert "told about: rollback, hold, gate-passed, guard-lost, week-done" in run(path)


def test_a_test_message_that_does_not_arrive_is_a_failure(tmp_path: Path, service: Service) -> None:
    with pytest.raises(OperatorError) as raised:
        run(written(tmp_path, f"{service.url}/broken", service.url), "--test")
    assert raised.value.message == "1 of 2 addresses cannot be told"
    assert SECRET not in raised.value.message + raised.value.hint


def test_without_an_address_it_says_where_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        run(written(tmp_path))
    assert "[notify] urls" in raised.value.hint
