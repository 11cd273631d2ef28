"""A running farm in the hands of somebody outside: the side-band's actions, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from emulators.kit.host import NS_PER_S
from emulators.kit.sideband import Actions, Refused
from hil.bench.embedded import Farm
from hil.errors import ScenarioError
from hil.site import VehicleSpec

T = TypeVar("T")

MILLIAMPERES = 3  #: Decimals of a current that is shown: what the devices' own meters resolve.


def actions(farm: Farm) -> Actions:
    """Return what the side-band can do with a farm; every callable runs on the farm's loop."""
    voltage_v = farm.site.supply.voltage_v
    return Actions(
        state=lambda: state(farm),
        plug=_refusing(
            lambda body: farm.plug(
                body.point,
                VehicleSpec(phases=body.phases, max_current_a=body.max_current_a).traits(voltage_v=voltage_v),
            )
        ),
        unplug=_refusing(lambda body: farm.bay(body.point).unplug()),
        load=_refusing(lambda body: farm.set_load(body.name, body.per_phase_a)),
        pv=_refusing(lambda body: farm.set_pv(body.name, body.per_phase_a)),
        cut=_refusing(lambda body: farm.cut(body.device, body.other)),
        restore=_refusing(lambda body: farm.restore(body.device, body.other)),
    )


def state(farm: Farm) -> dict[str, Any]:
    """Return what a farm looks like now, as JSON has it: points, currents of each node, cuts, findings."""
    now_ns, plant = farm.instants.now_ns(), farm.plant
    return {
        "site": farm.site.name,
        "farm_s": now_ns / NS_PER_S,
        "utc": farm.utc().isoformat(),
        "points": {
            name: {
                "vehicle": None if (vehicle := bay.vehicle) is None else {"phases": vehicle.traits.phases},
                "pilot": bay.pilot_state().value,
                "current_a": [round(value, MILLIAMPERES) for value in bay.currents_a()],
                "why": farm.devices[name].explain(),
            }
            for name, bay in farm.bays.items()
        },
        "nodes": {
            node: {"current_a": [round(value, MILLIAMPERES) for value in plant.currents_a(node, now_ns)]}
            for node in plant.node_names()
        },
        "cuts": sorted(farm.cuts),
        "findings": [{"farm_s": one.at_ns / NS_PER_S, "kind": one.kind, "text": one.text} for one in farm.findings],
    }


def _refusing(act: Callable[[T], None]) -> Callable[[T], None]:
    """Return the action with the farm's refusals as the side-band's."""

    def run(body: T) -> None:
        try:
            act(body)
        except ScenarioError as error:
            raise Refused(str(error)) from error

    return run
