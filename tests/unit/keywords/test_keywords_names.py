"""Names that a suite speaks of are checked against the site before a farm is started."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from robot.running import TestSuite as Suite

from hil.errors import ScenarioError
from hil.keywords.Farm import Farm
from hil.keywords.names import check_names, normal
from hil.site import load_site

SIGNATURES = Farm().context.signatures


def body_of(text: str) -> list[Any]:
    """Return Robot's data of one test."""
    return list(Suite.from_string(f"*** Test Cases ***\nT\n{text}").tests[0].body)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param("Plug In Vehicle    CP9    phases=3", "no charging point 'CP9'. Did you mean 'CP", id="socket"),
        pytest.param("Feeder Current    F33    L1    is    3 A", "no feeder 'F33'. Did you mean 'F3'", id="feeder"),
        pytest.param("Get Peak Current    F33    L1    <=    3 A", "no feeder 'F33'. Did you mean 'F3'", id="getter"),
        pytest.param("set_load    hose    3 A", "no load or PV system 'hose'", id="load, keyword with underscores"),
        pytest.param("Set Parameter    CP1    DLM Netwrk Id    5", "Did you mean 'DLM Network Id'", id="parameter"),
        pytest.param("Cut Link    CP1    CP9", "no device 'CP9'", id="the other end"),
        pytest.param("Drop    CP9    loss=20 %", "no device 'CP9'", id="before a named argument"),
        pytest.param("Get Register    CP9    DLM_MODE", "no device 'CP9'", id="place"),
        pytest.param("Get Register    CP1/2    DLM_MODE", "no socket 'CP1/2'", id="place with a socket"),
        pytest.param("Backend Should See    CP1/2", "no socket 'CP1/2'", id="point with a socket"),
        pytest.param("Unplug Vehicle    CP1/2", "no socket 'CP1/2'. Did you mean 'CP1'", id="one socket only"),
        pytest.param("Kill    CP1/1", "no device 'CP1/1'", id="what only a device can do"),
        pytest.param(
            "IF    True\n        Unplug Vehicle    CP9\n    END", "no charging point 'CP9'", id="inside a block"
        ),
    ],
)
def test_a_name_that_the_site_lacks_is_named_with_the_nearest(call: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        check_names(load_site("mennekes/car-park"), body_of(f"    {call}\n"), SIGNATURES)
    assert message in str(caught.value)


def test_every_wrong_name_is_listed_at_once() -> None:
    body = body_of("    Unplug Vehicle    CP8\n    Unplug Vehicle    CP9\n")
    with pytest.raises(ScenarioError, match=r"(?s)CP8.*CP9"):
        check_names(load_site("mennekes/car-park"), body, SIGNATURES)


def test_variables_and_other_keywords_are_left_to_run_time() -> None:
    body = body_of("    Unplug Vehicle    ${point}\n    Log    CP9\n    Unplug Vehicle    CP1\n")
    check_names(load_site("mennekes/car-park"), body, SIGNATURES)


def test_the_signatures_are_those_of_the_library() -> None:
    assert "socket" in SIGNATURES[normal("Plug In Vehicle")].parameters
    assert all(isinstance(signature, inspect.Signature) for signature in SIGNATURES.values())
