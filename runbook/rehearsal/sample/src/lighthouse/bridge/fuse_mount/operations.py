"""What the mounted project does, whatever the backend."""

import errno
import stat
import time


class ProjectOperations:
    def __init__(self) -> None:
        self.started = time.time()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, float]:
        if path != "/":
            raise OSError(errno.ENOENT, path)
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), self.started)
        return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2, **times}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", ".."]
