"""The MCP server: it runs on the host beside an agent and speaks to the Bridge, never in the Bridge's container."""

import os
import sys


def main() -> int:
    print(f"would speak to the Bridge at {os.environ.get('LIGHTHOUSE_BRIDGE_URL', 'http://127.0.0.1:8765')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
