"""A class as people wrote it for fusepy, importing the module fuse."""

import errno
import stat

from fuse import FuseOSError, LoggingMixIn, Operations, fuse_get_context


class OldStyle(LoggingMixIn, Operations):
    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path != "/who":
            raise FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": 100}

    def read(self, path, size, offset, fh):
        return str(fuse_get_context()[2]).encode()[offset : offset + size]

    def readdir(self, path, fh):
        return [".", "..", "who"]
