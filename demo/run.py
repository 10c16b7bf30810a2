"""Run the demo, and stop its server however the demo ends."""

import contextlib
import signal
import sys


def main():
    """Run the whole line; a signal ends it with one line, and no server stays."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        from line import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt as stopped:
        number = stopped.args[0] if stopped.args else signal.SIGINT
        with contextlib.suppress(OSError):  # The terminal may be gone.
            print("\nThe demo was stopped; nothing of it is running.", flush=True)
        sys.exit(128 + number)


def interrupt(number, _frame):
    """Treat every wish to stop alike; what has begun is ended on the way out."""
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    main()
