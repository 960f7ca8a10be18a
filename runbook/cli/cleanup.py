"""`lighthouse-migrate cleanup`: where the old backend still lives, what week 8 does about it, the host's packages."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deployment.errors import HeldError, UsageError
from runbook.cli import output

if TYPE_CHECKING:
    from cleanup.host import Host, Simulated
    from cleanup.inventory import Trace
    from runbook.engine import Engine


def cleanup(
    context: typer.Context,
    project: Path | None = typer.Option(
        None, "--project", metavar="DIR", help="Look at this project; needs no settings."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the exact diff of the project, and touch nothing."),
    host: bool = typer.Option(False, "--host", help="Take libfuse2's packages off this host; after week 8 only."),
    confirm: str = typer.Option("", "--confirm", metavar="NAME", help="The deployment's name, for --host."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Show every trace of the old backend and what week 8 does about it. Week 8 itself is entered by `advance`."""
    from runbook import assembly

    if project is None and dry_run and not host:
        project = _projects_folder(context)  # looking makes nothing, a journal neither
    if project is not None:
        _project(project, dry_run=dry_run, as_json=as_json)
        return
    with assembly.opened(context.obj, output.say) as engine:
        if host:
            _host(engine, confirm, dry_run=dry_run)
            return
        if engine.settings.project is not None:
            _project(engine.settings.project, dry_run=dry_run, as_json=as_json)
        if not dry_run and not as_json:
            _elsewhere(engine)


def _projects_folder(context: typer.Context) -> Path:
    from runbook.settings import find, load

    settings = load(find(context.obj))
    if settings.project is None:
        raise UsageError("the settings name no project", f'`project = "PATH"` in {settings.path}')
    return settings.project


def _project(project: Path, *, dry_run: bool, as_json: bool) -> None:
    from cleanup import plan
    from cleanup.inventory import inventory, table
    from cleanup.repository import BRANCH, Repository

    if dry_run:
        for action in plan.actions(project):
            output.say(f"~ {action.subject:<28} {action.before} → {action.after}")
            _show(action.diff())
        return
    repository = Repository(project)
    traces = inventory(repository.tree(BRANCH if repository.resolve(BRANCH) else "HEAD"))
    if as_json:
        output.out_json({"format": 1, "kind": "inventory", "traces": [asdict(trace) for trace in traces]})
        return
    output.out_lines(table(traces).splitlines() if traces else ["nothing in the project knows fusepy"])
    output.say(_count(traces))


def _show(diff: str) -> None:
    """Print a diff: for a person as the terminal can show it, and for a program, such as `git apply`, byte for byte."""
    if sys.stdout.isatty():
        output.out_lines(diff.splitlines())
    else:
        sys.stdout.buffer.write(diff.encode(errors="surrogateescape"))
        sys.stdout.flush()


def _count(traces: tuple[Trace, ...]) -> str:
    purged = sum(bool(trace.doing) for trace in traces)
    left = sum(trace.left_to_a_person for trace in traces)
    return f"{purged} places are purged in week 8, {left} are left to you, {len(traces) - purged - left} may stay"


def _elsewhere(engine: Engine) -> None:
    """Say what the images, the processes, the mounts and the host's packages still have."""
    from cleanup import proof
    from cleanup.host import Host

    output.out("")
    for claim in proof.prove(engine.target, engine.settings.place, None, deep=True):
        word = {True: "ok", False: "in use", None: "?"}[claim.holds]
        output.out(f"[{word}] {claim.claim}{f': {claim.detail}' if claim.detail else ''}")
    here = Host()
    old = here.old()
    if old:
        output.out(f"[host] installed here: {', '.join(old)}; `lighthouse-migrate cleanup --host` takes them off")


def _host(engine: Engine, confirm: str, *, dry_run: bool) -> None:
    from cleanup.host import Host

    here = Host()
    step = here.next()
    if step is None:
        output.out("nothing of libfuse 2 is installed on this host")
        return
    output.say(f"apt would {step.told}")
    if dry_run:
        return
    _may_purge(engine, here, confirm)
    while step is not None:
        _apply(engine, here, step)
        step = here.next()
    if here.has_library():
        raise HeldError(
            "libfuse.so.2 is still there, and no package's", "`ldconfig -p | grep libfuse.so.2` shows where"
        )
    output.out("libfuse 2 is gone from this host; fusermount3 is there")


def _may_purge(engine: Engine, here: Host, confirm: str) -> None:
    """Refuse unless week 8 was entered, nobody uses the library, the way back is archived, and the name is typed."""
    from runbook.state import LAST_WEEK, Status

    state = engine.state()
    if state.week != LAST_WEEK or state.status is Status.ROLLED_BACK or engine.settings.keep_dual:
        raise HeldError("the host keeps libfuse 2 until week 8 was entered", "`lighthouse-migrate status`")
    users = here.users_of_library()
    if users:
        raise HeldError(f"libfuse.so.2 is in use: pid {users[0]}", "stop it, or move it to libfuse 3 first")
    archive = engine.settings.place.state / "archive"
    kept = {file.name.split("_")[0] for file in (archive / "packages").glob("*.deb")}
    missing = [name for name in here.old() if name not in kept]
    if missing:
        raise HeldError(
            f"the archive has no .deb of {', '.join(missing)}, so there would be no way back",
            f"mv {archive} {archive}.old; with a network `lighthouse-migrate advance` makes it again",
        )
    name = engine.settings.name
    if not confirm:
        if not output.interactive():
            raise UsageError("nobody can be asked here", f"`lighthouse-migrate cleanup --host --confirm {name}`")
        output.say(f"type the deployment's name, {name}, to take these packages off this host:")
        confirm = sys.stdin.readline().strip()
    if confirm != name:
        raise HeldError(f"{confirm!r} is not the deployment's name; nothing was changed", f"its name is {name}")


def _apply(engine: Engine, here: Host, step: Simulated) -> None:
    from runbook.archiving import HOST

    what = {"change": HOST, "before": ", ".join(here.old()), "after": step.told}
    undo = f"apt-get install {engine.settings.place.state / 'archive' / 'packages'}/*.deb"
    engine.write("change-started", **what, undo=undo, purges=True)
    began = engine.clock.now()
    here.apply(step)
    seconds = round(engine.clock.now() - began, 3)
    engine.write("change-done", **what, undo=undo, purges=True, seconds=seconds)
    output.say(f"{step.told}   verified   {seconds:.2f} s")
