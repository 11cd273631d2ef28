"""Virtual time: the loop jumps to its next timer when nothing else can happen."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from typing import Any, Final

from hil.clock.ledger import Debt
from hil.clock.loop import NS_PER_S, FarmLoop
from hil.clock.selector import ReadyList
from hil.errors import BenchError

LOG: Final = logging.getLogger(__name__)

RECHECK_REAL_S: Final = 0.002
"""How long to wait for something in flight before the books are looked at again [real s]."""

RESOLUTION_S: Final = 1e-9
COARSE_AFTER_S: Final = 4e6
"""From here on (46 days) a float's step comes near the resolution, and a timer might never be due."""

SAMPLED_TURNS: Final = 256
"""Over how many iterations the tasks of a livelock are collected."""


class VirtualTimeLoop(FarmLoop):
    """An event loop whose time starts at 0 and jumps, exactly, to the next timer.

    It jumps only if no callback is ready, a zero poll finds nothing, nothing is in flight inside the process, no
    executor job runs, nobody holds the clock, and somebody waits in farm time (`time_flows`).

    Args:
        livelock_after: Iterations without the time moving after which the loop stops with a `BenchError`.
        give_up_after_real_s: How long something may be in flight before it counts as an anomaly [real s].
    """

    kind = "virtual"
    factor = None

    def __init__(self, *, livelock_after: int = 1_000_000, give_up_after_real_s: float = 5.0) -> None:
        self._now = 0.0
        self._now_ns = 0
        self._turns = 0
        self._livelock_after = livelock_after
        self._sample_from = livelock_after - SAMPLED_TURNS
        self._busiest: Counter[str] = Counter()
        self._give_up_after_real_s = give_up_after_real_s
        self.jumps = 0
        super().__init__()
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Return farm time since the loop's start [s]."""
        return self._now

    def now_ns(self) -> int:
        """Return farm time since the loop's start [ns]."""
        return self._now_ns

    def describe(self) -> dict[str, object]:
        return {**super().describe(), "jumps": self.jumps, "time_flows": self._flow.count > 0}

    def _select(self, timeout: float | None) -> ReadyList:
        self._turns += 1
        if self._turns > self._sample_from:
            self._watch_for_livelock()
        if timeout is not None and timeout <= 0:
            if self.ledger.pty_owed:  # always now, so that the order of events does not depend on the kernel's worker
                self.ledger.flush_ptys()
            return self._farm_selector.poll(0)
        return self._idle()

    def _idle(self) -> ReadyList:
        """Nothing is ready to run: find something that has arrived, or move the time, or sleep."""
        events = self._arrivals()
        if events or self._ready or self._move_on():  # _ready: another thread has called in
            return events
        self._turns = 0
        return self._sleep(None)  # until a file, another thread or a signal wakes the loop

    def _arrivals(self) -> ReadyList:
        """Return what has arrived; nothing only if nothing is on its way."""
        ledger = self.ledger
        waiting_since: float | None = None
        while True:
            if ledger.pty_owed:
                ledger.flush_ptys()
            events = self._farm_selector.poll(0)
            if events or self._ready or not (ledger.in_flight or ledger.pty_owed or ledger.connecting):
                return events
            now = self.real_s()
            debts = ledger.unsettled(now)
            if not debts and not ledger.connects_young(now):
                return events
            waiting_since = now if waiting_since is None else waiting_since
            if now - waiting_since > self._give_up_after_real_s:
                self._give_up(debts)
            events = self._sleep(RECHECK_REAL_S)
            if events:
                return events

    def _move_on(self) -> bool:
        """Tell those who wait for this instant's end, or else jump; return False if time has to stand."""
        if self._jobs or self._held.count:
            return False
        if self._settlers:
            return self._wake_settlers()
        if not self._scheduled or not self._flow.count:
            return False
        self._jump(self._scheduled[0].when())
        return True

    def _jump(self, when: float) -> None:
        if when > self._now:
            self._now = when
            self._now_ns = round(when * NS_PER_S)
            self._turns = 0
            self.jumps += 1
            if self._busiest:
                self._busiest.clear()
            if when > COARSE_AFTER_S:
                self._clock_resolution = max(RESOLUTION_S, 4 * math.ulp(when))

    def _give_up(self, debts: list[Debt]) -> None:
        self.anomalies += 1
        LOG.error(
            "At %.9f s farm time something has been in flight for %.1f s real time; the run is not trustworthy: %s",
            self._now,
            self._give_up_after_real_s,
            "; ".join(map(repr, debts)),
        )
        for debt in debts:
            debt.forgive()

    def _watch_for_livelock(self) -> None:
        for handle in self._ready:
            owner: Any = getattr(getattr(handle, "_callback", None), "__self__", None)
            if isinstance(owner, asyncio.Task):
                self._busiest[f"{owner.get_name()} ({getattr(owner.get_coro(), '__qualname__', '?')})"] += 1
        if self._turns <= self._livelock_after:
            return
        names = ", ".join(name for name, _ in self._busiest.most_common(5)) or "no task, callbacks only"
        error = BenchError(
            f"Livelock: {self._livelock_after} iterations at {self._now:.9f} s farm time and always more to do, "
            f"so the time cannot move. Busiest: {names}."
        )
        self._turns = 0
        self._busiest.clear()
        self.call_exception_handler({"message": str(error), "exception": error})
        raise error
