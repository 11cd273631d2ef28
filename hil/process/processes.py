"""Fills seats with devices in processes of their own: containers of ours, plain processes, and programs of others.

In lock-step time a conductor gives all processes their turns, and nobody has to keep up. In scaled time farm time is
the machine's monotonic clock times the speed in every process; its zero is agreed when all devices are ready, and a run
in which a timer anywhere was too late is not trusted.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from emulators.kit.host import NS_PER_S, Phase
from emulators.kit.parameters import as_text
from emulators.kit.phases import PerPhase
from hil.bench.addresses import Addresses
from hil.bench.capabilities import WHAT, others
from hil.bench.environment import Environment
from hil.bench.filler import Filler, Seat
from hil.bench.installation import PLANT, Installation
from hil.bench.memory import Settings
from hil.clock import GrantedLoop, ScaledLoop
from hil.clock.conductor import DEVICE, METER
from hil.clock.grants import MemberHello
from hil.errors import BenchError, ScenarioError
from hil.lines.serial import SerialLines
from hil.process import control
from hil.process.containers import Containers
from hil.process.control import TerminalState
from hil.process.foreign import ForeignSeat
from hil.process.host import ONLY
from hil.process.remote import ContainerSeat, PackedSeat, RemoteSeat
from hil.process.serial_tcp import CarriedLines
from hil.process.wires import Access, Wires


class Places(Addresses, Protocol):
    """Where the processes of a site's devices are.

    Attributes:
        pairs: Each LAN of the site, and the subnet that stands for it.
        networks: Each seat's network.
        addresses: Each seat's address.
        packs: Who shares a process with each seat, itself included.
        hidden: Where programs of others are, by seat; at the seat's address is a link proxy.
    """

    pairs: list[tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]]
    networks: dict[str, str]
    addresses: dict[str, str]
    packs: dict[str, tuple[str, ...]]
    hidden: dict[str, str]

    def heard_at(self, pack: Sequence[str]) -> tuple[str, ...]:
        """Return every address of those who share a process."""
        ...

    def conductor(self, network: str) -> str:
        """Return the conductor's address on a network."""
        ...


class Hosts:
    """The machines on which a site's processes are: all on this one. Other kinds say what is different."""

    def compare(self, seats: Mapping[str, RemoteSeat]) -> None:
        """Find out how far the clocks of the machines are apart; it may block."""

    def watch(self, env: Environment, seats: Mapping[str, RemoteSeat]) -> None:
        """Look at the clocks again while the farm runs."""

    def ahead_s(self, name: str) -> float:
        """Return how far the clock of a device's machine is ahead of this one's [s]."""
        return 0.0

    def lag_s(self) -> float:
        """Return how far a machine's clock may be off [s of farm time]."""
        return 0.0

    def check(self) -> None:
        """Raise BenchError when a clock is not known well enough."""

    def begin_of(self, network: str) -> Mapping[str, object]:
        """Return what a device on a network has to know besides."""
        return {}


class Processes(Filler):
    """Fills seats with devices in other processes, whoever has made these.

    Args:
        env: The farm; its addresses are those of the processes.
        installation: What devices are wired to.
        names: The seats.
        places: Where the processes are.
        token: The run's secret.
        containers: Can stop and start single processes; None where nobody can.
        hosts: The machines that they are on.
        control_port: Of every device.
    """

    def __init__(
        self,
        env: Environment,
        installation: Installation,
        names: Sequence[str],
        *,
        places: Places,
        token: str,
        containers: Containers | None = None,
        hosts: Hosts | None = None,
        control_port: int = control.PORT,
    ) -> None:
        self._env, self._installation, self._places, self._token = env, installation, places, token
        self._hosts = hosts or Hosts()
        self._session = env.loop.session if isinstance(env.loop, GrantedLoop) else secrets.token_hex(8)
        self._foreign = {name: spec for name, spec in others(env.site).items() if name in names}
        self._wires: Wires | None = None
        self._zero: dict[str, float] = {}  # the moment at which farm time begins, as every process understands it
        self._leaving = self._pushing = False
        self.remotes = {
            name: self._remote(name, containers, control_port)
            for name in names
            if env.site.require(name).seat != "real"  # before a program of the user's is a link proxy, which is ours
        }
        env.peers.update(self.remotes)
        env.names |= {address: name for name, address in places.hidden.items()}
        installation.changed.append(self._moved)
        for name in self.remotes:
            for outlet in env.site.devices[name].outlets if name in env.site.devices else ():
                installation.bays[outlet.name].on_pilot(lambda _, name=name: self._tell_pilot(name))  # type: ignore[misc]

    def _remote(self, name: str, containers: Containers | None, port: int) -> RemoteSeat:
        pack = self._places.packs[name]
        where = ((self._places.addresses[name], port), self._places.tester(self._places.networks[name]))
        what = (self._env, self._installation, name, self._env.site.require(name).family)
        if containers is None or isinstance(self._env.loop, GrantedLoop):
            return RemoteSeat(*what, where=where, token=self._token, home=self)
        if len(pack) > 1:
            return PackedSeat(pack, *what, where=where, token=self._token, home=self)
        return ContainerSeat(containers, *what, where=where, token=self._token, home=self)

    # --- as a filler

    async def power_up(self) -> None:
        """Make all devices."""
        for name, remote in self.remotes.items():
            await remote.power(self.begin_of(name))
        self._hosts.compare(self.remotes)

    async def begin(self) -> None:
        """Tell every process when farm time began, and let programs of others ask for their wires."""
        loop, now_ns = self._env.loop, self._env.loop.now_ns()
        self._zero = {"real_s": loop.real_at_s(now_ns)} if isinstance(loop, ScaledLoop) else {"loop_ns": now_ns}
        for name in self.remotes:
            self._tell_zero(name)
        self._hosts.watch(self._env, self.remotes)
        if self._foreign:
            wiring, instants = self._installation, self._env.instants
            access = Access(wiring.meters.__getitem__, wiring.bays.__getitem__, lambda: instants.now_ns() / NS_PER_S)
            self._wires = Wires(access, self._wired(), self._token)
            await self._wires.start(sorted({self._tester(name) for name in self._foreign}))

    def fill(self, name: str) -> Seat:
        """Return the device in its process, or what is known of somebody else's."""
        if name in self._foreign:
            return self._somebody_elses(name)
        self._tell_terminals(name)
        return self.remotes[name]

    def check(self) -> None:
        """Raise BenchError when a machine's clock cannot be trusted."""
        self._hosts.check()

    def lag_s(self) -> float:
        """Return how late the latest timer was in any process [s of farm time]."""
        return max([self._hosts.lag_s(), *(remote.lag_s for remote in self.remotes.values())])

    async def leave(self) -> None:
        """Take note that the farm ends."""
        self._leaving = True
        if self._wires is not None:
            await self._wires.stop()

    async def stop(self) -> None:
        """Let all go, also who was powered in a farm that never came up; they wait for the next farm."""
        for remote in self.remotes.values():
            await remote.stop()

    # --- for its seats

    def begin_of(self, name: str, settings: Settings = "site") -> dict[str, object]:
        """Return what a device is made of, and which settings it begins with."""
        env, places = self._env, self._places
        spec = env.site.require(name)
        config = spec.config()
        return {
            **self._time(name),
            **self._hosts.begin_of(places.networks[name]),
            "session": self._session,
            "seed": env.seed_of(name),
            "epoch": env.site.epoch.isoformat(),
            "address": config.address,
            "networks": [[str(here), str(there)] for here, there in places.pairs],
            "neighbours": [*places.addresses.values()],
            "contacts": dict(spec.contacts),
            "serial": self._serial_ports(name),
            "settings": settings,
            "nominal_v": env.site.supply.voltage_v,
            "authority": [pem.decode("ascii") for pem in env.authority],
            "config": {
                "address": config.address,
                "firmware": config.firmware,
                "variant": config.variant,
                "phase_order": config.phase_order,
                "mobile_address": config.mobile_address,
                "sockets": [[one.number, one.phase_order, one.cable_a] for one in config.sockets],
                "parameters": {one: as_text(value) for one, value in config.parameters.items()},
            },
        }

    def tell_everything(self, name: str) -> None:
        """Tell a device that was made anew what time it is, and what is at its terminals."""
        self._tell_zero(name)
        self._tell_terminals(name)
        self._tell_pilot(name)

    def lost(self, error: BenchError) -> None:
        """Take the end of a control channel as the farm's failure, unless the farm ends."""
        if not self._leaving:
            self._env.failures.append(str(error))

    # --- inside

    def _wired(self) -> list[str]:
        """Return what programs of others may ask for: each meter, and each socket of a charger."""
        devices = self._env.site.devices
        return [
            wired
            for name in self._foreign
            for wired in ([one.name for one in devices[name].outlets] if name in devices else [name])
        ]

    def _tester(self, name: str) -> str:
        """Return the tester's address on a device's network."""
        return self._places.tester(self._places.networks[name])

    def _somebody_elses(self, name: str) -> ForeignSeat:
        spec, loop = self._env.site.require(name), self._env.loop
        port = spec.family.modbus_port_with(spec.parameter)
        where = (self._places.hidden[name], port) if port is not None and spec.seat == "image" else None
        proxy = self.remotes.get(name)
        return ForeignSeat(spec, loop, loop.factor or 1.0, where=where, source=self._tester(name), proxy=proxy)

    def _time(self, name: str) -> dict[str, object]:
        """Return what tells a device's process how to share this farm's time."""
        loop, places = self._env.loop, self._places
        if not isinstance(loop, GrantedLoop):
            return {"factor": loop.factor}
        rank, pack = METER if name in self._env.site.meters else DEVICE, places.packs[name]
        hello = MemberHello(self._token, loop.session, pack[0], rank, places.heard_at(pack))
        return {"conductor": [places.conductor(places.networks[name]), loop.conductor[1]], "hello": asdict(hello)}

    def _serial_ports(self, name: str) -> dict[str, object]:
        """Return what a device has to know of the serial cables in its ports."""
        site, addresses = self._env.site, self._places.addresses
        hears: dict[str, dict[str, str]] = {}
        for label, talker, reader in site.serial_cables():
            if reader == name:
                hears.setdefault(label, {})[talker] = site.meters[talker].at or addresses[talker]
        talks = [label for label, talker in site.serial_talkers() if talker == name]
        return {"own": addresses[name], "talks": talks, "hears": hears}

    def _tell_zero(self, name: str) -> None:
        zero = self._zero
        if "real_s" in zero:
            zero = {"real_s": zero["real_s"] + self._hosts.ahead_s(name)}
        self.remotes[name].tell("epoch", **zero)

    def _tell_pilot(self, name: str) -> None:
        if name not in self._env.site.devices:
            return
        for outlet in self._env.site.devices[name].outlets:
            bay = self._installation.bays[outlet.name]
            self.remotes[name].tell("pilot", socket=outlet.number, state=bay.pilot_state().value, cable_a=bay.cable_a())

    def _moved(self) -> None:
        """Tell the devices after every change, once for all changes of an instant."""
        if not self._pushing:
            self._pushing = True
            instants = self._env.instants
            instants.call_at(instants.now_ns(), Phase.METERS, PLANT, self._push)

    def _push(self) -> None:
        self._pushing = False
        for name in self.remotes:
            self._tell_terminals(name)

    def _tell_terminals(self, name: str) -> None:
        remote = self.remotes[name]
        for socket, terminals in self._terminals(name):
            if terminals.differs(remote.told.get(socket)):
                remote.told[socket] = terminals
                remote.tell("terminals", socket=socket, **terminals.as_fields())

    def _terminals(self, name: str) -> list[tuple[int, TerminalState]]:
        """Return what is at each set of a device's terminals; a central system has none."""
        site, plant, now_ns = self._env.site, self._installation.plant, self._env.instants.now_ns()
        nominal_v = site.supply.voltage_v
        if name in site.devices:
            return [
                (
                    one.number,
                    TerminalState(
                        now_ns, plant.socket_lines(one.name, now_ns), plant.socket_energy_wh(one.name, now_ns),
                        PerPhase.zero(), plant.socket_voltage_v(one.name), nominal_v,
                    ),
                )
                for one in site.devices[name].outlets
            ]  # fmt: skip
        if name not in site.meters:
            return []
        node = site.meters[name].node
        return [
            (
                ONLY,
                TerminalState(
                    now_ns, plant.lines(node, now_ns), plant.import_wh(node, now_ns), plant.export_wh(node, now_ns),
                    plant.voltage_v(node), nominal_v,
                ),
            )
        ]  # fmt: skip


def carried_lines(env: Environment, places: Places, token: str) -> SerialLines:
    """Return the serial lines of a site whose talkers are in processes of their own."""

    def tell(name: str, kind: str, **fields: object) -> None:
        if name not in env.peers or name in others(env.site):
            raise ScenarioError(f"{name} is {WHAT[env.site.require(name).seat]}: that is done to it by hand.")
        env.peers[name].tell(kind, **fields)

    return CarriedLines(
        env.loop, env.instants, env.site.serial_cables(), spawn=env.spawn, token=token,
        where=lambda name: (places.addresses[name], places.tester(places.networks[name])), tell=tell,
    )  # fmt: skip
