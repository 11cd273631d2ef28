"""The engine that the lean one is held against: pymodbus' framer, decoder, PDU classes and encoder."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from emulators.kit.modbus.frames import DEVICE_IDENTIFICATION, WRITE_REGISTER, identification
from emulators.kit.registers import ILLEGAL_VALUE, ModbusError, RegisterBank

_Result = TypeVar("_Result")


class Pymodbus:
    """Works requests off with pymodbus, where they arrive and without a task of their own."""

    def __init__(self) -> None:
        self._framer = FramerSocket(DecodePDU(True))

    def answer(self, bank: RegisterBank, identity: Mapping[int, str], frame: bytes) -> bytes:
        """Return the answer to a well-formed request."""
        if frame[7] == DEVICE_IDENTIFICATION:
            objects = identification(identity, frame[9], frame[10])
            return self._framed(frame, ReadDeviceInformationResponse(frame[9], dict(objects)))
        try:
            _, request = self._framer.handleFrame(frame, 0, 0)
        except ModbusIOException:
            request = None
        if request is None:
            raise ModbusError(ILLEGAL_VALUE)
        return self._framed(frame, _finished(request.datastore_update(cast(Any, _Store(bank)), frame[6])))

    def refusal(self, frame: bytes, code: int) -> bytes:
        """Return the exception with a code."""
        return self._framed(frame, ExceptionResponse(frame[7] & 0x7F, code))

    def _framed(self, request: bytes, response: ModbusPDU) -> bytes:
        response.dev_id, response.transaction_id = request[6], int.from_bytes(request[:2])
        return self._framer.buildFrame(response)


class _Store:
    """The registers as pymodbus' PDU classes ask for them; nothing in here ever waits."""

    def __init__(self, bank: RegisterBank) -> None:
        self._bank = bank
        self._written: Sequence[int] = ()

    async def async_getValues(self, unit: int, function: int, address: int, count: int = 1) -> list[int]:
        if function == WRITE_REGISTER:  # the answer echoes the word, also of a register that cannot be read
            return list(self._written)
        return self._bank.read_words(function, address, count)

    async def async_setValues(self, unit: int, function: int, address: int, values: Sequence[int]) -> None:
        self._bank.write_words(function, address, values)
        self._written = values


def _finished(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine that never waits, without a task for it."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast(_Result, done.value)
    work.close()
    raise RuntimeError("a Modbus request waited for something")
