"""Questions that are asked where the Bridge runs: in its image, or on this host where the target is local."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

from checks import remedies
from checks.check import Context
from checks.disposable import ask_python
from checks.inplace import NotYetError, any_image, run_json
from deployment.errors import UnreachableError
from deployment.model import Image

PATIENCE = 20.0  # seconds; a look takes 0.1, and on a busy machine the child may start late
_CONTAINER = re.compile(r"/containers/([0-9a-f]{64})/")
SECCOMP = "security/seccomp-fuse.json"  # the kit's profile, as a project has it


def look(context: Context, code: str, *arguments: str) -> dict[str, Any]:
    """Run Python code where a Bridge runs, with its privileges and its libraries, and return the JSON it printed.

    Raises:
        NoAnswerError: It printed none, or not in time.
        UnreachableError: The target does not answer.
        NotYetError: It has no image yet.
    """
    found = context.once.answer((code, arguments), lambda: _look(context, code, arguments))
    assert isinstance(found, dict)
    return found


def _look(context: Context, code: str, arguments: tuple[str, ...]) -> Any:
    if context.target.kind == "local":
        return ask_python(code, *arguments, timeout=PATIENCE)
    image = existing(lambda: any_image(context.target.observe()))
    return run_json(context, ["-I", "-c", code, *arguments], image, PATIENCE)


def existing(image: Callable[[], Image]) -> Image:
    """Return an image to look into.

    Raises:
        NotYetError: There is none yet.
    """
    try:
        return image()
    except UnreachableError as error:
        if "no image" not in error.message:
            raise
        raise NotYetError(error.message, error.hint) from error


def container() -> str:
    """Return the id of the Docker container this process is in, as its mounts show it; empty where it is in none."""
    if not Path("/.dockerenv").exists():
        return ""
    found = _CONTAINER.search(Path("/proc/self/mountinfo").read_text())
    return found[1][:12] if found else ""


def again(check: str) -> str:
    """Return the command that asks a check again."""
    return remedies.ours(f"check {check}")


def started_with(options: str, check: str) -> tuple[str, ...]:
    """Return the command, for the host's root in a shell of its own, that asks a check again where it may do more.

    What a process may not do it cannot allow itself: only who starts it can. In a container that is a container like
    this one, with more options.
    """
    name = container()
    if not name:
        return (remedies.sudo(again(check)),)
    image = f"$(docker inspect --format '{{{{.Image}}}}' {name})"
    return (f"docker run --rm {options} --volumes-from {name} {image} {again(check)}",)


def profile(context: Context) -> str:
    """Return where the kit's seccomp profile lies, as an argument of a command."""
    return quote(str(context.project / SECCOMP if context.project else SECCOMP))
