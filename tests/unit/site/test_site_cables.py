"""Serial cables of a site file: who may be joined, and how a wrong one is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import emulators.dsmr_p1
from emulators.kit import family as kit
from emulators.kit.host import SerialSettings
from hil.errors import Problem
from hil.site import Site

Problems = Callable[[str], list[Problem]]
Load = Callable[[str], Site]

GOOD = """
    site: s
    devices: {CP1: {type: mennekes_ecu, feeder: supply, address: 192.168.0.11}}
    meters: {M1: {type: dsmr_p1}, M2: {type: pac2200, address: 192.168.0.12}}
    links: [{kind: p1, between: [M1, CP1]}]
    """


@pytest.fixture(autouse=True)
def with_ports(two_families: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the charger a P1 port, and let there be a meter with one."""
    found = dict(kit.families())
    found["mennekes_ecu"] = replace(found["mennekes_ecu"], serial_ports={"P1": SerialSettings()})
    found["dsmr_p1"] = emulators.dsmr_p1.FAMILY
    monkeypatch.setattr(kit, "family_types", lambda: tuple(found))
    monkeypatch.setattr(kit, "family", found.__getitem__)


@pytest.mark.parametrize("ends", ["[M1, CP1]", "[CP1, M1]"])
def test_the_meter_talks_whichever_end_is_written_first(load: Load, ends: str) -> None:
    site = load(GOOD.replace("[M1, CP1]", ends))
    assert site.serial_cables() == (("P1", "M1", "CP1"),)
    assert site.serial_talkers() == (("P1", "M1"),)
    assert site.warnings == ()


@pytest.mark.parametrize(
    ("link", "field", "says", "allowed"),
    [
        ("{kind: p1, between: [M1, CP2]}", "between", "there is no device 'CP2'. Did you mean 'CP1'?", ""),
        ("{kind: p1, between: [M1, switch]}", "between", "there is no device 'switch'.", "CP1, M1, M2"),
        ("{kind: p1, between: [M1]}", "between", "['M1'] are no two ends.", "[CP1, M1]"),
        ("{kind: p2, between: [M1, CP1]}", "kind", "'p2' is not possible. Did you mean 'p1'?", "network, p1"),
        ("{kind: p1, between: [M1, CP1], cable_m: 25}", "cable_m", "25 is out of range.", "20 or less"),
        ("{kind: p1, between: [M1, CP1, M2]}", "between", "3 ends are too many.", "2 for kind 'p1'"),
        ("{kind: rs485, between: [M1, CP9]}", "between", "there is no device 'CP9'. Did you mean 'CP1'?", ""),
        ("{kind: rs485, between: [M1, CP1], cable_m: 1300}", "cable_m", "1300 is out of range.", "1200 or less"),
        ("{kind: rs232, between: [M1, CP1]}", "kind", "'rs232'", "rs485"),
        ("{kind: p1, between: [M2, CP1]}", "between", "M2 (pac2200) has no P1 port.", "CP1, M1"),
        ("{kind: p1, between: [M1, M1]}", "between", "joins one meter and one reader, not M1 and M1.", "M1, M2"),
        ("{kind: p1, between: [M1, outside]}", "between", "needs a serial port.", "port: /dev/ttyUSB0"),
        ("{between: [M2, switch], port: /dev/ttyUSB0}", "port", "for a P1 cable to 'outside'.", "[P1, outside]"),
        ("{kind: p1, between: [M1, CP1], data_request: cts}", "data_request", "for a P1 cable", "[P1, outside]"),
        ("{kind: p1, between: [M1, outside], port: ttyUSB0}", "port", "'ttyUSB0' is no serial port.", "/dev/ttyUSB0"),
        ("{kind: p1, between: [M1, outside], port: 'socket://h:1'}", "port", "is no serial port.", "rfc2217://"),
        (
            "{kind: p1, between: [M1, outside], port: /dev/a, data_request: rts}",
            "data_request",
            "'rts'",
            "cts, dsr, ri",
        ),
        ("{kind: p1, between: [CP1, outside], port: /dev/a}", "between", "joins one meter and one reader", "M1, M2"),
        ("{kind: p1, between: [CP1, CP1]}", "between", "joins one meter and one reader, not CP1 and CP1.", "M1, M2"),
    ],
)
def test_a_wrong_cable(problems: Problems, link: str, field: str, says: str, allowed: str) -> None:
    (problem,) = problems(GOOD.replace("{kind: p1, between: [M1, CP1]}", link))
    assert (problem.line, problem.field) == (4, f"links.0.{field}")
    assert says in problem.message
    assert allowed in problem.allowed


def test_a_network_cable_may_be_longer_and_go_to_a_switch(load: Load) -> None:
    assert (
        load(GOOD.replace("kind: p1, between: [M1, CP1]", "between: [M2, switch], cable_m: 25")).serial_cables() == ()
    )


def test_two_meters_at_one_station_are_a_warning(load: Load) -> None:
    """ALF-P1-006, ALF-P1-016: at most one; a test may want to see them collide."""
    two = GOOD.replace("M2: {type: pac2200, address: 192.168.0.12}", "M2: {type: dsmr_p1}")
    site = load(two.replace("CP1]}]", "CP1]}, {kind: p1, between: [M2, CP1]}]"))
    (warning,) = site.warnings
    assert (warning.field, warning.allowed) == ("links.1.between", "Allowed: one meter for one station.")
    assert "M1 and M2 are both in the P1 port of CP1" in warning.message


def test_an_rs485_line_wants_such_a_port_at_each_of_its_ends(problems: Problems) -> None:
    line = "{kind: rs485, between: [M1, CP1, M2], cable_m: 300}"
    found = problems(GOOD.replace("{kind: p1, between: [M1, CP1]}", line))
    assert [problem.message.partition(" ")[0] for problem in found] == ["M1", "CP1", "M2"]
    assert all(problem.message.endswith("has no RS-485 port.") for problem in found)
    assert {problem.allowed for problem in found} == {"Allowed: no device of this site."}


def test_a_reader_outside_hangs_on_a_serial_port(load: Load) -> None:
    port = "{kind: p1, between: [outside, M1], port: 'rfc2217://lab-2:4001?poll_modem'}"
    site = load(GOOD.replace("[M1, CP1]}]", f"[M1, CP1]}}, {port}]"))
    assert site.warnings == ()
    assert site.serial_cables() == (("P1", "M1", "CP1"), ("P1", "M1", "outside"))
    ((key, link),) = site.outside_ports().items()
    assert (key, link.port, link.data_request) == (("P1", "M1"), "rfc2217://lab-2:4001?poll_modem", "cts")


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ("{kind: p1, between: [M1, outside], port: /dev/ttyUSB1}", "M1"),
        ("{kind: p1, between: [M2, outside], port: /dev/ttyUSB0}", "/dev/ttyUSB0"),
    ],
)
def test_a_serial_port_has_one_meter_and_a_meter_one_port(problems: Problems, second: str, what: str) -> None:
    two = GOOD.replace("M2: {type: pac2200, address: 192.168.0.12}", "M2: {type: dsmr_p1}")
    first = "{kind: p1, between: [M1, outside], port: /dev/ttyUSB0}"
    (problem,) = problems(two.replace("{kind: p1, between: [M1, CP1]}", f"{first}, {second}"))
    assert problem.field == "links.1.between"
    assert problem.message.startswith(f"{what} is there twice")
