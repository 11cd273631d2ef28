"""``hil up`` as its users have it: a process, a client by somebody else, an HTTP client, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench.addresses import LOW_PORT_FIX, LOW_PORTS_ELSEWHERE

from .running import READY_REAL_S, Up

ROOT = Path(__file__).parents[2]
VERBS = ["plug", "unplug", "load", "pv", "cut", "restore", "param", "restart", "do"]
NETWORK, SIGNALLED = 600, 706  #: DLM mode and SIGNALED_CURRENT of the ECU's Modbus table


@pytest.fixture
def car_park(tmp_path: Path) -> Iterator[Up]:
    with Up(tmp_path, "mennekes/car-park", "--speed", "20") as up:
        yield up


def test_another_client_reads_the_devices_and_hands_act(car_park: Up) -> None:
    up = car_park
    at = up.endpoints["devices"]["CP1"]["modbus"]
    assert list(up.endpoints["devices"]) == ["CP1", "CP2", "CP3", "CP4"]
    assert up.lines[0].startswith("CP1   AMTRON Professional")
    assert f"192.168.0.11 -> Modbus TCP {at['host']}:{at['port']} unit 1" in up.lines[0]
    assert up.register("CP1", SIGNALLED) == 0
    assert up.register("CP1", NETWORK) == 1
    assert up.ask("POST", "/v1/plug", {"point": "CP1", "phases": 3, "max_current_a": 16.0}) == (200, {"ok": True})
    state = up.until("CP1 charges", lambda now: now["points"]["CP1"]["current_a"] == [16.0, 16.0, 16.0])
    assert state["nodes"]["F3"]["current_a"] == [16.0, 16.0, 16.0]
    assert up.register("CP1", SIGNALLED) == 32
    assert up.ask("POST", "/v1/unplug", {"point": "CP1"})[0] == 200
    assert up.ask("GET", "/v1/state")[1]["points"]["CP1"]["vehicle"] is None
    assert up.ask("POST", "/v1/cut", {"device": "CP1", "other": "CP3"})[0] == 200
    assert up.ask("GET", "/v1/state")[1]["cuts"] == ["CP1-CP3"]
    assert up.ask("POST", "/v1/restore", {"device": "CP1", "other": "CP3"})[0] == 200
    assert up.ask("GET", "/v1/state")[1]["cuts"] == []
    assert up.end() == 0, up.text
    assert not up.file.exists()
    assert "Traceback" not in up.text
    trace = up.folder / up.lines[-1].removeprefix("trace: ")
    assert '"event":"plugged"' in trace.read_text(encoding="utf-8")
    run = json.loads((up.folder / "results/latest/run.json").read_text(encoding="utf-8"))
    assert run["clock"]["clock"] == "scaled"
    assert run["ended"] is not None
    with socket.socket() as probe:
        assert probe.connect_ex((at["host"], at["port"])) != 0


def test_the_side_band_refuses(car_park: Up) -> None:
    up = car_park
    token = up.folder / up.endpoints["sideband"]["token_file"]
    assert token.stat().st_mode & 0o777 == 0o600
    assert up.ask("GET", "/v1/state", token="guessed")[0] == 401
    assert up.ask("POST", "/v1/plug", {"point": "CP1"}, token="")[0] == 401
    assert up.ask("GET", "/v1/state")[1]["points"]["CP1"]["vehicle"] is None
    cases: list[tuple[str, object, str]] = [
        ("plug", {"point": "CP1", "phases": 4}, "phases: is wrong. Allowed: 1, 2 or 3"),
        ("plug", {"point": "CP1", "max_current_a": 0}, "max_current_a: is wrong. Allowed: a number above 0 up to 80"),
        ("plug", {"point": "CP1", "max_current_a": "32 A"}, "max_current_a: is wrong."),
        ("plug", {"phases": 3}, "point: is missing."),
        ("plug", {"point": "CP1", "phase": 3}, "phase: is no field here. Allowed: point, vehicle, phases"),
        ("plug", {"point": "CP9"}, "there is no charging point 'CP9'"),
        ("plug", "{", "body: is not JSON"),
        ("plug", [], "body: is no JSON object. Allowed: point, vehicle, phases, max_current_a."),
        ("plug", [1], "body: is no JSON object."),
        ("plug", "7", "body: is no JSON object."),
        ("unplug", {"point": "CP1"}, "CP1 has no vehicle plugged in"),
        ("load", {"name": "house", "current_a": 5}, "'house'"),
        ("load", {"name": "house", "current_a": [1, 2]}, "current_a: is wrong. Allowed: a number from 0"),
        ("pv", {"name": "roof", "current_a": 5}, "'roof'"),
        ("cut", {"device": "CP9"}, "'CP9'"),
    ]
    for verb, body, text in cases:
        status, answer = up.ask("POST", f"/v1/{verb}", body)
        assert status == 400, (verb, body, answer)
        assert text in " ".join(answer["errors"]), (verb, body, answer)
    assert up.ask("POST", "/v1/nonsense", {})[0] == 404
    others: list[tuple[str, str, object, int, str]] = [
        ("GET", "/nowhere", {}, 404, "there is no /nowhere here"),
        ("DELETE", "/v1/plug", {}, 405, "DELETE is not possible here. Allowed: POST"),
        ("POST", "/v1/state", {}, 404, "there is no 'state'"),
        ("POST", "/v1/plug", {"point": "x" * 2_000_000}, 413, "the body is too long"),
    ]
    for method, path, sent, code, text in others:
        status, answer = up.ask(method, path, sent)
        assert (status, list(answer)) == (code, ["errors"]), (method, path)
        assert text in answer["errors"][0], (method, path)
    described = up.ask("GET", "/v1/openapi.json")[1]["paths"]
    assert set(described) == {f"/v1/{name}" for name in [*VERBS, "state"]}
    assert up.end(signal.SIGTERM) == 0, up.text


NAMES = ["F3", "house", "zoe", "DLM Network Id", "5", "Plug In Vehicle", "phases=3", ""]
JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers(), max_size=4)
)


def of_schema(schema: Any) -> st.SearchStrategy[Any]:
    """Return values that a JSON schema allows, and some just beside them."""
    if "anyOf" in schema:
        return st.one_of(*map(of_schema, schema["anyOf"]))
    low, high = schema.get("minimum", schema.get("exclusiveMinimum", -1)), schema.get("maximum", 100)
    match schema["type"]:
        case "string":
            return st.sampled_from([*["CP1", "CP2", "CP3"] * 5, *NAMES, "Ä\0"])
        case "integer":
            return st.integers(low - 1, high + 1)
        case "number":
            return st.floats(low - 1, high + 1) | st.integers(low, high)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            return st.lists(of_schema(schema["items"]), max_size=4)
    raise AssertionError(schema)


def bodies(schema: Any) -> st.SearchStrategy[Any]:
    """Return bodies of a verb: as described, with a field that is rubbish, and no object at all."""
    fields = {name: of_schema(field) for name, field in schema["properties"].items()}
    required = {name: fields[name] for name in schema.get("required", ())}
    optional = {name: fields[name] for name in fields.keys() - required}
    described = st.fixed_dictionaries(required, optional=dict(sorted(optional.items())))
    spoilt = st.builds(
        lambda body, name, value: {**body, name: value}, described, st.sampled_from([*fields, "x"]), JUNK
    )
    return st.one_of([described] * 4 + [spoilt, JUNK, st.binary(max_size=20)])


def test_the_side_band_stands_whatever_is_sent_to_what_it_describes(car_park: Up) -> None:
    up = car_park
    paths = up.ask("GET", "/v1/openapi.json")[1]["paths"]
    described = {
        path: at["post"]["requestBody"]["content"]["application/json"]["schema"]
        for path, at in paths.items()
        if "post" in at
    }
    assert {path.removeprefix("/v1/") for path in described} == set(VERBS)
    seen: Counter[int] = Counter()

    @settings(derandomize=True, max_examples=250, database=None)
    @given(st.sampled_from(sorted(described)).flatmap(lambda path: st.tuples(st.just(path), bodies(described[path]))))
    def send(request: tuple[str, Any]) -> None:
        path, body = request
        status, answer = up.ask("POST", path, body)
        seen[status] += 1
        if status == 200:
            assert answer["ok"] is True, (path, body, answer)
        else:
            assert status == 400, (path, body, answer)
            assert answer["errors"] and all(isinstance(text, str) and text for text in answer["errors"])

    send()
    assert min(seen[200], seen[400]) >= 10, seen  # both ways were gone
    assert up.ask("GET", "/v1/state")[0] == 200
    assert up.end() == 0, up.text
    assert "Traceback" not in up.text


def test_two_farms_beside_each_other(car_park: Up, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with Up(folder, "mennekes/meter-including", "--speed", "1") as other:
        hosts = {at["modbus"]["host"] for up in (car_park, other) for at in up.endpoints["devices"].values()}
        assert len(hosts) == 4 + 5
        assert other.endpoints["devices"]["M2"]["type"] == "pac2200"
        assert other.endpoints["sideband"]["url"] != car_park.endpoints["sideband"]["url"]
        assert other.end() == 0, other.text
    assert car_park.register("CP1", NETWORK) == 1


def test_a_row_without_a_port_says_which_parameter_closes_it(tmp_path: Path) -> None:
    site = tmp_path / "two.yaml"
    site.write_text(TWO, encoding="utf-8")
    with Up(tmp_path, str(site)) as up:
        closed, station, free = (next(line for line in up.lines if line.startswith(f"{name} ")) for name in TWO_ROWS)
        assert "192.168.0.11 -> no Modbus TCP: 'Modbus TCP Server' is Off; it opens with On" in closed
        assert "192.168.0.12 -> no Modbus TCP: 'License Key features' is 'None'" in station
        assert "192.168.0.5 -> OCPP 1.6J ws://" in free
        assert ":8080/IDENTITY" in free or ":28080/IDENTITY" in free
        assert [name for name, one in up.endpoints["devices"].items() if "modbus" in one] == []


TWO_ROWS = ("CP1", "CP2", "CSMS")
TWO = """
site: two
devices:
  CP1: {type: mennekes_ecu, feeder: supply, address: 192.168.0.11, parameters: {Modbus TCP Server: "Off"}}
  CP2: {type: alfen_ng9xx, feeder: supply, address: 192.168.0.12}
backends:
  CSMS: {type: backend, address: 192.168.0.5, parameters: {Path: /}}
"""


def test_a_wrong_site_is_refused_before_anything_starts(tmp_path: Path) -> None:
    up = Up(tmp_path, "mennekes/no-such-site")
    assert up.process.wait(READY_REAL_S) == 2
    assert not (tmp_path / "results").exists()
    assert not up.file.exists()


DYING = """
import sys
from emulators.mennekes_ecu.device import MennekesEcu
from hil.cli import main

async def dies(self):
    raise RuntimeError("planted")

def tick(self, original=MennekesEcu.tick):
    self._host.spawn(dies(self), name=f"{self.name} breaks")

MennekesEcu.tick = tick
sys.exit(main(["up", "mennekes/car-park", "--speed", "20", "--endpoints", "e.json"]))
"""


def test_a_dead_task_ends_the_farm_with_its_traceback(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", DYING], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 3, done.stderr
    assert "RuntimeError: planted" in done.stderr
    assert "CP1 breaks died at" in done.stderr
    assert not (tmp_path / "e.json").exists()


LOW_PORTS = """
import sys
import hil.bench.addresses
from hil.cli import main

hil.bench.addresses.may_bind_low_ports = lambda: False
sys.exit(main(["up", *sys.argv[1:]]))
"""


def test_low_ports_that_may_not_be_bound_are_offered_elsewhere_and_said_once(tmp_path: Path) -> None:
    with Up(tmp_path, "mennekes/car-park", program=("-c", LOW_PORTS)) as up:
        assert {at["modbus"]["port"] for at in up.endpoints["devices"].values()} == {20502}
        assert up.register("CP1", SIGNALLED) == 0
        notices = [line for line in up.lines if line.startswith("ports below 1024 may not be bound here")]
        assert notices == [f"{LOW_PORTS_ELSEWHERE}. Fix: {LOW_PORT_FIX}"]  # as `hil doctor` says it
        assert up.end() == 0, up.text


def test_a_terminal_gets_a_live_line_and_is_left_clean(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "hil", "up", "mennekes/car-park", "--speed", "20"],
        cwd=tmp_path, env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "160"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while seen.count(b"4 idle") < 3:  # it moves
            seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        assert process.wait(READY_REAL_S) == 0, seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    text = seen.decode()
    assert "x20   0 charging, 4 idle, 0.0/0.0/0.0 A" in text
    assert "\x1b[?25l" in text
    assert "\x1b[?25h" in text.rpartition("\x1b[?25l")[2]  # the cursor is back
    assert "trace: results/" in text.splitlines()[-1]
