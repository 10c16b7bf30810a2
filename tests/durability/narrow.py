"""A server on a line that exists already, with little memory: `narrow.py STATE MB`."""

import resource
import sys
from pathlib import Path

from roadbed.app import open_app
from roadbed.server.main import serve
from roadbed.settings import Settings


def main():
    """Serve, and take no more than so many megabytes beyond what the start took."""
    app = open_app(Settings(state=Path(sys.argv[1]), port=0), serving=True)

    def announce(said):
        print(said, flush=True)
        if not said.startswith("serving"):
            return
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + int(sys.argv[2]) * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    serve(app, announce)


if __name__ == "__main__":
    main()
