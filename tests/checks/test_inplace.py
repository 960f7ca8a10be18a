"""What an operator is told where a Bridge cannot be tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.inplace import scratch, serving
from checks.registry import CHECKS
from deployment.errors import OperatorError
from deployment.model import Image, InstanceState, Observation, Side
from tests.checks.places import HostTarget, context_in

CANARY = InstanceState("canary-1", Side.CANARY, 1, Image.DUAL, {}, "pyfuse3", ready=True)


def test_a_bridge_that_is_not_ready_comes_with_what_replaces_it(tmp_path: Path) -> None:
    silent = replace(CANARY, ready=False, mount=str(tmp_path))
    context = context_in(tmp_path, HostTarget(Observation(instances=(silent,))))
    with pytest.raises(OperatorError, match="canary-1 is not ready: its mount did not answer") as caught:
        serving(context, Side.CANARY)
    assert caught.value.hint == "`lighthouse-migrate plan` shows what would replace it"


def test_a_scratch_directory_that_cannot_be_made_comes_with_the_checks_that_say_why(tmp_path: Path) -> None:
    (tmp_path / "current").write_text("no folder")
    state = replace(CANARY, mount=str(tmp_path))
    caught = pytest.raises(OperatorError, match="could not be made in canary-1: NotADirectoryError")
    with caught as said, scratch(context_in(tmp_path, HostTarget()), state):
        raise AssertionError("there is nothing to work in")
    asked = said.value.hint.split("`")[1].split()
    assert asked == ["lighthouse-migrate", "check", "host.disk", "service.canary"]
    assert {*asked[2:]} <= {*CHECKS}
