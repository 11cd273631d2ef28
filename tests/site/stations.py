"""Many charge points on one central system in one process, for a load test and its benchmark."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point.config import ChargePointConfig
from emulators.kit.ocpp.point.equipment import Readings, Unlocked
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState
from hil.bench.farm import Farm
from hil.bench.host import FarmHost
from hil.site import Site, load_site

URL = "ws://192.168.0.5:8080/ocpp"
KEYS = KeyTable.load()
MEASURANDS = "Energy.Active.Import.Register,Current.Import,Voltage,Power.Active.Import"
SETTINGS = {"MeterValueSampleInterval": "60", "MeterValuesSampledData": MEASURANDS}


def site_of_a_backend(folder: Path) -> Site:
    """Return a site with a central system and nothing else."""
    file = folder / "many.yaml"
    seat = {"type": "backend", "address": "192.168.0.5", "parameters": {"Path": "/ocpp"}}
    file.write_text(json.dumps({"site": "many", "backends": {"CSMS": seat}}), encoding="utf-8")
    return load_site(file)


def host_at(farm: Farm, name: str, address: str) -> FarmHost:
    """Return what a device finds in a farm that is not of its site."""
    return FarmHost(farm.env, farm.installation, name, network="", address=address, contacts={})


class Charger:
    """A charge point with one socket that offers 16 A whenever it may."""

    def __init__(self, farm: Farm, number: int) -> None:
        self.name = f"CP{number:04}"
        self._host = host_at(farm, self.name, f"192.168.0.{number % 200 + 20}")
        self._offered_a, self._energy_wh, self._since_ns = 0.0, 0.0, 0
        config = ChargePointConfig(vendor="ACME", model="One", firmware="1", serial=self.name)
        self.ocpp = OcppStation(self._host, self, config, KEYS, url=URL, identity=self.name, settings=SETTINGS)
        self.ocpp.start()

    async def charge(self, begin_s: float, end_s: float) -> None:
        """Plug in, show a card and charge; show it again at the end and leave."""
        await asyncio.sleep(begin_s)
        self.ocpp.pilot_changed(1, PilotState.C)
        self.ocpp.card(self.name)
        await asyncio.sleep(end_s - begin_s)
        self.ocpp.card(self.name)
        self.ocpp.pilot_changed(1, PilotState.A)

    @property
    def is_done(self) -> bool:
        """Return whether nothing waits to be delivered."""
        return self.ocpp.connected and not len(self.ocpp.point.queue)

    def readings(self, connector: int) -> Readings | None:
        if connector == 0:
            return None
        return Readings(
            energy_wh=self._count_wh(),
            current_a=PerPhase.all(self._offered_a),
            voltage_v=PerPhase.all(230.0),
            power_w=PerPhase.all(self._offered_a * 230),
        )

    def maximum_a(self, connector: int) -> float | None:
        return None

    def unlock(self, connector: int) -> Unlocked:
        return Unlocked.UNLOCKED

    def obey(self) -> None:
        wanted_a = 16.0 if self.ocpp.may_charge(1) else 0.0
        if wanted_a != self._offered_a:
            self._count_wh()
            self._offered_a = wanted_a
            self.ocpp.offered(1, wanted_a)

    def configured(self, key: str, value: str) -> None:
        pass

    def reboot(self, *, hard: bool) -> None:
        raise AssertionError("nobody asked for it")

    def _count_wh(self) -> float:
        now_ns = self._host.now_ns()
        self._energy_wh += self._offered_a * 690 * (now_ns - self._since_ns) / NS_PER_S / 3600
        self._since_ns = now_ns
        return self._energy_wh


async def until_delivered(chargers: list[Charger], timeout_s: float = 600) -> None:
    """Wait in farm time until no charge point has a message left."""
    async with asyncio.timeout(timeout_s):
        while not all(one.is_done for one in chargers):
            await asyncio.sleep(1)


async def play(farm: Farm, count: int, duration_s: float, *, away_s: float) -> list[Charger]:
    """Let charge points boot at once and charge for most of a time; their backend restarts in the middle.

    Args:
        farm: With a backend CSMS.
        count: How many charge points.
        duration_s: When the last one leaves [s].
        away_s: How long the backend takes to restart [s].
    """
    chargers = [Charger(farm, number) for number in range(count)]
    backend = farm.seats["CSMS"]

    async def restart() -> None:
        await asyncio.sleep(duration_s / 2)
        await backend.stop()
        await asyncio.sleep(away_s)
        await backend.start()

    turns = (one.charge(10 + number % 60, duration_s - 60 + number % 60) for number, one in enumerate(chargers))
    await asyncio.gather(restart(), *turns)
    await until_delivered(chargers)
    return chargers
