"""Binds the meter to its terminals and to Modbus TCP. No behaviour in here: that is :mod:`model`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.modbus.meter import ModbusMeter
from emulators.kit.parameters import ParameterError, ParameterTable
from emulators.kit.registers import RegisterTable, Value
from emulators.kit.terminals import Reading
from emulators.pac2200.faults import FAULTS, LOST_PHASE
from emulators.pac2200.model import SAMPLE_S, Meter

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")
INPUT: Final = "digital_input"  #: The contact at terminal 12 (MENNEKES application note 6.5).


class Pac2200(ModbusMeter):
    """A Siemens SENTRON PAC2200 on a host; any unit id is answered and echoed (assumed)."""

    FAULTS: ClassVar = FAULTS
    CURRENTS: ClassVar = ("I_L1", "I_L2", "I_L3")
    DISPLAYED: ClassVar = (
        *("V_L1_N", "V_L2_N", "V_L3_N", *CURRENTS, "P_L1", "P_L2", "P_L3"),
        *("P_TOT", "EA_IMP_TOT_T1", "EA_IMP_TOT_T2", "EA_EXP_TOT_T1", "EA_EXP_TOT_T2"),
    )

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        if "CT primary [A]" in config.parameters and "-2EA40-" in config.variant:
            raise ParameterError("CT primary [A]", f"is not offered by {config.variant}.", "It measures directly.")
        super().__init__(
            host, config, parameters=PARAMETERS, registers=REGISTERS, sample_s=SAMPLE_S, whole_values=True,
            identity={0: "Siemens AG", 1: config.variant, 2: f"V{config.firmware}"},
        )  # fmt: skip
        self._address = config.address or ""
        self.meter = Meter(config.variant, config.firmware, f"LQN/{config.name}", config.address, self.parameters)
        self.meter.on_apply = self._apply_ip
        self._shown = (-1, -1)

    def port(self) -> int:
        """Return the port that its menu sets."""
        return self.parameters.whole("Modbus Port")

    async def start(self) -> None:
        """Power up: a demand period begins."""
        if self._sampling is None:
            self.meter.power_up(self._host.now_ns())
        await super().start()

    def page(self) -> Mapping[str, str]:
        """Return what the display shows, as text by the names of its menus."""
        return {
            **super().page(),
            "IP": self._address,
            "Modbus Port": self.parameters.shown("Modbus Port"),
            "Action": self.parameters.shown("Digital Input action"),
            "Input": "on" if self.meter.input_on else "off",
            "Tariff": f"T{self.meter.tariff + 1}",
        }

    async def fault(self, kind: str | None) -> None:
        """Plant one of the meter's faults in place of the one before, None to heal it.

        Raises:
            ValueError: There is no such fault; the message lists what there is.
        """
        await super().fault(kind)
        planted = None if kind is None else FAULTS.parse(self.name, kind)
        self.meter.frozen = kind == "frozen"
        self.meter.lost_phase = planted.argument if planted is not None and planted.name == LOST_PHASE else None

    def measure(self, reading: Reading) -> None:
        """Measure and count; a change of input or tariff is traced."""
        now_ns, utc_s = self._host.now_ns(), int(self._host.utc().timestamp())
        self.meter.sample(now_ns, utc_s, reading, input_on=self._host.contact(INPUT))
        shown = (int(self.meter.input_on), self.meter.tariff)
        if shown != self._shown:
            self._shown = shown
            self._host.trace("digital_input", energised=bool(shown[0]), tariff=shown[1] + 1)

    def value(self, register: str) -> Value:
        """Return what a register reads."""
        return self.meter.value(register)

    def write(self, register: str, value: Value) -> None:
        """Take a written value."""
        self.meter.write(register, value)
        self._host.trace("written", register=register, value=REGISTERS.named(register).format(value))

    def _apply_ip(self) -> None:
        self._host.spawn(self.restart(), name=f"{self.name} applies its IP configuration")
