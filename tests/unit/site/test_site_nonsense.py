"""Whatever is written into a site file: it is a site, or the file's author is told; nothing else escapes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.errors import SiteFileError
from hil.site import Site, load_site

SITE: dict[str, Any] = {
    "site": "s",
    "epoch": "2026-06-01T06:00:00Z",
    "supply": {"voltage_v": 230, "main_fuse": {"rating_a": 100, "type": "gG"}},
    "feeders": {"F1": {"from": "supply", "fuse": {"rating_a": 63}}, "F2": {"from": "F1", "cable_a": 64}},
    "loads": {"house": {"feeder": "F1", "current_a": [{"at": "1 s", "current_a": "1/2/3"}]}},
    "devices": {
        "CP1": {
            "type": "mennekes_ecu", "feeder": "F2", "address": "192.168.0.11", "phase_order": "L1L2L3",
            "parameters": {"DLM Network Id": 1, "EVSE Sub-Distribution Limit (L1/L2/L3) [A]": "63/63/63"},
        },
        "CP2": {"type": "mennekes_ecu", "feeder": "F2", "contacts": {"digital_input": True}},
    },
    "meters": {"M1": {"type": "pac2200", "node": "supply", "measures": "including", "variant": "7KM2200-2EA30-1EA1"}},
    "vehicles": {"EV1": "zoe", "EV2": {"phases": 2, "battery": {"capacity_kwh": 40}, "departure": "2 h"}},
    "networks": {"lan": "192.168.0.0/24"},
    "links": [{"between": ["CP1", "switch"], "cable_m": 20}],
}  # fmt: skip

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 400) | st.floats() | st.text(max_size=6)
    | st.sampled_from(["F1", "CP1", "L1", "supply", "192.168.0.11", "1/2/3", "10 s", "On", "<<", "{", "- a", "*a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in a tree."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


PLACES = sorted(places(SITE), key=str)


def load(path: Path) -> Site | SiteFileError:
    try:
        return load_site(path)
    except SiteFileError as error:
        return error


@pytest.fixture
def file(two_families: None, tmp_path: Path) -> Path:
    return tmp_path / "site.yaml"


def test_the_sound_site_is_sound(file: Path) -> None:
    file.write_text(json.dumps(SITE), encoding="utf-8")
    assert isinstance(load(file), Site)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(where=st.sampled_from(PLACES), value=VALUES)
def test_any_value_anywhere(file: Path, where: tuple[str | int, ...], value: Any) -> None:
    data: Any = deepcopy(SITE)
    inner = data
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    file.write_text(json.dumps(data, indent=1), encoding="utf-8")
    result = load(file)
    if isinstance(result, SiteFileError):
        lines = file.read_text(encoding="utf-8").count("\n") + 1
        assert result.problems
        assert all(1 <= problem.line <= lines and problem.message for problem in result.problems)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(alphabet="ab:-{}[]&*<!'\"|>#,? \n\t\x00%@`0", max_size=40))
def test_any_text(file: Path, text: str) -> None:
    file.write_text(f"site: s\n{text}", encoding="utf-8")
    load(file)


def test_endless_nesting(file: Path) -> None:
    file.write_text("site: " + "[" * 500, encoding="utf-8")
    result = load(file)
    assert isinstance(result, SiteFileError)
    assert "nested too deeply" in str(result)


def test_one_wrong_thing_is_not_held_against_the_rest(file: Path) -> None:
    """A feeder or a charger with a mistake does not make a meter's place look wrong."""
    text = json.dumps(SITE).replace('"rating_a": 63', '"rating_a": "63 A"').replace('"L1L2L3"', '"L1L1L1"')
    file.write_text(text, encoding="utf-8")
    result = load(file)
    assert isinstance(result, SiteFileError)
    assert [problem.field for problem in result.problems] == ["feeders.F1.fuse.rating_a", "devices.CP1.phase_order"]
