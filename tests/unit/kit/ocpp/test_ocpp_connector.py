"""States of a connector: whatever happens, what is told keeps to the standard's table."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.kit.ocpp.point.connector import TRANSITIONS, Status

EVENTS = st.lists(
    st.sampled_from(
        [
            *("plug B", "plug C", "unplug", "offer 0", "offer 16", "card A", "card B", "wait"),
            *("fault", "heal", "inoperative", "operative", "reserve", "cancel", "remote stop"),
        ]
    ),
    max_size=30,
)


def happen(one: Any, event: str) -> None:
    match event.split():
        case ["plug", state]:
            one.pilot(state)
        case ["unplug"]:
            one.pilot("A")
        case ["offer", current_a]:
            one.offer(float(current_a))
        case ["card", tag]:
            one.card(tag)
        case ["wait"]:
            one.wait(40)
        case ["fault"]:
            one.point.fault(1, "GroundFailure", one.now_ns)
            one.settle()
        case ["heal"]:
            one.point.fault(1, None, one.now_ns)
            one.settle()
        case ["inoperative" | "operative" as kind]:
            one.command("ChangeAvailability", connectorId=1, type=kind.capitalize())
        case ["reserve"]:
            fields = {"connectorId": 1, "idTag": "A", "reservationId": 1, "expiryDate": "2026-06-02T00:00:00Z"}
            one.command("ReserveNow", **fields)
        case ["cancel"]:
            one.command("CancelReservation", reservationId=1)
        case ["remote", "stop"]:
            one.command("RemoteStopTransaction", transactionId=one.transaction_id)


@settings(max_examples=400)
@given(events=EVENTS, stops=st.booleans())
def test_every_state_follows_from_the_one_before(make_desk: Any, events: list[str], stops: bool) -> None:
    keys = {"StopTransactionOnEVSideDisconnect": str(stops).lower()}
    one = make_desk(settings=keys).connect()
    for event in events:
        happen(one, event)
        states = [Status(state) for state in one.states()]
        assert states[-1] == one.point.status(1), "the last state that was told is the present one"
        for before, after in pairwise(states):
            assert after in TRANSITIONS[before] or after is before, f"{before} -> {after}"


def test_the_table_is_the_standards() -> None:
    """Spot checks of 4.9: what a transaction in a connector that is prepared may become, and the end of each."""
    assert TRANSITIONS[Status.PREPARING] == set(Status) - {Status.PREPARING, Status.RESERVED, Status.UNAVAILABLE}
    assert Status.AVAILABLE in TRANSITIONS[Status.FINISHING]
    assert Status.CHARGING not in TRANSITIONS[Status.RESERVED]
