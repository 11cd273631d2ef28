"""The central system's HTTP interface, for tests and a dashboard: what it keeps, and what it is made to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from emulators.backend.model import TAKEN
from emulators.backend.script import Step
from emulators.kit.http_api import Body, Refused, Verb
from emulators.kit.ocpp.shell.session import CallTimeout, ConnectionLost
from emulators.kit.ocpp.wire.rpc import ERROR_CODES, CallError, OwnPayloadInvalid, check_json, check_own
from emulators.kit.ocpp.wire.schemas import ACTIONS

if TYPE_CHECKING:
    from emulators.backend.device import Backend

POINT = "the identity of a charge point, or null for all"
ACTION = "the name of a message, such as BootNotification, or null for all"

AS_IT_IS: Final = " It goes over as it is with is_checked=false."
SHOWN: Final = ("answer", "cut")  #: Manners in which a scripted payload is sent.


class Transactions(Body):
    """Transactions, oldest first."""

    charge_point: str | None = Field(default=None, description=POINT)


class MeterValuesBody(Body):
    """Meter values, oldest first: one row for each sampled value."""

    charge_point: str | None = Field(default=None, description=POINT)
    transaction_id: int | None = Field(default=None, description="the number of a transaction, or null for all")
    measurand: str | None = Field(default=None, description="such as Current.Import, or null for all")
    last: int | None = Field(default=None, ge=1, description="a number from 1: the newest so many, or null for all")


class Messages(Body):
    """Messages over the wire, oldest first."""

    charge_point: str | None = Field(default=None, description=POINT)
    action: str | None = Field(default=None, description=ACTION)
    direction: Literal["in", "out"] | None = Field(default=None, description="in, out, or null for both")
    kind: Literal["call", "result", "error"] | None = Field(
        default=None, description="call, result, error, or null for all"
    )
    last: int | None = Field(default=None, ge=1, description="a number from 1: the newest so many, or null for all")


class Send(Body):
    """A command to a charge point; the answer's ``outcome`` is answered, refused, no answer, or lost."""

    charge_point: str = Field(description="the identity of a charge point that is connected")
    action: str = Field(description="the name of a message, such as RemoteStartTransaction")
    payload: dict[str, Any] = Field(default_factory=dict, description="an object with the message's fields")
    timeout_s: float = Field(
        default=30.0, gt=0, le=86_400, description="a number above 0, how long to wait for the answer [s]"
    )
    is_checked: bool = Field(default=True, description="true, or false to send what breaks the schema")


class ScriptBody(Body):
    """What the central system does with the next messages of a kind, instead of the usual answer."""

    charge_point: str | None = Field(default=None, description=POINT)
    action: str = Field(description="the name of a message that charge points send, such as BootNotification")
    manner: Literal["answer", "refuse", "silent", "garbage", "cut"] = Field(
        default="answer", description="answer, refuse, silent, garbage, cut (in the middle of the answer)"
    )
    payload: dict[str, Any] = Field(
        default_factory=dict, description="an object with fields over those of the usual confirmation"
    )
    is_checked: bool = Field(default=True, description="true, or false to answer with what breaks the schema")
    code: Literal[ERROR_CODES] = Field(  # type: ignore[valid-type]
        default="InternalError", description=f"one of {', '.join(ERROR_CODES)}"
    )
    text: str = Field(default="", description="the error's text, or the garbage")
    delay_s: float = Field(default=0.0, ge=0, le=86_400, description="a number from 0, how long it takes [s]")
    is_booked: bool = Field(default=True, description="true, or false so that the message does not act")
    times: int | None = Field(
        default=1, ge=1, description="a number from 1: for so many messages, or null for all that follow"
    )


class Unscript(Body):
    """Scripted answers to forget."""

    charge_point: str | None = Field(default=None, description=POINT)
    action: str | None = Field(default=None, description=ACTION)


class Disconnect(Body):
    """A charge point's connection to close, or to reset."""

    charge_point: str = Field(description="the identity of a charge point that is connected")
    code: int | None = Field(
        default=1000, ge=1000, le=4999, description="a WebSocket close code, or null to reset the connection"
    )
    reason: str = Field(default="", max_length=123, description="a text of 123 bytes at most")


class Tag(Body):
    """An id tag and its status from now on."""

    tag: str = Field(min_length=1, max_length=20, description="an id tag of 20 characters at most")
    status: Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"] = Field(
        default="Accepted", description="Accepted, Blocked, Expired, Invalid, ConcurrentTx"
    )


def as_payload(error: CallError) -> dict[str, object]:
    """Return a CALLERROR as JSON has it."""
    return {"code": error.code, "description": error.description, "details": error.details}


def verbs(backend: Backend) -> dict[str, Verb[Any]]:
    """Return what the interface offers, by name: ``POST /v1/NAME``."""
    book = backend.book

    async def send(body: Send) -> dict[str, object]:
        backend.require(body.charge_point)
        try:
            answer = await backend.send(
                body.charge_point, body.action, body.payload, timeout_s=body.timeout_s, is_checked=body.is_checked
            )
        except OwnPayloadInvalid as error:
            raise Refused(f"{error}{AS_IT_IS if body.is_checked else ''}") from error
        except CallError as error:
            return {"outcome": "refused", "error": as_payload(error)}
        except CallTimeout:
            return {"outcome": "no answer"}
        except ConnectionLost:
            return {"outcome": "lost"}
        return {"outcome": "answered", "answer": answer}

    def script(body: ScriptBody) -> None:
        if body.action not in TAKEN:
            what = "is none that charge points send" if body.action in ACTIONS else "is none"
            raise Refused(f"action: {body.action!r} {what}. Allowed: {', '.join(sorted(TAKEN))}.")
        if body.payload and body.manner not in SHOWN:
            raise Refused(f"payload: the manner {body.manner!r} has none. Allowed: with {' or '.join(SHOWN)}.")
        try:
            check_json(body.payload)
            if body.is_checked:
                check_own(body.action, "confirmation", body.payload, is_part=True)
        except OwnPayloadInvalid as error:
            raise Refused(f"{error}{AS_IT_IS if body.is_checked else ''}") from error
        fields = body.model_dump(exclude={"charge_point", "action", "times"})
        backend.system.script.add(body.charge_point or "", body.action, Step(**fields), body.times)

    async def disconnect(body: Disconnect) -> None:
        session = backend.require(body.charge_point)
        if body.code is None:
            session.cut()
            await session.closed()
        elif body.code in (1004, 1005, 1006) or 1014 < body.code < 3000:
            raise Refused(f"code: {body.code} is reserved. Allowed: 1000 to 1003, 1007 to 1014, 3000 to 4999.")
        else:
            await session.close(body.code, body.reason)

    def tag(body: Tag) -> None:
        backend.system.tags[body.tag] = body.status

    return {
        "transactions": Verb(
            Transactions, lambda body: {"transactions": book.rows("transactions", charge_point=body.charge_point)}
        ),
        "meter_values": Verb(MeterValuesBody, lambda body: {"meter_values": book.rows("meter_values", **dict(body))}),
        "messages": Verb(Messages, lambda body: {"messages": book.rows("messages", **dict(body))}),
        "send": Verb(Send, send),
        "script": Verb(ScriptBody, script),
        "unscript": Verb(
            Unscript, lambda body: backend.system.script.clear(body.charge_point or "", body.action or "")
        ),
        "disconnect": Verb(Disconnect, disconnect),
        "tag": Verb(Tag, tag),
    }
