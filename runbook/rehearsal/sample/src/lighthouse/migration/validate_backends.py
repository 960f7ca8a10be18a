"""Can both backends be used here?"""

import sys

from lighthouse.fuse.backends import check_backend_available


def main() -> int:
    missing = [name for name in ("fusepy", "pyfuse3") if not check_backend_available(name)]
    for name in missing:
        print(f"{name} is not available", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
