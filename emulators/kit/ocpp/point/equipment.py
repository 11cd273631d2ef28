"""What a charge point needs of the device that it stands in: readings of its meters, the lock, a reboot. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from emulators.kit.phases import PerPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What the meter of a connector shows now; None: this device does not measure it.

    Phases are numbered as the grid's (OCPP 1.6, 7.32), so a device with rotated phases has put them back. Powers are of
    each phase, energy of all together.

    Attributes:
        lines: The grid's phases that the meter is on; None: as many as the charge point has, from L1 on.
        energy_wh: Energy register, import [Wh]; it never falls and is not reset by a transaction.
        current_a: Imported current of each phase [A].
        voltage_v: Of each phase against neutral [V].
        power_w: Active power, import, of each phase [W].
        energy_export_wh: Energy register, export [Wh].
        reactive_power_var: Reactive power, import, of each phase [var].
        power_factor: Of each phase, 0 to 1.
        total_power_factor: Of a meter that tells one of all phases together, 0 to 1.
        frequency_hz: Of the grid [Hz].
        temperature_c: Inside the device [°C].
        soc_pct: State of charge of the vehicle [%].
    """

    energy_wh: float
    lines: tuple[str, ...] | None = None
    current_a: PerPhase | None = None
    voltage_v: PerPhase | None = None
    power_w: PerPhase | None = None
    energy_export_wh: float | None = None
    reactive_power_var: PerPhase | None = None
    power_factor: PerPhase | None = None
    total_power_factor: float | None = None
    frequency_hz: float | None = None
    temperature_c: float | None = None
    soc_pct: float | None = None


class Unlocked(StrEnum):
    """What became of unlocking a socket (``UnlockStatus``)."""

    UNLOCKED = "Unlocked"
    FAILED = "UnlockFailed"
    NOT_SUPPORTED = "NotSupported"  #: A fixed cable.


class Equipment(Protocol):
    """A device as its charge point sees it. Every call returns at once and does no I/O."""

    def readings(self, connector: int) -> Readings | None:
        """Return what a connector's meter shows now; 0 is the meter at the inlet. None: there is no such meter."""
        ...

    def maximum_a(self, connector: int) -> float | None:
        """Return what a connector can offer now by the device's own settings [A per phase]; None: as it was made."""
        ...

    def unlock(self, connector: int) -> Unlocked:
        """Unlock a socket's plug; a transaction there has been stopped already."""
        ...

    def obey(self) -> None:
        """Look again at what the charge point allows: limits, permission to charge, or availability have changed."""
        ...

    def configured(self, key: str, value: str) -> None:
        """Take a configuration key that the backend has changed, where it stands for a parameter of the device."""
        ...

    def reboot(self, *, hard: bool) -> None:
        """Restart as after a command of the backend; the charge point has done what comes before it."""
        ...
