"""The settings: the file wins over the environment, and nonsense is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.settings import KEYS, Settings, SettingsError


def test_the_file_overrides_the_environment(tmp_path: Path) -> None:
    (tmp_path / "bridge.env").write_text(
        "# the canary\nLIGHTHOUSE_FUSE_BACKEND=pyfuse3\n\nLIGHTHOUSE_FUSE_FALLBACK='fusepy'\n"
    )
    settings = Settings.read(
        {"LIGHTHOUSE_CONFIG_DIR": str(tmp_path), "LIGHTHOUSE_FUSE_BACKEND": "fusepy", "LIGHTHOUSE_PORT": "8766"}
    )
    assert (settings.backend, settings.fallback, settings.port) == ("pyfuse3", "fusepy", 8766)


def test_a_missing_file_leaves_the_environment(tmp_path: Path) -> None:
    environment = {"LIGHTHOUSE_CONFIG_DIR": str(tmp_path), "LIGHTHOUSE_FUSE_BACKEND": "pyfuse3"}
    assert Settings.read(environment).backend == "pyfuse3"


def test_what_is_in_force_reads_back_as_the_same_settings() -> None:
    settings = Settings(backend="pyfuse3", parallel_test=True, drain_timeout=2.5, mount_point=Path("/srv/m"))
    shown = settings.in_force()
    assert shown["LIGHTHOUSE_FUSE_FALLBACK"] == "none"
    assert shown["LIGHTHOUSE_FUSE_PARALLEL_TEST"] == "true"
    assert set(shown) == set(KEYS)
    assert Settings.read(shown) == settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LIGHTHOUSE_FUSE_BACKEND", "fuse4"),
        ("LIGHTHOUSE_FUSE_BACKEND", ""),
        ("LIGHTHOUSE_FUSE_FALLBACK", "perhaps"),
        ("LIGHTHOUSE_FUSE_FALLBACK", "fusepy"),
        ("LIGHTHOUSE_FUSE_PARALLEL_TEST", "maybe"),
        ("LIGHTHOUSE_PORT", "http"),
        ("LIGHTHOUSE_PORT", "70000"),
        ("LIGHTHOUSE_METRICS_PORT", "8765"),
        ("LIGHTHOUSE_MOUNT_POINT", "mnt"),
        ("LIGHTHOUSE_DRAIN_TIMEOUT", "-1"),
        ("LIGHTHOUSE_DRAIN_TIMEOUT", "nan"),
        ("LIGHTHOUSE_SHADOW_URL", "ftp://x"),
        ("LIGHTHOUSE_CACHE_SIZE", "0"),
    ],
)
def test_a_senseless_value_is_refused_and_its_key_named(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=key):
        Settings.read({key: value})


@pytest.mark.parametrize(
    ("text", "said"),
    [("LIGHTHOUSE_FUSE_BACKENDS=fusepy", "LIGHTHOUSE_FUSE_BACKENDS, which does not exist"), ("fusepy", "KEY=VALUE")],
)
def test_a_file_with_a_line_that_means_nothing_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bridge.env").write_text(f"# first\n{text}\n")
    with pytest.raises(SettingsError, match=f":2 .*{said}"):
        Settings.read({"LIGHTHOUSE_CONFIG_DIR": str(tmp_path)})


def test_what_only_a_restart_can_change_stays_and_is_named() -> None:
    before = Settings(port=1000)
    after, kept = Settings(port=2000, backend="pyfuse3").keep_fixed(before)
    assert (after.port, after.backend) == (1000, "pyfuse3")
    assert kept == ["LIGHTHOUSE_PORT"]
