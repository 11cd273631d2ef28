"""Wall time for people: the name of a run folder, when a run began, how long it took. Nothing else may ask."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time of day, UTC."""
    return datetime.now(UTC)


class Stopwatch:
    """Wall time since it was made."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Return the wall time since the start [s]."""
        return time.monotonic() - self._start_s
