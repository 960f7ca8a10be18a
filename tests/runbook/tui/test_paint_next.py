"""What happens next, and by which key: pure, by looks made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployment.errors import HeldError, UnreachableError
from runbook.tui.keys import KEYS, named, remapped
from runbook.tui.look import Seen
from runbook.tui.paint_next import Here, commands, in_keys, next_line, next_steps, refused, tries
from tests.runbook.tui.hand import NOW, PICTURES, WEEK5

SHOWN = named(KEYS)
READY = replace(
    PICTURES["soak"], snapshot=replace(PICTURES["soak"].snapshot, word="READY", verdicts=(), next=("plan",))
)
TORN = HeldError(
    "week 5 cannot be left: backup: it is torn", "`lighthouse-migrate check backup`; or `advance --override backup`"
)


@pytest.mark.parametrize(
    ("hint", "keys"),
    [
        ("wait, or `advance --wait`", ["l then w: wait and advance"]),
        ("`lighthouse-migrate plan` shows it again", ["p read the plan"]),
        ("correct: x → y: `lighthouse-migrate check --fix boundary`", ["c run the checks, x there repairs"]),
        ("`lighthouse-migrate history` has it; then `advance --reason TEXT`", ["h read the history", SHOWN["advance"]]),
        ("`advance --override p95 --reason TEXT`", []),
        ("`sudo systemctl restart docker`, then look again", []),
    ],
)
def test_the_keys_of_the_commands_that_a_hint_names(hint: str, keys: list[str]) -> None:
    found = in_keys(commands(hint), SHOWN)
    assert len(found) == len(keys)
    assert all(phrase.startswith(key) for phrase, key in zip(found, keys, strict=True))


def test_what_refused_the_last_advance_is_said_with_its_repair_first() -> None:
    here = Here(error=TORN, when=READY)
    assert tries(READY, here, SHOWN) == ["c run the checks", "p read the plan"]
    assert next_line(READY, here, 120, SHOWN).plain.startswith(
        " Refused: week 5 cannot be left: backup: it is torn · c run"
    )
    assert "Refused: week 5 cannot be left" in next_steps(READY, here, NOW, 80, SHOWN).plain


def test_a_refusal_that_ended_a_moment_ago_belongs_to_the_next_look() -> None:
    at_work = elsewhere(word="AT WORK")
    here = Here(error=TORN, when=at_work).seeing(at_work)
    assert refused(READY, here.seeing(READY)) is TORN
    assert refused(elsewhere(word="HOLD"), here.seeing(READY).seeing(elsewhere(word="HOLD"))) is None


def test_what_failed_is_not_called_refused() -> None:
    here = Here(error=UnreachableError("the supervisor does not answer", "look"), when=READY)
    assert next_line(READY, here, 120, SHOWN).plain.startswith(" Failed: the supervisor does not answer · c run")


def elsewhere(**changed: object) -> Seen:
    return replace(READY, snapshot=replace(READY.snapshot, **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "here"),
    [
        (elsewhere(state=replace(WEEK5, week=6)), Here(error=TORN, when=READY)),
        (elsewhere(word="HOLD"), Here(error=TORN, when=READY)),
        (PICTURES["rolled-back"], Here(error=TORN, when=PICTURES["rolled-back"])),
        (READY, Here(at_work=True, error=TORN, when=READY)),
        (READY, Here()),
    ],
    ids=["another week", "another word", "rolled back", "tried again", "nothing tried"],
)
def test_a_refusal_is_not_said_when_it_is_no_longer_so(seen: Seen, here: Here) -> None:
    assert "Refused" not in next_line(seen, here, 200, SHOWN).plain


def test_a_movement_of_this_session_is_told_from_another_operators() -> None:
    other = next_line(PICTURES["rolling-back"], Here(), 120, SHOWN).plain
    assert other == " AT WORK: rollback by process 4711 on bridge-1 · h what is journaled of it · R roll back"
    ours = next_line(PICTURES["rolling-back"], Here(at_work=True), 120, SHOWN).plain
    assert ours.endswith("one is made · l what it says · R roll back")


def test_a_long_reason_leaves_room_for_what_can_be_done() -> None:
    seen = elsewhere(why="x" * 300)
    line = next_line(seen, Here(), 80, SHOWN).plain
    assert len(line) < 80
    assert line.endswith("… · p read the plan")


def test_moved_keys_are_named_as_they_are() -> None:
    moved = named(remapped({"plan": "P"}))
    assert next_line(READY, Here(), 120, moved).plain.endswith("P read the plan")
