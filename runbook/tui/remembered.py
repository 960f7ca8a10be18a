"""What the next session begins with: the room that was read last and how far back its charts look."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "tui.json"  # in the deployment's state folder


@dataclass(slots=True)
class Remembered:
    """What is remembered from one session to the next."""

    screen: str = "home"
    range: str = "5m"

    @classmethod
    def read(cls, file: Path | None) -> Remembered:
        """Read what was remembered; what is missing or unreadable is as in a first session."""
        try:
            told = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
        except (OSError, ValueError):
            return cls()
        known = {"screen", "range"}
        return cls(**{k: v for k, v in told.items() if k in known and isinstance(v, str)} if type(told) is dict else {})

    def keep(self, file: Path) -> None:
        """Remember it, where there is a deployment to remember it with."""
        if not file.parent.is_dir():
            return
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        beside.write_text(json.dumps(asdict(self)), encoding="utf-8")
        beside.replace(file)
