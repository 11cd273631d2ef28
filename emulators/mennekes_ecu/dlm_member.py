"""One point's part in its DLM group: whom it hears as its master, what it reports, what a master says to its slaves.

Sans-I/O. :mod:`dlm` decides who gets how much, :mod:`dlm_link` is how it is said. Repeats and silences are counted in
calls of :meth:`DlmMember.look`, one a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase
from emulators.mennekes_ecu.dlm import SILENT_S, Limits, Master, MemberReport
from emulators.mennekes_ecu.dlm_link import Beacon, Grant, NotATelegram, SlaveReport, Telegram, decode, encode
from emulators.mennekes_ecu.model import MASTER_ROLES, OTHER_MASTER, SLAVE_ROLES, ChargingPoint

#: Beacons, grants, and reports that say nothing new are repeated this often, so that a loss is noticed (assumed).
REPEAT_LOOKS: Final = 5


class Surroundings(Protocol):
    """What a member needs of its device; every call returns at once."""

    def limits(self) -> Limits:
        """Return a master's limits as they act now."""
        ...

    def currents_a(self) -> PerPhase:
        """Return the currents in the socket's conductors now [A]."""
        ...

    def refresh(self) -> None:
        """Let what the point was told act."""
        ...

    def send(self, address: str, datagram: bytes) -> None:
        """Send a datagram to one member of the group."""
        ...

    def broadcast(self, datagram: bytes) -> None:
        """Send a datagram to every member of the group."""
        ...


class DlmMember:
    """A point in its group, from power-up to power-down; one whose role is ``Disabled`` says nothing.

    Args:
        name: The point's.
        store: Its parameters.
        point: Is told what its master grants.
        device: Its surroundings.
        now_ns: Farm time of power-up.
        trace: Takes an event and its fields.
        log: Takes a line for the device log.

    Attributes:
        master: What distributes, None for a point that is no master.
        master_name: Whom a slave hears, None while nobody is there.
        master_heard_ns: When it has heard it last, before the first time when it was powered up [ns].
        other_master: Who else says to be a master of this network, empty for nobody.
    """

    def __init__(
        self,
        name: str,
        store: ParameterStore,
        point: ChargingPoint,
        device: Surroundings,
        *,
        now_ns: int,
        trace: Callable[..., None],
        log: Callable[[str], None],
    ) -> None:
        self._name, self._store, self._point, self._device = name, store, point, device
        self._trace, self._log = trace, log
        self.master: Master | None = None
        if point.role in MASTER_ROLES:
            sample_s = float(store.text("DLM Algorithm Sample Rate").split()[0])
            self.master = Master(sample_s=sample_s, start_ns=now_ns)
        self.master_name: str | None = None
        self.master_heard_ns = now_ns
        self.other_master = ""
        self._master_address = ""
        self._addresses: dict[str, str] = {}  # of a master's slaves, by name
        self._looks = 0
        self._reported: MemberReport | None = None  # what was said last

    def connected_slaves(self) -> list[str]:
        """Return the names that 'DLM Connected Slaves' lists, the internal slave included (open: MEN-DLM-023)."""
        if self.master is None:
            return []
        return sorted(name for name, slave in self.master.slaves.items() if not slave.lost)

    # --- what happens

    def look(self, now_ns: int) -> None:
        """Notice a silent master, and report what is new; once a second."""
        self._looks += 1
        self._watch_master(now_ns)
        report = self._own_report(now_ns)
        if report != self._reported or self._looks % REPEAT_LOOKS == 0:
            self._tell(now_ns, report)

    def distribute(self, now_ns: int) -> None:
        """Let a master hand out what is due, and repeat what it has said; once a second, after :meth:`look`."""
        if self.master is None:
            return
        self.master.sample(now_ns)
        if now_ns >= self.master.next_deadline_ns():
            self._hand_out(self.master.advance_to(now_ns, self._device.limits()))
            l1_a, l2_a, l3_a = self.master.available_a
            self._trace("available", l1_a=l1_a, l2_a=l2_a, l3_a=l3_a)
        if self._looks % REPEAT_LOOKS == 1:
            self._repeat(self.master)

    def report(self, now_ns: int) -> None:
        """Tell the master at once how this point is."""
        self._tell(now_ns, self._own_report(now_ns))

    def take(self, now_ns: int, datagram: bytes, sender: str) -> None:
        """Take a datagram of the group; one of another network, or of another protocol, is ignored.

        Args:
            now_ns: Farm time [ns].
            datagram: What has come.
            sender: The sender's site address.
        """
        try:
            telegram = decode(datagram)
        except NotATelegram as error:
            self._trace("dlm_ignored", sender=sender, why=str(error))
            return
        if telegram.network != self._network:
            return
        match telegram:
            case Beacon() if self._point.role == SLAVE_ROLES[0] and self.master_name in (None, telegram.master):
                self._hear_master(now_ns, telegram.master, sender)
            case Beacon() if self.master is not None and self.other_master != telegram.master:
                self.other_master = telegram.master
                self._log(OTHER_MASTER.format(telegram.master))
            case Grant() if self._is_master(telegram, sender):
                self._hear_master(now_ns, telegram.master, sender)
                self._point.dlm_a, self._point.wakeup_granted = telegram.current_a, telegram.wake
                self._device.refresh()
            case SlaveReport() if self.master is not None:
                self._hear_slave(now_ns, self.master, telegram.report, sender)

    # --- a slave

    def _own_report(self, now_ns: int) -> MemberReport:
        point = self._point
        return MemberReport(
            name=self._name,
            connected=point.connected and point.permitted,
            charging=point.charging,
            cap_a=point.cap_a(now_ns),
            offered_a=point.signalled_a,
            disconnected_a=self._store.whole("Disconnected Limit [A]"),
            order=self._store.text("Phase rotation"),
            currents_a=self._device.currents_a().map(_milliamperes) if point.contactor else PerPhase.zero(),
        )

    def _tell(self, now_ns: int, report: MemberReport) -> None:
        """Tell the master, the internal one directly, how this point is."""
        self._reported = report
        if self._point.role == MASTER_ROLES[0] and self.master is not None:
            self._hand_out(self.master.report(now_ns, report, self._device.limits()))
        elif self._point.role in SLAVE_ROLES:
            address = self._master_address or self._store.text("DLM Master IP")
            if address:
                self._send(address, SlaveReport(self._network, report))

    def _is_master(self, grant: Grant, sender: str) -> bool:
        fixed = self._point.role == SLAVE_ROLES[1] and sender == self._store.text("DLM Master IP")
        return self._point.role in SLAVE_ROLES and (fixed or grant.master == self.master_name)

    def _hear_master(self, now_ns: int, master: str, address: str) -> None:
        self.master_heard_ns = now_ns
        if self.master_name is None:
            self.master_name, self._master_address = master, address
            self._point.master_lost = False
            self._point.dlm_a = 0
            self._trace("master_found", master=master)
            self.report(now_ns)

    def _watch_master(self, now_ns: int) -> None:
        silent = now_ns - self.master_heard_ns >= round(SILENT_S * NS_PER_S)
        if silent and self.master_name is not None and self._point.role in SLAVE_ROLES:
            self._trace("master_lost", master=self.master_name)
            self.master_name, self._master_address = None, ""
            self._point.master_lost = True
            self._device.refresh()

    # --- a master

    def _hear_slave(self, now_ns: int, master: Master, report: MemberReport, sender: str) -> None:
        self._addresses[report.name] = sender
        known = report.name in master.slaves
        grants = master.report(now_ns, report, self._device.limits())
        if not known:
            self._trace("slave_connected", slave=report.name)
            grants = {report.name: master.slaves[report.name].granted_a} | grants
        self._hand_out(grants)

    def _hand_out(self, grants: Mapping[str, int]) -> None:
        for name, current_a in grants.items():
            self._trace("grant", to=name, current_a=current_a)
            if name == self._name:
                self._point.dlm_a = current_a
                self._device.refresh()
            elif name in self._addresses:
                self._send(self._addresses[name], self._grant(current_a))

    def _repeat(self, master: Master) -> None:
        if not self._store.flag("Disable Discovery Broadcasting"):
            self._device.broadcast(encode(Beacon(self._network, self._name)))
        for name in sorted(self._addresses):
            self._send(self._addresses[name], self._grant(master.slaves[name].granted_a))

    def _grant(self, current_a: int) -> Grant:
        return Grant(self._network, self._name, current_a, self._store.flag("Allow EV Wakeup"))

    def _send(self, address: str, telegram: Telegram) -> None:
        self._device.send(address, encode(telegram))

    @property
    def _network(self) -> int:
        return self._store.whole("DLM Network Id")


def _milliamperes(current_a: float) -> float:
    return round(current_a, 3)
