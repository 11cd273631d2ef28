"""Every wrong site gets file, line, field, value, and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hil.errors import Problem, SiteFileError
from hil.site import load_site

GOOD = """\
site: s
feeders:
  F3: {from: supply, fuse: {rating_a: 100}}
devices:
  CP1: {type: mennekes_ecu, feeder: F3, address: 192.168.0.11}
"""
"""Five lines that are right; the tables below replace or append something."""

Problems = Callable[[str], list[Problem]]


def test_the_output_of_hil_check_is_as_promised(write: Callable[..., Path]) -> None:
    """The message of the product's description, to the letter."""
    path = write(
        """
        # yaml-language-server: $schema=schema.json
        site: car-park
        source: MENNEKES application document 6.1
        epoch: 2026-06-01T06:00:00Z
        supply:  {voltage_v: 230, main_fuse: {rating_a: 160, type: gG}}
        feeders:
          F3: {from: supply, fuse: {rating_a: 100, type: gG}}
        devices:
          CP1: &point
            type: mennekes_ecu
            feeder: F3

            # rotated
            phase_order: L1L1L3
            address: 192.168.0.11
            parameters:
              DLM Master/Slave: DLM Master (With internal DLM-Slave)
          CP2: {<<: *point, address: 192.168.0.12}
        meters:
          M1:
            type: pac2200
            node: F33
        """,
        "car-park.yaml",
    )
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    allowed = "L1L2L3, L2L3L1, L3L1L2, L1L3L2, L2L1L3, L3L2L1 (three-phase) or L1, L2, L3 (single-phase)"
    assert str(caught.value).splitlines() == [
        "car-park.yaml:14  devices.CP1.phase_order: 'L1L1L3' uses L1 twice.",
        f"                  Allowed: {allowed}.",
        "car-park.yaml:22  meters.M1.node: there is no feeder 'F33'. Did you mean 'F3'?",
        "2 errors",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("type: mennekes_ecu", "type: menekes_ecu", 5, "devices.CP1.type", "Did you mean 'mennekes_ecu'?"),
        ("type: mennekes_ecu", "type: pac2200", 5, "devices.CP1.type", "'pac2200' is a meter."),
        ("type: mennekes_ecu, ", "", 5, "devices.CP1.type", "is missing."),
        ("feeder: F3", "feeder: F4", 5, "devices.CP1.feeder", "there is no feeder 'F4'. Did you mean 'F3'?"),
        ("feeder: F3, ", "", 5, "devices.CP1.feeder", "is missing."),
        ("from: supply", "from: nowhere", 3, "feeders.F3.from", "there is no feeder 'nowhere'."),
        ("from: supply", "from: F3", 3, "feeders.F3.from", "the feeders hang on each other: F3 -> F3."),
        ("192.168.0.11", "192.168.123.10", 5, "devices.CP1.address", "lies in a service network of the ECU."),
        ("192.168.0.11", "192.168.124.10", 5, "devices.CP1.address", "lies in a service network of the ECU."),
        ("192.168.0.11", "192.168.125.255", 5, "devices.CP1.address", "lies in a service network of the ECU."),
        ("192.168.0.11", "192.168.0.300", 5, "devices.CP1.address", "'192.168.0.300' is not an IPv4 address."),
        ("rating_a: 100", "rating_a: 0", 3, "feeders.F3.fuse.rating_a", "0 is out of range."),
        ("rating_a: 100", "rating_a: 100 A", 3, "feeders.F3.fuse.rating_a", "'100 A' is not a number."),
        ("rating_a: 100", "rating_a: true", 3, "feeders.F3.fuse.rating_a", "True is not a number."),
        ("rating_a: 100", "rating_a: .nan", 3, "feeders.F3.fuse.rating_a", "nan is not a number."),
        ("rating_a: 100", "rating_a: 100, type: GG", 3, "feeders.F3.fuse.type", "Did you mean 'gG'?"),
        ("rating_a: 100", "rating_a: 100, trip: soon", 3, "feeders.F3.fuse.trip", "'soon' is not possible."),
        ("fuse: {rating_a: 100}", "fuse: 100", 3, "feeders.F3.fuse", "100 is no mapping."),
        ("site: s", "site: s\nfedders: {}", 2, "fedders", "there is no field 'fedders' here. Did you mean 'feeders'?"),
        ("feeder: F3", "feeder: F3, adress: x", 5, "devices.CP1.adress", "Did you mean 'address'?"),
        ("feeder: F3", "feeder: F3, seat: real", 5, "devices.CP1.seat", "'real' needs the device's address."),
        ("feeder: F3", "feeder: F3, seat: image", 5, "devices.CP1.seat", "'image' needs an image."),
        ("feeder: F3", "feeder: F3, seat: rael", 5, "devices.CP1.seat", "Did you mean 'real'?"),
        ("feeder: F3", "feeder: F3, at: 10.0.0.1", 5, "devices.CP1.at", "only a real device is at '10.0.0.1'."),
        ("feeder: F3", "feeder: F3, firmware: 5.12.5", 5, "devices.CP1.firmware", "Did you mean '5.12.4'?"),
        ("feeder: F3", "feeder: F3, network: lab", 5, "devices.CP1.network", "there is no network 'lab'."),
        ("feeder: F3", "feeder: F3, phase_order: L4", 5, "devices.CP1.phase_order", "'L4' is no phase order."),
        ("feeder: F3", "feeder: F3, feeder: F3", 5, "devices.CP1.feeder", "is written twice, first in line 5."),
        ("site: s", "site: s\nsite: t", 2, "site", "is written twice, first in line 1."),
        ("site: s\n", "", 1, "site", "is missing."),
        ("site: s", "site: ", 1, "site", "None is no name."),
        ("site: s", "site: s\nepoch: 2026-06-01 06:00:00", 2, "epoch", "has no time zone."),
        ("site: s", "site: s\nepoch: tomorrow", 2, "epoch", "'tomorrow' is no time."),
        ("site: s", "site: s\nepoch: 2026-13-01T06:00:00Z", 2, "epoch", "'2026-13-01T06:00:00Z' is no time."),
        ("site: s", "site: s\ntrip: never", 2, "trip", "'never' is not possible."),
        ("site: s", "site: s\nnetworks: {lan: 192.168.0.1/24}", 2, "networks.lan", "is not an IPv4 network."),
        ("site: s", "site: s\nnetworks: {lan: 10.0.0.0/24}", 6, "devices.CP1.address", "is outside the network 'lan'"),
        ("site: s", "site: s\nvehicles: {EV1: {phases: 4}}", 2, "vehicles.EV1.phases", "4 is out of range."),
        ("site: s", "site: s\nvehicles: {EV1: {phases: 1.5}}", 2, "vehicles.EV1.phases", "1.5 is not a whole number."),
        ("site: s", "site: s\nvehicles: {EV1: {reaction_s: 6}}", 2, "vehicles.EV1.reaction_s", "6 is out of range."),
        ("site: s", "site: s\nvehicles: {EV1: zoo}", 2, "vehicles.EV1.preset", "Did you mean 'zoe'?"),
        ("site: s", "site: s\nloads: {h: {feeder: F3, current_a: -1}}", 2, "loads.h.current_a", "-1 is negative."),
        ("site: s", "site: s\npv: {roof: {feeder: F3, current_a: 1/-2/3}}", 2, "pv.roof.current_a", "is negative."),
        ("site: s", "site: s\nloads: {h: {feeder: F3, current_a: 1/2}}", 2, "loads.h.current_a", "is 2 currents."),
        ("site: s", "site: s\nloads: {h: {feeder: F3, current_a: 16 A}}", 2, "loads.h.current_a", "'16 A' is no"),
        ("site: s", "site: s\nloads: {h: {feeder: F3, csv: h.csv}}", 2, "loads.h.csv", "'h.csv' cannot be read"),
        ("site: s", "site: s\nlinks: [{between: [CP1, CP1]}]", 2, "links.0.between", "star topology"),
        ("site: s", "site: s\nlinks: [{between: [CP2, switch]}]", 2, "links.0.between", "Did you mean 'CP1'?"),
        ("site: s", "site: s\nlinks: [{between: [CP1, switch], cable_m: 101}]", 2, "links.0.cable_m", "101 is out"),
        ("devices:", "devices: 5\nx-devices:", 4, "devices", "5 is no mapping."),
        ("site: s", "site: s\ninclude: other", 2, "include", "there is no site file 'other'."),
    ],
)  # fmt: skip
def test_one_mistake_is_one_problem(  # noqa: PLR0917
    problems: Problems, old: str, new: str, line: int, field: str, says: str
) -> None:
    assert old in GOOD
    (problem,) = problems(GOOD.replace(old, new, 1))
    assert (problem.file, problem.line, problem.field) == ("site.yaml", line, field)
    assert says in problem.message


@pytest.mark.parametrize(
    ("parameter", "says", "allowed"),
    [
        ("Instalation Current Limit [A]: 16", "Did you mean 'Installation Current Limit [A]'?", ""),
        ("Installation Current Limit [A]: 81", "'81' is not possible.", "from 6 to 80 A."),
        ("Installation Current Limit [A]: sixteen", "'sixteen' is not possible.", "a whole number"),
        ("DLM Master/Slave: Master", "'Master' is not possible.", "DLM Master (With internal DLM-Slave)"),
        ("EVSE Sub-Distribution Limit (L1/L2/L3) [A]: 100", "'100' is not possible.", "three whole numbers a/b/c"),
        ("IP address of second meter: M2", "'M2' is not possible.", "an IPv4 address"),
        ("Allow EV Wakeup: yes", "'yes' is not possible.", "On, Off"),
    ],
)
def test_parameters_are_the_family_s(problems: Problems, parameter: str, says: str, allowed: str) -> None:
    name, _, value = parameter.partition(": ")
    (problem,) = problems(f'{GOOD.rstrip()[:-1]}, parameters: {{"{name}": {value}}}}}\n')
    assert (problem.line, problem.field) == (5, f"devices.CP1.parameters.{name}")
    assert says in problem.message
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "is empty."),
        ("# nothing but this\n", 1, "is empty."),
        ("- site\n", 1, "is a list."),
        ("# c\nsite\n", 2, "is a single value."),
        ("site: s\nfeeders: {F3: {from: supply}\n", 3, "is no YAML here"),
        ("site: s\nfeeders:\n\tF3: {from: supply}\n", 3, "a tab indents this line."),
        ("site: s\n? [a, b]\n: c\n", 2, "a key must be a plain text."),
        ("site: s\nx-a: &a\n  b: *a\n", 2, "contains itself through an anchor."),
        ("site: s\n<<: 5\n", 2, "'<<' merges something that is no mapping."),
        ("site: s\n---\nsite: t\n", 2, "is no YAML here"),
    ],
)
def test_text_that_is_no_site(problems: Problems, text: str, line: int, says: str) -> None:
    problem = problems(text)[0]
    assert (problem.file, problem.line) == ("site.yaml", line)
    assert says in problem.message


def test_a_file_that_is_not_utf8_names_the_line(write: Callable[..., Path]) -> None:
    path = write("site: s\n")
    path.write_bytes("site: s\nsource: Größe\n".encode("latin-1"))
    with pytest.raises(SiteFileError, match=r"site\.yaml:2  file: is not UTF-8 text\."):
        load_site(path)


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems(
        """
        site: s
        trip: soon
        feeders:
          F1: {from: F2, fuse: {rating_a: -5}}
          F2: {cable_a: 20}
        devices:
          CP1: {type: mennekes_ecu, feeder: F2, address: 192.168.0.11, phase_order: L9}
          CP2: {type: mennekes_ecu, feeder: F2, address: 192.168.0.12, parameters: {Nonsense: 1, DLM Network Id: 256}}
          CP3: {type: mennekes_ecu, feeder: F2, address: 192.168.0.13}
          CP4: {type: mennekes_ecu, feeder: F2, address: 192.168.0.13}
        """
    )
    assert [(problem.line, problem.field) for problem in found] == [
        (2, "trip"),
        (4, "feeders.F1.fuse.rating_a"),
        (5, "feeders.F2.cable_a"),
        (7, "devices.CP1.phase_order"),
        (8, "devices.CP2.parameters.Nonsense"),
        (8, "devices.CP2.parameters.DLM Network Id"),
        (10, "devices.CP4.address"),
    ]


def test_a_wrong_csv_names_its_line(write: Callable[..., Path], problems: Problems) -> None:
    write("time_s,l1_a,l2_a,l3_a\n0,1,2,3\n10,1,x,3\n10,1,2,-3\n5,1,2,3\n", "house.csv")
    found = problems(GOOD + "loads: {house: {feeder: F3, csv: house.csv}}\n")
    assert [problem.line for problem in found] == [6, 6, 6]
    assert [problem.message for problem in found] == [
        "'house.csv' line 3: '10,1,x,3' are no four numbers.",
        "'house.csv' line 4: a current is negative or no number.",
        "'house.csv' line 5: time 5 s does not increase.",
    ]


def test_a_csv_row_is_shown_as_it_is_written(write: Callable[..., Path], problems: Problems) -> None:
    write("time_s,l1_a,l2_a,l3_a\n0,1,2,3\n5,1,1\n6,1,1,x,7,8\n", "house.csv")
    assert [one.message for one in problems(GOOD + "loads: {house: {feeder: F3, csv: house.csv}}\n")] == [
        "'house.csv' line 3: '5,1,1' are no four numbers.",
        "'house.csv' line 4: '6,1,1,x,7,8' are no four numbers.",
    ]


def test_an_address_of_two_devices_is_said_together_with_what_else_is_wrong(problems: Problems) -> None:
    two = "  CP2: {type: mennekes_ecu, feeder: F4, address: 192.168.0.11, phase_order: L1}\n"
    meters = "meters:\n  M1: {type: pac2201, address: 192.168.0.11}\n  M2: {type: pac2200, address: 192.168.0.1111}\n"
    assert [(one.line, one.field, one.message.partition(".")[0]) for one in problems(GOOD + two + meters)] == [
        (6, "devices.CP2.feeder", "there is no feeder 'F4'"),
        (6, "devices.CP2.address", "'192"),
        (8, "meters.M1.type", "there is no device type 'pac2201'"),
        (8, "meters.M1.address", "'192"),
        (9, "meters.M2.address", "'192"),
    ]
    said = [one.message for one in problems(GOOD + two + meters) if one.field.endswith("address")]
    assert said[:2] == ["'192.168.0.11' is used by CP1 and CP2.", "'192.168.0.11' is used by CP1 and M1."]
    assert "is not an IPv4 address" in said[2]


def test_a_missing_include_is_the_only_error(problems: Problems) -> None:
    missing = "site: s\ninclude: [feeders, nowhere]\ndevices:\n  CP1: {type: mennekes_ecu, feeder: F3}\n"
    assert [one.field for one in problems(missing)] == ["include.0", "include.1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time_s,l1_a\n0,1\n", "has no column l2_a, l3_a."),
        ("time_s,l1_a,l2_a,l3_a\n", "has no rows."),
        ("", "has no column"),
    ],
)
def test_a_csv_without_its_columns_or_rows(
    write: Callable[..., Path], problems: Problems, text: str, says: str
) -> None:
    write(text, "house.csv")
    (problem,) = problems(GOOD + "loads: {house: {feeder: F3, csv: house.csv}}\n")
    assert says in problem.message


def test_steps_say_which_one_is_wrong(problems: Problems) -> None:
    found = problems(
        GOOD
        + """\
loads:
  house:
    feeder: F3
    current_a:
      - {at: 0 s, current_a: 1}
      - {at: 10 minuets, current_a: 2}
      - {at: 5 min, current_a: -2}
      - {at: 4 min, current_a: 2}
      - {at: 3 min, current_a: 2}
      - 7
"""
    )
    assert [(problem.line, problem.field.removeprefix("loads.house.current_a.")) for problem in found] == [
        (11, "1.at"),
        (12, "2.current_a"),
        (14, "4.at"),
        (15, "5"),
    ]


@pytest.mark.parametrize(
    ("vehicle", "allowed"),
    [
        ("phases: 4", "Allowed: 1 to 3."),
        ("max_current_a: 0", "Allowed: above 0 and 80 or less."),
        ("ramp_a_per_s: 0", "Allowed: above 0."),
        ("battery: {capacity_kwh: 40, soc_pct: 101}", "Allowed: 0 to 100."),
        ("battery: {capacity_kwh: 40, taper_knee_pct: 100}", "Allowed: above 0 and below 100."),
    ],
)
def test_a_range_is_said_in_full(problems: Problems, vehicle: str, allowed: str) -> None:
    (problem,) = problems(f"site: s\nvehicles:\n  EV: {{{vehicle}}}\n")
    assert (problem.line, problem.allowed) == (3, allowed)
