"""How many exchanges the clocks carry: asyncio's own loop, the farm's real loop, and virtual time, side by side.

    python benchmarks/clock_exchanges.py [--connections 100] [--each 300] [--repeat 3] [--json FILE]

One exchange is a request of 12 bytes and an answer of 13 over loopback TCP, like a Modbus read of two registers, under
a timeout of its own. Ratios and medians count; absolute numbers belong to one machine and one moment. "jumps" measures
timers alone: how many virtual seconds of a farm with 100 periodic tasks pass in a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import pty
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hil.clock import FarmLoop, RealLoop, VirtualTimeLoop

REQUEST = bytes.fromhex("000100000006010300000002")
ANSWER = bytes.fromhex("00010000000701030400120034")


class Server(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * (len(data) // len(REQUEST)))


class Client(asyncio.Protocol):
    answer: asyncio.Future[bytes]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)


async def tcp(connections: int, each: int) -> float:
    """Return exchanges per real second over TCP."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clients = [(await loop.create_connection(Client, "127.0.0.1", port))[1] for _ in range(connections)]

    async def poll(client: Client) -> None:
        for _ in range(each):
            client.answer = loop.create_future()
            client.transport.write(REQUEST)
            async with asyncio.timeout(3):
                await client.answer

    started = time.perf_counter()
    await asyncio.gather(*(poll(client) for client in clients))
    rate = connections * each / (time.perf_counter() - started)
    for client in clients:
        client.transport.close()
    server.close()
    return rate


async def over_pty(count: int) -> float:
    """Return exchanges per real second over one pty; only the farm's loops can count its bytes."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FarmLoop)
    master, slave = pty.openpty()
    link = loop.register_pty(master, slave)
    assert link.slave is not None
    meter, answers = link.slave, asyncio.Queue[bytes]()
    loop.add_reader(slave, lambda: meter.write(meter.read()))
    loop.add_reader(master, lambda: answers.put_nowait(link.master.read()))
    started = time.perf_counter()
    for _ in range(count):
        link.master.write(REQUEST)
        left = len(REQUEST)
        async with asyncio.timeout(3):
            while left:
                left -= len(await answers.get())
    rate = count / (time.perf_counter() - started)
    loop.remove_reader(slave)
    loop.remove_reader(master)
    link.close()
    os.close(master)
    os.close(slave)
    return rate


async def jumps(tasks: int, virtual_s: int) -> float:
    """Return virtual seconds per real second of tasks that wake once a second."""

    async def periodic() -> None:
        for _ in range(virtual_s):
            await asyncio.sleep(1)

    started = time.perf_counter()
    await asyncio.gather(*(periodic() for _ in range(tasks)))
    return virtual_s / (time.perf_counter() - started)


def measure(factory: Callable[[], asyncio.AbstractEventLoop], work: Callable[[], Coroutine[Any, Any, float]]) -> float:
    """Run one measurement on a new loop; in virtual time nothing may have gone wrong."""
    loop = factory()

    async def main() -> float:
        if isinstance(loop, FarmLoop):
            with loop.time_flows():
                return await work()
        return await work()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        rate = runner.run(main())
    if isinstance(loop, FarmLoop) and loop.anomalies:
        sys.exit("the clock counted anomalies: the measurement is void")
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--each", type=int, default=300, help="exchanges per connection")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()

    def exchange() -> Coroutine[Any, Any, float]:
        return tcp(options.connections, options.each)

    cases: dict[str, tuple[Callable[[], asyncio.AbstractEventLoop], Callable[[], Coroutine[Any, Any, float]]]] = {
        "tcp, asyncio's own loop [1/s]": (asyncio.SelectorEventLoop, exchange),
        "tcp, farm in real time [1/s]": (RealLoop, exchange),
        "tcp, virtual time [1/s]": (VirtualTimeLoop, exchange),
        "pty, virtual time [1/s]": (VirtualTimeLoop, lambda: over_pty(5_000)),
        "100 tasks waking each second [virtual s per s]": (VirtualTimeLoop, lambda: jumps(100, 500)),
    }
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.repeat):  # interleaved, so that a slow moment of the machine hits all
        for name, (factory, work) in cases.items():
            figures[name].append(measure(factory, work))
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, medians of {options.repeat}")
    for name, rates in figures.items():
        print(f"{name:50} {statistics.median(rates):12,.0f}   ({min(rates):,.0f} .. {max(rates):,.0f})")
    if options.json:
        options.json.write_text(json.dumps({"python": platform.python_version(), "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
