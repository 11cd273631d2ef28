"""What a well-formed site can still get wrong; each test names the requirement it stands for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil.errors import Problem
from hil.plant import FuseSpec
from hil.site import Site

Load = Callable[[str], Site]
Problems = Callable[[str], list[Problem]]

MASTER = "DLM Master/Slave: DLM Master (With internal DLM-Slave)"
SLAVE = "DLM Master/Slave: DLM Slave (Master-Auto-Discovery)"


def points(*lines: str, feeder: str = "F") -> str:
    """Return charging points CP1, CP2 ... with these parameters each."""
    text = "devices:\n"
    for number, line in enumerate(lines, start=1):
        parameters = [one.strip() for one in line.split(",") if one]
        quoted = ", ".join(f'"{name}": {value}' for name, _, value in (one.partition(": ") for one in parameters))
        text += f"  CP{number}: {{type: mennekes_ecu, feeder: {feeder}, address: 192.168.0.{10 + number},"
        text += f" parameters: {{{quoted}}}}}\n"
    return text


# MEN-MTR-001, MEN-MTR-002


def test_a_cable_carries_all_points_in_full(load: Load) -> None:
    assert load("site: A\nfeeders: {F: {cable_a: 96}}\n" + points("", "", "")).warnings == ()


def test_a_cable_too_weak_is_refused(problems: Problems) -> None:
    (problem,) = problems("site: B\nfeeders:\n  F: {cable_a: 63}\n" + points("", "", ""))
    assert (problem.line, problem.field) == (3, "feeders.F.cable_a")
    assert problem.message == "CP1, CP2, CP3 may draw 96 A together: 96 A > 63 A."


def test_lower_installation_limits_save_a_weak_cable(load: Load, problems: Problems) -> None:
    limit = "Installation Current Limit [A]: 16"
    assert load("site: B\nfeeders: {F: {cable_a: 48}}\n" + points(limit, limit, limit)).warnings == ()
    assert problems(
        "site: B\nfeeders: {F: {cable_a: 48}}\n" + points(limit, limit, "Installation Current Limit [A]: 17")
    )


def test_an_upstream_cable_counts_the_feeders_behind_it(problems: Problems) -> None:
    (problem,) = problems("site: B\nfeeders: {F0: {cable_a: 63}, F: {from: F0, cable_a: 64}}\n" + points("", ""))
    assert problem.field == "feeders.F0.cable_a"


def test_single_phase_points_on_different_phases_do_not_add(load: Load, problems: Problems) -> None:
    text = "site: P\nfeeders: {F: {cable_a: 32}}\n" + points("", "")
    rotated = text.replace("192.168.0.11", "192.168.0.11, phase_order: L1").replace(
        "192.168.0.12", "192.168.0.12, phase_order: L2"
    )
    assert load(rotated).warnings == ()
    assert problems(rotated.replace("phase_order: L2", "phase_order: L1"))[0].field == "feeders.F.cable_a"


def test_a_fuse_is_what_load_management_is_for(load: Load) -> None:
    """6.1: 100 A for four points of 32 A is the use case, not a mistake."""
    text = "site: P\nfeeders: {F: {fuse: {rating_a: 100}}}\n"
    limit = f"{MASTER}, EVSE Sub-Distribution Limit (L1/L2/L3) [A]: 100/100/100"
    assert load(text + points(limit, SLAVE, SLAVE, SLAVE)).warnings == ()


# MEN-MTR-013


@pytest.mark.parametrize(
    ("node", "variant", "refused"),
    [
        ("supply", "7KM2200-2EA40-1EA1", True),
        ("supply", "7KM2200-2EA40-1JA1", True),
        ("supply", "7KM2200-2EA30-1EA1", False),
        ("F2", "7KM2200-2EA40-1EA1", False),
        ("F2b", "7KM2200-2EA40-1EA1", False),
        ("F3", "7KM2200-2EA40-1EA1", True),
    ],
)
def test_a_direct_meter_sits_behind_65_a(
    load: Load, problems: Problems, node: str, variant: str, refused: bool
) -> None:
    text = f"""
site: M
supply: {{main_fuse: {{rating_a: 100}}}}
feeders: {{F2: {{fuse: {{rating_a: 63}}}}, F2b: {{from: F2}}, F3: {{from: supply}}}}
meters:
  M2: {{type: pac2200, variant: {variant}, node: {node}}}
"""
    if refused:
        (problem,) = problems(text)
        assert (problem.line, problem.field) == (5, "meters.M2.variant")
        assert "up to 65 A" in problem.message
        assert "'supply' is rated 100 A" in problem.message
        assert "7KM2200-2EA30-1EA1" in problem.allowed
    else:
        assert load(text).warnings == ()


# MEN-MTR-052, MEN-MTR-053


def metered(node: str, location: str, measures: str = "") -> str:
    meter = f"{MASTER}, External Meter Support: On, IP address of second meter: 192.168.0.20,"
    meter += " EVSE Sub-Distribution Limit (L1/L2/L3) [A]: 100/100/100,"
    meter += f" External Meter Location: {location} EVSE Sub-Distribution"
    said = f", measures: {measures}" if measures else ""
    return (
        "site: M\nsupply: {main_fuse: {rating_a: 100}}\nfeeders: {F: {from: supply}, F2: {fuse: {rating_a: 100}}}\n"
        + points(meter, SLAVE)
        + f"meters:\n  M2: {{type: pac2200, address: 192.168.0.20, node: {node}{said}}}\n"
    )


@pytest.mark.parametrize(("node", "location"), [("supply", "Including"), ("F2", "Excluding"), ("F", "Including")])
def test_a_right_meter_location(load: Load, node: str, location: str) -> None:
    assert load(metered(node, location)).warnings == ()


@pytest.mark.parametrize(
    ("node", "location", "says"),
    [
        ("supply", "Excluding", "measures the charging points too"),
        ("F2", "Including", "measures other consumers only"),
    ],
)
def test_a_wrong_meter_location_is_a_warning(load: Load, node: str, location: str, says: str) -> None:
    (warning,) = load(metered(node, location)).warnings
    assert (warning.line, warning.field) == (5, "devices.CP1.parameters.External Meter Location")
    assert f"'{location} EVSE Sub-Distribution', but M2" in warning.message
    assert says in warning.message


def test_a_meter_between_the_points_is_a_warning(load: Load) -> None:
    text = metered("F", "Including").replace("F, address: 192.168.0.12", "supply, address: 192.168.0.12")
    (warning,) = load(text).warnings
    assert "measures only some of CP1, CP2" in warning.message


def test_a_meter_that_is_not_there_is_a_warning(load: Load) -> None:
    (warning,) = load(
        metered("supply", "Including").replace("address: 192.168.0.20, node", "address: 192.168.0.21, node")
    ).warnings
    assert warning.message == "no meter of the site has the address '192.168.0.20'."


@pytest.mark.parametrize(("node", "measures"), [("supply", "excluding"), ("F2", "including")])
def test_what_a_meter_measures_is_checked_against_the_tree(problems: Problems, node: str, measures: str) -> None:
    location = "Including" if node == "supply" else "Excluding"
    (problem,) = problems(metered(node, location, measures))
    assert (problem.line, problem.field) == (8, "meters.M2.measures")
    assert f"'{measures}', but" in problem.message


# MEN-MTR-064, MEN-NET-046


def test_a_meter_and_a_charger_at_one_address_are_refused(problems: Problems) -> None:
    (problem,) = problems(metered("supply", "Including").replace("192.168.0.12", "192.168.0.20"))
    assert problem.field == "meters.M2.address"
    assert problem.message == "'192.168.0.20' is used by CP2 and M2."


def test_the_same_address_in_two_networks_is_fine(load: Load) -> None:
    text = "site: N\nnetworks: {lan: 192.168.0.0/24, other: 192.168.0.0/24}\nfeeders: {F: {}}\n" + points("", "")
    site = load(text.replace("192.168.0.12", "192.168.0.11, network: other"))
    assert {device.network for device in site.devices.values()} == {"lan", "other"}


def test_addresses_of_two_networks_need_names(problems: Problems) -> None:
    (problem,) = problems("site: N\nfeeders: {F: {}}\n" + points("", "").replace("192.168.0.12", "172.16.23.100"))
    assert problem.field == "devices.CP2.address"
    assert "outside the network 'lan' (192.168.0.0/24)" in problem.message


# MEN-MTR-003, MEN-DLM-011, MEN-SUB-035, MEN-UC1A-017


def test_a_satellite_without_master_is_unmanaged(load: Load) -> None:
    (warning,) = load("site: G\nfeeders: {F: {}}\n" + points(MASTER, SLAVE, f"{SLAVE}, DLM Network Id: 5")).warnings
    assert (warning.line, warning.field) == (6, "devices.CP3.parameters.DLM Network Id")
    assert warning.message == "CP3 is unmanaged: 5 has no DLM master in network 'lan'."
    assert warning.allowed == "Ids with a master: 0."


def test_a_master_in_another_network_manages_nobody_here(load: Load) -> None:
    text = "site: G\nnetworks: {lan: 192.168.0.0/24, other: 10.0.0.0/24}\nfeeders: {F: {}}\n" + points(MASTER, SLAVE)
    (warning,) = load(text.replace("192.168.0.11", "10.0.0.11, network: other")).warnings
    assert "CP2 is unmanaged" in warning.message


def test_two_masters_of_one_id_are_refused(load: Load, problems: Problems) -> None:  # MEN-DLM-011
    text = "site: G\nfeeders: {F: {}}\n" + points(MASTER, MASTER)
    (problem,) = problems(text)
    assert (problem.line, problem.field) == (5, "devices.CP2.parameters.DLM Master/Slave")
    assert problem.message == "CP1 and CP2 are both DLM master of id 0 in network 'lan'."
    assert problem.allowed == "Allowed: one master for each id."
    networks = "networks: {lan: 192.168.0.0/24, other: 10.0.0.0/24}\n"
    assert load(networks + text.replace("192.168.0.12", "10.0.0.12, network: other")).warnings == ()


# what the plant can model


@pytest.mark.parametrize(
    ("fuse", "allowed"),
    [
        ("{rating_a: 15.9}", "Allowed: gG 16 to 400 A; B, C, D up to 125 A."),
        ("{rating_a: 401, type: gG}", "Allowed: gG 16 to 400 A; B, C, D up to 125 A."),
        ("{rating_a: 126, type: B}", "Allowed: gG 16 to 400 A; B, C, D up to 125 A."),
        ("{rating_a: 160, type: C}", "Allowed: gG 16 to 400 A; B, C, D up to 125 A."),
        ("{rating_a: 1000, type: D}", "Allowed: gG 16 to 400 A; B, C, D up to 125 A."),
    ],
)
@pytest.mark.parametrize("where", ["supply:\n  main_fuse: {}\n", "feeders:\n  F: {{fuse: {}}}\n"])
def test_a_fuse_that_the_plant_cannot_model_is_refused(problems: Problems, where: str, fuse: str, allowed: str) -> None:
    (problem,) = problems("site: P\n" + where.format(fuse))
    assert problem.line == 3
    assert problem.field in ("supply.main_fuse.rating_a", "feeders.F.fuse.rating_a")
    rating = fuse.strip("{}").split(",")[0].removeprefix("rating_a: ")
    kind = fuse.rpartition("type: ")[2].strip("}") if "type" in fuse else "gG"
    assert problem.message == f"the plant has no {kind} of {rating} A."
    assert problem.allowed == allowed


@pytest.mark.parametrize("fuse", ["16, type: gG", "400, type: gG", "0.5, type: B", "6, type: D", "125, type: C"])
def test_every_fuse_that_is_accepted_can_be_modelled(load: Load, fuse: str) -> None:
    found = load(f"site: P\nsupply: {{main_fuse: {{rating_a: {fuse}}}}}\n").supply.main_fuse
    assert found is not None
    assert FuseSpec(rating_a=found.rating_a, type=found.type, trip=found.trip).rating_a == found.rating_a


def test_points_without_load_management_are_nobody_s_business(load: Load) -> None:
    assert load("site: G\nfeeders: {F: {fuse: {rating_a: 63}}}\n" + points("", "", "")).warnings == ()


def test_an_id_over_two_fuses_is_a_warning(load: Load) -> None:
    text = "site: G\nfeeders: {F: {fuse: {rating_a: 63}}, F0: {fuse: {rating_a: 63}}}\n"
    text += points(f"{MASTER}, DLM Network Id: 1", SLAVE, MASTER, SLAVE)
    text = text.replace("F, address: 192.168.0.13", "F0, address: 192.168.0.13")
    text = text.replace("F, address: 192.168.0.14", "F0, address: 192.168.0.14")
    (warning,) = load(text).warnings
    assert (warning.line, warning.field) == (5, "devices.CP2.parameters.DLM Network Id")
    assert warning.message == "id and feeder differ: CP2 hangs on 'F', the others of id 0 on 'F0'."


def test_a_fuse_of_several_points_counts_also_where_it_carries_them_all(load: Load) -> None:
    text = "site: G\nfeeders: {F: {fuse: {rating_a: 100}}, F0: {fuse: {rating_a: 100}}}\n"
    text += points(MASTER, SLAVE, SLAVE, SLAVE, SLAVE)
    for host in (14, 15):
        text = text.replace(f"F, address: 192.168.0.{host}", f"F0, address: 192.168.0.{host}")
    assert [warning.field for warning in load(text).warnings] == [
        "devices.CP4.parameters.DLM Network Id",
        "devices.CP5.parameters.DLM Network Id",
    ]


def test_a_breaker_of_its_own_does_not_split_a_group(load: Load) -> None:
    text = "site: G\nfeeders: {F: {fuse: {rating_a: 63}}, Q1: {from: F, fuse: {rating_a: 40, type: C}}}\n" + points(
        MASTER, SLAVE
    )
    assert load(text.replace("F, address: 192.168.0.11", "Q1, address: 192.168.0.11")).warnings == ()


@pytest.mark.parametrize(
    ("parameter", "node"),
    [("EVSE Sub-Distribution Limit (L1/L2/L3) [A]", "F"), ("Main Distribution Limit (L1/L2/L3) [A]", "supply")],
)
def test_a_limit_above_its_fuse_is_a_warning(load: Load, parameter: str, node: str) -> None:
    text = "site: G\nsupply: {main_fuse: {rating_a: 100}}\nfeeders: {F: {fuse: {rating_a: 63}}}\n"
    meter = "External Meter Support: On, IP address of second meter: 192.168.0.20"
    meter += ", External Meter Location: Including EVSE Sub-Distribution"
    text += points(f"{MASTER}, {parameter}: 10/101/10, {meter}", SLAVE)
    text += "meters: {M2: {type: pac2200, address: 192.168.0.20, node: supply}}\n"
    (warning,) = load(text).warnings
    assert warning.field == f"devices.CP1.parameters.{parameter}"
    assert f"10/101/10 A is above the fuse of '{node}'" in warning.message


def test_a_group_has_at_most_100_points(load: Load, problems: Problems) -> None:
    text = "site: G\nfeeders: {F: {}}\n" + points(MASTER, *[SLAVE] * 99)
    assert len(load(text).charger_names()) == 100
    (problem,) = problems("site: G\nfeeders: {F: {}}\n" + points(MASTER, *[SLAVE] * 100))
    assert (problem.field, problem.message) == (
        "devices.CP101.parameters.DLM Network Id",
        "id 0 has 101 charging points.",
    )


# MENNEKES application note 3.2


def test_nobody_in_an_ecus_networks_has_an_address_of_its_service_ports(load: Load, problems: Problems) -> None:
    text = "site: N\nnetworks: {lan: 192.168.0.0/16, far: 192.168.0.0/16, m: 192.168.0.0/16}\nfeeders: {F: {}}\n"
    text += points("").replace("}}", "}, sim: {network: m, address: 192.168.124.1}}")
    meters = "meters:\n  M1: {type: pac2200, address: 192.168.123.20}\n"
    meters += "  M2: {type: pac2200, network: far, address: 192.168.123.20}\n"
    found = problems(text + meters)
    assert [(one.line, one.field) for one in found] == [(5, "devices.CP1.sim.address"), (7, "meters.M1.address")]
    assert found[1].message == "'192.168.123.20' lies in a service network of the ECU."
    assert found[1].allowed.startswith("Not allowed: 192.168.123.x, 192.168.124.x, 192.168.125.x (MENNEKES")
    assert (
        load("site: N\n" + meters.replace("network: far, ", "").replace("123.20}\n  M2", "123.21}\n  M2")).warnings
        == ()
    )


# names and tree


def test_feeders_in_a_circle_are_said_once(problems: Problems) -> None:
    (problem,) = problems("site: G\nfeeders:\n  F: {from: B}\n  B: {from: C}\n  C: {from: B}\n" + points(""))
    assert problem.message == "the feeders hang on each other: B -> C -> B."


def test_names_are_unique_and_supply_is_taken(problems: Problems) -> None:
    text = "site: G\nfeeders: {F: {}, supply: {}}\nloads: {x: {feeder: F}}\npv: {x: {feeder: F}}\n" + points("")
    found = problems(text + "meters: {CP1: {type: pac2200}}\n")
    assert [problem.field for problem in found] == ["feeders.supply", "pv.x", "meters.CP1"]
