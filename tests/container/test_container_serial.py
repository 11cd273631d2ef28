"""A P1 meter and its station in containers of their own: the cable between them, and settings that outlive them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.compose.engine import clean, docker

from .test_container_run import SPEEDS, hil, left_behind, projects, settled

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SUITE = "robot/suites/alfen/active_load_balancing.robot"
TEST = "A Meter With A P1 Port Is A Source"
SETTINGS = "/var/lib/hilfarm/CP1.json"


@pytest.mark.timeout(900)
def test_a_station_hears_its_meter_and_its_settings_outlive_its_container(tmp_path: Path) -> None:
    code, said = hil("run", "--test", TEST, "--output", str(tmp_path / "embedded"), SUITE)
    assert code == 0, said
    for speed in SPEEDS:
        folder = tmp_path / f"x{speed}"
        compose = ("--bench", "compose", "--site", "alfen/alb-p1", "--speed", speed, "--keep")
        code, said = hil("run", *compose, "--test", TEST, "--output", str(folder), SUITE)
        made = projects(folder)
        try:
            if "the machine could not keep up" not in said:
                station = f"{made[0]}-CP1-1"
                before = docker("exec", station, "cat", SETTINGS)
                docker("restart", "--time", "1", station)
                after = docker("exec", station, "cat", SETTINGS)
                break
        finally:
            list(clean(projects=made))
        assert code == 3, said  # never green
    assert code == 0, said
    assert settled(folder) == settled(tmp_path / "embedded") != {}
    assert json.loads(before)["parameters"]["Protocol Selection"] == "DSMR4.x/SMR5.0 (P1)"
    assert after == before
    assert left_behind(*made) == []
