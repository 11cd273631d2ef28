"""OCPP: what a charging point and its backend say to each other, and cards.

Everything is looked at through the backend. With a backend of the user's, whose interface the farm does not know, tests
that use these words are skipped: they say ``needs:backend-api``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from assertionengine import AssertionOperator
from robot.api.deco import keyword

from hil.errors import ScenarioError
from hil.keywords.assertions import JUST_READ, verify
from hil.keywords.charging_profiles import compact, profile, schedule_text
from hil.keywords.comparisons import LOOK_S
from hil.keywords.context import Context
from hil.probes.ocpp import BackendProbe, Payload, has_field, typed

NOW: Final = timedelta(0)
DAY: Final = timedelta(days=1)
CONNECTOR: Final = "connectorId"
WHOLE_STATION: Final = "ChargePointMaxProfile"  #: The purpose of profiles for connector 0.


class Ocpp:
    """Words for charging points and their backend."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._numbered: object = None
        self._profiles = 0

    # --- the backend acts

    @keyword(tags=("Stimulus", "Backend"))
    def backend_sends(
        self, point: str, action: str, *, answer: str | None = None, is_checked: bool = True, **fields: str
    ) -> Payload:
        """Let the backend send a command to a charging point; return the confirmation. ``answer`` is its wanted status.

        Fields are OCPP's own, in its spelling and with its types; an array or an object is written in JSON. What breaks
        the schema is refused, but with ``is_checked=False`` it goes over: action and fields may be any, a value that is
        JSON is taken as that (``5``, ``"5"``, ``null``), any other as text.

        The name of a socket (``CP1/2``) gives the connector, where the command has one.

        | Backend Sends | CP1 | RemoteStartTransaction | idTag=ABC | connectorId=1 | answer=Accepted |
        | ${keys} = | Backend Sends | CP1 | GetConfiguration | key=["HeartbeatInterval"] | |
        """
        payload = typed(action, fields, is_checked=is_checked)
        if is_checked:
            payload = self._at_connector(point, action, payload)
        return self._send(point, action, payload, answer, is_checked=is_checked)

    @keyword(tags=("Stimulus", "Backend"))
    def charging_profile_is_set(
        self,
        point: str,
        *,
        limits: str,
        purpose: str = "TxDefaultProfile",
        connector: int | None = None,
        level: int = 0,
        profile_id: int | None = None,
        kind: str = "Absolute",
        starts: str = "now",
        duration: timedelta | None = None,
        phases: int | None = None,
        transaction: str = "running",
        answer: str | None = "Accepted",
        **fields: str,
    ) -> None:
        """Let the backend set a charging profile; compare the status of the answer.

        ``limits`` are the steps of its schedule, each from a time after its start on. The schedule starts ``now``, at a
        UTC time, or with ``kind=Relative`` with the transaction. A ``TxProfile`` is for the ``running`` transaction,
        for one of a given number, or for ``none``. The connector is that of the socket, and 0 for a
        ``ChargePointMaxProfile``. Further fields are those of OCPP's charging profile.

        | Charging Profile Is Set | CP1 | limits=10 A | |
        | Charging Profile Is Set | CP1 | purpose=TxDefaultProfile | limits=0 s: 10 A, 60 s: 8 A |
        | Charging Profile Is Set | CP1 | purpose=ChargePointMaxProfile | limits=0 s: 7.5 A | connector=0 |
        | Charging Profile Is Set | CP1 | limits=10 A | level=99 | answer=Rejected |
        """
        session = self._context.session
        if connector is None:
            connector = 0 if purpose == WHOLE_STATION else self._connector(point)
        number: int | None = None
        if purpose == "TxProfile" and transaction != "none":
            number = self._running(point) if transaction == "running" else _number(transaction)
        start = session.do(session.tester.utc) if starts == "now" and kind != "Relative" else starts
        found = profile(
            profile_id=self._next_id() if profile_id is None else profile_id, purpose=purpose, level=level, kind=kind,
            start=None if kind == "Relative" else start, limits=limits, duration=duration, phases=phases,
            transaction=number, more=fields,
        )  # fmt: skip
        self._send(point, "SetChargingProfile", {CONNECTOR: connector, "csChargingProfiles": found}, answer)

    @keyword(tags=("Stimulus", "Backend"))
    def backend_answers(
        self,
        point: str,
        action: str,
        *,
        manner: str = "answer",
        times: int = 1,
        delay: timedelta = NOW,
        is_checked: bool = True,
        **fields: str,
    ) -> None:
        """Let the backend answer the next ``times`` messages of a kind out of the ordinary, for ever with ``times=0``.

        ``manner``: ``answer`` with these fields over the usual ones, ``refuse``, ``silent``, ``garbage``, or ``cut`` in
        the middle of the answer. Fields are written as those of `Backend Sends`, and checked when they are given,
        unless ``is_checked=False``.

        | Backend Answers | CP1 | BootNotification | status=Pending | interval=10 |
        | Backend Answers | CP1 | StartTransaction | idTagInfo={"status": "Blocked"} | |
        | Backend Answers | CP1 | Heartbeat | currentTime=5 | is_checked=False |
        | Backend Answers | CP1 | StartTransaction | manner=cut | |
        """
        payload = typed(action, fields, kind="confirmation", is_checked=is_checked)
        probe, identity = self._probe(point)
        step: dict[str, object] = {"manner": manner, "times": times or None, "delay_s": delay.total_seconds()}
        step["is_checked"] = is_checked
        if payload:
            step["payload"] = payload
        if manner == "garbage":
            step["text"] = "]no JSON["
        self._context.session.ask(lambda: probe.script(identity, action, **step))

    @keyword(tags=("Stimulus", "Backend"))
    def backend_closes_connection(self, point: str, code: int | None = None) -> None:
        """Let the backend reset a charging point's connection, or close it with a WebSocket code.

        | Backend Closes Connection | CP1 | |
        | Backend Closes Connection | CP1 | 1001 |
        """
        probe, identity = self._probe(point)
        self._context.session.ask(lambda: probe.disconnect(identity, code))

    # --- a person acts

    @keyword(tags=("Stimulus",))
    def hold_card_to_reader(self, point: str, card: str) -> None:
        """Hold a card to the reader of a charging point: it starts or stops a transaction.

        | Hold Card To Reader | CP1 | ABC |
        """
        session = self._context.session
        device, _ = session.tester.site.require_place(point)
        session.call(session.tester.card(device).hold(card))

    @keyword(tags=("Stimulus", "Fault"))
    def cut_backend_connection(self, point: str) -> None:
        """Break a charging point's path to its backend, or to the gateway that it goes through; nobody is told.

        | Cut Backend Connection | CP1 |
        """
        session = self._context.session
        session.call(session.tester.links.cut(*self._way(point)))

    @keyword(tags=("Stimulus", "Fault"))
    def restore_backend_connection(self, point: str) -> None:
        """Undo `Cut Backend Connection`.

        | Restore Backend Connection | CP1 |
        """
        session = self._context.session
        session.call(session.tester.links.restore(*self._way(point)))

    # --- what the backend has

    @keyword(tags=("Assertion", "Backend"))
    def backend_should_have_received(
        self, point: str, action: str, *, within: timedelta = NOW, times: int | None = None, **fields: str
    ) -> Payload:
        """Assert that the backend has received a message of a charging point since the start of the test; return it.

        Of several that have these fields it is the last. With ``times`` so many have to be there, repeats included. The
        name of a socket (``CP1/2``) gives the connector, where the message has one.

        | Backend Should Have Received | CP1 | StatusNotification | connectorId=1 | status=Charging | within=30 s |
        | Backend Should Have Received | CP1 | StartTransaction | times=1 | |
        """
        probe, identity = self._probe(point)
        wanted = self._at_connector(point, action, typed(action, fields))
        found: list[Payload] = []

        def look() -> bool:
            every = self._context.session.ask(lambda: probe.received(identity, action))
            found[:] = [one for one in every if wanted.items() <= one.items()]
            return bool(found) if times is None else len(found) == times

        what = " ".join([action, *(f"{name}={text}" for name, text in fields.items())])
        count = "" if times is None else f" {times} times"
        self._until(look, within, lambda: f"The backend should have received {what} of {point}{count}", probe, identity)
        return found[-1] if found else {}

    @keyword(tags=("Assertion", "Backend"))
    def backend_should_not_have_received(self, point: str, action: str, **fields: str) -> None:
        """Assert that the backend has not received a message of a charging point since the start of the test.

        | Backend Should Not Have Received | CP1 | StopTransaction |
        """
        self.backend_should_have_received(point, action, times=0, **fields)

    @keyword(tags=("Assertion", "Backend"))
    def backend_should_see(self, point: str, state: str = "connected", *, within: timedelta = NOW) -> None:
        """Assert that the backend sees a charging point as ``connected`` or ``not connected``, within farm time.

        | Backend Should See | CP1 | connected | within=60 s |
        """
        if state not in ("connected", "not connected"):
            raise ScenarioError(f"{state!r} is no state. Allowed: connected, not connected.")
        probe, identity = self._probe(point)
        self._until(
            lambda: self._context.session.ask(lambda: probe.is_connected(identity)) == (state == "connected"),
            within, lambda: f"The backend should see {point} {state}", probe, identity,
        )  # fmt: skip

    @keyword(tags=("Getter", "Backend"))
    def get_backend_messages(self, point: str, action: str) -> list[Payload]:
        """Return the messages of a kind that the backend has received from a charging point, or a socket, oldest first.

        | @{boots} = | Get Backend Messages | CP1 | BootNotification |
        """
        probe, identity = self._probe(point)
        wanted = self._at_connector(point, action, {}).items()
        every = self._context.session.ask(lambda: probe.received(identity, action))
        return [one for one in every if wanted <= one.items()]

    @keyword(tags=("Getter", "Backend"))
    def get_backend_transactions(self, point: str) -> list[Payload]:
        """Return the transactions that the backend has booked for a charging point, or a socket of it, oldest first.

        | @{transactions} = | Get Backend Transactions | CP1 |
        """
        probe, identity = self._probe(point)
        return self._of_socket(point, self._context.session.ask(lambda: probe.transactions(identity)))

    @keyword(tags=("Getter", "Assertion", "Backend"))
    def get_metered_value(
        self,
        point: str,
        measurand: str,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
        *,
        phase: str | None = None,
    ) -> Any:
        """Return the last value of a measurand that the backend has of a charging point; with an operator, compare it.

        | ${current} = | Get Metered Value | CP1 | Current.Import | | | phase=L1 |
        | Get Metered Value | CP1 | Current.Import | <= | 16.5 A | phase=L1 |
        """
        probe, identity = self._probe(point)
        rows = self._of_socket(point, self._context.session.ask(lambda: probe.meter_values(identity, measurand)))
        rows = [row for row in rows if phase is None or row["phase"] == phase]
        if not rows:
            raise AssertionError(f"The backend has no {measurand} of {point}.")
        value, unit = float(rows[-1]["value"]), str(rows[-1]["unit"] or "")
        what = f"{measurand} of {point}" + (f" on {phase}" if phase else "")
        return verify(
            self._context.session, what, value, assertion_operator, assertion_expected, unit=unit, places=[point]
        )

    @keyword(tags=("Getter", "Assertion", "Backend"))
    def get_configuration_key(
        self,
        point: str,
        key: str,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
    ) -> str:
        """Return a configuration key of a charging point as the backend gets it, as text; with an operator, compare it.

        | ${level} = | Get Configuration Key | CP1 | ChargeProfileMaxStackLevel | | |
        | Get Configuration Key | CP1 | NumberOfConnectors | == | 1 | |
        """
        answer = self._send(point, "GetConfiguration", {"key": [key]}, None)
        if not answer.get("configurationKey"):
            raise AssertionError(f"{point} has no configuration key {key!r}.")
        value = str(answer["configurationKey"][0].get("value", ""))
        what = f"Configuration key {key!r} of {point}"
        return verify(self._context.session, what, value, assertion_operator, assertion_expected)  # type: ignore[no-any-return]

    @keyword(tags=("Getter", "Assertion", "Backend"))
    def composite_schedule(
        self,
        point: str,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
        *,
        duration: timedelta = DAY,
        connector: int | None = None,
    ) -> str:
        """Return the limits that a charging point expects to keep, from now on; with an operator, compare them.

        They read as those of `Charging Profile Is Set`; neighbours that are equal are one.

        | ${limits} = | Composite Schedule | CP1 | | | duration=5 minutes |
        | Composite Schedule | CP1 | == | 0 s: 10 A, 60 s: 8 A | duration=2 minutes |
        """
        connector = self._connector(point) if connector is None else connector
        asked = {CONNECTOR: connector, "duration": round(duration.total_seconds()), "chargingRateUnit": "A"}
        answer = self._send(point, "GetCompositeSchedule", asked, "Accepted")
        shown = schedule_text(answer.get("chargingSchedule"))
        what = f"Composite schedule of {point}"
        expected = assertion_expected if assertion_operator is None else compact(str(assertion_expected))
        return verify(self._context.session, what, shown, assertion_operator, expected)  # type: ignore[no-any-return]

    # --- inside

    def _next_id(self) -> int:
        """Return a profile's id: 1, 2, ... in each test."""
        session = self._context.session
        if self._numbered is not session:
            self._numbered, self._profiles = session, 0
        self._profiles += 1
        return self._profiles

    def _probe(self, point: str) -> tuple[BackendProbe, str]:
        session = self._context.session
        device, _ = session.tester.site.require_place(point)
        return session.do(lambda: session.tester.ports.backend_of(device))

    def _send(
        self, point: str, action: str, payload: Payload, status: str | None, *, is_checked: bool = True
    ) -> Payload:
        probe, identity = self._probe(point)
        session = self._context.session
        answer = session.ask(lambda: probe.send(identity, action, payload, is_checked=is_checked))
        if status is not None and answer.get("status") != status:
            raise AssertionError(
                f"{point} should answer {action} with {status}: was {answer.get('status', 'no status')} "
                f"at {session.moment()}.\n{session.why()}"
            )
        return answer

    def _running(self, point: str) -> int:
        running = [one["id"] for one in self.get_backend_transactions(point) if one["stopped_at"] is None]
        if not running:
            raise ScenarioError(f"{point}: no transaction runs there. Allowed: transaction=NUMBER or none.")
        return int(running[-1])

    def _way(self, point: str) -> tuple[str, str]:
        """Return a charging point and the device at the other end of its path to its backend."""
        session = self._context.session
        device, _ = session.tester.site.require_place(point)
        return device, session.do(lambda: session.tester.ports.way_to_backend(device))

    def _connector(self, point: str) -> int:
        """Return the connector that a name means: the number of the socket (refused where it could be several)."""
        return self._context.session.tester.site.require_outlet(point).number

    def _at_connector(self, point: str, action: str, fields: Payload) -> Payload:
        """Return a message's fields with the connector that the name of a socket says, where they do not say it."""
        _, socket = self._context.session.tester.site.require_place(point)
        return fields if socket is None or not has_field(action, CONNECTOR) else {CONNECTOR: socket, **fields}

    def _of_socket(self, point: str, rows: list[Payload]) -> list[Payload]:
        """Return the rows of the socket that a name says, all where it says none."""
        _, socket = self._context.session.tester.site.require_place(point)
        return [row for row in rows if socket in (None, row["connector"])]

    def _until(self, good: Any, within: timedelta, wanted: Any, probe: BackendProbe, identity: str) -> None:
        session = self._context.session
        until_s = session.now_s() + within.total_seconds()
        while not good():
            if session.now_s() >= until_s:
                actions = session.ask(lambda: probe.actions(identity))
                raise AssertionError(
                    f"{wanted()} within {within.total_seconds():g} s: it was not so at {session.moment()}. It sent: "
                    f"{', '.join(actions[-20:]) or 'nothing'}.\n{session.why()}"
                )
            session.wait(min(LOOK_S, until_s - session.now_s()))


def _number(transaction: str) -> int:
    try:
        return int(transaction)
    except ValueError:
        raise ScenarioError(f"transaction={transaction} is none. Allowed: running, none, or a number.") from None
