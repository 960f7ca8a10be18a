"""HAProxy and Prometheus of a state folder, as processes under its supervisord."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from importlib.resources import files
from string import Template

from deployment.errors import ChangeFailedError
from deployment.model import InstanceState, Side
from deployment.router import MAP, SHARED_LOAD, Router
from deployment.targets import processes
from deployment.targets.local_layout import HOST, Layout, read_records
from deployment.targets.local_supervisor import Supervisor, tail
from deployment.targets.target import Say
from deployment.waiting import until
from deployment.whole_file import write_whole

START_SECONDS = 10.0

PROMETHEUS = """\
# One target file, rewritten whenever an instance comes or goes; Prometheus reads it again by itself.
global:
  scrape_interval: 1s
  scrape_timeout: 900ms
scrape_configs:
  - job_name: bridge
    file_sd_configs:
      - files: [targets.json]
        refresh_interval: 1s
"""


def router(layout: Layout) -> Router:
    """Return the router of a state folder, which may or may not run."""
    return Router(layout.haproxy / "admin.sock")


def start_router(layout: Layout, supervisor: Supervisor, say: Say) -> None:
    """Start HAProxy with no routes and a weight of 0, or with what it last had; one that answers is left alone.

    Raises:
        ChangeFailedError: It is not installed, its port is taken, or it does not come up.
    """
    if router(layout).answers():
        return
    program = processes.which("haproxy")
    if program is None:
        raise ChangeFailedError("haproxy is not installed", "apt-get install -y --no-install-recommends haproxy")
    require_free(layout.place.router_port, "the router")
    if not (layout.haproxy / MAP).exists():
        write_whole(layout.haproxy / MAP, f"{Side.CANARY} 0\n")
    if not (layout.haproxy / "haproxy.cfg").exists():
        write_routes(layout, {})
    checked = subprocess.run(
        [program, "-c", "-f", "haproxy.cfg"], cwd=layout.haproxy, capture_output=True, text=True, check=False
    )
    if checked.returncode != 0:
        raise ChangeFailedError(
            f"haproxy refuses its configuration: {' '.join(checked.stderr.split())[-300:]}",
            f"repair {layout.haproxy}/haproxy.cfg, or remove it: it is written anew",
        )
    say(f"starting the router on port {layout.place.router_port}")
    supervisor.define("router", "haproxy", [program, "-f", "haproxy.cfg"], "haproxy.log", {})
    supervisor.start("router")
    until(lambda: router(layout).answers() or supervisor.state("router")[0] in ("FATAL", "BACKOFF"), START_SECONDS)
    if not router(layout).answers():
        supervisor.stop("router")
        log = layout.haproxy / "haproxy.log"
        raise ChangeFailedError(f"the router does not start: {tail(log)}", f"see {log}")


def write_routes(layout: Layout, routes: Mapping[Side, str]) -> None:
    """Write HAProxy's configuration as it stands now, so that it comes back the same after a crash."""
    weight = (layout.haproxy / MAP).read_text("utf-8").split()[-1]
    values: dict[str, object] = {
        "bind": f"{HOST}:{layout.place.router_port}",
        "names": "",  # the addresses are numbers
        "canary_weight": SHARED_LOAD if int(weight) else 0,
    }
    for side in Side:
        address = routes.get(side)
        values[str(side)] = address or f"{HOST}:{layout.ports(side, 1)[0]}"
        values[f"{side}_state"] = "" if address else " disabled"
    template = Template((files("deployment") / "haproxy.cfg").read_text("utf-8"))
    write_whole(layout.haproxy / "haproxy.cfg", template.substitute(values))


def set_weight(layout: Layout, percent: int | None) -> None:
    """Put a share of the clients on the canary, also after a crash of the router.

    Raises:
        ChangeFailedError: The router did not take it.
        UnreachableError: The router does not answer.
    """
    assert percent is not None
    router(layout).set_weight(percent)
    keep_routes(layout)


def route(layout: Layout, side: Side | None, instance: InstanceState | None) -> None:
    """Send a side's traffic to an instance, or nowhere, also after a crash of the router.

    Raises:
        ChangeFailedError: The instance is not ready, or the router did not take it.
        UnreachableError: The router does not answer.
    """
    assert side is not None
    if instance is not None and not instance.ready:
        raise ChangeFailedError(f"{instance.name} is not ready: {instance.detail}", "`status` shows what is")
    router(layout).route(side, None if instance is None else instance.address)
    keep_routes(layout)


def keep_routes(layout: Layout) -> None:
    """Write down where the traffic goes, for a router that is started again after a crash."""
    servers = router(layout).servers()
    write_routes(layout, {s: v.address for s, v in servers.items() if v.routed})


def start_prometheus(layout: Layout, supervisor: Supervisor, say: Say) -> None:
    """Start Prometheus where it is installed; without it the tool reads the Bridges' metrics itself.

    Raises:
        ChangeFailedError: Its port is taken.
    """
    program = processes.which("prometheus")
    if program is None or layout.prometheus in processes.working_in(
        [layout.prometheus], "--config.file=prometheus.yml"
    ):
        return
    require_free(layout.place.prometheus_port, "Prometheus")
    write_whole(layout.prometheus / "prometheus.yml", PROMETHEUS)
    write_targets(layout)
    say(f"starting Prometheus on port {layout.place.prometheus_port}")
    argv = [
        program,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=60d",
        f"--web.listen-address={HOST}:{layout.place.prometheus_port}",
        "--log.level=warn",
    ]
    supervisor.define("prometheus", "prometheus", argv, "prometheus.log", {})
    supervisor.start("prometheus")


def write_targets(layout: Layout) -> None:
    """Tell Prometheus which instances there are, each with its side."""
    if not (layout.prometheus / "prometheus.yml").exists():
        return
    targets = [
        {"targets": [f"{HOST}:{r.metrics_port}"], "labels": {"side": r.side, "name": r.name}}
        for r in read_records(layout)
        if not r.retired
    ]
    write_whole(layout.prometheus / "targets.json", json.dumps(targets, indent=1) + "\n")


def require_free(port: int, what: str) -> None:
    """Raise unless nobody listens on a port.

    Raises:
        ChangeFailedError: Somebody does; it says who.
    """
    holder = processes.port_holder(port)
    if holder is not None:
        raise ChangeFailedError(
            f"port {port} is taken by {holder}", f"stop it, or give {what} another port in the settings"
        )
