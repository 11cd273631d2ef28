"""A Modbus TCP client, on pymodbus: a stack by somebody else looks at our devices. No server in here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import cast

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

# pymodbus reports refused requests and lost peers as errors of its own; here they are ordinary events of a test bench.
logging.getLogger("pymodbus").addHandler(logging.NullHandler())


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
        peer: What the device is called in errors, None for address and port.
        timeout_s: Time for a connection, and for each answer [s].
        retries: How often a request is sent again after a timeout.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        source_address: str | None = None,
        peer: str | None = None,
        timeout_s: float = 3.0,
        retries: int = 0,
    ) -> None:
        self._peer = peer or f"{host}:{port}"
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
        try:
            return await self._answered(request)
        finally:
            # Python 3.11's wait_for, in pymodbus, loses a cancellation that comes together with the answer or the end.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError

    async def _answered(self, request: ModbusPDU) -> ModbusPDU:
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
