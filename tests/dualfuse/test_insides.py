"""What depends on pyfuse3's insides is checked at start, loads lean, and falls back aloud to pyfuse3's own loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from dualfuse import insides
from dualfuse.daemon import Daemon
from tests.dualfuse.served import serve, wait_for

HERE = Path(__file__).parents[2]


def _python(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=HERE, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


def test_importing_dualfuse_stays_lean() -> None:
    heavy = ("asyncio", "trio", "pyfuse3", "fuse", "inspect", "http", "subprocess", "dataclasses", "pathlib", "typer")
    script = f"import sys, dualfuse; print([name for name in {heavy!r} if name in sys.modules])"
    assert _python(script).strip() == "[]"


@pytest.mark.fuse
def test_pyfuse3_loads_without_trio_and_leaves_no_stand_in() -> None:
    script = """
import json, sys
from dualfuse import insides
from dualfuse.daemon import Daemon
pyfuse3 = insides.load()
lean = [name for name in ("trio", "importlib.metadata", "asyncio") if name in sys.modules]
import trio, importlib.metadata
real = hasattr(trio, "run") and importlib.metadata.version("pyfuse3") == pyfuse3.__version__
print(json.dumps([lean, real, insides.reasons_against(pyfuse3), insides.plain_entry_offset(pyfuse3) is not None]))
"""
    assert json.loads(_python(script)) == [[], True, [], True]


def test_an_untested_version_speaks_for_the_stock_loop() -> None:
    strange = types.SimpleNamespace(__version__="9.9.9", _session_loop=None)
    reasons = insides.reasons_against(strange)
    assert len(reasons) == 3
    assert "9.9.9" in reasons[0]


@pytest.mark.fuse
def test_the_stock_loop_serves_and_says_so(tmp_path: Path) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", "pyfuse3", options=["stock_loop"]) as daemon:
        place = Path(daemon.mountpoint)
        data = os.urandom(500_000)
        (place / "f").write_bytes(data)
        assert (place / "f").read_bytes() == data
        assert [path.name for path in place.iterdir()] == ["f"]
        assert "slower loop: the option stock_loop asks for it" in daemon.output()
        assert daemon.stop() == 0


TWO_MOUNTS = """
import json, sys, threading, time
from dualfuse import MountError, mount
from dualfuse.heartbeat import beat
from dualfuse.mounts import mount_at
from dualfuse.samples.memory import Memory
from dualfuse.unmounting import detach

def begin(place):
    thread = threading.Thread(target=mount, args=(Memory(), place, "pyfuse3"))
    thread.start()
    while not (mount_at(place) and beat(place).alive):
        assert thread.is_alive(), place
        time.sleep(0.01)
    return thread

def end(thread, place):
    detach(place)
    thread.join(10)
    return not thread.is_alive()

one, other = sys.argv[1:]
first = begin(one)
try:
    mount(Memory(), other, "pyfuse3")
except MountError as error:
    print(json.dumps([str(error), error.remedy, beat(one).alive, end(first, one), end(begin(other), other)]))
"""


@pytest.mark.fuse
def test_a_second_mount_is_refused_while_the_first_is_served_and_taken_afterwards(tmp_path: Path) -> None:
    """pyfuse3 has one session a process: a second one would make the threads of the first read freed memory."""
    places = [tmp_path / "one", tmp_path / "other"]
    for place in places:
        place.mkdir()
    said, remedy, *went_on = json.loads(_python(TWO_MOUNTS, *map(str, places)))
    assert "one mount a process" in said
    assert "process of its own" in remedy
    assert went_on == [True, True, True]


@pytest.mark.fuse
def test_a_version_that_was_never_tested_is_served_by_the_stock_loop_aloud(tmp_path: Path) -> None:
    """Reads that block neither wait for each other, however many, nor keep a stat waiting."""
    untested = "import sys; from dualfuse import insides; insides.TESTED = ('9.9.',); "
    command = [sys.executable, "-c", untested + "from dualfuse.__main__ import main; sys.exit(main())", "mount"]
    (tmp_path / "m").mkdir()
    with Daemon("dualfuse.samples.slow:Slow", tmp_path / "m", "pyfuse3", command=command) as daemon:
        assert "is not one of 9.9.x" in daemon.output()
        readers = [threading.Thread(target=(tmp_path / f"m/sleep-2.{n:03}").read_bytes) for n in range(60)]
        start = time.monotonic()
        for reader in readers:
            reader.start()
        assert not (tmp_path / "m" / "none").exists()
        looked = time.monotonic() - start
        for reader in readers:
            reader.join()
        assert looked < 2 < time.monotonic() - start < 4
        assert daemon.stop() == 0


@pytest.mark.fuse
@pytest.mark.parametrize("kind", ["memory:Memory", "slow:Slow"])
def test_clients_that_are_killed_in_mid_request_do_no_harm(tmp_path: Path, kind: str) -> None:
    with serve(f"dualfuse.samples.{kind}", tmp_path / "m", "pyfuse3", options=["attr_timeout=0"]) as daemon:
        script = "import os, sys\nwhile True:\n  try: os.stat(sys.argv[1])\n  except OSError: pass"
        for _ in range(5):
            clients = [
                subprocess.Popen([sys.executable, "-c", script, f"{daemon.mountpoint}/none-{number}"])
                for number in range(3)
            ]
            # a request of each has been answered when it has used some processor time
            wait_for(lambda: Path(daemon.mountpoint).exists(), "an answer")
            for client in clients:
                client.kill()
                client.wait()
        assert daemon.process is not None
        assert daemon.process.poll() is None
        assert Path(daemon.mountpoint).is_dir()


@pytest.mark.fuse
def test_threads_grow_while_operations_block_and_shrink_afterwards(tmp_path: Path) -> None:
    with serve("dualfuse.samples.slow:Slow", tmp_path / "m", "pyfuse3") as daemon:
        files = [Path(daemon.mountpoint, f"sleep-0.4{number:02}") for number in range(30)]
        readers = [threading.Thread(target=file.read_bytes) for file in files]
        for reader in readers:
            reader.start()
        tasks = Path(f"/proc/{daemon.pid}/task")
        wait_for(lambda: len(list(tasks.iterdir())) >= 30, "a thread for every blocked read")
        for reader in readers:
            reader.join()
        wait_for(lambda: len(list(tasks.iterdir())) <= 14, "idle threads to end")
        assert daemon.stop() == 0


@pytest.mark.fuse
def test_old_classes_run_without_libfuse2_behind_the_stand_in(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    command = [sys.executable, "-m", "dualfuse", "mount", "tests.dualfuse.old_style:OldStyle", str(tmp_path / "m")]
    process = subprocess.Popen([*command, "--stand-in"], cwd=HERE)
    try:
        wait_for(lambda: (tmp_path / "m" / "who").exists(), "the mount", 10)
        assert (tmp_path / "m" / "who").read_bytes() == str(os.getpid()).encode()
        assert "libfuse.so.2" not in Path(f"/proc/{process.pid}/maps").read_text()
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_the_stand_in_refuses_to_come_too_late() -> None:
    script = "import fuse; from dualfuse import standin\ntry: standin.install()\nexcept RuntimeError as e: print(e)"
    assert "imported already" in _python(script)
