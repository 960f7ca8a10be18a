"""Reads the same files through the fusepy mount and the pyfuse3 mount and prints what differs."""

import sys
from pathlib import Path


def main(primary: str, shadow: str) -> int:
    different = 0
    for file in Path(primary).rglob("*"):
        other = Path(shadow) / file.relative_to(primary)
        if file.is_file() and (not other.is_file() or other.read_bytes() != file.read_bytes()):
            print(file)
            different += 1
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
