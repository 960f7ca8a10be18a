"""The load's clients: each works in a folder of its own and knows every byte that must be there."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from runbook.rehearsal.pulse import FailedError, Pulse
from runbook.rehearsal.sections import Sections
from runbook.rehearsal.ways import Mount, Router, WrongAnswerError

FILES = 32  # about as many as a client keeps


class Client:
    """One client: puts, reads, renames and deletes files by both ways, one operation a step."""

    def __init__(
        self,
        folder: str,
        router: Router,
        mount: Mount,
        pulse: Pulse,
        chance: random.Random,
        sections: Sections | None = None,
    ) -> None:
        self._folder = folder
        self._router = router
        self._mount = mount
        self.pulse = pulse
        self._chance = chance
        self._sections = sections
        self._files: dict[str, bytes] = {}  # what must be there
        self._before: dict[str, bytes] = {}  # what was there before, to tell a stale answer from a broken one
        self._unsure: set[str] = set()  # a failed operation may or may not have had its effect
        self._serial = 0
        self._due: tuple[Callable[[str], None], str] | None = None
        self._steps: list[Callable[[], None]] = []
        for weight, step in (
            (10, lambda: self._put(self._new_name())),
            (5, lambda: self._put(self._any())),
            (18, lambda: self._get(self._any())),
            (4, self._delete),
            (5, self._list_by_router),
            (10, lambda: self._write("create", self._new_name(), os.O_CREAT | os.O_EXCL)),
            (5, lambda: self._write("replace", self._any(), os.O_TRUNC)),
            (8, lambda: self._write("append", self._any(), os.O_APPEND)),
            (18, lambda: self._read(self._any())),
            (6, self._stat),
            (6, self._rename),
            (4, self._unlink),
            (6, self._list_by_mount),
            *(sections.steps(self._any_content) if sections else ()),
        ):
            self._steps += [step] * weight

    def start(self) -> None:
        """Make the client's folder and its first file."""
        with self.pulse.operation("mount.mkdir", self._folder):
            self._mount.make_folder(self._folder)
        if self._sections is not None:
            self._sections.start()
        self._put(self._new_name())

    def step(self) -> None:
        """Do one operation: a check that is due, or one by chance."""
        if self._due is not None:
            check, name = self._due
            self._due = None
            check(name)
        elif not self._files:
            self._put(self._new_name())
        elif len(self._files) > FILES:
            self._chance.choice((self._delete, self._unlink))()
        else:
            self._chance.choice(self._steps)()

    def finish(self) -> Iterator[bool]:
        """Read everything once more by both ways, one operation an item."""
        for name in [*self._files]:
            for check in (self._get, self._read):
                with suppress(FailedError):  # it is in the ledger
                    check(name)
                yield True

    # Every write is checked the other way soon: what one side acknowledged, the other must show.

    def _put(self, name: str) -> None:
        content = self._content()
        with self._change("http.put", name):
            self._router.put(self._path(name), content)
        self._wrote(name, content, self._read)

    def _write(self, kind: str, name: str, flags: int) -> None:
        content = self._content()
        with self._change(f"mount.{kind}", name):
            self._mount.write(self._path(name), content, flags)
        self._wrote(name, self._files[name] + content if flags & os.O_APPEND else content, self._get)

    def _get(self, name: str) -> None:
        with self.pulse.operation("http.get", self._path(name)):
            self._compare(name, self._router.get(self._path(name)))

    def _read(self, name: str) -> None:
        with self.pulse.operation("mount.read", self._path(name)):
            self._compare(name, self._mount.read(self._path(name)))

    def _stat(self) -> None:
        name = self._any()
        with self.pulse.operation("mount.stat", self._path(name)):
            size = self._mount.size(self._path(name))
            if size != len(self._files[name]):
                raise WrongAnswerError(f"size {size} instead of {len(self._files[name])}")

    def _delete(self) -> None:
        name = self._any()
        with self._change("http.delete", name):
            self._router.delete(self._path(name))
        self._gone(name, self._read)

    def _unlink(self) -> None:
        name = self._any()
        with self._change("mount.unlink", name):
            self._mount.unlink(self._path(name))
        self._gone(name, self._get)

    def _rename(self) -> None:
        old = self._any()
        new = self._any() if self._chance.random() < 0.3 else self._new_name()
        if old == new:
            new = self._new_name()
        with self._change("mount.rename", old, new):
            self._mount.rename(self._folder, old, new)
        content = self._files[old]
        self._gone(old, self._get)
        self._wrote(new, content, self._get)

    def _list_by_router(self) -> None:
        with self.pulse.operation("http.list", self._folder):
            self._compare_names(self._router.names(self._folder))

    def _list_by_mount(self) -> None:
        with self.pulse.operation("mount.list", self._folder):
            self._compare_names(self._mount.names(self._folder))

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _any(self) -> str:
        return self._chance.choice(list(self._files))

    def _any_content(self) -> tuple[str, bytes]:
        name = self._any()
        return self._path(name), self._files[name]

    def _new_name(self) -> str:
        self._serial += 1
        return f"f{self._serial}"

    def _content(self) -> bytes:
        size = self._chance.choice((0, 1, 300, 2_000, 4_096, 9_000))
        return self._chance.randbytes(65_536 if self._chance.random() < 0.02 else size)

    @contextmanager
    def _change(self, kind: str, *names: str) -> Iterator[None]:
        try:
            with self.pulse.operation(kind, self._path(names[0])):
                yield
        except FailedError:
            for name in names:
                self._files.pop(name, None)
                self._unsure.add(name)
            raise

    def _wrote(self, name: str, content: bytes, check: Callable[[str], None]) -> None:
        self._before[name] = self._files.get(name, b"")
        self._files[name] = content
        if self._sections is not None and self._chance.random() < 0.05:
            self._sections.remember(self._path(name), content)
        self._due_by_chance(name, check)

    def _gone(self, name: str, check: Callable[[str], None]) -> None:
        self._before[name] = self._files.pop(name)
        self._due_by_chance(name, check)

    def _due_by_chance(self, name: str, check: Callable[[str], None]) -> None:
        if self._chance.random() < 0.6:
            self._due = (check, name)

    def _compare(self, name: str, got: bytes | None) -> None:
        want = self._files.get(name)
        if got == want:
            return
        stale = " (it is what was there before the last change)" if got == self._before.get(name) else ""
        if got is None:
            raise WrongAnswerError(f"the file is not there{stale}")
        if want is None:
            raise WrongAnswerError(f"a deleted file is there with {len(got)} bytes{stale}")
        offset = next((i for i, (a, b) in enumerate(zip(got, want, strict=False)) if a != b), min(len(got), len(want)))
        raise WrongAnswerError(f"wrong bytes: {len(got)} instead of {len(want)}, the first at {offset}{stale}")

    def _compare_names(self, got: set[str]) -> None:
        want = set(self._files)
        missing, extra = want - got, got - want - self._unsure
        if missing or extra:
            raise WrongAnswerError(f"listing lacks {sorted(missing)[:5]} and shows {sorted(extra)[:5]} in vain")
