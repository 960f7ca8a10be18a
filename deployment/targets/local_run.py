"""Run a command where a local Bridge runs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

from deployment.errors import UnreachableError
from deployment.model import Image
from deployment.targets import processes
from deployment.targets.local_layout import Layout
from deployment.targets.target import Completed, outlived


def run(layout: Layout, argv: Sequence[str], image: Image, timeout: float) -> Completed:
    """Run `python ARGV…` of an image as a Bridge would be run, and end all of it at the timeout.

    Raises:
        UnreachableError: The image is not there, or the command outlived `timeout` seconds.
    """
    if image not in layout.present():
        raise UnreachableError(f"the image {image} is not there", "`advance` prepares it")
    with subprocess.Popen(
        [str(layout.python(image)), "-P", *argv],
        cwd=layout.state,
        env=processes.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # so that everything it started can be ended with it
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise outlived(argv, timeout) from error
        except BaseException:
            _end(process)
            raise
        return Completed(process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the whole session to end, so that its mounts are taken down, and insist after two seconds."""
    for number, seconds in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
