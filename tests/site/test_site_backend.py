"""A site with a central system in virtual time: exact, repeatable, also with TLS and with a cut line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from emulators.backend.device import Backend
from emulators.kit.ocpp.shell.security import Authority, Certificate, Security
from emulators.kit.ocpp.shell.session import CallTimeout, Closed, ConnectionLost, OcppSession, Unreachable, connect
from hil.bench.farm import Farm
from hil.bench.in_process import LocalSeat
from hil.cli.backend import payload
from hil.cli.keep import endpoints
from hil.clock import VirtualTimeLoop
from hil.errors import ScenarioError, SiteFileError
from hil.hand.client import Where, backend_at
from hil.run.benches import embedded
from hil.site import load_site
from hil.tester import Tester
from hil.trace import TraceWriter

from .stations import host_at

START = {"connectorId": 1, "idTag": "T1", "meterStart": 0, "timestamp": "2026-06-01T06:00:00Z"}
SITE = """
site: backend
epoch: 2026-06-01T06:00:00Z
backends:
  CSMS:
    type: backend
    address: 192.168.0.5
    parameters: {{Path: /ocpp, Security profile: {profile}, Passwords: {passwords}}}
"""


def play(
    tmp_path: Path,
    scene: Callable[[Farm], Awaitable[None]],
    *,
    profile: int = 0,
    passwords: str = "CP1=secret",
    name: str = "t",
) -> bytes:
    """Run a scene on a farm in virtual time; return its trace."""
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(profile=profile, passwords=passwords))
    site, loop = load_site(file), VirtualTimeLoop()
    written = tmp_path / f"{name}.jsonl"
    trace = TraceWriter(written, test="t", site=site.name, level="frames")

    async def whole() -> None:
        farm = Farm(embedded("max"), site, loop, seed=7, trace=trace)
        try:
            await farm.start()
            with loop.time_flows():
                await scene(farm)
            farm.check(final=True)
        finally:
            farm.env.mute()
            await farm.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(whole())
    trace.close()
    assert loop.anomalies == 0
    return written.read_bytes()


async def station(farm: Farm, *, profile: int = 0, **settings: Any) -> OcppSession:
    host = host_at(farm, "CP1", "192.168.0.11")
    authority = Authority(Certificate(*host.authority()))
    security = Security(
        profile=profile,  # type: ignore[arg-type]
        password=b"secret",
        trusted=authority.root,
        certificate=authority.issue("CP1"),
    )
    url = f"{'wss' if profile > 1 else 'ws'}://192.168.0.5:8080/ocpp"
    return await connect(
        host, url, identity="CP1", on_call=lambda *_: {"status": "Accepted"}, security=security, **settings
    )


def backend_of(farm: Farm) -> Backend:
    seat = farm.seats["CSMS"]
    assert isinstance(seat, LocalSeat) and isinstance(seat.device, Backend)
    return seat.device


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
def test_equal_runs_leave_equal_traces(tmp_path: Path, profile: int) -> None:
    async def scene(farm: Farm) -> None:
        one = await station(farm, profile=profile)
        await one.call("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}, timeout_s=30)
        for minute in range(1, 4):
            await asyncio.sleep(60 * minute - farm.loop.time())
            assert (await one.call("Heartbeat", {}, timeout_s=30))["currentTime"] == f"2026-06-01T06:0{minute}:00.000Z"
        await backend_of(farm).send("CP1", "ClearCache", {}, timeout_s=30)
        await one.close()

    first, second = (play(tmp_path, scene, profile=profile, name=name) for name in ("a", "b"))
    assert first == second
    assert first.count(b"Heartbeat") == 6  # each at both ends
    assert b"CSMS-CP1-1" in first


def test_a_thousand_charge_points_in_one_process(tmp_path: Path) -> None:
    count = 1000

    async def scene(farm: Farm) -> None:
        async def live(number: int) -> None:
            name = f"CP{number:04}"
            host = host_at(farm, name, f"192.168.0.{number % 200 + 20}")
            one = await connect(host, "ws://192.168.0.5:8080/ocpp", identity=name, on_call=lambda *_: {})
            boot = {"chargePointVendor": "v", "chargePointModel": "m"}
            assert (await one.call("BootNotification", boot, timeout_s=30))["status"] == "Accepted"
            await one.call("StartTransaction", START, timeout_s=30)
            await asyncio.sleep(300)
            await one.call("Heartbeat", {}, timeout_s=30)

        await asyncio.gather(*map(live, range(count)))
        backend = backend_of(farm)
        assert len(backend.sessions) == count
        assert sorted(one["id"] for one in backend.book.rows("transactions")) == list(range(1, count + 1))
        assert len({one["charge_point"] for one in backend.book.rows("transactions")}) == count
        assert len(backend.book.rows("messages", direction="in")) == 3 * count
        assert farm.loop.time() == 300

    play(tmp_path, scene)


def test_a_cut_line_is_found_by_pings_to_the_second(tmp_path: Path) -> None:
    async def scene(farm: Farm) -> None:
        loop = farm.loop
        one = await station(farm, ping_interval_s=30)
        local = farm.env.addresses.local
        await asyncio.sleep(100)
        loop.links.cut(local("192.168.0.11"), local("192.168.0.5"))
        began = loop.time()
        with pytest.raises((CallTimeout, ConnectionLost)):
            await one.call("StartTransaction", START, timeout_s=300)
        assert await one.closed() == Closed(1011, "keepalive ping timeout")
        assert loop.time() - began == pytest.approx(50 + 5, abs=0.1)  # pings at 120, gives up at 150, closes for 5 s
        loop.links.restore_all()

    play(tmp_path, scene)


@pytest.mark.parametrize("url", ["ws://10.9.9.9:80/ocpp", "ws://csms.example/ocpp"])
def test_an_address_that_the_site_does_not_have(tmp_path: Path, url: str) -> None:
    async def scene(farm: Farm) -> None:
        host = host_at(farm, "CP1", "192.168.0.11")
        with pytest.raises(Unreachable, match="is not known here"):
            await connect(host, url, identity="CP1", on_call=lambda *_: {})

    play(tmp_path, scene)


def test_a_setting_that_cannot_be_is_the_sites_fault(tmp_path: Path) -> None:
    async def nothing(_farm: Farm) -> None: ...

    with pytest.raises(ScenarioError, match="CSMS: Passwords: 'CP1' is not possible"):
        play(tmp_path, nothing, passwords="CP1")


def test_a_script_at_the_interface_from_the_testers_address(tmp_path: Path) -> None:
    async def scene(farm: Farm) -> None:
        devices = endpoints(Tester(farm), "")["devices"]
        url = devices["CSMS"]["api"]["url"]
        assert devices["CSMS"]["ocpp"]["url"].endswith(":8080/ocpp")
        one = await station(farm)
        tester = farm.env.addresses.tester("lan")
        connector = aiohttp.TCPConnector(local_addr=(tester, 0))
        async with aiohttp.ClientSession(connector=connector) as http:
            step = {"action": "StartTransaction", "delay_s": 3600}
            async with http.post(f"{url}/v1/script", json=step) as answer:
                assert answer.status == 200
            began = farm.loop.time()
            assert (await one.call("StartTransaction", START, timeout_s=7200))["transactionId"] == 1
            assert farm.loop.time() - began == 3600
        await one.close()

    play(tmp_path, scene)


def test_a_backend_needs_no_feeder_and_no_charger_stands_there(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("site: x\nbackends:\n  B: {type: pac2200}\n  C: {type: backend, feeder: F1}\n")
    with pytest.raises(SiteFileError) as error:
        load_site(file)
    assert "'pac2200' is a meter." in str(error.value)
    assert "Write it under 'meters:'." in str(error.value)
    assert "there is no field 'feeder' here" in str(error.value)
    file.write_text("site: x\ndevices:\n  B: {type: backend, feeder: supply}\nmeters:\n  B: {type: pac2200}\n")
    with pytest.raises(SiteFileError, match=r"Write it under 'backends:'"):
        load_site(file)


def test_an_address_and_a_name_belong_to_one_device(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(
        "site: x\nbackends:\n  B: {type: backend, address: 192.168.0.5}\n"
        "meters:\n  B: {type: pac2200, address: 192.168.0.5}\n"
    )
    with pytest.raises(SiteFileError) as error:
        load_site(file)
    assert "'B' is another device too." in str(error.value)


def test_fields_by_hand_have_the_types_of_the_schema() -> None:
    start = "RemoteStartTransaction"
    assert payload(start, ["idTag=1", "connectorId=1"]) == ({"idTag": "1", "connectorId": 1}, True)
    assert payload("ChangeConfiguration", ["key=HeartbeatInterval", "value=60"])[0]["value"] == "60"
    assert payload("GetConfiguration", ['key=["A"]']) == ({"key": ["A"]}, True)
    assert payload(start, ['{"idTag": 1}', "is_checked=true"]) == ({"idTag": 1}, True)
    assert payload(start, []) == ({}, True)
    loose = ["idTag=1", 'connectorId="1"', "more=NaN", "is_checked=False"]
    assert payload("Nonsense", loose) == ({"idTag": 1, "connectorId": "1", "more": "NaN"}, False)
    for words in (
        ["idTag"],
        ["=1"],
        ["{1"],
        ['{"a": NaN}'],
        ["connectorId=x"],
        ["tag=1"],
        ["idTag=1", "is_checked=no"],
    ):
        with pytest.raises(ScenarioError):
            payload(start, words)


def test_which_backend_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    where = Where("x", "", "", file)
    devices = {"A": {"api": {"url": "http://a"}}, "B": {"type": "backend", "api": {"url": "http://b"}}, "M": {}}
    file.write_text(json.dumps({"devices": devices}))
    assert backend_at(where, "B") == ("B", "http://b", "backend")
    with pytest.raises(ScenarioError, match=r"'M' is no central system\. Allowed: --backend A or B"):
        backend_at(where, "M")
    with pytest.raises(ScenarioError, match=r"site x has 2 central systems\. Say which: --backend A or B"):
        backend_at(where, "")
    file.write_text('{"devices": {"M": {}}}')
    with pytest.raises(ScenarioError, match="has no central system"):
        backend_at(where, "")
