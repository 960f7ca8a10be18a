"""`lighthouse-migrate watch`: stand guard in this terminal, or have systemd do it."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import typer

from deployment.errors import OperatorError
from runbook.cli import output

if TYPE_CHECKING:
    from runbook.guard_decision import Look


def watch(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="One JSON object a look, the format first."),
    install: bool = typer.Option(False, "--install", help="Write a systemd unit that does this, and end."),
    dry_run: bool = typer.Option(False, "--dry-run", help="With --install: show the unit and write nothing."),
) -> None:
    """Watch the triggers and the mounts until interrupted, and roll back by itself when one of them fails."""
    if install:
        _install(context, dry_run=dry_run)
        return
    from runbook import assembly
    from runbook.guard import Guard
    from runbook.guard_company import relieve
    from runbook.guard_post import GuardPost
    from runbook.guard_unit import tell_systemd

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with assembly.opened(context.obj, output.say, tolerant=True) as engine:
        post = GuardPost(engine.settings.place.state)
        with post.taken("watch") as lost:
            relieve(engine, lost, output.say)
            show = _Stream() if as_json else _Lines(engine.settings.name)
            tell_systemd("READY=1")

            def tell(look: Look, trouble: str) -> None:
                tell_systemd("WATCHDOG=1")
                show(look, trouble)

            Guard(engine, output.say).run(stop, post, tell)
            tell_systemd("STOPPING=1")
    output.say("the guard leaves its post: nobody watches the triggers now, unless another one stands up")


def _install(context: typer.Context, *, dry_run: bool) -> None:
    from runbook import guard_unit, settings

    found = settings.load(settings.find(context.obj))
    unit, text = guard_unit.place(found.name), guard_unit.text(found.name, found.path)
    output.say(f"{'would write' if dry_run else 'writing'} {unit}:")
    output.out_lines(text.splitlines())
    if dry_run:
        return
    try:
        unit.parent.mkdir(parents=True, exist_ok=True)
        unit.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"{unit} cannot be written: {error.strerror}", f"`ls -ld {unit.parent}`") from error
    output.say(f"wrote {unit}")
    output.say("next: " + ", then ".join(f"`{command}`" for command in guard_unit.commands(unit)))


class _Stream:
    """Every look as one JSON object."""

    def __init__(self) -> None:
        output.out_json({"format": 1, "kind": "watch"})

    def __call__(self, look: Look, trouble: str) -> None:
        from runbook.guard_words import as_json

        output.out_json(as_json(look, trouble))


class _Lines:
    """A line now and then: at once where something changed, and the seldomer the longer nothing does."""

    def __init__(self, name: str) -> None:
        output.say(f"watching {name}; ctrl-c ends it")
        self._began = time.monotonic()
        self._said = float("-inf")
        self._before: object = None

    def __call__(self, look: Look, trouble: str) -> None:
        from runbook.guard_words import essence, line, pause

        now, what = time.monotonic(), essence(look, trouble)
        if what != self._before:
            self._began, self._before = now, what
        elif now - self._said < pause(now - self._began):
            return
        self._said = now
        output.out(line(look, trouble))
