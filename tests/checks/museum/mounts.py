"""Exhibits: mounts that are dead, hung, in the way, or seen by nobody."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.checks.museum.exhibit import NOBODY, Exhibit
from tests.checks.worlds import KILLED, STOPPED, serve

LIVE, STALE, PATH = "host.live-path", "host.stale-mounts", "host.propagation"
PRIVATE = ("unshare", "--mount", "--propagation", "private")


def _stuck(world: Path) -> str:
    """Return shell commands that leave a client asleep in a handler that never answers."""
    client = f"{sys.executable} -c 'import os; os.stat(\"{world}/live/stuck\")'"
    served = serve(f"{world}/live").replace("dualfuse.samples.memory:Memory", "tests.checks.museum.stuck:Stuck")
    return (
        served + f"{client} & client=$!\nuntil grep -q request_wait_answer /proc/$client/wchan; do sleep 0.05; done\n"
    )


EXHIBITS = (
    Exhibit(
        "the live path's daemon was killed",
        STALE,
        "/live is a dead mount (its daemon is gone)",
        lambda w: serve(f"{w}/live", KILLED),
        consequences=(LIVE,),
    ),
    Exhibit(
        "the live path's daemon is stopped",
        STALE,
        "/live hangs: it does not answer",
        lambda w: serve(f"{w}/live", STOPPED),
        consequences=(LIVE,),
    ),
    Exhibit(
        "a handler that never answers",
        "host.hung-requests",
        "/live: a request got no answer within 0.6 s; who waits: pid ",
        _stuck,
        consequences=(STALE,),
    ),
    Exhibit(
        "an instance's daemon was killed",
        STALE,
        "/state/instances/stable-1/mnt is a dead mount",
        lambda w: serve(f"{w}/state/instances/stable-1/mnt", KILLED),
    ),
    Exhibit(
        "a mount left over from an instance that is gone",
        STALE,
        "is left over from an instance that no longer exists",
        lambda w: serve(f"{w}/state/instances/canary-3/mnt"),
    ),
    Exhibit(
        "somebody else's file system on the live path",
        STALE,
        "/live is mounted by somebody else (tmpfs)",
        lambda w: f"mkdir {w}/live; mount -t tmpfs theirs {w}/live\n",
    ),
    Exhibit(
        "a live path that points to a dead mount",
        LIVE,
        "/live points to a dead mount",
        lambda w: serve(f"{w}/mnt", KILLED) + f"ln -s {w}/mnt {w}/live\n",
    ),
    Exhibit(
        "a live path with files in it",
        LIVE,
        "/live is a plain directory that is not empty",
        lambda w: f"mkdir {w}/live; touch {w}/live/theirs\n",
    ),
    Exhibit("a live path that is a file", LIVE, "/live is a file", lambda w: f"touch {w}/live\n"),
    Exhibit(
        "a live path of somebody else",
        LIVE,
        "/live is not writable for this user",
        lambda w: f"mkdir -m 755 {w}/live\n",
        user=NOBODY,
    ),
    Exhibit(
        "a live path that may not be made",
        LIVE,
        "/live does not exist and ",
        lambda w: f"chmod 755 {w}\n",
        user=NOBODY,
    ),
    Exhibit(
        "a mount namespace of its own",
        PATH,
        "is in a mount namespace of its own",
        lambda _w: "",
        user=PRIVATE,
    ),
    Exhibit(
        "a live path that containers cannot share",
        PATH,
        "is not a shared mount",
        lambda _w: "mount --make-rprivate /\n",
        kind="docker",
    ),
)
