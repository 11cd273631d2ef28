"""Planted faults of the devices' ways to a backend, and of what they let it decide."""

from __future__ import annotations

from mutant import Check, Mutant

ROUTER = "emulators/kit/wan_router.py"
SHELL = "emulators/kit/ocpp/shell"
SITE = "hil/site/backends.py"
ECU = "emulators/mennekes_ecu"
ALFEN = "emulators/alfen_ng9xx"


def unit(path: str, test: str) -> tuple[Check, ...]:
    """Return a unit test."""
    return (Check(f"tests/unit/{path}.py", test),)


def suite(name: str, test: str) -> tuple[Check, ...]:
    """Return a Robot test."""
    return (Check(f"robot/suites/{name}.robot", test),)


MUTANTS_BACKEND = (
    Mutant(
        "a gateway's connections do not come from its modem",
        ROUTER,
        "local_addr=(source, 0)",
        "local_addr=None",
        unit("kit/test_kit_wan_router", "the_far_end_sees_the_modem"),
    ),
    Mutant(
        "a router closes both ways when one has ended",
        ROUTER,
        "        writer.write_eof()\n",
        "        writer.close()\n",
        unit("kit/test_kit_wan_router", "bytes_go_both_ways"),
    ),
    Mutant(
        "a router forwards for ever after it was stopped",
        ROUTER,
        "            client.cancel()\n",
        "            pass\n",
        unit("kit/test_kit_wan_router", "a_router_that_stops"),
    ),
    Mutant(
        "every point with a modem is a gateway",
        f"{ECU}/backend.py",
        'if not parameters.flag("WAN-Router") or not by_mobile',
        "if not by_mobile",
        unit("mennekes_ecu/test_ecu_backend", "a_gateway_has_a_modem"),
    ),
    Mutant(
        "a neighbour is reached through the gateway too",
        f"{ECU}/backend.py",
        "    if IPv4Address(backend) in own.network:\n",
        "    if IPv4Address(backend) not in own.network:\n",
        unit("mennekes_ecu/test_ecu_backend", "the_way_is_that_of_the_settings"),
    ),
    Mutant(
        "the ECU rounds a profile up",
        f"{ECU}/model.py",
        "int(self.profile_a)",
        "round(self.profile_a)",
        unit("mennekes_ecu/test_ecu_backend", "a_profile_is_one_more_limit"),
    ),
    Mutant(
        "the ECU charges without permission",
        f"{ECU}/model.py",
        "if not self.permitted:",
        "if self.permitted is None:",
        unit("mennekes_ecu/test_ecu_backend", "who_is_not_permitted"),
    ),
    Mutant(
        "the backend's keys do not limit the group",
        f"{ECU}/device.py",
        "for name in OPERATOR_KEYS)), min)",
        "for name in OPERATOR_KEYS)), max)",
        suite("mennekes/backend_charging", "The Backend Limits A Group By Its Master's Keys"),
    ),
    Mutant(
        "a vehicle without permission takes its share of the group",
        f"{ECU}/dlm_member.py",
        "connected=point.connected and point.permitted",
        "connected=point.connected",
        suite("mennekes/backend_lan", "Both Kinds Of Address Reach The Backend And Without The Router Nobody Does"),
    ),
    Mutant(
        "the Alfen station takes a profile for a little more",
        f"{ALFEN}/model.py",
        "limits[Binding.PROFILE] = self.profile_a",
        "limits[Binding.PROFILE] = self.profile_a + 0.1",
        unit("alfen_ng9xx/test_alfen_back_office", "a_profile_is_one_more_limit"),
    ),
    Mutant(
        "meter values are of the socket's conductors",
        f"{SHELL}/sockets.py",
        "current_a=to_grid(currents_a, order)",
        "current_a=currents_a",
        suite("mennekes/backend_charging", "Meter Values Are Of The Grid's Phases"),
    ),
    Mutant(
        "every connector shows the first socket's meter",
        f"{SHELL}/sockets.py",
        "self._wirings.get(connector)",
        "self._wirings.get(min(connector, 1))",
        (Check("tests/protocol/test_protocol_ocpp_connectors.py", "leaves_the_first_alone"),),
    ),
    Mutant(
        "an offer is told by the connector before it",
        f"{SHELL}/station.py",
        "self.point.offered(connector, current_a, self._host.now_ns())",
        "self.point.offered(1, current_a, self._host.now_ns())",
        (Check("tests/protocol/test_protocol_ocpp_connectors.py", "leaves_the_first_alone"),),
    ),
    Mutant(
        "a restart of its own is told as a loss of power",
        f"{SHELL}/station.py",
        "        if not self._is_rebooting:\n",
        "        if self._is_rebooting:\n",
        suite("mennekes/backend_charging", "A Transaction Ends With A Restart"),
    ),
    Mutant(
        "a site has one gateway, however many networks it has",
        f"{ECU}/site_backend.py",
        "first.setdefault(device.network, device.name)",
        'first.setdefault("", device.name)',
        unit("site/test_site_backends", "two_gateways_in_two_networks"),
    ),
    Mutant(
        "a password makes ws:// over a public network right",
        SITE,
        'if link.scheme != "ws" or',
        'if link.scheme != "ws" or link.password or',
        suite("mennekes/backend_lan", "A Password Does Not Encrypt"),
    ),
)
