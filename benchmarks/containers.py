"""How fast sites in containers come up, and how fast they run in lock-step time beside scaled time.

    python benchmarks/containers.py [--starts 5 20 50] [--points 10 30] [--packed 100] [--repeats 20] [--json FILE]

Needs a Docker engine and Compose v2. Sites are those of benchmarks/ecu_points.py: ECU charging points, each in a
container of its own with a vehicle, and a PAC2200 that the master polls; every point is polled at 1 Hz over its port.

Start-up: from nothing to all healthy, and the memory of a device's container when it runs. Lock-step: grants (moves of
time) and farm seconds per wall second. Beside it, in the same run and the same containers, scaled time: its largest
factor at which no timer was later than allowed, how late the latest 1 % were, and how late they are at the largest
factor when nobody polls. Repeats: whether so many lock-step
runs, half of them beside busy processes, give one trace. Ratios count; absolute numbers belong to one machine and one
moment. Not gating.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ecu_points import write_site

from hil.bench.farm import Farm
from hil.clock import FarmThread, ScaledLoop
from hil.compose.engine import docker
from hil.compose.up import EngineContainers
from hil.errors import DeviceSilent
from hil.process.remote import RemoteSeat
from hil.run.benches import compose
from hil.site import Site, VehicleSpec, load_site
from hil.tester import Tester
from hil.tester.ports import Ports
from hil.trace import TraceWriter

FLOOR_GRANTS, FLOOR_X, FLOOR_P99_S = 2000, 50, 0.25
FACTORS = (2, 5, 10, 20, 30, 40, 60)
WARM_UP_REAL_S, MEASURED_REAL_S = 5.0, 10.0
HOGS = 4
CONTAINERS = 10


def site_of(folder: Path, points: int, pack: int = 1) -> Site:
    """Return a site of ECU points, so many in a container."""
    file = write_site(folder, points, 0)
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "pack": pack}), encoding="utf-8")
    return load_site(str(file))


@contextmanager
def farm_in(containers: EngineContainers, site: Site, speed: str, trace: Path) -> Iterator[tuple[Farm, FarmThread]]:
    """Run a farm with vehicles at all points."""
    bench = compose(site, speed, containers, containers.token)
    writer = TraceWriter(trace, test="bench", site=site.name, seed=1)
    thread = FarmThread(bench.make_loop)
    farm = Farm(bench, site, thread.loop, seed=1, trace=writer)

    async def begin() -> None:
        with thread.loop.time_flows():
            await farm.start()
            for name in site.charger_names():
                await Tester(farm).vehicle(name).plug(VehicleSpec())

    try:
        thread.run(begin())
        yield farm, thread
        assert farm.env.failures == [], farm.env.failures
    finally:
        thread.run(farm.stop(), 60)
        thread.close()
        writer.close()


def poll(farm: Farm, thread: FarmThread, seconds: float) -> None:
    """Poll every point at 1 Hz for so many farm seconds."""
    loop, ports = thread.loop, Ports(farm)

    async def one(name: str, until_s: float) -> None:
        due_s, probe = loop.time(), ports.probe(name)
        while (due_s := due_s + 1) <= until_s:
            await asyncio.sleep(due_s - loop.time())
            await probe.read("SIGNALED_CURRENT")

    async def all_of_them() -> None:
        with loop.time_flows():
            await asyncio.gather(*(one(name, loop.time() + seconds) for name in farm.site.charger_names()))
            await ports.close()
        await loop.settle()

    thread.run(all_of_them())


def wait(farm: Farm, thread: FarmThread, seconds: float) -> None:
    """Let farm time pass."""

    async def pass_by() -> None:
        with thread.loop.time_flows():
            await asyncio.sleep(seconds)
        await thread.loop.settle()

    thread.run(pass_by(), seconds)


def lock_step(containers: EngineContainers, site: Site, farm_s: float, folder: Path) -> dict[str, float]:
    """Return farm seconds, grants and turns per wall second."""
    with farm_in(containers, site, "max", folder / "lockstep.jsonl") as (farm, thread):
        poll(farm, thread, 5)
        begun = time.perf_counter()
        poll(farm, thread, farm_s)
        x = farm_s / (time.perf_counter() - begun)
    mark = ("--filter", f"label=hilfarm={site.name}", "--filter", "name=hil-conductor", "--quiet")
    (conductor,) = docker("ps", *mark).split()
    while not (rows := re.findall(r"a farm of ([\d.]+) s: (\d+) grants, (\d+) turns", docker("logs", conductor))):
        time.sleep(0.1)  # it says so when it has let go of everybody
    whole_s, grants, turns = map(float, rows[-1])
    return {"x": x, "grants_per_s": grants / whole_s * x, "turns_per_s": turns / whole_s * x}


def late(
    containers: EngineContainers, site: Site, folder: Path, factor: int, *, polled: bool = True
) -> tuple[bool, dict[str, float]]:
    """Return whether the machine keeps up with a factor, and how late timers were after warm-up, anywhere [farm s]."""
    with farm_in(containers, site, str(factor), folder / f"x{factor}-{polled}.jsonl") as (farm, thread):
        loop = thread.loop
        assert isinstance(loop, ScaledLoop)
        remotes = [seat for seat in farm.seats.values() if isinstance(seat, RemoteSeat)]
        run = poll if polled else wait

        async def forget() -> None:
            loop.forget_lag()
            await asyncio.gather(*(remote.forget_lag() for remote in remotes))

        async def p99_s() -> float:
            return max([loop.lag_p99_s, *await asyncio.gather(*(remote.lag_p99_s() for remote in remotes))])

        try:
            run(farm, thread, WARM_UP_REAL_S * factor)
            thread.run(forget())
            run(farm, thread, MEASURED_REAL_S * factor)
            lags = {"lag_p99_s": thread.run(p99_s()), "lag_max_s": farm.lag_s()}
        except DeviceSilent:  # an answer took seconds of farm time
            return False, {}
        return lags["lag_max_s"] <= loop.allowed_error_s, lags


def scaled(containers: EngineContainers, site: Site, folder: Path) -> dict[str, float]:
    """Return the largest factor that the machine keeps up with, and how late its timers were then."""
    best: dict[str, float] = {"factor": 0}
    for factor in FACTORS:
        kept_up, lags = late(containers, site, folder, factor)
        if not kept_up:
            break
        best = {"factor": factor, **lags}
    _, unpolled = late(containers, site, folder, FACTORS[-1], polled=False)
    return {**best, **{f"x{FACTORS[-1]}_unpolled_{key}": value for key, value in unpolled.items()}}


def started(containers: EngineContainers, site: Site) -> dict[str, float]:
    """Return how long it takes until all containers are healthy, and what one takes of memory."""
    begun = time.perf_counter()
    containers.need(site)
    took_s = time.perf_counter() - begun
    names = docker("ps", "--filter", f"label=hilfarm={site.name}", "--format", "{{.Names}}").split()
    rows = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *names).splitlines()
    used_mb = [float(found[1]) for row in rows if "-CP" in row and (found := re.search(r" ([\d.]+)MiB", row))]
    return {"containers": len(names), "healthy_s": took_s, "mb_per_device": sum(used_mb) / len(used_mb)}


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep the machine busy."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def same_trace(containers: EngineContainers, site: Site, repeats: int, folder: Path) -> int:
    """Return how many different traces so many equal runs give, half of them on a busy machine."""
    found = set()
    for number in range(repeats):
        with busy(HOGS if number % 2 else 0):
            file = folder / "again.jsonl"
            file.unlink(missing_ok=True)
            with farm_in(containers, site, "max", file) as (farm, thread):
                poll(farm, thread, 30)
            found.add(file.read_bytes())
    return len(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", nargs="*", type=int, default=[5, 20, 50], metavar="POINTS")
    parser.add_argument("--points", nargs="*", type=int, default=[10, 30], metavar="POINTS")
    parser.add_argument("--packed", nargs="*", type=int, default=[100], metavar="POINTS", help="in ten containers")
    parser.add_argument("--farm-s", type=float, default=60.0)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    figures: dict[str, Any] = {}

    def measured(what: str, measure: Callable[[EngineContainers, Path], dict[str, float]]) -> None:
        with (
            tempfile.TemporaryDirectory() as name,
            EngineContainers(Path(name), lambda _: None).running() as containers,
        ):
            figures[what] = measure(containers, Path(name))
        print(f"{what}: " + ", ".join(f"{key} {value:.3g}" for key, value in figures[what].items()), flush=True)

    for points in args.starts:
        measured(f"start of {points} points", lambda c, f, n=points: started(c, site_of(f, n)))  # type: ignore[misc]
    for points in args.points:

        def both(containers: EngineContainers, folder: Path, points: int = points) -> dict[str, float]:
            site = site_of(folder, points)
            granted, honest = lock_step(containers, site, args.farm_s, folder), scaled(containers, site, folder)
            return {**granted, **{f"scaled_{key}": value for key, value in honest.items()}}

        measured(f"{points} points", both)
    for points in args.packed:

        def packed(containers: EngineContainers, folder: Path, points: int = points) -> dict[str, float]:
            return lock_step(containers, site_of(folder, points, -(-points // CONTAINERS)), args.farm_s, folder)

        measured(f"{points} points in {CONTAINERS} containers", packed)
    if args.repeats:
        count = args.repeats
        measured(
            f"traces of {count} runs of 10 points",
            lambda c, f: {"different": same_trace(c, site_of(f, 10), count, f)},
        )
    print(
        f"floors: {FLOOR_GRANTS} grants/s, 100 points x{FLOOR_X}, one trace, 30 containers at x60 p99 {FLOOR_P99_S} s"
    )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
