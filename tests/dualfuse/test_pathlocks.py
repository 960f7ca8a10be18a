"""Path locks: a change waits for what runs below it, later operations wait for the change, and nothing deadlocks."""

from __future__ import annotations

import random
import threading

from dualfuse.inodes import InodeTable, Node
from dualfuse.pathlocks import PathLocks
from tests.dualfuse.served import wait_for


def _start(*steps: object) -> threading.Thread:
    def run() -> None:
        for step in steps:
            step()  # type: ignore[operator]

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_change_waits_for_an_operation_below_and_holds_up_later_ones() -> None:
    table, locks = InodeTable(), PathLocks()
    directory = table.remember(table.root, "d")
    file = table.remember(directory, "f")
    events: list[str] = []
    release = threading.Event()
    inside = threading.Event()
    first = _start(
        lambda: locks.enter(file), inside.set, release.wait, lambda: events.append("first ends"), locks.leave
    )
    assert inside.wait(5)
    change = _start(
        lambda: locks.change((table.root,), (directory,)), lambda: events.append("change runs"), locks.leave
    )
    wait_for(lambda: bool(locks._changing), "the change to be registered")
    later = _start(lambda: locks.enter(file), lambda: events.append("later runs"), locks.leave)
    other = _start(lambda: locks.enter(table.root), lambda: events.append("elsewhere runs"), locks.leave)
    other.join(5)
    assert events == ["elsewhere runs"]
    release.set()
    for thread in (first, change, later):
        thread.join(5)
    assert events == ["elsewhere runs", "first ends", "change runs", "later runs"]


def test_random_operations_and_changes_never_overlap_and_never_deadlock() -> None:
    table, locks = InodeTable(), PathLocks()
    nodes = [table.root]
    generator = random.Random(7)
    for number in range(30):
        nodes.append(table.remember(generator.choice(nodes), f"n{number}"))
    guard = threading.Lock()
    running: dict[int, tuple[tuple[Node, ...], tuple[Node, ...]]] = {}
    overlaps: list[str] = []

    def work(seed: int) -> None:
        chooser = random.Random(seed)
        for _ in range(150):
            uses = tuple(chooser.sample(nodes, 2))
            changes = tuple(chooser.sample(nodes[1:], 2)) if chooser.random() < 0.4 else ()
            if changes:
                locks.change(uses, changes)
            else:
                locks.enter(*uses)
            with guard:
                for others_use, others_change in running.values():
                    if any(node.is_within(changed) for node in uses for changed in others_change):
                        overlaps.append("an operation ran below a change")
                    if any(node.is_within(changed) for node in others_use for changed in changes):
                        overlaps.append("a change ran above an operation")
                running[seed] = (uses, changes)
            with guard:
                del running[seed]
            locks.leave()

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    assert overlaps == []
    assert not locks._running and not locks._changing
