"""pyfuse3 against fusepy through dualfuse: ten operations, seven metrics, and what the success criteria say.

Run by `./dev bench dualfuse`. Contenders take turns in short rounds, so that noise falls on all alike; a ratio is the
median over the rounds, pyfuse3 to fusepy's default (threaded) mode unless it says otherwise: below 1 is better.
`ratios` is the loopback class with timeouts of 1 s; the other class and timeouts 0 are under `variants`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dualfuse.bench import Results, measure, report
from dualfuse.benchmark.blocking import measure_blocking
from dualfuse.benchmark.criteria import against, criteria
from dualfuse.benchmark.page import page
from dualfuse.benchmark.passthrough import UnavailableError, build
from dualfuse.benchmark.statistics import ratio

CLASSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "loopback": ("dualfuse.samples.loopback:Loopback", ("root={own}",)),
    "memory": ("dualfuse.samples.memory:Memory", ()),
}
TIMEOUTS = {"1s": "entry_timeout=1,attr_timeout=1", "0s": "entry_timeout=0,attr_timeout=0"}
HEADLINE = "loopback-1s"
SCALES = ("fusepy", "pyfuse3", "fusepy+nothreads", "fusepy+big_writes", "directory")
COLD = ("read_small", "read_large", "stat", "readdir")
COLD_ITERATIONS = 40  # at most: each makes the whole machine forget
SPACE = 128 << 20  # bytes that a run needs
CONDITIONS = (
    "both backends are driven by dualfuse with the same class and the same timeouts",
    "no page cache is kept between opens on either side, unless a variant says kernel_cache",
    "fusepy writes 4 KiB a request, its default: see big_writes for write_large compared like with like",
    "passthrough is passthrough_ll of Debian's libfuse3-dev, in C with the same timeouts; directory is no mount at all",
    "memory is PSS after the mount, start is from the process's start to the first answered stat",
    "every mount that is measured follows one of the same contender that is not; fusepy and pyfuse3 mount more often",
    "blocking: each client opens, reads and closes a file of its own; direct: O_DIRECT, asynchronous in libfuse3 alone",
)


def say(line: str) -> None:
    """Tell what is being done; the answer alone goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def pairs(results: Results, contender: str, baseline: str) -> dict[str, dict[str, float]]:
    """Give the ratios of two contenders for every operation that both have done."""
    names = [name for name, series in results[baseline].items() if series.round_seconds]
    return {name: ratio(results[contender][name], results[baseline][name]) for name in names}


def run(iterations: int, shorter: int, warmup: int) -> dict[str, Any]:
    """Measure everything: the headline with all scales, the variants with fewer iterations."""
    with tempfile.TemporaryDirectory(prefix="passthrough-") as folder:
        limits: tuple[str, ...] = ()
        unavailable = ""
        try:
            limits = (f"passthrough={build(Path(folder))}",)
        except UnavailableError as error:
            unavailable = str(error)
            say(f"no ratio to C: {error}")
        answer = measured(iterations, shorter, warmup, limits)
    if unavailable:
        answer["passthrough"] = {"unavailable": unavailable}
    return answer


def cold(shorter: int, limits: tuple[str, ...]) -> dict[str, Any]:
    """Measure what is first asked for after the kernel has forgotten everything, on the headline's class."""
    if not os.access("/proc/sys/vm/drop_caches", os.W_OK):
        return {"unavailable": "only root can make the kernel drop its caches"}
    specification, arguments = CLASSES["loopback"]
    count = min(shorter, COLD_ITERATIONS)
    say(f"cold caches: {count} iterations …")
    results = measure(
        (*SCALES[:2], *limits),
        iterations=count,
        warmup=1,
        specification=specification,
        arguments=arguments,
        options=(TIMEOUTS["1s"],),
        only=COLD,
        cold=True,
    )
    found = {"iterations": count, "ratios": only(COLD, pairs(results, "pyfuse3", "fusepy"))}
    return found | ({"passthrough": only(COLD, pairs(results, "pyfuse3", "passthrough"))} if limits else {})


def only(names: tuple[str, ...], ratios: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Leave out the operations that are measured besides."""
    return {name: ratios[name] for name in names}


def measured(iterations: int, shorter: int, warmup: int, limits: tuple[str, ...]) -> dict[str, Any]:
    """Measure everything with these scales of what can be reached at all."""
    answer: dict[str, Any] = {"conditions": list(CONDITIONS), "ratios": {}, "variants": {}}
    for name, (specification, arguments) in CLASSES.items():
        for timeout, options in TIMEOUTS.items():
            variant = f"{name}-{timeout}"
            is_headline = variant == HEADLINE
            contenders = (*SCALES, *limits) if is_headline else SCALES[:2]
            count = iterations if is_headline else shorter
            say(f"{variant}: {count} iterations of ten operations on {', '.join(contenders)} …")
            results = measure(
                contenders,
                iterations=count,
                warmup=warmup,
                specification=specification,
                arguments=arguments,
                options=(options,),
                mounts=iterations // 7,
            )
            whole = report(results, count, warmup)
            answer["variants"][variant] = {
                "iterations": count,
                "options": options,
                "ratios": whole["ratios"],
                "memory": memory(results),
            }
            if is_headline:
                answer |= headline(results, whole)
                answer["passthrough"] = pairs(results, "pyfuse3", "passthrough") if limits else {}
    answer["cold"] = cold(shorter, limits)
    say("loopback-1s with kernel_cache: reads from the page cache …")
    specification, arguments = CLASSES["loopback"]
    cached = measure(
        SCALES[:2],
        iterations=shorter,
        warmup=warmup,
        specification=specification,
        arguments=arguments,
        options=(TIMEOUTS["1s"], "kernel_cache"),
        only=("read_small", "read_large"),
    )
    answer["variants"]["loopback-1s-kernel_cache"] = {
        "iterations": shorter,
        "options": f"{TIMEOUTS['1s']},kernel_cache",
        "ratios": {name: each for name, each in pairs(cached, "pyfuse3", "fusepy").items() if "read" in name},
        "memory": memory(cached),
    }
    say("blocking: 8 clients whose reads sleep 5 ms, and a stat during a read that sleeps 1 s …")
    answer["blocking"] = measure_blocking(SCALES[:2], iterations)
    return answer


def memory(results: Results) -> dict[str, float]:
    """PSS in bytes of both daemons after the mount, and the ratio."""
    sizes = {name: results[name]["mount"].memory for name in ("fusepy", "pyfuse3")}
    return {"ratio": round(sizes["pyfuse3"] / sizes["fusepy"], 3), **sizes}


def headline(results: Results, whole: dict[str, Any]) -> dict[str, Any]:
    """The parts of the answer that only the run with all scales gives."""
    shown = {key: whole[key] for key in ("iterations", "warmup", "processors", "kernel", "results", "ratios")}
    big_writes = pairs(results, "pyfuse3", "fusepy+big_writes")
    return shown | {
        "memory": memory(results),
        "start": {"ratio": whole["ratios"]["mount"]["time"], "cpu": whole["ratios"]["mount"]["cpu"]},
        "unmount": {"ratio": whole["ratios"]["unmount"]["time"], "cpu": whole["ratios"]["unmount"]["cpu"]},
        "nothreads": pairs(results, "pyfuse3", "fusepy+nothreads"),
        "big_writes": {name: each for name, each in big_writes.items() if "write" in name},
        "directory": {name: {**each, "cpu": 0.0} for name, each in pairs(results, "pyfuse3", "directory").items()},
    }


def recorded(path: Path) -> dict[str, Any]:
    """Read an answer that was kept: the last line that this command has printed."""
    answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    return answer


def place() -> str:
    """Choose where the data lies: in memory where there is room, so that no disk is measured."""
    shared = Path("/dev/shm")
    if shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > SPACE:
        return str(shared)
    return tempfile.gettempdir()


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="./dev bench dualfuse", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the iterations: under a minute, noisier")
    parser.add_argument("--iterations", type=int, help="of each operation (1000, quick: 100)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with charts")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="compare with an answer that was kept")
    chosen = parser.parse_args(argv)
    before = recorded(chosen.baseline) if chosen.baseline else None
    iterations = chosen.iterations or (100 if chosen.quick else 1000)
    tempfile.tempdir = place()
    start = time.monotonic()
    answer = run(iterations, max(8, iterations * 2 // 5), max(8, iterations // 10))
    answer["data_in"] = tempfile.tempdir
    answer["seconds"] = round(time.monotonic() - start, 1)
    judged = criteria(answer)
    answer["criteria"] = [each.as_json() for each in judged]
    answer["ok"] = all(each.ok for each in judged)
    if before is not None:
        answer["baseline"] = against(before, answer)
    if chosen.html:
        chosen.html.write_text(page(answer), encoding="utf-8")
        say(f"wrote {chosen.html}")
    for each in judged:
        if not each.ok:
            say(f"not met: {each.name}: {each.value:.4g}, {each.as_json()['limit']} wanted")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
