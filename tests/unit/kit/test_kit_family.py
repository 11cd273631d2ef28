"""Families are found by their folders, and keep their own promises."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import emulators
from emulators.kit.family import Family, UnknownFamily, families, family, family_types
from emulators.kit.registers import RegisterTable
from emulators.kit.site import BackendLink


def test_families_are_found_by_their_folders() -> None:
    assert {"mennekes_ecu", "pac2200"} <= set(families())
    assert tuple(families()) == family_types()
    assert all(one.type == name for name, one in families().items())
    assert all(family(name) is one for name, one in families().items())


def test_every_family_is_found_and_nothing_else() -> None:
    """The folder of a family is told by its device.py, without importing it."""
    folders = [one.name for one in pkgutil.iter_modules(emulators.__path__)]
    found = {name for name in folders if hasattr(importlib.import_module(f"emulators.{name}"), "FAMILY")}
    assert found == set(family_types())


def test_an_unknown_type_gets_the_nearest_and_all() -> None:
    with pytest.raises(
        UnknownFamily, match=r"no device type 'pac220'\. Did you mean 'pac2200'\? Known: .*mennekes_ecu"
    ):
        family("pac220")


@pytest.mark.parametrize("one", families().values(), ids=lambda one: one.type)
def test_a_familys_tables_have_sources(one: Family) -> None:
    assert one.role in ("charger", "meter", "backend")
    assert one.firmware and one.product
    assert all(row.source and row.menu for row in one.parameters.values())
    assert one.sheet.read_text(encoding="utf-8").count("\n## ") >= 3
    if one.registers is not None:
        assert all(row.source for row in RegisterTable.load(one.registers))


@pytest.mark.parametrize("one", families().values(), ids=lambda one: one.type)
def test_a_family_knows_the_parameters_that_place_its_server(one: Family) -> None:
    settings = {name: row.parse(row.default) for name, row in one.parameters.items()}
    for name, opening in one.modbus_switches.items():
        settings[name] = one.parameters[name].parse(min(opening, key=str))
    assert one.modbus_closed_by(settings.__getitem__) == ""
    assert one.modbus_port_with(settings.__getitem__) == one.modbus_port
    if one.modbus_port_parameter:
        assert one.modbus_port_with({**settings, one.modbus_port_parameter: 1502}.__getitem__) == 1502
    for switch in one.modbus_switches:
        closed = {**settings, switch: False}
        assert one.modbus_port_with(closed.__getitem__) is None
        assert repr(switch) in one.modbus_closed_by(closed.__getitem__)


@pytest.mark.parametrize("one", families().values(), ids=lambda one: one.type)
def test_a_family_says_where_its_currents_are_read(one: Family) -> None:
    needed = {"charger": {"signalled current", "charging current"}, "meter": {"meter current"}, "backend": set()}
    assert needed[one.role] <= set(one.observations)
    if one.role == "backend":
        return
    assert [len(names) for quantity, names in one.observations.items() if quantity != "signalled current"] in (
        [3],
        [3, 3],
    )
    if one.registers is not None:
        table = RegisterTable.load(one.registers).select(one.firmware[0], one.variants[0] if one.variants else "")
        for quantity, names in one.observations.items():
            allowed = {"W"} if quantity == "meter power" else {"A", "mA"}
            assert {table.named(name).unit_of_measure for name in names} <= allowed, quantity


@pytest.mark.parametrize("one", families().values(), ids=lambda one: one.type)
def test_a_familys_declarations_speak_of_its_own_parameters(one: Family) -> None:
    named = [name for name in (one.limit_parameter, one.modbus_port_parameter, one.api_token) if name]
    assert set(named) <= set(one.parameters)
    assert all("{}" in text for text in one.headline.values())
    settings = {name: row.parse(row.default) for name, row in one.parameters.items()}
    assert one.backend(settings.__getitem__) is None


@pytest.mark.parametrize(
    ("kind", "settings", "parameter", "password"),
    [
        (
            "mennekes_ecu",
            {
                "Connection Type": "Ethernet",
                "WebSockets JSON OCPP URL of the Backend": "wss://csms:443/ocpp",
                "OCPP ChargeBoxIdentity (ChargePointID)": "me",
                "HTTP Basic Authentication password": "secret",
            },
            "WebSockets JSON OCPP URL of the Backend",
            "secret",
        ),
        (
            "alfen_ng9xx",
            {
                "Back office preset": "Manual enter back office settings",
                "Back office URL": "wss://csms:443/ocpp",
                "Identity": "me",
            },
            "Back office URL",
            "",
        ),
    ],
)
def test_where_a_family_looks_for_its_backend(
    kind: str, settings: dict[str, str], parameter: str, password: str
) -> None:
    one = family(kind)
    known = {name: row.parse(row.default) for name, row in one.parameters.items()} | settings
    assert one.backend(known.__getitem__) == BackendLink(parameter, "wss", "csms", "me", password)
    switched_off = {"Connection Type": "No backend", "Back office preset": "None"}
    assert one.backend((known | switched_off).__getitem__) is None
