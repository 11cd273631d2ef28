"""A PAC2200 of one's own: currents at 13, powers at 25 (float32). Of the farm it knows one address."""

import asyncio
import json
import os
import struct
import sys
from urllib.request import Request, urlopen

from pymodbus.server import StartAsyncTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

HOST, PORT = os.environ.get("METER_HOST", ""), int(os.environ.get("METER_PORT", "502"))
ORDER = [int(phase) - 1 for phase in os.environ.get("METER_PHASES", "123")]  # how its clamps sit: 213 is a mistake
ASK = Request(os.environ["HIL_WIRES"], headers={"Authorization": f"Bearer {os.environ['HIL_WIRES_TOKEN']}"})


async def measure(_function: int, _start: int, _address: int, _count: int, registers: list[int], _new: object) -> None:
    try:
        answer = await asyncio.to_thread(lambda: urlopen(ASK, timeout=2).read())
    except OSError:  # nobody is there between two tests: the last values stay
        return
    wires = json.loads(answer)
    currents = [wires["current_a"][phase] for phase in ORDER]
    powers = [current * volt for current, volt in zip(currents, wires["voltage_v"], strict=True)]
    for at, values in ((13, [abs(current) for current in currents]), (25, powers)):
        registers[at : at + 6] = struct.unpack(">6H", struct.pack(">3f", *values))


print("a meter of my own", sys.version, flush=True)
data = SimData(0, count=80, values=0, datatype=DataType.REGISTERS)
asyncio.run(StartAsyncTcpServer(SimDevice(1, simdata=[data], action=measure), address=(HOST, PORT)))
