"""Every suite on containers in lock-step time: the embedded bench's verdicts and traces, and the same ones again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .runs import SUITE, hil

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SUITES = "robot/suites"


def records(folder: Path) -> dict[str, Mapping[str, Any]]:
    lines = (folder / "trace" / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return {record["test"]: record for record in map(json.loads, lines)}


def ends(folder: Path, record: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what each point signalled last in a test, and what its contactor did."""
    lines = (folder / "trace" / record["file"]).read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines[1:]]
    return {
        (event["who"], event["event"]): {name: value for name, value in event.items() if name != "t_ns"}
        for event in events
        if event["kind"] == "state" and event["event"] in {"signalled", "contactor"}
    }


@pytest.mark.timeout(1500)
def test_all_suites_end_as_on_the_embedded_bench(tmp_path: Path) -> None:
    here, there = tmp_path / "embedded", tmp_path / "containers"
    code, said = hil("run", "--output", str(here), SUITES)
    assert code == 0, said
    counts = json.loads((here / "run.json").read_text(encoding="utf-8"))["counts"]
    code, said = hil("run", "--bench", "compose", "--output", str(there), SUITES)
    assert code == 0, said
    assert json.loads((there / "run.json").read_text(encoding="utf-8"))["counts"] == counts
    embedded, containers = records(here), records(there)
    assert containers.keys() == embedded.keys()
    assert {name: ends(there, record) for name, record in containers.items()} == {
        name: ends(here, record) for name, record in embedded.items()
    }

    again = tmp_path / "again"
    code, said = hil("run", "--bench", "compose", "--output", str(again), SUITE)
    assert code == 0, said
    hashes = {name: record["sha256"] for name, record in records(again).items()}
    assert len(hashes) > 20
    assert hashes == {name: containers[name]["sha256"] for name in hashes}
