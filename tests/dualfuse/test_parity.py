"""The parity run finds what was planted, shrinks it, and writes a script that shows it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dualfuse.exploring import LENGTH, Judge, explore
from dualfuse.lockstep import Lockstep, workplaces
from dualfuse.parity import compare
from dualfuse.replay import replay, shrink
from dualfuse.steps import KINDS, Step
from tests.dualfuse.served import serve

HERE = Path(__file__).parent.parent.parent
FRESH = ["entry_timeout=0,attr_timeout=0"]


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    """A plain directory, and one that a mutant serves from."""
    for name in ("a", "under", "b"):
        (tmp_path / name).mkdir()
    return tmp_path / "a", tmp_path / "under"


@pytest.mark.fuse
@pytest.mark.parametrize(
    ("mutant", "last"),
    [("ShortRead", ("write", "replace", "append")), ("LostAttribute", ("set_attribute",)), ("StaleTime", ("times",))],
)
def test_a_planted_difference_is_shrunk_to_a_script_that_replays_it(
    tmp_path: Path, roots: tuple[Path, Path], mutant: str, last: tuple[str, ...]
) -> None:
    plain, under = roots
    script = tmp_path / "script.py"
    specification = f"tests.dualfuse.mutants:{mutant}"
    with serve(specification, tmp_path / "b", "pyfuse3", [f"root={under}"], FRESH) as daemon:
        report = compare(plain, daemon.mountpoint, 2000, seed=1, script=script)
        assert not report.ok
        assert report.replays
        assert 1 <= len(report.minimal) <= 6
        assert report.minimal[-1].startswith(last)
        assert report.differences[0]["a"] == report.differences[0]["plain"] != report.differences[0]["b"]
        again = subprocess.run([sys.executable, script], cwd=HERE, capture_output=True, text=True, timeout=60)
        assert again.returncode == 1, again.stderr
        assert again.stdout.startswith(report.minimal[0])
        shown = json.loads(again.stdout.splitlines()[-1].removeprefix("DIFFERS "))
        assert shown["operation"] == report.differences[0]["operation"]
    healthy = subprocess.run(
        [sys.executable, script, plain, under], cwd=HERE, capture_output=True, text=True, timeout=60
    )
    assert (healthy.returncode, healthy.stdout.splitlines()[-1]) == (0, "no difference")
    assert list(plain.iterdir()) == list(under.iterdir()) == []


def test_two_plain_directories_never_differ(roots: tuple[Path, Path]) -> None:
    report = compare(*roots, steps=500, seed=3)
    assert (report.ok, report.steps, report.differences, report.against_plain) == (True, 500, [], [])
    assert report.chosen_by == "hypothesis"
    assert report.script is None


def test_the_same_seed_takes_the_same_steps(roots: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Step] = []
    original = Lockstep.take

    def record(self: Lockstep, step: Step) -> object:
        taken.append(step)
        return original(self, step)

    monkeypatch.setattr(Lockstep, "take", record)
    compare(*roots, steps=300, seed=11)
    first = list(taken)
    taken.clear()
    compare(*roots, steps=300, seed=11)
    assert taken == first
    assert len({step.kind for step in first}) > len(KINDS) / 2


def test_shrinking_leaves_only_what_is_needed() -> None:
    steps = [Step("mkdir", f"d{number}", "x", number) for number in range(37)]
    needed = {"d3", "d20"}

    def shows(some: object) -> bool:
        assert isinstance(some, list)
        return needed <= {step.path for step in some}

    assert shrink(steps, shows, 5) == [Step("mkdir", "d3"), Step("mkdir", "d20")]


def test_shrinking_ends_with_its_time() -> None:
    steps = [Step("status", "a", number=number) for number in range(8)]
    assert shrink(steps, lambda _: True, 0) == steps


def test_a_replay_tells_what_differs_and_leaves_nothing(roots: tuple[Path, Path]) -> None:
    with workplaces(*roots) as sides:
        sides[1].run(Step("mkdir", "extra"))
        seen = Lockstep(sides).compare_trees()
    assert [(each.what, each.a, each.plain, each.is_apart) for each in seen] == [("tree: extra", None, None, True)]
    assert replay([Step("mkdir", "a"), Step("rmdir", "a")], *roots) == []
    assert [list(root.iterdir()) for root in roots] == [[], []]


def test_plain_chance_chooses_where_hypothesis_is_not_installed(roots: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "hypothesis.py").write_text("raise ModuleNotFoundError('none', name='hypothesis')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from dualfuse.parity import main; sys.exit(main())"
    argv = [sys.executable, "-c", code, *map(str, roots), "--steps", "200"]
    said = subprocess.run(argv, cwd=HERE, capture_output=True, text=True, timeout=60)
    answer = json.loads(said.stdout)
    assert (said.returncode, answer["ok"], answer["steps"], answer["chosen_by"]) == (0, True, 200, "random")


@pytest.mark.fuse
def test_plain_chance_finds_what_was_planted(tmp_path: Path, roots: tuple[Path, Path]) -> None:
    plain, under = roots
    with serve("tests.dualfuse.mutants:LostMode", tmp_path / "b", "pyfuse3", [f"root={under}"], FRESH) as daemon:
        judge = Judge((plain, Path(daemon.mountpoint)), 2000)
        explore(KINDS, judge, 1)
    assert 1 <= len(judge.found) <= LENGTH
    assert judge.steps < 2000
