"""A person at a terminal: a tmux of its own in which the screens run, keys that are pressed and what is seen."""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path

SIZE = (120, 36)


class Terminal:
    """One tmux server with one window."""

    def __init__(self, folder: Path, size: tuple[int, int] = SIZE) -> None:
        self._socket = folder / "tmux"
        self._folder, self._size = folder, size
        self._written = folder / "terminal.log"

    def open(self, words: list[str]) -> None:
        """Run a program in the window, which then says how it ended."""
        columns, rows = (str(number) for number in self._size)
        environment = [
            "env",
            "-u",
            "COLUMNS",
            "-u",
            "LINES",
            "-u",
            "NO_COLOR",
            "TERM=tmux-256color",
            "COLORTERM=truecolor",
            "LC_ALL=C.UTF-8",
            "TZ=UTC",
        ]
        # tmux itself is sometimes never told that its child has ended
        command = shlex.join([*environment, *words]) + "; echo ended with $?; exec sleep infinity"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows, "-c", str(self._folder), command)
        self.tmux("set-option", "-g", "escape-time", "0")
        self.tmux("pipe-pane", f"exec cat >> {shlex.quote(str(self._written))}")

    def tmux(self, *words: str) -> str:
        """Ask the server, which must answer."""
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *words], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, f"tmux {shlex.join(words)}: {done.stderr}"
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        for key in keys:
            self.tmux("send-keys", key)

    def write(self, text: str) -> None:
        """Type text as it stands."""
        self.tmux("send-keys", "-l", text)

    def screen(self, *, colours: bool = False) -> str:
        """Return what is seen."""
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def until(self, *texts: str, seconds: float = 60.0) -> str:
        """Wait until all of these are seen at once, and return the screen."""
        end = time.monotonic() + seconds
        while True:
            seen = self.screen()
            if all(text in seen for text in texts):
                return seen
            assert time.monotonic() < end, f"{texts} is not seen:\n{seen}"
            time.sleep(0.05)

    def answer(self, key: str, text: str, seconds: float = 5.0) -> float:
        """Press a key and return the seconds until a text is painted."""
        mark = text.encode()
        before = self._written.stat().st_size
        with subprocess.Popen(["tmux", "-S", str(self._socket), "send-keys", key]) as pressing:
            began = time.monotonic()
            with self._written.open("rb") as painted:
                painted.seek(before)
                found = b""
                while mark not in found:
                    found += painted.read()
                    assert time.monotonic() - began < seconds, f"{text} is not painted {seconds} s after {key}"
                    time.sleep(0.001)
            taken = time.monotonic() - began
            pressing.wait()
        return taken

    def close(self) -> None:
        """End the server and what runs in it."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)
