"""Who charges where: cards, remote starts, reservations, and transactions from begin to end. Sans-I/O.

Sources: OCPP 1.6 edition 2, sections 3.5 to 3.7, 4.1, 4.8, 4.10, 5.11 to 5.13, 5.18, with the errata of 2025-04.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point.authorize import IdTagInfo, IdTags
from emulators.kit.ocpp.point.calls import Outbox
from emulators.kit.ocpp.point.clock import DeviceClock
from emulators.kit.ocpp.point.connector import Connector, Reservation, StateReport, Status, Transaction, Waiting
from emulators.kit.ocpp.point.equipment import Equipment
from emulators.kit.ocpp.point.keys import Keys
from emulators.kit.ocpp.point.meter_values import MeterValues
from emulators.kit.ocpp.point.transactions import START, Message, TransactionQueue
from emulators.kit.ocpp.profiles.engine import ProfileEngine
from emulators.kit.ocpp.profiles.profile import ChargingProfile
from emulators.kit.ocpp.wire.payload import timestamp
from emulators.kit.ocpp.wire.rpc import Payload

#: The energy of a card that the backend does not accept is looked at this often.
LOOK_NS: Final = NS_PER_S
LONGEST_INFO: Final = 50  #: Characters of a StatusNotification's text (6.47).


class Sessions:
    """The connectors of a charge point and what goes on there.

    Args:
        station: Connector 0.
        connectors: The others, by their number.
        keys: Its configuration.
        equipment: The device.
        clock: The device's.
        outbox: Where calls go that are not about transactions.
        queue: Where the others go.
        engine: The charging profiles, which come and go with transactions.
        id_tags: Who is known here.
        meters: The meters.
        free_id_tag: Whoever plugs in charges with it; None: nobody does without being authorised.
        starts_known_only: Whether a remote start takes none but known cards.
    """

    def __init__(
        self,
        station: Connector,
        connectors: dict[int, Connector],
        *,
        keys: Keys,
        equipment: Equipment,
        clock: DeviceClock,
        outbox: Outbox,
        queue: TransactionQueue,
        engine: ProfileEngine,
        id_tags: IdTags,
        meters: MeterValues,
        free_id_tag: str | None,
        starts_known_only: bool = False,
    ) -> None:
        self._station, self._connectors, self._keys, self._equipment = station, connectors, keys, equipment
        self._clock, self._outbox, self._queue, self._engine = clock, outbox, queue, engine
        self._id_tags, self._meters, self._free_id_tag = id_tags, meters, free_id_tag
        self._starts_known_only = starts_known_only
        self._shown: set[str] = set()  # cards that somebody is asked about
        self._revision = 0

    # --- what the device and its users do

    def pilot_changed(self, connector: Connector) -> None:
        """Take that a vehicle has come or gone."""
        connector.finished = False
        if not connector.plugged:
            if connector.transaction is not None and self._keys.flag("StopTransactionOnEVSideDisconnect"):
                self.end(connector, "EVDisconnected")
                if self._keys.flag("UnlockConnectorOnEVSideDisconnect"):
                    self._equipment.unlock(connector.number)
            return
        waiting = connector.waiting
        if waiting is not None:
            self._begin(connector, waiting.id_tag, waiting.parent_id_tag, waiting.profile)

    def card(self, id_tag: str, number: int | None) -> None:
        """Take a card: it ends its own transaction, or begins one; one that is being dealt with changes nothing."""
        tag = id_tag.casefold()
        for connector in self._asked(number):
            if connector.transaction is not None and connector.transaction.id_tag.casefold() == tag:
                self.end(connector, "Local", id_tag)
                return
        waiting = [one.waiting.id_tag.casefold() for one in self._connectors.values() if one.waiting is not None]
        if tag in waiting or tag in self._shown:
            return
        self._shown.add(tag)

        def then(info: IdTagInfo | None) -> None:
            self._shown.discard(tag)
            self._authorized(id_tag, number, info, None)

        self._authorize(id_tag, then)

    def end(self, connector: Connector, reason: str, id_tag: str | None = None) -> None:
        """End a connector's transaction, if one runs.

        Args:
            connector: Where.
            reason: ``Reason`` (7.36).
            id_tag: The card that ends it, if one does.
        """
        transaction = connector.transaction
        if transaction is None:
            return
        self._meters.ended(connector, transaction)
        connector.transaction, connector.finished = None, connector.plugged
        self._engine.end_transaction(connector.number)
        self._stopped(connector.number, transaction, reason, id_tag)

    def end_after_restart(self, number: int, kept: Payload, reason: str) -> None:
        """End a transaction that ran when the device went down, by what :meth:`as_json` kept of it."""
        transaction = Transaction(
            number=kept["number"],
            id_tag=kept["id_tag"],
            since_ns=self._clock.now_ns,
            meter_start_wh=kept["meter_start_wh"],
            data=list(kept["data"]),
        )
        self._meters.ended(self._connectors[number], transaction)
        self._stopped(number, transaction, reason, None)

    # --- what the central system does

    def remote_start(self, payload: Payload) -> bool:
        """Take a ``RemoteStartTransaction``; return whether it is accepted.

        Raises:
            PayloadError: Its profile is none.
        """
        number = payload.get("connectorId")
        if number is not None and number not in self._connectors:
            return False
        profile = None
        if "chargingProfile" in payload:
            profile = ChargingProfile.from_payload(payload["chargingProfile"])
            if not self._engine.fits_remote_start(profile).accepted:
                return False
        id_tag: str = payload["idTag"]
        if self._starts_known_only and not self._is_known(id_tag):
            return False
        place = self._place(self._asked(number), id_tag, None)
        if place is None:
            return False
        if self._keys.flag("AuthorizeRemoteTxRequests"):
            self._authorize(id_tag, lambda info: self._authorized(id_tag, place.number, info, profile))
        else:
            self._admit(place, id_tag, None, profile)
        return True

    def remote_stop(self, transaction_id: int) -> bool:
        """Take a ``RemoteStopTransaction``; return whether it is accepted."""
        for connector in self._connectors.values():
            if connector.transaction is not None and connector.transaction.transaction_id == transaction_id:
                self.end(connector, "Remote")
                return True
        return False

    def reserve(self, payload: Payload) -> str:
        """Take a ``ReserveNow``; return its ``ReservationStatus`` (5.13).

        Raises:
            PayloadError: Its time is none.
        """
        number: int = payload["connectorId"]
        new = Reservation(
            payload["reservationId"], payload["idTag"], payload.get("parentIdTag"), timestamp(payload["expiryDate"])
        )
        if number == 0 and not self._keys.flag("ReserveConnectorZeroSupported"):
            return "Rejected"
        if (number and number not in self._connectors) or new.expires_utc_ns <= self._clock.utc_ns:
            return "Rejected"
        asked = self._asked(number or None)
        if self._station.faulted or all(one.faulted for one in asked):
            return "Faulted"
        if not self._station.operative or all(not one.is_available for one in asked):
            return "Unavailable"
        holder = self._connectors.get(number, self._station)
        if holder.reservation is not None and holder.reservation.reservation_id != new.reservation_id:
            return "Occupied"
        if not any(one.status in (Status.AVAILABLE, Status.RESERVED) for one in asked):
            return "Occupied"
        self.cancel_reservation(new.reservation_id)
        self._reserve(holder, new)
        return "Accepted"

    def cancel_reservation(self, reservation_id: int) -> bool:
        """Take a reservation back; return whether there was one."""
        for connector in (self._station, *self._connectors.values()):
            if connector.reservation is not None and connector.reservation.reservation_id == reservation_id:
                self._reserve(connector, None)
                return True
        return False

    def change_availability(self, number: int, *, operative: bool) -> str:
        """Take a ``ChangeAvailability``; return its ``AvailabilityStatus`` (5.2)."""
        if number and number not in self._connectors:
            return "Rejected"
        self._revision += 1
        asked = self._asked(number or None)
        for connector in asked if number else (self._station, *asked):
            if connector.operative != operative:
                connector.operative = operative
                connector.waiting = connector.reservation = None
                connector.finished = False
        return "Scheduled" if not operative and any(one.transaction is not None for one in asked) else "Accepted"

    def started(self, message: Message, answer: Payload) -> None:
        """Take the confirmation of a ``StartTransaction``.

        Raises:
            PayloadError: It holds a time that is none.
        """
        told = IdTagInfo.from_payload(answer["idTagInfo"])
        self._told(message.payload["idTag"], answer["idTagInfo"])
        for connector in self._connectors.values():
            transaction = connector.transaction
            if transaction is None or transaction.number != message.transaction:
                continue
            transaction.transaction_id = answer["transactionId"]
            transaction.parent_id_tag = told.parent_id_tag or transaction.parent_id_tag
            self._engine.name_transaction(connector.number, answer["transactionId"])
            if not told.accepted(self._clock.utc_ns):
                self._refused(connector, transaction)

    def stopped(self, message: Message, answer: Payload) -> None:
        """Take the confirmation of a ``StopTransaction``."""
        if "idTagInfo" in answer and "idTag" in message.payload:
            self._told(message.payload["idTag"], answer["idTagInfo"])

    # --- time

    def advance(self) -> None:
        """Let time pass: who has not plugged in, whose reservation is over, who has had the energy that is granted."""
        for connector in (self._station, *self._connectors.values()):
            if connector.waiting is not None and self._clock.now_ns >= connector.waiting.until_ns:
                connector.waiting = None
            if connector.reservation is not None and self._clock.utc_ns >= connector.reservation.expires_utc_ns:
                self._reserve(connector, None)
            transaction = connector.transaction
            if transaction is not None and transaction.barred_from_wh is not None and not transaction.barred:
                transaction.barred = self._meters.register_wh(connector.number) >= transaction.barred_from_wh
            self._charge_freely(connector)

    def due_ns(self) -> list[int]:
        """Return when something is due [farm time]."""
        due = []
        for connector in (self._station, *self._connectors.values()):
            if connector.waiting is not None:
                due.append(connector.waiting.until_ns)
            if connector.reservation is not None:
                due.append(self._clock.farm_ns(connector.reservation.expires_utc_ns))
            transaction = connector.transaction
            if transaction is not None and transaction.barred_from_wh is not None and not transaction.barred:
                due.append((self._clock.now_ns // LOOK_NS + 1) * LOOK_NS)
        return due

    # --- what is told

    def tell(self, connector: Connector) -> None:
        """Tell the central system a connector's state if it is another one than it was told."""
        connector.settle(self._clock.now_ns)
        if self._outbox.online:
            for report in connector.reports(self._clock.now_ns, self.minimum_ns):
                self._notify(connector, report)

    def notify(self, connector: Connector) -> None:
        """Send a connector's state because the central system wants it."""
        connector.settle(self._clock.now_ns)
        self._outbox.post("StatusNotification", self._status(connector, connector.present), asked=True)

    @property
    def minimum_ns(self) -> int:
        """Return for how long a state has to last before it is told [ns]."""
        return self._keys.integer("MinimumStatusDuration") * NS_PER_S

    @property
    def revision(self) -> int:
        """Return a number that rises with each change of what outlives a restart."""
        return self._revision + self._meters.revision

    def as_json(self) -> Payload:
        """Return what outlives a restart."""
        everyone = (self._station, *self._connectors.values())
        return {
            "inoperative": [one.number for one in everyone if not one.operative],
            "reservations": [[one.number, asdict(one.reservation)] for one in everyone if one.reservation is not None],
            "running": [
                [one.number, _kept(one.transaction)] for one in self._connectors.values() if one.transaction is not None
            ],
        }

    def restore(self, kept: Payload) -> None:
        """Take what :meth:`as_json` returned, but for what ran: see :meth:`end_after_restart`."""
        everyone = {0: self._station, **self._connectors}
        for number in kept["inoperative"]:
            everyone[number].operative = False
        for number, reservation in kept["reservations"]:
            everyone[number].reservation = Reservation(**reservation)

    # --- inside

    def _reserve(self, connector: Connector, reservation: Reservation | None) -> None:
        connector.reservation = reservation
        self._revision += 1

    def _asked(self, number: int | None) -> list[Connector]:
        return list(self._connectors.values()) if number is None else [self._connectors[number]]

    def _authorize(self, id_tag: str, then: Callable[[IdTagInfo | None], None]) -> None:
        utc_ns = self._clock.utc_ns
        if not self._outbox.online:
            then(self._id_tags.offline(id_tag, utc_ns))
        elif (info := self._id_tags.pre_authorized(id_tag, utc_ns)) is not None:
            then(info)
        else:
            self._outbox.post("Authorize", {"idTag": id_tag}, partial(self._answered, id_tag, then), urgent=True)

    def _answered(self, id_tag: str, then: Callable[[IdTagInfo | None], None], answer: Payload | None) -> None:
        if answer is None:  # no answer is to be had: as without a backend
            then(self._id_tags.offline(id_tag, self._clock.utc_ns))
            return
        info = IdTagInfo.from_payload(answer["idTagInfo"])
        self._told(id_tag, answer["idTagInfo"])
        then(info if info.accepted(self._clock.utc_ns) else None)

    def _authorized(
        self, id_tag: str, number: int | None, info: IdTagInfo | None, profile: ChargingProfile | None
    ) -> None:
        if info is None:
            return
        group = info.parent_id_tag
        for connector in self._asked(number) if profile is None and group is not None else ():
            if connector.transaction is not None and connector.transaction.parent_id_tag == group:
                self.end(connector, "Local", id_tag)
                return
        place = self._place(self._asked(number), id_tag, group)
        if place is not None:
            self._admit(place, id_tag, group, profile)

    def _place(self, asked: list[Connector], id_tag: str, group: str | None) -> Connector | None:
        """Return where a card may begin a transaction: with a vehicle first, then what is reserved for it."""
        if self._station.faulted or not self._station.operative:
            return None
        free = [one for one in self._connectors.values() if one.is_free and one.waiting is None]
        open_to = [one for one in asked if one in free and _fits(one.reservation, id_tag, group)]
        if not _fits(self._station.reservation, id_tag, group):  # one that nobody has reserved is left
            left = [one for one in free if one.reservation is None]
            open_to = [one for one in open_to if any(other is not one for other in left)]
        return min(open_to, key=lambda one: (not one.plugged, one.reservation is None, one.number), default=None)

    def _is_known(self, id_tag: str) -> bool:
        """Return whether a remote start may come with a card: where charging is free with its one tag alone."""
        if self._free_id_tag is not None:
            return id_tag.casefold() == self._free_id_tag.casefold()
        info = self._id_tags.known(id_tag)
        if info is None:
            return self._keys.flag("AuthorizeRemoteTxRequests")
        return info.accepted(self._clock.utc_ns)

    def _charge_freely(self, connector: Connector) -> None:
        """Begin a transaction where charging is free, a vehicle is there and nothing stands against it."""
        tag = self._free_id_tag
        if tag is None or not connector.plugged or connector.finished or connector.transaction is not None:
            return
        if self._place([connector], tag, None) is not None:
            self._begin(connector, tag, None, None)

    def _admit(self, place: Connector, id_tag: str, group: str | None, profile: ChargingProfile | None) -> None:
        if place.plugged:
            self._begin(place, id_tag, group, profile)
        else:
            until_ns = self._clock.now_ns + self._keys.integer("ConnectionTimeOut") * NS_PER_S
            place.waiting = Waiting(id_tag, until_ns, group, profile)

    def _begin(self, connector: Connector, id_tag: str, group: str | None, profile: ChargingProfile | None) -> None:
        self._revision += 1
        connector.waiting = Waiting(id_tag, self._clock.now_ns)  # Preparing, if only for this instant
        connector.finished = False
        self.tell(connector)
        connector.waiting = None
        transaction = Transaction(
            number=self._queue.begin(),
            id_tag=id_tag,
            since_ns=self._clock.now_ns,
            meter_start_wh=round(self._meters.register_wh(connector.number)),
            parent_id_tag=group,
            sampled_ns=self._clock.now_ns,
        )
        payload: Payload = {
            "connectorId": connector.number,
            "idTag": id_tag,
            "meterStart": transaction.meter_start_wh,
            "timestamp": self._clock.timestamp,
        }
        for holder in (connector, self._station):
            if holder.reservation is not None and _fits(holder.reservation, id_tag, group):
                payload["reservationId"] = holder.reservation.reservation_id
                holder.reservation = None
                break
        connector.transaction = transaction
        self._meters.begun(connector, transaction)
        self._engine.begin_transaction(connector.number, self._clock.utc_ns, None, profile)
        self._queue.put(START, transaction.number, payload, self._outbox.order())

    def _stopped(self, number: int, transaction: Transaction, reason: str, id_tag: str | None) -> None:
        self._revision += 1
        meter_stop_wh = max(transaction.meter_start_wh, round(self._meters.register_wh(number)))
        payload: Payload = {"meterStop": meter_stop_wh, "timestamp": self._clock.timestamp, "reason": reason}
        if id_tag is not None:
            payload["idTag"] = id_tag
        if transaction.data:
            payload["transactionData"] = transaction.data
        self._queue.put("StopTransaction", transaction.number, payload, self._outbox.order())

    def _refused(self, connector: Connector, transaction: Transaction) -> None:
        """The central system does not accept the card of a transaction that runs already (4.8)."""
        if self._keys.flag("StopTransactionOnInvalidId"):
            self.end(connector, "DeAuthorized")
            return
        granted_wh = self._keys.integer("MaxEnergyOnInvalidId")
        transaction.barred_from_wh = self._meters.register_wh(connector.number) + granted_wh

    def _told(self, id_tag: str, info: Payload) -> None:
        if self._id_tags.told(id_tag, info):
            conflict = StateReport(self._station.status, "LocalListConflict", "", self._clock.now_ns)
            self._outbox.post("StatusNotification", self._status(self._station, conflict))

    def _notify(self, connector: Connector, report: StateReport) -> None:
        def done(answer: Payload | None) -> None:
            if answer is None:
                connector.forget()

        self._outbox.post("StatusNotification", self._status(connector, report), done)

    def _status(self, connector: Connector, report: StateReport) -> Payload:
        payload: Payload = {
            "connectorId": connector.number,
            "errorCode": report.error_code,
            "status": report.status.value,
            "timestamp": self._clock.stamp(report.since_ns),
        }
        return payload | {"info": report.info[:LONGEST_INFO]} if report.info else payload


def _fits(reservation: Reservation | None, id_tag: str, group: str | None) -> bool:
    if reservation is None or reservation.id_tag.casefold() == id_tag.casefold():
        return True
    return group is not None and reservation.parent_id_tag == group


def _kept(transaction: Transaction) -> Payload:
    return {
        "number": transaction.number,
        "id_tag": transaction.id_tag,
        "meter_start_wh": transaction.meter_start_wh,
        "data": transaction.data,
    }
