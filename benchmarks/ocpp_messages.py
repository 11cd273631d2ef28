"""OCPP 1.6J messages per second of wall time, and how far virtual time runs with many charge points on one backend.

    python benchmarks/ocpp_messages.py [--messages 20000] [--points 1000] [--hours 1] [--json FILE]

Over TCP on one loop, ten charge points at a server in the same process, each calling MeterValues (ten values) and
Heartbeat in turn: with the schemas checked on both sides, and without; beside them, in the same run, the same messages
by the libraries alone: a station and a central system on ``ocpp``'s ChargePoint class with its own validation (no
thread), and a bare echo that packs and unpacks with ``ocpp.messages`` and validates nothing. A message is one frame.

Then in virtual time: the farm's charge points on the backend's family, SQLite in memory; each boots, tells its states,
charges once, beats every 300 s and sends MeterValues (eleven values) every 60 s; the backend restarts in the middle.
Exit code 1 when a floor is missed: 4,000 messages per second validated, 6,500 without.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ocpp.messages
from ocpp.messages import Call, CallResult, pack, unpack
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import connect as ws_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from emulators.kit.ocpp.shell.server import Server
from emulators.kit.ocpp.shell.session import OcppSession, connect
from hil.bench.farm import Farm
from hil.clock import VirtualTimeLoop
from hil.run.benches import embedded
from hil.trace import TraceWriter

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.site.stations import play, site_of_a_backend

CLIENTS = 10
AT = "2026-06-01T06:00:00Z"
SAMPLES: list[dict[str, str]] = [
    *({"value": "16.0", "measurand": "Current.Import", "phase": one, "unit": "A"} for one in ("L1", "L2", "L3")),
    *({"value": "230.1", "measurand": "Voltage", "phase": one, "unit": "V"} for one in ("L1-N", "L2-N", "L3-N")),
    *({"value": "3680", "measurand": "Power.Active.Import", "phase": one, "unit": "W"} for one in ("L1", "L2", "L3")),
    {"value": "1000", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
]
METER_VALUES = {"connectorId": 1, "transactionId": 5, "meterValue": [{"timestamp": AT, "sampledValue": SAMPLES}]}
FLOORS = {"validated": 4000.0, "not validated": 6500.0}


class Plain:
    """A host that writes nothing."""

    name = "bench"
    rng = random.Random(1)

    def frame_hook(self, _protocol: str) -> None:
        return None

    def trace(self, _event: str, **_fields: object) -> None: ...

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        return address, port

    def source_address(self) -> str:
        return "127.0.0.1"

    def utc(self) -> datetime:
        return datetime(2026, 6, 1, 6, tzinfo=UTC)

    def spawn(self, work: Any, *, name: str) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work, name=name)


async def timed(messages: int, turns: list[Callable[[int], Awaitable[object]]]) -> float:
    """Return messages per second: each turn is a call and its answer."""

    async def work(turn: Callable[[int], Awaitable[object]]) -> None:
        for number in range(messages // 2 // len(turns)):
            await turn(number)

    began = time.perf_counter()
    await asyncio.gather(*map(work, turns))
    return messages / (time.perf_counter() - began)


async def ours(messages: int, *, is_validating: bool) -> float:
    """Measure the kit's sessions."""
    host: Any = Plain()
    answers: dict[str, dict[str, Any]] = {"MeterValues": {}, "Heartbeat": {"currentTime": AT}}
    server = Server(host, on_call=lambda _, action, __: answers[action], is_validating=is_validating)
    await server.start("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.port}"
    sessions = [
        await connect(host, url, identity=f"CP{n}", on_call=lambda *_: {}, is_validating=is_validating)
        for n in range(CLIENTS)
    ]

    def turn_of(session: OcppSession) -> Callable[[int], Awaitable[object]]:
        def turn(number: int) -> Awaitable[object]:
            if number % 2:
                return session.call("Heartbeat", {}, timeout_s=30)
            return session.call("MeterValues", METER_VALUES, timeout_s=30)

        return turn

    rate = await timed(messages, [turn_of(one) for one in sessions])
    await server.stop()
    return rate


class Central(ChargePoint):
    """The library's central system."""

    @on("MeterValues")
    def values(self, **_: Any) -> Any:
        return call_result.MeterValues()

    @on("Heartbeat")
    def beat(self, **_: Any) -> Any:
        return call_result.Heartbeat(current_time=AT)


async def library(messages: int) -> float:
    """Measure ``ocpp``'s ChargePoint class at both ends, with its own validation."""

    async def take(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await Central("CP", connection).start()

    async with serve(take, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        stations, tasks = [], []
        for number in range(CLIENTS):
            socket = await ws_connect(f"ws://127.0.0.1:{port}/CP", subprotocols=["ocpp1.6"], compression=None)
            stations.append(ChargePoint(f"CP{number}", socket))
            tasks.append(asyncio.create_task(stations[-1].start()))

        def turn_of(station: ChargePoint) -> Callable[[int], Awaitable[object]]:
            def turn(number: int) -> Awaitable[object]:
                values = METER_VALUES["meterValue"]
                beat = call.MeterValues(connector_id=1, transaction_id=5, meter_value=values)  # type: ignore[arg-type]
                return station.call(call.Heartbeat() if number % 2 else beat)

            return turn

        rate = await timed(messages, [turn_of(one) for one in stations])
        for task in tasks:
            task.cancel()
    return rate


async def bare(messages: int) -> float:
    """Measure ``ocpp.messages`` over ``websockets`` with nothing else: no validation, no routing, no queue."""

    async def take(connection: ServerConnection) -> None:
        async for frame in connection:
            asked = unpack(frame)
            payload: dict[str, Any] = {"currentTime": AT} if asked.action == "Heartbeat" else {}
            await connection.send(pack(CallResult(asked.unique_id, payload)))

    async with serve(take, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        sockets = [
            await ws_connect(f"ws://127.0.0.1:{port}/CP", subprotocols=["ocpp1.6"], compression=None)
            for _ in range(CLIENTS)
        ]

        def turn_of(socket: Any) -> Callable[[int], Awaitable[object]]:
            async def turn(number: int) -> object:
                asked = (
                    Call(str(number), "Heartbeat", {}) if number % 2 else Call(str(number), "MeterValues", METER_VALUES)
                )
                await socket.send(pack(asked))
                return unpack(await socket.recv())

            return turn

        rate = await timed(messages, [turn_of(one) for one in sockets])
        for socket in sockets:
            await socket.close()
    return rate


def many(points: int, hours: float) -> dict[str, float]:
    """Return how far virtual time gets with so many charge points on one backend, which restarts in the middle."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = site_of_a_backend(folder)
        trace = TraceWriter(folder / "trace.jsonl", test="bench", site=site.name)
        loop = VirtualTimeLoop()

        async def whole() -> tuple[float, int]:
            farm = Farm(embedded("max"), site, loop, seed=1, trace=trace)
            await farm.start()
            began = time.perf_counter()
            with loop.time_flows():
                chargers = await play(farm, points, hours * 3600, away_s=60)
            wall_s = time.perf_counter() - began
            farm.check(final=True)
            seat: Any = farm.seats["CSMS"]
            backend = seat.device
            transactions = backend.book.rows("transactions")
            if len(transactions) != points or any(row["stopped_at"] is None for row in transactions):
                raise SystemExit(f"{points} charge points charged once, {len(transactions)} transactions are booked")
            calls = len(backend.book.rows("messages", direction="in", kind="call"))
            for one in chargers:
                await one.ocpp.stop()
            farm.env.mute()
            await farm.stop()
            return wall_s, calls

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            wall_s, calls = runner.run(whole())
        trace.close()
    return {
        "points": points,
        "hours": hours,
        "wall_s": wall_s,
        "point_hours_per_wall_s": points * hours / wall_s,
        "messages_per_s": 2 * calls / wall_s,
    }


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    logging.getLogger("ocpp").setLevel(logging.WARNING)
    ocpp.messages.ASYNC_VALIDATION = False
    rates = {
        "validated": asyncio.run(ours(options.messages, is_validating=True)),
        "not validated": asyncio.run(ours(options.messages, is_validating=False)),
        "ocpp's ChargePoint, validated": asyncio.run(library(options.messages // 4)),
        "bare ocpp.messages + websockets": asyncio.run(bare(options.messages)),
    }
    for name, rate in rates.items():
        print(f"{name:32} {rate:8,.0f} messages/s" + (f" (floor {FLOORS[name]:,.0f})" if name in FLOORS else ""))
    found: dict[str, Any] = {"messages_per_s": rates}
    if options.points:
        found["many"] = many(options.points, options.hours)
        print(
            "{points} charge points, {hours:g} h in {wall_s:.1f} s: {point_hours_per_wall_s:.1f} charge points x hours "
            "per wall second, {messages_per_s:,.0f} messages/s".format(**found["many"])
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0 if all(rates[name] >= floor for name, floor in FLOORS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
