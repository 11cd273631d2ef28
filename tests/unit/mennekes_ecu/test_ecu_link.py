"""DLM telegrams: what is sent is received, and nothing else gets through."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.phases import PHASE_ORDERS, PerPhase
from emulators.mennekes_ecu.dlm import MemberReport
from emulators.mennekes_ecu.dlm_link import (
    MAX_BYTES,
    Beacon,
    Grant,
    NotATelegram,
    SlaveReport,
    Telegram,
    decode,
    encode,
)

network = st.integers(0, 255)
amperes = st.integers(0, 9999)
name = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=20)
current = st.floats(-9999, 9999).map(lambda value: round(value, 3))
reports = st.builds(
    MemberReport,
    name=name,
    connected=st.booleans(),
    charging=st.booleans(),
    cap_a=amperes,
    offered_a=amperes,
    disconnected_a=amperes,
    order=st.sampled_from(PHASE_ORDERS),
    currents_a=st.builds(PerPhase, current, current, current),
)
telegrams = st.one_of(
    st.builds(Beacon, network, name),
    st.builds(Grant, network, name, amperes, st.booleans()),
    st.builds(SlaveReport, network, reports),
)


@given(telegrams)
def test_what_is_sent_is_received(telegram: Telegram) -> None:
    datagram = encode(telegram)
    assert len(datagram) <= MAX_BYTES
    assert decode(datagram) == telegram


@given(st.binary(max_size=MAX_BYTES + 10))
def test_random_bytes_are_no_telegram(datagram: bytes) -> None:
    with pytest.raises(NotATelegram):
        decode(datagram)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(telegrams, st.data())
def test_a_field_of_another_kind_is_refused_or_a_telegram(telegram: Telegram, data: st.DataObject) -> None:
    body = json.loads(encode(telegram))
    field = data.draw(st.sampled_from(sorted(body)))
    body[field] = data.draw(json_values)
    try:
        received = decode(json.dumps(body).encode())
    except NotATelegram:
        return
    assert encode(received)


@given(telegrams, st.data())
def test_a_missing_field_is_refused(telegram: Telegram, data: st.DataObject) -> None:
    body = json.loads(encode(telegram))
    del body[data.draw(st.sampled_from(sorted(body)))]
    with pytest.raises(NotATelegram):
        decode(json.dumps(body).encode())


BEACON = {"type": "beacon", "network": 1, "master": "CP1"}
REPORT = json.loads(
    encode(
        SlaveReport(
            1,
            MemberReport(
                name="CP2",
                connected=True,
                charging=True,
                cap_a=32,
                offered_a=16,
                disconnected_a=0,
                order="L1L2L3",
                currents_a=PerPhase.all(16.0),
            ),
        )
    )
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BEACON | {"type": "shout"}, id="unknown type"),
        pytest.param(BEACON | {"type": ["beacon"]}, id="type is a list"),
        pytest.param(BEACON | {"network": 256}, id="network too high"),
        pytest.param(BEACON | {"network": True}, id="true is no number"),
        pytest.param(BEACON | {"network": 1.0}, id="network is whole"),
        pytest.param(BEACON | {"master": ""}, id="no name"),
        pytest.param(BEACON | {"master": "\ud800"}, id="half a character: no trace could be written"),
        pytest.param(BEACON | {"master": "x" * MAX_BYTES}, id="too long"),
        pytest.param(REPORT | {"currents_a": [10**400, 0, 0]}, id="an integer that no float can hold"),
        pytest.param(REPORT | {"currents_a": [float("nan"), 0, 0]}, id="not a number"),
        pytest.param(REPORT | {"currents_a": [1e300, 0, 0]}, id="more than any wire carries"),
        pytest.param(REPORT | {"currents_a": [1, 2]}, id="two phases"),
        pytest.param(REPORT | {"order": "L1L1L3"}, id="no phase order"),
        pytest.param(REPORT | {"offered_a": -1}, id="negative offer"),
        pytest.param([], id="a list"),
        pytest.param(7, id="a number"),
    ],
)
def test_refused(body: object) -> None:
    with pytest.raises(NotATelegram):
        decode(json.dumps(body).encode())


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(NotATelegram):
        decode(b"[" * MAX_BYTES)
