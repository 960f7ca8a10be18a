"""Delete a folder of ours whoever may still be at work in it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from deployment.waiting import until

SECONDS = 5.0  # that what was just killed has to write its last file
CHANGING = (errno.ENOENT, errno.ENOTEMPTY)  # somebody writes into a folder while it is deleted


def delete(folder: Path) -> str | None:
    """Delete a folder, also while somebody still writes into it for a moment; return what is left and why."""
    why = ""

    def settled() -> bool:
        nonlocal why
        try:
            shutil.rmtree(folder)
        except OSError as error:
            why = error.strerror or str(error)
            return error.errno not in CHANGING or not folder.exists()
        return True

    until(settled, SECONDS)
    return f"folder {folder} ({why})" if folder.exists() else None
