"""How fast P1 meters run in virtual time, with a station's reader on each.

    python benchmarks/p1_meters.py [--meters 1 20] [--farm-s 60] [--json FILE]

Each is a DSMR 5.0.2 meter that sends once a second; its telegram goes over a pseudo-terminal of its own, in two pieces,
to a reader that checks and parses it, as a charging station does. Measured: virtual seconds per wall second.
Ratios count; absolute numbers belong to one machine and one moment. Not gating.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from emulators.kit.p1 import TelegramReader
from hil.bench.farm import Farm
from hil.clock import VirtualTimeLoop
from hil.run.benches import embedded
from hil.site import load_site
from hil.trace import TraceWriter


def write_site(folder: Path, meters: int) -> Path:
    """Write a site with a house and so many P1 meters at its main connection."""
    site = {
        "site": f"bench-p1-{meters}",
        "loads": {"house": {"feeder": "supply", "current_a": "20/10/5"}},
        "pv": {"roof": {"feeder": "supply", "current_a": "0/16/0"}},
        "meters": {f"M{n}": {"type": "dsmr_p1"} for n in range(1, meters + 1)},
    }
    file = folder / f"p1-{meters}.yaml"
    file.write_text(json.dumps(site), encoding="utf-8")  # JSON is YAML
    return file


def measure(meters: int, farm_s: float) -> dict[str, float]:
    """Return the speed of one farm, and how many telegrams a second of wall time were read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = load_site(write_site(folder, meters))
        trace = TraceWriter(folder / "trace.jsonl", test="bench", site=site.name)
        loop = VirtualTimeLoop()
        readers = [TelegramReader() for _ in range(meters)]
        read = 0

        async def main() -> float:
            nonlocal read
            farm = Farm(embedded("max"), site, loop, seed=1, trace=trace)
            await farm.start()

            def receive(reader: TelegramReader, data: bytes) -> None:
                nonlocal read
                read += len(reader.feed(data))

            for number, reader in enumerate(readers, 1):
                farm.env.serial.listen(f"M{number}", "P1", lambda data, reader=reader: receive(reader, data))
            with loop.time_flows():
                await asyncio.sleep(2.5)
                began, read = time.perf_counter(), 0
                await asyncio.sleep(farm_s)
                wall_s = time.perf_counter() - began
            farm.check(final=True)
            farm.env.mute()
            await farm.stop()
            return wall_s

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            wall_s = runner.run(main())
        trace.close()
    if read < meters * (farm_s - 1) or any(reader.rejected for reader in readers):
        raise SystemExit(f"only {read} telegrams of {meters} meters in {farm_s:g} s")
    return {"meters": meters, "virtual_per_wall_s": farm_s / wall_s, "telegrams_per_wall_s": read / wall_s}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--farm-s", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = [measure(meters, args.farm_s) for meters in args.meters]
    for row in rows:
        print(
            "{meters:4.0f} meters   x{virtual_per_wall_s:8.1f}   {telegrams_per_wall_s:8.0f} telegrams/s".format(**row)
        )
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
