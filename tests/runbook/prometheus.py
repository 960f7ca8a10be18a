"""A Prometheus for a guard, well or ill in every way that one can be."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from deployment.metrics import exposition
from deployment.metrics.prometheus import PrometheusSource
from deployment.metrics.source import Metric
from deployment.model import Side
from deployment.targets.processes import which
from tests.ports import free_ports
from tests.waiting import until

CONFIGURATION = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: bridge, static_configs: [{{targets: [{targets}]}}]}}]
"""
ILLS = ("no series", "not a number", "an hour ahead", "an hour behind", "hangs", "dead")
AHEAD: Mapping[str, float] = {"an hour ahead": 3600.0, "an hour behind": -3600.0}
NOT_SCRAPED = {Side.STABLE: "http://127.0.0.1:9/metrics", Side.CANARY: "http://127.0.0.1:10/metrics"}


class Server:
    """A Prometheus that scrapes these addresses once a second."""

    def __init__(self, folder: Path, targets: Sequence[str] = ()) -> None:
        quoted = ", ".join(f"'{target}'" for target in targets)
        (folder / "prometheus.yml").write_text(CONFIGURATION.format(targets=quoted))
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        program = which("prometheus")
        assert program is not None
        arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={self.address}"]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen([program, *arguments], cwd=folder, stdout=log, stderr=log)

    def source(self, where: Mapping[Side, str] = NOT_SCRAPED, ahead: float = 0.0) -> PrometheusSource:
        """Return a source whose clock is ahead of the server's."""
        return PrometheusSource(f"http://{self.address}", lambda: where, clock=lambda: time.time() + ahead)

    def ready(self) -> bool:
        """Tell whether it answers."""
        return not self.source().measure(Metric.MEMORY, Side.CANARY, 5.0).failed

    def end(self) -> None:
        """Leave nothing."""
        self.process.kill()
        self.process.wait()


class NoNumbers:
    """The metrics page of a Bridge of which every number is none."""

    def __init__(self) -> None:
        page = _page().encode()

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(BrokenPipeError):  # whoever asked was killed
                    self.send_response(200)
                    self.send_header("Content-Type", "text/plain; version=0.0.4")
                    self.end_headers()
                    self.wfile.write(page)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def where(self) -> dict[Side, str]:
        """Return the metrics URL of each side, which is this one's."""
        return dict.fromkeys(Side, f"http://{self.address}/metrics")

    def end(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _page() -> str:
    kind = 'backend="pyfuse3",operation="read"'
    pair = 'operation="read",primary="fusepy",shadow="pyfuse3"'
    series = [
        *(f'{exposition.OPERATIONS}{{{kind},status="{status}"}}' for status in ("ok", "error")),
        *(f'{exposition.DURATION}_bucket{{{kind},le="{bound}"}}' for bound in ("0.005", "1.0", "+Inf")),
        *(f"{exposition.DURATION}_{what}{{{kind}}}" for what in ("count", "sum")),
        *(f"{name}{{{pair}}}" for name in (exposition.COMPARISONS, exposition.DIVERGENCE)),
        *(
            f'{name}{{backend="pyfuse3"}}'
            for name in (exposition.RESPONSIVE, exposition.MEMORY, exposition.OLDEST, exposition.CPU)
        ),
    ]
    return "".join(f"{name} NaN\n" for name in series)


def fall_ill(server: Server, pages: NoNumbers, ill: str) -> tuple[PrometheusSource, Callable[[], None]]:
    """Make a Prometheus ill; return a source that asks it, and what makes it well enough to be ended."""
    source = server.source(ahead=AHEAD.get(ill, 0.0))
    if ill == "not a number":
        source = server.source(pages.where)
        until(lambda: source.measure(Metric.UPTIME, Side.CANARY, 10.0).samples >= 2)
    elif ill == "hangs":
        os.kill(server.process.pid, signal.SIGSTOP)
        return source, lambda: os.kill(server.process.pid, signal.SIGCONT)
    elif ill == "dead":
        server.end()
    return source, lambda: None
