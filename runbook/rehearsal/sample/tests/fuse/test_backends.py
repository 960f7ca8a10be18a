import pytest

from lighthouse.bridge.fuse_mount.operations import ProjectOperations
from lighthouse.fuse.backends import create_backend


@pytest.mark.parametrize("backend", ["fusepy", "pyfuse3"])
def test_a_backend_keeps_its_operations(backend):
    operations = ProjectOperations()
    assert create_backend(backend, operations).get_operations() is operations


@pytest.mark.fusepy_only
def test_fusepy_is_the_default(monkeypatch):
    from lighthouse.fuse.backends import select_backend

    monkeypatch.delenv("LIGHTHOUSE_FUSE_BACKEND", raising=False)
    assert select_backend() == "fusepy"
