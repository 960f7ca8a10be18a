"""The guard: how long from a fault to safety, how often it is wrong, and what watching costs.

Run by `./dev bench guard`. A local deployment is brought up once, with clients on the router and on the stable mount
path and with `lighthouse-migrate watch` as a process of its own. In each round a share of the clients is put on the
canary, a fault is injected, and the time is taken until no client is on the canary any more, by the router's own word
and by what the kernel says is mounted on the stable path. Then it is seen whether any operation that began after that
moment failed. Faults:

    errors       5% of the operations fail (EIO)
    latency      2% of the operations take 2 s longer
    wrong-bytes  1% of the bytes that are read are wrong
    wrong-files  1% of the files read back wrong, and the others right; only where it is asked for, because at the
                 default comparison rate it takes a minute and more to meet two of them
    stuck        2% of the operations never return
    killed       the canary's processes get SIGKILL
    stopped      the canary's processes get SIGSTOP

`aa_false_rollbacks` counts the rollbacks of the same guard in 24 hours of simulated time on two sides that are alike.
`ill_prometheus_passes` and `ill_prometheus_rollbacks` count what the same guard passes and rolls back in an hour of
simulated time beside a real Prometheus that has no series, tells no numbers, lives an hour ahead or behind, hangs or is
dead. `sources_differ` is how far the two sources are apart on the same minute of traffic, at most. `instrument_cost` is
the share of the cheapest operation's time that counting and timing it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.guarding.agreement import sources_differ
from benchmarks.guarding.cost import instrument_cost
from benchmarks.guarding.ground import SHARES, Ground
from benchmarks.guarding.ill import ill_prometheus
from benchmarks.guarding.simulated import aa_false_rollbacks

FAULTS = ("errors", "latency", "wrong-bytes", "wrong-files", "stuck", "killed", "stopped")
ASKED_FOR = tuple(fault for fault in FAULTS if fault != "wrong-files")
NEVER = ("aa_false_rollbacks", "ill_prometheus_passes", "ill_prometheus_rollbacks", "failed_after_flip", "left_behind")
LIMIT = 20.0  # seconds after which a fault counts as not noticed
WARM = (3.5, 5.0)  # seconds of traffic before a fault
AFTER = 1.0  # seconds in which clients would meet a failure after the flip


def one_round(ground: Ground, fault: str, percent: int, chance: random.Random) -> dict[str, Any]:
    """Inject one fault and return what came of it."""
    ground.share(percent)
    ground.settle()
    time.sleep(chance.uniform(*WARM))
    if ground.rolled_back:
        return {"fault": fault, "share": percent, "seconds": None, "why": f"too soon: {ground.last_reason()}"}
    began = time.time()
    ground.inject(fault)
    flipped = ground.await_safety(LIMIT)
    time.sleep(AFTER)
    ground.heal()
    if flipped is None:
        ground.engine.rollback(reason="the guard did not notice")
    ground.settle()
    failed = ground.failed_since(flipped) if flipped is not None else []
    return {
        "fault": fault,
        "share": percent,
        "seconds": None if flipped is None else flipped - began,
        "failed_after_flip": len(failed),
        "failures": [f"{f.kind} {f.seconds:.1f} s {f.error}"[:160] for f in failed[:3]],
        "why": ground.last_reason(),
    }


def rounds(options: argparse.Namespace) -> dict[str, Any]:
    """Bring the deployment up, inject every fault as often as asked, and take it down."""
    folder = Path(tempfile.mkdtemp(prefix="guard-", dir="/tmp"))
    folder.chmod(0o755)
    chance = random.Random(options.seed)
    done: list[dict[str, Any]] = []
    ground = Ground(folder, say, rate=options.rate, metrics=options.metrics)
    left: tuple[str, ...] = ()
    try:
        ground.start()
        for number in range(options.rounds):
            for percent in options.shares:
                for fault in options.faults:
                    result = one_round(ground, fault, percent, chance)
                    done.append(result)
                    took = "not noticed" if result["seconds"] is None else f"{result['seconds']:.2f} s"
                    after = f"{result.get('failed_after_flip', 0)} failed after"
                    say(f"{number + 1}/{options.rounds} {fault:<11} {percent:>3}%  {took:<12} {after}  {result['why']}")
                    for failure in result.get("failures", []):
                        say(f"      {failure}")
    finally:
        left = ground.end()
        if not left and not options.keep:
            shutil.rmtree(folder)
        else:
            say(f"kept {folder} {left}")
    return {**summary(done), "left_behind": list(left)}


def summary(done: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians and worst cases by fault and by share."""
    said: dict[str, Any] = {"failed_after_flip": sum(r.get("failed_after_flip", 0) for r in done)}
    for fault in dict.fromkeys(r["fault"] for r in done):
        every = [r for r in done if r["fault"] == fault]
        said[f"fault_to_safe_seconds.{fault}"] = _median(every)
        for percent in dict.fromkeys(r["share"] for r in every):
            some = [r for r in every if r["share"] == percent]
            times = [r["seconds"] for r in some if r["seconds"] is not None]
            said[f"fault_to_safe_seconds.{fault}.{percent}"] = _median(some)
            said[f"worst_seconds.{fault}.{percent}"] = round(max(times), 2) if times else None
            said[f"rounds.{fault}.{percent}"] = len(some)
    said["not_noticed"] = sum(r["seconds"] is None for r in done)
    return said


def _median(results: list[dict[str, Any]]) -> float | None:
    """Return the median; what was not noticed took for ever."""
    times = [LIMIT if r["seconds"] is None else r["seconds"] for r in results]
    return round(statistics.median(times), 2) if times else None


def say(line: str) -> None:
    """Narrate."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> int:
    """Measure; the exit status is 0 if every number is within its limit."""
    parser = argparse.ArgumentParser(prog="./dev bench guard", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of every fault at every share")
    parser.add_argument("--shares", type=int, nargs="+", choices=sorted(SHARES), default=sorted(SHARES))
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(ASKED_FOR))
    parser.add_argument("--rate", type=float, default=120.0, help="client operations a second")
    parser.add_argument("--metrics", choices=("scrape", "prometheus"), default="scrape")
    parser.add_argument("--hours", type=float, default=24.0, help="of simulated time on two sides that are alike")
    parser.add_argument("--ill-hours", type=float, default=1.0, help="the same of each way of a Prometheus to be ill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, what it mounted is taken down
    said: dict[str, Any] = {"load_average": os.getloadavg()[0]}
    if options.rounds:
        said |= rounds(options)
    if options.hours:
        said["aa_false_rollbacks"] = aa_false_rollbacks(options.hours, options.seed)
        say(f"{said['aa_false_rollbacks']} false rollbacks in {options.hours:g} simulated hours")
    if options.ill_hours:
        said |= ill_prometheus(options.ill_hours, say)
        said |= sources_differ()
        say(f"on the same minute of traffic the sources differ by {said['sources_differ']:.2%} at most")
    said |= instrument_cost()
    say(f"the instrument adds {said['instrument_adds_us']} µs to an operation; a stat takes {said['stat_us']} µs")
    print(json.dumps(said))
    slow = [k for k, v in said.items() if k.startswith("fault_to_safe_seconds.") and (v is None or v > 5.0)]
    wrong = [k for k in NEVER if said.get(k)]
    return 1 if slow or wrong or said["instrument_cost"] > 0.03 or said.get("sources_differ", 0.0) > 0.02 else 0


if __name__ == "__main__":
    sys.exit(main())
