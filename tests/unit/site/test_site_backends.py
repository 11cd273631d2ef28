"""What the site check says of ways to a backend."""

from __future__ import annotations

import re

import pytest

from hil.errors import SiteFileError
from hil.run.session import build_site
from hil.site.backends import backend_link, route_of

GATEWAY, LAN = "mennekes/backend-gateway", "mennekes/backend-lan"
SETTING = "devices.{}.parameters.{}"
URL = "WebSockets JSON OCPP URL of the Backend"


def warnings(site: str, **changes: str) -> list[tuple[str, str]]:
    return [(one.field, one.message) for one in build_site(site, changes).warnings]


@pytest.mark.parametrize("site", [GATEWAY, LAN, "alfen/back-office", "alfen/back-office-alb"])
def test_the_shipped_sites_are_silent(site: str) -> None:
    assert warnings(site) == []


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"devices.CS1.sim": "null"}, "CS1.parameters.WAN-Router", "has no SIM card: nobody reaches"),
        (
            {SETTING.format("CS1", "Connection Type"): "Ethernet"},
            "CS1.parameters.Connection Type",
            "'Ethernet', but CS1",
        ),
        (
            {SETTING.format("CS2", "Static network configuration gateway"): "192.168.0.9"},
            "CS2.parameters.Static network configuration gateway",
            "CS2 does not reach its backend at 10.64.0.200",
        ),
        ({SETTING.format("CS2", "OCPP Mode"): "OCPP-S"}, "CS2.parameters.OCPP Mode", "CS2 cannot be used behind"),
        (
            {SETTING.format("CS2", "Static network configuration IP"): "null"},
            "CS2.parameters.Static network configuration IP",
            "none is entered: nobody finds it in its LAN.",
        ),
        ({SETTING.format("CS2", "Connection Type"): "GSM"}, "CS2.parameters.Connection Type", "CS2 has no SIM card"),
        (
            {SETTING.format("CS3", "Mode for ethernet configuration"): "DHCP server"},
            "CS3.parameters.Mode for ethernet configuration",
            "CS3 is DHCP server, but CS1 is the gateway",
        ),
        ({SETTING.format("CS2", URL): "http://10.64.0.200/ocpp"}, f"CS2.parameters.{URL}", "no address of a central"),
        ({SETTING.format("CS2", URL): "ws://[no/ocpp"}, f"CS2.parameters.{URL}", "is no address of a central system"),
        (
            {SETTING.format("CS2", URL): "ws://10.64.0.200:99999/"},
            f"CS2.parameters.{URL}",
            "is no address of a central",
        ),
        ({"public_networks": "[mobile]"}, f"CS1.parameters.{URL}", "CS1 sends all data readably, and without"),
    ],
)
def test_what_will_not_work_is_a_warning_with_its_field(change: dict[str, str], field: str, message: str) -> None:
    found = warnings(GATEWAY, **change)
    assert any(where == f"devices.{field}" and message in said for where, said in found), found


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        (
            {SETTING.format("CS2", "Static network configuration IP"): "192.168.0.9"},
            "parameters.Static network configuration IP",
            "'192.168.0.9', but the site has CS2 at 192.168.0.3.",
        ),
        (
            {"devices.CS2.variant": "AMTRON Professional", SETTING.format("CS2", "WAN-Router"): "Off"},
            "parameters.WAN-Router",
            "AMTRON Professional has no modem, and no menu Network > GSM.",
        ),
        (
            {"devices.CS2.variant": "AMTRON Professional", SETTING.format("CS2", "Connection Type"): "GSM"},
            "parameters.Connection Type",
            "'GSM', but AMTRON Professional has no modem.",
        ),
        (
            {"devices.CS2.variant": "AMTRON Professional", "devices.CS2.sim": "{network: mobile, address: 10.64.0.3}"},
            "sim",
            "AMTRON Professional has no modem to put it into.",
        ),
    ],
)
def test_what_a_station_cannot_have_is_an_error_with_its_field(
    change: dict[str, str], field: str, message: str
) -> None:
    with pytest.raises(SiteFileError) as caught:
        build_site(GATEWAY, change)
    assert (f"devices.CS2.{field}", message) in [(one.field, one.message) for one in caught.value.problems]


def test_two_gateways_in_one_network_are_an_error_with_line_and_field() -> None:
    with pytest.raises(SiteFileError) as caught:
        build_site(GATEWAY, {SETTING.format("CS2", "WAN-Router"): "On"})
    problem = next(one for one in caught.value.problems if one.field == "devices.CS2.parameters.WAN-Router")
    assert problem.line > 0
    assert problem.message == "CS1 and CS2 are both gateway charging point of network 'lan'."


@pytest.mark.parametrize(("server", "gateway"), [("CS1", "192.168.0.2"), ("CS3", "192.168.0.4")])
def test_a_dhcp_clients_gateway_is_its_networks_dhcp_server(server: str, gateway: str) -> None:
    mode = "Mode for ethernet configuration"
    changes = {
        SETTING.format(server, mode): "DHCP server",
        SETTING.format("CS2", mode): "Auto (DHCP client)",
        SETTING.format("CS2", "Static network configuration gateway"): "null",
    }
    site = build_site(GATEWAY, changes)
    assert route_of(site, site.devices["CS2"], site.devices["CS2"].parameter) == gateway
    said = [one.message for one in site.warnings if "CS2 does not reach" in one.message]
    assert bool(said) == (server == "CS3")


def test_two_gateways_in_two_networks_are_none() -> None:
    annex = {
        "networks.annex": "192.168.7.0/24",
        "devices.CS2.network": "annex",
        "devices.CS2.address": "192.168.7.3",
        "devices.CS2.sim": "{network: mobile, address: 10.64.0.3}",
        SETTING.format("CS2", "WAN-Router"): "On",
        SETTING.format("CS2", "Connection Type"): "GSM",
        SETTING.format("CS2", "Static network configuration gateway"): "null",
        SETTING.format("CS2", "Static network configuration IP"): "192.168.7.3",
    }
    assert build_site(GATEWAY, annex).warnings == ()


def test_a_family_without_a_gateway_reaches_its_own_network_only() -> None:
    url = "Back office URL"
    changes = {
        "networks": "{lan: 192.168.0.0/24, far: 10.0.0.0/24}",
        SETTING.format("CP1", url): "ws://10.0.0.7:8080/ocpp",
    }
    assert warnings("alfen/back-office", **changes) == [
        (
            f"devices.CP1.parameters.{url}",
            "CP1 does not reach its backend at 10.0.0.7, which is in another network.",
        )
    ]
    changes[SETTING.format("CP1", "Back office preset")] = "None"
    assert warnings("alfen/back-office", **changes) == []


@pytest.mark.parametrize(
    ("sim", "said"),
    [
        ("{network: mobile, address: 10.64.0.200}", "is used by backend and CS2"),
        ("{network: mobile, address: 10.65.0.3}", "outside the network 'mobile'"),
        ("{network: moble, address: 10.64.0.3}", "Did you mean 'mobile'?"),
        ("{network: mobile, address: 10.64.0.2}", "is used by CS1 and CS2"),
        ("{network: mobile}", "is missing"),
    ],
)
def test_a_sim_card_has_an_address_of_its_own_in_a_known_network(sim: str, said: str) -> None:
    with pytest.raises(SiteFileError, match=re.escape(said)):
        build_site(GATEWAY, {"devices.CS2.sim": sim})


def test_where_a_device_looks_for_its_backend() -> None:
    site = build_site(GATEWAY, {SETTING.format("CS2", "OCPP ChargeBoxIdentity (ChargePointID)"): "+49*839*1"})
    link = backend_link(site.devices["CS2"])
    assert link is not None
    assert (link.scheme, link.host, link.identity, link.network(site)) == ("ws", "10.64.0.200", "+49*839*1", "mobile")
    assert backend_link(build_site("mennekes/car-park", {}).devices["CP1"]) is None
    assert backend_link(build_site("alfen/alb-p1", {}).devices["CP1"]) is None


def test_a_load_profile_has_its_time_from_a_backend() -> None:
    profile = SETTING.format("CP1", "Maximum Current Scheduler")
    assert warnings("mennekes/car-park", **{profile: "0 64/64/64; 12 32/32/32"}) == [
        (profile, "CP1 has a load profile but no backend that sets its clock.")
    ]
    assert warnings("mennekes/backend-lan", **{profile: "0 64/64/64; 12 32/32/32"}) == []
