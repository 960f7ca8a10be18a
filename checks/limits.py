"""Is the Bridge allowed enough: open files, file size, address space, processes, memory?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from checks import place, remedies, words
from checks.check import Check, Context, Finding, Severity

#: What a Bridge needs, by limit: its name to a person, and prlimit's option.
NEEDED = {
    "NOFILE": (1024, "open files", "nofile"),
    "FSIZE": (1 << 30, "bytes in a file", "fsize"),
    "AS": (2 << 30, "bytes of address space", "as"),
}
TASKS = 64  # processes and threads that both Bridges, the router and the checks start
MEMORY = 256 * 1024 * 1024  # bytes: two Bridges of 14 to 32 MB, their mounts, and what the checks themselves take

_LOOK = """
import json, os, pathlib, resource
def number(path):
    try:
        text = pathlib.Path(path).read_text().split()[0]
    except (OSError, IndexError):
        return None
    return int(text) if text.isdigit() else None
def cgroup(controller, *files):
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        base = f"/sys/fs/cgroup/{controller}" if names else "/sys/fs/cgroup"
        for folder in (base + path.rstrip("/"), base):  # in a container the second is its own
            found = [number(f"{folder}/{file}") for file in files]
            if found[0] is not None:
                return [folder, *found]
    return None
memory = dict(line.split(":") for line in open("/proc/meminfo"))
threads = 0
for entry in os.scandir("/proc"):
    if entry.name.isdigit():
        try:
            threads += len(os.listdir(f"/proc/{entry.name}/task")) if entry.stat().st_uid == os.getuid() else 0
        except OSError:
            pass
names = ("NOFILE", "FSIZE", "AS", "NPROC")
print(json.dumps({
    "limits": {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in names},
    "uid": os.getuid(),
    "threads": threads,
    "pids": cgroup("pids", "pids.max", "pids.current"),
    "memory": cgroup("memory", "memory.max", "memory.current")
        or cgroup("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    "available": int(memory["MemAvailable"].split()[0]) * 1024,
}))
"""


def limits(context: Context) -> Finding | None:
    """Read the resource limits a process there is given."""
    found = place.look(context, _LOOK)
    seen: list[str] = []
    commands: list[str] = []
    for name, (needed, text, option) in NEEDED.items():
        soft, hard = found["limits"][name]
        if soft != -1 and soft < needed:
            seen.append(f"{soft} {text}, {needed} needed")
            commands += _raise(context, option, needed, hard)
    used, (soft, hard) = found["threads"], found["limits"]["NPROC"]
    if found["uid"] and soft != -1 and soft - used < TASKS:
        seen.append(f"{soft} processes, of which {used} are used")
        commands += _raise(context, "nproc", used + 4 * TASKS, hard)
    if not seen:
        return None
    why = "What a Bridge starts has the limits of who started it; beyond them it fails in mid-work."
    return Finding(
        words.listed(seen),
        why,
        "raise them here, and for good in the unit, or with docker run --ulimit",
        tuple(commands),
    )


def _raise(context: Context, option: str, value: int, hard: int) -> list[str]:
    if context.target.kind != "local":
        return []  # a container's are fixed when it is made
    # what this process was started by: the shell that the operator types in, or the service manager
    parent = os.getppid()
    command = f"prlimit --pid {parent} --{option}={value}:"
    if hard != -1 and hard < value:
        return [remedies.as_root(f"{command}{value}")]
    return [command if Path(f"/proc/{parent}").stat().st_uid == os.geteuid() else remedies.as_root(command)]


def tasks(context: Context) -> Finding | None:
    """Compare what the control group allows with what is in it."""
    found = place.look(context, _LOOK)["pids"]
    if found is None or found[1] is None or found[1] - found[2] >= TASKS:
        return None
    folder, most, used = found
    seen = f"the control group allows {most} processes, and {used} run"
    why = "No thread and no process starts beyond it, fusermount3 neither."
    command = remedies.as_root(f"sh -c 'echo max > {folder}/pids.max'")
    return Finding(seen, why, "raise it; for a container: docker run --pids-limit -1", (command,))


def memory(context: Context) -> Finding | None:
    """Ask the kernel for what is available, and the control group for what it still allows."""
    found = place.look(context, _LOOK)
    why = "A Bridge that is killed for memory leaves a dead mount."
    if found["available"] < MEMORY:
        seen = f"{words.size(found['available'])} of memory available, {words.size(MEMORY)} needed"
        return Finding(seen, why, "stop what takes it", ("ps -eo pid,rss,args --sort=-rss | head",))
    return _group(found["memory"], why)


def _group(found: Any, why: str) -> Finding | None:
    if found is None or found[1] is None or found[1] - found[2] >= MEMORY:
        return None
    folder, most, used = found
    seen = f"the control group allows {words.size(most)} of memory, and {words.size(used)} are used"
    file, value = ("memory.limit_in_bytes", "-1") if "/memory/" in f"{folder}/" else ("memory.max", "max")
    command = remedies.as_root(f"sh -c 'echo {value} > {folder}/{file}'")
    # what is used may be cache that goes when it is wanted
    severity = Severity.FAIL if most < MEMORY else Severity.WARN
    return Finding(seen, why, "raise it; for a container: docker run --memory", (command,), severity)


CHECKS = (
    Check(
        "bridge.limits", "Are the resource limits wide enough?", "bridge", limits, 25.0, "the limits are wide enough"
    ),
    Check("bridge.tasks", "May enough processes be started?", "bridge", tasks, 25.0, "enough processes may be started"),
    Check("bridge.memory", "Is there enough memory?", "bridge", memory, 25.0, "there is memory"),
)
