"""The commands with JSON results: probe, functional, parity, bench, mount with a fallback, and an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dualfuse.backend import BACKENDS, FUSEBackend, get_backend
from dualfuse.differences import KNOWN, accepted, as_markdown
from dualfuse.errors import MountError, remedy_for
from dualfuse.functional import run as run_functional
from dualfuse.mounts import mount_at, mounts
from tests.dualfuse.served import serve, wait_for

HERE = Path(__file__).parents[2]


def _run(*words: str, **options: Any) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=HERE, capture_output=True, text=True, timeout=100, check=False, **options
    )
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stderr


def test_every_backend_in_the_registry_keeps_the_protocol() -> None:
    for name in BACKENDS:
        backend = get_backend(name)
        assert isinstance(backend, FUSEBackend)
        assert backend.name == name
        assert backend.get_operations() is None
    with pytest.raises(MountError, match="unknown backend"):
        get_backend("nonsense")


@pytest.mark.fuse
def test_probe(short_tmp: Path, backend: str) -> None:
    code, answer, _ = _run("dualfuse.probe", "--backend", backend, "--directory", str(short_tmp))
    assert code == 0
    assert (answer["backend"], answer["ok"], answer["error"]) == (backend, True, None)
    assert backend in answer["versions"]
    assert 0 < answer["seconds"] < 20
    assert list(short_tmp.iterdir()) == []
    assert not [mount for mount in mounts() if str(short_tmp) in mount.path]


@pytest.mark.fuse
def test_probe_tells_why_it_failed_and_what_to_do(short_tmp: Path) -> None:
    code, answer, _ = _run("dualfuse.probe", "--backend", "pyfuse3", "--directory", str(short_tmp / "none"))
    assert (code, answer["ok"]) == (1, False)
    assert "none" in answer["error"]


@pytest.mark.fuse
@pytest.mark.root
def test_probe_without_the_device_gives_libfuses_words_and_a_remedy(backend: str) -> None:
    devices = "mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9"
    hidden = f"mount -t tmpfs none /dev && {devices} && exec {sys.executable} -m dualfuse.probe --backend {backend}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", hidden], cwd=HERE, capture_output=True, text=True, timeout=60, check=False
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"]) == (1, False)
    assert "fuse" in answer["stderr"]
    assert "/dev/fuse" in answer["remedy"]


@pytest.mark.fuse
def test_functional_passes_on_the_samples(tmp_path: Path, backend: str) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend) as daemon:
        code, answer, _ = _run("dualfuse.functional", daemon.mountpoint)
    assert (code, answer["ok"], answer["failed"], answer["skipped"]) == (0, True, [], [])
    assert answer["passed"] >= 25


@pytest.mark.fuse
def test_functional_finds_what_is_broken(tmp_path: Path, backend: str) -> None:
    with serve("tests.dualfuse.test_commands:Forgetful", tmp_path / "m", backend) as daemon:
        report = run_functional(daemon.mountpoint)
    assert not report.ok
    names = {failure["name"] for failure in report.failed}
    assert {"create_and_read", "large_file", "unlink_while_open"} <= names
    assert "symbolic_link" in report.skipped
    assert report.passed > 0


class Forgetful:
    """Forgets the last byte of every read, and has no symbolic links."""

    def __new__(cls) -> Any:
        from dualfuse.samples.memory import Memory

        class Served(Memory):
            symlink = None  # type: ignore[assignment]

            def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
                return super().read(path, size, offset, fh)[:-1]

        return Served()


@pytest.mark.fuse
def test_parity_finds_a_backend_that_differs(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with serve("tests.dualfuse.test_commands:Forgetful", tmp_path / "m", "pyfuse3") as daemon:
        code, answer, _ = _run("dualfuse.parity", daemon.mountpoint, str(tmp_path / "plain"), "--seed", "1")
    assert (code, answer["ok"]) == (1, False)
    assert any(each["operation"] == "symlink" for each in answer["differences"])
    assert list((tmp_path / "plain").iterdir()) == []


@pytest.mark.fuse
def test_parity_of_two_mounts_of_one_store(tmp_path: Path) -> None:
    under = tmp_path / "under"
    under.mkdir()
    loopback, fresh = "dualfuse.samples.loopback:Loopback", ["entry_timeout=0,attr_timeout=0"]
    with (
        serve(loopback, tmp_path / "a", "fusepy", [f"root={under}"], fresh) as a,
        serve(loopback, tmp_path / "b", "pyfuse3", [f"root={under}"], fresh) as b,
    ):
        code, answer, _ = _run("dualfuse.parity", a.mountpoint, b.mountpoint, "--steps", "80", "--seed", "5")
    assert (code, answer["ok"], answer["steps"], answer["differences"]) == (0, True, 80, [])
    assert answer["unsupported"] == []


@pytest.mark.fuse
def test_bench_measures_ten_operations_with_seven_metrics() -> None:
    code, answer, errors = _run("dualfuse.bench", "--iterations", "16", "--warmup", "8", "--blocking")
    assert code == 0, errors
    operations = {
        "mount", "unmount", "read_small", "read_large", "write_small", "write_large", "stat", "readdir",
        "concurrent_reads", "concurrent_writes",
    }  # fmt: skip
    metrics = {
        "latency_p50", "latency_p95", "latency_p99", "throughput_mbps", "iops", "cpu_usage", "memory_usage",
    }  # fmt: skip
    for backend in ("fusepy", "pyfuse3"):
        assert set(answer["results"][backend]) == operations
        for each in answer["results"][backend].values():
            assert set(each) == metrics
            assert 0 < each["latency_p50"] <= each["latency_p95"] <= each["latency_p99"]
            assert each["memory_usage"] > 1_000_000
    assert set(answer["ratios"]) == operations
    assert all(each["time"] > 0 for each in answer["ratios"].values())
    assert answer["results"]["fusepy"]["read_large"]["throughput_mbps"] > 1
    assert answer["blocking"]["reads_per_second_ratio"] > 0
    assert answer["memory_ratio"] > 0


@pytest.mark.fuse
def test_bench_with_one_backend_has_no_ratios() -> None:
    code, answer, _ = _run("dualfuse.bench", "--backends", "pyfuse3", "--iterations", "4", "--only", "stat")
    assert code == 0
    assert "ratios" not in answer


@pytest.mark.fuse
def test_mount_falls_back_when_the_first_choice_cannot_mount(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    # use_ino is refused on pyfuse3 and fine on fusepy
    words = ["mount", "dualfuse.samples.memory:Memory", str(tmp_path / "m"), "--backend", "pyfuse3"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dualfuse", *words, "--fallback", "fusepy", "-o", "use_ino"],
        cwd=HERE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: mount_at(str(tmp_path / "m")) is not None, "the fallback to mount", 10)
        (tmp_path / "m").stat()  # libfuse2 hears signals once it answers
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "pyfuse3 cannot serve" in errors


def test_mount_refuses_with_a_hint() -> None:
    code, _, errors = _run("dualfuse", "mount", "no.such:Class", "/tmp")
    assert code == 1
    assert errors.startswith("error: cannot load no.such:Class")
    assert "hint: " in errors


@pytest.mark.fuse
@pytest.mark.root
def test_an_ordinary_user_mounts_through_the_setuid_helper(short_tmp: Path, backend: str) -> None:
    place = short_tmp / "m"
    place.mkdir()
    os.chown(place, 65534, 65534)
    script = (
        "import sys; sys.path[:0] = sys.argv[3:]; from dualfuse import mount; "
        "from dualfuse.samples.memory import Memory; mount(Memory(), sys.argv[1], sys.argv[2])"
    )
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
    python = _python_for_everyone(short_tmp)
    process = subprocess.Popen([*user, *python, "-c", script, str(place), backend, *_paths(short_tmp)])
    try:
        wait_for(lambda: mount_at(str(place)) is not None, "the mount", 15)
        touch = subprocess.run([*user, "touch", str(place / "f")], check=False)
        assert touch.returncode == 0
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert mount_at(str(place)) is None


def _python_for_everyone(place: Path) -> list[str]:
    """An interpreter that user nobody may run: this one if its folder is open, else the system's."""
    probe = subprocess.run(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", sys.executable, "-c", ""],
        capture_output=True,
        check=False,
    )
    if probe.returncode == 0:
        return [sys.executable]
    system = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    if not system.exists():
        pytest.skip("no interpreter that an ordinary user may run")
    return [str(system), "-I"]


def _paths(place: Path) -> list[str]:
    """Copies of the packages, where everyone may read them."""
    import shutil

    import fuse
    import pyfuse3

    site = place / "site"
    site.mkdir()
    shutil.copytree(HERE / "dualfuse", site / "dualfuse")
    package = Path(pyfuse3.__file__).parent
    shutil.copytree(package, site / "pyfuse3")
    distribution = next(package.parent.glob("pyfuse3-*.dist-info"))
    shutil.copytree(distribution, site / distribution.name)
    shutil.copy(fuse.__file__, site / "fuse.py")
    for folder, _, files in os.walk(site):
        Path(folder).chmod(0o755)
        for name in files:
            Path(folder, name).chmod(0o755)
    return [str(site)]


def test_remedies_know_the_words_of_both_libraries() -> None:
    assert "modprobe" in remedy_for("fuse: device not found, try 'modprobe fuse' first")
    assert "nonempty" in remedy_for("fuse: mountpoint is not empty")
    assert "fuse.conf" in remedy_for("fusermount3: option allow_other only allowed if 'user_allow_other' is set")
    assert "libfuse2" in remedy_for("fusepy: Unable to find libfuse")
    assert "libfuse3" in remedy_for("mfusepy: Unable to find libfuse")
    gone = "pyfuse3: libfuse3.so.3: cannot open shared object file: No such file or directory"
    assert "libfuse3" in remedy_for(gone)
    assert remedy_for("something entirely new") == ""
    assert "dualfuse.probe" in MountError("something entirely new").remedy


def test_known_differences_are_written_down_and_recognised() -> None:
    page = as_markdown()
    assert all(f"## {difference.name}" in page and difference.reason in page for difference in KNOWN)
    assert (HERE / "docs" / "differences.md").read_text(encoding="utf-8") == page
    plain = {"links": 2, "size": 9}
    assert accepted({"links": 1, "size": 5}, plain, plain) is not None
    assert accepted({"links": 1, "size": 5}, {"links": 2, "size": 7}, plain) is None
    once = {"links": 1, "size": 9}
    assert accepted({"links": 1, "size": 5}, once, once) is None
    assert accepted({"links": 1, "size": 5}, once, once, was_linked=True) is not None
    assert accepted({"links": 1, "size": 5}, {"links": 1, "size": 7}, once, was_linked=True) is None
