"""Modbus requests per second on one loop: many emulated meters, each polled by a client of its own, over loopback.

Measured with the engine that devices use and, in the same run, with the one by pymodbus.

    python benchmarks/modbus_requests.py [--devices 100] [--requests 20000] [--minimum 4000]

The farm polls 100 devices once a second of virtual time: 40 virtual seconds per wall second take 4,000 requests/s of
client and server together. Exit code 1 when the rate stays under ``--minimum``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import emulators.pac2200
from emulators.kit.modbus import Engine, Lean, ModbusServer
from emulators.kit.modbus.client import ModbusClient
from emulators.kit.modbus.reference import Pymodbus
from emulators.kit.registers import RegisterBank, RegisterTable

TABLE = Path(emulators.pac2200.__file__).with_name("registers.csv")


async def measure(devices: int, requests: int, engine: Engine) -> float:
    """Return answered requests per wall second: reads of 6 words (three currents) from each device in turn."""
    bank = RegisterBank(RegisterTable.load(TABLE), read=lambda _name: 16.0, whole_values=True)
    servers = [ModbusServer(lambda _unit: bank, frozenset({3}), engine=engine) for _ in range(devices)]
    for server in servers:
        await server.start("127.0.0.1", 0)
    clients = [ModbusClient("127.0.0.1", server.port) for server in servers]
    for client in clients:
        await client.connect()

    async def poll(client: ModbusClient) -> None:
        for _ in range(requests // devices):
            await client.read_holding(13, 6)

    began = time.perf_counter()
    await asyncio.gather(*(poll(client) for client in clients))
    took_s = time.perf_counter() - began
    for client in clients:
        client.close()
    for server in servers:
        await server.stop()
    return requests // devices * devices / took_s


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--minimum", type=float, default=4_000, help="requests per second that are enough")
    options = parser.parse_args()
    rate, reference = (
        asyncio.run(measure(options.devices, options.requests, engine)) for engine in (Lean(), Pymodbus())
    )
    print(
        f"{options.devices} devices, 6 words each: {rate:,.0f} requests/s (goal {options.minimum:,.0f}); "
        f"with pymodbus' engine {reference:,.0f}"
    )
    return 0 if rate >= options.minimum else 1


if __name__ == "__main__":
    sys.exit(main())
