"""OCPP-J 1.6 over WebSocket, both roles: one open connection is an :class:`OcppSession`, opened by :func:`connect` or
taken by a :class:`~emulators.kit.ocpp.shell.server.Server`.

Calls of one's own queue up, one is outstanding. The peer's calls are handled one after the other, in order. A handler
gets action and payload and returns the confirmation, raises a :class:`~emulators.kit.ocpp.wire.rpc.CallError`, or
returns a :class:`FaultyAnswer` to answer as no good device would; it may be a coroutine, and the connection goes on
meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as _Connect
from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import Side
from websockets.typing import Subprotocol

from emulators.kit import wan_router
from emulators.kit.host import Host
from emulators.kit.ocpp.shell.security import Security, in_words
from emulators.kit.ocpp.wire.rpc import (
    Answered,
    Asked,
    CallError,
    Dropped,
    Failed,
    MessageIds,
    OwnPayloadInvalid,
    Payload,
    Refusal,
    Rpc,
)
from emulators.kit.wan_router import Route

SUBPROTOCOL: Final = Subprotocol("ocpp1.6")
LONGEST_FRAME: Final = 1 << 20  #: Bytes; a longer frame closes the connection with 1009.
CLOSE_WITHIN_S: Final = 5.0  #: How long a peer may take to answer a closing frame [s].
UNSUPPORTED_DATA: Final = 1003
POLICY_VIOLATION: Final = 1008
MOST_CALLS: Final = 64  #: Calls of the peer that may wait for their answer; OCPP-J allows one (4.1.1).
PROTOCOL_CODES: Final = (1002, 1007, 1009)  #: What the library closes with: no WebSocket, no UTF-8, too long.
ABNORMAL: Final = 1006  #: What stands for a connection that was lost without a closing frame.

#: Certificates are made at random for each run, and the trace of two equal runs is the same.
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?(?:-----END CERTIFICATE-----|\Z)", re.DOTALL)

LOG: Final = logging.getLogger("hilfarm.websockets")
LOG.setLevel(logging.CRITICAL + 1)  # what goes wrong is traced, or raised


class Unreachable(Exception):
    """No connection came about: nobody listens there, or nobody answers."""


class UpgradeRefused(Exception):
    """Somebody is there and does not open a session.

    Attributes:
        reason: In words.
        status: The HTTP status, None when it did not come to that (TLS).
        is_certificate: The central system's certificate was refused.
    """

    def __init__(self, reason: str, status: int | None = None, *, is_certificate: bool = False) -> None:
        self.reason, self.status, self.is_certificate = reason, status, is_certificate
        super().__init__(reason)


class ConnectionLost(Exception):
    """The connection went before the answer came; whether the peer has got the call is unknown."""


class CallTimeout(Exception):
    """No answer in time; one that comes later is dropped."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How a connection ended: the peer's or our own code and reason, 1006 without a closing frame."""

    code: int
    reason: str


class FaultyAnswer:
    """What a handler returns to answer as no good device would."""


@dataclass(frozen=True, slots=True)
class Silent(FaultyAnswer):
    """The call is never answered."""


@dataclass(frozen=True, slots=True)
class GarbageFrame(FaultyAnswer):
    """This frame is sent instead of an answer: a text, or bytes for a binary frame."""

    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Unchecked(FaultyAnswer):
    """The confirmation is sent as it is, though it may break the schema."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class CutOff(FaultyAnswer):
    """The connection is reset in the middle of the confirmation's frame."""

    payload: Payload


Answer = Payload | FaultyAnswer
OnCall = Callable[[str, Payload], Answer | Awaitable[Answer]]


class OcppSession:
    """One open connection. Made by :func:`connect` and by the server only.

    Attributes:
        identity: The charge point's identity, on either side.
    """

    def __init__(
        self,
        host: Host,
        connection: Connection,
        *,
        identity: str,
        on_call: OnCall,
        ids: MessageIds,
        is_validating: bool,
    ) -> None:
        self.identity = identity
        self._host, self._connection, self._on_call = host, connection, on_call
        self._rpc = Rpc(ids, is_validating=is_validating)
        self._frames = host.frame_hook("ocpp")
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Future[Payload] | None = None
        self._asked: deque[Asked] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._closed: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    @property
    def peer(self) -> str:
        """Return the address that the connection comes from, as this bench has it; nothing once it has gone."""
        address = self._connection.remote_address
        return str(address[0]) if address else ""

    @property
    def subprotocol(self) -> str | None:
        """Return the subprotocol that was agreed on."""
        return self._connection.subprotocol

    @property
    def is_open(self) -> bool:
        """Return whether the connection stands, as far as this side knows."""
        return not self._closed.done()

    async def call(self, action: str, payload: Payload, *, timeout_s: float, is_checked: bool = True) -> Payload:
        """Call the peer and return its confirmation; waits for its turn first.

        Args:
            action: Name of the message.
            payload: Its fields.
            timeout_s: How long the answer may take from the sending on [s].
            is_checked: False to send something wrong on purpose.

        Raises:
            CallError: The peer's CALLERROR; an ``InvalidAnswer`` for a wrong confirmation.
            CallTimeout: No answer came.
            ConnectionLost: The connection is closed, or went meanwhile.
            OwnPayloadInvalid: The payload breaks the schema.
        """
        async with self._turn:
            if not self.is_open:
                raise ConnectionLost(f"{action}: the connection is closed")
            frame = self._rpc.call(action, payload, is_checked=is_checked)
            waiting: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            self._waiting = waiting
            try:
                async with asyncio.timeout(timeout_s):
                    await self._send(frame)
                    return await waiting
            except TimeoutError:
                raise CallTimeout(f"{action}: no answer within {timeout_s:g} s") from None
            except ConnectionClosed:
                raise ConnectionLost(f"{action}: the connection is closed") from None
            finally:
                self._waiting = None
                if waiting.done() and not waiting.cancelled():
                    waiting.exception()  # looked at, also where sending or the timeout ended the call first
                self._rpc.give_up()

    async def send_frame(self, frame: str | bytes) -> None:
        """Send anything: a text frame, or bytes as a binary one.

        Raises:
            ConnectionLost: The connection is closed.
        """
        try:
            await self._send(frame)
        except ConnectionClosed:
            raise ConnectionLost("the connection is closed") from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in good order; a peer that does not answer the closing frame is waited for a few seconds."""
        await self._connection.close(code, reason)
        await self._closed

    def cut(self) -> None:
        """Reset the connection now, without a closing frame."""
        self._connection.transport.abort()

    async def closed(self) -> Closed:
        """Wait until the connection has ended; return how."""
        return await asyncio.shield(self._closed)

    # --- inside

    async def run(self) -> None:
        """Receive until the connection ends: the body of the session's task."""
        try:
            while True:
                frame = await self._connection.recv()
                if isinstance(frame, bytes):
                    self._note("rx", f"binary frame of {len(frame)} octets")
                    self._trace("ocpp_dropped", why="a binary frame: closed with 1003")
                    await self._connection.close(UNSUPPORTED_DATA, "OCPP is text")
                    return
                self._note("rx", frame)
                await self._take(frame)
                if len(self._asked) > MOST_CALLS:
                    why = f"more than {MOST_CALLS} calls wait for an answer"
                    self._trace("ocpp_dropped", why=f"{why}: closed with {POLICY_VIOLATION}")
                    await self._connection.close(POLICY_VIOLATION, why)
                    return
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code in PROTOCOL_CODES:
                self._trace("ocpp_dropped", why=f"{closed.sent.reason}: closed with {closed.sent.code:d}")
        finally:
            self._end()

    async def _take(self, frame: str) -> None:
        match self._rpc.receive(frame):
            case Asked() as asked:
                if self._answering is None:
                    await self._handle(asked)
                else:
                    self._asked.append(asked)
            case Answered(payload=payload):
                if self._waiting is not None and not self._waiting.done():
                    self._waiting.set_result(payload)
            case Failed(error=error):
                if self._waiting is not None and not self._waiting.done():
                    self._waiting.set_exception(error)
            case Refusal(text=text, why=why):
                self._trace("ocpp_refused", why=why)
                await self._send(text)
            case Dropped(why=why):
                self._trace("ocpp_dropped", why=why)

    async def _handle(self, asked: Asked) -> None:
        """Let the handler work; what takes time becomes a task, which handles what came meanwhile too."""
        try:
            answer = self._on_call(asked.action, asked.payload)
        except Exception as error:
            await self._send(self._failed(asked, error))
            return
        if isinstance(answer, Awaitable):
            self._answering = asyncio.get_running_loop().create_task(self._handle_later(asked, answer))
        else:
            await self._answer(asked, answer)

    async def _handle_later(self, asked: Asked, answer: Awaitable[Answer]) -> None:
        with suppress(ConnectionClosed):
            try:
                found = await answer
            except Exception as error:
                await self._send(self._failed(asked, error))
            else:
                await self._answer(asked, found)
            self._answering = None
            while self._asked and self._answering is None:
                await self._handle(self._asked.popleft())

    async def _answer(self, asked: Asked, answer: Answer) -> None:
        match answer:
            case Silent():
                self._rpc.leave(asked.id)
            case GarbageFrame(frame=frame):
                self._rpc.leave(asked.id)
                await self._send(frame)
            case Unchecked(payload=payload):
                await self._send(self._rpc.answer(asked.id, payload, is_checked=False))
            case CutOff(payload=payload):
                self._send_half(self._rpc.answer(asked.id, payload, is_checked=False))
            case dict():
                try:
                    frame = self._rpc.answer(asked.id, answer)
                except OwnPayloadInvalid as error:
                    frame = self._failed(asked, error)
                await self._send(frame)

    def _failed(self, asked: Asked, error: Exception) -> str:
        """Return the CALLERROR for a handler that raised; a bug goes to the bench as well."""
        if isinstance(error, CallError):
            return self._rpc.refuse(asked.id, error)
        context = {"message": f"{self._host.name} failed on {asked.action}", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        return self._rpc.refuse(asked.id, CallError("InternalError"))

    async def _send(self, frame: str | bytes) -> None:
        self._note("tx", frame if isinstance(frame, str) else f"binary frame of {len(frame)} octets")
        await self._connection.send(frame)

    def _send_half(self, text: str) -> None:
        side = self._connection.protocol.side
        frame = Frame(Opcode.TEXT, text.encode()).serialize(mask=side is Side.CLIENT)
        self._note("tx", f"{text[: len(text) // 2]} (cut here)")
        self._connection.transport.write(frame[: len(frame) // 2])
        self.cut()

    def _end(self) -> None:
        """Let everybody who waits know that the connection is gone; it goes with its task, if that was cancelled."""
        if self._closed.done():
            return
        self.cut()
        protocol = self._connection.protocol
        frame = protocol.close_rcvd or protocol.close_sent
        self._closed.set_result(Closed(ABNORMAL, "") if frame is None else Closed(int(frame.code), frame.reason))
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionLost("the connection was lost before the answer"))
        self._asked.clear()
        if self._answering is not None:
            self._answering.cancel()

    def _note(self, direction: str, text: str) -> None:
        if self._frames is not None:
            self._frames(direction, _CERTIFICATE.sub("(a certificate)", text) if "-----BEGIN" in text else text)

    def _trace(self, event: str, **fields: object) -> None:
        self._host.trace(event, charge_point=self.identity, **fields)


class _Client(ClientConnection):
    """Remembers why a connection went: TLS 1.3 tells a client only afterwards that its certificate was missing."""

    lost: Exception | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        if hasattr(self, "recv_messages"):  # behind a gateway TLS fails before the connection is said to be made
            super().connection_lost(exc)


class _Opening(_Connect):
    """Follows no redirect: a charge point goes where its setting says."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def connect(
    host: Host,
    url: str,
    *,
    identity: str,
    on_call: OnCall,
    security: Security | None = None,
    ping_interval_s: float = 0,
    open_timeout_s: float = 10.0,
    ids: MessageIds | None = None,
    is_validating: bool = True,
    route: Callable[[], Route | None] = Route,
) -> OcppSession:
    """Open a session with a central system, as a charge point.

    Args:
        host: Whose connection it is; it comes from the device's own address.
        url: ``ws://`` or ``wss://``, address as the site has it, with or without port and path; the identity is
            appended as the last element.
        identity: The charge point's.
        on_call: Handles the central system's calls.
        security: What the station shows and trusts; None for a trusted network.
        ping_interval_s: WebSocketPingInterval, 0 for no pings [s]. A ping that is not answered within the same time
            ends the connection.
        open_timeout_s: How long it may take to open [s].
        ids: Where message ids come from; give the same to later sessions, so that none comes twice.
        is_validating: Check payloads by the schemas.
        route: Returns by which interface, and through which gateway; None for no way. The direct one, unless said.

    Raises:
        UpgradeRefused: HTTP status or TLS stands against it.
        Unreachable: Nobody answers there, or the URL cannot be one.
    """
    security = security or Security()
    scheme, name, port = _parts(url)
    is_tls = scheme == "wss"
    if security.profile >= 2 and not is_tls:
        raise UpgradeRefused(f"security profile {security.profile} needs wss://, not {url}")
    way = _way(host, name, port, route())
    opened: list[_Client] = []

    def make(*args: Any, **settings: Any) -> _Client:
        opened.append(_Client(*args, **settings))
        return opened[-1]

    failures: list[Exception] = []
    tls: dict[str, Any] = {}
    try:
        if is_tls:
            tls["ssl"] = security.context(failures.append)
            tls |= {"server_hostname": name, "ssl_handshake_timeout": open_timeout_s}
        connection = await _Opening(
            f"{url.rstrip('/')}/{quote(identity, safe='')}",
            subprotocols=[SUBPROTOCOL],
            additional_headers=security.headers(identity),
            user_agent_header=None,
            compression=None,
            open_timeout=open_timeout_s,
            ping_interval=ping_interval_s or None,
            ping_timeout=ping_interval_s or None,
            close_timeout=CLOSE_WITHIN_S,
            max_size=LONGEST_FRAME,
            logger=LOG,
            create_connection=cast(type[ClientConnection], make),
            **tls,
            **way,
        )
    except (OSError, InvalidHandshake, ValueError, EOFError) as error:
        failures += [one.lost for one in opened if one.lost is not None]
        raise _refusal(url, error, *failures) from error
    if connection.subprotocol != SUBPROTOCOL:
        connection.transport.abort()
        raise UpgradeRefused(f"{url} does not agree on the subprotocol {SUBPROTOCOL}", 101)
    session = OcppSession(
        host,
        connection,
        identity=identity,
        on_call=on_call,
        ids=ids or MessageIds(identity),
        is_validating=is_validating,
    )
    host.spawn(session.run(), name=f"{host.name} OCPP")
    return session


def _parts(url: str) -> tuple[str, str, int]:
    """Return a URL's scheme, host and port.

    Raises:
        Unreachable: It cannot be one of a central system.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in ("ws", "wss") and parts.hostname:
            return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "wss" else 80)
    except ValueError:  # brackets without an end, a port above 65535
        pass
    raise Unreachable(f"{url!r} is no address of a central system. Allowed: ws://HOST:PORT/PATH or wss://...")


def _way(host: Host, name: str, port: int, route: Route | None) -> dict[str, Any]:
    """Return what makes a connection take its route, as arguments of websockets' ``connect``."""
    if route is None:
        raise Unreachable(f"there is no way to {name}")
    source = host.source_address() if route.source is None else host.resolve(route.source, 0)[0]
    if route.gateway is not None:
        if not host.reaches(route.gateway):
            raise Unreachable(f"the gateway {route.gateway} is in another network")
        gateway, at = host.resolve(route.gateway, wan_router.PORT)
        return {"proxy": f"http://{gateway}:{at}", "local_addr": (source, 0)}
    try:
        address, port = host.resolve(name, port)
    except ValueError:
        if host.reaches_outside():
            return {"host": name, "port": port, "proxy": None}
        raise Unreachable(f"{name!r} is not known here. Allowed: an address of the site.") from None
    if not host.reaches(name):
        raise Unreachable(f"{name} is in another network")
    return {"host": address, "port": port, "proxy": None, "local_addr": (source, 0)}


def _refusal(url: str, *errors: Exception) -> UpgradeRefused | Unreachable:
    """Return what a station shows when no session came about, by what was raised and what lay behind it."""
    for error in errors:
        if isinstance(error, ssl.SSLError):
            is_certificate = isinstance(error, ssl.SSLCertVerificationError)
            return UpgradeRefused(f"{url}: {in_words(error)}", is_certificate=is_certificate)
    match error := errors[0]:
        case InvalidStatus(response=response):
            return UpgradeRefused(f"{url}: HTTP {response.status_code} {response.reason_phrase}", response.status_code)
        case TimeoutError():
            return Unreachable(f"{url}: no answer")
        case ConnectionResetError() if url.startswith("wss"):
            return UpgradeRefused(f"{url}: the server broke TLS off; it may speak plain ws://")
        case OSError():
            return Unreachable(f"{url}: {os.strerror(error.errno) if error.errno else error}")
        case InvalidMessage():
            return UpgradeRefused(f"{url}: no HTTP is spoken there; it may want TLS (wss://)")
    return UpgradeRefused(f"{url}: {error}")
