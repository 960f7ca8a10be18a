"""Every mount option is kept, translated, dropped with a reason or refused with a remedy, on each backend."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from dualfuse.backend import mount
from dualfuse.errors import MountError
from dualfuse.mounts import mount_at
from dualfuse.options import TABLE, as_markdown, parse, plan, whole
from dualfuse.samples.memory import Memory
from tests.dualfuse.served import serve, wait_for


def test_words_are_read_as_fuse_reads_them() -> None:
    assert parse("ro,fsname=a\\,b,max_read=4096,") == {"ro": True, "fsname": "a,b", "max_read": "4096"}
    assert parse("") == {}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_option_has_a_fate_and_a_reason(name: str, backend: str) -> None:
    try:
        fate = plan({name: "7"}, backend)
    except MountError as error:
        assert name in error.message
        assert error.remedy
        return
    kept, translated = fate.library, fate.adapter
    assert len(kept) + len(translated) + len(fate.notes) == 1
    assert all(name in note and ":" in note for note in fate.notes)


def test_the_documented_table_is_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "dualfuse.md").read_text(encoding="utf-8")
    assert as_markdown() in page
    assert all(f"`{name}`" in as_markdown() for name in TABLE)


def test_an_option_that_is_false_was_not_given(backend: str) -> None:
    fate = plan({"use_ino": False, "ro": None, "nonsense": False}, backend)
    assert (fate.library, fate.adapter, fate.notes) == ({}, {}, [])


def test_unknown_and_refused_options_name_the_way_out(backend: str) -> None:
    with pytest.raises(MountError, match="unknown mount option colour"):
        plan({"colour": "red"}, backend)
    with pytest.raises(MountError, match="fd cannot be used") as caught:
        plan({"fd": "5"}, backend)
    assert caught.value.remedy


def test_libfuse2_options_are_translated_for_pyfuse3() -> None:
    fate = plan({"kernel_cache": True, "entry_timeout": "0", "big_writes": True, "allow_other": True}, "pyfuse3")
    assert fate.adapter == {"keep_cache": True, "entry_timeout": "0"}
    assert fate.library == {"allow_other": True}
    assert len(fate.notes) == 1
    with pytest.raises(MountError, match="use_ino"):
        plan({"use_ino": True}, "pyfuse3")


WRONG = ["uid=abc", "umask=999", "attr_timeout=soon", "entry_timeout"]


@pytest.mark.fuse
@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_value_is_refused_with_a_remedy(tmp_path: Path, backend: str, option: str) -> None:
    with pytest.raises(MountError, match=option.partition("=")[0]) as caught:
        mount(Memory(), str(tmp_path), backend, **parse(option))
    assert "option" in caught.value.remedy or "give it" in caught.value.remedy
    assert mount_at(str(tmp_path)) is None


@pytest.mark.fuse
@pytest.mark.parametrize("option", ["max_threads=many", "negative_timeout=nan", "readdirplus=maybe", "max_threads"])
def test_a_wrong_value_of_what_dualfuse_does_itself_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(MountError, match=option.partition("=")[0]) as caught:
        mount(Memory(), str(tmp_path), "pyfuse3", **parse(option))
    assert caught.value.remedy.startswith("give it")


def test_digits_are_read_as_libfuse_reads_them() -> None:
    """fusepy writes a number as its decimal digits, and libfuse reads those of umask as octal ones."""
    assert whole({"umask": 77}, "umask", 8) == whole({"umask": "077"}, "umask", 8) == 0o77
    assert whole({"uid": 77}, "uid") == 77


@pytest.mark.fuse
def test_a_name_that_is_not_ascii_is_refused_by_pyfuse3(tmp_path: Path) -> None:
    with pytest.raises(MountError, match="ASCII"):
        mount(Memory(), str(tmp_path), "pyfuse3", fsname="Leuchtturm-Ä")


@pytest.mark.fuse
def test_another_encoding_is_refused_by_pyfuse3_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(MountError, match="names are UTF-8") as caught:
        mount(Memory(), str(tmp_path), "pyfuse3", encoding="latin-1")
    assert "os.fsdecode" in caught.value.remedy
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", "pyfuse3", options=["encoding=UTF-8"]) as daemon:
        assert Path(daemon.mountpoint).is_dir()


@pytest.mark.fuse
@pytest.mark.parametrize("options", [[], ["hard_remove"]])
def test_hard_remove_decides_what_becomes_of_an_open_file(tmp_path: Path, backend: str, options: list[str]) -> None:
    under = tmp_path / "under"
    under.mkdir()
    with serve("dualfuse.samples.loopback:Loopback", tmp_path / "m", backend, [f"root={under}"], options) as daemon:
        place = Path(daemon.mountpoint, "place")
        place.mkdir()
        with (place / "f").open("wb+", buffering=0) as file:
            file.write(b"still here")
            (place / "f").unlink()
            kept = [path.name for path in (under / "place").iterdir()]
            assert all(name.startswith(".fuse_hidden") for name in kept)
            assert len(kept) == (0 if options else 1)
            if options:
                place.rmdir()
            else:
                assert os.fstat(file.fileno()).st_nlink == 0
                assert os.pread(file.fileno(), 20, 0) == b"still here"
                with pytest.raises(OSError, match="not empty"):
                    place.rmdir()
        if not options:
            wait_for(lambda: not list((under / "place").iterdir()), "the release")
            place.rmdir()
        assert not (under / "place").exists()


@pytest.mark.fuse
def test_a_listing_gives_inode_numbers_when_asked(tmp_path: Path, backend: str) -> None:
    for number, options in enumerate(([], ["readdir_ino"])):
        with serve("dualfuse.samples.memory:Memory", tmp_path / f"m{number}", backend, options=options) as daemon:
            file = Path(daemon.mountpoint, "f")
            file.touch()
            (listed,) = [entry.inode() for entry in os.scandir(daemon.mountpoint)]
            assert (listed == file.stat().st_ino) == bool(options)


@pytest.mark.fuse
def test_names_with_commas_read_only_and_owners_arrive(tmp_path: Path, backend: str) -> None:
    options = ["fsname=one\\,two,subtype=light,ro,uid=1234,gid=4321,umask=077"]
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend, options=options) as daemon:
        line = next(line for line in Path("/proc/self/mounts").read_text().splitlines() if daemon.mountpoint in line)
        assert line.startswith("one,two ")
        assert " fuse.light ro," in line
        status = Path(daemon.mountpoint).stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o700)
        with pytest.raises(OSError, match="Read-only"):
            Path(daemon.mountpoint, "f").touch()


@pytest.mark.fuse
def test_negative_entries_are_cached_when_asked(tmp_path: Path, backend: str) -> None:
    under = tmp_path / "under"
    under.mkdir()
    loopback = "dualfuse.samples.loopback:Loopback"
    with serve(loopback, tmp_path / "m", backend, [f"root={under}"], ["negative_timeout=0.4"]) as daemon:
        file = Path(daemon.mountpoint, "f")
        assert not file.exists()
        (under / "f").touch()
        assert not file.exists()
        time.sleep(0.5)  # the kernel's own timeout
        assert file.exists()


@pytest.mark.fuse
@pytest.mark.parametrize("options", ["direct_io", "kernel_cache", "hard_remove", "nothreads", "default_permissions"])
def test_contents_are_right_under_every_mode(tmp_path: Path, backend: str, options: str) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend, options=[options]) as daemon:
        place = Path(daemon.mountpoint)
        data = os.urandom(300_000)
        (place / "f").write_bytes(data)
        assert (place / "f").read_bytes() == data
        os.truncate(place / "f", 1000)
        (place / "f").rename(place / "g")
        assert (place / "g").read_bytes() == data[:1000]
        (place / "g").unlink()
        assert list(place.iterdir()) == []
