"""The shipped sites load without a word, and are what the application note describes."""

from __future__ import annotations

from typing import Any

import pytest

import hil.site.schema
from emulators.kit.phases import PerPhase
from hil.site import Site, load_site, shipped_sites
from hil.site.load import SHIPPED

ALFEN = ("alfen/alb-modbus-meter", "alfen/alb-p1", "alfen/back-office", "alfen/back-office-alb", "alfen/four-houses")
SITES = (
    "mennekes/apartment-excluding",
    "mennekes/apartment-including",
    "mennekes/backend-gateway",
    "mennekes/backend-lan",
    "mennekes/car-park",
    "mennekes/meter-eem-mb371",
    "mennekes/meter-excluding",
    "mennekes/meter-including",
    "mennekes/standalone-excluding",
    "mennekes/standalone-including",
    "mennekes/two-networks",
)


def per_phase(site: Site, charger: str, name: str) -> PerPhase:
    value = site.devices[charger].parameter(f"{name} (L1/L2/L3) [A]")
    assert isinstance(value, PerPhase)
    return value


def test_the_list_is_complete() -> None:
    assert shipped_sites() == [*ALFEN, *SITES]


@pytest.mark.parametrize("name", SITES)
def test_a_shipped_site_names_the_schema_for_editors(name: str) -> None:
    path = SHIPPED / f"{name}.yaml"
    key, _, schema = path.read_text(encoding="utf-8").splitlines()[0].partition("=")
    assert key == "# yaml-language-server: $schema"
    assert (path.parent / schema).resolve() == SHIPPED.parent / "schema.json"


@pytest.mark.parametrize("name", [name for name in SITES if "/backend-" not in name and "/meter-eem" not in name])
def test_a_shipped_site_is_right(two_families: None, name: str) -> None:
    site = load_site(name)
    assert site.name == name.removeprefix("mennekes/")
    assert site.warnings == ()
    assert "application note" in site.source


@pytest.mark.parametrize("name", [*ALFEN, *SITES])
def test_a_shipped_site_is_right_for_the_real_families(name: str) -> None:
    site = load_site(name)
    assert site.warnings == ()
    assert all(device.config().firmware for device in site.devices.values())


def test_car_park_is_6_1(two_families: None) -> None:
    site = load_site("mennekes/car-park")
    assert site.charger_names() == ("CP1", "CP2", "CP3", "CP4")
    assert [device.address for device in site.devices.values()] == [f"192.168.0.{host}" for host in (11, 12, 13, 14)]
    roles = [device.parameters["DLM Master/Slave"] for device in site.devices.values()]
    assert roles == ["DLM Master (With internal DLM-Slave)", *["DLM Slave (Master-Auto-Discovery)"] * 3]
    assert per_phase(site, "CP1", "EVSE Sub-Distribution Limit") == PerPhase.all(100)
    assert per_phase(site, "CP1", "Operator EVSE Sub-Distribution Limit") == PerPhase.all(100)
    assert {device.parameter("Installation Current Limit [A]") for device in site.devices.values()} == {32}
    assert {device.feeder for device in site.devices.values()} == {"F3"}
    fuses = [site.fuse_at(node) for node in ("F3", "supply")]
    assert [(fuse.rating_a, fuse.type) for fuse in fuses if fuse] == [(100, "gG"), (160, "gG")]


def test_two_networks_is_6_2(two_families: None) -> None:
    """MEN-SUB-018: two feeders, each with its own fuse and its own group."""
    site = load_site("mennekes/two-networks")
    assert set(site.feeders) == {"F_ID1", "F_ID0"}
    found = {
        name: (device.feeder, device.parameter("DLM Network Id"), str(device.parameter("DLM Master/Slave"))[:10])
        for name, device in site.devices.items()
    }
    assert found == {
        "CP1": ("F_ID1", 1, "DLM Master"),
        "CP2": ("F_ID1", 1, "DLM Slave "),
        "CP3": ("F_ID0", 0, "DLM Master"),
        "CP4": ("F_ID0", 0, "DLM Slave "),
    }
    assert per_phase(site, "CP3", "Operator EVSE Sub-Distribution Limit") == PerPhase.all(100)
    assert len({device.network for device in site.devices.values()}) == 1


@pytest.mark.parametrize(
    ("name", "protocol", "meter"),
    [(ALFEN[0], "Modbus TCP/IP", "countis_e27"), (ALFEN[1], "DSMR4.x/SMR5.0 (P1)", "dsmr_p1")],
)
def test_alfen_sites_are_5_1_4_3(name: str, protocol: str, meter: str) -> None:
    """The grid's meter sees house, PV and station; the limit is below the station's own, so that it can bind."""
    site = load_site(name)
    point, (one,) = site.devices["CP1"], site.meters.values()
    assert point.parameter("Protocol Selection") == protocol
    assert (one.type, one.node, one.measures) == (meter, "supply", "including")
    assert point.parameter("Received Measurements") == "Include charging EV"
    assert (point.parameter("Maximum smart meter current (A)"), point.parameter("Connector 1 max current")) == (25, 32)
    if one.address is not None:
        assert (point.parameter("IP address"), point.parameter("Slave address")) == (one.address, 5)
    assert site.loads["house"].feeder == site.pv["roof"].feeder == "H1"
    assert "Alfen smart charging implementation guide" in site.source


@pytest.mark.parametrize(
    ("building", "chargers", "limit_a", "main_a", "meters"),
    [("meter", 4, 100, 100, {"M2"}), ("apartment", 3, 100, 100, {"M1", "M2"}), ("standalone", 1, 32, 35, {"M1", "M2"})],
)
@pytest.mark.parametrize("option", ["excluding", "including"])
def test_metered_sites_are_6_3(  # noqa: PLR0917
    two_families: None, building: str, chargers: int, limit_a: int, main_a: int, meters: set[str], option: str
) -> None:
    site = load_site(f"mennekes/{building}-{option}")
    assert len(site.charger_names()) == chargers
    assert set(site.meters) == meters
    assert per_phase(site, "CP1", "EVSE Sub-Distribution Limit") == PerPhase.all(limit_a)
    assert per_phase(site, "CP1", "Operator EVSE Sub-Distribution Limit") == PerPhase.all(limit_a)
    assert per_phase(site, "CP1", "Main Distribution Limit") == PerPhase.all(main_a)
    assert site.supply.main_fuse is not None
    assert (site.supply.main_fuse.rating_a, site.supply.main_fuse.type) == (main_a, "gG")
    master, m2 = site.devices["CP1"], site.meters["M2"]
    assert master.parameter("External Meter Support") is True
    assert master.parameter("External Meter Location") == f"{option.capitalize()} EVSE Sub-Distribution"
    assert master.parameter("IP address of second meter") == m2.address == "192.168.0.20"
    assert master.parameter("Port number of Second Meter") == 502
    assert (m2.node, m2.measures) == ({"excluding": "F2", "including": "supply"}[option], option)
    assert site.loads["house"].feeder == "F2"
    assert bool(site.points_behind(m2.node)) is (option == "including")
    if "M1" in meters:
        assert (site.meters["M1"].node, site.meters["M1"].address) == ("supply", "192.168.0.21")


def test_the_other_meter_of_6_3_stands_in_the_place_of_the_first() -> None:
    site, first = load_site("mennekes/meter-eem-mb371"), load_site("mennekes/meter-excluding")
    meter, other = site.meters["M2"], first.meters["M2"]
    assert (meter.type, meter.variant, meter.contacts) == ("eem_mb371", "", {})
    assert (meter.node, meter.address, meter.measures) == (other.node, other.address, other.measures)
    kind = "Meter configuration (Second)"
    assert site.devices["CP1"].parameters[kind] == "Modbus Phoenix EEM-MB371 (TCP)"
    assert site.devices["CP1"].parameters | {kind: ""} == first.devices["CP1"].parameters | {kind: ""}


def test_the_schema_knows_types_and_parameters(two_families: None) -> None:
    parts: dict[str, Any] = hil.site.schema.json_schema()["$defs"]
    device = parts["DeviceSpec"]
    assert device["properties"]["type"] == {"enum": ["mennekes_ecu"]}
    then = device["allOf"][0]["then"]["properties"]
    limit = then["parameters"]["properties"]["Installation Current Limit [A]"]
    assert (limit["type"], limit["minimum"], limit["maximum"]) == ("integer", 6, 80)
    assert "DLM Slave (Master-Auto-Discovery)" in then["parameters"]["properties"]["DLM Master/Slave"]["enum"]
    assert parts["MeterSpec"]["properties"]["type"] == {"enum": ["pac2200"]}
    assert "from" in parts["Feeder"]["properties"]
    assert "departure" in parts["VehicleSpec"]["properties"]
