"""What a Siemens PAC2200 measures, counts and takes: plain state, no I/O, time as an argument.

The meter sees its terminals twice a second (:meth:`Meter.measure`). Momentary values are of that moment; energies are
the exact increments of its terminals since the moment before, counted into the tariff that was active then.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping
from typing import Final

from emulators.kit.faults import FROZEN, Planted
from emulators.kit.measured import Moment
from emulators.kit.parameters import ParameterError, ParameterStore
from emulators.kit.phases import PHASES, PerPhase
from emulators.kit.registers import DEVICE_FAILURE, ILLEGAL_VALUE, Value, WriteRefused
from emulators.kit.terminals import Reading
from emulators.pac2200.faults import LOST_PHASE

SAMPLE_S: Final = 0.5  #: Refresh of momentary values (meters.md 1.3, assumed).
MEAN_S: Final = 10  #: Period of the step-1 mean values, ex works (register 30001).
INPUT: Final = "digital_input"  #: The contact at terminal 12 (MENNEKES application note 6.5).
WRAP: Final = 1.0e12  #: Energy counters start again here [Wh] (PAC2200 manual 05/2018 app. A.1).
FREQUENCY_HZ: Final = 50.0
WRITE_PROTECTED: Final = 0xF0  #: Exception while write protection is on (meters.md 1.4).
ACTIONS: Final = ("none", "pulse", "On/Off-Peak", "demand sync")  #: Register 50025, by number.
SYNCS: Final = ("none", "bus", "digital input")  #: Register 50023, by number.
CONNECTIONS: Final = (
    "3P4W",
    "3P3W",
    "3P4WB",
    "3P3WB",
    "1P2W",
)  #: Register 50001, by number (0: PAC2200; others PAC3200).

_PROFILE: Final = 0xF600  #: I&M 0: a device of no special profile, what clients look for.
_NS_PER_S: Final = 1_000_000_000
_WH_PER_J: Final = 1 / 3600
_COUNTERS: Final = ("EA_IMP", "EA_EXP", "ER_IMP", "ER_EXP", "ES")
#: Counters of imported, exported and apparent energy in the order of a step (total, L1, L2, L3), by tariff.
_STEPPED: Final = tuple(
    tuple(tuple(f"{kind}_{where}_T{tariff}" for where in ("TOT", *PHASES)) for kind in ("EA_IMP", "EA_EXP", "ES"))
    for tariff in (1, 2)
)
_RESETS: Final = {
    1 + 2 * kind + tariff: f"{name}_{{}}_T{tariff + 1}" for kind, name in enumerate(_COUNTERS) for tariff in (0, 1)
}
_SWITCHES: Final = {f"CFG_INVERT_I_{phase}": f"Invert current {phase}" for phase in PHASES}
_NUMBERS: Final = {
    "CFG_CT_PRIMARY": "CT primary [A]",
    "CFG_DEMAND_PERIOD": "Demand period [min]",
    "IP_PORT": "Modbus Port",
}
_CHOICES: Final = {
    "CFG_CONNECTION": ("Connection type", CONNECTIONS),
    "CFG_DEMAND_SYNC": ("Demand sync", SYNCS),
    "CFG_DI_ACTION": ("Digital Input action", ACTIONS),
}
#: Values that are kept and read back, and act on nothing here.
_STORED: Final[Mapping[str, Value]] = {
    "CFG_I_DISPLAY": 100,
    "SNTP_IP": 0,
    "SNTP_MODE": 0,
    "FIREWALL": 0,
    "IP": 0,
    "NETMASK": 0xFFFFFF00,
    "GATEWAY": 0,
    "IM1_4": bytes(2 * 89),
}
#: The momentary values in the order of registers 1.., as the block of mean values (30005..) repeats them; "" reads 0.
_MEAN_ORDER: Final = (
    *("V_L1_N", "V_L2_N", "V_L3_N", "V_L1_L2", "V_L2_L3", "V_L3_L1", "I_L1", "I_L2", "I_L3", "S_L1", "S_L2", "S_L3"),
    *("P_L1", "P_L2", "P_L3", "Q_L1", "Q_L2", "Q_L3", "PF_L1", "PF_L2", "PF_L3", "", "", "", "", "", ""),
    *("F", "V_LN_AVG", "V_LL_AVG", "I_AVG", "S_TOT"),
)


class Meter:
    """One PAC2200.

    Args:
        variant: Order number: 2EA30 measures by 5 A transformers, 2EA40 directly; 1JA1 is a MID device.
        firmware: Version, for the identification block.
        serial: Serial number, at most 16 characters.
        address: Own IPv4 address as the manual prints it.
        parameters: What its menu holds.
        trace: Takes an event and its fields.

    Attributes:
        frozen: Fault: values stay as they are; what is counted meanwhile shows when it is healed.
        lost_phase: Fault: ``L1``, ``L2`` or ``L3`` reads *not a number*.
        output_on: The digital output is on.
        on_apply: Called when a client has changed the IP configuration and applies it.
    """

    def __init__(
        self,
        variant: str,
        firmware: str,
        serial: str,
        address: str | None,
        parameters: ParameterStore,
        *,
        trace: Callable[..., None],
    ) -> None:
        self._address, self._trace = address or "", trace
        self.variant, self.firmware, self.serial = variant, firmware, serial
        self._parameters = parameters
        self._is_direct = "-2EA40-" in variant
        self._is_mid = variant.endswith("-1JA1")
        self.frozen = False
        self._input = False
        self.lost_phase: str | None = None
        self.output_on = False
        self.on_apply: Callable[[], object] | None = None
        self._traced: tuple[bool, int] | None = None  # input and tariff, as they were told last
        self._last: Reading | None = None  # None: nothing was measured since it was powered up
        self._momentary: dict[str, float] | None = None  # made of it when somebody reads
        self._counters = {
            f"{kind}_{where}_T{tariff}": 0.0 for kind in _COUNTERS for where in ("TOT", *PHASES) for tariff in (1, 2)
        }
        self._bus_tariff = self._tariff = 0  # as a client has set it, and the active one
        self._changes = self._relevant_changes = 0  # of settings
        self._stored = dict(_STORED) | {"IP": int(ipaddress.IPv4Address(address)) if address else 0}
        self._now_s = 0.0
        self._utc_s = 0
        self._collecting: list[Reading] = []  # of the mean values' running period
        self._mean_of: list[Reading] = []  # of the one that is over
        self._mean_utc_s = 0
        self._demand = _Demand()
        self._last_demand = _Demand()

    # --- terminals

    def power_up(self, now_ns: int) -> None:
        """Begin a demand period; what flowed while the meter was off is not counted."""
        self._last = None
        self._demand = _Demand(now_ns / _NS_PER_S)

    def measure(self, moment: Moment) -> None:
        """Measure and count, every :data:`SAMPLE_S`; a change of input or tariff is traced."""
        if not self.frozen:
            self._sample(moment)
        shown = (self.input_on, self.tariff)
        if shown != self._traced:
            self._traced = shown
            self._trace("digital_input", energised=self.input_on, tariff=self.tariff + 1)

    def _sample(self, moment: Moment) -> None:
        reading, input_on = self._inverted(moment.reading), moment.contact(INPUT)
        last = self._last or reading
        edge = input_on and self._last is not None and not self._input
        self._count(reading.import_wh - last.import_wh, reading.export_wh - last.export_wh)
        self._last, self._momentary, self._input = reading, None, input_on
        self._now_s, self._utc_s = moment.now_ns / _NS_PER_S, moment.utc_s
        power_w = sum(current * voltage for current, voltage in zip(reading.currents_a, reading.voltage_v, strict=True))
        self._demand.add(power_w, sum(reading.import_wh - last.import_wh), sum(reading.export_wh - last.export_wh))
        is_synced = edge and self._action == "demand sync" and self._parameters.text("Demand sync") == "digital input"
        if is_synced or self._now_s - self._demand.began_s >= self._period_s:
            self._end_period()
        self._switch_tariff()
        self._collecting.append(reading)
        if len(self._collecting) >= MEAN_S / SAMPLE_S:
            self._mean_of, self._collecting, self._mean_utc_s = self._collecting, [], moment.utc_s

    def plant(self, fault: Planted | None) -> None:
        """Take a fault: ``frozen``, or ``nan:L2``, which reads *not a number* on that phase."""
        name, argument = ("", "") if fault is None else (fault.name, fault.argument)
        self.frozen = name == FROZEN
        self.lost_phase = argument if name == LOST_PHASE else None

    def _inverted(self, reading: Reading) -> Reading:
        swapped = [self._parameters.flag(name) for name in _SWITCHES.values()]
        if not any(swapped):
            return reading
        sign = PerPhase(*(-1.0 if is_swapped else 1.0 for is_swapped in swapped))
        pairs = zip(swapped, reading.import_wh, reading.export_wh, strict=True)
        imported, exported = zip(*((e, i) if is_swapped else (i, e) for is_swapped, i, e in pairs), strict=True)
        return Reading(
            reading.currents_a.combine(sign, lambda current, factor: current * factor),
            reading.neutral_a,
            reading.voltage_v,
            PerPhase(*imported),
            PerPhase(*exported),
        )

    def _count(self, imported_wh: PerPhase, exported_wh: PerPhase) -> None:
        # cos phi is 1 in the farm's plant: apparent energy is the sum of both directions, reactive energy stands still
        steps = (imported_wh, exported_wh, imported_wh + exported_wh)
        for names, step_wh in zip(_STEPPED[self._tariff], steps, strict=True):
            total_wh = sum(step_wh)
            if total_wh:  # a direction that stands still is the usual case
                for name, amount in zip(names, (total_wh, *step_wh), strict=True):
                    self._counters[name] = (self._counters[name] + amount) % WRAP

    # --- tariff and demand

    @property
    def _action(self) -> str:
        return self._parameters.text("Digital Input action")

    @property
    def _period_s(self) -> int:
        return 60 * self._parameters.whole("Demand period [min]")

    @property
    def input_on(self) -> bool:
        """Return whether the digital input counts as on; with the action none it is switched off."""
        return self._action != "none" and self._last is not None and self._input

    @property
    def tariff(self) -> int:
        """Return the active tariff, 0 (on-peak) or 1 (off-peak)."""
        return self._tariff

    def _switch_tariff(self, *, at_period_end: bool = False) -> None:
        """Follow input or bus: at once, or at the end of a period when demand periods are synchronised."""
        if self._parameters.text("Demand sync") == "none" or at_period_end:
            self._tariff = int(self.input_on) if self._action == "On/Off-Peak" else self._bus_tariff

    def _end_period(self) -> None:
        self._demand.ended_s = self._now_s
        self._last_demand, self._demand = self._demand, _Demand(self._now_s)
        self._switch_tariff(at_period_end=True)

    def page(self) -> Mapping[str, str]:
        """Return what the display shows beside registers, as text by the names of its menus."""
        return {
            "IP": self._address,
            "Modbus Port": self._parameters.shown("Modbus Port"),
            "Action": self._parameters.shown("Digital Input action"),
            "Input": "on" if self.input_on else "off",
            "Tariff": f"T{self.tariff + 1}",
        }

    # --- what a client reads

    def value(self, name: str) -> Value:  # noqa: PLR0912 - one case per group of registers
        """Return the value of a register of ``registers.csv``, None where there is none."""
        if name in self._counters:
            return self._counters[name]
        if self._last is None:
            momentary: dict[str, float] = {}
        else:
            if self._momentary is None:
                self._momentary = momentary_values(self._last)
            momentary = self._momentary
        if name in momentary:
            return None if self.lost_phase and f"_{self.lost_phase}" in name else momentary[name]
        if name in _SWITCHES:
            return int(self._parameters.flag(_SWITCHES[name]))
        if name in _NUMBERS:
            return self._parameters.whole(_NUMBERS[name])
        if name in _CHOICES:
            parameter, texts = _CHOICES[name]
            return texts.index(self._parameters.text(parameter))
        if name in self._stored:
            return self._stored[name]
        match name:
            case "DIAG" | "MEAN_FLAGS" | "BOOTLOADER":
                return 0
            case "DO_STATUS":
                return int(self.output_on)
            case "DI_STATUS":
                return int(self.input_on)
            case "ACTIVE_TARIFF":
                return self._tariff
            case "CHANGE_CNT_RELEVANT":
                return self._relevant_changes
            case "CHANGE_CNT_ALL":
                return self._changes
            case "MEAN_TS":
                return self._mean_utc_s
            case "MEAN_BLOCK":
                return self._means()
            case "PW_PROTECT":
                return int(self._parameters.flag("Write protection"))
            case "IM0":
                return self._identification()
        return self._last_demand.value(name, self._period_s, self._now_s - self._demand.began_s)

    def _means(self) -> tuple[float, ...]:
        blocks = [momentary_values(reading) for reading in self._mean_of]
        return tuple(
            math.fsum(block[name] for block in blocks) / len(blocks) if name and blocks else 0.0 for name in _MEAN_ORDER
        )

    def _identification(self) -> bytes:
        """Return I&M 0: maker 42, order and serial number, hardware 1, software V x.y.z, profile data."""
        version = [int(part) for part in self.firmware.split(".")]
        return b"".join(
            (
                (42).to_bytes(2),
                self.variant.encode("ascii").ljust(20),
                self.serial.encode("ascii", "replace")[:16].ljust(16),
                (1).to_bytes(2),
                b"V" + bytes([*version, 0, 0][:3]),
                bytes(2),
                _PROFILE.to_bytes(2),
                bytes(2),
                b"\x01\x01",
                (0x1E).to_bytes(2),
            )
        )

    # --- what a client writes

    def write(self, name: str, value: Value) -> None:
        """Take a written register.

        Raises:
            WriteRefused: Write protection is on (F0h), this order number refuses it (4), or the value is wrong (3).
        """
        if self._parameters.flag("Write protection"):
            raise WriteRefused(WRITE_PROTECTED, "write protection is on")
        self._check_variant(name)
        if name in self._counters:
            if not isinstance(value, int | float) or not 0 <= value < WRAP:
                raise WriteRefused(ILLEGAL_VALUE, f"{name} counts from 0 to {WRAP:g}")
            self._counters[name] = float(value)
            self._changed(relevant=True)
        elif name.startswith("CMD_"):
            self._command(name, int(value) if isinstance(value, int) else -1)
        elif name in self._stored:
            self._stored[name] = value
            self._changed()
        else:
            self._set_parameter(name, value)

    def _check_variant(self, name: str) -> None:
        refused = {*_SWITCHES, "CFG_CONNECTION"} if self._is_mid or self._is_direct else set()
        if self._is_direct:
            refused.add("CFG_CT_PRIMARY")
        if self._is_mid:
            refused |= {"CMD_RESET_ENERGY", *self._counters}
        if name in refused:
            raise WriteRefused(DEVICE_FAILURE, f"{self.variant} refuses {name}")

    def _set_parameter(self, name: str, value: Value) -> None:
        number = int(value) if isinstance(value, int) else -1
        if name in _CHOICES:
            parameter, texts = _CHOICES[name]
            raw: object = texts[number] if 0 <= number < len(texts) else number
        elif name in _SWITCHES:
            parameter, raw = _SWITCHES[name], bool(number) if number in (0, 1) else number
        else:
            parameter, raw = _NUMBERS[name], number
        try:
            self._parameters.set(parameter, raw)
        except ParameterError as error:
            raise WriteRefused(ILLEGAL_VALUE, str(error)) from None
        self._parameters.save()
        self._changed(relevant=name in ("CFG_CONNECTION", "CFG_CT_PRIMARY", *_SWITCHES))

    def _changed(self, *, relevant: bool = False) -> None:
        self._changes += 1
        self._relevant_changes += relevant

    def _command(self, name: str, number: int) -> None:
        highest = {
            "CMD_RESET_ENERGY": 10,
            "CMD_TARIFF": 1,
            "CMD_OUTPUT": 1,
            "CMD_APPLY_IP": 0,
            "CMD_SYNC_DEMAND": 60,
            "CMD_GROUP": 0x6301,
        }.get(name, 0xFFFF)
        if not 0 <= number <= highest:
            raise WriteRefused(ILLEGAL_VALUE, f"{name} takes 0 to {highest}")
        match name:
            case "CMD_RESET_ENERGY":
                kinds = _RESETS.values() if number == 0 else (_RESETS[number],)
                self._counters.update({kind.format(where): 0.0 for kind in kinds for where in ("TOT", *PHASES)})
                self._changed(relevant=True)
            case "CMD_SYNC_DEMAND":
                if self._parameters.text("Demand sync") == "bus" and number * 60 == self._period_s:
                    self._end_period()
            case "CMD_TARIFF":
                self._bus_tariff = number
                self._switch_tariff()
            case "CMD_OUTPUT":
                self.output_on = number == 1
            case "CMD_APPLY_IP" if self.on_apply is not None:
                self.on_apply()


class _Demand:
    """One demand period, as far as it has come."""

    def __init__(self, began_s: float = 0.0) -> None:
        self.began_s, self.ended_s = began_s, began_s
        self.import_wh = self.export_wh = 0.0
        self.highest_w: float | None = None
        self.lowest_w: float | None = None

    def add(self, power_w: float, import_wh: float, export_wh: float) -> None:
        self.import_wh += import_wh
        self.export_wh += export_wh
        self.highest_w = power_w if self.highest_w is None else max(self.highest_w, power_w)
        self.lowest_w = power_w if self.lowest_w is None else min(self.lowest_w, power_w)

    def value(self, name: str, length_s: int, elapsed_s: float) -> Value:
        """Return a register of the demand block; length and elapsed time are the running period's."""
        hours = (self.ended_s - self.began_s) * _WH_PER_J
        return {
            "DEM_P_IMP": self.import_wh / hours if hours else 0.0,
            "DEM_P_EXP": self.export_wh / hours if hours else 0.0,
            "DEM_P_MAX": self.highest_w or 0.0,
            "DEM_P_MIN": self.lowest_w or 0.0,
            "DEM_LEN": length_s,
            "DEM_ELAPSED": int(elapsed_s),
        }.get(name, 0.0)


def momentary_values(reading: Reading) -> dict[str, float]:
    """Return registers 1 to 72 by name: RMS currents are never negative, active power is signed; cos phi is 1."""
    volts = reading.voltage_v
    currents = reading.currents_a.map(abs)
    powers, between = reading.powers_w, reading.line_to_line_v
    values = {f"V_{phase}_N": voltage for phase, voltage in zip(PHASES, volts, strict=True)}
    values |= dict(zip(("V_L1_L2", "V_L2_L3", "V_L3_L1"), between, strict=True))
    for phase, current, power in zip(PHASES, currents, powers, strict=True):
        values |= {
            f"I_{phase}": current,
            f"S_{phase}": abs(power),
            f"P_{phase}": power,
            f"Q_{phase}": 0.0,
            f"PF_{phase}": 1.0,
        }
    total_w = sum(powers)
    apparent_va = sum(abs(power) for power in powers)
    return values | {
        "F": FREQUENCY_HZ,
        "V_LN_AVG": sum(volts) / 3,
        "V_LL_AVG": sum(between) / 3,
        "I_AVG": sum(currents) / 3,
        "S_TOT": apparent_va,
        "P_TOT": total_w,
        "Q_TOT": 0.0,
        "PF_TOT": abs(total_w) / apparent_va if apparent_va else 1.0,
        "I_N": reading.neutral_a,
    }
