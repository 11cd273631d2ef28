"""A charge point's own clock: farm time to wait by, and what it takes for UTC, which the backend sets. Sans-I/O."""

from __future__ import annotations

from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.wire.timestamps import LATEST_UTC_NS, format_utc

DAY_NS: Final = 86_400 * NS_PER_S
#: The clock is set when it is wrong by this much: backends often tell whole seconds.
TOLERANCE_NS: Final = NS_PER_S


class DeviceClock:
    """A clock.

    Args:
        epoch_utc_ns: UTC at farm time 0 [ns since 1970].
        now_ns: Farm time.
        ahead_ns: How far the device is ahead of UTC [ns]; negative: behind.

    Attributes:
        now_ns: Farm time of the inputs that are being taken.
    """

    def __init__(self, *, epoch_utc_ns: int, now_ns: int, ahead_ns: int) -> None:
        self._epoch_utc_ns = epoch_utc_ns
        self.now_ns, self.ahead_ns = now_ns, ahead_ns

    @property
    def utc_ns(self) -> int:
        """Return what the device takes for UTC now [ns since 1970]."""
        return self.utc_at(self.now_ns)

    def utc_at(self, at_ns: int) -> int:
        """Return what the device takes for UTC at a farm time [ns since 1970]."""
        utc_ns = self._epoch_utc_ns + at_ns + self.ahead_ns
        return min(max(utc_ns, 0), LATEST_UTC_NS)  # it stands still where a time cannot be written

    @property
    def timestamp(self) -> str:
        """Return the same as OCPP writes it, in milliseconds."""
        return self.stamp(self.now_ns)

    def stamp(self, at_ns: int) -> str:
        """Return a farm time as OCPP writes it, by the device's clock, in milliseconds."""
        return format_utc(self.utc_at(at_ns) // 1_000_000 * 1_000_000)

    def set(self, utc_ns: int) -> bool:
        """Take the central system's time; return whether the clock was wrong and has been set."""
        if abs(utc_ns - self.utc_ns) < TOLERANCE_NS:
            return False
        self.ahead_ns = utc_ns - self._epoch_utc_ns - self.now_ns
        return True

    def farm_ns(self, utc_ns: int) -> int:
        """Return the farm time at which the device's clock shows a UTC."""
        return self.now_ns + utc_ns - self.utc_ns

    def aligned_after(self, interval_s: int) -> int:
        """Return the next farm time that lies whole intervals after midnight (UTC of the device)."""
        utc_ns = self.utc_ns
        midnight = utc_ns // DAY_NS * DAY_NS
        step_ns = interval_s * NS_PER_S
        due = midnight + ((utc_ns - midnight) // step_ns + 1) * step_ns
        return self.farm_ns(min(due, midnight + DAY_NS))
