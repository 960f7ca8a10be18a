"""The systemd unit that keeps a guard on its post.

The guard tells systemd at each look that it lives: one that hangs is killed and started again, and so is one that dies.
Where another guard stands, in somebody's terminal, it is refused, and tries again until that one leaves.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from pathlib import Path

UNIT = """\
[Unit]
Description=Guard of the migration {name}: rolls back to fusepy when a trigger fires
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
WorkingDirectory={folder}
Restart=always
RestartSec=2
WatchdogSec=30
# what it starts for a rollback, a Bridge among them, outlives it
KillMode=process
TimeoutStopSec=120

[Install]
WantedBy={target}
"""


def place(name: str) -> Path:
    """Return where the unit belongs: the system's place for root, else the user's own."""
    file = f"lighthouse-migrate-guard-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}.service"
    if os.geteuid() == 0:
        return Path("/etc/systemd/system", file)
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config, "systemd", "user", file)


def text(name: str, settings: Path) -> str:
    """Return the unit of the deployment that these settings describe."""
    program = Path(sys.executable).with_name("lighthouse-migrate")
    start = [str(program)] if program.exists() else [sys.executable, "-c", "from runbook.cli.main import run; run()"]
    return UNIT.format(
        name=_literal(name),
        folder=_literal(str(settings.parent)),
        command=_literal(shlex.join([*start, "--settings", str(settings), "watch"])),
        target="multi-user.target" if os.geteuid() == 0 else "default.target",
    )


def commands(unit: Path) -> tuple[str, ...]:
    """Return what starts the unit, now and at every boot."""
    systemctl = "systemctl" if os.geteuid() == 0 else "systemctl --user"
    return f"{systemctl} daemon-reload", f"{systemctl} enable --now {unit.name}"


def tell_systemd(word: str) -> None:
    """Tell systemd, where it started this process: "READY=1", "WATCHDOG=1", "STOPPING=1"."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.sendto(word.encode(), "\0" + address[1:] if address.startswith("@") else address)


def _literal(words: str) -> str:
    """Return a text in which systemd expands nothing."""
    return words.replace("%", "%%").replace("$", "$$").replace("\n", " ")
