"""Each half of ours talks to the library's own other half (``ocpp``'s ChargePoint class, as in its examples)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

import ocpp.messages
import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action, RegistrationStatus
from websockets.asyncio.client import connect as ws_connect
from websockets.asyncio.server import ServerConnection, serve

from emulators.backend.device import Backend
from emulators.kit.family import DeviceConfig
from emulators.kit.ocpp.shell.session import Answer, connect
from emulators.kit.ocpp.wire.rpc import CallError, Payload
from tests.protocol.conftest import FakeHost

Run = Callable[[Coroutine[Any, Any, None]], None]
AT = "2026-06-01T06:00:00Z"


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ocpp.messages, "ASYNC_VALIDATION", False)
    ocpp.messages._validators.clear()
    yield
    ocpp.messages._validators.clear()


class TheirStation(ChargePoint):
    """A charge point on the library alone."""

    limit: Any = None

    @on(Action.remote_start_transaction)
    def remote_start(self, id_tag: str, **_: Any) -> Any:
        return call_result.RemoteStartTransaction(status="Accepted" if id_tag == "T1" else "Rejected")

    @on(Action.set_charging_profile)
    def profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        self.limit = cs_charging_profiles["charging_schedule"]["charging_schedule_period"][0]["limit"]
        return call_result.SetChargingProfile(status="Accepted")

    @on(Action.get_configuration)
    def configuration(self, **_: Any) -> Any:
        key = {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
        return call_result.GetConfiguration(configuration_key=[key])

    @on(Action.get_log)
    def log(self, **_: Any) -> Any:
        return call_result.GetLog(status="Accepted", filename="security.log")


def config(**parameters: Any) -> DeviceConfig:
    return DeviceConfig(
        name="CSMS", address="127.0.0.1", firmware="1", variant="", phase_order="L1L2L3", parameters=parameters
    )


def profile(limit: float) -> Payload:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
        },
    }


def test_their_charge_point_at_our_central_system(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        backend = Backend(host, config())
        await backend.start()
        assert backend._server is not None
        url = f"ws://127.0.0.1:{backend._server.port}/ocpp/CP1"
        async with ws_connect(url, subprotocols=["ocpp1.6"]) as socket:
            station = TheirStation("CP1", socket)
            task = asyncio.create_task(station.start())
            boot = await station.call(call.BootNotification(charge_point_model="m", charge_point_vendor="v"))
            assert (boot.status, boot.interval) == (RegistrationStatus.accepted, 300)
            assert (await station.call(call.Heartbeat())).current_time == "2026-06-01T06:00:00.000Z"
            for status in ("Preparing", "Charging"):
                await station.call(call.StatusNotification(connector_id=1, error_code="NoError", status=status))
            assert (await station.call(call.Authorize(id_tag="T1"))).id_tag_info["status"] == "Accepted"
            begun = await station.call(
                call.StartTransaction(connector_id=1, id_tag="T1", meter_start=1000, timestamp=AT)
            )
            sampled = [
                {"value": value, "measurand": "Current.Import", "phase": phase, "unit": "A"}
                for phase, value in (("L1", "15.9"), ("L2", "16.0"), ("L3", "16.1"))
            ]
            values = [{"timestamp": AT, "sampledValue": sampled}]
            await station.call(
                call.MeterValues(connector_id=1, transaction_id=begun.transaction_id, meter_value=values)
            )
            await station.call(call.SecurityEventNotification(type="SettingSystemTime", timestamp=AT, tech_info="x"))
            stop = call.StopTransaction(transaction_id=begun.transaction_id, meter_stop=3000, timestamp=AT)
            await station.call(stop)

            async def send(action: str, payload: Payload) -> Payload:
                return await backend.send("CP1", action, payload, timeout_s=10)

            assert await send("RemoteStartTransaction", {"idTag": "T1"}) == {"status": "Accepted"}
            assert await send("SetChargingProfile", profile(9.7)) == {"status": "Accepted"}
            assert float(station.limit) == 9.7
            found = await send("GetConfiguration", {})
            assert found["configurationKey"][0] == {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
            log = {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://x"}}
            assert await send("GetLog", log) == {"status": "Accepted", "filename": "security.log"}
            with pytest.raises(CallError) as error:
                await send("UnlockConnector", {"connectorId": 1})
            assert error.value.code == "NotImplemented"
            task.cancel()
        (transaction,) = backend.book.rows("transactions")
        assert (transaction["meter_start_wh"], transaction["meter_stop_wh"]) == (1000, 3000)
        assert [one["value"] for one in backend.book.rows("meter_values", phase="L2")] == ["16.0"]
        (connector,) = backend.book.rows("connectors")
        assert connector["status"] == "Charging"
        await backend.stop()

    run(scenario())


class TheirCentralSystem(ChargePoint):
    """A central system's end of a connection on the library alone, as in its example."""

    @on(Action.boot_notification)
    def boot(self, charge_point_vendor: str, charge_point_model: str, **_: Any) -> Any:
        now = datetime(2026, 6, 1, 6, tzinfo=UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=10, status=RegistrationStatus.accepted)

    @on(Action.start_transaction)
    def begin(self, **_: Any) -> Any:
        return call_result.StartTransaction(transaction_id=42, id_tag_info={"status": "Accepted"})

    @on(Action.meter_values)
    def values(self, **_: Any) -> Any:
        return call_result.MeterValues()


def test_our_charge_point_at_their_central_system(run: Run, host: FakeHost) -> None:
    asked: list[tuple[str, Payload]] = []

    def handle(action: str, payload: Payload) -> Answer:
        asked.append((action, payload))
        if action == "GetCompositeSchedule":
            periods = [{"startPeriod": 0, "limit": 9.7}]
            schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods, "duration": 60}
            return {"status": "Accepted", "connectorId": 1, "scheduleStart": AT, "chargingSchedule": schedule}
        if action == "ClearCache":
            raise CallError("NotSupported", "no cache")
        return {"status": "Accepted"}

    async def scenario() -> None:
        come: asyncio.Future[TheirCentralSystem] = asyncio.get_running_loop().create_future()

        async def take(connection: ServerConnection) -> None:
            assert connection.request is not None
            central = TheirCentralSystem(connection.request.path.strip("/"), connection)
            come.set_result(central)
            await central.start()

        async with serve(take, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as listener:
            port = next(iter(listener.sockets)).getsockname()[1]
            session = await connect(host, f"ws://127.0.0.1:{port}", identity="CP1", on_call=handle)
            boot = {"chargePointVendor": "v", "chargePointModel": "m"}
            assert (await session.call("BootNotification", boot, timeout_s=10))["interval"] == 10
            start = {"connectorId": 1, "idTag": "T1", "meterStart": 0, "timestamp": AT}
            assert (await session.call("StartTransaction", start, timeout_s=10))["transactionId"] == 42
            sample = [{"timestamp": AT, "sampledValue": [{"value": "9.7", "unit": "A"}]}]
            values = {"connectorId": 1, "transactionId": 42, "meterValue": sample}
            assert await session.call("MeterValues", values, timeout_s=10) == {}
            with pytest.raises(CallError) as error:
                await session.call("Authorize", {"idTag": "T1"}, timeout_s=10)
            assert error.value.code == "NotImplemented"
            central = await come
            assert central.id == "CP1"
            period = profile(9.7)["csChargingProfiles"]
            answer = await central.call(call.SetChargingProfile(connector_id=1, cs_charging_profiles=period))
            assert answer.status == "Accepted"
            assert asked[-1] == ("SetChargingProfile", profile(9.7))
            schedule = await central.call(call.GetCompositeSchedule(connector_id=1, duration=60))
            assert float(schedule.charging_schedule["charging_schedule_period"][0]["limit"]) == 9.7
            assert await central.call(call.ClearCache()) is None  # the library's word for a CALLERROR
            await session.close()

    run(scenario())
