"""The operator's one file, lighthouse-migrate.toml: where the deployment lives and how strict the walk is.

Everything in it has a default; what is not known is refused by name, because a misspelt soak is a soak that never was.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from deployment.errors import UsageError
from deployment.targets.target import DockerPlace, Place

T = TypeVar("T")

FILE = "lighthouse-migrate.toml"
ENVIRONMENT = "LIGHTHOUSE_MIGRATE_SETTINGS"
#: Gates whose limit is the operator's to set: a factor of what fusepy took in week 1.
FACTORS = {"memory": 1.10, "cpu": 1.05}


class SettingsError(UsageError):
    """The settings file is missing, cannot be read, or says something that does not exist."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided."""

    path: Path
    name: str
    project: Path | None
    target: str
    place: Place
    docker: DockerPlace = field(default_factory=DockerPlace)
    soak: Mapping[int, timedelta] = field(default_factory=dict)  # by week; a week's own default where absent
    trigger_window: float = 60.0  # seconds
    gate_window: float = 24 * 3600.0
    patience: float = 900.0  # how long `advance --wait` waits for a gate that is not conclusive yet
    metrics: str = "auto"  # "auto", "prometheus" or "scrape"
    comparisons: int = 3000
    limits: Mapping[str, float] = field(default_factory=dict)  # by gate, where the operator's own holds
    iterations: int = 1000
    warmup: int = 100
    latency: float = 1.0  # times the benchmark's limits of latency
    keep_dual: bool = False  # week 8 keeps both backends
    keys: Mapping[str, str] = field(default_factory=dict)  # of the screens: action → key, where another one is wanted
    notify: tuple[str, ...] = field(default=(), repr=False)  # apprise addresses: they are secrets

    @property
    def journal(self) -> Path:
        """Path of the journal."""
        return self.place.state / "journal.sqlite"


def find(named: Path | None) -> Path:
    """Return the settings file: the one named, the environment's, or the nearest one above the working directory.

    Raises:
        SettingsError: There is none.
    """
    if named is None and os.environ.get(ENVIRONMENT):
        named = Path(os.environ[ENVIRONMENT])
    if named is not None:
        if not named.is_file():
            raise SettingsError(f"there is no settings file {named}", f"`lighthouse-migrate --settings {named} init`")
        return named.absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise SettingsError(f"there is no {FILE} in {here} or above it", "`lighthouse-migrate init` makes one")


def load(path: Path) -> Settings:
    """Read a settings file.

    Raises:
        SettingsError: It cannot be read, or names a setting or a value that does not exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", f"`ls -l {path}`") from error
    return parse(path, text)


def parse(path: Path, text: str) -> Settings:
    """Read settings from a text that stands, or will stand, at `path`.

    Raises:
        SettingsError: It names a setting or a value that does not exist.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}", "correct that line") from error
    return _Reader(path, table).settings()


class _Reader:
    """Reads one table, remembers what was asked for, and refuses the rest."""

    def __init__(self, path: Path, table: Mapping[str, Any]) -> None:
        self._path = path
        self._table = table
        self._known: dict[str, set[str]] = {}

    def settings(self) -> Settings:
        base = self._path.parent
        if self._get("", "format", int, 1) != 1:
            raise self._wrong("format", "this version reads format 1")
        state = base / self._get("target", "state", str, ".lighthouse-migrate")
        soak = {week: d for week in range(9) if (d := self._duration("soak", f"week{week}")) is not None}
        project = self._get("", "project", str, "")
        place = Place(
            state=state,
            live=base / self._get("target", "live", str, "/mnt/lighthouse/project"),
            store=base / self._get("target", "store", str, str(state / "store.sqlite")),
            router_port=self._port("router", 8765),
            stable_ports=self._pair("stable", (8767, 8768)),
            canary_ports=self._pair("canary", (8766, 8769)),
            stable_metrics_ports=self._pair("stable_metrics", (9100, 9102)),
            canary_metrics_ports=self._pair("canary_metrics", (9101, 9103)),
            prometheus_port=self._port("prometheus", 9090),
            comparison_rate=self._positive("gates", "comparison_rate", 10),
            drain_seconds=self._seconds("target", "drain", 30.0),
        )
        self._distinct(place)
        found = Settings(
            path=self._path,
            name=self._get("", "name", str, base.name),
            project=base / project if project else None,
            target=self._one_of("target", "kind", ("local", "docker")),
            place=place,
            docker=DockerPlace(
                base_image=self._get("docker", "base_image", str, DockerPlace().base_image),
                adopt=self._get("docker", "adopt", str, ""),
            ),
            soak=soak,
            trigger_window=self._seconds("gates", "trigger_window", 60.0),
            gate_window=self._seconds("gates", "gate_window", 24 * 3600.0),
            patience=self._seconds("gates", "patience", 900.0),
            metrics=self._one_of("gates", "metrics", ("auto", "prometheus", "scrape")),
            comparisons=self._positive("gates", "comparisons", 3000),
            limits={gate: self._factor("gates", gate, limit) for gate, limit in FACTORS.items()},
            iterations=self._positive("benchmark", "iterations", 1000),
            warmup=self._positive("benchmark", "warmup", 100),
            latency=self._factor("benchmark", "latency", 1.0),
            keep_dual=self._get("cleanup", "keep_dual", bool, False),
            keys=self._keys(),
            notify=self._addresses(),
        )
        self._refuse_unknown()
        return found

    def _get(self, section: str, key: str, kind: type[T], default: T) -> T:
        self._known.setdefault(section, set()).add(key)
        table = self._table.get(section, {}) if section else self._table
        if not isinstance(table, Mapping):
            raise self._wrong(section, "it must be a table")
        value = table.get(key, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            seen = type(value).__name__ if section == "notify" else repr(value)  # an address is a secret
            raise self._wrong(_dotted(section, key), f"it must be a {kind.__name__}, not {seen}")
        return value

    def _one_of(self, section: str, key: str, known: tuple[str, ...]) -> str:
        value = self._get(section, key, str, known[0])
        if value not in known:
            raise self._wrong(_dotted(section, key), f"{value!r} is none of {', '.join(known)}")
        return value

    def _positive(self, section: str, key: str, default: int) -> int:
        value = self._get(section, key, int, default)
        if value < 1:
            raise self._wrong(_dotted(section, key), f"it must be 1 or more, not {value}")
        return value

    def _factor(self, section: str, key: str, default: float) -> float:
        value = self._get(section, key, float, default)
        if not value >= 1:
            raise self._wrong(_dotted(section, key), f"it must be 1.0 or more, not {value}")
        return value

    def _port(self, key: str, default: int) -> int:
        return self._valid_port(key, self._get("ports", key, int, default))

    def _valid_port(self, key: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
            raise self._wrong(f"ports.{key}", f"{value!r} is not a port; 1 to 65535 are")
        return value

    def _pair(self, key: str, default: tuple[int, int]) -> tuple[int, int]:
        value = self._get("ports", key, list, list(default))
        if len(value) != 2:
            raise self._wrong(f"ports.{key}", "it must be two ports: a successor starts beside the one it replaces")
        return self._valid_port(key, value[0]), self._valid_port(key, value[1])

    def _addresses(self) -> tuple[str, ...]:
        """Read the addresses of notifications; what is wrong with one is said without it, because it is a secret."""
        values = self._get("notify", "urls", list, [])
        for number, value in enumerate(values, 1):
            if not isinstance(value, str) or "://" not in value:
                raise self._wrong("notify.urls", f"number {number} is no address such as mailto://… or json://…")
        return tuple(values)

    def _keys(self) -> Mapping[str, str]:
        """Read which keys are moved; which actions there are, the screens know."""
        table = self._table.get("keys", {})
        if not isinstance(table, Mapping):
            raise self._wrong("keys", "it must be a table")
        return {action: self._get("keys", action, str, "") for action in table}

    def _duration(self, section: str, key: str) -> timedelta | None:
        text = self._get(section, key, str, "")
        return duration(text, lambda why: self._wrong(_dotted(section, key), why)) if text else None

    def _seconds(self, section: str, key: str, default: float) -> float:
        found = self._duration(section, key)
        return default if found is None else found.total_seconds()

    def _distinct(self, place: Place) -> None:
        ports = [
            *(place.router_port, place.prometheus_port, *place.stable_ports, *place.canary_ports),
            *(*place.stable_metrics_ports, *place.canary_metrics_ports),
        ]
        twice = sorted({p for p in ports if ports.count(p) > 1})
        if twice:
            raise self._wrong("ports", f"port {twice[0]} is given twice")

    def _refuse_unknown(self) -> None:
        for section, value in self._table.items():
            if section in self._known and isinstance(value, Mapping):
                for key in value:
                    if key not in self._known[section]:
                        raise self._unknown(_dotted(section, key), self._known[section])
            elif section not in self._known[""] and section not in self._known:
                raise self._unknown(section, self._known[""] | self._known.keys() - {""})

    def _unknown(self, key: str, known: set[str]) -> SettingsError:
        from difflib import get_close_matches  # only an error needs it

        near = get_close_matches(key.rpartition(".")[2], known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
        return SettingsError(f"{self._path} has an unknown setting `{key}`", hint)

    def _wrong(self, key: str, why: str) -> SettingsError:
        return SettingsError(f"{self._path}: `{key}` cannot be used: {why}", f"correct `{key}` in {self._path}")


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str, wrong: Callable[[str], Exception]) -> timedelta:
    """Read "90s", "15m", "24h", "2d12h" or "0s"."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise wrong(f"{text!r} is not a duration; 30s, 15m, 24h, 2d12h are")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    return timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in parts))


def _dotted(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key
