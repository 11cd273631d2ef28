"""Scaled and real time: the machine's clock times a factor, and a record of how well the farm kept up."""

from __future__ import annotations

import select
import threading
from collections import deque
from typing import Final

from hil.clock.loop import NS_PER_S, FarmLoop
from hil.clock.selector import ReadyList
from hil.errors import ScenarioError

FINE_SLEEP_REAL_S: Final = 0.020
"""Below this, wait with microseconds: epoll rounds up to whole milliseconds, 60 ms of farm time at x60."""

REMEMBERED_LAGS: Final = 10_000
QUIET_TURNS: Final = 2


class ScaledLoop(FarmLoop):
    """An event loop whose time is real time multiplied by a factor, from 0.

    Args:
        factor: Farm seconds per real second.
        allowed_error_s: How late a timer may fire before the farm counts as unable to keep up [farm s].
    """

    kind = "scaled"

    def __init__(self, factor: float, *, allowed_error_s: float = 1.0) -> None:
        if not factor > 0:
            raise ScenarioError(f"A clock's factor is above 0, not {factor}.")
        self.factor: float = factor
        self.allowed_error_s = allowed_error_s
        self.lag_max_s = 0.0
        self._lags: deque[float] = deque(maxlen=REMEMBERED_LAGS)
        self._quiet_turns = 0
        self._start_real_s = self.real_s()
        self._instant_ns = 0
        super().__init__()
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return farm time since the loop's start [s]."""
        return (self.real_s() - self._start_real_s) * self.factor

    def now_ns(self) -> int:
        """Return farm time since the loop's start [ns]; one iteration of the loop is one instant, as in virtual time.

        Else whoever asked first would come to the plant with a time that has passed.
        """
        return self._instant_ns if self._thread_id == threading.get_ident() else super().now_ns()

    def real_at_s(self, loop_ns: int) -> float:
        """Return the machine's monotonic time at a time of this loop [s]; it is the same in every process."""
        return self._start_real_s + loop_ns / NS_PER_S / self.factor

    def ns_at(self, real_at_s: float) -> int:
        """Return the loop's time at a moment of the machine's monotonic clock [ns]."""
        return round((real_at_s - self._start_real_s) * self.factor * NS_PER_S)

    def forget_lag(self) -> None:
        """Measure from now on: what came before was getting ready."""
        self.lag_max_s = 0.0
        self._lags.clear()

    @property
    def lag_p99_s(self) -> float:
        """How late the latest 1 % of the last 10,000 rounds of timers were, at least [farm s]."""
        if not self._lags:
            return 0.0
        return sorted(self._lags)[int(0.99 * (len(self._lags) - 1))]

    @property
    def could_keep_up(self) -> bool:
        """Whether no timer was later than allowed."""
        return self.lag_max_s <= self.allowed_error_s

    def describe(self) -> dict[str, object]:
        return {
            **super().describe(),
            "lag_max_s": self.lag_max_s,
            "lag_p99_s": self.lag_p99_s,
            "could_keep_up": self.could_keep_up,
        }

    def _select(self, timeout: float | None) -> ReadyList:
        if timeout is not None and timeout <= 0:
            events = self._farm_selector.poll(0)
        elif self._settlers:
            events = self._quiet_round()
        else:
            events = self._wait(None if timeout is None else timeout / self.factor)
        if self._scheduled:
            late_s = self.time() - self._scheduled[0].when()
            if late_s >= 0:
                self._lags.append(late_s)
                self.lag_max_s = max(self.lag_max_s, late_s)
        self._instant_ns = super().now_ns()
        return events

    def _quiet_round(self) -> ReadyList:
        """Best effort of `settle`: two rounds in which nothing was ready and nothing arrived."""
        events = self._farm_selector.poll(0)
        self._quiet_turns = 0 if events else self._quiet_turns + 1
        if self._quiet_turns >= QUIET_TURNS:
            self._quiet_turns = 0
            self._wake_settlers()
        return events

    def _wait(self, real_s: float | None) -> ReadyList:
        if real_s is None or real_s > FINE_SLEEP_REAL_S:
            # wake a little early rather than up to a millisecond late
            return self._sleep(real_s if real_s is None or self.factor == 1.0 else real_s - FINE_SLEEP_REAL_S / 2)
        self._sleeping = True
        try:
            select.select([self._farm_selector.fileno()], [], [], real_s)
        except ValueError:  # more than 1024 files were open when the loop was made
            return self._farm_selector.poll(real_s)
        finally:
            self._sleeping = False
        return self._farm_selector.poll(0)


class RealLoop(ScaledLoop):
    """Real time: a farm second is a second."""

    kind = "real"

    def __init__(self, *, allowed_error_s: float = 1.0) -> None:
        super().__init__(1.0, allowed_error_s=allowed_error_s)
