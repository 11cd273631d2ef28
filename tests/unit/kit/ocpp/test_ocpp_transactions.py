"""Messages about transactions: kept, in order, at least once, whatever happens to the connection and the power."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point import transactions
from emulators.kit.ocpp.wire.timestamps import parse_utc

KEYS = {"MeterValueSampleInterval": "10", "AllowOfflineTxForUnknownId": "true", "TransactionMessageRetryInterval": "20"}
EPOCH = parse_utc("2026-06-01T06:00:00Z")
ABOUT = ("StartTransaction", "StopTransaction", "MeterValues")


def about(one: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(action, payload) for _, action, payload in one.sent if action in ABOUT]


def test_what_happens_without_the_backend_is_told_later_in_order(desk: Any) -> None:
    one = desk(settings=KEYS).cut().charge().wait(25)
    one.card("TAG").pilot("A").wait(5)
    one.charge("OTHER").forget()
    assert not one.sent
    one.connect()
    assert [action for action, _ in about(one)] == [
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
        "StartTransaction",
    ]
    ids = [payload.get("transactionId") for _, payload in about(one)]
    assert ids == [None, 101, 101, 101, None]
    assert about(one)[0][1]["timestamp"] == "2026-06-01T06:00:00Z"
    assert about(one)[4][1]["timestamp"] == "2026-06-01T06:00:30Z"


def test_states_and_cards_overtake_what_was_queued(desk: Any) -> None:
    one = desk(settings=KEYS, connectors=2).cut().charge().wait(100).forget()
    one.answers["StartTransaction"] = None
    one.connect()
    assert one.actions() == ["StartTransaction"]
    one.pilot("B", 2).card("NEXT", 2)
    one.answers.clear()
    one.give({"transactionId": 9, "idTagInfo": {"status": "Accepted"}})
    assert one.actions()[1] == "Authorize"
    assert [payload["connectorId"] for _, payload in about(one)][-1] == 2


def test_states_after_a_gap_go_in_their_turn(desk: Any) -> None:
    one = desk(settings=KEYS).cut().charge().wait(100).forget()
    one.connect()
    assert one.actions()[0] == "StartTransaction"
    assert one.states() == ["Charging"]


def test_a_message_that_fails_is_sent_again_with_growing_pauses_and_given_up(desk: Any) -> None:
    one = desk(settings={"TransactionMessageAttempts": "3", "TransactionMessageRetryInterval": "20"})
    one.answers["StartTransaction"] = RuntimeError
    one.charge().wait(300)
    starts = [at for at, action, _ in one.sent if action == "StartTransaction"]
    assert starts == [0.0, 20.0, 60.0]
    one.card("TAG")
    assert one.all("StopTransaction")[0]["transactionId"] == -1


def test_no_number_of_attempts_is_enough_where_it_is_0(desk: Any) -> None:
    one = desk(settings={"TransactionMessageRetryInterval": "1"})
    one.point.keys.fix("TransactionMessageAttempts", "0")
    one.answers["StartTransaction"] = RuntimeError
    one.charge().wait(1000)
    assert one.actions().count("StartTransaction") > 40
    one.answers.clear()
    one.wait(100).card("TAG")
    assert one.all("StopTransaction")[0]["transactionId"] == 101


def test_the_others_wait_behind_a_message_that_fails(desk: Any) -> None:
    one = desk(settings=KEYS | {"TransactionMessageAttempts": "2"})
    one.answers["StartTransaction"] = RuntimeError
    one.charge().wait(19)
    assert [action for action, _ in about(one)] == ["StartTransaction"]
    one.answers.clear()
    one.wait(1)
    assert [action for action, _ in about(one)] == ["StartTransaction"] * 2 + ["MeterValues"] * 2
    assert about(one)[2][1]["transactionId"] == 101


def test_a_cut_is_no_attempt(desk: Any) -> None:
    one = desk(settings={"TransactionMessageAttempts": "1"})
    one.answers["StartTransaction"] = None
    one.charge()
    for _ in range(5):
        one.cut().connect()
    assert one.actions().count("StartTransaction") == 6
    del one.answers["StartTransaction"]
    one.cut().connect().card("TAG")
    assert one.all("StopTransaction")[0]["transactionId"] == 101


def test_a_confirmation_that_is_wrong_is_a_failure(desk: Any) -> None:
    one = desk(settings={"TransactionMessageRetryInterval": "20"})
    wrong = {"status": "Accepted", "expiryDate": "soon"}
    one.answers["StartTransaction"] = {"transactionId": 4, "idTagInfo": wrong}
    one.charge().wait(10)
    del one.answers["StartTransaction"]
    one.wait(10).card("TAG")
    assert one.all("StopTransaction")[0]["transactionId"] == 101


def test_the_queue_outlives_a_restart(desk: Any) -> None:
    one = desk(settings=KEYS).cut().charge().wait(25).forget()
    one.restart()
    one.wait(1).connect()
    assert [action for action, _ in about(one)] == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
    assert about(one)[3][1]["transactionId"] == 101
    assert one.point.queue.as_json()["ids"] == []


def test_a_queue_that_gets_too_long_is_thinned_out(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety values without an answer to the start, which is under way all the time, and room for fifty messages."""
    assert transactions.LONGEST == 1000
    monkeypatch.setattr(transactions, "LONGEST", 50)
    one = desk(settings=KEYS)
    put = watch(one)
    one.answers["StartTransaction"] = None
    one.connect().charge()
    for _ in range(90):
        one.wait(10)
        assert len(one.point.queue) <= 50
    del one.answers["StartTransaction"]
    one.card("TAG").give({"transactionId": 9, "idTagInfo": {"status": "Accepted"}})
    assert [action for action, _ in put].count("MeterValues") == 90
    assert [action for action, _ in about(one) if action != "MeterValues"] == ["StartTransaction", "StopTransaction"]
    moments = [payload["meterValue"][0]["timestamp"] for action, payload in about(one) if action == "MeterValues"]
    seconds = [(parse_utc(moment) - EPOCH) // NS_PER_S for moment in moments]
    assert seconds == [*range(40, 490, 40), *range(510, 750, 20), *range(750, 910, 10)]
    assert not len(one.point.queue)


def test_starts_and_stops_are_never_thinned_out(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "LONGEST", 50)
    one = desk(settings=KEYS).cut()
    for _ in range(55):
        one.charge().card("TAG").pilot("A")
    assert len(one.point.queue) == 110
    one.connect()
    assert one.actions().count("StartTransaction") == one.actions().count("StopTransaction") == 55


EVENTS = st.lists(
    st.sampled_from(["plug", "card", "wait", "wait", "cut", "cut unanswered", "connect", "restart"]), max_size=40
)


@settings(max_examples=300)
@given(EVENTS)
def test_no_message_is_lost_whatever_happens(make_desk: Any, events: list[str]) -> None:
    """Random cuts, cuts between a call and its answer, restarts: all delivered, in order, repeats no more than cuts."""
    one = make_desk(settings=KEYS)
    made, cuts = watch(one), 0
    plugged = connected = False
    for event in [*events, "connect"]:
        match event:
            case "plug":
                plugged = not plugged
                one.pilot("C" if plugged else "A").offer(16 if plugged else 0)
            case "card":
                one.card("TAG")
            case "wait":
                one.wait(7)
            case "cut" if connected:
                one.cut()
                connected = False
            case "cut unanswered" if connected:
                one.answers |= dict.fromkeys(ABOUT)
                one.card("TAG").wait(11)
                one.answers.clear()
                cuts += one.under_way is not None
                one.cut()
                connected = False
            case "connect" if not connected:
                one.connect()
                connected = True
            case "restart":
                one.restart()
                one.pilot("C" if plugged else "A").offer(16 if plugged else 0)
                connected = False
    one.wait(60)
    delivered = [key(action, payload) for action, payload in about(one)]
    assert without_repeats(delivered) == [key(action, payload) for action, payload in made]
    assert len(delivered) - len(made) <= cuts
    assert len(one.point.queue) == 0


def watch(one: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return a list of every message that is put into the queue, of each life of the charge point."""
    made: list[tuple[str, dict[str, Any]]] = []
    power_up = one.power_up

    def listen(kept: Any = None) -> None:
        power_up(kept)
        put = one.point.queue.put

        def noted(action: str, transaction: int, payload: dict[str, Any], order: tuple[int, int]) -> None:
            made.append((action, payload))
            put(action, transaction, payload, order)

        one.point.queue.put = noted

    one.power_up = listen
    listen()
    return made


def key(action: str, payload: dict[str, Any]) -> tuple[str, str]:
    return action, repr({name: value for name, value in sorted(payload.items()) if name != "transactionId"})


def without_repeats(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    once: list[tuple[str, str]] = []
    for one in keys:
        if not once or once[-1] != one:
            once.append(one)
    return once
