"""Security events ("Improved security for OCPP 1.6-J", ed. 3), which are told from security profile 1 on. Sans-I/O."""

from __future__ import annotations

from typing import Final

from emulators.kit.ocpp.point.calls import Outbox
from emulators.kit.ocpp.point.clock import DeviceClock
from emulators.kit.ocpp.point.keys import Keys
from emulators.kit.ocpp.wire.rpc import Payload

LONGEST_TECH_INFO: Final = 255  #: Characters.
MOST: Final = 100  #: Events that wait; the oldest go first (chosen).


class SecurityEvents:
    """The events of one charge point that have not been confirmed; they outlive connections and restarts.

    Args:
        keys: Where the security profile stands.
        clock: The device's.
        outbox: Where they go.
        kept: What :meth:`as_json` returned before.

    Attributes:
        revision: Rises with each change.
    """

    def __init__(self, keys: Keys, clock: DeviceClock, outbox: Outbox, kept: list[Payload]) -> None:
        self._keys, self._clock, self._outbox = keys, clock, outbox
        self._events = list(kept)
        self.revision = 0

    def happened(self, kind: str, tech_info: str = "") -> None:
        """Tell an event."""
        if self._keys.integer("SecurityProfile") < 1:
            return
        event: Payload = {"type": kind, "timestamp": self._clock.timestamp}
        if tech_info:
            event["techInfo"] = tech_info[:LONGEST_TECH_INFO]
        self._events = [*self._events, event][-MOST:]
        self.revision += 1
        if self._outbox.online:
            self._post(event)

    def tell_again(self) -> None:
        """Tell what was not confirmed: the central system is back."""
        for event in self._events:
            self._post(event)

    def as_json(self) -> list[Payload]:
        """Return what outlives a restart."""
        return self._events

    def _post(self, event: Payload) -> None:
        def done(answer: Payload | None) -> None:
            if answer is not None and event in self._events:
                self._events.remove(event)
                self.revision += 1

        self._outbox.post("SecurityEventNotification", event, done)
