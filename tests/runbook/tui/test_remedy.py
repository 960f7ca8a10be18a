"""What may be run from the screens, and what never."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from checks.remedies import ours, sudo
from runbook.rehearsal.sample_project import make
from runbook.tui import remedy
from runbook.tui.app import MigrateApp
from runbook.tui.dialogs import RemedyDialog
from tests.runbook.tui.operated import Operated, operate
from tests.runbook.tui.settled import text_of, until
from tests.runbook.walk import failing


def test_what_a_check_says_only_looks_or_keeps_what_it_changes_is_safe() -> None:
    assert remedy.safe(ours("plan"))
    assert remedy.safe(ours("check --fix boundary"))


@pytest.mark.parametrize(
    "command",
    [
        "lighthouse-migrate plan",  # nobody says so
        "lighthouse-migrate rollback",
        "rm -f /dev/fuse",
        sudo(ours("check host.hung-requests")),
        f"nsenter --target 1 --mount {ours('check host.propagation')}",
    ],
)
def test_everything_else_is_only_copied(command: str) -> None:
    assert not remedy.safe(command)


def test_what_a_repair_would_write_is_that_of_its_own_check(tmp_path: Path) -> None:
    project = tmp_path / "project"
    make(project)
    written = {edit.file.name for edit in remedy.edits(ours("check --fix boundary"), project)}
    assert written == {"start-bridge-pyfuse3.sh", "requirements-pyfuse3.txt"}
    assert remedy.edits(ours("check --fix host.fuse-device"), project) == ()
    assert remedy.edits(ours("check boundary"), project) == ()
    assert remedy.edits(ours("check --fix boundary"), None) == ()


def test_it_runs_on_this_deployment_and_says_what_the_command_says(tmp_path: Path) -> None:
    settings = tmp_path / "lighthouse-migrate.toml"
    settings.write_text('name = "here"\n')
    said: list[str] = []
    assert remedy.run("lighthouse-migrate check --list", settings, said.append) == 0
    assert any("host.fuse-device" in line for line in said)
    assert remedy.run("lighthouse-migrate plan --wrong", settings, said.append) == 2


def test_a_safe_repair_is_shown_asked_for_and_run_and_the_checks_are_asked_again(operated: Operated) -> None:
    operated.walk.settings.path.write_text('name = "here"\n')
    found = replace(failing(), commands=("rm -f /dev/fuse", ours("check --list")))
    operated.walk.judgement.findings["host.fuse-device"] = found
    operated.walk.judgement.findings["host.ports"] = replace(failing(), commands=("rm -rf x",))

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("c")
        await until(pilot, lambda: len(app.results) > 3 and not app.works)
        options = app.screen.query_one(OptionList)
        options.highlighted = next(n for n, o in enumerate(options.options) if o.id == "host.ports")
        await pilot.pause()
        await pilot.press("x")
        assert not isinstance(app.screen, RemedyDialog)
        options.highlighted = next(n for n, o in enumerate(options.options) if o.id == "host.fuse-device")
        await pilot.pause()
        assert "lighthouse-migrate check --list   x runs it" in text_of(app)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, RemedyDialog))
        await pilot.press("n")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, RemedyDialog))
        assert "rm -f" not in str(app.screen.query_one("Static").render())
        asked = len(operated.walk.judgement.asked)
        await pilot.press("y")
        await until(pilot, lambda: any("ended with 0" in line for line in app.lines), 30)
        assert any("host.fuse-device" in line for line in app.lines)
        await until(pilot, lambda: len(operated.walk.judgement.asked) > asked)

    operate(operated.app(), act)
