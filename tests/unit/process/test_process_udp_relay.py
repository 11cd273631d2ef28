"""The UDP relay's core: who hears whom, how memberships end, and what becomes of garbage."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hil.process import udp_relay
from hil.process.udp_relay import EXPIRES_S, LARGEST_PAYLOAD, MOST_MEMBERS, Data, Joined, Relay, from_relay

TOKEN = "secret"
A, B, C = (("10.0.1.2", 40001), ("10.0.1.3", 40002), ("10.0.1.4", 40003))


@pytest.fixture
def relay() -> Relay:
    """Return a relay of which A and B are members, in one LAN and port."""
    one = Relay(TOKEN)
    for member in (A, B):
        ((answer, where),) = one.receive(udp_relay.join("lan", 9000, TOKEN), member, 0.0)
        assert (from_relay(answer), where) == (Joined(), member)
    return one


def heard(relay: Relay, sender: udp_relay.Address, payload: bytes = b"who?", now_s: float = 1.0) -> set[str]:
    """Return who hears a payload."""
    sent = relay.receive(udp_relay.data(payload), sender, now_s)
    assert all(from_relay(datagram) == Data(sender[0], payload) for datagram, _ in sent)
    return {where[0] for _, where in sent}


def test_all_others_of_the_lan_and_port_hear_a_member(relay: Relay) -> None:
    relay.receive(udp_relay.join("lan", 9000, TOKEN), C, 0.0)
    assert heard(relay, A) == {B[0], C[0]}
    assert heard(relay, C) == {A[0], B[0]}


@pytest.mark.parametrize(("lan", "port"), [("office", 9000), ("lan", 9001)])
def test_another_lan_or_port_is_another_group(relay: Relay, lan: str, port: int) -> None:
    relay.receive(udp_relay.join(lan, port, TOKEN), C, 0.0)
    assert heard(relay, C) == set()
    assert heard(relay, A) == {B[0]}
    relay.receive(udp_relay.join(lan, port, TOKEN), B, 0.0)  # it moves
    assert (heard(relay, A), heard(relay, B)) == (set(), {C[0]})


def test_a_membership_ends_unless_it_is_renewed(relay: Relay) -> None:
    relay.receive(udp_relay.join("lan", 9000, TOKEN), A, EXPIRES_S / 2)
    assert heard(relay, A, now_s=EXPIRES_S) == set()
    assert (relay.members, relay.counts["expired"]) == (1, 1)
    assert heard(relay, B, now_s=EXPIRES_S) == set()
    assert relay.counts["stranger"] == 1


def test_who_leaves_hears_nothing(relay: Relay) -> None:
    relay.receive(udp_relay.leave(), B, 1.0)
    assert heard(relay, A) == set()
    assert relay.counts["left"] == 1


@pytest.mark.parametrize(
    ("datagram", "sender", "counted"),
    [
        (b"", A, "garbage"),
        (b"GET / HTTP/1.1\r\n", A, "garbage"),
        (b"HILR\x01", A, "garbage"),
        (b"HILR\x02J", A, "garbage"),
        (b"HILR\x01X", A, "garbage"),
        (b"HILR\x01J\x00\x00\x03lansecret", C, "garbage"),  # port 0
        (b"HILR\x01J\x00\x09\x00secret", C, "garbage"),  # a LAN without a name
        (b"HILR\x01J\x00\x09\x40lan", C, "garbage"),  # shorter than it says
        (b"HILR\x01J\x00\x09\xff" + b"n" * 255 + b"secret", C, "garbage"),
        (udp_relay.join("lan", 9000, "guessed"), C, "wrong token"),
        (udp_relay.join("lan", 9000, ""), C, "wrong token"),
        (udp_relay.data(b"x"), C, "stranger"),
        (udp_relay.leave(), C, "garbage"),
        (udp_relay.data(bytes(LARGEST_PAYLOAD + 1)), A, "too large"),
    ],
)
def test_what_is_wrong_is_dropped_and_counted_and_never_answered(
    relay: Relay, datagram: bytes, sender: udp_relay.Address, counted: str
) -> None:
    assert relay.receive(datagram, sender, 1.0) == []
    assert relay.counts[counted] == 1
    assert heard(relay, A) == {B[0]}


def test_there_are_only_so_many_members() -> None:
    relay = Relay(TOKEN)
    joins = [relay.receive(udp_relay.join("lan", 1, TOKEN), ("10.0.0.1", port), 0.0) for port in range(2000)]
    assert sum(map(bool, joins)) == relay.members == MOST_MEMBERS
    assert relay.counts["full"] == 2000 - MOST_MEMBERS
    assert relay.receive(udp_relay.join("lan", 1, TOKEN), ("10.0.0.1", 0), 1.0)  # members may renew
    assert relay.receive(udp_relay.join("lan", 1, TOKEN), ("10.0.0.2", 1), EXPIRES_S)  # and there is room again
    assert relay.members == 2


def test_a_name_that_no_relay_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 63 octets"):
        udp_relay.join("n" * 64, 9000, TOKEN)


@pytest.mark.parametrize("datagram", [b"", b"HILR\x01d\x0a\x00\x01", b"HILR\x01jx", udp_relay.data(b"x"), b"HILR\x01"])
def test_a_member_takes_nothing_else_from_a_relay(datagram: bytes) -> None:
    assert from_relay(datagram) is None


_ADDRESSES = st.tuples(st.ip_addresses(v=4, network="10.0.0.0/29").map(str), st.integers(1, 3))
_DATAGRAMS = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=80).map(lambda rest: b"HILR\x01" + rest),
    st.binary(max_size=40).map(udp_relay.data),
    st.builds(udp_relay.join, st.sampled_from(["lan", "office"]), st.integers(1, 2), st.just(TOKEN)),
    st.just(udp_relay.leave()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_DATAGRAMS, _ADDRESSES, st.floats(0, 15)), max_size=40))
@example([(b"HILR\x01J", ("10.0.0.1", 1), 0.0)])
def test_whatever_comes_is_counted_once_and_goes_to_members_only(
    events: list[tuple[bytes, udp_relay.Address, float]],
) -> None:
    relay, joined, now_s = Relay(TOKEN), set[udp_relay.Address](), 0.0
    for datagram, sender, step_s in events:
        now_s += step_s
        sent = relay.receive(datagram, sender, now_s)
        joined |= {where for answer, where in sent if from_relay(answer) == Joined()}
        assert {where for _, where in sent} <= joined
        assert all(
            ipaddress.ip_address(said.sender) == ipaddress.ip_address(sender[0]) and where != sender
            for answer, where in sent
            if isinstance(said := from_relay(answer), Data)
        )
    assert sum(relay.counts.values()) - relay.counts["expired"] == len(events)
    assert relay.members <= len(joined)
