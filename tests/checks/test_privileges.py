"""What AppArmor and SELinux forbid, judged from what a kernel that has them would show; here there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checks.privileges import judge_apparmor, judge_selinux

HOME = Path("/home/mark")
FOUND: dict[str, Any] = {
    "apparmor": True,
    "label": "unconfined",
    "may_mount": "ENODEV",
    "helper_confined": False,
    "sys_admin": True,
    "selinux": False,
}


@pytest.mark.parametrize(
    ("more", "live", "seen"),
    [
        ({}, "/srv/live", None),
        ({"apparmor": False, "helper_confined": True, "sys_admin": False}, "/srv/live", None),
        ({"label": "docker-default (enforce)"}, "/srv/live", None),
        (
            {"label": "docker-default (enforce)", "may_mount": "EACCES"},
            "/srv/live",
            "AppArmor's profile docker-default (enforce) forbids to mount",
        ),
        (
            {"helper_confined": True, "sys_admin": False},
            "/srv/live",
            "AppArmor's profile fusermount3 forbids to mount at /srv/live",
        ),
        ({"helper_confined": True, "sys_admin": False}, "/mnt/live", None),
        ({"helper_confined": True, "sys_admin": False}, "/home/mark/live", None),
        ({"helper_confined": True, "sys_admin": True}, "/srv/live", None),
    ],
)
def test_what_apparmor_forbids(more: dict[str, Any], live: str, seen: str | None) -> None:
    finding = judge_apparmor(FOUND | more, Path(live), HOME)
    assert (finding.seen if finding else None) == seen


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({"selinux": True}, None),
        ({"may_mount": "EACCES"}, None),
        (
            {"selinux": True, "may_mount": "EACCES", "label": "container_t"},
            "SELinux's domain container_t forbids to mount",
        ),
    ],
)
def test_what_selinux_forbids(more: dict[str, Any], seen: str | None) -> None:
    finding = judge_selinux(FOUND | more)
    assert (finding.seen if finding else None) == seen
