"""The checks: how much of the failure museum they find and repair, how often they are wrong, and how long they take.

Run by `./dev bench checks`. Every exhibit of the museum (tests/checks/museum) is visited: its world is really broken,
every check that looks is asked, the one finding's own commands are executed in it, and everything is asked again.

    museum               exhibits that were visited
    found                gave the one expected finding, and no other than its listed consequences
    repaired             had no finding any more after the finding's commands were executed
    false_findings       findings beyond the expected ones, in the exhibits, on the healthy host as root and as an
                         ordinary user, in the healthy project, and in the deployment that suite_seconds is taken of
    suite_seconds        median wall time of every check that looks, the mount probes with both backends, the service,
                         the router, the metrics and the backup, asked of a local deployment with a tenth on the canary
    hung_mount_seconds   the longer of: until a stopped daemon, and until a handler that never answers, is found
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checks.check import Severity
from checks.registry import ALWAYS
from checks.runner import run
from deployment.errors import OperatorError
from deployment.http_ask import ask
from deployment.metrics.scrape import ScrapeSource
from deployment.plan import plan
from deployment.targets.local import LocalTarget
from deployment.waiting import until
from phases.deployments import share
from tests.checks.museum.catalogue import ROOMS
from tests.checks.museum.exhibit import NOBODY, Exhibit, Shown, Visit
from tests.checks.museum.project import ProjectExhibit
from tests.checks.museum.visit import visit
from tests.checks.places import context_in, place_in

DEPLOYED = (
    *("mount.fusepy", "mount.pyfuse3", "service.stable", "service.canary", "router.share"),
    *("metrics.fresh", "metrics.scraped", "metrics.expressions", "backup", "backup.fresh"),
)
HUNG = ("the live path's daemon is stopped", "a handler that never answers")


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder right under /tmp that every user may enter, and remove it."""
    made = Path(tempfile.mkdtemp(prefix="lm-museum-", dir="/tmp"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def say(line: str) -> None:
    """Narrate."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def museum(only: str) -> Iterator[tuple[Shown, Visit]]:
    """Visit every exhibit whose name contains a text."""
    for room, exhibits in ROOMS.items():
        for exhibit, see in exhibits:
            if only not in exhibit.name:
                continue
            with folder() as there:
                begun = time.monotonic()
                seen = see(there)
            verdict = "found" if seen.found(exhibit) else f"NOT FOUND: {seen.before}"
            verdict += ", repaired" if seen.repaired else f", NOT REPAIRED: {seen.after}"
            say(f"{room:<11} {exhibit.name:<52} {verdict}  {time.monotonic() - begun:.1f} s")
            yield exhibit, seen


def healthy() -> int:
    """Return how many findings there are where nothing is broken."""
    count = 0
    for user in ((), NOBODY):
        with folder() as there:
            seen = visit(Exhibit("healthy", "", "", lambda _world: "", user, probes=True), there)
        say(f"healthy host as {user[2] if user else 'root'}: {len(seen.before)} findings {seen.before or ''}")
        count += len(seen.before)
    with folder() as there:
        count += len(ProjectExhibit("healthy", "", "", {}).visit(there).before)
    return count


def settle(port: int) -> None:
    """Wait until Prometheus has scraped both Bridges, which a deployment that stands has long done."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query=count(up==1)"
    if not until(lambda: b'"2"' in ask({"up": url}, 1.0)["up"].body, 30.0, every=0.2):
        raise OperatorError("Prometheus has not scraped both Bridges within 30 s", f"ask it: curl '{url}'")


def suite(rounds: int) -> tuple[float | None, int]:
    """Return the median seconds of the whole suite on a local deployment, and how many of its checks failed there."""
    if not rounds:
        return None, 0
    took, failed = [], 0
    with folder() as there:
        place = place_in(there)
        target = LocalTarget(place)
        evidence: dict[str, Any] = {}
        try:
            for _ in range(3):
                for change in plan(target.observe(), share(10)):
                    target.apply(change, lambda _line: None)
            source = ScrapeSource(place.state, target.metrics)
            settle(place.prometheus_port)
            for _ in range(rounds):
                context = context_in(
                    there,
                    target,
                    place=place,
                    source=source,
                    evidence=evidence,
                    record=lambda name, found: evidence.update({name: dict(found)}),
                )
                begun = time.monotonic()
                results = run((*ALWAYS, *DEPLOYED), context)
                took.append(time.monotonic() - begun)
                bad = [r for r in results if r.finding is not None and r.finding.severity is Severity.FAIL]
                failed = max(failed, len(bad))
                slow = max(results, key=lambda r: r.seconds)
                say(f"suite of {len(results)}: {took[-1]:.2f} s, longest {slow.check.id} {slow.seconds:.2f} s")
                for result in bad:
                    say(f"  {result.check.id}: {result.finding.seen if result.finding else ''}")
        finally:
            left = target.destroy(lambda _line: None)
    assert left == (), left
    return round(statistics.median(took), 2), failed


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="./dev bench checks", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="visit exhibits with this in their name")
    parser.add_argument("--rounds", type=int, default=5, help="of the whole suite; 0 leaves it out")
    arguments = parser.parse_args()
    seconds, failed = suite(arguments.rounds)
    false = failed + healthy()
    visited = list(museum(arguments.only))
    hung = [seen.seconds[exhibit.finds] for exhibit, seen in visited if exhibit.name in HUNG]
    figures = {
        "museum": len(visited),
        "found": sum(seen.found(exhibit) for exhibit, seen in visited),
        "repaired": sum(seen.repaired for _, seen in visited),
        "false_findings": false + sum(len(seen.unexpected(exhibit)) for exhibit, seen in visited),
        "suite_seconds": seconds,
        "hung_mount_seconds": round(max(hung), 2) if hung else None,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
