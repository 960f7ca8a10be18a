"""The container a migration begins with: somebody else's Bridge, looked at and never touched.

What the instances we make have in common with it is read off it: its image, its volumes, its networks, its limits, its
user and what it was told. It keeps running beside them until its owner stops it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deployment.errors import ChangeFailedError
from deployment.targets.docker_engine import DEPLOYMENT, Engine, talking

if TYPE_CHECKING:
    from docker.models.containers import Container

COMPOSE = "com.docker.compose.service"
STORE, DEFAULT_STORE = "LIGHTHOUSE_STORE", "/var/lib/lighthouse/events.db"


class Adopted(NamedTuple):
    """What is read off a running Bridge."""

    name: str
    image: str  # its image's id
    uid: int  # of its first process, as the kernel says
    gid: int
    store: Path  # where its event store is on the host
    mounts: tuple[dict[str, Any], ...]  # its volumes and folders, without the one it mounts in
    networks: tuple[str, ...]  # empty where it is in the host's network
    environment: dict[str, str]  # what it was told beyond its image
    limits: dict[str, Any]  # in the SDK's words, clamped to what the host has
    notes: tuple[str, ...]  # what the operator should know


def adopt(engine: Engine, word: str) -> Adopted:
    """Look at the container that a word names: "NAME", "label=KEY=VALUE" or "service=NAME" of a compose file.

    Raises:
        ChangeFailedError: There is none, there are several, or it does not run.
        UnreachableError: The Engine does not answer.
    """
    with talking(f"look at {word}"):
        found = _find(engine, word)
        image = engine.sdk.api.inspect_image(found.attrs["Image"])
        info = engine.sdk.info()
    seen, host = found.attrs, found.attrs["HostConfig"]
    told = _variables(seen["Config"]["Env"])
    own = {k: v for k, v in told.items() if _variables(image["Config"].get("Env")).get(k) != v}
    uid, gid = _user(seen["State"]["Pid"])
    limits, notes = _limits(host, info)
    name = str(found.name)
    notes = (
        *notes,
        f"{name} was adopted and is left alone: stop it when its clients use the router (`docker stop {name}`)",
    )
    return Adopted(
        name=name,
        image=seen["Image"],
        uid=uid,
        gid=gid,
        store=_on_the_host(told.get(STORE, DEFAULT_STORE), seen["Mounts"], name),
        mounts=tuple(_mount(m) for m in seen["Mounts"] if m.get("Propagation") not in ("shared", "rshared")),
        networks=_networks(host["NetworkMode"], seen["NetworkSettings"]["Networks"]),
        environment=own,
        limits=limits,
        notes=notes,
    )


def require_same_store(adopted: Adopted, store: Path) -> None:
    """Refuse to begin with another event store than the adopted Bridge's: its files would seem to be gone.

    Raises:
        ChangeFailedError: It is another one.
    """
    if adopted.store != store:
        raise ChangeFailedError(
            f"the store of {adopted.name} is {adopted.store}, and the settings say {store}",
            f'set target.store = "{adopted.store}" in the settings',
        )


def _find(engine: Engine, word: str) -> Container:
    kind, _, rest = word.partition("=")
    if kind == "label" and rest:
        filters = {"label": rest}
    elif kind == "service" and rest:
        filters = {"label": f"{COMPOSE}={rest}"}
    else:
        filters = {"name": f"^/?{word}$"}
    listed = [c for c in engine.sdk.containers.list(all=True, filters=filters) if DEPLOYMENT not in c.labels]
    if len(listed) != 1:
        what = "no container" if not listed else f"{len(listed)} containers ({', '.join(str(c.name) for c in listed)})"
        raise ChangeFailedError(f"{what} can be adopted as {word!r}", "`docker ps` names them; set docker.adopt to one")
    (found,) = listed
    if found.status != "running":
        raise ChangeFailedError(
            f"{found.name}, which is to be adopted, is {found.status}", f"docker start {found.name}"
        )
    return found


def _variables(lines: list[str] | None) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines or () if "=" in line)


def _user(pid: int) -> tuple[int, int]:
    """Return who a process really is, whatever its container's settings say it begins as."""
    words = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    ids = {line.split()[0]: int(line.split()[1]) for line in words if line.startswith(("Uid:", "Gid:"))}
    return ids["Uid:"], ids["Gid:"]


def _on_the_host(path: str, mounts: list[dict[str, Any]], name: str) -> Path:
    inside = Path(path)
    for mount in sorted(mounts, key=lambda m: -len(m["Destination"])):
        if inside.is_relative_to(mount["Destination"]):
            return Path(mount["Source"]) / inside.relative_to(mount["Destination"])
    raise ChangeFailedError(
        f"{name} keeps its store {path} in the container itself: no other Bridge can serve it",
        f"give it a volume at {inside.parent} first; `docker cp {name}:{inside.parent} FOLDER` copies what is there",
    )


def _networks(mode: str, joined: dict[str, Any]) -> tuple[str, ...]:
    """Return the networks in which others know it by name: the host's and Docker's first bridge know no names."""
    if mode in ("host", "default", "bridge"):
        return ()
    return (mode, *sorted(set(joined) - {mode}))


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    volume = mount["Type"] == "volume"
    return {
        "Type": mount["Type"],
        "Source": mount["Name"] if volume else mount["Source"],
        "Target": mount["Destination"],
        "ReadOnly": not mount["RW"],
    }


def _limits(host: dict[str, Any], info: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    names = {"PidsLimit": "pids_limit", "Ulimits": "ulimits", "CpuShares": "cpu_shares", "CpusetCpus": "cpuset_cpus"}
    limits = {names[key]: host[key] for key in names if host.get(key)}
    notes = []
    cpus, memory = host.get("NanoCpus") or 0, host.get("Memory") or 0
    if cpus > info["NCPU"] * 10**9:
        notes.append(f"a limit of {cpus / 1e9:g} CPUs was clamped to the {info['NCPU']} this host has")
        cpus = info["NCPU"] * 10**9
    if memory > info["MemTotal"]:
        has = info["MemTotal"]
        notes.append(f"a limit of {memory / 2**20:.0f} MiB was clamped to the {has / 2**20:.0f} this host has")
        memory = has
    if cpus:
        limits["nano_cpus"] = cpus
    if memory:
        limits["mem_limit"] = memory
    return limits, tuple(notes)
