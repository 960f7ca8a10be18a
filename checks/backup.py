"""Is there a fresh backup of the event store that was read back?"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from checks import words
from checks.check import Check, Context, Finding
from checks.inplace import any_image, run_json
from checks.remedies import ours

KEEP = 7  # backups
FRESH = 24 * 3600.0  # seconds
PATIENCE = 300.0  # seconds
EVIDENCE = "backup"


def backup(context: Context) -> Finding | None:
    """Back the event store up where the Bridge runs, verify the copy, and let the oldest ones go."""
    image = any_image(context.target.observe())
    folder = context.place.state / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    at = context.now()
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    file = folder / f"events-{moment}.sqlite"
    made = run_json(context, ["-m", "bridge.backup", str(context.place.store), str(file)], image, PATIENCE)
    if not made.get("ok"):
        return Finding(f"the backup failed: {made.get('error', 'no reason given')}", "Nothing is changed without one.")
    read = run_json(context, ["-m", "bridge.backup", "--verify", str(file)], image, PATIENCE)
    digest = sha256(file)
    if not read.get("ok"):
        return Finding(f"the backup cannot be read back: {read.get('error', 'no reason given')}", "It is no backup.")
    if read.get("events") != made.get("events"):
        return Finding(f"the backup holds {read.get('events')} events, {made.get('events')} were written")
    evidence = {"path": str(file), "sha256": digest, "events": made.get("events"), "at": at}
    context.record(EVIDENCE, evidence | {"bytes": file.stat().st_size, "seconds": made.get("seconds")})
    for old in sorted(folder.glob("events-*.sqlite"))[:-KEEP]:
        old.unlink()
    context.say(f"backed up {made.get('events')} events ({words.size(file.stat().st_size)})")
    return None


def fresh(context: Context) -> Finding | None:
    """Look for the newest backup, its age and its digest."""
    known = context.evidence.get(EVIDENCE)
    again = (ours("check backup"),)
    why = "A backup that is not there when it is wanted was none."
    if not known:
        return Finding("no backup was made yet", why, "make one", again)
    file = Path(known["path"])
    if not file.is_file():
        return Finding(f"the newest backup {file} is gone", why, "make one", again)
    age = context.now() - float(known["at"])
    if age > FRESH:
        return Finding(f"the newest backup is {words.duration(age)} old", why, "make one", again)
    if sha256(file) != known["sha256"]:
        return Finding(f"the newest backup {file} was changed since it was verified", why, "make one", again)
    return None


def sha256(file: Path) -> str:
    """Return a file's digest."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


CHECKS = (
    Check(
        "backup",
        "Can the event store be backed up and read back?",
        "bridge",
        backup,
        600.0,
        "the event store was backed up and read back",
    ),
    Check(
        "backup.fresh",
        "Is there a fresh backup that was read back?",
        "project",
        fresh,
        60.0,
        "the backup is fresh",
        after=("backup",),
    ),
)
