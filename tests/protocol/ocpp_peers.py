"""One of our OCPP sessions, either role, with a bare WebSocket of the library at its other end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

from websockets.asyncio.client import connect as ws_connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import serve

from emulators.kit.ocpp.shell.server import Server
from emulators.kit.ocpp.shell.session import Answer, OcppSession, connect
from emulators.kit.ocpp.wire.rpc import Payload
from tests.protocol.conftest import FakeHost

Role = Literal["central system", "charge point"]
ROLES: tuple[Role, Role] = ("central system", "charge point")
NOW = {"currentTime": "2026-06-01T06:00:00Z"}
OnCall = Callable[[str, Payload], Answer | Awaitable[Answer]]


def heartbeat(action: str, payload: Payload) -> Answer:
    """Answer what a test of frames asks."""
    return NOW if action == "Heartbeat" else {}


@asynccontextmanager
async def facing(
    role: Role, host: FakeHost, on_call: OnCall = heartbeat
) -> AsyncIterator[tuple[Connection, OcppSession]]:
    """Yield a bare WebSocket and the session of ours that it talks to."""
    if role == "central system":
        opened: asyncio.Future[OcppSession] = asyncio.get_running_loop().create_future()
        server = Server(host, on_call=lambda _, action, payload: on_call(action, payload), on_open=opened.set_result)
        await server.start("127.0.0.1", 0)
        async with ws_connect(f"ws://127.0.0.1:{server.port}/CP1", subprotocols=["ocpp1.6"], max_size=None) as bare:
            yield bare, await opened
        await server.stop()
        return
    come: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

    async def take(connection: Connection) -> None:
        come.set_result(connection)
        await connection.wait_closed()

    async with serve(take, "127.0.0.1", 0, subprotocols=["ocpp1.6"], max_size=None) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        session = await connect(host, f"ws://127.0.0.1:{port}/", identity="CP1", on_call=on_call)
        yield await come, session
        session.cut()
        await session.closed()


async def ask(bare: Connection, frame: str | bytes) -> list[Any]:
    """Send a frame and return the next one that comes."""
    await bare.send(frame)
    async with asyncio.timeout(10):
        found: list[Any] = json.loads(await bare.recv())
    return found


async def goes_on(bare: Connection, unique: str = "still there") -> bool:
    """Return whether a good call is answered."""
    return await ask(bare, json.dumps([2, unique, "Heartbeat", {}])) == [3, unique, NOW]
