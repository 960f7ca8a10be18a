"""Health check: can the active FUSE backend be imported?"""

import os
import sys


def main() -> int:
    active = os.environ.get("LIGHTHOUSE_ACTIVE_FUSE_BACKEND")
    try:
        if active == "fusepy":
            import fuse  # noqa: F401
        elif active == "pyfuse3":
            import pyfuse3  # noqa: F401
            import trio  # noqa: F401
    except ImportError as error:
        print(f"{active}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
