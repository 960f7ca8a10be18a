"""Are both C libraries there: listed by ldconfig, and really loadable where the Bridge runs?"""

from __future__ import annotations

import json
from typing import Any

from checks import place, remedies
from checks.check import Check, Context, Finding, Severity
from checks.disposable import NoAnswerError

# fusepy finds its library by what ldconfig lists, pyfuse3's extension by the loader: each can fail without the other.
_LOOK = """
import ctypes, json, shutil, subprocess, sys
names = json.loads(sys.argv[1])
ldconfig = shutil.which("ldconfig") or shutil.which("ldconfig", path="/sbin:/usr/sbin")
listed, loaded, errors = [], [], {}
if ldconfig:
    lines = subprocess.run([ldconfig, "-p"], capture_output=True, text=True).stdout.splitlines()
    listed = [name for name in names if any(line.split()[:1] == [name] for line in lines)]
for name in names:
    try:
        library = ctypes.CDLL(name)
        library.fuse_version
        loaded.append(name)
    except (OSError, AttributeError) as error:
        errors[name] = str(error)
print(json.dumps({"ldconfig": bool(ldconfig), "listed": listed, "loaded": loaded, "errors": errors}))
"""


def _judge(found: dict[str, Any], names: tuple[str, ...], thing: str, needed_by: str) -> Finding | None:
    wanted = " or ".join(names)
    why = _why(needed_by)
    if found["listed"] and found["loaded"]:
        return None
    if not found["ldconfig"]:
        command = remedies.install("ldconfig")
        return Finding("there is no ldconfig", "fusepy finds libfuse2 by it.", "install it", (command,))
    if found["loaded"]:
        seen = f"{found['loaded'][0]} loads, but `ldconfig -p` does not list it"
        return Finding(seen, why, "rebuild the loader's cache", (remedies.as_root("ldconfig"),))
    if found["listed"]:
        broken = found["listed"][0]
        command = remedies.reinstall(thing)
        seen = f"{broken} is listed but does not load: {found['errors'][broken]}"
        return Finding(seen, why, "install its package again", (command,))
    return Finding(f"{wanted} is not installed", why, "install its package", (remedies.install(thing),))


LIBFUSE2 = ("libfuse.so.2",)
LIBFUSE3 = ("libfuse3.so.3", "libfuse3.so.4")  # the soname moved with libfuse 3.17


def libfuse2(context: Context) -> Finding | None:
    """Look for fusepy's library."""
    if context.target.kind != "local" and not context.target.observe().images:
        # it comes with the image, whose build fails without it; the week ends only after fusepy has mounted in it
        return Finding("there is no image yet to look into", severity=Severity.WARN)
    return _ask(context, LIBFUSE2, "libfuse2", "fusepy")


def libfuse3(context: Context) -> Finding | None:
    """Look for pyfuse3's library."""
    return _ask(context, LIBFUSE3, "libfuse3", "pyfuse3")


def _ask(context: Context, names: tuple[str, ...], thing: str, needed_by: str) -> Finding | None:
    try:
        found = place.look(context, _LOOK, json.dumps(names))
    except NoAnswerError as silence:
        # a file that is cut off is mapped and read beyond its end: the loader dies and says nothing
        seen = f"{names[0]} is listed, and loading it ends the process ({silence.message})"
        return Finding(seen, _why(needed_by), "install its package again", (remedies.reinstall(thing),))
    return _judge(found, names, thing, needed_by)


def _why(needed_by: str) -> str:
    return f"{needed_by} cannot mount without it."


CHECKS = (
    Check("host.libfuse2", "Is libfuse2 listed and loadable?", "host", libfuse2, 25.0, fine="libfuse.so.2 loads"),
    Check("host.libfuse3", "Is libfuse3 listed and loadable?", "host", libfuse3, 25.0, fine="libfuse3.so loads"),
)
