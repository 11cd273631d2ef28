"""A charger's sockets as its charge point sees them (:mod:`~emulators.kit.ocpp.point.equipment`): a connector each.

What chargers have in common when they meet a backend; the family says who it is and how it reaches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from emulators.kit.hmi import Hmi
from emulators.kit.host import ChargerWiring, Host
from emulators.kit.ocpp.point.equipment import Readings, Unlocked
from emulators.kit.phases import PHASES, grid_phases, to_grid


class SocketOwner(Protocol):
    """What its sockets need of the device.

    Attributes:
        front: Takes what the backend does into the device's log.
    """

    hmi: Hmi

    def phase_order(self, socket: int) -> str:
        """Return how a socket hangs on the grid, as the device believes."""
        ...

    def readings(self, socket: int, measured: Readings) -> Readings:
        """Return what a socket's meter shows, completed by what else the device measures there."""
        ...

    def maximum_a(self, socket: int) -> float | None:
        """Return what a socket can offer now by the device's settings [A per phase]; None: as it was made."""
        ...

    def refresh(self) -> None:
        """Let what the backend allows act."""
        ...

    async def restart(self) -> None:
        """Restart."""
        ...


class Sockets:
    """The equipment of a charger whose sockets have a meter each.

    Args:
        host: The bench.
        device: The charger.
        wirings: Terminals by the number of the socket, which is its connector's.
    """

    def __init__(self, host: Host, device: SocketOwner, wirings: Mapping[int, ChargerWiring]) -> None:
        self._host, self._device, self._wirings = host, device, wirings

    @property
    def settings(self) -> dict[str, str]:
        """Return the values of configuration keys that the wiring gives."""
        rotations = (f"{socket}.{rotation(self._device.phase_order(socket))}" for socket in self._wirings)
        return {"ConnectorPhaseRotation": ",".join(rotations)}

    def readings(self, connector: int) -> Readings | None:
        """Return what a connector's own meter shows, on the grid's phases; there is none at the inlet."""
        wiring = self._wirings.get(connector)
        if wiring is None:
            return None
        order = self._device.phase_order(connector)
        currents_a, voltage_v = wiring.currents_a(), wiring.voltage_v()
        measured = Readings(
            energy_wh=sum(wiring.energy_wh()),
            lines=tuple(PHASES[phase] for phase in sorted(grid_phases(order))),
            current_a=to_grid(currents_a, order),
            voltage_v=to_grid(voltage_v, order),
            power_w=to_grid(currents_a.combine(voltage_v, lambda i, u: i * u), order),
        )
        return self._device.readings(connector, measured)

    def maximum_a(self, connector: int) -> float | None:
        """Return what a connector can offer by the device's settings [A per phase]; None: as it was made."""
        return self._device.maximum_a(connector)

    def unlock(self, connector: int) -> Unlocked:
        """Unlock the plug."""
        self._device.hmi.log(f"Plug of connector {connector} unlocked by the backend")
        return Unlocked.UNLOCKED

    def obey(self) -> None:
        """Let what the backend allows act."""
        self._device.refresh()

    def configured(self, key: str, value: str) -> None:
        """Let a key act that the backend has set."""
        self._device.hmi.log(f"{key} set to {value!r} by the backend")
        self._device.refresh()

    def reboot(self, *, hard: bool) -> None:
        """Restart for the backend."""
        self._device.hmi.log(f"{'Hard' if hard else 'Soft'} reset by the backend")
        self._host.spawn(self._device.restart(), name=f"{self._host.name} restarts for its backend")


def rotation(order: str) -> str:
    """Return a phase order in OCPP's letters: ``L2L3L1`` is ``STR``; OCPP knows none for one phase alone."""
    letters = "".join("RST"[phase] for phase in grid_phases(order))
    return letters if len(letters) == len("RST") else "NotApplicable"
