"""A charger with two sockets in a site file: each with a feeder, a phase order and a cable of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulators.kit import family as kit
from emulators.kit.phases import PerPhase
from hil.cli import main
from hil.errors import Problem, ScenarioError
from hil.site import Site
from hil.site.schema import json_schema

Load = Callable[[str], Site]
Problems = Callable[[str], list[Problem]]

HEAD = """\
site: s
feeders: {F: {fuse: {rating_a: 63}}, G: {fuse: {rating_a: 63}}, H: {}}
devices:
  CP1:
    type: twin
    feeder: F
    address: 192.168.0.11
"""
MASTER = '{"DLM Master/Slave": DLM Master (With internal DLM-Slave)}'
SLAVE = '{"DLM Master/Slave": DLM Slave (Master-Auto-Discovery)}'


@pytest.fixture(autouse=True)
def twin(two_families: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a charger with two sockets, in a build with one phase too, and in one with one socket."""
    found = dict(kit.families())
    found["twin"] = replace(
        found["mennekes_ecu"], type="twin", variants=("double", "double-1p", "single"), single_phase=("double-1p",),
        sockets={"": 2, "single": 1},
    )  # fmt: skip
    monkeypatch.setattr(kit, "family_types", lambda: tuple(found))
    monkeypatch.setattr(kit, "family", found.__getitem__)


def test_sockets_are_alike_unless_said(load: Load) -> None:
    site = load(HEAD + "    phase_order: L2L3L1\n")
    assert list(site.outlets) == ["CP1/1", "CP1/2"]
    assert {(one.feeder, one.phase_order, one.cable_a) for one in site.outlets.values()} == {("F", "L2L3L1", None)}
    assert site.warnings == ()


def test_each_socket_says_where_it_differs(load: Load) -> None:
    site = load(HEAD + "    sockets:\n      - {}\n      - {feeder: G, phase_order: L3L1L2, cable_a: 20}\n")
    found = {one.name: (one.number, one.feeder, one.phase_order, one.cable_a) for one in site.outlets.values()}
    assert found == {"CP1/1": (1, "F", "L1L2L3", None), "CP1/2": (2, "G", "L3L1L2", 20)}
    assert [(one.number, one.phase_order, one.cable_a) for one in site.devices["CP1"].config().sockets] == [
        (1, "L1L2L3", None),
        (2, "L3L1L2", 20),
    ]
    assert [one.name for one in site.outlets_behind("G")] == ["CP1/2"]
    assert site.points_behind("F") == site.points_behind("G") == ("CP1",)
    assert site.require_outlet("CP1/2").feeder == "G"
    with pytest.raises(ScenarioError, match=r"CP1 has 2 sockets\. Say which: CP1/1, CP1/2\."):
        site.require_outlet("CP1")


def test_a_variant_with_one_socket_has_one(load: Load) -> None:
    assert list(load(HEAD + "    variant: single\n").outlets) == ["CP1"]


@pytest.mark.parametrize(
    ("sockets", "line", "field", "says"),
    [
        ("[{}]", 8, "sockets", "1 socket, but double has 2."),
        ("[{}, {}, {}]", 8, "sockets", "3 sockets, but double has 2."),
        ("2", 8, "sockets", "2 is no list."),
        ("\n    - {}\n    - {phase_order: L1L1L3}", 10, "sockets.2.phase_order", "'L1L1L3' uses L1 twice."),
        ("\n    - {feeder: J}\n    - {}", 9, "sockets.1.feeder", "there is no feeder 'J'."),
        ("\n    - {}\n    - {cable_a: 0}", 10, "sockets.2.cable_a", "0 is out of range."),
        ("\n    - {}\n    - {phases: L1}", 10, "sockets.2.phases", "there is no field 'phases' here."),
        ("\n    - {}\n    - 16", 10, "sockets.2", "16 is no mapping."),
    ],
)
def test_what_is_wrong_with_a_socket(problems: Problems, sockets: str, line: int, field: str, says: str) -> None:
    (problem,) = problems(HEAD + f"    sockets: {sockets}\n")
    assert (problem.line, problem.field) == (line, f"devices.CP1.{field}")
    assert says in problem.message


def test_each_socket_of_a_build_with_one_phase_hangs_on_one(load: Load, problems: Problems) -> None:
    one_phase = HEAD + "    variant: double-1p\n    phase_order: L1\n"
    assert load(one_phase + "    sockets:\n      - {}\n      - {phase_order: L2}\n").warnings == ()
    (problem,) = problems(one_phase + "    sockets:\n      - {}\n      - {phase_order: L2L3L1}\n")
    assert (problem.line, problem.field) == (12, "devices.CP1.sockets.2.phase_order")
    assert problem.message == "L2L3L1 is not possible with double-1p, which has one phase."
    (problem,) = problems(HEAD + "    variant: double-1p\n")  # said once for both
    assert problem.field == "devices.CP1.phase_order"


def test_a_cable_carries_every_socket(load: Load, problems: Problems) -> None:
    both = HEAD.replace("H: {}", "H: {cable_a: 63}").replace("feeder: F", "feeder: H")
    (problem,) = problems(both)
    assert problem.field == "feeders.H.cable_a"
    assert problem.message == "CP1 may draw 64 A together: 64 A > 63 A."
    assert problem.allowed.endswith("or a lower 'Installation Current Limit [A]' of the points.")
    one = both.replace("cable_a: 63", "cable_a: 31") + "    sockets:\n      - {feeder: F}\n      - {}\n"
    (problem,) = problems(one)
    assert problem.message == "CP1/2 may draw 32 A together: 32 A > 31 A."
    site = load(one.replace("cable_a: 31", "cable_a: 32"))
    assert site.full_capacity_a(site.outlets_behind("supply")) == PerPhase.all(64)


def test_sockets_on_different_phases_do_not_add(load: Load) -> None:
    text = HEAD.replace("H: {}", "H: {cable_a: 32}").replace("feeder: F", "feeder: H\n    variant: double-1p")
    assert load(text + "    sockets:\n      - {phase_order: L1}\n      - {phase_order: L2}\n").warnings == ()


METER = "meters:\n  M: {type: pac2200, address: 192.168.0.20, node: F, measures: including}\n"


def metered(location: str) -> str:
    return f"""    parameters:
      DLM Master/Slave: DLM Master (With internal DLM-Slave)
      External Meter Support: On
      IP address of second meter: 192.168.0.20
      External Meter Location: {location} EVSE Sub-Distribution
"""


def test_a_meter_before_one_of_two_sockets_measures_some(load: Load, problems: Problems) -> None:
    assert load(HEAD + metered("Including") + METER).warnings == ()
    split = HEAD + metered("Including") + "    sockets:\n      - {}\n      - {feeder: G}\n"
    found = [one.message for one in load(split + METER).warnings]
    assert any("but M at 'F' measures only some of CP1." in one for one in found)
    (problem,) = problems(split + METER.replace("including", "excluding"))
    assert problem.message == "'excluding', but CP1/1 hang behind 'F'."


def test_one_id_guards_one_fuse_for_each_socket(load: Load) -> None:
    others = "".join(
        f"  CP{n}: {{type: twin, feeder: F, address: 192.168.0.1{n}, parameters: {SLAVE}}}\n" for n in (2, 3)
    )
    own = f"    parameters: {MASTER}\n"
    assert load(HEAD + own + others).warnings == ()
    (warning,) = load(HEAD + own + "    sockets:\n      - {}\n      - {feeder: G}\n" + others).warnings
    # the breaker of its own does not count where it carries the socket's limit: G's fuse does, as nobody else's
    assert warning.field == "devices.CP1.parameters.DLM Network Id"
    assert warning.message.startswith("id and feeder differ: CP1/2 hangs on 'supply', the others of id 0 on 'F'.")


def test_a_breaker_for_both_sockets_of_one_charger_guards_itself(load: Load) -> None:
    text = (
        HEAD.replace("F: {fuse: {rating_a: 63}}", "F: {from: G, fuse: {rating_a: 80}}") + f"    parameters: {MASTER}\n"
    )
    text += f"  CP2: {{type: twin, feeder: G, address: 192.168.0.12, parameters: {SLAVE}}}\n"
    assert load(text).warnings == ()
    (warning,) = load(text.replace("rating_a: 80", "rating_a: 50")).warnings  # it does not carry 64 A
    assert "CP2 hangs on 'G', the others of id 0 on 'F'" in warning.message


def test_a_family_is_asked_once_for_a_site(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    found = dict(kit.families())

    def counted(site: Any, own: Any) -> Any:
        asked.append([one.name for one in own])
        return iter(())

    found["twin"] = replace(found["twin"], site_rules=counted)
    monkeypatch.setattr(kit, "family_types", lambda: tuple(found))
    monkeypatch.setattr(kit, "family", found.__getitem__)
    load(HEAD + "".join(f"  CP{n}: {{type: twin, feeder: F, address: 192.168.0.1{n}}}\n" for n in (2, 3)))
    assert asked == [["CP1", "CP2", "CP3"]]


def test_hil_check_counts_sockets_where_they_differ(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write(HEAD, "double.yaml")
    write(HEAD + "    variant: single\n", "single.yaml")
    assert main(["check", "double.yaml", "single.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "double.yaml: ok, 1 device, 2 sockets, 0 vehicles",
        "single.yaml: ok, 1 device, 0 vehicles",
    ]


def test_the_schema_knows_how_many_sockets_a_type_has() -> None:
    schema = json_schema()
    counts = {
        one["if"]["properties"]["type"]["const"]: one["then"]["properties"]["sockets"]
        for one in schema["$defs"]["DeviceSpec"]["allOf"]
    }
    assert counts == {"mennekes_ecu": {"minItems": 1, "maxItems": 1}, "twin": {"minItems": 1, "maxItems": 2}}
    assert set(schema["$defs"]["SocketSpec"]["properties"]) == {"feeder", "phase_order", "cable_a"}
