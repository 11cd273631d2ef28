"""One charge point of OCPP 1.6J: what it tells its central system, and what it lets its device do. Sans-I/O.

Inputs are methods that name their moment (nanoseconds of farm time); those of an instant are followed by
:meth:`ChargePoint.advance_to` and :meth:`ChargePoint.tell_states`. Outputs: the next call to send, the limit of each
connector, whether it may charge, a reboot that is due, and the state that outlives a restart. What the standard leaves
open and what was chosen stands in ``docs/ocpp-charge-point.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point.authorize import IdTags
from emulators.kit.ocpp.point.calls import Call, Outbox
from emulators.kit.ocpp.point.certificates import CertificateStore
from emulators.kit.ocpp.point.clock import DeviceClock
from emulators.kit.ocpp.point.commands import Commands
from emulators.kit.ocpp.point.config import LONGEST_ID_TAG, ChargePointConfig
from emulators.kit.ocpp.point.connector import ERROR_CODES, Connector
from emulators.kit.ocpp.point.equipment import Equipment
from emulators.kit.ocpp.point.keys import Keys, KeyTable
from emulators.kit.ocpp.point.meter_values import MeterValues
from emulators.kit.ocpp.point.security_events import SecurityEvents
from emulators.kit.ocpp.point.sessions import Sessions
from emulators.kit.ocpp.point.storage import Parts
from emulators.kit.ocpp.point.transactions import START, Message, TransactionQueue
from emulators.kit.ocpp.point.transfers import Transfers
from emulators.kit.ocpp.profiles.engine import ProfileEngine, ProfileKeys
from emulators.kit.ocpp.profiles.rates import Limit
from emulators.kit.ocpp.wire.payload import PayloadError, timestamp
from emulators.kit.ocpp.wire.rpc import Payload
from emulators.kit.pilot import PilotState

#: A BootNotification is sent again after this time where the central system says none, or does not answer (chosen).
BOOT_AGAIN_S: Final = 60
#: A soft reset waits so long for the messages of the transactions that it ends (chosen).
SOFT_RESET_WAITS_S: Final = 30
POWER_LOSS: Final = "PowerLoss"


class ChargePoint:
    """A charge point.

    Args:
        config: What it is.
        table: Its configuration keys.
        equipment: The device.
        epoch_utc_ns: UTC at farm time 0 [ns since 1970].
        now_ns: Farm time of power-up.
        rng: Where it takes the key of a signing request from.
        kept: What :meth:`as_json` returned before; None: it comes from the factory.
        settings: Values of keys that the device's own parameters give; they take the place of kept ones.

    Attributes:
        connectors: Connector 0 (the station) and the others, by number.
        registration: The ``RegistrationStatus`` that the central system has given, empty before.
    """

    def __init__(
        self,
        config: ChargePointConfig,
        table: KeyTable,
        equipment: Equipment,
        *,
        epoch_utc_ns: int,
        now_ns: int,
        rng: Random,
        kept: Payload | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        kept = kept or {}
        self.config, self.equipment = config, equipment
        self.keys = Keys(table, config.connectors, kept.get("keys", {}))
        self.keys.fix("NumberOfConnectors", str(config.connectors))
        for name, value in (settings or {}).items():
            self.keys.give(name, value)
        ahead_ns = kept["own"]["clock_ahead_ns"] if kept else round(config.clock_ahead_s * NS_PER_S)
        self.clock = DeviceClock(epoch_utc_ns=epoch_utc_ns, now_ns=now_ns, ahead_ns=ahead_ns)
        self.outbox, self.queue, self.id_tags = Outbox(), TransactionQueue(self.keys), IdTags(self.keys)
        self.engine = ProfileEngine(
            connectors=config.connectors,
            keys=ProfileKeys.from_texts({name: self.keys.text(name) for name in table}),
            supply=config.supply,
            transaction_id_needed=config.transaction_id_needed,
        )
        self.certificates = CertificateStore(self.keys.integer("CertificateStoreMaxLength"), rng)
        self.connectors = {number: Connector(number, now_ns) for number in range(config.connectors + 1)}
        self.meters = MeterValues(
            self.connectors,
            equipment=equipment,
            supply=config.supply,
            keys=self.keys,
            clock=self.clock,
            outbox=self.outbox,
            queue=self.queue,
        )
        self.sessions = Sessions(
            self.connectors[0],
            {number: one for number, one in self.connectors.items() if number},
            keys=self.keys,
            equipment=equipment,
            clock=self.clock,
            outbox=self.outbox,
            queue=self.queue,
            engine=self.engine,
            id_tags=self.id_tags,
            meters=self.meters,
            free_id_tag=config.free_id_tag,
            starts_known_only=config.starts_known_only,
        )
        self.transfers = Transfers(self.outbox.post)
        self.registration = ""
        self._commands = Commands(self)
        self._is_connected = False
        self._boot_ns = now_ns  # when a BootNotification may be sent
        self._under_way: Call | None = None
        self._message: Message | None = None  # the transaction's, where the call under way is one
        self._heartbeat_ns = now_ns  # the last one
        self._heartbeat_waits = False
        self._reset: tuple[bool, int] | None = None  # hard, at the latest when
        self._down_reason = POWER_LOSS
        self._files = 0
        self._revision = 0
        self._interrupted: list[tuple[int, Payload]] = []  # transactions that ran when the device went down
        self._interrupted_by = POWER_LOSS
        self.events = SecurityEvents(self.keys, self.clock, self.outbox, kept.get("events", []))
        if kept:
            self._restore(kept)
        self.events.happened("StartupOfTheDevice")

    # --- the device

    def pilot_changed(self, number: int, state: PilotState, now_ns: int) -> None:
        """Take the control pilot's state of a connector."""
        self.clock.now_ns = now_ns
        connector = self.connectors[number]
        was_plugged, connector.pilot = connector.plugged, state
        if connector.plugged != was_plugged:
            self.sessions.pilot_changed(connector)

    def offered(self, number: int, current_a: float, now_ns: int) -> None:
        """Take what a connector offers to its vehicle now [A]; 0: the station pauses."""
        self.clock.now_ns = now_ns
        self.connectors[number].offered_a = current_a

    def card(self, id_tag: str, now_ns: int, number: int | None = None) -> None:
        """Take a card at the reader: it starts or stops a transaction.

        Raises:
            ValueError: Its number is no idTag.
        """
        if not 0 < len(id_tag) <= LONGEST_ID_TAG:
            raise ValueError(f"{id_tag!r} is no idTag. Allowed: 1 to {LONGEST_ID_TAG} characters.")
        self.clock.now_ns = now_ns
        self.sessions.card(id_tag, number)

    def fault(self, number: int, error_code: str | None, now_ns: int, info: str = "") -> None:
        """Take a fault of a connector (0: the station), None when it is over.

        Raises:
            ValueError: OCPP 1.6 has no such ``ChargePointErrorCode``.
        """
        if error_code is not None and error_code not in ERROR_CODES:
            raise ValueError(f"{error_code!r} is no ChargePointErrorCode. Allowed: {', '.join(ERROR_CODES)}.")
        self.clock.now_ns = now_ns
        self.connectors[number].fault = None if error_code in (None, "NoError") else (str(error_code), info)

    def withdraw(self, number: int, now_ns: int, *, withdrawn: bool) -> None:
        """Take that the device itself makes a connector unavailable, or available again; a restart forgets it."""
        self.clock.now_ns = now_ns
        self.connectors[number].withdrawn = withdrawn

    def going_down(self, reason: str) -> None:
        """Note why the device is about to restart: what its transactions, which end with it, will say (7.36)."""
        self._down_reason = reason
        self.changed()

    # --- the connection

    def connected(self, now_ns: int) -> None:
        """Note that the central system is reached."""
        self.clock.now_ns = now_ns
        self._is_connected = True
        if self.registration != "Accepted":
            self._boot_ns = max(self._boot_ns, now_ns + round(self.config.boot_after_s * NS_PER_S))
        self._go_online()

    def disconnected(self, now_ns: int) -> None:
        """Note that it is not reached any more; a call under way has failed."""
        self.clock.now_ns = now_ns
        self._is_connected = self.outbox.online = False
        self._under_way = self._message = None
        self._heartbeat_waits = False
        self.outbox.drop()

    def next_call(self, now_ns: int) -> Call | None:
        """Return what is to be sent now; it is under way until it is answered, has failed, or the connection goes."""
        self.clock.now_ns = now_ns
        if not self._is_connected or self._under_way is not None:
            return None
        self._under_way = self._next_boot() or self._next_other()
        return self._under_way

    def answered(self, call: Call, payload: Payload, now_ns: int) -> None:
        """Take the confirmation of the call under way; one whose content is wrong counts as none."""
        self.clock.now_ns = now_ns
        if call is not self._under_way:
            return
        try:
            if call.action == "BootNotification":
                self._registered(payload)
            elif self._message is not None:
                self._delivered(self._message, payload)
            else:
                call.done(payload)
                self.outbox.remove(call)
        except PayloadError:
            self.failed(call, now_ns)
            return
        self._under_way = self._message = None

    def failed(self, call: Call, now_ns: int) -> None:
        """Take that the call under way was answered by a CALLERROR, or not in time."""
        self.clock.now_ns = now_ns
        if call is not self._under_way:
            return
        message, self._under_way, self._message = self._message, None, None
        if call.action == "BootNotification":
            self._boot_ns = now_ns + BOOT_AGAIN_S * NS_PER_S
        elif message is not None:
            self.queue.failed(message, now_ns)
        else:
            self.outbox.remove(call)
            call.done(None)

    def called(self, action: str, payload: Payload, now_ns: int) -> Payload:
        """Return the confirmation of a call of the central system.

        Raises:
            CallError: It is answered by that CALLERROR.
        """
        self.clock.now_ns = now_ns
        return self._commands.handle(action, payload)

    # --- time

    def advance_to(self, now_ns: int) -> None:
        """Let time pass."""
        self.clock.now_ns = now_ns
        interrupted, self._interrupted = self._interrupted, []
        for number, transaction in interrupted:
            self.sessions.end_after_restart(number, transaction, self._interrupted_by)
        self.sessions.advance()
        self.meters.advance()
        self.transfers.advance(now_ns, is_idle=self._is_idle)
        if self.outbox.online:
            due_ns = self._heartbeat_due_ns()
            if due_ns is not None and now_ns >= due_ns:
                self.heartbeat()

    def tell_states(self, now_ns: int) -> None:
        """End the inputs of an instant: states that have lasted are told, others never were."""
        self.clock.now_ns = now_ns
        for connector in self.connectors.values():
            self.sessions.tell(connector)

    def next_deadline_ns(self) -> int | None:
        """Return when :meth:`advance_to` has to be called at the latest [ns of farm time]; None: never."""
        now_ns = self.clock.now_ns
        due = [*self.sessions.due_ns(), *self.meters.due_ns(), *self.transfers.due_ns(is_idle=self._is_idle)]
        if self._is_connected and self.registration != "Accepted":
            due.append(self._boot_ns)
        if self.outbox.online:
            minimum_ns = self.sessions.minimum_ns
            due += [ns for one in self.connectors.values() if (ns := one.report_due_ns(minimum_ns)) is not None]
            if (heartbeat_ns := self._heartbeat_due_ns()) is not None:
                due.append(heartbeat_ns)
            if (retry_ns := self.queue.due_ns()) is not None:
                due.append(retry_ns)
        if self._reset is not None:
            due.append(self._reset[1])
        change_utc_ns = self.engine.next_change_after(self.clock.utc_ns)
        if change_utc_ns is not None:
            due.append(self.clock.farm_ns(change_utc_ns))
        return min((ns for ns in due if ns > now_ns), default=None)

    # --- what the device reads

    def limit(self, number: int) -> Limit | None:
        """Return what the charging profiles allow on a connector [A per phase]; 0: the station; None: no limit."""
        if number == 0:
            return self.engine.charge_point_limit(self.clock.utc_ns)
        return self.engine.limit(number, self.clock.utc_ns)

    def may_charge(self, number: int) -> bool:
        """Return whether a connector may offer current: a transaction runs there and nothing is wrong."""
        return self.connectors[number].may_charge and not self.connectors[0].faulted

    def is_operative(self, number: int) -> bool:
        """Return whether a connector, and the station with it, is there for new transactions."""
        return self.connectors[number].is_available and self.connectors[0].is_available

    def maximum_a(self, number: int) -> float:
        """Return what a connector can offer where no profile limits it [A per phase]."""
        told_a = self.equipment.maximum_a(number)
        return self.config.maximum_a if told_a is None else told_a

    def status(self, number: int) -> str:
        """Return a connector's ``ChargePointStatus``."""
        return self.connectors[number].status.value

    @property
    def reboot_due(self) -> bool | None:
        """Return whether the device has to reboot now, and how: True hard, False soft, None not at all."""
        if self._reset is None:
            return None
        hard, until_ns = self._reset
        is_told = not len(self.queue) and self.outbox.head() is None
        waits = self.outbox.online and not hard and not is_told and self.clock.now_ns < until_ns
        return None if waits else hard

    @property
    def revision(self) -> int:
        """Return a number that rises with each change of what outlives a restart."""
        parts = (self.keys, self.queue, self.id_tags, self.sessions, self.certificates, self.events)
        return self._revision + sum(part.revision for part in parts)

    @property
    def parts(self) -> Parts:
        """Return what outlives a restart, also one without warning."""
        own = {"clock_ahead_ns": self.clock.ahead_ns, "down_reason": self._down_reason}
        return {
            "keys": (self.keys.revision, self.keys.as_json),
            "queue": (self.queue.revision, self.queue.as_json),
            "id_tags": (self.id_tags.revision, self.id_tags.as_json),
            "sessions": (self.sessions.revision, self.sessions.as_json),
            "certificates": (self.certificates.revision, self.certificates.as_json),
            "events": (self.events.revision, self.events.as_json),
            "profiles": (self._revision, self.engine.as_json),
            "own": (tuple(own.values()), lambda: own),
        }

    def as_json(self) -> Payload:
        """Return the same, made now."""
        return {name: as_json() for name, (_, as_json) in self.parts.items()}

    # --- for the commands

    def changed(self) -> None:
        """Note that something has changed that outlives a restart."""
        self._revision += 1

    def configure(self, name: str, value: str) -> str:
        """Take a key's value of the central system; return the ``ConfigurationStatus``."""
        for entry in self.keys.measurands(name, value):
            if not self.meters.comes_of(self.keys.name_of(name), entry):
                return "Rejected"
        status = self.keys.change(name, value)
        if status in ("Accepted", "RebootRequired"):
            if self.keys.name_of(name) == "HeartbeatInterval":
                self._heartbeat_ns = self.clock.now_ns
            self.equipment.configured(self.keys.name_of(name), self.keys.kept(name))
        return status

    def reset(self, *, hard: bool) -> None:
        """Take a ``Reset`` (5.14): soft ends the transactions first; hard leaves that to the time after it."""
        self.events.happened("ResetOrReboot")
        self.going_down("HardReset" if hard else "SoftReset")
        if not hard:
            for connector in self.connectors.values():
                self.sessions.end(connector, "SoftReset")
        self._reset = hard, self.clock.now_ns + SOFT_RESET_WAITS_S * NS_PER_S

    def boot_again(self) -> None:
        """Send a BootNotification now."""
        self._boot_ns = self.clock.now_ns

    def heartbeat(self, *, asked: bool = False) -> None:
        """Send a Heartbeat, unless one waits already."""
        self._heartbeat_ns = self.clock.now_ns
        if not self._heartbeat_waits:
            self._heartbeat_waits = True
            self.outbox.post("Heartbeat", {}, self._heard, urgent=True, asked=asked)

    def sign_certificate(self) -> None:
        """Send a ``SignCertificate``."""
        csr = self.certificates.request(self.config.serial or self.config.model, self.keys.text("CpoName"))
        self.outbox.post("SignCertificate", {"csr": csr}, asked=True)

    def file_name(self, kind: str) -> str:
        """Return the name of the next file that the central system asks for."""
        self._files += 1
        return f"{kind}-{self.config.serial or self.config.model}-{self._files}.txt"

    # --- inside

    @property
    def _is_idle(self) -> bool:
        return all(connector.transaction is None for connector in self.connectors.values())

    def _restore(self, kept: Payload) -> None:
        self.queue.restore(kept["queue"], self.outbox.order)
        self.id_tags.restore(kept["id_tags"])
        self.engine.restore(kept["profiles"])
        self.certificates.restore(kept["certificates"])
        self.sessions.restore(kept["sessions"])
        self._interrupted, self._interrupted_by = kept["sessions"]["running"], kept["own"]["down_reason"]

    def _next_boot(self) -> Call | None:
        if self.registration == "Accepted" or self.clock.now_ns < self._boot_ns:
            return None
        return Call("BootNotification", self.config.boot_notification(), (0, 0), lambda _: None)

    def _next_other(self) -> Call | None:
        call = self.outbox.head() if self.registration in ("Accepted", "Pending") else None
        message = self.queue.head(self.clock.now_ns) if self.outbox.online else None
        if message is None or (call is not None and call.order < message.order):
            return call
        self._message = message
        return Call(message.action, self.queue.payload(message), message.order, lambda _: None)

    def _registered(self, answer: Payload) -> None:
        """Take the confirmation of the BootNotification (4.2)."""
        now_ns, interval_s = self.clock.now_ns, answer["interval"]
        utc_ns = timestamp(answer["currentTime"])
        self.registration = answer["status"]
        if self.registration != "Accepted":
            self._boot_ns = now_ns + (interval_s if interval_s > 0 else BOOT_AGAIN_S) * NS_PER_S
            return
        self._set_clock(utc_ns)
        self._heartbeat_ns = now_ns
        if interval_s > 0:
            self.keys.change("HeartbeatInterval", str(interval_s))
        for connector in self.connectors.values():
            connector.forget()
        self._go_online()

    def _go_online(self) -> None:
        self.outbox.online = self._is_connected and self.registration == "Accepted"
        if not self.outbox.online:
            return
        for connector in self.connectors.values():
            connector.settle(self.clock.now_ns)
            connector.resume()
        self.events.tell_again()

    def _delivered(self, message: Message, answer: Payload) -> None:
        if message.action == START:
            self.sessions.started(message, answer)
            self.queue.delivered(message, answer["transactionId"])
            return
        if message.action == "StopTransaction":
            self.sessions.stopped(message, answer)
        self.queue.delivered(message)

    def _heartbeat_due_ns(self) -> int | None:
        interval_s = self.keys.integer("HeartbeatInterval")
        return self._heartbeat_ns + interval_s * NS_PER_S if interval_s else None

    def _heard(self, answer: Payload | None) -> None:
        self._heartbeat_waits = False
        if answer is not None:
            self._set_clock(timestamp(answer["currentTime"]))

    def _set_clock(self, utc_ns: int) -> None:
        if self.clock.set(utc_ns):
            self.changed()
            self.events.happened("SettingSystemTime")
