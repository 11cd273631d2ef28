"""The charger with two sockets of docs/extending.md with each device in a process of its own, in lock-step time."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.walks import TEXT, Tree

from . import running

pytestmark = pytest.mark.slow

SUITE: Final = "try/double.robot"


def may_listen(port: int) -> bool:
    """Return whether a process of this user may have a port."""
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except PermissionError:
            return False
        except OSError:
            pass  # somebody has it
        return True


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Return a copy of the source with the text's families and sites."""
    tree = Tree(tmp_path_factory.mktemp("sockets") / "tree", "tests/site/processes.py", "tests/site/on_processes.py")
    tree.write_all(TEXT.read_text(encoding="utf-8"))
    return tree


def traces(tree: Tree, output: str) -> dict[str, list[str]]:
    """Return the lines of each test's trace after its header, by file."""
    files = (tree.folder / output / "trace").glob("double-*.jsonl")
    return {file.name: file.read_text(encoding="utf-8").splitlines()[1:] for file in files}


def said(lines: list[str], **fields: object) -> list[Mapping[str, Any]]:
    """Return the events that have all these fields."""
    events = [json.loads(line) for line in lines]
    return [event for event in events if fields.items() <= event.items()]


@pytest.fixture(scope="module")
def embedded(tree: Tree) -> dict[str, list[str]]:
    """Return the traces of the embedded bench."""
    code, text = tree.run(f"hil run --output out/embedded {SUITE}")
    assert code == 0, text
    return traces(tree, "out/embedded")


def test_a_trace_says_which_socket(embedded: dict[str, list[str]]) -> None:
    (lines,) = [lines for name, lines in embedded.items() if "Two-Vehicles-Share" in name]
    assert [(one["who"], one["phases"]) for one in said(lines, event="plugged")] == [("CP1/1", 3), ("CP1/2", 1)]
    closed = said(lines, event="contactor", closed=True)
    assert [(one["who"], one["socket"]) for one in closed] == [("CP1", 1), ("CP1", 2)]
    signalled = [(one["socket"], one["current_a"], one["binding"]) for one in said(lines, event="signalled", who="CP1")]
    assert signalled[-2:] == [(1, 20, "station"), (2, 20, "cable")]
    charging = said(lines, event="ocpp_status", status="Charging")
    assert [one["connector"] for one in charging] == [1, 2]


@pytest.mark.skipif(not may_listen(502), reason="the device's port 502 needs a right here")
def test_in_processes_of_their_own_the_trace_is_the_same(tree: Tree, embedded: dict[str, list[str]]) -> None:
    for output in ("out/processes", "out/again"):
        code, text = tree.run(f"python -m tests.site.on_processes {SUITE} {output}")
        assert code == 0, text
    found = traces(tree, "out/processes")
    assert found == traces(tree, "out/again")

    def comparable(runs: dict[str, list[str]]) -> dict[str, list[str]]:
        # Within an instant order differs, and what a display shows then.
        return {name: sorted(one for one in run if '"event":"display"' not in one) for name, run in runs.items()}

    assert comparable(found) == comparable(embedded)
    assert sum(len(re.findall(r'"socket":2', line)) for run in found.values() for line in run) > 10


def test_by_hand_a_socket_is_named(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ROOT", tree.folder)  # the source of what is run
    with running.Up(tree.folder, "try/double.yaml") as up:
        assert up.endpoints["devices"]["CP1"]["modbus"]["sockets"] == {"CP1/1": 1, "CP1/2": 2}
        assert re.search(r"CP1 .*Modbus TCP [0-9.]+:[0-9]+ CP1/1 unit 1, CP1/2 unit 2", up.text)
        code, text = tree.run("hil plug CP1")
        assert code == 2
        assert "CP1 has 2 sockets. Say which: CP1/1, CP1/2." in text
        assert tree.run("hil plug CP1/2 --phases 3") == (0, "")
        code, text = tree.run("hil watch --once")
        assert code == 0
        assert re.search(r"^CP1/1 +- +A +0.0 A", text, re.MULTILINE)
        assert re.search(r"^CP1/2 +3 phases +[BC] +20.0 A", text, re.MULTILINE)
        code, text = tree.run("hil unplug CP1/1")
        assert code == 2
        assert "CP1/1 has no vehicle plugged in" in text
