"""The trace: same calls, same bytes; readable after a crash; nothing of the machine in it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState
from hil.errors import ScenarioError
from hil.trace import Level, TraceWriter, read_trace, run_hash, stable_name, trace_path

GOLDEN = """\
{"trace":"hilfarm","version":1,"test":"car_park/A","site":"car-park","seed":7}
{"t_ns":0,"kind":"state","who":"CP1","event":"pilot","duty_pct":53.3333333,"state":"C"}
{"t_ns":5,"kind":"note","who":"test","event":"plug","phases":3}
{"t_ns":5,"kind":"verdict","who":"F3","event":"ok","currents_a":[32.0,0.0,-1.5],"limit_a":null}
"""


def write_golden(path: Path, level: Level = "state") -> str:
    trace = TraceWriter(path, test="car_park/A", site="car-park", seed=7, level=level)
    trace.state(0, "CP1", "pilot", state=PilotState.C, duty_pct=32 / 0.6)
    trace.frame(3, "CP1", "rx", "modbus", "read 206 1")
    trace.note(5, "test", "plug", phases=3)
    trace.verdict(5, "F3", "ok", limit_a=None, currents_a=PerPhase(32.0, -0.0, -1.5))
    return trace.close()


def test_the_format_is_what_the_documentation_says(tmp_path: Path) -> None:
    sha256 = write_golden(tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text() == GOLDEN
    assert sha256 == hashlib.sha256(GOLDEN.encode()).hexdigest()


def test_equal_runs_have_equal_hashes_and_frames_level_another(tmp_path: Path) -> None:
    first, second = write_golden(tmp_path / "a.jsonl"), write_golden(tmp_path / "b.jsonl")
    assert first == second
    frames = write_golden(tmp_path / "c.jsonl", level="frames")
    assert frames != first
    assert '"kind":"frame","who":"CP1","event":"modbus"' in (tmp_path / "c.jsonl").read_text()


def test_a_sum_in_another_order_is_the_same_number(tmp_path: Path) -> None:
    parts = [0.1, 0.2, 0.3]
    hashes = set()
    for number, order in enumerate((parts, parts[::-1])):
        trace = TraceWriter(tmp_path / f"{number}.jsonl", test="t")
        trace.state(1, "F1", "current", value_a=sum(order))
        hashes.add(trace.close())
    assert sum(parts) != sum(parts[::-1])
    assert len(hashes) == 1


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_float_is_valid_json_and_stable_under_rewriting(value: float) -> None:
    from hil.trace.writer import _plain

    once = _plain(value)
    assert json.loads(json.dumps(once, allow_nan=False)) == once
    if isinstance(once, float):
        assert _plain(once) == once
        assert math.copysign(1, once) == 1 or once < 0


def test_field_order_and_mapping_order_do_not_matter(tmp_path: Path) -> None:
    rows: list[Mapping[str, object]] = [{"b": 1, "a": {"y": 1, "x": {3, 2}}}, {"a": {"x": {2, 3}, "y": 1}, "b": 1}]
    texts = set()
    for number, fields in enumerate(rows):
        trace = TraceWriter(tmp_path / f"{number}.jsonl", test="t")
        trace.state(0, "x", "e", **fields)
        trace.close()
        texts.add((tmp_path / f"{number}.jsonl").read_text())
    assert len(texts) == 1


def test_time_never_goes_back(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "a.jsonl", test="t")
    trace.state(10, "x", "e")
    with pytest.raises(ValueError, match="goes back from 10 ns to 9 ns"):
        trace.state(9, "x", "e")


@pytest.mark.parametrize("value", [object(), print, PilotState])
def test_what_has_no_stable_text_is_refused(tmp_path: Path, value: object) -> None:
    trace = TraceWriter(tmp_path / "a.jsonl", test="t")
    with pytest.raises(TypeError):
        trace.state(0, "x", "e", value=value)
    assert trace.line_number == 1


def test_a_field_cannot_take_the_place_of_the_lines_own(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "a.jsonl", test="t")
    with pytest.raises(ValueError, match="'kind'"):
        trace.state(0, "x", "e", kind="mine")


def test_an_unknown_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="Allowed: state, frames"):
        TraceWriter(tmp_path / "a.jsonl", test="t", level="all")  # type: ignore[arg-type]


def test_the_ring_keeps_the_last_frames_in_a_file_of_its_own(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "a.jsonl", test="t", ring=3)
    for number in range(10):
        trace.frame(number, "CP1", "tx", "modbus", f"frame {number}")
    before = trace.close()
    frames = read_trace(trace.dump_frames())
    assert [event["text"] for event in frames.events] == ["frame 7", "frame 8", "frame 9"]
    assert (frames.header["frames_kept"], frames.header["frames_seen"]) == (3, 10)
    assert trace.close() == before == hashlib.sha256((tmp_path / "a.jsonl").read_bytes()).hexdigest()


def test_frames_that_are_kept_are_not_pushed_out(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "a.jsonl", test="t", ring=3)
    for number in range(20):
        trace.frame(number, "CP1", "tx", "modbus", f"frame {number}")
        if number in (4, 9):
            trace.keep_frames()
    frames = read_trace(trace.dump_frames())
    assert [event["text"] for event in frames.events] == ["frame 7", "frame 8", "frame 9"]
    assert (frames.header["frames_kept"], frames.header["frames_seen"]) == (3, 10)


def test_the_line_of_a_moment_is_the_last_one_until_then(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "a.jsonl", test="t")
    for t_ns in (10, 20, 20, 30):
        trace.state(t_ns, "CP1", "led")
    assert [trace.line_at(t_ns) for t_ns in (0, 10, 19, 20, 29, 30, 99)] == [1, 2, 2, 4, 4, 5, 5]
    assert trace.line_at(99) == trace.line_number


def test_a_crash_leaves_a_readable_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    code = (
        "import os, sys; from pathlib import Path; from hil.trace import TraceWriter\n"
        "trace = TraceWriter(Path(sys.argv[1]), test='t')\n"
        "for t in range(100): trace.state(t, 'x', 'e')\n"
        "os._exit(9)\n"
    )
    root = Path(__file__).parents[3]
    env = {**os.environ, "PYTHONPATH": str(root)}
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=env).returncode == 9
    assert len(read_trace(path).events) == 100
    with path.open("a") as file:
        file.write('{"t_ns":100,"ki')
    cut = read_trace(path)
    assert len(cut.events) == 100
    assert not cut.complete


@pytest.mark.parametrize("text", ["", "hello\n", '{"trace":"hilfarm","version":99}\n', '{"t_ns":0}\n'])
def test_something_else_is_not_taken_for_a_trace(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ScenarioError, match="is not a trace"):
        read_trace(tmp_path / "a.jsonl")


def test_a_trace_is_never_written_over(tmp_path: Path) -> None:
    path = trace_path(tmp_path, "car_park/A")
    write_golden(path)
    with pytest.raises(FileExistsError):
        TraceWriter(path, test="car_park/A")
    again = trace_path(tmp_path, "car_park/A")
    assert again != path
    assert again.stem == f"{path.stem}-2"


def test_names_that_read_the_same_get_different_files(tmp_path: Path) -> None:
    names = ["s/A < B", "s/A > B", "s/A   B", "s/" + "x" * 300, "s/" + "x" * 301, "s/Ä", "s/ü", "../../etc/passwd"]
    paths = {trace_path(tmp_path, name) for name in names}
    assert len(paths) == len(names)
    assert all(path.parent == tmp_path and len(path.name) < 128 and path.name.isascii() for path in paths)


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        ("/a/robot/suites/mennekes/car_park.robot", "mennekes/car_park/T"),
        ("/elsewhere/suites/mennekes/car_park.robot", "mennekes/car_park/T"),
        ("/home/qa/car_park.robot", "car_park/T"),
        ("/suites/suites/x.robot", "x/T"),
    ],
)
def test_a_tests_name_does_not_depend_on_where_the_clone_is(suite: str, name: str) -> None:
    assert stable_name(suite, "T") == name


def test_the_hash_of_a_run_knows_no_order_but_counts() -> None:
    assert run_hash(["b", "a"]) == run_hash(iter(["a", "b"]))
    assert run_hash(["a", "a"]) != run_hash(["a"])
    assert run_hash([]) == hashlib.sha256(b"").hexdigest()
