"""The ledger and the links: nothing that was sent is jumped over, and a cut link is silent."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pty
import random
import shutil
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hil.clock import NS_PER_S, FarmLoop, PtyEnd, ScaledLoop, VirtualTimeLoop
from hil.errors import ScenarioError

from .wires import (
    ANSWER,
    REQUEST,
    TESTER,
    A,
    B,
    C,
    Client,
    ModbusLike,
    Receiver,
    busy_processes,
    connected,
    receiver,
    run,
)


async def exchanges(loop: FarmLoop, *, connections: int, each: int, pause_s: float) -> tuple[int, int]:
    """Return how many exchanges succeeded and how many timed out."""
    server = await loop.create_server(ModbusLike, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    done = missed = 0

    async def poll(number: int) -> None:
        nonlocal done, missed
        _, client = await loop.create_connection(Client, "127.0.0.1", port)
        for turn in range(each):
            try:
                assert await client.ask() == ANSWER
                done += 1
            except TimeoutError:
                missed += 1
            if turn % 10 == number % 10:
                await asyncio.sleep(pause_s)
        client.transport.close()

    await asyncio.gather(*(poll(number) for number in range(connections)))
    server.close()
    return done, missed


def test_a_hundred_thousand_exchanges_without_a_miss() -> None:
    assert run(lambda loop: exchanges(loop, connections=100, each=1000, pause_s=1)) == (100_000, 0)


def test_exchanges_beside_busy_processes() -> None:
    with busy_processes(2):
        assert run(lambda loop: exchanges(loop, connections=50, each=100, pause_s=1)) == (5_000, 0)


@contextmanager
def open_pty() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    try:
        yield master, slave
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("hogs", [0, 2])
def test_ten_thousand_exchanges_over_a_pty(hogs: int) -> None:
    async def main(loop: VirtualTimeLoop) -> tuple[int, int]:
        with open_pty() as (master, slave):
            link = loop.register_pty(master, slave)
            assert link.slave is not None
            answers: asyncio.Queue[bytes] = asyncio.Queue()

            def meter(end: PtyEnd) -> None:
                end.write(end.read()[::-1])

            loop.add_reader(slave, meter, link.slave)
            loop.add_reader(master, lambda: answers.put_nowait(link.master.read()))
            done = missed = 0
            for number in range(1_000 if hogs else 10_000):
                link.master.write(b"%06d\r\n" % number)
                wanted = (b"%06d\r\n" % number)[::-1]
                try:
                    async with asyncio.timeout(0.5):
                        got = b""
                        while len(got) < len(wanted):
                            got += await answers.get()
                except TimeoutError:
                    missed += 1
                else:
                    assert got == wanted
                    done += 1
                if number % 10 == 0:
                    await asyncio.sleep(1)
            loop.remove_reader(slave)
            loop.remove_reader(master)
            link.close()
            return done, missed

    with busy_processes(hogs):
        assert run(main) == ((1_000 if hogs else 10_000), 0)


def test_a_long_pty_write_arrives_before_time_moves() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        with open_pty() as (master, slave):
            link = loop.register_pty(master, slave)
            assert link.slave is not None
            got = bytearray()
            loop.add_reader(slave, lambda: got.extend(os.read(slave, 512)) or link.slave.took(min(512, 3000)))
            for _ in range(50):
                got.clear()
                link.slave.owed = loop.ledger.pty_owed = 0
                link.master.write(b"telegram!\n" * 300)
                await asyncio.sleep(0.001)
                assert len(got) == 3000
            loop.remove_reader(slave)
            link.slave.forgive()
            link.master.write(b"nobody reads this")  # settled: the reader has gone
            await asyncio.sleep(1)
            link.close()

    run(main)


def test_refused_connection_fails_at_once() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", closed.getsockname()[1])
        assert loop.now_ns() == 0

    run(main)


def test_a_full_backlog_costs_the_callers_timeout() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            opened = [await asyncio.open_connection(*address)]
            with pytest.raises(TimeoutError):
                for _ in range(10):
                    opened.append(await asyncio.wait_for(asyncio.open_connection(*address), 5))
            assert loop.now_ns() == 5 * NS_PER_S
            for _, writer in opened:
                writer.close()

    run(main)


def test_ten_megabytes_to_a_reader_that_pauses() -> None:
    size = 10 * 1024 * 1024

    async def main(loop: VirtualTimeLoop) -> None:
        received = asyncio.Event()

        class Slow(asyncio.Protocol):
            count = 0

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                loop.call_soon(transport.pause_reading)  # at once is too early for the first 3.11 versions
                loop.call_later(60, transport.resume_reading)
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                self.count += len(data)
                if self.count == size:
                    received.set()
                    self.transport.close()

        server = await loop.create_server(Slow, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(os.urandom(1024) * (size // 1024))
        await asyncio.sleep(30)
        assert loop.now_ns() == 30 * NS_PER_S
        await asyncio.wait_for(received.wait(), 40)
        assert loop.now_ns() == 60 * NS_PER_S
        writer.close()

    run(main)


def test_many_writes_with_nagle_on_arrive_before_time_moves() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        got = bytearray()

        async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100_000):
                got.extend(data)
            writer.close()

        server = await asyncio.start_server(collect, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        for _ in range(10):
            got.clear()
            for _ in range(5):
                writer.write(b"x" * 60)
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            assert len(got) == 300
        writer.close()

    run(main)


@pytest.mark.parametrize("how", ["close", "eof", "abort"])
def test_pending_data_arrives_although_the_writer_ends_at_once(how: str) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        sizes: list[int] = []

        async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            sizes.append(len(await reader.read(-1)))
            writer.close()

        server = await asyncio.start_server(collect, "127.0.0.1", 0)
        for size in [0, 1, 12, 70_000] * 25:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x" * size)
            if how == "close":
                writer.close()
            elif how == "eof":
                writer.write_eof()
            else:
                writer.transport.abort()
            await asyncio.sleep(0.001)
            assert sizes[-1] == size
            writer.close()
        await asyncio.sleep(1)
        assert not loop.ledger.connections
        assert not loop.ledger.sockets

    run(main)


def test_a_reset_balances_the_books() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"y" * 1000)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
            writer.transport.abort()

        server = await asyncio.start_server(rude, "127.0.0.1", 0)
        for _ in range(50):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x" * 1000)
            await asyncio.sleep(1)
            with pytest.raises(ConnectionError):
                for _ in range(3):
                    if not await reader.read(10_000):
                        raise ConnectionResetError
            writer.close()
        await asyncio.sleep(1)
        assert loop.now_ns() == 51 * NS_PER_S
        assert not loop.ledger.connections

    run(main)


def test_a_server_that_closes_forgets_what_it_never_accepted() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        server = await loop.create_server(ModbusLike, "127.0.0.1", 0, start_serving=False)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(5)
            loop.ledger.listeners.add(listener.getsockname())
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            await asyncio.sleep(1)
            assert loop.ledger.in_flight == len(REQUEST)
            loop._stop_serving(listener)
            assert loop.ledger.in_flight == 0
            writer.close()
        server.close()

    run(main)


def test_udp_is_counted_and_what_nobody_receives_stops_nobody() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        one, _, _ = await receiver(loop, A)
        other, inbox, there = await receiver(loop, B)
        for number in range(2_000):
            one.sendto(b"%d" % number, there)
            if number % 20 == 19:
                await asyncio.sleep(0.001)
                assert len(inbox.got) == number + 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:  # of this process, but not of this loop
            foreign.bind((C, 0))
            one.sendto(b"to a foreign socket", foreign.getsockname())
            await asyncio.sleep(1)
        one.sendto(b"to a port nobody has", foreign.getsockname() if foreign.fileno() >= 0 else (C, 9))
        await asyncio.sleep(1)
        one.sendto(b"to one that closes", there)
        other.close()
        await asyncio.sleep(1)
        one.sendto(b"to one that has closed", there)
        await asyncio.sleep(1)
        assert inbox.got[-1] == b"1999"
        one.close()

    run(main)


def test_udp_that_overruns_the_receivers_buffer_is_lost_not_waited_for() -> None:
    async def main(loop: VirtualTimeLoop) -> int:
        one, _, _ = await receiver(loop, A)
        other, inbox, there = await receiver(loop, B)
        other.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        for _ in range(200):
            one.sendto(bytes(500), there)
        await asyncio.sleep(1)
        assert 0 < len(inbox.got) < 200
        assert loop.ledger.datagrams_lost == 200 - len(inbox.got)
        one.close()
        other.close()
        return len(inbox.got)

    run(main)


@pytest.mark.parametrize("link", [(A, B), (B, A), (A, None), (B, None)])
def test_a_cut_link_holds_tcp_until_it_is_restored(link: tuple[str, str | None]) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        server = await loop.create_server(ModbusLike, B, 0)
        address = server.sockets[0].getsockname()
        cut_off, tester = await connected(loop, A, address), await connected(loop, TESTER, address)
        loop.links.exempt(TESTER)
        loop.links.cut(*link)
        with pytest.raises(TimeoutError):
            await cut_off.ask()
        assert loop.now_ns() == 3 * NS_PER_S
        assert await tester.ask() == ANSWER
        late = loop.create_future()
        cut_off.answer = late
        await asyncio.sleep(600)
        assert not late.done()
        loop.links.restore(*link)
        assert await asyncio.wait_for(late, 1) == ANSWER  # of the request that was held
        assert loop.now_ns() == 603 * NS_PER_S
        assert await cut_off.ask() == ANSWER
        cut_off.transport.close()
        tester.transport.close()

    run(main)


def test_a_cut_link_leaves_others_alone_and_keeps_order_and_end() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        texts: dict[str, bytes] = {}

        async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            texts[writer.get_extra_info("peername")[0]] = await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(collect, B, 0)
        address = server.sockets[0].getsockname()
        writers = {}
        for ip in (A, C):
            _, writers[ip] = await asyncio.open_connection(*address, local_addr=(ip, 0))
        loop.links.cut(A, B)
        loop.links.cut(A, B)  # twice is once
        for writer in writers.values():
            for number in range(2000):
                writer.write(b"%05d" % number * 400)  # 4 MB: more than the kernel takes at once
            writer.close()
        await asyncio.sleep(10)
        expected = b"".join(b"%05d" % number * 400 for number in range(2000))
        assert texts == {C: expected}
        loop.links.restore(A, B)
        await asyncio.sleep(0.001)
        assert texts == {C: expected, A: expected}
        await asyncio.sleep(1)
        assert not loop.ledger.sockets

    run(main)


def test_a_link_cut_again_while_it_delivers_holds_the_rest() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        got = bytearray()

        class Slow(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                got.extend(data)

        peers: list[Slow] = []
        server = await loop.create_server(lambda: peers.append(Slow()) or peers[-1], B, 0)
        client = await connected(loop, A, server.sockets[0].getsockname())
        await loop.settle()
        peers[0].transport.pause_reading()
        loop.links.cut(A, B)
        whole = random.Random(1).randbytes(20_000_000)
        client.transport.write(whole)
        loop.links.restore(A, B)
        await asyncio.sleep(1)
        loop.links.cut(A, B)
        client.transport.write(b"the end")
        peers[0].transport.resume_reading()
        await asyncio.sleep(1)
        assert 0 < len(got) < len(whole)
        loop.links.restore(A, B)
        await asyncio.sleep(1)
        assert bytes(got) == whole + b"the end"
        client.transport.close()

    run(main)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_connection_that_ends_while_it_delivers_what_was_held(end: str) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        whole = random.Random(2).randbytes(20_000_000)
        texts: list[bytes] = []

        async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(10)
            texts.append(await reader.read(-1))
            writer.close()

        server = await asyncio.start_server(collect, B, 0)
        client = await connected(loop, A, server.sockets[0].getsockname())
        loop.links.cut(A, B)
        client.transport.write(whole)
        loop.links.restore(A, B)
        await asyncio.sleep(1)
        client.transport.close() if end == "close" else client.transport.abort()
        await asyncio.sleep(20)
        assert texts == [whole]
        assert client.lost
        await asyncio.sleep(1)
        assert not loop.ledger.sockets

    run(main)


def test_a_server_on_all_interfaces_is_in_the_books() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        server = await loop.create_server(ModbusLike, "0.0.0.0", 0)
        client = await connected(loop, A, (B, server.sockets[0].getsockname()[1]))
        assert len(loop.ledger.connections) == 1
        asking = asyncio.create_task(client.ask())
        await asyncio.sleep(0)
        assert loop.ledger.in_flight == len(REQUEST)
        server.close()
        assert await asking == ANSWER
        client.transport.close()
        one, _, _ = await receiver(loop, A)
        everywhere, inbox, there = await receiver(loop, "0.0.0.0")
        one.sendto(b"datagram", (B, there[1]))
        assert loop.ledger.in_flight == 1
        await asyncio.sleep(1)
        assert inbox.got == [b"datagram"]
        one.close()
        everywhere.close()
        await asyncio.sleep(1)
        assert not loop.ledger.connections

    run(main)


def test_two_datagram_sockets_on_one_address_are_left_to_the_kernel() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        pair = [await loop.create_datagram_endpoint(Receiver, (B, 0), reuse_port=True)]
        there = pair[0][0].get_extra_info("sockname")
        pair.append(await loop.create_datagram_endpoint(Receiver, there, reuse_port=True))
        one, _, _ = await receiver(loop, A)
        for _ in range(10):
            one.sendto(b"x", there)
        await asyncio.sleep(1)
        assert sum(len(inbox.got) for _, inbox in pair) == 10
        pair[1][0].close()
        await asyncio.sleep(1)
        one.sendto(b"x", there)
        assert loop.ledger.in_flight == 1  # one is left, so it is known
        await asyncio.sleep(1)
        pair[0][0].close()
        one.close()

    run(main)


def test_tls_is_in_the_books(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=CP1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=certificate)
    client_side.check_hostname = False

    async def main(loop: VirtualTimeLoop) -> None:
        server = await loop.create_server(ModbusLike, B, 0, ssl=server_side)
        address = server.sockets[0].getsockname()
        _, client = await loop.create_connection(Client, *address, local_addr=(A, 0), ssl=client_side)
        assert len(loop.ledger.connections) == 1
        for _ in range(100):
            assert await client.ask() == ANSWER
        assert loop.now_ns() == 0
        loop.links.cut(A, B)
        with pytest.raises(TimeoutError):
            await client.ask()
        late = client.answer = loop.create_future()
        loop.links.restore(A, B)
        assert await late == ANSWER
        assert loop.now_ns() == 3 * NS_PER_S
        client.transport.close()
        await asyncio.sleep(60)
        assert not loop.ledger.connections

    run(main)


def test_a_connect_over_a_cut_link_stays_pending() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        server = await loop.create_server(ModbusLike, B, 0)
        address = server.sockets[0].getsockname()
        loop.links.cut(B)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connected(loop, A, address), 4)
        assert loop.now_ns() == 4 * NS_PER_S
        waiting = asyncio.create_task(connected(loop, A, address))
        await asyncio.sleep(100)
        assert not waiting.done()
        loop.links.restore(B)
        client = await waiting
        assert loop.now_ns() == 104 * NS_PER_S
        assert await client.ask() == ANSWER
        await asyncio.sleep(1)  # nothing of the connect() is left to spin on: time moves
        client.transport.close()

    run(main)


def test_a_cut_link_loses_datagrams() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        one, _, _ = await receiver(loop, A)
        other, inbox, there = await receiver(loop, B)
        tester, _, _ = await receiver(loop, TESTER)
        loop.links.exempt(TESTER)
        loop.links.cut(B)
        one.sendto(b"lost", there)
        tester.sendto(b"from the tester", there)
        await asyncio.sleep(1)
        loop.links.restore(B)
        one.sendto(b"arrives", there)
        await asyncio.sleep(1)
        assert inbox.got == [b"from the tester", b"arrives"]
        assert loop.ledger.datagrams_lost == 0
        for transport in (one, other, tester):
            transport.close()

    run(main)


def test_overlapping_cuts_are_undone_one_by_one_and_a_name_is_no_address() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        links = loop.links
        links.cut(A)
        links.cut(A, B)
        links.restore(B, A)
        assert links.is_cut(A, B)
        links.cut(B, A)
        links.restore_all()
        assert not links.is_cut(A, B)
        with pytest.raises(ScenarioError, match="CP1"):
            links.cut("CP1")

    run(main)


def test_a_loop_that_closes_during_a_cut_closes_its_sockets() -> None:
    loop = VirtualTimeLoop()

    async def main() -> int:
        server = await loop.create_server(ModbusLike, B, 0)
        client = await connected(loop, A, server.sockets[0].getsockname())
        loop.links.cut(A)
        client.transport.write(b"never")
        fd: int = client.transport.get_extra_info("socket").fileno()
        client.transport.close()
        await loop.settle()
        os.fstat(fd)  # still open: its bytes may yet be delivered
        return fd

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        fd = runner.run(main())
    with pytest.raises(OSError):
        os.fstat(fd)


def test_links_work_in_scaled_time_too() -> None:
    loop = ScaledLoop(50)

    async def main() -> None:
        server = await loop.create_server(ModbusLike, B, 0)
        client = await connected(loop, A, server.sockets[0].getsockname())
        assert await client.ask() == ANSWER
        loop.links.cut(A, B)
        with pytest.raises(TimeoutError):
            await client.ask(timeout_s=5)
        late = client.answer = loop.create_future()
        loop.links.restore(A, B)
        assert await asyncio.wait_for(late, 5) == ANSWER
        await loop.settle()
        assert await client.ask() == ANSWER
        client.transport.close()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def test_a_connection_to_another_loop_is_not_in_the_books() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        left, right = socket.socketpair(socket.AF_UNIX)
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            reader, writer = await asyncio.open_connection(*foreign.getsockname())
            conn, _ = foreign.accept()
            writer.write(b"question")
            assert conn.recv(100) == b"question"
            conn.sendall(b"answer")
            assert await reader.read(100) == b"answer"
            writer.write(b"never read")
            await asyncio.sleep(5)
            conn.close()
            writer.close()
        _, unix = await asyncio.open_unix_connection(sock=left)
        unix.write(b"x")
        await asyncio.sleep(1)
        unix.close()
        right.close()

    run(main)


def scenario(loop: VirtualTimeLoop, seed: int) -> Awaitable[str]:
    """A small site: servers, pollers, a meter on a pty, a link that is cut; returns a hash of all events."""
    events: list[str] = []

    async def main() -> str:
        with open_pty() as files:
            return await site(files)

    async def site(files: tuple[int, int]) -> str:
        rng = random.Random(seed)

        class Device(ModbusLike):
            def __init__(self, name: str) -> None:
                self.name = name

            def data_received(self, data: bytes) -> None:
                events.append(f"{loop.now_ns()} {self.name} asked")
                super().data_received(data)

        async def poll(name: str, ip: str, address: tuple[str, int]) -> None:
            client = await connected(loop, ip, address)
            for _ in range(30):
                try:
                    await client.ask(timeout_s=1.5)
                    events.append(f"{loop.now_ns()} {name} answered")
                except TimeoutError:
                    events.append(f"{loop.now_ns()} {name} timed out")
                await asyncio.sleep(rng.choice([0.5, 1.0, 1.0]))
            client.transport.close()

        async def telegrams(master: PtyEnd) -> None:
            for _ in range(40):
                master.write(b"/telegram")
                await asyncio.sleep(1)

        def read_telegram(end: PtyEnd) -> None:
            events.append(f"{loop.now_ns()} P1 {end.read()!r}")

        master, slave = files
        link = loop.register_pty(master, slave)
        loop.add_reader(slave, read_telegram, link.slave)
        pollers = [telegrams(link.master)]
        for number in range(12):
            server = await loop.create_server(lambda number=number: Device(f"CP{number}"), f"127.201.2.{number + 1}", 0)
            address = server.sockets[0].getsockname()
            pollers += [poll(f"EMS{number}{k}", f"127.201.3.{number + 1}", address) for k in "ab"]
        loop.call_at(7.25, loop.links.cut, "127.201.2.5")
        loop.call_at(13.25, loop.links.restore, "127.201.2.5")
        await asyncio.gather(*pollers)
        loop.remove_reader(slave)
        link.close()
        return hashlib.sha256("\n".join(events).encode()).hexdigest() + f" {len(events)}"

    return main()


def test_equal_runs_have_equal_event_orders() -> None:
    quiet = [run(lambda loop: scenario(loop, 7)) for _ in range(3)]
    with busy_processes(2):
        loaded = run(lambda loop: scenario(loop, 7))
    assert {*quiet, loaded} == {quiet[0]}
    assert run(lambda loop: scenario(loop, 8)) != quiet[0]
