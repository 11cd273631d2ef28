"""Every quantity of every keyword, body and command has a range, and where a site file has it too, it is that one."""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from emulators.kit.phases import PerPhase
from hil.cli.device import _port
from hil.cli.hand import _amps, _amps3
from hil.errors import ScenarioError
from hil.hand.bodies import Plug, SourceBody
from hil.keywords.Farm import Farm
from hil.keywords.quantities import RANGES, check_ranges, quantities_of, range_of
from hil.keywords.values import Amps, Amps3
from hil.site import Load, VehicleSpec
from hil.site.ranges import ANY, Range


def keywords() -> dict[str, Callable[..., Any]]:
    return dict(Farm().keywords)


def test_every_quantity_of_every_keyword_has_a_range() -> None:
    quantities = {f"{name}.{one}" for name, method in keywords().items() for one in quantities_of(method)}
    lacking = {one for one in quantities if range_of(*one.split(".")) is None}
    assert not lacking
    assert {"set_load.current", "Set PV.current", "plug_in_vehicle.asks_for", "drop.loss"} <= quantities


def test_every_range_is_of_a_quantity() -> None:
    used = {
        key for name, method in keywords().items() for one in quantities_of(method) for key in (one, f"{name}.{one}")
    }
    assert set(RANGES) <= used


def test_what_may_be_anything_is_few_and_said() -> None:
    assert {name for name, found in RANGES.items() if found == ANY} == {"meter_current.expected", "profile_id", "value"}


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        (("set_load", "house", Amps3(PerPhase(0, 0, -0.1))), "current=0/0/-0.1 A is negative. Allowed: 0 to 10000 A."),
        (("vehicle_takes", "CP1", Amps(-6)), "current=-6 A is negative. Allowed: 0 A or more."),
        (
            ("signalled_current_of_each_point", None, Amps(6), Amps(-6)),
            "expected=-6 A is negative. Allowed: 0 A or more.",
        ),
        (("advance_clock", timedelta(seconds=-1)), "is negative. Allowed: 0 to 1000000000 s."),
        (("write_register", "CP1", "x", -1.0), ""),
        (("vehicle_takes", "CP1", None), ""),
        (("vehicle_takes", "CP1", Amps(0)), ""),
        (("set_load", "house", Amps3(PerPhase(0, 0, 10_000))), ""),
    ],
)
def test_what_is_out_of_range_is_refused_before_the_keyword_runs(call: tuple[Any, ...], wrong: str) -> None:
    name, *args = call
    if not wrong:
        check_ranges(name, keywords()[name], args, {})
        return
    with pytest.raises(ScenarioError) as caught:
        check_ranges(name, keywords()[name], args, {})
    assert wrong in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    named = {"phases": 4, "max_current": Amps(81), "asks_for": Amps(-1)}
    with pytest.raises(ScenarioError) as caught:
        check_ranges("plug_in_vehicle", keywords()["plug_in_vehicle"], ["CP1"], named)
    assert str(caught.value) == (
        "phases=4 is out of range. Allowed: 1 to 3. max_current=81 A is out of range. Allowed: above 0 A up to 80 A. "
        "asks_for=-1 A is negative. Allowed: 0 A or more."
    )


@pytest.mark.parametrize("current_a", [-5, -0.001, 0, 10_000, 10_001, math.inf])
def test_a_source_has_one_range_in_site_body_command_and_keyword(current_a: float) -> None:
    def site() -> None:
        Load(feeder="supply", current_a=[current_a] * 3)

    def body() -> None:
        SourceBody(name="x", current_a=[current_a] * 3)

    def command() -> None:
        _amps3(f"{current_a:f}")

    def keyword() -> None:
        check_ranges("set_load", keywords()["set_load"], ["x", Amps3(PerPhase.all(current_a))], {})

    assert len({refuses(one) for one in (site, body, command, keyword)}) == 1
    assert refuses(site) is not (0 <= current_a <= 10_000)


@pytest.mark.parametrize("current_a", [-1, 0, 0.1, 80, 80.1])
def test_a_vehicle_has_one_range_in_site_body_command_and_keyword(current_a: float) -> None:
    def site() -> None:
        VehicleSpec(max_current_a=current_a)

    def body() -> None:
        Plug(point="x", max_current_a=current_a)

    def command() -> None:
        _amps(f"{current_a:f} A")

    def keyword() -> None:
        check_ranges("plug_in_vehicle", keywords()["plug_in_vehicle"], ["x"], {"max_current": Amps(current_a)})

    assert len({refuses(one) for one in (site, body, command, keyword)}) == 1
    assert refuses(site) is not (0 < current_a <= 80)


@pytest.mark.parametrize("text", ["-1", "65536", "x"])
def test_a_port_has_a_range(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"is no port\. Allowed: 0 to 65535\."):
        _port(text)


def test_a_value_that_is_no_number_is_in_no_range() -> None:
    inside = [value for value in (math.nan, math.inf, 5.0) if value in Range(0)]
    assert inside == [5.0]


def test_a_keyword_that_is_called_by_name_is_looked_at_as_well() -> None:
    assert "current" in inspect.signature(keywords()["set_load"]).parameters
    with pytest.raises(ScenarioError, match="current=-5/-5/-5 A is negative"):
        Farm().run_keyword("set_load", ["house"], {"current": Amps3(PerPhase.all(-5))})


def refuses(given: Callable[[], None]) -> bool:
    try:
        given()
    except (ScenarioError, ValidationError, argparse.ArgumentTypeError):
        return True
    return False
