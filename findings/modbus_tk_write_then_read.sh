#!/usr/bin/env bash
# modbus-tk 1.1.5 reads before it writes in function 23: a master that reads its setpoint back sees the old one.
#
# Packages    modbus-tk 1.1.5, for comparison pymodbus 3.16.1 and pyModbusTCP 0.3.1
# Behaviour   One request of function 23 (17h, read/write multiple registers) writes 160 to a register and reads the
#             same register. The server of modbus-tk answers with the value from before, and does write 160; the servers
#             of pymodbus and pyModbusTCP answer 160. The master of modbus-tk is not the cause: raw bytes show the same.
# Surprise    Function 23 is chosen just because one request does both in a fixed order. The write is there when one
#             looks a moment later, so it passes for a slow device.
# Consequence A load manager that writes a current limit and checks it in the same request against a modbus-tk simulator
#             sees each value one request late: it repeats writes, or counts a healthy charger as one that does not
#             obey. A test against such a simulator must not be taken as proof for a real charger, nor the other way
#             round.
# Standard    MODBUS Application Protocol 1.1b3, 6.17: the write operation is performed before the read.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    modbus-tk==1.1.5 pymodbus==3.16.1 pyModbusTCP==0.3.1 pyserial==3.5
"$work/venv/bin/python" - <<'PY'
import asyncio
import logging
import os
import socket
import struct
import threading
import time

import modbus_tk.defines
import modbus_tk.modbus_tcp
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pyModbusTCP.server import ModbusServer

logging.disable(logging.CRITICAL)
changed = []
SETPOINT, OLD, NEW = 2, 60, 160
READ = struct.pack(">BHH", 3, SETPOINT, 1)
WRITE_AND_READ = struct.pack(">BHHHHBH", 23, SETPOINT, 1, SETPOINT, 1, 2, NEW)


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
    server.add_slave(1).add_block("all", modbus_tk.defines.HOLDING_REGISTERS, 0, 10)
    server.start()


def of_pymodbustcp(port):
    ModbusServer("127.0.0.1", port, no_block=True).start()


def of_pymodbus(port):
    async def serve():
        device = SimDevice(id=1, simdata=[SimData(0, values=[0] * 10, datatype=DataType.REGISTERS)])
        await ModbusTcpServer(device, address=("127.0.0.1", port)).serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()


def connect(port):
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def ask(line, pdu):
    line.sendall(struct.pack(">HHHB", 7, 0, len(pdu) + 1, 1) + pdu)
    return line.recv(260)[7:]


def readings(start):
    """Return what function 23 read, and what function 3 reads afterwards."""
    port = free_port()
    start(port)
    with connect(port) as line:
        ask(line, struct.pack(">BHH", 6, SETPOINT, OLD))
        together = ask(line, WRITE_AND_READ)
        return together[0], int.from_bytes(together[2:]), int.from_bytes(ask(line, READ)[2:])


see("pymodbus: function, read with the write, read after it", readings(of_pymodbus), (23, NEW, NEW))
see("pyModbusTCP: function, read with the write, read after it", readings(of_pymodbustcp), (23, NEW, NEW))
see("modbus-tk: function, read with the write, read after it", readings(of_modbus_tk), (23, OLD, NEW))

print("changed:\n" + "\n".join(changed) if changed else "as before", flush=True)
os._exit(1 if changed else 0)  # The servers' threads have no common way to be stopped.
PY
