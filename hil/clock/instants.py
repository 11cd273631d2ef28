"""What is due when, in fixed phases of each instant, ties broken by name: so equal runs do the same in one order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass

from emulators.kit.host import NS_PER_S, Phase
from hil.clock import FarmLoop


@dataclass(slots=True, eq=False)
class Due:
    """One scheduled call."""

    when_ns: int
    phase: Phase
    name: str
    call: Callable[[], None] | None

    def cancel(self) -> None:
        """Take the call back."""
        self.call = None


class Every:
    """A call at ``start + k * period``."""

    def __init__(self, instants: Instants, period_ns: int, phase: Phase, name: str, call: Callable[[], None]) -> None:
        self._instants, self._period_ns, self._phase, self._name, self._call = instants, period_ns, phase, name, call
        self._next_ns = instants.now_ns()
        self._due = self._plan()

    def cancel(self) -> None:
        """Stop."""
        self._due.cancel()

    def _plan(self) -> Due:
        self._next_ns += self._period_ns
        return self._instants.call_at(self._next_ns, self._phase, self._name, self._run)

    def _run(self) -> None:
        self._due = self._plan()
        self._call()


class Instants:
    """The farm's agenda on one event loop.

    Args:
        loop: The farm's loop.
        guard: Told about an exception that a scheduled call let through.
    """

    def __init__(self, loop: FarmLoop, guard: Callable[[str, BaseException], None]) -> None:
        self._loop = loop
        self._guard = guard
        self._start_ns = loop.now_ns()
        # Ordered by instant, phase and name; the running number keeps equals in the order they were planned.
        self._agenda: list[tuple[int, Phase, str, int, Due]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns: int | None = None
        self._running = False

    def begin_at(self, loop_ns: int) -> None:
        """Let the scenario start at a time of the loop [ns], before anything is planned."""
        self._start_ns = loop_ns

    def now_ns(self) -> int:
        """Return farm time since the scenario's start [ns]."""
        return self._loop.now_ns() - self._start_ns

    def call_at(self, when_ns: int, phase: Phase, name: str, call: Callable[[], None]) -> Due:
        """Call at a farm time; a time that has passed means now."""
        self._count += 1
        due = Due(max(when_ns, self.now_ns()), phase, name, call)
        heapq.heappush(self._agenda, (due.when_ns, phase, name, self._count, due))
        self._arm()
        return due

    def every(self, period_ns: int, phase: Phase, name: str, call: Callable[[], None]) -> Every:
        """Call at now + k * period for k = 1, 2, ..."""
        return Every(self, period_ns, phase, name, call)

    def clear(self) -> None:
        """Forget everything."""
        self._agenda.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._running or not self._agenda:
            return
        when_ns = self._agenda[0][0]
        if self._timer is not None and self._timer_ns is not None and self._timer_ns <= when_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = when_ns
        self._timer = self._loop.call_at((self._start_ns + when_ns) / NS_PER_S, self._run)

    def _run(self) -> None:
        self._timer, self._timer_ns, self._running = None, None, True
        try:
            while self._agenda and self._agenda[0][0] <= self.now_ns():
                due = heapq.heappop(self._agenda)[-1]
                if due.call is not None:
                    try:
                        due.call()
                    except Exception as error:
                        self._guard(due.name, error)
        finally:
            self._running = False
        self._arm()
