"""The documents say what is true: commands that exist, links that lead somewhere, settings that are read."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from runbook.settings import parse

REPOSITORY = Path(__file__).parent.parent.parent
DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
GROUPS = ("archive", "checks", "gate", "kit")  # commands that have commands of their own
PROGRAM = Path(sys.executable).with_name("lighthouse-migrate")


def shown_commands() -> list[tuple[str, str]]:
    """Return every (document, command line) that a document shows indented, in a code block or in backticks."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        lines = re.findall(r"^(?:    |\$ )(\S.*)$", text, re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
        for line in lines:
            # what follows three or more blanks explains the command
            command = re.split(r"\s{3,}", line)[0]
            if command.startswith(("lighthouse-migrate ", "./dev ", "python -m ")):
                found.append((document.name, command))
    return found


COMMANDS = sorted(set(shown_commands()))


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, cwd=REPOSITORY)


def test_the_documents_show_commands() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize(("document", "command"), COMMANDS, ids=[f"{d}: {c}" for d, c in COMMANDS])
def test_a_command_that_a_document_shows_exists(document: str, command: str) -> None:
    program, *words = shlex.split(command)
    if program == "./dev":
        assert re.search(rf"^  {words[0]} ", run("./dev", "help").stdout, re.MULTILINE)
        if words[0] == "bench" and words[1] != "NAME":
            assert (REPOSITORY / "benchmarks" / f"{words[1]}.py").is_file()
        return
    if program == "python" and len(words) == 2:  # nothing but the module: it may take no options and just start
        assert find_spec(words[1]), f"there is no module {words[1]}"
        return
    if program == "python":
        subcommands = [word for word in words[2:] if word.isalpha() and word.islower()]
        said = run(sys.executable, "-m", words[1], *subcommands[:1], "--help")
        options = words[2:]
    else:
        named = [] if words[0].startswith("-") else words[: 2 if words[0] in GROUPS and words[1:] else 1]
        said = run(PROGRAM, *named, "--help")
        options = words[1:]
    assert said.returncode == 0, said.stderr
    for option in options:
        if option.startswith("--"):
            assert option in said.stdout, f"{command}: no option {option}"


def test_every_command_of_the_program_is_in_the_readme() -> None:
    listed = run(PROGRAM, "--help").stdout.partition("Commands:")[2]
    commands = re.findall(r"^  (\S+)", listed, re.MULTILINE)
    assert len(commands) >= 8
    readme = (REPOSITORY / "README.md").read_text()
    assert [name for name in commands if f"lighthouse-migrate {name} " not in readme] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=[d.name for d in DOCUMENTS])
def test_links_and_named_files_exist(document: Path) -> None:
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in link:
            assert (document.parent / link).exists(), link
    for named in re.findall(
        r"`((?:runbook|phases|checks|cleanup|deployment|bridge|dualfuse|tests|benchmarks)/[^`]*)`", text
    ):
        if not re.search(r"[<>N ]", named):
            assert list(REPOSITORY.glob(named.rstrip("/"))), f"{document.name} names {named}"


def test_the_settings_document_shows_every_setting_with_its_default() -> None:
    text = (REPOSITORY / "docs/settings.md").read_text()
    shown = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    path = REPOSITORY / "lighthouse-migrate.toml"
    documented = parse(path, shown)
    defaults = parse(path, "")
    assert replace(documented, name=defaults.name, project=None, soak={}, keys={}) == defaults
    table = tomllib.loads(shown)
    keys = {key for key, value in table.items() if not isinstance(value, dict)}
    keys |= {f"{section}.{key}" for section, value in table.items() if isinstance(value, dict) for key in value}
    read = set(re.findall(r'self\._\w+\("(\w*)", "(\w+)"', (REPOSITORY / "runbook/settings.py").read_text()))
    assert {f"{section}.{key}" if section else key for section, key in read} <= keys
