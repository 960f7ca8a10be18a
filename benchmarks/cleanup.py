"""The purge: sample projects of every shape, Debian's layouts of libfuse 2, and kill -9 at every boundary.

Run by `./dev bench cleanup`. The last line is one JSON object:

    projects, right          projects of the corpus, and how many came out byte for byte as they must, with their own
                             tests passing and nothing to do a second time
    layouts                  by layout: whether libfuse 2 is gone, what apt was let do, whether pyfuse3 mounts as root
                             and as uid 1000 in a real container; null where no Docker Engine answers
    kill_points, recovered   SIGKILLs of a purge at a boundary (before and after each action, and after each of git's
                             commands that changes something), twice each: once it goes on, once it is rolled back

`--way-back local` or `docker` adds a whole rehearsal with `rollback --to 7` under load after week 8; it takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cleaning import kills, layouts, projects, way_back
from deployment.targets.local_wheels import PREBUILT
from tests.cleanup.projects import make
from tests.cleanup.samples import corpus


def say(text: str) -> None:
    """Narrate."""
    print(text, file=sys.stderr, flush=True)


def measured_projects(folder: Path) -> dict[str, Any]:
    """Purge the corpus."""
    wrong = {}
    samples = corpus()
    for sample in samples:
        problem = projects.wrong_with(sample, folder / sample.name)
        say(f"{sample.name:<24} {problem or 'right'}")
        if problem is not None:
            wrong[sample.name] = problem
    return {"projects": len(samples), "right": len(samples) - len(wrong), "wrong": wrong}


def measured_layouts(names: list[str]) -> dict[str, Any] | None:
    """Purge each layout in a container."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        say("no Docker Engine answers: layouts are unknown; `./dev engine` starts one")
        return None
    found = {}
    wheels = Path(os.environ.get(PREBUILT) or layouts.REPOSITORY / ".cache/wheels")
    for name in names:
        done = layouts.purged(name, wheels)
        say(f"layout {name} ({' '.join(layouts.LAYOUTS[name])}): {'; '.join(done.steps)}; mounts {done.mounts}")
        found[name] = {"right": done.right, "steps": done.steps, "mounts": done.mounts}
    return found


def measured_kills(folder: Path, every: int) -> dict[str, Any]:
    """Kill a purge at every boundary, or at every so many."""
    ground = kills.Ground(folder / "ground", make(folder / "service"))
    last = ground.boundaries()
    say(f"{last} boundaries; killing at {'each' if every == 1 else f'every {every}th'}")
    found = kills.everywhere(ground, range(1, last + 1, every))
    for failure in found.failures:
        say(f"! {failure}")
    return {"kill_points": found.points, "recovered": found.recovered}


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="kill at every Nth boundary only")
    parser.add_argument("--layouts", default="A,B", help="which layouts; empty for none")
    parser.add_argument("--way-back", choices=("local", "docker"), help="also walk and roll back under load")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cleanup-") as name:
        folder = Path(name)
        found = measured_projects(folder / "corpus")
        found["layouts"] = measured_layouts([n for n in chosen.layouts.split(",") if n])
        found |= measured_kills(folder, chosen.every)
    if chosen.way_back:
        with tempfile.TemporaryDirectory(prefix="reports-") as reports:
            found["way_back"] = way_back.walked(chosen.way_back, Path(reports))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
