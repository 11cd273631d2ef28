#!/usr/bin/env bash
# minimalmodbus 2.1.1 writes 8.20 A with two decimals as 819, and 16.4 - 10.4 A with one as 5.9 A: it cuts off.
#
# Package     minimalmodbus 2.1.1
# Behaviour   write_register(address, 8.2, number_of_decimals=2) multiplies as a binary float (819.9999...) and takes
#             the whole part, so the device gets 819, and read_register gives 8.19 back. Of the currents from 6.00 to
#             32.00 A 107 of 2601 are one count low, round ones such as 8.2 and 8.7 among them; none is high. Typed
#             values with one decimal are all right, but a difference is not: 16.4 - 10.4 is 5.999999999999998, and is
#             written as 59.
# Surprise    number_of_decimals is there to spare one the scaling, and the values that one tests with (6, 10, 16, 32 A)
#             pass. The package checks the echo of the device too, and the echo is right.
# Consequence What a fuse leaves for charging is a difference of currents. 6 A written as 5.9 A is less than the least
#             that IEC 61851-1 knows, and charging pauses. "Write, read back, compare" never comes to rest for such
#             setpoints: it writes in each cycle, or reports a charger that does not obey. Scale by yourself:
#             write_register(address, round(amperes * 100)).
# Standard    MODBUS Application Protocol 1.1b3, 6.6 and 6.12: a register is a whole number, its scale is up to the
#             device; IEC 61851-1, annex A: 6 A is the least current that the duty cycle of the pilot offers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check minimalmodbus==2.1.1 pyserial==3.5
"$work/venv/bin/python" - <<'PY'
import os
import sys
import threading
import tty
from collections import Counter

import minimalmodbus

changed = []
SETPOINT, READ, WRITE = 100, 3, 6


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


class Charger:
    """A Modbus RTU device with one register, on a pseudo terminal."""

    def __init__(self):
        self.line, terminal = os.openpty()
        tty.setraw(terminal)
        self.port = os.ttyname(terminal)
        self.register = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        pending = b""
        while True:
            pending += os.read(self.line, 8)
            while len(pending) >= 8:  # Requests of functions 3 and 6 have eight bytes.
                request, pending = pending[:8], pending[8:]
                if request[1] == WRITE:
                    self.register = int.from_bytes(request[4:6])
                    answer = request[:6]
                else:
                    answer = bytes([request[0], READ, 2]) + self.register.to_bytes(2)
                os.write(self.line, answer + crc16_modbus(answer))


charger = Charger()
instrument = minimalmodbus.Instrument(charger.port, 1)
instrument.serial.baudrate, instrument.serial.timeout = 115200, 10


def written(amperes, decimals):
    instrument.write_register(SETPOINT, amperes, number_of_decimals=decimals, functioncode=WRITE)
    return charger.register


see("8.2 A with two decimals: register", written(8.2, 2), 819)
see("8.2 A with two decimals: read back [A]", instrument.read_register(SETPOINT, number_of_decimals=2), 8.19)
see("8.2 A as round(8.2 * 100): register", written(round(8.2 * 100), 0), 820)
see("8.2 A with one decimal: register", written(8.2, 1), 82)
see("16.4 - 10.4 A with one decimal: register", written(16.4 - 10.4, 1), 59)
off = Counter(count - written(count / 100, 2) for count in range(600, 3201))
see("6.00 to 32.00 A: setpoints by how many counts they are low", dict(sorted(off.items())), {0: 2494, 1: 107})
see("with one decimal: wrong", sum(count != written(count / 10, 1) for count in range(60, 321)), 0)

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
