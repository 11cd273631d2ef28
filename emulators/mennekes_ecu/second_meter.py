"""A DLM master's second meter: polled over Modbus TCP as its table says, and lost when it is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emulators.kit.family import DeviceConfig
from emulators.kit.host import NS_PER_S, Host
from emulators.kit.modbus.client import ModbusClient, ModbusFault
from emulators.kit.modbus.poller import Poller
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase
from emulators.kit.readable import ReadableMeter
from emulators.mennekes_ecu import dlm

METERS: Final = ReadableMeter.load(Path(__file__).parent / "meters.csv")
KIND: Final = "Meter configuration (Second)"  #: The parameter that names one of them.


class SecondMeter:
    """The meter that a master polls from :meth:`start` to :meth:`stop`.

    Args:
        host: The master's.
        config: The master's.
        parameters: The master's: where the meter is.
        master: Is told each reading.
        meter: How it is read.
        period_s: From poll to poll [s].

    Attributes:
        currents_a: Its latest signed currents [A].
        lost: Whether it has been silent for too long.
    """

    def __init__(
        self,
        host: Host,
        config: DeviceConfig,
        parameters: ParameterStore,
        master: dlm.Master,
        meter: ReadableMeter,
        *,
        period_s: float,
    ) -> None:
        self._host, self._master, self._meter = host, master, meter
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
        reading = await read_currents(client, self._meter)
        self._master.meter(self._host.now_ns(), reading)
        if reading is not None:
            self.currents_a = reading.map(lambda value: round(value, 1))


def meter_of(
    host: Host, config: DeviceConfig, parameters: ParameterStore, master: dlm.Master, *, period_s: float
) -> SecondMeter | None:
    """Return the meter that a master is set up for (arguments as of :class:`SecondMeter`), None without one."""
    meter = METERS.get(parameters.text(KIND))
    wanted = parameters.flag("External Meter Support") and parameters.text("IP address of second meter")
    return SecondMeter(host, config, parameters, master, meter, period_s=period_s) if meter and wanted else None


async def read_currents(client: ModbusClient, meter: ReadableMeter) -> PerPhase | None:
    """Return the meter's signed currents [A], None when it does not answer or one is absurd."""
    try:
        answers = [await client.read_holding(first, words, unit=meter.unit) for first, words in meter.requests]
    except ModbusFault:
        return None
    return meter.currents_a(answers)
