#!/usr/bin/env bash
# websockets 17.4 answers a charge point without our subprotocol by HTTP 400; OCPP-J wants the upgrade done, then closed.
#
# Packages    websockets 17.4; for comparison its own older API (websockets.legacy, same version) and aiohttp 3.14.5
# Behaviour   A server is started with subprotocols=["ocpp1.6"]. A charge point offers ocpp2.0.1, or nothing. The server
#             of today's API refuses the upgrade with status 400 and never calls the handler. The older API and aiohttp
#             finish the upgrade (101, no Sec-WebSocket-Protocol) and call it, so that it can close. Names of
#             subprotocols are compared exactly: "OCPP1.6" counts as nothing.
# Surprise    Central systems, the examples of the ocpp package among them, have a branch that logs "protocols
#             mismatched", with the identity, and closes. With the move to today's API it is dead code, without error or
#             warning; tests that call the handler stay green.
# Consequence The log no longer tells which charge point came with which version, and a station sees a refused upgrade
#             in place of a closed connection: it takes the address for wrong or the network for down, and waits
#             accordingly. Pass select_subprotocol= with a function that returns None, and close in the handler.
# Standard    OCPP-J 1.6, 3.1.2: where the central system agrees to none of the offered subprotocols it MUST complete
#             the handshake without a Sec-WebSocket-Protocol header and then immediately close the connection.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check websockets==17.4 aiohttp==3.14.5
"$work/venv/bin/python" -W ignore - <<'PY'
import asyncio
import logging
import sys

from aiohttp import web
from websockets.asyncio.server import serve
from websockets.legacy.server import serve as legacy_serve

logging.disable(logging.CRITICAL)
changed = []
OURS = ["ocpp1.6"]
OFFERS = ["ocpp1.6", "ocpp2.0.1", "OCPP1.6", None]


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


async def upgrade(port, offer):
    """Return the status of the answer, and the subprotocol in it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    offered = [f"Sec-WebSocket-Protocol: {offer}"] if offer else []
    writer.write("\r\n".join([
        "GET /CP1 HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==", *offered, "", ""]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    writer.close()
    agreed = [line.partition(": ")[2] for line in head if line.lower().startswith("sec-websocket-protocol:")]
    return int(head[0].split()[1]), *agreed


async def answers(port):
    return [await upgrade(port, offer) for offer in OFFERS]


async def of_websockets(start, **options):
    called = 0

    async def handler(connection):
        nonlocal called
        called += 1
        await connection.wait_closed()

    async with start(handler, "127.0.0.1", 0, subprotocols=OURS, **options) as server:
        got = await answers(next(iter(server.sockets)).getsockname()[1])
    return got, called


async def of_aiohttp():
    called = 0

    async def handler(request):
        nonlocal called
        called += 1
        connection = web.WebSocketResponse(protocols=OURS)
        await connection.prepare(request)
        async for _ in connection:
            pass
        return connection

    application = web.Application()
    application.router.add_get("/CP1", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    got = await answers(runner.addresses[0][1])
    await runner.cleanup()
    return got, called


def agreed(_, offered):
    return OURS[0] if OURS[0] in offered else None


completed = ([(101, "ocpp1.6"), (101,), (101,), (101,)], 4)
print(f"offered: {OFFERS}; answers, and how often the handler ran")
see("websockets today", asyncio.run(of_websockets(serve)), ([(101, "ocpp1.6"), (400,), (400,), (400,)], 1))
see("websockets legacy", asyncio.run(of_websockets(legacy_serve)), completed)
see("aiohttp", asyncio.run(of_aiohttp()), completed)
see("websockets today with select_subprotocol", asyncio.run(of_websockets(serve, select_subprotocol=agreed)), completed)

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
