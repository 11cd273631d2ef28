"""Which addresses a device reaches without a gateway, and what an address of the bench stands for."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from hil.bench.addresses import Resolver, Translation, share_a_network

LAN, ANNEX, MOBILE = (IPv4Network(one) for one in ("192.168.0.0/24", "192.168.7.0/24", "10.64.0.0/24"))


@pytest.mark.parametrize(
    ("own", "address", "reached"),
    [
        (["192.168.0.2"], "192.168.0.254", True),
        (["192.168.7.4"], "192.168.0.2", False),
        (["192.168.0.2"], "10.64.0.200", False),
        (["192.168.0.2", "10.64.0.2"], "10.64.0.200", True),  # with a SIM card
        ([], "192.168.0.2", False),
        (["192.168.0.2"], "172.16.0.1", False),
    ],
)
def test_a_network_reaches_itself_only(own: list[str], address: str, reached: bool) -> None:
    assert share_a_network(address, own, [LAN, ANNEX, MOBILE]) == reached


def test_single_addresses_are_no_networks() -> None:
    exact, there = IPv4Network("192.168.0.3/32"), IPv4Network("10.1.0.0/24")
    assert Translation([(exact, IPv4Network("10.1.0.9/32")), (LAN, there)]).lans == [LAN]


def test_an_address_that_is_not_the_farms_stands_for_itself() -> None:
    resolver = Resolver({"lan": LAN, "mobile": MOBILE})
    try:
        assert resolver.site(resolver.local("10.64.0.2")) == "10.64.0.2"
        assert [resolver.site(one) for one in ("127.0.0.1", "203.0.113.7")] == ["127.0.0.1", "203.0.113.7"]
    finally:
        resolver.release()
