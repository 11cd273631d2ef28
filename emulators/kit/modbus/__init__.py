"""Modbus TCP on the wire: a server for register banks, and a client.

The server (:mod:`server`) cuts each connection's stream into frames and checks header and PDU as the Modbus Application
Protocol V1.1b3 orders it. What is well formed goes to its engine: :mod:`lean`, which devices use, or :mod:`reference`,
the same by pymodbus, which a test holds it against byte for byte. The client (:mod:`client`) is pymodbus'. Nothing else
imports pymodbus, and who has no client does not pay for it: these two are imported by their own names.

    server = ModbusServer(lambda unit: bank, frozenset({3, 6, 16}), on_activity=model.heard_modbus)
    await server.start(*host.listen_at(502))
    server.silent = True                     # fault, at any time: no answers
    server.refuse_with = DEVICE_FAILURE      # fault: every request is answered with exception 4
    await server.stop()                      # fault or power off: port and connections closed; may start again

    client = ModbusClient("127.0.0.1", 502, source_address=host.source_address())
    words = await client.read_holding(13, 6, unit=1)   # ModbusRefused, ModbusTimeout, ModbusConnectionLost
"""

from emulators.kit.modbus.frames import (
    CLIENT,
    DEVICE_IDENTIFICATION,
    FUNCTIONS,
    READ_HOLDING,
    READ_INPUT,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    check_pdu,
)
from emulators.kit.modbus.lean import Lean
from emulators.kit.modbus.server import Engine, ModbusServer

__all__ = [
    "CLIENT",
    "DEVICE_IDENTIFICATION",
    "FUNCTIONS",
    "READ_HOLDING",
    "READ_INPUT",
    "WRITE_REGISTER",
    "WRITE_REGISTERS",
    "Engine",
    "Lean",
    "ModbusServer",
    "check_pdu",
]
