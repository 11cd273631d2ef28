"""Two farms in one process, the same site, the same DLM network id: neither sees the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hil.bench.farm import Farm
from hil.clock import FarmThread, VirtualTimeLoop
from hil.run.benches import embedded
from hil.site import Site, VehicleSpec, load_site
from hil.tester import Tester
from hil.trace import TraceWriter

POINTS = ("CP1", "CP2", "CP3", "CP4")


class Running:
    """A farm of the car park on a thread of its own."""

    def __init__(self, folder: Path) -> None:
        site = load_site("mennekes/car-park")
        self.trace = TraceWriter(folder / "trace.jsonl", test="two farms", site=site.name, seed=1)
        self.thread = FarmThread(VirtualTimeLoop)
        self.farm = self.thread.run(self._start(site))
        self.tester = Tester(self.farm)

    async def _start(self, site: Site) -> Farm:
        farm = Farm(embedded("max"), site, self.thread.loop, seed=1, trace=self.trace)
        await farm.start()
        return farm

    def plug(self, *names: str) -> None:
        async def act() -> None:
            for name in names:
                await self.tester.vehicle(name).plug(VehicleSpec())

        self.thread.run(act())

    def wait(self, seconds: float) -> None:
        async def act() -> None:
            with self.thread.loop.time_flows():
                await asyncio.sleep(seconds)
            await self.thread.loop.settle()

        self.thread.run(act())

    def read(self, name: str) -> list[object]:
        async def act() -> list[object]:
            with self.thread.loop.time_flows():
                return [await self.tester.ports.probe(point).read(name) for point in POINTS]

        return self.thread.run(act())

    def page(self, name: str) -> dict[str, str]:
        async def act() -> dict[str, str]:
            return dict(await self.farm.seats[name].page())

        return self.thread.run(act())

    def stop(self) -> None:
        self.farm.check()
        assert self.farm.installation.findings == []
        self.thread.run(self.tester.close())
        self.thread.run(self.farm.stop())
        self.thread.close()
        self.trace.close()


def test_two_farms_with_the_same_network_id_never_see_each_other(tmp_path: Path) -> None:
    farms: list[Running] = []
    try:
        for number in (1, 2):
            (tmp_path / str(number)).mkdir()
            farms.append(Running(tmp_path / str(number)))
        full, lone = farms
        for farm in farms:
            farm.wait(20)
            assert farm.page("CP1")["DLM Connected Slaves"] == "CP1, CP2, CP3, CP4"
            assert farm.page("CP1")["DLM Network Id"] == "0"
        full.plug(*POINTS)
        lone.plug("CP1")
        for _ in range(8):  # in turns, so that each could hear what the other sends
            full.wait(10)
            lone.wait(10)
        assert full.read("SIGNALED_CURRENT") == [25, 25, 25, 25]
        assert lone.read("SIGNALED_CURRENT") == [32, 0, 0, 0]
        # One farm's master dies; the other farm's slaves keep theirs, and nobody changes over.
        full.thread.run(full.farm.seats["CP1"].stop())
        full.wait(65)
        lone.wait(65)
        assert [full.page(name)["DLM Master"] for name in POINTS[1:]] == ["none"] * 3
        assert [lone.page(name)["DLM Master"] for name in POINTS[1:]] == ["CP1"] * 3
        sockets = [farm.farm.env.addresses.local("192.168.0.11") for farm in farms]
        assert len(set(sockets)) == 2
    finally:
        for farm in farms:
            farm.stop()
