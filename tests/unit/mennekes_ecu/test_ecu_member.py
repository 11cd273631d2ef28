"""One point's part in its group, without a socket: whom it hears, what it reports, what a master says to its slaves."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState
from emulators.mennekes_ecu.device import PARAMETERS
from emulators.mennekes_ecu.dlm import Limits, MemberReport
from emulators.mennekes_ecu.dlm_link import Beacon, Grant, SlaveReport, Telegram, decode, encode
from emulators.mennekes_ecu.dlm_member import DlmMember
from emulators.mennekes_ecu.model import MASTER_ROLES, SLAVE_ROLES, ChargingPoint

ROLE, NETWORK, MASTER_IP = "DLM Master/Slave", "DLM Network Id", "DLM Master IP"
MASTER, SLAVE = "192.168.0.10", "192.168.0.12"


@dataclass
class Rig:
    """A member, what it sends and traces; its vehicle draws what it is offered."""

    settings: dict[str, object]
    now_s: float = 0.0
    sent: list[tuple[str, Telegram]] = field(default_factory=list)
    traced: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        store = ParameterStore(PARAMETERS, {name: PARAMETERS[name].parse(raw) for name, raw in self.settings.items()})
        self.point = ChargingPoint(store, now_ns=0, legacy=False)
        self.member = DlmMember(
            "CP2", store, self.point, self,
            now_ns=0, trace=lambda event, **fields: self.traced.append((event, fields)), log=self.lines.append,
        )  # fmt: skip

    @property
    def now_ns(self) -> int:
        return round(self.now_s * NS_PER_S)

    def limits(self) -> Limits:
        return Limits(evse_a=PerPhase.all(40), operator_a=PerPhase.all(100))

    def currents_a(self) -> PerPhase:
        return PerPhase.all(self.point.signalled_a)

    def refresh(self) -> None:
        self.point.advance_to(self.now_ns)

    def send(self, address: str, datagram: bytes) -> None:
        self.sent.append((address, decode(datagram)))

    def broadcast(self, datagram: bytes) -> None:
        self.send("everybody", datagram)

    def plug(self) -> Rig:
        self.point.pilot_changed(self.now_ns, PilotState.C, 32.0)
        self.refresh()
        self.member.report(self.now_ns)
        return self

    def wait(self, seconds: int) -> Rig:
        for _ in range(seconds):
            self.now_s += 1
            self.member.look(self.now_ns)
            self.member.distribute(self.now_ns)
        return self

    def hear(self, telegram: Telegram, sender: str) -> Rig:
        self.member.take(self.now_ns, encode(telegram), sender)
        return self

    def events(self, name: str) -> list[dict[str, object]]:
        return [fields for event, fields in self.traced if event == name]

    def said(self, kind: type[Telegram]) -> list[tuple[str, Telegram]]:
        return [one for one in self.sent if isinstance(one[1], kind)]


def slave(**more: object) -> Rig:
    return Rig({ROLE: SLAVE_ROLES[0], NETWORK: "3", "Disconnected Limit [A]": "7", **more})


def master(**more: object) -> Rig:
    return Rig({ROLE: MASTER_ROLES[0], NETWORK: "3", "DLM Algorithm Sample Rate": "5 sec", **more})


def other(name: str = "CP3", **more: object) -> SlaveReport:
    values = {"connected": False, "charging": False, "cap_a": 32, "offered_a": 0, "disconnected_a": 6}
    report = MemberReport(name=name, order="L1L2L3", currents_a=PerPhase.zero(), **(values | more))  # type: ignore[arg-type]
    return SlaveReport(3, report)


def test_a_slave_reports_to_the_first_master_it_hears() -> None:
    rig = slave()
    rig.wait(2)
    assert rig.sent == []  # to whom?
    rig.hear(Beacon(3, "CP1"), MASTER)
    rig.hear(Beacon(3, "CP9"), "192.168.0.99")
    assert (rig.member.master_name, rig.events("master_found")) == ("CP1", [{"master": "CP1"}])
    ((address, telegram),) = rig.sent
    assert isinstance(telegram, SlaveReport)
    assert (address, telegram.network, telegram.report.name, telegram.report.disconnected_a) == (MASTER, 3, "CP2", 7)


def test_what_is_new_is_reported_at_the_next_look_and_the_same_again_each_five() -> None:
    rig = slave().hear(Beacon(3, "CP1"), MASTER)
    rig.sent.clear()
    assert [len(rig.wait(1).sent) for _ in range(10)] == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2]
    rig.hear(Grant(3, "CP1", 16, wake=False), MASTER)
    rig.point.pilot_changed(rig.now_ns, PilotState.C, 32.0)
    rig.refresh()
    rig.wait(1)
    assert len(rig.sent) == 3


def test_a_plug_is_reported_at_once() -> None:
    rig = slave().hear(Beacon(3, "CP1"), MASTER)
    rig.sent.clear()
    ((_, telegram),) = rig.plug().sent
    assert isinstance(telegram, SlaveReport)
    assert (telegram.report.connected, telegram.report.charging) == (True, True)


def test_who_may_not_charge_is_reported_as_nobody() -> None:
    rig = slave().hear(Beacon(3, "CP1"), MASTER)
    rig.point.permitted = False
    rig.sent.clear()
    ((_, telegram),) = rig.plug().sent
    assert isinstance(telegram, SlaveReport)
    assert not telegram.report.connected


@pytest.mark.parametrize(
    ("grant", "sender", "signalled_a"),
    [
        (Grant(3, "CP1", 16, wake=False), MASTER, 16),
        (Grant(4, "CP1", 16, wake=False), MASTER, 0),  # of another network
        (Grant(3, "CP9", 16, wake=False), "192.168.0.99", 0),  # of another master
    ],
)
def test_a_slave_takes_what_its_master_grants(grant: Grant, sender: str, signalled_a: int) -> None:
    rig = slave().hear(Beacon(3, "CP1"), MASTER).plug()
    rig.hear(grant, sender)
    assert rig.point.signalled_a == signalled_a


def test_a_slave_with_a_fixed_master_needs_no_beacon() -> None:
    rig = Rig({ROLE: SLAVE_ROLES[1], NETWORK: "3", MASTER_IP: MASTER}).plug()
    assert [address for address, _ in rig.sent] == [MASTER]
    rig.hear(Beacon(3, "CP1"), MASTER)
    assert rig.member.master_name is None
    rig.hear(Grant(3, "CP1", 16, wake=True), SLAVE)
    assert rig.point.signalled_a == 0
    rig.hear(Grant(3, "CP1", 16, wake=True), MASTER)
    assert (rig.member.master_name, rig.point.signalled_a, rig.point.wakeup_granted) == ("CP1", 16, True)


def test_a_master_that_is_silent_for_fifteen_seconds_is_lost() -> None:
    rig = slave().wait(3).hear(Beacon(3, "CP1"), MASTER).plug().hear(Grant(3, "CP1", 16, wake=False), MASTER)
    rig.wait(14)
    assert (rig.member.master_name, rig.point.signalled_a) == ("CP1", 16)
    rig.wait(1)
    assert (rig.member.master_name, rig.point.signalled_a) == (None, 7)
    assert rig.events("master_lost") == [{"master": "CP1"}]
    rig.hear(Beacon(3, "CP9"), "192.168.0.99")
    assert (rig.member.master_name, rig.point.signalled_a) == ("CP9", 7)
    rig.refresh()
    assert rig.point.signalled_a == 0  # the new master has granted nothing yet


def test_a_master_repeats_beacon_and_grants_each_five_seconds() -> None:
    rig = master().hear(other(connected=True, charging=True), SLAVE)
    assert (rig.events("slave_connected"), rig.member.connected_slaves()) == ([{"slave": "CP3"}], ["CP3"])
    assert rig.said(Grant) == [(SLAVE, Grant(3, "CP2", 32, wake=True))]
    rig.sent.clear()
    rig.wait(11)
    assert rig.said(Beacon) == [("everybody", Beacon(3, "CP2"))] * 3
    assert len(rig.said(Grant)) == 3


def test_a_master_that_may_not_broadcast_still_repeats_its_grants() -> None:
    rig = master(**{"Disable Discovery Broadcasting": "On"}).hear(other(), SLAVE).wait(6)
    assert (rig.said(Beacon), len(rig.said(Grant)) > 1) == ([], True)


def test_a_slave_is_told_what_it_has_when_it_comes() -> None:
    rig = master().hear(other(offered_a=6), SLAVE)
    assert [telegram.current_a for _, telegram in rig.sent if isinstance(telegram, Grant)] == [0]


def test_the_internal_slave_and_another_share() -> None:
    rig = master().plug()
    assert rig.point.signalled_a == 32
    rig.hear(other(connected=True, charging=True), SLAVE)
    rig.wait(11)
    grants = {str(one["to"]): one["current_a"] for one in rig.events("grant")}
    assert grants == {"CP2": 20, "CP3": 20}
    assert rig.point.signalled_a == 20


def test_another_master_is_written_to_the_log_once() -> None:
    rig = master()
    for _ in range(2):
        rig.hear(Beacon(3, "CP9"), "192.168.0.99")
    assert rig.member.other_master == "CP9"
    assert rig.lines == ["DLM Network Id is used by another DLM master: CP9"]


@pytest.mark.parametrize(("datagram", "told"), [(b"", 1), (b"{", 1), (encode(Beacon(4, "CP1")), 0)])
def test_what_is_none_of_its_network_is_ignored(datagram: bytes, told: int) -> None:
    rig = slave()
    rig.member.take(0, datagram, MASTER)
    assert (rig.member.master_name, rig.sent) == (None, [])
    assert len(rig.events("dlm_ignored")) == told


def test_a_point_that_is_in_no_group_says_nothing() -> None:
    rig = Rig({ROLE: "Disabled"}).plug().wait(6)
    rig.hear(Beacon(0, "CP1"), MASTER).hear(Grant(0, "CP1", 6, wake=False), MASTER)
    assert (rig.sent, rig.member.master, rig.member.connected_slaves()) == ([], None, [])
    assert rig.point.signalled_a == 32
