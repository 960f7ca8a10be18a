"""What a path looks like through a mount: every question, and an errno's name where there is no answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualfuse.observe import ASPECTS, COMPARED, WHOLE, observe_all
from tests.dualfuse.served import BACKENDS, serve

pytestmark = pytest.mark.fuse


@pytest.fixture(params=BACKENDS)
def mount(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "root").mkdir()
    arguments = [f"root={tmp_path / 'root'}"]
    with serve("dualfuse.samples.loopback:Loopback", tmp_path / "mnt", request.param, arguments):
        yield tmp_path / "mnt"


def test_each_kind_of_file_answers_what_makes_sense_for_it(mount: Path) -> None:
    (mount / "d").mkdir()
    (mount / "d" / "f").write_bytes(b"0123456789")
    os.setxattr(mount / "d" / "f", "user.x", b"\x01\xff")
    (mount / "d" / "l").symlink_to("f")
    every = [
        "attributes",
        "opened",
        "content",
        "listing",
        "target",
        "xattrs",
        "bytes:2:4",
        "xattr:user.x",
        "xattr:user.no",
    ]
    file, folder, link, attributes = observe_all(
        mount, [("d/f", every), ("d", ASPECTS), ("d/l", every), ("d/f", ["attributes"])]
    )
    assert file["attributes"]["st_size"] == 10
    assert set(file["attributes"]) == set(COMPARED)
    assert file["opened"] == ""
    assert (file["content"]["read"], file["bytes:2:4"]["read"]) == (10, 4)
    assert file["xattr:user.x"] == {"value": "01ff"}
    assert file["xattr:user.no"] == "ENODATA"
    assert file["xattrs"]["user.x"] == "01ff"
    assert not {"listing", "target"} & set(file)
    assert folder["listing"] == ["f", "l"]
    assert "content" not in folder
    assert link["target"] == "f"
    assert "opened" not in link
    assert set(attributes) == {"attributes"}


def test_one_byte_anywhere_that_is_asked_for_makes_another_answer(mount: Path) -> None:
    content = bytearray(os.urandom(2 * WHOLE))
    path, questions = mount / "large", ["content", f"bytes:{WHOLE}:4096"]

    def seen() -> list[object]:
        path.write_bytes(content)
        (answer,) = observe_all(mount, [("large", questions)])
        return [answer[question] for question in questions]

    before = seen()
    content[WHOLE + 7] ^= 1
    ends, middle = seen()
    assert (ends == before[0], middle == before[1]) == (True, False)
    content[-1] ^= 1
    assert seen()[0] != before[0]


def test_what_is_not_there_says_so_and_when_its_folder_was_last_changed(mount: Path) -> None:
    (mount / "d").mkdir()
    first, again, deeper = observe_all(mount, [("d/a", ["opened"]), ("d/a", ["attributes"]), ("d/no/a", ["opened"])])
    assert first["error"] == again["error"] == deeper["error"] == "ENOENT"
    assert first["as_of"] == deeper["as_of"] == ["d", (mount / "d").stat().st_ctime_ns]
    (mount / "d" / "b").touch()
    assert observe_all(mount, [("d/a", ["opened"])])[0]["as_of"] != first["as_of"]


def test_a_path_does_not_climb_and_a_bare_mount_point_is_no_empty_tree(mount: Path, tmp_path: Path) -> None:
    assert [each["error"] for each in observe_all(mount, [("..", ["opened"]), ("../root", ["opened"])])] == [
        "EXDEV"
    ] * 2
    (tmp_path / "bare").mkdir()
    with pytest.raises(OSError, match="nothing is mounted"):
        observe_all(tmp_path / "bare", [("a", ["attributes"])])
