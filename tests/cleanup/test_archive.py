"""The archive: complete or not there, verified by digests, and restored once before anything is purged."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cleanup import restoring
from cleanup.archive import Contents, give_back, make, read, rehearse, restore, verify
from cleanup.plan import actions
from cleanup.repository import TAG
from deployment.errors import ChangeFailedError
from tests.cleanup import projects


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    project = projects.make(tmp_path / "lighthouse")
    projects.git(project, "tag", TAG)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels, "oldfuse", "3.0.1")
    (tmp_path / "fuse2.txt").write_text("oldfuse==3.0.1\n")
    (tmp_path / "journal.jsonl").write_text('{"event": 1}\n')
    return Contents(project, wheels, requirements=(tmp_path / "fuse2.txt",), journal=tmp_path / "journal.jsonl")


def wheel(folder: Path, name: str, version: str) -> Path:
    """Make a small wheel that installs."""
    file = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(f"{name}.py", "VERSION = 3\n")
        packed.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        packed.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return file


def test_an_archive_holds_everything_and_comes_back(tmp_path: Path, contents: Contents) -> None:
    folder = tmp_path / "archives" / "one"
    made = make(folder, contents, 1000.0)
    assert {entry.path for entry in made.files} == {
        "journal/journal.jsonl",
        "project/history.bundle",
        "project/tree.tar",
        "requirements/fuse2.txt",
        "wheels/oldfuse-3.0.1-py3-none-any.whl",
    }
    assert read(folder) == made
    assert verify(folder) == ()
    assert rehearse(folder) == ()
    assert [entry.name for entry in folder.parent.iterdir()] == ["one"]
    assert contents.project is not None
    restored = restore(folder, tmp_path / "again")
    assert restored is not None
    assert (
        projects.git(restored, "rev-parse", "HEAD") == projects.git(contents.project, "rev-parse", TAG) == made.commit
    )
    assert (restored / "requirements.txt").read_bytes() == (contents.project / "requirements.txt").read_bytes()
    assert make(folder, contents, 2000.0) == made  # it is kept as it is


def damage_remove(folder: Path) -> str:
    (folder / "requirements/fuse2.txt").unlink()
    return "requirements/fuse2.txt is missing"


def damage_flip(folder: Path) -> str:
    file = folder / "project/tree.tar"
    data = bytearray(file.read_bytes())
    data[600] ^= 1
    file.write_bytes(data)
    return "project/tree.tar was changed"


def damage_add(folder: Path) -> str:
    (folder / "wheels/more.whl").touch()
    return "wheels/more.whl does not belong to it"


def damage_manifest(folder: Path) -> str:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    return "its format is 99, this program reads 1"


@pytest.mark.parametrize("damage", [damage_remove, damage_flip, damage_add, damage_manifest])
def test_damage_is_found_and_nothing_is_restored_from_it(tmp_path: Path, contents: Contents, damage: object) -> None:
    folder = tmp_path / "one"
    make(folder, contents, 0.0)
    assert callable(damage)
    said = damage(folder)
    assert verify(folder) == (said,)
    with pytest.raises(ChangeFailedError, match="is damaged"):
        restore(folder, tmp_path / "again")
    with pytest.raises(ChangeFailedError, match="is damaged"):
        make(folder, contents, 0.0)
    assert not (tmp_path / "again").exists()


def test_what_cannot_be_restored_is_no_archive(tmp_path: Path, contents: Contents) -> None:
    assert contents.wheels is not None
    (contents.wheels / "broken-1-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(ChangeFailedError, match="could not be restored: the wheels do not install"):
        make(tmp_path / "one", contents, 0.0)
    assert not (tmp_path / "one").exists()


def test_a_project_without_the_tag_is_refused(tmp_path: Path) -> None:
    project = projects.make(tmp_path / "p")
    with pytest.raises(ChangeFailedError, match=f"no tag {TAG}"):
        make(tmp_path / "one", Contents(project), 0.0)


def test_without_a_project_the_rest_is_archived(tmp_path: Path, contents: Contents) -> None:
    made = make(tmp_path / "kept", replace(contents, project=None), 5.0)
    assert (made.tag, made.commit) == ("", "")
    assert rehearse(tmp_path / "kept") == ()
    assert restore(tmp_path / "kept", tmp_path / "again") is None


def test_it_is_of_the_project_as_it_was_before_the_purge(tmp_path: Path) -> None:
    project = projects.make(tmp_path / "another")
    tag, *purge = actions(project)
    tag.apply(lambda line: None)
    make(tmp_path / "kept", Contents(project), 5.0)
    for action in purge:
        action.apply(lambda line: None)
    restored = restore(tmp_path / "kept", tmp_path / "again")
    assert restored is not None
    assert "fusepy==3.0.1" in (restored / "requirements.txt").read_text()
    assert (restored / "scripts/migration/compare.sh").exists()


def saved_image(folder: Path, name: str, layer: bytes = b"a layer") -> Path:
    """Write an image as `docker save` does."""
    layers = [("0/layer.tar", layer)]
    digests = [f"sha256:{hashlib.sha256(b'a layer').hexdigest()}"]
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": digests}}).encode()
    told = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": told, "RepoTags": ["x:y"], "Layers": [path for path, _ in layers]}]).encode()
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / name, "w") as tar:
        for path, data in [*layers, (told, config), ("manifest.json", manifest)]:
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return folder / name


def test_an_image_is_archived_once_on_the_disk_and_given_back_where_it_is_missing(tmp_path: Path) -> None:
    image = saved_image(tmp_path / "images", "dual.tar")
    made = make(tmp_path / "kept", Contents(images=(image,)), 5.0)
    assert [entry.path for entry in made.files] == ["images/dual.tar"]
    assert (tmp_path / "kept/images/dual.tar").stat().st_ino == image.stat().st_ino
    assert give_back(tmp_path / "kept", "images", tmp_path / "images") == ()
    image.unlink()
    assert give_back(tmp_path / "kept", "images", tmp_path / "images") == (image,)
    assert restoring.images([image]) == []


def test_an_image_with_a_wrong_layer_is_no_archive(tmp_path: Path) -> None:
    image = saved_image(tmp_path / "images", "dual.tar", b"another layer")
    with pytest.raises(ChangeFailedError, match=r"dual\.tar cannot be loaded: a layer was changed or is missing"):
        make(tmp_path / "kept", Contents(images=(image,)), 5.0)


def test_what_was_changed_in_the_archive_is_not_given_back(tmp_path: Path) -> None:
    image = saved_image(tmp_path / "images", "dual.tar")
    make(tmp_path / "kept", Contents(images=(image,)), 5.0)
    image.unlink()
    with (tmp_path / "kept/images/dual.tar").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ChangeFailedError, match="is not what was archived"):
        give_back(tmp_path / "kept", "images", tmp_path / "images")
    assert not image.exists()


def test_a_package_that_does_not_unpack_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "libfuse2_1_amd64.deb").write_bytes(b"no package")
    with pytest.raises(ChangeFailedError, match=r"libfuse2_1_amd64\.deb does not unpack"):
        make(tmp_path / "kept", Contents(packages=(tmp_path / "libfuse2_1_amd64.deb",)), 5.0)
