"""Calls to the central system that wait to be sent, and the order in which they go. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

from emulators.kit.ocpp.wire.rpc import Payload

MOST: Final = 100  #: Calls that may wait; beyond that, the central system is refused what it asks for (chosen).
Done = Callable[[Payload | None], None]  #: Gets the confirmation, None where there will be none.


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call to the central system.

    Attributes:
        action: Name of the message.
        payload: Its fields.
        order: Calls go by it, the lowest first.
        done: Told what became of it.
    """

    action: str
    payload: Payload
    order: tuple[int, int]
    done: Done


class Outbox:
    """Calls that are not about transactions; they are lost with the connection.

    Attributes:
        online: Whether the central system is reached and has accepted the charge point; nothing is taken otherwise.
    """

    def __init__(self) -> None:
        self.online = False
        self._calls: list[Call] = []
        self._count = count(1)

    @property
    def is_full(self) -> bool:
        """Return whether too many calls wait to take one that somebody asks for."""
        return len(self._calls) >= MOST

    def order(self, *, urgent: bool = False) -> tuple[int, int]:
        """Return the place of a call that is made now; urgent ones go before what waits already."""
        return (0 if urgent else 1, next(self._count))

    def post(
        self, action: str, payload: Payload, done: Done | None = None, *, urgent: bool = False, asked: bool = False
    ) -> None:
        """Send a call as soon as it is its turn; without a connection it is dropped.

        Args:
            action: Name of the message.
            payload: Its fields.
            done: Told what becomes of it.
            urgent: It goes before what waits already.
            asked: The central system wants it, also before it has accepted the charge point.
        """
        done = done or _nobody
        if self.online or asked:
            self._calls.append(Call(action, payload, self.order(urgent=urgent), done))
        else:
            done(None)

    def head(self) -> Call | None:
        """Return the call that goes next."""
        return min(self._calls, key=lambda call: call.order, default=None)

    def remove(self, call: Call) -> None:
        """Take a call out: it has been answered, or will not be."""
        self._calls.remove(call)

    def drop(self) -> None:
        """Drop every call: the connection is gone."""
        calls, self._calls = self._calls, []
        for call in calls:
            call.done(None)


def _nobody(_answer: Payload | None) -> None:
    pass
