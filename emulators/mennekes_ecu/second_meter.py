"""A DLM master's second meter: polled over Modbus TCP as its table says, and lost when it is silent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from emulators.kit.family import DeviceConfig
from emulators.kit.host import NS_PER_S, Host
from emulators.kit.modbus import ModbusClient, ModbusFault
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
        self._host, self._name, self._parameters, self._master = host, config.name, parameters, master
        self._meter = meter
        self._period_s = period_s
        self._started_ns = host.now_ns()
        self._polling: asyncio.Task[None] | None = None
        self.currents_a = PerPhase.zero()
        self.lost = False

    def start(self) -> None:
        """Poll from now on."""
        self._polling = self._host.spawn(self._poll(), name=f"{self._name} polls its second meter")

    async def stop(self) -> None:
        """Poll no more; the connection is closed by then."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    def watch(self, now_ns: int) -> None:
        """Notice that the meter is lost or found."""
        lost = self._master.meter_lost(now_ns) and now_ns - self._started_ns >= round(dlm.SILENT_S * NS_PER_S)
        if lost != self.lost:
            self.lost = lost
            self._host.trace("meter_lost" if lost else "meter_found")

    async def _poll(self) -> None:
        address = str(self._parameters["IP address of second meter"])
        port = int(str(self._parameters["Port number of Second Meter"]))
        client = ModbusClient(*self._host.resolve(address, port), source_address=self._host.source_address())
        start_ns, polls = self._host.now_ns(), 0
        try:
            while True:
                polls += 1
                await self._read(client)
                # Due at start + k * period; what was missed while the meter was silent is not made up for.
                polls = max(polls, (self._host.now_ns() - start_ns) // round(self._period_s * NS_PER_S))
                await asyncio.sleep((start_ns - self._host.now_ns()) / NS_PER_S + (polls + 0.5) * self._period_s)
        finally:
            client.close()

    async def _read(self, client: ModbusClient) -> None:
        reading = await read_currents(client, self._meter)
        self._master.meter(self._host.now_ns(), reading)
        if reading is not None:
            self.currents_a = reading.map(lambda value: round(value, 1))


def meter_of(
    host: Host, config: DeviceConfig, parameters: ParameterStore, master: dlm.Master, *, period_s: float
) -> SecondMeter | None:
    """Return the meter that a master is set up for (arguments as of :class:`SecondMeter`), None without one."""
    meter = METERS.get(str(parameters[KIND]))
    if meter is None or not parameters["External Meter Support"] or not parameters["IP address of second meter"]:
        return None
    return SecondMeter(host, config, parameters, master, meter, period_s=period_s)


async def read_currents(client: ModbusClient, meter: ReadableMeter) -> PerPhase | None:
    """Return the meter's signed currents [A], None when it does not answer or one is absurd."""
    try:
        answers = [await client.read_holding(first, words, unit=meter.unit) for first, words in meter.requests]
    except ModbusFault:
        return None
    return meter.currents_a(answers)
