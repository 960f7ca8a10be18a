"""The container's health check: who really serves the mount, and does reading through it give bytes?

It believes no variable. It asks the Bridge for the process that serves, looks in that process' memory which libfuse it
has loaded, and reads through the mount, from a child that can be abandoned if the mount hangs. Prints one line of JSON;
the exit status is 0 when all of that is well, else 1.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bridge.settings import Settings, SettingsError
from dualfuse.heartbeat import beat
from dualfuse.live import served_by

LIMIT = 1.5  # seconds for each question; Docker gives the whole check 4
START = "/usr/local/bin/start-bridge-dual-fuse.sh"
NEW_LIBRARY, OLD_LIBRARY = "libfuse3.so", "libfuse.so."
READ = """
import os, sys
names = sorted(os.listdir(sys.argv[1]))
for name in names:
    path = os.path.join(sys.argv[1], name)
    if os.path.isfile(path):
        with open(path, "rb") as file:
            file.read(65536)
        break
print(len(names))
"""


class Unhealthy(Exception):  # noqa: N818 - it is what Docker calls the state
    """What is wrong, in words."""


def main() -> int:
    """Check everything and print what was found."""
    if os.geteuid() == 0 and os.environ.get("LIGHTHOUSE_UID", "1000") != "0":
        # only the Bridge's own user may look into its processes
        os.execv("/bin/sh", ["/bin/sh", START, sys.executable, *sys.argv])
    found: dict[str, Any] = {}
    try:
        _check(found)
    except (Unhealthy, SettingsError) as error:
        found = {"ok": False, **found, "error": str(error)}
    else:
        found = {"ok": True, **found}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if found["ok"] else 1


def _check(found: dict[str, Any]) -> None:
    settings = Settings.read(os.environ)
    said = _health(settings)
    found["backend"] = said.get("backend")
    found["mount_point"] = str(settings.mount_point)
    if said.get("status") != "ok":
        raise Unhealthy(f"the Bridge says it is {said.get('status')}: {said.get('reason')}")
    library = _library(int(said["mount_pid"]))
    found["library"] = library
    expected = NEW_LIBRARY if said["backend"] in ("pyfuse3", "mfusepy") else OLD_LIBRARY
    if not library.startswith(expected):
        raise Unhealthy(f"the Bridge says {said['backend']} serves, but the process that serves has loaded {library}")
    if served_by(str(settings.mount_point)) is None:
        raise Unhealthy(f"nothing is mounted on {settings.mount_point}")
    current = settings.mount_point / "current"
    answer = beat(str(current), LIMIT)
    if not answer.alive:
        raise Unhealthy(f"{current} does not answer: {answer.error}")
    found["names"] = _read(current)


def _health(settings: Settings) -> dict[str, Any]:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host
    connection = http.client.HTTPConnection(host, settings.port, timeout=LIMIT)
    try:
        connection.request("GET", "/health")
        said: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unhealthy(f"the Bridge does not answer on {host}:{settings.port}: {error}") from error
    finally:
        connection.close()
    return said


def _library(pid: int) -> str:
    """Return the file name of the libfuse a process has loaded."""
    try:
        mapped = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Unhealthy(f"cannot see what process {pid} has loaded: {error.strerror}") from error
    names = {line.rpartition("/")[2].strip() for line in mapped.splitlines() if "/libfuse" in line}
    if len(names) != 1:
        raise Unhealthy(f"process {pid} has loaded {', '.join(sorted(names)) or 'no libfuse'}")
    return names.pop()


def _read(folder: Path) -> int:
    """List a folder and read the first file in it; return how many names there are."""
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", READ, folder], stdout=-1, stderr=-1, text=True)
    try:
        said, complaint = child.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        child.kill()  # and not waited for: one that hangs in the kernel cannot even be killed
        raise Unhealthy(f"reading below {folder} takes longer than {LIMIT:g} s") from None
    if child.returncode != 0:
        raise Unhealthy(f"reading below {folder} fails: {complaint.strip().splitlines()[-1]}")
    return int(said)


if __name__ == "__main__":
    sys.exit(main())
