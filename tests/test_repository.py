"""The repository's outside: ./dev on machines that lack something, pinned versions, small files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parent.parent
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"
NO_APT = "mount --bind /dev/null /usr/bin/apt-get"
NO_HAPROXY = "mount --bind /dev/null /usr/sbin/haproxy"


@pytest.fixture
def checkout(short_tmp: Path) -> Path:
    """A checkout in which nothing was set up, and which everybody may write to."""
    folder = short_tmp / "checkout"
    (folder / "benchmarks").mkdir(parents=True)
    for name in ("dev", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, folder)
    folder.chmod(0o777)
    return folder


def on_another_machine(checkout: Path, *preparations: str, run: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the preparations hold: in a mount namespace of its own, of which nothing gets out."""
    script = "\n".join(["set -e", *preparations, f"exec {run}"])
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=270,
        stdin=subprocess.DEVNULL,
        cwd="/",  # ./dev works when called from elsewhere
    )


def dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REPOSITORY / "dev", *arguments], capture_output=True, text=True, timeout=270, cwd="/")


def test_help_names_every_command() -> None:
    said = dev("help")
    assert (said.returncode, said.stderr) == (0, "")
    commands = ["rehearse", "test", "bench", "setup", "engine", "help"]
    assert re.findall(r"^  ([a-z]+) ", said.stdout, re.MULTILINE) == commands
    assert dev().stdout == said.stdout


@pytest.mark.parametrize("arguments", [("dance",), ("bench",), ("bench", "nope"), ("bench", "../dev")])
def test_what_does_not_exist_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    said = dev(*arguments)
    assert said.returncode == 2
    assert "error: " in said.stderr
    assert said.stdout == ""


@pytest.mark.root
@pytest.mark.haproxy
@pytest.mark.fuse
def test_without_apt_it_names_exactly_what_is_missing(checkout: Path) -> None:
    said = on_another_machine(checkout, NO_APT, NO_HAPROXY, run=f"{checkout}/dev setup")
    assert said.returncode == 2, said.stderr
    assert said.stderr.splitlines()[:2] == [
        "error: this machine has no apt, and these are missing:",
        "  haproxy (Debian package haproxy)",
    ]
    assert "Debian package" not in "".join(said.stderr.splitlines()[2:])
    assert not (checkout / ".venv").exists()


@pytest.mark.root
@pytest.mark.haproxy
@pytest.mark.fuse
def test_with_neither_root_nor_sudo_it_names_what_root_must_do(checkout: Path) -> None:
    said = on_another_machine(checkout, NO_HAPROXY, run=f"{NOBODY} {checkout}/dev setup")
    assert said.returncode == 2, said.stderr
    assert "error: neither root nor sudo" in said.stderr
    assert "hint: as root: apt-get install --no-install-recommends haproxy" in said.stderr


@pytest.mark.root
def test_a_checkout_of_somebody_else_is_refused(checkout: Path) -> None:
    checkout.chmod(0o755)
    said = on_another_machine(checkout, run=f"{NOBODY} {checkout}/dev setup")
    assert said.returncode == 2, said.stderr
    assert "is not writable" in said.stderr


@pytest.mark.root
@pytest.mark.fuse
@pytest.mark.parametrize(("user", "code"), [("", 0), (NOBODY, 2)], ids=["root", "ordinary"])
def test_a_closed_device_is_repaired_by_root_and_named_to_others(checkout: Path, user: str, code: int) -> None:
    device = checkout.parent / "fuse"
    # Only the part of ./dev that looks at the device: what comes after it would build an environment.
    functions, found, _ = (REPOSITORY / "dev").read_text().partition("\ncommand=")
    assert found
    (checkout / "device").write_text(f"{functions}\nlog=/dev/null\nneed_device\n")
    said = on_another_machine(
        checkout,
        f"mknod -m 0600 {device} c 10 229",
        f"mount --bind {device} /dev/fuse",
        run=f"{user} bash {checkout}/device",
    )
    assert said.returncode == code, said.stderr
    assert "/dev/fuse has mode 600" in said.stderr
    assert device.stat().st_mode & 0o777 == (0o666 if code == 0 else 0o600)


def test_a_second_run_sets_nothing_up() -> None:
    if not (REPOSITORY / ".venv/.ready").exists():
        pytest.skip("these tests were not started by ./dev")
    said = dev("setup")
    assert said.returncode == 0, said.stderr
    assert said.stderr == f"dev: ready: {REPOSITORY}/.venv\n"


def test_every_dependency_is_pinned_within_its_range() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    pins = dict(
        line.split("==")
        for line in (REPOSITORY / "constraints.txt").read_text().lower().splitlines()
        if not line.startswith("#")
    )
    wanted = [Requirement(text) for text in project["project"]["dependencies"] + project["dependency-groups"]["dev"]]
    assert len(wanted) > 10
    for requirement in wanted:
        pinned = pins.get(requirement.name.lower(), pins.get(requirement.name.lower().replace("-", "_")))
        assert pinned is not None, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(pinned), f"{requirement} is pinned to {pinned}"


def test_the_bridge_is_pinned_to_what_the_tests_run_with() -> None:
    pins = {line.lower().replace("_", "-") for line in (REPOSITORY / "constraints.txt").read_text().splitlines()}
    for file in (REPOSITORY / "deployment/requirements").glob("*.txt"):
        wanted = {line.lower() for line in file.read_text().splitlines() if line and not line.startswith("#")}
        assert wanted <= pins, file


def test_no_source_file_is_two_things() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "dev"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    files = [REPOSITORY / name for name in listed.stdout.splitlines()]
    assert len(files) > 20
    lengths = {str(file.relative_to(REPOSITORY)): len(file.read_text().splitlines()) for file in files if file.exists()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_scripts_are_executable() -> None:
    for script in ("dev", ".ci/run"):
        assert os.access(REPOSITORY / script, os.X_OK)
