"""The stable mount path: show an instance's mount there, and take it away at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from deployment.errors import ChangeFailedError, UnreachableError
from deployment.model import Image
from deployment.targets import instances, local_run, mounts
from deployment.targets.local_layout import Layout
from deployment.targets.target import Completed, Say
from deployment.whole_file import write_whole

SECONDS = 30.0  # for a swap, which takes one; in a container of its own some more

Run = Callable[[Sequence[str], Image, float], Completed]


def show(layout: Layout, name: str, run: Run, say: Say) -> None:
    """Show an instance's mount on the stable path, in one step no client notices; `run` swaps where this may be done.

    Raises:
        ChangeFailedError: The path cannot show it; it shows what it showed before.
    """
    record = instances.find(layout, name)
    if record is None:
        raise ChangeFailedError(f"{name} is not there", "`plan` shows what is")
    _make_path(layout)
    say(f"showing {name} on {layout.live}")
    try:
        argv = ["-m", "dualfuse.live", "swap", str(layout.mount(name)), str(layout.live)]
        done = run(argv, record.image, SECONDS)
    except UnreachableError as error:
        raise ChangeFailedError(error.message, error.hint) from error
    answer = _answer(done.stdout)
    if done.returncode != 0 or not answer.get("ok"):
        why = answer.get("error") or done.stderr.strip()[-300:] or f"it ended with {done.returncode}"
        raise ChangeFailedError(f"the stable path cannot show {name}: {why}", str(answer.get("hint") or ""))
    shown = mounts.at(mounts.table(), layout.live)
    if shown is not None:
        _note(layout, device=shown.device)


def of_ours(layout: Layout) -> set[str]:
    """Return the device of the stable path's mount where it is what was last shown, else nothing.

    An instance whose Bridge has died takes its mount off its own path, so that this alone tells whose it is.
    """
    shown = mounts.at(mounts.table(), layout.live)
    if shown is None or not shown.kind.startswith("fuse") or shown.device != _noted(layout).get("device"):
        return set()
    return {shown.device}


def _noted(layout: Layout) -> dict[str, str]:
    note = layout.instances / "live.json"
    found: dict[str, str] = json.loads(note.read_text("utf-8")) if note.exists() else {}
    return found


def _note(layout: Layout, **known: str) -> None:
    write_whole(layout.instances / "live.json", json.dumps(_noted(layout) | known) + "\n")


def _make_path(layout: Layout) -> None:
    """Make the stable path where there is none, and write down that it is ours to remove."""
    # the table first: a dead mount there says that nothing is there, and a hung one says nothing ever
    if mounts.at(mounts.table(), layout.live) is not None or os.path.lexists(layout.live):
        return
    layout.live.parent.mkdir(parents=True, exist_ok=True)
    _note(layout, made=str(layout.live))
    layout.live.mkdir()


def remove_path(layout: Layout) -> str | None:
    """Remove the stable path if we made it, and return why it could not be done."""
    if _noted(layout).get("made") == str(layout.live):
        try:
            layout.live.rmdir()
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{layout.live}: {error.strerror}"
    return None


def hide(layout: Layout) -> str | None:
    """Take whatever the stable path shows away and return why it could not be done."""
    image = min(layout.present(), default=None)
    if image is None:
        return "no image is left to do it with"
    try:
        done = local_run.run(layout, ["-m", "dualfuse.live", "detach", str(layout.live)], image, SECONDS)
    except UnreachableError as error:
        return error.message
    return None if done.returncode == 0 else _answer(done.stdout).get("error") or done.stderr.strip()[-200:]


def _answer(output: str) -> dict[str, Any]:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    answer: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return answer
