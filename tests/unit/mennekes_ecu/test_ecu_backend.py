"""What a backend changes in the ECU: its limits and permission, and the way its settings make to the backend."""

from __future__ import annotations

import random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.parameters import ParameterStore
from emulators.kit.pilot import PilotState
from emulators.kit.wan_router import Route
from emulators.mennekes_ecu.backend import KEYS, OPERATOR_KEYS, STATUS_NUMBERS, dhcp_of, gateway_of, way_to
from emulators.mennekes_ecu.device import LEDS, PARAMETERS
from emulators.mennekes_ecu.dhcp import Ack, Inform, decode
from emulators.mennekes_ecu.model import Binding, ChargingPoint

URL = "WebSockets JSON OCPP URL of the Backend"
LAN = {"Connection Type": "Ethernet", URL: "ws://192.168.0.200:8080/ocpp"}
UNADDRESSED = {"Mode for ethernet configuration": "Static"}
STATIC = {**UNADDRESSED, "Static network configuration IP": "192.168.0.11"}
GATEWAY = {**STATIC, "Static network configuration gateway": "192.168.0.2"}
MOBILE = {URL: "ws://10.64.0.200:8080/ocpp"}


class Neighbours:
    """A host that knows the LAN and the mobile network."""

    name = "CP1"
    rng = random.Random(1)

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        if not address.startswith(("192.168.0.", "10.64.0.")):
            raise ValueError(address)
        return address, port


HOST = cast(Host, Neighbours())


def store(**values: str) -> ParameterStore:
    return ParameterStore(PARAMETERS, {name: PARAMETERS[name].parse(text) for name, text in values.items()})


def config(mobile: str | None = None) -> DeviceConfig:
    return DeviceConfig(
        name="CP1", address="192.168.0.11", firmware="5.22", variant="", phase_order="L1L2L3", parameters={},
        mobile_address=mobile,
    )  # fmt: skip


def charging_point() -> ChargingPoint:
    point = ChargingPoint(store(**{"Installation Current Limit [A]": "32"}), now_ns=0, legacy=False)
    point.pilot_changed(0, PilotState.C, 32.0)
    point.advance_to(0)
    return point


def test_without_a_backend_everybody_may_charge() -> None:
    assert (charging_point().signalled_a, charging_point().permitted) == (32, True)


@pytest.mark.parametrize(
    ("profile_a", "signalled_a", "binding"),
    [
        (None, 32, Binding.INSTALLATION),
        (40.0, 32, Binding.INSTALLATION),
        (10.9, 10, Binding.PROFILE),
        (6.0, 6, Binding.PROFILE),
        (5.9, 0, Binding.PROFILE),
        (0.0, 0, Binding.PROFILE),
    ],
)
def test_a_profile_is_one_more_limit_in_whole_amperes(
    profile_a: float | None, signalled_a: int, binding: Binding
) -> None:
    point = charging_point()
    point.profile_a = profile_a
    point.advance_to(1)
    assert (point.signalled_a, point.binding) == (signalled_a, binding)


def test_who_is_not_permitted_is_available_nothing_and_the_contactor_opens() -> None:
    point = charging_point()
    assert point.contactor
    point.permitted = False
    point.advance_to(1)
    assert (point.signalled_a, point.binding, point.cap_a(1)) == (0, Binding.NOT_AUTHORISED, 0)
    point.advance_to(7_000_000_000)
    assert not point.contactor


@pytest.mark.parametrize(
    ("settings", "mobile", "text", "route"),
    [
        (LAN, None, "Ethernet", Route()),
        (LAN | STATIC, None, "Ethernet", Route()),
        (LAN | {URL: "wss://csms.example/ocpp"}, None, "Ethernet", Route()),
        (LAN | {URL: "ws://203.0.113.9/ocpp"}, None, "Ethernet", Route()),
        (LAN | MOBILE, None, "Ethernet, no gateway", None),
        (LAN | MOBILE | STATIC, None, "Ethernet, no gateway", None),
        (LAN | MOBILE | GATEWAY, None, "Ethernet, gateway 192.168.0.2", Route(gateway="192.168.0.2")),
        (LAN | GATEWAY, None, "Ethernet", Route()),  # a neighbour needs no gateway
        (LAN | MOBILE | {"Connection Type": "GSM"}, "10.64.0.11", "GSM", Route(source="10.64.0.11")),
        (LAN | MOBILE | {"Connection Type": "GSM"}, None, "no SIM card", None),
        (LAN | {URL: "ws://[no/ocpp"}, None, "Ethernet", Route()),
        (
            LAN | {"Static network configuration netmask": "255.0.255.0"},
            None,
            "Ethernet, 192.168.0.11 with netmask 255.0.255.0 is no address here",
            None,
        ),
        (LAN | UNADDRESSED, None, "Ethernet, nothing with netmask 255.255.255.0 is no address here", None),
        (
            LAN | MOBILE | GATEWAY | {"Static network configuration netmask": "255.255.255.248"},
            None,
            "Ethernet, gateway 192.168.0.2 is in another network",
            None,
        ),
        (LAN | {"Connection Type": "WLAN"}, None, "WLAN is not emulated", None),
        (LAN | {"OCPP Mode": "OCPP-S"}, None, "OCPP-S is not emulated", None),
    ],
)
def test_the_way_is_that_of_the_settings(
    settings: dict[str, str], mobile: str | None, text: str, route: Route | None
) -> None:
    way = way_to(store(**settings), config(mobile), HOST)
    assert (way.text, way.route) == (text, route)


@pytest.mark.parametrize(
    ("mode", "leased", "route"),
    [
        ("Auto (DHCP client)", "192.168.0.2", Route(gateway="192.168.0.2")),
        ("Auto (DHCP client)", "", None),
        ("Static", "192.168.0.2", None),  # its own setting counts, and that is empty
        ("DHCP server", "", None),
    ],
)
def test_a_dhcp_clients_gateway_is_the_leased_one(mode: str, leased: str, route: Route | None) -> None:
    settings = store(**LAN | MOBILE | {"Mode for ethernet configuration": mode})
    assert way_to(settings, config(), HOST, leased).route == route


@pytest.mark.parametrize(
    ("settings", "is_there"),
    [
        (LAN | MOBILE, True),
        (LAN, False),  # a neighbour needs no gateway
        ({}, False),
        (LAN | MOBILE | STATIC, False),
        ({"Mode for ethernet configuration": "DHCP server"}, True),
    ],
)
def test_dhcp_is_spoken_by_servers_and_by_those_who_need_a_gateway(settings: dict[str, str], is_there: bool) -> None:
    assert (dhcp_of(HOST, config(), store(**settings)) is not None) == is_there


@pytest.mark.parametrize("message", [Inform(7, "192.168.0.3"), Ack(2**32 - 1, "192.168.0.3", "192.168.0.2")])
def test_dhcp_messages_are_read_as_they_were_written(message: Inform | Ack) -> None:
    assert decode(message.encode()) == message


def test_an_answer_is_dhcps_own() -> None:
    text = Ack(0x01020304, "192.168.0.3", "192.168.0.2").encode()
    assert text[:8] == bytes([2, 1, 6, 0, 1, 2, 3, 4])  # BOOTREPLY, Ethernet, xid
    assert text[12:16] == bytes([192, 168, 0, 3])  # ciaddr
    assert text[236:240] == b"\x63\x82\x53\x63"
    assert bytes([53, 1, 5]) in text[240:]  # DHCPACK
    assert bytes([3, 4, 192, 168, 0, 2]) in text[240:]  # router
    assert text[-1] == 255


@given(st.binary(max_size=400), st.integers(min_value=0, max_value=400))
def test_any_datagram_is_read_or_ignored(data: bytes, cut: int) -> None:
    decode(data)
    good = Ack(7, "192.168.0.3", "192.168.0.2").encode()
    decode(good[:cut])
    decode(good[:240] + data)


@pytest.mark.parametrize(
    ("settings", "mobile", "forwards"),
    [
        ({"WAN-Router": "On", "Connection Type": "GSM"}, "10.64.0.2", True),
        ({"WAN-Router": "On", "Connection Type": "GSM"}, None, False),
        ({"WAN-Router": "On", "Connection Type": "Ethernet"}, "10.64.0.2", False),
        ({"WAN-Router": "Off", "Connection Type": "GSM"}, "10.64.0.2", False),
        ({"WAN-Router": "On", "Connection Type": "GSM"} | STATIC, "10.64.0.2", True),
        ({"WAN-Router": "On", "Connection Type": "GSM"} | UNADDRESSED, "10.64.0.2", False),
    ],
)
def test_a_gateway_has_a_modem_a_card_and_the_setting(
    settings: dict[str, str], mobile: str | None, forwards: bool
) -> None:
    assert (gateway_of(HOST, config(mobile), store(**settings)) is not None) == forwards


def test_each_state_has_its_number_and_its_light() -> None:
    assert sorted(STATUS_NUMBERS.values()) == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert set(STATUS_NUMBERS.values()) <= set(LEDS)


@pytest.mark.parametrize("firmware", ["5.12", "5.22", "5.33"])
def test_the_keys_are_those_of_the_sources(firmware: str) -> None:
    table = KeyTable.load(KEYS, firmware)
    assert table["ChargingScheduleAllowedChargingRateUnit"].default == "Current"
    assert table["ConnectionTimeOut"].default == "45"
    assert all((table[name].minimum, table[name].access) == (0, "RW") for name in OPERATOR_KEYS)
