"""The command `phytomass`. It watches for signals before it imports anything heavy."""

from __future__ import annotations

import sys

from phytomass.cli.stops import STOPS


def main() -> None:
    """Run the command, and exit with 0, with 2 (something to put right), 70 (our fault) or 128 + n.

    An audit that finds a contradiction exits with 1.
    Signal n is 2 for Ctrl-C, 15 for SIGTERM, 1 for a terminal that was closed, 13 for output that
    nobody reads.
    """
    with STOPS.watching():
        from phytomass.cli.frame import framed

        code = framed(sys.argv[1:])
    sys.exit(code)


if __name__ == "__main__":
    main()
