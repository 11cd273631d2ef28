"""How far the monotonic clocks of two hosts are apart, by asking one from the other. Sans-I/O but for the question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

QUESTIONS: Final = 8  #: The quickest answer of so many counts.


@dataclass(frozen=True, slots=True)
class Offset:
    """What is known of another clock.

    Attributes:
        ahead_s: By how much it is ahead of this one [s].
        within_s: At most so wrong is that, however the way there and back differ [s].
    """

    ahead_s: float
    within_s: float

    def furthest_from_s(self, ahead_s: float) -> float:
        """Return how far the other clock may at most be from an offset that was assumed [s]."""
        return abs(self.ahead_s - ahead_s) + self.within_s


def measure(here_s: Callable[[], float], there_s: Callable[[], float], *, questions: int = QUESTIONS) -> Offset:
    """Return another clock's offset, as NTP does (RFC 5905, section 8).

    The other clock was read at some moment between question and answer. Half way is the best guess, and half of that
    time is the most that the guess can be wrong: the bound is a fact, no estimate.

    Args:
        here_s: Reads this host's clock [s].
        there_s: Asks for the other host's clock [s].
        questions: How often.
    """
    found = []
    for _ in range(questions):
        asked_s = here_s()
        read_s = there_s()
        answered_s = here_s()
        found.append(Offset(read_s - (asked_s + answered_s) / 2, (answered_s - asked_s) / 2))
    return min(found, key=lambda one: one.within_s)
