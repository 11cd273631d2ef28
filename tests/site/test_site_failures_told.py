"""What a failure tells: the cause, and a line that really runs the test again; and what the trace says of bad input."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from .running import ROOT, Up

SUITE = """
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
The "Fuse" Of $F3 Is Loaded
    Start Site    mennekes/car-park
    Plug In Vehicle    CP1    phases=3    max_current=32 A
    Signalled Current    CP1    settles at    32 A
    Set Load    house    250 A
    Advance Clock    2 hours
"""
SITE = "include: mennekes/car-park\nsite: loaded\nloads: {house: {feeder: supply, current_a: 0}}\n"


def hil(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    return subprocess.run(
        [sys.executable, "-m", "hil", *words],
        cwd=folder, env={**env, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_failure_names_its_cause_and_the_line_that_runs_it_again(tmp_path: Path) -> None:
    (tmp_path / "my tests").mkdir()
    (tmp_path / "my tests" / "loaded.robot").write_text(SUITE.replace("mennekes/car-park", "loaded.yaml"))
    (tmp_path / "loaded.yaml").write_text(SITE)
    first = hil(tmp_path, "run", "my tests", "--seed", "3", "--trace", "frames")
    assert first.returncode == 1, first.stdout + first.stderr
    told = first.stdout
    assert "Tripwire 'limit' at 06:" in told
    assert " farm time (" in told
    assert "  house draws 250/250/250 A." in told
    assert re.search(r"  CP1 signals \d+ A, limited by .+ \(since ", told)
    (again,) = {line.partition("again: ")[2] for line in told.splitlines() if "again: " in line}
    program, *words = shlex.split(again)
    assert program == "hil"
    assert words[-6:-2] == ["--test", 'The "Fuse" Of $F3 Is Loaded', "--seed", "3"]
    assert words[-2:] == ["--trace", "frames"]
    second = hil(tmp_path, *words)
    assert second.returncode == 1
    assert second.stdout.splitlines()[-1].partition("sha256=")[2] == told.splitlines()[-1].partition("sha256=")[2]


def test_a_fuse_that_opens_in_a_long_wait_is_told_as_it_opens(tmp_path: Path) -> None:
    assert hil(tmp_path, "init", "mine").returncode == 0
    (tmp_path / "mine" / "suites" / "car_park.robot").write_text(
        "*** Settings ***\nResource    hil/keywords/farm.resource\n\n*** Test Cases ***\nLighting\n"
        "    Start Site    sites/car-park.yaml\n    Set Load    lighting    150 A\n    Advance Clock    2 hours\n"
    )
    told = hil(tmp_path / "mine", "run")
    assert told.returncode == 1, told.stdout + told.stderr
    assert re.search(r"Tripwire 'fuse' at 06:00:\d\d farm time ", told.stdout)
    assert "the fuse of supply opened L1 at 150.0 A on L1" in told.stdout
    assert "  supply carries 0/0/0 A; fuse gG 63 A, open on L1/L2/L3." in told.stdout
    assert "As it is at" not in told.stdout
    (trace,) = (tmp_path / "mine" / "results" / "latest" / "trace").glob("car_park-Lighting-????????.jsonl")
    lines = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    number = int(re.findall(r"trace line (\d+) ", told.stdout)[0])
    assert (lines[number - 1]["kind"], lines[number - 1]["event"]) == ("verdict", "fuse")
    assert lines[-1]["t_ns"] == lines[number - 1]["t_ns"]


def test_bad_input_from_outside_is_in_the_trace(tmp_path: Path) -> None:
    with Up(tmp_path, "mennekes/meter-excluding", "--speed", "1") as up:
        for device in ("CP1", "M2"):
            at = up.endpoints["devices"][device]["modbus"]
            for frame in ("0001 0001 0006 01 03 0000 0001", "0001 0000 0006 01 63 0000 0001"):
                with socket.create_connection((at["host"], at["port"]), timeout=10) as client:
                    client.sendall(bytes.fromhex(frame))
                    client.recv(100)  # the protocol's own error, or the end of the connection
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"rubbish", (up.endpoints["devices"]["CP1"]["modbus"]["host"], 46512))
        assert up.register("CP1", 600) == 1
        assert up.end() == 0, up.text
    (trace,) = (tmp_path / "results" / "latest" / "trace").glob("up-*.jsonl")
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    bad = [(event["who"], event["why"]) for event in events if event.get("event") == "modbus_bad_request"]
    for device in ("CP1", "M2"):
        assert (device, "bad header 00 01 00 01 00 06: connection closed") in bad
        assert any(who == device and why.endswith("exception 1") for who, why in bad)
    (ignored,) = (event for event in events if event.get("event") == "datagram_ignored")
    assert (ignored["who"], ignored["port"], ignored["octets"]) == ("CP1", 46512, 7)
    assert "127.0.0.1" not in trace.read_text(encoding="utf-8")
