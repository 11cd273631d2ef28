"""What energy meters with a Modbus TCP server have in common: terminals, sampling, faults, what the display shows.

A new meter says what is its own: its tables, what its registers read, which of them its display shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from emulators.kit.family import DeviceConfig
from emulators.kit.faults import MODBUS_METER, Faults
from emulators.kit.front import Front
from emulators.kit.host import Cancel, Host, Phase
from emulators.kit.modbus import FUNCTIONS, ModbusServer
from emulators.kit.parameters import ParameterStore, ParameterTable
from emulators.kit.registers import DEVICE_FAILURE, RegisterBank, RegisterTable, Value, WriteRefused
from emulators.kit.terminals import Reading


class ModbusMeter(ABC):
    """A meter on a host.

    Args:
        host: The bench.
        config: What the site says.
        parameters: Its table of parameters.
        registers: Its table of registers.
        sample_s: Period of its measurements [s].
        blocks: As for :class:`RegisterBank`.
        whole_values: As for :class:`RegisterBank`.
        functions: Modbus functions that it offers.
        identity: Objects of function 2Bh by id.
    """

    FAULTS: ClassVar[Faults] = MODBUS_METER
    CURRENTS: ClassVar[tuple[str, ...]]  #: Registers of the three currents.
    DISPLAYED: ClassVar[tuple[str, ...]]  #: Registers that the display shows.

    def __init__(
        self,
        host: Host,
        config: DeviceConfig,
        *,
        parameters: ParameterTable,
        registers: RegisterTable,
        sample_s: float,
        blocks: Sequence[tuple[int, int]] = (),
        whole_values: bool = False,
        functions: frozenset[int] = FUNCTIONS,
        identity: Mapping[int, str] | None = None,
    ) -> None:
        self.name = config.name
        self.front = Front(host)
        self.parameters = ParameterStore(parameters, config.parameters)
        self.planted: str | None = None
        self._host, self._wiring, self._registers = host, host.meter_wiring(), registers
        self._sample_s = sample_s
        self._sampling: Cancel | None = None
        bank = RegisterBank(registers, self.value, self.write, blocks=blocks, whole_values=whole_values)
        self._server = ModbusServer(
            lambda unit: bank if self.answers_unit(unit) else None,
            functions,
            on_frame=host.frame_hook("modbus"),
            on_bad_request=lambda why: host.trace("modbus_bad_request", why=why),
            identity=identity,
        )

    # --- what is a meter's own

    @abstractmethod
    def measure(self, reading: Reading) -> None:
        """Take what is at the terminals; called at each sample, also while the fault ``frozen`` is planted."""

    @abstractmethod
    def value(self, register: str) -> Value:
        """Return what a register reads."""

    @abstractmethod
    def port(self) -> int:
        """Return the documented port of its server."""

    def answers_unit(self, _unit: int) -> bool:
        """Return whether a unit id is answered; every one unless the meter says otherwise."""
        return True

    def write(self, register: str, _value: Value) -> None:
        """Take a written value.

        Raises:
            WriteRefused: It cannot be written.
        """
        raise WriteRefused(DEVICE_FAILURE, f"{register} is not emulated for writing")

    # --- the bench's side

    async def start(self) -> None:
        """Power up: Modbus server and measuring."""
        if self._sampling is not None:
            return
        if self.planted != "closed_port":
            await self._listen()
        self._sampling = self._host.every(self._sample_s, self.sample, phase=Phase.METERS)
        self.sample()

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

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        self.sample()

    def page(self) -> Mapping[str, str]:
        """Return what the display shows, as text by quantity."""
        return {name: self._text(name) for name in self.DISPLAYED}

    def explain(self) -> str:
        """Return in one sentence what the meter measures, and its fault if it has one."""
        currents = "/".join(self._text(name) for name in self.CURRENTS)
        return f"{self.name} measures {currents}" + (f" with the fault {self.planted!r}" if self.planted else "") + "."

    async def fault(self, kind: str | None) -> None:
        """Plant one of :attr:`FAULTS` in place of the one before, None to heal it.

        Raises:
            ValueError: There is no such fault; the message lists what there is.
        """
        if kind is not None:
            self.FAULTS.parse(self.name, kind)
        self.planted = kind
        self._server.refuse_with = DEVICE_FAILURE if kind == "exceptions" else None
        self._server.silent = kind == "timeouts"
        if kind == "closed_port":
            await self._server.stop()
        elif self._sampling is not None and not self._server.is_listening:
            await self._listen()
        self._host.trace("fault", fault=kind or "none")

    def sample(self) -> None:
        """Measure now."""
        wiring = self._wiring
        self.measure(
            Reading(wiring.currents_a(), wiring.neutral_a(), wiring.voltage_v(), wiring.import_wh(), wiring.export_wh())
        )

    async def _listen(self) -> None:
        await self._server.start(*self._host.listen_at(self.port()))

    def _text(self, register: str) -> str:
        return self._registers.named(register).format(self.value(register))
