"""The images in real containers: what is in them, what they may do, and what the health check sees."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.kit.images import BACKENDS, build, container, docker, image, lay_out, privileges, state, validated
from tests.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.fuse, pytest.mark.timeout(900)]

MOUNTS = ["--tmpfs", "/mnt/lighthouse:uid=1000,gid=1000"]
BOTH = "for backend in fusepy pyfuse3; do python -P -m dualfuse.probe --backend $backend || exit 1; done"
INSIDE = """
import importlib.util, json, subprocess
print(json.dumps({
    "modules": sorted(m for m in ("fuse", "pyfuse3", "trio") if importlib.util.find_spec(m)),
    "libraries": sorted({w for w in subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout.split()
                         if w.startswith("libfuse")}),
}))
"""


def megabytes(tag: str) -> float:
    return int(docker("inspect", "-f", "{{.Size}}", tag).stdout) / 1e6


@pytest.mark.parametrize(
    ("name", "modules", "libraries"),
    [
        ("fuse2", ["fuse"], ["libfuse.so.2"]),
        ("dual", ["fuse", "pyfuse3", "trio"], ["libfuse.so.2", "libfuse3.so.3"]),
        ("fuse3", ["pyfuse3", "trio"], ["libfuse3.so.3"]),
    ],
)
def test_an_image_has_its_backends_and_no_other(name: str, modules: list[str], libraries: list[str]) -> None:
    said = docker("run", "--rm", "--entrypoint", "python", image(name), "-c", INSIDE).stdout
    assert json.loads(said) == {"modules": modules, "libraries": libraries}


def test_the_second_backend_costs_less_than_10_mb() -> None:
    dual = megabytes(image("dual"))
    for name in ("fuse2", "fuse3"):
        assert 0 < dual - megabytes(image(name)) < 10


@pytest.mark.parametrize(
    ("uid", "bare", "seccomp", "fixed"),
    list(itertools.product([0, 1000], [False, True], ["default", "kit"], [False, True])),
)
def test_both_backends_mount_with_every_mix_of_privileges(uid: int, bare: bool, seccomp: str, fixed: bool) -> None:
    options = privileges(uid=uid, bare=bare, fixed=fixed, **({} if seccomp == "kit" else {"seccomp": seccomp}))
    done = docker("run", "--rm", *options, image("dual"), "sh", "-c", BOTH, check=False)
    probes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(p["backend"], p["ok"]) for p in probes] == [("fusepy", True), ("pyfuse3", True)], done.stderr


def test_the_tester_mounts_and_runs_every_operation() -> None:
    done = docker("run", "--rm", *privileges(), image("dual", "tester"), check=False, timeout=120)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert [r["backend"] for r in reports if "backend" in r] == ["fusepy", "pyfuse3"]
    assert [r["failed"] for r in reports if "passed" in r] == [[], []]


def test_an_image_that_fails_its_tests_is_never_made(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "app/bridge/main_bridge.py").unlink()
    done = build(tmp_path, "lighthouse-kit-test:never", "runtime", BACKENDS["dual"])
    assert done.returncode != 0
    assert "there is no bridge.main_bridge" in done.stdout + done.stderr
    assert docker("image", "inspect", "lighthouse-kit-test:never", check=False).returncode != 0


def test_the_bridge_has_one_capability_and_can_gain_no_other() -> None:
    look = "import pathlib; print(pathlib.Path('/proc/self/status').read_text())"
    done = docker("run", "--rm", *privileges(), image("dual"), "python", "-c", look)
    seen = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    sys_admin = f"{1 << 21:016x}"
    assert {key: seen[key] for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == dict.fromkeys(
        ("CapEff", "CapPrm", "CapBnd", "CapAmb"), sys_admin
    )
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")
    assert seen["Uid"].split() == seen["Gid"].split() == ["1000"] * 4
    assert seen["Groups"].strip() == ""


def test_the_seccomp_profile_allows_the_mounts_of_a_bridge_and_no_others() -> None:
    attempt = (
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); os.makedirs('/tmp/m');"
        " print(libc.mount(b'none', b'/tmp/m', b'tmpfs', {flags}, None), ctypes.get_errno())"
    )

    def mounting(flags: int, **asked: str) -> str:
        options = privileges(uid=0, **asked)  # type: ignore[arg-type]
        return docker(
            "run", "--rm", *options, image("dual"), "python", "-c", attempt.format(flags=flags)
        ).stdout.strip()

    assert mounting(0, seccomp="default") == "0 0"
    assert mounting(0) == "-1 1"
    assert mounting(4096) == "-1 1"  # MS_BIND


@pytest.mark.parametrize(
    ("without", "told"),
    [
        ("SYS_ADMIN", "there is no CAP_SYS_ADMIN, so nothing can be mounted; give the container --cap-add SYS_ADMIN"),
        ("SETPCAP", "cannot become uid 1000 without CAP_SETPCAP; give the container --cap-add SETPCAP"),
        ("/dev/fuse", "/dev/fuse is not there, so nothing can be mounted; give the container --device /dev/fuse"),
    ],
)
def test_a_missing_privilege_is_named_with_its_remedy(without: str, told: str) -> None:
    options = privileges()
    place = options.index(without)
    with container(*options[: place - 1], *options[place + 1 :], *MOUNTS) as name:
        until(lambda: told in docker("logs", name).stderr)
        # where it can, the Bridge runs without a mount and says so; else the container ends
        ended = until(lambda: state(name)["Status"] == "exited" or validated(name).get("status") == 1)
        assert ended


def test_it_stops_in_good_order_hears_hup_and_buries_the_dead(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    config.chmod(0o755)
    env = config / "bridge.env"
    env.write_text("LIGHTHOUSE_FUSE_BACKEND=fusepy\nLIGHTHOUSE_FUSE_FALLBACK=pyfuse3\n")
    told = ["-e", "LIGHTHOUSE_CONFIG_DIR=/etc/lighthouse", "-v", f"{config}:/etc/lighthouse:ro"]
    with container(*privileges(), *MOUNTS, *told) as name:
        until(lambda: validated(name)["ok"], 60)
        assert validated(name)["library"].startswith("libfuse.so.2")
        # an orphan becomes PID 1's child
        docker("exec", name, "sh", "-c", "(sh -c 'sleep 0.2 & exit' &) ; exit")
        new = config / "new"
        new.write_text("LIGHTHOUSE_FUSE_BACKEND=pyfuse3\nLIGHTHOUSE_FUSE_FALLBACK=fusepy\n")
        new.replace(env)
        docker("kill", "-s", "HUP", name)
        until(lambda: str(validated(name).get("library")).startswith("libfuse3.so.3"), 60)
        states = docker("exec", name, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null").stdout
        assert [line for line in states.splitlines() if ") Z " in line] == []
        docker("stop", "-t", "30", name)
        assert state(name)["ExitCode"] == 0
        assert "nothing is left mounted" in docker("logs", name).stderr


def test_the_health_check_sees_who_serves_and_that_a_mount_hangs() -> None:
    with container(*privileges(), *MOUNTS) as name:
        until(lambda: validated(name)["ok"], 60)
        until(lambda: state(name)["Health"]["Status"] == "healthy", 60)
        find = "for p in /proc/[0-9]*; do grep -q mount_process $p/cmdline && echo ${p#/proc/}; done; true"
        server = docker("exec", name, "sh", "-c", find).stdout.split()[0]
        as_bridge = ["sh", "/usr/local/bin/start-bridge-dual-fuse.sh", "sh", "-c"]
        docker("exec", name, *as_bridge, f"kill -STOP {server}")
        said = validated(name)
        assert (said["ok"], said["status"]) == (False, 1), said
        docker("exec", name, *as_bridge, f"kill -CONT {server}")
        until(lambda: validated(name)["ok"], 60)


def test_an_image_knows_which_backend_it_was_built_for() -> None:
    with container(*privileges(), *MOUNTS, tag=image("fuse3")) as name:
        until(lambda: validated(name)["ok"], 60)
        assert validated(name)["backend"] == "pyfuse3"
