"""A local deployment under load with a guard on its post, brought up once: faults go in, rollbacks come out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deployment.errors import OperatorError, UnreachableError
from deployment.model import Image, Observation, Side
from deployment.router import Router
from deployment.targets import mounts, processes
from deployment.targets.local_layout import Layout
from deployment.waiting import until
from phases.calendar import PHASES, stage_at
from phases.deployments import SAFE
from runbook.assembly import assemble
from runbook.engine import Engine
from runbook.guard_post import GuardPost
from runbook.journal import Journal
from runbook.rehearsal import ledger
from runbook.rehearsal.load import TOKEN
from runbook.rehearsal.sandbox import Sandbox
from runbook.settings import Settings, load
from runbook.state import Status
from runbook.steps import Walker, Wanted

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: (week, stage) with that share of the clients on the canary.
SHARES = {10: (5, 0), 50: (6, 0), 100: (7, 0)}
LOAD = """
import sys
from runbook.rehearsal import ledger, load
ledger.KEPT_FAILURES = 1_000_000
import os
code = load.main()
sys.stdout.flush()
os._exit(code)
"""
GUARD = "from runbook.cli.main import run; run()"


class Ground:
    """The deployment, its clients and its guard, all below one folder."""

    def __init__(self, folder: Path, say: Callable[[str], None], *, rate: float, metrics: str) -> None:
        self.folder, self._say, self._rate = folder, say, rate
        self._box = Sandbox(folder, say)
        self.settings = self._settings(metrics)
        self.layout = Layout.of(self.settings.place)
        self._journal = Journal(self.settings.journal)
        self.engine: Engine = assemble(self.settings, self._journal, lambda _line: None)
        self._walker = Walker(self.engine.target, self.engine.clock, self.engine.lock, lambda _line: None)
        self._router = Router(self.layout.haproxy / "admin.sock")
        self._load: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._frozen: list[int] = []

    def _settings(self, metrics: str) -> Settings:
        made = self._box.write_settings(dict.fromkeys(range(9), 7200.0), "local", iterations=10, comparisons=3000)
        text = made.path.read_text().replace("comparison_rate = 400", "")  # what is measured is the default
        text = text.replace('drain = "60s"', 'drain = "2s"').replace('trigger_window = "10s"', f'metrics = "{metrics}"')
        made.path.write_text(text.replace('project = "project"\n', ""))
        return load(made.path)

    # up and down

    def start(self) -> None:
        """Bring fusepy up, put the faults into the image, and start clients and guard."""
        self._bring(Wanted(SAFE))
        packages = next(self.layout.image(Image.DUAL).glob("lib/python*/site-packages"))
        shutil.copy(HERE / "overlay.py", packages / "lighthouse_faults.py")
        (packages / "zz_lighthouse_faults.pth").write_text("import lighthouse_faults\n")
        self._fault = packages / "lighthouse_fault.now"
        self._load = self._process("load", LOAD, *self._load_arguments())
        self._until(lambda: self._ledger.exists() and ledger.read(self._ledger).operations > 100, 30, "the load works")
        self._guard = self._process("guard", GUARD, "--settings", str(self.settings.path), "watch", "--json")
        self._until(lambda: GuardPost(self.settings.place.state).standing().alive, 30, "the guard stands")

    def _load_arguments(self) -> list[str]:
        url = f"http://127.0.0.1:{self.settings.place.router_port}"
        # no holders: what is open on a mount that fails, fails with it, whatever a guard does
        more = ["--holders", "0", "--clients", "8", "--rate", str(self._rate)]
        return ["--url", url, "--live", str(self._box.live), "--ledger", str(self._ledger), *more]

    @property
    def _ledger(self) -> Path:
        return self.folder / "ledger.json"

    def _process(self, name: str, code: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-c", code, *arguments]
            who = {**os.environ, TOKEN: self._box.token}
            return subprocess.Popen(command, cwd=ROOT, env=who, stdout=log, stderr=log, start_new_session=True)

    def end(self) -> tuple[str, ...]:
        """Leave nothing; return what could not be removed."""
        for process in (self._guard, self._load):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.heal()
        left = self.engine.target.destroy(lambda _line: None)
        self._journal.close()
        return left

    # one round

    def share(self, percent: int) -> None:
        """Put so many clients on the canary, as an advance would, without the weeks before it."""
        week, stage = SHARES[percent]
        with self.engine.lock.held("advance"):  # else it looks like one that was cut off, and is taken back
            self.engine.write("advance-started", week=week, stage=stage)
            self._bring(Wanted(stage_at(week, stage).deployment))
            self.engine.write("entered", week=week, stage=stage, name=PHASES[week].name)

    def _bring(self, wanted: Wanted) -> None:
        try:
            self._walker.bring(wanted, self.engine.write)
        except OperatorError as error:
            self._say(f"! {error.message}; once more")
            self._walker.bring(wanted, self.engine.write)

    def inject(self, fault: str) -> None:
        """Let the canary have a fault from now on."""
        if fault in ("killed", "stopped"):
            number = signal.SIGKILL if fault == "killed" else signal.SIGSTOP
            self._frozen = self._canary_processes()
            assert self._frozen, "there is no canary to hurt"
            for pid in self._frozen:
                os.kill(pid, number)
        else:
            self._fault.write_text(fault)

    def heal(self) -> None:
        """End every fault, so that what had it can drain."""
        if hasattr(self, "_fault"):
            self._fault.unlink(missing_ok=True)
        for pid in self._frozen:
            if processes.command_line(pid):
                os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def _canary_processes(self) -> list[int]:
        folders = [self.layout.folder(i.name) for i in self.engine.target.observe().instances if i.side is Side.CANARY]
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            words = processes.command_line(int(entry.name))
            try:
                place = (entry / "cwd").readlink()
            except OSError:
                continue
            ours = place in folders or any(str(folder) in word for folder in folders for word in words)
            if ours and ("bridge.main_bridge" in words or "bridge.mount_process" in words):
                found.append(int(entry.name))
        return found

    def safe(self) -> bool:
        """Tell whether every client is on fusepy: by the router, and by what is mounted on the stable path."""
        try:
            if self._router.weight() != 0:
                return False
        except UnreachableError:
            return False  # not now: it is asked again at once
        table = mounts.table()
        shown = mounts.at(table, self.layout.live)
        return shown is not None and shown.device == self._stable_device

    def await_safety(self, limit: float) -> float | None:
        """Wait until it is safe and return when that was (Unix time); None if it did not come to be."""
        return time.time() if until(self.safe, limit, every=0.01) else None

    def settle(self) -> None:
        """Note where fusepy is mounted, and wait until whoever rolls back has ended."""
        self._until(lambda: self.engine.state().pending is None, 60, "the rollback ends")
        stable = self.engine.target.observe().serving(Side.STABLE)
        assert stable is not None
        point = Path(stable.mount)
        self._until(lambda: mounts.at(mounts.table(), point) is not None, 30, "fusepy is mounted")
        shown = mounts.at(mounts.table(), point)
        assert shown is not None
        self._stable_device = shown.device

    def failed_since(self, moment: float) -> list[ledger.Entry]:
        """Return the client operations that began after a moment and failed."""
        return [f for f in ledger.read(self._ledger).failures if f.at - f.seconds > moment]

    @property
    def rolled_back(self) -> bool:
        """Tell whether the guard went back."""
        return self.engine.state().status is Status.ROLLED_BACK

    def last_reason(self) -> str:
        """Return why the guard went back."""
        return self.engine.state().reason

    def observed(self) -> Observation:
        """Return what is there."""
        return self.engine.target.observe()

    @staticmethod
    def _until(holds: Callable[[], bool], seconds: float, what: str) -> None:
        if not until(holds, seconds, every=0.05):
            raise OperatorError(f"it did not come to be that {what}", "see the logs in the folder")
