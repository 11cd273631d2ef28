"""How a current moves: one straight line in each conductor of a socket, then constant.

A vehicle says its draw with it and the plant takes it, so neither needs a tick. Sans-I/O.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulators.kit.phases import PerPhase


@dataclass(frozen=True, slots=True)
class Ramp:
    """Currents in a socket's own conductors: linear from ``at_ns`` to ``until_ns``, constant before and after.

    A step is a ramp of no length. Positive means drawn from the socket.

    Attributes:
        at_ns: Start of the ramp, farm time [ns].
        from_a: Currents at the start [A].
        until_ns: End of the ramp, farm time [ns].
        to_a: Currents from the end on [A].
    """

    at_ns: int
    from_a: PerPhase
    until_ns: int
    to_a: PerPhase

    def __post_init__(self) -> None:
        if self.until_ns < self.at_ns:
            raise ValueError(f"a ramp ends at {self.until_ns} ns, before it starts at {self.at_ns} ns")

    @classmethod
    def steady(cls, at_ns: int, current_a: PerPhase) -> Ramp:
        """Return a constant draw [A] from ``at_ns`` on."""
        return cls(at_ns, current_a, at_ns, current_a)

    def current_a(self, now_ns: int) -> PerPhase:
        """Return the currents at a moment [A]."""
        if now_ns >= self.until_ns:
            return self.to_a
        if now_ns <= self.at_ns:
            return self.from_a
        share = (now_ns - self.at_ns) / (self.until_ns - self.at_ns)
        return self.from_a + (self.to_a - self.from_a) * share
