"""Why each check is asked and what repairs what it finds, for `checks explain` and docs/checks.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from checks.check import Check


class Explanation(NamedTuple):
    """What an operator should know of a check besides its question."""

    why: str
    repaired: str


_FIX = "`check --fix` shows the change as a diff, asks, keeps a backup and writes it."
_MOUNT = "The C library's own words are in the finding, with the remedy for them."
_PACKAGE = "Install it anew in the Bridge's environment, from the wheels in the state folder."

EXPLANATIONS = {
    "host.fuse-device": Explanation(
        "Both libraries open /dev/fuse; without it neither mounts.",
        "Load the module, make the node, set its mode; in a container start it with --device /dev/fuse.",
    ),
    "host.libfuse2": Explanation(
        "fusepy finds libfuse2 by what ldconfig lists and then loads it: each can fail alone.",
        "Install the distribution's package, or run ldconfig.",
    ),
    "host.libfuse3": Explanation(
        "pyfuse3's extension is linked to libfuse3.so.3 or .4 and loads it at once.",
        "Install the distribution's package, or run ldconfig.",
    ),
    "host.fusermount": Explanation(
        "An ordinary user mounts through these setuid helpers.",
        "Install fuse3, which ships both; never `fuse` beside it on Debian.",
    ),
    "host.capabilities": Explanation(
        "Mounting takes CAP_SYS_ADMIN, or a setuid helper that may gain it.",
        "Give the process the capability, or set the helper's bit; under no_new_privs only the capability helps.",
    ),
    "host.fuse-conf": Explanation(
        "The helper refuses allow_other and too many mounts by what this file says.",
        "Change its line.",
    ),
    "host.kernel": Explanation(
        "Since Linux 6.5 a mount can be put beneath another, and the swap leaves nothing behind.",
        "Nothing has to be: older kernels swap by mounting over.",
    ),
    "host.packages": Explanation(
        "A package of somebody else with a module of the tool's name may be imported in its place.",
        "Uninstall it from the tool's environment.",
    ),
    "host.haproxy": Explanation("The router is what moves clients.", "Install haproxy."),
    "host.propagation": Explanation(
        "A mount made in a private namespace is seen by nobody else, and containers see it through shared mounts only.",
        "Start the tool in the host's namespace, or share the folder.",
    ),
    "host.state-folder": Explanation(
        "Journal, images and backups lie there, and images are executed from there.",
        "Remount its file system, own the folder, or choose another in the settings.",
    ),
    "host.clock": Explanation(
        "Soaks, windows and the age of backups are judged by the clock.",
        "Set it, and keep it right by NTP.",
    ),
    "host.ports": Explanation(
        "A port that is taken keeps a Bridge or the router from starting.",
        "Stop who holds it, or choose other ports in the settings.",
    ),
    "host.disk": Explanation(
        "A full disk stops both Bridges at once.",
        "Free space or inodes, enlarge the file system, or choose another state folder.",
    ),
    "host.stale-mounts": Explanation(
        "A dead or hung mount in the way keeps the Bridge from starting and hangs whoever looks at it.",
        "Abort the connection where it hangs, and detach the mount.",
    ),
    "host.hung-requests": Explanation(
        "A handler that never returns leaves its clients in sleep that nothing ends, while every heartbeat is well.",
        "Abort the connection: that frees the clients; the Bridge then mounts anew.",
    ),
    "host.live-path": Explanation(
        "Clients see the Bridge's files there; it must be usable before anything is mounted on it.",
        "Take off what is mounted, move away what lies there, or own it.",
    ),
    "target.reachable": Explanation(
        "Triggers and rollback wait for the target.", "Start it, or look at what makes it slow."
    ),
    "bridge.seccomp": Explanation(
        "A filter answers EPERM to mount, as if a privilege were missing, or lets no thread start.",
        "Start the Bridge with the kit's profile.",
    ),
    "bridge.user-namespace": Explanation(
        "In a user namespace root is nobody for the host's mounts.",
        "Start the Bridge outside of it.",
    ),
    "bridge.apparmor": Explanation(
        "docker-default forbids mount; since Ubuntu 24.10 a profile lets fusermount3 mount in few places only.",
        "Start it with another profile, or add the live path to the profile.",
    ),
    "bridge.selinux": Explanation(
        "An enforced domain may not be allowed to mount.", "Start the container with label=disable, or with a policy."
    ),
    "bridge.limits": Explanation(
        "A Bridge has the limits of who started it, and fails in mid-work beyond them.",
        "Raise them with prlimit now, and in the unit for good.",
    ),
    "bridge.tasks": Explanation("Beyond the control group's limit no thread and no helper starts.", "Raise pids.max."),
    "bridge.memory": Explanation(
        "A Bridge that is killed for memory leaves a dead mount.", "Raise the limit, or stop what takes the memory."
    ),
    "image.fusepy": Explanation(
        "fuse-python has a module of the same name and another interface.", f"Remove the rival. {_PACKAGE}"
    ),
    "image.pyfuse3": Explanation("Its extension must fit this Python and find libfuse3.", _PACKAGE),
    "image.trio": Explanation("pyfuse3 stands on it.", _PACKAGE),
    "image.packages": Explanation(
        "A package of somebody else with a module `bridge` or `dualfuse` may be imported in its place.",
        "Uninstall it from the image.",
    ),
    "mount.fusepy": Explanation("Nothing proves that a mount works but a mount.", _MOUNT),
    "mount.pyfuse3": Explanation("Nothing proves that a mount works but a mount.", _MOUNT),
    "boundary": Explanation("A container that starts the MCP server runs no Bridge, and so has no mount.", _FIX),
    "containers": Explanation("The documents' files fail, or seem to work and do not.", _FIX),
    "project.queries": Explanation("A quantile without rate or le is empty, and looks like a healthy service.", _FIX),
    "project.mount-options": Explanation("libfuse3 removed them and pyfuse3 refuses to mount with them.", _FIX),
    "service.stable": Explanation(
        "A Bridge that fell back serves well and proves nothing.", "Ask `check mount.fusepy` why it cannot mount."
    ),
    "service.canary": Explanation(
        "A Bridge that fell back serves well and proves nothing.", "Ask `check mount.pyfuse3` why it cannot mount."
    ),
    "router.share": Explanation(
        "A weight that was set is proved only by where requests went.", "Set the weight again: `plan` shows how."
    ),
    "metrics.baseline": Explanation("Week 7 is held against what fusepy took.", "Let clients work, then ask again."),
    "metrics.fresh": Explanation("Triggers are blind without metrics.", "Start the source, or see what scrapes it."),
    "metrics.scraped": Explanation(
        "Prometheus must scrape both Bridges, or one side is judged by nothing.",
        "Correct its configuration, or reload it.",
    ),
    "metrics.expressions": Explanation(
        "An alert whose expression returns nothing never fires.", "Correct the expression, or start what it asks for."
    ),
    "functional.stable": Explanation("Clients would meet what fails here.", "Read the Bridge's log."),
    "functional.canary": Explanation("Clients would meet what fails here.", "Read the Bridge's log."),
    "benchmark.baseline": Explanation("The canary is held against it.", "Ask again where the machine is quiet."),
    "benchmark.comparison": Explanation("pyfuse3 must not cost more.", "Ask again where the machine is quiet."),
    "parity": Explanation(
        "A client that is moved would notice the difference.", "Accept each difference, or repair it."
    ),
    "shadow.comparisons": Explanation("Zero differences among few is no proof.", "Keep the shadow running."),
    "backup": Explanation("Nothing is changed without one that was read back.", "Ask again: it makes one."),
    "backup.fresh": Explanation("A backup that is not there when it is wanted was none.", "`check backup` makes one."),
    "drill": Explanation("A rollback that was never tried does not work.", "Repair what it could not move."),
}


def as_markdown(checks: Iterable[Check]) -> str:
    """Write the sections of docs/checks.md, one a check, in their order."""
    sections = []
    for check in checks:
        why, repaired = EXPLANATIONS[check.id]
        looks = (check.run.__doc__ or "").strip().splitlines()[0]
        sections.append(f"### {check.id}\n\n{check.question} {looks}\n\n- Why: {why}\n- Repaired: {repaired}\n")
    return "\n".join(sections)
