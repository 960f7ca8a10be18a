"""The museum as a whole: enough exhibits, each known by one name, each a check that exists."""

from __future__ import annotations

from checks.registry import CHECKS
from tests.checks.museum.catalogue import ROOMS


def test_every_exhibit_has_a_name_of_its_own_and_a_check_that_exists() -> None:
    exhibits = [exhibit for room in ROOMS.values() for exhibit, _ in room]
    assert len(exhibits) >= 40
    assert len({exhibit.name for exhibit in exhibits}) == len(exhibits)
    assert {exhibit.finds for exhibit in exhibits} <= CHECKS.keys()
    assert all(exhibit.seen for exhibit in exhibits)
