#!/usr/bin/env bash
# uModbus 1.0.4, and async-modbus on top of it, answer a maker's exception code by a bare KeyError.
#
# Packages    uModbus 1.0.4, async-modbus 0.2.3; for comparison pymodbus 3.16.1, modbus-tk 1.1.5, pyModbusTCP 0.3.1
# Behaviour   A device refuses a request with exception F0h, as the Siemens SENTRON PAC meters do for a write while
#             write protection is on. uModbus and async-modbus look the code up in a dictionary of nine and raise
#             KeyError(240), which is no ModbusError of theirs and tells nothing of Modbus. pymodbus, modbus-tk and
#             pyModbusTCP give the code to the caller. With a code of the standard (02h) all five do.
# Surprise    "except ModbusError" is what the documentation shows, and it holds for every meter on the desk. The
#             KeyError looks like a mistake in one's own register table.
# Consequence A reader's loop dies, or an "except KeyError" around the table takes a meter's refusal for a register that
#             is not configured, and the phase counts as not measured. Catch KeyError around the call itself and read it
#             as "refused". Codes beyond the standard are everyday matter: PAC2200 F0h; older devices 07h.
# Standard    MODBUS Application Protocol 1.1b3, chapter 7: an exception answer is function + 80h and a code; the table
#             lists 01h to 06h, 08h, 0Ah and 0Bh. Siemens SENTRON PAC2200 manual 05/2018, appendix A.1: F0h, write
#             protection.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    uModbus==1.0.4 async-modbus==0.2.3 connio==0.2.0 pymodbus==3.16.1 modbus-tk==1.1.5 pyModbusTCP==0.3.1 pyserial==3.5
"$work/venv/bin/python" - <<'PY'
import asyncio
import logging
import socket
import struct
import sys
import threading

from async_modbus import AsyncTCPClient
from modbus_tk.exceptions import ModbusError as TkError
from modbus_tk.modbus_tcp import TcpMaster
from pymodbus.client import ModbusTcpClient
from pyModbusTCP.client import ModbusClient
from umodbus.client import tcp
from umodbus.exceptions import ModbusError

logging.disable(logging.CRITICAL)
changed = []
WRITE_PROTECTED, ILLEGAL_ADDRESS = 0xF0, 0x02
REGISTER, VALUE = 5, 1


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


class Meter:
    """Refuses every request with one exception code."""

    def __init__(self, code):
        self.code = code
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            line, _ = self.listener.accept()
            threading.Thread(target=self.refuse, args=(line,), daemon=True).start()

    def refuse(self, line):
        with line:
            while header := line.recv(7, socket.MSG_WAITALL):
                transaction, _, length, unit = struct.unpack(">HHHB", header)
                function = line.recv(length - 1, socket.MSG_WAITALL)[0]
                line.sendall(struct.pack(">HHHBBB", transaction, 0, 3, unit, function | 0x80, self.code))


def by_pymodbus(port):
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        return client.write_register(REGISTER, VALUE, device_id=1).exception_code


def by_modbus_tk(port):
    try:
        TcpMaster("127.0.0.1", port).execute(1, 6, REGISTER, output_value=VALUE)
    except TkError as error:
        return error.get_exception_code()


def by_pymodbustcp(port):
    client = ModbusClient("127.0.0.1", port)
    client.write_single_register(REGISTER, VALUE)
    return client.last_except


def by_umodbus(port):
    with socket.create_connection(("127.0.0.1", port)) as line:
        try:
            tcp.send_message(tcp.write_single_register(1, REGISTER, VALUE), line)
        except ModbusError as error:
            return error.error_code
        except KeyError as error:
            return repr(error)


def by_async_modbus(port):
    async def write():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await AsyncTCPClient((reader, writer)).write_register(1, REGISTER, VALUE)
        except ModbusError as error:
            return error.error_code
        except KeyError as error:
            return repr(error)
        finally:
            writer.close()

    return asyncio.run(write())


clients = {"pymodbus": by_pymodbus, "modbus-tk": by_modbus_tk, "pyModbusTCP": by_pymodbustcp, "uModbus": by_umodbus,
           "async-modbus": by_async_modbus}
standard, protected = Meter(ILLEGAL_ADDRESS), Meter(WRITE_PROTECTED)
see("exception 02h", {name: write(standard.port) for name, write in clients.items()}, dict.fromkeys(clients, 2))
see("exception F0h", {name: write(protected.port) for name, write in clients.items()},
    {"pymodbus": 240, "modbus-tk": 240, "pyModbusTCP": 240, "uModbus": "KeyError(240)",
     "async-modbus": "KeyError(240)"})

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
