"""Calls on one connection, without one: what a frame is taken for, and what may be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulators.kit.ocpp.wire.rpc import (
    DEEPEST,
    ERROR_CODES,
    REMEMBERED_IDS,
    Answered,
    Asked,
    CallError,
    Dropped,
    Failed,
    InvalidAnswer,
    MessageIds,
    OwnPayloadInvalid,
    Refusal,
    Rpc,
)

HEARTBEAT = '[2,"7","Heartbeat",{}]'
CONFIRMED = {"currentTime": "2026-06-01T06:00:00Z"}


def rpc(**settings: Any) -> Rpc:
    return Rpc(MessageIds("CP1"), **settings)


def test_a_call_and_its_answer() -> None:
    station, central = rpc(), rpc()
    frame = station.call("Heartbeat", {})
    assert frame == '[2,"CP1-1","Heartbeat",{}]'
    asked = central.receive(frame)
    assert asked == Asked("CP1-1", "Heartbeat", {})
    answer = central.answer("CP1-1", CONFIRMED)
    assert station.receive(answer) == Answered("Heartbeat", CONFIRMED)
    assert isinstance(station.receive(answer), Dropped)  # a second answer belongs to nothing


def test_one_call_is_outstanding() -> None:
    station = rpc()
    station.call("Heartbeat", {})
    with pytest.raises(RuntimeError, match="Heartbeat is not answered yet"):
        station.call("Heartbeat", {})
    station.give_up()
    assert json.loads(station.call("Heartbeat", {}))[1] == "CP1-2"
    assert isinstance(station.receive('[3,"CP1-1",{}]'), Dropped)  # too late


def test_ids_stay_short_and_are_never_used_twice() -> None:
    ids = MessageIds("a charge point with a very long name" * 2)
    found = [ids.next() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert max(map(len, found)) == 36


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("", "no JSON"),
        ("[2,", "no JSON"),
        ('[2,"7","Heartbeat",{"a":NaN}]', "NaN is no number"),
        ("1" * 5000, "no JSON"),
        ("{}", "no JSON array"),
        ("[]", "no JSON array"),
        ('"x"', "no JSON array"),
        ("[2]", "without a readable id"),
        ("[2,null]", "without a readable id"),
        ('[2,7,"Heartbeat",{}]', "without a readable id"),
        ('[2,"","Heartbeat",{}]', "without a readable id"),
        ('[5,"7",{}]', "unknown message type 5"),
        ('[true,"7",{}]', "unknown message type true"),
        ('["2","7","Heartbeat",{}]', "unknown message type '2'"),
        ('[3,"7",{}]', "an answer to no call of ours: '7'"),
        ("[3]", "an answer to no call of ours"),
        ('[4,"7","InternalError","",{}]', "an answer to no call of ours"),
        ("[" * 100_000, "nested too deep"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested deeper than 32"),
        ('[2,"7","DataTransfer",' + '{"a":' * DEEPEST + "1" + "}" * DEEPEST + "]", "nested deeper than 32"),
        ('[2,"\\ud800","Heartbeat",{}]', "half a surrogate"),
    ],
    ids=lambda text: text[:30],
)
def test_what_belongs_to_nothing_is_dropped(frame: str, why: str) -> None:
    decision = rpc().receive(frame)
    assert isinstance(decision, Dropped)
    assert why in decision.why


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"7"]', "FormationViolation"),
        ('[2,"7","Heartbeat"]', "FormationViolation"),
        ('[2,"7","Heartbeat",{},{}]', "FormationViolation"),
        ('[2,"7",5,{}]', "FormationViolation"),
        ('[2,"7","Heartbeat",[]]', "FormationViolation"),
        ('[2,"7","Heartbeat",null]', "FormationViolation"),
        (f'[2,"{"7" * 37}","Heartbeat",{{}}]', "FormationViolation"),
        ('[2,"7","Heartbeat",{"x":1}]', "FormationViolation"),
        ('[2,"7","heartbeat",{}]', "NotImplemented"),
        ('[2,"7","Authorize",{}]', "OccurenceConstraintViolation"),
        ('[2,"7","Authorize",{"idTag":5}]', "TypeConstraintViolation"),
        ('[2,"7","Reset",{"type":"Warm"}]', "PropertyConstraintViolation"),
        (
            '[2,"7","StartTransaction",{"connectorId":1e400,"idTag":"T","meterStart":0,"timestamp":""}]',
            "TypeConstraintViolation",
        ),
    ],
)
def test_a_wrong_call_gets_an_error(frame: str, code: str) -> None:
    decision = rpc().receive(frame)
    assert isinstance(decision, Refusal)
    kind, unique, found, description, details = json.loads(decision.text)
    assert (kind, unique, found, details) == (4, json.loads(frame)[1], code, {})
    assert 0 < len(description) <= 255
    assert found in ERROR_CODES


def test_an_id_is_answered_once() -> None:
    central = rpc()
    assert isinstance(central.receive(HEARTBEAT), Asked)
    assert isinstance(central.receive(HEARTBEAT), Dropped)  # while it is worked on
    central.answer("7", CONFIRMED)
    assert isinstance(central.receive(HEARTBEAT), Dropped)
    for number in range(REMEMBERED_IDS):
        assert isinstance(central.receive(f'[2,"n{number}","Heartbeat",{{}}]'), Asked)
    assert isinstance(central.receive(HEARTBEAT), Asked)  # long forgotten


@pytest.mark.parametrize(
    ("answer", "code", "is_invalid"),
    [
        ('[4,"CP1-1","NotSupported","no",{"a":1}]', "NotSupported", False),
        ('[4,"CP1-1","MadeUp","",{}]', "MadeUp", False),
        ('[4,"CP1-1"]', "GenericError", False),
        ('[4,"CP1-1",5,6,7]', "5", False),
        ('[3,"CP1-1"]', "FormationViolation", True),
        ('[3,"CP1-1",[]]', "FormationViolation", True),
        ('[3,"CP1-1",{}]', "OccurenceConstraintViolation", True),
        ('[3,"CP1-1",{"currentTime":5}]', "TypeConstraintViolation", True),
    ],
)
def test_a_call_fails_by_its_answer(answer: str, code: str, is_invalid: bool) -> None:
    station = rpc()
    station.call("Heartbeat", {})
    decision = station.receive(answer)
    assert isinstance(decision, Failed)
    assert decision.error.code == code
    assert isinstance(decision.error, InvalidAnswer) == is_invalid
    station.call("Heartbeat", {})  # the next one may go


def test_a_wrong_payload_of_our_own_is_a_bug() -> None:
    station = rpc()
    with pytest.raises(OwnPayloadInvalid, match="Authorize request: idTag: is missing"):
        station.call("Authorize", {})
    with pytest.raises(OwnPayloadInvalid, match="Autorize is no action"):
        station.call("Autorize", {})
    with pytest.raises(OwnPayloadInvalid, match="no JSON"):
        rpc(is_validating=False).call("Authorize", {"idTag": float("nan")})
    assert json.loads(station.call("Authorize", {}, is_checked=False))[3] == {}
    station.receive(HEARTBEAT)
    with pytest.raises(OwnPayloadInvalid, match="Heartbeat confirmation: currentTime: is missing"):
        station.answer("7", {})
    assert station.answer("7", CONFIRMED)  # it still waited


def test_an_answer_to_an_action_that_we_made_up_has_no_schema() -> None:
    central = rpc()
    central.call("Nonsense", {}, is_checked=False)
    assert central.receive('[3,"CP1-1",{"status":"Accepted"}]') == Answered("Nonsense", {"status": "Accepted"})


def test_a_refusal_of_our_own() -> None:
    central = rpc()
    central.receive(HEARTBEAT)
    found = json.loads(central.refuse("7", CallError("NotSupported", "x" * 300, {"a": 1})))
    assert found == [4, "7", "NotSupported", "x" * 255, {"a": 1}]


def test_without_validation_only_the_frame_counts() -> None:
    lenient = rpc(is_validating=False)
    assert isinstance(lenient.receive('[2,"7","Authorize",{"x":1}]'), Asked)
    assert isinstance(lenient.receive('[2,"8","Autorize",{}]'), Refusal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
FRAMES = st.one_of(
    st.text(),
    JSON.map(json.dumps),
    st.lists(JSON, max_size=6).map(lambda rest: json.dumps([2, "7", *rest])),
    st.lists(JSON, max_size=5).map(lambda rest: json.dumps([3, "CP1-1", *rest])),
    st.lists(JSON, max_size=5).map(lambda rest: json.dumps([4, "CP1-1", *rest])),
    st.builds(lambda payload: json.dumps([2, "7", "SetChargingProfile", payload]), st.dictionaries(st.text(), JSON)),
)


@given(FRAMES)
@example('[4,"CP1-1",{"a":1},[],"x",7]')
def test_no_frame_ends_it(frame: str) -> None:
    one = rpc()
    one.call("Heartbeat", {})
    decision = one.receive(frame)
    assert isinstance(decision, Asked | Answered | Failed | Refusal | Dropped)
    if not isinstance(decision, Answered | Failed):
        assert one.receive(f'[3,"CP1-1",{json.dumps(CONFIRMED)}]') == Answered("Heartbeat", CONFIRMED)
    assert isinstance(one.receive('[2,"another","Heartbeat",{}]'), Asked)
