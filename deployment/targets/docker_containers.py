"""Containers of the Docker target: what each may do and see, and whose it is.

A Bridge gets the FUSE device and the one capability to mount, and nothing else: no other capability, no way to gain
one, a root file system it cannot write. It sees its own folder of the state, at the very path the host has it, so that
a path means the same on both sides; what it mounts there is seen on the host. It lives in the host's network, on
127.0.0.1, where the router finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from deployment.errors import ChangeFailedError
from deployment.model import Image
from deployment.targets import docker_folders
from deployment.targets.docker_engine import DEPLOYMENT, ROLE, Engine, talking
from deployment.targets.local_layout import HOST, Layout, Record

if TYPE_CHECKING:
    from docker.models.containers import Container

    from deployment.targets.docker_adoption import Adopted

LOG = {"max-size": "10m", "max-file": "3"}
SECCOMP = "seccomp-fuse.json"  # of the kit: Docker's own rules with what a mount and its swap need


def bridge(engine: Engine, layout: Layout, record: Record, adopted: Adopted | None = None) -> dict[str, Any]:
    """Return how an instance's container is made: as an adopted one is, in all that the migration does not change."""
    folder = layout.folder(record.name)
    like = _like(adopted, record) if adopted is not None else {}
    mounts = [docker_folders.store(layout), docker_folders.bind(folder, "rshared")]
    told = adopted.environment if adopted is not None else {}
    return {
        **_fuse(engine, layout, record.image),
        **like,
        "mounts": docker_folders.once([*mounts, *(adopted.mounts if adopted is not None else ())]),
        "environment": {**told, **_user(layout), "LIGHTHOUSE_CONFIG_DIR": str(folder / "config")},
        "restart_policy": {"Name": "always"},
        "stop_signal": "SIGTERM",  # on which a Bridge drains, whatever an adopted image says
    }


def command(engine: Engine, layout: Layout, image: Image, argv: Sequence[str]) -> dict[str, Any]:
    """Return how a container is made that runs `python ARGV…` as a Bridge of that image would."""
    return {
        **_fuse(engine, layout, image),
        "command": ["python", "-P", *argv],
        "mounts": docker_folders.once([*docker_folders.places(layout, "rslave"), docker_folders.store(layout)]),
        "environment": _user(layout),
        "working_dir": str(layout.state),
    }


def swapper(engine: Engine, layout: Layout, image: Image, argv: Sequence[str]) -> dict[str, Any]:
    """Return how a container is made that may change what the stable path shows on the host."""
    folders = docker_folders.once(docker_folders.places(layout, "rshared"))
    return {**command(engine, layout, image, argv), "mounts": folders}


def router(engine: Engine, layout: Layout) -> dict[str, Any]:
    """Return how HAProxy's container is made: no privilege, its own folder, the host's network."""
    owner = layout.state.stat()
    return {
        "image": engine.tag("router"),
        "mounts": [docker_folders.bind(layout.haproxy)],
        "working_dir": str(layout.haproxy),
        "user": f"{owner.st_uid}:{owner.st_gid}",
        "network_mode": "host",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "restart_policy": {"Name": "always"},
    }


def make(
    engine: Engine, role: str, how: dict[str, Any], name: str | None = None, networks: tuple[str, ...] = ()
) -> Container:
    """Make a container of ours in its networks and start it; one of ours with that name that ended is removed first.

    Raises:
        ChangeFailedError: Somebody else's container has the name, or the Engine refuses.
        UnreachableError: The Engine does not answer.
    """
    if name is not None:
        _clear_name(engine, name)
    labels = {DEPLOYMENT: engine.id, ROLE: role}
    with talking(f"start {role}"):
        made = engine.sdk.containers.create(
            **how, name=name, labels=labels, log_config={"Type": "json-file", "Config": LOG}, detach=True
        )
        try:
            for network in networks:  # beside the one it is made in
                engine.sdk.networks.get(network).connect(made)
            made.start()
        except BaseException:
            made.remove(force=True, v=True)
            raise
    return made


def get(engine: Engine, role: str) -> Container | None:
    """Return a role's container in the SDK's words, or None.

    Raises:
        ChangeFailedError: Somebody else's container has its name.
        UnreachableError: The Engine does not answer.
    """
    import docker.errors

    with talking(f"find {role}"):
        try:
            found = engine.sdk.containers.get(engine.name(role))
        except docker.errors.NotFound:
            return None
    if found.labels.get(DEPLOYMENT) != engine.id:
        raise _foreign(found.name or "", found.short_id)
    return found


def end(container: Container) -> None:
    """Ask a container to end and return at once; one that has just ended is fine."""
    # before the signal: an Engine that starts again would start it too
    container.update(restart_policy={"Name": "no"})
    if container.status == "paused":
        container.unpause()
    signal(container, "SIGTERM")


def signal(container: Container, name: str) -> bool:
    """Signal a container's first process and return whether it ran."""
    import docker.errors

    with talking(f"signal {container.name}"):
        try:
            container.kill(name)
        except docker.errors.NotFound:
            return False
        except docker.errors.APIError as error:
            if "is not running" in str(error.explanation):
                return False
            raise
    return True


def remove(engine: Engine, identity: str) -> None:
    """Remove a container of ours; one that is gone is fine."""
    import docker.errors

    with talking("remove a container"), suppress(docker.errors.NotFound):
        engine.sdk.api.remove_container(identity, force=True, v=True)


def tail(container: Container, lines: int = 4) -> str:
    """Return the last lines of a container's log in one line, for an error message."""
    with talking("show a log"):
        text = container.logs(tail=lines).decode("utf-8", "replace")
    return " | ".join(line.strip() for line in text.splitlines() if line.strip()) or "it left no log"


def _like(adopted: Adopted, record: Record) -> dict[str, Any]:
    """Return the limits and the network of the adopted container, and our ports out of it."""
    if not adopted.networks:
        return adopted.limits
    ports = {f"{port}/tcp": (HOST, port) for port in (record.port, record.metrics_port)}
    return {**adopted.limits, "network_mode": adopted.networks[0], "ports": ports}


def _fuse(engine: Engine, layout: Layout, image: Image) -> dict[str, Any]:
    """Return what everything that mounts needs: the device and CAP_SYS_ADMIN, and as root the means to give up root."""
    root = layout.state.stat().st_uid == 0
    return {
        "image": engine.tag(image),
        "devices": ["/dev/fuse"],
        "network_mode": "host",
        "cap_drop": ["ALL"],
        "cap_add": ["SYS_ADMIN", *([] if root else ["SETUID", "SETGID", "SETPCAP"])],
        "security_opt": ["no-new-privileges", *_profiles(engine)],
        "read_only": True,
        "tmpfs": {"/tmp": "exec,mode=1777", "/run": "mode=755"},
        "healthcheck": {"test": ["NONE"]},  # the image's own asks the image's own port
    }


def _profiles(engine: Engine) -> list[str]:
    found = [f"seccomp={(files('kit') / 'security' / SECCOMP).read_text('utf-8')}"]
    with talking("say what it confines"):
        confined = engine.sdk.info().get("SecurityOptions") or []
    if any("name=apparmor" in option for option in confined):
        found.append("apparmor=unconfined")  # docker-default denies every mount
    return found


def _user(layout: Layout) -> dict[str, str]:
    """Return who the image's start script is to become: the owner of the state folder."""
    owner = layout.state.stat()
    return {"LIGHTHOUSE_UID": str(owner.st_uid), "LIGHTHOUSE_GID": str(owner.st_gid)}


def _clear_name(engine: Engine, name: str) -> None:
    import docker.errors

    with talking(f"look for {name}"):
        try:
            found = engine.sdk.containers.get(name)
        except docker.errors.NotFound:
            return
    if found.labels.get(DEPLOYMENT) != engine.id:
        raise _foreign(name, found.short_id)
    if found.status == "running":
        raise ChangeFailedError(f"{name} runs already", "`lighthouse-migrate plan` shows what is there")
    remove(engine, str(found.id))


def _foreign(name: str, identity: str) -> ChangeFailedError:
    return ChangeFailedError(
        f"somebody else's container {identity} has the name {name}",
        f"rename it: docker rename {name} OTHER",
    )
