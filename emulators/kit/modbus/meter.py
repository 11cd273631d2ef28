"""An energy meter with a Modbus TCP server on a host: terminals, sampling, faults of its port, what the display shows.

A family says what all its meters have in common (:class:`MeterType`), and brings a model that measures
(:class:`~emulators.kit.measured.MeterModel`; :class:`~emulators.kit.measured.Measured` where a function is enough).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emulators.kit.family import DeviceConfig
from emulators.kit.faults import MODBUS_METER, FaultTable
from emulators.kit.hmi import Hmi
from emulators.kit.host import Cancel, Host, Phase
from emulators.kit.measured import MeterModel, Moment
from emulators.kit.modbus import FUNCTIONS, ModbusServer
from emulators.kit.parameters import ParameterStore
from emulators.kit.registers import DEVICE_FAILURE, RegisterBank, RegisterTable, Value
from emulators.kit.terminals import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterType:
    """What all meters of a family have in common.

    Attributes:
        registers: Its table.
        currents: Registers of the three currents.
        displayed: Registers that the display shows.
        sample_s: Period of its measurements [s].
        port: Documented port of its server.
        port_parameter: Parameter that moves the server to another port, empty when none does.
        unit_parameter: Parameter with the only unit id that is answered; empty: each one is.
        faults: What can go wrong in it.
        blocks: As for :class:`RegisterBank`.
        whole_values: As for :class:`RegisterBank`.
        functions: Modbus functions that it offers.
        connection_limit: As for :class:`ModbusServer`.
    """

    registers: RegisterTable
    currents: tuple[str, ...]
    displayed: tuple[str, ...]
    sample_s: float
    port: int = 502
    port_parameter: str = ""
    unit_parameter: str = ""
    faults: FaultTable = MODBUS_METER
    blocks: Sequence[tuple[int, int]] = ()
    whole_values: bool = False
    functions: frozenset[int] = FUNCTIONS
    connection_limit: int | None = None


class MeterDevice:
    """A meter on a host (:class:`emulators.kit.device.Device`).

    Args:
        host: The bench.
        config: What the site says.
        kind: What it has in common with its family.
        parameters: Its own.
        model: What it measures.
        identity: Objects of function 2Bh by id.
    """

    def __init__(
        self,
        host: Host,
        config: DeviceConfig,
        kind: MeterType,
        *,
        parameters: ParameterStore,
        model: MeterModel,
        identity: Mapping[int, str] | None = None,
    ) -> None:
        self.name = config.name
        self.hmi = Hmi(host)
        self.parameters = parameters
        self._host, self._wiring, self._kind, self._model = host, host.meter_wiring(), kind, model
        self._planted: str | None = None  # the fault
        self._sampling: Cancel | None = None
        bank = RegisterBank(
            kind.registers, model.value, self._written, blocks=kind.blocks, whole_values=kind.whole_values
        )
        self._server = ModbusServer(
            lambda unit: bank if self._answers_unit(unit) else None,
            kind.functions,
            on_frame=host.frame_hook("modbus"),
            on_bad_request=lambda why: host.trace("modbus_bad_request", why=why),
            identity=identity,
            connection_limit=kind.connection_limit,
        )

    # --- power

    async def start(self) -> None:
        """Power up: Modbus server and measuring."""
        if self._sampling is not None:
            return
        self._model.power_up(self._host.now_ns())
        if self._planted != "closed_port":
            await self._listen()
        self._sampling = self._host.every(self._kind.sample_s, self._sample, phase=Phase.METERS)
        self._sample()

    async def stop(self) -> None:
        """Power down; energies are kept."""
        if self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None
        await self._server.stop()

    async def restart(self) -> None:
        """Switch off and on: unsaved edits are lost, saved parameters act."""
        await self.stop()
        self.parameters.restart()
        await self.start()

    # --- what a person does and sees

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        self._sample()

    def page(self) -> Mapping[str, str]:
        """Return what the display shows, as text by quantity."""
        return {**{name: self._text(name) for name in self._kind.displayed}, **self._model.page()}

    def explain(self) -> str:
        """Return in one sentence what the meter measures, and its fault if it has one."""
        currents = "/".join(self._text(name) for name in self._kind.currents)
        fault = f" with the fault {self._planted!r}" if self._planted else ""
        return f"{self.name} measures {currents}{fault}."

    async def fault(self, kind: str | None) -> None:
        """Plant one of its family's faults in place of the one before, None to heal it.

        Raises:
            ValueError: There is no such fault; the message lists what there is.
        """
        planted = None if kind is None else self._kind.faults.parse(self.name, kind)
        self._planted = kind
        self._server.refuse_with = DEVICE_FAILURE if kind == "exceptions" else None
        self._server.silent = kind == "timeouts"
        if kind == "closed_port":
            await self._server.stop()
        elif self._sampling is not None and not self._server.is_listening:
            await self._listen()
        self._model.plant(planted)
        self._host.trace("fault", fault=kind or "none")

    # --- inside

    def _sample(self) -> None:
        """Measure now."""
        wiring, host = self._wiring, self._host
        reading = Reading(
            wiring.currents_a(), wiring.neutral_a(), wiring.voltage_v(), wiring.import_wh(), wiring.export_wh()
        )
        self._model.measure(Moment(host.now_ns(), int(host.utc().timestamp()), reading, host.contact))

    def _written(self, register: str, value: Value) -> None:
        self._model.write(register, value)
        self._host.trace("written", register=register, value=self._kind.registers.named(register).format(value))

    async def _listen(self) -> None:
        moved = self._kind.port_parameter
        port = self.parameters.whole(moved) if moved else self._kind.port
        await self._server.start(*self._host.listen_at(port))

    def _answers_unit(self, unit: int) -> bool:
        only = self._kind.unit_parameter
        return not only or unit == self.parameters.whole(only)

    def _text(self, register: str) -> str:
        return self._kind.registers.named(register).format(self._model.value(register))
