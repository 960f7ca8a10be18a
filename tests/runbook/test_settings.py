"""The settings file: everything has a default, nothing unknown is let through."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from runbook.cli.init import compose
from runbook.settings import ENVIRONMENT, FILE, SettingsError, find, parse

HERE = Path("/srv/bridge") / FILE


def test_an_empty_file_is_enough() -> None:
    found = parse(HERE, "")
    assert (found.name, found.place.router_port) == ("bridge", 8765)
    assert found.place.state == Path("/srv/bridge/.lighthouse-migrate")
    assert found.place.live == Path("/mnt/lighthouse/project")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("naem = 'x'", "unknown setting `naem`"),
        ("[sook]\nweek1 = '1d'", "unknown setting `sook`"),
        ("[soak]\nweek9 = '1d'", "unknown setting `soak.week9`"),
        ("[soak]\nweek1 = 'a day'", "`soak.week1` cannot be used: 'a day' is not a duration"),
        ("[soak]\nweek1 = 7", "must be a str"),
        ("[ports]\nrouter = 0", "0 is not a port"),
        ("[ports]\nrouter = true", "must be a int"),
        ("[ports]\nstable = [1]", "must be two ports"),
        ("[ports]\nrouter = 9100", "port 9100 is given twice"),
        ("[target]\nkind = 'moon'", "'moon' is none of local"),
        ("target = 3", "must be a table"),
        ("format = 2", "reads format 1"),
        ("[benchmark]\niterations = 0", "1 or more"),
        ("[benchmark]\nlatency = 0.5", "`benchmark.latency` cannot be used: it must be 1.0 or more"),
        ("name = ", "is not TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_with_a_hint(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse(HERE, text)
    assert message in error.value.message
    assert error.value.hint
    assert error.value.exit_code == 2


def test_a_misspelt_setting_is_told_its_neighbour() -> None:
    with pytest.raises(SettingsError) as error:
        parse(HERE, "[soak]\nweak3 = '1d'")
    assert "week3" in error.value.hint


def test_durations() -> None:
    found = parse(HERE, "[soak]\nweek0 = '0s'\nweek4 = '1.5h'\nweek5 = '2d12h'")
    assert found.soak == {0: timedelta(0), 4: timedelta(hours=1.5), 5: timedelta(days=2.5)}


def test_what_init_writes_can_be_read_whatever_the_names_are() -> None:
    odd = Path('a "folder" with \\ and ünïcode')
    found = parse(HERE, compose('a "name"', odd / "live", odd, odd, "local", 20000))
    assert found.name == 'a "name"'
    assert found.place.live == HERE.parent / odd / "live"
    assert found.place.canary_ports == (20003, 20004)


def test_the_nearest_file_above_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    (tmp_path / FILE).touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert find(None) == tmp_path / FILE
    with pytest.raises(SettingsError, match="there is no settings file"):
        find(tmp_path / "other.toml")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "gone.toml"))
    with pytest.raises(SettingsError, match=r"gone\.toml"):
        find(None)


def test_the_screens_keys_are_read_as_they_stand() -> None:
    assert parse(HERE, "[keys]\nadvance = 'A'\nplan = 'f2'").keys == {"advance": "A", "plan": "f2"}
    with pytest.raises(SettingsError, match=r"keys\.advance"):
        parse(HERE, "[keys]\nadvance = 3")
