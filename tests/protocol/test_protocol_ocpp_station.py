"""Our charge point at our central system over real sockets in virtual time: cuts, restarts, commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from emulators.backend.device import Backend
from emulators.backend.script import Step
from emulators.kit.family import DeviceConfig
from emulators.kit.host import NS_PER_S, Phase
from emulators.kit.ocpp.point.config import ChargePointConfig
from emulators.kit.ocpp.point.equipment import Readings, Unlocked
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.point.storage import Packer, unpack
from emulators.kit.ocpp.shell.security import Authority, Security, ServerSecurity
from emulators.kit.ocpp.shell.server import Server
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState
from hil.clock import VirtualTimeLoop
from tests.protocol.conftest import AUTHORITY, FakeHost, in_virtual_time

KEYS = KeyTable.load()
SETTINGS = {"MeterValueSampleInterval": "10", "AllowOfflineTxForUnknownId": "true"}
ANSWERS: dict[str, dict[str, Any]] = {
    "BootNotification": {"status": "Accepted", "interval": 300, "currentTime": "2026-06-01T06:00:00Z"},
}
ABOUT = ("StartTransaction", "StopTransaction", "MeterValues")


class VirtualHost(FakeHost):
    """A host whose time is the loop's."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def now_ns(self) -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.now = loop.now_ns()
        return self.now

    def utc(self) -> Any:
        self.now_ns()
        return super().utc()

    def call_at(  # type: ignore[override]
        self, when_ns: int, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES
    ) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later((when_ns - self.now_ns()) / NS_PER_S, callback)


class Device:
    """A station that offers 16 A whenever it may."""

    def __init__(self, host: VirtualHost, url: str, security: Security | None = None) -> None:
        self.host, self.url, self.security = host, url, security
        self.offered_a = 0.0
        self.plugged = False
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.reboots: list[bool] = []
        self.log: list[str] = []
        self.power_up()

    def power_up(self) -> None:
        config = ChargePointConfig(vendor="ACME", model="One", firmware="1")
        self.ocpp = OcppStation(
            self.host,
            self,
            config,
            KEYS,
            url=self.url,
            identity="CP1",
            settings=SETTINGS,
            security=self.security,
            log=self.log.append,
        )
        put = self.ocpp.point.queue.put

        def noted(action: str, transaction: int, payload: dict[str, Any], order: tuple[int, int]) -> None:
            self.made.append((action, payload))
            put(action, transaction, payload, order)

        self.ocpp.point.queue.put = noted  # type: ignore[method-assign]
        self.offered_a = 0.0
        self.ocpp.start()
        self.ocpp.pilot_changed(1, PilotState.C if self.plugged else PilotState.A)

    def plug(self, *, there: bool) -> None:
        self.plugged = there
        self.ocpp.pilot_changed(1, PilotState.C if there else PilotState.A)

    def readings(self, connector: int) -> Readings | None:
        if connector == 0:
            return None
        current_a = PerPhase.all(self.offered_a)
        return Readings(energy_wh=self.host.now_ns() / 1e9, current_a=current_a)

    def maximum_a(self, connector: int) -> float | None:
        return None

    def unlock(self, connector: int) -> Unlocked:
        return Unlocked.UNLOCKED

    def obey(self) -> None:
        limit_a = self.ocpp.limit_a(1)
        wanted_a = 0.0 if not self.ocpp.may_charge(1) else 16.0 if limit_a is None else min(16.0, limit_a)
        if wanted_a != self.offered_a:
            self.offered_a = wanted_a
            self.ocpp.offered(1, wanted_a)

    def configured(self, key: str, value: str) -> None:
        pass

    def reboot(self, *, hard: bool) -> None:
        self.reboots.append(hard)


async def farm_time(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def until(holds: Callable[[], object], seconds: float = 300) -> None:
    """Wait in farm time."""
    async with asyncio.timeout(seconds):
        while not holds():
            await farm_time(0.1)


async def start(**parameters: Any) -> Backend:
    host = VirtualHost("CSMS")
    names = {"name": "CSMS", "address": "127.0.0.1", "firmware": "1", "variant": "", "phase_order": "L1L2L3"}
    backend = Backend(host, DeviceConfig(parameters=parameters, **names))
    await backend.start()
    return backend


def url(backend: Backend) -> str:
    assert backend._server is not None
    scheme = "wss" if backend.parameters["Security profile"] in ("2", "3") else "ws"
    return f"{scheme}://127.0.0.1:{backend._server.port}/ocpp"


def told(backend: Backend, *actions: str) -> list[tuple[str, dict[str, Any]]]:
    rows = backend.book.rows("messages", direction="in", kind="call")
    return [(row["action"], row["payload"]) for row in rows if row["action"] in actions]


def key(action: str, payload: dict[str, Any]) -> tuple[str, str]:
    return action, repr(sorted((name, value) for name, value in payload.items() if name != "transactionId"))


async def disconnects(seed: int, count: int) -> tuple[Backend, Device]:
    """Cut the connection again and again, every second time between CALL and CALLRESULT, while vehicles come and go."""
    rng = Random(seed)
    backend = await start()
    device = Device(VirtualHost("CP1"), url(backend))
    await until(lambda: told(backend, "BootNotification"))
    for number in range(count):
        await until(lambda: "CP1" in backend.sessions)
        session = backend.sessions["CP1"]
        running = device.ocpp.point.connectors[1].transaction is not None
        if number % 2:
            action = rng.choice(["MeterValues", "StopTransaction"]) if running else "StartTransaction"
            backend.system.script.add("CP1", action, Step(manner="cut", is_booked=rng.random() < 0.5))
            if action != "MeterValues":
                change(device)
        else:
            if rng.random() < 0.5:
                change(device)
            await farm_time(rng.uniform(0, 25))
            session.cut()
        await session.closed()
        if rng.random() < 0.3:  # somebody comes or goes meanwhile
            change(device)
    if device.ocpp.point.connectors[1].transaction is not None:
        change(device)
    await until(lambda: not len(device.ocpp.point.queue))
    await device.ocpp.stop()
    await backend.stop()
    return backend, device


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_disconnects(seed: int) -> None:
    """Half of them between CALL and CALLRESULT: nothing lost, order kept, nothing booked twice, repeats <= cuts."""
    cuts = 100
    backend, device = in_virtual_time(disconnects(seed, cuts))
    delivered = [key(*one) for one in told(backend, *ABOUT)]
    once = [one for before, one in zip([None, *delivered], delivered, strict=False) if one != before]
    assert once == [key(*one) for one in device.made]
    assert cuts / 4 < len(delivered) - len(once) <= cuts
    transactions = backend.book.rows("transactions")
    starts = [payload for action, payload in device.made if action == "StartTransaction"]
    assert [row["started_at"] for row in transactions] == [payload["timestamp"] for payload in starts]
    assert all(row["stopped_at"] is not None for row in transactions)
    moments = [row["at"] for row in backend.book.rows("meter_values", context="Sample.Periodic", connector=1)]
    values = [payload for action, payload in device.made if action == "MeterValues"]
    assert moments == [payload["meterValue"][0]["timestamp"] for payload in values]
    assert len(starts) > 20 and len(values) > 20


def test_equal_seeds_give_equal_frames() -> None:
    first, second = (in_virtual_time(disconnects(3, 20))[1].host for _ in range(2))
    assert len(first.frames) > 100
    assert first.frames == second.frames
    assert [event for event, _ in first.traced] == [event for event, _ in second.traced]  # ports differ here


def change(device: Device) -> None:
    """Come and charge, or end it and go."""
    if device.plugged:
        device.ocpp.card("TAG")
        device.plug(there=False)
    else:
        device.plug(there=True)
        device.ocpp.card("TAG")


def test_the_queue_outlives_the_power() -> None:
    async def scenario() -> None:
        backend = await start()
        device = Device(VirtualHost("CP1"), url(backend))
        await until(lambda: told(backend, "StatusNotification"))
        await backend.stop()
        device.plug(there=True)
        device.ocpp.card("TAG")
        await farm_time(35)
        await device.ocpp.stop()
        await farm_time(10)
        await backend.start()
        device.url = url(backend)
        device.power_up()
        await until(lambda: told(backend, "StopTransaction"))
        assert [action for action, _ in told(backend, *ABOUT)] == [
            "StartTransaction",
            *["MeterValues"] * 3,
            "StopTransaction",
        ]
        (transaction,) = backend.book.rows("transactions")
        assert transaction["reason"] == "PowerLoss"
        assert len(told(backend, "BootNotification")) == 2
        await device.ocpp.stop()
        await backend.stop()

    in_virtual_time(scenario())


def test_a_message_is_kept_before_it_is_sent() -> None:
    """What the backend gets is in the station's memory at that moment: a kill loses nothing."""
    arrived: list[str] = []

    async def scenario() -> None:
        backend = await start()
        device = Device(VirtualHost("CP1"), url(backend))
        take = backend.system.take

        def look(at: str, charge_point: str, action: str, request: dict[str, Any]) -> Any:
            if action in ABOUT:
                arrived.append(action)
                first = unpack(device.host.memory.texts["ocpp"])["queue"]["messages"][0]
                assert key(first[0], first[3]) == key(action, request)
            return take(at, charge_point, action, request)

        backend.system.take = look  # type: ignore[method-assign]
        await until(lambda: told(backend, "StatusNotification"))
        change(device)
        await farm_time(25)
        change(device)
        await until(lambda: told(backend, "StopTransaction"))
        assert not unpack(device.host.memory.texts["ocpp"])["queue"]["messages"]
        await device.ocpp.stop()
        await backend.stop()

    in_virtual_time(scenario())
    assert arrived == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]


def flipped(text: str) -> str:
    """Flip one bit in the middle of a text."""
    middle = text.index('"last": ') + len('"last": ')
    return text[:middle] + chr(ord(text[middle]) ^ 1) + text[middle + 1 :]


def another_shape(text: str) -> str:
    """Return what another version of this software may have written, with a checksum that is right."""
    return Packer().pack({"keys": (1, dict), "queue": (1, list)})


def profile_too_much(text: str) -> str:
    """Return a state with a charging profile that this station does not take."""
    state = unpack(text)
    period = {"startPeriod": 0, "limit": 10}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {"chargingProfileId": 1, "stackLevel": 99, "chargingProfilePurpose": "TxDefaultProfile"}
    profile |= {"chargingProfileKind": "Relative", "chargingSchedule": schedule}
    state["profiles"] = {"profiles": [{"connectorId": 1, "csChargingProfiles": profile}]}
    return Packer().pack({name: (1, partial(state.get, name)) for name in state})


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda text: text[: len(text) // 2], "checksum"),
        (flipped, "checksum"),
        (lambda _: "", "checksum"),
        (lambda _: "{}", "checksum"),
        (another_shape, "this software does not take it"),
        (profile_too_much, "this software does not take it"),
    ],
)
def test_damaged_memory_is_set_aside_and_the_station_begins_with_nothing(
    damage: Callable[[str], str], why: str
) -> None:
    async def scenario() -> None:
        backend = await start()
        device = Device(VirtualHost("CP1"), "")
        device.ocpp.point.configure("MeterValueSampleInterval", "17")
        device.plug(there=True)
        device.ocpp.card("TAG")
        await device.ocpp.stop()
        memory = device.host.memory.texts
        memory["ocpp"] = damaged = damage(memory["ocpp"])
        device.url = url(backend)
        device.power_up()
        assert memory["ocpp unreadable"] == damaged
        ((_, traced),) = [one for one in device.host.traced if one[0] == "ocpp_memory_unreadable"]
        assert why in traced["why"]
        assert device.log == [f"OCPP: what was kept is set aside: {traced['why']}"]
        await until(lambda: "Preparing" in [one["status"] for _, one in told(backend, "StatusNotification")])
        assert not told(backend, *ABOUT)  # the transaction is forgotten
        await device.ocpp.stop()
        device.power_up()
        assert len(device.log) == 1
        await device.ocpp.stop()
        await backend.stop()

    in_virtual_time(scenario())


def test_settings_that_are_wrong_are_not_the_memorys_fault() -> None:
    host = VirtualHost("CP1")

    async def scenario() -> None:
        device = Device(host, "")
        await device.ocpp.stop()
        with pytest.raises(ValueError, match="HeartbeatInterval"):
            config = ChargePointConfig(vendor="ACME", model="One", firmware="1")
            OcppStation(host, device, config, KEYS, url="", identity="CP1", settings={"HeartbeatInterval": "x"})
        assert list(host.memory.texts) == ["ocpp"]

    in_virtual_time(scenario())


def test_a_wrong_clock_is_right_after_the_boot() -> None:
    """MEN-OCPP-017."""

    async def scenario() -> None:
        device = Device(VirtualHost("CP1"), "")
        device.ocpp.set_clock_ahead(7200)
        await farm_time(5)
        assert device.ocpp.utc.isoformat() == "2026-06-01T08:00:05+00:00"
        await device.ocpp.stop()
        backend = await start()
        device.url = url(backend)
        device.power_up()
        assert device.ocpp.utc.hour == 8  # a clock goes on without power
        await until(lambda: told(backend, "StatusNotification"))
        assert abs((device.ocpp.utc - device.host.utc()).total_seconds()) < 1
        await device.ocpp.stop()
        await backend.stop()

    in_virtual_time(scenario())


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
def test_what_the_backend_wants_reaches_the_device(kind: str) -> None:
    async def scenario() -> None:
        backend = await start()
        device = Device(VirtualHost("CP1"), url(backend))
        await until(lambda: told(backend, "StatusNotification"))
        device.plug(there=True)

        async def send(action: str, **payload: Any) -> str:
            answer = await backend.send("CP1", action, payload, timeout_s=10)
            await farm_time(0.1)
            return str(answer["status"])

        assert await send("RemoteStartTransaction", idTag="T1", connectorId=1) == "Accepted"
        assert device.offered_a == 16
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": []}
        schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "limit": 10}, {"startPeriod": 60, "limit": 0}]
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": schedule,
        }
        assert await send("SetChargingProfile", connectorId=1, csChargingProfiles=profile) == "Accepted"
        assert device.offered_a == 10
        await until(lambda: device.offered_a == 0, 61)
        await until(lambda: told(backend, "StatusNotification")[-1][1]["status"] == "SuspendedEVSE", 1)
        assert ("ocpp_status", {"connector": 1, "status": "SuspendedEVSE"}) in device.host.traced
        assert await send("Reset", type=kind) == "Accepted"
        assert device.reboots == [kind == "Hard"]
        assert not device.ocpp.connected
        if kind == "Hard":
            await device.ocpp.stop()
            device.power_up()
            await until(lambda: told(backend, "StopTransaction"))
        assert told(backend, "StopTransaction")[0][1]["reason"] == f"{kind}Reset"
        await device.ocpp.stop()
        await backend.stop()

    in_virtual_time(scenario())


def test_another_authorization_key_is_shown_at_once() -> None:
    first, second = "0123456789abcdef", "fedcba9876543210"

    async def scenario() -> None:
        backend = await start(**{"Security profile": "1", "Passwords": f"CP1={first}"})
        device = Device(VirtualHost("CP1"), url(backend), Security(profile=1, password=first.encode()))
        await until(lambda: told(backend, "StatusNotification"))
        hexadecimal = second.encode().hex()
        change_key = {"key": "AuthorizationKey", "value": hexadecimal}
        assert await backend.send("CP1", "ChangeConfiguration", change_key, timeout_s=10) == {"status": "Accepted"}
        await until(lambda: any("401" in str(fields) for _, fields in device.host.traced))
        backend.parameters.set("Passwords", f"CP1={second}")
        backend.parameters.save()
        backend.parameters_changed()
        await until(lambda: "CP1" in backend.sessions)
        await device.ocpp.stop()
        await backend.stop()

    in_virtual_time(scenario())


def test_a_certificate_that_the_backend_signed_opens_profile_3() -> None:
    password = "0123456789abcdef"

    async def scenario() -> None:
        backend = await start(**{"Security profile": "2", "Passwords": f"CP1={password}"})
        security = Security(profile=2, password=password.encode(), trusted=AUTHORITY.root)
        device = Device(VirtualHost("CP1"), url(backend), security)
        await until(lambda: told(backend, "StatusNotification"))
        trigger = {"requestedMessage": "SignChargePointCertificate"}
        await backend.send("CP1", "ExtendedTriggerMessage", trigger, timeout_s=10)
        await until(lambda: backend.book.rows("messages", action="CertificateSigned", kind="result"))
        (taken,) = backend.book.rows("messages", action="CertificateSigned", kind="result")
        assert taken["payload"] == {"status": "Accepted"}
        frames = [text for _, direction, text in device.host.frames if "CertificateSigned" in text]
        assert frames and "(a certificate)" in frames[0] and "BEGIN" not in frames[0]
        profile = {"key": "SecurityProfile", "value": "3"}
        assert await backend.send("CP1", "ChangeConfiguration", profile, timeout_s=10) == {"status": "RebootRequired"}
        await device.ocpp.stop()
        backend.parameters.set("Security profile", "3")
        backend.parameters.save()
        await backend.restart()
        device.url = url(backend)
        device.power_up()
        await until(lambda: "CP1" in backend.sessions)
        assert device.ocpp._shown is not None and device.ocpp._shown.profile == 3
        await device.ocpp.stop()
        await backend.stop()

    in_virtual_time(scenario())


def test_an_installed_root_is_trusted_from_the_next_connection_on() -> None:
    """Each of the two is needed once: what the device was given, and what the backend has installed."""
    old, new = Authority(), Authority()
    root = {"certificateType": "CentralSystemRootCertificate", "certificate": new.root.decode()}

    async def scenario() -> None:
        host = VirtualHost("CSMS")

        async def serve(authority: Authority) -> Server:
            security = ServerSecurity(
                profile=2, password_of=lambda _: b"p" * 16, certificate=authority.issue("127.0.0.1")
            )
            server = Server(host, on_call=lambda _, action, __: ANSWERS.get(action, {}), security=security)
            await server.start("127.0.0.1", 0)
            return server

        first, second = await serve(old), await serve(new)
        security = Security(profile=2, password=b"p" * 16, trusted=old.root)
        device = Device(VirtualHost("CP1"), f"wss://127.0.0.1:{second.port}", security)
        await until(lambda: any("unable to get local issuer" in str(fields) for _, fields in device.host.traced))
        for server in (first, second, first):
            await device.ocpp.stop()
            device.url = f"wss://127.0.0.1:{server.port}"
            device.power_up()
            await until(lambda: "CP1" in server.sessions and device.ocpp.point.registration == "Accepted")  # noqa: B023
            answer = await server.sessions["CP1"].call("InstallCertificate", root, timeout_s=10)
            assert answer == {"status": "Accepted"}
        await device.ocpp.stop()
        await first.stop()
        await second.stop()

    in_virtual_time(scenario())


def test_nobody_there_is_tried_again_with_growing_pauses() -> None:
    async def scenario() -> None:
        device = Device(VirtualHost("CP1"), "ws://127.0.0.1:9/ocpp")
        await farm_time(600)
        tries = sum(event == "ocpp_not_connected" for event, _ in device.host.traced)
        assert 600 / 128 < tries < 6 + 600 / 64
        await device.ocpp.stop()
        await device.ocpp.stop()

    in_virtual_time(scenario())
