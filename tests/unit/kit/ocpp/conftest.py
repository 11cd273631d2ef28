"""A charge point with a scripted central system, in virtual time without a socket; every payload meets its schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point.calls import Call
from emulators.kit.ocpp.point.charge_point import ChargePoint
from emulators.kit.ocpp.point.config import ChargePointConfig
from emulators.kit.ocpp.point.equipment import Readings, Unlocked
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.point.storage import Packer, unpack
from emulators.kit.ocpp.wire.schemas import validator
from emulators.kit.ocpp.wire.timestamps import format_utc, parse_utc
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState

EPOCH: Final = parse_utc("2026-06-01T06:00:00Z")
KEYS: Final = KeyTable.load()
Payload = dict[str, Any]


@dataclass
class FakeDevice:
    """A device whose meter a test reads off; it notes what it is told."""

    energy_wh: float = 1000.0
    current_a: PerPhase = field(default_factory=lambda: PerPhase(16.0, 15.5, 0.0))
    readings_at_inlet: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    maximum: float | None = None
    unlocks: Unlocked = Unlocked.UNLOCKED
    unlocked: list[int] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    obeyed: int = 0
    rebooted: list[bool] = field(default_factory=list)

    def readings(self, connector: int) -> Readings | None:
        if connector == 0 and not self.readings_at_inlet:
            return None
        return Readings(
            energy_wh=self.energy_wh,
            current_a=self.current_a,
            voltage_v=PerPhase(229.0, 230.0, 231.0),
            power_w=PerPhase(3664.0, 3565.0, 0.0),
            frequency_hz=50.02,
            temperature_c=31.5,
            **self.more,
        )

    def maximum_a(self, connector: int) -> float | None:
        return self.maximum

    def unlock(self, connector: int) -> Unlocked:
        self.unlocked.append(connector)
        return self.unlocks

    def obey(self) -> None:
        self.obeyed += 1

    def configured(self, key: str, value: str) -> None:
        self.keys[key] = value

    def reboot(self, *, hard: bool) -> None:
        self.rebooted.append(hard)


class Desk:
    """A charge point and its central system, which accepts everything unless a test says otherwise.

    Attributes:
        answers: By action: a payload, or what makes one of the request; an exception class for a CALLERROR, None for
            silence.
        sent: Every call with its farm time [s], in order.
    """

    def __init__(self, *, settings: dict[str, str] | None = None, kept: Payload | None = None, **config: Any) -> None:
        self.device = FakeDevice()
        self.now_ns = 0
        self.sent: list[tuple[float, str, Payload]] = []
        self.answers: dict[str, Any] = {}
        self.settings, self.config = settings or {}, config
        self.transaction_id = 100
        self.under_way: Call | None = None
        self.kept = ""
        self.power_up(kept)

    def power_up(self, kept: Payload | None = None) -> None:
        config = {"vendor": "ACME", "model": "One", "firmware": "1.0", "serial": "S1"} | self.config
        self.point = ChargePoint(
            ChargePointConfig(**config),
            KEYS,
            self.device,
            epoch_utc_ns=EPOCH,
            now_ns=self.now_ns,
            rng=Random(1),
            kept=kept,
            settings=self.settings,
        )
        self.under_way = None
        self.packer, self.revision = Packer(), -1

    def restart(self) -> None:
        """Take the power away and give it back."""
        self.keep()
        self.power_up(unpack(self.kept))

    # --- the central system

    def connect(self) -> Desk:
        self.point.connected(self.now_ns)
        return self.settle()

    def cut(self) -> Desk:
        self.under_way = None
        self.point.disconnected(self.now_ns)
        return self.settle()

    def answer(self, action: str, payload: Payload) -> Any:
        if action in self.answers:
            answer = self.answers[action]
            return answer(payload) if callable(answer) and not isinstance(answer, type) else answer
        if action == "BootNotification":
            return {"status": "Accepted", "interval": 3600, "currentTime": format_utc(EPOCH + self.now_ns)}
        if action == "Heartbeat":
            return {"currentTime": format_utc(EPOCH + self.now_ns)}
        if action == "StartTransaction":
            self.transaction_id += 1
            return {"transactionId": self.transaction_id, "idTagInfo": {"status": "Accepted"}}
        if action == "SignCertificate":
            return {"status": "Accepted"}
        return {"idTagInfo": {"status": "Accepted"}} if action == "Authorize" else {}

    def give(self, answer: Payload) -> Desk:
        """Answer the call that has been left under way."""
        call, self.under_way = self.under_way, None
        assert call is not None
        self.point.answered(call, answer, self.now_ns)
        return self.settle()

    def command(self, action: str, **payload: Any) -> Payload:
        validator(action, "request")(payload)
        answer = self.point.called(action, payload, self.now_ns)
        validator(action, "confirmation")(answer)
        self.settle()
        return answer

    # --- time

    def settle(self) -> Desk:
        self.point.advance_to(self.now_ns)
        self.point.tell_states(self.now_ns)
        while self.under_way is None and (call := self.point.next_call(self.now_ns)) is not None:
            validator(call.action, "request")(call.payload)
            self.sent.append((self.now_ns / NS_PER_S, call.action, call.payload))
            answer = self.answer(call.action, call.payload)
            if answer is None:
                self.under_way = call
            elif isinstance(answer, type):
                self.point.failed(call, self.now_ns)
            else:
                validator(call.action, "confirmation")(answer)
                self.point.answered(call, answer, self.now_ns)
            self.point.advance_to(self.now_ns)
            self.point.tell_states(self.now_ns)
        self.keep()
        return self

    def keep(self) -> None:
        """Keep what a station would write; it has to be all that there is to be kept."""
        if self.point.revision != self.revision:
            self.revision, self.kept = self.point.revision, self.packer.pack(self.point.parts)
        assert unpack(self.kept) == json.loads(json.dumps(self.point.as_json()))

    def wait(self, seconds: float) -> Desk:
        """Let farm time pass, from one thing that is due to the next."""
        end_ns = self.now_ns + round(seconds * NS_PER_S)
        while (due_ns := self.point.next_deadline_ns()) is not None and due_ns <= end_ns:
            assert due_ns > self.now_ns
            self.now_ns = due_ns
            self.settle()
        self.now_ns = end_ns
        return self.settle()

    # --- the device

    def pilot(self, state: str, connector: int = 1) -> Desk:
        self.point.pilot_changed(connector, PilotState(state), self.now_ns)
        return self.settle()

    def offer(self, current_a: float, connector: int = 1) -> Desk:
        self.point.offered(connector, current_a, self.now_ns)
        return self.settle()

    def card(self, id_tag: str, connector: int | None = None) -> Desk:
        self.point.card(id_tag, self.now_ns, connector)
        return self.settle()

    def charge(self, id_tag: str = "TAG", connector: int = 1) -> Desk:
        """Plug in, show a card, and charge with 16 A."""
        self.pilot("B", connector).card(id_tag, connector)
        return self.offer(16, connector).pilot("C", connector)

    # --- what has been sent

    def all(self, action: str) -> list[Payload]:
        return [payload for _, one, payload in self.sent if one == action]

    def actions(self) -> list[str]:
        return [action for _, action, _ in self.sent]

    def states(self, connector: int = 1) -> list[str]:
        return [one["status"] for one in self.all("StatusNotification") if one["connectorId"] == connector]

    def forget(self) -> Desk:
        self.sent.clear()
        return self


@pytest.fixture
def desk() -> Callable[..., Desk]:
    """Return what makes a charge point that is connected and accepted."""
    return lambda **settings: Desk(**settings).connect()


@pytest.fixture(scope="session")
def make_desk() -> type[Desk]:
    """Return what makes a charge point that is not connected yet."""
    return Desk
