#!/usr/bin/env bash
# pymodbus 3.16.1 gives the bits of a register with its bytes exchanged: bit 0 stands at index 8.
#
# Packages    pymodbus 3.16.1, for comparison pyModbusTCP 0.3.1
# Behaviour   convert_from_registers(..., DATATYPE.BITS) lists the bits byte by byte in the order on the wire, lowest
#             bit first in each byte. In a register the high byte comes first, so the list begins with bits 8 to 15. For
#             a 32-bit status of two registers bit 0 is at index 24, with word_order="little" at 8; no word order gives
#             0. convert_to_registers does the reverse, so that a simulator and a client on pymodbus agree with each
#             other and with no device. pyModbusTCP's helper has bit 0 at index 0, as has value >> n.
# Surprise    The other types of the same call (UINT16, FLOAT32) are right, and coils, for which this byte order is
#             made, are right with it too.
# Consequence The digital input of a PAC2200 (status word 209, bit 0), used to reduce the power of all chargers, is
#             never seen; "warning" and "error" of a meter's state word are read from the byte that is always 0. Tests
#             against one's own pymodbus simulator pass. Read UINT16 or UINT32 and shift.
# Standard    MODBUS Application Protocol 1.1b3, 4.2 (of a register the high byte is sent first) and 6.1 (the lowest bit
#             of the first byte is the first coil); Siemens PAC2200 manual 05/2018, A.1.3: digital inputs, mask
#             00000001h. The maintainers call it a bug (pymodbus#2623, April 2025).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pymodbus==3.16.1 pyModbusTCP==0.3.1
"$work/venv/bin/python" - <<'PY'
import sys

from pymodbus.client import ModbusTcpClient
from pyModbusTCP.utils import get_bits_from_int

changed = []
BITS, UINT32 = ModbusTcpClient.DATATYPE.BITS, ModbusTcpClient.DATATYPE.UINT32
INPUT_ON = [0x0000, 0x0001]  # As a PAC2200 sends its status of inputs with the first one on.


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


def indices(bits):
    return [index for index, bit in enumerate(bits) if bit]


def by_pymodbus(registers, **options):
    return indices(ModbusTcpClient.convert_from_registers(registers, BITS, **options))


see("one register of 0001h, 0100h, 8000h", [by_pymodbus([word]) for word in (0x0001, 0x0100, 0x8000)], [[8], [0], [7]])
see("the same by pyModbusTCP", [indices(get_bits_from_int(word)) for word in (0x0001, 0x0100, 0x8000)],
    [[0], [8], [15]])
see("input on, word order big", by_pymodbus(INPUT_ON), [24])
see("input on, word order little", by_pymodbus(INPUT_ON, word_order="little"), [8])
see("input on as UINT32", ModbusTcpClient.convert_from_registers(INPUT_ON, UINT32), 1)
see("registers for bit 0", ModbusTcpClient.convert_to_registers([True] + 15 * [False], BITS), [0x0100])

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
