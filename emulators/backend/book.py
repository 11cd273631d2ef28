"""What a central system keeps, in SQLite: messages, charge points, transactions, meter values.

Called on the loop: a message takes about a tenth of a millisecond. In memory, or in a file that anybody can open
meanwhile (``sqlite3 FILE 'select * from transactions'``); a new run begins the file anew. Each row is in the file
before its message is answered, and outlives the process: a write-ahead log makes that cheap. No reader is in the way.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

APPLICATION: Final = 0x48494C46  #: By which a file is known as ours: "HILF".
Row = dict[str, Any]
Payload = Mapping[str, Any]
Direction = Literal["in", "out"]
Kind = Literal["call", "result", "error"]

_TABLES: Final = """
create table charge_points (
    identity text primary key, vendor text, model text, serial text, firmware text, boots integer not null default 0,
    booted_at text, status text not null default 'none'
);
create table connectors (
    charge_point text, connector integer, status text, error_code text, info text, at text,
    primary key (charge_point, connector)
);
create table transactions (
    id integer primary key, charge_point text not null, connector integer, id_tag text, meter_start_wh integer,
    started_at text, booked_at text, meter_stop_wh integer, stopped_at text, reason text
);
create table meter_values (
    id integer primary key, charge_point text not null, connector integer, transaction_id integer, at text,
    measurand text, phase text, context text, location text, unit text, format text, value text
);
create index meter_values_of on meter_values (charge_point, transaction_id);
create table messages (
    number integer primary key, at text, charge_point text not null, direction text not null, kind text not null,
    action text not null, payload text not null, is_repeat integer not null default 0
);
create index messages_of on messages (charge_point, action);
create table booked (fingerprint blob primary key, transaction_id integer) without rowid;
"""
#: Defaults of a sampled value's fields (OCPP 1.6, 7.43).
_SAMPLE: Final = {
    "measurand": "Energy.Active.Import.Register",
    "context": "Sample.Periodic",
    "location": "Outlet",
    "format": "Raw",
}


class NotOurFile(ValueError):
    """The file is there, and no book of a central system of the farm."""


class Book:
    """One central system's records.

    Args:
        file: Where they are kept, empty for memory.

    Raises:
        NotOurFile: It belongs to something else, or cannot be opened.
    """

    def __init__(self, file: str = "") -> None:
        try:
            self._db = sqlite3.connect(file or ":memory:", isolation_level=None)
            self._db.row_factory = sqlite3.Row
            (pages,) = self._db.execute("pragma page_count").fetchone()
            (application,) = self._db.execute("pragma application_id").fetchone()
            if pages and application != APPLICATION:
                raise NotOurFile(f"{file} is another program's database.")
            self._begin()
        except sqlite3.Error as error:
            raise NotOurFile(f"{file} cannot be opened: {error}.") from error

    def _begin(self) -> None:
        self._db.executescript(
            f"pragma application_id = {APPLICATION}; pragma journal_mode = wal; pragma synchronous = off;"
        )
        names = [row["name"] for row in self._db.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            self._db.execute(f"drop table {name}")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._db.close()

    # --- write

    def message(
        self,
        at: str,
        charge_point: str,
        action: str,
        payload: object,
        *,
        direction: Direction,
        kind: Kind,
        is_repeat: bool = False,
    ) -> None:
        """Record what went over the wire."""
        self._db.execute(
            "insert into messages (at, charge_point, direction, kind, action, payload, is_repeat)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (at, charge_point, direction, kind, action, json.dumps(payload), is_repeat),
        )

    def boot(self, at: str, charge_point: str, request: Payload, status: str) -> None:
        """Keep what a charge point says of itself, and how it was answered."""
        self._db.execute(
            "insert into charge_points values (?, ?, ?, ?, ?, 1, ?, ?) on conflict (identity) do update set"
            " vendor = excluded.vendor, model = excluded.model, serial = excluded.serial,"
            " firmware = excluded.firmware, boots = boots + 1, booted_at = excluded.booted_at,"
            " status = excluded.status",
            (
                charge_point, request.get("chargePointVendor"), request.get("chargePointModel"),
                request.get("chargePointSerialNumber"), request.get("firmwareVersion"), at, status,
            ),
        )  # fmt: skip

    def seen(self, charge_point: str) -> None:
        """Keep that a charge point has come in."""
        self._db.execute("insert or ignore into charge_points (identity) values (?)", (charge_point,))

    def status(self, at: str, charge_point: str, request: Payload) -> None:
        """Keep a connector's status."""
        self._db.execute(
            "insert or replace into connectors values (?, ?, ?, ?, ?, ?)",
            (
                charge_point, request["connectorId"], request["status"], request["errorCode"], request.get("info"),
                request.get("timestamp", at),
            ),
        )  # fmt: skip

    def booked(self, charge_point: str, action: str, request: Payload) -> int | None:
        """Return the transaction under which the same message was booked before, None when it is new.

        A charge point that got no answer sends the message again, word for word, with another message id.
        """
        row = self._db.execute(
            "select transaction_id from booked where fingerprint = ?", (_fingerprint(charge_point, action, request),)
        ).fetchone()
        return None if row is None else int(row["transaction_id"])

    def begin(self, at: str, charge_point: str, request: Payload) -> int:
        """Book a StartTransaction; return its transaction's id, 1, 2, ..."""
        cursor = self._db.execute(
            "insert into transactions (charge_point, connector, id_tag, meter_start_wh, started_at, booked_at)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                charge_point, request["connectorId"], request["idTag"], request["meterStart"], request["timestamp"], at,
            ),
        )  # fmt: skip
        number = int(cursor.lastrowid or 0)
        self._mark(charge_point, "StartTransaction", request, number)
        return number

    def end(self, charge_point: str, request: Payload) -> None:
        """Book a StopTransaction; one for a transaction that is unknown, or has ended, changes none."""
        number = int(request["transactionId"])
        self._db.execute(
            "update transactions set meter_stop_wh = ?, stopped_at = ?, reason = ?"
            " where id = ? and charge_point = ? and stopped_at is null",
            (request["meterStop"], request["timestamp"], request.get("reason", "Local"), number, charge_point),
        )
        self._samples(charge_point, None, number, request.get("transactionData", ()))
        self._mark(charge_point, "StopTransaction", request, number)

    def meter_values(self, charge_point: str, request: Payload) -> None:
        """Book a MeterValues."""
        number = request.get("transactionId")
        self._samples(charge_point, request["connectorId"], number, request["meterValue"])
        self._mark(charge_point, "MeterValues", request, number or 0)

    def _samples(self, charge_point: str, connector: int | None, number: int | None, values: Any) -> None:
        self._db.executemany(
            "insert into meter_values (charge_point, connector, transaction_id, at, measurand, phase, context,"
            " location, unit, format, value) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    charge_point, connector, number, moment["timestamp"],
                    *((_SAMPLE | sample).get(name) for name in ("measurand", "phase", "context", "location")),
                    sample.get("unit"), sample.get("format", "Raw"), sample["value"],
                )
                for moment in values
                for sample in moment["sampledValue"]
            ],
        )  # fmt: skip

    def _mark(self, charge_point: str, action: str, request: Payload, number: int) -> None:
        fingerprint = _fingerprint(charge_point, action, request)
        self._db.execute("insert or ignore into booked values (?, ?)", (fingerprint, number))

    # --- read

    def rows(self, table: str, *, last: int | None = None, **equal: object) -> list[Row]:
        """Return rows of a table, oldest first.

        Args:
            table: Name of the table.
            last: At most so many, the newest.
            **equal: Columns and the value each has to have; None is any.
        """
        wanted = {column: value for column, value in equal.items() if value is not None}
        where = f" where {' and '.join(f'{column} = ?' for column in wanted)}" if wanted else ""
        limit = "" if last is None else f" limit {last:d}"
        found = self._db.execute(f"select * from {table}{where} order by rowid desc{limit}", tuple(wanted.values()))
        return list(_plain(found.fetchall()))[::-1]


def _plain(rows: list[sqlite3.Row]) -> Iterator[Row]:
    for row in rows:
        found = dict(row)
        if "payload" in found:
            found["payload"] = json.loads(found["payload"])
        yield found


def _fingerprint(charge_point: str, action: str, request: Payload) -> bytes:
    text = json.dumps([charge_point, action, request], sort_keys=True)
    return hashlib.sha256(text.encode()).digest()
