"""The central system's side of the wire: takes charge points' connections and makes a session of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import Server as _Listener
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from emulators.kit.host import Host
from emulators.kit.ocpp.shell.security import ServerSecurity, basic, in_words, names_in
from emulators.kit.ocpp.shell.session import CLOSE_WITHIN_S, LOG, LONGEST_FRAME, SUBPROTOCOL, Answer, OcppSession
from emulators.kit.ocpp.wire.rpc import MessageIds, Payload

OPEN_WITHIN_S: Final = 10.0
LONGEST_IDENTITY: Final = 255
BACKLOG: Final = 4096  #: Charge points that may connect at the same instant, as after a power cut.
PROTOCOL_ERROR: Final = 1002


@dataclass(frozen=True, slots=True)
class StationHello:
    """A charge point that wants to come in.

    Attributes:
        identity: The last element of the path.
        prefix: The path before it, ``/ocpp``.
        user: Of HTTP Basic, empty without.
    """

    identity: str
    prefix: str
    user: str


Admit = Callable[
    [StationHello], HTTPStatus | None
]  #: None lets it in; 404 is for an unknown identity (OCPP 1.6 erratum 3.68).
OnCall = Callable[[OcppSession, str, Payload], Answer | Awaitable[Answer]]


class Server:
    """A central system's WebSocket server.

    Args:
        host: Whose server it is.
        on_call: Handles a charge point's call.
        admit: Asked before the upgrade is completed; everybody comes in without.
        on_open: Told of a session that is open.
        on_closed: Told of one that has ended.
        security: Profile, certificates and passwords; None for a trusted network.
        ping_interval_s: 0 for no pings [s].
        is_validating: Check payloads by the schemas.

    Attributes:
        sessions: The open session of each charge point; a new connection of the same identity takes the place of an
            old one, which is reset.
    """

    def __init__(
        self,
        host: Host,
        *,
        on_call: OnCall,
        admit: Admit | None = None,
        on_open: Callable[[OcppSession], None] | None = None,
        on_closed: Callable[[OcppSession], None] | None = None,
        security: ServerSecurity | None = None,
        ping_interval_s: float = 0,
        is_validating: bool = True,
    ) -> None:
        self.sessions: dict[str, OcppSession] = {}
        self.security = security or ServerSecurity()
        self._host, self._on_call, self._admit = host, on_call, admit
        self._on_open, self._on_closed = on_open, on_closed
        self._ping_interval_s, self._is_validating = ping_interval_s, is_validating
        self._ids: dict[str, MessageIds] = {}
        self._connections: set[_Connection] = set()
        self._listener: _Listener | None = None

    async def start(self, address: str | Sequence[str], port: int) -> None:
        """Listen at a local address, or several, and port, 0 for any.

        Raises:
            OSError: It cannot be bound.
        """

        def make(*args: Any, **settings: Any) -> _Connection:
            return _Connection(self._connections, self._bad, *args, **settings)

        tls = self.security.context(lambda error: self._bad(in_words(error)))
        self._listener = await serve(
            self._serve,
            cast(str, address),  # asyncio takes several as well
            port,
            subprotocols=[SUBPROTOCOL],
            select_subprotocol=_agreed,
            process_request=self._look,
            process_response=_without_date,
            server_header=None,
            compression=None,
            open_timeout=OPEN_WITHIN_S,
            ping_interval=self._ping_interval_s or None,
            ping_timeout=self._ping_interval_s or None,
            close_timeout=CLOSE_WITHIN_S,
            max_size=LONGEST_FRAME,
            logger=LOG,
            create_connection=cast(type[ServerConnection], make),
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else OPEN_WITHIN_S,
            reuse_address=True,
            backlog=BACKLOG,
        )

    async def stop(self) -> None:
        """Close the port and reset every connection, as a power cut does; may be called twice."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        for connection in list(self._connections):
            connection.transport.abort()
        listener.close()
        await listener.wait_closed()

    @property
    def port(self) -> int:
        """Return the local port that is bound."""
        if self._listener is None:
            raise RuntimeError("the OCPP server is not listening")
        return int(next(iter(self._listener.sockets)).getsockname()[1])

    # --- inside

    def _look(self, connection: ServerConnection, request: Request) -> Response | None:
        """Look at the request before the upgrade; return what refuses it."""
        prefix, _, last = urlsplit(request.path).path.rpartition("/")
        identity = unquote(last)
        shown = ", ".join(request.headers.get_all("Authorization"))
        status, why = None, ""
        if not identity or len(identity) > LONGEST_IDENTITY or "\ufffd" in identity:
            status = HTTPStatus.NOT_FOUND
        elif self._admit is not None:
            status = self._admit(StationHello(identity, unquote(prefix), basic(shown)[0]))
        if status is None:
            tls = connection.transport.get_extra_info("ssl_object")
            why = self.security.objection(identity, shown, names_in(tls.getpeercert() if tls is not None else None))
            status = HTTPStatus.UNAUTHORIZED if why else None
        if status is None:
            return None
        self._host.trace("ocpp_not_admitted", charge_point=identity, status=int(status), why=why or status.phrase)
        response = connection.respond(status, f"{why or status.phrase}\n")
        if status == HTTPStatus.UNAUTHORIZED and self.security.profile != 3:
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
        return response

    async def _serve(self, connection: ServerConnection) -> None:
        """Serve one connection from its upgrade to its end."""
        assert connection.request is not None
        identity = unquote(urlsplit(connection.request.path).path.rpartition("/")[2])
        if connection.subprotocol != SUBPROTOCOL:
            self._bad(f"{identity} offers no subprotocol {SUBPROTOCOL}: closed")
            await connection.close(PROTOCOL_ERROR, f"the subprotocol is {SUBPROTOCOL}")
            return
        ids = self._ids.setdefault(identity, MessageIds(f"{self._host.name}-{identity}"))
        session = OcppSession(
            self._host,
            connection,
            identity=identity,
            on_call=lambda action, payload: self._on_call(session, action, payload),
            ids=ids,
            is_validating=self._is_validating,
        )
        if (old := self.sessions.get(identity)) is not None:
            old.cut()
        self.sessions[identity] = session
        self._host.trace("ocpp_connected", charge_point=identity)
        try:
            if self._on_open is not None:
                self._on_open(session)
            await session.run()
        except Exception as error:
            context = {"message": f"{self._host.name} failed on the session of {identity}", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
        finally:
            if self.sessions.get(identity) is session:
                del self.sessions[identity]
            if not session.is_open:
                end = await session.closed()
                self._host.trace("ocpp_disconnected", charge_point=identity, code=end.code)
            if self._on_closed is not None:
                self._on_closed(session)

    def _bad(self, why: str) -> None:
        self._host.trace("ocpp_handshake_failed", why=why)


class _Connection(ServerConnection):
    """Is known to the server from the first byte, and tells when the opening handshake fails."""

    def __init__(self, known: set[_Connection], on_failure: Callable[[str], None], *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._known, self._on_failure = known, on_failure

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._known.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._known.discard(self)
        super().connection_lost(exc)

    async def handshake(self, *args: Any, **settings: Any) -> None:
        await super().handshake(*args, **settings)
        if self.protocol.handshake_exc is not None:
            self._on_failure(f"no WebSocket: {self.protocol.handshake_exc}")


def _without_date(_connection: ServerConnection, _request: Request, response: Response) -> None:
    """Take away the machine's time, which is not the site's."""
    response.headers.pop("Date", None)


def _agreed(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Return our subprotocol when it is offered; without, the upgrade succeeds and is closed then (OCPP-J 3.1.2)."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None
