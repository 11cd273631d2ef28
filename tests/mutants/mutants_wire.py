"""Planted faults of OCPP's wire and of the central system."""

from __future__ import annotations

from mutant import Check, Mutant

RPC = "emulators/kit/ocpp/wire/rpc.py"
SESSION = "emulators/kit/ocpp/shell/session.py"
SERVER = "emulators/kit/ocpp/shell/server.py"
SECURITY = "emulators/kit/ocpp/shell/security.py"
SCHEMAS = "emulators/kit/ocpp/wire/schemas.py"
BOOK = "emulators/backend/book.py"
MODEL = "emulators/backend/model.py"
DEVICE = "emulators/backend/device.py"


def frames(test: str) -> tuple[Check, ...]:
    """Return a test of frames over a connection."""
    return (Check("tests/protocol/test_protocol_ocpp_frames.py", test),)


def security(test: str) -> tuple[Check, ...]:
    """Return a test of the security profiles."""
    return (Check("tests/protocol/test_protocol_ocpp_security.py", test),)


def system(test: str) -> tuple[Check, ...]:
    """Return a test of the central system without a connection."""
    return (Check("tests/unit/backend/test_backend_system.py", test),)


def schemas(test: str) -> tuple[Check, ...]:
    """Return a test of the schemas."""
    return (Check("tests/unit/kit/ocpp/test_ocpp_schemas.py", test),)


MUTANTS_WIRE = (
    Mutant(
        "OCPP wire: an id is answered twice",
        RPC,
        "        if unique in self._seen:\n",
        "        if unique in self._open:\n",
        frames("an_id_is_answered_once"),
    ),
    Mutant(
        "OCPP wire: deep nesting is taken",
        RPC,
        "            if _is_deep(text, frame):\n",
        "            if False:\n",
        frames("belongs_to_nothing"),
    ),
    Mutant(
        "OCPP wire: an answer that comes too late is taken for the next call's",
        RPC,
        " or frame[1] != self._outstanding[0]:",
        ":",
        (
            Check("tests/unit/kit/ocpp/test_ocpp_rpc.py", "one_call_is_outstanding or belongs_to_nothing"),
            *frames("without_an_answer"),
        ),
    ),
    Mutant(
        "OCPP wire: a wrong confirmation is taken",
        RPC,
        '            self._check(action, "confirmation", frame[2])\n',
        "",
        frames("answered_wrongly"),
    ),
    Mutant(
        "OCPP wire: a payload of our own is not checked",
        RPC,
        '            check_own(action, "request", payload)\n',
        "            pass\n",
        frames("of_our_own_is_never_sent"),
    ),
    Mutant(
        "OCPP wire: a binary frame is ignored",
        SESSION,
        '                    await self._connection.close(UNSUPPORTED_DATA, "OCPP is text")\n',
        "                    continue\n",
        frames("binary_frame"),
    ),
    Mutant(
        "OCPP wire: calls overtake each other in the handlers",
        SESSION,
        "                if self._answering is None:\n",
        "                if True:\n",
        frames("one_after_the_other"),
    ),
    Mutant(
        "OCPP wire: who waits for an answer is not told that the connection went",
        SESSION,
        '            self._waiting.set_exception(ConnectionLost("the connection was lost before the answer"))\n',
        "            pass\n",
        frames("without_an_answer"),
    ),
    Mutant(
        "OCPP wire: the old connection of an identity stays",
        SERVER,
        "            old.cut()\n",
        "            pass\n",
        frames("takes_the_place"),
    ),
    Mutant(
        "OCPP wire: any subprotocol is agreed on",
        SERVER,
        "        if connection.subprotocol != SUBPROTOCOL:\n",
        "        if False:\n",
        frames("without_the_subprotocol"),
    ),
    Mutant(
        "OCPP security: any password will do",
        SECURITY,
        "user == identity and password is not None and password == self.password_of(identity)",
        "user == identity and password is not None",
        security("refuses_in_words"),
    ),
    Mutant(
        "OCPP security: an unknown station without a password comes in",
        SECURITY,
        " and password is not None and password ==",
        " and password ==",
        security("no_password_is_no_password"),
    ),
    Mutant(
        "OCPP security: a station needs no certificate",
        SECURITY,
        "            context.verify_mode = ssl.CERT_REQUIRED\n",
        "",
        security("refuses_in_words"),
    ),
    Mutant(
        "OCPP security: the peer is not told why TLS failed",
        SECURITY,
        "                raise ssl.SSLWantReadError from error\n",
        "                raise\n",
        security("refuses_in_words"),
    ),
    Mutant(
        "OCPP security: an expired certificate is valid",
        SECURITY,
        "        begins, ends = EXPIRED if expired else VALID\n",
        "        begins, ends = VALID\n",
        security("cover_every_epoch or refuses_in_words"),
    ),
    Mutant(
        "OCPP schemas: fields that a message does not have are taken",
        SCHEMAS,
        "            elif is_closed:\n",
        "            elif False:\n",
        schemas("each_kind_of_error or judged_as_the_library"),
    ),
    Mutant(
        "OCPP schemas: one decimal means none",
        SCHEMAS,
        "math.isclose(value * 10, round(value * 10)",
        "math.isclose(value, round(value)",
        schemas("one_decimal"),
    ),
    Mutant(
        "backend: a repeat is booked again",
        MODEL,
        " if action in TRANSACTION else None\n",
        " if action in TRANSACTION[1:] else None\n",
        system("repeats_of_transaction_messages"),
    ),
    Mutant(
        "backend: a transaction of another charge point is ended",
        BOOK,
        " where id = ? and charge_point = ? and stopped_at is null",
        " where id = ? and charge_point != '' || ? and stopped_at is null",
        system("ends_once_and_only"),
    ),
    Mutant(
        "backend: a message that was lost on the way acts",
        MODEL,
        "self.book.begin(at, charge_point, request) if is_booked else 0",
        "self.book.begin(at, charge_point, request)",
        system("acts_or_not"),
    ),
    Mutant(
        "backend: the file of another program is taken",
        BOOK,
        "            if pages and application != APPLICATION:\n",
        "            if False:\n",
        system("somebody_else"),
    ),
    Mutant(
        "backend: an identity that is not registered comes in",
        DEVICE,
        "hello.identity in self._registered",
        "bool(hello.identity)",
        (Check("tests/protocol/test_protocol_backend.py", "only_registered"),),
    ),
    Mutant(
        "backend: its interface opens beyond loopback without a token",
        DEVICE,
        "        if token is None and not ipaddress.ip_address(address).is_loopback:\n",
        "        if token is None and not ipaddress.ip_address(address).version:\n",
        (Check("tests/protocol/test_protocol_backend.py", "beyond_loopback"),),
    ),
)
