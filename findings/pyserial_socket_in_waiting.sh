#!/usr/bin/env bash
# pyserial 3.5 says that one byte waits on socket:// when 500 do; pymodbus then reads a meter byte by byte, with sleeps.
#
# Packages    pyserial 3.5, pymodbus 3.16.1
# Behaviour   A serial server at a TCP port (ser2net "raw", a P1 or RS-485 gateway) sends 500 bytes. Serial.in_waiting,
#             documented as the number of bytes in the input buffer, is 1 on a socket:// port and 500 on a serial
#             device. So read(in_waiting), the usual way to take what is there, takes one byte each time. pymodbus asks
#             in_waiting too: its serial client takes an answer of 205 bytes that is there at once in 205 reads of one
#             byte, and sleeps before each: 0.4 s and more at 19200 baud.
# Surprise    "port=socket://..." is a drop-in for "/dev/ttyUSB0", and the values are right. The pySerial manual says
#             that settings and control lines are ignored there; a count of bytes is neither.
# Consequence A meter behind a gateway seems to have a slow line, the more so the larger the block, so that joining
#             registers into one request makes it worse; a control loop of 1 s over several meters no longer holds. A P1
#             reader that takes one read for one telegram never sees a telegram. Read with a size and a timeout and
#             split by content; for RTU over TCP use the TCP client with the RTU framer.
# Standard    pySerial 3.5 API, Serial.in_waiting, and URL handlers, socket://.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pyserial==3.5 pymodbus==3.16.1
"$work/venv/bin/python" - <<'PY'
import os
import socket
import sys
import threading
import time
import tty
from collections import Counter

import serial
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.framer import FramerType

changed = []
BURST = 500
AT_LEAST_S = 0.4  # 205 sleeps of the 2 ms and more that pymodbus takes at 19200 baud


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


def crc16_modbus(data):
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


def gateway(line):
    """Send the burst for a B, and for a Modbus RTU read of holding registers its answer, in one piece each."""
    with line:
        while request := line.recv(260):
            if request == b"B":
                line.sendall(bytes(BURST))
            else:
                size = 2 * int.from_bytes(request[4:6])
                answer = request[:2] + bytes([size]) + bytes(size)
                line.sendall(answer + crc16_modbus(answer))


def listen():
    while True:
        threading.Thread(target=gateway, args=(listener.accept()[0],), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0))
tcp_port = listener.getsockname()[1]
url = f"socket://127.0.0.1:{tcp_port}"
threading.Thread(target=listen, daemon=True).start()


def waiting(port):
    """Return in_waiting once it no longer grows, and what read(in_waiting) takes then."""
    seen, since = 0, time.monotonic()
    while time.monotonic() - since < 1 or not seen:
        if port.in_waiting != seen:
            seen, since = port.in_waiting, time.monotonic()
        time.sleep(0.01)
    return seen, len(port.read(port.in_waiting))


def serial_device():
    meter, terminal = os.openpty()
    tty.setraw(terminal)
    return meter, serial.Serial(os.ttyname(terminal))


meter, device = serial_device()
os.write(meter, bytes(BURST))
see("serial device: in_waiting, read(in_waiting)", waiting(device), (BURST, BURST))

with serial.serial_for_url(url, timeout=10) as port:
    port.write(b"B")
    see("socket://: in_waiting, read(in_waiting)", waiting(port), (1, 1))
    see("socket://: the rest", len(port.read(BURST - 1)), BURST - 1)

with ModbusSerialClient(url, baudrate=19200, timeout=10) as client:
    sizes, read = Counter(), client.socket.read

    def counted(size):
        sizes[size] += 1
        return read(size)

    client.socket.read = counted
    start = time.monotonic()
    see("pymodbus on socket://: registers", len(client.read_holding_registers(0, count=100, device_id=1).registers), 100)
    took_s = time.monotonic() - start
    see("pymodbus on socket://: reads by size", dict(sizes), {1: 205})
    print(f"pymodbus on socket://: took {took_s:.2f} s")
    see(f"pymodbus on socket://: took {AT_LEAST_S} s or more", took_s >= AT_LEAST_S, True)

with ModbusTcpClient("127.0.0.1", port=tcp_port, framer=FramerType.RTU, timeout=10) as client:
    start = time.monotonic()
    see("pymodbus, TCP with the RTU framer: registers",
        len(client.read_holding_registers(0, count=100, device_id=1).registers), 100)
    print(f"pymodbus, TCP with the RTU framer: took {time.monotonic() - start:.2f} s")

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
