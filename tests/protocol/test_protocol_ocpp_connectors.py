"""A charge point with two connectors at our central system, over real sockets in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from emulators.backend.device import Backend
from emulators.kit.hmi import Hmi
from emulators.kit.ocpp.point.config import ChargePointConfig
from emulators.kit.ocpp.point.equipment import Readings
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.shell.sockets import Sockets
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState
from tests.protocol.conftest import Socket, in_virtual_time
from tests.protocol.test_protocol_ocpp_station import VirtualHost, start, told, until, url

ORDERS = {1: "L1L2L3", 2: "L2L3L1"}
METERED = {"MeterValueSampleInterval": "10", "MeterValuesSampledData": "Current.Import,Energy.Active.Import.Register"}
LIMIT_10A = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
}


class DoubleCharger:
    """Two sockets that offer 16 A whenever they may."""

    def __init__(self, url: str) -> None:
        self.host = VirtualHost("CP1")
        self.hmi = Hmi(self.host)
        self.wirings = {number: Socket() for number in ORDERS}
        sockets = Sockets(self.host, self, self.wirings)
        self.offered_a = dict.fromkeys(ORDERS, 0.0)
        config = ChargePointConfig(vendor="ACME", model="Two", firmware="1", connectors=len(ORDERS))
        self.ocpp = OcppStation(
            self.host, sockets, config, KeyTable.load(),
            url=url, identity="CP1", settings=sockets.settings | METERED, log=self.hmi.log,
        )  # fmt: skip
        self.ocpp.start()

    def plug(self, socket: int) -> None:
        self.ocpp.pilot_changed(socket, PilotState.C)

    def phase_order(self, socket: int) -> str:
        return ORDERS[socket]

    def readings(self, _socket: int, measured: Readings) -> Readings:
        return measured

    def maximum_a(self, _socket: int) -> float | None:
        return None

    def refresh(self) -> None:
        for socket in ORDERS:
            limit_a = self.ocpp.limit_a(socket)
            allowed_a = 16.0 if limit_a is None else min(16.0, limit_a)
            self.offered_a[socket] = allowed_a if self.ocpp.may_charge(socket) else 0.0
            self.ocpp.offered(socket, self.offered_a[socket])

    async def restart(self) -> None:
        raise AssertionError("nobody asked for it")


def play(scenario: Callable[[Backend, DoubleCharger], Coroutine[Any, Any, None]]) -> None:
    async def work() -> None:
        backend = await start()
        charger = DoubleCharger(url(backend))
        await until(lambda: len(statuses(backend)) == 3)
        await scenario(backend, charger)
        await charger.ocpp.stop()
        await backend.stop()

    in_virtual_time(work())


def statuses(backend: Backend) -> list[tuple[int, str]]:
    return [(said["connectorId"], said["status"]) for _, said in told(backend, "StatusNotification")]


async def ask(backend: Backend, action: str, **payload: Any) -> Any:
    answer = await backend.send("CP1", action, payload, timeout_s=10)
    await asyncio.sleep(0.1)
    return answer


def test_each_connector_is_told_by_its_number() -> None:
    async def scenario(backend: Backend, charger: DoubleCharger) -> None:
        assert statuses(backend) == [(0, "Available"), (1, "Available"), (2, "Available")]
        charger.plug(2)
        await until(lambda: len(statuses(backend)) > 3)
        assert statuses(backend)[3:] == [(2, "Preparing")]
        asked = await ask(backend, "GetConfiguration", key=["NumberOfConnectors", "ConnectorPhaseRotation"])
        values = {one["key"]: one["value"] for one in asked["configurationKey"]}
        assert values == {"NumberOfConnectors": "2", "ConnectorPhaseRotation": "1.RST,2.STR"}

    play(scenario)


def test_a_transaction_on_the_second_leaves_the_first_alone() -> None:
    async def scenario(backend: Backend, charger: DoubleCharger) -> None:
        charger.plug(2)
        charger.wirings[1].amperes, charger.wirings[2].amperes = PerPhase(9, 9, 9), PerPhase(1, 2, 3)
        charger.wirings[1].watt_hours, charger.wirings[2].watt_hours = PerPhase.all(900), PerPhase.all(100)
        assert await ask(backend, "RemoteStartTransaction", idTag="T", connectorId=2) == {"status": "Accepted"}
        await until(lambda: told(backend, "MeterValues"))
        ((_, began),) = told(backend, "StartTransaction")
        assert (began["connectorId"], began["meterStart"]) == (2, 300)
        assert charger.offered_a == {1: 0.0, 2: 16.0}
        assert [charger.ocpp.status(number) for number in ORDERS] == ["Available", "Charging"]
        (_, sample), *_ = told(backend, "MeterValues")
        currents = {
            one["phase"]: float(one["value"])
            for one in sample["meterValue"][0]["sampledValue"]
            if one["measurand"] == "Current.Import"
        }
        assert (sample["connectorId"], currents) == (2, {"L1": 3, "L2": 1, "L3": 2})  # of the grid's phases

    play(scenario)


def test_a_limit_is_of_one_connector() -> None:
    async def scenario(backend: Backend, charger: DoubleCharger) -> None:
        for number in ORDERS:
            charger.plug(number)
            await ask(backend, "RemoteStartTransaction", idTag=f"T{number}", connectorId=number)
        await until(lambda: charger.offered_a == {1: 16.0, 2: 16.0}, 10)
        answer = await ask(backend, "SetChargingProfile", connectorId=2, csChargingProfiles=LIMIT_10A)
        assert answer == {"status": "Accepted"}
        assert charger.offered_a == {1: 16.0, 2: 10.0}
        assert (charger.ocpp.limit_a(1), charger.ocpp.limit_a(2)) == (None, 10.0)

    play(scenario)


def test_a_remote_stop_leaves_the_other_running() -> None:
    async def scenario(backend: Backend, charger: DoubleCharger) -> None:
        for number in ORDERS:
            charger.plug(number)
            await ask(backend, "RemoteStartTransaction", idTag=f"T{number}", connectorId=number)
        await until(lambda: charger.offered_a == {1: 16.0, 2: 16.0}, 10)
        first, second = backend.book.rows("transactions")
        assert (first["connector"], second["connector"]) == (1, 2)
        assert await ask(backend, "RemoteStopTransaction", transactionId=first["id"]) == {"status": "Accepted"}
        await until(lambda: told(backend, "StopTransaction"))
        assert [said["transactionId"] for _, said in told(backend, "StopTransaction")] == [first["id"]]
        assert charger.offered_a == {1: 0.0, 2: 16.0}
        assert [charger.ocpp.status(number) for number in ORDERS] == ["Finishing", "Charging"]

    play(scenario)


def test_the_plug_that_is_unlocked_is_named_in_the_log() -> None:
    async def scenario(backend: Backend, charger: DoubleCharger) -> None:
        assert await ask(backend, "UnlockConnector", connectorId=2) == {"status": "Unlocked"}
        assert "connector 2" in charger.hmi.log_lines[-1]

    play(scenario)
