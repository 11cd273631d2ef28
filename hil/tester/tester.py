"""The tester of one farm: every role, by the name of a device or socket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hil.bench.farm import Farm
from hil.errors import ScenarioError
from hil.tester import emulated, roles
from hil.tester.ports import Ports


class Tester:
    """What a person at a running site can do and see; keywords, side-band and commands act and look by this alone.

    Roles are asked for anywhere, their methods run on the farm's loop.

    Args:
        farm: A farm, started or not.

    Attributes:
        site: The site.
        ports: Its public ports, and the tester's own clients on them.
        links: Its cables.
        installation: What flows in it.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm, self.site = farm, farm.site
        self.ports = Ports(farm)
        self.links: roles.LinksRole = emulated.EmulatedLinks(farm)
        self.installation: roles.InstallationRole = emulated.EmulatedInstallation(farm)

    async def close(self) -> None:
        """Leave: the tester's own connections are closed."""
        await self.ports.close()

    def vehicle(self, socket: str) -> roles.VehicleRole:
        """Return whoever comes to a socket; a charger's name means its only one.

        Raises:
            ScenarioError: There is no such socket, or the charger has several.
        """
        return emulated.EmulatedVehicle(self._farm, self.site.require_outlet(socket))

    def load(self, name: str) -> roles.Source:
        """Return a consumer; a feeder's name means its only one, or a new one."""
        return emulated.EmulatedLoad(self._farm, name)

    def pv(self, name: str) -> roles.Source:
        """Return a PV system; a feeder's name means its only one, or a new one."""
        return emulated.EmulatedPv(self._farm, name)

    def contact(self, device: str, name: str) -> roles.Contact:
        """Return a contact that is wired to a device (raises ScenarioError, as all below, for an unknown device)."""
        wired = self.site.require(device).contacts
        if name not in wired:
            text = f"{device} has no contact {name!r}. Wired to it by the site's 'contacts:':"
            raise ScenarioError(f"{text} {', '.join(wired) or 'none'}.")
        return emulated.EmulatedContact(self._farm, device, name)

    def card(self, device: str) -> roles.Card:
        """Return a card before a device's reader."""
        return emulated.EmulatedCard(self._farm, self._known(device))

    def mains(self, device: str) -> roles.Mains:
        """Return a device's power."""
        return emulated.EmulatedMains(self._farm, self.ports, self._known(device))

    def display(self, device: str) -> roles.Display:
        """Return a device's display."""
        return emulated.EmulatedDisplay(self._farm, self._known(device))

    def leds(self, device: str) -> roles.Leds:
        """Return a device's LEDs."""
        return emulated.EmulatedLeds(self._farm, self._known(device))

    def log(self, device: str) -> roles.Log:
        """Return a device's log."""
        return emulated.EmulatedLog(self._farm, self._known(device))

    def page(self, device: str) -> roles.Page:
        """Return a device's pages."""
        return emulated.EmulatedPage(self._farm, self._known(device))

    def form(self, device: str) -> roles.Form:
        """Return a device's parameters."""
        return emulated.EmulatedForm(self._farm, self._known(device))

    def defect(self, device: str) -> roles.Defect:
        """Return a device's own faults."""
        return emulated.EmulatedDefect(self._farm, self._known(device))

    def requests(self, device: str) -> roles.Requests:
        """Return the Modbus requests that reach a device."""
        return emulated.EmulatedRequests(self._farm, self._known(device))

    @property
    def in_force(self) -> Sequence[str]:
        """Return a line for each fault of a link or of a device's power that is in force."""
        return self._farm.faults.describe()

    def silence(self, device: str) -> str:
        """Return why a device cannot be asked anything now, empty when it can."""
        return self._farm.faults.silence(self._known(device))

    def now_ns(self) -> int:
        """Return farm time [ns]."""
        return self._farm.env.instants.now_ns()

    def utc(self) -> datetime:
        """Return the site's UTC time."""
        return self._farm.env.utc()

    async def explain(self) -> list[str]:
        """Return in sentences what every charger does, which sources and which faults are in force."""
        lines = [await self.page(name).explain() for name in self.site.devices]
        sources = self.installation.sources.items()
        return [*lines, *(f"{name} {does} {amps} A." for name, (does, amps) in sources if any(amps)), *self.in_force]

    def _known(self, device: str) -> str:
        return self.site.require(device).name
