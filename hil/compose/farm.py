"""The compose bench: each device in a container of its own, plant and vehicles here.

In lock-step time a conductor gives all processes their turns, and nobody has to keep up. In scaled time farm time is
the machine's monotonic clock times the speed in every process; its zero is agreed when all devices are ready, and a run
in which a timer anywhere was too late is not trusted.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict

from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import NS_PER_S, Phase
from emulators.kit.parameters import as_text
from emulators.kit.phases import PerPhase
from hil.bench import memory
from hil.bench.addresses import is_outside
from hil.bench.farm import PLANT, Farm
from hil.bench.seats import WHAT, others, refuse_speed, unknown_backends
from hil.bench.wiring import Bay
from hil.bench.wiring import Terminals as MeterTerminals
from hil.clock import FarmLoop, GrantedLoop, ScaledLoop
from hil.clock.conductor import DEVICE, METER
from hil.clock.grants import Hello
from hil.compose.plan import Plan
from hil.errors import BenchError, ScenarioError
from hil.process import control
from hil.process.containers import Containers
from hil.process.control import Message, Terminals
from hil.process.foreign import ForeignDevice
from hil.process.remote import RemoteDevice
from hil.process.remote_faults import EngineFaults, TransportFaults
from hil.process.serial_tcp import CarriedLines
from hil.process.wires import Access, Wires
from hil.site import DeviceSpec, MeterSpec, Site
from hil.trace import TraceWriter


class ComposeFarm(Farm):
    """A site whose devices are in containers (all else as :class:`hil.bench.farm.Farm`).

    Args:
        site: What to build; its seats are those of the containers, whatever a test changes in them.
        loop: Lock-step, scaled or real time.
        seed: Of this test.
        trace: Where state goes.
        containers: Has made the site's containers; None where nobody can do anything to them.
        subnets: Theirs, by the site's networks.
        token: The run's secret.
        control_port: Of every device.
    """

    bench = "compose"

    def __init__(
        self,
        site: Site,
        loop: FarmLoop,
        *,
        seed: int,
        trace: TraceWriter,
        containers: Containers | None,
        subnets: Mapping[str, ipaddress.IPv4Network],
        token: str,
        control_port: int = control.PORT,
    ) -> None:
        super().__init__(site, loop, seed=seed, trace=trace)
        self.lags_s: dict[str, float] = {}
        self.remotes: dict[str, RemoteDevice] = {}
        self._wires: Wires | None = None
        self._subnets, self._token, self._control_port = subnets, token, control_port
        self._session = loop.session if isinstance(loop, GrantedLoop) else secrets.token_hex(8)
        self._on_host = containers is not None and containers.on_host
        self._stopping = self._pushing = False
        if containers is None or isinstance(loop, GrantedLoop):
            self.faults = TransportFaults(self)
        else:
            self.faults = EngineFaults(self, containers)
        self.serial = CarriedLines(
            loop, self.instants, site.serial_cables(), spawn=self.spawn, token=token,
            where=lambda name: (self._plan.addresses[name], self._plan.tester(self._plan.networks[name])),
            tell=lambda name, kind, **fields: self.remote(name).tell(kind, **fields),
        )  # fmt: skip

    async def stop(self) -> None:
        """Power down everything; the containers wait for the next farm."""
        self._stopping = True
        if self._wires is not None:
            await self._wires.stop()
        await super().stop()
        for remote in self.remotes.values():  # link proxies, and who was powered in a farm that never came up
            await remote.stop()

    async def power_up(self) -> None:
        """Make all devices, then let farm time begin."""
        if self.loop.factor is not None:
            refuse_speed(self.site, self.loop.factor)
        foreign = others(self.site)
        for name in self.site.seats:
            if self.site.require(name).seat == "real":
                continue  # before a container of the user's is a link proxy, which is the farm's
            where = (self._plan.addresses[name], self._control_port)
            remote = RemoteDevice(self, name, self.site.require(name).family.parameters, where, self._token)
            self.remotes[name] = remote
            await remote.power(self.begin(name))
        self.compare_clocks()
        self.instants.begin_at(self.loop.now_ns())
        if isinstance(self.loop, ScaledLoop):
            self.loop.forget_lag()
        self._epoch = self._zero()
        for remote in self.remotes.values():
            self._tell_epoch(remote)
        if foreign:
            access = Access(
                self.terminals.__getitem__, self.bays.__getitem__, lambda: self.instants.now_ns() / NS_PER_S
            )
            self._wires = Wires(access, foreign, self._token)
            testers = {self._plan.tester(self._plan.networks[name]) for name in foreign}
            await self._wires.start(sorted(testers))

    def compare_clocks(self) -> None:
        """Find out how far the clocks of the devices' hosts are apart: one host has one clock."""

    def remote(self, name: str) -> RemoteDevice:
        """Return a device of the farm's own, to do something to it.

        Raises:
            ScenarioError: Its seat is filled by somebody else.
        """
        if name in others(self.site):
            raise ScenarioError(f"{name} is {WHAT[self.site.require(name).seat]}: that is done to it by hand.")
        return self.remotes[name]

    async def power_again(self, name: str, settings: memory.Settings, before_start: Callable[[str], None]) -> None:
        """Make a device anew in its restarted container, and power it up.

        Args:
            name: The device.
            settings: Those that it has saved, or the defaults of its manual.
            before_start: Told when the device can be told things.
        """
        remote = self.remotes[name]
        await remote.power(self.begin(name, settings))
        self._tell_epoch(remote)
        remote.told = None
        self._tell_terminals(name)
        if name in self.bays:
            self._tell_pilot(name)
        before_start(name)
        await remote.start()

    async def forget_lag(self, name: str) -> None:
        """Let a device measure from now on how late its timers are."""
        await self.remotes[name].call("forget_lag")
        self.lags_s.pop(name, None)

    async def lag_p99_s(self, name: str) -> float:
        """Return how late the latest 1 % of a device's timers were, at least [s of farm time]."""
        return float(await self.remotes[name].call("lag_p99"))

    def lag_s(self) -> float:
        """Return how late the latest timer was, here or in any container [s of farm time]."""
        return max([super().lag_s(), *self.lags_s.values()])

    def tester_of(self, name: str) -> str:
        """Return the tester's address on a device's network."""
        return self._plan.tester(self._plan.networks[name])

    def pack(self, name: str) -> tuple[str, ...]:
        """Return who is in a device's container, the device with them."""
        return self._plan.packs[name]

    def take_frame(self, name: str, message: Message) -> None:
        """Write one decoded frame of a device."""
        self.frame(name, message["direction"], message["protocol"], message["text"], client=message["client"])

    def lost(self, name: str, error: BenchError) -> None:
        """Take the end of a control channel as the farm's failure, unless the farm ends."""
        if not self._stopping:
            self.failures.append(str(error))

    # --- inside

    def _refuse_ports(self) -> None:
        for (_, name), link in self.site.outside_ports().items():
            raise ScenarioError(f"{name}: the serial port {link.port} is this machine's, and no container has it.")

    def _refuse_outside_backends(self) -> None:
        for host in unknown_backends(self.site):
            if is_outside(host, self.site.networks.values()):
                raise ScenarioError(f"the backend at {host} is outside the site's networks, and no container has more.")

    def _claim_addresses(self) -> Plan:
        return Plan(self.site, self._subnets, on_host=self._on_host)

    def _seat(
        self, name: str, family: Family, config: DeviceConfig, network: str, contacts: Mapping[str, bool]
    ) -> None:
        spec = self.site.seat(name)
        if isinstance(spec, MeterSpec):
            self.terminals[name] = MeterTerminals(self.site.meters[name].node, self.plant, self.instants)
        elif isinstance(spec, DeviceSpec):
            bay = self.bays[name] = Bay(name, self.plant, self.instants, self.trace_state, self._plan_plant)
            bay.on_pilot(lambda _: self._tell_pilot(name))
        if name in others(self.site):
            self.devices[name] = self._foreign(name)
        else:
            self.devices[name] = self.remotes[name]
            self._tell_terminals(name)

    def _at_address(self, local: str) -> str:
        """Return who has an address: what a container of the user's opens itself comes from its hidden one."""
        hidden = {address: name for name, address in self._plan.hidden.items()}
        return hidden.get(local) or super()._at_address(local)

    def _tell_pilot(self, name: str) -> None:
        if name in self.remotes:
            bay = self.bays[name]
            self.remotes[name].tell("pilot", state=bay.pilot_state().value, cable_a=bay.cable_a())

    def _foreign(self, name: str) -> ForeignDevice:
        spec = self.site.require(name)
        port = spec.family.modbus_port_with(spec.parameter)
        where = (self._plan.hidden[name], port) if port is not None and spec.seat == "image" else None
        source = self._plan.tester(self._plan.networks[name])
        proxy = self.remotes.get(name)
        return ForeignDevice(spec, self.loop, self.loop.factor or 1.0, where=where, source=source, proxy=proxy)

    @property
    def _plan(self) -> Plan:
        assert isinstance(self.resolver, Plan)
        return self.resolver

    def begin(self, name: str, settings: memory.Settings = "site") -> dict[str, object]:
        """Return what a device is made of, and which settings it begins with."""
        spec = self.site.require(name)
        config = spec.config()
        return {
            **self._time(name),
            "session": self._session,
            "seed": self.seed_of(name),
            "epoch": self.site.epoch.isoformat(),
            "address": config.address,
            "networks": [[str(here), str(there)] for here, there in self._plan.pairs],
            "neighbours": [*self._plan.addresses.values()],
            "contacts": dict(spec.contacts),
            "serial": self._serial_ports(name),
            "settings": settings,
            "nominal_v": self.site.supply.voltage_v,
            "authority": [pem.decode("ascii") for pem in self.authority],
            "config": {
                "address": config.address,
                "firmware": config.firmware,
                "variant": config.variant,
                "phase_order": config.phase_order,
                "mobile_address": config.mobile_address,
                "parameters": {one: as_text(value) for one, value in config.parameters.items()},
            },
        }

    def _zero(self) -> dict[str, float]:
        """Return the moment at which farm time begins, as every process understands it."""
        loop, now_ns = self.loop, self.loop.now_ns()
        return {"real_s": loop.real_at_s(now_ns)} if isinstance(loop, ScaledLoop) else {"loop_ns": now_ns}

    def _tell_epoch(self, remote: RemoteDevice) -> None:
        remote.tell("epoch", **self._epoch)

    def _time(self, name: str) -> dict[str, object]:
        """Return what tells a device's process how to share this farm's time."""
        loop, plan = self.loop, self._plan
        if not isinstance(loop, GrantedLoop):
            return {"factor": loop.factor}
        rank, pack = METER if name in self.site.meters else DEVICE, plan.packs[name]
        hello = Hello(self._token, loop.session, pack[0], rank, plan.heard_at(pack))
        return {"conductor": [plan.conductor(plan.networks[name]), loop.conductor[1]], "hello": asdict(hello)}

    def _serial_ports(self, name: str) -> dict[str, object]:
        """Return what a device has to know of the serial cables in its ports."""
        hears: dict[str, dict[str, str]] = {}
        for label, talker, reader in self.site.serial_cables():
            if reader == name:
                spec = self.site.meters[talker]
                hears.setdefault(label, {})[talker] = spec.at or self._plan.addresses[talker]
        talks = [label for label, talker in self.site.serial_talkers() if talker == name]
        return {"own": self._plan.addresses[name], "talks": talks, "hears": hears}

    def _terminals(self, name: str) -> Terminals:
        now_ns, plant = self.instants.now_ns(), self.plant
        nominal_v = self.site.supply.voltage_v
        if name in self.bays:
            return Terminals(
                now_ns, plant.socket_lines(name, now_ns), plant.socket_energy_wh(name, now_ns), PerPhase.zero(),
                plant.socket_voltage_v(name), nominal_v,
            )  # fmt: skip
        node = self.site.meters[name].node
        return Terminals(
            now_ns, plant.lines(node, now_ns), plant.import_wh(node, now_ns), plant.export_wh(node, now_ns),
            plant.voltage_v(node), nominal_v,
        )  # fmt: skip

    def _plan_plant(self) -> None:
        """Tell the devices after every change, once for all changes of an instant."""
        super()._plan_plant()
        if not self._pushing:
            self._pushing = True
            self.instants.call_at(self.instants.now_ns(), Phase.METERS, PLANT, self._push)

    def _push(self) -> None:
        self._pushing = False
        for name in self.remotes:
            self._tell_terminals(name)

    def _tell_terminals(self, name: str) -> None:
        if name in self.site.backends:  # has none
            return
        remote, terminals = self.remotes[name], self._terminals(name)
        if terminals.differs(remote.told):
            remote.told = terminals
            remote.tell("terminals", **terminals.as_fields())
