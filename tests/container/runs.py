"""Runs of a suite, as the container tests start and read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from hil.trace import read_trace

ROOT: Final = Path(__file__).parents[2]
SUITE: Final = "robot/suites/mennekes/car_park.robot"
SPEEDS: Final = ("5", "3", "2")  #: A machine that cannot keep up says so, and takes the next.


def hil(*words: str) -> tuple[int, str]:
    """Run a command and return exit code and output; a run that hangs is ended by pytest's own timeout."""
    done = subprocess.run([sys.executable, "-m", "hil", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def as_fast_as_it_keeps_up(folder: Path, *words: str) -> tuple[int, str, Path]:
    """Run slower and slower until the machine keeps up; return exit code, output and run folder."""
    for speed in SPEEDS:
        output = folder / f"x{speed}"
        code, said = hil("run", *words, "--speed", speed, "--output", str(output), SUITE)
        if "the machine could not keep up" not in said:
            break
        assert code == 3, said  # never green
    return code, said, output


def settled(folder: Path) -> dict[str, dict[str, tuple[float, str]]]:
    """Return what each point signalled last in each test, and which limit decided."""
    found = {}
    for line in (folder / "trace" / "index.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        events = read_trace(folder / "trace" / record["file"]).events
        found[record["test"]] = {
            str(event["who"]): (event["current_a"], event["binding"])
            for event in events
            if event["event"] == "signalled"
        }
    return found
