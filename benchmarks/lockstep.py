"""How fast processes take turns in lock-step time.

    python benchmarks/lockstep.py [--farm-s 30] [--json FILE]

Each member is a process with charging points that are no more than a Modbus-like server: 12 bytes in, 19 bytes out,
twice per farm second and point, over loopback TCP. So the figures are of the clock: grants (moves of time) and farm
seconds per wall second. Polls are spread evenly over the second, which takes the most grants, or all are at the same
instant. "one process" is the same site in virtual time on one loop: what taking turns costs. Not gating.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hil.clock import FarmLoop, GrantedLoop, VirtualTimeLoop
from hil.clock.conductor import DEVICE, RUNNER, Conductor
from hil.clock.grants import MemberHello

FLOOR_GRANTS, FLOOR_X = 2000, 50
SITES = ((10, 1, True), (30, 1, True), (10, 10, False), (10, 10, True))  #: Members, points in each, spread.
REQUEST, ANSWER = bytes(12), bytes(19)
FIRST_PORT = 20000
RUNNER_AT, FIRST_AT = "127.204.1.254", "127.204.1."
TOKEN = "benchmark"


class Server(asyncio.Protocol):
    """Answers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * (len(data) // len(REQUEST)))


class Client(asyncio.Protocol):
    """Asks."""

    answer: asyncio.Future[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(None)

    async def ask(self, loop: FarmLoop) -> None:
        self.answer = loop.create_future()
        self.transport.write(REQUEST)
        await self.answer


async def serve(loop: FarmLoop, address: str, points: int) -> list[asyncio.Server]:
    """Be the points of a member."""
    return [await loop.create_server(Server, address, FIRST_PORT + point) for point in range(points)]


async def poll(loop: FarmLoop, members: Sequence[str], points: int, *, spread: bool, farm_s: float) -> float:
    """Ask every point twice a second; return the wall time that it took [s]."""
    count, ends_s = len(members) * points, loop.time() + farm_s + 1

    async def one(number: int) -> None:
        member, point = members[number // points], number % points
        _, client = await loop.create_connection(Client, member, FIRST_PORT + point, local_addr=(RUNNER_AT, 0))
        await asyncio.sleep(number / count if spread else 0)
        while loop.time() < ends_s:
            await client.ask(loop)
            await client.ask(loop)
            await asyncio.sleep(1)

    async with loop.time_flows():
        tasks = [loop.create_task(one(number)) for number in range(count)]
        await asyncio.sleep(1)
        begun = time.perf_counter()
        await asyncio.sleep(farm_s)
        took_s = time.perf_counter() - begun
        await asyncio.gather(*tasks)
    return took_s


def member(facts: dict[str, Any]) -> None:
    """Be one process."""
    at, others = facts["address"], facts["others"]
    hello = MemberHello(TOKEN, "one", at, RUNNER if at == RUNNER_AT else DEVICE, (at,))
    loop = GrantedLoop(("127.0.0.1", facts["port"]), hello)
    print("joined", flush=True)
    sys.stdin.readline()

    async def device() -> None:
        gone = asyncio.Event()
        loop.left = gone.set
        await serve(loop, at, facts["points"])
        await gone.wait()

    async def runner() -> None:
        await loop.settle()
        took_s = await poll(loop, others, facts["points"], spread=facts["spread"], farm_s=facts["farm_s"])
        print(json.dumps({"took_s": took_s, "grants": loop.jumps}), flush=True)

    with asyncio.Runner(loop_factory=lambda: loop) as one:
        one.run(runner() if at == RUNNER_AT else device())


def lock_step(members: int, points: int, *, spread: bool, farm_s: float) -> dict[str, float]:
    """Return what the processes do in a wall second."""
    conductor = Conductor(TOKEN, ("127.0.0.1", 0))
    others = [f"{FIRST_AT}{number}" for number in range(1, members + 1)]
    facts = {"port": conductor.address[1], "others": others, "points": points, "spread": spread, "farm_s": farm_s}
    serving = threading.Thread(target=conductor.serve)
    serving.start()
    with ExitStack() as stack:
        stack.callback(serving.join)
        stack.callback(conductor.stop)
        processes = []
        for address in (RUNNER_AT, *others):
            words = [sys.executable, __file__, "--member", json.dumps({**facts, "address": address})]
            one = stack.enter_context(
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
            )
            processes.append(one)
        for one in processes:
            assert one.stdout is not None
            assert one.stdout.readline() == "joined\n"
        for one in reversed(processes):
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.close()
        assert processes[0].stdout is not None
        said = json.loads(processes[0].stdout.readline())
    return {"x": farm_s / said["took_s"], "grants_per_s": said["grants"] / (farm_s + 2) * farm_s / said["took_s"]}


def one_process(members: int, points: int, *, spread: bool, farm_s: float) -> float:
    """Return farm seconds per wall second of the same site on one loop."""
    others = [f"{FIRST_AT}{number}" for number in range(1, members + 1)]
    loop = VirtualTimeLoop()

    async def whole() -> float:
        servers = [server for other in others for server in await serve(loop, other, points)]
        took_s = await poll(loop, others, points, spread=spread, farm_s=farm_s)
        for server in servers:
            server.close()
        return farm_s / took_s

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(whole())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--farm-s", type=float, default=30.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--member", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.member:
        member(json.loads(args.member))
        return
    figures = []
    for members, points, spread in SITES:
        found = lock_step(members, points, spread=spread, farm_s=args.farm_s)
        found["one_process_x"] = one_process(members, points, spread=spread, farm_s=args.farm_s)
        figures.append({"members": members, "points": members * points, "spread": spread, **found})
        print(
            f"{members} members, {members * points} points, {'spread' if spread else 'aligned'}: x{found['x']:.0f}, "
            f"{found['grants_per_s']:.0f} grants/s (one process x{found['one_process_x']:.0f})",
            flush=True,
        )
    print(f"floors: {FLOOR_GRANTS} grants/s, 100 points in 10 members at x{FLOOR_X}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
