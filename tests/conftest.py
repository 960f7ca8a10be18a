"""What every test may rely on: honest markers, short folders, and a guard that nothing is left behind."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]

from tests import leaks
from tests.components import PROBES, in_ci, missing
from tests.scheduling import Scheduling, arrange


@pytest.hookimpl(tryfirst=True)  # before xdist writes the groups into the names
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests run side by side, put them in an order that ends early."""
    if hasattr(config, "workerinput"):
        arrange(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Give each worker a file at a time."""
    return Scheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail in CI, and skip elsewhere, a test whose component is not on this machine."""
    for component in PROBES:
        if item.get_closest_marker(component) is None:
            continue
        reason = missing(component)
        if reason is None:
            continue
        if in_ci():
            pytest.fail(f"{component}: {reason}", pytrace=False)
        pytest.skip(f"{component}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what was not tested and why."""
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    skipped = Counter(name for name in PROBES for reason in reasons if reason.startswith(f"Skipped: {name}: "))
    if not skipped:
        return
    terminalreporter.section("not tested on this machine", yellow=True, bold=True)
    for component, count in skipped.most_common():
        terminalreporter.line(f"{count} tests need {component}: {missing(component)}")


@pytest.fixture(scope="session")
def short_root() -> Iterator[Path]:
    """A folder right under /tmp, open to every user, that goes when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="lm", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind(short_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the run, and clean up, if a FUSE mount or a process of a test outlives the tests."""
    mark = uuid.uuid4().hex
    folders = [short_root, tmp_path_factory.getbasetemp()]
    before = {leaks.MARK: os.environ.get(leaks.MARK), "TMPDIR": os.environ.get("TMPDIR")}
    # What tests and their processes make with tempfile lands where the guard looks.
    os.environ.update({leaks.MARK: mark, "TMPDIR": str(short_root)})
    tempfile.tempdir = str(short_root)
    mounts_before = leaks.fuse_mounts(folders)
    yield
    tempfile.tempdir = None
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    processes = leaks.settle(lambda: leaks.processes(mark, folders), seconds=3.0)
    mounts = leaks.fuse_mounts(folders) - mounts_before
    for mount in mounts:
        leaks.detach(mount)
    leaks.end(processes)
    left = [f"mount {mount}" for mount in sorted(mounts)] + [str(process) for process in processes]
    if left:
        pytest.fail("the tests left behind (now cleaned up):\n  " + "\n  ".join(left), pytrace=False)


_short_names = itertools.count()


@pytest.fixture
def short_tmp(short_root: Path) -> Iterator[Path]:
    """A temporary folder with a path short enough for AF_UNIX sockets (107 bytes), readable by every user."""
    folder = short_root / str(next(_short_names))
    folder.mkdir(mode=0o755)
    yield folder
    if not leaks.fuse_mounts([folder]):  # never walk into a mount that a test left
        shutil.rmtree(folder, ignore_errors=True)
