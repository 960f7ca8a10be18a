"""After the purge everything is looked for again: in the project, in memory, among the mounts, in the images."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from cleanup import names
from cleanup.claim import LIBRARY, Claim
from cleanup.inventory import inventory
from cleanup.repository import BRANCH, Repository
from deployment.errors import OperatorError
from deployment.model import Observation
from deployment.targets import mounts
from deployment.targets.target import Place, Target

_DISTRIBUTIONS = """
import importlib.metadata, json
print(json.dumps(sorted({d.metadata["Name"] or "" for d in importlib.metadata.distributions()})))
"""
_LIBRARIES = """
import json, subprocess
listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
print(json.dumps(sorted({line.split()[0] for line in listed if line.split()})))
"""
_PROC = Path("/proc")


def prove(target: Target, place: Place, project: Path | None, *, deep: bool = False) -> tuple[Claim, ...]:
    """Look for the old backend everywhere and return what was found, claim by claim; nothing is changed.

    `deep`: also look into every layer of every image and into every container, which takes seconds.
    """
    observed = target.observe()
    claims = [
        no_process(deployment_pids(observed, place)),
        no_mount(observed, place),
        no_distribution(target, observed),
    ]
    if target.kind != "local":  # there the library is the host's, and others may need it
        claims.append(no_library(target, observed))
    if target.kind == "docker" and deep:
        from cleanup import container_proof

        claims += container_proof.claims(place)
    return (*([no_trace(project)] if project is not None else []), *claims)


def no_trace(project: Path) -> Claim:
    """Look through the branch the purge was made on; what was left to a person is counted and named."""
    claim = "nothing in the project knows fusepy"
    repository = Repository(project)
    traces = inventory(repository.tree(BRANCH if repository.resolve(BRANCH) else "HEAD"))
    purgeable = [trace for trace in traces if trace.doing]
    if purgeable:
        return Claim(claim, False, f"{purgeable[0].path}:{purgeable[0].line} {purgeable[0].what}")
    left = [trace for trace in traces if trace.left_to_a_person]
    files = sorted({trace.path for trace in left})
    told = (
        f"{len(left)} mentions are left to you, in {', '.join(files[:3])}{' …' if files[3:] else ''}" if files else ""
    )
    return Claim(claim, True, told)


def no_process(pids: frozenset[int]) -> Claim:
    """Read what each process has mapped."""
    claim = f"no process maps {LIBRARY}"
    unread = []
    for pid in sorted(pids):
        try:
            mapped = (_PROC / str(pid) / "maps").read_text(errors="replace")
        except PermissionError:
            unread.append(pid)
            continue
        except OSError:
            continue  # it has ended
        if LIBRARY in mapped:
            return Claim(claim, False, f"pid {pid} does: {_command(pid)[:80]}")
    if unread:
        return Claim(claim, None, f"pid {unread[0]} belongs to another user: look again as root")
    return Claim(claim, True, f"{len(pids)} processes looked at")


def no_mount(observed: Observation, place: Place) -> Claim:
    """Account for every mount of the deployment: each must be that of a Bridge that serves pyfuse3."""
    claim = "no fusepy mount exists"
    state, live = Path(os.path.realpath(place.state)), place.live.absolute()
    everything = mounts.table()
    ours = list(mounts.below(everything, state))
    shown = mounts.at(everything, Path(os.path.realpath(live.parent), live.name))
    serving = {instance.name: instance.serving for instance in observed.instances}
    fine = 0
    for mount in [*ours, *([shown] if shown else [])]:
        if not mount.kind.startswith("fuse"):
            continue
        parts = Path(mount.point).relative_to(state).parts if Path(mount.point).is_relative_to(state) else ()
        owner = parts[1] if parts[:1] == ("instances",) and len(parts) > 1 else observed.live
        backend = serving.get(owner or "")
        if backend != names.NEW_BACKEND:
            return Claim(claim, False if backend else None, f"{mount.point} is served by {backend or 'nobody known'}")
        fine += 1
    return Claim(claim, True, f"{fine} mounts, all served by {names.NEW_BACKEND}")


def no_distribution(target: Target, observed: Observation) -> Claim:
    """List the Python packages of every image."""
    claim = "no image has fusepy installed"
    for image in sorted(observed.images):
        try:
            done = target.run(["-I", "-c", _DISTRIBUTIONS], image, 20.0)
            installed = {name.lower() for name in json.loads(done.stdout)}
        except (OperatorError, ValueError) as error:
            return Claim(claim, None, f"image {image} could not be asked: {error}")
        found = installed & names.PYTHON_PACKAGES
        if found:
            return Claim(claim, False, f"image {image} has {', '.join(sorted(found))}")
    return Claim(claim, True, f"images looked at: {', '.join(sorted(observed.images)) or 'none'}")


def no_library(target: Target, observed: Observation) -> Claim:
    """Ask every image's loader which libraries it knows."""
    claim = f"no image has {LIBRARY}"
    for image in sorted(observed.images):
        try:
            done = target.run(["-I", "-c", _LIBRARIES], image, 20.0)
            known = json.loads(done.stdout)
        except (OperatorError, ValueError) as error:
            return Claim(claim, None, f"image {image} could not be asked: {error}")
        if LIBRARY in known:
            return Claim(claim, False, f"`ldconfig -p` of image {image} lists it")
    return Claim(claim, True, f"images looked at: {', '.join(sorted(observed.images)) or 'none'}")


def deployment_pids(observed: Observation, place: Place) -> frozenset[int]:
    """Return the deployment's processes: the Bridges, whoever works in the state folder, and all their children."""
    parents = dict(_parents())
    state = os.path.realpath(place.state)
    ours = {i.pid for i in observed.instances if i.pid is not None}
    ours |= {pid for pid in parents if pid != os.getpid() and (f"{state}/" in _command(pid) or _works_in(pid, state))}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return frozenset(ours)


def _parents() -> Iterator[tuple[int, int]]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue  # it ended while we looked
            yield int(entry.name), int(stat.rpartition(")")[2].split()[1])


def _command(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _works_in(pid: int, folder: str) -> bool:
    try:
        return f"{(_PROC / str(pid) / 'cwd').readlink()}/".startswith(f"{folder}/")
    except OSError:
        return False
