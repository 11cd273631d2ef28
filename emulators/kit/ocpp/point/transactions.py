"""The queue of messages about transactions (OCPP 1.6, 3.7): kept, in order, delivered at least once. Sans-I/O.

A message leaves the queue when it is confirmed, or when the central system has failed to process it
``TransactionMessageAttempts`` times (0, where a family allows it: never). A lost connection is no such failure: the
message is sent again with the next one. A queue that gets too long is thinned out: every second MeterValues goes (as
OCPP 2.0.1 wants it, E04; 1.6 does not say), never a start or a stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point.keys import Keys
from emulators.kit.ocpp.wire.rpc import Payload

UNKNOWN_ID: Final = -1  #: Stands for the id of a transaction whose start was never confirmed (errata 3.18).
START: Final = "StartTransaction"
METER_VALUES: Final = "MeterValues"
LONGEST: Final = 1000  #: Messages, from which on the queue is thinned out (chosen).


@dataclass(slots=True, eq=False)
class Message:
    """A message about a transaction.

    Attributes:
        action: ``StartTransaction``, ``StopTransaction`` or ``MeterValues``.
        transaction: The device's own number of the transaction.
        payload: Its fields, without ``transactionId``.
        order: Its place among all calls.
        attempts: How often the central system has failed to process it.
    """

    action: str
    transaction: int
    payload: Payload
    order: tuple[int, int]
    attempts: int = 0


class TransactionQueue:
    """The queue of one charge point.

    Args:
        keys: Where the number of attempts and the interval stand.

    Attributes:
        revision: Rises with each change.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._messages: list[Message] = []
        self._ids: dict[int, int] = {}
        self._last = 0
        self._retry_ns = 0
        self.revision = 0

    def __len__(self) -> int:
        return len(self._messages)

    def begin(self) -> int:
        """Return the device's number of a new transaction."""
        self._last += 1
        self.revision += 1
        return self._last

    def put(self, action: str, transaction: int, payload: Payload, order: tuple[int, int]) -> None:
        """Keep a message until it is delivered."""
        self._messages.append(Message(action, transaction, payload, order))
        if len(self._messages) > LONGEST:
            self._thin_out()
        self.revision += 1

    def head(self, now_ns: int) -> Message | None:
        """Return the message that is to be sent now; the others wait behind it."""
        return self._messages[0] if self._messages and now_ns >= self._retry_ns else None

    def due_ns(self) -> int | None:
        """Return when the first message may be sent again; None: there is none, or it need not wait."""
        return self._retry_ns if self._messages and self._retry_ns else None

    def payload(self, message: Message) -> Payload:
        """Return what is sent: the transaction's id is filled in as soon as it is known."""
        if message.action == START:
            return message.payload
        return message.payload | {"transactionId": self.transaction_id(message.transaction)}

    def transaction_id(self, transaction: int) -> int:
        """Return the central system's id of a transaction."""
        return self._ids.get(transaction, UNKNOWN_ID)

    def delivered(self, message: Message, transaction_id: int | None = None) -> None:
        """Take a confirmation; that of a start brings the id."""
        if transaction_id is not None:
            self._ids[message.transaction] = transaction_id
        self._leave(message)

    def failed(self, message: Message, now_ns: int) -> bool:
        """Take that the central system has failed to process a message; return whether it is given up."""
        message.attempts += 1
        attempts = self._keys.integer("TransactionMessageAttempts")
        if 0 < attempts <= message.attempts:
            self._leave(message)
            return True
        interval_s = self._keys.integer("TransactionMessageRetryInterval")
        self._retry_ns = now_ns + interval_s * message.attempts * NS_PER_S
        self.revision += 1
        return False

    def as_json(self) -> Payload:
        """Return the queue."""
        messages = [[one.action, one.transaction, one.attempts, one.payload] for one in self._messages]
        return {"last": self._last, "ids": [list(pair) for pair in self._ids.items()], "messages": messages}

    def restore(self, kept: Payload, order: Callable[[], tuple[int, int]]) -> None:
        """Take what :meth:`as_json` returned."""
        self._last = kept["last"]
        self._ids = {number: transaction_id for number, transaction_id in kept["ids"]}
        self._messages = [
            Message(action, number, payload, order(), attempts)
            for action, number, attempts, payload in kept["messages"]
        ]

    def _thin_out(self) -> None:
        """Drop the second, fourth, ... MeterValues; the first message may be under way and stays."""
        first, *rest = self._messages
        dropped = set([message for message in rest if message.action == METER_VALUES][::2])
        self._messages = [first, *(message for message in rest if message not in dropped)]

    def _leave(self, message: Message) -> None:
        self._messages.remove(message)
        self._retry_ns = 0
        if message.action == "StopTransaction":  # nothing follows it
            self._ids.pop(message.transaction, None)
        self.revision += 1
