"""How long commands take to start, and how much memory a device's process has.

    python benchmarks/startup.py [--repeats 9] [--before CLONE] [--json FILE]

Each command is a process of its own; so is the import of pydantic and ruamel.yaml alone, without which no site is read.
All of them take turns, so that a busy moment of the machine falls on each, and the medians are compared. Memory is what
the kernel has in RAM for the process of a device that waits for its bench (VmRSS). With ``--before``, the same of
another clone with its own ``.venv`` stands beside it. Ratios count; seconds belong to one machine and one moment. Not
gating.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
BARE = "pydantic and ruamel.yaml"
SITE = "mennekes/car-park"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    BARE: ("-c", "import pydantic, ruamel.yaml"),
    "hil --help": ("-m", "hil", "--help"),
    "hil devices": ("-m", "hil", "devices"),
    f"hil check {SITE}": ("-m", "hil", "check", SITE),
}
DEVICES = ("M1=pac2200", "P1=dsmr_p1", "CP1=mennekes_ecu", "CP1=alfen_ng9xx", "CS=backend")


def python_of(clone: Path) -> str:
    """Return a clone's Python: this one, or that of its own ``.venv``."""
    return sys.executable if clone == ROOT else str(clone / ".venv" / "bin" / "python")


def environment(clone: Path) -> dict[str, str]:
    """Return the environment of a clone's command."""
    return {**os.environ, "PYTHONPATH": str(clone), "HIL_TOKEN": "benchmark"}


def seconds(clone: Path, words: tuple[str, ...]) -> float:
    """Return how long a command takes, from its start to its end [s]."""
    began = time.perf_counter()
    subprocess.run([python_of(clone), *words], cwd=clone, env=environment(clone), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def started(clones: Mapping[str, Path], repeats: int) -> dict[tuple[str, str], float]:
    """Return the median of each command of each clone, by clone and command [s]."""
    turns = [(name, command) for _ in range(repeats + 1) for name in clones for command in COMMANDS]
    took: dict[tuple[str, str], list[float]] = {}
    for name, command in turns:
        took.setdefault((name, command), []).append(seconds(clones[name], COMMANDS[command]))
    return {turn: statistics.median(times[1:]) for turn, times in took.items()}  # the first one fills caches


def memory_mb(clone: Path, seat: str) -> float:
    """Return the memory of a device's process that waits for its bench [MB]."""
    words = [python_of(clone), "-m", "hil", "device", seat, "--host", "127.0.0.1"]
    with subprocess.Popen(words, cwd=clone, env=environment(clone), stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or "waits for a bench" not in process.stdout.readline():
                raise SystemExit(f"{seat} did not start")
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        finally:
            process.terminate()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise SystemExit("the kernel does not say how much memory a process has")
    return int(found[1]) / 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--before", type=Path, metavar="CLONE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    clones = {"now": ROOT} | ({"before": options.before.resolve()} if options.before else {})
    rows: list[dict[str, object]] = []
    for (name, command), took_s in (medians := started(clones, options.repeats)).items():
        ratio = took_s / medians[name, BARE]
        rows.append({"clone": name, "command": command, "seconds": took_s, "ratio": ratio})
        print(f"{name:7} {command:28} {took_s:6.3f} s   x {ratio:5.1f}")
    for seat in DEVICES:
        memory = {name: memory_mb(clone, seat) for name, clone in clones.items()}
        rows += [{"clone": name, "device": seat, "mb": mb} for name, mb in memory.items()]
        for name, mb in memory.items():
            print(f"{name:7} hil device {seat:17} {mb:6.1f} MB  x {mb / memory['now']:5.2f}")
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
