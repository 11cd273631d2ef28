"""Slow, lossy and reset links, and hosts without power: exact in farm time, and the same in equal runs."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter

import pytest

from hil.clock import NS_PER_S, FarmLoop, VirtualTimeLoop
from hil.clock.link_faults import Cut, Delay, LinkFault, Loss, from_message

from .wires import ANSWER, REQUEST, TESTER, A, B, C, Client, ModbusLike, connected, receiver, run

Link = tuple[str, str | None]
EITHER_WAY: list[Link] = [(A, B), (B, A), (A, None), (B, None)]


def delay(delay_s: float, jitter_s: float = 0.0, seed: int = 1) -> tuple[LinkFault, random.Random]:
    return Delay(delay_s, jitter_s), random.Random(seed)


def loss(probability: float, seed: int = 1) -> tuple[LinkFault, random.Random]:
    return Loss(probability), random.Random(seed)


class Sink(asyncio.Protocol):
    """Notes when bytes and the end come, and how it ended."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.got: list[tuple[float, bytes]] = []
        self.end_s: float | None = None
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.got.append((self.loop.time(), data))

    def eof_received(self) -> None:
        self.end_s = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.got)


async def pair(loop: FarmLoop, source: str = A) -> tuple[asyncio.Transport, Sink, Sink]:
    """Return the client's transport, its protocol and the server's of a new connection to B."""
    servers: list[Sink] = []

    def serve() -> Sink:
        servers.append(Sink())
        return servers[-1]

    server = await loop.create_server(serve, B, 0)
    transport, client = await loop.create_connection(Sink, *server.sockets[0].getsockname(), local_addr=(source, 0))
    await loop.settle()
    server.close()
    return transport, client, servers[0]


@pytest.mark.parametrize("link", EITHER_WAY)
def test_an_answer_takes_two_delays_and_a_connection_two_more(link: Link) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        server = await loop.create_server(ModbusLike, B, 0)
        address = server.sockets[0].getsockname()
        loop.links.exempt(TESTER)
        loop.links.spoil(*link, *delay(2))
        client = await connected(loop, A, address)
        assert loop.now_ns() == 4 * NS_PER_S
        assert await client.ask(5) == ANSWER
        assert loop.now_ns() == 8 * NS_PER_S
        with pytest.raises(TimeoutError):
            await client.ask(3)
        assert loop.now_ns() == 11 * NS_PER_S
        tester = await connected(loop, TESTER, address)
        assert await tester.ask() == ANSWER
        assert loop.now_ns() == 11 * NS_PER_S
        await asyncio.sleep(2)
        loop.links.restore(*link)
        assert await client.ask() == ANSWER
        assert loop.now_ns() == 13 * NS_PER_S
        for one in (client, tester):
            one.transport.close()

    run(main)


def test_delays_of_both_cables_and_of_the_path_add_up() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        client, _, sink = await pair(loop)
        for number, link in enumerate([(A, None), (B, None), (A, B)]):
            loop.links.spoil(*link, *delay(10.0**number))
        loop.links.spoil(A, C, *delay(5000))
        client.write(b"x")
        await asyncio.sleep(200)
        assert sink.got == [(111.0, b"x")]
        client.close()
        await asyncio.sleep(200)

    run(main)


def test_jitter_keeps_the_order_of_bytes_and_the_end_comes_last() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        client, _, sink = await pair(loop)
        loop.links.spoil(A, B, *delay(1, 0.5))
        for number in range(200):
            client.write(b"%03d" % number)
            await asyncio.sleep(0.01)
        client.close()
        assert loop.ledger.in_flight == 0  # what the farm holds does not keep the time from passing
        await asyncio.sleep(2)
        assert sink.data == b"".join(b"%03d" % number for number in range(200))
        assert 1.0 < sink.got[0][0] < 1.5
        assert len({at_s for at_s, _ in sink.got}) > 20
        assert sink.end_s is not None
        assert 3.0 <= sink.end_s <= 3.5
        assert sink.end_s >= sink.got[-1][0]

    run(main)


def test_what_is_on_its_way_keeps_its_delay_when_the_link_is_restored() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        client, _, sink = await pair(loop)
        loop.links.spoil(A, B, *delay(10))
        client.write(b"early")
        await asyncio.sleep(4)
        loop.links.restore(A, B)
        client.write(b" late")  # behind the other, for TCP keeps its order
        await asyncio.sleep(10)
        client.write(b" now")
        await asyncio.sleep(0)
        assert sink.got == [(10.0, b"early late")]
        await loop.settle()
        assert sink.got[1:] == [(14.0, b" now")]
        client.close()

    run(main)


def test_more_than_the_kernel_takes_at_once_comes_late_and_whole() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        client, _, sink = await pair(loop)
        loop.links.spoil(A, B, *delay(1))
        data = random.Random(3).randbytes(10_000_000)
        client.write(data)
        client.close()
        await asyncio.sleep(2)
        assert sink.data == data
        assert {at_s for at_s, _ in sink.got} == {1.0}

    run(main)


def test_a_cut_waits_for_its_end_and_then_the_delay_counts_as_served() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        client, _, sink = await pair(loop)
        loop.links.spoil(A, None, *delay(2))
        loop.links.cut(A, B)
        client.write(b"x")
        await asyncio.sleep(5)
        loop.links.restore(A, B)
        await asyncio.sleep(5)
        assert sink.got == [(5.0, b"x")]
        client.close()
        await asyncio.sleep(2)

    run(main)


@pytest.mark.parametrize("link", EITHER_WAY)
def test_datagrams_come_late(link: Link) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        one, _, _ = await receiver(loop, A)
        other, inbox, there = await receiver(loop, B)
        loop.links.spoil(*link, *delay(2.5))
        one.sendto(b"a", there)
        await asyncio.sleep(2.4)
        assert inbox.got == []
        await asyncio.sleep(0.1)
        await loop.settle()
        assert inbox.got == [b"a"]
        one.sendto(b"cut on its way", there)
        await asyncio.sleep(1)
        loop.links.cut(A)
        await asyncio.sleep(5)
        loop.links.restore_all()
        one.sendto(b"b", there)
        await loop.settle()
        assert inbox.got == [b"a", b"b"]
        one.close()
        other.close()

    run(main)


def arrivals(probability: float, seed: int) -> list[bytes]:
    """Return which of two thousand datagrams arrive."""

    async def main(loop: VirtualTimeLoop) -> list[bytes]:
        one, _, _ = await receiver(loop, A)
        other, inbox, there = await receiver(loop, B)
        loop.links.spoil(A, B, *loss(probability, seed))
        for number in range(2000):
            one.sendto(b"%d" % number, there)
            await asyncio.sleep(0.01)
        assert loop.ledger.datagrams_lost == 0  # they were never sent
        one.close()
        other.close()
        return inbox.got

    return run(main)


def test_as_many_datagrams_are_lost_as_was_asked_and_the_same_in_equal_runs() -> None:
    some = arrivals(0.2, 1)
    assert 1520 < len(some) < 1680  # four standard deviations
    assert arrivals(0.2, 1) == some
    assert arrivals(0.2, 2) != some
    assert 50 < len(arrivals(0.95, 1)) < 150


def test_lost_segments_come_again_by_the_retransmission_timeout() -> None:
    async def main(loop: VirtualTimeLoop) -> Counter[float]:
        client, _, sink = await pair(loop)
        loop.links.spoil(A, B, *loss(0.5))
        late_s: Counter[float] = Counter()
        for number in range(400):
            sent_s = loop.time()
            client.write(b"%03d" % number)
            await asyncio.sleep(1000)
            late_s[round(sink.got[-1][0] - sent_s, 6)] += 1
        assert sink.data == b"".join(b"%03d" % number for number in range(400))
        client.close()
        await asyncio.sleep(1000)
        return late_s

    late_s = run(main)
    timeouts_s = [min(0.2 * 2**repeat, 120) for repeat in range(20)]  # Linux' TCP_RTO_MIN, doubled, up to TCP_RTO_MAX
    assert set(late_s) <= {round(sum(timeouts_s[:lost]), 6) for lost in range(20)}
    assert late_s[0.0] > late_s[0.2] > late_s[0.6] > 0


def test_a_lost_connect_is_tried_again() -> None:
    async def main(loop: VirtualTimeLoop) -> set[int]:
        server = await loop.create_server(ModbusLike, B, 0)
        address = server.sockets[0].getsockname()
        loop.links.spoil(A, B, *loss(0.5))
        took_s = set()
        for _ in range(20):
            before_ns = loop.now_ns()
            client = await connected(loop, A, address)
            took_s.add((loop.now_ns() - before_ns) // NS_PER_S)
            client.transport.abort()
        await asyncio.sleep(1)
        return took_s

    took_s = run(main)
    assert {0, 1, 3} <= took_s <= {0, 1, 3, 7, 15, 31, 63}


@pytest.mark.parametrize("link", EITHER_WAY)
@pytest.mark.parametrize("before", ["whole", "delayed", "cut"])
def test_a_reset_is_found_by_both_ends_at_once(link: Link, before: str) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        client, at_client, at_server = await pair(loop)
        tester, at_tester, _ = await pair(loop, TESTER)
        bystander, at_bystander, at_its_server = await pair(loop, C)
        loop.links.exempt(TESTER)
        if before == "delayed":
            loop.links.spoil(A, B, *delay(5))
        elif before == "cut":
            loop.links.cut(A, B)
        client.write(b"on its way")
        spared = [at_tester] if link == (B, None) else [at_tester, at_bystander, at_its_server]
        assert loop.links.reset(*link) == (4 if link == (B, None) else 2)
        await loop.settle()
        assert loop.now_ns() == 0
        for end in (at_client, at_server):
            assert [type(error) for error in end.lost] == [ConnectionResetError]
        assert [end.lost for end in spared] == [[]] * len(spared)
        assert loop.links.reset(A, B) == 0
        loop.links.restore_all()
        again, _, sink = await pair(loop)
        again.write(b"works")
        await loop.settle()
        assert sink.data == b"works"
        for transport in (again, tester, bystander):
            transport.close()
        await asyncio.sleep(10)
        assert not loop.ledger.connections

    run(main)


def test_a_host_without_power_is_silent_to_everybody() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        server = await loop.create_server(ModbusLike, B, 0)
        address = server.sockets[0].getsockname()
        loop.links.exempt(TESTER)
        peer, tester = await connected(loop, A, address), await connected(loop, TESTER, address)
        for one in (peer, tester):
            assert await one.ask() == ANSWER
        loop.links.power_off(B)
        server.close()
        for one in (peer, tester):
            with pytest.raises(TimeoutError):
                await one.ask()
            assert not one.lost
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connected(loop, TESTER, address), 60)
        assert loop.now_ns() == 66 * NS_PER_S
        for one in (peer, tester):
            one.transport.close()
        loop.links.power_on(B)
        await asyncio.sleep(1)
        assert not loop.ledger.sockets

    run(main)


class Killed(ModbusLike):
    """A device that can lose its power."""

    transports: list[asyncio.Transport]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transports.append(self.transport)


@pytest.mark.parametrize("spoke_meanwhile", [True, False])
def test_a_host_that_is_back_resets_the_connections_it_has_forgotten(spoke_meanwhile: bool) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        Killed.transports = []
        server = await loop.create_server(Killed, B, 0, reuse_address=True)
        address = server.sockets[0].getsockname()
        client = await connected(loop, A, address)
        assert await client.ask() == ANSWER
        loop.links.power_off(B)
        Killed.transports[0].write(b"lost with the host")
        server.close()
        Killed.transports[0].abort()
        await asyncio.sleep(10)
        assert not client.lost  # no goodbye
        if spoke_meanwhile:
            client.transport.write(REQUEST)
        waiting = asyncio.ensure_future(connected(loop, C, address))
        await asyncio.sleep(10)
        assert not client.lost
        assert not waiting.done()
        again = await loop.create_server(Killed, B, address[1], reuse_address=True)
        loop.links.power_on(B)
        other = await waiting  # its connect was still being tried
        assert await other.ask() == ANSWER
        await asyncio.sleep(100)
        assert client.lost == spoke_meanwhile  # who has not used it still believes in it
        if not spoke_meanwhile:
            with pytest.raises(TimeoutError):
                await client.ask()
            assert client.lost
        fresh = await connected(loop, A, address)
        assert await fresh.ask() == ANSWER
        for one in (other, fresh):
            one.transport.close()
        again.close()
        await asyncio.sleep(1)
        assert not loop.ledger.connections

    run(main)


def test_a_loop_closes_what_a_dead_host_has_left() -> None:
    loop = VirtualTimeLoop()

    async def main() -> Client:
        server = await loop.create_server(ModbusLike, B, 0)
        client = await connected(loop, A, server.sockets[0].getsockname())
        loop.links.power_off(A)
        client.transport.close()
        await loop.settle()
        assert {sock.local_ip: sock.gone for sock in loop.ledger.sockets} == {A: True, B: False}
        return client

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    assert not [sock for sock in loop.ledger.sockets if sock.gone]


def test_what_is_said_of_the_links() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        links = loop.links
        assert links.is_clean
        links.cut(B, A)
        links.spoil(A, None, *delay(1))
        links.spoil(A, C, *loss(0.5))
        links.power_off(C)
        assert links.describe() == {
            "links": {f"{A} - *": ["delays by 1 s"], f"{A} - {B}": ["is cut"], f"{A} - {C}": ["loses 50%"]},
            "dead": [C],
            "exempt": [],
        }
        links.restore_all()
        assert not links.is_clean
        links.power_on(C)
        assert links.is_clean

    run(main)


@pytest.mark.parametrize("fault", [Cut(), Delay(2, 0.5), Loss(0.25)])
def test_a_fault_travels_as_one_message(fault: LinkFault) -> None:
    assert from_message(json.loads(json.dumps(fault.as_message()))) == fault


@pytest.mark.parametrize(
    ("message", "error"), [({"kind": "rust"}, LookupError), ({"kind": "loss", "delay_s": 1}, TypeError)]
)
def test_what_is_no_fault_is_refused(message: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        from_message(message)
