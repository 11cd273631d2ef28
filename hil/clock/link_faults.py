"""What can be wrong with a link of the farm's network: each fault is one value.

The value says what becomes of what goes over the link, and how people and traces call it. It travels to every process
of the farm as one message. A new fault is a new class here and a word for it (docs/extending.md).

What a fault draws comes from the generator that it is handed, which no other fault has: so equal runs have equal draws,
whatever else is in force.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

LONGEST_TIMEOUT_S: Final = 120.0
"""Linux' TCP_RTO_MAX."""


@dataclass(frozen=True)
class LinkFault:
    """A fault of a link; as it is here nothing is wrong. A link has at most one of each kind.

    Attributes:
        kind: Its name in messages.
        event: Its name in the trace, which has the fields of the value as well.
        done: What is done to the link, for 'it cannot be ...'.
        stops: Whether nothing gets over the link.
    """

    kind: ClassVar[str]
    event: ClassVar[str]
    done: ClassVar[str]
    stops: ClassVar[bool] = False

    def latency_s(self, _rng: random.Random) -> float:
        """Return how much later the next one arrives, in one direction [s]."""
        return 0.0

    def repeats_s(self, _rng: random.Random, _timeout_s: float) -> float:
        """Return how long it takes until TCP's repetition of the next one gets through [s], 0 if it is not lost.

        Args:
            timeout_s: After which it is repeated first [s].
        """
        return 0.0

    def copies(self, _rng: random.Random) -> int:
        """Return how many of the next datagram arrive."""
        return 1

    def as_message(self) -> dict[str, object]:
        """Return what :func:`from_message` takes."""
        return {"kind": self.kind, **asdict(self)}


def from_message(message: Mapping[str, Any]) -> LinkFault:
    """Return the fault of a message.

    Raises:
        LookupError: There is no such fault.
        TypeError: It does not have these fields.
    """
    fields = dict(message)
    kinds = {one.kind: one for one in LinkFault.__subclasses__()}
    return kinds[fields.pop("kind")](**fields)


@dataclass(frozen=True)
class Cut(LinkFault):
    """Nothing gets over."""

    kind = "cut"
    event = "link_cut"
    done = "cut"
    stops = True

    def __str__(self) -> str:
        return "is cut"


@dataclass(frozen=True)
class Delay(LinkFault):
    """Things arrive later.

    Attributes:
        delay_s: At least so much [s].
        jitter_s: Up to this much more, each value as likely [s].
    """

    kind = "delay"
    event = "link_delayed"
    done = "delayed"

    delay_s: float
    jitter_s: float = 0.0

    def __str__(self) -> str:
        return f"delays by {self.delay_s:g} s" + (f" and up to {self.jitter_s:g} s more" if self.jitter_s else "")

    def latency_s(self, rng: random.Random) -> float:
        """Return the delay of the next one [s]."""
        return self.delay_s + (rng.uniform(0.0, self.jitter_s) if self.jitter_s else 0.0)


@dataclass(frozen=True)
class Loss(LinkFault):
    """Some are lost.

    Attributes:
        probability: Of each, from 0 to less than 1.
    """

    kind = "loss"
    event = "link_lossy"
    done = "made lossy"

    probability: float

    def __str__(self) -> str:
        return f"loses {self.probability:.0%}"

    def copies(self, rng: random.Random) -> int:
        """Return 0 for one that is lost."""
        return 0 if self._strikes(rng) else 1

    def repeats_s(self, rng: random.Random, timeout_s: float) -> float:
        """Return the time of its repetitions, each after twice the time of the one before [s]."""
        lost_s = 0.0
        while self._strikes(rng):
            lost_s += timeout_s
            timeout_s = min(2 * timeout_s, LONGEST_TIMEOUT_S)
        return lost_s

    def _strikes(self, rng: random.Random) -> bool:
        return rng.random() < self.probability
