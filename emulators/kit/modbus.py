"""Modbus TCP on the wire: a server for register banks and a client, both on pymodbus. The only module that imports it.

The server puts a check of its own in front of pymodbus. pymodbus answers some malformed requests with function 80h,
lets a bad header wedge a connection, and drops a request that arrives together with another one. So each connection
cuts the stream into frames, checks header and PDU as the Modbus Application Protocol V1.1b3 orders it, and only then
hands a frame to pymodbus' framer, decoder, PDU classes and encoder. A request is worked off where it arrives, without a
task of its own.

    server = ModbusServer(lambda unit: bank, frozenset({3, 6, 16}), on_activity=model.heard_modbus)
    await server.start(*host.listen_at(502))
    server.silent = True                     # fault, at any time: no answers
    server.refuse_with = DEVICE_FAILURE      # fault: every request is answered with exception 4
    await server.stop()                      # fault or power off: port and connections closed; may start again

    client = ModbusClient("127.0.0.1", 502, source_address=host.source_address())
    words = await client.read_holding(13, 6, unit=1)   # ModbusRefused, ModbusTimeout, ModbusConnectionLost
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeVar, cast

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from emulators.kit.registers import (
    DEVICE_FAILURE,
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    ModbusError,
    RegisterBank,
)

READ_HOLDING: Final = 0x03
READ_INPUT: Final = 0x04
WRITE_REGISTER: Final = 0x06
WRITE_REGISTERS: Final = 0x10
DEVICE_IDENTIFICATION: Final = 0x2B
FUNCTIONS: Final = frozenset({READ_HOLDING, READ_INPUT, WRITE_REGISTER, WRITE_REGISTERS, DEVICE_IDENTIFICATION})
"""Functions that a server can offer."""

_HEADER: Final = 6
_MIN_LENGTH, _MAX_LENGTH = 2, 254
_MAX_READ, _MAX_WRITE = 125, 123
_MEI_TYPE: Final = 0x0E
_UNREAD_ANSWERS_BYTES: Final = 64 * 1024
_LAST_ADDRESS: Final = 0xFFFF

CLIENT: Final = ContextVar("CLIENT", default="")
"""Address of the client whose request a server works on; ``on_frame`` and register callbacks may look at it."""

_Result = TypeVar("_Result")

# pymodbus reports refused requests and lost peers as errors of its own; here they are ordinary events of a test bench.
logging.getLogger("pymodbus").addHandler(logging.NullHandler())


def check_pdu(pdu: bytes, functions: frozenset[int]) -> int | None:
    """Return the exception code that a request deserves by its form alone, None for a well-formed one.

    The order is the specification's: function (1), then count and length (3), then the address range (2).
    """
    function = pdu[0]
    if function not in functions:
        return ILLEGAL_FUNCTION
    if function == DEVICE_IDENTIFICATION:
        return None if len(pdu) == 4 and pdu[1] == _MEI_TYPE and 1 <= pdu[2] <= 4 else ILLEGAL_VALUE
    if len(pdu) < 5:
        return ILLEGAL_VALUE
    address, count = struct.unpack_from(">HH", pdu, 1)
    if function == WRITE_REGISTER:
        return None if len(pdu) == 5 else ILLEGAL_VALUE
    if function == WRITE_REGISTERS:
        is_sound = 1 <= count <= _MAX_WRITE and len(pdu) == 6 + 2 * count and pdu[5] == 2 * count
    else:
        is_sound = 1 <= count <= _MAX_READ and len(pdu) == 5
    if not is_sound:
        return ILLEGAL_VALUE
    return ILLEGAL_ADDRESS if address + count - 1 > _LAST_ADDRESS else None


def describe_request(unit: int, pdu: bytes) -> str:
    """Return a request as one line for the trace."""
    if pdu[0] in (READ_HOLDING, READ_INPUT) and len(pdu) == 5:
        address, count = struct.unpack_from(">HH", pdu, 1)
        return f"unit {unit} read {'holding' if pdu[0] == READ_HOLDING else 'input'} {address} x {count}"
    if pdu[0] == WRITE_REGISTER and len(pdu) == 5:
        address, word = struct.unpack_from(">HH", pdu, 1)
        return f"unit {unit} write {address}: {word:04X}"
    if pdu[0] == WRITE_REGISTERS and len(pdu) > 6:
        return f"unit {unit} write {int.from_bytes(pdu[1:3])}: {pdu[6:].hex(' ', 2).upper()}"
    return f"unit {unit} pdu {pdu.hex(' ').upper()}"


def describe_response(unit: int, pdu: bytes) -> str:
    """Return an answer as one line for the trace."""
    if pdu[0] & 0x80:
        return f"unit {unit} exception {pdu[1]:02X} to function {pdu[0] & 0x7F:02X}"
    if pdu[0] in (READ_HOLDING, READ_INPUT):
        return f"unit {unit} words {pdu[2:].hex(' ', 2).upper()}"
    if pdu[0] in (WRITE_REGISTER, WRITE_REGISTERS):
        return f"unit {unit} written {int.from_bytes(pdu[1:3])}"
    return f"unit {unit} pdu {pdu.hex(' ').upper()}"


class ModbusServer:
    """A device's Modbus TCP server.

    Args:
        bank_for_unit: Returns the registers that a unit id addresses, None for an id the device does not know.
        functions: Function codes the device offers, a part of :data:`FUNCTIONS`.
        on_frame: Called with ``rx`` or ``tx`` and the decoded frame.
        on_activity: Called for each request that reaches a known unit while the server answers at all.
        response_delay_s: Time the device takes to answer [s].
        unknown_unit: What a request for an unknown unit gets: ``silence`` or an exception code (0Bh).
        connection_limit: Connections at the same time; one more is closed at once. None: as many as come.
        identity: Objects of function 2Bh by id (0 vendor, 1 product code, 2 revision, ...).

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
        response_delay_s: float = 0.0,
        unknown_unit: Literal["silence"] | int = "silence",
        connection_limit: int | None = None,
        identity: Mapping[int, str] | None = None,
    ) -> None:
        if not functions <= FUNCTIONS:
            raise ValueError(f"functions {sorted(functions - FUNCTIONS)} cannot be served; known: {sorted(FUNCTIONS)}")
        self.bank_for_unit = bank_for_unit
        self.functions = functions
        self.on_frame = on_frame
        self.on_activity = on_activity
        self.response_delay_s = response_delay_s
        self.unknown_unit = unknown_unit
        self.connection_limit = connection_limit
        self.identity = dict(identity or {})
        self.refuse_with: int | None = None
        self.silent = False
        self.connections: set[_Connection] = set()
        self._listener: _Listener | None = None

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
        listener = _Listener(self, host, port)
        await listener.open()
        self._listener = listener

    async def stop(self) -> None:
        """Close the port and every connection; answers not yet sent are lost. May be started again."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        for connection in list(self.connections):
            connection.drop()
        await listener.shutdown()  # type: ignore[no-untyped-call]

    @property
    def is_listening(self) -> bool:
        """Return whether the port is open."""
        return self._listener is not None

    @property
    def port(self) -> int:
        """Return the local port that is bound."""
        if self._listener is None:
            raise RuntimeError("the Modbus server is not listening")
        server = cast(asyncio.Server, self._listener.transport)
        return int(server.sockets[0].getsockname()[1])


class _Store:
    """The registers as pymodbus' PDU classes ask for them; nothing in here ever waits."""

    def __init__(self, server: ModbusServer) -> None:
        self._server = server
        self._written: Sequence[int] = ()

    def _bank(self, unit: int) -> RegisterBank:
        bank = self._server.bank_for_unit(unit)
        if bank is None:
            raise ModbusError(DEVICE_FAILURE)
        return bank

    async def async_getValues(self, unit: int, function: int, address: int, count: int = 1) -> list[int]:
        if function == WRITE_REGISTER:  # the answer echoes the word, also of a register that cannot be read
            return list(self._written)
        return self._bank(unit).read_words(function, address, count)

    async def async_setValues(self, unit: int, function: int, address: int, values: Sequence[int]) -> None:
        self._bank(unit).write_words(function, address, values)
        self._written = values


class _Listener(ModbusTcpServer):
    """pymodbus' server with our store and our connections."""

    def __init__(self, farm: ModbusServer, host: str, port: int) -> None:
        unused = SimDevice(id=0, simdata=SimData(0, datatype=DataType.REGISTERS))
        super().__init__(unused, address=(host, port))
        self.farm = farm
        self.context = cast(Any, _Store(farm))

    async def open(self) -> None:
        """Listen, and let a bind error through (pymodbus would log it and go on)."""
        self.is_listener = True
        self.transport = await self.call_create()

    def callback_new_connection(self) -> ServerRequestHandler:
        return _Connection(self)


class _Connection(ServerRequestHandler):
    """One client: cuts and checks frames, then lets pymodbus decode, work and encode."""

    def __init__(self, listener: _Listener) -> None:
        super().__init__(listener, self._packet, None, None)  # type: ignore[no-untyped-call]
        self._farm = listener.farm
        self._received = b""
        self._client_address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._client_address = str((transport.get_extra_info("peername") or ("",))[0])
        limit = self._farm.connection_limit
        if limit is not None and len(self._farm.connections) >= limit:
            self.drop()
            return
        self._farm.connections.add(self)
        cast(asyncio.WriteTransport, transport).set_write_buffer_limits(high=_UNREAD_ANSWERS_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._farm.connections.discard(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give up a client that sends requests and never reads the answers."""
        self._note("rx", "client does not read its answers: connection closed")
        self.drop()

    def resume_writing(self) -> None:
        """Have nothing to do: the connection was dropped."""

    def drop(self) -> None:
        """Close without waiting for unread answers."""
        if self.is_open:
            cast(asyncio.WriteTransport, self.transport).abort()

    @property
    def is_open(self) -> bool:
        """Return whether answers can still be sent."""
        return self.transport is not None and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        stream = self._received + data
        start = 0
        while self.is_open and len(stream) - start >= _HEADER:
            _, protocol, length = struct.unpack_from(">HHH", stream, start)
            if protocol != 0 or not _MIN_LENGTH <= length <= _MAX_LENGTH:
                self._note("rx", f"bad header {stream[start : start + _HEADER].hex(' ').upper()}: connection closed")
                self.transport.close()
                return
            end = start + _HEADER + length
            if end > len(stream):
                break
            self._answer(stream[start:end])
            start = end
        self._received = stream[start:]

    def _answer(self, frame: bytes) -> None:
        farm = self._farm
        unit, pdu = frame[6], frame[7:]
        CLIENT.set(self._client_address)
        if farm.on_frame is not None:
            farm.on_frame("rx", describe_request(unit, pdu))
        is_known = farm.bank_for_unit(unit) is not None
        if farm.silent or (not is_known and farm.unknown_unit == "silence"):
            return
        if is_known and farm.on_activity is not None:
            farm.on_activity()
        code = farm.refuse_with if is_known else cast(int, farm.unknown_unit)
        if code is None:
            code = check_pdu(pdu, farm.functions)
        response = self._served(frame) if code is None else ExceptionResponse(pdu[0] & 0x7F, code)
        response.dev_id = unit
        response.transaction_id = int.from_bytes(frame[:2])
        if farm.response_delay_s > 0:
            self.loop.call_later(farm.response_delay_s, self._reply, response)
        else:
            self._reply(response)

    def _served(self, frame: bytes) -> ModbusPDU:
        function = frame[7]
        try:
            if function == DEVICE_IDENTIFICATION:
                return _identification(self._farm.identity, frame[9], frame[10])
            _, request = self.framer.handleFrame(frame, 0, 0)
            if request is None:
                raise ModbusError(ILLEGAL_VALUE)
            return _finished(request.datastore_update(self.server.context, frame[6]))
        except ModbusError as error:
            return ExceptionResponse(function, error.code)
        except ModbusIOException:
            return ExceptionResponse(function, ILLEGAL_VALUE)
        except Exception as error:  # a bug in a device: the client gets its answer, the bench gets the traceback
            self.loop.call_exception_handler({"message": "a device failed on a Modbus request", "exception": error})
            return ExceptionResponse(function, DEVICE_FAILURE)

    def _reply(self, response: ModbusPDU) -> None:
        if self.is_open:
            self.server_send(response, None)  # type: ignore[no-untyped-call]

    def _packet(self, sending: bool, data: bytes) -> bytes:
        """Tell of a frame that pymodbus has encoded and is about to send."""
        if sending and self._farm.on_frame is not None:
            self._note("tx", describe_response(data[6], data[7:]))
        return data

    def _note(self, direction: str, text: str) -> None:
        if self._farm.on_frame is not None:
            self._farm.on_frame(direction, text)


def _finished(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine that never waits, without a task for it."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast(_Result, done.value)
    work.close()
    raise RuntimeError("a Modbus request waited for something")


def _identification(identity: Mapping[int, str], code: int, first: int) -> ModbusPDU:
    """Return the answer to function 2Bh: basic (1), regular (2) or all (3) objects, or one (4)."""
    if code == 4:
        if first not in identity:
            raise ModbusError(ILLEGAL_ADDRESS)
        return ReadDeviceInformationResponse(code, {first: identity[first]})
    last = {1: 0x02, 2: 0x06, 3: 0xFF}[code]
    start = first if first in identity else 0
    return ReadDeviceInformationResponse(code, {k: v for k, v in sorted(identity.items()) if start <= k <= last})


class ModbusFault(Exception):
    """A request of a client that brought no answer, or not the one asked for."""


class ModbusRefused(ModbusFault):
    """The device answered with an exception.

    Attributes:
        code: Modbus exception code.
    """

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(text)


class ModbusTimeout(ModbusFault, TimeoutError):
    """No answer in time."""


class ModbusConnectionLost(ModbusFault, ConnectionError):
    """No connection, or it was closed before the answer came."""


class ModbusNonsense(ModbusFault):
    """The answer does not belong to the request."""


class ModbusClient:
    """A Modbus TCP client; one request at a time, connects by itself whenever it has to.

    Args:
        host: Address of the device.
        port: Its port.
        source_address: Local address to connect from, None for any.
        timeout_s: Time for a connection, and for each answer [s].
        retries: How often a request is sent again after a timeout.
    """

    def __init__(
        self, host: str, port: int, *, source_address: str | None = None, timeout_s: float = 3.0, retries: int = 0
    ) -> None:
        self._peer = f"{host}:{port}"
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._is_waiting = False
        self._client = AsyncModbusTcpClient(
            host,
            port=port,
            source_address=(source_address, 0) if source_address else None,
            timeout=timeout_s,
            retries=retries,
            reconnect_delay=0,
            trace_connect=self._connection_changed,
        )

    @property
    def connected(self) -> bool:
        """Return whether there is a connection."""
        return self._client.connected

    async def connect(self) -> None:
        """Connect now instead of with the first request.

        Raises:
            ModbusConnectionLost: Nobody accepts.
        """
        async with self._lock:
            await self._connect()

    async def _connect(self) -> None:
        if not self._client.connected and not await self._client.connect():
            raise ModbusConnectionLost(f"{self._peer} accepts no Modbus connection")

    def close(self) -> None:
        """Close the connection; a later request opens it again."""
        self._client.close()

    async def read_holding(self, address: int, count: int, unit: int = 1) -> list[int]:
        """Return words (function 3).

        Raises:
            ModbusFault: One of its kinds.
        """
        return await self._read(ReadHoldingRegistersRequest(address=address, count=count, dev_id=unit))

    async def read_input(self, address: int, count: int, unit: int = 1) -> list[int]:
        """Return words (function 4).

        Raises:
            ModbusFault: One of its kinds.
        """
        return await self._read(ReadInputRegistersRequest(address=address, count=count, dev_id=unit))

    async def write_register(self, address: int, word: int, unit: int = 1) -> None:
        """Write one word (function 6).

        Raises:
            ModbusFault: One of its kinds.
        """
        await self._request(WriteSingleRegisterRequest(address=address, registers=[word], dev_id=unit))

    async def write_registers(self, address: int, words: Sequence[int], unit: int = 1) -> None:
        """Write words (function 16).

        Raises:
            ModbusFault: One of its kinds.
        """
        await self._request(WriteMultipleRegistersRequest(address=address, registers=list(words), dev_id=unit))

    async def _read(self, request: ModbusPDU) -> list[int]:
        response = await self._request(request)
        if len(response.registers) != request.count:
            raise ModbusNonsense(f"{self._text(request)} brought {len(response.registers)} words")
        return list(response.registers)

    async def _request(self, request: ModbusPDU) -> ModbusPDU:
        async with self._lock:
            await self._connect()
            self._is_waiting = True
            try:
                response = await self._client.execute(False, request)
            except ConnectionException:
                raise ModbusConnectionLost(f"{self._text(request)}: the connection was lost") from None
            except ModbusIOException:
                raise ModbusTimeout(f"{self._text(request)}: no answer within {self._timeout_s:g} s") from None
            finally:
                self._is_waiting = False
        if isinstance(response, ExceptionResponse):
            raise ModbusRefused(response.exception_code, f"{self._text(request)}: exception {response.exception_code}")
        if response.function_code != request.function_code:
            raise ModbusNonsense(f"{self._text(request)}: answered with function {response.function_code}")
        return cast(ModbusPDU, response)

    def _connection_changed(self, is_connected: bool) -> None:
        """End a waiting request at once when its connection goes (pymodbus would wait for the timeout)."""
        future = self._client.ctx.response_future
        if not is_connected and self._is_waiting and not future.done():
            future.set_exception(ConnectionException("lost"))

    def _text(self, request: ModbusPDU) -> str:
        return f"{self._peer} unit {request.dev_id} function {request.function_code} at {request.address}"
