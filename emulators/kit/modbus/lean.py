"""The engine that devices use: Modbus requests parsed, worked off and answered with struct alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from emulators.kit.modbus.frames import (
    DEVICE_IDENTIFICATION,
    MEI_TYPE,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    identification,
)
from emulators.kit.registers import RegisterBank

_TWO: Final = struct.Struct(">HH")
_LENGTH: Final = struct.Struct(">H")
_OBJECTS_BYTES: Final = 253 - 6  #: What an answer to function 2Bh has for its objects, one byte of it unused.
_CONFORMITY: Final = 0x83  #: Extended identification, as a stream and one by one.
_MORE_FOLLOWS: Final = 0xFF


class Lean:
    """Works requests off without an object per request."""

    def answer(self, bank: RegisterBank, identity: Mapping[int, str], frame: bytes) -> bytes:
        """Return the answer to a well-formed request."""
        function = frame[7]
        if function == DEVICE_IDENTIFICATION:
            return _framed(frame, _identified(identity, frame[9], frame[10]))
        address, count = _TWO.unpack_from(frame, 8)
        if function == WRITE_REGISTER:
            bank.write_words(function, address, [count])
            return frame  # the echo, also of a register that cannot be read
        if function == WRITE_REGISTERS:
            bank.write_words(function, address, struct.unpack_from(f">{count}H", frame, 13))
            return _framed(frame, frame[7:12])
        data = bank.read_bytes(function, address, count)
        return _framed(frame, bytes((function, len(data))) + data)

    def refusal(self, frame: bytes, code: int) -> bytes:
        """Return the exception with a code."""
        return _framed(frame, bytes((frame[7] | 0x80, code)))


def _framed(request: bytes, pdu: bytes) -> bytes:
    return request[:4] + _LENGTH.pack(len(pdu) + 1) + request[6:7] + pdu


def _identified(identity: Mapping[int, str], code: int, first: int) -> bytes:
    objects, number, free, more, following = b"", 0, _OBJECTS_BYTES, 0, 0
    for one, text in identification(identity, code, first).items():
        data = text.encode()
        free -= 2 + len(data)
        if free <= 0:
            more, following = _MORE_FOLLOWS, one
            break
        objects += bytes((one, len(data))) + data
        number += 1
    return bytes((DEVICE_IDENTIFICATION, MEI_TYPE, code, _CONFORMITY, more, following, number)) + objects
