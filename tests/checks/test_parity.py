"""What the parity check says of a difference; that healthy backends have none is shown in `test_deployed`."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from checks.check import Context
from checks.parity import parity

ANSWER: dict[str, Any] = {
    "ok": False,
    "steps": 87,
    "differences": [{"step": 2, "operation": "tree: a/b", "a": {"size": 5}, "b": {"size": 4}}],
    "minimal": ["mkdir a (0)", "write a/b (0)"],
    "script": "/tmp/parity-1.py",
}


def _asked(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> Any:
    monkeypatch.setattr("checks.parity.serving", lambda *_: SimpleNamespace(image=None))
    monkeypatch.setattr("checks.parity.scratch", lambda *_: nullcontext(("/one", "/other")))
    monkeypatch.setattr("checks.parity.run_json", lambda *_: answer)
    return parity(cast(Context, SimpleNamespace(iterations=1000)))


def test_a_difference_comes_with_the_shortest_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = _asked(monkeypatch, ANSWER)
    assert "1 differences in 87 steps" in finding.seen
    assert "shortest way: mkdir a (0), write a/b (0); /tmp/parity-1.py there replays it" in finding.seen


def test_a_side_that_lacks_an_operation_has_no_way_to_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = _asked(monkeypatch, {**ANSWER, "minimal": [], "script": None})
    assert "replays" not in finding.seen


def test_a_run_without_differences_that_is_not_ok_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = _asked(monkeypatch, {"ok": False, "error": "no such directory"})
    assert finding.seen == "the parity suite did not run: no such directory"
