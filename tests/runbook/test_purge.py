"""Week 8's own steps: nothing goes while somebody stands on it, what goes is archived, what is proved is kept."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cleanup import archive
from cleanup.repository import BRANCH
from deployment.model import Image, InstanceState, Observation, Side
from runbook.journal import Journal
from runbook.purge import Purge
from runbook.settings import Settings, parse
from runbook.steps import Step
from tests.checks.places import HostTarget
from tests.cleanup import projects
from tests.runbook.walk import FakeClock

STABLE = InstanceState("stable-1", Side.STABLE, 1, Image.DUAL, {}, "fusepy", True)
CANARY = InstanceState("canary-1", Side.CANARY, 1, Image.DUAL, {}, "pyfuse3", True)
WEEK7 = Observation((STABLE, CANARY), router=True, weight=100, live="canary-1", images=frozenset())


class Place:
    """A purge over a real project and a real journal, and a deployment that is observed as the test says."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        projects.make(folder / "project")
        (folder / "state" / "wheels").mkdir(parents=True)
        file = folder / "lighthouse-migrate.toml"
        file.write_text(f'name = "test"\nproject = "project"\n[target]\nstate = "state"\nlive = "live"\n{extra}')
        self.settings: Settings = parse(file, file.read_text())
        sqlite3.connect(self.settings.place.store).close()
        self.journal = Journal(self.settings.journal)
        self.target = HostTarget(WEEK7)
        self.purge = Purge(self.settings, self.target, self.journal, FakeClock())
        self.said: list[str] = []

    def do(self, *steps: Step) -> list[str]:
        """Apply and verify steps, and return their subjects."""
        for step in steps:
            step.apply(self.said.append)
            assert step.unverified() is None, step.subject
        return [step.subject for step in steps]

    def evidence(self, name: str) -> dict[str, object]:
        """Return what was last written down under a name."""
        found = [e.data["data"] for e in self.journal.events() if e.kind == "evidence" and e.data["name"] == name]
        return dict(found[-1])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_archive_is_made_and_written_down_before_anything_is_purged(place: Place) -> None:
    assert place.do(*place.purge.first()) == ["tag pre-pyfuse3-migration", "archive"]
    told = place.evidence("archive")
    folder = place.settings.place.state / "archive"
    assert told["sha256"] == archive.digest(folder)
    assert archive.rehearse(folder) == ()
    paths = {entry.path for entry in archive.read(folder).files}
    assert {"journal/journal.jsonl", "others/store.sqlite", "others/lighthouse-migrate.toml"} <= paths
    assert place.purge.first() == ()
    assert projects.git(place.settings.project or Path(), "branch", "--show-current") == "main"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (replace(WEEK7, weight=90), "10% of the clients are on the stable side"),
        (replace(WEEK7, weight=None), "?% of the clients are on the stable side"),
        (replace(WEEK7, live="stable-1"), "the live path shows fusepy"),
        (replace(WEEK7, live=None), "the live path shows nobody known"),
    ],
)
def test_nothing_goes_while_somebody_stands_on_fusepy(place: Place, seen: Observation, why: str) -> None:
    place.target.observation = seen
    guard = place.purge.first()[0]
    assert guard.subject == "guard"
    assert guard.unverified() == why


def test_the_proof_is_made_once_and_again_after_a_rollback(place: Place) -> None:
    place.target.observation = Observation(images=frozenset())
    place.do(*place.purge.first())
    assert place.do(*place.purge.last())[-2:] == ["working tree", "proof"]
    claims = place.evidence("proof")["claims"]
    assert isinstance(claims, list)
    assert [claim["holds"] for claim in claims] == [True] * 4
    assert place.purge.last() == ()
    place.journal.append(5.0, "rolled-back", week=8)
    assert [step.subject for step in place.purge.last()] == ["proof"]


def test_a_rollback_gives_back_what_is_missing_and_shows_the_project_as_it_was(place: Place) -> None:
    wheel = place.settings.place.state / "wheels" / "none-1-py3-none-any.whl"
    from tests.cleanup.test_archive import wheel as made

    made(wheel.parent, "none", "1")
    place.target.observation = Observation(images=frozenset())
    place.do(*place.purge.first(), *place.purge.last())
    assert place.purge.back() == ()
    wheel.unlink()
    assert place.do(*place.purge.back()) == ["from archive"]
    assert wheel.exists()
    assert place.do(*place.purge.shown_again()) == ["working tree"]
    assert projects.git(place.settings.project or Path(), "branch", "--show-current") == "main"
    assert place.purge.shown_again() == ()


def test_somebody_s_work_in_the_project_does_not_hold_a_rollback_up(place: Place) -> None:
    place.target.observation = Observation(images=frozenset())
    place.do(*place.purge.first(), *place.purge.last())
    project = place.settings.project or Path()
    (project / "requirements.txt").write_text("mine\n")
    place.do(*place.purge.shown_again())
    assert place.said[-1].startswith("! the project was left as it is: the working tree")
    assert place.purge.shown_again() == ()
    assert (project / "requirements.txt").read_text() == "mine\n"
    assert projects.git(project, "branch", "--show-current") == BRANCH


def test_where_both_backends_are_kept_it_is_written_down_what_stays_and_why(tmp_path: Path) -> None:
    place = Place(tmp_path, "[cleanup]\nkeep_dual = true\n")
    place.target.observation = replace(WEEK7, images=frozenset({Image.DUAL}))
    assert place.do(*place.purge.keeping()) == ["report"]
    keeps = place.evidence("kept-dual")["keeps"]
    assert isinstance(keeps, list)
    assert [kept["what"] for kept in keeps][:2] == ["image dual", "libfuse2 and fusepy in image dual"]
    assert {"what": "2 places of source in the project", "why": "both backends are built"} in keeps
    assert place.purge.keeping() == ()
