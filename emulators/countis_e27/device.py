"""Binds the meter to its terminals and to Modbus TCP. No behaviour in here: that is :mod:`model`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emulators.countis_e27.model import SAMPLE_S, Reading, values
from emulators.kit.family import DeviceConfig
from emulators.kit.front import Front
from emulators.kit.host import Cancel, Host, Phase
from emulators.kit.modbus import ModbusServer
from emulators.kit.parameters import ParameterStore, ParameterTable
from emulators.kit.registers import DEVICE_FAILURE, RegisterBank, RegisterTable, Value, WriteRefused

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")
PORT: Final = 502
#: A charger reads 54 words from 50514 on in one request; nothing may be missing in between.
BLOCKS: Final = ((50512, 50573),)
FAULTS: Final = ("exceptions", "timeouts", "closed_port", "frozen")


class CountisE27:
    """A Socomec COUNTIS E27 on a host."""

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        self.name = config.name
        self.front = Front(host)
        self.parameters = ParameterStore(PARAMETERS, config.parameters)
        self._host = host
        self._wiring = host.meter_wiring()
        self._sampling: Cancel | None = None
        self._fault: str | None = None
        self._values: dict[str, Value] = {}
        bank = RegisterBank(REGISTERS, self._read, _refuse, blocks=BLOCKS)
        self._server = ModbusServer(
            lambda unit: bank if unit == self.parameters["Modbus address"] else None,
            frozenset({3, 6, 16}),
            on_frame=host.frame_hook("modbus"),
        )

    async def start(self) -> None:
        """Power up: Modbus server and measuring."""
        if self._sampling is not None:
            return
        if self._fault != "closed_port":
            await self._server.start(*self._host.listen_at(PORT))
        self._sampling = self._host.every(SAMPLE_S, self._sample, phase=Phase.METERS)
        self._measure()

    async def stop(self) -> None:
        """Power down."""
        if self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None
        await self._server.stop()

    async def restart(self) -> None:
        """Switch off and on: saved parameters act."""
        await self.stop()
        self.parameters.restart()
        await self.start()

    def parameters_changed(self) -> None:
        """Do nothing: its parameters wait for a restart."""

    def page(self) -> Mapping[str, str]:
        """Return what the display shows, as text by quantity."""
        return {name: REGISTERS.named(name).format(self._values[name]) for name in _DISPLAYED}

    def explain(self) -> str:
        """Return in one sentence what the meter measures, and its fault if it has one."""
        currents = "/".join(REGISTERS.named(name).format(self._values[name]) for name in ("I1", "I2", "I3"))
        return f"{self.name} measures {currents}" + (f" with the fault {self._fault!r}" if self._fault else "") + "."

    async def fault(self, kind: str | None) -> None:
        """Plant a fault in place of the one before, None to heal it.

        ``exceptions`` answers exception 4, ``timeouts`` does not answer, ``closed_port`` closes port and connections,
        ``frozen`` keeps its values.

        Raises:
            ValueError: There is no such fault; the message lists what there is.
        """
        if kind is not None and kind not in FAULTS:
            raise ValueError(f"{self.name} has no fault {kind!r}. It has: {', '.join(FAULTS)}.")
        self._fault = kind
        self._server.refuse_with = DEVICE_FAILURE if kind == "exceptions" else None
        self._server.silent = kind == "timeouts"
        if kind == "closed_port":
            await self._server.stop()
        elif self._sampling is not None and not self._server.is_listening:
            await self._server.start(*self._host.listen_at(PORT))
        self._host.trace("fault", fault=kind or "none")

    def _sample(self) -> None:
        if self._fault != "frozen":
            self._measure()

    def _measure(self) -> None:
        wiring = self._wiring
        self._values = values(
            Reading(wiring.currents_a(), wiring.neutral_a(), wiring.voltage_v(), wiring.import_wh(), wiring.export_wh())
        )

    def _read(self, name: str) -> Value:
        row = REGISTERS.named(name)
        if name == "SLAVE_ADDRESS":
            return int(str(self.parameters["Modbus address"]))
        return self._values.get(name, "" if row.type == "ascii" else 0)


_DISPLAYED: Final = ("V1", "V2", "V3", "I1", "I2", "I3", "P1", "P2", "P3", "P", "EA_POS_TOT", "EA_NEG_TOT")


def _refuse(name: str, _value: Value) -> None:
    raise WriteRefused(DEVICE_FAILURE, f"{name} is not emulated for writing")
