"""P1 meters of a site in virtual time: when bytes arrive, who hears them, and what goes wrong on a serial line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulators.kit import family as kit
from emulators.kit.host import NS_PER_S, SerialSettings
from emulators.kit.p1 import P1Reading, TelegramReader
from emulators.kit.phases import PerPhase
from hil.bench.farm import Farm
from hil.clock import VirtualTimeLoop
from hil.errors import DeviceNonsense, DeviceSilent, ScenarioError
from hil.run.benches import embedded
from hil.site import load_site
from hil.tester.ports import Ports
from hil.trace import TraceWriter

P1 = SerialSettings()
SITE = """
site: p1
epoch: 2026-06-01T06:00:00Z
loads: {house: {feeder: supply, current_a: 10/5/0}}
pv: {roof: {feeder: supply, current_a: 0/12/0}}
meters:
  M1: {type: dsmr_p1}
"""
STATION = "devices: {CP1: {type: mennekes_ecu, feeder: supply, address: 192.168.0.11}}\n"
TWO_STATIONS = STATION.replace("}}", "}, CP2: {type: mennekes_ecu, feeder: supply, address: 192.168.0.12}}")
CABLE = "links:\n- {kind: p1, between: [M1, CP1]}\n"

Scenario = Callable[[Farm], Coroutine[Any, Any, None]]
Play = Callable[..., str]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Run a scenario on a site and return the trace's hash; chargers have a P1 port here."""
    station = replace(kit.family("mennekes_ecu"), serial_ports={"P1": P1})
    families = {**kit.families(), "mennekes_ecu": station}
    monkeypatch.setattr(kit, "family", families.__getitem__)

    def run(scenario: Scenario, site: str = SITE, *, seed: int = 1) -> str:
        run.count += 1  # type: ignore[attr-defined]
        file = tmp_path / "site.yaml"
        file.write_text(site, encoding="utf-8")
        trace = TraceWriter(tmp_path / f"{run.count}.jsonl", test="p1", site="p1", seed=seed, level="frames")  # type: ignore[attr-defined]
        loop = VirtualTimeLoop()

        async def main() -> None:
            farm = Farm(embedded("max"), load_site(file), loop, seed=seed, trace=trace)
            await farm.start()
            try:
                with loop.time_flows():
                    await scenario(farm)
                farm.check(final=True)
            finally:
                farm.env.mute()
                await farm.stop()
            assert loop.ledger.pty_owed == 0
            assert not loop.ledger.ptys

        open_files = len(os.listdir("/proc/self/fd"))
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())
        assert len(os.listdir("/proc/self/fd")) <= open_files
        return trace.close()

    run.count = 0  # type: ignore[attr-defined]
    return run


class Station:
    """What a station's firmware does with its P1 port."""

    def __init__(self, farm: Farm) -> None:
        self.farm, self.reader = farm, TelegramReader()
        self.pieces: list[tuple[int, bytes]] = []
        self.readings: list[tuple[int, P1Reading]] = []

    @classmethod
    async def plugged(cls, farm: Farm, name: str = "CP1", settings: SerialSettings = P1) -> Station:
        station = cls(farm)
        station.port = await farm.seats[name].host.serial_port("P1", settings, station.receive)  # type: ignore[attr-defined]
        return station

    def receive(self, data: bytes) -> None:
        now_ns = self.farm.env.instants.now_ns()
        self.pieces.append((now_ns, data))
        self.readings += [(now_ns, reading) for reading in self.reader.feed(data)]

    @property
    def heard(self) -> bytes:
        return b"".join(data for _, data in self.pieces)


def test_each_byte_arrives_when_the_wire_is_through_with_it(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        station = await Station.plugged(farm)
        await asyncio.sleep(2.5)
        assert [reading.signed_currents_a() for _, reading in station.readings] == [PerPhase(10, -7, 0)] * 2
        size = len(station.heard) // 2
        assert [at for at, _ in station.readings] == [k * NS_PER_S + P1.wire_ns(size) for k in (1, 2)]
        assert station.pieces[0][0] == NS_PER_S + P1.wire_ns(128)
        over = 0
        for at, data in station.pieces:
            over += len(data)
            if at < 2 * NS_PER_S:
                assert at - NS_PER_S == P1.wire_ns(over)
        assert station.reader.rejected == {}

    play(scenario, SITE + STATION + CABLE)


@pytest.mark.parametrize(
    ("version", "settings", "period_s"),
    [("5.0.2", P1, 1), ("4.2.2", P1, 10), ("4.0.4", P1, 10), ("3.0", SerialSettings(9600, 7, "E"), 10)],
)
def test_the_period_and_the_speed_of_each_version(
    play: Play, version: str, settings: SerialSettings, period_s: int
) -> None:
    async def scenario(farm: Farm) -> None:
        station = await Station.plugged(farm, settings=settings)
        await asyncio.sleep(period_s * 3.9)
        telegrams = station.heard.split(b"/")[1:]
        assert len(telegrams) == 3
        size = 1 + len(telegrams[0])
        assert station.pieces[-1][0] == 3 * period_s * NS_PER_S + settings.wire_ns(size)
        assert len(station.readings) == (0 if version == "3.0" else 3)
        assert station.reader.rejected == ({"no_crc": 3} if version == "3.0" else {})

    play(scenario, SITE.replace("dsmr_p1", f'dsmr_p1, firmware: "{version}"') + STATION + CABLE)


def test_dsmr_parser_reads_what_the_plant_carries(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        probe = Ports(farm).p1("M1")
        telegram = await probe.next(2)
        assert telegram.signed_currents_a() == (10, -7, 0)
        assert telegram.value("INSTANTANEOUS_CURRENT_L2") == telegram.value("1-0:51.7.0") == 7
        assert str(telegram.value("P1_MESSAGE_TIMESTAMP")) == "2026-06-01 06:00:01+00:00"
        farm.installation.set_load("house", PerPhase(3.4, 3.5, 16))
        assert (await probe.next(2)).signed_currents_a() == (3, -9, 16)
        await asyncio.sleep(600)
        energy = (await probe.next(2)).value("1-0:1.8.2")
        assert float(str(energy)) == pytest.approx((3.4 - 8.5 + 16) * 0.23 / 6, rel=0.01)
        with pytest.raises(ScenarioError, match=r"Did you mean '1-0:31\.7\.0'"):
            telegram.value("1-0:31.7")

    play(scenario)


def test_a_tester_can_only_listen_to_p1_meters(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        with pytest.raises(ScenarioError, match=r"CP1 sends no P1 telegrams.*: M1\.$"):
            Ports(farm).p1("CP1")
        with pytest.raises(ScenarioError, match="M1"):
            Ports(farm).p1("M7")

    play(scenario, SITE + STATION)


def test_every_reader_of_a_splitter_hears_the_same(play: Play) -> None:
    both = STATION.replace("}}", "}, CP2: {type: mennekes_ecu, feeder: supply, address: 192.168.0.12}}")
    cables = CABLE + "- {kind: p1, between: [CP2, M1]}\n"

    async def scenario(farm: Farm) -> None:
        one, two = await Station.plugged(farm), await Station.plugged(farm, "CP2")
        two.port.write(b"nobody is there to hear this")  # type: ignore[attr-defined]
        probe = Ports(farm).p1("M1")
        await asyncio.sleep(5.5)
        assert one.readings == two.readings
        assert (len(one.readings), probe.telegrams) == (5, 5)

    play(scenario, SITE + both + cables)


def test_a_cut_cable_loses_what_was_sent_meanwhile_and_nothing_else(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        station, probe = await Station.plugged(farm), Ports(farm).p1("M1")
        await asyncio.sleep(2.02)  # inside the second telegram
        before = len(station.heard)
        farm.faults.cut("M1", "CP1")
        assert farm.faults.cut_links
        await farm.loop.settle()
        assert len(station.heard) == before + P1.bytes_in(NS_PER_S * 2 // 100) - 128  # up to the cut, to the byte
        await asyncio.sleep(1.01)
        farm.faults.restore("M1", "CP1")  # inside the third
        await asyncio.sleep(2.4)
        assert [at // NS_PER_S for at, _ in station.readings] == [1, 4, 5]
        assert station.reader.rejected == {"crc": 1}  # the tail of the third follows the head of the second
        assert probe.telegrams == 5  # the tester's outlet is not cut
        farm.faults.cut("M1")  # a device without a network: all its serial cables
        await asyncio.sleep(3.0)
        assert len(station.readings) == 3
        assert not farm.installation.findings

    play(scenario, SITE + STATION + CABLE)


def test_a_path_that_no_cable_joins_is_refused_with_those_that_do(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        for wrong in (("M1", "CP2"), ("M1", "CP9"), ("M9", "CP1")):
            with pytest.raises(ScenarioError, match=f"there is no link '{'-'.join(wrong)}'. Did you mean 'M1-CP1'"):
                farm.faults.cut(*wrong)
            with pytest.raises(ScenarioError, match="there is no link"):
                farm.faults.restore(*wrong)
        with pytest.raises(ScenarioError, match="Allowed: M1-CP1, CP1-CP2"):
            farm.faults.cut("CP1", "garage")
        assert not farm.faults.cut_links
        for right in (("M1", "CP1"), ("CP1", "M1"), ("CP1", "CP2"), ("CP2", "CP1")):
            farm.faults.cut(*right)
        assert len(farm.faults.cut_links) == 2  # either way round it is the same link

    play(scenario, SITE + TWO_STATIONS + CABLE)


@pytest.mark.parametrize("baudrate", [9600, 57600])
def test_a_reader_at_the_wrong_speed_gets_garbage(play: Play, baudrate: int) -> None:
    async def scenario(farm: Farm) -> None:
        station = await Station.plugged(farm, settings=SerialSettings(baudrate))
        await asyncio.sleep(60)
        assert station.readings == []
        assert 0 < len(station.heard) < 60 * 732
        assert station.reader.pending_bytes < 8192

    assert play(scenario, SITE + STATION + CABLE) == play(scenario, SITE + STATION + CABLE)


def test_two_meters_on_one_cable_collide(play: Play, tmp_path: Path) -> None:
    two = SITE + "  M2: {type: dsmr_p1}\n" + STATION + CABLE + "- {kind: p1, between: [M2, CP1]}\n"

    async def scenario(farm: Farm) -> None:
        assert "M1 and M2 are both in the P1 port of CP1" in farm.site.warnings[0].message
        station = await Station.plugged(farm)
        await asyncio.sleep(5.5)
        assert station.readings == []
        assert station.reader.rejected.total() >= 5
        assert station.heard[:4] == b"//EE"  # byte by byte
        farm.faults.cut("M2", "CP1")
        await asyncio.sleep(3)
        assert len(station.readings) == 3

    play(scenario, two)


@pytest.mark.parametrize("opened", [False, True], ids=["nobody has it open", "open and never read"])
def test_an_hour_without_a_reader(play: Play, opened: bool) -> None:
    async def scenario(farm: Farm) -> None:
        outlet = farm.env.serial.free_end("M1", "P1")
        assert outlet is not None
        if not opened:
            first = os.open(outlet.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            await asyncio.sleep(2.5)
            os.close(first)  # and leaves what it has not read
            await asyncio.sleep(3600)
        file = os.open(outlet.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            if opened:
                os.write(file, b"x" * 1000)  # what is written into it goes nowhere
                await asyncio.sleep(3600)
            old = drain(file)
            assert len(old) < 70_000 if opened else old == b""
            await asyncio.sleep(1)
            (reading,) = TelegramReader().feed(drain(file))
            assert reading.currents_a == PerPhase(10, 7, 0)
        finally:
            os.close(file)

    play(scenario)


def drain(file: int) -> bytes:
    """Return everything that can be read now."""
    found = b""
    while True:
        try:
            found += os.read(file, 65536)
        except BlockingIOError:
            return found


def test_a_restart_in_mid_telegram(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        station = await Station.plugged(farm)
        await asyncio.sleep(1.5)
        await farm.seats["M1"].fault("restart")
        await asyncio.sleep(3)
        # at 2 s the telegram breaks off in its middle; the first whole one comes a second after that
        size = len(station.heard.split(b"/")[1]) + 1
        middle_ns = 2 * NS_PER_S + P1.wire_ns(size // 2)
        assert [at for at, _ in station.readings[:2]] == [
            k + P1.wire_ns(size) for k in (NS_PER_S, middle_ns + NS_PER_S)
        ]
        assert station.reader.rejected == {"half": 1}
        await farm.seats["M1"].restart()
        await asyncio.sleep(1.5)
        assert len(station.readings) == 4

    play(scenario, SITE + STATION + CABLE)


def test_the_data_request(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        meter, station = farm.seats["M1"], await Station.plugged(farm)
        await asyncio.sleep(1.03)
        await meter.fault("request_dropped")  # the data stops at once, inside the telegram
        await asyncio.sleep(60)
        assert len(station.heard) == P1.bytes_in(NS_PER_S * 3 // 100)
        assert (await meter.page())["Data request"] == "released"
        await meter.fault(None)
        await asyncio.sleep(1.5)  # at once, and then every period
        assert [at // (NS_PER_S // 100) for at, _ in station.readings] == [6109, 6209]
        await meter.fault("request_dropped")
        await meter.restart()
        await asyncio.sleep(5)
        assert len(station.readings) == 2

    play(scenario, SITE + STATION + CABLE)


@pytest.mark.parametrize(
    ("kind", "rejected", "error"),
    [
        ("crc", "crc", DeviceNonsense), ("noise", None, (DeviceNonsense, DeviceSilent)),
        ("binary", None, (DeviceNonsense, DeviceSilent)), ("half", "half", DeviceSilent),
        ("silent", None, DeviceSilent),
    ],
)  # fmt: skip
def test_a_fault_is_seen_and_heals(play: Play, kind: str, rejected: str | None, error: Any) -> None:
    async def scenario(farm: Farm) -> None:
        meter, station, probe = farm.seats["M1"], await Station.plugged(farm), Ports(farm).p1("M1")
        await probe.next(2)
        await meter.fault(kind)
        with pytest.raises(error):
            await probe.next(5.5)
        assert len(station.readings) == 1
        if rejected:
            assert station.reader.rejected[rejected] >= 4
        assert kind in await meter.explain()
        await meter.fault(None)
        await probe.next(2.5)
        assert len(station.readings) >= 2

    assert play(scenario, SITE + STATION + CABLE) == play(scenario, SITE + STATION + CABLE)


def test_minutes_of_noise_are_bounded(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        meter, station, probe = farm.seats["M1"], await Station.plugged(farm), Ports(farm).p1("M1")
        for kind in ("binary", "noise", "half"):
            await meter.fault(kind)
            await asyncio.sleep(200)
            assert station.reader.pending_bytes <= 8192
        await meter.fault(None)
        await asyncio.sleep(10.5)
        assert len(station.readings) >= 10
        assert probe.telegrams >= 9

    play(scenario, SITE + STATION + CABLE)


def test_a_frozen_meter_repeats_itself_with_a_new_time(play: Play) -> None:
    async def scenario(farm: Farm) -> None:
        meter, probe = farm.seats["M1"], Ports(farm).p1("M1")
        first = await probe.next(2)
        await meter.fault("frozen")
        farm.installation.set_load("house", PerPhase.all(20))
        second = await probe.next(2)
        assert second.signed_currents_a() == first.signed_currents_a()
        assert second.value("0-0:1.0.0") != first.value("0-0:1.0.0")
        await meter.fault(None)
        assert (await probe.next(2)).signed_currents_a() == (20, 8, 20)
        with pytest.raises(
            ValueError, match="It has: crc, noise, binary, half, silent, frozen, request_dropped, restart"
        ):
            await meter.fault("melted")

    play(scenario)


def test_telegrams_are_in_the_trace_and_paths_are_not(play: Play, tmp_path: Path) -> None:
    async def scenario(farm: Farm) -> None:
        outlet = farm.env.serial.free_end("M1", "P1")
        assert outlet is not None
        await asyncio.sleep(2.5)

    play(scenario)
    text = (tmp_path / "1.jsonl").read_text(encoding="utf-8")
    assert text.count('"p1"') >= 2
    assert text.count("1-0:51.7.0(007*A)") == 2
    assert "/dev/" not in text
