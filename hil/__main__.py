"""The program ``hil``, also ``python -m hil``: Ctrl-C ends it with 130 and without a traceback, during its imports too.

Nothing is imported here but what Python itself has loaded already: what is outside of ``main`` is not guarded.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command of the command line and return its exit code."""
    try:
        import signal  # noqa: PLC0415

        mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if mine:  # an exception out of an import may be caught by whoever imports; nothing is open yet
            signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(INTERRUPTED))
        from hil import cli  # noqa: PLC0415  what a command works with comes later: cli.command.importing

        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return cli.main()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
