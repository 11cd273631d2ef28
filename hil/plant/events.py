"""What the plant reports. Each event carries the moment it happened and reads as one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FuseOpened:
    """A fuse opened: the phases in ``opened`` are dead behind it.

    Attributes:
        at_ns: When [ns].
        node: Whose fuse.
        phase: The phase whose current did it.
        opened: Phases that opened: one of a gG fuse, all poles of a breaker.
        current_a: Current of ``phase`` when it opened [A].
    """

    at_ns: int
    node: str
    phase: str
    opened: tuple[str, ...]
    current_a: float

    def __str__(self) -> str:
        return f"the fuse of {self.node} opened {'/'.join(self.opened)} at {self.current_a:.1f} A on {self.phase}"


@dataclass(frozen=True, slots=True)
class FuseMayOpen:
    """A fuse that is set to open later has reached its earliest curve: on a real site it may have opened now.

    Attributes:
        at_ns: When [ns].
        node: Whose fuse.
        phase: On which phase.
        current_a: Current then [A].
    """

    at_ns: int
    node: str
    phase: str
    current_a: float

    def __str__(self) -> str:
        return f"the fuse of {self.node} may open {self.phase} from now on, at {self.current_a:.1f} A"


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """A conductor has been above its limit for longer than allowed; said once for each time it goes above.

    Attributes:
        at_ns: When the allowed time had run out [ns].
        since_ns: When it went above [ns].
        node: Which node's conductor.
        phase: Which phase.
        current_a: Magnitude of its current at ``at_ns`` [A].
        limit_a: What it carries for good: the smaller of fuse rating and cable [A].
    """

    at_ns: int
    since_ns: int
    node: str
    phase: str
    current_a: float
    limit_a: float

    def __str__(self) -> str:
        lasts_s = (self.at_ns - self.since_ns) / NS_PER_S
        return f"{self.node} {self.phase} is above its {self.limit_a:g} A for {lasts_s:.1f} s: {self.current_a:.1f} A"


@dataclass(frozen=True, slots=True)
class LiveSocketWithoutVehicle:
    """A contactor is closed and nobody is plugged in, for longer than the 100 ms of IEC 61851-1 (sequence 8.1).

    Attributes:
        at_ns: When the 100 ms had run out [ns].
        socket: Which socket.
    """

    at_ns: int
    socket: str

    def __str__(self) -> str:
        return f"the socket of {self.socket} is live without a vehicle"


PlantEvent = FuseOpened | FuseMayOpen | LimitExceeded | LiveSocketWithoutVehicle
