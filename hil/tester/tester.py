"""The tester of one farm: every role, by the name of a device or socket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from emulators.kit.phases import PHASES
from hil.bench.farm import Farm
from hil.bench.watch import PlantWatch, SignalledWatch
from hil.errors import ScenarioError
from hil.plant import SUPPLY, Line
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

    # --- what is known without asking; each is for the farm's loop, and closed by whoever asked for it

    def watch_signalled(self, sockets: Sequence[str]) -> roles.Watch:
        """Return what follows what sockets signal."""
        return SignalledWatch(self._farm.env, sockets)

    def watch_node(self, node: str, phases: Sequence[str], bands_a: Sequence[tuple[float, float]]) -> roles.Watch:
        """Return what follows the current of some of a node's conductors, also where a ramp leaves its band [A]."""
        installation, instants = self._farm.installation, self._farm.env.instants

        def lines() -> list[Line]:
            found = installation.plant.lines(node, instants.now_ns())
            return [found[PHASES.index(phase)] for phase in phases]

        return PlantWatch(self._farm.env, installation, lines, bands_a)

    def watch_metered(self, place: str) -> roles.Watch:
        """Return what says when a meter, or the one in a socket, has something new to measure."""
        installation, instants = self._farm.installation, self._farm.env.instants

        def lines() -> Sequence[Line]:
            if place in self.site.meters:
                return installation.plant.lines(self.site.meters[place].node, instants.now_ns())
            return installation.plant.socket_lines(self.site.require_outlet(place).name, instants.now_ns())

        return PlantWatch(self._farm.env, installation, lines, None)

    async def explain(self) -> list[str]:
        """Return in sentences what every charger does, which sources and which faults are in force."""
        lines = [await self.page(name).explain() for name in self.site.devices]
        sources = self.installation.sources.items()
        return [*lines, *(f"{name} {does} {amps} A." for name, (does, amps) in sources if any(amps)), *self.in_force]

    async def explain_nodes(self, places: Sequence[str]) -> list[str]:
        """Return a line for each node above some places: its current, its fuse and cable; all nodes when none is said.

        A place is a node, a load or PV system, a meter, a charger or a socket of one; others hang nowhere.
        """
        site = self.site
        starts: list[str] = []
        for place in places:
            if place == SUPPLY or place in site.feeders:
                starts.append(place)
            elif place in site.meters:
                starts.append(site.meters[place].node)
            elif place in site.loads or place in site.pv:
                starts.append({**site.loads, **site.pv}[place].feeder)
            else:
                starts += [one.feeder for one in site.outlets.values() if place in (one.name, one.device)]
        above = dict.fromkeys(node for start in starts for node in site.upstream(start))
        nodes = above or dict.fromkeys(self.installation.nodes)
        ordered = [node for node in reversed(self.installation.nodes) if node in nodes]  # the supply last
        return [await self._explain_node(node) for node in ordered]

    async def _explain_node(self, node: str) -> str:
        current_a = (await self.installation.current_a(node)).map(lambda value: round(value, 1) + 0.0)
        fuse = self.site.supply.main_fuse if node == SUPPLY else self.site.feeders[node].fuse
        cable_a = None if node == SUPPLY else self.site.feeders[node].cable_a
        parts = [f"{node} carries {current_a} A"]
        if fuse is not None:
            blown = "/".join(await self.installation.open_phases(node))
            parts.append(f"fuse {fuse.type} {fuse.rating_a:g} A" + (f", open on {blown}" if blown else ""))
        if cable_a is not None:
            parts.append(f"cable {cable_a:g} A")
        return "; ".join(parts) + "."

    def _known(self, device: str) -> str:
        return self.site.require(device).name
