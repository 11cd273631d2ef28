"""Binds the central system to WebSocket server and HTTP interface. No behaviour in here: that is :mod:`model`."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from emulators.backend.api import as_payload, verbs
from emulators.backend.book import Book, Direction, Kind, NotOurFile
from emulators.backend.faults import FAULTS
from emulators.backend.model import CentralSystem, Payload, names, pairs
from emulators.backend.script import Step
from emulators.backend.services import API_TOKEN, path_before, services
from emulators.kit.family import DeviceConfig
from emulators.kit.hmi import Hmi
from emulators.kit.host import Host
from emulators.kit.http_api import HttpApi, Refused
from emulators.kit.ocpp.shell.security import Authority, Certificate, ServerSecurity
from emulators.kit.ocpp.shell.server import Server, StationHello
from emulators.kit.ocpp.shell.session import (
    Answer,
    CallTimeout,
    ConnectionLost,
    CutOff,
    GarbageFrame,
    OcppSession,
    Silent,
    Unchecked,
)
from emulators.kit.ocpp.wire.rpc import CallError, check_own
from emulators.kit.parameters import ParameterError, ParameterStore, ParameterTable

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
TAG_STATUS: Final = PARAMETERS["Unknown id tags"].allowed
OTHER_HOST: Final = "other-host.invalid"
SIGNED_WITHIN_S: Final = 30.0  #: How long a charge point may take to answer that it has its certificate.


class Backend:
    """An OCPP 1.6J central system on a host."""

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        self.name = config.name
        self.parameters = ParameterStore(PARAMETERS, config.parameters)
        self.hmi = Hmi(host)
        self._host, self._address = host, config.address or ""
        self._fault: str | None = None
        self._known: dict[str, None] = {}  # who has been here, in the order of coming
        self._registered: frozenset[str] = frozenset()  # who may come; empty: everybody
        self._passwords: dict[str, str] = {}  # by identity
        try:
            self.book = Book(self.parameters.text("Database file"))
        except NotOurFile as error:
            raise ParameterError(
                "Database file", str(error), "Allowed: a new file, or one of an earlier run."
            ) from error
        self.system = CentralSystem(self.book, heartbeat_s=300, tags={}, unknown_tag="Accepted")
        self._set_up()
        self._server: Server | None = None
        self._api: HttpApi | None = None

    # --- power

    async def start(self) -> None:
        """Power up: listen for charge points, and for the API."""
        if self._server is not None:
            return
        profile = int(self.parameters.text("Security profile"))
        self._server = Server(
            self._host,
            on_call=self._called,
            admit=self._admit,
            on_open=self._came_in,
            security=self._security(profile),
            ping_interval_s=self.parameters.whole("Ping interval [s]"),
        )
        if self._fault != "closed_port":
            await self._listen(self._server)
        await self._start_api()

    async def _listen(self, server: Server) -> None:
        address, port = self._host.listen_at(self.parameters.whole("Port"))
        await server.start([address, *filter(None, [self.parameters.text("Outside address")])], port)

    async def stop(self) -> None:
        """Power down: connections are reset; what is booked stays."""
        server, self._server = self._server, None
        api, self._api = self._api, None
        if server is not None:
            await server.stop()
        if api is not None:
            await api.stop()

    async def restart(self) -> None:
        """Restart with what was saved."""
        await self.stop()
        self.parameters.restart()
        self._set_up()
        await self.start()

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        self._set_up()

    def _set_up(self) -> None:
        system = self.system
        system.heartbeat_s = self.parameters.whole("Heartbeat interval [s]")
        system.unknown_tag = self.parameters.text("Unknown id tags")
        system.tags |= self._pairs("Id tags", "Accepted", TAG_STATUS)
        self._passwords = self._pairs("Passwords", "")
        known, self._registered = self._registered, frozenset(names(self.parameters.text("Charge points")))
        for identity in sorted(self._registered - known):
            self.hmi.log(f"Charge point {identity}: {self._url}/{identity}, {self._password_text(identity)}")

    def _security(self, profile: int) -> ServerSecurity:
        if profile < 2:
            return ServerSecurity(profile=1 if profile else 0, password_of=self._password)
        authority = Authority(Certificate(*self._host.authority()))
        kind = self.parameters.text("Certificate")
        local, _ = self._host.listen_at(self.parameters.whole("Port"))
        here = [
            self._address,
            local,
            self.parameters.text("Outside address"),
            *names(self.parameters.text("Host names")),
        ]
        hosts = [OTHER_HOST] if kind == "other host" else here
        certificate = authority.issue(*dict.fromkeys(filter(None, hosts)), expired=kind == "expired")
        return ServerSecurity(
            profile=3 if profile == 3 else 2,
            password_of=self._password,
            certificate=certificate,
            trusted=authority.root,
        )

    async def _start_api(self) -> None:
        address, port = self._host.listen_at(self.parameters.whole("API port"))
        token = self.parameters.text(API_TOKEN) or None
        if token is None and not ipaddress.ip_address(address).is_loopback:
            self._host.trace("api_closed", why=f"it listens beyond loopback only with a token: {API_TOKEN!r}")
            return
        self._api = HttpApi(self.state, verbs(self), token, title="hilfarm central system")
        await self._api.start_at(address, port)

    # --- charge points

    @property
    def sessions(self) -> Mapping[str, OcppSession]:
        """Return the open session of each charge point that is connected."""
        return self._server.sessions if self._server is not None else {}

    def require(self, charge_point: str) -> OcppSession:
        """Return a charge point's session.

        Raises:
            Refused: It is not connected.
        """
        if charge_point not in self.sessions:
            there = ", ".join(self.sessions) or "none"
            raise Refused(f"charge_point: {charge_point!r} is not connected. Connected: {there}.")
        return self.sessions[charge_point]

    async def send(
        self, charge_point: str, action: str, payload: Payload, *, timeout_s: float, is_checked: bool = True
    ) -> Payload:
        """Send a command and return the confirmation; both are recorded.

        Raises:
            Refused: The charge point is not connected.
            CallError, CallTimeout, ConnectionLost, OwnPayloadInvalid: As :meth:`Session.call`.
        """
        session = self.require(charge_point)
        if is_checked:
            check_own(action, "request", payload)
        self._record(charge_point, action, payload, direction="out", kind="call")
        try:
            answer = await session.call(action, payload, timeout_s=timeout_s, is_checked=is_checked)
        except CallError as error:
            self._record(charge_point, action, as_payload(error), direction="in", kind="error")
            raise
        self._record(charge_point, action, answer, direction="in", kind="result")
        return answer

    def _came_in(self, session: OcppSession) -> None:
        self._known[session.identity] = None
        self.book.seen(session.identity)

    def _admit(self, hello: StationHello) -> HTTPStatus | None:
        path = path_before(self.parameters.text("Path"))
        is_known = not self._registered or hello.identity in self._registered
        return None if is_known and path in ("", hello.prefix) else HTTPStatus.NOT_FOUND

    def _password(self, identity: str) -> bytes | None:
        password = self._passwords.get(identity)
        return None if password is None else password.encode()

    def _called(self, session: OcppSession, action: str, request: Payload) -> Answer | Awaitable[Answer]:
        try:
            step, answer = self.system.take(self._now(), session.identity, action, request)
        except CallError as error:
            self._record(session.identity, action, as_payload(error), direction="out", kind="error")
            raise
        if action == "SignCertificate" and answer["status"] == "Accepted" and step.is_booked:
            work = self._certify(session, request["csr"])
            self._host.spawn(work, name=f"{self.name} signs a certificate of {session.identity}")
        if self._fault == "silent":
            return Silent()
        found = self._reply(session.identity, action, step, answer)
        return self._later(found, step.delay_s) if step.delay_s else found

    async def _certify(self, session: OcppSession, request: str) -> None:
        """Send the certificate that a charge point has asked for; what becomes of it is in the book."""
        chain = Authority(Certificate(*self._host.authority())).sign(request, session.identity)
        with suppress(Refused, CallError, CallTimeout, ConnectionLost):
            await self.send(
                session.identity, "CertificateSigned", {"certificateChain": chain}, timeout_s=SIGNED_WITHIN_S
            )

    def _reply(self, charge_point: str, action: str, step: Step, answer: Payload) -> Answer:
        if step.manner == "silent":
            return Silent()
        if step.manner == "garbage":
            return GarbageFrame(step.text)
        self._record(charge_point, action, answer, direction="out", kind="result")
        if step.manner == "cut":
            return CutOff(answer)
        return answer if step.is_checked else Unchecked(answer)

    async def _later(self, answer: Answer, delay_s: float) -> Answer:
        await asyncio.sleep(delay_s)
        return answer

    def _record(self, charge_point: str, action: str, payload: object, *, direction: Direction, kind: Kind) -> None:
        self.book.message(self._now(), charge_point, action, payload, direction=direction, kind=kind)

    # --- what a person sees

    def state(self) -> Mapping[str, object]:
        """Return what the central system looks like now, as JSON has it."""
        connectors = self.book.rows("connectors")
        return {
            "name": self.name,
            "utc": self._now(),
            "charge_points": [
                {
                    **point,
                    "is_connected": point["identity"] in self.sessions,
                    "connectors": [one for one in connectors if one["charge_point"] == point["identity"]],
                }
                for point in self.book.rows("charge_points")
            ],
            "open_transactions": [one for one in self.book.rows("transactions") if one["stopped_at"] is None],
            "script": self.system.script.waiting(),
        }

    def page(self) -> Mapping[str, str]:
        """Return each charge point with its state, and where its connection comes from."""
        sessions = self.sessions
        return {
            one: f"connected from {self._host.site_address(sessions[one].peer)}" if one in sessions else "not connected"
            for one in self._known
        }

    def explain(self) -> str:
        """Return in one sentence what the central system does now."""
        if self._fault is not None:
            return f"{self.name} has the fault {self._fault}."
        there = ", ".join(self.sessions) or "no charge point"
        return f"{self.name} is connected with {there}."

    async def fault(self, kind: str | None) -> None:
        """Plant one of a central system's faults in place of the one before, None to heal it.

        Raises:
            ValueError: There is no such fault; the message lists what there is.
        """
        if kind is not None:
            FAULTS.parse(self.name, kind)
        was, self._fault = self._fault, kind
        self._host.trace("fault", fault=kind or "none")
        if self._server is None or was == kind:
            return
        if kind == "closed_port":
            await self._server.stop()
        elif was == "closed_port":
            await self._listen(self._server)

    # --- inside

    @property
    def _url(self) -> str:
        service = services(self.parameters.__getitem__)["ocpp"]
        return f"{service.scheme}://{self._address}:{service.port}{service.path}"

    def _password_text(self, identity: str) -> str:
        return f"password {self._passwords[identity]}" if identity in self._passwords else "no password"

    def _now(self) -> str:
        return self._host.utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _pairs(self, name: str, default: str, allowed: tuple[str, ...] = ()) -> dict[str, str]:
        def refuse(entry: str) -> ParameterError:
            form = f"NAME=STATUS with {', '.join(allowed)}" if allowed else "NAME=VALUE"
            return ParameterError(name, f"{entry.strip()!r} is not possible.", f"Allowed: {form}, separated by commas.")

        return pairs(self.parameters.text(name), default, refuse, allowed)
