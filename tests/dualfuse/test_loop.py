"""The loops that serve pyfuse3: many at once, the end, signals, forks, one mount after the other, a broken start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dualfuse.loop import HUSH, Loop
from dualfuse.mounts import mount_at
from tests.dualfuse.served import read_direct, serve, wait_for

BURST = 24  # more than may wait for the lead
HERE = Path(__file__).parents[2]


@pytest.mark.fuse
@pytest.mark.parametrize(
    ("specification", "name"),
    [("dualfuse.samples.slow:Slow", "sleep-0.05"), ("tests.dualfuse.structured:OnTrio", "deadline")],
    ids=["threads", "trio"],
)
def test_bursts_of_blocking_operations_one_after_the_other(tmp_path: Path, specification: str, name: str) -> None:
    with serve(specification, tmp_path / "m", "pyfuse3") as daemon, ThreadPoolExecutor(BURST) as pool:
        for _ in range(4):
            assert all(pool.map(read_direct, [tmp_path / "m" / name] * BURST))
        assert daemon.process is not None
        assert daemon.process.poll() is None


@pytest.mark.fuse
def test_a_child_that_an_operation_forks_is_ended_by_a_signal_and_the_mount_is_not(tmp_path: Path) -> None:
    with serve("tests.dualfuse.odd:Forking", tmp_path / "m", "pyfuse3"):
        for name in ("one", "two"):
            assert (tmp_path / "m" / name).read_bytes() == str(int(signal.SIGTERM)).encode()


IN_ONE_PROCESS = """
import os, signal, sys, threading
import dualfuse
from dualfuse.samples.slow import Slow

place, heard = sys.argv[1], []
signal.signal(signal.SIGHUP, lambda *_: heard.append("HUP"))

def read(name):
    with open(f"{place}/{name}", "rb") as file:
        file.read()

def client(last):
    while not os.path.ismount(place):
        os.sched_yield()
    os.stat(place)
    os.kill(os.getpid(), signal.SIGHUP)  # this process has its own use for it
    readers = [threading.Thread(target=read, args=(f"sleep-0.02{n}",)) for n in range(20)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    if last:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        os.system(f"umount -l {place} || fusermount3 -uz {place}")

def held():
    return len(os.listdir("/proc/self/fd"))

for number in range(4):
    thread = threading.Thread(target=client, args=(number == 3,))
    thread.start()
    dualfuse.mount(Slow(), place, "pyfuse3")
    thread.join()
    if number == 0:
        first = held()
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
# a thread's pipe is closed by its very end, which nobody can wait for: of some eighty, one or two may have been late
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(5)  # the watcher ends a moment after the mount
print(heard, held() - first < 10, threading.active_count())
"""


@pytest.mark.fuse
def test_mounts_of_one_process_one_after_the_other_leave_nothing_and_its_own_signals_to_it(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, str(tmp_path / "m")],
        capture_output=True, text=True, timeout=60, cwd=HERE,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "['HUP', 'HUP', 'HUP', 'HUP'] True 1"), done.stderr
    assert mount_at(str(tmp_path / "m")) is None


def _library(session_loop: object) -> types.SimpleNamespace:
    return types.SimpleNamespace(_session_loop=types.SimpleNamespace(__wrapped__=session_loop))


@pytest.mark.parametrize("threads", [1, 4])
def test_a_loop_whose_first_thread_fails_ends_and_says_why(threads: int) -> None:
    def broken(*_: object) -> object:
        raise OSError("no such device")

    loop = Loop(_library(broken), threads)
    assert loop.run()
    loop.close()
    assert str(loop.failure) == "no such device"


def test_a_loop_that_can_start_no_thread_serves_with_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served_by = []

    async def session_loop(*_: object) -> None:
        served_by.append(threading.current_thread())
        loop.stop()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    loop = Loop(_library(session_loop))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert loop.run()
    loop.close()
    assert served_by == [threading.main_thread()]
    assert "one thread serves" in caplog.text


BROKEN = """
import sys
import pyfuse3
from dualfuse import loop, trio_loop
from dualfuse.__main__ import main

async def broken(*_, **__):
    raise OSError("the device is odd")

loop.requests_of = trio_loop.requests_of = lambda pyfuse3: broken()
pyfuse3.main = broken
sys.exit(main(["mount", *sys.argv[1:], "--fallback", "fusepy"]))
"""


@pytest.mark.fuse
@pytest.mark.parametrize(
    ("specification", "options"),
    [
        ("dualfuse.samples.slow:Slow", ""),
        ("tests.dualfuse.structured:OnTrio", ""),
        ("dualfuse.samples.slow:Slow", "stock_loop"),
    ],
    ids=["threads", "trio", "stock"],
)
def test_a_mount_whose_loop_fails_is_taken_away_and_its_process_says_so(
    tmp_path: Path, specification: str, options: str
) -> None:
    (tmp_path / "m").mkdir()
    words = [specification, str(tmp_path / "m"), *(["-o", options] if options else [])]
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, *words], capture_output=True, text=True, timeout=30, cwd=HERE, check=False
    )
    assert done.returncode == 1, done.stderr
    error = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "the loop that served it failed: " in error
    assert "OSError('the device is odd')" in error
    assert "Traceback" in done.stderr  # of the loop, in the log
    assert "hint: mount it again" in done.stderr
    assert ("the option stock_loop" in done.stderr.rpartition("hint: ")[2]) == (options != "stock_loop")
    assert mount_at(str(tmp_path / "m")) is None


MAIN = """
import sys
import time
from dualfuse import loop, trio_loop
from dualfuse.__main__ import main
{}
sys.exit(main(["mount", *sys.argv[1:]]))
"""
# the second answer that the mount gives, and everything after it
FAILS_LATER = MAIN.format("""
wait, waits = trio_loop.TrioLoop.wait_readable, []

async def failing(self, fd):
    waits.append(fd)
    if len(waits) > 2:
        raise OSError("the device is odd")
    await wait(self, fd)

trio_loop.TrioLoop.wait_readable = failing
""")
# a thread that has given the lead away while its operation slept
FAILS_WITHOUT_THE_LEAD = MAIN.format("""
class Odd:
    def __init__(self, requests):
        self.requests, self.throw = requests, requests.throw

    def send(self, answer):
        if answer is not None and time.monotonic() - self.since > 0.25:
            raise OSError("the answer is odd")
        request = self.requests.send(answer)
        self.since = time.monotonic()
        return request

requests_of = loop.requests_of
loop.requests_of = lambda pyfuse3: Odd(requests_of(pyfuse3))
""")


def fails(script: str, place: Path, file: str, *words: str) -> str:
    """Serve by a loop that fails while this file is read, which must not hang; gives what the process has said."""
    place.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", script, words[0], str(place), *words[1:]], stderr=subprocess.PIPE, text=True, cwd=HERE
    ) as daemon:
        try:
            wait_for(lambda: mount_at(str(place)) is not None or daemon.poll() is not None, "the mount")
            read = subprocess.run(["cat", str(place / file)], capture_output=True, timeout=20, check=False)
            assert read.returncode != 0
            assert daemon.wait(20) == 1
        finally:
            daemon.kill()
        assert daemon.stderr is not None
        said = daemon.stderr.read()
    assert mount_at(str(place)) is None, said
    return said


def test_the_interpreter_is_as_it_was_where_the_process_goes_on() -> None:
    before = sys.getswitchinterval()

    async def session_loop(*_: object) -> None:
        loop.stop()

    loop = Loop(_library(session_loop), 1, ends_process=True)
    assert loop.run()
    assert sys.getswitchinterval() == pytest.approx(HUSH)
    loop.close()
    assert sys.getswitchinterval() == pytest.approx(before)


@pytest.mark.fuse
def test_a_class_on_trio_is_ended_also_where_the_loop_fails(tmp_path: Path) -> None:
    log = tmp_path / "log"
    said = fails(FAILS_LATER, tmp_path / "m", "file", "tests.dualfuse.structured:OnTrio", "--arg", f"log={log}")
    assert "OSError('the device is odd')" in said
    assert log.read_text() == "/"


@pytest.mark.fuse
def test_a_thread_that_fails_without_the_lead_ends_the_mount_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    said = fails(FAILS_WITHOUT_THE_LEAD, tmp_path / "m", "sleep-0.5", "dualfuse.samples.slow:Slow")
    assert "OSError('the answer is odd')" in said


@pytest.mark.fuse
def test_an_operation_that_runs_on_keeps_its_session_until_it_has_answered(tmp_path: Path) -> None:
    with serve("dualfuse.samples.slow:Slow", tmp_path / "m", "pyfuse3") as daemon:
        answer: list[int] = []
        opened = os.open(tmp_path / "m" / "sleep-0.5", os.O_RDONLY | os.O_DIRECT)
        reader = threading.Thread(target=lambda: answer.append(len(os.pread(opened, 4096, 0))))
        reader.start()
        assert daemon.process is not None
        tasks = Path(f"/proc/{daemon.pid}/task")
        wait_for(lambda: len(list(tasks.iterdir())) > 3, "another thread to take the lead")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(10) == 0
        reader.join()
        assert answer == [4096]
        with pytest.raises(OSError, match=r"abort|not connected"):
            os.close(opened)  # the mount is gone
