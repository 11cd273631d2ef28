"""Binds a charge point to its backend: keeps the connection, sends what is due, hands answers in. No behaviour in here.

How a device uses it, one station from power-up to power-down, a connector for each of its sockets::

    self.ocpp = OcppStation(host, equipment, config, keys, url=..., identity=..., security=...)
    self.ocpp.start()
    self.ocpp.pilot_changed(1, state)          # each change of a socket's pilot
    self.ocpp.offered(1, current_a)            # whatever a socket offers, also when it was obey() that asked for it
    self.ocpp.limit_a(1), self.ocpp.may_charge(1)  # to be read in Equipment.obey() and whenever the device decides
    await self.ocpp.stop()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

from emulators.kit.host import NS_PER_S, Cancel, Host, UnreadableMemory
from emulators.kit.ocpp.point.charge_point import ChargePoint
from emulators.kit.ocpp.point.config import ChargePointConfig
from emulators.kit.ocpp.point.equipment import Equipment
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.point.storage import Packer, unpack
from emulators.kit.ocpp.profiles.rates import Limit
from emulators.kit.ocpp.shell.security import Certificate, Profile, Security
from emulators.kit.ocpp.shell.session import (
    CallTimeout,
    ConnectionLost,
    OcppSession,
    Unreachable,
    UpgradeRefused,
    connect,
)
from emulators.kit.ocpp.wire.rpc import CallError, MessageIds, Payload
from emulators.kit.pilot import PilotState

ANSWER_S: Final = 30.0  #: How long the backend may take to answer a call (chosen).
FIRST_PAUSE_S: Final = 1.0  #: Before the first try to connect again; it doubles with each try (chosen) ...
LONGEST_PAUSE_S: Final = 64.0  #: ... up to this, and up to as much again is added by chance.
MEMORY: Final = "ocpp"  #: Under which name the charge point's state is kept.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: An offer may change what the charge point says, which a device may answer by another offer; not for ever.
_ROUNDS: Final = 5


class OcppStation:
    """A charge point on a host.

    Args:
        host: The bench.
        equipment: The device.
        config: What it is.
        keys: Its configuration keys.
        url: Of the backend, without the identity (``ws://192.168.0.100:8080/ocpp``); empty: it has none and stays
            offline.
        identity: The charge point's identity, the last element of the path.
        security: What it shows and trusts; None for a trusted network.
        settings: Values of keys that the device's own parameters give.
        log: Writes a line to the device log.
        connection: What else :func:`~emulators.kit.ocpp.shell.session.connect` takes.

    Attributes:
        point: The model, to be looked at.
        trouble: Why the backend was not reached when it was last tried, empty while it is.
    """

    def __init__(
        self,
        host: Host,
        equipment: Equipment,
        config: ChargePointConfig,
        keys: KeyTable,
        *,
        url: str,
        identity: str,
        security: Security | None = None,
        settings: Mapping[str, str] | None = None,
        log: Callable[[str], None] | None = None,
        **connection: Any,
    ) -> None:
        self._host, self._equipment = host, equipment
        self._url, self._identity, self._connection = url, identity, connection
        self._log = log
        now_ns = host.now_ns()
        self.point = self._powered_up(
            partial(
                ChargePoint,
                config,
                keys,
                equipment,
                epoch_utc_ns=(host.utc() - _EPOCH) // timedelta(microseconds=1) * 1000 - now_ns // 1000 * 1000,
                now_ns=now_ns,
                rng=host.rng,
                settings=settings,
            )
        )
        self.trouble = ""
        self._given = security or Security()
        if self._given.profile > self.point.keys.integer("SecurityProfile"):
            self.point.keys.give("SecurityProfile", str(self._given.profile))
        self._ids = MessageIds(host.name)
        self._wake = asyncio.Event()  # something may have to be sent
        self._session: OcppSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._shown: Security | None = None  # what the session was opened with
        self._deadline: Cancel | None = None
        self._decided = self._decisions()  # what the device was told last
        self._is_up = self._is_rebooting = False
        self._is_settling = False  # what an offer of the device changes meanwhile is settled in the same turn
        self._packer, self._revision = Packer(), -1  # how far the memory is

    def start(self) -> None:
        """Begin: connect and stay connected."""
        self._is_up = True
        self._settle()
        if self._url:
            self._task = self._host.spawn(self._stay_connected(), name=f"{self._host.name} keeps its backend")

    async def stop(self) -> None:
        """Go silent at once, as without power; may be called twice."""
        task, self._task = self._task, None
        self._is_up = False
        if self._deadline is not None:
            self._deadline.cancel()
        if self._session is not None:
            self._session.cut()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # --- the device

    @property
    def connected(self) -> bool:
        """Return whether the backend is reached."""
        return self._session is not None and self._session.is_open

    @property
    def connection_text(self) -> str:
        """Return whether the backend is reached, and why not, for a page."""
        if self.connected:
            return "connected"
        return f"not connected: {self.trouble}" if self.trouble else "not connected"

    @property
    def utc(self) -> datetime:
        """Return what the device's own clock shows; the backend sets it."""
        return _EPOCH + timedelta(microseconds=self.point.clock.utc_at(self._host.now_ns()) // 1000)

    def set_clock_ahead(self, ahead_s: float) -> None:
        """Let the device's own clock be wrong until the backend sets it [s]."""
        self.point.clock.ahead_ns = round(ahead_s * NS_PER_S)
        self.point.changed()
        self._settle()

    def pilot_changed(self, connector: int, state: PilotState) -> None:
        """Take the control pilot's state of a connector."""
        self.point.pilot_changed(connector, state, self._host.now_ns())
        self._settle()

    def offered(self, connector: int, current_a: float) -> None:
        """Take what a connector offers to its vehicle now [A]; 0: the station pauses."""
        if current_a != self.point.connectors[connector].offered_a:
            self.point.offered(connector, current_a, self._host.now_ns())
            self._settle()

    def card(self, id_tag: str, connector: int | None = None) -> None:
        """Take a card at the reader (errors as the model's)."""
        self.point.card(id_tag, self._host.now_ns(), connector)
        self._settle()

    def fault(self, connector: int, error_code: str | None, info: str = "") -> None:
        """Take a fault of a connector (0: the station), None when it is over (errors as the model's)."""
        self.point.fault(connector, error_code, self._host.now_ns(), info)
        self._settle()

    def withdraw(self, connector: int, *, withdrawn: bool) -> None:
        """Take that the device itself makes a connector unavailable, or available again."""
        if withdrawn != self.point.connectors[connector].withdrawn:
            self.point.withdraw(connector, self._host.now_ns(), withdrawn=withdrawn)
            self._settle()

    def restarting(self) -> None:
        """Note that the device restarts by itself, unless the backend asked for it: its transactions will say so."""
        if not self._is_rebooting:
            self.point.going_down("Reboot")
            self._settle()

    def limit_a(self, connector: int) -> float | None:
        """Return what the charging profiles allow on a connector [A per phase]; 0: the station; None: no limit."""
        limit = self.point.limit(connector)
        return None if limit is None else limit.current_a

    def may_charge(self, connector: int) -> bool:
        """Return whether a connector may offer current."""
        return self.point.may_charge(connector)

    def status(self, connector: int) -> str:
        """Return a connector's ``ChargePointStatus``."""
        return self.point.status(connector)

    def is_operative(self, connector: int) -> bool:
        """Return whether neither the backend nor the device itself has made a connector unavailable."""
        return self.point.is_operative(connector)

    def key(self, name: str) -> str:
        """Return a configuration key's value in force."""
        return self.point.keys.text(name)

    # --- inside

    def _powered_up(self, make: Callable[..., ChargePoint]) -> ChargePoint:
        """Return the model with what it kept; what cannot be read is set aside, and the model begins with nothing."""
        memory = self._host.memory
        try:
            text = memory.read(MEMORY)
            return make(kept=None if text is None else unpack(text))
        except UnreadableMemory as error:
            why = str(error)
        except (ValueError, LookupError, TypeError) as error:
            why = f"this software does not take it: {type(error).__name__}: {error}"
        point = make(kept=None)  # whatever else is wrong is raised here
        memory.set_aside(MEMORY)
        self._host.trace("ocpp_memory_unreadable", why=why)
        if self._log is not None:
            self._log(f"OCPP: what was kept is set aside: {why}")
        return point

    def _settle(self) -> None:
        """Let what came in act: on the device, on the backend, and on what is kept."""
        if not self._is_up or self._is_settling:
            return
        self._is_settling = True
        now_ns = self._host.now_ns()
        self.point.advance_to(now_ns)
        for _ in range(_ROUNDS):
            before, self._decided = self._decided, self._decisions()
            if before == self._decided:
                break
            self._trace_states(before)
            self._equipment.obey()
        self.point.tell_states(now_ns)
        self._is_settling = False
        if self.point.revision != self._revision:
            self._revision = self.point.revision
            self._host.memory.write(MEMORY, self._packer.pack(self.point.parts))
        self._plan(now_ns)
        self._wake.set()
        hard = self.point.reboot_due
        if hard is not None and not self._is_rebooting:
            self._is_rebooting = True
            self._host.spawn(self._reboot(hard=hard), name=f"{self._host.name} reboots for its backend")

    def _decisions(self) -> list[tuple[Limit | None, bool, str]]:
        point = self.point
        return [(point.limit(number), point.may_charge(number), point.status(number)) for number in point.connectors]

    def _trace_states(self, before: list[tuple[Limit | None, bool, str]]) -> None:
        for number, ((_, _, old), (_, _, new)) in enumerate(zip(before, self._decided, strict=True)):
            if old != new:
                self._host.trace("ocpp_status", connector=number, status=new)

    def _plan(self, now_ns: int) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        due_ns = self.point.next_deadline_ns()
        self._deadline = None if due_ns is None else self._host.call_at(max(due_ns, now_ns + 1), self._settle)

    async def _reboot(self, *, hard: bool) -> None:
        if self._session is not None:
            await self._session.close(1001, "the charge point reboots")
        self._equipment.reboot(hard=hard)

    async def _stay_connected(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                session = await self._connect()
            except (UpgradeRefused, Unreachable) as error:
                self.trouble = str(error)
                self._host.trace("ocpp_not_connected", why=self.trouble)
                if isinstance(error, UpgradeRefused) and error.is_certificate:
                    self.point.events.happened("InvalidCentralSystemCertificate", str(error))
                    self._settle()
            else:
                pause_s, self.trouble = FIRST_PAUSE_S, ""
                self._host.trace("ocpp_connected", url=self._url)
                try:
                    await self._serve(session)
                finally:
                    self._session = None
                self._host.trace("ocpp_disconnected", code=(await session.closed()).code)
            await asyncio.sleep(pause_s * (1 + self._host.rng.random()))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _connect(self) -> OcppSession:
        self._shown = self._security()
        return await connect(
            self._host,
            self._url,
            identity=self._identity,
            on_call=self._called,
            security=self._shown,
            ping_interval_s=self.point.keys.integer("WebSocketPingInterval"),
            ids=self._ids,
            **self._connection,
        )

    def _security(self) -> Security:
        """Return what is shown and trusted now: the backend may have given more, or raised the profile."""
        keys, certificates = self.point.keys, self.point.certificates
        profile = cast(Profile, max(self._given.profile, keys.integer("SecurityProfile")))
        password = bytes.fromhex(keys.text("AuthorizationKey")) or self._given.password
        trusted = self._given.trusted + certificates.roots.encode()
        own = self._given.certificate if certificates.own is None else Certificate(*map(str.encode, certificates.own))
        return replace(self._given, profile=profile, password=password, trusted=trusted, certificate=own)

    async def _serve(self, session: OcppSession) -> None:
        """Send one call after the other until the connection ends."""
        self._session = session
        closed = asyncio.ensure_future(session.closed())
        closed.add_done_callback(lambda _: self._wake.set())
        self.point.connected(self._host.now_ns())
        self._settle()
        try:
            while session.is_open:
                self._wake.clear()
                call = self.point.next_call(self._host.now_ns())
                if call is None:
                    await self._wake.wait()
                    continue
                try:
                    answer = await session.call(call.action, call.payload, timeout_s=ANSWER_S)
                except (CallError, CallTimeout) as error:
                    self._host.trace("ocpp_call_failed", action=call.action, why=str(error))
                    self.point.failed(call, self._host.now_ns())
                except ConnectionLost:
                    break
                else:
                    self.point.answered(call, answer, self._host.now_ns())
                self._settle()
        finally:
            closed.cancel()
            self.point.disconnected(self._host.now_ns())
            self._settle()

    def _called(self, action: str, payload: Payload) -> Payload:
        answer = self.point.called(action, payload, self._host.now_ns())
        asyncio.get_running_loop().call_soon(self._after_command)  # the answer goes first
        return answer

    def _after_command(self) -> None:
        self._settle()
        if self._session is not None and self._shown is not None and self._security().password != self._shown.password:
            self._shown = None
            self._host.spawn(self._session.close(1000, "another key"), name=f"{self._host.name} shows its new key")
