"""Questions that may hang are asked by a child that can be left behind.

A `stat` on a dead mount fails at once, on a hung one it never returns, and a process in that state may not even die
when killed. So nothing in this process ever touches a path that may be a mount: a child does, and is abandoned when it
is late.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from deployment.errors import OperatorError

STARTING = 10.0  # seconds a child may take to start on a busy machine


class NoAnswerError(OperatorError):
    """The child did not answer in time, or answered something that is no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a child ended; `returncode` is None if it was abandoned."""

    returncode: int | None
    stdout: str
    stderr: str


def ask(argv: Sequence[str], timeout: float, environment: Mapping[str, str] | None = None) -> Answer:
    """Run a command and return how it ended, waiting for at most `timeout` seconds whatever it hangs on."""
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment,
        cwd="/",
    )
    try:
        stdout, stderr = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.2)  # in uninterruptible sleep it stays until the mount is aborted
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
        return Answer(None, "", "")
    return Answer(child.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


def ask_python(code: str, *arguments: str, timeout: float) -> Any:
    """Run Python code in a child and return the JSON it printed.

    Raises:
        NoAnswerError: It outlived `timeout` seconds, crashed, or printed something else.
    """
    answer = ask([sys.executable, "-I", "-S", "-c", code, *arguments], timeout)
    if answer.returncode is None:
        raise NoAnswerError(f"no answer within {timeout:g} s")
    return parsed(answer.stdout, answer.stderr, answer.returncode)


def parsed(stdout: str, stderr: str, returncode: int) -> Any:
    """Return the JSON on the last line of a command's output.

    Raises:
        NoAnswerError: There is none; its message ends with the last line of stderr.
    """
    lines = stdout.strip().splitlines()
    try:
        return json.loads(lines[-1] if lines else "")
    except json.JSONDecodeError:
        said = (stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise NoAnswerError(f"it ended with {returncode} and no result: {said}") from None


LOOK_AT = """
import errno, json, os, stat, sys
path, answer = sys.argv[1], {"exists": False, "error": "", "link": False}
print("asking", flush=True)
try:
    answer["link"] = os.path.islink(path)
    os.statvfs(path)  # always asks the daemon, where a stat may be answered from the kernel's cache
    seen = os.stat(path)
    answer.update(exists=True, directory=stat.S_ISDIR(seen.st_mode), writable=os.access(path, os.W_OK))
    if answer["directory"] and len(sys.argv) > 2:
        with os.scandir(path) as entries:
            answer["empty"] = next(entries, None) is None
except OSError as error:
    answer["error"] = errno.errorcode.get(error.errno, str(error.errno))
print(json.dumps(answer))
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What a path turned out to be."""

    exists: bool
    directory: bool = False
    link: bool = False
    empty: bool | None = None
    writable: bool = False
    error: str = ""  # "ENOTCONN", "EACCES", …
    hung: bool = False  # nothing answered in time

    @property
    def dead(self) -> bool:
        """Whether it is a mount whose daemon is gone."""
        return self.error in {"ENOTCONN", "ECONNABORTED"}


def look_at(path: str, timeout: float = 1.0, *, entries: bool = False) -> Look:
    """Return what a path is, asked by a child; with `entries` also whether the directory is empty.

    The time a busy machine needs to start the child does not count, and one late answer is no proof: a path is called
    hung when two children in turn got none within `timeout` seconds.
    """
    for _ in range(2):
        found = _look_once(path, timeout, entries=entries)
        if found is not None:
            return Look(
                exists=found["exists"],
                directory=found.get("directory", False),
                link=found["link"],
                empty=found.get("empty"),
                writable=found.get("writable", False),
                error="" if found["error"] == "ENOENT" else found["error"],
            )
    return Look(exists=True, hung=True)


def _look_once(path: str, timeout: float, *, entries: bool) -> dict[str, Any] | None:
    command = [sys.executable, "-I", "-S", "-c", LOOK_AT, path, *(["entries"] if entries else [])]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    assert child.stdout is not None
    said, deadline = b"", time.monotonic() + STARTING
    try:
        while said.count(b"\n") < 2 and _ready(child.stdout, deadline):
            if not said:
                deadline = time.monotonic() + timeout
            more = os.read(child.stdout.fileno(), 4096)
            if not more:
                raise NoAnswerError(f"the child that looks at {path} ended without an answer")
            said += more
    finally:
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
        child.stdout.close()
    if not said:
        raise NoAnswerError(f"the child that looks at {path} did not start within {STARTING:g} s")
    return dict(json.loads(said.splitlines()[1])) if said.count(b"\n") == 2 else None


def _ready(pipe: IO[bytes], deadline: float) -> bool:
    return bool(select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0])
