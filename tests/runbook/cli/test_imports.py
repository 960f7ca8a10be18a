"""What a command may import: `status` stays light, and heavy libraries come only where they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    *("textual", "rich", "docker", "prometheus_api_client", "prometheus_client", "requests", "pydantic", "supervisor"),
    *("asyncio", "xmlrpc", "http.client", "urllib.request", "tomlkit", "ruamel", "libcst", "packaging", "cleanup.plan"),
    *("checks.registry", "pyfuse3", "trio", "fuse", "numpy", "apprise"),
}
ASK = """
import sys
sys.argv = ["lighthouse-migrate", *sys.argv[1:]]
from runbook.cli.main import run
try:
    run()
except SystemExit:
    pass
sys.stderr.write("\\nMODULES " + " ".join(sys.modules))
"""


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["--help"], ["plan"]])
def test_a_light_command_imports_nothing_heavy(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "lighthouse-migrate.toml").write_text('[target]\nlive = "live"\n')
    done = subprocess.run(
        [sys.executable, "-c", ASK, *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    modules = set(done.stderr.rpartition("MODULES ")[2].split())
    assert "runbook.cli.main" in modules
    assert not {m for m in modules if m in HEAVY or m.partition(".")[0] in HEAVY}
