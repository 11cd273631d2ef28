"""Members of a lock-step run in processes of their own: the tests start this module with what shall happen as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from typing import Any

from aiohttp import ClientSession, TCPConnector, web

from hil.clock import GrantedLoop
from hil.clock.grants import MemberHello

from .wires import ANSWER, Client, ModbusLike

PORT = 20502
UDP_PORT = 20503


class Ear(asyncio.DatagramProtocol):
    """Writes down what it hears, and answers a question."""

    def __init__(self, log: list[Any], loop: GrantedLoop) -> None:
        self.log, self.loop = log, loop

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.log.append([self.loop.now_ns(), data.decode(), addr[0]])
        if data == b"who is there":
            self.transport.sendto(b"me", addr)


class Stream(asyncio.Protocol):
    """Sends a megabyte, then the end."""

    def connection_made(self, transport: Any) -> None:
        transport.write(bytes(1 << 20))
        transport.close()


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Say everything again, with a heartbeat of its own."""
    there = web.WebSocketResponse(heartbeat=20)
    await there.prepare(request)
    async for message in there:
        await there.send_str(f"{message.data} again")
    return there


async def listen_for_websockets(own: str) -> web.AppRunner:
    """Serve `echo`."""
    app = web.Application()
    app.router.add_get("/", echo)
    serving = web.AppRunner(app)
    await serving.setup()
    await web.TCPSite(serving, own, PORT + 3).start()
    return serving


async def device(loop: GrantedLoop, facts: dict[str, Any]) -> None:
    """Be a device: answer requests, hear datagrams, work on timers of its own, until the runner leaves."""
    gone = asyncio.Event()
    loop.left = gone.set
    own = facts["address"]
    await loop.create_server(ModbusLike, own, PORT)
    await loop.create_server(Stream, own, PORT + 2)
    await loop.create_datagram_endpoint(lambda: Ear([], loop), local_addr=(own, UDP_PORT))
    serving = await listen_for_websockets(own)
    dice = random.Random(own)

    async def work() -> None:
        while True:
            await asyncio.sleep(dice.uniform(0.01, facts.get("busy_s", 1.0)))

    async def die(after_s: float) -> None:
        await asyncio.sleep(after_s)
        os.kill(os.getpid(), signal.SIGKILL)

    tasks = [asyncio.create_task(work())]
    if own in facts.get("dies", {}):
        tasks.append(asyncio.create_task(die(facts["dies"][own])))
    await gone.wait()
    for task in tasks:
        task.cancel()
    await serving.cleanup()


async def runner(loop: GrantedLoop, facts: dict[str, Any]) -> list[Any]:
    """Be the runner: do to all devices at once what the facts say, and write down what happens when."""
    log: list[Any] = []
    others, rounds = facts["others"], facts["rounds"]

    async def poll(other: str) -> None:
        _, client = await loop.create_connection(Client, other, PORT, local_addr=(facts["address"], 0))
        for _ in range(rounds):
            if client.lost:
                log.append([loop.now_ns(), "lost"])
                return
            assert await client.ask() == ANSWER
            log.append([loop.now_ns(), other])
            await asyncio.sleep(facts.get("period_s", 1.0))
        client.transport.close()

    async def fetch(other: str) -> None:
        reader, writer = await asyncio.open_connection(other, PORT + 2)
        log.append([loop.now_ns(), other, len(await reader.read(-1))])
        writer.close()

    async def refused(other: str) -> None:
        try:
            await asyncio.open_connection(other, PORT + 9)
        except ConnectionRefusedError:
            log.append([loop.now_ns(), other, "refused"])

    await loop.settle()  # all servers listen

    async def talk(other: str) -> None:
        from_here = TCPConnector(local_addr=(facts["address"], 0))
        async with (
            ClientSession(connector=from_here) as session,
            session.ws_connect(f"http://{other}:{PORT + 3}/", heartbeat=15) as there,
        ):
            for number in range(3):
                await there.send_str(f"{number}")
                log.append([loop.now_ns(), other, await there.receive_str()])
                await asyncio.sleep(100)  # heartbeats of both sides go on meanwhile
        log.append([loop.now_ns(), other, there.close_code])

    async with loop.time_flows():
        if "udp" in facts["what"]:
            ear = Ear(log, loop)
            await loop.create_datagram_endpoint(lambda: ear, local_addr=(facts["address"], UDP_PORT))
            for other in (*others, facts["nobody"]):
                ear.transport.sendto(b"who is there", (other, UDP_PORT))
        for what, deed in (("poll", poll), ("fetch", fetch), ("refused", refused), ("talk", talk)):
            if what in facts["what"]:
                await asyncio.gather(*(deed(other) for other in others))
        await asyncio.sleep(1)
    return log


def main() -> None:
    """Be what the facts say, and print what happened."""
    facts = json.loads(sys.argv[1])
    rank = 0 if facts["what"] else 1
    hello = MemberHello("secret", "one", facts["address"], rank, (facts["address"],))
    loop = GrantedLoop(("127.0.0.1", facts["conductor"]), hello)
    print("joined", flush=True)
    sys.stdin.readline()
    with asyncio.Runner(loop_factory=lambda: loop) as one:
        if rank:
            one.run(device(loop, facts))
        else:
            log = one.run(runner(loop, facts))
            print(json.dumps({"log": log, "anomalies": loop.anomalies, "in_flight": loop.ledger.in_flight}), flush=True)


if __name__ == "__main__":
    main()
