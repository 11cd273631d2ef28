"""Modbus TCP frames: which requests are well formed, what a refusal looks like, and frames in words. No I/O in here."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

from emulators.kit.registers import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, ModbusError

READ_HOLDING: Final = 0x03
READ_INPUT: Final = 0x04
WRITE_REGISTER: Final = 0x06
WRITE_REGISTERS: Final = 0x10
DEVICE_IDENTIFICATION: Final = 0x2B
FUNCTIONS: Final = frozenset({READ_HOLDING, READ_INPUT, WRITE_REGISTER, WRITE_REGISTERS, DEVICE_IDENTIFICATION})
"""Functions that a server can offer."""

MEI_TYPE: Final = 0x0E
_MAX_READ, _MAX_WRITE = 125, 123
_LAST_ADDRESS: Final = 0xFFFF

CLIENT: Final = ContextVar("CLIENT", default="")
"""Address of the client whose request a server works on; ``on_frame`` and register callbacks may look at it."""


def check_pdu(pdu: bytes, functions: frozenset[int]) -> int | None:
    """Return the exception code that a request deserves by its form alone, None for a well-formed one.

    The order is the specification's: function (1), then count and length (3), then the address range (2).
    """
    function = pdu[0]
    if function not in functions:
        return ILLEGAL_FUNCTION
    if function == DEVICE_IDENTIFICATION:
        return None if len(pdu) == 4 and pdu[1] == MEI_TYPE and 1 <= pdu[2] <= 4 else ILLEGAL_VALUE
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


def identification(identity: Mapping[int, str], code: int, first: int) -> dict[int, str]:
    """Return what function 2Bh asks for: the basic (1), regular (2) or all (3) objects, or one (4), by id.

    Raises:
        ModbusError: The one object that is asked for is not there.
    """
    if code == 4:
        if first not in identity:
            raise ModbusError(ILLEGAL_ADDRESS)
        return {first: identity[first]}
    last = {1: 0x02, 2: 0x06, 3: 0xFF}[code]
    start = first if first in identity else 0
    return {number: text for number, text in sorted(identity.items()) if start <= number <= last}
