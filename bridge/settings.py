"""The Bridge's settings: LIGHTHOUSE_* from the environment, overridden by `bridge.env` in the configuration folder.

The file lies in a folder of its own because an atomically replaced file is only seen inside a container if its folder
is what is shared. It is read at start and again on SIGHUP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

FILE = "bridge.env"
BACKENDS = ("fusepy", "pyfuse3", "mfusepy")
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
# Read by others, or set by the selection itself; harmless in bridge.env.
FOREIGN = frozenset({"LIGHTHOUSE_CONFIG_DIR", "LIGHTHOUSE_FUSE_BENCHMARK", "LIGHTHOUSE_ACTIVE_FUSE_BACKEND"})
# What only a restart can change: sockets that are open, files that are held, the path that clients know.
FIXED = ("host", "port", "metrics_port", "mount_point", "store", "state_dir", "agents")


class SettingsError(Exception):
    """A setting has a value that it cannot have; the message names the key."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the Bridge is told; each field is the LIGHTHOUSE_ key of `KEYS`."""

    backend: str = "fusepy"
    fallback: str | None = None
    parallel_test: bool = False  # compare this Bridge's operations with the shadow's
    debug: bool = False
    max_readahead: int = 131072  # bytes
    max_write: int = 131072  # bytes
    cache_ttl: float = 60.0  # seconds
    cache_size: int = 10000  # entries
    shadow_url: str = ""
    comparison_rate: float = 10.0  # comparisons a second, at most
    mount_point: Path = Path("/mnt/lighthouse")
    host: str = "127.0.0.1"
    port: int = 8765
    metrics_port: int = 9100
    store: Path = Path("/var/lib/lighthouse/events.db")
    state_dir: Path = Path("/run/lighthouse")  # private mountpoints and sockets
    agents: Path | None = None  # who may do what; by default agents.json beside the store, if it is there
    drain_timeout: float = 30.0  # seconds

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the environment, and the file if LIGHTHOUSE_CONFIG_DIR names its folder.

        Raises:
            SettingsError: A value makes no sense, or the file has a key that does not exist.
        """
        told = {key: value for key, value in environment.items() if key in KEYS}
        folder = environment.get("LIGHTHOUSE_CONFIG_DIR")
        if folder:
            told.update(_from_file(Path(folder) / FILE))
        settings = cls(**{KEYS[key][0]: _parsed(key, value) for key, value in told.items()})
        if settings.fallback == settings.backend:
            raise SettingsError(f"LIGHTHOUSE_FUSE_FALLBACK is {settings.fallback}, the same as LIGHTHOUSE_FUSE_BACKEND")
        if settings.port == settings.metrics_port:
            raise SettingsError(f"LIGHTHOUSE_METRICS_PORT is {settings.port}, the same as LIGHTHOUSE_PORT")
        return settings

    @property
    def agents_file(self) -> Path:
        """Where the agents are looked for; where no file is, everybody may do everything."""
        return self.agents or self.store.parent / "agents.json"

    def in_force(self) -> dict[str, str]:
        """Return the settings under the names an operator gives them."""
        return {key: _shown(getattr(self, name)) for key, (name, _) in KEYS.items()}

    def keep_fixed(self, before: Settings) -> tuple[Settings, list[str]]:
        """Return these settings with what only a restart can change as it was before, and the keys that were kept."""
        kept = [name for name in FIXED if getattr(self, name) != getattr(before, name)]
        values = {field.name: getattr(before if field.name in FIXED else self, field.name) for field in fields(self)}
        return Settings(**values), [key for key, (name, _) in KEYS.items() if name in kept]


def _from_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(lines, start=1):
        key, equals, value = line.strip().partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals:
            raise SettingsError(f"{path}:{number} is not KEY=VALUE")
        if key not in KEYS and key not in FOREIGN:
            raise SettingsError(f"{path}:{number} sets {key}, which does not exist")
        if key in KEYS:
            found[key] = value.strip().strip("\"'")
    return found


def _backend(value: str) -> str:
    if value not in BACKENDS:
        raise ValueError(f"not one of {', '.join(BACKENDS)}")
    return value


def _fallback(value: str) -> str | None:
    return None if value in ("", "none") else _backend(value)


def _flag(value: str) -> bool:
    if value.lower() not in TRUE + FALSE:
        raise ValueError("neither true nor false")
    return value.lower() in TRUE


def _port(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 65535:
        raise ValueError("not between 1 and 65535")
    return number


def _positive(value: str) -> int:
    number = int(value)
    if number <= 0:
        raise ValueError("not above 0")
    return number


def _rate(value: str) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError("not a number above 0")
    return number


def _seconds(value: str) -> float:
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError("not a time in seconds")
    return number


def _url(value: str) -> str:
    if value and not value.startswith("http://"):
        raise ValueError("not an http:// address")
    return value.rstrip("/")


def _path(value: str) -> Path:
    if not value.startswith("/"):
        raise ValueError("not an absolute path")
    return Path(value)


def _no_path_or_path(value: str) -> Path | None:
    return None if value in ("", "none") else _path(value)


KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "LIGHTHOUSE_FUSE_BACKEND": ("backend", _backend),
    "LIGHTHOUSE_FUSE_FALLBACK": ("fallback", _fallback),
    "LIGHTHOUSE_FUSE_PARALLEL_TEST": ("parallel_test", _flag),
    "LIGHTHOUSE_FUSE_DEBUG": ("debug", _flag),
    "LIGHTHOUSE_FUSE_MAX_READAHEAD": ("max_readahead", _positive),
    "LIGHTHOUSE_FUSE_MAX_WRITE": ("max_write", _positive),
    "LIGHTHOUSE_CACHE_TTL": ("cache_ttl", _seconds),
    "LIGHTHOUSE_CACHE_SIZE": ("cache_size", _positive),
    "LIGHTHOUSE_SHADOW_URL": ("shadow_url", _url),
    "LIGHTHOUSE_COMPARISON_RATE": ("comparison_rate", _rate),
    "LIGHTHOUSE_MOUNT_POINT": ("mount_point", _path),
    "LIGHTHOUSE_HOST": ("host", str),
    "LIGHTHOUSE_PORT": ("port", _port),
    "LIGHTHOUSE_METRICS_PORT": ("metrics_port", _port),
    "LIGHTHOUSE_STORE": ("store", _path),
    "LIGHTHOUSE_STATE_DIR": ("state_dir", _path),
    "LIGHTHOUSE_AGENTS": ("agents", _no_path_or_path),
    "LIGHTHOUSE_DRAIN_TIMEOUT": ("drain_timeout", _seconds),
}


def _parsed(key: str, value: str) -> Any:
    try:
        return KEYS[key][1](value)
    except ValueError as error:
        raise SettingsError(f"{key} is {value!r}: {error}") from error


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
