"""What a central system makes of a charge point's calls: plain state, no I/O, time as an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from emulators.backend.book import Book
from emulators.backend.script import Script, Step
from emulators.kit.ocpp.point.certificates import is_request
from emulators.kit.ocpp.wire.rpc import CallError

Payload = dict[str, Any]
#: Messages about a transaction, which a charge point sends again until they are answered (OCPP 1.6, 3.7).
TRANSACTION: Final = ("StartTransaction", "StopTransaction", "MeterValues")
#: Messages of a charge point that get an empty confirmation.
NOTED: Final = (
    *("DiagnosticsStatusNotification", "FirmwareStatusNotification", "StatusNotification"),
    *("SecurityEventNotification", "LogStatusNotification", "SignedFirmwareStatusNotification"),
)
#: Messages that a charge point sends to a central system.
TAKEN: Final = frozenset(
    {*TRANSACTION, *NOTED, "BootNotification", "Heartbeat", "Authorize", "DataTransfer", "SignCertificate"}
)


class CentralSystem:
    """One central system.

    Args:
        book: What it keeps.
        heartbeat_s: Interval that it gives to charge points [s].
        tags: Status of each known id tag.
        unknown_tag: Status of any other.

    Attributes:
        script: What a tester makes it do.
    """

    def __init__(self, book: Book, *, heartbeat_s: int, tags: Mapping[str, str], unknown_tag: str) -> None:
        self.book, self.heartbeat_s = book, heartbeat_s
        self.tags, self.unknown_tag = dict(tags), unknown_tag
        self.script = Script()

    def take(self, at: str, charge_point: str, action: str, request: Payload) -> tuple[Step, Payload]:
        """Work a call off; return how it is answered, and with what.

        Args:
            at: UTC, RFC 3339.
            charge_point: Who calls.
            action: Name of the message.
            request: Its payload, right by the schema.

        Raises:
            CallError: It is refused.
        """
        step = self.script.next(charge_point, action)
        known = self.book.booked(charge_point, action, request) if action in TRANSACTION else None
        is_repeat = known is not None
        self.book.message(at, charge_point, action, request, direction="in", kind="call", is_repeat=is_repeat)
        if step.manner == "refuse":
            raise CallError(step.code, step.text)
        usual = self._answer(at, charge_point, action, request, known, is_booked=step.is_booked)
        answer = usual | dict(step.payload)
        if action == "BootNotification":
            self.book.boot(at, charge_point, request, str(answer["status"]))
        if action == "StatusNotification":
            self.book.status(at, charge_point, request)
        return step, answer

    def _answer(
        self, at: str, charge_point: str, action: str, request: Payload, known: int | None, *, is_booked: bool
    ) -> Payload:
        match action:
            case "BootNotification":
                return {"currentTime": at, "interval": self.heartbeat_s, "status": "Accepted"}
            case "Heartbeat":
                return {"currentTime": at}
            case "Authorize":
                return {"idTagInfo": self._tag(request["idTag"])}
            case "StartTransaction":
                if known is None:
                    known = self.book.begin(at, charge_point, request) if is_booked else 0
                return {"transactionId": known, "idTagInfo": self._tag(request["idTag"])}
            case "StopTransaction":
                if known is None and is_booked:
                    self.book.end(charge_point, request)
                return {"idTagInfo": self._tag(request["idTag"])} if "idTag" in request else {}
            case "MeterValues":
                if known is None and is_booked:
                    self.book.meter_values(charge_point, request)
                return {}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case "SignCertificate":
                return {"status": "Accepted" if is_request(request["csr"]) else "Rejected"}
            case _ if action in NOTED:
                return {}
        raise CallError("NotSupported", f"a central system takes no {action}")

    def _tag(self, tag: str) -> Payload:
        return {"status": self.tags.get(tag, self.unknown_tag)}


def names(text: str) -> list[str]:
    """Return the names of a list ``CP1, CP2``."""
    return [one.strip() for one in text.split(",") if one.strip()]


def pairs(text: str, default: str, refuse: Callable[[str], Exception], allowed: Collection[str] = ()) -> dict[str, str]:
    """Return a list ``TAG1, TAG2=Blocked`` as a mapping.

    Args:
        text: The list.
        default: Value of a name without one; empty: each needs one.
        refuse: Makes the error for an entry that is wrong.
        allowed: Possible values; empty: any.
    """
    found: dict[str, str] = {}
    for one in names(text):
        name, equals, value = one.partition("=")
        value = value.strip() if equals else default
        if not name.strip() or not value or (allowed and value not in allowed):
            raise refuse(one)
        found[name.strip()] = value
    return found
