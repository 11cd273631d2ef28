"""A running farm in the hands of somebody outside: what the side-band does, and what it shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from emulators.kit.host import NS_PER_S
from emulators.kit.http_api import Answer, Refused, Verb
from hil.bench.capabilities import others
from hil.bench.farm import Farm
from hil.errors import ScenarioError
from hil.hand import bodies
from hil.site import VehicleSpec
from hil.tester.form import Form

T = TypeVar("T")

MILLIAMPERES: Final = 3  #: Decimals of a current that is shown: what the devices' own meters resolve.


def verbs(farm: Farm) -> dict[str, Verb[Any]]:
    """Return what the side-band can do with a farm; everything runs on the farm's loop."""
    return {
        "plug": Verb(bodies.Plug, _refusing(lambda body: _plug(farm, body))),
        "unplug": Verb(bodies.Unplug, _refusing(lambda body: farm.bay(body.point).unplug())),
        "load": Verb(bodies.Source, _refusing(lambda body: farm.set_load(body.name, body.per_phase_a))),
        "pv": Verb(bodies.Source, _refusing(lambda body: farm.set_pv(body.name, body.per_phase_a))),
        "cut": Verb(bodies.Cable, _refusing(lambda body: farm.faults.cut(body.device, body.other))),
        "restore": Verb(bodies.Cable, _refusing(lambda body: farm.faults.restore(body.device, body.other))),
        "param": Verb(bodies.Parameter, lambda body: _parameter(farm, body)),
        "restart": Verb(bodies.Restart, lambda body: _restart(farm, body.device)),
    }


def state(farm: Farm) -> dict[str, Any]:
    """Return what a farm looks like now, as JSON has it: points, currents of each node, cuts, findings."""
    now_ns, plant, site = farm.instants.now_ns(), farm.plant, farm.site
    fuses = {name: line.fuse for name, line in site.feeders.items()} | {"supply": site.supply.main_fuse}
    return {
        "site": site.name,
        "farm_s": now_ns / NS_PER_S,
        "utc": farm.utc().isoformat(),
        "points": {
            name: {
                "vehicle": None if (vehicle := bay.vehicle) is None else {"phases": vehicle.traits.phases},
                "pilot": bay.pilot_state().value,
                "offered_a": round(bay.offer.current_a, MILLIAMPERES),
                "current_a": [round(value, MILLIAMPERES) for value in bay.currents_a()],
                "display": _display(farm, name),
                "why": farm.explain(name),
            }
            for name, bay in farm.bays.items()
        },
        "nodes": {
            node: {
                "current_a": [round(value, MILLIAMPERES) for value in plant.currents_a(node, now_ns)],
                "fuse_a": None if (fuse := fuses.get(node)) is None else fuse.rating_a,
            }
            for node in plant.node_names()
        },
        "meters": list(site.meters),
        "backends": list(site.backends),
        "ports": farm.serial.ports(),
        "loads": list(site.loads),
        "pv": list(site.pv),
        "cuts": farm.faults.cut_links,
        "faults": farm.faults.describe(),
        "findings": [{"farm_s": one.at_ns / NS_PER_S, "kind": one.kind, "text": one.text} for one in farm.findings],
    }


def _display(farm: Farm, name: str) -> str:
    """Return a display's text; a device without power, and one of the user's, shows the farm none."""
    dark = bool(farm.faults.silence(name)) or name in others(farm.site)
    return "" if dark else farm.devices[name].front.display


def _plug(farm: Farm, body: bodies.Plug) -> None:
    spec = (
        farm.site.vehicle(body.vehicle)
        if body.vehicle
        else VehicleSpec(phases=body.phases, max_current_a=body.max_current_a)
    )
    farm.plug(body.point, spec.traits(voltage_v=farm.site.supply.voltage_v))


async def _parameter(farm: Farm, body: bodies.Parameter) -> Answer:
    """Show parameters, or set and save one as the device's form does."""
    try:
        form = Form(farm.device(body.device))
        if body.name is None:
            return {"parameters": {name: form.shown(name) for name in form.offered()}}
        farm.site.require_parameter(body.device, body.name)
        waiting: list[str] = []
        if body.value is not None:
            form.edit(body.name, body.value)
            waiting = form.save()
            if body.restart:
                await farm.device(body.device).restart()
                waiting = []
        return {"parameters": {body.name: form.shown(body.name)}, "waiting_for_restart": waiting}
    except ScenarioError as error:
        raise Refused(str(error)) from error


async def _restart(farm: Farm, device: str) -> Answer:
    try:
        await farm.device(device).restart()
    except ScenarioError as error:
        raise Refused(str(error)) from error
    return None


def _refusing(act: Callable[[T], None]) -> Callable[[T], Answer | Awaitable[Answer]]:
    """Return the action with the farm's refusals as the side-band's."""

    def run(body: T) -> Mapping[str, object] | None:
        try:
            act(body)
        except ScenarioError as error:
            raise Refused(str(error)) from error
        return None

    return run
