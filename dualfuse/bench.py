"""Measure backends against each other: ``python -m dualfuse.bench --backends fusepy,pyfuse3``.

Ten operations, seven metrics, run in short rounds that alternate between the contenders, so that the noise of the
machine hits all of them alike; one client and the daemon share a processor in half of them and have one each in the
others. mount and unmount take an eighth of the iterations, at least 3 and at most 60; 3 where ``--only`` names others.
Prints one JSON object; ``ratios`` compare pyfuse3 (or the last contender) with fusepy (or the first), ``comparisons``
every contender with that baseline. ``--blocking`` adds what happens while operations block.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dualfuse.benchmark.blocking import measure_blocking
from dualfuse.benchmark.placement import placed
from dualfuse.benchmark.servers import Server
from dualfuse.benchmark.statistics import Series, ratio
from dualfuse.benchmark.workloads import CLIENTS, WORKLOADS, Workload, timed, timed_by_name
from dualfuse.errors import MountError

ROUNDS = 20
MOUNTS = 60  # at most, where no number is asked for
FEWEST_MOUNTS = 3
DEFAULT = "dualfuse.samples.memory:Memory"
Results = dict[str, dict[str, Series]]


def measure(
    contenders: Sequence[str],
    *,
    iterations: int = 1000,
    warmup: int = 100,
    specification: str = DEFAULT,
    arguments: Sequence[str] = (),
    options: Sequence[str] = (),
    only: Sequence[str] = (),
    cold: bool = False,
    mounts: int = 0,
) -> Results:
    """Run the benchmark; gives the series by contender and operation. Raises MountError.

    ``cold``: the kernel drops its caches before every iteration, for which root is needed. ``mounts``: so many more of
    the first two contenders alone: an unmount takes a few milliseconds, and one in three takes a third longer or less.
    """
    results: Results = {contender: {"mount": Series(), "unmount": Series()} for contender in contenders}
    with tempfile.TemporaryDirectory(prefix="dualfuse-bench-") as place, _bytecode(place), _clients() as pool:
        servers = [
            Server(name, Path(place, f"m{number}"), specification, _own(arguments, place, number), tuple(options))
            for number, name in enumerate(contenders)
        ]
        try:
            usual = max(FEWEST_MOUNTS, min(MOUNTS, iterations // 8))
            _mounting(servers, results, FEWEST_MOUNTS if only else usual)
            _mounting(servers[:2], results, mounts)
            for server in servers:
                server.start()
            for workload in WORKLOADS:
                if not only or workload.name in only:
                    _alternate(servers, results, workload, iterations, warmup, pool, cold)
        finally:
            for server in servers:
                server.abandon()
    return {name.partition("=")[0]: series for name, series in results.items()}  # a program's path tells nothing


def _own(arguments: Sequence[str], place: str, number: int) -> tuple[str, ...]:
    """Give each contender its own data: ``{own}`` in an argument becomes a fresh directory."""
    own = Path(place, f"data{number}")
    own.mkdir()
    return tuple(argument.replace("{own}", str(own)) for argument in arguments)


@contextmanager
def _bytecode(place: str) -> Iterator[None]:
    """Let daemons cache their bytecode, as installed ones do, even where this process was told not to."""
    names = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(place, "bytecode"))
    try:
        yield
    finally:
        del os.environ["PYTHONPYCACHEPREFIX"]
        os.environ.update({name: value for name, value in before.items() if value is not None})


@contextmanager
def _clients() -> Iterator[Executor]:
    with ProcessPoolExecutor(CLIENTS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def _mounting(servers: list[Server], results: Results, count: int) -> None:
    for number in range(count):
        # every other round runs in the opposite order
        for server in servers if number % 2 == 0 else servers[::-1]:
            if not server.is_backend:
                continue
            server.start()  # not counted: what others left in the processor's caches is not what is compared
            server.stop()
            seconds = server.start()
            cpu, memory = server.cpu(), server.memory()
            down, down_cpu = server.stop()
            series = results[server.contender]
            series["mount"].add([seconds], seconds, cpu, 0)
            series["unmount"].add([down], down, down_cpu, 0)
            series["mount"].memory = series["unmount"].memory = memory


def _alternate(
    servers: list[Server],
    results: Results,
    workload: Workload,
    iterations: int,
    warmup: int,
    pool: Executor,
    cold: bool,
) -> None:
    rounds = iterations if cold else max(1, min(ROUNDS, iterations // workload.clients))
    size = max(workload.clients, iterations // rounds) * workload.repeat
    for server in servers:
        results[server.contender][workload.name] = Series()
        workload.prepare(server.directory)
        _round(server, workload, 0, max(workload.clients, warmup), pool)
        _tidy(server, workload)
    for number in range(rounds):
        # every other round runs in the opposite order
        for server in servers if number % 2 == 0 else servers[::-1]:
            series = results[server.contender][workload.name]
            if cold:
                Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
            with placed(server.pid if workload.clients == 1 else None, apart=number // 2 % 2 == 1):
                before = server.cpu()
                start = time.perf_counter()
                latencies, moved = _round(server, workload, number * size, size, pool)
                wall = time.perf_counter() - start
                series.add(latencies, wall, server.cpu() - before, moved)
            _tidy(server, workload)
    for server in servers:
        results[server.contender][workload.name].memory = server.memory()


def _round(server: Server, workload: Workload, first: int, count: int, pool: Executor) -> tuple[list[float], int]:
    directory = str(server.directory)
    if workload.clients == 1:
        return timed(workload.run, directory, first, count)
    share = max(1, count // workload.clients)
    tasks = [
        pool.submit(timed_by_name, workload.name, directory, first + client * share, share)
        for client in range(workload.clients)
    ]
    done = [task.result() for task in tasks]
    return [latency for latencies, _ in done for latency in latencies], sum(moved for _, moved in done)


def _tidy(server: Server, workload: Workload) -> None:
    if workload.clean is not None:
        workload.clean(server.directory)


def report(results: Results, iterations: int, warmup: int) -> dict[str, Any]:
    """Turn series into the JSON object of the command."""
    contenders = list(results)
    answer: dict[str, Any] = {
        "iterations": iterations,
        "warmup": warmup,
        "processors": len(os.sched_getaffinity(0)),
        "kernel": os.uname().release,
        "results": {
            contender: {operation: series.metrics() for operation, series in operations.items()}
            for contender, operations in results.items()
        },
    }
    if len(contenders) < 2:
        return answer
    baseline = "fusepy" if "fusepy" in contenders else contenders[0]
    answer["baseline"] = baseline
    answer["comparisons"] = {
        contender: {
            name: ratio(series, results[baseline][name])
            for name, series in results[contender].items()
            if series.round_seconds  # a plain directory is not mounted
        }
        for contender in contenders
        if contender != baseline
    }
    subject = "pyfuse3" if "pyfuse3" in answer["comparisons"] else list(answer["comparisons"])[-1]
    answer["ratios"] = answer["comparisons"][subject]
    memory = {name: results[name]["mount"].memory for name in (subject, baseline)}
    answer["memory_ratio"] = round(memory[subject] / memory[baseline], 3) if memory[baseline] else None
    return answer


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.bench", description=__doc__)
    parser.add_argument("--backends", default="fusepy,pyfuse3", help="contenders, see dualfuse.benchmark.servers")
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--operations", default=DEFAULT, metavar="PACKAGE.MODULE:CLASS")
    parser.add_argument("--arg", action="append", default=[], metavar="K=V", help="{own} becomes a fresh directory")
    parser.add_argument("-o", dest="options", action="append", default=[], metavar="OPT,…")
    parser.add_argument("--only", default="", help="workloads to run, by name")
    parser.add_argument("--blocking", action="store_true", help="also measure operations that block")
    arguments = parser.parse_args(argv)
    contenders = arguments.backends.split(",")
    try:
        results = measure(
            contenders,
            iterations=arguments.iterations,
            warmup=arguments.warmup,
            specification=arguments.operations,
            arguments=arguments.arg,
            options=arguments.options,
            only=arguments.only.split(",") if arguments.only else (),
        )
        answer = report(results, arguments.iterations, arguments.warmup)
        if arguments.blocking:
            answer["blocking"] = measure_blocking(contenders, arguments.iterations)
    except MountError as error:
        print(json.dumps({"ok": False, "error": str(error), "hint": error.remedy}))  # noqa: T201
        return 1
    print(json.dumps({"operations": arguments.operations, "options": arguments.options, **answer}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
