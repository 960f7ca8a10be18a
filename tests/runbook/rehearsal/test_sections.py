"""The load in every section of a real Bridge, with a token: what it does there, and that it sees what is wrong."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.agents import add
from runbook.rehearsal import ledger
from runbook.rehearsal.ledger import Ledger
from runbook.rehearsal.load import TOKEN
from runbook.rehearsal.pulse import FailedError, Pulse
from runbook.rehearsal.sections import Sections
from runbook.rehearsal.ways import Router
from tests.bridge.harness import BACKENDS, Bridge, cleaned
from tests.waiting import until

KINDS = {
    *("mount.annotate", "http.shadow", "http.past", "mount.past", "append", "mount.stream", "http.stream"),
    *("mount.package", "http.package", "mount.events", "mount.debug"),
}


@pytest.mark.fuse
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_section_is_worked_in_while_the_backend_is_switched_and_nothing_fails(
    short_tmp: Path, backend: str
) -> None:
    bridge = Bridge(short_tmp / "b", short_tmp / "store.db", backend)
    token = add(short_tmp / "agents.json", "load", ["current", "context", "shadows", "streams"], [], admin=False)
    file = short_tmp / "ledger.json"
    with cleaned(bridge):
        bridge.start()
        load = subprocess.Popen(
            [
                *(sys.executable, "-m", "runbook.rehearsal.load", "--url", f"http://127.0.0.1:{bridge.port}"),
                *("--live", str(bridge.mount), "--ledger", str(file), "--sections"),
                *("--rate", "300", "--hold", "0.2", "--limit", "20"),
            ],
            env={**os.environ, TOKEN: token},
            stdout=subprocess.DEVNULL,
        )
        try:
            until(lambda: file.exists() and set(ledger.read(file).by_kind) >= KINDS, 60.0)
            for other in (*(name for name in BACKENDS if name != backend), backend):
                assert bridge.reload(LIGHTHOUSE_FUSE_BACKEND=other)["backend"] == other
                before = ledger.read(file).operations
                until(lambda before=before: ledger.read(file).operations > before + 200, 60.0)  # type: ignore[misc]
            load.send_signal(signal.SIGTERM)
            assert load.wait(60) == 0
        finally:
            load.kill()
            load.wait()
    totals = ledger.read(file)
    assert totals.failures == ()
    assert totals.finished


def test_a_past_that_is_not_what_it_was_is_seen(tmp_path: Path) -> None:
    pulse = Pulse(Ledger(tmp_path / "ledger.json"), 5.0)
    chance = random.Random(3)
    nowhere = Router("http://127.0.0.1:9", ["x"], chance, timeout=1.0)
    sections = Sections("c0", tmp_path, nowhere, pulse, chance)
    sections.remember("c0/f1", b"content")
    instant = sections._past[0][0]
    for kept in (b"other", b"content"):
        (tmp_path / "history" / instant / "c0").mkdir(parents=True, exist_ok=True)
        (tmp_path / "history" / instant / "c0/f1").write_bytes(kept)
        chance.random = lambda: 0.9  # type: ignore[method-assign]  # by the mount
        if kept == b"content":
            sections._look_back()
        else:
            with pytest.raises(FailedError):
                sections._look_back()
