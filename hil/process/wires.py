"""What is at the terminals of foreign devices, over HTTP: a container of the user's cannot feel the plant, so it asks.

``GET /wires/M2`` with the header ``Authorization: Bearer TOKEN`` returns a JSON object. At a charging point ``PUT``
says what the container does to pilot and contactor.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from emulators.kit.host import ChargerWiring, MeterWiring
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import Offer
from hil.process.control import WIRES_PORT

STOP_S: Final = 0.5

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Access:
    """How the farm reaches the wires.

    Attributes:
        meter: Returns a meter's terminals, KeyError when it is none.
        charger: Returns a charging point's terminals, KeyError when it is none.
        at_s: Returns farm time [s].
    """

    meter: Callable[[str], MeterWiring]
    charger: Callable[[str], ChargerWiring]
    at_s: Callable[[], float]


class Wires:
    """The server.

    Args:
        access: The farm's wires.
        names: Foreign devices.
        token: What a client has to show.
    """

    def __init__(self, access: Access, names: Collection[str], token: str) -> None:
        self._access, self._names, self._token = access, names, token
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/wires/{name:.+}", self._get)
        app.router.add_put("/wires/{name:.+}", self._put)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_S)

    async def start(self, hosts: Collection[str]) -> None:
        """Listen at these addresses of the tester."""
        await self._runner.setup()
        for host in hosts:
            await web.TCPSite(self._runner, host, WIRES_PORT).start()

    async def stop(self) -> None:
        """Close every connection."""
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").encode()
        if not secrets.compare_digest(shown, f"Bearer {self._token}".encode()):
            return _error(401, "the header 'Authorization: Bearer TOKEN' is missing or wrong. TOKEN: HIL_WIRES_TOKEN.")
        name = request.match_info.get("name")
        if name not in self._names:
            return _error(
                404, f"there is no {request.path} here. Allowed: /wires/ and one of {', '.join(self._names)}."
            )
        return await handler(request)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._seen(request.match_info["name"]))

    async def _put(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            wiring = self._access.charger(name)
        except KeyError:
            return _error(405, f"{name} is a meter: it does nothing to its wires.")
        try:
            body = json.loads(await request.text())
            duty_pct, closed = body["duty_pct"], body["contactor"]
            if not (isinstance(duty_pct, int | float) and 0 <= duty_pct <= 100 and isinstance(closed, bool)):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            return _error(400, 'Allowed: {"duty_pct": 0 to 100 (100: nothing is offered), "contactor": true or false}.')
        wiring.set_offer(Offer(float(duty_pct)))
        wiring.set_contactor(closed)
        return web.json_response(self._seen(name))

    def _seen(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = {"at_s": self._access.at_s()}
        try:
            meter = self._access.meter(name)
        except KeyError:
            point = self._access.charger(name)
            wires = (point.currents_a(), point.voltage_v(), point.energy_wh(), PerPhase.zero())
            found |= {"pilot": point.pilot_state().value, "cable_a": point.cable_a()}
        else:
            wires = (meter.currents_a(), meter.voltage_v(), meter.import_wh(), meter.export_wh())
            found |= {"neutral_a": meter.neutral_a()}
        names = ("current_a", "voltage_v", "import_wh", "export_wh")
        return found | {name: [*values] for name, values in zip(names, wires, strict=True)}


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
