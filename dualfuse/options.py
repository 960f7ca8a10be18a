"""Mount options by name: what each backend keeps, translates, drops or refuses, and what to do instead.

Options are given as fusepy takes them: keywords, or the words of ``-o a,b=c``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dualfuse.errors import MountError

Value = bool | int | float | str


class Plan:
    """What becomes of the options on one backend."""

    def __init__(self) -> None:
        self.library: dict[str, Value] = {}  # handed to the C library
        self.adapter: dict[str, Value] = {}  # done by dualfuse itself
        self.notes: list[str] = []  # dropped, and why that is harmless


class Rule(NamedTuple):
    """One option on one backend: ``keep``, ``adapter`` (under the name ``name``), ``drop`` or ``refuse``."""

    action: str
    text: str = ""
    value: Value | None = None


KEEP = Rule("keep")


def _here(name: str, value: Value | None = None) -> Rule:
    return Rule("adapter", name, value)


def _drop(why: str) -> Rule:
    return Rule("drop", why)


def _refuse(remedy: str) -> Rule:
    return Rule("refuse", remedy)


_KERNEL = [
    "ro",
    "rw",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "sync",
    "async",
    "dirsync",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
]
_NEGOTIATED = "libfuse3 negotiates it with the kernel and pyfuse3 cannot set it"
_WRAP = "wrap the Operations object in Python instead"

# option: (fusepy, pyfuse3)
TABLE: dict[str, tuple[Rule, Rule]] = {
    **dict.fromkeys(_KERNEL, (KEEP, KEEP)),
    "allow_other": (KEEP, KEEP),
    "allow_root": (KEEP, KEEP),
    "auto_unmount": (KEEP, KEEP),
    "default_permissions": (KEEP, KEEP),
    "fsname": (KEEP, KEEP),
    "subtype": (KEEP, KEEP),
    "max_read": (KEEP, KEEP),
    "debug": (KEEP, KEEP),
    "foreground": (_drop("always in the foreground"), _drop("always in the foreground")),
    "nonempty": (KEEP, _here("nonempty")),
    "nothreads": (KEEP, _here("max_threads", 1)),
    "encoding": (_here("encoding"), _here("encoding")),
    "ends_process": (_here("ends_process"), _here("ends_process")),
    "entry_timeout": (KEEP, _here("entry_timeout")),
    "attr_timeout": (KEEP, _here("attr_timeout")),
    "negative_timeout": (KEEP, _here("negative_timeout")),
    "ac_attr_timeout": (KEEP, _drop("libfuse3 compares the modification time itself")),
    "kernel_cache": (KEEP, _here("keep_cache", True)),
    "auto_cache": (KEEP, _here("keep_cache", True)),
    "noauto_cache": (KEEP, _here("keep_cache", False)),
    "direct_io": (KEEP, _here("direct_io")),
    "hard_remove": (KEEP, _here("hard_remove")),
    "umask": (KEEP, _here("umask")),
    "uid": (KEEP, _here("uid")),
    "gid": (KEEP, _here("gid")),
    "use_ino": (KEEP, _refuse("remove use_ino: pyfuse3 numbers its inodes itself; hard links still share a number")),
    "readdir_ino": (KEEP, _here("readdir_ino")),
    "big_writes": (KEEP, _drop("always on in libfuse3")),
    "atomic_o_trunc": (KEEP, _drop("O_TRUNC is split into open and truncate, as without the option")),
    "no_remote_lock": (KEEP, _drop("pyfuse3 never sends locks to the file system")),
    "intr": (KEEP, _drop("Python cannot interrupt an operation")),
    "intr_signal": (KEEP, _drop("Python cannot interrupt an operation")),
    "noforget": (KEEP, _drop("only an export over NFS needs it")),
    "remember": (KEEP, _drop("only an export over NFS needs it")),
    "blkdev": (KEEP, _refuse("remove blkdev: pyfuse3 does not serve block devices")),
    "blksize": (KEEP, _refuse("remove blksize: it belongs to blkdev")),
    "fd": (_refuse("mount on a directory"), _refuse("mount on a directory")),
    "modules": (KEEP, _refuse(_WRAP)),
    "subdir": (KEEP, _refuse(_WRAP)),
    "iconv": (KEEP, _refuse(_WRAP)),
    "from_code": (KEEP, _refuse(_WRAP)),
    "to_code": (KEEP, _refuse(_WRAP)),
    "nopath": (KEEP, _drop("a path is always given")),
    "raw_fi": (_here("raw_fi"), _refuse("give direct_io or keep_cache as mount options instead of setting them in fi")),
    "writeback_cache": (_refuse("remove writeback_cache: libfuse2 has none"), _here("writeback_cache")),
    "readdirplus": (_drop("libfuse2 has none"), _here("readdirplus")),
    "max_threads": (_drop("libfuse2 starts as many threads as it needs"), _here("max_threads")),
    "stock_loop": (_drop("fusepy has one loop"), _here("stock_loop")),
    **{
        name: (KEEP, _drop(_NEGOTIATED))
        for name in (
            "max_write", "max_readahead", "max_background", "congestion_threshold", "async_read", "sync_read",
            "splice_read", "splice_write", "splice_move", "no_splice_read", "no_splice_write", "no_splice_move",
        )
    },
}  # fmt: skip

_COLUMN = {"fusepy": 0, "pyfuse3": 1}
# mfusepy's options are libfuse3's: what libfuse3's high-level layer no longer knows is always on or was dropped.
_GONE_IN_LIBFUSE3 = {
    "nonempty": _here("nonempty"),
    "big_writes": _drop("always on in libfuse3"),
    "atomic_o_trunc": _drop("always on in libfuse3"),
}


def as_markdown() -> str:
    """Write the table for docs/dualfuse.md: what becomes of every option, the ones with one fate in one line."""
    fates: dict[tuple[str, str], list[str]] = {}
    for name, rules in TABLE.items():
        fate = (_fate(name, rules[0]), _fate(name, rules[1]))
        fates.setdefault(fate, []).append(f"`{name}`")
    lines = ["| option | fusepy | pyfuse3 |", "|---|---|---|"]
    lines += [f"| {', '.join(names)} | {fusepy} | {pyfuse3} |" for (fusepy, pyfuse3), names in fates.items()]
    return "\n".join(lines)


def _fate(name: str, rule: Rule) -> str:
    if rule.action == "adapter":
        is_same = rule.value is None and rule.text == name
        return "dualfuse" if is_same else f"dualfuse, as `{rule.text}`"
    words = {"keep": "keep", "drop": "no effect", "refuse": "refused"}[rule.action]
    return f"{words}: {rule.text}" if rule.text else words


def parse(words: str) -> dict[str, Value]:
    """Read the words of ``-o``; a comma inside a value is written as a backslash and a comma."""
    options: dict[str, Value] = {}
    for word in words.replace("\\,", "\0").split(","):
        name, equals, value = word.replace("\0", ",").partition("=")
        if name:
            options[name] = value if equals else True
    return options


def plan(options: Mapping[str, Value | None], backend: str) -> Plan:
    """Decide what becomes of every option on a backend.

    An option that is False or None was not given. Raises MountError for an option that the backend cannot honour or
    that nobody knows.
    """
    result = Plan()
    for name, value in options.items():
        if value is None or value is False:
            continue
        rule = _rule(name, backend)
        if rule is None:
            raise MountError(f"unknown mount option {name}", remedy=f"remove it, or use one of {_names(TABLE)}")
        if rule.action == "refuse":
            raise MountError(f"mount option {name} cannot be used with {backend}", remedy=rule.text)
        if rule.action == "keep":
            result.library[name] = value
        elif rule.action == "adapter":
            result.adapter[rule.text] = value if rule.value is None else rule.value
        else:
            result.notes.append(f"mount option {name} has no effect on {backend}: {rule.text}")
    return result


def _rule(name: str, backend: str) -> Rule | None:
    if backend == "mfusepy":
        if name in _GONE_IN_LIBFUSE3:
            return _GONE_IN_LIBFUSE3[name]
        backend = "fusepy"
    rules = TABLE.get(name)
    return None if rules is None else rules[_COLUMN[backend]]


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def number(options: Mapping[str, Value], name: str, default: float) -> float:
    """Read an option as seconds. Raises MountError if it is not a number."""
    value = options.get(name, default)
    try:
        seconds = float(value)
    except ValueError:
        seconds = float("nan")
    if isinstance(value, bool) or seconds != seconds:  # the second is what "nan" is
        raise MountError(f"mount option {name} needs a number, not {value!r}", remedy=f"give it seconds: {name}=1.0")
    return seconds


def whole(options: Mapping[str, Value], name: str, base: int = 10) -> int:
    """Read an option as a whole number, as libfuse reads its digits. Raises MountError if it is none."""
    value = options[name]
    try:
        return int(str(value), base)
    except ValueError:
        kind = "an octal number" if base == 8 else "a whole number"
        raise MountError(f"mount option {name} needs {kind}, not {value!r}", remedy=f"give it {kind}") from None


def one_of(options: Mapping[str, Value], name: str, meanings: Mapping[Value, str], default: str) -> str:
    """Read an option that has a few values, each with its meaning. Raises MountError if it has another."""
    if name not in options:
        return default
    if options[name] not in meanings:
        words = _names(str(value) for value in meanings if value is not True)
        raise MountError(f"mount option {name} cannot be {options[name]!r}", remedy=f"give it one of {words}")
    return meanings[options[name]]
