"""A running farm in the hands of somebody outside: what the side-band does, and what it shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from emulators.kit.host import NS_PER_S
from emulators.kit.http_api import Answer, Refused, Verb
from hil.errors import ScenarioError
from hil.hand import bodies
from hil.site import VehicleSpec
from hil.tester import Tester

T = TypeVar("T")

MILLIAMPERES: Final = 3  #: Decimals of a current that is shown: what the devices' own meters resolve.


def verbs(tester: Tester) -> dict[str, Verb[Any]]:
    """Return what the side-band can do with a farm; everything runs on the farm's loop."""
    links = tester.links
    return {
        "plug": Verb(bodies.Plug, _refusing(lambda body: _plug(tester, body))),
        "unplug": Verb(bodies.Unplug, _refusing(lambda body: tester.vehicle(body.point).unplug())),
        "load": Verb(bodies.SourceBody, _refusing(lambda body: tester.load(body.name).set(body.per_phase_a))),
        "pv": Verb(bodies.SourceBody, _refusing(lambda body: tester.pv(body.name).set(body.per_phase_a))),
        "cut": Verb(bodies.Cable, _refusing(lambda body: links.cut(body.device, body.other))),
        "restore": Verb(bodies.Cable, _refusing(lambda body: links.restore(body.device, body.other))),
        "param": Verb(bodies.ParameterBody, _refusing(lambda body: _parameter(tester, body))),
        "restart": Verb(bodies.Restart, _refusing(lambda body: tester.form(body.device).restart())),
    }


async def state(tester: Tester) -> dict[str, Any]:
    """Return what a farm looks like now, as JSON has it: sockets, currents of each node, cuts, findings."""
    site, installation = tester.site, tester.installation
    fuses = {name: line.fuse for name, line in site.feeders.items()} | {"supply": site.supply.main_fuse}
    return {
        "site": site.name,
        "farm_s": tester.now_ns() / NS_PER_S,
        "utc": tester.utc().isoformat(),
        "points": {name: await _point(tester, name, outlet.device) for name, outlet in site.outlets.items()},
        "nodes": {
            node: {
                "current_a": [round(value, MILLIAMPERES) for value in await installation.current_a(node)],
                "fuse_a": None if (fuse := fuses.get(node)) is None else fuse.rating_a,
            }
            for node in installation.nodes
        },
        "chargers": list(site.devices),
        "meters": list(site.meters),
        "backends": list(site.backends),
        "ports": tester.ports.serial_ports(),
        "loads": list(site.loads),
        "pv": list(site.pv),
        "cuts": list(tester.links.cuts),
        "faults": list(tester.in_force),
        "findings": [
            {"farm_s": one.at_ns / NS_PER_S, "kind": one.kind, "text": one.text} for one in installation.findings
        ],
    }


async def _point(tester: Tester, socket: str, device: str) -> dict[str, Any]:
    """Return what is seen at a socket, and on its charger."""
    seen = await tester.vehicle(socket).look()
    return {
        "vehicle": None if seen.phases is None else {"phases": seen.phases},
        "pilot": seen.pilot,
        "offered_a": round(seen.offered_a, MILLIAMPERES),
        "current_a": [round(value, MILLIAMPERES) for value in seen.current_a],
        "display": await _display(tester, device),
        "why": await tester.page(device).explain(),
    }


async def _display(tester: Tester, device: str) -> str:
    """Return a display's text; a device without power, and one of the user's, shows the farm none."""
    try:
        return await tester.display(device).text()
    except ScenarioError:
        return ""


async def _plug(tester: Tester, body: bodies.Plug) -> None:
    spec = (
        tester.site.vehicle(body.vehicle)
        if body.vehicle
        else VehicleSpec(phases=body.phases, max_current_a=body.max_current_a)
    )
    await tester.vehicle(body.point).plug(spec)


async def _parameter(tester: Tester, body: bodies.ParameterBody) -> Answer:
    """Show parameters, or set and save one as the device's form does."""
    form = tester.form(body.device)
    if body.name is None:
        return {"parameters": {name: await form.shown(name) for name in await form.available()}}
    tester.site.require_parameter(body.device, body.name)
    waiting: list[str] = []
    if body.value is not None:
        await form.edit(body.name, body.value)
        waiting = list(await form.save())
        if body.restart:
            await form.restart()
            waiting = []
    return {"parameters": {body.name: await form.shown(body.name)}, "waiting_for_restart": waiting}


def _refusing(act: Callable[[T], Awaitable[Answer]]) -> Callable[[T], Awaitable[Answer]]:
    """Return the action with the farm's refusals as the side-band's."""

    async def run(body: T) -> Answer:
        try:
            return await act(body)
        except ScenarioError as error:
            raise Refused(str(error)) from error

    return run
