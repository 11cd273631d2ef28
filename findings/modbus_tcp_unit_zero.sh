#!/usr/bin/env bash
# Four Modbus TCP servers of PyPI, four answers to unit 0: value, silence with the write done, exception 2, exception 4.
#
# Packages    pymodbus 3.16.1, modbus-tk 1.1.5, pyModbusTCP 0.3.1, uModbus 1.0.4
# Behaviour   Each server has one device, as unit 1, with the same registers. A valid read and a valid write go to unit 0:
#               pyModbusTCP  answers as for unit 1 (any unit gets this)
#               modbus-tk    takes it for a broadcast of the serial line: does the write, answers nothing
#               uModbus      exception 2, "illegal data address", as for a register that is not there
#               pymodbus     exception 4, "device failure"
#             To unit 2, which none of them has: pyModbusTCP answers with unit 1's value, modbus-tk is silent, uModbus
#             and pymodbus refuse as above. None gives 0Ah or 0Bh, which the protocol has for this.
# Surprise    0 is what a client sends that cares for no unit, over TCP a matter of course. A setpoint that goes to unit 0
#             of a modbus-tk server is in force while the client sees a time-out, and sends it again.
# Consequence A load manager that was tested against one of these as a stand-in for meter or charger knows nothing of how
#             it behaves with a real one. Set the unit of the manual, never leave it 0; treat a time-out after a write as
#             "unknown", and read back; do not take exception 2 as proof that a register is missing.
# Standard    MODBUS Messaging on TCP/IP Implementation Guide 1.0b, on building a request: a device on TCP is addressed by
#             its IP address; its unit identifier is to be FFh, and 0 is accepted too. MODBUS over Serial Line 1.02: there
#             address 0 is the broadcast. MODBUS Application Protocol 1.1b3, chapter 7: exceptions 02h, 04h, 0Ah, 0Bh.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pymodbus==3.16.1 modbus-tk==1.1.5 pyModbusTCP==0.3.1 uModbus==1.0.4 pyserial==3.5
"$work/venv/bin/python" - <<'PY'
import asyncio
import logging
import os
import socket
import struct
import sys
import threading
import time
from socketserver import TCPServer

import modbus_tk.defines
import modbus_tk.modbus_tcp
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pyModbusTCP.server import ModbusServer
from umodbus.server.tcp import RequestHandler, get_server

logging.disable(logging.CRITICAL)
changed = []
REGISTERS = 10
READ = struct.pack(">BHH", 3, 5, 1)


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def of_modbus_tk(port):
    server = modbus_tk.modbus_tcp.TcpServer(port=port, address="127.0.0.1")
    server.add_slave(1).add_block("all", modbus_tk.defines.HOLDING_REGISTERS, 0, REGISTERS)
    server.start()


def of_pymodbustcp(port):
    ModbusServer("127.0.0.1", port, no_block=True).start()


def of_umodbus(port):
    values = [0] * REGISTERS
    server = get_server(TCPServer, ("127.0.0.1", port), RequestHandler)

    @server.route(slave_ids=[1], function_codes=[3], addresses=range(REGISTERS))
    def read(slave_id, function_code, address):
        return values[address]

    @server.route(slave_ids=[1], function_codes=[6], addresses=range(REGISTERS))
    def write(slave_id, function_code, address, value):
        values[address] = value

    threading.Thread(target=server.serve_forever, daemon=True).start()


def of_pymodbus(port):
    async def serve():
        device = SimDevice(id=1, simdata=[SimData(0, values=[0] * REGISTERS, datatype=DataType.REGISTERS)])
        await ModbusTcpServer(device, address=("127.0.0.1", port)).serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()


def ask(port, unit, pdu):
    """Return the PDU of the answer in hexadecimal digits, "silence" when none comes within two seconds."""
    deadline = time.monotonic() + 30
    while True:
        try:
            line = socket.create_connection(("127.0.0.1", port), timeout=2)
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    with line:
        line.sendall(struct.pack(">HHHB", 7, 0, len(pdu) + 1, unit) + pdu)
        try:
            return line.recv(260)[7:].hex()
        except TimeoutError:
            return "silence"


def behaviour(start):
    port = free_port()
    start(port)
    own = ask(port, 1, READ)
    return {"unit 1": own, "read of unit 0": ask(port, 0, READ),
            "write to unit 0": ask(port, 0, struct.pack(">BHH", 6, 5, 0x10)), "register then": ask(port, 1, READ)[4:],
            "read of unit 2": ask(port, 2, READ)}


written = {"unit 1": "03020000", "register then": "0010"}
untouched = {"unit 1": "03020000", "register then": "0000"}
see("pyModbusTCP", behaviour(of_pymodbustcp), written | {
    "read of unit 0": "03020000", "write to unit 0": "0600050010", "read of unit 2": "03020010"})
see("modbus-tk", behaviour(of_modbus_tk), written | {
    "read of unit 0": "silence", "write to unit 0": "silence", "read of unit 2": "silence"})
see("uModbus", behaviour(of_umodbus), untouched | {
    "read of unit 0": "8302", "write to unit 0": "8602", "read of unit 2": "8302"})
see("pymodbus", behaviour(of_pymodbus), untouched | {
    "read of unit 0": "8304", "write to unit 0": "8604", "read of unit 2": "8304"})

print("changed:\n" + "\n".join(changed) if changed else "as before", flush=True)
os._exit(1 if changed else 0)  # The servers' threads have no common way to be stopped.
PY
