"""A device's Modbus TCP server: connections, frames, faults. What a request means is its engine's matter.

A request is worked off where it arrives, without a task of its own. Malformed headers close the connection, malformed
requests get the protocol's exception, and the next good request is answered.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, cast

from emulators.kit.modbus.frames import CLIENT, FUNCTIONS, check_pdu, describe_request, describe_response
from emulators.kit.modbus.lean import Lean
from emulators.kit.registers import DEVICE_FAILURE, ModbusError, RegisterBank

_HEADER: Final = struct.Struct(">HHH")  #: Transaction, protocol (0), bytes that follow.
_MIN_LENGTH, _MAX_LENGTH = 2, 254
_UNREAD_ANSWERS_BYTES: Final = 64 * 1024


class Engine(Protocol):
    """What a server does with frames that are whole; both ways give whole frames back."""

    def answer(self, bank: RegisterBank, identity: Mapping[int, str], frame: bytes) -> bytes:
        """Return the answer to a well-formed request.

        Raises:
            ModbusError: The registers refuse it.
        """
        ...

    def refusal(self, frame: bytes, code: int) -> bytes:
        """Return the exception with a code."""
        ...


class ModbusServer:
    """A device's Modbus TCP server.

    Args:
        bank_for_unit: Returns the registers that a unit id addresses, None for an id the device does not know.
        functions: Function codes the device offers, a part of :data:`FUNCTIONS`.
        on_frame: Called with ``rx`` or ``tx`` and the decoded frame.
        on_bad_request: Called with what was wrong with a header, a request, or a client that never reads.
        on_activity: Called for each request that reaches a known unit while the server answers at all.
        response_delay_s: Time the device takes to answer [s].
        unknown_unit: What a request for an unknown unit gets: ``silence`` or an exception code (0Bh).
        connection_limit: Connections at the same time; one more is closed at once. None: as many as come.
        idle_timeout_s: A connection without a request for this long is closed [s]. None: never.
        identity: Objects of function 2Bh by id (0 vendor, 1 product code, 2 revision, ...).
        engine: What works off the requests, :class:`Lean` unless it says otherwise.

    Attributes:
        refuse_with: While not None, every request is answered with this exception code.
        silent: While True, requests are read and not answered.
        response_delay_s: As above; may be changed.
    """

    def __init__(
        self,
        bank_for_unit: Callable[[int], RegisterBank | None],
        functions: frozenset[int],
        *,
        on_frame: Callable[[str, str], None] | None = None,
        on_activity: Callable[[], None] | None = None,
        on_bad_request: Callable[[str], None] | None = None,
        response_delay_s: float = 0.0,
        unknown_unit: Literal["silence"] | int = "silence",
        connection_limit: int | None = None,
        idle_timeout_s: float | None = None,
        identity: Mapping[int, str] | None = None,
        engine: Engine | None = None,
    ) -> None:
        if not functions <= FUNCTIONS:
            raise ValueError(f"functions {sorted(functions - FUNCTIONS)} cannot be served; known: {sorted(FUNCTIONS)}")
        self.bank_for_unit = bank_for_unit
        self.functions = functions
        self.on_frame = on_frame
        self.on_activity = on_activity
        self.on_bad_request = on_bad_request
        self.response_delay_s = response_delay_s
        self.unknown_unit = unknown_unit
        self.connection_limit = connection_limit
        self.idle_timeout_s = idle_timeout_s
        self.identity = dict(identity or {})
        self.engine: Engine = engine or Lean()
        self.refuse_with: int | None = None
        self.silent = False
        self.connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Args:
            host: Local address.
            port: Local port, 0 for any.

        Raises:
            OSError: The address cannot be bound.
        """
        if self._listener is not None:
            raise RuntimeError("the Modbus server is already listening")
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self.connection, host, port, reuse_address=True)

    def connection(self) -> asyncio.Protocol:
        """Return what serves one client over a transport."""
        return _Connection(self)

    async def stop(self) -> None:
        """Close the port and every connection; answers not yet sent are lost. May be started again."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        for connection in list(self.connections):
            connection.drop()
        listener.close()

    @property
    def is_listening(self) -> bool:
        """Return whether the port is open."""
        return self._listener is not None

    @property
    def port(self) -> int:
        """Return the local port that is bound."""
        if self._listener is None:
            raise RuntimeError("the Modbus server is not listening")
        return int(self._listener.sockets[0].getsockname()[1])


class _Connection(asyncio.Protocol):
    """One client: cuts and checks its frames, and sends what the engine answers."""

    def __init__(self, server: ModbusServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._client_address = ""
        self._idle: asyncio.TimerHandle | None = None
        self._heard_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._client_address = str((transport.get_extra_info("peername") or ("",))[0])
        limit = self._server.connection_limit
        if limit is not None and len(self._server.connections) >= limit:
            self.drop()
            return
        self._server.connections.add(self)
        self._transport.set_write_buffer_limits(high=_UNREAD_ANSWERS_BYTES)
        if self._server.idle_timeout_s is not None:
            self._heard_s = asyncio.get_running_loop().time()
            self._watch_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._transport = None
        if self._idle is not None:
            self._idle.cancel()

    def _watch_idle(self) -> None:
        """Close when nothing was asked for the server's idle time; otherwise look again when that could be so."""
        if self._server.idle_timeout_s is None or self._transport is None:
            return
        loop = asyncio.get_running_loop()
        due_s = self._heard_s + self._server.idle_timeout_s
        if loop.time() < due_s:
            self._idle = loop.call_at(due_s, self._watch_idle)
        else:
            self._note("rx", f"no request for {self._server.idle_timeout_s:g} s: connection closed")
            self._transport.close()

    def pause_writing(self) -> None:
        """Give up a client that sends requests and never reads the answers."""
        self._bad("client does not read its answers: connection closed")
        self.drop()

    def drop(self) -> None:
        """Close without waiting for unread answers."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_open(self) -> bool:
        """Return whether answers can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        stream = self._received + data if self._received else data
        start = 0
        while self.is_open and len(stream) - start >= _HEADER.size:
            _, protocol, length = _HEADER.unpack_from(stream, start)
            if protocol != 0 or not _MIN_LENGTH <= length <= _MAX_LENGTH:
                header = stream[start : start + _HEADER.size].hex(" ").upper()
                self._bad(f"bad header {header}: connection closed")
                cast(asyncio.Transport, self._transport).close()
                return
            end = start + _HEADER.size + length
            if end > len(stream):
                break
            self._request(stream[start:end])
            start = end
        self._received = stream[start:]

    def _request(self, frame: bytes) -> None:
        server = self._server
        unit = frame[6]
        if server.idle_timeout_s is not None:
            self._heard_s = asyncio.get_running_loop().time()
        CLIENT.set(self._client_address)
        if server.on_frame is not None:
            server.on_frame("rx", describe_request(unit, frame[7:]))
        bank = server.bank_for_unit(unit)
        if server.silent or (bank is None and server.unknown_unit == "silence"):
            return
        if bank is not None and server.on_activity is not None:
            server.on_activity()
        answer = self._answer(bank, frame)
        if server.response_delay_s > 0:
            asyncio.get_running_loop().call_later(server.response_delay_s, self._send, answer)
        else:
            self._send(answer)

    def _answer(self, bank: RegisterBank | None, frame: bytes) -> bytes:
        server, engine = self._server, self._server.engine
        if bank is None:
            return engine.refusal(frame, cast(int, server.unknown_unit))
        code = server.refuse_with
        if code is None:
            code = check_pdu(frame[7:], server.functions)
            if code is not None and server.on_bad_request is not None:
                server.on_bad_request(f"{describe_request(frame[6], frame[7:])}: exception {code}")
        if code is not None:
            return engine.refusal(frame, code)
        try:
            return engine.answer(bank, server.identity, frame)
        except ModbusError as error:
            return engine.refusal(frame, error.code)
        except Exception as error:  # a bug in a device: the client gets its answer, the bench gets the traceback
            context = {"message": "a device failed on a Modbus request", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return engine.refusal(frame, DEVICE_FAILURE)

    def _send(self, answer: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._server.on_frame is not None:
            self._server.on_frame("tx", describe_response(answer[6], answer[7:]))
        self._transport.write(answer)

    def _bad(self, text: str) -> None:
        self._note("rx", text)
        if self._server.on_bad_request is not None:
            self._server.on_bad_request(text)

    def _note(self, direction: str, text: str) -> None:
        if self._server.on_frame is not None:
            self._server.on_frame(direction, text)
