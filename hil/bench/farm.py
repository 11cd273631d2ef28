"""The embedded bench: all emulators of a site in one process, real protocol stacks on loopback, one clock and plant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from emulators.ev.model import VehicleTraits
from emulators.kit.device import CardReader, Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import NS_PER_S, Cancel, Phase
from emulators.kit.parameters import ParameterError
from emulators.kit.phases import PerPhase
from hil.bench.addresses import LOW_PORT_FIX, LOW_PORTS_ELSEWHERE, Addresses, Resolver, Slot, is_outside
from hil.bench.faults import Faults
from hil.bench.ground import Ground
from hil.bench.host import SeatHost
from hil.bench.seats import refuse_seats, unknown_backends
from hil.bench.wiring import Bay, Terminals
from hil.clock import FarmLoop
from hil.errors import BenchError, ScenarioError
from hil.plant import (
    SUPPLY,
    FuseMayOpen,
    FuseOpened,
    FuseSpec,
    LimitExceeded,
    LiveSocketWithoutVehicle,
    Node,
    Plant,
)
from hil.site import DeviceSpec, Fuse, Load, MeterSpec, Site
from hil.trace import TraceWriter

PLANT: Final = "plant"
CHECK_EVERY_NS: Final = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Finding:
    """A tripwire that was touched.

    Attributes:
        at_ns: Farm time [ns].
        kind: ``fuse``, ``limit``, ``live_socket`` or ``invariant``.
        text: One sentence with values.
        where: Node or socket.
    """

    at_ns: int
    kind: str
    text: str
    where: str


class Farm(Ground):
    """A running site: the plant and the devices on common ground (arguments as there).

    Attributes:
        bench: What `hil run` calls this bench.
        findings: The tripwires that were touched.
    """

    bench = "embedded"

    def __init__(self, site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> None:
        super().__init__(site, loop, seed=seed, trace=trace)
        self.findings: list[Finding] = []
        self.hosts: dict[str, SeatHost] = {}
        self.devices: dict[str, Device] = {}
        self.faults = Faults(self)
        self._plant_due: Cancel | None = None
        self._slot: Slot | None = None
        self._checked_ns = 0
        self._added: set[str] = set()
        self.sources: dict[str, tuple[str, PerPhase]] = {}

    async def start(self) -> None:
        """Build the plant, power up meters, then charging points.

        Raises:
            SiteFileError: The site has seats that this bench cannot fill; nothing was started.
            ScenarioError: It has real serial ports, which work in real time only, or one cannot be opened.
            BenchError: An address or port is taken, or something failed on the way up.
        """
        refuse_seats(self.site, self.bench)
        self._refuse_ports()
        self._refuse_outside_backends()
        self.loop.set_exception_handler(self._loop_complained)
        self.resolver = self._claim_addresses()
        for network in self.site.networks:
            self.loop.links.exempt(self.resolver.tester(network))
        await self.power_up()
        self.plant = self._build_plant()
        for name, spec in self.site.seats.items():
            self._seat(name, spec.family, spec.config(), spec.network, spec.contacts)
        for name, device in self.devices.items():
            try:
                await device.start()
            except OSError as error:
                raise BenchError(f"{name} cannot start: {error}") from error
        self._plan_plant()

    async def power_up(self) -> None:
        """Get the seats ready before the first device starts: nothing to do in one process."""

    async def stop(self) -> None:
        """Power down everything and give the addresses back."""
        for device in reversed(self.devices.values()):
            await device.stop()
        await self.serial.close()
        self.instants.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)
        if self._slot is not None:
            self._slot.release()

    # --- what keywords use

    def device(self, name: str) -> Device:
        """Return a device by name, for what it can do with its power on.

        Raises:
            ScenarioError: The site has none of that name, or it was killed.
        """
        self.site.require(name)
        self.faults.require_power(name)
        return self.devices[name]

    def explain(self, name: str) -> str:
        """Return in one sentence what a device does now and why; one that is silent by a fault cannot say."""
        silence = self.faults.silence(name)
        return f"{name} {silence}." if silence else self.devices[name].explain()

    def bay(self, name: str) -> Bay:
        """Return a socket's bay; a charger's name means its only one.

        Raises:
            ScenarioError: The site has no socket of that name, or the charger has several.
        """
        return self.bays[self.site.require_outlet(name).name]

    def plug(self, name: str, traits: VehicleTraits) -> None:
        """Plug a vehicle in."""
        self.bay(name).plug(traits, self.rng(f"{name}/vehicle/{self.instants.now_ns()}"))

    def card(self, name: str, id_tag: str) -> None:
        """Hold a card to a charging point's reader.

        Raises:
            ScenarioError: It has none that the farm reaches.
        """
        device = self.device(name)
        if not self.site.require(name).family.has_card_reader or not hasattr(device, "card"):
            readers = [one for one, spec in self.site.seats.items() if spec.family.has_card_reader]
            raise ScenarioError(f"{name} has no card reader here. With one: {', '.join(readers) or 'none'}.")
        cast(CardReader, device).card(id_tag)

    def set_load(self, name: str, current_a: PerPhase) -> None:
        """Set what a consumer draws [A]; a feeder's name means its only load, or a new one."""
        self._set(self._source(name, "load", self.site.loads), current_a, pv=False)

    def set_pv(self, name: str, current_a: PerPhase) -> None:
        """Set what a generator feeds in [A]; a feeder's name means its only PV system, or a new one."""
        self._set(self._source(name, "PV system", self.site.pv), current_a, pv=True)

    def peak_a(self, node: str, phase: str) -> float:
        """Return the highest current of a node's conductor since the start [A]."""
        self._advance_plant()
        return self.plant.peak_a(0, node, phase)

    def check(self, *, final: bool = False) -> None:
        """Raise when the farm itself failed; look at the plant's invariants once a farm minute, and when ``final``.

        Raises:
            BenchError: With the traceback of what died.
        """
        failures = list(self.failures)
        if self.loop.anomalies:
            failures.append(f"the clock counted {self.loop.anomalies} anomalies: this run cannot be trusted")
        if failures:
            raise BenchError("\n".join(failures))
        now_ns = self.instants.now_ns()
        if now_ns - self._checked_ns >= CHECK_EVERY_NS or final:
            self._checked_ns = now_ns
            for text in self.plant.check(now_ns):
                self._find("invariant", text, PLANT)

    # --- inside

    def _claim_addresses(self) -> Addresses:
        self._slot = Slot()
        return Resolver(self._slot.number, self.site.networks)

    def _seat(
        self, name: str, family: Family, config: DeviceConfig, network: str, contacts: Mapping[str, bool]
    ) -> None:
        spec = self.site.seat(name)
        if isinstance(spec, MeterSpec):
            self.terminals[name] = Terminals(spec.node, self.plant, self.instants)
        elif isinstance(spec, DeviceSpec):
            self.bays[name] = Bay(name, self.plant, self.instants, self.trace_state, self._plan_plant)
        self.hosts[name] = SeatHost(self, name, network, config.address, contacts)
        try:
            self.devices[name] = family.create(self.hosts[name], config)
        except ParameterError as error:
            raise ScenarioError(f"{name}: {error}") from error

    def _build_plant(self) -> Plant:
        site = self.site
        nodes = [Node(name=SUPPLY, parent=None, fuse=_fuse(site.supply.main_fuse))]
        nodes += [
            Node(name=name, parent=line.from_, fuse=_fuse(line.fuse), cable_a=line.cable_a)
            for name, line in site.feeders.items()
        ]
        plant = Plant.build(nodes, voltage_v=site.supply.voltage_v)
        for name, load in site.loads.items():
            plant.add_load(name, load.feeder)
            self._follow(name, load.profile, pv=False)
        for name, pv in site.pv.items():
            plant.add_pv(name, pv.feeder)
            self._follow(name, pv.profile, pv=True)
        for name, device in site.devices.items():
            plant.add_socket(name, device.feeder, device.phase_order)
        return plant

    def _follow(self, name: str, profile: tuple[tuple[int, PerPhase], ...], *, pv: bool) -> None:
        for at_ns, current_a in profile:
            self.instants.call_at(at_ns, Phase.INPUTS, name, lambda a=current_a: self._set(name, a, pv=pv))  # type: ignore[misc]

    def _source(self, name: str, kind: str, known: Mapping[str, Load]) -> str:
        """Return the load or PV system that a name means."""
        if name in known:
            return name
        if name != SUPPLY and name not in self.site.feeders:
            nodes = ", ".join([SUPPLY, *self.site.feeders])
            has = ", ".join(known) or "none"
            raise ScenarioError(f"the site has no {kind} {name!r}. It has: {has}. A feeder will do as well: {nodes}.")
        there = [one for one, load in known.items() if load.feeder == name]
        if len(there) > 1:
            raise ScenarioError(f"{name} has more than one {kind}: {', '.join(there)}. Name one of them.")
        if there:
            return there[0]
        new = f"{kind} at {name}"
        if new not in self._added:
            self._added.add(new)
            (self.plant.add_load if kind == "load" else self.plant.add_pv)(new, name)
        return new

    def _set(self, name: str, current_a: PerPhase, *, pv: bool) -> None:
        now_ns = self.instants.now_ns()
        (self.plant.set_pv if pv else self.plant.set_load)(now_ns, name, current_a)
        l1_a, l2_a, l3_a = current_a
        self.trace_state(name, "pv" if pv else "load", l1_a=l1_a, l2_a=l2_a, l3_a=l3_a)
        self.sources[name] = ("feeds in" if pv else "draws", current_a)
        self._plan_plant()

    def _plan_plant(self) -> None:
        if self._plant_due is not None:
            self._plant_due.cancel()
            self._plant_due = None
        deadline_ns = self.plant.next_deadline_ns()
        if deadline_ns is not None:
            self._plant_due = self.instants.call_at(deadline_ns, Phase.PLANT, PLANT, self._advance_plant)

    def _advance_plant(self) -> None:
        for event in self.plant.advance_to(self.instants.now_ns()):
            match event:
                case FuseOpened() | FuseMayOpen():
                    self._find("fuse", str(event), event.node)
                case LimitExceeded():
                    self._find("limit", str(event), event.node)
                case LiveSocketWithoutVehicle():
                    self._find("live_socket", str(event), event.socket)
        self._plan_plant()

    def _find(self, kind: str, text: str, where: str) -> None:
        if self._muted:
            return
        now_ns = self.instants.now_ns()
        self.findings.append(Finding(now_ns, kind, text, where))
        self.trace.verdict(now_ns, PLANT, kind, text=text, where=where)

    def _refuse_ports(self) -> None:
        """Refuse real serial ports where time is not real: their bytes take the time of a real wire."""
        if self.is_in_real_time:
            return
        for (_, name), link in self.site.outside_ports().items():
            raise ScenarioError(f"{name}: the serial port {link.port} works in real time only. Allowed: --speed 1.")

    def _refuse_outside_backends(self) -> None:
        """Refuse a backend outside the farm where time is not real: nobody there keeps farm time."""
        if self.is_in_real_time:
            return
        for host in unknown_backends(self.site):
            if is_outside(host, self.site.networks.values()):
                raise ScenarioError(f"the backend at {host} is outside the farm. Allowed: --speed 1.")

    def low_port_notice(self) -> str:
        """Return what to say once when low ports are offered elsewhere, or nothing."""
        if not self.resolver.shifts_low_ports:
            return ""
        return f"{LOW_PORTS_ELSEWHERE}. Fix: {LOW_PORT_FIX}"


def _fuse(fuse: Fuse | None) -> FuseSpec | None:
    return None if fuse is None else FuseSpec(rating_a=fuse.rating_a, type=fuse.type, trip=fuse.trip)
