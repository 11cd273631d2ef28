"""OCPP-J 1.6's remote procedure calls on one connection, the same for both roles: texts in, decisions out, no I/O.

What a wrong frame gets (``docs/ocpp.md`` has the table, a test each): what cannot be read or belongs to nothing is
dropped, a call with a readable id gets a CALLERROR. A message id is answered once: a call that comes again under an
id of the last :data:`REMEMBERED_IDS` calls of the connection is dropped, for its answer cannot have been lost on a
connection that stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NoReturn

from emulators.kit.ocpp.wire.payload import PayloadError, Violation, shown
from emulators.kit.ocpp.wire.schemas import ACTIONS, Kind, part_validator, validator

CALL: Final = 2
CALL_RESULT: Final = 3
CALL_ERROR: Final = 4
LONGEST_ID: Final = 36  #: Characters (OCPP-J 1.6, 4.1.4).
LONGEST_DESCRIPTION: Final = 255  #: Characters of a CALLERROR's text (4.2.3).
DEEPEST: Final = 32  #: Levels of arrays and objects in a frame; OCPP 1.6 itself needs 9.
REMEMBERED_IDS: Final = 64
#: The error codes of OCPP-J 1.6 (4.2.3), spelt as there.
ERROR_CODES: Final = (
    *("NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", *Violation, "GenericError"),
)
Payload = dict[str, Any]  #: A JSON object in OCPP's own words.

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class CallError(Exception):
    """A call was refused. A handler raises it to answer with CALLERROR; a caller gets the peer's.

    Attributes:
        code: One of :data:`ERROR_CODES`; a peer may send another.
        description: One sentence, may be empty.
        details: Anything more.
    """

    def __init__(self, code: str, description: str = "", details: Mapping[str, Any] | None = None) -> None:
        self.code, self.description, self.details = code, description, dict(details or {})
        super().__init__(f"{code}: {description}" if description else code)


class InvalidAnswer(CallError):
    """The peer's confirmation is wrong; ``code`` says how."""


class OwnPayloadInvalid(ValueError):
    """A payload of our own breaks the schema: a bug of the one who made it, never the peer's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The peer calls; it waits for :meth:`Rpc.answer` or :meth:`Rpc.refuse`."""

    id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Answered:
    """Our outstanding call was confirmed."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Failed:
    """Our outstanding call was refused, or answered with nonsense (:class:`InvalidAnswer`)."""

    action: str
    error: CallError


@dataclass(frozen=True, slots=True)
class Refusal:
    """The peer's call is wrong: ``text`` is the CALLERROR to send, ``why`` says what it was."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The frame gets nothing."""

    why: str


Decision = Asked | Answered | Failed | Refusal | Dropped


@dataclass(slots=True)
class MessageIds:
    """The ids of a device's calls, ``CP1-1``, ``CP1-2``, ...: never twice, also not over several connections."""

    prefix: str
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def next(self) -> str:
        """Return an id that was not used before."""
        number = f"-{next(self._numbers)}"
        return self.prefix[: LONGEST_ID - len(number)] + number


class Rpc:
    """One connection's calls in both directions.

    Args:
        ids: Where the ids of own calls come from.
        is_validating: Check payloads by the schemas, the peer's and our own.
    """

    def __init__(self, ids: MessageIds, *, is_validating: bool = True) -> None:
        self._ids, self._is_validating = ids, is_validating
        self._outstanding: tuple[str, str] | None = None
        self._open: dict[str, str] = {}  # the peer's calls that wait for an answer: action by id
        self._seen: dict[str, None] = {}

    # --- our calls

    def call(self, action: str, payload: Payload, *, is_checked: bool = True) -> str:
        """Return the frame of a call, which then is the outstanding one.

        Args:
            action: Name of the message.
            payload: Its fields.
            is_checked: False to send something wrong on purpose.

        Raises:
            RuntimeError: Another call is outstanding.
            OwnPayloadInvalid: The payload breaks the schema.
        """
        if self._outstanding is not None:
            raise RuntimeError(f"{action}: {self._outstanding[1]} is not answered yet")
        if is_checked and self._is_validating:
            check_own(action, "request", payload)
        frame = _packed([CALL, unique := self._ids.next(), action, payload])
        self._outstanding = (unique, action)
        return frame

    def give_up(self) -> None:
        """Wait for the outstanding call no longer; its answer will be dropped."""
        self._outstanding = None

    # --- answers to the peer

    def answer(self, unique: str, payload: Payload, *, is_checked: bool = True) -> str:
        """Return the CALLRESULT to a call of the peer.

        Raises:
            OwnPayloadInvalid: The payload breaks the schema; the call still waits for an answer.
        """
        if is_checked and self._is_validating:
            check_own(self._open[unique], "confirmation", payload)
        frame = _packed([CALL_RESULT, unique, payload])
        del self._open[unique]
        return frame

    def refuse(self, unique: str, error: CallError) -> str:
        """Return the CALLERROR to a call of the peer."""
        self._open.pop(unique, None)
        return _packed([CALL_ERROR, unique, error.code, error.description[:LONGEST_DESCRIPTION], error.details])

    def leave(self, unique: str) -> None:
        """Never answer a call of the peer."""
        self._open.pop(unique, None)

    # --- frames of the peer

    def receive(self, text: str) -> Decision:
        """Return what a text frame means."""
        try:
            frame = _DECODER.decode(text)
            if _is_deep(text, frame):
                return Dropped(f"nested deeper than {DEEPEST} levels")
            if "\\u" in text and _SURROGATE.search(json.dumps(frame, ensure_ascii=False)):
                return Dropped("no Unicode: half a surrogate pair")
        except RecursionError:
            return Dropped("nested too deep")
        except ValueError as error:
            return Dropped(f"no JSON: {error}")
        if type(frame) is not list or not frame:
            return Dropped("no JSON array with elements")
        match frame[0]:
            case int(kind) if kind == CALL:
                return self._called(frame)
            case int(kind) if kind in (CALL_RESULT, CALL_ERROR):
                return self._answered(kind, frame)
        return Dropped(f"unknown message type {shown(frame[0])}")

    def _called(self, frame: list[Any]) -> Decision:
        unique = frame[1] if len(frame) > 1 else None
        if type(unique) is not str or not unique:
            return Dropped("a call without a readable id")
        if unique in self._seen:
            return Dropped(f"the id {unique} for the second time")
        self._seen[unique] = None
        if len(self._seen) > REMEMBERED_IDS:
            del self._seen[next(iter(self._seen))]
        try:
            if len(frame) != 4 or type(frame[2]) is not str or type(frame[3]) is not dict:
                raise CallError(Violation.FORMATION, 'A call is [2, "id", "action", {payload}].')
            if len(unique) > LONGEST_ID:
                raise CallError(Violation.FORMATION, f"The id is longer than {LONGEST_ID} characters.")
            _, _, action, payload = frame
            if action not in ACTIONS:
                raise CallError("NotImplemented", f"{shown(action)} is no action of OCPP 1.6.")
            self._check(action, "request", payload)
        except CallError as error:
            return Refusal(self.refuse(unique, error), str(error))
        self._open[unique] = action
        return Asked(unique, action, payload)

    def _answered(self, kind: int, frame: list[Any]) -> Decision:
        if self._outstanding is None or len(frame) < 2 or frame[1] != self._outstanding[0]:
            return Dropped(f"an answer to no call of ours: {shown(frame[1] if len(frame) > 1 else None)}")
        _, action = self._outstanding
        self._outstanding = None
        try:
            if kind == CALL_ERROR:
                raise _error(frame)
            if len(frame) != 3 or type(frame[2]) is not dict:
                raise CallError(Violation.FORMATION, 'A result is [3, "id", {payload}].')
            self._check(action, "confirmation", frame[2])
        except CallError as error:
            wrong = InvalidAnswer(error.code, error.description)
            return Failed(action, error if kind == CALL_ERROR else wrong)
        return Answered(action, frame[2])

    # --- schemas

    def _check(self, action: str, kind: Kind, payload: object) -> None:
        """Check what the peer sent.

        Raises:
            CallError: It breaks the schema.
        """
        if self._is_validating and action in ACTIONS:  # an answer to what we made up ourselves has no schema
            try:
                validator(action, kind)(payload)
            except PayloadError as error:
                raise CallError(error.violation, str(error)) from None


def check_own(action: str, kind: Kind, payload: object, *, is_part: bool = False) -> None:
    """Check a payload of our own.

    Args:
        action: Name of the message.
        kind: Which half of it.
        payload: Its fields.
        is_part: Fields may be missing: they come from elsewhere.

    Raises:
        OwnPayloadInvalid: It breaks the schema.
    """
    try:
        (part_validator if is_part else validator)(action, kind)(payload)
    except KeyError:
        raise OwnPayloadInvalid(f"{action} is no action of OCPP 1.6") from None
    except PayloadError as error:
        raise OwnPayloadInvalid(f"{action} {kind}: {error}") from None


def check_json(payload: object) -> None:
    """Check that a payload can be written at all, which no test can do without.

    Raises:
        OwnPayloadInvalid: It holds what JSON has no words for, as NaN.
    """
    _packed([payload])


def _error(frame: list[Any]) -> CallError:
    """Return the error of a CALLERROR; one that lacks its last elements is taken as well."""
    given: list[Any] = frame[2:5]
    code, description, details = given + ["GenericError", "", {}][len(given) :]
    return CallError(str(code), str(description), details if isinstance(details, dict) else {})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _packed(frame: list[Any]) -> str:
    try:
        return _ENCODER.encode(frame)
    except (TypeError, ValueError) as error:
        raise OwnPayloadInvalid(f"no JSON: {error}") from error


def _is_deep(text: str, frame: object) -> bool:
    """Return whether a frame is nested too deep; most have too few brackets for that."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    level: list[Any] = [frame]
    for _ in range(DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [value for values in inner for value in values if type(value) in (dict, list)]
        if not level:
            return False
    return True
