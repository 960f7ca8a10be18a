"""Heartbeats are judged by several, and one answer is enough to be alive again."""

from __future__ import annotations

import pytest

from bridge.pulse import Pulse
from dualfuse.heartbeat import Beat


@pytest.mark.parametrize(
    ("beats", "unresponsive"),
    [("", False), ("-", False), ("--", False), ("---", True), ("---+", False), ("-+-+-", True), ("+++--", False)],
)
def test_three_of_the_last_five_and_the_last_one(beats: str, unresponsive: bool) -> None:
    pulse = Pulse()
    for sign in beats:
        pulse.add(Beat(sign == "+", 0.01))
    assert pulse.unresponsive is unresponsive
    assert not pulse.lost
