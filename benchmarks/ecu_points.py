"""How fast a farm of ECU charging points runs in virtual time, beside its floor and a bare pymodbus loop.

    python benchmarks/ecu_points.py [--sites 1 10 100 100+20] [--farm-s 120] [--json FILE]

A site is a number of points, or points+meters with so many DSMR 5 meters, each of which sends a telegram a second over
a pseudo-terminal of its own to a reader that checks and parses it, as a charging station does.

Measured per site, plant and default trace on, a PAC2200 polled by the master as documented, each point with a vehicle:
virtual seconds per wall second with nobody looking, and with every point polled at 1 Hz over real sockets.
Start-up time and memory per device come from the same farm. "bare" is the Modbus traffic alone, pymodbus' own client
and server on asyncio's own loop in the same run: how many virtual seconds of it would fit into a second. Ratios count;
absolute numbers belong to one machine and one moment. Not gating.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from emulators.kit.p1 import TelegramReader
from hil.bench.farm import Farm
from hil.clock import FarmThread, VirtualTimeLoop
from hil.run.benches import embedded
from hil.site import VehicleSpec, load_site
from hil.tester import Tester
from hil.tester.ports import Ports
from hil.trace import TraceWriter

FLOOR_X, FLOOR_START_S, FLOOR_MB = 40.0, 1.0, 0.5  #: Issue's floor for 100 devices.
SIGNALLED = 706
POLL_S = 1.0
SETTLE_S = 90.0  #: Until every vehicle charges.


def write_site(folder: Path, points: int, meters: int) -> Path:
    """Write a site of ECU points with a PAC2200 at the other consumers, polled by the master, and P1 meters."""
    master = {
        "DLM Master/Slave": "DLM Master (With internal DLM-Slave)",
        "DLM Network Id": 0,
        "EVSE Sub-Distribution Limit (L1/L2/L3) [A]": "1000/1000/1000",
        "Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]": "1000/1000/1000",
        "External Meter Support": "On",
        "Meter configuration (Second)": "Modbus Siemens 7KM2200 (TCP)",
        "IP address of second meter": "192.168.0.250",
        "Port number of Second Meter": 502,
        "Main Distribution Limit (L1/L2/L3) [A]": "1000/1000/1000",
        "External Meter Location": "Excluding EVSE Sub-Distribution",
    }
    slave = {"DLM Master/Slave": "DLM Slave (Master-Auto-Discovery)", "DLM Network Id": 0}
    devices = {
        f"CP{n}": {
            "type": "mennekes_ecu",
            "feeder": "EVSE",
            "address": f"192.168.0.{n}",
            "parameters": master if n == 1 else slave,
        }
        for n in range(1, points + 1)
    }
    meter = {"type": "pac2200", "variant": "7KM2200-2EA30-1EA1", "address": "192.168.0.250", "node": "F2"}
    site = {
        "site": f"bench-{points}",
        "feeders": {"EVSE": {"from": "supply"}, "F2": {"from": "supply"}},
        "loads": {"house": {"feeder": "F2", "current_a": "20/10/5"}},
        "devices": devices,
        "meters": {
            "M2": {**meter, "measures": "excluding"},
            **{f"P{n}": {"type": "dsmr_p1", "node": "F2", "measures": "excluding"} for n in range(1, meters + 1)},
        },
    }
    file = folder / f"bench-{points}.yaml"
    file.write_text(json.dumps(site), encoding="utf-8")  # JSON is YAML
    return file


def memory_mb() -> float:
    """Return the resident memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def farm_figures(points: int, meters: int, farm_s: float) -> dict[str, float]:
    """Return what one farm does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = load_site(str(write_site(folder, points, meters)))
        trace = TraceWriter(folder / "trace.jsonl", test="bench", site=site.name, seed=1)
        thread = FarmThread(VirtualTimeLoop)
        farm: Farm | None = None
        before_mb = memory_mb()

        async def begin() -> Farm:
            fresh = Farm(embedded("max"), site, thread.loop, seed=1, trace=trace)
            await fresh.start()
            return fresh

        async def wait(seconds: float) -> None:
            with thread.loop.time_flows():
                await asyncio.sleep(seconds)
            await thread.loop.settle()

        started = time.perf_counter()
        farm = thread.run(begin())
        figures = {"start_s": time.perf_counter() - started}
        names = list(site.charger_names())
        readers = [TelegramReader() for _ in range(meters)]
        read = [0]

        def receive(reader: TelegramReader, data: bytes) -> None:
            read[0] += len(reader.feed(data))

        async def listen() -> None:
            for number, reader in enumerate(readers, 1):
                farm.env.serial.listen(f"P{number}", "P1", partial(receive, reader))

        async def plug() -> None:
            for one in names:
                await Tester(farm).vehicle(one).plug(VehicleSpec())

        async def poll_all(seconds: float) -> None:
            ends = thread.loop.time() + seconds
            counts, ports = [0], Ports(farm)

            async def poll(one: str) -> None:
                due = thread.loop.time()
                probe = ports.probe(one)
                while (due := due + POLL_S) <= ends:
                    await asyncio.sleep(due - thread.loop.time())
                    assert await probe.read("SIGNALED_CURRENT") != 0, one
                    counts[0] += 1

            with thread.loop.time_flows():
                await asyncio.gather(*map(poll, names))
            await ports.close()
            assert counts[0] >= len(names) * (seconds - 1), counts

        thread.run(listen())
        thread.run(plug())
        thread.run(wait(SETTLE_S))
        figures["mb_per_device"] = (memory_mb() - before_mb) / (points + meters + 1)
        started = time.perf_counter()
        thread.run(wait(farm_s))
        figures["idle_x"] = farm_s / (time.perf_counter() - started)
        thread.run(poll_all(3))  # connections are up
        read[0] = 0
        started = time.perf_counter()
        thread.run(poll_all(farm_s))
        figures["polled_x"] = farm_s / (time.perf_counter() - started)
        assert read[0] >= meters * (farm_s - 1), read
        assert not any(reader.rejected for reader in readers), [reader.last_reason for reader in readers]
        figures["anomalies"] = thread.loop.anomalies
        assert farm.env.failures == [], farm.env.failures
        thread.run(farm.stop(), 30)
        thread.close()
        trace.close()
    return figures


def bare_x(points: int, rounds: int) -> float:
    """Return how many rounds of one request to each of so many plain pymodbus servers fit into a second."""

    async def go() -> float:
        servers, clients = [], []
        for _ in range(points):
            device = SimDevice(1, simdata=[SimData(SIGNALLED, values=[32], datatype=DataType.REGISTERS)])
            server = ModbusTcpServer(device, address=("127.0.0.1", 0))
            await server.listen()
            assert server.transport is not None
            port = server.transport.sockets[0].getsockname()[1]
            client = AsyncModbusTcpClient("127.0.0.1", port=port)
            await client.connect()
            servers.append(server)
            clients.append(client)
        started = time.perf_counter()
        for _ in range(rounds):
            await asyncio.gather(*(one.read_holding_registers(SIGNALLED, count=1, device_id=1) for one in clients))
        took_s = time.perf_counter() - started
        for client in clients:
            client.close()
        for server in servers:
            await server.shutdown()
        return rounds * POLL_S / took_s

    return asyncio.run(go())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", nargs="+", default=["1", "10", "100", "100+20"], metavar="POINTS[+METERS]")
    parser.add_argument("--farm-s", type=float, default=120.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("site     nobody looks   polled 1 Hz   of floor   bare pymodbus   of bare   start     memory    anomalies")
    for site in args.sites:
        points, meters = (int(part or 0) for part in site.partition("+")[::2])
        row: dict[str, Any] = {"points": points, "p1_meters": meters, **farm_figures(points, meters, args.farm_s)}
        row["bare_x"] = bare_x(points, max(10, round(args.farm_s * min(1, 10 / points))))
        rows.append(row)
        print(
            f"{site:>6}   {row['idle_x']:>11.0f}x   {row['polled_x']:>10.0f}x   {row['polled_x'] / FLOOR_X:>8.2f}"
            f"   {row['bare_x']:>12.0f}x   {row['polled_x'] / row['bare_x']:>7.2f}   {row['start_s'] * 1e3:>4.0f} ms"
            f"   {row['mb_per_device']:>5.2f} MB   {row['anomalies']:>6.0f}"
        )
    print(
        f"floor for 100 points, also with 20 P1 meters: {FLOOR_X:g}x polled, start below {FLOOR_START_S:g} s, "
        f"below {FLOOR_MB:g} MB a device"
    )
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
