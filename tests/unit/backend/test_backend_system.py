"""A central system without a connection: what it answers, books and keeps."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random
from typing import Any

import pytest

from emulators.backend.book import Book, NotOurFile
from emulators.backend.model import TAKEN, TRANSACTION, CentralSystem, names, pairs
from emulators.backend.script import USUAL, Script, Step
from emulators.backend.services import services
from emulators.kit.ocpp.point.certificates import CertificateStore
from emulators.kit.ocpp.wire.rpc import CallError
from emulators.kit.ocpp.wire.schemas import validator

AT = "2026-06-01T06:00:00.000Z"
START = {"connectorId": 1, "idTag": "T1", "meterStart": 1000, "timestamp": "2026-06-01T05:59:00Z"}


def stop(number: int, **fields: Any) -> dict[str, Any]:
    return {"transactionId": number, "meterStop": 3000, "timestamp": "2026-06-01T06:30:00Z", **fields}


def values(number: int | None, *samples: dict[str, Any], at: str = "2026-06-01T06:10:00Z") -> dict[str, Any]:
    found = {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": list(samples) or [{"value": "5"}]}]}
    return found if number is None else {**found, "transactionId": number}


@pytest.mark.parametrize(
    ("path", "before"), [("", "/ocpp"), ("/", ""), ("/ocpp", "/ocpp"), ("/ocpp/", "/ocpp"), ("a/b", "/a/b")]
)
def test_an_identity_follows_the_path_after_one_slash(path: str, before: str) -> None:
    settings = {"Path": path, "Port": 8080, "API port": 8081, "Security profile": "0"}
    assert services(settings.__getitem__)["ocpp"].path == before


@pytest.fixture
def system() -> CentralSystem:
    return CentralSystem(Book(), heartbeat_s=60, tags={"T2": "Blocked"}, unknown_tag="Accepted")


def take(system: CentralSystem, action: str, request: dict[str, Any], point: str = "CP1") -> dict[str, Any]:
    step, answer = system.take(AT, point, action, request)
    if step.is_checked:
        validator(action, "confirmation")(answer)
    return answer


def test_usual_answers(system: CentralSystem) -> None:
    boot = {"chargePointVendor": "v", "chargePointModel": "m", "firmwareVersion": "1.2"}
    assert take(system, "BootNotification", boot) == {"currentTime": AT, "interval": 60, "status": "Accepted"}
    assert take(system, "Heartbeat", {}) == {"currentTime": AT}
    assert take(system, "Authorize", {"idTag": "T1"}) == {"idTagInfo": {"status": "Accepted"}}
    assert take(system, "Authorize", {"idTag": "T2"}) == {"idTagInfo": {"status": "Blocked"}}
    assert take(system, "DataTransfer", {"vendorId": "x"}) == {"status": "UnknownVendorId"}
    assert take(system, "SignCertificate", {"csr": "x"}) == {"status": "Rejected"}
    request = CertificateStore(16, Random(1)).request("S1", "")
    assert take(system, "SignCertificate", {"csr": request}) == {"status": "Accepted"}
    for action, request in (
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
        ("DiagnosticsStatusNotification", {"status": "Idle"}),
        ("LogStatusNotification", {"status": "Idle"}),
        ("SignedFirmwareStatusNotification", {"status": "Idle"}),
        ("SecurityEventNotification", {"type": "x", "timestamp": AT}),
    ):
        assert take(system, action, request) == {}
    assert {one["action"] for one in system.book.rows("messages")} | set(TRANSACTION) == TAKEN
    with pytest.raises(CallError, match="NotSupported: a central system takes no Reset"):
        take(system, "Reset", {"type": "Soft"})
    (point,) = system.book.rows("charge_points")
    assert (point["identity"], point["vendor"], point["firmware"], point["boots"]) == ("CP1", "v", "1.2", 1)
    take(system, "BootNotification", boot)
    assert system.book.rows("charge_points")[0]["boots"] == 2


def test_repeats_of_transaction_messages_are_booked_once(system: CentralSystem) -> None:
    first = take(system, "StartTransaction", START)
    assert first == {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
    for message in (values(1), stop(1, transactionData=values(1)["meterValue"])):
        action = "MeterValues" if "meterValue" in message else "StopTransaction"
        assert take(system, action, message) == take(system, action, dict(reversed(message.items()))) == {}
    assert take(system, "StartTransaction", dict(START)) == first
    assert len(system.book.rows("transactions")) == 1
    assert len(system.book.rows("meter_values")) == 2
    assert [one["is_repeat"] for one in system.book.rows("messages")] == [0, 0, 1, 0, 1, 1]


def test_what_differs_is_no_repeat(system: CentralSystem) -> None:
    later = {**START, "timestamp": "2026-06-01T05:59:01Z"}
    assert take(system, "StartTransaction", START)["transactionId"] == 1
    assert take(system, "StartTransaction", later)["transactionId"] == 2
    assert take(system, "StartTransaction", START, "CP2")["transactionId"] == 3
    take(system, "MeterValues", values(1))
    take(system, "MeterValues", values(1, at="2026-06-01T06:11:00Z"))
    assert len(system.book.rows("meter_values", transaction_id=1)) == 2


def test_a_transaction_ends_once_and_only_for_its_charge_point(system: CentralSystem) -> None:
    take(system, "StartTransaction", START)
    take(system, "StopTransaction", stop(1), "CP2")
    take(system, "StopTransaction", stop(99))
    assert system.book.rows("transactions")[0]["stopped_at"] is None
    take(system, "StopTransaction", stop(1))
    take(system, "StopTransaction", stop(1, meterStop=9999))
    (found,) = system.book.rows("transactions")
    assert (found["meter_stop_wh"], found["reason"]) == (3000, "Local")


def test_sampled_values_have_their_defaults(system: CentralSystem) -> None:
    current = {"value": "16", "measurand": "Current.Import", "phase": "L2", "unit": "A", "context": "Sample.Clock"}
    take(system, "MeterValues", values(None, {"value": "5"}, current))
    plain, sampled = system.book.rows("meter_values")
    assert plain["measurand"] == "Energy.Active.Import.Register"
    assert (plain["context"], plain["location"], plain["format"]) == ("Sample.Periodic", "Outlet", "Raw")
    assert (plain["transaction_id"], plain["phase"]) == (None, None)
    assert (sampled["phase"], sampled["context"], sampled["value"]) == ("L2", "Sample.Clock", "16")


def test_a_script_changes_answers_and_is_used_up(system: CentralSystem) -> None:
    boot = {"chargePointVendor": "v", "chargePointModel": "m"}
    system.script.add("CP1", "BootNotification", Step(payload={"status": "Pending", "interval": 5}), times=2)
    assert [take(system, "BootNotification", boot)["status"] for _ in range(3)] == ["Pending", "Pending", "Accepted"]
    assert system.book.rows("charge_points")[0]["status"] == "Accepted"
    system.script.add("", "Authorize", Step(manner="refuse", code="InternalError", text="down"), times=None)
    for point in ("CP1", "CP2"):
        with pytest.raises(CallError, match="InternalError: down"):
            take(system, "Authorize", {"idTag": "T"}, point)
    system.script.clear(action="Authorize")
    assert take(system, "Authorize", {"idTag": "T"}) == {"idTagInfo": {"status": "Accepted"}}


def test_a_message_whose_answer_is_lost_acts_or_not(system: CentralSystem) -> None:
    system.script.add("CP1", "StartTransaction", Step(manner="silent"))
    system.script.add("CP1", "StartTransaction", Step(manner="cut", is_booked=False))
    system.script.add("CP1", "StartTransaction", Step(manner="refuse"))
    assert system.take(AT, "CP1", "StartTransaction", START)[0].manner == "silent"
    assert take(system, "StartTransaction", START)["transactionId"] == 1  # booked when the answer was lost
    other = {**START, "connectorId": 2}
    with pytest.raises(CallError):
        take(system, "StartTransaction", other)
    assert len(system.book.rows("transactions")) == 1
    system.script.add("CP1", "StartTransaction", Step(manner="cut", is_booked=False))
    system.take(AT, "CP1", "StartTransaction", other)
    assert len(system.book.rows("transactions")) == 1
    assert take(system, "StartTransaction", other)["transactionId"] == 2


def test_a_charge_points_own_steps_come_first() -> None:
    script = Script()
    mine, everybodys = Step(delay_s=1), Step(delay_s=2)
    script.add("", "Heartbeat", everybodys, None)
    script.add("CP1", "Heartbeat", mine)
    assert [script.next("CP1", "Heartbeat") for _ in range(2)] == [mine, everybodys]
    assert script.next("CP2", "Heartbeat") is everybodys
    assert script.next("CP2", "Authorize") is USUAL
    assert [one["times"] for one in script.waiting()] == [None]


def test_lists_of_the_settings() -> None:
    def refuse(entry: str) -> Exception:
        return ValueError(entry)

    assert names(" CP1, ,CP2") == ["CP1", "CP2"]
    assert pairs("T1, T2 = Blocked", "Accepted", refuse) == {"T1": "Accepted", "T2": "Blocked"}
    assert pairs("CP1=a=b", "", refuse) == {"CP1": "a=b"}
    for wrong, allowed in (("T1", ()), ("=x", ()), ("T1=", ()), ("T1=No", ("Yes",))):
        with pytest.raises(ValueError, match=wrong):
            pairs(wrong, "", refuse, allowed)


def test_the_file_can_be_read_meanwhile_and_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "backend.sqlite"
    book = Book(str(file))
    system = CentralSystem(book, heartbeat_s=60, tags={}, unknown_tag="Accepted")
    take(system, "StartTransaction", START)
    with sqlite3.connect(file) as other:
        assert other.execute("select id_tag from transactions").fetchall() == [("T1",)]
    other.close()
    book.close()
    again = Book(str(file))
    assert again.rows("transactions") == []
    again.close()


def test_a_reader_who_takes_his_time_holds_nobody_up(tmp_path: Path) -> None:
    file = tmp_path / "backend.sqlite"
    book = Book(str(file))
    system = CentralSystem(book, heartbeat_s=60, tags={}, unknown_tag="Accepted")
    take(system, "StartTransaction", START)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("begin")
    assert other.execute("select count(*) from transactions").fetchall() == [(1,)]
    take(system, "StartTransaction", START | {"connectorId": 2})  # "database is locked" after 5 s otherwise
    assert other.execute("select count(*) from transactions").fetchall() == [(1,)]
    other.execute("commit")
    assert other.execute("select count(*) from transactions").fetchall() == [(2,)]
    other.close()
    book.close()


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mine.sqlite") as mine:
        mine.execute("create table precious (x)")
    mine.close()
    (tmp_path / "text").write_text("precious, and long enough to be looked at as a database" * 20)
    before = (tmp_path / "text").read_text()
    with pytest.raises(NotOurFile, match="another program's"):
        Book(str(tmp_path / "mine.sqlite"))
    with pytest.raises(NotOurFile, match="not a database"):
        Book(str(tmp_path / "text"))
    with pytest.raises(NotOurFile, match="unable to open"):
        Book(str(tmp_path / "no" / "folder"))
    assert (tmp_path / "text").read_text() == before


def test_rows_are_filtered_and_limited(system: CentralSystem) -> None:
    for point in ("CP1", "CP2", "CP1"):
        take(system, "Heartbeat", {}, point)
    take(system, "Authorize", {"idTag": "T1"})
    assert [one["number"] for one in system.book.rows("messages", charge_point="CP1")] == [1, 3, 4]
    assert [one["number"] for one in system.book.rows("messages", charge_point="CP1", last=2)] == [3, 4]
    (found,) = system.book.rows("messages", action="Authorize", charge_point=None)
    assert found["payload"] == {"idTag": "T1"}
