"""What a right site means: types, anchors, includes, profiles, names, hash."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from emulators.ev.model import VehicleTraits
from emulators.kit.phases import PerPhase
from hil.errors import ScenarioError, SiteFileError
from hil.site import DeviceSpec, MeterSpec, Site, VehicleSpec, duration_ns, load_site, vehicle_presets

Load = Callable[[str], Site]
Write = Callable[..., Path]
S = 1_000_000_000

CAR_PARK = """
site: car-park
epoch: 2026-06-01T06:00:00+02:00
supply:  {voltage_v: 231, main_fuse: {rating_a: 160, type: gG}}
feeders:
  F3: {from: supply, fuse: {rating_a: 100, type: C}, cable_a: 100}
devices:
  CP1: &point
    type: mennekes_ecu
    feeder: F3
    phase_order: L2L3L1
    address: 192.168.0.11
    parameters:
      DLM Master/Slave: DLM Master (With internal DLM-Slave)
      EVSE Sub-Distribution Limit (L1/L2/L3) [A]: 100/90/80
      Installation Current Limit [A]: 16
      External Meter Support: Off
  CP2: {<<: *point, address: 192.168.0.12, parameters: {DLM Master/Slave: DLM Slave (Master-Auto-Discovery)}}
meters:
  M1: {type: pac2200, address: 192.168.0.20, variant: 7KM2200-2EA30-1JA1, contacts: {digital_input: false}}
"""


def test_values_are_typed(load: Load) -> None:
    site = load(CAR_PARK)
    assert (site.name, site.charger_names()) == ("car-park", ("CP1", "CP2"))
    assert site.epoch == datetime(2026, 6, 1, 4, tzinfo=UTC)
    assert site.supply.main_fuse is not None
    assert (site.supply.voltage_v, site.supply.main_fuse.trip) == (231, "earliest")
    feeder = site.feeders["F3"]
    assert (feeder.name, feeder.from_, feeder.cable_a, feeder.fuse and feeder.fuse.type) == ("F3", "supply", 100, "C")
    config = site.devices["CP1"].config()
    assert (config.name, config.address, config.phase_order) == ("CP1", "192.168.0.11", "L2L3L1")
    assert (config.firmware, config.variant) == ("5.22.0", "")
    assert config.parameters == {
        "DLM Master/Slave": "DLM Master (With internal DLM-Slave)",
        "EVSE Sub-Distribution Limit (L1/L2/L3) [A]": PerPhase(100, 90, 80),
        "Installation Current Limit [A]": 16,
        "External Meter Support": False,
    }
    meter = site.meters["M1"]
    assert (meter.node, meter.measures, dict(meter.contacts)) == ("supply", None, {"digital_input": False})
    assert meter.config().variant == "7KM2200-2EA30-1JA1"
    assert str(site.networks["lan"]) == "192.168.0.0/24"
    assert [one.phase_order for one in site.devices["CP1"].outlets] == ["L2L3L1"]


def test_a_merge_replaces_nested_parameters_as_a_whole(load: Load) -> None:
    """As YAML does: CP2 keeps the family's limit of 32 A, not CP1's 16 A."""
    site = load(CAR_PARK)
    assert dict(site.devices["CP2"].parameters) == {"DLM Master/Slave": "DLM Slave (Master-Auto-Discovery)"}
    assert site.devices["CP2"].parameter("Installation Current Limit [A]") == 32
    assert site.devices["CP2"].parameter("No Such Thing") is None
    assert site.devices["CP2"].phase_order == "L2L3L1"


def test_an_own_key_wins_over_a_merge_and_the_first_merge_over_the_second(load: Load) -> None:
    site = load(
        """
        site: s
        x-a: &a {phases: 1, max_current_a: 10}
        x-b: &b {phases: 2, max_current_a: 20, min_hold_a: 7}
        vehicles:
          EV: {<<: [*a, *b], max_current_a: 30}
        """
    )
    vehicle = site.vehicles["EV"]
    assert (vehicle.phases, vehicle.max_current_a, vehicle.min_hold_a) == (1, 30, 7)


def test_a_version_is_a_text(load: Load) -> None:
    """5.10 is not the number 5.1."""
    site = load("site: s\ndevices: {X: {type: mennekes_ecu, feeder: supply, firmware: 5.10}}\n")
    assert site.devices["X"].config().firmware == "5.10"


def test_lines_lead_back_to_the_file(load: Load) -> None:
    site = load(CAR_PARK)
    assert (site.lines["devices.CP1"].file, site.lines["devices.CP1"].line) == ("site.yaml", 7)
    assert site.lines["devices.CP2.feeder"].line == 9  # where the anchor says it
    assert site.lines["devices.CP2.address"].line == 17


def test_a_site_cannot_be_changed(load: Load) -> None:
    site = load(CAR_PARK)
    with pytest.raises(ValidationError):
        site.name = "other"  # type: ignore[misc]


def test_the_tree(load: Load) -> None:
    site = load("site: s\nfeeders: {A: {}, B: {from: A}, C: {}}\ndevices: {X: {type: mennekes_ecu, feeder: B}}\n")
    assert site.upstream("B") == ("B", "A", "supply")
    assert [site.points_behind(node) for node in ("A", "B", "C", "supply")] == [("X",), ("X",), (), ("X",)]


@pytest.mark.parametrize(
    ("written", "profile"),
    [
        ("current_a: 16", [(0, PerPhase.all(16))]),
        ("current_a: 1/2.5/3", [(0, PerPhase(1, 2.5, 3))]),
        ("current_a: [1, 2, 3]", [(0, PerPhase(1, 2, 3))]),
        ("csv: data/house.csv", [(0, PerPhase(1, 2, 3)), (500_000_000, PerPhase(0, 0, 4.5))]),
        (
            "current_a: [{at: 10 min, current_a: 16}, {at: 1 h 30 min, current_a: 1/2/3}]",
            [(0, PerPhase.zero()), (600 * S, PerPhase.all(16)), (5400 * S, PerPhase(1, 2, 3))],
        ),
        ("current_a: [{at: 0, current_a: 4}]", [(0, PerPhase.all(4))]),
    ],
)
def test_currents_are_a_profile(load: Load, write: Write, written: str, profile: list[tuple[int, PerPhase]]) -> None:
    write("time_s,l1_a,l2_a,l3_a\n0,1,2,3\n0.5,0,0,4.5\n", "data/house.csv")
    site = load(
        f"site: s\nloads:\n  house: {{feeder: supply, {written}}}\npv:\n  roof: {{feeder: supply, {written}}}\n"
    )
    assert list(site.loads["house"].profile) == profile
    assert list(site.pv["roof"].profile) == profile


def test_a_load_that_says_nothing_draws_nothing(load: Load) -> None:
    assert load("site: s\nloads: {house: {feeder: supply}}").loads["house"].profile == ((0, PerPhase.zero()),)


@pytest.mark.parametrize(
    ("text", "ns"),
    [("90 s", 90 * S), ("10 min", 600 * S), ("1 h 30 min", 5400 * S), ("0.1s", S // 10), ("20 ms", S // 50), (0, 0)],
)
def test_durations_are_exact(text: object, ns: int) -> None:
    assert duration_ns(text) == ns


@pytest.mark.parametrize("text", ["10", 10, "ten min", "10 weeks", "-5 s", "", None, True, "5 s!", "min"])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError):
        duration_ns(text)


def test_the_site_s_trip_is_every_silent_fuse_s(load: Load) -> None:
    site = load(
        "site: s\ntrip: latest\nsupply: {main_fuse: {rating_a: 100}}\n"
        "feeders: {A: {fuse: {rating_a: 35}}, B: {fuse: {rating_a: 35, trip: typical}}}\n"
    )
    assert [fuse.trip for node in ("supply", "A", "B") if (fuse := site.fuse_at(node))] == [
        "latest",
        "latest",
        "typical",
    ]


def test_empty_sections_are_empty(load: Load) -> None:
    site = load("site: s\nsupply:\nfeeders:\ndevices:\nlinks:\n")
    assert (site.feeders, site.devices, site.links, site.supply.voltage_v) == ({}, {}, (), 230)


# vehicles


def test_vehicles_come_from_presets_and_words(load: Load) -> None:
    site = load(
        """
        site: s
        vehicles:
          EV1: zoe
          EV2: {preset: zoe, phases: 1, min_hold_a: 8, departure: 2 h}
          EV3: {phases: 2, battery: {capacity_kwh: 40, soc_pct: 55}, ramp_a_per_s: 4}
        """
    )
    zoe, short, own = site.vehicles.values()
    assert (zoe.name, zoe.phases, zoe.min_start_a, zoe.departure_ns) == ("EV1", 3, 13, None)
    assert (short.phases, short.min_start_a, short.min_hold_a, short.departure_ns) == (1, 13, 8, 7200 * S)
    traits = own.traits(voltage_v=231)
    assert traits.battery is not None
    assert (traits.phases, traits.ramp_up_a_per_s, traits.ramp_down_a_per_s, traits.voltage_v) == (2, 4, 4, 231)
    assert (traits.battery.capacity_kwh, traits.battery.soc_pct, traits.battery.knee_pct) == (40, 55, 80)


def test_every_preset_is_a_vehicle_with_a_source() -> None:
    presets = vehicle_presets()
    assert {"generic-3p-32A", "generic-3p-16A", "generic-1p-32A", "zoe"} <= set(presets)
    table = (Path(load_site.__code__.co_filename).parent / "vehicles.csv").read_text(encoding="utf-8")
    for line in table.splitlines()[1:]:
        preset, *_, source = line.split(",", 11)
        assert source.strip(), preset
        assert presets[preset].traits().max_current_a > 0
    assert presets["battery-3p-32A"].traits().battery is not None


def test_a_demand_is_said_once() -> None:
    with pytest.raises(ValidationError, match="'asks_for_a' and 'battery' both"):
        VehicleSpec.model_validate({"asks_for_a": 16, "battery": {"capacity_kwh": 40}})


# includes


def test_an_include_is_merged_and_the_including_file_wins(load: Load, write: Write) -> None:
    write(CAR_PARK, "base/car-park.yaml")
    site = load(
        """
        include: base/car-park
        site: derived
        supply: {main_fuse: {rating_a: 200}}
        devices:
          CP1: {parameters: {"Installation Current Limit [A]": 10}}
          CP2: null
        """
    )
    assert (site.name, site.charger_names()) == ("derived", ("CP1",))
    assert site.supply.main_fuse is not None
    assert (site.supply.main_fuse.rating_a, site.supply.main_fuse.type, site.supply.voltage_v) == (200, "gG", 231)
    assert site.devices["CP1"].parameters["Installation Current Limit [A]"] == 10
    assert site.devices["CP1"].parameters["External Meter Support"] is False
    assert (site.lines["devices.CP1.feeder"].file, site.lines["devices.CP1.feeder"].line) == ("base/car-park.yaml", 9)
    assert (site.lines["devices.CP1"].file, site.lines["devices.CP1"].line) == ("site.yaml", 5)


def test_an_including_file_takes_a_variant_and_a_firmware_out(load: Load, write: Write) -> None:
    """Their texts count as they are written, but null is no text."""
    write(
        "site: b\nmeters:\n  M1: {type: pac2200, address: 10.0.0.9, variant: 7KM2200-2EA40-1EA1, firmware: 3.2.2}\n",
        "base.yaml",
    )
    site = load("site: s\ninclude: base.yaml\nmeters: {M1: {variant: null, firmware: ~}}\n")
    assert (site.meters["M1"].variant, site.meters["M1"].firmware) == ("", "")
    assert site.meters["M1"].config().variant == "7KM2200-2EA30-1EA1"


def test_several_includes_and_a_csv_beside_the_included_file(load: Load, write: Write) -> None:
    write("feeders: {F1: {}}\nloads: {house: {feeder: F1, csv: house.csv}}\n", "parts/house.yaml")
    write("time_s,l1_a,l2_a,l3_a\n0,7,7,7\n", "parts/house.csv")
    write("feeders: {F1: {cable_a: 5}}\n", "parts/cable.yaml")
    site = load("site: s\ninclude: [parts/house.yaml, parts/cable.yaml]\n")
    assert site.loads["house"].profile == ((0, PerPhase.all(7)),)
    assert site.feeders["F1"].cable_a == 5


def test_a_problem_in_an_include_names_its_file_and_line(load: Load, write: Write) -> None:
    write("feeders:\n  F1: {from: supply}\n  F2: {from: F9}\n", "parts/tree.yaml")
    with pytest.raises(SiteFileError) as caught:
        load("site: s\ninclude: parts/tree.yaml\ntrip: soon\n")
    assert [(problem.file, problem.line, problem.field) for problem in caught.value.problems] == [
        ("site.yaml", 3, "trip"),
        ("parts/tree.yaml", 3, "feeders.F2.from"),
    ]


def test_includes_in_a_circle_are_refused(load: Load, write: Write) -> None:
    write("include: site.yaml\n", "other.yaml")
    with pytest.raises(SiteFileError, match=r"other\.yaml:1  include: 'site\.yaml' includes itself"):
        load("site: s\ninclude: other.yaml\n")


def test_two_files_may_include_the_same_third(load: Load, write: Write) -> None:
    write("feeders: {F1: {}}\n", "c.yaml")
    write("include: c.yaml\n", "a.yaml")
    write("include: c.yaml\n", "b.yaml")
    assert list(load("site: s\ninclude: [a.yaml, b.yaml]\n").feeders) == ["F1"]


# finding, names, hash


def test_sites_are_found_here_then_in_the_search_folders_then_shipped(write: Write, tmp_path: Path) -> None:
    write("site: mine\n", "mine.yaml")
    write("site: elsewhere\n", "shelf/elsewhere.yaml")
    assert load_site("mine").name == "mine"
    assert load_site(tmp_path / "mine.yaml").path == tmp_path / "mine.yaml"
    assert load_site("elsewhere", search=[tmp_path / "shelf"]).name == "elsewhere"
    assert load_site("mennekes/car-park.yaml").name == "car-park"
    write("site: own-car-park\n", "mennekes/car-park.yaml")
    assert load_site("mennekes/car-park").name == "own-car-park"


def test_an_unknown_site_names_the_nearest_and_all(write: Write) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_site("menekes/carpark.yaml")
    assert not isinstance(caught.value, SiteFileError)
    assert "there is no site 'menekes/carpark.yaml'. Did you mean 'mennekes/car-park'?" in str(caught.value)
    assert "mennekes/two-networks" in str(caught.value)


def test_required_names(load: Load) -> None:
    site = load(CAR_PARK + "loads: {house: {feeder: F3}}\n")
    assert isinstance(site.require("CP1"), DeviceSpec)
    assert isinstance(site.require("M1"), MeterSpec)
    assert site.require_parameter("CP1", "DLM Network Id").maximum == 255
    assert site.require_feeder("supply") == "supply"
    assert site.require_load("house").feeder == "F3"
    for call, says in (
        (lambda: site.require("CP3"), "site car-park: there is no device 'CP3'. Did you mean 'CP"),
        (lambda: site.require_charger("M1"), "there is no charging point 'M1'."),
        (lambda: site.require_feeder("F"), "there is no feeder 'F'. Did you mean 'F3'?"),
        (lambda: site.require_parameter("CP1", "DLM Network"), "Did you mean 'DLM Network Id'?"),
        (lambda: site.require_load("hose"), "Did you mean 'house'?"),
    ):
        with pytest.raises(ScenarioError) as caught:
            call()
        assert says in str(caught.value)


def test_missing_names_are_found_together(load: Load) -> None:
    site = load(CAR_PARK)
    site.validate_names(["CP1", "M1"], feeders=["F3"], parameters=[("CP2", "DLM Network Id")])
    with pytest.raises(ScenarioError) as caught:
        site.validate_names(["CP1", "CP9"], feeders=["F9"], parameters=[("CP2", "Colour"), ("CP9", "Colour")])
    assert [line.partition("there is no ")[2].split("'")[0].strip() for line in str(caught.value).splitlines()] == [
        "device", "feeder", "CP2 parameter",
    ]  # fmt: skip


def test_the_hash_is_of_what_the_site_says(load: Load, write: Write) -> None:
    text = "site: s\nfeeders: {F: {cable_a: 50}}\nloads: {h: {feeder: F, current_a: 1}}\n"
    one = load(text).sha256
    assert one == load("# comment\n" + text.replace("cable_a: 50", "cable_a: 50.0")).sha256
    assert one != load(text.replace("50", "51")).sha256
    write("feeders: {F: {cable_a: 50}}\n", "part.yaml")
    included = "site: s\ninclude: part.yaml\nloads: {h: {feeder: F, current_a: 1}}\n"
    assert one == load(included).sha256
    write("feeders: {F: {cable_a: 49}}\n", "part.yaml")
    assert one != load(included).sha256


def test_a_profile_from_a_file_is_part_of_the_hash(load: Load, write: Write) -> None:
    text = "site: s\nloads: {h: {feeder: supply, csv: h.csv}}\n"
    write("time_s,l1_a,l2_a,l3_a\n0,1,1,1\n", "h.csv")
    one = load(text).sha256
    write("time_s,l1_a,l2_a,l3_a\n0,1,1,2\n", "h.csv")
    assert one != load(text).sha256
    assert json.loads(json.dumps(one)) == one


def test_a_vehicle_can_be_odd_or_faulty(load: Load) -> None:
    site = load(
        "site: V\nvehicles:\n"
        "  bad: {refuse_to_resume: true, ignores_duty_for_s: 20, overshoot_pct: 10, reaction_jitter_s: 1.5}\n"
        "  good: {}\n"
    )
    bad, good = site.vehicles["bad"].traits(), site.vehicles["good"].traits()
    odd = (bad.refuse_to_resume, bad.ignores_duty_for_s, bad.overshoot_pct, bad.reaction_jitter_s)
    assert odd == (True, 20, 10, 1.5)
    assert good == VehicleTraits()
