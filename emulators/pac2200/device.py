"""Binds the meter to its terminals and to Modbus TCP. No behaviour in here: that is :mod:`model`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emulators.kit.family import DeviceConfig
from emulators.kit.front import Front
from emulators.kit.host import Cancel, Host, Phase
from emulators.kit.modbus import FUNCTIONS, ModbusServer
from emulators.kit.parameters import ParameterError, ParameterStore, ParameterTable
from emulators.kit.phases import PHASES
from emulators.kit.registers import DEVICE_FAILURE, RegisterBank, RegisterTable, Value
from emulators.pac2200.model import SAMPLE_S, Meter, Reading

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")
INPUT: Final = "digital_input"  #: The contact at terminal 12 (MENNEKES application note 6.5).
FAULTS: Final = ("exceptions", "timeouts", "closed_port", "frozen", *(f"nan:{phase}" for phase in PHASES))


class Pac2200:
    """A Siemens SENTRON PAC2200 on a host."""

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        if "CT primary [A]" in config.parameters and "-2EA40-" in config.variant:
            raise ParameterError("CT primary [A]", f"is not offered by {config.variant}.", "It measures directly.")
        self.name = config.name
        self._host = host
        self._config = config
        self.front = Front(host)
        self._wiring = host.meter_wiring()
        self.parameters = ParameterStore(PARAMETERS, config.parameters)
        self.meter = Meter(config.variant, config.firmware, f"LQN/{config.name}", config.address, self.parameters)
        self.meter.on_apply = self._apply_ip
        self._sampling: Cancel | None = None
        self._fault: str | None = None
        self._shown = (-1, -1)
        bank = RegisterBank(REGISTERS, self.meter.value, self._write, whole_values=True)
        self._server = ModbusServer(
            lambda _unit: bank,  # any unit id is answered and echoed (assumed)
            FUNCTIONS,
            on_frame=host.frame_hook("modbus"),
            identity={0: "Siemens AG", 1: config.variant, 2: f"V{config.firmware}"},
        )

    async def start(self) -> None:
        """Power up: Modbus server and measuring."""
        if self._sampling is not None:
            return
        if self._fault != "closed_port":
            await self._listen()
        self.meter.power_up(self._host.now_ns())
        self._sampling = self._host.every(SAMPLE_S, self._sample, phase=Phase.METERS)
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

    def parameters_changed(self) -> None:
        """Let saved parameters act: the model looks at them with each sample."""
        self._sample()

    def page(self) -> Mapping[str, str]:
        """Return what the display shows, as text by the names of its menus."""
        measured = {name: REGISTERS.named(name).format(self.meter.value(name)) for name in _DISPLAYED}
        return measured | {
            "IP": self._config.address or "",
            "Modbus Port": self.parameters.text("Modbus Port"),
            "Action": self.parameters.text("Digital Input action"),
            "Input": "on" if self.meter.input_on else "off",
            "Tariff": f"T{int(str(self.meter.value('ACTIVE_TARIFF'))) + 1}",
        }

    def explain(self) -> str:
        """Return in one sentence what the meter measures, and its fault if it has one."""
        currents = "/".join(REGISTERS.named(f"I_{phase}").format(self.meter.value(f"I_{phase}")) for phase in PHASES)
        return f"{self.name} measures {currents}" + (f" with the fault {self._fault!r}" if self._fault else "") + "."

    async def fault(self, kind: str | None) -> None:
        """Plant a fault in place of the one before, None to heal it.

        ``exceptions`` answers exception 4, ``timeouts`` does not answer, ``closed_port`` closes port and connections,
        ``frozen`` keeps its values, ``nan:L2`` reads *not a number* on that phase.

        Raises:
            ValueError: There is no such fault; the message lists what there is.
        """
        if kind is not None and kind not in FAULTS:
            raise ValueError(f"{self.name} has no fault {kind!r}. It has: {', '.join(FAULTS)}.")
        self._fault = kind
        self._server.refuse_with = DEVICE_FAILURE if kind == "exceptions" else None
        self._server.silent = kind == "timeouts"
        self.meter.frozen = kind == "frozen"
        self.meter.lost_phase = kind.removeprefix("nan:") if kind is not None and kind.startswith("nan:") else None
        if kind == "closed_port":
            await self._server.stop()
        elif self._sampling is not None and not self._server.is_listening:
            await self._listen()
        self._host.trace("fault", fault=kind or "none")

    async def _listen(self) -> None:
        await self._server.start(*self._host.listen_at(int(str(self.parameters["Modbus Port"]))))

    def _apply_ip(self) -> None:
        self._host.spawn(self.restart(), name=f"{self.name} applies its IP configuration")

    def _sample(self) -> None:
        wiring = self._wiring
        self.meter.sample(
            self._host.now_ns(),
            int(self._host.utc().timestamp()),
            Reading(
                wiring.currents_a(),
                wiring.neutral_a(),
                wiring.voltage_v(),
                wiring.import_wh(),
                wiring.export_wh(),
                self._host.contact(INPUT),
            ),
        )
        shown = (int(self.meter.input_on), self.meter.tariff)
        if shown != self._shown:
            self._shown = shown
            self._host.trace("digital_input", energised=bool(shown[0]), tariff=shown[1] + 1)

    def _write(self, name: str, value: Value) -> None:
        self.meter.write(name, value)
        self._host.trace("written", register=name, value=REGISTERS.named(name).format(value))


_DISPLAYED: Final = (
    *("V_L1_N", "V_L2_N", "V_L3_N", "I_L1", "I_L2", "I_L3", "P_L1", "P_L2", "P_L3"),
    *("P_TOT", "EA_IMP_TOT_T1", "EA_IMP_TOT_T2", "EA_EXP_TOT_T1", "EA_EXP_TOT_T2"),
)
