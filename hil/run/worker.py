"""A process that runs parts of a run, one after another: orders on standard input, events on standard output, as JSON.

What a test prints goes to standard error. When the orders end in the middle of a part, the run's own process is gone:
the test is stopped as by Ctrl-C, and nothing is left behind.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Final

from hil.run.part import PartEvent, Work, run_part

IDLE: Final = threading.Event()


def main() -> None:
    """Take the run's facts, then parts until there are no more."""
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    facts = json.loads(orders.readline())
    if facts["sys_path"] is not None:  # in a container the packages are elsewhere
        sys.path[:] = facts["sys_path"]
    work = Work(
        suites=[Path(one) for one in facts["suites"]], folder=Path(facts["folder"]), variables=facts["variables"]
    )
    parts: SimpleQueue[Any] = SimpleQueue()
    IDLE.set()
    threading.Thread(target=_listen, args=(orders, parts), daemon=True).start()
    while (part := parts.get()) is not None:
        run_part(work, part["tests"], Path(part["output"]), lambda event: _tell(events, event))


def _listen(orders: IO[str], parts: SimpleQueue[Any]) -> None:
    for line in orders:
        IDLE.clear()
        parts.put(json.loads(line))
    parts.put(None)
    if not IDLE.is_set():
        os.kill(os.getpid(), signal.SIGINT)


def _tell(events: IO[str], event: PartEvent) -> None:
    if event.kind == "done":
        IDLE.set()
    try:
        events.write(json.dumps(asdict(event)) + "\n")
        events.flush()
    except BrokenPipeError:  # nobody listens any more; the end of the orders stops the test
        return


def run() -> None:
    """Work until there are no more orders; Ctrl-C between two parts ends the process."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked while the imports ran
        main()
    except KeyboardInterrupt:  # between two parts
        sys.exit(130)


if __name__ == "__main__":
    run()
