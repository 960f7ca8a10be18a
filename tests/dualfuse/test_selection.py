"""Which backend is chosen, from what environment, and what is said when it is not the one that was asked for."""

from __future__ import annotations

import sys

import pytest

from dualfuse.selection import select

pytestmark = pytest.mark.fuse


def test_the_primary_is_chosen_when_it_can_be_had() -> None:
    chosen = select({"LIGHTHOUSE_FUSE_BACKEND": "pyfuse3", "LIGHTHOUSE_FUSE_FALLBACK": "fusepy"})
    assert (chosen.primary, chosen.fallback, chosen.chosen) == ("pyfuse3", "fusepy", "pyfuse3")
    assert not chosen.degraded
    assert chosen.reasons == ()


def test_the_default_is_fusepy_without_a_fallback() -> None:
    chosen = select({})
    assert (chosen.chosen, chosen.fallback, chosen.degraded) == ("fusepy", None, False)


@pytest.mark.parametrize("fallback", ["", "none", "nonsense", "nonsense "])
def test_no_fallback(fallback: str) -> None:
    chosen = select({"LIGHTHOUSE_FUSE_BACKEND": "nonsense", "LIGHTHOUSE_FUSE_FALLBACK": fallback})
    assert chosen.chosen is None
    assert chosen.fallback is None
    assert chosen.degraded
    assert "unknown backend" in chosen.reasons[0]


def test_the_fallback_serves_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mfusepy", None)  # as where it is not installed
    chosen = select({"LIGHTHOUSE_FUSE_BACKEND": "mfusepy", "LIGHTHOUSE_FUSE_FALLBACK": "pyfuse3"})
    assert chosen.chosen == "pyfuse3"
    assert chosen.degraded
    assert "mfusepy" in chosen.reasons[0]
