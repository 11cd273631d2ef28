"""Serial lines over TCP, in virtual time: what a far reader hears is what one beside the talker hears."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.host import NS_PER_S, SerialSettings
from hil.bench.addresses import Slot
from hil.clock import VirtualTimeLoop
from hil.clock.instants import Instants
from hil.lines.serial import Collision, Reader, SerialLine
from hil.process.control import encode
from hil.process.serial_tcp import PORTS, RETRY_S, DevicePorts, FarCable, Talker, welcome

P1, OLD = SerialSettings(), SerialSettings(9600, 7, "E")
TELEGRAM = b"/XMX5LGBBFG1009\r\n\r\n" + b"1-0:31.7.0(012*A)\r\n" * 40 + b"!3BD1\r\n"
TOKEN = "a token of this test"
PORT = PORTS["P1"]

Play = Callable[[Callable[["Bench"], Coroutine[Any, Any, None]]], None]


class Bench:
    """Two talkers and what a reader needs, all on one clock."""

    def __init__(self, loop: VirtualTimeLoop, slot: int) -> None:
        self.loop = loop
        self.instants = Instants(loop, lambda name, error: (_ for _ in ()).throw(error))
        self.own = f"127.{slot}.1.9"
        self.addresses = {"M1": f"127.{slot}.1.1", "M2": f"127.{slot}.1.2"}
        self.lines = {name: SerialLine(self.instants, name) for name in self.addresses}
        self.talkers = {name: Talker(line, TOKEN) for name, line in self.lines.items()}
        self.tasks: list[asyncio.Task[None]] = []
        self.events: asyncio.Queue[tuple[str, dict[str, object]]] = asyncio.Queue()

    async def listen(self, name: str) -> None:
        await self.talkers[name].listen(self.loop, self.addresses[name], PORT)

    def ports(self, *talkers: str, **files: str) -> DevicePorts:
        """Return the ports of a reader with cables from talkers."""
        hears = {name: self.addresses[name] for name in talkers} | files
        begin = {"token": TOKEN, "serial": {"own": self.own, "talks": [], "hears": {"P1": hears}}}
        return DevicePorts(self.loop, self.instants, "CP1", spawn=self.spawn, trace=self.trace, begin=begin)

    def trace(self, event: str, **fields: object) -> None:
        self.events.put_nowait((event, fields))

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = self.loop.create_task(work, name=name)
        self.tasks.append(task)
        return task

    def heard(self) -> tuple[list[tuple[int, bytes]], Callable[[bytes], None]]:
        """Return what arrives and when, and who takes it."""
        found: list[tuple[int, bytes]] = []
        return found, lambda data: found.append((self.instants.now_ns(), data))

    async def stop(self) -> None:
        for talker in self.talkers.values():
            talker.close()
        self.instants.clear()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.sleep(0)


@pytest.fixture
def play() -> Iterator[Play]:
    slot = Slot()

    def run(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
        loop = VirtualTimeLoop()

        async def main() -> None:
            bench = Bench(loop, slot.number)
            try:
                with loop.time_flows():
                    await scenario(bench)
            finally:
                await bench.stop()

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())
        assert not loop.anomalies
        assert not loop.ledger.ptys

    yield run
    slot.release()


def joined(found: list[tuple[int, bytes]]) -> bytes:
    return b"".join(data for _, data in found)


def by_instant(found: list[tuple[int, bytes]]) -> dict[int, bytes]:
    """Return what came in each instant; in how many reads the kernel says."""
    return {at: joined([one for one in found if one[0] == at]) for at, _ in found}


@pytest.mark.parametrize(("sent", "read"), [(P1, P1), (OLD, OLD), (OLD, P1), (P1, SerialSettings(57600))])
def test_a_far_reader_hears_what_a_near_one_does_when_it_does(
    play: Play, sent: SerialSettings, read: SerialSettings
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.listen("M1")
        near, take_near = bench.heard()
        far, take_far = bench.heard()
        beside = Reader(bench.loop, read, take_near)
        bench.lines["M1"].add(beside)
        port = await bench.ports("M1").open("P1", read, take_far)
        await asyncio.sleep(0.1)
        for _ in range(3):
            bench.lines["M1"].write(TELEGRAM, sent)
            await asyncio.sleep(2)
        assert by_instant(far) == by_instant(near)
        assert (joined(far) == TELEGRAM * 3) == (sent == read)
        port.close()
        beside.close()

    play(scenario)


def test_two_far_talkers_collide_byte_by_byte_as_near_ones_do(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        near, take_near = bench.heard()
        far, take_far = bench.heard()
        beside = Collision(Reader(bench.loop, P1, take_near), list(bench.lines.values()))
        for name, line in bench.lines.items():
            await bench.listen(name)
            line.add(beside)
        port = await bench.ports("M1", "M2").open("P1", P1, take_far)
        await asyncio.sleep(0.1)
        bench.lines["M1"].write(TELEGRAM, P1)
        await asyncio.sleep(0.0302)
        bench.lines["M2"].write(TELEGRAM.lower(), P1)
        await asyncio.sleep(1)
        bench.lines["M2"].write(TELEGRAM.lower(), OLD)
        bench.lines["M1"].write(TELEGRAM, P1)
        await asyncio.sleep(5)
        assert joined(far) == joined(near)
        assert TELEGRAM not in joined(far)
        assert len(joined(far)) > 3 * len(TELEGRAM)
        port.close()
        beside.close()

    play(scenario)


def test_a_cut_cable_loses_from_the_cut_on_to_the_byte(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.listen("M1")
        far, take_far = bench.heard()
        outlet, take_outlet = bench.heard()
        tap = Reader(bench.loop, None, take_outlet)
        tester = FarCable(talker="M1", where=(bench.addresses["M1"], PORT), reader="", own=bench.own, token=TOKEN)
        bench.spawn(tester.hear(bench.loop, tap), name="tester")
        port = await bench.ports("M1").open("P1", P1, take_far)
        await asyncio.sleep(0.1)
        bench.lines["M1"].write(TELEGRAM, P1)
        await asyncio.sleep(0.02)
        bench.talkers["M1"].set_cut("CP1", True)
        await asyncio.sleep(0.02)
        assert joined(far) == TELEGRAM[: P1.bytes_in(NS_PER_S // 50)]
        bench.talkers["M1"].set_cut("CP1", False)
        await asyncio.sleep(1)
        assert joined(far).endswith(TELEGRAM[P1.bytes_in(NS_PER_S // 25) :])
        assert len(joined(far)) == len(TELEGRAM) - (P1.bytes_in(NS_PER_S // 25) - P1.bytes_in(NS_PER_S // 50))
        assert joined(outlet) == TELEGRAM  # the tester's outlet is not cut
        port.close()
        tap.close()

    play(scenario)


def test_a_reader_dials_again_and_what_was_sent_meanwhile_is_lost(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        far, take_far = bench.heard()
        port = await bench.ports("M1").open("P1", P1, take_far)
        bench.lines["M1"].write(b"nobody can hear this", P1)
        await asyncio.sleep(0.1)
        await bench.listen("M1")
        await asyncio.sleep(RETRY_S)
        bench.lines["M1"].write(TELEGRAM, P1)
        await asyncio.sleep(1)
        assert joined(far) == TELEGRAM
        bench.talkers["M1"].close()  # its process restarts
        await asyncio.sleep(RETRY_S / 2)
        bench.lines["M1"].write(b"nor this", P1)
        await asyncio.sleep(RETRY_S / 4)
        bench.talkers["M1"] = Talker(bench.lines["M1"], TOKEN)
        await bench.listen("M1")
        await asyncio.sleep(2 * RETRY_S)
        bench.lines["M1"].write(TELEGRAM, P1)
        await asyncio.sleep(1)
        assert joined(far) == TELEGRAM * 2
        port.close()
        await asyncio.sleep(0.1)
        assert bench.lines["M1"].taps == []  # nothing is sent to who has gone

    play(scenario)


@pytest.mark.parametrize(
    "hello", [encode("serial", token="guessed", reader="CP1"), b'{"kind"' + b" " * 5000, b"{}\n", b"{\xff\n"]
)
def test_a_reader_that_does_not_know_the_token_is_hung_up_on(play: Play, hello: bytes) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.listen("M1")
        reader, writer = await asyncio.open_connection(bench.addresses["M1"], PORT)
        writer.write(hello)
        assert await reader.read() == b""
        writer.close()
        assert bench.lines["M1"].taps == []

    play(scenario)


def test_who_says_nothing_gets_the_bytes_as_they_are_and_what_he_says_is_swallowed(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.listen("M1")
        reader, writer = await asyncio.open_connection(bench.addresses["M1"], PORT)
        await asyncio.sleep(0.1)
        bench.lines["M1"].write(TELEGRAM, P1)
        assert await reader.readexactly(len(TELEGRAM)) == TELEGRAM
        writer.write(b"there is no wire in that direction")
        await asyncio.sleep(0.1)
        bench.lines["M1"].write(b"\xff\xff", P1)
        assert await reader.readexactly(2) == b"\xff\xff"
        writer.close()

    play(scenario)


@pytest.mark.parametrize("nonsense", [b"\xff\xfa\x2c\x01\xff\xf0", b"\xff\xfa\x2c\x03\x77\xff\xf0"])
def test_telnet_nonsense_is_the_end_of_its_connection_only(play: Play, nonsense: bytes) -> None:
    """A speed without its bytes, and a parity that there is none of."""

    async def scenario(bench: Bench) -> None:
        await bench.listen("M1")
        reader, writer = await asyncio.open_connection(bench.addresses["M1"], PORT)
        writer.write(nonsense)
        assert (await reader.read()).startswith(b"\xff")
        writer.close()
        again, other = await asyncio.open_connection(bench.addresses["M1"], PORT)
        await asyncio.sleep(0.1)
        bench.lines["M1"].write(TELEGRAM, P1)
        assert await again.readexactly(len(TELEGRAM)) == TELEGRAM
        other.close()

    play(scenario)


def test_no_telegram_looks_like_the_welcome() -> None:
    assert welcome(TOKEN) not in TELEGRAM
    assert TOKEN.encode() in welcome(TOKEN)


def test_a_real_serial_device_in_the_port_is_read_instead(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        master, slave = pty.openpty()
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        port = await bench.ports(M1=os.ttyname(slave)).open("P1", P1, heard.put_nowait)
        with bench.loop.hold():  # its bytes come in real time
            os.write(master, b"from a real meter")
            assert await heard.get() == b"from a real meter"
        port.close()
        os.close(master)
        os.close(slave)

    play(scenario)


@pytest.mark.parametrize("settings", [P1, OLD])
def test_a_real_serial_device_that_goes_away_is_silence_and_is_taken_again(
    play: Play, tmp_path: Path, settings: SerialSettings
) -> None:
    path = tmp_path / "ttyUSB0"

    def plug_in() -> tuple[int, int]:
        master, slave = pty.openpty()
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(slave))
        return master, slave

    async def says(bench: Bench, heard: asyncio.Queue[bytes], master: int) -> None:
        with bench.loop.hold():
            os.write(master, b"from a real meter")
            assert await heard.get() == b"from a real meter"

    async def event(bench: Bench) -> object:
        with bench.loop.hold():  # a hang-up comes in real time
            name, fields = await bench.events.get()
        assert (name, fields["talker"]) == ("serial_port", "M1")
        return fields["state"]

    async def scenario(bench: Bench) -> None:
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        port = await bench.ports(M1=str(path)).open("P1", settings, heard.put_nowait)
        assert await event(bench) == "gone"  # not there yet
        for _ in range(2):
            ends = plug_in()
            await asyncio.sleep(1.5)
            assert bench.events.get_nowait() == ("serial_port", {"state": "back", "talker": "M1"})
            await says(bench, heard, ends[0])
            for one in ends:
                os.close(one)
            assert await event(bench) == "gone"
            await asyncio.sleep(10)
            assert bench.events.empty()  # it is said once
        ends = plug_in()
        port.close()
        port.close()
        await asyncio.sleep(5)
        assert bench.events.empty()
        assert heard.empty()
        for one in ends:
            os.close(one)

    play(scenario)
