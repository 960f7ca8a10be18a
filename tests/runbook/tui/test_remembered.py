"""The next session begins where the last one read."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from runbook.tui.app import MigrateApp
from runbook.tui.metrics import MetricsRoom
from runbook.tui.remembered import Remembered
from tests.runbook.tui.hand import PICTURES, app_of
from tests.runbook.tui.operated import operate
from tests.runbook.tui.settled import until


def test_the_room_and_the_range_are_remembered(tmp_path: Path) -> None:
    memory = tmp_path / "tui.json"

    async def read_the_metrics(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("m", "t")

    async def find_them_again(pilot: Pilot[None], app: MigrateApp) -> None:
        await until(pilot, lambda: isinstance(app.screen, MetricsRoom))
        assert app.watcher.past.window == 3600.0
        await pilot.press("escape")

    operate(app_of(PICTURES["hold"], memory=memory), read_the_metrics)
    operate(app_of(PICTURES["hold"], memory=memory), find_them_again)
    assert Remembered.read(memory).screen == "home"


def test_a_terminal_that_only_looks_writes_nothing(tmp_path: Path) -> None:
    async def read_the_metrics(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("m")

    operate(app_of(PICTURES["hold"], memory=tmp_path / "tui.json", read_only=True), read_the_metrics)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[1]", '{"screen": 3, "other": "x"}', "\x00"])
def test_what_cannot_be_read_is_as_in_a_first_session(tmp_path: Path, text: str) -> None:
    (tmp_path / "tui.json").write_text(text)
    assert Remembered.read(tmp_path / "tui.json") == Remembered()


def test_without_a_deployment_there_is_nothing_to_remember_it_with(tmp_path: Path) -> None:
    Remembered("metrics", "1h").keep(tmp_path / "gone" / "tui.json")
    assert not (tmp_path / "gone").exists()
