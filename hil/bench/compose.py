"""The compose bench: each device in a container of its own, plant and vehicles here.

In lock-step time a conductor gives all processes their turns, and nobody has to keep up. In scaled time farm time is
the machine's monotonic clock times the speed in every process; its zero is agreed when all devices are ready, and a run
in which a timer anywhere was too late is not trusted.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from emulators.kit.family import DeviceConfig, Family
from emulators.kit.front import Front
from emulators.kit.host import Phase
from emulators.kit.parameters import ParameterStore, ParameterTable, Value, as_text
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import Offer
from hil.bench import control
from hil.bench.control import Message, Terminals, encode
from hil.bench.embedded import PLANT, Farm
from hil.bench.faults import Faults, Settings
from hil.bench.wiring import Bay
from hil.bench.wiring import Terminals as MeterTerminals
from hil.clock import FarmLoop, GrantedLoop, ScaledLoop
from hil.clock.conductor import DEVICE, METER
from hil.clock.grants import Hello
from hil.compose.plan import Plan
from hil.errors import BenchError, DeviceFault, ScenarioError
from hil.site import MeterSpec, Site
from hil.trace import TraceWriter

BEGIN: Final = 0  #: Number of the call that makes the device.
ANSWER_REAL_S: Final = 10.0  #: A device's process that does not answer for this long is dead.


class Shown(Front):
    """What a remote device shows: asked for each time."""

    def __init__(self, device: RemoteDevice) -> None:
        self._device = device

    @property
    def display(self) -> str:
        """Return the text on the display."""
        return str(self._device.look("display"))

    @property
    def leds(self) -> Mapping[str, str]:
        """Return what each LED shows."""
        return dict(self._device.look("leds"))

    @property
    def log_lines(self) -> tuple[str, ...]:
        """Return the device log."""
        return tuple(self._device.look("log"))


class RemoteParameters(ParameterStore):
    """A remote device's parameters: asked for and edited there."""

    def __init__(self, device: RemoteDevice, table: ParameterTable) -> None:
        self._device, self._table = device, table

    def __getitem__(self, name: str) -> Value:
        return self._table[name].parse(self._device.look("in_force", name))

    def text(self, name: str) -> str:
        """Return what the form shows for a parameter."""
        return str(self._device.look("text", name))

    def offered(self) -> list[str]:
        """Return the names that the form offers now."""
        return list(self._device.look("offered"))

    def set(self, name: str, raw: object) -> None:
        """Edit a parameter in the form."""
        self._device.look("set", name, str(raw))

    def save(self) -> list[str]:
        """Keep the edits; return the names that wait for a restart."""
        return list(self._device.look("save"))

    def restart(self) -> None:
        """Refuse: a remote device restarts as a whole."""
        raise BenchError(f"{self._device.name} restarts as a whole.")


class RemoteDevice:
    """A device in a container (``emulators.kit.host.Device``).

    Args:
        farm: Its farm.
        name: Its name.
        table: Its parameters.
        address: Where its control port is.
        token: The run's secret.
    """

    def __init__(self, farm: ComposeFarm, name: str, table: ParameterTable, address: tuple[str, int], token: str):
        self.name = name
        self.parameters: ParameterStore = RemoteParameters(self, table)
        self.front: Front = Shown(self)
        self._farm, self._address, self._token = farm, address, token
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._calls: dict[int, asyncio.Future[None]] = {}
        self._eyes: socket.socket | None = None
        self._looking = threading.Lock()  # Robot's thread asks too, when a test fails
        self.told: Terminals | None = None
        self.clock_ahead_s = 0.0  #: How far its machine's monotonic clock is ahead of this one's [s].

    async def power(self, begin: Mapping[str, object]) -> None:
        """Connect, and let the device be made.

        Raises:
            BenchError: Nobody is there, it is garbage, or the device cannot be made.
        """
        sock = self._join(begin)
        reader, self._writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST_BYTES)
        self._calls[BEGIN] = begun = self._farm.loop.create_future()
        self._listening = self._farm.loop.create_task(self._listen(reader), name=f"control channel of {self.name}")
        await self._answer(BEGIN, begun)

    def _join(self, begin: Mapping[str, object]) -> socket.socket:
        """Connect and hand the device what it needs; when it answers it shares this farm's time."""
        where = f"{self._address[0]}:{self._address[1]}"
        try:
            sock = socket.create_connection(self._address, ANSWER_REAL_S, (self._farm.tester_of(self.name), 0))
        except OSError as error:
            raise BenchError(f"{self.name}: no control port at {where}: {error}") from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does it for its own sockets only
            answer = control.ask(sock, "begin", token=self._token, **begin)
            if "refused" in answer:
                raise BenchError(f"{self.name}: {answer['refused']['message']}")
        except (OSError, control.Garbage) as error:
            sock.close()
            raise BenchError(f"{self.name}: no device at {where}: {error}") from error
        except BenchError:
            sock.close()
            raise
        return sock

    def tell(self, kind: str, **fields: object) -> None:
        """Send a message."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(kind, **fields))

    async def start(self) -> None:
        """Power up."""
        await self._call("start")

    async def stop(self) -> None:
        """Go: a device whose bench is gone powers down."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._eyes is not None:
            self._eyes.close()

    async def restart(self) -> None:
        """Restart as after *Save, Restart*."""
        await self._call("restart")

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        self.look("changed")

    def page(self) -> Mapping[str, str]:
        """Return what the device shows on its pages or display."""
        return dict(self.look("page"))

    def explain(self) -> str:
        """Return in one sentence what the device does now and why."""
        return str(self.look("explain"))

    async def fault(self, kind: str | None) -> None:
        """Plant one of the device's own faults, None to heal it."""
        await self._call("fault", kind)

    def look(self, what: str, *args: str) -> Any:
        """Ask what a person at the device sees, and wait for the answer: about a millisecond.

        Raises:
            DeviceFault: The device's process does not answer.
        """
        with self._looking:
            try:
                if self._eyes is None:
                    self._eyes = socket.create_connection(self._address, timeout=ANSWER_REAL_S)
                    self._eyes.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    control.ask(self._eyes, "look", token=self._token)
                answer = control.ask(self._eyes, "look", what=what, args=args)
            except (OSError, control.Garbage) as error:
                raise DeviceFault(f"{self.name}: its process does not answer: {error}") from error
        if "refused" in answer:
            raise control.refused(answer)
        return answer["value"]

    def ask_clock_s(self) -> float:
        """Return what its machine's monotonic clock shows [s] (errors as :meth:`look`)."""
        return float(self.look("clock"))

    async def _call(self, what: str, *args: object) -> None:
        number = max(self._calls, default=0) + 1
        self._calls[number] = answered = self._farm.loop.create_future()
        self.tell("call", id=number, what=what, args=args)
        await self._answer(number, answered)

    async def _answer(self, number: int, answered: asyncio.Future[None]) -> None:
        """Wait for the answer to a call; a process that does not answer has failed.

        In lock-step time the conductor finds one that is gone, and one that is there is waited for.
        """
        factor = self._farm.loop.factor
        try:
            await asyncio.wait_for(answered, None if factor is None else ANSWER_REAL_S * factor)
        except TimeoutError:
            raise BenchError(f"{self.name}: its process does not answer for {ANSWER_REAL_S:g} s.") from None
        finally:
            self._calls.pop(number, None)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        why = "its process has closed the control channel"
        try:
            async for message in control.messages(reader):
                self._take(message)
        except control.Garbage as error:
            why = str(error)
        gone = BenchError(f"{self.name}: {why}.")
        for waiting in self._calls.values():
            if not waiting.done():
                waiting.set_exception(gone)
        self._farm.lost(self.name, gone)

    def _take(self, message: Message) -> None:
        farm = self._farm
        match message["kind"]:
            case "begun" | "answer":
                waiting = self._calls.get(message.get("id", BEGIN))
                if waiting is not None and not waiting.done():
                    if "refused" in message:
                        waiting.set_exception(control.refused(message))
                    else:
                        waiting.set_result(None)
            case "offer":
                farm.bays[self.name].set_offer(Offer(message["duty_pct"], message["fault"]))
            case "contactor":
                farm.bays[self.name].set_contactor(message["closed"])
            case "trace":
                late = {} if message["at_ns"] == farm.instants.now_ns() else {"device_ns": message["at_ns"]}
                farm.trace_state(self.name, message["event"], **message["fields"], **late)
            case "frame":
                farm.take_frame(self.name, message)
            case "lag":
                farm.lags_s[self.name] = message["max_s"]
            case "died":
                farm.failures.append(f"{message['what']}:\n{message['text']}")
            case kind:
                raise control.Garbage(f"a bench takes no message {kind!r}.")


class ComposeFarm(Farm):
    """A site whose devices are in containers (all else as :class:`hil.bench.embedded.Farm`).

    Args:
        site: What to build; its seats are those of the containers, whatever a test changes in them.
        loop: Lock-step, scaled or real time.
        seed: Of this test.
        trace: Where state goes.
        subnets: The Docker networks' subnets by the site's networks.
        token: The run's secret.
        control_port: Of every device.
    """

    def __init__(
        self,
        site: Site,
        loop: FarmLoop,
        *,
        seed: int,
        trace: TraceWriter,
        subnets: Mapping[str, ipaddress.IPv4Network],
        token: str,
        control_port: int = control.PORT,
    ) -> None:
        super().__init__(site, loop, seed=seed, trace=trace)
        self.lags_s: dict[str, float] = {}
        self.remotes: dict[str, RemoteDevice] = {}
        self._subnets, self._token, self._control_port = subnets, token, control_port
        self._stopping = self._pushing = False
        self.faults = ContainerFaults(self)

    async def start(self) -> None:
        """Let every container make its device, agree on farm time's zero, power up meters, then charging points.

        Raises:
            BenchError: A container does not answer, or its device cannot be made.
        """
        if self.site.serial_cables() or self.site.serial_talkers():
            raise ScenarioError("the compose bench carries no serial lines yet: run this site on the embedded bench.")
        await super().start()

    async def stop(self) -> None:
        """Power down everything; the containers wait for the next farm."""
        self._stopping = True
        await super().stop()

    async def power_up(self) -> None:
        """Make all devices, then let farm time begin."""
        for name in [*self.site.meters, *self.site.devices]:
            where = (self._plan.addresses[name], self._control_port)
            remote = RemoteDevice(self, name, self.site.require(name).family.parameters, where, self._token)
            self.remotes[name] = remote
            await remote.power(self._begin(name))
        self.compare_clocks()
        self.instants.begin_at(self.loop.now_ns())
        if isinstance(self.loop, ScaledLoop):
            self.loop.forget_lag()
        for remote in self.remotes.values():
            remote.tell("epoch", **self._zero(remote))

    def compare_clocks(self) -> None:
        """Find out how far the clocks of the devices' hosts are apart: one host has one clock."""

    def lag_s(self) -> float:
        """Return how late the latest timer was, here or in any container [s of farm time]."""
        return max([super().lag_s(), *self.lags_s.values()])

    def tester_of(self, name: str) -> str:
        """Return the tester's address on a device's network."""
        return self._plan.tester(self._plan.networks[name])

    def take_frame(self, name: str, message: Message) -> None:
        """Write one decoded frame of a device."""
        self.frame(name, message["direction"], message["protocol"], message["text"], client=message["client"])

    def lost(self, name: str, error: BenchError) -> None:
        """Take the end of a control channel as the farm's failure, unless the farm ends."""
        if not self._stopping:
            self.failures.append(str(error))

    # --- inside

    def _claim_addresses(self) -> Plan:
        return Plan(self.site, self._subnets)

    def _seat(
        self, name: str, family: Family, config: DeviceConfig, network: str, contacts: Mapping[str, bool]
    ) -> None:
        if isinstance(self.site.seat(name), MeterSpec):
            self.terminals[name] = MeterTerminals(self.site.meters[name].node, self.plant, self.instants)
        else:
            bay = self.bays[name] = Bay(name, self.plant, self.instants, self.trace_state, self._plan_plant)
            bay.on_pilot(lambda state: self.remotes[name].tell("pilot", state=state.value, cable_a=bay.cable_a()))
        self.devices[name] = self.remotes[name]
        self._tell_terminals(name)

    @property
    def _plan(self) -> Plan:
        assert isinstance(self.resolver, Plan)
        return self.resolver

    def _begin(self, name: str) -> dict[str, object]:
        spec = self.site.require(name)
        config = spec.config()
        return {
            **self._time(name),
            "seed": self.seed_of(name),
            "epoch": self.site.epoch.isoformat(),
            "address": config.address,
            "networks": [[str(here), str(there)] for here, there in self._plan.pairs],
            "neighbours": [*self._plan.addresses.values()],
            "contacts": dict(spec.contacts),
            "nominal_v": self.site.supply.voltage_v,
            "config": {
                "address": config.address,
                "firmware": config.firmware,
                "variant": config.variant,
                "phase_order": config.phase_order,
                "parameters": {one: as_text(value) for one, value in config.parameters.items()},
            },
        }

    def _zero(self, remote: RemoteDevice) -> dict[str, object]:
        """Return the moment at which farm time begins, or this one, as a device's process understands it."""
        loop, now_ns = self.loop, self.loop.now_ns()
        if isinstance(loop, ScaledLoop):
            return {"real_s": loop.real_at_s(now_ns) + remote.clock_ahead_s}
        return {"loop_ns": now_ns}

    def _time(self, name: str) -> dict[str, object]:
        """Return what tells a device's process how to share this farm's time."""
        loop, plan = self.loop, self._plan
        if not isinstance(loop, GrantedLoop):
            return {"factor": loop.factor}
        rank = METER if name in self.site.meters else DEVICE
        hello = Hello(self._token, loop.session, name, rank, (plan.addresses[name],))
        return {"conductor": [plan.conductor(plan.networks[name]), loop.conductor[1]], "hello": asdict(hello)}

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
        remote, terminals = self.remotes[name], self._terminals(name)
        if terminals.differs(remote.told):
            remote.told = terminals
            remote.tell("terminals", **terminals.as_fields())


class ContainerFaults(Faults):
    """Faults where each device has a process of its own: links are cut in the transports of every process."""

    def __init__(self, farm: ComposeFarm) -> None:
        super().__init__(farm)
        self._remotes = farm.remotes

    def cut(self, name: str, other: str | None = None) -> None:
        """Pull a device's network cable, or break a path: in the transports of every process."""
        super().cut(name, other)
        self._tell_all("cut", name, other)

    def restore(self, name: str, other: str | None = None) -> None:
        """Plug it in again."""
        super().restore(name, other)
        self._tell_all("restore", name, other)

    def delay(self, name: str, other: str | None, *, delay_s: float, jitter_s: float) -> None:
        """Refuse."""
        raise _not_yet("Delay Link")

    def drop(self, name: str, other: str | None, *, probability: float) -> None:
        """Refuse."""
        raise _not_yet("Drop")

    def reset(self, name: str, other: str | None = None) -> None:
        """Refuse."""
        raise _not_yet("Reset Link")

    async def kill(self, name: str) -> None:
        """Refuse."""
        raise _not_yet("Kill")

    async def restart(self, name: str, settings: Settings) -> None:
        """Refuse."""
        raise _not_yet("Restart")

    def _tell_all(self, kind: str, name: str, other: str | None) -> None:
        a, b = self._ends(name, other)
        for remote in self._remotes.values():
            remote.tell(kind, a=a, b=b)


def _not_yet(word: str) -> ScenarioError:
    return ScenarioError(
        f"'{word}' cannot be done on the compose bench yet. It can: Cut Link, Partition, Restore Link."
    )
