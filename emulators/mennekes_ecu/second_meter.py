"""A DLM master's second meter, a Siemens PAC2200: polled over Modbus TCP, and lost when it is silent."""

from __future__ import annotations

import math
import struct
from typing import Final

from emulators.kit.family import DeviceConfig
from emulators.kit.host import NS_PER_S, Host
from emulators.kit.modbus.client import ModbusClient, ModbusFault
from emulators.kit.modbus.poller import Poller
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase
from emulators.mennekes_ecu import dlm

#: Currents I_L1..I_L3 and signed active powers P_L1..P_L3 in one request.
FIRST, WORDS, CURRENTS, POWERS = 13, 18, 0, 12
UNIT: Final = 1


class SecondMeter:
    """The meter that a master polls from :meth:`start` to :meth:`stop`.

    Args:
        host: The master's.
        config: The master's.
        parameters: The master's: where the meter is.
        master: Is told each reading.
        period_s: From poll to poll [s].

    Attributes:
        currents_a: Its latest signed currents [A].
        lost: Whether it has been silent for too long.
    """

    def __init__(
        self, host: Host, config: DeviceConfig, parameters: ParameterStore, master: dlm.Master, *, period_s: float
    ) -> None:
        self._host, self._master = host, master
        self._started_ns = host.now_ns()
        where = parameters.text("IP address of second meter"), parameters.whole("Port number of Second Meter")
        self._poller = Poller(
            host,
            where,
            self._read,
            name=f"{config.name} polls its second meter",
            period_s=period_s,
            late_s=period_s / 2,
            catches_up=True,
        )
        self.currents_a = PerPhase.zero()
        self.lost = False

    def start(self) -> None:
        """Poll from now on."""
        self._poller.start()

    async def stop(self) -> None:
        """Poll no more; the connection is closed by then."""
        await self._poller.stop()

    def watch(self, now_ns: int) -> None:
        """Notice that the meter is lost or found."""
        lost = self._master.meter_lost(now_ns) and now_ns - self._started_ns >= round(dlm.SILENT_S * NS_PER_S)
        if lost != self.lost:
            self.lost = lost
            self._host.trace("meter_lost" if lost else "meter_found")

    async def _read(self, client: ModbusClient) -> None:
        reading = await read_currents(client)
        self._master.meter(self._host.now_ns(), reading)
        if reading is not None:
            self.currents_a = reading.map(lambda value: round(value, 1))


def meter_of(
    host: Host, config: DeviceConfig, parameters: ParameterStore, master: dlm.Master, *, period_s: float
) -> SecondMeter | None:
    """Return the meter that a master is set up for (arguments as of :class:`SecondMeter`), None without one."""
    wanted = (
        parameters.flag("External Meter Support")
        and parameters.text("Meter configuration (Second)") != "No meter"
        and parameters.text("IP address of second meter")
    )
    return SecondMeter(host, config, parameters, master, period_s=period_s) if wanted else None


async def read_currents(client: ModbusClient) -> PerPhase | None:
    """Return the meter's signed currents [A], None when it does not answer or one is absurd."""
    try:
        return signed_currents(await client.read_holding(FIRST, WORDS, unit=UNIT))
    except ModbusFault:
        return None


def signed_currents(words: list[int]) -> PerPhase | None:
    """Return the currents of a PAC2200 with the sign of each phase's active power [A], None when one is absurd.

    Source: application note 6.3 is silent about the sign; MEN-MTR-061 recommends the active power's.
    """
    currents, powers = _floats(words[CURRENTS:][:6]), _floats(words[POWERS:][:6])
    if not all(map(math.isfinite, (*currents, *powers))):
        return None
    return PerPhase(*(math.copysign(i, p) for i, p in zip(currents, powers, strict=True)))


def _floats(words: list[int]) -> list[float]:
    return list(struct.unpack(">3f", struct.pack(">6H", *words)))
