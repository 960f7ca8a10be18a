"""Who reads the device: threads that wait beyond those that are kept, the request that one of them gets, the end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualfuse import lead as leads
from dualfuse.lead import Lead, Over
from dualfuse.session_loop import MAX_IDLE
from tests.dualfuse.served import wait_for

SPARE = 3


def blocks(thread: threading.Thread) -> bool:
    """Whether a thread waits in a system call: proc(5), the state in /proc/PID/task/TID/stat."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


@pytest.fixture
def device() -> Iterator[tuple[int, int]]:
    """What a lead reads, and where a request is written."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def lead(device: tuple[int, int]) -> Iterator[Lead]:
    """A lead of that device; no thread may wait for it any more at the end."""
    lead = Lead()
    lead.attach(device[0])
    yield lead
    lead.close()


def test_spare_threads_leave_after_a_while_and_one_of_the_others_gets_the_request(
    lead: Lead, device: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leads, "LINGER", 0.05)
    led, left = list[int](), list[int]()

    def take() -> None:
        try:
            lead.take(threading.current_thread())
        except Over:
            left.append(1)
        else:
            led.append(1)

    threads = [threading.Thread(target=take, daemon=True) for _ in range(MAX_IDLE + SPARE)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(left) >= SPARE, "the spare threads to leave")
    assert not lead.is_used()
    os.write(device[1], b"request")
    wait_for(lambda: len(led) > 0, "a thread to lead")
    assert lead.is_used()
    assert (len(led), len(left)) == (1, SPARE)
    lead.end()
    for thread in threads:
        thread.join(5)
    assert (len(led), len(left)) == (1, MAX_IDLE + SPARE - 1)


def test_a_spare_thread_that_is_needed_leads(
    lead: Lead, device: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leads, "MAX_IDLE", 0)
    monkeypatch.setattr(leads, "LINGER", 60.0)
    led = list[int]()

    def take() -> None:
        lead.take(1)
        led.append(1)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    os.write(device[1], b"request")
    thread.join(5)
    assert led == [1]
    lead.end()


def test_a_signal_wakes_who_waits_for_the_end_and_no_other_thread(lead: Lead) -> None:
    entered, left = threading.Event(), threading.Event()

    def take() -> None:
        lead.enter(1)
        entered.set()
        with contextlib.suppress(Over):
            lead.take(1)
        left.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    wait_for(lambda: entered.is_set() and not lead.is_used() and blocks(thread), "the thread to wait")
    restore = lead.end_on_signals()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        lead.wait_for_the_end()
    finally:
        restore()
    assert lead.is_over
    assert not lead.is_used()
    assert not left.wait(0.1)  # it would have left at once
    lead.end()
    assert left.wait(5)


@pytest.mark.parametrize("is_busy", [False, True])
def test_the_only_thread_hears_signals_itself_also_under_load(
    lead: Lead, device: tuple[int, int], is_busy: bool
) -> None:
    lead.hear_signals_as_the_only_one()
    if is_busy:
        os.write(device[1], b"request")
    restore = lead.end_on_signals()
    try:
        for wait in (lead.take, lead.keep):
            lead.is_over = False
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(Over):
                wait(1)
    finally:
        restore()
