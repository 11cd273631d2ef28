"""The probing phase: a minute at 14 A in which the station sees which phases a vehicle uses. Sans-I/O.

Guide: Alfen smart charging implementation guide 2.5. The minute is counted from the start of energy transfer (assumed).
"""

from __future__ import annotations

from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.phases import PerPhase

PROBING_NS: Final = 60 * NS_PER_S
#: A conductor that carries more is in use [A] (assumed).
USED_A: Final = 0.5


class Probing:
    """What is known of the vehicle of this session."""

    def __init__(self) -> None:
        self._started_ns: int | None = None
        self._done = False
        self._seen: frozenset[int] = frozenset()

    @property
    def done(self) -> bool:
        """Return whether the minute is over; it is not before the vehicle has charged for a minute."""
        return self._done

    @property
    def conductors(self) -> frozenset[int] | None:
        """Return the socket's conductors (0 = L1) that the vehicle uses, None while that is not known."""
        return self._seen if self._done and self._seen else None

    def deadline_ns(self) -> int | None:
        """Return when the minute is over, None when none is running."""
        return None if self._done or self._started_ns is None else self._started_ns + PROBING_NS

    def advance_to(self, now_ns: int, currents_a: PerPhase, *, charging: bool) -> None:
        """Let time pass.

        Args:
            now_ns: Farm time [ns].
            currents_a: Currents in the socket's conductors now [A].
            charging: The contactor is closed and current is offered. A pause before the minute is over starts it anew.
        """
        self._seen |= {conductor for conductor, current_a in enumerate(currents_a) if current_a > USED_A}
        if self._done:
            return
        if not charging:
            self._started_ns = None
        elif self._started_ns is None:
            self._started_ns = now_ns
        elif now_ns >= self._started_ns + PROBING_NS:
            self._done = True
