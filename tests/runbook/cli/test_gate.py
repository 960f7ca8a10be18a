"""`gate`: what each gate asks and says, and an override that is seen until it expires."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployment.errors import OperatorError
from runbook.cli.main import app
from runbook.journal import Journal
from runbook.settings import load
from tests.runbook.cli.deployed import deployed


def run(path: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["--settings", str(path), *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def gates(path: Path, *words: str) -> dict[str, dict[str, object]]:
    said = json.loads(run(path, "gate", *words, "--json").splitlines()[-1])
    assert said["format"] == 1
    return {g["id"]: g for g in reversed(said["gates"])}  # the gate, where a trigger has its name


def test_every_gate_of_the_stage_is_listed_with_what_it_says(tmp_path: Path) -> None:
    path = deployed(tmp_path)
    found = gates(path, "list")
    assert found["error-ratio"]["status"] == "pass"
    assert found["canary-p95"]["status"] == "pass", found["canary-p95"]
    assert found["divergence"]["status"] == "inconclusive"
    text = run(path, "gate", "list")
    assert "[ok]   gate    canary-p95         p95 of operations 1 times the stable side's ≤ 1.25 ×" in text
    assert "[?]    trigger divergence" in text


def test_a_gate_is_explained_by_its_question_its_samples_and_its_bound(tmp_path: Path) -> None:
    path = deployed(tmp_path)
    said = gates(path, "explain", "error-ratio")["error-ratio"]
    assert 'status=\\"error\\"' in json.dumps(said["query"]) and 'side="canary"' in str(said["query"])
    assert (said["needed"], said["value"], said["override"]) == (300, 0.0, None)
    assert isinstance(said["samples"], int) and said["samples"] > 3000
    assert isinstance(said["bound"], float) and 0 < said["bound"] < 0.001
    text = run(path, "gate", "explain", "canary-p95")
    assert "p95 ≤ the stable side's × 1.25, of the canary, over 2 min" in text
    assert "needs     50 points or operations of both sides" in text
    assert 'side="stable"' in text


def test_an_override_is_journaled_and_shown_until_the_stage_is_left(tmp_path: Path) -> None:
    path = deployed(tmp_path)
    said = run(path, "gate", "override", "p95", "--reason", "the disk was slow on Monday")
    assert said.startswith("p95 is overridden until week 4's stage is left: the disk was slow on Monday; journal #2")
    assert gates(path, "explain", "p95")["p95"]["override"] == "the disk was slow on Monday"
    assert "OVERRIDDEN: the disk was slow on Monday" in run(path, "gate", "list")
    assert "override  p95: the disk was slow on Monday" in run(path, "status")
    assert json.loads(run(path, "status", "--json"))["overrides"] == {"p95": "the disk was slow on Monday"}
    assert "overridden p95: the disk was slow on Monday" in run(path, "history")
    journal = Journal(load(path).journal)
    journal.append(2e9, "entered", week=5, stage=0, name="canary-soak", stage_name="10%")
    journal.close()
    assert "  override  " not in run(path, "status")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["gate", "explain", "nonsense"], "here: error-ratio"),
        (["gate", "override", "nonsense", "--reason", "because"], "known here:"),
        (["gate", "override", "p95", "--reason", " "], "--reason TEXT"),
    ],
)
def test_what_does_not_exist_or_has_no_reason_is_refused(tmp_path: Path, words: list[str], hint: str) -> None:
    with pytest.raises(OperatorError) as raised:
        run(deployed(tmp_path), *words)
    assert hint in raised.value.hint
    assert raised.value.exit_code == 2
