"""Generate the kit's rules and dashboards: `python -m runbook.monitoring [FOLDER]`, by default into the kit itself."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from runbook.monitoring.generated import generated


def main() -> int:
    """Write every generated file; say which."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(str(files("kit")))
    for name, text in generated().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stderr.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
