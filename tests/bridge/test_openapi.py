"""The API against its own description: schemathesis asks what the description allows, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.routing import Route

from bridge import __version__
from bridge.agents import add
from bridge.api import API_VERSION, Api
from bridge.mounts import Mounts
from bridge.roster import Roster
from bridge.settings import Settings
from bridge.web.openapi import document
from tests.bridge.harness import Bridge, cleaned

EXAMPLES = 8  # of each operation
WRITE = ["current", "context", "shadows", "streams"]

schema = schemathesis.openapi.from_dict(document(__version__, API_VERSION))


@pytest.fixture(scope="module")
def bridge(short_root: Path) -> Iterator[Bridge]:
    folder = short_root / "openapi"
    running = Bridge(folder, folder / "store.db", "pyfuse3")
    token = running.environment["TOKEN"] = add(folder / "agents.json", "all", WRITE, [], admin=True)
    with cleaned(running):
        running.start()
        for name in ("files/known", "files/d/e", "context/files/p/known"):
            answer = running.request("PUT", f"/{name}", b"one\ntwo\n", authorization=f"Bearer {token}")
            assert answer == (201, b"")
        yield running


@pytest.mark.fuse
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: schemathesis.Case[Any], bridge: Bridge) -> None:
    headers = {"Authorization": f"Bearer {bridge.environment['TOKEN']}"}
    address = f"http://127.0.0.1:{bridge.port}"
    # That a name has at most 255 bytes, and what an etag is, no schema can say: some of what it allows is refused.
    case.call_and_validate(base_url=address, headers=headers, timeout=10, excluded_checks=[positive_data_acceptance])


def test_everything_there_is_is_described_and_nothing_else(tmp_path: Path) -> None:
    api = Api(Mounts(Settings(state_dir=tmp_path)), Roster(tmp_path / "agents.json"))
    served = {
        (route.path.replace(":path", ""), method.lower())
        for route in api.application().routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    paths = document(__version__, API_VERSION)["paths"]
    described = {(path, method) for path, said in paths.items() for method in said if method != "parameters"}
    assert described == served
