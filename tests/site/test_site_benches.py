"""A bench is a table: who fills which seats, where they are, what the clock is. Here is a fourth, of two kinds."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from emulators.ev.model import VehicleTraits
from emulators.kit.phases import PerPhase
from hil.bench.addresses import Resolver, Slot
from hil.bench.farm import Farm
from hil.bench.filler import Bench, Filler, Seat
from hil.bench.in_process import InProcess, LocalSeat
from hil.bench.memory import AfterPowerLoss
from hil.clock import FarmThread, GrantedLoop
from hil.clock.conductor import RUNNER
from hil.clock.grants import MemberHello
from hil.compose.plan import Plan
from hil.errors import BenchError, ScenarioError
from hil.process.processes import Processes
from hil.process.remote import RemoteSeat
from hil.run.benches import embedded
from hil.run.session import build_site
from hil.site import Site
from hil.trace import TraceWriter

from .processes import TOKEN, end, launch

T = TypeVar("T")

PORTS = {
    "devices.CP1.parameters.Modbus TCP Server Base Port": "15502",
    "devices.CP1.parameters.Port number of Second Meter": "15503",
    "meters.M1.parameters.Modbus Port": "15503",
    "meters.M2.parameters.Modbus Port": "15503",
}


class Running:
    """A farm on a thread of its own."""

    def __init__(self, bench: Bench, site: Site, folder: Path) -> None:
        folder.mkdir()
        self.trace = TraceWriter(folder / "trace.jsonl", test="benches", site=site.name, seed=1)
        self.thread = FarmThread(bench.make_loop)
        self.farm = Farm(bench, site, self.thread.loop, seed=1, trace=self.trace)
        self.ask(self.farm.start)

    def ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async def run() -> T:
            with self.thread.loop.time_flows():
                answer = await question()
            await self.thread.loop.settle()
            return answer

        return self.thread.run(run())

    def wait(self, seconds: float) -> None:
        self.ask(partial(asyncio.sleep, seconds))

    def do(self, act: Callable[[], T]) -> T:
        async def run() -> T:
            return act()

        return self.ask(run)

    def close(self) -> bytes:
        """Stop; return the trace after its header."""
        try:
            self.farm.check(final=True)
            self.farm.env.mute()
            self.ask(self.farm.stop)
        finally:
            self.thread.close()
            self.trace.close()
        return self.trace.path.read_bytes().partition(b"\n")[2]


@contextmanager
def mixed(site: Site) -> Iterator[Bench]:
    """Have a bench on which CP1 is a process and the meters are in this one, in one lock-step time."""
    slot = Slot()
    subnets = {name: ipaddress.IPv4Network(f"127.{slot.number}.{n}.0/24") for n, name in enumerate(site.networks, 1)}
    plan = Plan(site, subnets)
    conductor, point = (
        launch("conductor", "--port", "0"),
        launch("device", "CP1=mennekes_ecu", "--host", plan.addresses["CP1"]),
    )
    try:
        assert conductor.stdout is not None and point.stdout is not None
        port = int(conductor.stdout.readline().split()[-1])
        assert point.stdout.readline().startswith("CP1 waits")
        here = (plan.tester("lan"), plan.addresses["M1"], plan.addresses["M2"])
        hello = MemberHello(TOKEN, "mixed", "tester", RUNNER, here)
        yield Bench(
            name="compose",
            fillers={"emulated": InProcess},
            seats={"CP1": partial(Processes, places=plan, token=TOKEN)},
            make_loop=lambda: GrantedLoop((plan.conductor("lan"), port), hello),
            claim_addresses=lambda _: plan,
        )
    finally:
        end(conductor)
        end(point)
        slot.release()


def a_day(running: Running) -> list[str]:
    """Charge, let the house take what there is, take the meter's power and CP1's; return what CP1 said meanwhile."""
    farm, said = running.farm, []

    def look() -> None:
        page = running.ask(farm.seats["CP1"].page)
        said.append(f"{page['Signalled current']}, {page['Error(s)']}, {farm.seats['CP1'].shown.leds}")

    running.do(lambda: farm.installation.bay("CP1").plug(VehicleTraits(), farm.env.rng("vehicle")))
    running.wait(60)
    look()
    running.do(lambda: farm.installation.set_load("house", PerPhase(25, 0, 0)))
    running.wait(60)
    look()
    running.ask(partial(farm.faults.kill, "M2"))
    running.wait(120)
    look()
    running.ask(partial(farm.faults.restart, "M2", "kept"))
    running.ask(partial(farm.faults.kill, "CP1"))
    assert farm.installation.bays["CP1"].pilot_state().value == "B"
    running.ask(partial(farm.faults.restart, "CP1", "kept"))
    running.wait(120)
    look()
    return said


@pytest.mark.slow
def test_a_bench_of_two_kinds_of_fillers_is_one_table_and_gives_the_same_trace(tmp_path: Path) -> None:
    site = build_site("mennekes/standalone-excluding", PORTS)
    alone = Running(embedded("max"), site, tmp_path / "embedded")
    said = a_day(alone)
    assert said[0].startswith("32 A, no errors") and said[1].startswith("10 A, no errors")
    assert "External meter not communicating" in said[2]
    with mixed(site) as bench:
        both = Running(bench, site, tmp_path / "mixed")
        kinds = {name: type(seat) for name, seat in both.farm.seats.items()}
        assert kinds == {"M2": LocalSeat, "M1": LocalSeat, "CP1": RemoteSeat}
        assert a_day(both) == said
        assert sorted(both.close().splitlines()) == sorted(alone.close().splitlines())


class Slow:
    """A seat whose power and processor take a minute each time (the rest as of the seat that it stands for)."""

    by_hand = ""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    def __getattr__(self, name: str) -> Any:
        return getattr(self._seat, name)

    async def on(self, settings: AfterPowerLoss) -> None:
        await asyncio.sleep(60)
        await self._seat.on(settings)

    async def pause(self) -> None:
        await asyncio.sleep(60)


def test_a_device_that_is_being_switched_on_or_stopped_is_asked_nothing(tmp_path: Path) -> None:
    running = Running(embedded("max"), build_site("mennekes/standalone-excluding", PORTS), tmp_path / "slow")
    farm = running.farm
    farm.seats["CP1"] = Slow(farm.seats["CP1"])

    async def meanwhile(work: Coroutine[Any, Any, None]) -> str:
        task = asyncio.ensure_future(work)
        await asyncio.sleep(30)
        said = await farm.explain("CP1")
        with pytest.raises(ScenarioError):
            await farm.faults.pause("CP1")
        await task
        return said

    assert running.ask(partial(meanwhile, farm.faults.restart("CP1", "kept"))) == "CP1 is switched off."
    assert running.ask(lambda: farm.explain("CP1")).startswith("CP1 signals")
    assert running.ask(partial(meanwhile, farm.faults.pause("CP1"))) == "CP1 is paused."
    running.close()


def test_a_farm_that_cannot_be_made_keeps_no_addresses(tmp_path: Path) -> None:
    site = build_site("mennekes/standalone-excluding", PORTS)
    bench, claimed = embedded("max"), list[Resolver]()

    def claim(of: Site) -> Resolver:
        claimed.append(Resolver(of.networks))
        return claimed[-1]

    def broken(*_what: object) -> Filler:
        raise BenchError("no such luck")

    thread = FarmThread(bench.make_loop)
    trace = TraceWriter(tmp_path / "trace.jsonl", test="t", site=site.name, seed=1)
    table = replace(bench, fillers={"emulated": broken}, claim_addresses=claim)
    with pytest.raises(BenchError, match="no such luck"):
        Farm(table, site, thread.loop, seed=1, trace=trace)
    thread.close()
    trace.close()
    assert claimed[0]._claimed._file.closed
