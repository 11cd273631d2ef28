"""A site's public ports, and the tester's own clients on them: Modbus, P1, backends, further servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hil.bench.addresses import is_outside
from hil.bench.capabilities import WHAT, others
from hil.bench.farm import Farm
from hil.errors import ScenarioError
from hil.probes import BackendProbe, ModbusProbe
from hil.site import SERIAL_PORTS
from hil.site.backends import backend_link, route_of

if TYPE_CHECKING:
    from hil.probes.p1 import P1Probe


class Ports:
    """The public ports of a running farm; every method is called on its loop.

    Args:
        farm: The farm.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm, self._site = farm, farm.site
        self._modbus: dict[tuple[str, int], ModbusProbe] = {}
        self._p1: dict[str, P1Probe] = {}
        self._backends: dict[str, BackendProbe] = {}

    async def close(self) -> None:
        """Close the tester's own connections."""
        for probe in self._modbus.values():
            probe.close()
        for backend in self._backends.values():
            await backend.close()

    # --- Modbus

    def probe(self, name: str) -> ModbusProbe:
        """Return the tester's own Modbus probe of a device, from the tester's address, at the port that is in force.

        Raises:
            ScenarioError: The device has no Modbus TCP server, or it is switched off.
        """
        spec, where = self._site.require(name), self.modbus_at(name)
        if where is None:
            why = self.modbus_closed_by(name)
            off = spec.family.modbus_port is not None and spec.address is not None
            text = f"{name}: its Modbus TCP server is closed: {why} (save, restart)."
            raise ScenarioError(text if off else f"{name} has no Modbus TCP server.")
        host, port = where
        if (name, port) not in self._modbus:
            source = self._farm.env.addresses.tester(spec.network)
            self._modbus[name, port] = ModbusProbe(spec, host, port, source_address=source)
        return self._modbus[name, port]

    def close_probes(self, name: str) -> None:
        """Close the tester's own connections to a device; the next question opens them again."""
        for key in [key for key in self._modbus if key[0] == name]:
            self._modbus.pop(key).close()

    def modbus_at(self, name: str) -> tuple[str, int] | None:
        """Return where a device's Modbus TCP server is by its parameters in force, None without one."""
        spec = self._site.require(name)
        port = spec.family.modbus_port_with(self._setting(name))
        if port is None or spec.address is None:
            return None
        return self._farm.env.addresses.local(spec.address), self._farm.env.addresses.port(port)

    def modbus_closed_by(self, name: str) -> str:
        """Return which parameter in force keeps a device's Modbus TCP server closed, nothing when none does."""
        return self._site.require(name).family.modbus_closed_by(self._setting(name))

    # --- serial ports

    def p1(self, name: str) -> P1Probe:
        """Return the tester's own reader of a meter's P1 port, which listens from the first call on.

        Raises:
            ScenarioError: The device has no P1 port, is no meter, or is out of the tester's reach.
        """
        spec = self._site.require(name)
        if name in others(self._site):
            raise ScenarioError(f"{name} is {WHAT[spec.seat]}: only its station hears its P1 port.")
        label = SERIAL_PORTS["p1"]
        if (label, name) not in self._site.serial_talkers():
            meters = ", ".join(meter for at, meter in self._site.serial_talkers() if at == label)
            raise ScenarioError(f"{name} sends no P1 telegrams. Meters with a P1 port: {meters or 'none'}.")
        if name not in self._p1:
            # Its parser takes half a second to import, which few tests need.
            from hil.probes.p1 import P1Probe  # noqa: PLC0415

            probe = P1Probe(name, spec.config().firmware, self._farm.env.instants.now_ns)
            self._p1[name] = probe
            self._farm.env.serial.listen(name, label, probe.receive)
        return self._p1[name]

    def pseudo_terminal(self, name: str) -> Mapping[str, object] | None:
        """Return path, baud rate and format of where other programs hear what a device sends, None for nowhere."""
        for label, talker in self._site.serial_talkers():
            if talker == name and (outlet := self._farm.env.serial.free_end(name, label)) is not None:
                settings = outlet.settings
                return {"path": outlet.path, "baudrate": settings.baudrate, "format": settings.format}
        return None

    def serial_ports(self) -> Mapping[str, dict[str, Any]]:
        """Return the real serial ports that devices send on, and what is known of each, by device."""
        return self._farm.env.serial.ports()

    # --- backends and further servers

    def services(self, name: str) -> dict[str, str]:
        """Return the URLs of a device's servers beside Modbus, by what they are."""
        spec = self._site.require(name)
        if spec.address is None:
            return {}
        local, port = self._farm.env.addresses.local(spec.address), self._farm.env.addresses.port
        return {
            what: f"{one.scheme}://{local}:{port(one.port)}{one.path}"
            for what, one in spec.family.services(self._setting(name)).items()
        }

    def backend_of(self, point: str) -> tuple[BackendProbe, str]:
        """Return the tester's probe of the central system that a charging point reports to, and the point's identity.

        Raises:
            ScenarioError: The point has no backend, or one whose interface the farm does not know.
        """
        link = backend_link(self._site.require_charger(point), self._setting(point))
        if link is None:
            raise ScenarioError(f"{point} is set up for no backend.")
        name = next((one for one, spec in self._site.backends.items() if spec.address == link.host), None)
        if name is None or self._site.backends[name].seat != "emulated":
            raise ScenarioError(f"{point} reports to {link.host}, whose interface the farm does not know.")
        if name not in self._backends:
            spec = self._site.backends[name]
            token = str(self._setting(name)(spec.family.api_token))
            source = self._farm.env.addresses.tester(spec.network)
            self._backends[name] = BackendProbe(name, self.services(name)["api"], token, source_address=source)
        return self._backends[name], link.identity

    def way_to_backend(self, point: str) -> str:
        """Return the device at the other end of a charging point's path to its backend: that, or a gateway.

        Raises:
            ScenarioError: The point has no backend, or no device of the site is where its path leads.
        """
        device, setting = self._site.require_charger(point), self._setting(point)
        link = backend_link(device, setting)
        if link is None:
            raise ScenarioError(f"{point} is set up for no backend.")
        route = route_of(self._site, device, setting)
        address = route or link.host
        for name, spec in self._site.seats.items():
            if spec.address == address:
                return name
        if not route and is_outside(link.host, self._site.networks.values()):
            why = f"{point} reports to {link.host}, outside the farm, where no link of the farm's leads"
            raise ScenarioError(f"{why}: stop the program there instead.")
        way = "through the gateway" if route else "to"
        raise ScenarioError(
            f"{point} reports {way} {address}, where no device of the site is: there is no link to cut."
        )

    # --- inside

    def _setting(self, name: str) -> Callable[[str], object]:
        """Return what returns a device's parameter in force, by its name."""
        return self._farm.seats[name].in_force
